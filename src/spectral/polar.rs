//! From a model's image to what a voice plays: linear magnitude and phase advance, frame by frame.
//!
//! Worker thread, once for each rendered note; allocates nothing. The formulas are those of magenta's
//! `specgrams_helper.py`, `melspecgrams_to_specgrams` and `specgrams_to_stfts`. There the mel phase is summed over time
//! before it goes through the matrix; both are linear, so the advance can go through it alone, and no frame waits for
//! another.

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
    /// The mel scale and one frame on it, for the representations that need it.
    mel: Option<(MelScale, Box<[f32]>)>,
}

impl PolarMap {
    /// Computes the mel matrix where there is one, which takes some milliseconds: keep the map.
    pub fn new(representation: Representation) -> Self {
        let geometry = representation.geometry();
        let mel = representation
            .is_mel()
            .then(|| (MelScale::new(geometry.bins, geometry.sample_rate), vec![0.0; geometry.bins].into_boxed_slice()));
        Self { representation, geometry, mel }
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

        let (level, angle) = image.split_at(frames * bins);
        match &mut self.mel {
            Some((mel, power)) => {
                for (level, magnitude) in level.chunks_exact(bins).zip(magnitude.chunks_exact_mut(bins)) {
                    mel_magnitude(mel, power, level, magnitude);
                }
                for (angle, advance) in angle.chunks_exact(bins).zip(advance_turns.chunks_exact_mut(bins)) {
                    mel.to_linear(angle, advance);
                    advance.iter_mut().for_each(|advance| *advance = half_turns(*advance));
                }
            }
            None => {
                magnitude.iter_mut().zip(level).for_each(|(magnitude, &level)| *magnitude = exp(level));
                if self.representation.is_phase() {
                    phase_advance(bins, angle, advance_turns);
                } else {
                    advance_turns.iter_mut().zip(angle).for_each(|(advance, &angle)| *advance = half_turns(angle));
                }
            }
        }
    }
}

/// An angle in units of pi as turns between -0.5 and 0.5. What has no fraction (NaN, or too large) becomes 0.
#[inline(always)]
fn half_turns(angle: f32) -> f32 {
    wrap_turns(if angle.abs() < MOST_ANGLE { 0.5 * angle } else { 0.0 })
}

/// One frame of mel log-power to linear magnitude. `power` is room for one frame.
fn mel_magnitude(mel: &MelScale, power: &mut [f32], level: &[f32], magnitude: &mut [f32]) {
    power.iter_mut().zip(level).for_each(|(power, &level)| *power = exp(level));
    mel.to_linear(power, magnitude);
    magnitude.iter_mut().for_each(|magnitude| *magnitude = (*magnitude + POWER_EPS).sqrt());
}

/// Phases in units of pi to phase advances in turns.
fn phase_advance(bins: usize, phase: &[f32], advance_turns: &mut [f32]) {
    advance_turns[..bins].iter_mut().zip(phase).for_each(|(advance, &phase)| *advance = half_turns(phase));
    for ((advance, &now), &before) in advance_turns[bins..].iter_mut().zip(&phase[bins..]).zip(phase) {
        *advance = half_turns(now - before);
    }
}
