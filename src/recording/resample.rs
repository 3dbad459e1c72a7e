//! Changes a wave's sample rate, and by that its pitch, by windowed-sinc interpolation (J. O. Smith, "Digital Audio
//! Resampling").
//!
//! The filter is symmetric about the place of each output sample, so nothing is delayed: sample 0 stays sample 0.

use std::f64::consts::PI;

/// Where the stop band begins, over half the lower one of the two rates: nothing folds back.
const STOP: f64 = 1.0;

/// Where the pass band ends, over the same.
const PASS: f64 = 0.95;

/// Attenuation of the stop band in dB.
const ATTENUATION_DB: f64 = 90.0;

/// Places between two input samples for which the filter is computed; between them it is interpolated linearly, which is
/// exact to about (pi / 512)^2 / 8 = -106 dB.
const PHASES: usize = 512;

/// Resamples by one ratio.
pub struct Resampler {
    /// Input samples that one output sample advances.
    step: f64,
    /// Input samples on each side of an output sample.
    reach: usize,
    /// `PHASES + 1` filters of `2 * reach` taps, for places 0..=1 behind an input sample.
    filters: Vec<f32>,
}

impl Resampler {
    /// `step` is the input's rate over the output's; at the same rates, the ratio of the new pitch to the old.
    pub fn new(step: f64) -> Self {
        assert!(step.is_finite() && step > 0.0, "the ratio of two rates is positive");
        // In cycles an input sample, where half the input's rate is 0.5.
        let highest = 0.5 * (1.0 / step).min(1.0);
        let cutoff = highest * (PASS + STOP) / 2.0;
        // Kaiser's rule for the length of a window of this attenuation and transition.
        let transition = highest * (STOP - PASS);
        let reach = ((ATTENUATION_DB - 7.95) / (14.36 * transition) / 2.0).ceil() as usize;
        let window = Kaiser::new(ATTENUATION_DB, reach as f64);
        let mut filters = Vec::with_capacity((PHASES + 1) * 2 * reach);
        for phase in 0..=PHASES {
            let place = phase as f64 / PHASES as f64;
            let taps = (0..2 * reach).map(|tap| {
                let distance = tap as f64 - (reach - 1) as f64 - place;
                2.0 * cutoff * sinc(2.0 * cutoff * distance) * window.at(distance)
            });
            let taps: Vec<f64> = taps.collect();
            let sum: f64 = taps.iter().sum();
            filters.extend(taps.iter().map(|tap| (tap / sum) as f32));
        }
        Self { step, reach, filters }
    }

    /// The whole wave, `length` samples from its beginning. Before and behind the input is silence.
    pub fn resample(&self, input: &[f32], length: usize) -> Vec<f32> {
        let mut padded = vec![0.0; self.reach];
        padded.extend_from_slice(input);
        padded.resize(input.len() + 3 * self.reach, 0.0);
        (0..length).map(|index| self.sample(&padded, input.len(), index as f64 * self.step)).collect()
    }

    /// Samples that an input of a length has at the output's rate.
    pub fn output_len(&self, input_len: usize) -> usize {
        (input_len as f64 / self.step).round() as usize
    }

    /// The value at a place of the input, which begins `reach` samples into `padded`.
    fn sample(&self, padded: &[f32], input_len: usize, place: f64) -> f32 {
        let before = place.floor() as usize;
        if before >= input_len + self.reach {
            return 0.0;
        }
        let taps = 2 * self.reach;
        let samples = &padded[before + 1..before + 1 + taps];
        let phase = (place - place.floor()) * PHASES as f64;
        let row = phase as usize;
        let blend = (phase - row as f64) as f32;
        let first = dot(samples, &self.filters[row * taps..][..taps]);
        if blend == 0.0 {
            return first;
        }
        let second = dot(samples, &self.filters[(row + 1) * taps..][..taps]);
        first + blend * (second - first)
    }
}

/// Sum of products, in eight sums so that the compiler makes vectors of them.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (a_blocks, b_blocks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_blocks.remainder().iter().zip(b_blocks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_blocks.zip(b_blocks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// Kaiser's window.
struct Kaiser {
    beta: f64,
    reach: f64,
    /// The Bessel function at beta.
    middle: f64,
}

impl Kaiser {
    /// For an attenuation over 50 dB, by Kaiser's formula for beta.
    fn new(attenuation_db: f64, reach: f64) -> Self {
        let beta = 0.1102 * (attenuation_db - 8.7);
        Self { beta, reach, middle: bessel_i0(beta) }
    }

    /// The window at a distance from its middle, 1 there.
    fn at(&self, distance: f64) -> f64 {
        let inside = 1.0 - (distance / self.reach).powi(2);
        if inside < 0.0 { 0.0 } else { bessel_i0(self.beta * inside.sqrt()) / self.middle }
    }
}

/// Modified Bessel function of the first kind and order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let mut sum = 1.0;
    let mut term = 1.0;
    let mut k = 1.0;
    while term > 1e-16 * sum {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

/// sin(pi x) / (pi x).
fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(frequency: f64, rate: f64, samples: usize) -> Vec<f32> {
        (0..samples).map(|i| (2.0 * PI * frequency * i as f64 / rate).sin() as f32).collect()
    }

    /// The largest difference away from the ends, in dB below full scale.
    fn error_db(found: &[f32], expected: &[f32]) -> f64 {
        let middle = 2_000..found.len() - 2_000;
        let error = middle.map(|i| f64::from((found[i] - expected[i]).abs())).fold(0.0, f64::max);
        20.0 * error.log10()
    }

    #[test]
    fn a_tone_stays_where_it_was_from_every_usual_rate() {
        for rate in [8_000.0, 11_025.0, 16_000.0, 22_050.0, 44_100.0, 48_000.0, 96_000.0] {
            let resampler = Resampler::new(rate / 16_000.0);
            let input = tone(440.0, rate, rate as usize);
            let length = resampler.output_len(input.len());
            assert_eq!(length, 16_000);
            let error = error_db(&resampler.resample(&input, length), &tone(440.0, 16_000.0, length));
            assert!(error < -85.0, "from {rate} Hz: {error:.1} dB");
        }
    }

    #[test]
    fn what_the_new_rate_cannot_hold_is_gone_and_what_it_can_stays() {
        let resampler = Resampler::new(3.0);
        for frequency in [8_050.0, 9_000.0, 15_000.0, 23_000.0] {
            let found = resampler.resample(&tone(frequency, 48_000.0, 48_000), 16_000);
            let error = error_db(&found, &[0.0; 16_000]);
            assert!(error < -80.0, "{frequency} Hz: {error:.1} dB");
        }
        let found = resampler.resample(&tone(7_590.0, 48_000.0, 48_000), 16_000);
        let error = error_db(&found, &tone(7_590.0, 16_000.0, 16_000));
        assert!(error < -80.0, "{error:.1} dB");
    }

    #[test]
    fn an_onset_is_not_delayed_and_behind_the_end_is_silence() {
        let mut input = vec![0.0; 4_800];
        input[300] = 1.0;
        let found = Resampler::new(3.0).resample(&input, 4_000);
        let loudest = (0..found.len()).max_by(|&a, &b| found[a].abs().total_cmp(&found[b].abs()));
        assert_eq!(loudest, Some(100));
        assert!(found[2_000..].iter().all(|&sample| sample == 0.0));
    }

    #[test]
    fn a_step_raises_the_pitch() {
        let step = 2.0f64.powf(7.0 / 12.0);
        let found = Resampler::new(step).resample(&tone(440.0, 16_000.0, 32_000), 16_000);
        let error = error_db(&found, &tone(440.0 * step, 16_000.0, 16_000));
        assert!(error < -85.0, "{error:.1} dB");
    }
}
