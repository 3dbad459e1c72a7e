//! The recordings of a folder, and what is told of them beside.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::audio::{has_extension, is_foreign, is_readable};
use super::name::Told;
use super::sfz::{self, Samples};
use crate::problems::Problems;

/// What can be wrong with files.
const FOREIGN: &str = "of a kind that cannot be read";
const MISSING: &str = "named by an SFZ file but missing";

/// What lies in a folder and below.
#[derive(Default)]
pub struct Files {
    /// In the order of their names.
    pub recordings: Vec<PathBuf>,
    samples: Samples,
}

impl Files {
    pub fn find(folder: &Path, problems: &mut Problems) -> Result<Self> {
        let mut files = Self::default();
        files.walk(folder, problems)?;
        files.recordings.sort();
        Ok(files)
    }

    fn walk(&mut self, folder: &Path, problems: &mut Problems) -> Result<()> {
        let cannot = || format!("{} cannot be read: name a folder of recordings.", folder.display());
        for entry in fs::read_dir(folder).with_context(cannot)? {
            let path = entry.with_context(cannot)?.path();
            if path.is_dir() {
                self.walk(&path, problems)?;
            } else if is_readable(&path) {
                self.recordings.push(path);
            } else if is_foreign(&path) {
                problems.add(FOREIGN, format!("{}: convert it to WAV or FLAC.", path.display()));
            } else if has_extension(&path, &["sfz"]) {
                // Old ones are in the local alphabet; what matters is plain.
                let text = fs::read(&path).with_context(|| format!("{} cannot be read.", path.display()))?;
                self.add_sfz(&path, &sfz::read(&String::from_utf8_lossy(&text), folder), problems);
            }
        }
        Ok(())
    }

    fn add_sfz(&mut self, path: &Path, samples: &Samples, problems: &mut Problems) {
        for (sample, &told) in samples {
            match sample.canonicalize() {
                Ok(sample) => drop(self.samples.insert(sample, told)),
                // Those that begin so are made by the player: `*sine`.
                Err(_) if sample.file_name().is_some_and(|name| name.to_string_lossy().starts_with('*')) => {}
                Err(_) => problems.add(MISSING, format!("{}, named by {}.", sample.display(), path.display())),
            }
        }
    }

    /// What an SFZ file tells of a recording.
    pub fn told(&self, recording: &Path) -> Told {
        recording.canonicalize().ok().and_then(|path| self.samples.get(&path).copied()).unwrap_or_default()
    }
}
