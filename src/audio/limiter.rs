//! Keeps the output within full scale, without latency. What stays below the threshold passes bit by bit.
//!
//! The level of a peak is known the moment it rises and not before, so the gain follows each rise at once, along a curve
//! without a corner, and comes back slowly: a steady sound meets a steady gain, and only the first rise of a peak is bent.

/// Where it begins, as an amplitude: 1.5 dB below full scale.
const THRESHOLD: f32 = 0.841_395;

/// What no sample reaches: a hair below full scale, so that rounding leads none beyond.
const CEILING: f32 = 0.9999;

/// How long a peak holds the gain down before it comes back, in seconds: longer than half a period of the lowest key, so that the
/// gain does not move with the wave.
const HOLD_SECONDS: f32 = 0.02;

/// From this share of it on a peak is the same one again.
const SAME_PEAK: f32 = 0.98;

/// Time constant of the way back, in seconds.
const RELEASE_SECONDS: f32 = 0.15;

pub struct Limiter {
    hold_samples: u32,
    /// Share of the peak that is left after a sample of the way back.
    release: f32,
    /// The peak that decides the gain, an amplitude; below the threshold it decides nothing.
    peak: f32,
    /// Samples until the peak is let go of.
    held: u32,
}

impl Limiter {
    pub fn new() -> Self {
        Self { hold_samples: 0, release: 0.0, peak: 0.0, held: 0 }
    }

    /// Prepares for a host's rate, in samples a second.
    pub fn activate(&mut self, sample_rate: f32) {
        self.hold_samples = (HOLD_SECONDS * sample_rate) as u32;
        self.release = (-1.0 / (RELEASE_SECONDS * sample_rate)).exp();
        self.reset();
    }

    /// Forgets all that was heard.
    pub fn reset(&mut self) {
        (self.peak, self.held) = (0.0, 0);
    }

    /// Limits one side.
    pub fn limit(&mut self, out: &mut [f32]) {
        if self.is_idle() && !out.iter().any(|sample| sample.abs() > THRESHOLD) {
            return;
        }
        for sample in out {
            *sample *= self.gain(sample.abs());
        }
    }

    /// Limits both sides alike, so that nothing moves between them.
    pub fn limit_stereo(&mut self, left: &mut [f32], right: &mut [f32]) {
        let is_loud = |side: &[f32]| side.iter().any(|sample| sample.abs() > THRESHOLD);
        if self.is_idle() && !is_loud(left) && !is_loud(right) {
            return;
        }
        for (left, right) in left.iter_mut().zip(right) {
            let gain = self.gain(left.abs().max(right.abs()));
            *left *= gain;
            *right *= gain;
        }
    }

    /// Whether no peak is remembered that would still lower what follows.
    fn is_idle(&self) -> bool {
        self.peak <= THRESHOLD
    }

    /// The gain of a sample of an amplitude.
    fn gain(&mut self, amplitude: f32) -> f32 {
        // A wave comes back to nearly the same peak.
        if amplitude > SAME_PEAK * self.peak {
            (self.peak, self.held) = (self.peak.max(amplitude), self.hold_samples);
        } else if self.held > 0 {
            self.held -= 1;
        } else {
            self.peak = (self.peak * self.release).max(amplitude);
        }
        if self.peak <= THRESHOLD {
            return 1.0;
        }
        // From the threshold on along a hyperbola that leaves it with slope 1 and never reaches the ceiling. What is no number
        // stays what it is, for the host to see.
        let (over, room) = (self.peak - THRESHOLD, CEILING - THRESHOLD);
        (THRESHOLD + over * room / (over + room)) / self.peak
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f32 = 48_000.0;

    fn sine(hz: f32, amplitude: f32, samples: usize) -> Vec<f32> {
        (0..samples).map(|i| amplitude * (std::f32::consts::TAU * hz * i as f32 / RATE).sin()).collect()
    }

    fn limited(wave: &[f32], block: usize) -> Vec<f32> {
        let mut limiter = Limiter::new();
        limiter.activate(RATE);
        let mut out = wave.to_vec();
        out.chunks_mut(block).for_each(|part| limiter.limit(part));
        out
    }

    fn peak(wave: &[f32]) -> f32 {
        wave.iter().fold(0.0, |peak, x| peak.max(x.abs()))
    }

    #[test]
    fn what_stays_below_the_threshold_passes_bit_by_bit() {
        let wave = sine(220.0, 0.84, 20_000);
        assert_eq!(limited(&wave, 128), wave);
    }

    #[test]
    fn nothing_passes_full_scale_however_loud() {
        for amplitude in [0.9, 1.0, 3.0, 50.0, 1e6] {
            for hz in [27.5, 440.0, 9_000.0] {
                let out = limited(&sine(hz, amplitude, 20_000), 64);
                assert!(peak(&out) <= 1.0, "{amplitude} at {hz} Hz: {}", peak(&out));
                assert!(peak(&out) > 0.8);
            }
        }
    }

    #[test]
    fn blocks_change_nothing() {
        let mut wave = sine(110.0, 2.0, 9_600);
        wave.extend(sine(110.0, 0.5, 30_000));
        let whole = limited(&wave, 1 << 20);
        for block in [1, 7, 512] {
            assert_eq!(limited(&wave, block), whole);
        }
    }

    #[test]
    fn a_steady_tone_stays_a_tone_and_the_gain_comes_back() {
        for hz in [41.0, 440.0] {
            let wave = sine(hz, 2.0, 96_000);
            let out = &limited(&wave, 256)[48_000..];
            // What is not the tone itself, by the projection on it.
            let (dot, power) = out
                .iter()
                .zip(&wave[48_000..])
                .fold((0.0f64, 0.0f64), |(dot, power), (a, b)| (dot + f64::from(a * b), power + f64::from(b * b)));
            let gain = (dot / power) as f32;
            let rest: f32 = out.iter().zip(&wave[48_000..]).map(|(a, b)| (a - gain * b).powi(2)).sum();
            let all: f32 = out.iter().map(|a| a * a).sum();
            assert!(10.0 * (rest / all).log10() < -60.0, "{hz} Hz: {} dB", 10.0 * (rest / all).log10());
        }
        let mut wave = sine(440.0, 4.0, 4_800);
        let soft = sine(330.0, 0.3, 96_000);
        wave.extend(&soft);
        let out = limited(&wave, 256);
        assert_eq!(out[4_800 + 48_000..], soft[48_000..], "a second later all is as it was");
    }

    #[test]
    fn both_sides_have_one_gain() {
        let mut limiter = Limiter::new();
        limiter.activate(RATE);
        let (mut left, mut right) = (sine(100.0, 3.0, 5_000), sine(100.0, 0.3, 5_000));
        limiter.limit_stereo(&mut left, &mut right);
        assert!(left.iter().zip(&right).all(|(left, right)| (left - 10.0 * right).abs() < 1e-5));
    }
}
