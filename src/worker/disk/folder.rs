//! The folder of notes on the disk. Called on the thread that keeps notes only.
//!
//! ```text
//! notes/RENDERER/MODEL/TIMBRE/60.note    one file a note, so that a timbre can be added to key by key
//!                             used       its time tells when the timbre was used last
//! ```
//!
//! All names but the pitch are hexadecimal. Any number of processes may use the folder at once: an entry appears whole, by
//! being renamed, and one that another process took away is only not there. Nothing is ever removed that does not bear one
//! of these names, since the user may have set the folder to anything.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::entry::{self, TIMBRE_BYTES};
use crate::note::{KEYS, ModelId, Note, NoteKey, Sound};

const NOTE: &str = "note";
const UNFINISHED: &str = "tmp";
const USED: &str = "used";

/// An unfinished file that is older than this was left by a process that died.
const ABANDONED: Duration = Duration::from_secs(3600);

/// The clocks of machines that share a folder may differ by as much.
const CLOCKS_DIFFER: Duration = Duration::from_secs(3600);

/// A note is written again where its folder went meanwhile: no process clears so often that this many are in vain.
const MOST_ATTEMPTS: usize = 5;

pub struct Folder {
    root: PathBuf,
    fingerprint: String,
}

/// What lies in the folder.
#[derive(Default, Debug)]
pub struct Contents {
    /// The pitches of each timbre of this renderer, a bit each.
    pub sounds: HashMap<Sound, u128>,
    /// Bytes of all notes, of other renderers, too.
    pub bytes: u64,
}

/// One timbre's folder.
struct TimbreFolder {
    path: PathBuf,
    /// The timbre, where it is one of this renderer.
    sound: Option<Sound>,
    pitches: u128,
    /// Of one note: those of a timbre are of one model, and equally long.
    note_bytes: u64,
}

impl TimbreFolder {
    fn bytes(&self) -> u64 {
        u64::from(self.pitches.count_ones()) * self.note_bytes
    }

    /// When it was used last. A time that is still to come is of a clock that was set back since; nothing is known of it.
    fn used(&self) -> SystemTime {
        let latest = SystemTime::now() + CLOCKS_DIFFER;
        let time = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let used = time(&self.path.join(USED)).or_else(|| time(&self.path));
        used.filter(|used| *used < latest).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Removes the timbre. What somebody holds open stays, and is tried again the next time.
    fn remove(&self) {
        for file in names(&self.path).into_iter().filter(|name| is_ours(name)) {
            let _ = fs::remove_file(self.path.join(file));
        }
        let _ = fs::remove_dir(&self.path);
    }
}

impl Folder {
    /// The notes of one renderer in a folder, which need not be there.
    pub fn new(root: PathBuf, fingerprint: String) -> Self {
        Self { root, fingerprint }
    }

    pub fn contents(&self) -> Contents {
        let mut contents = Contents::default();
        for timbre_folder in self.timbre_folders() {
            contents.bytes += timbre_folder.bytes();
            if let Some(sound) = timbre_folder.sound.filter(|_| timbre_folder.pitches != 0) {
                contents.sounds.insert(sound, timbre_folder.pitches);
            }
        }
        contents
    }

    /// Reads a note; `None` where it is not there. One that is damaged is removed.
    pub fn read(&self, key: NoteKey) -> Option<Note> {
        let path = self.file(key);
        let note = entry::from_bytes(&fs::read(&path).ok()?, key);
        if note.is_none() {
            // If it cannot be removed, it will be written over.
            let _ = fs::remove_file(&path);
        }
        note
    }

    /// Writes a note: whole, or not at all.
    pub fn write(&self, note: &Note) -> io::Result<()> {
        let bytes = entry::to_bytes(note);
        let mut attempts = 1;
        loop {
            match self.write_once(note.key, &bytes) {
                // Another process took the timbre's folder away meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempts < MOST_ATTEMPTS => attempts += 1,
                written => return written,
            }
        }
    }

    fn write_once(&self, key: NoteKey, bytes: &[u8]) -> io::Result<()> {
        let folder = self.timbre_folder(key.sound());
        fs::create_dir_all(&folder)?;
        // The process's number keeps two that write the same note apart; each process writes one at a time.
        let unfinished = folder.join(format!("{}-{}.{UNFINISHED}", key.pitch, std::process::id()));
        let written = fs::write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, self.file(key)));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    /// Records that a timbre is used now. That it cannot be recorded only makes the timbre look older.
    pub fn mark_used(&self, sound: Sound) {
        let folder = self.timbre_folder(sound);
        if folder.is_dir() {
            let file = fs::File::create(folder.join(USED));
            let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
        }
    }

    /// Removes whole timbres, that used longest ago first, until the rest takes no more than so many bytes.
    pub fn trim(&self, most_bytes: u64) {
        let mut timbre_folders: Vec<(SystemTime, TimbreFolder)> =
            self.timbre_folders().into_iter().map(|timbre_folder| (timbre_folder.used(), timbre_folder)).collect();
        timbre_folders.sort_by_key(|(used, _)| *used);
        let mut bytes: u64 = timbre_folders.iter().map(|(_, timbre_folder)| timbre_folder.bytes()).sum();
        for (_, timbre_folder) in timbre_folders {
            if bytes <= most_bytes {
                break;
            }
            bytes -= timbre_folder.bytes();
            timbre_folder.remove();
        }
        self.remove_abandoned();
    }

    /// Removes every note, of other renderers, too.
    pub fn clear(&self) {
        let timbre_folders = self.timbre_folders();
        timbre_folders.iter().for_each(TimbreFolder::remove);
        for timbre_folder in &timbre_folders {
            // The folders above go with their last timbre.
            for folder in timbre_folder.path.ancestors().skip(1).take(2) {
                let _ = fs::remove_dir(folder);
            }
        }
    }

    fn remove_abandoned(&self) {
        let is_old = |path: &Path| {
            let modified = fs::metadata(path).and_then(|metadata| metadata.modified()).ok()?;
            // One of a time to come was begun before the clock was set back.
            Some(modified.elapsed().unwrap_or_else(|ahead| ahead.duration()) > ABANDONED)
        };
        for timbre_folder in self.timbre_folders() {
            for name in
                names(&timbre_folder.path).into_iter().filter(|name| name.ends_with(UNFINISHED) && is_ours(name))
            {
                let path = timbre_folder.path.join(name);
                if is_old(&path) == Some(true) {
                    let _ = fs::remove_file(path);
                }
            }
        }
    }

    fn timbre_folder(&self, sound: Sound) -> PathBuf {
        let model = hex(&sound.model.0.to_be_bytes());
        self.root.join(&self.fingerprint).join(model).join(hex(&entry::timbre_bytes(&sound.timbre)))
    }

    fn file(&self, key: NoteKey) -> PathBuf {
        self.timbre_folder(key.sound()).join(format!("{}.{NOTE}", key.pitch))
    }

    /// The timbres of all renderers.
    fn timbre_folders(&self) -> Vec<TimbreFolder> {
        let mut timbre_folders = Vec::new();
        for fingerprint in names(&self.root).into_iter().filter(|name| unhex::<8>(name).is_some()) {
            let of_fingerprint = self.root.join(&fingerprint);
            for (model, name) in names(&of_fingerprint).into_iter().filter_map(|name| Some((unhex::<8>(&name)?, name)))
            {
                let of_model = of_fingerprint.join(name);
                for (timbre, name) in
                    names(&of_model).into_iter().filter_map(|name| Some((unhex::<TIMBRE_BYTES>(&name)?, name)))
                {
                    let sound = Sound { model: ModelId(u64::from_be_bytes(model)), timbre: entry::timbre(&timbre) };
                    let path = of_model.join(name);
                    let notes = names(&path).into_iter().filter_map(|name| Some((pitch(&name)?, name)));
                    let (mut pitches, mut note_bytes) = (0, 0);
                    for (pitch, name) in notes {
                        pitches |= 1 << pitch;
                        if note_bytes == 0 {
                            note_bytes = fs::metadata(path.join(name)).map_or(0, |metadata| metadata.len());
                        }
                    }
                    let sound = (fingerprint == self.fingerprint).then_some(sound);
                    timbre_folders.push(TimbreFolder { path, sound, pitches, note_bytes });
                }
            }
        }
        timbre_folders
    }
}

/// The names in a folder; none where there is no folder.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// The pitch of an entry's name.
fn pitch(name: &str) -> Option<u8> {
    name.strip_suffix(NOTE)?.strip_suffix('.')?.parse().ok().filter(|pitch| usize::from(*pitch) < KEYS)
}

fn is_ours(name: &str) -> bool {
    let is_unfinished = || {
        let numbers = name.strip_suffix(UNFINISHED)?.strip_suffix('.')?;
        let (pitch, process) = numbers.split_once('-')?;
        Some(pitch.parse::<u8>().is_ok() && process.parse::<u32>().is_ok())
    };
    name == USED || pitch(name).is_some() || is_unfinished() == Some(true)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const N: usize>(name: &str) -> Option<[u8; N]> {
    let digits = name.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(name.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::{key, note};
    use super::*;
    use crate::model::handmade::Folder as Scratch;

    /// Bytes of one note of those below.
    fn note_bytes() -> u64 {
        entry::to_bytes(&note(key(1, 60))).len() as u64
    }

    const HERE: &str = "0123456789abcdef";

    fn folder(scratch: &Scratch, fingerprint: &str) -> Folder {
        Folder::new(scratch.join("notes"), fingerprint.into())
    }

    /// Writes a timbre of so many notes, used so long ago.
    fn put(folder: &Folder, seed: u32, notes: u8, minutes_ago: u64) -> Sound {
        (60..60 + notes).for_each(|pitch| folder.write(&note(key(seed, pitch))).unwrap());
        let sound = key(seed, 60).sound();
        folder.mark_used(sound);
        let used = fs::File::options().write(true).open(folder.timbre_folder(sound).join(USED)).unwrap();
        used.set_modified(SystemTime::now() - Duration::from_secs(60 * minutes_ago)).unwrap();
        sound
    }

    #[test]
    fn notes_come_back_and_are_listed_by_timbre() {
        let scratch = Scratch::new();
        let folder = folder(&scratch, HERE);
        assert!(folder.contents().sounds.is_empty() && folder.read(key(1, 60)).is_none());
        let (one, two) = (put(&folder, 1, 2, 0), put(&folder, 2, 1, 0));
        let contents = folder.contents();
        assert_eq!(contents.sounds, HashMap::from([(one, 3 << 60), (two, 1 << 60)]));
        assert_eq!(contents.bytes, 3 * note_bytes());
        assert!(folder.read(key(1, 61)).is_some_and(|read| read == note(key(1, 61))));
        assert!(folder.read(key(2, 61)).is_none());
    }

    #[test]
    fn another_renderers_notes_take_room_and_are_not_read() {
        let scratch = Scratch::new();
        put(&folder(&scratch, HERE), 1, 1, 0);
        let other = folder(&scratch, "fedcba9876543210");
        assert!(other.read(key(1, 60)).is_none() && other.contents().sounds.is_empty());
        assert_eq!(other.contents().bytes, note_bytes());
    }

    #[test]
    fn a_damaged_note_is_removed_and_written_anew() {
        let scratch = Scratch::new();
        let folder = folder(&scratch, HERE);
        put(&folder, 1, 1, 0);
        let file = folder.file(key(1, 60));
        for damage in [&b"no note"[..], &fs::read(&file).unwrap()[..500_000]] {
            fs::write(&file, damage).unwrap();
            assert!(folder.read(key(1, 60)).is_none() && !file.exists());
            folder.write(&note(key(1, 60))).unwrap();
            assert!(folder.read(key(1, 60)).is_some());
        }
        // One that lies at another's place is not taken for it.
        fs::copy(&file, folder.file(key(1, 61))).unwrap();
        assert!(folder.read(key(1, 61)).is_none());
    }

    #[test]
    fn the_timbre_used_longest_ago_goes_first_and_as_a_whole() {
        let scratch = Scratch::new();
        let folder = folder(&scratch, HERE);
        let [old, oldest, new] = [put(&folder, 1, 3, 50), put(&folder, 2, 3, 90), put(&folder, 3, 3, 1)];
        folder.trim(9 * note_bytes());
        assert_eq!(folder.contents().sounds.len(), 3, "there is room for all");
        folder.trim(8 * note_bytes());
        assert_eq!(folder.contents().sounds, HashMap::from([(old, 7 << 60), (new, 7 << 60)]));
        assert!(!folder.timbre_folder(oldest).exists());
        folder.mark_used(old);
        folder.trim(5 * note_bytes());
        assert_eq!(folder.contents().sounds, HashMap::from([(old, 7 << 60)]), "it was used last");
    }

    #[test]
    fn times_of_a_clock_that_was_set_back_hold_no_room_for_ever() {
        let scratch = Scratch::new();
        let folder = folder(&scratch, HERE);
        let (future, old) = (put(&folder, 1, 1, 0), put(&folder, 2, 1, 500));
        let ahead = SystemTime::now() + Duration::from_secs(86_400 * 365);
        let set = |name: &str| {
            let file =
                fs::File::options().create(true).append(true).open(folder.timbre_folder(future).join(name)).unwrap();
            file.set_modified(ahead).unwrap();
        };
        set(USED);
        set("60-1.tmp");
        folder.trim(note_bytes());
        assert_eq!(folder.contents().sounds, HashMap::from([(old, 1 << 60)]), "nothing is known of when it was used");
        put(&folder, 1, 1, 0);
        set("60-1.tmp");
        folder.trim(2 * note_bytes());
        assert!(!folder.timbre_folder(future).join("60-1.tmp").exists() && folder.contents().sounds.len() == 2);
    }

    #[test]
    fn only_notes_are_ever_removed() {
        let scratch = Scratch::new();
        let folder = folder(&scratch, HERE);
        let sound = put(&folder, 1, 1, 0);
        let letters = [scratch.join("notes/letter.txt"), scratch.join("notes").join(HERE).join("60.note")];
        let within = folder.timbre_folder(sound).join("my.note");
        letters.iter().chain([&within]).for_each(|letter| fs::write(letter, "dear").unwrap());
        folder.trim(0);
        folder.clear();
        assert!(folder.read(key(1, 60)).is_none() && folder.contents().bytes == 0);
        assert!(letters.iter().chain([&within]).all(|letter| letter.exists()));
    }

    #[test]
    fn clearing_leaves_nothing_behind() {
        let scratch = Scratch::new();
        let folder = folder(&scratch, HERE);
        put(&folder, 1, 2, 0);
        put(&folder, 2, 1, 0);
        folder.clear();
        assert_eq!(names(&scratch.join("notes")), Vec::<String>::new());
    }

    #[test]
    fn what_a_dead_process_left_unfinished_goes_after_an_hour() {
        let scratch = Scratch::new();
        let folder = folder(&scratch, HERE);
        let sound = put(&folder, 1, 1, 0);
        let [dead, alive] =
            [1, 2].map(|process| folder.timbre_folder(sound).join(format!("60-{process}.{UNFINISHED}")));
        for (path, minutes) in [(&dead, 61), (&alive, 1)] {
            fs::write(path, "half a no").unwrap();
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(60 * minutes)).unwrap();
        }
        assert_eq!(folder.contents().sounds, HashMap::from([(sound, 1 << 60)]), "it is no note");
        folder.trim(u64::MAX);
        assert!(!dead.exists() && alive.exists() && folder.read(key(1, 60)).is_some());
    }

    #[test]
    fn a_note_that_is_written_and_removed_meanwhile_is_read_whole_or_not_at_all() {
        let scratch = Scratch::new();
        let right = note(key(1, 60));
        std::thread::scope(|scope| {
            for thread in 0..4u64 {
                let (folder, right) = (folder(&scratch, HERE), &right);
                scope.spawn(move || {
                    for round in 0..20 {
                        match (thread + round) % 4 {
                            0 => folder.trim(0),
                            // That the folder goes while a note is written into it is an error like any other.
                            1 | 2 if thread == 0 => drop(folder.write(right)),
                            _ => assert!(folder.read(right.key).is_none_or(|read| read == *right)),
                        }
                    }
                });
            }
        });
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_cannot_be_written_to_is_an_error_and_leaves_nothing() {
        let scratch = Scratch::new();
        // A file in the place of a folder: permissions would not stop a superuser.
        fs::write(scratch.join("notes"), "a file").unwrap();
        let folder = folder(&scratch, HERE);
        assert!(folder.write(&note(key(1, 60))).is_err());
        assert!(folder.read(key(1, 60)).is_none() && folder.contents().sounds.is_empty());
        folder.mark_used(key(1, 60).sound());
        folder.trim(0);
        folder.clear();
    }
}
