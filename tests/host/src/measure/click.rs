//! Clicks: energy that appears where or when none belongs.

use crate::measure::level::db;
use crate::measure::spectrum::Frames;

/// Windows short enough that a click fills one.
const WINDOW: usize = 1024;
const HOP: usize = 256;

/// The model's sound ends at 20 kHz. What lies above this, the resampler's images apart, is the splatter of a
/// discontinuity.
const ABOVE_THE_MODEL_HZ: f64 = 21_000.0;

/// Spectral flux of each window: the rise of its magnitudes over the window before, against the loudest window of the
/// sound. A steady sound has little, an onset or a click much.
pub fn flux(samples: &[f32], rate: f64) -> Vec<f64> {
    let frames = Frames::of(samples, rate, WINDOW, HOP);
    let sum = |row: &Vec<f32>| row.iter().map(|m| f64::from(*m)).sum::<f64>();
    let loudest = frames.rows.iter().map(sum).fold(1e-9, f64::max);
    let rise = |pair: &[Vec<f32>]| pair[1].iter().zip(&pair[0]).map(|(b, a)| f64::from((b - a).max(0.0))).sum::<f64>();
    frames.rows.windows(2).map(|pair| rise(pair) / loudest).collect()
}

/// The loudest window's energy above the model's band against the loudest window's whole energy, in decibels. The rate
/// must leave room above that band, 44.1 kHz or more.
pub fn splatter_db(samples: &[f32], rate: f64) -> f64 {
    let frames = Frames::of(samples, rate, WINDOW, HOP);
    let from = (ABOVE_THE_MODEL_HZ / frames.bin_hz).ceil() as usize;
    let energy = |row: &[f32]| row.iter().map(|m| f64::from(*m).powi(2)).sum::<f64>();
    let whole = frames.rows.iter().map(|row| energy(row)).fold(1e-18, f64::max);
    let above = frames.rows.iter().map(|row| energy(&row[from..])).fold(0.0, f64::max);
    db((above / whole).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(samples: usize) -> Vec<f32> {
        (0..samples).map(|n| (n as f64 * 0.05).sin() as f32).collect()
    }

    #[test]
    fn a_click_of_a_hundredth_stands_out() {
        let clean = sine(48_000);
        let mut clicked = clean.clone();
        for x in &mut clicked[20_000..] {
            *x += 0.01;
        }
        assert!(splatter_db(&clean, 48_000.0) < -100.0, "{}", splatter_db(&clean, 48_000.0));
        assert!(splatter_db(&clicked, 48_000.0) > -85.0, "{}", splatter_db(&clicked, 48_000.0));
        let most = |x: &[f32]| flux(x, 48_000.0).into_iter().fold(0.0, f64::max);
        assert!(most(&clicked) > 3.0 * most(&clean), "{} {}", most(&clicked), most(&clean));
    }
}
