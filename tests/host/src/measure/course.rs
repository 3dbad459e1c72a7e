//! How the spectrum of a held sound goes on, and whether it repeats itself.

use super::spectrum::Frames;

const WINDOW: usize = 4096;
const HOP: usize = 1024;

/// Third octaves from this frequency on.
const FROM_HZ: f64 = 100.0;
const BANDS: usize = 22;

/// What lies further below the loudest band is noise.
const FLOOR_DB: f64 = -70.0;

/// The greatest correlation of the course of a sound's log-spectrum with itself after `from_s` to `to_s` seconds, and after how many
/// seconds it is met. A sound whose spectrum comes again and again has one near 1; of a sound that stands still there is no course.
pub fn course_correlation(samples: &[f32], rate: f64, from_s: f64, to_s: f64) -> (f64, f64) {
    let frames = Frames::of(samples, rate, WINDOW, HOP);
    let band = |row: &Vec<f32>, band: usize| {
        let edge = |n: usize| ((FROM_HZ * 2f64.powf(n as f64 / 3.0) / frames.bin_hz) as usize).min(row.len());
        let (from, to) = (edge(band), edge(band + 1).max(edge(band) + 1).min(row.len()));
        let power: f64 = row[from.min(to)..to].iter().map(|m| f64::from(*m).powi(2)).sum();
        10.0 * (power + 1e-20).log10()
    };
    let mut courses: Vec<Vec<f64>> =
        (0..BANDS).map(|index| frames.rows.iter().map(|row| band(row, index)).collect()).collect();
    let loudest = courses.iter().flatten().copied().fold(f64::MIN, f64::max);
    courses.retain(|course| course.iter().copied().fold(f64::MIN, f64::max) > loudest + FLOOR_DB);
    for course in &mut courses {
        // Without its drift, which is none of a period.
        let n = course.len() as f64;
        let middle = (n - 1.0) / 2.0;
        let mean = course.iter().sum::<f64>() / n;
        let slope = course.iter().enumerate().map(|(i, v)| (i as f64 - middle) * (v - mean)).sum::<f64>()
            / (n * (n * n - 1.0) / 12.0);
        for (i, value) in course.iter_mut().enumerate() {
            *value -= mean + slope * (i as f64 - middle);
        }
    }
    let dot = |lag: usize| -> f64 {
        let of = |course: &Vec<f64>| -> (f64, f64, f64) {
            let (early, late) = (&course[..course.len() - lag], &course[lag..]);
            let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            (sum(early, late), sum(early, early), sum(late, late))
        };
        let total = courses.iter().map(of).fold((0.0, 0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2));
        total.0 / (total.1 * total.2).sqrt().max(1e-12)
    };
    let frame = |seconds: f64| (seconds * rate / HOP as f64).round() as usize;
    let lags = frame(from_s)..frame(to_s).min(frames.rows.len().saturating_sub(2));
    let best = lags.map(|lag| (dot(lag), lag)).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, 0));
    (best.0, best.1 as f64 * HOP as f64 / rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone whose upper partial comes and goes as `level` says.
    fn tone(level: impl Fn(f64) -> f64) -> Vec<f32> {
        let sample = |n: usize| {
            let t = n as f64 / 48_000.0;
            let wave = |hz: f64| (std::f64::consts::TAU * hz * t).sin();
            (0.1 * wave(220.0) + 0.05 * level(t) * wave(880.0)) as f32
        };
        (0..48_000 * 20).map(sample).collect()
    }

    #[test]
    fn a_period_is_found_and_none_is_made_up() {
        let periodic = tone(|t| 1.0 + 0.5 * (std::f64::consts::TAU * t / 3.1).sin());
        let (most, after) = course_correlation(&periodic, 48_000.0, 1.5, 8.0);
        assert!(most > 0.9 && ((after - 3.1).abs() < 0.1 || (after - 6.2).abs() < 0.1), "{most} after {after} s");
        let swept = tone(|t| 1.0 + 0.5 * (std::f64::consts::TAU * t * (0.2 + 0.05 * t)).sin());
        assert!(course_correlation(&swept, 48_000.0, 1.5, 8.0).0 < 0.6);
    }
}
