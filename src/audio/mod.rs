//! Plays rendered notes. Audio thread: no allocation, no lock, no log, no I/O; and no wait but in an offline render.
//!
//! [`Engine`] takes events and settings and fills a block; [`Pace`] tells an offline render from live play.

mod bank;
pub mod channel;
mod coherence;
mod engine;
mod envelope;
mod event;
mod filter;
mod guests;
mod interpolate;
mod lfo;
mod limiter;
mod mix;
pub mod modulation;
mod mono;
mod pace;
mod playhead;
mod settings;
mod sway;
mod velocity;
mod voice;
mod width;

pub use engine::Engine;
pub use envelope::Adsr;
pub use event::{Ended, Event, MasterTuning, TimedEvent};
pub use filter::{FilterSettings, Mode as FilterMode};
pub use lfo::{LfoSettings, Transport};
pub use mono::VoiceMode;
pub use pace::{Pace, Wait};
pub use settings::Settings;
pub use velocity::{Law, VelocityCurve};
