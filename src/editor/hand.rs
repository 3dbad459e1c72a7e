//! What a hand does to the timbre as a whole: goes to a point, throws, mutates, breeds, copies and pastes, and compares two
//! sides. Each is one step of the history.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use nice_plug::prelude::{Param, Params};

use super::View;
use super::history::Recorder;
use crate::clip::Clip;
use crate::held::{Held, Point};
use crate::latent::Atlas;
use crate::note::{Base, DIRECTIONS, Timbre};
use crate::params::{SEED_MAX, TimbrelParams};
use crate::patch::Patch;

/// What belongs to the hand, and not to the sound.
pub struct Hand {
    /// Directions that chance leaves alone.
    pub locked: [bool; DIRECTIONS],
    /// How far a mutation goes, 0 to 1.
    pub amount: f32,
    /// Which side is heard, 0 for A; and the other one, once it was heard.
    pub side: usize,
    other: Option<Patch>,
}

impl Hand {
    pub fn new() -> Self {
        Self { locked: [false; DIRECTIONS], amount: 0.25, side: 0, other: None }
    }

    /// A new timbre by chance. Where no direction is locked it is a seed, a number to tell a friend; else a draw that stays where
    /// it was along the locked ones.
    pub fn throw(&self, view: &View) {
        match view.atlas().filter(|_| self.locked.contains(&true)) {
            Some(atlas) => {
                let Some(from) = base_latent(view.params, atlas) else { return };
                point_in_place(view, "Random".into(), atlas.drawn(&from, chance(), self.locked));
            }
            None => view.hand.set_plain(view.params.seed.as_ptr(), (chance() % (SEED_MAX as u32 + 1)) as f32),
        }
        if !self.locked.contains(&true) {
            view.hand.back_to_seeds();
        }
    }

    /// A timbre some way off, the locked directions left as they are.
    pub fn mutate(&self, view: &View) {
        let Some(atlas) = view.atlas() else { return };
        let Some(from) = base_latent(view.params, atlas) else { return };
        let name = match view.hand.held().point.as_ref().filter(|_| plays_point(view.params)) {
            Some(point) => mutated_name(&point.name),
            None => mutated_name(&describe(view.params, Some(atlas))),
        };
        point_in_place(view, name, atlas.mutated(&from, f64::from(self.amount), chance(), self.locked));
    }

    /// Whether there are two sides to breed a third of.
    pub fn has_other(&self) -> bool {
        self.other.is_some()
    }

    /// A child of both sides, on the great circle between their timbres at a place of chance; each direction is one parent's.
    /// It takes the place of the side that is heard.
    pub fn breed(&self, view: &View) {
        let (Some(atlas), Some(other)) = (view.atlas(), &self.other) else { return };
        let plain = other.plain();
        let Some(mine) = base_latent(view.params, atlas) else { return };
        let Some(theirs) = latent_of(other, &plain, atlas) else { return };
        let luck = chance();
        let share = 0.25 + 0.5 * f64::from(luck >> 16) / 65_535.0;
        let names = [describe(view.params, Some(atlas)), describe_patch(other, &plain)];
        point_in_place(
            view,
            format!("{} and {}", short(&names[0]), short(&names[1])),
            atlas.between(&mine, &theirs, share),
        );
        for (i, direction) in view.params.directions.iter().enumerate() {
            let id = format!("timbre_{}", i + 1);
            if !self.locked[i]
                && luck >> i & 1 == 1
                && let Some(value) = plain.get(&id)
            {
                view.hand.set_plain(direction.offset.as_ptr(), *value);
            }
        }
    }

    /// Goes to the other side; the first time that is a copy.
    pub fn flip(&mut self, view: &View, side: usize) {
        if side == self.side {
            return;
        }
        self.side = side;
        let left = Patch::of(view.params);
        if let Some(other) = self.other.replace(left) {
            apply(view.hand, view.params, &other, |_| true);
        }
    }

    /// Makes the other side like this one.
    pub fn copy_side(&mut self, view: &View) {
        self.other = Some(Patch::of(view.params));
    }
}

/// Puts a patch in the place of what sounds, for the parameters that `takes` names.
pub fn apply(hand: &Recorder, params: &TimbrelParams, patch: &Patch, takes: impl Fn(&str) -> bool) {
    let plain = patch.plain();
    for (id, pointer, _) in params.param_map() {
        if let Some(value) = plain.get(&id).filter(|_| takes(&id)) {
            hand.set_plain(pointer, *value);
        }
    }
    hand.hold(patch.held.clone());
}

/// Plays a point exactly: pad off, directions in their middles, character as drawn.
pub fn go_to(view: &View, point: Point) {
    at_rest(view);
    point_here(view, point);
}

/// Plays a point under character and directions as they stand.
pub fn play_point(view: &View, point: Point) {
    point_here(view, point);
}

/// Puts character and directions at rest.
pub fn at_rest(view: &View) {
    for direction in &view.params.directions {
        view.hand.set_plain(direction.offset.as_ptr(), 0.0);
    }
    view.hand.set_plain(view.params.character.as_ptr(), view.params.character.default_plain_value());
}

/// Plays a latent that has a name under character and directions as they stand.
fn point_in_place(view: &View, name: String, latent: Vec<f32>) {
    point_here(view, Point { name, latent, at: None });
}

fn point_here(view: &View, point: Point) {
    let held = view.hand.held();
    let seed = view.params.seed.unmodulated_plain_value();
    view.hand.hold(Held { point: Some(point), seed, ..Held::clone(&held) });
    view.hand.set_plain(view.params.pad.plays.as_ptr(), 0.0);
}

/// Whether a point is what plays.
pub fn plays_point(params: &TimbrelParams) -> bool {
    matches!(params.timbre().base, Base::Point(_))
}

/// Where the timbre starts from, before character and directions.
pub fn base_latent(params: &TimbrelParams, atlas: &Atlas) -> Option<Vec<f32>> {
    let timbre = Timbre { character: 100, directions: [0; DIRECTIONS], ..params.timbre() };
    atlas.latent(&timbre).ok()
}

/// The latent that a patch starts from.
fn latent_of(patch: &Patch, plain: &BTreeMap<String, f32>, atlas: &Atlas) -> Option<Vec<f32>> {
    let holding = crate::held::Holding::default();
    holding.set(Arc::new(patch.held.clone()));
    let value = |id: &str| plain.get(id).copied().unwrap_or(0.0);
    let seed = value("seed") as i32;
    let steps = |id: &str| (value(id) * f32::from(crate::note::PAD_STEPS)).round() as u8;
    let base = holding.base((value("pad") > 0.5).then(|| [steps("pad_x"), steps("pad_y")]), seed);
    let seed = if base == Base::Seeds { seed as u32 } else { 0 };
    atlas.latent(&Timbre { base, seed, seed_to: seed, ..Timbre::default() }).ok()
}

/// What a timbre starts from, in words.
pub fn describe(params: &TimbrelParams, atlas: Option<&Atlas>) -> String {
    /// Beyond this share of a right angle a sound is no relative.
    const NEAR: f32 = 0.75;
    match params.timbre().base {
        Base::Pad { .. } => "Pad".into(),
        Base::Point(_) => {
            let held = params.session.holding().get();
            held.point
                .as_ref()
                .map(|point| point.name.clone())
                .filter(|name| !name.is_empty())
                .unwrap_or("Own timbre".into())
        }
        Base::Seeds => {
            let seed = params.seed.unmodulated_plain_value();
            let latent = atlas.and_then(|atlas| base_latent(params, atlas));
            let near = atlas.zip(latent).and_then(|(atlas, latent)| {
                let (named, way) = atlas.nearest(&latent)?;
                (way < NEAR).then(|| named.name.clone())
            });
            near.map_or_else(|| format!("Seed {seed}"), |near| format!("Seed {seed}, near {near}"))
        }
    }
}

fn describe_patch(patch: &Patch, plain: &BTreeMap<String, f32>) -> String {
    let point = patch.held.point.as_ref().filter(|_| plain.get("seed") == Some(&(patch.held.seed as f32)));
    point.map_or_else(|| format!("Seed {}", plain.get("seed").copied().unwrap_or(0.0)), |point| point.name.clone())
}

/// A name without the numbers behind it, to make another one of.
pub fn plain_name(name: &str) -> String {
    let name = name.split(" and ").next().unwrap_or(name);
    let name = name.split(", near ").last().unwrap_or(name);
    short(name).to_owned()
}

/// A name without what was made of it before.
fn short(name: &str) -> &str {
    name.split(" and ").next().unwrap_or(name).trim_end_matches(|c: char| c == '*' || c.is_ascii_digit()).trim_end()
}

/// "Harp", "Harp *2", "Harp *3": a name that tells how often it was changed.
fn mutated_name(name: &str) -> String {
    match name.rsplit_once(" *") {
        Some((stem, count)) if count.parse::<u32>().is_ok() => {
            format!("{stem} *{}", count.parse::<u32>().unwrap_or(1).saturating_add(1))
        }
        _ => format!("{name} *1"),
    }
}

/// The timbre as text.
pub fn copied(view: &View) -> String {
    let held = view.hand.held();
    let params = view.params;
    let model = crate::model::ModelRef {
        name: view.snapshot.model.name.clone(),
        sha256: view.snapshot.model.sha256.clone(),
        path: Default::default(),
    };
    let from = match params.timbre().base {
        Base::Seeds => Ok(params.seed.unmodulated_plain_value()),
        Base::Point(_) => Err(held.point.clone().unwrap_or_default()),
        Base::Pad { .. } => {
            let latent = view.atlas().and_then(|atlas| base_latent(params, atlas)).unwrap_or_default();
            Err(Point { name: "From the pad".into(), latent, at: None })
        }
    };
    let directions = std::array::from_fn(|i| params.directions[i].offset.unmodulated_plain_value());
    Clip::new(&model, from, params.character.unmodulated_plain_value(), directions).text()
}

/// Plays a timbre that came as text. The error is a sentence; so is what is to be said besides.
pub fn paste(view: &View, text: &str) -> Result<Option<String>, String> {
    let clip = Clip::read(text).map_err(|error| error.to_string())?;
    match (clip.seed, &clip.latent) {
        (Some(seed), _) => {
            view.hand.set_plain(view.params.seed.as_ptr(), seed as f32);
            view.hand.back_to_seeds();
        }
        (None, Some(latent)) => point_in_place(view, clip.name.clone(), latent.clone()),
        (None, None) => {}
    }
    view.hand.set_plain(view.params.character.as_ptr(), clip.character);
    for (direction, value) in view.params.directions.iter().zip(clip.directions) {
        let offset = &direction.offset;
        view.hand.set_plain(offset.as_ptr(), offset.preview_plain(offset.preview_normalized(value)));
    }
    let playing = crate::model::ModelRef { sha256: view.snapshot.model.sha256.clone(), ..Default::default() };
    Ok(clip.about_model(&playing))
}

/// A number that nobody chose. The standard library's hash maps draw their keys from the system's randomness.
pub fn chance() -> u32 {
    RandomState::new().build_hasher().finish() as u32
}
