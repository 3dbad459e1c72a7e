//! From a model's image to what a voice plays: linear magnitude and phase advance, frame by frame.
//!
//! Worker thread, once for each rendered note; allocates nothing. The formulas are those of magenta's
//! `specgrams_helper.py`, `melspecgrams_to_specgrams` and `specgrams_to_stfts`. There the mel phase is summed over time
//! before it goes through the matrix; both are linear, so the advance can go through it alone, and no frame waits for
//! another.

use multiversion::multiversion;

use crate::fused::is_fused;
use crate::geometry::Geometry;
use crate::spectral::exp::exp;
use crate::spectral::{MelScale, Representation};

/// Added to the power of every bin before its root is taken: the eps of the published `_safe_log`.
const POWER_EPS: f32 = 1.0e-6;

/// No advance is further, in turns: what an image has beyond is no angle, and single precision would have no fraction left.
const MOST_TURNS: f32 = 32.0;

/// What is softer than this is silent at full band. If all bins of an FFT of 6144 were as loud, that would be noise 114 dB below
/// full scale, some 90 dB below a note. A voice does nothing for silent bins at the top, and most sounds have many.
const SILENT: f32 = 1.0e-4;

/// Converts images of one representation.
pub struct PolarMap {
    representation: Representation,
    geometry: Geometry,
    /// For the representations that need it.
    scale: Option<MelScale>,
    /// Powers of one frame's mel bands.
    power: Box<[f32]>,
}

impl PolarMap {
    /// Computes the mel matrix where there is one, which takes some milliseconds: keep the map.
    pub fn new(representation: Representation) -> Self {
        let geometry = representation.geometry();
        let scale = representation.is_mel().then(|| MelScale::new(geometry.bins, geometry.sample_rate));
        Self { representation, geometry, scale, power: vec![0.0; geometry.bins].into() }
    }

    pub fn representation(&self) -> Representation {
        self.representation
    }

    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Converts a denormalised image.
    ///
    /// `image` is `[2, frames, bins]`: log-power or log-magnitude, then instantaneous frequency or phase in units of pi.
    /// `magnitude` and `advance_turns` are `[frames, bins]`: the magnitude that the forward FFT of the windowed signal
    /// has, and the phase advance into each frame in turns (1 = 2 pi), from -32 to 32 and of an image of a sound hardly
    /// beyond half a turn. The advance into the first frame is its phase. Both are finite whatever the image holds: what is
    /// NaN or beyond all range becomes silent, or loud.
    ///
    /// # Panics
    /// When a slice is not of the length said.
    pub fn convert(&mut self, image: &[f32], magnitude: &mut [f32], advance_turns: &mut [f32]) {
        let Geometry { frames, bins, .. } = self.geometry;
        assert_eq!(image.len(), 2 * frames * bins, "an image has two channels of frames x bins");
        assert_eq!(magnitude.len(), frames * bins, "there is a magnitude for each frame and bin");
        assert_eq!(advance_turns.len(), frames * bins, "there is a phase advance for each frame and bin");

        let rows = magnitude.chunks_exact_mut(bins).zip(advance_turns.chunks_exact_mut(bins));
        rows.enumerate().for_each(|(frame, (magnitude, advance))| {
            self.convert_frame(image, frame, magnitude, advance);
        });
    }

    /// Converts one frame of a denormalised image, as [`Self::convert`] does, and says how loud it is. `magnitude` and
    /// `advance_turns` hold `bins`.
    ///
    /// # Panics
    /// When a slice is not of the length said, or the image has no such frame.
    pub fn convert_frame(
        &mut self,
        image: &[f32],
        frame: usize,
        magnitude: &mut [f32],
        advance_turns: &mut [f32],
    ) -> Level {
        let Geometry { frames, bins, .. } = self.geometry;
        let (level, angle) = image.split_at(frames * bins);
        let row = |frame: usize| frame * bins..(frame + 1) * bins;
        match &self.scale {
            Some(scale) => {
                let is_finite = exponentials(&level[row(frame)], &angle[row(frame)], &mut self.power);
                let mel = [&*self.power, &angle[row(frame)]];
                let totals = scale.to_linear(mel, [magnitude, advance_turns], (root, half_turns));
                // Of the powers, which are at hand there: to square and to search the magnitudes costs more.
                Level { power: totals.sum + bins as f32 * POWER_EPS, loudest: root(totals.greatest), is_finite }
            }
            None => {
                let is_finite = exponentials(&level[row(frame)], &angle[row(frame)], magnitude);
                if self.representation.is_phase() && frame > 0 {
                    differences(&angle[row(frame)], &angle[row(frame - 1)], advance_turns);
                } else {
                    let angles = advance_turns.iter_mut().zip(&angle[row(frame)]);
                    angles.for_each(|(advance, &angle)| *advance = half_turns(angle));
                }
                if matches!(self.representation, Representation::IfLinear(_)) {
                    silence(magnitude);
                }
                loudness(magnitude, is_finite)
            }
        }
    }
}

/// How loud a frame is, and whether it is to be trusted.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Level {
    /// The sum of all bins' squared magnitudes.
    pub power: f32,
    /// The greatest magnitude.
    pub loudest: f32,
    /// Whether all that the image has there was finite.
    pub is_finite: bool,
}

/// The level of magnitudes, 0 or more.
#[multiversion(targets("x86_64+avx2+fma"))]
fn loudness(magnitude: &[f32], is_finite: bool) -> Level {
    /// Sums side by side: each waits for the one before it, and a processor does several such chains of vectors at once.
    const SIDE_BY_SIDE: usize = 32;
    let (mut power, mut loudest) = ([0.0; SIDE_BY_SIDE], [0.0; SIDE_BY_SIDE]);
    let (groups, rest) = magnitude.as_chunks::<SIDE_BY_SIDE>();
    for group in groups {
        for lane in 0..SIDE_BY_SIDE {
            let magnitude = group[lane];
            power[lane] += magnitude * magnitude;
            loudest[lane] = if magnitude > loudest[lane] { magnitude } else { loudest[lane] };
        }
    }
    Level {
        power: power.iter().sum::<f32>() + rest.iter().map(|magnitude| magnitude * magnitude).sum::<f32>(),
        loudest: loudest.iter().chain(rest).copied().fold(0.0, f32::max),
        is_finite,
    }
}

/// The exponential of each level. Says whether all levels and angles are finite: here they are at hand, and to look at an
/// image before takes a quarter of the time that all of the conversion does.
#[multiversion(targets("x86_64+avx2+fma"))]
fn exponentials(levels: &[f32], angles: &[f32], out: &mut [f32]) -> bool {
    const SIGN: u32 = 1 << 31;
    // Without their signs, bits rise with the value up to infinity and on to what is no number.
    let mut most = 0;
    for ((out, &level), &angle) in out.iter_mut().zip(levels).zip(angles) {
        *out = exp::<{ is_fused!() }>(level);
        most = most.max(level.to_bits() & !SIGN).max(angle.to_bits() & !SIGN);
    }
    most < f32::INFINITY.to_bits()
}

/// Makes magnitudes below [`SILENT`] zero.
#[multiversion(targets("x86_64+avx2"))]
fn silence(magnitude: &mut [f32]) {
    for magnitude in magnitude {
        *magnitude = if *magnitude < SILENT { 0.0 } else { *magnitude };
    }
}

/// What a frame's phases are ahead of those of the frame before, both in units of pi, in turns.
#[multiversion(targets("x86_64+avx2"))]
fn differences(now: &[f32], before: &[f32], advance_turns: &mut [f32]) {
    for ((advance, &now), &before) in advance_turns.iter_mut().zip(now).zip(before) {
        *advance = half_turns(now - before);
    }
}

/// The magnitude of a power.
#[inline(always)]
fn root(power: f32) -> f32 {
    (power + POWER_EPS).sqrt()
}

/// An angle in units of pi as turns, as far as [`MOST_TURNS`]. What is no number becomes whole turns.
#[inline(always)]
fn half_turns(angle: f32) -> f32 {
    let turns = 0.5 * angle;
    // Written as comparisons and not as `clamp`, because a comparison with NaN is false and so takes the lower end.
    let turns = if turns > -MOST_TURNS { turns } else { -MOST_TURNS };
    if turns < MOST_TURNS { turns } else { MOST_TURNS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_as_loud_as_its_magnitudes() {
        for representation in Representation::ALL {
            let mut polar = PolarMap::new(representation);
            let Geometry { frames, bins, .. } = polar.geometry();
            let image: Vec<f32> = (0..2 * frames * bins).map(|i| 5.0 * (i as f32 * 0.37).sin() - 3.0).collect();
            let (mut magnitude, mut advance) = (vec![0.0; bins], vec![0.0; bins]);
            for frame in [0, frames / 2, frames - 1] {
                let level = polar.convert_frame(&image, frame, &mut magnitude, &mut advance);
                let power: f64 = magnitude.iter().map(|&magnitude| f64::from(magnitude).powi(2)).sum();
                assert!((f64::from(level.power) / power - 1.0).abs() < 1e-6, "{representation}: {level:?} for {power}");
                assert_eq!(level.loudest, magnitude.iter().copied().fold(0.0, f32::max), "{representation}");
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_found_wherever_it_lies() {
        let finite = [f32::MIN, f32::MAX, -0.0, f32::MIN_POSITIVE].repeat(9);
        let mut out = vec![0.0; finite.len()];
        assert!(exponentials(&finite, &finite, &mut out));
        for hostile in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in 0..finite.len() {
                let mut values = finite.clone();
                values[at] = hostile;
                assert!(!exponentials(&values, &finite, &mut out), "a level of {hostile} at {at}");
                assert!(!exponentials(&finite, &values, &mut out), "an angle of {hostile} at {at}");
            }
        }
    }
}
