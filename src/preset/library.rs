//! All presets there are: the factory bank, which is compiled in, and the files of the user's folder.
//!
//! Read when somebody looks, on the thread of who looks. A file is written beside its place and renamed into it, so that it is
//! there whole or not at all; what cannot be read is listed with a sentence, and left as it is.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::{EXTENSION, Preset};

/// Most files that are looked at.
const MOST: usize = 5_000;

/// The bank that comes with Timbrel; `timbrel bank` makes it.
static FACTORY: LazyLock<Vec<Arc<Preset>>> = LazyLock::new(|| {
    let bank = include_str!("../../assets/presets/factory.json");
    let presets: Vec<serde_json::Value> = serde_json::from_str(bank).unwrap_or_default();
    presets.iter().filter_map(|preset| Preset::parse(&preset.to_string()).ok()).map(Arc::new).collect()
});

/// Where a preset lies.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// Its number in the factory bank.
    Factory(usize),
    File(PathBuf),
}

/// A preset in a list.
#[derive(Clone, Debug)]
pub struct Entry {
    pub place: Place,
    /// The error is a sentence.
    pub preset: Result<Arc<Preset>, String>,
}

impl Entry {
    pub fn name(&self) -> String {
        match (&self.preset, &self.place) {
            (Ok(preset), _) => preset.name.clone(),
            (Err(_), Place::File(path)) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            (Err(_), Place::Factory(_)) => String::new(),
        }
    }

    pub fn tags(&self) -> &[String] {
        self.preset.as_ref().map_or(&[], |preset| &preset.tags)
    }

    /// What it is remembered by among those that somebody likes.
    pub fn key(&self) -> String {
        match &self.place {
            Place::Factory(_) => format!("factory:{}", self.name()),
            Place::File(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }
}

/// The presets, factory first, each part by name.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// The user's folder; `None` where there is no home.
    folder: Option<PathBuf>,
    entries: Vec<Entry>,
}

impl Library {
    /// The factory bank alone, in its order.
    pub fn factory() -> &'static [Arc<Preset>] {
        &FACTORY
    }

    /// Looks into a folder, which need not be there.
    pub fn read(folder: Option<PathBuf>) -> Self {
        let factory = FACTORY.iter().enumerate();
        let mut entries: Vec<Entry> =
            factory.map(|(i, preset)| Entry { place: Place::Factory(i), preset: Ok(Arc::clone(preset)) }).collect();
        let files = folder.as_deref().map(files_in).unwrap_or_default();
        let mut own: Vec<Entry> = files.into_iter().map(entry).collect();
        own.sort_by_cached_key(|entry| entry.name().to_lowercase());
        entries.extend(own);
        Self { folder, entries }
    }

    /// The user's folder.
    pub fn folder(&self) -> Option<PathBuf> {
        self.folder.clone()
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn get(&self, place: &Place) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.place == *place)
    }

    /// All tags, by name.
    pub fn tags(&self) -> Vec<String> {
        let tags: BTreeSet<&String> = self.entries.iter().flat_map(Entry::tags).collect();
        tags.into_iter().cloned().collect()
    }

    pub fn has_name(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name().eq_ignore_ascii_case(name))
    }

    /// Keeps a preset in the user's folder, in a file of its own; never over another one. Errors are sentences.
    pub fn save(&mut self, preset: &Preset) -> Result<Place> {
        let folder = self.own_folder()?;
        let path = free_path(&folder, &preset.name);
        write(&path, preset)?;
        *self = Self::read(self.folder.take());
        Ok(Place::File(path))
    }

    /// Gives a preset of the user's another name, and its file, too.
    pub fn rename(&mut self, place: &Place, name: &str) -> Result<Place> {
        let (path, preset) = self.own(place)?;
        let name = crate::held::one_line(name);
        ensure!(!name.is_empty(), "A preset needs a name.");
        let renamed = Preset { name: name.clone(), ..Preset::clone(&preset) };
        if file_stem(&name) == path.file_stem().unwrap_or_default().to_string_lossy() {
            write(&path, &renamed)?;
            *self = Self::read(self.folder.take());
            return Ok(place.clone());
        }
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let target = free_path(&folder, &name);
        write(&target, &renamed)?;
        // The new one is there; if the old one cannot be removed, both are, and nothing is lost.
        let removed = fs::remove_file(&path);
        *self = Self::read(self.folder.take());
        removed.map_err(|error| anyhow!("The preset's old file {} cannot be removed: {error}.", path.display()))?;
        Ok(Place::File(target))
    }

    /// Gives a preset of the user's other tags.
    pub fn tag(&mut self, place: &Place, tags: &[String]) -> Result<()> {
        let (path, preset) = self.own(place)?;
        write(&path, &Preset { tags: super::tidy_tags(tags), ..Preset::clone(&preset) })?;
        *self = Self::read(self.folder.take());
        Ok(())
    }

    /// Puts another sound in the place of a preset of the user's, under its name and with its tags. Gives what was there.
    pub fn update(&mut self, place: &Place, sound: Preset) -> Result<Former> {
        let (path, preset) = self.own(place)?;
        let former = Former::of(&path)?;
        let Preset { name, author, tags, .. } = Preset::clone(&preset);
        write(&path, &Preset { name, author, tags, ..sound })?;
        *self = Self::read(self.folder.take());
        Ok(former)
    }

    /// Removes a preset of the user's. Gives what was there.
    pub fn delete(&mut self, place: &Place) -> Result<Former> {
        let Place::File(path) = place else { bail!("A preset of the factory bank stays.") };
        let former = Former::of(path)?;
        fs::remove_file(path).map_err(|error| anyhow!("The preset {} cannot be removed: {error}.", path.display()))?;
        *self = Self::read(self.folder.take());
        Ok(Former { is_gone: true, ..former })
    }

    /// Puts back what a preset's file was before it was removed or updated; never over another one.
    pub fn put_back(&mut self, former: &Former) -> Result<Place> {
        self.own_folder()?;
        let path = match former.is_gone && former.path.exists() {
            true => free_path(
                former.path.parent().unwrap_or(Path::new("")),
                &former.path.file_stem().unwrap_or_default().to_string_lossy(),
            ),
            false => former.path.clone(),
        };
        write_bytes(&path, &former.bytes)?;
        *self = Self::read(self.folder.take());
        Ok(Place::File(path))
    }

    /// Copies a preset from a file of somebody else's into the user's folder.
    pub fn import(&mut self, file: &Path) -> Result<Place> {
        let preset = Preset::read(file)?;
        self.save(&preset)
    }

    /// Writes a preset as a file of its own into a folder; gives its path.
    pub fn export(&self, place: &Place, folder: &Path) -> Result<PathBuf> {
        let entry = self.get(place).context("The preset is no longer there: look for it in the list.")?;
        let preset = entry.preset.as_ref().map_err(|sentence| anyhow!("{sentence}"))?;
        let path = free_path(folder, &preset.name);
        write(&path, preset)?;
        Ok(path)
    }

    fn own_folder(&self) -> Result<PathBuf> {
        let folder =
            self.folder.clone().context("There is no home folder to keep presets in: export it to a folder.")?;
        fs::create_dir_all(&folder)
            .map_err(|error| anyhow!("The folder {} for presets cannot be made: {error}.", folder.display()))?;
        Ok(folder)
    }

    fn own(&self, place: &Place) -> Result<(PathBuf, Arc<Preset>)> {
        let Place::File(path) = place else { bail!("A preset of the factory bank keeps its name: save a copy of it.") };
        let entry = self.get(place).context("The preset is no longer there: look for it in the list.")?;
        let preset = entry.preset.as_ref().map_err(|sentence| anyhow!("{sentence}"))?;
        Ok((path.clone(), Arc::clone(preset)))
    }
}

/// What the file of a preset was, whatever it was, to be put back.
#[derive(Clone, Debug)]
pub struct Former {
    path: PathBuf,
    bytes: Vec<u8>,
    /// Whether the file was removed, so that its place may be another's by now.
    is_gone: bool,
}

impl Former {
    fn of(path: &Path) -> Result<Self> {
        let bytes = fs::read(path);
        let bytes = bytes.map_err(|error| anyhow!("The preset {} cannot be read: {error}.", path.display()))?;
        Ok(Self { path: path.to_owned(), bytes, is_gone: false })
    }
}

fn entry(path: PathBuf) -> Entry {
    let preset = Preset::read(&path).map(Arc::new).map_err(|error| error.to_string());
    Entry { place: Place::File(path), preset }
}

/// The presets' files in a folder.
pub fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_preset = |path: &PathBuf| {
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        !hidden && path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(EXTENSION)) && path.is_file()
    };
    entries.flatten().take(MOST).map(|entry| entry.path()).filter(is_preset).collect()
}

/// A name as a file may have it on every system.
fn file_stem(name: &str) -> String {
    let safe = |c: char| c.is_alphanumeric() || " -_+,()'&".contains(c);
    let stem: String = name.chars().map(|c| if safe(c) { c } else { '-' }).take(80).collect();
    let stem = stem.trim().trim_end_matches('.');
    // Names that Windows keeps for devices.
    let device = ["con", "prn", "aux", "nul"].contains(&stem.to_lowercase().as_str());
    if stem.is_empty() || device { format!("preset {stem}").trim().to_owned() } else { stem.to_owned() }
}

/// A path that nothing lies at.
fn free_path(folder: &Path, name: &str) -> PathBuf {
    let stem = file_stem(name);
    let numbered = (2..).map(|number| folder.join(format!("{stem} {number}.{EXTENSION}")));
    let mut paths = std::iter::once(folder.join(format!("{stem}.{EXTENSION}"))).chain(numbered);
    paths.find(|path| !path.exists()).unwrap_or_else(|| folder.join(format!("{stem}.{EXTENSION}")))
}

/// Writes a file whole, or not at all. The error is a sentence.
pub fn write(path: &Path, preset: &Preset) -> Result<()> {
    write_bytes(path, preset.text().as_bytes())
}

fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    // Hidden, and of this process alone, until it is whole.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = || -> io::Result<()> {
        let mut file = fs::File::create(&unfinished)?;
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    };
    written().map_err(|error| {
        let _ = fs::remove_file(&unfinished);
        anyhow!("The preset cannot be written to {}: {error}.", path.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::TimbrelParams;
    use crate::preset::MadeWith;
    use crate::state::Session;

    /// A folder of the test's own, which goes with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("timbrel-presets-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn preset(name: &str) -> Preset {
        let (_, _, editor_end) = crate::link::link();
        let params = TimbrelParams::new(Session::default(), &editor_end.status);
        Preset::of(&params, name, vec!["own".into()], MadeWith::default())
    }

    fn own_names(library: &Library) -> Vec<String> {
        let own = library.entries().iter().filter(|entry| matches!(entry.place, Place::File(_)));
        own.map(Entry::name).collect()
    }

    #[test]
    fn presets_are_saved_renamed_exported_imported_and_removed() {
        let (folder, other) = (Folder::new("all"), Folder::new("other"));
        let mut library = Library::read(Some(folder.0.clone()));
        assert!(own_names(&library).is_empty());
        let harp = library.save(&preset("Harp: of/glass")).unwrap();
        let second = library.save(&preset("Harp: of/glass")).unwrap();
        assert_ne!(harp, second, "nothing is written over");
        assert!(library.has_name("harp: OF/glass") && library.tags().contains(&"own".to_owned()));
        let renamed = library.rename(&second, "Bell").unwrap();
        assert_eq!(own_names(&library), ["Bell", "Harp: of/glass"]);
        fs::create_dir_all(&other.0).unwrap();
        let exported = library.export(&renamed, &other.0).unwrap();
        library.delete(&renamed).unwrap();
        assert_eq!(own_names(&library), ["Harp: of/glass"]);
        let imported = library.import(&exported).unwrap();
        assert_eq!(own_names(&library), ["Bell", "Harp: of/glass"]);
        library.tag(&imported, &["Soft".into(), "soft".into(), "night".into()]).unwrap();
        assert_eq!(library.get(&imported).unwrap().tags(), ["soft", "night"]);
        assert!(library.tag(&Place::Factory(0), &[]).is_err());
        library.tag(&imported, &["own".into()]).unwrap();
        assert_eq!(Preset::read(&exported).unwrap().text(), preset("Bell").text());
        let left = fs::read_dir(&folder.0).unwrap().count();
        assert_eq!(left, 2, "nothing unfinished is left");
        assert!(library.rename(&Place::Factory(0), "x").is_err() && library.delete(&Place::Factory(0)).is_err());
    }

    #[test]
    fn what_was_removed_or_updated_is_put_back_to_the_byte() {
        let folder = Folder::new("former");
        let mut library = Library::read(Some(folder.0.clone()));
        let place = library.save(&preset("Harp")).unwrap();
        let Place::File(path) = &place else { panic!("{place:?}") };
        let first = fs::read(path).unwrap();

        let mut other = preset("Other");
        other.patch.params.clear();
        let former = library.update(&place, other).unwrap();
        assert_ne!(fs::read(path).unwrap(), first);
        assert_eq!(own_names(&library), ["Harp"], "the name stays");
        assert_eq!(library.get(&place).unwrap().tags(), ["own"]);
        assert_eq!(library.put_back(&former).unwrap(), place);
        assert_eq!(fs::read(path).unwrap(), first);

        let former = library.delete(&place).unwrap();
        library.save(&preset("Harp")).unwrap();
        let back = library.put_back(&former).unwrap();
        assert_ne!(back, place, "another one has taken its place meanwhile");
        assert_eq!(own_names(&library), ["Harp", "Harp"]);
        // What cannot be read can be removed, and put back all the same.
        fs::write(folder.0.join("noise.timbrel"), [0xff; 64]).unwrap();
        let mut library = Library::read(Some(folder.0.clone()));
        let noise = Place::File(folder.0.join("noise.timbrel"));
        let former = library.delete(&noise).unwrap();
        library.put_back(&former).unwrap();
        assert_eq!(fs::read(folder.0.join("noise.timbrel")).unwrap(), [0xff; 64]);
    }

    #[test]
    fn what_cannot_be_read_is_listed_with_a_sentence_and_left_alone() {
        let folder = Folder::new("broken");
        let mut library = Library::read(Some(folder.0.clone()));
        library.save(&preset("Good")).unwrap();
        let newer = preset("Newer").text().replace("\"timbrel_preset\": 1", "\"timbrel_preset\": 9");
        fs::write(folder.0.join("newer.timbrel"), &newer).unwrap();
        fs::write(folder.0.join("noise.timbrel"), [0xff; 64]).unwrap();
        fs::write(folder.0.join("notes.txt"), "no preset").unwrap();
        let mut library = Library::read(Some(folder.0.clone()));
        assert_eq!(own_names(&library), ["Good", "newer", "noise"]);
        for (name, why) in [("newer", "newer Timbrel"), ("noise", "no preset")] {
            let entry = library.entries().iter().find(|entry| entry.name() == name).unwrap().clone();
            let sentence = entry.preset.unwrap_err();
            assert!(sentence.contains(why) && sentence.ends_with('.'), "{sentence}");
            assert!(library.rename(&entry.place, "other").is_err());
            assert!(library.export(&entry.place, &folder.0).is_err());
        }
        assert_eq!(fs::read_to_string(folder.0.join("newer.timbrel")).unwrap(), newer);
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_says_so() {
        let folder = Folder::new("file");
        fs::write(&folder.0, "a file where the folder should be").unwrap();
        let mut library = Library::read(Some(folder.0.clone()));
        let error = library.save(&preset("Lost")).unwrap_err().to_string();
        assert!(error.contains("cannot be made") && error.ends_with('.'));
        fs::remove_file(&folder.0).unwrap();
        assert!(Library::read(None).save(&preset("Lost")).unwrap_err().to_string().contains("no home"));
    }

    #[test]
    fn every_name_becomes_a_file_name() {
        for name in ["a/b", "..", "CON", "", " ", "x".repeat(300).as_str(), "Grüße, ♪", "a\\b:c*d?"] {
            let stem = file_stem(name);
            assert!(
                !stem.is_empty()
                    && stem.chars().count() <= 87
                    && stem != ".."
                    && !stem.contains(['/', '\\', ':', '*', '?'])
            );
        }
    }
}
