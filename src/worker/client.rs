//! One instance's part in the service: what it wants, what it has, and its end of the link. Under the service's lock.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::cache::NoteCache;
use super::loaded::Loaded;
use crate::link::{Generator, KeyState, ModelStatus, Status, Wanted, WorkerEnd};
use crate::model::ModelRef;
use crate::note::{KEYS, Note, NoteKey, Sound, Timbre};

/// A timbre that has stood for so long is meant to, and is worth keeping on the disk: no knob is turned so slowly.
pub const REST: Duration = Duration::from_secs(3);

/// How urgent a rendering is, most urgent first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Priority {
    /// A note sounds and waits for it.
    Sounding,
    /// A key that was struck lately, in the keyboard's timbre.
    Recent,
    /// The rest of the keyboard.
    Rest,
}

impl Priority {
    pub const ALL: [Self; 3] = [Self::Sounding, Self::Recent, Self::Rest];
}

/// A model that is to be loaded for an instance.
#[derive(Clone, Debug)]
pub struct LoadOrder {
    pub reference: ModelRef,
    /// Tells this order from earlier ones of the same instance.
    pub serial: u64,
    /// Stands in for a model that could not be loaded, whose sentence is to stay.
    pub stands_in: bool,
}

pub struct Client {
    end: WorkerEnd,
    started: bool,
    wanted: Wanted,
    model: Option<Arc<Loaded>>,
    /// Where this instance found its model; the same file may lie at two places.
    path: PathBuf,
    pending: Option<LoadOrder>,
    orders: u64,
    /// The model that the session names and that could not be loaded. It stays in the session, so that nothing is lost by
    /// opening and saving it on a machine without the file.
    absent: Option<ModelRef>,
    /// The sentence that this service showed last, so that it takes back no other.
    shown: Option<String>,
    /// Whether a note that is asked for could not be rendered.
    failing: bool,
    /// The last note sent of each pitch.
    delivered: [Option<NoteKey>; KEYS],
    /// Requests of this version of `wanted` that were answered.
    answered: Vec<NoteKey>,
    /// When each pitch was last rendered for a request that has stood ever since; 0 for the others.
    sounding_turns: [u64; KEYS],
    /// Whether something may have come that this instance waits for.
    dirty: bool,
    /// When this instance was last served, so that all get their turn.
    served: u64,
    /// What the keyboard plays, and since when.
    sound: Option<(Sound, Instant)>,
    /// A session was saved with this.
    saved: Option<Sound>,
}

impl Client {
    pub fn new(end: WorkerEnd) -> Self {
        let first = LoadOrder { reference: ModelRef::default(), serial: 0, stands_in: false };
        Self {
            end,
            started: false,
            wanted: Wanted::default(),
            model: None,
            path: PathBuf::new(),
            pending: Some(first),
            orders: 0,
            absent: None,
            shown: None,
            failing: false,
            delivered: [None; KEYS],
            answered: Vec::new(),
            sounding_turns: [0; KEYS],
            dirty: false,
            served: 0,
            sound: None,
            saved: None,
        }
    }

    pub fn status(&self) -> &Status {
        &self.end.status
    }

    pub fn start(&mut self) {
        self.started = true;
        self.tell_generator();
    }

    pub fn is_started(&self) -> bool {
        self.started
    }

    // Models.

    /// Notes that a model is to be loaded, in place of any that still waits to be.
    pub fn order(&mut self, reference: ModelRef) {
        self.orders += 1;
        self.pending = Some(LoadOrder { reference, serial: self.orders, stands_in: false });
        self.tell_generator();
    }

    /// The order that waits or is being done, once the instance was started.
    pub fn pending(&self) -> Option<&LoadOrder> {
        self.pending.as_ref().filter(|_| self.started)
    }

    pub fn is_pending(&self, serial: u64) -> bool {
        self.pending.as_ref().is_some_and(|order| order.serial == serial)
    }

    /// The model that a session should name: the one that plays, unless another is on its way or is missing.
    pub fn reference(&self) -> ModelRef {
        let ordered = self.pending.as_ref().filter(|order| !order.stands_in).map(|order| order.reference.clone());
        ordered.or_else(|| self.absent.clone()).unwrap_or_else(|| {
            let playing = self.model.as_ref().map(|loaded| loaded.model.reference());
            playing.map(|playing| ModelRef { path: self.path.clone(), ..playing }).unwrap_or_default()
        })
    }

    pub fn model(&self) -> Option<&Arc<Loaded>> {
        self.model.as_ref()
    }

    /// Goes over to a model that was loaded; returns the one that played.
    pub fn switch(&mut self, loaded: Arc<Loaded>, path: PathBuf) -> Option<Arc<Loaded>> {
        let stood_in = self.pending.take().is_some_and(|order| order.stands_in);
        if !stood_in {
            self.absent = None;
            self.take_back();
        }
        let manifest = &loaded.model.manifest;
        *self.status().model.lock() = ModelStatus {
            name: manifest.name.clone(),
            author: manifest.author.clone(),
            licence: manifest.licence.clone(),
            trained_on: manifest.trained_on.clone(),
            sha256: loaded.model.sha256.clone(),
            path: path.clone(),
            directions: manifest.direction_labels(),
            atlas: Some(Arc::clone(&loaded.atlas)),
        };
        // The range goes first and the identity is released after it: whoever reads the new identity reads the new range.
        self.status().set_pitch_range(manifest.pitch_min, manifest.pitch_max);
        self.status().model_id.store(loaded.model.id.0, Ordering::Release);
        self.path = path;
        self.dirty = true;
        let before = self.model.replace(loaded);
        self.note_sound();
        self.tell_generator();
        before
    }

    /// Goes on without the model that was ordered.
    pub fn refuse(&mut self, sentence: String) {
        let Some(order) = self.pending.take() else { return };
        if !order.stands_in {
            self.show(sentence);
            // What a session names goes back into the session; a file that was only tried out does not.
            self.absent = Some(order.reference.clone()).filter(|reference| !reference.sha256.is_empty());
            if self.model.is_none() && !order.reference.is_default() {
                // Better the default sound than none.
                self.pending = Some(LoadOrder { reference: ModelRef::default(), stands_in: true, ..order });
            }
        }
        self.tell_generator();
    }

    /// Says that nothing can be rendered, and why.
    pub fn fail(&mut self, sentence: String) {
        self.show(sentence);
        self.pending = None;
        self.tell_generator();
    }

    /// Shows what went wrong.
    pub fn show(&mut self, sentence: String) {
        *self.status().error.lock() = Some(sentence.clone());
        self.shown = Some(sentence);
    }

    /// Shows what is no fault of the sound, unless something else is shown.
    pub fn mention(&self, sentence: &str) {
        self.status().error.lock().get_or_insert_with(|| sentence.to_owned());
    }

    /// Takes the service's own sentence back, once it was put right.
    fn take_back(&mut self) {
        let shown = self.shown.take();
        let mut error = self.status().error.lock();
        if shown.is_some() && *error == shown {
            *error = None;
        }
    }

    fn tell_generator(&self) {
        self.status().set_generator(match (&self.pending, &self.model) {
            (Some(_), _) => Generator::Loading,
            // Nobody should wait for a note that does not come.
            (None, Some(_)) if !self.failing => Generator::Ready,
            (None, _) => Generator::Unavailable,
        });
    }

    // Notes.

    /// Takes what the audio thread sent: notes to be freed go to `trash`. Returns whether it wants something else now.
    pub fn poll(&mut self, trash: &mut Vec<Arc<Note>>) -> bool {
        while let Ok(note) = self.end.used.pop() {
            trash.push(note);
        }
        if !self.end.wanted.update() {
            return false;
        }
        let wanted = self.end.wanted.output_buffer();
        if wanted.version != self.wanted.version {
            self.answered.clear();
        }
        self.wanted = *wanted;
        let asked = self.requested().fold(0u128, |pitches, key| pitches | 1 << key.pitch);
        for (pitch, turn) in self.sounding_turns.iter_mut().enumerate() {
            if asked >> pitch & 1 == 0 {
                *turn = 0;
            }
        }
        self.note_sound();
        self.dirty = true;
        true
    }

    /// Notes what the keyboard plays now.
    fn note_sound(&mut self) {
        let now = self.model.as_ref().filter(|_| self.is_published()).map(|loaded| loaded.model.id);
        let now = now.map(|model| Sound { model, timbre: self.wanted.timbre });
        if self.sound.map(|(sound, _)| sound) != now {
            self.sound = now.map(|sound| (sound, Instant::now()));
        }
    }

    /// What the keyboard plays, once it has stood for some seconds, or a session was saved with it.
    pub fn resting(&self) -> Option<Sound> {
        let (sound, since) = self.sound?;
        (since.elapsed() > REST || self.saved == Some(sound)).then_some(sound)
    }

    /// Notes that a session is saved with what the keyboard plays.
    pub fn save(&mut self) -> Option<Sound> {
        self.saved = self.sound.map(|(sound, _)| sound);
        self.saved
    }

    /// Notes that something changed that may concern this instance: the cache, or what is being rendered.
    pub fn touch(&mut self) {
        self.dirty = true;
    }

    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Sends what is there and wanted, and brings the key states up to date. What finds no room waits for the next pass.
    pub fn deliver(
        &mut self,
        cache: &mut NoteCache,
        in_flight: impl Fn(&NoteKey) -> bool,
        has_failed: impl Fn(&NoteKey) -> bool,
    ) {
        if !std::mem::take(&mut self.dirty) || !self.is_published() {
            return;
        }
        let complete = self.deliver_requests(cache) && self.deliver_keyboard(cache);
        self.dirty = !complete;
        let failing = self.requested().any(|key| has_failed(&key));
        if std::mem::replace(&mut self.failing, failing) != failing {
            self.tell_generator();
        }
        for key in 0..KEYS as u8 {
            self.status().set_key_state(key, self.key_state(key, &in_flight));
        }
    }

    fn deliver_requests(&mut self, cache: &mut NoteCache) -> bool {
        for index in 0..self.wanted.requests().len() {
            let request = self.wanted.requests()[index];
            let Some(key) = self.note_key(request.timbre, request.key) else { return true };
            if self.answered.contains(&key) {
                continue;
            }
            if let Some(note) = cache.get(&key).filter(|note| note.serves(self.is_exact())) {
                if !self.send(note) {
                    return false;
                }
                self.answered.push(key);
            }
        }
        true
    }

    fn deliver_keyboard(&mut self, cache: &mut NoteCache) -> bool {
        for key in self.keyboard() {
            if self.delivered[usize::from(key.pitch)] == Some(key) {
                continue;
            }
            if let Some(note) = cache.get(&key).filter(|note| note.serves(self.is_exact()))
                && !self.send(note)
            {
                return false;
            }
        }
        true
    }

    /// Sends a note that was rendered for this instance, whose request has moved on meanwhile to another timbre at the same
    /// pitch. Under steady automation each request moves on before it is answered, and the voice would never follow.
    pub fn deliver_late(&mut self, note: &Arc<Note>) {
        let key = note.key;
        let moved_on = |wanted: NoteKey| wanted != key && wanted.pitch == key.pitch && wanted.model == key.model;
        if self.requested().any(moved_on) && self.requested().all(|wanted| wanted != key) {
            self.send(note);
        }
    }

    fn send(&mut self, note: &Arc<Note>) -> bool {
        let key = note.key;
        let sent = self.end.notes.push(Arc::clone(note)).is_ok();
        if sent {
            self.delivered[usize::from(key.pitch)] = Some(key);
        }
        sent
    }

    fn key_state(&self, key: u8, in_flight: &impl Fn(&NoteKey) -> bool) -> KeyState {
        let Some(wanted) = self.note_key(self.wanted.timbre, key).filter(|wanted| wanted.pitch == key) else {
            return KeyState::Empty;
        };
        match self.delivered[usize::from(key)] {
            Some(delivered) if delivered == wanted => KeyState::Ready,
            _ if in_flight(&wanted) => KeyState::Rendering,
            Some(_) => KeyState::Stale,
            None => KeyState::Empty,
        }
    }

    /// The next note of a priority that is to be brought; `open` tells whether it can be, and is neither there nor on its way.
    pub fn next(&self, priority: Priority, open: impl Fn(&NoteKey) -> bool) -> Option<NoteKey> {
        if !self.is_published() {
            return None;
        }
        match priority {
            // In their order, but one that was rendered and asks again, since the timbre moved on, goes behind the others:
            // under steady automation the first note of a chord would else be the only one that follows.
            Priority::Sounding => {
                let waiting = self.requested().filter(|key| !self.answered.contains(key) && open(key));
                waiting.min_by_key(|key| self.sounding_turns[usize::from(key.pitch)])
            }
            Priority::Recent | Priority::Rest if self.wanted.offline => None,
            Priority::Recent | Priority::Rest => {
                let mut keys = self.keyboard().filter(|key| self.delivered[usize::from(key.pitch)] != Some(*key));
                keys.find(|key| (priority == Priority::Rest || self.is_recent(key.pitch)) && open(key))
            }
        }
    }

    /// Notes that it is this instance's turn, with a note of a priority.
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

    /// How urgently this instance wants a note, if it does.
    pub fn priority_of(&self, key: &NoteKey) -> Option<Priority> {
        if !self.is_published() || self.model.as_ref()?.model.id != key.model {
            return None;
        }
        if self.requested().any(|wanted| wanted == *key) {
            Some(Priority::Sounding)
        } else if key.timbre == self.wanted.timbre && !self.wanted.offline {
            Some(if self.is_recent(key.pitch) { Priority::Recent } else { Priority::Rest })
        } else {
            None
        }
    }

    /// Before the first publication nobody knows what is wanted.
    fn is_published(&self) -> bool {
        self.started && self.model.is_some() && self.wanted.version > 0
    }

    /// The notes of the requests, most urgent first.
    fn requested(&self) -> impl Iterator<Item = NoteKey> + '_ {
        self.wanted.requests().iter().filter_map(|request| self.note_key(request.timbre, request.key))
    }

    /// The note of a key: the model's own where the key is in its range, else that of the nearest pitch.
    fn note_key(&self, timbre: Timbre, key: u8) -> Option<NoteKey> {
        let model = &self.model.as_ref()?.model;
        Some(NoteKey { model: model.id, timbre, pitch: key.clamp(model.manifest.pitch_min, model.manifest.pitch_max) })
    }

    /// The note that a key of the keyboard plays.
    pub fn keyboard_key(&self, key: u8) -> Option<NoteKey> {
        self.note_key(self.wanted.timbre, key).filter(|_| self.is_published())
    }

    /// Whether this instance bounces now, and takes notes of the processor only.
    pub fn is_exact(&self) -> bool {
        self.wanted.offline && self.status().bounce_on_cpu.load(Ordering::Relaxed)
    }

    /// Whether this instance plays live, so that a device would serve it.
    pub fn is_live(&self) -> bool {
        self.is_published() && !self.is_exact()
    }

    /// Takes a sentence back, if it is the one that is shown.
    pub fn withdraw(&mut self, sentence: &str) {
        self.shown.take_if(|shown| shown == sentence);
        self.status().error.lock().take_if(|error| error == sentence);
    }

    /// Whether a key that this pitch stands for was struck lately.
    fn is_recent(&self, pitch: u8) -> bool {
        let Some(model) = &self.model else { return false };
        let manifest = &model.model.manifest;
        let mut bits = 1u128 << pitch;
        if pitch == manifest.pitch_min {
            bits |= bits - 1;
        }
        if pitch == manifest.pitch_max {
            bits |= !(bits - 1);
        }
        self.wanted.recent & bits != 0
    }

    /// The notes of the keyboard in its timbre, outward from where the player is.
    pub fn keyboard(&self) -> impl Iterator<Item = NoteKey> + use<> {
        let timbre = self.wanted.timbre;
        let model = self.model.as_ref().map(|loaded| &loaded.model);
        let (id, low, high) = model
            .map_or((Default::default(), 1, 0), |model| (model.id, model.manifest.pitch_min, model.manifest.pitch_max));
        let focus = self.wanted.focus.max(low).min(high);
        (0..KEYS as i16)
            .flat_map(move |distance| {
                let below = (distance > 0).then_some(i16::from(focus) - distance);
                [Some(i16::from(focus) + distance), below]
            })
            .flatten()
            .filter(move |pitch| (i16::from(low)..=i16::from(high)).contains(pitch))
            .map(move |pitch| NoteKey { model: id, timbre, pitch: pitch as u8 })
    }
}
