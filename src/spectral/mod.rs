//! The spectral representations: analysis and synthesis, no plugin in sight.

mod exp;
mod frame;
mod mel;
mod polar;
mod representation;

pub use frame::{FrameSynth, sin_cos_turns, wrap_turns};
pub use mel::MelScale;
pub use polar::PolarMap;
pub use representation::{NOTE_SAMPLES, Representation, SAMPLE_RATE, UnknownRepresentation};

/// Voices are synthesised at this multiple of the model's sample rate, so that a short filter reaches any host rate.
pub const OVERSAMPLING: usize = 2;
