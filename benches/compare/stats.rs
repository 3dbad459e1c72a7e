//! Medians, and the identity of a sound.

use sha2::{Digest, Sha256};

/// The middle value; NaN where there is none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]),
    }
}

pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

pub fn greatest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::MIN, f64::max)
}

/// The median of the ratios of two series that were measured in turn: what disturbs the machine for longer than a round
/// disturbs both.
pub fn paired_ratio(values: &[f64], reference: &[f64]) -> f64 {
    median(&values.iter().zip(reference).map(|(value, reference)| value / reference).collect::<Vec<_>>())
}

/// The first 12 digits of the SHA-256 of samples, to the bit: the same digits before and after a change show that the change
/// did not touch the sound. Another processor may round differently.
pub fn hash<'a>(channels: impl IntoIterator<Item = &'a [f32]>) -> String {
    let mut sha256 = Sha256::new();
    for channel in channels {
        channel.iter().for_each(|sample| sha256.update(sample.to_bits().to_le_bytes()));
    }
    sha256.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
