//! The notes' own files: WAV, 16 kHz, mono, 16 bits.

use std::path::Path;

use anyhow::{Context, Result, bail};
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use timbrel::spectral::{NOTE_SAMPLES, SAMPLE_RATE};

/// The only form that a note's file has.
const SPEC: WavSpec =
    WavSpec { channels: 1, sample_rate: SAMPLE_RATE, bits_per_sample: 16, sample_format: SampleFormat::Int };

/// A sample of full scale 1 in 16 bits.
pub fn to_i16(sample: f32) -> i16 {
    // The cast keeps what is out of range at the ends of it.
    (sample * 32_768.0).round() as i16
}

/// Writes a note.
pub fn write(path: &Path, samples: &[i16]) -> Result<()> {
    let cannot = || format!("{} cannot be written.", path.display());
    let mut writer = WavWriter::create(path, SPEC).with_context(cannot)?;
    let mut block = writer.get_i16_writer(samples.len() as u32);
    samples.iter().for_each(|&sample| block.write_sample(sample));
    block.flush().with_context(cannot)?;
    writer.finalize().with_context(cannot)
}

/// Reads a note, and refuses one of another rate, form or length.
pub fn read(path: &Path) -> Result<Vec<i16>> {
    let name = path.display();
    let file = WavReader::open(path).map_err(|error| match error {
        hound::Error::IoError(error) if error.kind() == std::io::ErrorKind::NotFound => {
            anyhow::anyhow!("{name} is missing.")
        }
        error => anyhow::anyhow!("{name} is no WAV file that can be read ({error})."),
    })?;
    let spec = file.spec();
    if spec.sample_rate != SAMPLE_RATE {
        bail!("{name} has {} samples a second, not {SAMPLE_RATE}.", spec.sample_rate);
    }
    if spec != SPEC {
        bail!("{name} has {} channels of {} bits, not one of 16.", spec.channels, spec.bits_per_sample);
    }
    let announced = file.len() as usize;
    let samples: Vec<i16> = file.into_samples().map_while(Result::ok).collect();
    if samples.len() < announced {
        bail!("{name} is cut: {} of its {announced} samples are there.", samples.len());
    }
    if samples.len() != NOTE_SAMPLES {
        bail!("{name} has {} samples, not {NOTE_SAMPLES}.", samples.len());
    }
    Ok(samples)
}
