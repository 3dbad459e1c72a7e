//! The spectral representations: analysis and synthesis, no plugin in sight.

mod frame;

pub use frame::{FrameSynth, sin_cos_turns, wrap_turns};

/// Voices are synthesised at this multiple of the model's sample rate, so that a short filter reaches any host rate.
pub const OVERSAMPLING: usize = 2;
