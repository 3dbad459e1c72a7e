//! How the files of one set come into another.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A copy, or another name for the same file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Link {
    /// A file of its own.
    Copy,
    /// The same file under a second name, on the same disk: takes no room, and stays when the first set goes.
    Hard,
    /// A reference: takes no room, and breaks when the first set goes.
    Symbolic,
}

impl Link {
    /// Puts a file at another place.
    pub fn make(self, from: &Path, to: &Path) -> Result<()> {
        let made = match self {
            Self::Copy => fs::copy(from, to).map(|_| ()),
            Self::Hard => fs::hard_link(from, to),
            Self::Symbolic => std::path::absolute(from).and_then(|from| symlink(&from, to)),
        };
        made.with_context(|| {
            let remedy = if self == Self::Copy { "make room there" } else { "use --link copy" };
            format!("{} cannot be put at {}: {remedy}.", from.display(), to.display())
        })
    }
}

#[cfg(unix)]
fn symlink(from: &Path, to: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(from, to)
}

#[cfg(windows)]
fn symlink(from: &Path, to: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_file(from, to)
}
