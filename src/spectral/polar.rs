//! From a model's image to what a voice plays: linear magnitude and phase advance, frame by frame.
//!
//! Worker thread, once for each rendered note; allocates nothing. The formulas are those of magenta's
//! `specgrams_helper.py`, `melspecgrams_to_specgrams` and `specgrams_to_stfts`. There the mel phase is summed over time
//! before it goes through the matrix; both are linear, so the advance can go through it alone, and no frame waits for
//! another.

use multiversion::multiversion;

use crate::note::Geometry;
use crate::spectral::exp::exp;
use crate::spectral::{MelScale, Representation, wrap_turns};

/// Added to the power of every bin before its root is taken: the eps of the published `_safe_log`.
const POWER_EPS: f32 = 1.0e-6;

/// Angles from here on (in units of pi) are no angles: single precision has hardly a fraction left.
const MOST_ANGLE: f32 = 1.0e6;

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
    /// has, and the phase advance into each frame in turns (1 = 2 pi), from -0.5 to 0.5. The advance into the first frame
    /// is its phase. Both are finite whatever the image holds: what is NaN or beyond all range becomes silent, or loud.
    ///
    /// # Panics
    /// When a slice is not of the length said.
    pub fn convert(&mut self, image: &[f32], magnitude: &mut [f32], advance_turns: &mut [f32]) {
        let Geometry { frames, bins, .. } = self.geometry;
        assert_eq!(image.len(), 2 * frames * bins, "an image has two channels of frames x bins");
        assert_eq!(magnitude.len(), frames * bins, "there is a magnitude for each frame and bin");
        assert_eq!(advance_turns.len(), frames * bins, "there is a phase advance for each frame and bin");

        let rows = magnitude.chunks_exact_mut(bins).zip(advance_turns.chunks_exact_mut(bins));
        rows.enumerate().for_each(|(frame, (magnitude, advance))| self.convert_frame(image, frame, magnitude, advance));
    }

    /// Converts one frame of a denormalised image, as [`Self::convert`] does. `magnitude` and `advance_turns` hold `bins`.
    ///
    /// # Panics
    /// When a slice is not of the length said, or the image has no such frame.
    pub fn convert_frame(&mut self, image: &[f32], frame: usize, magnitude: &mut [f32], advance_turns: &mut [f32]) {
        let Geometry { frames, bins, .. } = self.geometry;
        let (level, angle) = image.split_at(frames * bins);
        let row = |frame: usize| frame * bins..(frame + 1) * bins;
        match &self.scale {
            Some(scale) => {
                exponentials(&level[row(frame)], &mut self.power);
                let mel = [&*self.power, &angle[row(frame)]];
                scale.to_linear(mel, [magnitude, advance_turns], (root, half_turns));
            }
            None => {
                exponentials(&level[row(frame)], magnitude);
                if self.representation.is_phase() && frame > 0 {
                    differences(&angle[row(frame)], &angle[row(frame - 1)], advance_turns);
                } else {
                    let angles = advance_turns.iter_mut().zip(&angle[row(frame)]);
                    angles.for_each(|(advance, &angle)| *advance = half_turns(angle));
                }
            }
        }
    }
}

/// The exponential of each value.
#[multiversion(targets("x86_64+avx2"))]
fn exponentials(values: &[f32], out: &mut [f32]) {
    out.iter_mut().zip(values).for_each(|(out, &value)| *out = exp(value));
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

/// An angle in units of pi as turns between -0.5 and 0.5. What has no fraction (NaN, or too large) becomes 0.
#[inline(always)]
fn half_turns(angle: f32) -> f32 {
    wrap_turns(if angle.abs() < MOST_ANGLE { 0.5 * angle } else { 0.0 })
}
