//! A seed is for ever: the expected values below were computed once, by another implementation of the same description,
//! and must never be changed. A session that was saved with a seed would sound otherwise.

use sha2::{Digest, Sha256};

use super::*;
use crate::model::Manifest;

const SIZE: usize = 256;

fn manifest(more: &str) -> Manifest {
    let json = format!(
        r#"{{"format": 1, "name": "test", "representation": "if-mel-hires", "sample_rate": 16000, "n_fft": 2048,
            "hop": 512, "frames": 128, "bins": 1024, "pitch_min": 24, "pitch_max": 84, "latent_size": {SIZE}{more}}}"#
    );
    Manifest::parse(&json).unwrap()
}

fn plain() -> Latents {
    Latents::new(&manifest(""))
}

/// A vector that is `values` in the first coordinates and `rest` in the others.
fn vector(values: &[f32], rest: f32) -> String {
    let all: Vec<_> = (0..SIZE).map(|i| values.get(i).copied().unwrap_or(rest).to_string()).collect();
    format!("[{}]", all.join(","))
}

fn timbre(seed: u32) -> Timbre {
    Timbre { seed, seed_to: seed, ..Timbre::default() }
}

fn norm(latent: &[f32]) -> f64 {
    latent.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt()
}

/// The bits of the coordinates 0, 1, 127 and 255.
fn bits(latent: &[f32]) -> [u32; 4] {
    [0, 1, 127, 255].map(|i| latent[i].to_bits())
}

#[test]
fn a_seed_is_for_ever() {
    let latents = plain();
    let expected = [
        (0, [0xbfaa1151, 0xbfa7cc92, 0x3f5036d0, 0x3f6d04ba]),
        (1, [0xbfad7cfb, 0xbf20fa34, 0xbefd4f25, 0xbf2a9991]),
        (9999, [0x40236ecb, 0x3d246233, 0x3e845671, 0x4007426c]),
        (u32::MAX, [0x400060de, 0xc0176eaf, 0x3f1f5c14, 0xbfc6632b]),
    ];
    for (seed, expected) in expected {
        assert_eq!(bits(&latents.latent(&timbre(seed)).unwrap()), expected, "seed {seed}");
    }
    // Every coordinate of the first thousand seeds.
    let mut hasher = Sha256::new();
    for seed in 0..1000 {
        latents.latent(&timbre(seed)).unwrap().iter().for_each(|x| hasher.update(x.to_le_bytes()));
    }
    let hash: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, "c274297f6b80a9d10557d4e2bbd9b04eb9ed687ebcbbc04d8edbed0a718ea8ea");
}

#[test]
fn a_way_between_seeds_is_for_ever() {
    let between = Timbre { seed: 1, seed_to: 2, blend: 256, ..Timbre::default() };
    assert_eq!(bits(&plain().latent(&between).unwrap()), [0xbfb798b4, 0xbd39ea91, 0xbfa16ad9, 0xbec5e27b]);
}

#[test]
fn draws_are_standard_normal() {
    let latents = plain();
    let all: Vec<f64> = (0..400).flat_map(|seed| latents.latent(&timbre(seed)).unwrap()).map(f64::from).collect();
    let n = all.len() as f64;
    let mean = all.iter().sum::<f64>() / n;
    let variance = all.iter().map(|x| x * x).sum::<f64>() / n;
    let kurtosis = all.iter().map(|x| x.powi(4)).sum::<f64>() / n;
    // Five standard errors of each figure at 102,400 draws.
    assert!(mean.abs() < 0.016, "mean {mean}");
    assert!((variance - 1.0).abs() < 0.023, "variance {variance}");
    assert!((kurtosis - 3.0).abs() < 0.16, "kurtosis {kurtosis}");
}

#[test]
fn neighbouring_seeds_are_unrelated() {
    let latents = plain();
    for seed in 0..100 {
        let (a, b) = (latents.latent(&timbre(seed)).unwrap(), latents.latent(&timbre(seed + 1)).unwrap());
        let product: f64 = a.iter().zip(&b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
        // The cosine of two draws of 256 dimensions has a deviation of 1/16.
        assert!((product / norm(&a) / norm(&b)).abs() < 5.0 / 16.0);
    }
}

#[test]
fn the_way_from_seed_to_seed_ends_at_both_and_keeps_its_length() {
    let latents = plain();
    let at = |blend| latents.latent(&Timbre { seed: 7, seed_to: 8, blend, ..Timbre::default() }).unwrap();
    assert_eq!(at(0), latents.latent(&timbre(7)).unwrap());
    assert_eq!(at(BLEND_STEPS), latents.latent(&timbre(8)).unwrap());
    let (from, to) = (norm(&at(0)), norm(&at(BLEND_STEPS)));
    let mut last = at(0);
    for blend in 1..=BLEND_STEPS {
        let here = at(blend);
        assert!(norm(&here) > 0.95 * from.min(to) && norm(&here) < 1.05 * from.max(to), "at {blend}");
        let step: Vec<f32> = here.iter().zip(&last).map(|(a, b)| a - b).collect();
        // A quarter turn of a vector of length 16 in 1024 steps.
        assert!(norm(&step) < 0.04, "a leap at {blend}");
        last = here;
    }
}

#[test]
fn blending_a_seed_with_itself_is_the_seed() {
    let blended = Timbre { seed: 5, seed_to: 5, blend: 300, ..Timbre::default() };
    assert_eq!(plain().latent(&blended).unwrap(), plain().latent(&timbre(5)).unwrap());
}

#[test]
fn without_directions_the_first_dimensions_stand_in() {
    let mut moved = timbre(3);
    moved.directions = [100, -200, 0, 0, 0, 0, 0, 50];
    let (rest, moved) = (plain().latent(&timbre(3)).unwrap(), plain().latent(&moved).unwrap());
    let difference: Vec<f32> = moved.iter().zip(&rest).map(|(a, b)| a - b).collect();
    for (i, difference) in difference.iter().enumerate() {
        let expected = [1.0, -2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5].get(i).copied().unwrap_or(0.0);
        assert!((difference - expected).abs() < 1e-6, "coordinate {i}: {difference}");
    }
}

#[test]
fn a_named_direction_adds_its_scaled_vector() {
    let vector = vector(&[0.6, 0.8], 0.0);
    let latents = Latents::new(&manifest(&format!(
        r#", "directions": [{{"name": "bright", "vector": {vector}, "scale": 2.5}}]"#
    )));
    let mut moved = timbre(3);
    moved.directions[0] = 200;
    // The model names one direction, so the second parameter does nothing.
    moved.directions[1] = 300;
    let (rest, moved) = (latents.latent(&timbre(3)).unwrap(), latents.latent(&moved).unwrap());
    assert!((moved[0] - rest[0] - 3.0).abs() < 1e-6 && (moved[1] - rest[1] - 4.0).abs() < 1e-6);
    assert_eq!(moved[2..], rest[2..]);
}

#[test]
fn character_scales_the_distance_from_the_mean_within_the_directions_only() {
    // Two directions that are not at right angles span the first two coordinates.
    let (first, second, mean) = (vector(&[2.0], 0.0), vector(&[1.0, 1.0], 0.0), vector(&[0.5, -0.25], 0.125));
    let latents = Latents::new(&manifest(&format!(
        r#", "mean": {mean}, "directions": [{{"name": "a", "vector": {first}, "scale": 1}},
            {{"name": "b", "vector": {second}, "scale": 3}}]"#
    )));
    let drawn = latents.latent(&timbre(11)).unwrap();
    for character in [0u16, 50, 150, 200] {
        let scaled = latents.latent(&Timbre { character, ..timbre(11) }).unwrap();
        let share = f32::from(character) / 100.0;
        for (i, mean) in [(0, 0.5), (1, -0.25)] {
            assert!((scaled[i] - (mean + share * (drawn[i] - mean))).abs() < 1e-5, "coordinate {i} at {character}");
        }
        let unmoved = scaled[2..].iter().zip(&drawn[2..]).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(unmoved, "the rest moved at {character}");
    }
}

#[test]
fn directions_on_one_line_are_counted_once() {
    let (first, again) = (vector(&[1.0], 0.0), vector(&[-3.0], 0.0));
    let latents = Latents::new(&manifest(&format!(
        r#", "directions": [{{"name": "a", "vector": {first}, "scale": 1}},
            {{"name": "b", "vector": {again}, "scale": 1}}]"#
    )));
    let drawn = latents.latent(&timbre(2)).unwrap();
    let at_mean = latents.latent(&Timbre { character: 0, ..timbre(2) }).unwrap();
    assert!(at_mean[0].abs() < 1e-6);
    assert_eq!(at_mean[1..], drawn[1..]);
}

/// A point of the latent space that is no seed's.
fn own_point(more: f32) -> Vec<f32> {
    (0..SIZE).map(|i| (i as f32 * 0.37 + more).sin() * 1.4).collect()
}

#[test]
fn a_point_is_exactly_itself_and_takes_character_and_directions() {
    let latent = known::Latent::keep(&own_point(0.0));
    let at = Timbre { base: Base::Point(latent.hash()), ..Timbre::default() };
    assert_eq!(plain().latent(&at).unwrap(), own_point(0.0));
    let mut moved = at;
    moved.directions[1] = 200;
    assert!((plain().latent(&moved).unwrap()[1] - own_point(0.0)[1] - 2.0).abs() < 1e-6);
    let forgotten = Timbre { base: Base::Point(12_345), ..Timbre::default() };
    assert!(plain().latent(&forgotten).unwrap_err().to_string().contains("choose the timbre again"));
}

#[test]
fn the_pad_is_each_corner_in_its_corner_and_keeps_to_the_shell() {
    let corners = [0.0, 1.0, 2.0, 4.0].map(own_point);
    let kept = known::Corners::keep(corners.each_ref().map(|corner| corner.as_slice()));
    let at = |x, y| {
        let base = Base::Pad { corners: kept.hash(), x, y };
        plain().latent(&Timbre { base, ..Timbre::default() }).unwrap()
    };
    for (i, (x, y)) in [(0, 0), (PAD_STEPS, 0), (0, PAD_STEPS), (PAD_STEPS, PAD_STEPS)].into_iter().enumerate() {
        assert_eq!(at(x, y), corners[i], "corner {i}");
    }
    let lengths = corners.each_ref().map(|corner| norm(corner));
    let (least, most) = lengths.iter().fold((f64::MAX, 0.0f64), |(least, most), &x| (least.min(x), most.max(x)));
    for x in 0..=PAD_STEPS {
        for y in (0..=PAD_STEPS).step_by(10) {
            let length = norm(&at(x, y));
            assert!((0.9 * least..1.1 * most).contains(&length), "{length} at {x}, {y}");
        }
    }
}

#[test]
fn a_point_of_another_model_is_some_sound_and_always_the_same() {
    let short = known::Latent::keep(&[3.0, 4.0]);
    let long = known::Latent::keep(&vec![0.5; 2 * SIZE]);
    let of = |latent: &known::Latent| {
        plain().latent(&Timbre { base: Base::Point(latent.hash()), ..Timbre::default() }).unwrap()
    };
    assert_eq!(of(&short)[..2], [3.0, 4.0]);
    assert_eq!(of(&short)[2..], plain().latent(&timbre(0)).unwrap()[2..]);
    assert_eq!(of(&long), vec![0.5; SIZE]);
}
