//! Levels.

/// Root mean square.
pub fn rms(samples: &[f32]) -> f64 {
    (samples.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / samples.len().max(1) as f64).sqrt()
}

/// Decibels of an amplitude; silence is -200.
pub fn db(amplitude: f64) -> f64 {
    20.0 * amplitude.max(1e-10).log10()
}

/// The level of each stretch of `window_s` seconds, in decibels.
pub fn envelope_db(samples: &[f32], rate: f64, window_s: f64) -> Vec<f64> {
    samples.chunks_exact((window_s * rate) as usize).map(|stretch| db(rms(stretch))).collect()
}

/// The largest difference between neighbouring values of an envelope.
pub fn loudest_step_db(envelope: &[f64]) -> f64 {
    envelope.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f64::max)
}
