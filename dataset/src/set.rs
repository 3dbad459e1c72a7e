//! A data set: a folder in NSynth's format.
//!
//! ```text
//! examples.json     every note by its name
//! audio/NAME.wav    16 kHz, mono, 16 bits, four seconds
//! split.json        which notes are learnt from, which ones judge
//! dataset.json      where the set comes from
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::example::Examples;
use crate::split::Split;
use crate::staging::Staging;

pub const EXAMPLES: &str = "examples.json";
pub const SPLIT: &str = "split.json";
pub const ABOUT: &str = "dataset.json";
pub const AUDIO: &str = "audio";

/// `dataset.json`: where a set comes from.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    pub name: String,
    pub licence: String,
    pub description: String,
    /// The command that made the set.
    pub command: String,
    pub counts: BTreeMap<String, u64>,
    /// What all samples of a source were multiplied by, by the source's name; nothing where files keep their levels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub gains: BTreeMap<String, f32>,
    /// The instruments' own names by their names in `examples.json`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub instruments: BTreeMap<String, String>,
    /// General MIDI's program, from 0, of each instrument that is one, by its name in `examples.json`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub programs: BTreeMap<String, u8>,
    /// What others have written into it.
    #[serde(flatten)]
    pub others: BTreeMap<String, serde_json::Value>,
}

/// A set that is being written.
pub struct SetWriter {
    staging: Staging,
}

impl SetWriter {
    /// Begins a set. What is at `out` stays until the set is whole, and is replaced then if it is a set and `overwrite`
    /// allows it.
    pub fn new(out: &Path, overwrite: bool) -> Result<Self> {
        let staging = Staging::new(out, EXAMPLES, overwrite)?;
        let audio = staging.path().join(AUDIO);
        fs::create_dir(&audio).with_context(|| format!("{} cannot be made.", audio.display()))?;
        Ok(Self { staging })
    }

    /// Where the WAV of a note belongs while the set is written.
    pub fn wav(&self, note: &str) -> PathBuf {
        wav(self.staging.path(), note)
    }

    /// Splits the notes and moves the whole set to its place.
    pub fn finish(self, examples: &Examples, about: &About, seed: u64) -> Result<()> {
        self.finish_with(examples, &Split::new(examples, seed), about)
    }

    /// Moves the whole set, with a split that is there already, to its place.
    pub fn finish_with(self, examples: &Examples, split: &Split, about: &About) -> Result<()> {
        if examples.is_empty() {
            bail!("No note is left, so {} was not written.", self.staging.out().display());
        }
        write_json(&self.staging.path().join(EXAMPLES), examples)?;
        write_json(&self.staging.path().join(SPLIT), split)?;
        write_json(&self.staging.path().join(ABOUT), about)?;
        self.staging.commit()
    }
}

/// The WAV of a note in a set.
pub fn wav(set: &Path, note: &str) -> PathBuf {
    set.join(AUDIO).join(format!("{note}.wav"))
}

/// Reads a file of a set.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text =
        fs::read(path).with_context(|| format!("{} cannot be read: name the folder of a data set.", path.display()))?;
    serde_json::from_slice(&text)
        .with_context(|| format!("{} is not what NSynth's format asks for: mend it or fetch it again.", path.display()))
}

/// Writes a file of a set.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    fs::write(path, text).with_context(|| format!("{} cannot be written.", path.display()))
}
