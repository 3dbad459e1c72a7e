//! MIDI learn: which controller moves which parameter. It is the machine's and not a session's, since it belongs to the keyboard that
//! stands there: one map for all instances of a process, in a file beside the editor's settings.
//!
//! The audio thread reads atomics only. The host learns of a parameter that was moved while the editor is open, since formats let a
//! plugin tell it from there alone; the sound follows with the next block in any case.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Once, OnceLock};

use anyhow::{Context, Result};

use crate::files;

/// Controllers of MIDI, the mode messages left out.
const CONTROLLERS: usize = 120;

/// Most parameters that can be tied.
const PARAMETERS: usize = 256;

static MAP: OnceLock<MidiMap> = OnceLock::new();

/// Which controller moves which parameter.
pub struct MidiMap {
    /// `None` where there is no home, and in tests: nothing is kept then.
    file: Option<PathBuf>,
    /// The parameters' ids, by their numbers.
    ids: Vec<String>,
    read: Once,
    /// For each controller one more than the number of a parameter; 0 for none.
    ties: [AtomicU16; CONTROLLERS],
}

impl MidiMap {
    /// The map of the process. `ids` are those of the parameters, in the order of their numbers.
    pub fn shared(ids: impl FnOnce() -> Vec<String>) -> &'static Self {
        MAP.get_or_init(|| Self::new(files::settings_folder().map(|folder| folder.join("midi.json")), ids()))
    }

    /// A map in which nothing is tied before it is opened: hosts make instances only to look at them.
    pub fn new(file: Option<PathBuf>, ids: Vec<String>) -> Self {
        Self { file, ids, read: Once::new(), ties: [const { AtomicU16::new(0) }; CONTROLLERS] }
    }

    /// Reads the file, the first time; a lost or broken one only means that nothing is tied. Not on the audio thread.
    pub fn open(&self) {
        self.read.call_once(|| {
            let text = self.file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
            let stored = text.and_then(|text| serde_json::from_str::<BTreeMap<u8, String>>(&text).ok());
            for (controller, id) in stored.unwrap_or_default() {
                let number = self.ids.iter().take(PARAMETERS).position(|own| *own == id);
                if let (Some(tie), Some(number)) = (self.ties.get(usize::from(controller)), number) {
                    tie.store(number as u16 + 1, Ordering::Relaxed);
                }
            }
        });
    }

    /// The number of the parameter that a controller moves.
    pub fn parameter(&self, controller: u8) -> Option<usize> {
        let tie = self.ties.get(usize::from(controller))?.load(Ordering::Relaxed);
        tie.checked_sub(1).map(usize::from)
    }

    /// What is tied: controllers, and the numbers of parameters.
    pub fn ties(&self) -> Vec<(u8, usize)> {
        (0..CONTROLLERS as u8).filter_map(|controller| Some((controller, self.parameter(controller)?))).collect()
    }

    /// Ties a controller to a parameter, or to none. A parameter is moved by one controller.
    ///
    /// # Errors
    /// A sentence, when the file cannot be written; the tie holds for this process all the same.
    pub fn tie(&self, controller: u8, parameter: Option<usize>) -> Result<()> {
        let Some(own) = self.ties.get(usize::from(controller)) else { return Ok(()) };
        let value = parameter.filter(|number| *number < PARAMETERS).map_or(0, |number| number as u16 + 1);
        if value != 0 {
            // Written only where it changes, for the audio thread looks on.
            let others = self.ties.iter().filter(|other| other.load(Ordering::Relaxed) == value);
            others.for_each(|other| other.store(0, Ordering::Relaxed));
        }
        own.store(value, Ordering::Relaxed);
        match &self.file {
            Some(file) => self.write(file).with_context(|| {
                format!("what was learned holds until the host ends, since it cannot be kept in {}", file.display())
            }),
            None => Ok(()),
        }
    }

    /// Writes the file whole or not at all.
    fn write(&self, file: &Path) -> Result<()> {
        let ties: BTreeMap<u8, &String> = self
            .ties()
            .into_iter()
            .filter_map(|(controller, number)| Some((controller, self.ids.get(number)?)))
            .collect();
        std::fs::create_dir_all(file.parent().unwrap_or(file))?;
        let new = file.with_extension(format!("{}.new", std::process::id()));
        std::fs::write(&new, serde_json::to_string_pretty(&ties)?)?;
        std::fs::rename(&new, file).inspect_err(|_| drop(std::fs::remove_file(&new)))?;
        Ok(())
    }
}

/// Whether a controller can be learned: those of pedals, banks and registered parameters have a meaning that none can take.
pub fn can_be_learned(controller: u8) -> bool {
    !matches!(controller, 0 | 6 | 32 | 38 | 64 | 66 | 98..=101 | 120..)
}

/// What an instance's editor and audio thread tell each other of learning.
#[derive(Default)]
pub struct Learning {
    /// One more than the controller that was moved while one was waited for; [`Self::WAITS`] while it is, 0 when nobody asks.
    state: AtomicU16,
    /// Parameters that controllers have moved and that the host was not told of, a bit each.
    moved: [AtomicU64; PARAMETERS / 64],
}

impl Learning {
    const WAITS: u16 = u16::MAX;

    /// From here on the next controller is learned.
    pub fn begin(&self) {
        self.state.store(Self::WAITS, Ordering::Relaxed);
    }

    pub fn cancel(&self) {
        self.state.store(0, Ordering::Relaxed);
    }

    /// Takes the controller that was moved, if one was.
    pub fn take(&self) -> Option<u8> {
        let state = self.state.load(Ordering::Relaxed);
        if state == 0 || state == Self::WAITS {
            return None;
        }
        self.cancel();
        Some((state - 1) as u8)
    }

    /// A controller was moved. Returns whether it was waited for. For the audio thread.
    pub fn hear(&self, controller: u8) -> bool {
        if !can_be_learned(controller) {
            return false;
        }
        let heard = u16::from(controller) + 1;
        self.state.compare_exchange(Self::WAITS, heard, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Notes that a controller has moved a parameter. For the audio thread.
    pub fn note_moved(&self, parameter: usize) {
        if let Some(word) = self.moved.get(parameter / 64) {
            word.fetch_or(1 << (parameter % 64), Ordering::Relaxed);
        }
    }

    /// The parameters that were moved since the last look.
    pub fn take_moved(&self) -> impl Iterator<Item = usize> + '_ {
        self.moved.iter().enumerate().flat_map(|(index, word)| {
            let bits = word.swap(0, Ordering::Relaxed);
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| 64 * index + bit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: Option<PathBuf>, ids: Vec<String>) -> MidiMap {
        let map = MidiMap::new(file, ids);
        map.open();
        map
    }

    fn ids() -> Vec<String> {
        ["gain", "tune", "width"].map(str::to_owned).into()
    }

    #[test]
    fn what_was_learned_comes_back_by_the_parameters_ids() {
        let folder = std::env::temp_dir().join(format!("timbrel-midi-{}", std::process::id()));
        let file = folder.join("deep").join("midi.json");
        let map = load(Some(file.clone()), ids());
        assert_eq!(map.ties(), []);
        map.tie(74, Some(2)).unwrap();
        map.tie(1, Some(0)).unwrap();
        // One controller a parameter.
        map.tie(21, Some(0)).unwrap();
        assert_eq!(map.ties(), [(21, 0), (74, 2)]);
        // Another version has its parameters in another order, and lacks one.
        let other = load(Some(file.clone()), vec!["width".into(), "new".into()]);
        assert_eq!(other.ties(), [(74, 0)]);
        map.tie(74, None).unwrap();
        assert_eq!(load(Some(file.clone()), ids()).ties(), [(21, 0)]);
        for text in ["", "{", r#"{"999": "gain"}"#, r#"{"7": 3}"#] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(load(Some(file.clone()), ids()).ties(), []);
        }
        let files = std::fs::read_dir(folder.join("deep")).unwrap().count();
        assert_eq!(files, 1, "nothing unfinished is left");
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::write(&folder, "").unwrap();
        let map = load(Some(file), ids());
        let error = format!("{:#}", map.tie(3, Some(1)).unwrap_err());
        std::fs::remove_file(&folder).unwrap();
        assert!(error.contains("until the host ends") && map.parameter(3) == Some(1));
    }

    #[test]
    fn a_controller_is_learned_once_it_was_asked_for() {
        let learning = Learning::default();
        assert!(!learning.hear(74) && learning.take().is_none());
        learning.begin();
        assert!(!learning.hear(64) && learning.take().is_none(), "a pedal is no knob");
        assert!(learning.hear(74) && !learning.hear(75));
        assert_eq!((learning.take(), learning.take()), (Some(74), None));
        [3, 70, 70, 9_999].into_iter().for_each(|number| learning.note_moved(number));
        assert_eq!(learning.take_moved().collect::<Vec<_>>(), [3, 70]);
        assert_eq!(learning.take_moved().count(), 0);
    }
}
