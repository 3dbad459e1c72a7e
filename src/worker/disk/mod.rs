//! Rendered notes on the disk, so that a project opens playable.
//!
//! What is kept: the keys of timbres that a session was saved with, or that were at rest for some seconds; never the steps
//! of a moving timbre. A thread of its own, of low priority, reads and writes; it holds no lock meanwhile, nothing waits
//! for it for longer than [`ledger`] says, and it writes only while no sounding note waits to be rendered.
//!
//! A note from the disk is the note that would be rendered, bit by bit: `entry` keeps exactly what the note in memory
//! holds, and `fingerprint` keeps apart what may differ. So an offline render may use it like one from memory.
//!
//! `ledger` knows, under the service's lock, what is there and what is to be done; `folder` does it.

pub mod entry;
pub mod folder;
pub mod ledger;
pub mod fingerprint;
mod thread;

pub use ledger::{Finished, LEAST_PATIENCE, Ledger, MOST_PATIENCE, Outcome, Task};
pub use thread::Keeper;
