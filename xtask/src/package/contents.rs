//! What an installation holds on Linux, and where each thing lies: the one list from which the packages are made.
//!
//! The models and the runtime library are there once, with the app; the plugins have links to them, since each finds its files by
//! its own path.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::target::Target;

/// A folder that every installation has, wherever it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Base {
    Lib,
    Clap,
    Vst3,
    Bin,
    Share,
}

impl Base {
    /// Its name in an archive; `install.sh` knows where each is for one user.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lib => "lib",
            Self::Clap => "clap",
            Self::Vst3 => "vst3",
            Self::Bin => "bin",
            Self::Share => "share",
        }
    }

    /// Where it is for all users of a system.
    pub fn in_system(self) -> &'static str {
        match self {
            Self::Lib => "usr/lib",
            Self::Clap => "usr/lib/clap",
            Self::Vst3 => "usr/lib/vst3",
            Self::Bin => "usr/bin",
            Self::Share => "usr/share",
        }
    }
}

/// A place below a base.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    pub base: Base,
    pub path: String,
}

fn at(base: Base, path: impl Into<String>) -> Place {
    Place { base, path: path.into() }
}

#[derive(PartialEq, Eq, Debug)]
pub enum What {
    /// A copy of a file, or of a folder with all that is in it.
    Copy(PathBuf),
    /// A symbolic link.
    LinkTo(Place),
}

/// Everything, in the order in which it is put there. A later entry may lie in a folder that an earlier one has made.
pub fn of(target: Target, bundled: &Path) -> Vec<(Place, What)> {
    let vst3 = target.vst3_layout(Path::new(""));
    let in_vst3 = |path: &Path| at(Base::Vst3, path.display().to_string());
    let plugin = vst3.library.join("Timbrel.so");
    let data = |name: &str| at(Base::Lib, format!("timbrel/Timbrel.data{name}"));
    let library = format!("/{}", target.library_name());
    let copy = |path: &str| What::Copy(path.into());
    vec![
        (at(Base::Lib, "timbrel/timbrel"), What::Copy(bundled.join("timbrel"))),
        (data(""), What::Copy(bundled.join("Timbrel.data"))),
        (at(Base::Bin, "timbrel"), What::LinkTo(at(Base::Lib, "timbrel/timbrel"))),
        (at(Base::Clap, "Timbrel.clap"), What::Copy(bundled.join("Timbrel.clap"))),
        (at(Base::Clap, "Timbrel.data"), What::LinkTo(data(""))),
        (in_vst3(&plugin), What::Copy(bundled.join(&plugin))),
        (in_vst3(&vst3.library.join(target.library_name())), What::LinkTo(data(&library))),
        (in_vst3(&vst3.resources), What::LinkTo(data(""))),
        (at(Base::Share, "applications/org.timbrel.Timbrel.desktop"), copy("assets/org.timbrel.Timbrel.desktop")),
        (
            at(Base::Share, "icons/hicolor/scalable/apps/org.timbrel.Timbrel.svg"),
            copy("assets/org.timbrel.Timbrel.svg"),
        ),
        (at(Base::Share, "doc/timbrel/README.md"), copy("README.md")),
        (at(Base::Share, "doc/timbrel/SECURITY.md"), copy("SECURITY.md")),
        (at(Base::Share, "doc/timbrel/CHANGELOG.md"), copy("CHANGELOG.md")),
        (at(Base::Share, "doc/timbrel/demo.mid"), copy("assets/demo.mid")),
    ]
}

/// Copies a file, or a folder whole.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to).with_context(|| format!("{} cannot be made", to.display()))?;
        for entry in fs::read_dir(from).with_context(|| format!("{} cannot be read", from.display()))? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    fs::copy(from, to).with_context(|| format!("{} cannot be copied to {}", from.display(), to.display()))?;
    Ok(())
}

/// The way from the folder of one path to another, both below the same root.
pub fn relative(from: &Path, to: &Path) -> PathBuf {
    let from: Vec<_> = from.parent().unwrap_or(Path::new("")).components().collect();
    let to: Vec<_> = to.components().collect();
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n(std::path::Component::ParentDir, from.len() - shared);
    up.chain(to[shared..].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_from_its_own_folder() {
        let link = |from, to| relative(Path::new(from), Path::new(to)).display().to_string();
        assert_eq!(link("usr/bin/timbrel", "usr/lib/timbrel/timbrel"), "../lib/timbrel/timbrel");
        assert_eq!(link("usr/lib/clap/Timbrel.data", "usr/lib/timbrel/Timbrel.data"), "../timbrel/Timbrel.data");
        assert_eq!(link("a", "b"), "b");
    }

    #[test]
    fn every_link_leads_to_something_that_is_there() {
        let contents = of(Target::of(None).unwrap(), Path::new("bundled"));
        let copies: Vec<&Place> =
            contents.iter().filter(|(_, what)| matches!(what, What::Copy(_))).map(|(place, _)| place).collect();
        for (_, what) in &contents {
            if let What::LinkTo(to) = what {
                let is_in = |place: &&&Place| place.base == to.base && to.path.starts_with(&place.path);
                assert!(copies.iter().any(|place| is_in(&place)), "{to:?}");
            }
        }
    }
}
