//! A folder that is there whole or not at all: it is filled beside its place and moved there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A folder that is being filled. Dropped without [`Staging::commit`], it leaves nothing.
pub struct Staging {
    out: PathBuf,
    partial: PathBuf,
}

impl Staging {
    /// Begins to fill a folder. What is at `out` stays until then. A folder that holds the file `marker` is one of ours, and
    /// is replaced if `overwrite` says so; nothing else is.
    pub fn new(out: &Path, marker: &str, overwrite: bool) -> Result<Self> {
        let name =
            out.file_name().with_context(|| format!("{} names no folder: give --out another.", out.display()))?;
        let is_taken = out.is_file() || fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some());
        let is_ours = out.join(marker).is_file();
        if is_taken && !(overwrite && is_ours) {
            let remedy = if is_ours { "add --overwrite to replace it, or" } else { "it holds something else;" };
            bail!("{} is there already: {remedy} give --out another folder.", out.display());
        }
        let partial = out.with_file_name(format!("{}.partial", name.to_string_lossy()));
        if partial.exists() {
            fs::remove_dir_all(&partial).with_context(|| format!("{} cannot be removed.", partial.display()))?;
        }
        fs::create_dir_all(&partial).with_context(|| format!("{} cannot be made.", partial.display()))?;
        Ok(Self { out: out.to_path_buf(), partial })
    }

    /// Where to write.
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// Where it will be.
    pub fn out(&self) -> &Path {
        &self.out
    }

    /// Moves the folder to its place.
    pub fn commit(self) -> Result<()> {
        if self.out.exists() {
            fs::remove_dir_all(&self.out).with_context(|| format!("{} cannot be replaced.", self.out.display()))?;
        }
        fs::rename(&self.partial, &self.out)
            .with_context(|| format!("{} cannot be moved to {}.", self.partial.display(), self.out.display()))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After a commit there is nothing to remove.
        let _ = fs::remove_dir_all(&self.partial);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_there_whole_or_not_at_all_and_nothing_foreign_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("ours");
        let fill = |overwrite, text: &str| {
            let staging = Staging::new(&out, "marker", overwrite)?;
            fs::write(staging.path().join("marker"), text)?;
            assert_ne!(fs::read_to_string(out.join("marker")).unwrap_or_default(), text);
            staging.commit()
        };
        fill(false, "first").unwrap();
        let error = fill(false, "second").unwrap_err().to_string();
        assert!(error.contains("--overwrite"), "{error}");
        drop(Staging::new(&out, "marker", true).unwrap());
        assert_eq!(fs::read_to_string(out.join("marker")).unwrap(), "first", "what is begun changes nothing");
        fill(true, "third").unwrap();
        assert_eq!(fs::read_to_string(out.join("marker")).unwrap(), "third");

        let foreign = folder.path().join("letters");
        fs::create_dir(&foreign).unwrap();
        fs::write(foreign.join("letter"), "dear").unwrap();
        assert!(Staging::new(&foreign, "marker", true).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no partial folder is left");
    }
}
