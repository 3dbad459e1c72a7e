//! The spectral representations: analysis and synthesis, no plugin in sight.

/// Voices are synthesised at this multiple of the model's sample rate, so that a short filter reaches any host rate.
pub const OVERSAMPLING: usize = 2;
