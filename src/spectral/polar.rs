//! From a model's image to what a voice plays: linear magnitude and phase advance, frame by frame.
//!
//! Worker thread, once for each rendered note; allocates nothing. The formulas are those of magenta's
//! `specgrams_helper.py`, `melspecgrams_to_specgrams` and `specgrams_to_stfts`. There the mel phase is summed over time
//! before it goes through the matrix; both are linear, so the advance can go through it alone, and no frame waits for
//! another.

use crate::note::Geometry;
use crate::spectral::exp::exp;
use crate::spectral::lanes::{LANES, Lanes, from_frames, to_frames};
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
    mel: Option<MelMap>,
}

impl PolarMap {
    /// Computes the mel matrix where there is one, which takes some milliseconds: keep the map.
    pub fn new(representation: Representation) -> Self {
        let geometry = representation.geometry();
        let mel = representation.is_mel().then(|| MelMap::new(geometry));
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
            Some(mel) => mel.convert(level, angle, magnitude, advance_turns),
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

/// From mel to linear frequency, [`LANES`] frames at a time.
struct MelMap {
    scale: MelScale,
    /// Those frames before and after the way through the scale.
    mel: Box<[Lanes]>,
    linear: Box<[Lanes]>,
}

impl MelMap {
    fn new(geometry: Geometry) -> Self {
        assert!(geometry.frames % LANES == 0 && geometry.bins % LANES == 0, "frames and bins come in whole vectors");
        let lanes = || vec![[0.0; LANES]; geometry.bins].into_boxed_slice();
        Self { scale: MelScale::new(geometry.bins, geometry.sample_rate), mel: lanes(), linear: lanes() }
    }

    fn convert(&mut self, level: &[f32], angle: &[f32], magnitude: &mut [f32], advance_turns: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has what the function was compiled for.
            return unsafe { self.convert_avx2(level, angle, magnitude, advance_turns) };
        }
        self.convert_lanes(level, angle, magnitude, advance_turns);
    }

    /// The same operations in vectors of twice the width. Products and sums stay apart, so the results are the same.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn convert_avx2(&mut self, level: &[f32], angle: &[f32], magnitude: &mut [f32], advance_turns: &mut [f32]) {
        self.convert_lanes(level, angle, magnitude, advance_turns);
    }

    #[inline(always)]
    fn convert_lanes(&mut self, level: &[f32], angle: &[f32], magnitude: &mut [f32], advance_turns: &mut [f32]) {
        let rows = LANES * self.mel.len();
        for (level, magnitude) in level.chunks_exact(rows).zip(magnitude.chunks_exact_mut(rows)) {
            from_frames(level, &mut self.mel, exp);
            self.scale.lanes_to_linear(&self.mel, &mut self.linear);
            to_frames(&self.linear, magnitude, |power| (power + POWER_EPS).sqrt());
        }
        for (angle, advance) in angle.chunks_exact(rows).zip(advance_turns.chunks_exact_mut(rows)) {
            from_frames(angle, &mut self.mel, |angle| angle);
            self.scale.lanes_to_linear(&self.mel, &mut self.linear);
            to_frames(&self.linear, advance, half_turns);
        }
    }
}

/// Phases in units of pi to phase advances in turns.
fn phase_advance(bins: usize, phase: &[f32], advance_turns: &mut [f32]) {
    advance_turns[..bins].iter_mut().zip(phase).for_each(|(advance, &phase)| *advance = half_turns(phase));
    for ((advance, &now), &before) in advance_turns[bins..].iter_mut().zip(&phase[bins..]).zip(phase) {
        *advance = half_turns(now - before);
    }
}
