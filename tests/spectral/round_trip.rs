//! Against themselves: there and back, frame by frame against whole, and what cannot be used.

use std::f64::consts::{PI, TAU};

use realfft::RealFftPlanner;
use realfft::num_complex::Complex;
use timbrel::spectral::{Analysis, MelScale, NOTE_SAMPLES, PolarMap, Representation, SpectralError, synthesise};

use crate::check::check_wave;
use crate::golden;

/// The published way from an image to a wave, whole arrays at a time and in double precision: phase summed over all time,
/// then brought to linear frequency, then the inverse transform of all frames, overlap-added and cropped.
fn whole_inverse(representation: Representation, image: &[f32]) -> Vec<f32> {
    let geometry = representation.geometry();
    let (frames, bins, n_fft) = (geometry.frames, geometry.bins, geometry.n_fft);
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
        assert!(advance_turns.iter().all(|x| x.abs() <= 32.0), "{representation}");
    }
}
