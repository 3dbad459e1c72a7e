//! Recordings that are left out, and why; and what else is to be said.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Found;

/// Why a recording is left out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    Unusable,
    Same,
    Foreign,
    OutOfRange,
    Take,
    Release,
}

impl Reason {
    /// As the counts of a set name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unusable => "that cannot be used",
            Self::Same => "of a key and velocity that another recording has",
            Self::Foreign => "of a kind that cannot be read",
            Self::OutOfRange => "beyond the keys asked for",
            Self::Take => "further takes of a key and velocity (round robin)",
            Self::Release => "played when a key is let go",
        }
    }

    /// Whether it is as it should be: further takes and the noises of keys belong to no set.
    pub fn is_right(self) -> bool {
        matches!(self, Self::Take | Self::Release)
    }
}

/// A recording that is left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Left {
    pub path: PathBuf,
    /// Where it was found out.
    pub instrument: Option<String>,
    pub reason: Reason,
    /// Without the path and the full stop.
    pub sentence: String,
}

impl Left {
    pub fn new(path: &Path, reason: Reason, sentence: String) -> Self {
        Self { path: path.to_path_buf(), instrument: None, reason, sentence }
    }

    pub fn of(found: &Found, reason: Reason, sentence: String) -> Self {
        Self { instrument: Some(found.instrument.clone()), ..Self::new(&found.path, reason, sentence) }
    }
}

/// What is said besides what is left out, a sentence each.
#[derive(Default, Debug)]
pub struct Words {
    /// Samples that SFZ files name and that are not there.
    pub missing: Vec<String>,
    /// What else is wrong with SFZ files.
    pub sfz: Vec<String>,
    /// Recordings of which one channel was taken.
    pub sides: Vec<String>,
    /// Recordings that do not sound as they are told to.
    pub doubts: Vec<String>,
    /// The same of whole instruments.
    pub offsets: Vec<String>,
}

impl Words {
    /// How many samples SFZ files name that are not there, as the counts of a set name it.
    pub const MISSING: &'static str = "named by an SFZ file but missing";

    /// All kinds, the gravest last, since the end is what stands above the table.
    pub fn all(&self) -> [(&'static str, &[String]); 5] {
        [
            ("taken from one side, since their channels cancel each other", &self.sides),
            (Self::MISSING, &self.missing),
            ("in SFZ files that cannot be followed", &self.sfz),
            ("do not sound as they are told to; they were taken as told unless said otherwise", &self.doubts),
            ("of the whole", &self.offsets),
        ]
    }
}

/// How many there are of each reason.
pub fn counts(left: &[Left]) -> BTreeMap<Reason, usize> {
    let mut counts = BTreeMap::new();
    left.iter().for_each(|one| *counts.entry(one.reason).or_default() += 1);
    counts
}
