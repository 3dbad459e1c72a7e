//! Finds the part of a rendered note that a held key can go through again: worker thread.

use crate::geometry::Geometry;
use crate::note::{HELD_SECONDS, Sustain};

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

/// Chooses the sustain region of a note from the power of its frames.
pub fn find(geometry: Geometry, power: &[f32]) -> Sustain {
    let level: Vec<f32> = power.iter().map(|&power| decibels(power)).collect();
    let frame_at = |seconds: f32| {
        let sample = seconds * geometry.sample_rate as f32 + geometry.pad_left as f32;
        (sample as usize / geometry.hop).min(geometry.frames - 1)
    };
    // A frame belongs to the held part when its whole window does.
    let held_end = frame_at(HELD_SECONDS).saturating_sub(geometry.n_fft / geometry.hop);
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
    let trends = Trends::new(&level);
    let fall = trends.line(attack_end, held_end).slope() * frames_per_second;
    let share = ((fall - SUSTAINED_DB_PER_SECOND) / (DECAYING_DB_PER_SECOND - SUSTAINED_DB_PER_SECOND)).clamp(0.0, 1.0);

    let (start, end) = if share > 0.5 {
        // What rings on is the last that was heard; going back into the bright beginning would sound like a second stroke.
        (held_end - least, held_end)
    } else {
        steadiest(&trends, attack_end, held_end, least)
    };
    let trend_db = trends.line(start, end).slope();
    Sustain { start: start as u16, end: end as u16, trend_db, decay_db: share * trend_db.min(0.0), silent_from }
}

/// The region whose level keeps closest to a straight and level line; of equal ones the longest.
fn steadiest(trends: &Trends, first: usize, last: usize, least: usize) -> (usize, usize) {
    /// Regions are tried at every so many frames.
    const STEP: usize = 3;
    /// What a region that is one frame shorter must gain in steadiness, in dB.
    const LENGTH_WEIGHT_DB: f32 = 0.01;
    let mut best = (first, last);
    let mut best_cost = f32::MAX;
    for start in (first..=last - least).step_by(STEP) {
        for end in (start + least..=last).rev().step_by(STEP) {
            let line = trends.line(start, end);
            let length = (end - start) as f32;
            let drift = line.slope().abs() * length * 0.25;
            // The deviation only adds to it, and is the most part of the work.
            if drift - LENGTH_WEIGHT_DB * length >= best_cost {
                continue;
            }
            let cost = line.deviation() + drift - LENGTH_WEIGHT_DB * length;
            if cost < best_cost {
                (best, best_cost) = ((start, end), cost);
            }
        }
    }
    best
}

fn decibels(power: f32) -> f32 {
    10.0 * power.max(1e-12).log10()
}

/// The straight lines that come closest to stretches of a series, each in a few operations: of the sums from the beginning
/// to either end, in double precision, since they are subtracted.
struct Trends {
    sums: Vec<Sums>,
}

/// Sums over the values `v` of the first places `i`: of `v`, `i v` and `v^2`.
#[derive(Clone, Copy, Default)]
struct Sums {
    values: f64,
    moments: f64,
    squares: f64,
}

impl Trends {
    fn new(values: &[f32]) -> Self {
        let mut sums = Vec::with_capacity(values.len() + 1);
        let mut sum = Sums::default();
        sums.push(sum);
        for (place, &value) in values.iter().enumerate() {
            let value = f64::from(value);
            sum.values += value;
            sum.moments += place as f64 * value;
            sum.squares += value * value;
            sums.push(sum);
        }
        Self { sums }
    }

    /// The line of least squares through the values from `first` to `last`, both included.
    fn line(&self, first: usize, last: usize) -> Line {
        let (before, all) = (self.sums[first], self.sums[last + 1]);
        let n = (last + 1 - first) as f64;
        let centre = 0.5 * (first + last) as f64;
        let sum = all.values - before.values;
        let covariance = all.moments - before.moments - centre * sum;
        let variance = n * (n * n - 1.0) / 12.0;
        let slope = if variance > 0.0 { covariance / variance } else { 0.0 };
        Line { n, sum, squares: all.squares - before.squares, covariance, slope }
    }
}

struct Line {
    n: f64,
    sum: f64,
    squares: f64,
    covariance: f64,
    slope: f64,
}

impl Line {
    /// Per step.
    fn slope(&self) -> f32 {
        self.slope as f32
    }

    /// Root mean square deviation of the values from it.
    fn deviation(&self) -> f32 {
        let squares = self.squares - self.sum * self.sum / self.n - self.slope * self.covariance;
        (squares.max(0.0) / self.n).sqrt() as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GEOMETRY: Geometry =
        Geometry { frames: 128, bins: 1024, n_fft: 2048, hop: 512, pad_left: 3072, sample_rate: 16_000 };

    #[test]
    fn trends_are_those_of_the_line_of_least_squares() {
        let values: Vec<f32> = (0..40).map(|i| 30.0 - 0.5 * i as f32 + if i % 2 == 0 { 0.25 } else { -0.25 }).collect();
        let trends = Trends::new(&values);
        let line = trends.line(10, 31);
        let (slope, deviation) = (line.slope(), line.deviation());
        let (centre, mean) = (20.5, values[10..=31].iter().sum::<f32>() / 22.0);
        let over =
            |map: &dyn Fn(f32, f32) -> f32| (10..=31).map(|i| map(i as f32 - centre, values[i] - mean)).sum::<f32>();
        let right = over(&|x, y| x * y) / over(&|x, _| x * x);
        let off = (over(&|x, y| (y - right * x).powi(2)) / 22.0).sqrt();
        assert!((slope - right).abs() < 1e-5 && (deviation - off).abs() < 1e-4, "{slope} {deviation}, {right} {off}");
        let point = trends.line(7, 7);
        assert_eq!((point.slope(), point.deviation()), (0.0, 0.0));
    }

    /// The frames' power of a note whose level at frame `t` is `level(t)` dB.
    fn note(level: impl Fn(usize) -> f32) -> Vec<f32> {
        (0..128).map(|t| 10f32.powf(level(t) / 10.0)).collect()
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
