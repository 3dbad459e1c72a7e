//! One instance as the service knows it: what it wants, when it was served, and what it has. Under the service's lock.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::delivery::Delivery;
use super::loaded::Loaded;
use super::messages::Messages;
use super::model_slot::{LoadOrder, ModelSlot};
use super::notes::Notes;
use super::priority::Priority;
use super::wishes::Wishes;
use crate::link::{Generator, Status, Wanted, WorkerEnd};
use crate::model::ModelRef;
use crate::note::{KEYS, Note, NoteKey, Sound};

/// A timbre that has stood for so long is meant to, and is worth keeping on the disk: no knob is turned so slowly.
pub const REST: Duration = Duration::from_secs(3);

pub struct Client {
    started: bool,
    wanted_end: triple_buffer::Output<Wanted>,
    used: rtrb::Consumer<Arc<Note>>,
    status: Arc<Status>,
    wanted: Wanted,
    model: ModelSlot,
    delivery: Delivery,
    messages: Messages,
    /// When each pitch was last rendered for a request that has stood ever since; 0 for the others.
    sounding_turns: [u64; KEYS],
    /// When this instance was last served, so that all get their turn.
    served: u64,
    /// What the keyboard plays, and since when.
    sound: Option<(Sound, Instant)>,
    /// A session was saved with this.
    saved: Option<Sound>,
}

impl Client {
    pub fn new(end: WorkerEnd) -> Self {
        Self {
            started: false,
            wanted_end: end.wanted,
            used: end.used,
            wanted: Wanted::default(),
            model: ModelSlot::new(),
            delivery: Delivery::new(end.notes),
            messages: Messages::new(Arc::clone(&end.status)),
            status: end.status,
            sounding_turns: [0; KEYS],
            served: 0,
            sound: None,
            saved: None,
        }
    }

    pub fn status(&self) -> &Status {
        &self.status
    }

    pub fn messages(&mut self) -> &mut Messages {
        &mut self.messages
    }

    pub fn start(&mut self) {
        self.started = true;
        self.show_generator();
    }

    pub fn is_started(&self) -> bool {
        self.started
    }

    fn show_generator(&self) {
        self.status.set_generator(match (self.model.pending(), self.model.playing()) {
            (Some(_), _) => Generator::Loading,
            // Nobody should wait for a note that does not come.
            (None, Some(_)) if !self.delivery.is_failing() => Generator::Ready,
            (None, _) => Generator::Unavailable,
        });
    }

    // Its model.

    pub fn order(&mut self, reference: ModelRef) {
        self.model.order(reference);
        self.show_generator();
    }

    /// The order that waits or is being carried out, once the instance was started.
    pub fn pending(&self) -> Option<&LoadOrder> {
        self.model.pending().filter(|_| self.started)
    }

    pub fn is_pending(&self, serial: u64) -> bool {
        self.model.is_pending(serial)
    }

    /// The model that a session should name.
    pub fn reference(&self) -> ModelRef {
        self.model.reference()
    }

    /// The model that plays.
    pub fn model(&self) -> Option<&Arc<Loaded>> {
        self.model.playing()
    }

    pub fn plays(&self, model: crate::note::ModelId) -> bool {
        self.model().is_some_and(|loaded| loaded.model.id == model)
    }

    /// Goes over to a model that was loaded; returns the one that played.
    pub fn switch(&mut self, loaded: Arc<Loaded>, path: PathBuf) -> Option<Arc<Loaded>> {
        if !self.model.stands_in() {
            self.messages.take_back();
        }
        let before = self.model.switch(loaded, path, &self.status);
        self.delivery.mark_dirty();
        self.update_sound();
        self.show_generator();
        before
    }

    /// Goes on without the model that was ordered.
    pub fn refuse(&mut self, sentence: String) {
        if self.model.refuse() {
            self.messages.show(sentence);
        }
        self.show_generator();
    }

    /// Says that nothing can be rendered, and why.
    pub fn fail(&mut self, sentence: String) {
        self.messages.show(sentence);
        self.model.cancel();
        self.show_generator();
    }

    // What it wants.

    /// Takes what the audio thread sent: notes to be freed go to `trash`. Returns whether it wants something else now.
    pub fn poll(&mut self, trash: &mut Vec<Arc<Note>>) -> bool {
        while let Ok(note) = self.used.pop() {
            trash.push(note);
        }
        if !self.wanted_end.update() {
            return false;
        }
        let wanted = self.wanted_end.output_buffer();
        if wanted.version != self.wanted.version {
            self.delivery.ask_anew();
        }
        self.wanted = *wanted;
        let requested = self.wishes().into_iter().flat_map(Wishes::requested);
        let asked = requested.fold(0u128, |pitches, key| pitches | 1 << key.pitch);
        for (pitch, turn) in self.sounding_turns.iter_mut().enumerate() {
            if asked >> pitch & 1 == 0 {
                *turn = 0;
            }
        }
        self.update_sound();
        self.delivery.mark_dirty();
        true
    }

    /// What it wants, as notes. Before the first publication nobody knows.
    pub fn wishes(&self) -> Option<Wishes<'_>> {
        wishes(self.started, &self.wanted, &self.model)
    }

    /// Whether this instance bounces now, and takes notes of the processor only.
    pub fn is_exact(&self) -> bool {
        self.wanted.offline && self.status.bounce_on_cpu.load(Ordering::Relaxed)
    }

    /// Whether this instance plays live, so that a device would serve it.
    pub fn is_live(&self) -> bool {
        self.wishes().is_some() && !self.is_exact()
    }

    /// The next note of a priority that is to be brought; `open` tells whether it can be, and is neither there nor on its way.
    pub fn next(&self, priority: Priority, open: impl Fn(&NoteKey) -> bool) -> Option<NoteKey> {
        let wishes = self.wishes()?;
        match priority {
            // In their order, but one that was rendered and asks again, since the timbre moved on, goes behind the others:
            // under steady automation the first note of a chord would else be the only one that follows.
            Priority::Sounding => {
                let waiting = wishes.requested().filter(|key| !self.delivery.has_answered(key) && open(key));
                waiting.min_by_key(|key| self.sounding_turns[usize::from(key.pitch)])
            }
            Priority::Recent | Priority::Rest if self.wanted.offline => None,
            Priority::Recent | Priority::Rest => {
                let mut keys = wishes.keyboard().filter(|key| !self.delivery.has_sent(key));
                keys.find(|key| (priority == Priority::Rest || wishes.is_recent(key.pitch)) && open(key))
            }
        }
    }

    /// It is this instance's turn, with a note of a priority.
    pub fn serve(&mut self, priority: Priority, key: &NoteKey, turn: u64) {
        self.served = turn;
        if priority == Priority::Sounding {
            self.sounding_turns[usize::from(key.pitch)] = turn;
        }
    }

    /// When this instance was last served.
    pub fn served(&self) -> u64 {
        self.served
    }

    // What it has.

    pub fn mark_dirty(&mut self) {
        self.delivery.mark_dirty();
    }

    /// Sends what is there and wanted. What finds no room waits for the next pass.
    pub fn deliver(&mut self, notes: &mut Notes) {
        if !self.delivery.is_dirty() {
            return;
        }
        let (was_failing, exact) = (self.delivery.is_failing(), self.is_exact());
        let wishes = wishes(self.started, &self.wanted, &self.model);
        self.delivery.deliver(wishes, exact, notes, &self.status);
        if self.delivery.is_failing() != was_failing {
            self.show_generator();
        }
    }

    /// Sends a note that was rendered for this instance although its request has moved on.
    pub fn deliver_late(&mut self, note: &Arc<Note>) {
        let wishes = wishes(self.started, &self.wanted, &self.model);
        self.delivery.deliver_late(wishes, note);
    }

    // What it keeps.

    fn update_sound(&mut self) {
        let timbre = self.wanted.timbre;
        let now = self.model().filter(|_| self.wishes().is_some()).map(|loaded| loaded.model.id);
        let now = now.map(|model| Sound { model, timbre });
        if self.sound.map(|(sound, _)| sound) != now {
            self.sound = now.map(|sound| (sound, Instant::now()));
        }
    }

    /// What the keyboard plays, once it has stood for some seconds, or a session was saved with it.
    pub fn sound_at_rest(&self) -> Option<Sound> {
        let (sound, since) = self.sound?;
        (since.elapsed() > REST || self.saved == Some(sound)).then_some(sound)
    }

    /// A session is saved with what the keyboard plays, which is returned.
    pub fn mark_saved(&mut self) -> Option<Sound> {
        self.saved = self.sound.map(|(sound, _)| sound);
        self.saved
    }
}

fn wishes<'a>(started: bool, wanted: &'a Wanted, model: &ModelSlot) -> Option<Wishes<'a>> {
    let loaded = model.playing().filter(|_| started && wanted.version > 0)?;
    Some(Wishes::new(wanted, &loaded.model))
}
