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

pub const EXAMPLES: &str = "examples.json";
pub const SPLIT: &str = "split.json";
pub const ABOUT: &str = "dataset.json";
pub const AUDIO: &str = "audio";

/// `dataset.json`: where a set comes from.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct About {
    pub name: String,
    pub licence: String,
    pub description: String,
    /// The command that made the set.
    pub command: String,
    pub counts: BTreeMap<String, u64>,
    /// What all samples of a source were multiplied by, by the source's name; nothing where files keep their levels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gains: BTreeMap<String, f32>,
    /// The instruments' own names by their names in `examples.json`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub instruments: BTreeMap<String, String>,
}

/// A set that is being written: beside its place, and moved there when it is whole.
pub struct SetWriter {
    out: PathBuf,
    partial: PathBuf,
}

impl SetWriter {
    /// Begins a set. What is at `out` stays until the set is whole, and is replaced then if `overwrite` allows it.
    pub fn new(out: &Path, overwrite: bool) -> Result<Self> {
        let name =
            out.file_name().with_context(|| format!("{} names no folder: give --out another.", out.display()))?;
        let is_taken = out.is_file() || fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some());
        if is_taken && !(overwrite && is_set(out)) {
            let remedy = if is_set(out) { "add --overwrite to replace it, or" } else { "it is no data set;" };
            bail!("{} is there already: {remedy} give --out another folder.", out.display());
        }
        let partial = out.with_file_name(format!("{}.partial", name.to_string_lossy()));
        if partial.exists() {
            fs::remove_dir_all(&partial).with_context(|| format!("{} cannot be removed.", partial.display()))?;
        }
        let audio = partial.join(AUDIO);
        fs::create_dir_all(&audio).with_context(|| format!("{} cannot be made.", audio.display()))?;
        Ok(Self { out: out.to_path_buf(), partial })
    }

    /// Where the WAV of a note belongs while the set is written.
    pub fn wav(&self, note: &str) -> PathBuf {
        wav(&self.partial, note)
    }

    /// Splits the notes and moves the whole set to its place.
    pub fn finish(self, examples: Examples, about: &About, seed: u64) -> Result<()> {
        let split = Split::new(&examples, seed);
        self.finish_with(examples, &split, about)
    }

    /// Moves the whole set, with a split that is there already, to its place.
    pub fn finish_with(self, examples: Examples, split: &Split, about: &About) -> Result<()> {
        if examples.is_empty() {
            bail!("No note is left, so {} was not written: see above what was wrong with them.", self.out.display());
        }
        write_json(&self.partial.join(EXAMPLES), &examples)?;
        write_json(&self.partial.join(SPLIT), split)?;
        write_json(&self.partial.join(ABOUT), about)?;
        if self.out.exists() {
            fs::remove_dir_all(&self.out).with_context(|| format!("{} cannot be replaced.", self.out.display()))?;
        }
        fs::rename(&self.partial, &self.out)
            .with_context(|| format!("{} cannot be moved to {}.", self.partial.display(), self.out.display()))
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

fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    fs::write(path, text).with_context(|| format!("{} cannot be written.", path.display()))
}

fn is_set(folder: &Path) -> bool {
    folder.join(EXAMPLES).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{Example, Family, Instrument, Source};

    #[test]
    fn a_set_is_there_whole_or_not_at_all_and_nothing_else_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("set");
        let instrument = Instrument { id: 0, family: Family::Reed, source: Source::Acoustic, number: 0 };
        let example = Example::new(&instrument, 60, 100);
        let examples: Examples = [(example.note_str.clone(), example)].into();

        let writer = SetWriter::new(&out, false).unwrap();
        fs::write(writer.wav("a"), "wave").unwrap();
        assert!(!out.exists());
        writer.finish(examples.clone(), &About::default(), 0).unwrap();
        assert!(wav(&out, "a").is_file());
        assert_eq!(read_json::<Examples>(&out.join(EXAMPLES)).unwrap(), examples);

        let error = SetWriter::new(&out, false).err().unwrap().to_string();
        assert!(error.contains("--overwrite"), "{error}");
        let writer = SetWriter::new(&out, true).unwrap();
        let error = writer.finish(Examples::new(), &About::default(), 0).unwrap_err().to_string();
        assert!(error.contains("No note is left"), "{error}");
        assert!(wav(&out, "a").is_file(), "a failed attempt leaves the old set");
        SetWriter::new(&out, true).unwrap().finish(examples, &About::default(), 0).unwrap();
        assert!(!wav(&out, "a").exists());

        let foreign = folder.path().join("letters");
        fs::create_dir(&foreign).unwrap();
        fs::write(foreign.join("letter"), "dear").unwrap();
        assert!(SetWriter::new(&foreign, true).is_err());
    }
}
