//! One frame of the inverse short-time Fourier transform, overlap-added: the piece that the whole inverse, the worker and
//! the voices share.
//!
//! Nothing here allocates after construction, so that a voice can call it on the audio thread.

use std::f32::consts::TAU;
use std::sync::Arc;

use multiversion::multiversion;
use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner};

use crate::note::Geometry;

/// Sum of the squared periodic Hann window over the four windows that overlap at any sample. The published inverse window
/// is the Hann window over this sum (`inverse_stft_window_fn` of TensorFlow).
const HANN_SQUARED_OVERLAP: f32 = 1.5;

/// Sine and cosine of a phase in turns, each to a few 1e-7.
///
/// The phase is folded to a quarter turn, where five terms of the Taylor series after the first suffice. There is no
/// branch and no table, so that the compiler makes vectors of it.
#[inline(always)]
pub fn sin_cos_turns(turns: f32) -> (f32, f32) {
    // Wrapped first: a quarter added to a large phase would lose its last bits.
    let turns = wrap_turns(turns);
    (sin_turns(turns), sin_turns(wrap_turns(turns + 0.25)))
}

/// Sine of a phase between -0.5 and 0.5 turns.
#[inline(always)]
fn sin_turns(turns: f32) -> f32 {
    let x = turns.min(0.5 - turns).max(-0.5 - turns);
    let t = TAU * x;
    let t2 = t * t;
    t * (1.0 - t2 / 6.0 * (1.0 - t2 / 20.0 * (1.0 - t2 / 42.0 * (1.0 - t2 / 72.0 * (1.0 - t2 / 110.0)))))
}

/// A phase in turns brought to -0.5..0.5, for phases up to a million turns.
#[inline(always)]
pub fn wrap_turns(turns: f32) -> f32 {
    // Adding and taking away 1.5 * 2^23 rounds to the nearest integer, and is a vector operation on every processor.
    const ROUND: f32 = 12_582_912.0;
    turns - ((turns + ROUND) - ROUND)
}

/// Turns polar frames into windowed waveforms and adds them up.
pub struct FrameSynth {
    inverse: Arc<dyn ComplexToReal<f32>>,
    spectrum: Vec<Complex<f32>>,
    wave: Vec<f32>,
    scratch: Vec<Complex<f32>>,
    /// The published inverse window, the transform's 1 / n_fft included.
    window: Vec<f32>,
    bins: usize,
    oversampling: usize,
}

impl FrameSynth {
    /// `oversampling` is a power of two: 1 gives the published inverse, 2 gives the same signal at twice the rate, by
    /// zero-padding the spectrum. Every `oversampling`-th sample equals the published one.
    pub fn new(geometry: Geometry, oversampling: usize) -> Self {
        assert!(oversampling.is_power_of_two(), "the oversampling is a power of two");
        let length = geometry.n_fft() * oversampling;
        let inverse = RealFftPlanner::new().plan_fft_inverse(length);
        let scale = 1.0 / (HANN_SQUARED_OVERLAP * geometry.n_fft() as f32);
        let window = (0..length)
            .map(|i| {
                let turn = i as f64 / length as f64;
                (0.5 - 0.5 * (std::f64::consts::TAU * turn).cos()) as f32 * scale
            })
            .collect();
        Self {
            spectrum: inverse.make_input_vec(),
            wave: inverse.make_output_vec(),
            scratch: inverse.make_scratch_vec(),
            window,
            bins: geometry.bins,
            oversampling,
            inverse,
        }
    }

    /// Length of one frame's waveform in (oversampled) samples.
    pub fn window_len(&self) -> usize {
        self.window.len()
    }

    /// Adds one frame to the first [`Self::window_len`] samples of `out`.
    ///
    /// `magnitude` and `phase_turns` hold the bins without DC. Bins from `cutoff_bins` on are left out, which band-limits
    /// a note that is to be transposed upwards.
    pub fn add(&mut self, magnitude: &[f32], phase_turns: &[f32], cutoff_bins: usize, out: &mut [f32]) {
        let used = cutoff_bins.min(self.bins);
        let (magnitude, phase_turns) = (&magnitude[..used], &phase_turns[..used]);
        self.spectrum.fill(Complex::default());
        rectangular(magnitude, phase_turns, &mut self.spectrum[1..=used]);
        if used == self.bins {
            // The published inverse takes the real part of the Nyquist bin, once; an inner bin counts twice.
            let nyquist = &mut self.spectrum[used];
            *nyquist = Complex::new(if self.oversampling == 1 { nyquist.re } else { 0.5 * nyquist.re }, 0.0);
        }
        let result = self.inverse.process_with_scratch(&mut self.spectrum, &mut self.wave, &mut self.scratch);
        debug_assert!(result.is_ok(), "the buffers were made by the plan");
        add_product(&self.wave, &self.window, out);
    }
}

/// Polar to rectangular.
#[multiversion(targets("x86_64+avx2"))]
fn rectangular(magnitude: &[f32], phase_turns: &[f32], spectrum: &mut [Complex<f32>]) {
    for ((bin, &m), &p) in spectrum.iter_mut().zip(magnitude).zip(phase_turns) {
        let (sin, cos) = sin_cos_turns(p);
        *bin = Complex::new(m * cos, m * sin);
    }
}

/// Adds the products of two signals to a third.
#[multiversion(targets("x86_64+avx2"))]
fn add_product(one: &[f32], other: &[f32], out: &mut [f32]) {
    for ((out, one), other) in out.iter_mut().zip(one).zip(other) {
        *out += one * other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_and_cosine_are_exact_to_a_millionth() {
        for i in -40_000..40_000 {
            let turns = i as f32 * 1.234e-4;
            let (sin, cos) = sin_cos_turns(turns);
            let exact = f64::from(turns) * std::f64::consts::TAU;
            assert!((f64::from(sin) - exact.sin()).abs() < 1e-6, "sin at {turns} turns");
            assert!((f64::from(cos) - exact.cos()).abs() < 1e-6, "cos at {turns} turns");
        }
    }

    #[test]
    fn oversampled_frame_passes_through_the_samples_of_the_published_one() {
        let geometry = Geometry { frames: 128, bins: 1024, hop: 512, pad_left: 3072, sample_rate: 16_000 };
        let magnitude: Vec<f32> = (0..1024).map(|k| 1.0 + ((k * 37) % 101) as f32).collect();
        let phase: Vec<f32> = (0..1024).map(|k| ((k * 53) % 97) as f32 / 97.0 - 0.5).collect();
        let mut once = vec![0.0; 2048];
        FrameSynth::new(geometry, 1).add(&magnitude, &phase, 1024, &mut once);
        let mut twice = vec![0.0; 4096];
        FrameSynth::new(geometry, 2).add(&magnitude, &phase, 1024, &mut twice);
        let peak = once.iter().fold(0.0f32, |a, x| a.max(x.abs()));
        assert!(peak > 1.0, "the frame is not silent");
        for (i, (a, b)) in once.iter().zip(twice.iter().step_by(2)).enumerate() {
            assert!((a - b).abs() < 1e-5 * peak, "sample {i}: {a} against {b}");
        }
    }
}
