//! The recordings of a folder, and what is told of them beside.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::audio::{has_extension, is_foreign, is_readable};
use super::sfz::{Map, Region};
use super::{Words, own_name};

/// What lies in a folder and below.
#[derive(Default)]
pub struct Files {
    /// In the order of their names.
    pub recordings: Vec<PathBuf>,
    /// Sound of a kind that cannot be read.
    pub foreign: Vec<PathBuf>,
    maps: Vec<PathBuf>,
    /// By their canonical paths.
    told: HashMap<PathBuf, Told>,
    /// Folders that were walked, so that a link back to one does not lead round for ever.
    walked: HashSet<PathBuf>,
}

/// What SFZ files tell of a recording.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Told {
    /// MIDI number, where all agree.
    pub pitch: Option<u8>,
    pub velocity: Option<u8>,
    /// The instrument of the file that tells the most.
    pub instrument: Option<String>,
    /// Whether it sounds only when a key is let go.
    pub is_release: bool,
}

impl Files {
    pub fn find(folder: &Path, words: &mut Words) -> Result<Self> {
        let mut files = Self::default();
        files.walk(folder)?;
        for paths in [&mut files.recordings, &mut files.foreign, &mut files.maps] {
            paths.sort();
        }
        files.listen_to_maps(folder, words);
        Ok(files)
    }

    fn walk(&mut self, folder: &Path) -> Result<()> {
        let cannot = || format!("{} cannot be read: name a folder of recordings.", folder.display());
        if !self.walked.insert(folder.canonicalize().with_context(cannot)?) {
            return Ok(());
        }
        for entry in fs::read_dir(folder).with_context(cannot)? {
            let entry = entry.with_context(cannot)?;
            let path = entry.path();
            // What begins with a dot is the system's own: a Mac leaves `._C4.wav` beside `C4.wav` on foreign disks.
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            if path.is_dir() {
                self.walk(&path)?;
            } else if is_readable(&path) {
                self.recordings.push(path);
            } else if is_foreign(&path) {
                self.foreign.push(path);
            } else if has_extension(&path, &["sfz"]) {
                self.maps.push(path);
            }
        }
        Ok(())
    }

    /// What a recording is told to be.
    pub fn told(&self, recording: &Path) -> Told {
        recording.canonicalize().ok().and_then(|path| self.told.get(&path).cloned()).unwrap_or_default()
    }

    fn listen_to_maps(&mut self, folder: &Path, words: &mut Words) {
        let maps: Vec<Map> = self.maps.iter().map(|path| Map::read(path)).collect();
        // A file that another one includes tells nothing by itself: its paths are those of the other.
        let canonical = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        let included: HashSet<PathBuf> = maps.iter().flat_map(|map| &map.included).map(canonical).collect();
        let maps: Vec<&Map> = maps.iter().filter(|map| !included.contains(&canonical(&map.path))).collect();
        let mut regions: BTreeMap<PathBuf, Vec<(usize, &Region)>> = BTreeMap::new();
        for (index, map) in maps.iter().enumerate() {
            let named = map.path.display();
            map.problems.iter().for_each(|problem| words.sfz.push(format!("{named}: {problem}.")));
            let missing: BTreeSet<&String> = map.missing.iter().collect();
            missing.into_iter().for_each(|sample| words.missing.push(format!("{sample}, named by {named}.")));
            for region in &map.regions {
                regions.entry(canonical(&region.sample)).or_default().push((index, region));
            }
        }
        let there: HashSet<PathBuf> = self.recordings.iter().chain(&self.foreign).map(canonical).collect();
        for (sample, regions) in regions.iter().filter(|(sample, _)| !there.contains(*sample)) {
            let map = maps[regions[0].0].path.display();
            words
                .sfz
                .push(format!("{}, named by {map}, is not among the recordings of this folder.", sample.display()));
        }
        regions.retain(|sample, _| there.contains(sample));
        let owners = owners(&regions, maps.len());
        let used: BTreeSet<usize> = owners.values().copied().collect();
        let paths: BTreeMap<usize, &Path> = used.iter().map(|&map| (map, maps[map].path.as_path())).collect();
        let names = names(folder, &paths);
        for (sample, regions) in regions {
            let told = Told { instrument: Some(names[&owners[&sample]].clone()), ..told(&regions) };
            self.told.insert(sample, told);
        }
    }
}

/// The SFZ file that each sample belongs to: of those that name it, the one that names the most.
fn owners(regions: &BTreeMap<PathBuf, Vec<(usize, &Region)>>, maps: usize) -> BTreeMap<PathBuf, usize> {
    let mut sizes = vec![0; maps];
    let namers = |regions: &[(usize, &Region)]| regions.iter().map(|(map, _)| *map).collect::<BTreeSet<usize>>();
    regions.values().for_each(|regions| namers(regions).into_iter().for_each(|map| sizes[map] += 1));
    let owner = |regions: &[(usize, &Region)]| namers(regions).into_iter().rev().max_by_key(|&map| sizes[map]);
    regions.iter().filter_map(|(sample, regions)| Some((sample.clone(), owner(regions)?))).collect()
}

/// An instrument for each SFZ file: its folder's name where it is alone there, else its own.
fn names(folder: &Path, maps: &BTreeMap<usize, &Path>) -> BTreeMap<usize, String> {
    let place = |map: &Path| super::first_folder(folder, map);
    let stem = |map: &Path| map.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = |map: &Path| {
        let is_alone = maps.values().filter(|other| place(other) == place(map)).count() == 1;
        let is_unlike = maps.values().filter(|other| stem(other) == stem(map)).count() == 1;
        match place(map) {
            None if is_alone => own_name(folder),
            Some(place) if is_alone => place,
            Some(place) if !is_unlike => format!("{place} {}", stem(map)),
            _ => stem(map),
        }
    };
    maps.iter().map(|(&index, map)| (index, name(map))).collect()
}

/// What all regions of a sample tell together.
fn told(regions: &[(usize, &Region)]) -> Told {
    let is_release = regions.iter().all(|(_, region)| region.is_release);
    let regions = || regions.iter().map(|(_, region)| region).filter(|region| is_release || !region.is_release);
    let pitches: BTreeSet<u8> = regions().filter_map(|region| region.pitch).collect();
    Told {
        // A sample that is told to be two keys is none of them for sure.
        pitch: pitches.first().copied().filter(|_| pitches.len() == 1),
        velocity: regions().filter_map(|region| region.velocity).max(),
        instrument: None,
        is_release,
    }
}
