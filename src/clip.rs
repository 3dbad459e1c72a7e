//! A timbre as one line of text, to be copied, sent and pasted.

use anyhow::{Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::held::{Point, one_line};
use crate::model::ModelRef;
use crate::note::DIRECTIONS;
use crate::params::{DIRECTION_LIMIT, SEED_MAX};

/// Version of the text.
const FORMAT: u32 = 1;

/// Longest text that is looked at, in bytes; the longest latent fits in.
const LONGEST: usize = 128 * 1024;

/// A timbre, with all that is needed to hear it elsewhere.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Clip {
    timbrel_timbre: u32,
    #[serde(default)]
    pub name: String,
    /// The model's name and hash. The path is this machine's own, and stays here.
    model: Model,
    /// What it starts from: either of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latent: Option<Vec<f32>>,
    /// 1 is as drawn.
    pub character: f32,
    /// In standard deviations.
    pub directions: [f32; DIRECTIONS],
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Model {
    name: String,
    sha256: String,
}

impl Clip {
    pub fn new(model: &ModelRef, from: Result<i32, Point>, character: f32, directions: [f32; DIRECTIONS]) -> Self {
        let (seed, latent, name) = match from {
            Ok(seed) => (Some(seed), None, String::new()),
            Err(point) => (None, Some(point.latent), point.name),
        };
        let model = Model { name: model.name.clone(), sha256: model.sha256.clone() };
        Self { timbrel_timbre: FORMAT, name, model, seed, latent, character, directions }
    }

    /// The one line.
    pub fn text(&self) -> String {
        // A struct of strings and finite numbers always becomes JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a line, or a text with one in it. The error is a sentence.
    pub fn read(text: &str) -> Result<Self> {
        let text = text.trim();
        ensure!(!text.is_empty(), "There is no text to paste: copy a timbre first.");
        ensure!(text.len() <= LONGEST, "What was copied is no timbre: it is far too long.");
        // A mail program may have put something around it.
        let line = match (text.find('{'), text.rfind('}')) {
            (Some(start), Some(end)) if start < end => &text[start..=end],
            _ => bail!("What was copied is no timbre of Timbrel: copy one by the button Copy, or all of its line."),
        };
        #[derive(Deserialize)]
        struct Version {
            timbrel_timbre: u32,
        }
        let Ok(version) = serde_json::from_str::<Version>(line) else {
            bail!("What was copied is no timbre of Timbrel, or not all of one: copy the whole line.");
        };
        ensure!(
            version.timbrel_timbre <= FORMAT,
            "The timbre was copied from a newer Timbrel (its text has version {}, and this one reads up to {FORMAT}): update \
             Timbrel.",
            version.timbrel_timbre
        );
        let Ok(mut clip) = serde_json::from_str::<Self>(line) else {
            bail!("The timbre's text is damaged: copy the whole line again.");
        };
        clip.check()?;
        Ok(clip)
    }

    fn check(&mut self) -> Result<()> {
        self.name = one_line(&self.name);
        self.model.name = one_line(&self.model.name);
        ensure!(
            self.seed.is_some() != self.latent.is_some(),
            "The timbre's text is damaged: it must have a seed or a latent, and not both."
        );
        if let Some(seed) = self.seed {
            ensure!((0..=SEED_MAX).contains(&seed), "The timbre's seed {seed} is none: seeds go from 0 to {SEED_MAX}.");
        }
        if let Some(latent) = &self.latent
            && let Err(error) = (Point { latent: latent.clone(), ..Point::default() }).check()
        {
            bail!("The timbre's text is damaged: its latent {error}.");
        }
        let numbers = self.directions.iter().chain([&self.character]);
        ensure!(numbers.copied().all(f32::is_finite), "The timbre's text is damaged: a direction is no number.");
        self.directions = self.directions.map(|value| value.clamp(-DIRECTION_LIMIT, DIRECTION_LIMIT));
        self.character = self.character.clamp(0.0, 2.0);
        Ok(())
    }

    /// What to say where another model plays than the timbre was made with.
    pub fn about_model(&self, playing: &ModelRef) -> Option<String> {
        let same = self.model.sha256.is_empty() || self.model.sha256.eq_ignore_ascii_case(&playing.sha256);
        (!same).then(|| {
            let name = if self.model.name.is_empty() { "another model" } else { &self.model.name };
            format!(
                "The timbre was made with the model \"{name}\" ({}…) and sounds otherwise with the one that plays: choose that \
                 model to hear it as it was meant.",
                self.model.sha256.get(..8).unwrap_or(&self.model.sha256)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clips() -> [Clip; 2] {
        let model = ModelRef { name: "Timbrel".into(), sha256: "ab".repeat(32), path: "/secret/place.onnx".into() };
        let directions = std::array::from_fn(|i| i as f32 * 0.37 - 1.2);
        let latent = (0..24).map(|i| (i as f32 * 0.7).sin() / 3.0).collect();
        let point = Point { name: "Own \"sound\"".into(), latent, at: None };
        [Clip::new(&model, Ok(317), 0.8, directions), Clip::new(&model, Err(point), 1.0, directions)]
    }

    #[test]
    fn a_timbre_goes_through_text_to_the_bit() {
        for clip in clips() {
            let text = clip.text();
            assert!(!text.contains('\n') && !text.contains("secret"), "{text}");
            assert_eq!(Clip::read(&text).unwrap(), clip);
            assert_eq!(Clip::read(&format!("  Listen to this:\n{text}\n-- \nA friend")).unwrap(), clip);
            assert!(clip.about_model(&ModelRef { sha256: "AB".repeat(32), ..ModelRef::default() }).is_none());
            assert!(
                clip.about_model(&ModelRef { sha256: "cd".repeat(32), ..ModelRef::default() })
                    .unwrap()
                    .contains("Timbrel")
            );
        }
    }

    #[test]
    fn what_is_broken_is_refused_with_a_sentence() {
        let [seed, latent] = clips().map(|clip| clip.text());
        for (text, why) in [
            (String::new(), "no text to paste"),
            ("hello".into(), "no timbre of Timbrel"),
            ("{}".into(), "copy the whole line"),
            (latent[..latent.len() / 2].to_owned(), "no timbre"),
            (latent[3..].to_owned(), "copy the whole line"),
            (seed.replace("\"timbrel_timbre\":1", "\"timbrel_timbre\":9"), "newer Timbrel"),
            (seed.replace("317", "31700"), "seeds go from 0 to"),
            (seed.replace("\"seed\":317,", ""), "a seed or a latent"),
            (latent.replace("\"latent\":[", "\"latent\":[1e9,"), "damaged"),
            (latent.replace("\"latent\":[", "\"latent\":[[],"), "damaged"),
            (format!("{{{}}}", "x".repeat(LONGEST)), "far too long"),
        ] {
            let error = Clip::read(&text).unwrap_err().to_string();
            assert!(error.contains(why), "{error} for {}", &text[..text.len().min(60)]);
            assert!(error.ends_with('.'));
        }
    }
}
