//! What one instance has of what it wants, and the way to its audio thread.

use std::sync::Arc;

use super::notes::Notes;
use super::wishes::Wishes;
use crate::link::{KeyState, Status};
use crate::note::{KEYS, Note, NoteKey};

pub struct Delivery {
    notes: rtrb::Producer<Arc<Note>>,
    /// The last note sent of each pitch.
    delivered: [Option<NoteKey>; KEYS],
    /// Requests of this version of what is wanted that were answered.
    answered: Vec<NoteKey>,
    /// Whether something may have come that the instance waits for.
    dirty: bool,
    /// Whether a note that is asked for could not be rendered.
    failing: bool,
}

impl Delivery {
    pub fn new(notes: rtrb::Producer<Arc<Note>>) -> Self {
        Self { notes, delivered: [None; KEYS], answered: Vec::new(), dirty: false, failing: false }
    }

    /// Something has changed that may concern the instance: what is there, what is being rendered, or what it wants.
    pub fn mark_dirty(&mut self) {
        self.dirty = true;
    }

    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Whether a note that is asked for could not be rendered.
    pub fn is_failing(&self) -> bool {
        self.failing
    }

    /// The instance asks anew: every request is to be answered once more.
    pub fn ask_anew(&mut self) {
        self.answered.clear();
    }

    pub fn has_answered(&self, key: &NoteKey) -> bool {
        self.answered.contains(key)
    }

    /// Whether a note is the last of its pitch that was sent.
    pub fn has_sent(&self, key: &NoteKey) -> bool {
        self.delivered[usize::from(key.pitch)] == Some(*key)
    }

    /// Sends what is there and wanted, and brings the key states up to date; `exact` where only the processor's notes will do.
    /// What finds no room waits for the next pass.
    pub fn deliver(&mut self, wishes: Option<Wishes>, exact: bool, notes: &mut Notes, status: &Status) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let Some(wishes) = wishes else { return };
        let complete = self.deliver_requests(wishes, exact, notes) && self.deliver_keyboard(wishes, exact, notes);
        self.dirty = !complete;
        self.failing = wishes.requested().any(|key| notes.has_failed(&key));
        for key in 0..KEYS as u8 {
            status.set_key_state(key, self.key_state(key, wishes, notes));
        }
    }

    fn deliver_requests(&mut self, wishes: Wishes, exact: bool, notes: &mut Notes) -> bool {
        for key in wishes.requested() {
            if self.has_answered(&key) {
                continue;
            }
            if let Some(note) = notes.get(&key, exact) {
                if !self.send(note) {
                    return false;
                }
                self.answered.push(key);
            }
        }
        true
    }

    fn deliver_keyboard(&mut self, wishes: Wishes, exact: bool, notes: &mut Notes) -> bool {
        for key in wishes.keyboard() {
            if !self.has_sent(&key)
                && let Some(note) = notes.get(&key, exact)
                && !self.send(note)
            {
                return false;
            }
        }
        true
    }

    /// Sends a note that was rendered for this instance, whose request has moved on meanwhile to another timbre at the same
    /// pitch. Under steady automation each request moves on before it is answered, and the voice would never follow.
    pub fn deliver_late(&mut self, wishes: Option<Wishes>, note: &Arc<Note>) {
        let Some(wishes) = wishes else { return };
        let key = note.key;
        let moved_on = |wanted: NoteKey| wanted != key && wanted.pitch == key.pitch && wanted.model == key.model;
        if wishes.requested().any(moved_on) && wishes.requested().all(|wanted| wanted != key) {
            self.send(note);
        }
    }

    fn send(&mut self, note: &Arc<Note>) -> bool {
        let key = note.key;
        let sent = self.notes.push(Arc::clone(note)).is_ok();
        if sent {
            self.delivered[usize::from(key.pitch)] = Some(key);
        }
        sent
    }

    fn key_state(&self, key: u8, wishes: Wishes, notes: &Notes) -> KeyState {
        let wanted = wishes.of_key(key);
        if wanted.pitch != key {
            return KeyState::Empty;
        }
        match self.delivered[usize::from(key)] {
            Some(delivered) if delivered == wanted => KeyState::Ready,
            _ if notes.in_flight().holds(&wanted) => KeyState::Rendering,
            Some(_) => KeyState::Stale,
            None => KeyState::Empty,
        }
    }
}
