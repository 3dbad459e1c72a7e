//! One frame of the inverse short-time Fourier transform, overlap-added: the piece that the whole inverse, the worker and
//! the voices share.
//!
//! Nothing here allocates after construction, so that a voice can call it on the audio thread.

use std::f32::consts::FRAC_PI_2;
use std::sync::Arc;

use multiversion::multiversion;
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

use crate::fused::{is_fused, mul_add};
use crate::note::Geometry;

/// Sum of the squared periodic Hann window over the four windows that overlap at any sample. The published inverse window
/// is the Hann window over this sum (`inverse_stft_window_fn` of TensorFlow).
const HANN_SQUARED_OVERLAP: f32 = 1.5;

/// Sine and cosine of a phase in turns, each to a few 1e-7, for phases up to a quarter of a million turns.
///
/// The phase is brought to the nearest quarter turn, from which it is an eighth of a turn away at most: there a few terms of
/// the Taylor series suffice. There is no branch and no table, so that the compiler makes vectors of it. `FUSED` as in
/// [`mul_add`].
#[inline(always)]
fn sin_cos_turns<const FUSED: bool>(turns: f32) -> (f32, f32) {
    let quarters = 4.0 * turns;
    let shifted = quarters + ROUND;
    // The lowest bits of what was rounded are the quarter's number.
    let quarter = shifted.to_bits();
    let x = FRAC_PI_2 * (quarters - (shifted - ROUND));
    let x2 = x * x;
    // Written by their coefficients: a division takes the time of ten products.
    let series = |[a, b, c, d]: [f32; 4]| mul_add::<FUSED>(x2, mul_add::<FUSED>(x2, mul_add::<FUSED>(x2, d, c), b), a);
    let sin = mul_add::<FUSED>(x * x2, series([-1.0 / 6.0, 1.0 / 120.0, -1.0 / 5_040.0, 1.0 / 362_880.0]), x);
    let cos = mul_add::<FUSED>(x2, series([-0.5, 1.0 / 24.0, -1.0 / 720.0, 1.0 / 40_320.0]), 1.0);
    // An odd number of quarters exchanges the two; half turns change their signs.
    let is_odd = quarter & 1 == 1;
    let (sin, cos) = (if is_odd { cos } else { sin }, if is_odd { sin } else { cos });
    let negated = |value: f32, half: u32| f32::from_bits(value.to_bits() ^ (half & 2) << 30);
    (negated(sin, quarter), negated(cos, quarter.wrapping_add(1)))
}

/// Adding and taking away 1.5 * 2^23 rounds to the nearest whole number, and is a vector operation on every processor.
const ROUND: f32 = 12_582_912.0;

/// A phase in turns brought to -0.5..0.5, for phases up to a million turns.
#[inline(always)]
pub fn wrap_turns(turns: f32) -> f32 {
    turns - ((turns + ROUND) - ROUND)
}

/// Turns polar frames into windowed waveforms.
pub struct FrameSynth {
    /// Of half the window's length: two real samples are one complex one.
    inverse: Arc<dyn Fft<f32>>,
    /// Sines and cosines of the angles of all bins; see [`Self::compute`].
    sines: Vec<f32>,
    cosines: Vec<f32>,
    /// What goes into the transform, and what comes out of it.
    folded: Vec<Complex<f32>>,
    wave: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    /// The published inverse window, the transform's 1 / n_fft included.
    window: Vec<f32>,
    bins: usize,
}

impl FrameSynth {
    /// The published inverse at `oversampling` times its rate, a power of two and more than 1, by zero-padding the spectrum.
    /// Every `oversampling`-th sample equals the published one.
    ///
    /// # Panics
    /// When the oversampling is another number.
    pub fn new(geometry: Geometry, oversampling: usize) -> Self {
        assert!(oversampling > 1 && oversampling.is_power_of_two(), "the oversampling is a power of two, and not 1");
        let length = geometry.n_fft() * oversampling;
        let inverse = FftPlanner::new().plan_fft_inverse(length / 2);
        let turn = |i: usize| std::f64::consts::TAU * i as f64 / length as f64;
        let scale = 1.0 / (HANN_SQUARED_OVERLAP * geometry.n_fft() as f32);
        Self {
            sines: (1..=geometry.bins).map(|bin| turn(bin).sin() as f32).collect(),
            cosines: (1..=geometry.bins).map(|bin| turn(bin).cos() as f32).collect(),
            folded: vec![Complex::default(); length / 2],
            wave: vec![Complex::default(); length / 2],
            scratch: vec![Complex::default(); inverse.get_outofplace_scratch_len()],
            window: (0..length).map(|i| (0.5 - 0.5 * turn(i).cos()) as f32 * scale).collect(),
            bins: geometry.bins,
            inverse,
        }
    }

    /// Length of one frame's waveform in (oversampled) samples.
    pub fn window_len(&self) -> usize {
        self.window.len()
    }

    /// Adds one frame to the first [`Self::window_len`] samples of `out`: [`Self::compute`] and [`Self::add_to`] in one.
    pub fn add(&mut self, magnitude: &[f32], phase_turns: &[f32], cutoff_bins: usize, out: &mut [f32]) {
        self.compute(magnitude, phase_turns, cutoff_bins);
        self.add_to(0, out);
    }

    /// Computes the waveform of a frame, which [`Self::write_to`] and its like then hand out, in parts if one likes.
    ///
    /// `magnitude` and `phase_turns` hold the bins without DC. Bins from `cutoff_bins` on are left out, which band-limits
    /// a note that is to be transposed upwards.
    ///
    /// The inverse transform of a real signal x of length N goes through a complex one of half its length, z[n] = x[2n] +
    /// i x[2n + 1]. With W = e^(2 pi i / N), bin k of x adds X (1 + i W^k) to bin k of z, and conj(X) (1 + i W^-k) to bin
    /// N / 2 - k. The two never meet where the spectrum is zero-padded, and the zeros cost nothing.
    pub fn compute(&mut self, magnitude: &[f32], phase_turns: &[f32], cutoff_bins: usize) {
        let used = cutoff_bins.min(self.bins);
        let inner = used.min(self.bins - 1);
        let half = self.folded.len();
        let turns = (&self.sines[..inner], &self.cosines[..inner]);
        let (low, high) = self.folded.split_at_mut(half - inner);
        low[0] = Complex::default();
        low[inner + 1..].fill(Complex::default());
        unfold((&magnitude[..inner], &phase_turns[..inner]), turns, &mut low[1..=inner], high);
        if used == self.bins {
            // The published inverse takes the real part of the Nyquist bin, and once, where all others count twice.
            let nyquist = 0.5 * magnitude[inner] * sin_cos_turns::<false>(phase_turns[inner]).1;
            let (sin, cos) = (self.sines[inner], self.cosines[inner]);
            self.folded[self.bins] += Complex::new(nyquist * (1.0 - sin), nyquist * cos);
            self.folded[half - self.bins] += Complex::new(nyquist * (1.0 + sin), nyquist * cos);
        }
        self.inverse.process_outofplace_with_scratch(&mut self.folded, &mut self.wave, &mut self.scratch);
    }

    /// Writes the samples of the windowed frame from `first` on, which is even, as far as `out` goes.
    pub fn write_to(&self, first: usize, out: &mut [f32]) {
        self.each_sample(first, out, |out, sample| *out = sample);
    }

    /// As [`Self::write_to`], but adds them to what `out` holds.
    pub fn add_to(&self, first: usize, out: &mut [f32]) {
        self.each_sample(first, out, |out, sample| *out += sample);
    }

    /// As [`Self::add_to`], but takes them away.
    pub fn take_from(&self, first: usize, out: &mut [f32]) {
        self.each_sample(first, out, |out, sample| *out -= sample);
    }

    #[inline(always)]
    fn each_sample(&self, first: usize, out: &mut [f32], put: impl Fn(&mut f32, f32)) {
        each_product(&self.wave[first / 2..], &self.window[first..], out, put);
    }
}

/// What bins from 1 on add to those of the transform of half the length, and to their mirror images in `high`, of which the
/// last belongs to bin 1. Bins come as magnitudes and phases in turns; `turns` has the sines and cosines of their angles.
#[multiversion(targets("x86_64+avx2+fma"))]
fn unfold(
    (magnitude, phase): (&[f32], &[f32]),
    (sines, cosines): (&[f32], &[f32]),
    low: &mut [Complex<f32>],
    high: &mut [Complex<f32>],
) {
    const FUSED: bool = is_fused!();
    let bins = magnitude.iter().zip(phase).zip(sines.iter().zip(cosines));
    for ((low, high), ((&m, &p), (&sin, &cos))) in low.iter_mut().zip(high.iter_mut().rev()).zip(bins) {
        let (y, x) = sin_cos_turns::<FUSED>(p);
        let (x, y) = (m * x, m * y);
        // What i W^k makes of it.
        let (turned_x, turned_y) = (mul_add::<FUSED>(x, sin, y * cos), mul_add::<FUSED>(x, cos, -(y * sin)));
        *low = Complex::new(x - turned_x, y + turned_y);
        *high = Complex::new(x + turned_x, turned_y - y);
    }
}

/// Puts each sample of a signal, times a window, to one of `out`.
#[multiversion(targets("x86_64+avx2"))]
fn each_product(wave: &[Complex<f32>], window: &[f32], out: &mut [f32], put: impl Fn(&mut f32, f32)) {
    let (window, _) = window.as_chunks::<2>();
    for (([even, odd], wave), window) in out.as_chunks_mut::<2>().0.iter_mut().zip(wave).zip(window) {
        put(even, wave.re * window[0]);
        put(odd, wave.im * window[1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_exact_to_a_millionth<const FUSED: bool>() {
        for i in -40_000..40_000 {
            let turns = i as f32 * 1.234e-4;
            let (sin, cos) = sin_cos_turns::<FUSED>(turns);
            let exact = f64::from(turns) * std::f64::consts::TAU;
            assert!((f64::from(sin) - exact.sin()).abs() < 1e-6, "sin at {turns} turns");
            assert!((f64::from(cos) - exact.cos()).abs() < 1e-6, "cos at {turns} turns");
        }
    }

    #[test]
    fn sine_and_cosine_are_exact_to_a_millionth() {
        is_exact_to_a_millionth::<false>();
        is_exact_to_a_millionth::<true>();
    }

    #[test]
    fn a_frame_is_handed_out_in_parts_and_nothing_of_an_earlier_one_is_left() {
        let geometry = Geometry { frames: 128, bins: 1024, hop: 512, pad_left: 3072, sample_rate: 16_000 };
        let mut synth = FrameSynth::new(geometry, 2);
        let (magnitude, phase) = (vec![1.0; 1024], vec![0.2; 1024]);
        for cutoff in [0, 1, 700, 1023, 1024, 9_999] {
            synth.compute(&magnitude, &phase, 1024);
            let mut whole = vec![0.0; 4096];
            synth.add(&magnitude, &phase, cutoff, &mut whole);
            assert_eq!(whole.iter().any(|&sample| sample != 0.0), cutoff > 0, "cutoff {cutoff}");
            let mut parts = vec![7.0; 4096];
            for (n, part) in parts.chunks_mut(1024).enumerate() {
                synth.write_to(1024 * n, part);
            }
            assert_eq!(parts, whole, "cutoff {cutoff}");
            synth.take_from(1024, &mut parts[1024..2048]);
            assert!(parts[1024..2048].iter().all(|&sample| sample == 0.0));
        }
    }

    #[test]
    fn an_oversampled_frame_passes_through_the_samples_of_the_published_one() {
        let geometry = Geometry { frames: 128, bins: 1024, hop: 512, pad_left: 3072, sample_rate: 16_000 };
        let magnitude: Vec<f32> = (0..1024).map(|k| 1.0 + ((k * 37) % 101) as f32).collect();
        let phase: Vec<f32> = (0..1024).map(|k| ((k * 53) % 97) as f32 / 97.0 - 0.5).collect();
        for oversampling in [2, 4] {
            let mut wave = vec![0.0; 2048 * oversampling];
            FrameSynth::new(geometry, oversampling).add(&magnitude, &phase, 1024, &mut wave);
            let peak = wave.iter().fold(0.0f32, |a, x| a.max(x.abs()));
            assert!(peak > 1.0, "the frame is not silent");
            // The published inverse, by its definition: the real part of the Nyquist bin counts once, all others twice.
            for n in (0..2048).step_by(41) {
                let turn = n as f64 / 2048.0;
                let sum: f64 = (1..=1024)
                    .map(|bin| {
                        let (m, p) = (f64::from(magnitude[bin - 1]), f64::from(phase[bin - 1]));
                        let own = std::f64::consts::TAU * (p + if bin == 1024 { 0.0 } else { bin as f64 * turn });
                        let sign = if bin == 1024 && n % 2 == 1 { -1.0 } else { 1.0 };
                        if bin == 1024 { sign * m * own.cos() } else { 2.0 * m * own.cos() }
                    })
                    .sum();
                let window = 0.5 - 0.5 * (std::f64::consts::TAU * turn).cos();
                let right = sum / 2048.0 * window / f64::from(HANN_SQUARED_OVERLAP);
                let found = f64::from(wave[n * oversampling]);
                assert!((found - right).abs() < 1e-5 * f64::from(peak), "sample {n}: {found} against {right}");
            }
        }
    }
}
