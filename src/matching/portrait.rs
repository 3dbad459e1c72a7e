//! What a note sounds like, in numbers that two notes are compared by: levels in bands over time, and nothing of phase or loudness.
//!
//! Bands follow the ear and the note: one around each of the first partials and one between each two, where breath and bow are heard,
//! and from there up six to the octave. Stretches of time are short in the attack and long in the sustain.

use std::ops::Range;

use crate::expression::{GENERATED_VELOCITY, Touch, TouchScale};
use crate::geometry::Geometry;
use crate::recording::tuning::key_hz;

/// Partials that have a band of their own, which reaches so far to either side, in partials.
const PARTIALS: usize = 16;
const AROUND_PARTIAL: f32 = 0.3;

/// Bands to an octave, above them.
const BANDS_AN_OCTAVE: f32 = 6.0;

/// Where stretches end, in seconds after the stroke.
const ENDS: [f32; 16] = [0.03, 0.06, 0.1, 0.14, 0.18, 0.24, 0.32, 0.42, 0.55, 0.75, 1.0, 1.3, 1.7, 2.1, 2.5, 3.0];

/// What is so far below a note's loudest band is not heard in it, in dB.
const DEPTH_DB: f32 = 70.0;

/// The velocities between which a stroke is sought. Softer ones would make a dull sound of a bright one.
const VELOCITIES: Range<f32> = 60.0..127.0;

/// Which bins and frames of a model's notes belong together.
pub struct Grid {
    bands: Vec<Range<usize>>,
    stretches: Vec<Range<usize>>,
    scale: TouchScale,
    geometry: Geometry,
}

/// How near two notes are.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Fit {
    /// Root mean square of the levels' differences, what is loud in either note counted most.
    pub db: f32,
    /// The velocity at which the generated note is nearest.
    pub velocity: f32,
}

/// Levels of one note, stretch by stretch, in dB below its loudest.
#[derive(Clone)]
pub struct Portrait(Vec<f32>);

impl Grid {
    /// For notes of a key. What lies above `highest_hz` and after `seconds` is not looked at.
    pub fn new(geometry: Geometry, key: u8, highest_hz: f32, seconds: f32) -> Self {
        let fundamental = key_hz(f32::from(key));
        let top = highest_hz.min(geometry.bins as f32 * geometry.bin_hz());
        let around = |partial: usize| [partial as f32 - AROUND_PARTIAL, partial as f32 + AROUND_PARTIAL];
        let mut edges: Vec<f32> = (1..=PARTIALS).flat_map(around).map(|partial| partial * fundamental).collect();
        while edges[edges.len() - 1] < top {
            edges.push(edges[edges.len() - 1] * (1.0 / BANDS_AN_OCTAVE).exp2());
        }
        // The DC bin is not in a frame.
        let bin = |hz: f32| ((hz.min(top) / geometry.bin_hz()).round() as usize).saturating_sub(1).min(geometry.bins);
        let bands = edges.windows(2).map(|edge| bin(edge[0])..bin(edge[1])).filter(|band| !band.is_empty());
        // A window is centred where it tells most of.
        let frame = |seconds: f32| {
            let centre = seconds * geometry.sample_rate as f32 + geometry.pad_left as f32 - geometry.n_fft as f32 / 2.0;
            ((centre / geometry.hop as f32).ceil().max(0.0) as usize).min(geometry.frames)
        };
        // The first window that holds any of the note.
        let first = (geometry.pad_left + geometry.hop).saturating_sub(geometry.n_fft) / geometry.hop;
        let mut from = first;
        let mut stretches = Vec::new();
        for end in ENDS {
            let until = frame(end.min(seconds));
            if until > from {
                stretches.push(from..until);
                from = until;
            }
        }
        let scale = TouchScale::new(geometry.bins, geometry.bin_hz(), geometry.sample_rate);
        Self { bands: bands.collect(), stretches, scale, geometry }
    }

    /// The portrait of a note whose frames `magnitude` writes, of as many bins as the model has. `None` where it is silent.
    pub fn portrait(&self, mut magnitude: impl FnMut(usize, &mut [f32])) -> Option<Portrait> {
        let mut row = vec![0.0; self.geometry.bins];
        let mut levels = Vec::with_capacity(self.stretches.len() * self.bands.len());
        for stretch in &self.stretches {
            let start = levels.len();
            levels.resize(start + self.bands.len(), 0.0f32);
            for frame in stretch.clone() {
                magnitude(frame, &mut row);
                for (level, band) in levels[start..].iter_mut().zip(&self.bands) {
                    let power: f32 = row[band.clone()].iter().map(|x| x * x).sum();
                    *level += power / stretch.len() as f32;
                }
            }
        }
        let loudest = levels.iter().copied().fold(0.0f32, f32::max);
        if !(loudest > 1.0e-9 && loudest.is_finite()) {
            return None;
        }
        levels.iter_mut().for_each(|level| *level = (10.0 * (*level / loudest).max(1e-12).log10()).max(-DEPTH_DB));
        Some(Portrait(levels))
    }

    /// What a step of velocity adds to each band, in dB.
    pub fn touch(&self, touch: &Touch) -> Vec<f32> {
        let mut gains = vec![0.0; self.geometry.bins];
        let steps = VELOCITIES.end - GENERATED_VELOCITY;
        self.scale.gains(touch, VELOCITIES.end, &mut gains);
        let db = |band: &Range<usize>| 20.0 * gains[(band.start + band.end - 1) / 2].max(1e-6).log10() / steps;
        self.bands.iter().map(db).collect()
    }

    /// Compares a generated note with a recorded one: at the loudness and the velocity at which they are nearest, which is a
    /// straight line through the differences by least squares. `touch` is of [`Self::touch`].
    pub fn compare(&self, recorded: &Portrait, generated: &Portrait, touch: &[f32]) -> Fit {
        let cells = || {
            let touch = touch.iter().cycle();
            recorded.0.iter().zip(&generated.0).zip(touch).map(|((&recorded, &generated), &touch)| {
                let weight = 1.0 + recorded.max(generated) / DEPTH_DB;
                (weight, recorded - generated, touch)
            })
        };
        let (mut w, mut wx, mut wd, mut wxx, mut wxd) = (1e-9, 0.0, 0.0, 0.0, 0.0);
        for (weight, difference, touch) in cells() {
            w += weight;
            wx += weight * touch;
            wd += weight * difference;
            wxx += weight * touch * touch;
            wxd += weight * touch * difference;
        }
        let spread = wxx - wx * wx / w;
        let steps = if spread > 1e-9 { (wxd - wx * wd / w) / spread } else { 0.0 };
        let steps = steps.clamp(VELOCITIES.start - GENERATED_VELOCITY, VELOCITIES.end - GENERATED_VELOCITY);
        let louder = (wd - steps * wx) / w;
        let square =
            |(weight, difference, touch): (f32, f32, f32)| weight * (difference - louder - steps * touch).powi(2);
        let sum: f32 = cells().map(square).sum();
        Fit { db: (sum / w).sqrt(), velocity: GENERATED_VELOCITY + steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spectral::Representation;

    fn geometry() -> Geometry {
        Representation::IfHires.geometry()
    }

    /// A note of partials that fall off by `db` each and decay.
    fn note(grid: &Grid, key: u8, db: f32, gain: f32) -> Portrait {
        let geometry = geometry();
        let spacing = key_hz(f32::from(key)) / geometry.bin_hz();
        let row = |frame: usize, row: &mut [f32]| {
            row.fill(gain * 1e-7);
            for partial in 1..=PARTIALS {
                let bin = (partial as f32 * spacing).round() as usize - 1;
                if bin < row.len() {
                    row[bin] = gain * 10.0f32.powf(-(db * partial as f32 + 0.1 * frame as f32) / 20.0);
                }
            }
        };
        grid.portrait(row).unwrap()
    }

    #[test]
    fn loudness_is_no_difference_and_colour_is_one_in_db() {
        let grid = Grid::new(geometry(), 60, 8_000.0, 3.0);
        let plain = vec![0.0; grid.bands.len()];
        let soft = note(&grid, 60, 3.0, 0.01);
        let loud = note(&grid, 60, 3.0, 1.0);
        let dark = note(&grid, 60, 6.0, 1.0);
        assert!(grid.compare(&soft, &loud, &plain).db < 0.1);
        let fit = grid.compare(&dark, &loud, &plain);
        assert!((3.0..15.0).contains(&fit.db), "{fit:?}");
        assert!(grid.portrait(|_, row| row.fill(0.0)).is_none(), "silence has no portrait");
    }

    #[test]
    fn what_velocity_explains_is_no_difference() {
        let grid = Grid::new(geometry(), 60, 8_000.0, 3.0);
        let touch: Vec<f32> = (0..grid.bands.len()).map(|band| 0.025 * band as f32).collect();
        let loud = note(&grid, 60, 3.0, 1.0);
        let mut soft = loud.clone();
        for (level, touch) in soft.0.iter_mut().zip(touch.iter().cycle()) {
            *level = (*level - 40.0 * touch).max(-DEPTH_DB);
        }
        let fit = grid.compare(&soft, &loud, &touch);
        assert!(fit.db < grid.compare(&soft, &loud, &vec![0.0; touch.len()]).db / 2.0, "{fit:?}");
        assert!(fit.velocity < 80.0, "{fit:?}");
    }

    #[test]
    fn every_key_has_bands_that_follow_one_another_and_stretches_to_the_end() {
        for key in 12..=108 {
            for seconds in [0.1, 1.0, 3.0] {
                let grid = Grid::new(geometry(), key, 8_000.0, seconds);
                assert!(!grid.bands.is_empty() && !grid.stretches.is_empty(), "{key}, {seconds} s");
                assert!(grid.bands.windows(2).all(|pair| pair[0].end == pair[1].start), "{key}: {:?}", grid.bands);
                assert!(grid.stretches.windows(2).all(|pair| pair[0].end == pair[1].start), "{:?}", grid.stretches);
            }
        }
    }
}
