//! The parts of a note's way around the network, by criterion: what changes here is felt by every note.
fn main() {}
