//! Presets: a sound with a name, in a file of its own or in the factory bank.
//!
//! A preset is a [`Patch`] with a name, tags, its author, and the model that it was made with. It says nothing of the player's
//! devices: what belongs to the instrument that is played, such as the bend range, stays as it is ([`is_of_preset`]).

mod library;
mod names;
mod program;

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};

pub use library::{Entry, Former, Library, Place, write};
pub use names::propose;
pub use program::Programs;

use crate::held::one_line;
use crate::model::ModelRef;
use crate::params::TimbrelParams;
use crate::patch::Patch;

/// Version of the file. It goes up with every change that an older Timbrel would misread.
pub const FORMAT: u32 = 1;

/// How the name of a preset's file ends.
pub const EXTENSION: &str = "timbrel";

/// Longest file that is read, in bytes: five of the longest latents fit in.
const LONGEST: u64 = 512 * 1024;

/// Most tags of a preset, and the longest, in characters.
const MOST_TAGS: usize = 12;
const LONGEST_TAG: usize = 24;

/// The model that a preset was made with.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MadeWith {
    pub name: String,
    /// SHA-256 of its file, hexadecimal; empty for the model that comes with Timbrel.
    pub sha256: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Preset {
    timbrel_preset: u32,
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub model: MadeWith,
    #[serde(flatten)]
    pub patch: Patch,
}

/// Parameters that are no part of a preset: they belong to the player's keyboard and controllers, or to the piece.
const THE_PLAYERS: [&str; 14] = [
    "bend",
    "tune",
    "limiter",
    "mts_esp",
    "velocity_law",
    "velocity_shape",
    "wheel_to",
    "wheel_amount",
    "breath_to",
    "breath_amount",
    "pressure_to",
    "pressure_amount",
    "slide_to",
    "slide_amount",
];

/// Whether a parameter is part of a preset.
pub fn is_of_preset(id: &str) -> bool {
    !THE_PLAYERS.contains(&id)
}

impl Preset {
    /// What sounds now, as a preset.
    pub fn of(params: &TimbrelParams, name: &str, tags: Vec<String>, model: MadeWith) -> Self {
        let mut patch = Patch::of(params);
        patch.held.preset.clear();
        patch.params.retain(|id, _| is_of_preset(id));
        Self { timbrel_preset: FORMAT, name: one_line(name), author: String::new(), tags, model, patch }
    }

    /// The bytes of its file.
    pub fn text(&self) -> String {
        // A struct of strings and finite numbers always becomes JSON.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Reads a preset from the text of a file. Errors are ends of sentences.
    pub fn parse(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            timbrel_preset: u32,
        }
        let Ok(version) = serde_json::from_str::<Version>(text) else {
            bail!("is no preset of Timbrel, or is damaged: copy or download it again");
        };
        ensure!(
            (1..=FORMAT).contains(&version.timbrel_preset),
            "was saved by a newer Timbrel (preset format {}, and this one reads up to {FORMAT}): update Timbrel",
            version.timbrel_preset
        );
        let mut preset: Self =
            serde_json::from_str(text).map_err(|_| anyhow!("is damaged: copy or download it again"))?;
        preset.patch.params.retain(|id, _| is_of_preset(id));
        let complaints = preset.patch.mend();
        // A preset is a whole sound: half of one would be another, under its name.
        ensure!(complaints.is_empty(), "is damaged ({}): copy or download it again", complaints.join("; "));
        preset.patch.params.retain(|id, _| is_of_preset(id));
        preset.patch.held.preset.clear();
        preset.name = one_line(&preset.name);
        preset.author = one_line(&preset.author);
        preset.model.name = one_line(&preset.model.name);
        preset.tags = tidy_tags(&preset.tags);
        ensure!(!preset.name.is_empty(), "has no name: name it in its file");
        Ok(preset)
    }

    /// Reads a file. The error is a sentence that names it.
    pub fn read(path: &Path) -> Result<Self> {
        let read = || -> Result<Self> {
            let metadata = std::fs::metadata(path).context("is not there")?;
            ensure!(metadata.is_file(), "is not a file");
            ensure!(metadata.len() <= LONGEST, "is no preset: it is far too long");
            let text = std::fs::read(path).map_err(|error| anyhow!("cannot be read: {error}"))?;
            Self::parse(std::str::from_utf8(&text).map_err(|_| anyhow!("is no preset of Timbrel"))?)
        };
        read().map_err(|error| anyhow!("The preset {} {error}.", path.display()))
    }

    /// The model to load for it, where another one plays: `playing` plays, and `default` is the hash of the one that comes with
    /// Timbrel, where it is known.
    pub fn other_model(&self, playing: &ModelRef, default: Option<&str>) -> Option<ModelRef> {
        let wanted = &self.model.sha256;
        if wanted.is_empty() {
            let plays_default = playing.is_default() || default == Some(playing.sha256.as_str());
            return (!plays_default).then(ModelRef::default);
        }
        let same = wanted.eq_ignore_ascii_case(&playing.sha256);
        (!same).then(|| ModelRef { name: self.model.name.clone(), sha256: wanted.clone(), ..ModelRef::default() })
    }
}

/// Tags as they can be shown: one line, short, each once.
pub fn tidy_tags(tags: &[String]) -> Vec<String> {
    let mut tidy: Vec<String> = Vec::new();
    for tag in tags {
        let tag: String = one_line(tag).to_lowercase().chars().take(LONGEST_TAG).collect();
        if !tag.is_empty() && !tidy.contains(&tag) && tidy.len() < MOST_TAGS {
            tidy.push(tag);
        }
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::held::Point;
    use crate::state::Session;

    fn params() -> TimbrelParams {
        let (_, _, editor_end) = crate::link::link();
        TimbrelParams::new(Session::default(), &editor_end.status)
    }

    fn preset() -> Preset {
        let params = params();
        let point = Point { name: "Own".into(), latent: (0..24).map(|i| (i as f32).sin()).collect(), at: None };
        let held = crate::held::Held { point: Some(point), seed: 3, ..Default::default() };
        params.session.holding().set(held.into());
        let model = MadeWith { name: "Timbrel".into(), sha256: "ab".repeat(32) };
        Preset::of(&params, "Glass\nharp", vec!["Bright".into(), "pluck".into(), "bright".into()], model)
    }

    #[test]
    fn a_preset_goes_through_its_file_unchanged_and_leaves_the_players_things_alone() {
        let text = preset().text();
        let again = Preset::parse(&text).unwrap();
        assert_eq!(
            (again.name.as_str(), &again.tags[..]),
            ("Glass harp", &["bright".to_owned(), "pluck".to_owned()][..])
        );
        assert_eq!(again.patch.plain(), preset().patch.plain());
        assert_eq!(again.patch.held, preset().patch.held);
        assert_eq!(Preset::parse(&again.text()).unwrap().text(), again.text());
        for id in ["bend", "tune"] {
            assert!(!text.contains(&format!("\"{id}\"")), "{id} is the player's");
        }
        let with_bend = text.replace("\"params\": {", "\"params\": {\n    \"bend\": {\"i32\": 12},");
        assert_ne!(with_bend, text);
        assert!(!Preset::parse(&with_bend).unwrap().patch.params.contains_key("bend"));
    }

    #[test]
    fn what_is_no_preset_is_refused_with_a_reason() {
        let good = preset().text();
        for (text, why) in [
            (String::new(), "no preset"),
            ("{}".into(), "no preset"),
            ("RIFF....WAVE".into(), "no preset"),
            (good[..good.len() / 2].to_owned(), "no preset"),
            (good.replace("\"timbrel_preset\": 1", "\"timbrel_preset\": 7"), "newer Timbrel"),
            (good.replace("\"timbrel_preset\": 1", "\"timbrel_preset\": 0"), "newer Timbrel"),
            (good.replace("\"f32\": -6.0", "\"f32\": 600.0"), "damaged"),
            (good.replace("\"latent\": [", "\"latent\": [1e9,"), "damaged"),
            (good.replace("\"params\"", "\"parms\""), "damaged"),
            (good.replace("Glass harp", " "), "no name"),
        ] {
            let error = Preset::parse(&text).expect_err(why).to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_preset_of_another_model_asks_for_it() {
        let playing = |sha256: &str| ModelRef { name: "P".into(), sha256: sha256.into(), path: "/p".into() };
        let mut own = preset();
        assert_eq!(own.other_model(&playing(&"AB".repeat(32)), None), None);
        assert_eq!(own.other_model(&playing("cd"), None).unwrap().sha256, "ab".repeat(32));
        own.model.sha256.clear();
        assert_eq!(own.other_model(&playing("cd"), Some("cd")), None);
        assert_eq!(own.other_model(&ModelRef::default(), None), None);
        assert!(own.other_model(&playing("ef"), Some("cd")).unwrap().is_default());
    }
}
