//! Notes of timbres that single voices have of their own, beside the keyboard's in the bank.

use std::sync::Arc;

use super::bank::Target;
use crate::note::{MAX_VOICES, Note};

/// The newest notes that were rendered for single voices.
pub struct Guests {
    notes: [Option<Arc<Note>>; MAX_VOICES],
    /// Where the next one goes.
    next: usize,
}

impl Guests {
    pub fn new() -> Self {
        Self { notes: [const { None }; MAX_VOICES], next: 0 }
    }

    pub fn find(&self, target: &Target) -> Option<&Arc<Note>> {
        self.notes.iter().flatten().find(|note| target.is_met_by(note))
    }

    /// Gives a note back that no voice can want any more, if there is one.
    pub fn take_stale(&mut self, is_stale: impl Fn(&Note) -> bool) -> Option<Arc<Note>> {
        self.notes.iter_mut().find_map(|slot| slot.take_if(|note| is_stale(note)))
    }

    /// Takes a note in. Hands back the one that it displaces: another rendering of the same sound, else the oldest.
    pub fn insert(&mut self, note: Arc<Note>) -> Option<Arc<Note>> {
        let same = self.notes.iter().position(|own| own.as_ref().is_some_and(|own| own.key == note.key));
        let place = same.unwrap_or(self.next);
        if same.is_none() {
            self.next = (self.next + 1) % self.notes.len();
        }
        self.notes[place].replace(note)
    }
}
