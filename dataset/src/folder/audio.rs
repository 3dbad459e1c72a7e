//! Recordings of any usual kind: WAV of 8 to 32 bits or float, FLAC; any rate, any channels.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use claxon::FlacReader;
use hound::{SampleFormat, WavReader};

/// Rates outside are mistakes, in Hz.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// No note is longer; what is longer is cut, so that a whole concert does not fill the memory, in seconds.
const MAX_SECONDS: usize = 60;

/// A recording, its channels averaged.
pub struct Recording {
    pub samples: Vec<f32>,
    /// Samples a second.
    pub rate: u32,
}

/// Whether a file is of a kind that can be read, by its name.
pub fn is_readable(path: &Path) -> bool {
    has_extension(path, &["wav", "wave", "flac"])
}

/// Whether a file is sound of a kind that cannot be read.
pub fn is_foreign(path: &Path) -> bool {
    has_extension(path, &["aif", "aiff", "aifc", "mp3", "ogg", "opus", "m4a", "aac", "caf", "w64", "wma"])
}

pub fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    extensions.contains(&extension.as_str())
}

/// Reads a recording.
pub fn read(path: &Path) -> Result<Recording> {
    let recording = if has_extension(path, &["flac"]) { read_flac(path) } else { read_wav(path) };
    let Recording { samples, rate } = recording.with_context(|| format!("{} cannot be read.", path.display()))?;
    ensure!(RATES.contains(&rate), "{} says it has {rate} samples a second: export it again.", path.display());
    if let Some(index) = samples.iter().position(|sample| !sample.is_finite()) {
        bail!("{} holds what is no number (sample {index}): export it again.", path.display());
    }
    Ok(Recording { samples, rate })
}

fn read_wav(path: &Path) -> Result<Recording> {
    let reader = WavReader::open(path)?;
    let spec = reader.spec();
    let channels = usize::from(spec.channels);
    let wanted = MAX_SECONDS * spec.sample_rate as usize * channels;
    let announced = (reader.len() as usize).min(wanted);
    let samples: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => reader.into_samples::<f32>().take(wanted).map_while(Result::ok).collect(),
        SampleFormat::Int => {
            let scale = full_scale(u32::from(spec.bits_per_sample));
            reader.into_samples::<i32>().take(wanted).map_while(Result::ok).map(|s| s as f32 / scale).collect()
        }
    };
    ensure!(samples.len() == announced, "It is cut: {} of its {announced} samples are there", samples.len());
    Ok(Recording { samples: mono(&samples, channels), rate: spec.sample_rate })
}

fn read_flac(path: &Path) -> Result<Recording> {
    let mut reader = FlacReader::open(path)?;
    let info = reader.streaminfo();
    let channels = info.channels as usize;
    let scale = full_scale(info.bits_per_sample);
    let wanted = MAX_SECONDS * info.sample_rate as usize * channels;
    let samples = reader.samples().take(wanted).map(|sample| Ok(sample? as f32 / scale));
    let samples: Vec<f32> =
        samples.collect::<Result<_>>().map_err(|error| anyhow!("It is cut or damaged ({error})"))?;
    Ok(Recording { samples: mono(&samples, channels), rate: info.sample_rate })
}

/// The largest integer of so many bits, and one.
fn full_scale(bits: u32) -> f32 {
    (bits.saturating_sub(1) as f32).exp2()
}

/// The mean of the channels.
fn mono(samples: &[f32], channels: usize) -> Vec<f32> {
    let channels = channels.max(1);
    samples.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect()
}
