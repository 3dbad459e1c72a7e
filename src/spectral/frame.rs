//! One frame of the inverse short-time Fourier transform, overlap-added: the piece that the whole inverse, the worker and
//! the voices share.
//!
//! What depends on the sizes alone is a [`FramePlan`], which the worker makes and each note brings along; what is written to
//! is a [`FrameSynth`], of which whoever computes has one for all sizes. So nothing allocates on the audio thread, and a plan is
//! freed where notes are.

use std::f32::consts::FRAC_PI_2;
use std::ops::Range;
use std::sync::{Arc, Weak};

use multiversion::multiversion;
use parking_lot::Mutex;
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

use crate::expression::TouchScale;
use crate::fused::{is_fused, mul_add};
use crate::geometry::{Geometry, MAX_BINS, MAX_SYNTHESIS_FFT, OVERLAP};

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

/// What all frames of one geometry need to become windowed waveforms. Never changed once it is made: shared by all notes, and
/// read by any number of threads.
pub struct FramePlan {
    geometry: Geometry,
    /// Of half the window's length: two real samples are one complex one.
    inverse: Arc<dyn Fft<f32>>,
    /// Sines and cosines of the angles of all bins; see [`FrameSynth::compute`].
    sines: Box<[f32]>,
    cosines: Box<[f32]>,
    /// The published inverse window, the transform's 1 / n_fft included.
    window: Box<[f32]>,
    /// Where the bins lie among the points at which a model says what velocity does.
    touch: TouchScale,
    /// The gains of a note's first samples.
    fade: Box<[f32]>,
}

/// The plans that notes hold now.
static PLANS: Mutex<Vec<Weak<FramePlan>>> = Mutex::new(Vec::new());

impl FramePlan {
    /// The plan by which voices play notes of a geometry: the same one for all. Locks, and may compute for some milliseconds.
    pub fn of(geometry: Geometry) -> Arc<Self> {
        let mut plans = PLANS.lock();
        plans.retain(|plan| plan.strong_count() > 0);
        if let Some(plan) = plans.iter().filter_map(Weak::upgrade).find(|plan| plan.geometry == geometry) {
            return plan;
        }
        let plan = Arc::new(Self::new(geometry, geometry.synthesis_fft()));
        plans.push(Arc::downgrade(&plan));
        plan
    }

    /// The published inverse at a higher rate, by zero-padding the spectrum to `length`. With a multiple of the FFT's own length
    /// every so-manieth sample equals the published one.
    ///
    /// # Panics
    /// When the length is no multiple of 8, or so short that the highest bin would meet its own image, or longer than
    /// [`FrameSynth`] has room for.
    pub fn new(geometry: Geometry, length: usize) -> Self {
        let is_right = length.is_multiple_of(8) && 2 * geometry.bins < length && length <= LONGEST;
        assert!(is_right, "an FFT of {length} does not fit {} bins", geometry.bins);
        let inverse = FftPlanner::new().plan_fft_inverse(length / 2);
        assert!(inverse.get_outofplace_scratch_len() <= SCRATCH, "an FFT of {length} needs more room than there is");
        let turn = |i: usize| std::f64::consts::TAU * i as f64 / length as f64;
        let scale = 1.0 / (HANN_SQUARED_OVERLAP * geometry.n_fft as f32);
        Self {
            sines: (1..=geometry.bins).map(|bin| turn(bin).sin() as f32).collect(),
            cosines: (1..=geometry.bins).map(|bin| turn(bin).cos() as f32).collect(),
            window: (0..length).map(|i| (0.5 - 0.5 * turn(i).cos()) as f32 * scale).collect(),
            touch: TouchScale::new(geometry.bins, geometry.bin_hz(), geometry.sample_rate),
            fade: fade(geometry.voice_rate()),
            inverse,
            geometry,
        }
    }

    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Lets a note begin as a recording does, and not in the middle of what its first windows hold: `samples` are those of its
    /// head from `first` on. What lies before the note becomes silent.
    pub fn fade_in(&self, first: usize, samples: &mut [f32]) {
        let start = self.geometry.voice_start();
        let (silent, begun) = samples.split_at_mut(start.saturating_sub(first).min(samples.len()));
        silent.fill(0.0);
        let fade = self.fade.get(first.saturating_sub(start)..).unwrap_or_default();
        begun.iter_mut().zip(fade).for_each(|(sample, gain)| *sample *= gain);
    }

    /// Where the bins lie among the points of a touch.
    pub fn touch(&self) -> &TouchScale {
        &self.touch
    }

    /// Length of one frame's waveform in samples.
    pub fn window_len(&self) -> usize {
        self.window.len()
    }

    /// Samples from one frame to the next.
    pub fn hop(&self) -> usize {
        self.window.len() / OVERLAP
    }
}

impl PartialEq for FramePlan {
    fn eq(&self, other: &Self) -> bool {
        (self.geometry, self.window.len()) == (other.geometry, other.window.len())
    }
}

/// A note fades in over this time, in seconds: over 36 notes of 12 sounds the click of a sudden beginning falls from -29 dB above
/// the model's band to -79 dB against the loudest moment at worst, and no attack takes so short.
const FADE_SECONDS: f64 = 0.001;

/// The gains of a note's first samples, half a period of a cosine.
fn fade(rate: f64) -> Box<[f32]> {
    let count = (FADE_SECONDS * rate).round();
    let gain = |i: u32| 0.5 - 0.5 * (std::f64::consts::PI * (f64::from(i) + 0.5) / count).cos();
    (0..count as u32).map(|i| gain(i) as f32).collect()
}

/// The longest window: that of a voice, or twice the longest FFT of a model, by which [`super::Synthesis`] goes.
const LONGEST: usize = if MAX_SYNTHESIS_FFT > 4 * MAX_BINS { MAX_SYNTHESIS_FFT } else { 4 * MAX_BINS };

/// What the transforms of all lengths need beside their samples: no more than these are.
const SCRATCH: usize = LONGEST;

/// Turns polar frames of any plan into windowed waveforms.
pub struct FrameSynth {
    /// What goes into the transform, and what comes out of it.
    folded: Box<[Complex<f32>]>,
    wave: Box<[Complex<f32>]>,
    scratch: Box<[Complex<f32>]>,
}

impl Default for FrameSynth {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameSynth {
    pub fn new() -> Self {
        let zeros = |len| vec![Complex::default(); len].into_boxed_slice();
        Self { folded: zeros(LONGEST / 2), wave: zeros(LONGEST / 2), scratch: zeros(SCRATCH) }
    }

    /// Computes the waveform of a frame, which can then be handed out in parts.
    ///
    /// `magnitude` and `phase_turns` hold the lowest bins without DC, as many as sound. Bins from `cutoff_bins` on are left
    /// out, which band-limits a note that is to be transposed upwards.
    ///
    /// The inverse transform of a real signal x of length N goes through a complex one of half its length, z[n] = x[2n] +
    /// i x[2n + 1]. With W = e^(2 pi i / N), bin k of x adds X (1 + i W^k) to bin k of z, and conj(X) (1 + i W^-k) to bin
    /// N / 2 - k. Below N / 4 the two never meet, and where the spectrum is zero-padded the zeros cost nothing.
    pub fn compute<'a>(
        &'a mut self,
        plan: &'a FramePlan,
        magnitude: &[f32],
        phase_turns: &[f32],
        cutoff_bins: usize,
    ) -> Waveform<'a> {
        let Geometry { bins, .. } = plan.geometry;
        let used = cutoff_bins.min(magnitude.len()).min(bins);
        let has_nyquist = used == bins && plan.geometry.has_nyquist();
        let inner = used - usize::from(has_nyquist);
        let half = plan.window.len() / 2;
        let folded = &mut self.folded[..half];
        // The bins that meet none of the others.
        let apart = inner.min(half / 2 - 1);
        let part = |range: Range<usize>| {
            (
                (&magnitude[range.clone()], &phase_turns[range.clone()]),
                (&plan.sines[range.clone()], &plan.cosines[range]),
            )
        };
        let (low, high) = folded.split_at_mut(half - apart);
        low[0] = Complex::default();
        low[apart + 1..].fill(Complex::default());
        let (polar, turns) = part(0..apart);
        unfold(polar, turns, &mut low[1..=apart], high, |_, new| new);
        if apart < inner {
            // The bin in the middle meets itself, and those above it meet the images of those below.
            let (polar, turns) = part(apart..apart + 1);
            let mut middle = [Complex::default(); 2];
            let [low, high] = &mut middle;
            unfold(polar, turns, std::slice::from_mut(low), std::slice::from_mut(high), |_, new| new);
            folded[half / 2] = middle[0] + middle[1];
            let (below, above) = folded.split_at_mut(half / 2 + 1);
            let (polar, turns) = part(apart + 1..inner);
            let count = inner - apart - 1;
            unfold(polar, turns, &mut above[..count], &mut below[half / 2 - count..half / 2], |old, new| old + new);
        }
        if has_nyquist {
            // The published inverse takes the real part of the Nyquist bin, and once, where all others count twice.
            let nyquist = 0.5 * magnitude[inner] * sin_cos_turns::<false>(phase_turns[inner]).1;
            let (sin, cos) = (plan.sines[inner], plan.cosines[inner]);
            folded[bins] += Complex::new(nyquist * (1.0 - sin), nyquist * cos);
            folded[half - bins] += Complex::new(nyquist * (1.0 + sin), nyquist * cos);
        }
        let wave = &mut self.wave[..half];
        plan.inverse.process_outofplace_with_scratch(folded, wave, &mut self.scratch);
        Waveform { wave, window: &plan.window }
    }
}

/// One frame as sound.
pub struct Waveform<'a> {
    wave: &'a [Complex<f32>],
    window: &'a [f32],
}

impl Waveform<'_> {
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

/// What bins add to those of the transform of half the length in `low`, and to their mirror images in `high`, of which the
/// last belongs to the first bin. `put` makes the new value of the old one and the bin's. Bins come as magnitudes and phases in turns; `turns` has the sines and cosines of their angles.
#[multiversion(targets("x86_64+avx2+fma"))]
fn unfold(
    (magnitude, phase): (&[f32], &[f32]),
    (sines, cosines): (&[f32], &[f32]),
    low: &mut [Complex<f32>],
    high: &mut [Complex<f32>],
    put: impl Fn(Complex<f32>, Complex<f32>) -> Complex<f32>,
) {
    const FUSED: bool = is_fused!();
    let bins = magnitude.iter().zip(phase).zip(sines.iter().zip(cosines));
    for ((low, high), ((&m, &p), (&sin, &cos))) in low.iter_mut().zip(high.iter_mut().rev()).zip(bins) {
        let (y, x) = sin_cos_turns::<FUSED>(p);
        let (x, y) = (m * x, m * y);
        // What i W^k makes of it.
        let (turned_x, turned_y) = (mul_add::<FUSED>(x, sin, y * cos), mul_add::<FUSED>(x, cos, -(y * sin)));
        *low = put(*low, Complex::new(x - turned_x, y + turned_y));
        *high = put(*high, Complex::new(x + turned_x, turned_y - y));
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

    const PUBLISHED: Geometry =
        Geometry { frames: 128, bins: 1024, n_fft: 2048, hop: 512, pad_left: 3072, sample_rate: 16_000 };

    #[test]
    fn a_frame_is_handed_out_in_parts_and_nothing_of_an_earlier_one_is_left() {
        let plan = FramePlan::of(PUBLISHED);
        let mut synth = FrameSynth::new();
        let (magnitude, phase) = (vec![1.0; 1024], vec![0.2; 1024]);
        for cutoff in [0, 1, 700, 1023, 1024, 9_999] {
            synth.compute(&plan, &magnitude, &phase, 1024);
            let frame = synth.compute(&plan, &magnitude, &phase, cutoff);
            let mut whole = vec![0.0; 4096];
            frame.add_to(0, &mut whole);
            assert_eq!(whole.iter().any(|&sample| sample != 0.0), cutoff > 0, "cutoff {cutoff}");
            let mut parts = vec![7.0; 4096];
            for (n, part) in parts.chunks_mut(1024).enumerate() {
                frame.write_to(1024 * n, part);
            }
            assert_eq!(parts, whole, "cutoff {cutoff}");
            frame.take_from(1024, &mut parts[1024..2048]);
            assert!(parts[1024..2048].iter().all(|&sample| sample == 0.0));
        }
    }

    /// A frame's waveform is the published inverse by its definition, at whole samples of the model or between them.
    fn is_the_inverse(geometry: Geometry, length: usize, sounding: usize) {
        let Geometry { bins, n_fft, .. } = geometry;
        let magnitude: Vec<f32> = (0..sounding).map(|k| 1.0 + ((k * 37) % 101) as f32).collect();
        let phase: Vec<f32> = (0..sounding).map(|k| ((k * 53) % 97) as f32 / 97.0 - 0.5).collect();
        let plan = FramePlan::new(geometry, length);
        let mut synth = FrameSynth::new();
        let mut wave = vec![0.0; length];
        synth.compute(&plan, &magnitude, &phase, bins).write_to(0, &mut wave);
        let peak = wave.iter().fold(0.0f32, |a, x| a.max(x.abs()));
        assert!(peak > 1e-5, "the frame is not silent");
        for n in (0..length).step_by(if length == 2 * n_fft { 82 } else { 41 }) {
            let turn = n as f64 / length as f64;
            let sum: f64 = (1..=sounding)
                .map(|bin| {
                    let (m, p) = (f64::from(magnitude[bin - 1]), f64::from(phase[bin - 1]));
                    // The real part of the Nyquist bin counts once, all others twice.
                    let is_nyquist = 2 * bin == n_fft;
                    let own = std::f64::consts::TAU * (p + if is_nyquist { 0.0 } else { bin as f64 * turn });
                    let sign = if is_nyquist && n * n_fft / length % 2 == 1 { -1.0 } else { 1.0 };
                    if is_nyquist { sign * m * own.cos() } else { 2.0 * m * own.cos() }
                })
                .sum();
            let window = 0.5 - 0.5 * (std::f64::consts::TAU * turn).cos();
            let right = sum / n_fft as f64 * window / f64::from(HANN_SQUARED_OVERLAP);
            let found = f64::from(wave[n]);
            assert!((found - right).abs() < 1e-5 * f64::from(peak), "{length}, sample {n}: {found} against {right}");
        }
    }

    #[test]
    fn an_oversampled_frame_passes_through_the_samples_of_the_published_one() {
        is_the_inverse(PUBLISHED, 4096, 1024);
        is_the_inverse(PUBLISHED, 4096, 300);
    }

    #[test]
    fn a_full_band_frame_is_the_inverse_at_the_rate_of_its_voice() {
        let geometry = Geometry::named(48_000, 6_144, 1_536, 128, 2_560).unwrap();
        // Bins below, at and above the middle of the transform.
        for sounding in [1, 2_047, 2_048, 2_049, 2_050, 2_560] {
            is_the_inverse(geometry, geometry.synthesis_fft(), sounding);
        }
        is_the_inverse(geometry, 2 * geometry.n_fft, 2_560);
    }

    #[test]
    fn there_is_one_plan_for_all_notes_of_a_geometry_and_it_goes_with_the_last() {
        let geometry = Geometry { pad_left: 1_234, ..PUBLISHED };
        let plan = FramePlan::of(geometry);
        assert!(Arc::ptr_eq(&plan, &FramePlan::of(geometry)));
        let gone = Arc::downgrade(&plan);
        drop(plan);
        assert!(gone.upgrade().is_none());
    }

    #[test]
    fn there_is_room_for_every_length() {
        for power in 3..13 {
            for length in [4, 5, 6].map(|factor| factor << power).into_iter().filter(|&length| length <= LONGEST) {
                FramePlan::new(Geometry { bins: 1, ..PUBLISHED }, length);
            }
        }
    }
}
