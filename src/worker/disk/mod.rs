//! Rendered notes on the disk, so that a project opens playable.
//!
//! What is kept: the keys of timbres that a session was saved with, or that were at rest for some seconds; never the steps
//! of a moving timbre. A thread of its own, of low priority, reads and writes; it holds no lock meanwhile, nothing waits
//! for it for longer than [`index`] says, and it writes only while no sounding note waits to be rendered.
//!
//! A note from the disk is the note that would be rendered, bit by bit: `entry` keeps exactly what the note in memory
//! holds, and `fingerprint` keeps apart what may differ. So an offline render may use it like one from memory.
//!
//! `index` knows, under the service's lock, what is there and what is to be done; `folder` does it.

pub mod entry;
pub mod folder;
pub mod index;
pub mod fingerprint;
mod store;

pub use index::{DiskOutcome, DiskTask, Finished, Index, LEAST_PATIENCE, MOST_PATIENCE};
pub use store::Store;
