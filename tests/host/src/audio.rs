//! Sound in memory, and its way to and from WAV files.

use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Two channels of sound.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Audio {
    /// Samples a second.
    pub rate: f64,
    pub left: Vec<f32>,
    pub right: Vec<f32>,
}

impl Audio {
    pub fn new(rate: f64) -> Self {
        Self { rate, left: Vec::new(), right: Vec::new() }
    }

    /// Length in samples.
    pub fn len(&self) -> usize {
        self.left.len()
    }

    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.len() as f64 / self.rate
    }

    /// The left channel from one second to another, cut where the sound ends.
    pub fn slice(&self, from_s: f64, to_s: f64) -> &[f32] {
        let sample = |s: f64| ((s * self.rate).round().max(0.0) as usize).min(self.len());
        &self.left[sample(from_s)..sample(to_s).max(sample(from_s))]
    }

    /// Largest magnitude of either channel.
    pub fn peak(&self) -> f32 {
        self.left.iter().chain(&self.right).fold(0.0, |peak, x| peak.max(x.abs()))
    }

    /// First sample of the left channel that is louder than `floor`.
    pub fn onset(&self, floor: f32) -> Option<usize> {
        self.left.iter().position(|x| x.abs() > floor)
    }

    /// Whether every sample is a finite number.
    pub fn is_finite(&self) -> bool {
        self.left.iter().chain(&self.right).all(|x| x.is_finite())
    }

    /// Whether both are the same to the bit, where `==` would take -0 for 0.
    pub fn same_bits(&self, other: &Self) -> bool {
        let equal =
            |a: &[f32], b: &[f32]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
        equal(&self.left, &other.left) && equal(&self.right, &other.right)
    }

    /// Writes 32-bit floats, two channels.
    pub fn write_wav(&self, path: &Path) -> Result<()> {
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: self.rate.round() as u32,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        let mut writer =
            hound::WavWriter::create(path, spec).with_context(|| format!("{} cannot be written", path.display()))?;
        for (left, right) in self.left.iter().zip(&self.right) {
            writer.write_sample(*left)?;
            writer.write_sample(*right)?;
        }
        writer.finalize().with_context(|| format!("{} cannot be finished", path.display()))
    }

    /// Reads 32-bit floats, one or two channels.
    pub fn read_wav(path: &Path) -> Result<Self> {
        let mut reader =
            hound::WavReader::open(path).with_context(|| format!("{} is no readable WAV file", path.display()))?;
        let spec = reader.spec();
        ensure!(
            spec.sample_format == hound::SampleFormat::Float && (1..=2).contains(&spec.channels),
            "{} must hold 32-bit floats in one or two channels",
            path.display()
        );
        let samples: Vec<f32> = reader.samples::<f32>().collect::<Result<_, _>>()?;
        let channel = |c: usize| samples.iter().copied().skip(c).step_by(usize::from(spec.channels)).collect();
        Ok(Self { rate: f64::from(spec.sample_rate), left: channel(0), right: channel(usize::from(spec.channels) - 1) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wav_file_comes_back_to_the_bit() {
        let audio =
            Audio { rate: 44100.0, left: vec![0.0, -0.0, 0.5, f32::MIN_POSITIVE], right: vec![1.0, -1.0, 1e-9, 0.1] };
        let path = std::env::temp_dir().join(format!("timbrel-host-{}.wav", std::process::id()));
        audio.write_wav(&path).unwrap();
        let back = Audio::read_wav(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(back.same_bits(&audio));
        assert_eq!(back.rate, audio.rate);
    }
}
