//! Rendered notes, shared by all instances of the process. Under the service's lock.
//!
//! What goes, goes by whole timbres, since half a keyboard is of little use: first those that were only passed through,
//! the steps of an automation above all, then those that were at rest, and last what an instance holds and would stay in
//! memory anyway; among equals the one used longest ago. So a timbre that somebody played comes back at once, whatever was
//! swept through meanwhile.

use std::collections::HashMap;
use std::sync::Arc;

use crate::note::{Note, NoteKey, Sound};

/// Keeps notes, up to a budget of bytes.
pub struct NoteCache {
    keyboards: HashMap<Sound, Keyboard>,
    bytes: usize,
    budget_bytes: usize,
    /// Counts the uses, so that the oldest is known.
    clock: u64,
}

/// The notes of one timbre, by pitch.
#[derive(Default)]
struct Keyboard {
    notes: HashMap<u8, Arc<Note>>,
    last_use: u64,
    /// Whether the timbre was at rest.
    was_at_rest: bool,
}

impl Keyboard {
    fn is_held(&self) -> bool {
        self.notes.values().any(|note| Arc::strong_count(note) > 1)
    }
}

impl NoteCache {
    pub fn new(budget_bytes: usize) -> Self {
        Self { keyboards: HashMap::new(), bytes: 0, budget_bytes, clock: 0 }
    }

    /// Whether a note is there that serves where `exact` may ask for the processor's own.
    pub fn serves(&self, key: &NoteKey, exact: bool) -> bool {
        self.peek(key).is_some_and(|note| note.serves(exact))
    }

    /// A note, without using it.
    pub fn peek(&self, key: &NoteKey) -> Option<&Arc<Note>> {
        self.keyboards.get(&key.sound())?.notes.get(&key.pitch)
    }

    pub fn get(&mut self, key: &NoteKey) -> Option<&Arc<Note>> {
        self.clock += 1;
        let keyboard = self.keyboards.get_mut(&key.sound())?;
        keyboard.last_use = self.clock;
        keyboard.notes.get(&key.pitch)
    }

    /// Puts a note in and returns those that had to go for it, to be freed where no lock is held.
    pub fn insert(&mut self, note: Arc<Note>) -> Vec<Arc<Note>> {
        self.clock += 1;
        self.bytes += note.bytes();
        let sound = note.key.sound();
        let keyboard = self.keyboards.entry(sound).or_default();
        keyboard.last_use = self.clock;
        let displaced = keyboard.notes.insert(note.key.pitch, note);
        self.bytes -= displaced.as_ref().map_or(0, |old| old.bytes());
        let mut gone: Vec<_> = displaced.into_iter().collect();
        gone.extend(self.make_room(Some(sound)));
        gone
    }

    /// Records that a timbre is at rest, and used.
    pub fn mark_at_rest(&mut self, sound: &Sound) {
        self.clock += 1;
        if let Some(keyboard) = self.keyboards.get_mut(sound) {
            keyboard.was_at_rest = true;
            keyboard.last_use = self.clock;
        }
    }

    /// Changes the budget, and returns the notes that had to go.
    pub fn set_budget(&mut self, bytes: usize) -> Vec<Arc<Note>> {
        self.budget_bytes = bytes;
        self.make_room(None)
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of one note, in the mean; `None` where there are none.
    pub fn note_bytes(&self) -> Option<u64> {
        let notes = self.keyboards.values().map(|keyboard| keyboard.notes.len()).sum::<usize>();
        self.bytes.checked_div(notes).map(|bytes| bytes as u64)
    }

    fn make_room(&mut self, kept: Option<Sound>) -> Vec<Arc<Note>> {
        let mut gone = Vec::new();
        while self.bytes > self.budget_bytes {
            let others = self.keyboards.iter().filter(|(sound, _)| Some(**sound) != kept);
            let first =
                others.min_by_key(|(_, keyboard)| (keyboard.is_held(), keyboard.was_at_rest, keyboard.last_use));
            let Some(sound) = first.map(|(sound, _)| *sound) else { break };
            for note in self.keyboards.remove(&sound).into_iter().flat_map(|keyboard| keyboard.notes.into_values()) {
                self.bytes -= note.bytes();
                gone.push(note);
            }
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::{Movement, Touch};
    use crate::note::{ModelId, Origin, Sustain, Timbre};
    use crate::spectral::{FramePlan, Representation};

    /// A note of 1,000 numbers.
    fn note(seed: u32, pitch: u8) -> Arc<Note> {
        Arc::new(Note {
            key: key(seed, pitch),
            origin: Origin::Cpu,
            geometry: Representation::IfMelHires.geometry(),
            plan: FramePlan::of(Representation::IfMelHires.geometry()),
            frames: Default::default(),
            head: vec![0.0; 1000].into_boxed_slice(),
            head_phase: Box::default(),
            sustain: Sustain { start: 0, end: 0, trend_db: 0.0, decay_db: 0.0, silent_from: None },
            touch: Touch::gentle(16_000),
            movement: Movement::default(),
        })
    }

    fn key(seed: u32, pitch: u8) -> NoteKey {
        NoteKey { model: ModelId(1), timbre: Timbre { seed, ..Timbre::default() }, pitch }
    }

    /// A cache with room for so many notes, and a half.
    fn cache(notes: usize) -> NoteCache {
        NoteCache::new(notes * note(0, 0).bytes() + 2000)
    }

    fn put(cache: &mut NoteCache, seed: u32, notes: u8) -> usize {
        (0..notes).map(|pitch| cache.insert(note(seed, pitch)).len()).sum()
    }

    fn count(cache: &NoteCache, seed: u32) -> usize {
        (0..128).filter(|&pitch| cache.serves(&key(seed, pitch), false)).count()
    }

    #[test]
    fn the_timbre_used_longest_ago_goes_first_and_as_a_whole() {
        let mut cache = cache(9);
        (0..3).for_each(|seed| assert_eq!(put(&mut cache, seed, 3), 0));
        cache.get(&key(0, 1));
        assert_eq!(cache.insert(note(3, 0)).iter().map(|note| note.key.timbre.seed).collect::<Vec<_>>(), [1; 3]);
        assert_eq!([0, 1, 2, 3].map(|seed| count(&cache, seed)), [3, 0, 3, 1]);
        assert_eq!(cache.bytes(), 7 * note(0, 0).bytes());
    }

    #[test]
    fn steps_of_a_moving_timbre_go_before_one_that_was_at_rest() {
        let mut cache = cache(8);
        put(&mut cache, 0, 3);
        cache.mark_at_rest(&key(0, 0).sound());
        (1..100).for_each(|seed| _ = put(&mut cache, seed, 1));
        assert_eq!(count(&cache, 0), 3);
        assert_eq!((95..100).map(|seed| count(&cache, seed)).sum::<usize>(), 5);
        // Among timbres that all were at rest, it is the oldest.
        for seed in 200..204 {
            put(&mut cache, seed, 2);
            cache.mark_at_rest(&key(seed, 0).sound());
        }
        assert_eq!((count(&cache, 0), count(&cache, 203)), (0, 2));
    }

    #[test]
    fn a_timbre_that_is_held_elsewhere_goes_last() {
        let mut cache = cache(6);
        (0..3).for_each(|seed| _ = put(&mut cache, seed, 2));
        let held = cache.get(&key(0, 1)).map(Arc::clone);
        cache.get(&key(1, 1));
        (3..5).for_each(|seed| _ = put(&mut cache, seed, 2));
        assert_eq!([0, 1, 2, 3, 4].map(|seed| count(&cache, seed)), [2, 0, 0, 2, 2]);
        drop(held);
        put(&mut cache, 5, 1);
        assert_eq!(count(&cache, 0), 0);
    }

    #[test]
    fn a_keyboard_larger_than_the_budget_stays_whole() {
        let mut cache = cache(3);
        put(&mut cache, 0, 2);
        assert_eq!(put(&mut cache, 1, 10), 2);
        assert_eq!((count(&cache, 0), count(&cache, 1)), (0, 10));
    }

    #[test]
    fn a_note_that_comes_again_takes_no_more_room() {
        let mut cache = cache(2);
        (0..10).for_each(|_| drop(cache.insert(note(7, 7))));
        cache.insert(note(8, 8));
        assert_eq!((count(&cache, 7), count(&cache, 8), cache.bytes()), (1, 1, 2 * note(0, 0).bytes()));
    }

    #[test]
    fn a_smaller_budget_frees_at_once() {
        let mut cache = cache(8);
        (0..4).for_each(|seed| _ = put(&mut cache, seed, 2));
        assert_eq!(cache.set_budget(4 * note(0, 0).bytes()).len(), 4);
        assert_eq!([0, 1, 2, 3].map(|seed| count(&cache, seed)), [0, 0, 2, 2]);
    }
}
