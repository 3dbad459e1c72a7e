//! The latents that a session holds beside its seed: the point that plays in the seed's place, and the corners of the pad.
//!
//! They are saved whole, since no seed draws them. The audio thread reads their hashes only.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};

use anyhow::{Result, ensure};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use crate::latent::known::{Corners, Latent};
use crate::note::Base;
use crate::preset::Library;

/// Longest latent and largest coordinate of one, as a model may have them.
const MOST_NUMBERS: usize = 4_096;
const LARGEST: f32 = 1.0e3;

/// Longest name, in characters.
const LONGEST_NAME: usize = 120;

/// A latent with a name.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Point {
    pub name: String,
    pub latent: Vec<f32>,
    /// Where a hand has put it on the map; where it has not, it lies where its latent does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<[f32; 2]>,
}

impl Point {
    /// Whether it can be used; the error is the end of a sentence. The name is brought into one line.
    pub fn check(&mut self) -> Result<()> {
        ensure!(!self.latent.is_empty(), "has no numbers");
        ensure!(self.latent.len() <= MOST_NUMBERS, "has more than {MOST_NUMBERS} numbers");
        let is_good = |x: &f32| x.is_finite() && x.abs() <= LARGEST;
        ensure!(self.latent.iter().all(is_good), "has a number that no latent has");
        self.at = self.at.filter(|at| at.iter().all(is_good));
        self.name = one_line(&self.name);
        Ok(())
    }
}

/// A name as it can be shown.
pub fn one_line(name: &str) -> String {
    let line: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().chars().take(LONGEST_NAME).collect()
}

/// What a session holds.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Held {
    /// Plays in place of the seed, for as long as the seed's parameter stands where it stood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub point: Option<Point>,
    /// Where the seed's parameter stood when the point was chosen.
    pub seed: i32,
    /// A, B, C, D of the pad.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corners: Option<[Point; 4]>,
    /// The name of the preset that was played last.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub preset: String,
}

impl Held {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether there is a latent, which an older Timbrel would leave out.
    pub fn has_latents(&self) -> bool {
        self.point.is_some() || self.corners.is_some()
    }

    /// Leaves out what cannot be used, and says what that was.
    pub fn mend(&mut self) -> Vec<String> {
        let mut complaints = Vec::new();
        if let Some(Err(error)) = self.point.as_mut().map(Point::check) {
            complaints.push(format!("its timbre {error} and was left out"));
            self.point = None;
        }
        if let Some(corners) = &mut self.corners
            && let Some(Err(error)) = corners.iter_mut().map(Point::check).find(Result::is_err)
        {
            complaints.push(format!("a corner of its pad {error}, and all four were left out"));
            self.corners = None;
        }
        self.preset = one_line(&self.preset);
        complaints
    }
}

/// What a session holds now. Written by the host's and the editor's thread, read by all; by the audio thread without waiting.
#[derive(Default)]
pub struct Holding {
    point: AtomicU64,
    seed: AtomicI32,
    corners: AtomicU64,
    /// The number of the factory preset, plus one, that a program change has put in place of `kept`; 0 where none has.
    program: AtomicUsize,
    kept: RwLock<Kept>,
}

/// What is held, and kept known.
#[derive(Default)]
pub struct Kept {
    held: Arc<Held>,
    point: Option<Latent>,
    corners: Option<Corners>,
}

impl Kept {
    /// `held` must have been [mended](Held::mend), where it comes from outside.
    pub fn of(held: Arc<Held>) -> Self {
        let point = held.point.as_ref().map(|point| Latent::keep(&point.latent));
        let corners = held.corners.as_ref();
        let corners = corners.map(|corners| Corners::keep(corners.each_ref().map(|point| point.latent.as_slice())));
        Self { held, point, corners }
    }

    pub fn hashes(&self) -> Hashes {
        Hashes {
            point: self.point.as_ref().map_or(0, Latent::hash),
            seed: self.held.seed,
            corners: self.corners.as_ref().map_or(0, Corners::hash),
        }
    }
}

/// What the audio thread needs to know of it; 0 where there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hashes {
    point: u64,
    seed: i32,
    corners: u64,
}

impl Holding {
    pub fn get(&self) -> Arc<Held> {
        let program = self.program.swap(0, Ordering::AcqRel);
        if let Some(preset) = program.checked_sub(1).and_then(|number| Library::factory().get(number)) {
            let held = Arc::new(Held { preset: preset.name.clone(), ..preset.patch.held.clone() });
            self.set(Arc::clone(&held));
            return held;
        }
        Arc::clone(&self.kept.read().held)
    }

    /// `held` must have been [mended](Held::mend), where it comes from outside.
    pub fn set(&self, held: Arc<Held>) {
        let new = Kept::of(held);
        let mut kept = self.kept.write();
        self.program.store(0, Ordering::Release);
        self.put(new.hashes());
        // What was held before is let go of only now.
        *kept = new;
    }

    /// Plays what a factory preset holds, whose latents are known. For the audio thread; who asks next what is held folds it in.
    pub fn select(&self, number: usize, hashes: Hashes) {
        self.put(hashes);
        self.program.store(number + 1, Ordering::Release);
    }

    fn put(&self, hashes: Hashes) {
        self.seed.store(hashes.seed, Ordering::Relaxed);
        self.point.store(hashes.point, Ordering::Release);
        self.corners.store(hashes.corners, Ordering::Release);
    }

    /// What a timbre starts from: `pad` gives the place on the pad where that plays, `seed` is the seed's parameter. For the
    /// audio thread, too.
    pub fn base(&self, pad: Option<[u8; 2]>, seed: i32) -> Base {
        let corners = self.corners.load(Ordering::Acquire);
        if let Some([x, y]) = pad.filter(|_| corners != 0) {
            return Base::Pad { corners, x, y };
        }
        match self.point.load(Ordering::Acquire) {
            0 => Base::Seeds,
            _ if self.seed.load(Ordering::Relaxed) != seed => Base::Seeds,
            point => Base::Point(point),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(latent: &[f32]) -> Point {
        Point { name: "Own".into(), latent: latent.to_vec(), at: None }
    }

    #[test]
    fn the_pad_goes_before_the_point_and_a_moved_seed_before_that() {
        let holding = Holding::default();
        assert_eq!(holding.base(Some([50, 50]), 3), Base::Seeds, "nothing is held");
        let mut held = Held { point: Some(point(&[1.0, 2.0])), seed: 3, ..Held::default() };
        holding.set(Arc::new(held.clone()));
        let Base::Point(hash) = holding.base(None, 3) else { panic!("the point does not play") };
        assert_eq!(crate::latent::known::point(hash).unwrap().numbers(), [1.0, 2.0]);
        assert_eq!(holding.base(None, 4), Base::Seeds);
        assert_eq!(holding.base(Some([0, 0]), 3), Base::Point(hash), "there are no corners");
        held.corners = Some([1.0, 2.0, 3.0, 4.0].map(|x| point(&[x])));
        holding.set(Arc::new(held));
        assert!(matches!(holding.base(Some([7, 9]), 4), Base::Pad { x: 7, y: 9, .. }));
        assert_eq!(holding.base(None, 3), Base::Point(hash));
    }

    #[test]
    fn what_cannot_be_used_is_left_out_with_a_reason() {
        for latent in [vec![], vec![f32::NAN], vec![0.0, 1e9], vec![0.0; MOST_NUMBERS + 1]] {
            let mut held = Held { point: Some(point(&latent)), ..Held::default() };
            assert_eq!(held.mend().len(), 1);
            assert!(!held.has_latents());
        }
        let mut held = Held { point: Some(point(&[1.0])), ..Held::default() };
        held.point.as_mut().unwrap().name = "two\nlines".into();
        assert!(held.mend().is_empty());
        assert_eq!(held.point.unwrap().name, "two lines");
    }
}
