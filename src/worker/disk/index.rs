//! What lies on the disk and what is to be done about it: bookkeeping under the service's lock. No file is touched here.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::folder::Contents;
use crate::geometry::MOST_NOTE_BYTES;
use crate::note::{Note, NoteKey, Sound};
use crate::storage::{KEYBOARD_NOTES, NOTE_BYTES};

/// A note that lies on the disk is waited for no longer than this; then it is rendered. Longer than a disk needs to wake
/// its head, and no longer than a few renderings.
pub const MOST_PATIENCE: Duration = Duration::from_millis(250);

/// It is waited for so long at least: several times what it takes to come from a disk that is awake.
pub const LEAST_PATIENCE: Duration = Duration::from_millis(20);

/// A timbre in use is marked as used this often.
const MARK_EVERY: Duration = Duration::from_secs(600);

/// Other processes write, too: before more is written, the folder is looked at again when the last look is this old, or so
/// many notes were written since.
const LOOK_EVERY: Duration = Duration::from_secs(60);
const LOOK_AFTER_NOTES: u64 = 8;

/// What is left free of what is allowed, since what other processes write between two looks is not known: room for two of
/// them. Where more write at once, the limit is passed by a look's notes of each.
const RESERVE_BYTES: u64 = 2 * LOOK_AFTER_NOTES * MOST_NOTE_BYTES as u64;

/// Less than two keyboards of a published model would only come and go.
const LEAST_BYTES: u64 = 2 * KEYBOARD_NOTES * NOTE_BYTES + RESERVE_BYTES;

/// Where nothing could be written, as on a full disk, it is tried again with one note after this time.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// What is left when something had to go, of what is allowed: so that not every note makes another one go.
const KEPT_SHARE: f64 = 0.9;

/// One thing for the thread that keeps notes to do.
pub enum DiskTask {
    /// Finds out what is there. `device` is what renders, in words.
    Look {
        root: PathBuf,
        device: String,
    },
    Read(NoteKey),
    Write(Arc<Note>),
    MarkUsed(Sound),
    /// Removes the timbres used longest ago.
    Trim {
        most_bytes: u64,
    },
    Clear {
        root: PathBuf,
    },
}

/// What came of a task.
#[expect(clippy::large_enum_variant, reason = "one at a time goes through the channel, and most of them are notes")]
pub enum DiskOutcome {
    /// After a look, and after what removed something.
    Looked(Contents),
    Read(NoteKey, Option<Note>),
    Written(Arc<Note>, io::Result<()>),
    Marked,
}

#[derive(Default)]
pub struct Index {
    /// `None` keeps nothing on the disk.
    root: Option<PathBuf>,
    limit_bytes: u64,
    /// The pitches of each timbre that is there; `None` before the first look.
    sounds: Option<HashMap<Sound, u128>>,
    bytes: u64,
    looked: Option<Instant>,
    /// Notes that were written since the last look.
    unseen_notes: u64,
    /// When the task that is being done was given out, or the first look was asked for.
    waiting_since: Option<Instant>,
    /// When something was last removed to make room. What cannot be removed is not tried again at once.
    trimmed: Option<Instant>,
    to_clear: bool,
    /// Timbres that had to go. They are not written again at once, or two that do not fit together would push each other
    /// out for ever.
    gone: HashSet<Sound>,
    /// Timbres that a session was saved with since the clearing or the look that is not done yet began. One of them that it
    /// removes is written again.
    saved: HashSet<Sound>,
    marked: HashMap<Sound, Instant>,
    /// Nothing can be written now.
    failure: Option<Failure>,
}

struct Failure {
    since: Instant,
    /// What was said of it.
    sentence: String,
}

impl Index {
    pub fn new(root: Option<PathBuf>, limit_bytes: u64) -> Self {
        let mut index = Self { root, ..Self::default() };
        index.set_limit(limit_bytes);
        index
    }

    /// Changes the limit; what is too little counts as nothing. Gives the complaint that is to be taken back.
    pub fn set_limit(&mut self, bytes: u64) -> Option<String> {
        self.limit_bytes = if bytes < LEAST_BYTES { 0 } else { bytes };
        self.try_again()
    }

    /// Lets everything go that lies on the disk. Gives the complaint that is to be taken back.
    pub fn clear(&mut self) -> Option<String> {
        self.to_clear = self.root.is_some();
        self.saved.clear();
        self.try_again()
    }

    fn try_again(&mut self) -> Option<String> {
        self.gone.clear();
        self.failure.take().map(|failure| failure.sentence)
    }

    /// Asks for the first look, since notes will be wanted now.
    pub fn begin(&mut self) {
        if self.sounds.is_none() {
            self.waiting_since.get_or_insert_with(Instant::now);
        }
    }

    /// Keeps nothing on the disk from here on.
    pub fn give_up(&mut self) {
        self.root = None;
    }

    /// Where notes are kept, unless nothing is.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref().filter(|_| self.limit_bytes > 0)
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn is_on(&self) -> bool {
        self.root().is_some()
    }

    /// What all notes may take before something has to go.
    fn most_bytes(&self) -> u64 {
        self.limit_bytes.saturating_sub(RESERVE_BYTES)
    }

    /// Whether a note is expected from the disk, so that it need not be rendered; no longer once what is done there takes
    /// longer than `patience`.
    pub fn expects(&self, key: &NoteKey, patience: Duration) -> bool {
        self.is_on()
            && self.waiting_since.is_none_or(|since| since.elapsed() <= patience)
            && match &self.sounds {
                None => true,
                Some(_) => self.holds(key),
            }
    }

    /// Whether something is being done that notes may wait for.
    pub fn is_busy(&self) -> bool {
        self.is_on() && self.waiting_since.is_some()
    }

    /// Whether a note lies on the disk.
    pub fn holds(&self, key: &NoteKey) -> bool {
        let pitches = self.sounds.as_ref().and_then(|sounds| sounds.get(&key.sound()));
        pitches.is_some_and(|pitches| pitches >> (key.pitch % 128) & 1 == 1)
    }

    /// The next thing to do. `wanted` gives the most urgent note that is wanted and lies on the disk; `resting` the notes in
    /// memory of each timbre at rest, where there is time to write.
    pub fn pick(
        &mut self,
        device: &str,
        wanted: impl FnOnce(&Self) -> Option<NoteKey>,
        resting: impl FnOnce() -> Vec<(Sound, Vec<Arc<Note>>)>,
    ) -> Option<DiskTask> {
        let task = self.next(device, wanted, resting);
        if matches!(task, Some(DiskTask::Look { .. } | DiskTask::Trim { .. })) {
            self.saved.clear();
        }
        self.waiting_since = match (&task, self.waiting_since) {
            (None, _) => None,
            (Some(DiskTask::Look { .. }), Some(since)) => Some(since),
            (Some(_), _) => Some(Instant::now()),
        };
        task
    }

    fn next(
        &mut self,
        device: &str,
        wanted: impl FnOnce(&Self) -> Option<NoteKey>,
        resting: impl FnOnce() -> Vec<(Sound, Vec<Arc<Note>>)>,
    ) -> Option<DiskTask> {
        let root = self.root.clone()?;
        if std::mem::take(&mut self.to_clear) {
            return Some(DiskTask::Clear { root });
        }
        if !self.is_on() {
            return None;
        }
        if self.sounds.is_none() {
            return Some(DiskTask::Look { root, device: device.to_owned() });
        }
        if let Some(key) = wanted(self) {
            return Some(DiskTask::Read(key));
        }
        if self.bytes > self.most_bytes()
            && let Some(task) = self.trim()
        {
            return Some(task);
        }
        let resting = resting();
        if let Some((sound, _)) = resting.iter().find(|(sound, _)| self.is_to_mark(sound)) {
            self.marked.insert(*sound, Instant::now());
            return Some(DiskTask::MarkUsed(*sound));
        }
        let is_new = |note: &Arc<Note>| !self.holds(&note.key) && !self.gone.contains(&note.key.sound());
        let is_due = |failure: &Failure| failure.since.elapsed() > TRY_AGAIN_AFTER;
        let may_write = self.failure.as_ref().is_none_or(is_due);
        let note = resting.into_iter().flat_map(|(_, notes)| notes).find(is_new).filter(|_| may_write)?;
        let is_recent = self.looked.is_some_and(|looked| looked.elapsed() <= LOOK_EVERY);
        if !is_recent || self.unseen_notes >= LOOK_AFTER_NOTES {
            return Some(DiskTask::Look { root, device: device.to_owned() });
        }
        if self.bytes + note.bytes() as u64 > self.most_bytes() { self.trim() } else { Some(DiskTask::Write(note)) }
    }

    /// Makes room, unless it was tried in vain a while ago.
    fn trim(&mut self) -> Option<DiskTask> {
        if self.trimmed.is_some_and(|trimmed| trimmed.elapsed() <= LOOK_EVERY) {
            return None;
        }
        self.trimmed = Some(Instant::now());
        Some(DiskTask::Trim { most_bytes: (self.most_bytes() as f64 * KEPT_SHARE) as u64 })
    }

    fn is_to_mark(&self, sound: &Sound) -> bool {
        self.sounds.as_ref().is_some_and(|sounds| sounds.contains_key(sound))
            && self.marked.get(sound).is_none_or(|marked| marked.elapsed() > MARK_EVERY)
    }

    /// Takes the outcome of a task in. Gives the note that was read, or why nothing can be kept now.
    ///
    /// A note that was written goes to `trash`.
    pub fn finish(&mut self, outcome: DiskOutcome, trash: &mut Vec<Arc<Note>>) -> Finished {
        self.waiting_since = None;
        match outcome {
            DiskOutcome::Looked(contents) => {
                let before = self.sounds.replace(contents.sounds);
                if let (Some(before), Some(now)) = (before, &self.sounds) {
                    let is_gone = |sound: &Sound| !now.contains_key(sound) && !self.saved.contains(sound);
                    self.gone.extend(before.into_keys().filter(is_gone));
                }
                self.bytes = contents.bytes;
                self.looked = Some(Instant::now());
                self.unseen_notes = 0;
                if self.bytes + MOST_NOTE_BYTES as u64 <= self.most_bytes() {
                    self.trimmed = None;
                }
                Finished::Nothing
            }
            DiskOutcome::Read(_, Some(note)) => Finished::Note(Arc::new(note)),
            DiskOutcome::Read(key, None) => {
                self.remove(&key);
                Finished::Nothing
            }
            DiskOutcome::Written(note, Ok(())) => {
                let key = note.key;
                *self.sounds.get_or_insert_default().entry(key.sound()).or_default() |= 1 << (key.pitch % 128);
                self.bytes += note.bytes() as u64;
                self.unseen_notes += 1;
                trash.push(note);
                self.failure.take().map_or(Finished::Nothing, |failure| Finished::Mended(failure.sentence))
            }
            DiskOutcome::Written(note, Err(error)) => {
                trash.push(note);
                self.fail(&error).map_or(Finished::Nothing, Finished::Complaint)
            }
            DiskOutcome::Marked => Finished::Nothing,
        }
    }

    /// Records that nothing can be written now; gives what is to be said of it, which is said once.
    fn fail(&mut self, error: &io::Error) -> Option<String> {
        let since = Instant::now();
        if let Some(failure) = &mut self.failure {
            failure.since = since;
            return None;
        }
        let sentence = complaint(self.root.as_deref().unwrap_or(Path::new("")), error);
        self.failure = Some(Failure { since, sentence: sentence.clone() });
        Some(sentence)
    }

    /// A timbre that a session was saved with is kept, whatever was before.
    pub fn mark_saved(&mut self, sound: Sound) {
        self.gone.remove(&sound);
        self.saved.insert(sound);
    }

    /// Bytes of a note that lies there, in the mean: the next look counts them.
    fn note_bytes(&self) -> u64 {
        let pitches = self.sounds.iter().flat_map(HashMap::values);
        let notes: u64 = pitches.map(|pitches| u64::from(pitches.count_ones())).sum();
        self.bytes.checked_div(notes).unwrap_or(0)
    }

    fn remove(&mut self, key: &NoteKey) {
        let note_bytes = self.note_bytes();
        if let Some(sounds) = &mut self.sounds
            && let Some(pitches) = sounds.get_mut(&key.sound())
        {
            *pitches &= !(1 << (key.pitch % 128));
            self.bytes = self.bytes.saturating_sub(note_bytes);
            if *pitches == 0 {
                sounds.remove(&key.sound());
            }
        }
    }
}

/// What the service does with the outcome of a task.
pub enum Finished {
    Nothing,
    Note(Arc<Note>),
    Complaint(String),
    /// What was complained of is over.
    Mended(String),
}

/// Where nothing can be kept, and why, as a sentence.
fn complaint(root: &Path, error: &io::Error) -> String {
    format!(
        "Rendered notes cannot be kept in {} ({error}): free some space or check the folder's permissions. Until then notes \
         are rendered anew each time; nothing else changes.",
        root.display()
    )
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::{key, note};
    use super::*;

    /// Lets the index do one thing, with a note of a timbre at rest in memory. A look finds nothing.
    fn step(index: &mut Index, resting: &Arc<Note>) -> Option<DiskTask> {
        let task = index.pick("CPU", |_| None, || vec![(resting.key.sound(), vec![resting.clone()])]);
        let outcome = match task.as_ref()? {
            DiskTask::Look { .. } | DiskTask::Trim { .. } | DiskTask::Clear { .. } => {
                DiskOutcome::Looked(Contents::default())
            }
            DiskTask::Read(key) => DiskOutcome::Read(*key, None),
            DiskTask::Write(note) => DiskOutcome::Written(note.clone(), Ok(())),
            DiskTask::MarkUsed(_) => DiskOutcome::Marked,
        };
        index.finish(outcome, &mut Vec::new());
        task
    }

    /// An index that wrote the note.
    fn with(note: &Arc<Note>) -> Index {
        let mut index = Index::new(Some("notes".into()), 1 << 30);
        index.begin();
        assert!(matches!(step(&mut index, note), Some(DiskTask::Look { .. })));
        assert!(matches!(step(&mut index, note), Some(DiskTask::Write(_))));
        assert!(matches!(step(&mut index, note), Some(DiskTask::MarkUsed(_))));
        assert!(step(&mut index, note).is_none(), "it lies there");
        index
    }

    #[test]
    fn a_note_is_expected_until_the_disk_takes_longer_than_one_has_patience() {
        let (held, other) = (Arc::new(note(key(7, 60))), Arc::new(note(key(8, 60))));
        let mut index = with(&held);
        let (short, long) = (Duration::from_millis(1), Duration::from_secs(3600));
        assert!(index.expects(&held.key, short) && !index.expects(&other.key, long));
        // It has to wait for another one to be written.
        let task = index.pick("CPU", |_| None, || vec![(other.key.sound(), vec![other.clone()])]);
        assert!(matches!(task, Some(DiskTask::Write(_))) && index.is_busy());
        std::thread::sleep(2 * short);
        assert!(index.expects(&held.key, long) && !index.expects(&held.key, short));
        index.finish(DiskOutcome::Written(other, Ok(())), &mut Vec::new());
        assert!(index.expects(&held.key, short) && !index.is_busy());
    }

    #[test]
    fn what_was_cleared_stays_away_until_a_session_is_saved() {
        let note = Arc::new(note(key(7, 60)));
        let mut index = with(&note);
        // That it was saved before does not count.
        index.mark_saved(note.key.sound());
        index.clear();
        assert!(matches!(step(&mut index, &note), Some(DiskTask::Clear { .. })));
        assert!(step(&mut index, &note).is_none());
        index.mark_saved(note.key.sound());
        assert!(matches!(step(&mut index, &note), Some(DiskTask::Write(_))));
    }

    #[test]
    fn a_session_that_is_saved_before_the_clearing_is_done_keeps_its_notes() {
        let note = Arc::new(note(key(7, 60)));
        let mut index = with(&note);
        index.clear();
        index.mark_saved(note.key.sound());
        assert!(matches!(step(&mut index, &note), Some(DiskTask::Clear { .. })));
        assert!(matches!(step(&mut index, &note), Some(DiskTask::Write(_))));
        // The next clearing is as the first.
        index.clear();
        assert!(matches!(step(&mut index, &note), Some(DiskTask::Clear { .. })));
        assert!(step(&mut index, &note).is_none());
    }

    #[test]
    fn a_look_that_ends_before_the_clearing_forgets_no_saved_session() {
        let note = Arc::new(note(key(7, 60)));
        let mut index = with(&note);
        index.clear();
        index.mark_saved(note.key.sound());
        // One that was given out before.
        index.finish(DiskOutcome::Looked(Contents::default()), &mut Vec::new());
        assert!(matches!(step(&mut index, &note), Some(DiskTask::Clear { .. })));
        assert!(matches!(step(&mut index, &note), Some(DiskTask::Write(_))));
    }
}
