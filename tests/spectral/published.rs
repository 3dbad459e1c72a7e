//! Against the values of the published code, extracts of which lie in `tests/golden/`.

use std::collections::BTreeMap;
use std::f32::consts::PI;

use timbrel::spectral::{
    Analysis, InstantaneousFrequency, MelScale, NOTE_SAMPLES, Normaliser, PolarMap, Representation, crop_or_pad,
    synthesise,
};

use crate::check::{check_angle, check_level, check_wave, half};
use crate::golden;

const HIRES_FRAMES: [usize; 4] = [3, 6, 64, 127];
const NORMAL_FRAMES: [usize; 4] = [7, 9, 128, 255];

/// Row `frame` of one channel of an image.
fn row(image: &[f32], representation: Representation, channel: usize, frame: usize) -> &[f32] {
    let geometry = representation.geometry();
    let start = (channel * geometry.frames + frame) * geometry.bins;
    &image[start..start + geometry.bins]
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
        sum += frequency[0] * PI;
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
