//! Folders of models, presets and recordings, as the browser lists them.
//!
//! Read on the editor's thread, when a folder is opened and not every frame: a thread of our own could outlive the plugin's
//! library.

use std::path::{Path, PathBuf};

use crate::recording;

/// Most entries that are listed. A folder with more is no place for models.
const MOST: usize = 2000;

/// What a folder holds for the browser.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Listing {
    pub path: PathBuf,
    /// By name, without hidden ones.
    pub folders: Vec<PathBuf>,
    /// Files that end in `.onnx`, by name.
    pub models: Vec<PathBuf>,
    /// Presets of Timbrel, by name.
    pub presets: Vec<PathBuf>,
    /// Recordings that can be matched, by name.
    pub recordings: Vec<PathBuf>,
    /// Why nothing is listed, where that is no fact about the folder.
    pub error: Option<String>,
}

impl Listing {
    pub fn read(path: &Path) -> Self {
        let mut listing = Self { path: path.to_owned(), ..Self::default() };
        let entries = match std::fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => {
                listing.error = Some(format!("This folder cannot be opened: {error}."));
                return listing;
            }
        };
        for entry in entries.flatten().take(MOST) {
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            // Of a link it is the target that counts.
            if path.is_dir() {
                listing.folders.push(path);
                continue;
            }
            match Kind::of(&path) {
                Some(Kind::Model) => listing.models.push(path),
                Some(Kind::Preset) => listing.presets.push(path),
                Some(Kind::Recording) => listing.recordings.push(path),
                None => {}
            }
        }
        let by_name = |path: &PathBuf| name(path).to_lowercase();
        listing.folders.sort_by_cached_key(by_name);
        listing.models.sort_by_cached_key(by_name);
        listing.presets.sort_by_cached_key(by_name);
        listing.recordings.sort_by_cached_key(by_name);
        listing
    }

    /// The model before (-1) or after (1) another in this folder, around its ends.
    pub fn beside(&self, model: &Path, step: isize) -> Option<&PathBuf> {
        let count = self.models.len() as isize;
        let next = match self.models.iter().position(|path| path == model) {
            Some(at) => (at as isize + step).rem_euclid(count.max(1)),
            None if step > 0 => 0,
            None => count - 1,
        };
        self.models.get(next as usize).filter(|path| path.as_path() != model)
    }
}

/// What a file is to the editor, by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Model,
    Preset,
    Recording,
}

impl Kind {
    pub fn of(path: &Path) -> Option<Self> {
        let has = |extension| recording::has_extension(path, &[extension]);
        if has("onnx") {
            Some(Self::Model)
        } else if has(crate::preset::EXTENSION) {
            Some(Self::Preset)
        } else {
            recording::is_readable(path).then_some(Self::Recording)
        }
    }
}

/// What a path leads to that the editor can open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opens {
    Folder,
    File(Kind),
}

/// Looks at what a path leads to.
///
/// # Errors
/// A sentence, where nothing is there or it is nothing for the editor.
pub fn what_opens(path: &Path) -> Result<Opens, String> {
    if path.is_dir() {
        return Ok(Opens::Folder);
    }
    if !path.exists() {
        return Err(format!("There is nothing at {}: look at how its name is written.", path.display()));
    }
    Kind::of(path).map(Opens::File).ok_or_else(|| {
        format!(
            "{} is neither a model (.onnx) nor a preset (.{}) nor a recording (WAV, AIFF or FLAC): choose one of them.",
            name(path),
            crate::preset::EXTENSION
        )
    })
}

/// The last part of a path as text; the whole path where it has none.
pub fn name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Places to go to with one click. Only those that are there.
pub fn places() -> Vec<(&'static str, PathBuf)> {
    let home = std::env::var_os(if cfg!(windows) { "USERPROFILE" } else { "HOME" }).map(PathBuf::from);
    let mut places: Vec<(&str, PathBuf)> = Vec::new();
    places.extend(crate::files::user_models().map(|path| ("My models", path)));
    places.extend(home.clone().map(|path| ("Home", path)));
    places.extend(home.map(|path| ("Downloads", path.join("Downloads"))));
    if cfg!(windows) {
        places.extend(["C:\\", "D:\\", "E:\\", "F:\\"].map(|drive| (drive, PathBuf::from(drive))));
    } else {
        places.push(("Computer", PathBuf::from("/")));
    }
    places.retain(|(_, path)| path.is_dir());
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_lists_its_models_and_folders_in_order() {
        let folder = std::env::temp_dir().join(format!("timbrel-folders-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("Brass")).unwrap();
        std::fs::create_dir_all(folder.join(".hidden")).unwrap();
        for file in ["b.onnx", "A.ONNX", "c.onnx", "notes.txt", "Harp.timbrel", "harp.WAV", "a.flac"] {
            std::fs::write(folder.join(file), "").unwrap();
        }
        let listing = Listing::read(&folder);
        assert_eq!(what_opens(&folder), Ok(Opens::Folder));
        assert_eq!(what_opens(&folder.join("harp.WAV")), Ok(Opens::File(Kind::Recording)));
        assert!(what_opens(&folder.join("notes.txt")).unwrap_err().contains("neither a model"));
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(what_opens(&folder).unwrap_err().contains("There is nothing at"));
        assert_eq!(listing.folders, [folder.join("Brass")]);
        assert_eq!(listing.models, ["A.ONNX", "b.onnx", "c.onnx"].map(|file| folder.join(file)));
        assert_eq!(listing.presets, [folder.join("Harp.timbrel")]);
        assert_eq!(listing.recordings, ["a.flac", "harp.WAV"].map(|file| folder.join(file)));
        assert_eq!(listing.beside(&folder.join("c.onnx"), 1), Some(&folder.join("A.ONNX")));
        assert_eq!(listing.beside(&folder.join("A.ONNX"), -1), Some(&folder.join("c.onnx")));
        assert_eq!(listing.beside(Path::new("/elsewhere.onnx"), 1), Some(&folder.join("A.ONNX")));
        assert!(Listing::read(&folder).error.is_some(), "a folder that is gone says so");
    }

    #[test]
    fn a_lone_model_has_no_neighbour() {
        let listing = Listing { models: vec!["/m/a.onnx".into()], ..Listing::default() };
        assert_eq!(listing.beside(Path::new("/m/a.onnx"), 1), None);
        assert_eq!(Listing::default().beside(Path::new("/m/a.onnx"), -1), None);
    }
}
