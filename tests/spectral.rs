//! The spectral representations against the values of the published code, and against themselves.

mod golden;

use std::collections::BTreeMap;
use std::f64::consts::{PI, TAU};

use realfft::RealFftPlanner;
use realfft::num_complex::Complex;
use timbrel::spectral::{
    Analysis, InstantaneousFrequency, MelScale, NOTE_SAMPLES, Normaliser, PolarMap, Representation, SpectralError,
    crop_or_pad, synthesise,
};

const HIRES_FRAMES: [usize; 4] = [3, 6, 64, 127];
const NORMAL_FRAMES: [usize; 4] = [7, 9, 128, 255];

/// Row `frame` of one channel of an image.
fn row(image: &[f32], representation: Representation, channel: usize, frame: usize) -> &[f32] {
    let geometry = representation.geometry();
    let start = (channel * geometry.frames + frame) * geometry.bins;
    &image[start..start + geometry.bins]
}

/// Log-magnitudes of a frame: each magnitude right to 1e-4 of itself, or to the rounding of a single-precision Fourier
/// transform, which is some 1e-7 of the frame's greatest.
fn check_level(found: &[f32], right: &[f32], what: &str) {
    let greatest = greatest(right);
    for (bin, (found, right)) in found.iter().zip(right).enumerate() {
        let difference = (found.exp() - right.exp()).abs();
        let tolerance = 1e-4 * right.exp() + 2e-7 * greatest;
        assert!(difference < tolerance, "{what}, bin {bin}: {found} where {right} is right");
    }
}

/// Angles of a frame in units of pi, modulo 2: right to 1e-4, each weighted by its magnitude (`level` is its logarithm)
/// relative to the frame's greatest, since the angle of a silent bin is noise.
fn check_angle(found: &[f32], right: &[f32], level: &[f32], what: &str) {
    let greatest = greatest(level);
    // Digital silence, which has no angle at all: a sine of the least step of 16 bits has a magnitude of 0.016.
    if greatest < 0.016 {
        return;
    }
    for (bin, ((found, right), level)) in found.iter().zip(right).zip(level).enumerate() {
        let difference = (found - right + 1.0).rem_euclid(2.0) - 1.0;
        let weight = level.exp() / greatest;
        assert!(weight * difference.abs() < 1e-4, "{what}, bin {bin}: {found} where {right} is right");
    }
}

/// The greatest magnitude, from logarithms.
fn greatest(level: &[f32]) -> f32 {
    level.iter().copied().fold(f32::MIN, f32::max).exp()
}

/// Log-power to log-magnitude.
fn half(level: &[f32]) -> Vec<f32> {
    level.iter().map(|level| 0.5 * level).collect()
}

/// Waves: right to 1e-4 of full scale.
fn check_wave(found: &[f32], right: &[f32], what: &str) {
    assert_eq!(found.len(), right.len(), "{what}");
    let worst = found.iter().zip(right).map(|(found, right)| (found - right).abs()).fold(0.0, f32::max);
    println!("{what}: largest difference {worst:.2e}");
    assert!(worst < 1e-4, "{what}: {worst}");
}

#[test]
fn mel_matrices_are_the_published_ones() {
    for bins in [1024, 512] {
        let golden = golden::read(&format!("mel_{bins}"));
        let columns: Vec<&[f32]> = golden.chunks_exact(golden.len() / 4).collect();
        let weights = |values: &[f32]| -> BTreeMap<(usize, usize), f32> {
            (0..values.len()).map(|i| ((columns[1][i] as usize, columns[0][i] as usize), values[i])).collect()
        };
        let mel = MelScale::new(bins, 16_000);
        let forward = mel.to_mel_weights().map(|(mel, linear, weight)| ((mel, linear), weight)).collect();
        assert_eq!(weights(columns[2]), forward, "to mel, {bins} bins");
        let inverse = mel.to_linear_weights().map(|(linear, mel, weight)| ((mel, linear), weight)).collect();
        assert_eq!(weights(columns[3]), inverse, "to linear, {bins} bins");
    }
}

#[test]
fn unwrapping_at_half_turns_is_as_published() {
    let golden = golden::read("unwrap");
    let [phases, unwrapped, frequencies] = [0, 1, 2].map(|i| &golden[16 * i..16 * (i + 1)]);
    let mut unwrap = InstantaneousFrequency::new(1);
    let mut sum = 0.0;
    for i in 0..16 {
        let mut frequency = [0.0];
        unwrap.advance(&phases[i..=i], &mut frequency);
        assert!((frequency[0] - frequencies[i]).abs() < 1e-6, "step {i}: {} is not {}", frequency[0], frequencies[i]);
        sum += frequency[0] * PI as f32;
        assert!((sum - unwrapped[i]).abs() < 1e-5, "step {i}: unwrapped to {sum} and not {}", unwrapped[i]);
    }
}

#[test]
fn analysis_at_high_frequency_resolution_is_as_published() {
    let golden = golden::read("frames_hires");
    for wave in 0..2 {
        let right = |what: usize, frame: usize| &golden[((wave * 7 + what) * 4 + frame) * 1024..][..1024];
        let samples = golden::wave(wave);
        let phase = Analysis::new(Representation::PhaseHires).analyse(&samples).unwrap();
        let linear = Analysis::new(Representation::IfHires).analyse(&samples).unwrap();
        let mel = Analysis::new(Representation::IfMelHires).analyse(&samples).unwrap();
        for (i, &frame) in HIRES_FRAMES.iter().enumerate() {
            let what = format!("wave {wave}, frame {frame}");
            let row = |image, channel| row(image, Representation::IfHires, channel, frame);
            check_level(row(&phase, 0), right(0, i), &format!("{what}, phase level"));
            check_angle(row(&phase, 1), right(1, i), right(0, i), &format!("{what}, phase"));
            check_level(row(&linear, 0), right(0, i), &format!("{what}, linear level"));
            check_angle(row(&linear, 1), right(2, i), right(0, i), &format!("{what}, linear IF"));
            check_level(&half(row(&mel, 0)), &half(right(3, i)), &format!("{what}, mel level"));
            check_angle(row(&mel, 1), right(4, i), &half(right(3, i)), &format!("{what}, mel IF"));
        }
    }
}

#[test]
fn analysis_at_normal_frequency_resolution_is_as_published() {
    let golden = golden::read("frames_normal");
    let right = |what: usize, frame: usize| &golden[(what * 4 + frame) * 512..][..512];
    let samples = golden::wave(0);
    let phase = Analysis::new(Representation::Phase).analyse(&samples).unwrap();
    let linear = Analysis::new(Representation::If).analyse(&samples).unwrap();
    let mel = Analysis::new(Representation::IfMel).analyse(&samples).unwrap();
    for (i, &frame) in NORMAL_FRAMES.iter().enumerate() {
        let what = format!("frame {frame} of 256");
        let row = |image, channel| row(image, Representation::If, channel, frame);
        check_level(row(&phase, 0), right(0, i), &format!("{what}, phase level"));
        check_angle(row(&phase, 1), right(1, i), right(0, i), &format!("{what}, phase"));
        check_level(row(&linear, 0), right(0, i), &format!("{what}, linear level"));
        check_angle(row(&linear, 1), right(2, i), right(0, i), &format!("{what}, linear IF"));
        check_level(&half(row(&mel, 0)), &half(right(3, i)), &format!("{what}, mel level"));
        check_angle(row(&mel, 1), right(4, i), &half(right(3, i)), &format!("{what}, mel IF"));
    }
}

#[test]
fn mel_comes_back_to_linear_as_published() {
    let golden = golden::read("frames_hires");
    let mut polar = PolarMap::new(Representation::IfMelHires);
    let geometry = polar.geometry();
    let cells = geometry.frames * geometry.bins;
    for wave in 0..2 {
        let right = |what: usize, frame: usize| &golden[((wave * 7 + what) * 4 + frame) * 1024..][..1024];
        let mut image = vec![0.0; 2 * cells];
        for (i, &frame) in HIRES_FRAMES.iter().enumerate() {
            image[frame * 1024..][..1024].copy_from_slice(right(3, i));
            image[cells + frame * 1024..][..1024].copy_from_slice(right(4, i));
        }
        let (mut magnitude, mut advance_turns) = (vec![0.0; cells], vec![0.0; cells]);
        polar.convert(&image, &mut magnitude, &mut advance_turns);
        for (i, &frame) in HIRES_FRAMES.iter().enumerate() {
            let what = format!("wave {wave}, frame {frame}, mel to linear");
            let level: Vec<f32> = magnitude[frame * 1024..][..1024].iter().map(|magnitude| magnitude.ln()).collect();
            check_level(&level, right(5, i), &what);
            // No weight by magnitude here: the matrix alone decides. The published code sums the phase over all frames
            // before it takes differences, which leaves it 1e-5 or so at the end.
            let angle: Vec<f32> = advance_turns[frame * 1024..][..1024].iter().map(|turns| 2.0 * turns).collect();
            check_angle(&angle, right(6, i), &[0.0; 1024], &what);
        }
    }
}

#[test]
fn normalised_values_are_as_published() {
    let golden = golden::read("normalised_frame");
    let frames = golden::read("frames_hires");
    let mut image = [&frames[(3 * 4 + 2) * 1024..][..1024], &frames[(4 * 4 + 2) * 1024..][..1024]].concat();
    Normaliser::PUBLISHED_MEL.normalise(&mut image);
    for (found, right) in image.iter().zip(&golden) {
        assert!((found - right).abs() < 1e-6, "{found} where {right} is right");
    }
}

#[test]
fn waves_through_the_mel_image_are_as_published() {
    let through = |wave: &[f32], representation| {
        synthesise(representation, &Analysis::new(representation).analyse(wave).unwrap()).unwrap()
    };
    let wave_0 = golden::wave(0);
    check_wave(&through(&wave_0, Representation::IfMelHires), &golden::read("mel_inverse_0"), "wave 0");
    let found = through(&wave_0, Representation::IfMel);
    let right = golden::read("mel_inverse_normal");
    check_wave(&[&found[..4096], &found[30_000..32_048]].concat(), &right, "wave 0 at 256 x 512");

    let golden = golden::read("linear_inverse_0");
    for (representation, right) in
        [Representation::IfHires, Representation::PhaseHires].into_iter().zip(golden.chunks(4096))
    {
        let found = through(&wave_0, representation);
        check_wave(&[&found[..2048], &found[NOTE_SAMPLES - 2048..]].concat(), right, representation.name());
    }
}

#[test]
fn the_wave_of_a_mel_image_is_as_published() {
    // Wave 1 is silent in many bins, where the angle is rounding noise and spreads through the matrix. So this begins with
    // the published image; a frame depends on those before it alone, so that its first frames are enough.
    let representation = Representation::IfMelHires;
    let mut image = vec![0.0; representation.image_len()];
    let golden = golden::read("mel_image_1");
    let (level, angle) = golden.split_at(16 * 1024);
    image[..16 * 1024].copy_from_slice(level);
    image[128 * 1024..][..16 * 1024].copy_from_slice(angle);
    let right = golden::read("mel_inverse_1");
    check_wave(&synthesise(representation, &image).unwrap()[..right.len()], &right, "wave 1");
}

#[test]
fn recordings_are_cut_and_padded_as_published() {
    let wave = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    assert_eq!(crop_or_pad(&wave, 4), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(crop_or_pad(&wave, 7), wave);
    assert_eq!(crop_or_pad(&wave, 10), [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 0.0]);
    assert_eq!(crop_or_pad(&wave, 11), [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 0.0, 0.0]);
}

/// The published way from an image to a wave, whole arrays at a time and in double precision: phase summed over all time,
/// then brought to linear frequency, then the inverse transform of all frames, overlap-added and cropped.
fn whole_inverse(representation: Representation, image: &[f32]) -> Vec<f32> {
    let geometry = representation.geometry();
    let (frames, bins, n_fft) = (geometry.frames, geometry.bins, geometry.n_fft());
    let image: Vec<f64> = image.iter().map(|&value| f64::from(value)).collect();
    let (level, angle) = image.split_at(frames * bins);

    let mut phase: Vec<f64> = angle.iter().map(|angle| PI * angle).collect();
    if !representation.is_phase() {
        for i in bins..phase.len() {
            phase[i] += phase[i - bins];
        }
    }
    let mut magnitude: Vec<f64> = level.iter().map(|level| level.exp()).collect();
    if representation.is_mel() {
        let weights: Vec<_> = MelScale::new(bins, geometry.sample_rate).to_linear_weights().collect();
        let to_linear = |mel: &[f64]| {
            let mut linear = vec![0.0; frames * bins];
            for t in 0..frames {
                for &(bin, band, weight) in &weights {
                    linear[t * bins + bin] += f64::from(weight) * mel[t * bins + band];
                }
            }
            linear
        };
        phase = to_linear(&phase);
        magnitude = to_linear(&magnitude).iter().map(|power| (power + 1e-6).sqrt()).collect();
    }

    let hann = |i: usize| 0.5 - 0.5 * (TAU * i as f64 / n_fft as f64).cos();
    let window = |i: usize| {
        let overlapping = (i % geometry.hop..n_fft).step_by(geometry.hop);
        hann(i) / overlapping.map(|i| hann(i) * hann(i)).sum::<f64>()
    };
    let window: Vec<f64> = (0..n_fft).map(window).collect();
    let inverse = RealFftPlanner::<f64>::new().plan_fft_inverse(n_fft);
    let mut padded = vec![0.0; geometry.pad_left + NOTE_SAMPLES];
    let mut wave = inverse.make_output_vec();
    for t in 0..frames {
        let mut spectrum = inverse.make_input_vec();
        for k in 0..bins {
            spectrum[k + 1] = Complex::from_polar(magnitude[t * bins + k], phase[t * bins + k]);
        }
        spectrum[bins].im = 0.0;
        inverse.process(&mut spectrum, &mut wave).unwrap();
        for i in 0..n_fft {
            padded[t * geometry.hop + i] += wave[i] * window[i] / n_fft as f64;
        }
    }
    padded[geometry.pad_left..].iter().map(|&sample| sample as f32).collect()
}

#[test]
fn frame_by_frame_equals_the_whole_inverse() {
    let wave = golden::wave(0);
    for representation in Representation::ALL {
        let image = Analysis::new(representation).analyse(&wave).unwrap();
        let whole = whole_inverse(representation, &image);
        check_wave(&synthesise(representation, &image).unwrap(), &whole, representation.name());
    }
}

/// A tone of six partials that decays a little.
fn tone(frequency_hz: f64) -> Vec<f32> {
    let sample = |i: usize| {
        let seconds = i as f64 / 16_000.0;
        let partial = |n: f64| (TAU * n * frequency_hz * seconds + n).sin() / n;
        (0.3 * (-0.3 * seconds).exp() * (1..=6).map(|n| partial(f64::from(n))).sum::<f64>()) as f32
    };
    (0..NOTE_SAMPLES).map(sample).collect()
}

/// How far the lowest partial is from `frequency_hz`, in cents: its phase is followed over the middle of the note.
fn cents_off(wave: &[f32], frequency_hz: f64) -> f64 {
    const WINDOW: usize = 8192;
    const STEP: usize = 1024;
    let component = |start: usize| -> Complex<f64> {
        let term = |i: usize| {
            let hann = 0.5 - 0.5 * (TAU * (i - start) as f64 / WINDOW as f64).cos();
            Complex::from_polar(hann * f64::from(wave[i]), -TAU * frequency_hz * i as f64 / 16_000.0)
        };
        (start..start + WINDOW).map(term).sum()
    };
    // What is left to turn after the reference frequency was taken out.
    let steps = 24;
    let turned: Complex<f64> =
        (0..steps).map(|i| component(12_000 + (i + 1) * STEP) * component(12_000 + i * STEP).conj()).sum();
    let off_hz = turned.arg() / TAU * 16_000.0 / STEP as f64;
    1200.0 * (1.0 + off_hz / frequency_hz).log2()
}

#[test]
fn linear_representations_give_the_wave_back() {
    let wave = tone(261.63);
    for representation in Representation::ALL.into_iter().filter(|representation| !representation.is_mel()) {
        let image = Analysis::new(representation).analyse(&wave).unwrap();
        assert_eq!(image.len(), representation.image_len());
        let back = synthesise(representation, &image).unwrap();
        // The last three hops fade, since no window completes them.
        let whole = NOTE_SAMPLES - 3 * representation.geometry().hop;
        let energy = |values: &mut dyn Iterator<Item = f32>| values.map(|x| f64::from(x).powi(2)).sum::<f64>();
        let signal = energy(&mut wave[..whole].iter().copied());
        let noise = energy(&mut wave[..whole].iter().zip(&back).map(|(wave, back)| wave - back));
        let snr_db = 10.0 * (signal / noise).log10();
        println!("{representation}: {snr_db:.1} dB");
        assert!(snr_db > 60.0, "{representation}: {snr_db:.1} dB");
    }
}

#[test]
fn mel_representations_keep_the_pitch() {
    let sharp = cents_off(&tone(441.0), 440.0);
    assert!((sharp - 1200.0 * (441.0_f64 / 440.0).log2()).abs() < 0.01, "the measure itself: {sharp} cents");
    // The lowest octave's partials lie too close together for the bins of the normal resolution.
    for (representation, lowest_key) in [(Representation::IfMel, 36), (Representation::IfMelHires, 24)] {
        let mut analysis = Analysis::new(representation);
        for key in (lowest_key..=84).step_by(6) {
            let frequency_hz = 440.0 * ((f64::from(key) - 69.0) / 12.0).exp2();
            let image = analysis.analyse(&tone(frequency_hz)).unwrap();
            assert_eq!(image.len(), representation.image_len());
            let cents = cents_off(&synthesise(representation, &image).unwrap(), frequency_hz);
            println!("{representation}, key {key}: {cents:.3} cents");
            assert!(cents.abs() < 1.0, "{representation}, key {key}: {cents:.3} cents");
        }
    }
}

#[test]
fn what_cannot_be_used_is_refused_with_a_sentence() {
    let mut wave = vec![0.0; NOTE_SAMPLES];
    let mut analysis = Analysis::new(Representation::If);
    let error = analysis.analyse(&wave[1..]).unwrap_err();
    assert_eq!(error, SpectralError::Length { what: "wave", expected: 64_000, found: 63_999 });
    assert!(error.to_string().contains("63999 values where 64000"), "{error}");
    wave[77] = f32::NAN;
    assert_eq!(analysis.analyse(&wave).unwrap_err(), SpectralError::NotFinite { what: "wave", index: 77 });

    let mut image = vec![0.0; Representation::If.image_len()];
    let error = synthesise(Representation::IfHires, &image[2..]).unwrap_err();
    assert!(matches!(error, SpectralError::Length { what: "image", .. }), "{error}");
    image[5] = f32::INFINITY;
    let error = synthesise(Representation::If, &image).unwrap_err();
    assert!(error.to_string().contains("index 5"), "{error}");
}

#[test]
fn a_polar_note_is_finite_whatever_the_image_holds() {
    let hostile = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 1e9, -1e9, 88.0, 0.3, 0.0];
    for representation in Representation::ALL {
        let mut polar = PolarMap::new(representation);
        let cells = representation.image_len() / 2;
        let image: Vec<f32> = (0..2 * cells).map(|i| hostile[(i * i / 7) % hostile.len()]).collect();
        let (mut magnitude, mut advance_turns) = (vec![f32::NAN; cells], vec![f32::NAN; cells]);
        polar.convert(&image, &mut magnitude, &mut advance_turns);
        assert!(magnitude.iter().all(|x| x.is_finite() && *x >= 0.0), "{representation}");
        assert!(advance_turns.iter().all(|x| x.abs() <= 0.5), "{representation}");
    }
}
