//! Plays rendered notes. Audio thread: no allocation, no lock, no log, no I/O; and no wait but in an offline render.
//!
//! [`Engine`] takes events and settings and fills a block; [`Pace`] tells an offline render from live play.

mod bank;
pub mod channel;
mod coherence;
mod engine;
mod envelope;
mod interpolate;
mod mix;
mod pace;
mod playhead;
mod sway;
mod voice;
mod width;

pub use engine::{Ended, Engine, Event, Settings, TimedEvent};
pub use envelope::Adsr;
pub use pace::{Pace, Wait};
