//! The full band: sets at 48 kHz, and their files, which are WAV, mono, 32-bit floats. What is soft in the highest octave would
//! drown in the rounding of 16 bits.

use std::path::Path;

use anyhow::{Context, Result};
use hound::{SampleFormat, WavSpec, WavWriter};

/// Reads the rate of a set, in samples a second.
pub fn rate(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(rate @ (16_000 | 48_000)) => Ok(rate),
        _ => Err("the rate of a set is 16000 or 48000".to_string()),
    }
}

/// Writes a note.
pub fn write(path: &Path, sample_rate: u32, samples: impl Iterator<Item = f32>) -> Result<()> {
    let cannot = || format!("{} cannot be written.", path.display());
    let spec = WavSpec { channels: 1, sample_rate, bits_per_sample: 32, sample_format: SampleFormat::Float };
    let mut writer = WavWriter::create(path, spec).with_context(cannot)?;
    for sample in samples {
        writer.write_sample(sample).with_context(cannot)?;
    }
    writer.finalize().with_context(cannot)
}
