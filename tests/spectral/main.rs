//! The spectral representations against the values of the published code, and against themselves.

mod check;
#[path = "../golden/mod.rs"]
mod golden;
mod published;
mod round_trip;
