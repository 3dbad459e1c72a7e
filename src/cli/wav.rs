//! WAV files that are there whole or not at all: written beside their place under another name, then moved there.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use clap::ValueEnum;
use hound::{SampleFormat, WavSpec, WavWriter};

/// Left and right, as in the plugin.
const CHANNELS: u16 = 2;

/// The format counts its bytes in 32 bits; the head is below this.
const LONGEST_DATA_BYTES: f64 = u32::MAX as f64 - 1024.0;

/// How a sample is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Depth {
    #[value(name = "16")]
    Int16,
    #[value(name = "24")]
    Int24,
    #[value(name = "32")]
    Float32,
}

impl Depth {
    fn bits(self) -> u16 {
        match self {
            Self::Int16 => 16,
            Self::Int24 => 24,
            Self::Float32 => 32,
        }
    }
}

/// What a file came to hold.
#[derive(Clone, Copy, Default, Debug)]
pub struct Measured {
    /// Samples of one channel.
    pub samples: u64,
    /// Highest level, linear; 1 is full scale.
    pub peak: f32,
    /// Samples of one channel beyond full scale.
    pub over: u64,
}

impl Measured {
    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self { samples: self.samples + other.samples, peak: self.peak.max(other.peak), over: self.over + other.over }
    }

    /// The peak in words.
    pub fn peak_text(&self) -> String {
        if self.peak > 0.0 { format!("peak {:+.1} dBFS", 20.0 * self.peak.log10()) } else { "silent".into() }
    }

    /// What is to be done where the level went beyond full scale.
    pub fn warning(&self, depth: Depth) -> Option<String> {
        let verb = if depth == Depth::Float32 { "lie" } else { "were clipped, since they lie" };
        (self.over > 0).then(|| {
            let by = 20.0 * self.peak.log10();
            format!(
                "{} samples {verb} beyond full scale by up to {by:.1} dB: lower the gain (--set gain=...)",
                self.over
            )
        })
    }
}

/// A WAV file that is being written. Unless it is published, nothing of it stays.
pub struct WavFile {
    /// Ended before the file is moved or removed.
    writer: Option<WavWriter<BufWriter<File>>>,
    target: PathBuf,
    temporary: PathBuf,
    depth: Depth,
    measured: Measured,
}

impl WavFile {
    /// Begins a file beside `target`.
    pub fn create(target: &Path, sample_rate: u32, depth: Depth) -> Result<Self> {
        ensure!(!target.is_dir(), "{} is a folder: name the WAV file in it", target.display());
        ensure!(!target.exists() || target.is_file(), "{} is no file: name a WAV file", target.display());
        let name = target.file_name().with_context(|| format!("{} names no file", target.display()))?;
        let temporary = target.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).open(&temporary).map_err(|error| {
            let folder = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            match error.kind() {
                ErrorKind::NotFound => anyhow!("the folder {} is not there: make it first", folder.display()),
                _ => anyhow!("the folder {} takes no new file ({error}): choose another", folder.display()),
            }
        })?;
        let sample_format = if depth == Depth::Float32 { SampleFormat::Float } else { SampleFormat::Int };
        let spec = WavSpec { channels: CHANNELS, sample_rate, bits_per_sample: depth.bits(), sample_format };
        let mut wav = Self { writer: None, target: target.to_owned(), temporary, depth, measured: Measured::default() };
        // From here on the temporary file goes with `wav` where something fails.
        wav.writer = Some(WavWriter::new(BufWriter::new(file), spec).map_err(|error| wav.refusal(&error))?);
        Ok(wav)
    }

    /// Refuses a length that the format cannot hold.
    pub fn check_length(seconds: f64, sample_rate: u32, depth: Depth) -> Result<()> {
        let bytes = seconds * f64::from(sample_rate) * f64::from(CHANNELS * depth.bits() / 8);
        ensure!(
            bytes < LONGEST_DATA_BYTES,
            "{:.0} minutes at {sample_rate} Hz and {} bits are more than the 4 GB that a WAV file can hold: choose a lower \
             --rate or --bits",
            seconds / 60.0,
            depth.bits()
        );
        Ok(())
    }

    /// Adds samples of both channels, as many of one as of the other.
    pub fn add(&mut self, left: &[f32], right: &[f32]) -> Result<()> {
        for (left, right) in left.iter().zip(right) {
            let peak = left.abs().max(right.abs());
            self.measured.peak = self.measured.peak.max(peak);
            self.measured.over += u64::from(peak > 1.0);
        }
        self.measured.samples += left.len() as u64;
        let written = self.write(left, right);
        written.map_err(|error| self.refusal(&error))
    }

    fn write(&mut self, left: &[f32], right: &[f32]) -> hound::Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        for (&left, &right) in left.iter().zip(right) {
            for sample in [left, right] {
                match self.depth {
                    Depth::Float32 => writer.write_sample(sample)?,
                    Depth::Int16 => writer.write_sample(quantized(sample, 16))?,
                    Depth::Int24 => writer.write_sample(quantized(sample, 24))?,
                }
            }
        }
        Ok(())
    }

    /// Ends the writing; the file is then complete, under its temporary name.
    pub fn close(&mut self) -> Result<Measured> {
        if let Some(mut writer) = self.writer.take() {
            // What the writer does when it is dropped tells no errors, so all is done before.
            let closed = writer.flush().and_then(|()| writer.finalize());
            let synced = closed.and_then(|()| Ok(File::open(&self.temporary)?.sync_all()?));
            synced.map_err(|error| self.refusal(&error))?;
        }
        Ok(self.measured)
    }

    /// Ends the writing and moves the file to its place.
    pub fn publish(mut self) -> Result<Measured> {
        let measured = self.close()?;
        std::fs::rename(&self.temporary, &self.target).map_err(|error| self.refusal(&error.into()))?;
        Ok(measured)
    }

    fn refusal(&self, error: &hound::Error) -> anyhow::Error {
        anyhow!(
            "{} could not be written ({error}): free some space or choose another folder; nothing of it was left behind",
            self.target.display()
        )
    }
}

impl Drop for WavFile {
    fn drop(&mut self) {
        drop(self.writer.take());
        // Gone already when it was published.
        let _ = std::fs::remove_file(&self.temporary);
    }
}

/// A sample as an integer of so many bits, the loudest beyond full scale clipped.
fn quantized(sample: f32, bits: u32) -> i32 {
    let full_scale = f64::from(1u32 << (bits - 1));
    (f64::from(sample) * full_scale).round().clamp(-full_scale, full_scale - 1.0) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_rounded_and_clipped() {
        assert_eq!(quantized(0.5, 16), 1 << 14);
        assert_eq!([quantized(1.0, 16), quantized(-1.0, 16), quantized(7.0, 16)], [32_767, -32_768, 32_767]);
        assert_eq!([quantized(1.0, 24), quantized(-9.0, 24)], [(1 << 23) - 1, -(1 << 23)]);
        assert_eq!(quantized(-0.4 / 32_768.0, 16), 0);
    }

    #[test]
    fn a_length_beyond_the_format_is_refused() {
        assert!(WavFile::check_length(7200.0, 48_000, Depth::Int24).is_ok());
        let error = WavFile::check_length(7200.0, 192_000, Depth::Float32).unwrap_err().to_string();
        assert!(error.contains("4 GB"), "{error}");
    }
}
