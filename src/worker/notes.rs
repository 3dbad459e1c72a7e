//! Which notes are there, in memory or on the disk, which are on their way, and which could not be rendered. Under the service's
//! lock; it knows neither who wants a note nor who renders it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cache::NoteCache;
use super::device::devices::Backend;
use super::disk::{DiskOutcome, DiskTask, Finished, Index, LEAST_PATIENCE, MOST_PATIENCE};
use super::in_flight::{InFlight, Rendering};
use super::priority::Priority;
use crate::note::{Note, NoteKey, Origin, Sound};
use crate::storage::{Limits, NOTE_BYTES, Usage};

/// A note that could not be rendered is not tried again before this time is over: long enough to cost nothing, short
/// enough that a passing lack of memory heals.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The notes of all instances.
pub struct Notes {
    cache: NoteCache,
    disk: Index,
    limits: Limits,
    in_flight: InFlight,
    failed: HashMap<NoteKey, Instant>,
    /// What the processor's last note took.
    render_time: Duration,
}

impl Notes {
    /// With room for notes in memory and, where there is a folder for them, on the disk.
    pub fn new(limits: Limits, folder: Option<PathBuf>) -> Self {
        Self {
            cache: NoteCache::new(limits.memory_bytes()),
            disk: Index::new(folder, limits.disk_bytes()),
            limits,
            in_flight: InFlight::default(),
            failed: HashMap::new(),
            render_time: MOST_PATIENCE,
        }
    }

    // In memory.

    /// A note that will do, where `exact` asks for the processor's own; it counts as used.
    pub fn get(&mut self, key: &NoteKey, exact: bool) -> Option<&Arc<Note>> {
        self.cache.get(key).filter(|note| note.serves(exact))
    }

    /// A note, without using it.
    pub fn peek(&self, key: &NoteKey) -> Option<&Arc<Note>> {
        self.cache.peek(key)
    }

    pub fn mark_at_rest(&mut self, sound: &Sound) {
        self.cache.mark_at_rest(sound);
    }

    // On their way.

    pub fn begin(&mut self, rendering: Rendering) {
        self.in_flight.begin(rendering);
    }

    /// A rendering has come to its end; `None` where it was given back before.
    pub fn finish(&mut self, key: &NoteKey, backend: Backend) -> Option<Rendering> {
        self.in_flight.finish(key, backend)
    }

    /// Takes a rendered note in. Notes that had to go for it go to `trash`.
    pub fn insert(&mut self, note: &Arc<Note>, trash: &mut Vec<Arc<Note>>) {
        // A note of the processor serves everybody, and makes way for none of a device.
        if note.serves(true) || !self.cache.serves(&note.key, true) {
            trash.extend(self.cache.insert(Arc::clone(note)));
        }
    }

    /// A note could not be rendered.
    pub fn fail(&mut self, key: NoteKey) {
        self.failed.insert(key, Instant::now());
    }

    pub fn has_failed(&self, key: &NoteKey) -> bool {
        self.failed.contains_key(key)
    }

    /// Lets notes be tried again that failed long enough ago.
    pub fn retry_due(&mut self) {
        self.failed.retain(|_, since| since.elapsed() < RETRY_AFTER);
    }

    pub fn retry_all(&mut self) {
        self.failed.clear();
    }

    pub fn set_render_time(&mut self, took: Duration) {
        self.render_time = took;
    }

    pub fn in_flight(&self) -> &InFlight {
        &self.in_flight
    }

    pub fn in_flight_mut(&mut self) -> &mut InFlight {
        &mut self.in_flight
    }

    // Missing.

    /// Whether a note is to be rendered now, for an instance that may want the processor's own: it is not there, not on its way,
    /// has not just failed and is not expected from the disk.
    pub fn is_to_render(&self, key: &NoteKey, exact: bool, priority: Priority) -> bool {
        // A note that sounds is rendered once that takes no longer than to wait.
        let patience = match priority {
            Priority::Sounding => self.render_time.clamp(LEAST_PATIENCE, MOST_PATIENCE),
            Priority::Recent | Priority::Rest => MOST_PATIENCE,
        };
        is_missing(&self.cache, &self.in_flight, key, exact)
            && !self.failed.contains_key(key)
            && !self.disk.expects(key, patience)
    }

    // On the disk.

    /// Gives the disk thread its next task. `device` is what renders, in words. `next_to_read` finds the most urgent note that can
    /// be read; `at_rest` the notes in memory of timbres at rest, by what tells whether a sounding note is there already and what
    /// looks for a note of the processor's.
    pub fn pick_disk(
        &mut self,
        device: &str,
        next_to_read: impl FnOnce(&dyn Fn(&NoteKey, bool) -> bool) -> Option<NoteKey>,
        is_any_waiting: impl FnOnce(&dyn Fn(&NoteKey, bool) -> bool) -> bool,
        keyboards_at_rest: impl FnOnce() -> Vec<(Sound, Vec<NoteKey>)>,
    ) -> Option<DiskTask> {
        let Self { cache, disk, in_flight, .. } = self;
        let can_be_read =
            |disk: &Index, key: &NoteKey, exact| disk.holds(key) && is_missing(cache, in_flight, key, exact);
        // It is written to only while no sounding note waits.
        let is_busy = || in_flight.is_any_sounding() || is_any_waiting(&|key, exact| !cache.serves(key, exact));
        // A device's notes are of this machine's driver as well, which no name of a folder tells.
        let own = |key: &NoteKey| cache.peek(key).filter(|note| note.origin == Origin::Cpu).cloned();
        let at_rest = || {
            if is_busy() {
                return Vec::new();
            }
            let keyboards = keyboards_at_rest().into_iter();
            keyboards.map(|(sound, keys)| (sound, keys.iter().filter_map(own).collect())).collect()
        };
        disk.pick(device, |disk| next_to_read(&|key, exact| can_be_read(disk, key, exact)), at_rest)
    }

    /// Takes the outcome of a disk task in. Notes that had to go for it go to `trash`.
    pub fn finish_disk(&mut self, outcome: DiskOutcome, trash: &mut Vec<Arc<Note>>) -> Finished {
        let finished = self.disk.finish(outcome, trash);
        if let Finished::Note(note) = &finished {
            trash.extend(self.cache.insert(Arc::clone(note)));
        }
        finished
    }

    /// Asks for the first look at the disk, since notes will be wanted now.
    pub fn begin_disk(&mut self) {
        self.disk.begin();
    }

    /// Whether notes are kept on the disk.
    pub fn has_disk(&self) -> bool {
        self.disk.root().is_some()
    }

    /// Whether there may be notes whose rendering is put off until the disk has taken too long.
    pub fn waits_for_disk(&self) -> bool {
        self.disk.is_busy()
    }

    /// Goes on without the disk.
    pub fn give_up_disk(&mut self) {
        self.disk.give_up();
    }

    /// A session is saved with a timbre: its notes are to be kept.
    pub fn mark_saved(&mut self, sound: Sound) {
        self.disk.mark_saved(sound);
    }

    /// Lets all notes go that lie on the disk. Returns the message that no longer holds.
    pub fn clear_disk(&mut self) -> Option<String> {
        self.disk.clear()
    }

    // Limits.

    /// Changes what notes may take. Returns those that had to go, and the message that no longer holds.
    pub fn set_limits(&mut self, limits: Limits) -> (Vec<Arc<Note>>, Option<String>) {
        self.limits = limits;
        let message = self.disk.set_limit(limits.disk_bytes());
        (self.cache.set_budget(limits.memory_bytes()), message)
    }

    pub fn usage(&self) -> Usage {
        Usage {
            memory_bytes: self.cache.bytes() as u64,
            disk_bytes: self.disk.bytes(),
            note_bytes: self.cache.note_bytes().unwrap_or(NOTE_BYTES),
            limits: self.limits,
            folder: self.disk.root().map(Into::into),
        }
    }
}

/// Whether a note is neither in memory nor being rendered, for an instance that may want the processor's own.
fn is_missing(cache: &NoteCache, in_flight: &InFlight, key: &NoteKey, exact: bool) -> bool {
    !cache.serves(key, exact) && !in_flight.serves(key, exact)
}

#[cfg(test)]
mod tests {
    use super::super::disk::entry::tests::{key, note};
    use super::super::interrupt::Interrupt;
    use super::*;

    fn begin(notes: &mut Notes, key: NoteKey, backend: Backend) {
        let (since, interrupt) = (Instant::now(), Arc::new(Interrupt::default()));
        notes.begin(Rendering { key, priority: Priority::Rest, backend, since, client: 1, interrupt });
    }

    fn of(key: NoteKey, origin: Origin) -> Arc<Note> {
        Arc::new(Note { origin, ..note(key) })
    }

    #[test]
    fn a_note_is_rendered_once_unless_it_fails_or_the_processors_own_is_wanted() {
        let mut notes = Notes::new(Limits::default(), None);
        let (key, failing) = (key(1, 60), key(1, 61));
        let is_to_render = |notes: &Notes, exact| notes.is_to_render(&key, exact, Priority::Rest);
        assert!(is_to_render(&notes, false));
        begin(&mut notes, key, Backend::Device);
        assert!(!is_to_render(&notes, false) && is_to_render(&notes, true));
        notes.finish(&key, Backend::Device).unwrap();
        notes.insert(&of(key, Origin::Device), &mut Vec::new());
        assert!(!is_to_render(&notes, false) && is_to_render(&notes, true));
        notes.insert(&of(key, Origin::Cpu), &mut Vec::new());
        assert!(!is_to_render(&notes, true));

        notes.fail(failing);
        notes.retry_due();
        assert!(notes.has_failed(&failing) && !notes.is_to_render(&failing, false, Priority::Sounding));
        notes.retry_all();
        assert!(notes.is_to_render(&failing, false, Priority::Sounding));
    }

    #[test]
    fn a_note_of_the_processor_makes_way_for_none_of_a_device() {
        let mut notes = Notes::new(Limits::default(), None);
        let key = key(1, 60);
        let origin = |notes: &Notes| notes.peek(&key).map(|note| note.origin);
        for (next, kept) in
            [(Origin::Device, Origin::Device), (Origin::Cpu, Origin::Cpu), (Origin::Device, Origin::Cpu)]
        {
            notes.insert(&of(key, next), &mut Vec::new());
            assert_eq!(origin(&notes), Some(kept));
        }
        assert!(notes.get(&key, true).is_some());
    }

    #[test]
    fn the_disk_is_written_to_only_while_no_sounding_note_waits() {
        let mut notes = Notes::new(Limits::default(), Some("notes".into()));
        let (sound, key) = (key(1, 60).sound(), key(1, 60));
        notes.insert(&of(key, Origin::Cpu), &mut Vec::new());
        let mut pick = |is_busy: bool| {
            let task = notes.pick_disk("CPU", |_| None, |_| is_busy, || vec![(sound, vec![key])]);
            if let Some(DiskTask::Look { .. }) = task {
                notes.finish_disk(DiskOutcome::Looked(Default::default()), &mut Vec::new());
            }
            task
        };
        assert!(matches!(pick(true), Some(DiskTask::Look { .. })));
        assert!(pick(true).is_none());
        assert!(matches!(pick(false), Some(DiskTask::Write(_))));
    }
}
