//! The newest rendering of each pitch that the audio thread has been given.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::link::Status;
use crate::note::{KEYS, ModelId, Note, NoteKey, NoteRequest};

/// Notes by pitch.
pub struct Bank {
    notes: [Option<Arc<Note>>; KEYS],
}

impl Bank {
    pub fn new() -> Self {
        Self { notes: [const { None }; KEYS] }
    }

    /// Puts a note in, unless what is there is current and the new one is not. Hands back the one that is not kept.
    pub fn insert(&mut self, note: Arc<Note>, is_current: impl Fn(&Note) -> bool) -> Option<Arc<Note>> {
        let slot = self.notes.get_mut(usize::from(note.key.pitch))?;
        match slot {
            Some(kept) if is_current(kept) && !is_current(&note) => Some(note),
            _ => slot.replace(note),
        }
    }

    /// The note of a pitch, whatever its timbre.
    pub fn get(&self, pitch: u8) -> Option<&Arc<Note>> {
        self.notes.get(usize::from(pitch))?.as_ref()
    }

    /// The note of the nearest pitch, whatever its timbre; of two equally near ones the lower, since a note that is
    /// transposed upwards keeps its brightness.
    pub fn nearest(&self, pitch: u8) -> Option<&Arc<Note>> {
        self.notes.iter().flatten().min_by_key(|note| (note.key.pitch.abs_diff(pitch), note.key.pitch))
    }
}

/// What would answer a request, given the model that renders now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    pub request: NoteRequest,
    /// The pitch of the model that the request's key is played from.
    pub pitch: u8,
    pub model: ModelId,
    /// Whether only a note of the processor will do.
    pub exact: bool,
}

impl Target {
    pub fn of(request: NoteRequest, status: &Status, exact: bool) -> Self {
        // The worker stores the range before the identity: whoever reads the new identity first reads its range.
        let model = ModelId(status.model_id.load(Ordering::Acquire));
        let (low, high) = status.pitch_range();
        Self { request, pitch: request.key.max(low).min(high), model, exact }
    }

    /// Whether a note may be struck for it.
    pub fn is_met_by(&self, note: &Note) -> bool {
        self.is_of(&note.key) && note.serves(self.exact)
    }

    /// Whether it is a sound of the target's, whatever rendered it.
    pub fn is_of(&self, key: &NoteKey) -> bool {
        key.pitch == self.pitch && key.timbre == self.request.timbre && key.model == self.model
    }
}
