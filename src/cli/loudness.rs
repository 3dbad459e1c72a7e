//! Brings a render to a loudness (ITU-R BS.1770, in LUFS): it is measured while it is rendered into a file of its own, and
//! comes into its place at the gain that this asks for.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use ebur128::{EbuR128, Mode};

use super::player::Sink;
use super::wav::{Depth, Measured, WavFile};

/// Softer and louder than all that is asked for by anybody.
pub const RANGE: std::ops::RangeInclusive<f64> = -70.0..=0.0;

/// A render whose gain is still to be found.
pub struct Level {
    meter: EbuR128,
    file: WavFile,
    interleaved: Vec<f32>,
}

impl Sink for Level {
    fn add(&mut self, left: &[f32], right: &[f32]) -> Result<()> {
        self.interleaved.clear();
        self.interleaved.extend(left.iter().zip(right).flat_map(|(&left, &right)| [left, right]));
        self.meter.add_frames_f32(&self.interleaved).context("the loudness cannot be measured")?;
        self.file.add(left, right)
    }
}

impl Level {
    /// Begins a render whose place is `target`. Nothing is rounded before the gain is known.
    pub fn create(target: &Path, sample_rate: u32) -> Result<Self> {
        let meter = EbuR128::new(2, sample_rate, Mode::I).context("the loudness cannot be measured at this rate")?;
        Ok(Self { meter, file: WavFile::create(target, sample_rate, Depth::Float32)?, interleaved: Vec::new() })
    }

    /// Writes what was rendered into its place, at the loudness `lufs`; gives what was measured there, and the gain in dB.
    pub fn publish(mut self, target: &Path, sample_rate: u32, depth: Depth, lufs: f64) -> Result<(Measured, f64)> {
        let rendered = self.meter.loudness_global().context("the loudness cannot be measured")?;
        let Measured { samples, peak, .. } = self.file.close()?;
        ensure!(peak > 0.0, "the render is silent, and no gain makes it louder");
        ensure!(
            rendered.is_finite(),
            "the render is too short or too soft for its loudness to be measured ({samples} samples): leave out --loudness"
        );
        let gain_db = lufs - rendered;
        let gain = 10f64.powf(gain_db / 20.0) as f32;
        let mut file = WavFile::create_again(target, sample_rate, depth)?;
        let mut reader = self.file.reader()?;
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let mut sides = reader.samples::<f32>();
        loop {
            left.clear();
            right.clear();
            while left.len() < 4096 {
                match (sides.next(), sides.next()) {
                    (Some(one), Some(other)) => {
                        left.push(gain * one.context("the render cannot be read back")?);
                        right.push(gain * other.context("the render cannot be read back")?);
                    }
                    (None, None) => break,
                    _ => bail!("the render cannot be read back: it was changed meanwhile"),
                }
            }
            if left.is_empty() {
                break;
            }
            file.add(&left, &right)?;
        }
        Ok((file.publish()?, gain_db))
    }
}
