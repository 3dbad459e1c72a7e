//! Rendered notes, shared by all instances of the process. Under the service's lock.

use std::collections::HashMap;
use std::sync::Arc;

use crate::note::{Note, NoteKey};

/// Half a gigabyte holds eight full keyboards of the published model; a workstation's plugin may take that much.
pub const BUDGET_BYTES: usize = 512 << 20;

/// Keeps the notes used last, up to a budget of bytes.
pub struct NoteCache {
    notes: HashMap<NoteKey, Entry>,
    bytes: usize,
    budget_bytes: usize,
    /// Counts the uses, so that the oldest is known.
    clock: u64,
}

struct Entry {
    note: Arc<Note>,
    last_use: u64,
}

impl NoteCache {
    pub fn new(budget_bytes: usize) -> Self {
        Self { notes: HashMap::new(), bytes: 0, budget_bytes, clock: 0 }
    }

    pub fn contains(&self, key: &NoteKey) -> bool {
        self.notes.contains_key(key)
    }

    pub fn get(&mut self, key: &NoteKey) -> Option<&Arc<Note>> {
        self.clock += 1;
        let entry = self.notes.get_mut(key)?;
        entry.last_use = self.clock;
        Some(&entry.note)
    }

    /// Puts a note in and returns those that had to go for it, to be freed where no lock is held.
    pub fn insert(&mut self, note: Arc<Note>) -> Vec<Arc<Note>> {
        self.clock += 1;
        let mut evicted = Vec::new();
        self.bytes += note.bytes();
        let key = note.key;
        if let Some(old) = self.notes.insert(key, Entry { note, last_use: self.clock }) {
            self.bytes -= old.note.bytes();
            evicted.push(old.note);
        }
        while self.bytes > self.budget_bytes && self.notes.len() > 1 {
            let Some(oldest) = self.oldest(key) else { break };
            let entry = self.notes.remove(&oldest).expect("its key was just found");
            self.bytes -= entry.note.bytes();
            evicted.push(entry.note);
        }
        evicted
    }

    /// The note to part with first. One that an instance holds stays in memory anyway, so it goes last.
    fn oldest(&self, kept: NoteKey) -> Option<NoteKey> {
        let candidates = self.notes.iter().filter(|(key, _)| **key != kept);
        candidates.min_by_key(|(_, entry)| (Arc::strong_count(&entry.note) > 1, entry.last_use)).map(|(key, _)| *key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::Frames;
    use crate::note::{ModelId, Sustain, Timbre};
    use crate::spectral::Representation;

    /// A note of some 4,000 bytes.
    fn note(pitch: u8) -> Arc<Note> {
        Arc::new(Note {
            key: key(pitch),
            geometry: Representation::IfMelHires.geometry(),
            frames: Frames::default(),
            head: vec![0.0; 1000].into_boxed_slice(),
            head_phase: Box::default(),
            sustain: Sustain { start: 0, end: 0, trend_db: 0.0, decay_db: 0.0, silent_from: None },
        })
    }

    fn key(pitch: u8) -> NoteKey {
        NoteKey { model: ModelId(1), timbre: Timbre::default(), pitch }
    }

    fn pitches(cache: &NoteCache) -> Vec<u8> {
        (0..128).filter(|&pitch| cache.contains(&key(pitch))).collect()
    }

    #[test]
    fn the_note_used_longest_ago_goes_first() {
        let mut cache = NoteCache::new(12_000);
        (0..3).for_each(|pitch| assert!(cache.insert(note(pitch)).is_empty()));
        cache.get(&key(0));
        let gone = cache.insert(note(3));
        assert_eq!(gone.iter().map(|note| note.key.pitch).collect::<Vec<_>>(), [1]);
        assert_eq!(pitches(&cache), [0, 2, 3]);
    }

    #[test]
    fn a_note_that_is_held_elsewhere_goes_last() {
        let mut cache = NoteCache::new(12_000);
        (0..3).for_each(|pitch| drop(cache.insert(note(pitch))));
        let held = cache.get(&key(1)).map(Arc::clone);
        (3..5).for_each(|pitch| drop(cache.insert(note(pitch))));
        assert_eq!(pitches(&cache), [1, 3, 4]);
        drop(held);
        cache.insert(note(5));
        assert_eq!(pitches(&cache), [3, 4, 5]);
    }

    #[test]
    fn a_note_that_comes_again_takes_no_more_room() {
        let mut cache = NoteCache::new(8_000);
        (0..10).for_each(|_| drop(cache.insert(note(7))));
        cache.insert(note(8));
        assert_eq!(pitches(&cache), [7, 8]);
    }
}
