//! A model's latent space as a hand finds its way in it: the sounds that the model names, a map of them, and the ways to new
//! ones. For the editor and the worker.

use anyhow::Result;

use super::{Latents, dot, normal, slerp};
use crate::model::{Manifest, Map};
use crate::note::{DIRECTIONS, Timbre};

/// A model that names fewer sounds has seeds on its map, too.
const LEAST_NAMED: usize = 12;

/// Rounds of the power method; the axes of a few dozen points are settled long before.
const ROUNDS: usize = 200;

/// How much nearer sounds count more where a place lies between them. The higher, the sooner the nearest is all that is heard.
const NEARNESS: i32 = 4;

/// A sound on the map.
#[derive(Clone, PartialEq, Debug)]
pub struct Named {
    pub name: String,
    pub latent: Vec<f32>,
    /// Where it lies on the map, mostly within -1 to 1.
    pub at: [f32; 2],
}

/// The latent space of one model.
#[derive(Clone, Debug)]
pub struct Atlas {
    latents: Latents,
    named: Vec<Named>,
    map: Map,
}

impl Atlas {
    pub fn new(manifest: &Manifest) -> Self {
        let latents = Latents::new(manifest);
        let size = manifest.latent_size;
        let mut named: Vec<(String, Vec<f32>)> =
            manifest.latents.iter().map(|latent| (latent.name.clone(), latent.vector.clone())).collect();
        if named.len() < LEAST_NAMED {
            let seeds = (0..LEAST_NAMED as u32)
                .map(|seed| (format!("Seed {seed}"), normal(seed, size).into_iter().map(|x| x as f32).collect()));
            named.extend(seeds);
        }
        let points = || named.iter().map(|(_, latent)| latent.as_slice()).collect::<Vec<_>>();
        let map = manifest.map.clone().unwrap_or_else(|| by_principal_axes(&points()));
        let named = named.into_iter().map(|(name, latent)| Named { name, at: map.position(&latent), latent });
        Self { latents, named: named.collect(), map }
    }

    /// The sounds on the map.
    pub fn named(&self) -> &[Named] {
        &self.named
    }

    /// How many numbers a latent has.
    pub fn size(&self) -> usize {
        self.latents.size()
    }

    /// The latent of a timbre, character and directions included.
    pub fn latent(&self, timbre: &Timbre) -> Result<Vec<f32>> {
        self.latents.latent(timbre)
    }

    /// Where a latent lies on the map.
    pub fn position(&self, latent: &[f32]) -> [f32; 2] {
        self.map.position(latent)
    }

    /// The named sound that a latent is, or lies nearest to, and how far away, from 0 to 1 of a right angle.
    pub fn nearest(&self, latent: &[f32]) -> Option<(&Named, f32)> {
        let way = |named: &Named| {
            let [a, b] = [&named.latent[..], latent].map(widened);
            let cosine = dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt().max(1e-12);
            (cosine.clamp(-1.0, 1.0).acos() / std::f64::consts::FRAC_PI_2) as f32
        };
        self.named.iter().map(|named| (named, way(named))).min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The latent at a place of the map: a mean of the sounds around it, by their nearness (Shepard's interpolation), on the
    /// shell on which they lie. At the place of a sound it is that sound.
    pub fn at(&self, place: [f32; 2]) -> Vec<f32> {
        let distance = |named: &Named| {
            let [x, y] = [0, 1].map(|i: usize| f64::from(named.at[i] - place[i]));
            x * x + y * y
        };
        if let Some(here) = self.named.iter().find(|named| distance(named) < 1e-8) {
            return here.latent.clone();
        }
        let mut sum = vec![0.0; self.size()];
        let (mut weights, mut radius) = (0.0, 0.0);
        for named in &self.named {
            let weight = distance(named).powi(-NEARNESS / 2);
            let latent = widened(&named.latent);
            sum.iter_mut().zip(&latent).for_each(|(sum, x)| *sum += weight * x);
            radius += weight * dot(&latent, &latent).sqrt();
            weights += weight;
        }
        on_shell(&sum, radius / weights.max(1e-300))
    }

    /// A latent some way off: `amount` 1 is at a right angle, as far away as two draws lie apart. `draw` decides in which
    /// direction. What lies along the locked directions stays.
    pub fn mutated(&self, from: &[f32], amount: f64, draw: u32, locked: [bool; DIRECTIONS]) -> Vec<f32> {
        let start = widened(from);
        let radius = dot(&start, &start).sqrt();
        let mut way = normal(draw, start.len());
        let along = dot(&way, &start) / (radius * radius).max(1e-12);
        way.iter_mut().zip(&start).for_each(|(way, x)| *way -= along * x);
        let length = dot(&way, &way).sqrt().max(1e-12);
        let (sine, cosine) = (amount.clamp(0.0, 1.0) * std::f64::consts::FRAC_PI_2).sin_cos();
        let to: Vec<f32> =
            start.iter().zip(&way).map(|(x, way)| (cosine * x + sine * way * radius / length) as f32).collect();
        self.latents.with_locked(from, &to, locked)
    }

    /// A latent between two on their great circle, at a share of the way.
    pub fn between(&self, from: &[f32], to: &[f32], share: f64) -> Vec<f32> {
        slerp(&widened(from), &widened(to), share).into_iter().map(|x| x as f32).collect()
    }

    /// A draw, but for the locked directions, along which `from` stays.
    pub fn drawn(&self, from: &[f32], draw: u32, locked: [bool; DIRECTIONS]) -> Vec<f32> {
        let to: Vec<f32> = normal(draw, self.size()).into_iter().map(|x| x as f32).collect();
        self.latents.with_locked(from, &to, locked)
    }
}

fn widened(latent: &[f32]) -> Vec<f64> {
    latent.iter().map(|&x| f64::from(x)).collect()
}

fn on_shell(latent: &[f64], radius: f64) -> Vec<f32> {
    let length = dot(latent, latent).sqrt().max(1e-300);
    latent.iter().map(|x| (x * radius / length) as f32).collect()
}

/// A map for a model that has none: the two axes along which its sounds lie furthest apart, by the power method, each scaled so
/// that its furthest sound lies at 1.
fn by_principal_axes(points: &[&[f32]]) -> Map {
    let size = points.first().map_or(1, |point| point.len());
    let mut mean = vec![0.0; size];
    for point in points {
        mean.iter_mut().zip(*point).for_each(|(mean, &x)| *mean += f64::from(x) / points.len() as f64);
    }
    let mut rows: Vec<Vec<f64>> =
        points.iter().map(|point| point.iter().zip(&mean).map(|(&x, mean)| f64::from(x) - mean).collect()).collect();
    let mut map = Map { axes: Default::default(), offset: [0.0; 2], scale: [1.0; 2] };
    for axis in 0..2 {
        // A start that is at a right angle to no axis worth the name.
        let mut vector: Vec<f64> = (0..size).map(|i| 1.0 + 0.1 * (i % 7) as f64).collect();
        for _ in 0..ROUNDS {
            let mut next = vec![0.0; size];
            for row in &rows {
                let along = dot(row, &vector);
                next.iter_mut().zip(row).for_each(|(next, x)| *next += along * x);
            }
            let length = dot(&next, &next).sqrt();
            if length < 1e-12 {
                break;
            }
            vector = next.into_iter().map(|x| x / length).collect();
        }
        let length = dot(&vector, &vector).sqrt();
        // The larger half points upwards, whatever the start was.
        let largest = vector.iter().fold(0.0f64, |largest, &x| if x.abs() > largest.abs() { x } else { largest });
        vector.iter_mut().for_each(|x| *x *= largest.signum() / length);
        let mut furthest = 0.0f64;
        for row in &mut rows {
            let along = dot(row, &vector);
            furthest = furthest.max(along.abs());
            row.iter_mut().zip(&vector).for_each(|(x, axis)| *x -= along * axis);
        }
        if furthest < 1e-9 {
            // There is no such axis; all lie in the middle of it.
            map.axes[axis] = vec![0.0; size];
            continue;
        }
        map.axes[axis] = vector.iter().map(|&x| x as f32).collect();
        (map.offset[axis], map.scale[axis]) = (dot(&vector, &mean) as f32, furthest as f32);
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;

    fn atlas() -> Atlas {
        let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/default.onnx"));
        Atlas::new(&Model::read(path).unwrap().manifest)
    }

    fn length(latent: &[f32]) -> f64 {
        dot(&widened(latent), &widened(latent)).sqrt()
    }

    #[test]
    fn every_named_sound_lies_on_the_map_and_is_exactly_itself_there() {
        let atlas = atlas();
        assert!(atlas.named().len() >= 40);
        for named in atlas.named() {
            assert!(named.at.iter().all(|x| x.abs() <= 1.0 + 1e-4), "{} at {:?}", named.name, named.at);
            assert_eq!(atlas.at(named.at), named.latent);
            assert_eq!(atlas.nearest(&named.latent).unwrap().0.name, named.name);
        }
    }

    #[test]
    fn between_the_sounds_the_map_leads_on_without_leaps_and_on_the_shell() {
        let atlas = atlas();
        let lengths: Vec<f64> = atlas.named().iter().map(|named| length(&named.latent)).collect();
        let (least, most) = lengths.iter().fold((f64::MAX, 0.0f64), |(least, most), &x| (least.min(x), most.max(x)));
        let mut last: Option<Vec<f32>> = None;
        for step in 0..2_000 {
            let here = atlas.at([-1.0 + step as f32 / 1_000.0, 0.11]);
            assert!((least * 0.999..=most * 1.001).contains(&length(&here)), "{} at {step}", length(&here));
            if let Some(last) = last {
                let way: Vec<f32> = here.iter().zip(&last).map(|(a, b)| a - b).collect();
                assert!(length(&way) < 0.1 * most, "a leap of {} at {step}", length(&way));
            }
            last = Some(here);
        }
    }

    #[test]
    fn a_mutation_is_as_far_away_as_was_asked_and_leaves_what_is_locked() {
        let atlas = atlas();
        let from = atlas.named()[3].latent.clone();
        for amount in [0.0, 0.1, 0.5, 1.0] {
            let to = atlas.mutated(&from, amount, 7, [false; DIRECTIONS]);
            let cosine = dot(&widened(&from), &widened(&to)) / (length(&from) * length(&to));
            let angle = cosine.clamp(-1.0, 1.0).acos() / std::f64::consts::FRAC_PI_2;
            assert!((angle - amount).abs() < 1e-3, "{angle} for {amount}");
            assert!((length(&to) / length(&from) - 1.0).abs() < 1e-4);
        }
        let mut locked = [false; DIRECTIONS];
        (locked[0], locked[3]) = (true, true);
        for to in [atlas.mutated(&from, 0.8, 9, locked), atlas.drawn(&from, 9, locked)] {
            for (direction, step) in atlas.latents.steps.iter().enumerate() {
                let way: Vec<f64> = to.iter().zip(&from).map(|(a, b)| f64::from(a - b)).collect();
                let along = dot(step, &way).abs();
                let locked = locked.get(direction).is_some_and(|locked| *locked);
                assert!(!locked || along < 1e-4, "direction {direction} moved by {along}");
            }
            assert!(to.iter().zip(&from).any(|(a, b)| (a - b).abs() > 0.1), "and nothing else moved");
        }
        assert_eq!(atlas.between(&from, &from, 0.3), from);
    }

    #[test]
    fn a_model_without_names_has_seeds_on_its_map() {
        let manifest = r#"{"format": 1, "name": "test", "representation": "if-mel-hires", "sample_rate": 16000, "n_fft": 2048,
            "hop": 512, "frames": 128, "bins": 1024, "pitch_min": 24, "pitch_max": 84, "latent_size": 1}"#;
        let atlas = Atlas::new(&Manifest::parse(manifest).unwrap());
        assert_eq!(atlas.named().len(), LEAST_NAMED);
        assert!(atlas.named().iter().all(|named| named.at.iter().all(|x| x.is_finite() && x.abs() <= 1.0 + 1e-4)));
    }
}
