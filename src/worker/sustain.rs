//! Finds the part of a rendered note that a held key can go through again: worker thread.

use crate::note::{Geometry, Sustain};

/// How long the notes of the training set were held before their release, in seconds (NSynth, section 3 of the paper's
/// data set). What comes after it is the sound of letting go.
const HELD_SECONDS: f32 = 3.0;

/// Attacks are over by then, in seconds.
const ATTACK_SECONDS: f32 = 0.5;

/// A region shorter than this, in seconds, would be heard as a tremolo.
const LEAST_SECONDS: f32 = 0.8;

/// A held sound that has fallen this far below its peak is over.
const SILENCE_DB: f32 = -60.0;

/// Sounds that fall slower than the first figure are sustained and get held at their level, faster than the second are
/// decaying and go on to decay; in dB a second. A bowed or blown note drifts by less, a low piano string falls by more.
const SUSTAINED_DB_PER_SECOND: f32 = -2.0;
const DECAYING_DB_PER_SECOND: f32 = -4.0;

/// Chooses the sustain region of a note from the magnitudes of its frames.
pub fn find(geometry: Geometry, magnitude: &[f32]) -> Sustain {
    let level = levels_db(magnitude, geometry.bins);
    let frame_at = |seconds: f32| {
        let sample = seconds * geometry.sample_rate as f32 + geometry.pad_left as f32;
        (sample as usize / geometry.hop).min(geometry.frames - 1)
    };
    // A frame belongs to the held part when its whole window does.
    let held_end = frame_at(HELD_SECONDS).saturating_sub(geometry.n_fft() / geometry.hop);
    let attack_end = frame_at(ATTACK_SECONDS).min(held_end);
    let frames_per_second = geometry.sample_rate as f32 / geometry.hop as f32;
    let least = ((LEAST_SECONDS * frames_per_second) as usize).min(held_end - attack_end);

    let peak = level[..=held_end].iter().copied().fold(f32::MIN, f32::max);
    let silent_from = (0..=held_end)
        .rev()
        .take_while(|&frame| level[frame] < peak + SILENCE_DB)
        .last()
        .filter(|_| peak > f32::MIN)
        .map(|frame| frame as u16);

    // The overall fall tells a decaying sound from a sustained one.
    let (overall, _) = trend(&level[attack_end..=held_end]);
    let fall = overall * frames_per_second;
    let share = ((fall - SUSTAINED_DB_PER_SECOND) / (DECAYING_DB_PER_SECOND - SUSTAINED_DB_PER_SECOND)).clamp(0.0, 1.0);

    let (start, end) = if share > 0.5 {
        // What rings on is the last that was heard; going back into the bright beginning would sound like a second stroke.
        (held_end - least, held_end)
    } else {
        steadiest(&level, attack_end, held_end, least)
    };
    let (trend_db, _) = trend(&level[start..=end]);
    Sustain { start: start as u16, end: end as u16, trend_db, decay_db: share * trend_db.min(0.0), silent_from }
}

/// The region whose level keeps closest to a straight and level line; of equal ones the longest.
fn steadiest(level: &[f32], first: usize, last: usize, least: usize) -> (usize, usize) {
    /// Regions are tried at every so many frames.
    const STEP: usize = 3;
    /// What a region that is one frame shorter must gain in steadiness, in dB.
    const LENGTH_WEIGHT_DB: f32 = 0.01;
    let mut best = (first, last);
    let mut best_cost = f32::MAX;
    for start in (first..=last - least).step_by(STEP) {
        for end in (start + least..=last).rev().step_by(STEP) {
            let (slope, deviation) = trend(&level[start..=end]);
            let length = end - start;
            let cost = deviation + slope.abs() * length as f32 * 0.25 - LENGTH_WEIGHT_DB * length as f32;
            if cost < best_cost {
                (best, best_cost) = ((start, end), cost);
            }
        }
    }
    best
}

/// Power of each frame in dB.
///
/// Frames are added up side by side: each sum waits for the sum before it, and a processor does several such chains at once.
/// The order within a frame stays, so the levels are the same to the bit as one after the other.
fn levels_db(magnitude: &[f32], bins: usize) -> Vec<f32> {
    const SIDE_BY_SIDE: usize = 8;
    let mut levels = Vec::with_capacity(magnitude.len() / bins);
    let mut groups = magnitude.chunks_exact(SIDE_BY_SIDE * bins);
    for group in &mut groups {
        let rows: [&[f32]; SIDE_BY_SIDE] = std::array::from_fn(|row| &group[row * bins..(row + 1) * bins]);
        let mut power = [-0.0_f32; SIDE_BY_SIDE];
        for bin in 0..bins {
            for (power, row) in power.iter_mut().zip(rows) {
                *power += row[bin] * row[bin];
            }
        }
        levels.extend(power.map(decibels));
    }
    let rest = groups.remainder().chunks_exact(bins);
    levels.extend(rest.map(|frame| decibels(frame.iter().map(|m| m * m).sum())));
    levels
}

fn decibels(power: f32) -> f32 {
    10.0 * power.max(1e-12).log10()
}

/// Slope of the line of least squares through equally spaced values, per step, and the root mean square deviation from it.
fn trend(values: &[f32]) -> (f32, f32) {
    let n = values.len() as f32;
    let centre = 0.5 * (n - 1.0);
    let mean = values.iter().sum::<f32>() / n;
    let (mut covariance, mut variance) = (0.0, 0.0);
    for (i, value) in values.iter().enumerate() {
        let x = i as f32 - centre;
        covariance += x * (value - mean);
        variance += x * x;
    }
    let slope = if variance > 0.0 { covariance / variance } else { 0.0 };
    let squares: f32 =
        values.iter().enumerate().map(|(i, value)| (value - mean - slope * (i as f32 - centre)).powi(2)).sum();
    (slope, (squares / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GEOMETRY: Geometry = Geometry { frames: 128, bins: 1024, hop: 512, pad_left: 3072, sample_rate: 16_000 };

    #[test]
    fn levels_side_by_side_are_those_one_after_the_other() {
        let magnitude: Vec<f32> = (0..19 * 64).map(|i| ((i * 7919) % 1000) as f32 * 1e-3).collect();
        let one_by_one: Vec<f32> =
            magnitude.chunks_exact(64).map(|frame| decibels(frame.iter().map(|m| m * m).sum())).collect();
        assert_eq!(levels_db(&magnitude, 64), one_by_one);
    }

    /// A note whose level at frame `t` is `level(t)` dB.
    fn note(level: impl Fn(usize) -> f32) -> Vec<f32> {
        (0..128).flat_map(|t| std::iter::repeat_n(10f32.powf(level(t) / 20.0), 1024)).collect()
    }

    #[test]
    fn a_steady_sound_is_held_at_its_level() {
        let sustain = find(GEOMETRY, &note(|t| if t < 97 { 0.0 } else { -80.0 }));
        assert!(sustain.end <= 95, "the release is left out: {sustain:?}");
        assert!(sustain.end - sustain.start > 60, "all of the steady part is used: {sustain:?}");
        assert!(sustain.trend_db.abs() < 1e-3 && sustain.decay_db == 0.0 && sustain.silent_from.is_none());
    }

    #[test]
    fn a_slow_drift_is_taken_out() {
        // 1.5 dB a second: 0.048 dB a frame.
        let sustain = find(GEOMETRY, &note(|t| -0.048 * t as f32));
        assert!((sustain.trend_db + 0.048).abs() < 1e-3, "{sustain:?}");
        assert_eq!(sustain.decay_db, 0.0);
    }

    #[test]
    fn a_plucked_sound_goes_on_decaying_from_its_tail() {
        // 12 dB a second: 0.384 dB a frame.
        let sustain = find(GEOMETRY, &note(|t| -0.384 * t as f32));
        assert!((sustain.decay_db + 0.384).abs() < 1e-3, "{sustain:?}");
        assert!(sustain.start > 60 && sustain.silent_from.is_none(), "{sustain:?}");
    }

    #[test]
    fn a_sound_that_died_stays_dead() {
        let sustain = find(GEOMETRY, &note(|t| if t < 40 { -1.5 * t as f32 } else { -70.0 }));
        assert_eq!(sustain.silent_from, Some(40));
    }

    #[test]
    fn a_tremolo_is_not_cut_to_a_sliver() {
        let sustain = find(GEOMETRY, &note(|t| 2.0 * (t as f32 * 0.9).sin()));
        assert!(sustain.end - sustain.start >= 25, "{sustain:?}");
    }
}
