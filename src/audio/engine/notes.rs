//! Notes that come from the worker, and notes that are wanted of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::bank::Target;
use super::super::modulation::{Controls, Modulation};
use super::super::pace::Wait;
use super::super::settings::Settings;
use super::super::voice::{Identity, MORPH_FRAMES, State, Voice};
use super::{Engine, LEAVING_VOICES, end_note, free};
use crate::link::Generator;
use crate::note::{DIRECTIONS, MAX_VOICES, ModelId, Note, NoteRequest};

/// Room that must be free in the ring of used notes before a note changes hands: every voice may give back two.
const ROOM_FOR_USED: usize = 2 * (MAX_VOICES + LEAVING_VOICES);

/// An offline render looks this often whether its note has come.
const WAIT_STEP: Duration = Duration::from_micros(200);

/// Where a host has not said that it renders offline, the audio thread waits no longer than this for one note.
const LONGEST_GUESSED_WAIT: Duration = Duration::from_secs(20);

impl Engine {
    /// Takes in the notes that have been rendered. Where voices `wait` for what they follow, they go over at fixed moments
    /// only, and not here.
    pub(super) fn receive(&mut self, settings: &Settings, wait: Wait) {
        while self.link.used.slots() > ROOM_FOR_USED {
            let Ok(note) = self.link.notes.pop() else { break };
            if wait != Wait::Always {
                self.offer_to_voices(&note, settings);
            }
            let (status, exact) = (&self.link.status, self.exact);
            let target = |note: &Note| {
                let request = NoteRequest { timbre: settings.timbre, key: note.key.pitch };
                Target::of(request, status, exact).is_met_by(note)
            };
            let is_guest = !target(&note) && self.is_of_a_voice(&note, settings);
            let displaced = if is_guest { self.guests.insert(note) } else { self.bank.insert(note, target) };
            if let Some(displaced) = displaced {
                free(&mut self.link.used, displaced);
            }
        }
        self.start_waiting_voices(settings, wait);
    }

    /// Whether a note is of the own timbre of a voice.
    pub(super) fn is_of_a_voice(&self, note: &Note, settings: &Settings) -> bool {
        let has_own = |voice: &&Voice| voice.is_active() && voice.identity.modulation.directions != [0; DIRECTIONS];
        let mut own = self.in_use().iter().filter(has_own);
        own.any(|voice| self.target(&voice.identity, settings).is_met_by(note))
    }

    /// Hands a note to the voices that are nearer to what they should play with it than without. Under steady automation
    /// every note comes for a timbre that is already past; it is a step on the way all the same.
    pub(super) fn offer_to_voices(&mut self, note: &Arc<Note>, settings: &Settings) {
        for index in 0..self.in_use {
            let voice = &self.voices[index];
            let target = self.target(&voice.identity, settings);
            let is_its_pitch = note.key.pitch == target.pitch && note.key.model == target.model;
            // Where notes of one pitch have different timbres, the note of one is no step on the way of another.
            let is_a_step = || match voice.newest_key() {
                Some(now) if now.pitch == target.pitch && self.has_own_timbres() => {
                    let wanted = target.request.timbre;
                    note.key.timbre.distance(&wanted) < now.timbre.distance(&wanted)
                }
                _ => true,
            };
            if voice.state() == State::Playing && is_its_pitch && !self.is_up_to_date(voice, settings) && is_a_step() {
                self.go_over(index, Arc::clone(note), settings);
            }
        }
    }

    /// Whether any note has a timbre of its own.
    pub(super) fn has_own_timbres(&self) -> bool {
        self.in_use().iter().any(|voice| voice.identity.modulation.directions != [0; DIRECTIONS])
    }

    /// Lets a playing voice go over into another note of its key.
    pub(super) fn go_over(&mut self, index: usize, note: Arc<Note>, settings: &Settings) {
        if self.voices[index].newest_key() == Some(&note.key) {
            // The clone is not the last reference: dropping it frees nothing.
            return;
        }
        if self.voices[index].can_morph_into(&note) {
            if let Some(displaced) = self.voices[index].offer(note) {
                free(&mut self.link.used, displaced);
            }
        } else {
            self.hand_over(index, note, settings);
        }
    }

    /// Lets another voice go on where this one is, from a note that it cannot go over into by itself.
    pub(super) fn hand_over(&mut self, index: usize, note: Arc<Note>, settings: &Settings) {
        let Some(heir) = self.free_voice() else { return };
        let pitch = self.pitch_offset(&self.voices[index].identity, note.key.pitch, settings);
        let voice_settings = self.voice_settings(settings);
        if let Ok([old, heir]) = self.voices.get_disjoint_mut([index, heir]) {
            heir.take_over(old, note, pitch, &voice_settings, &mut self.tools);
        }
    }

    /// Strikes the voices for which there was no note at all when their keys were struck. A render that `wait`s strikes
    /// each from its own note: which other one comes first is chance, and a bounce is the same every time.
    pub(super) fn start_waiting_voices(&mut self, settings: &Settings, wait: Wait) {
        let own_only = wait != Wait::Never && self.link.status.generator() != Generator::Unavailable;
        if own_only && self.is_loading() {
            return;
        }
        for index in 0..self.in_use {
            let voice = &self.voices[index];
            let is_waiting = voice.state() == State::Waiting && voice.identity.age < self.new_from;
            if is_waiting && (!own_only || self.is_there(&voice.identity, settings)) {
                self.strike(index, settings);
            }
        }
    }

    /// Strikes the notes of this moment, now that all is known that is told of them. A render that waits does so for their notes.
    pub(super) fn strike_new(&mut self, settings: &Settings, wait: Wait) {
        if self.new_from == self.next_age {
            return;
        }
        let from = std::mem::replace(&mut self.new_from, self.next_age);
        self.modulate(settings);
        let is_new = |voice: &Voice| voice.state() == State::Waiting && voice.identity.age >= from;
        let mut new = self.in_use().iter().filter(|voice| is_new(voice));
        if wait != Wait::Never && (self.is_loading() || new.any(|voice| !self.is_there(&voice.identity, settings))) {
            self.wait_for_notes(settings, wait);
        }
        for index in 0..self.in_use {
            self.voices[index].identity.replaces = false;
            if !is_new(&self.voices[index]) {
                continue;
            }
            self.strike(index, settings);
            let is_silent = self.voices[index].state() == State::Waiting;
            self.struck_in_vain |= is_silent && self.link.status.generator() == Generator::Unavailable;
        }
    }

    /// Keeps the voices' notes in step with the timbre: asks for what is missing, and brings it in.
    pub(super) fn follow_timbre(&mut self, settings: &Settings, wait: Wait) {
        self.modulate(settings);
        if wait == Wait::Always {
            // Notes of this very moment are waited for when all is known of them.
            let is_late = |voice: &Voice| voice.identity.age < self.new_from && !self.is_up_to_date(voice, settings);
            if self.in_use().iter().any(|voice| is_due(voice) && is_late(voice)) {
                self.wait_for_notes(settings, wait);
            }
            for index in 0..self.in_use {
                if self.voices[index].state() == State::Playing && is_due(&self.voices[index]) {
                    self.update_from_bank(index, settings);
                }
            }
        } else {
            for index in 0..self.in_use {
                if self.voices[index].state() == State::Playing {
                    self.update_from_bank(index, settings);
                }
            }
        }
        let pitches = |engine: &Self, voice: &Voice| {
            voice.source_pitch().map(|source| engine.pitch_offset(&voice.identity, source, settings))
        };
        for index in 0..self.in_use {
            if let Some(pitch) = pitches(self, &self.voices[index]) {
                self.voices[index].set_pitch(pitch);
            }
        }
    }

    /// Finds what controllers and host do to each voice.
    pub(super) fn modulate(&mut self, settings: &Settings) {
        let of_all = settings.tilt != 0.0 || !settings.lfo.to.is_nothing() || settings.assignments.move_strokes();
        let was_modulated = std::mem::take(&mut self.is_modulated);
        for index in 0..self.in_use {
            if !self.voices[index].is_active() {
                continue;
            }
            let own = &self.voices[index].identity;
            let has_controls = match &own.kept {
                Some(kept) => kept.controls != Controls::default(),
                None => self.channels.has_controls(own.channel),
            };
            if of_all || has_controls || own.own.is_told() {
                self.voices[index].identity.modulation = self.modulation(own, settings);
                self.is_modulated = true;
            } else if was_modulated {
                self.voices[index].identity.modulation = Modulation::NONE;
            }
        }
    }

    /// Lets a voice go over into its target, if it is there.
    pub(super) fn update_from_bank(&mut self, index: usize, settings: &Settings) {
        if self.is_up_to_date(&self.voices[index], settings) {
            self.voices[index].identity.moved = false;
            return;
        }
        if self.link.used.slots() <= ROOM_FOR_USED {
            return;
        }
        let target = self.target(&self.voices[index].identity, settings);
        if let Some(note) = self.find(&target).cloned() {
            self.go_over(index, note, settings);
        }
    }

    /// The note that answers a request, if it is there.
    pub(super) fn find(&self, target: &Target) -> Option<&Arc<Note>> {
        self.bank.get(target.pitch).filter(|note| target.is_met_by(note)).or_else(|| self.guests.find(target))
    }

    /// What a note is to sound from: its key in the keyboard's timbre, or in one of its own.
    pub(super) fn request(&self, identity: &Identity, settings: &Settings) -> NoteRequest {
        NoteRequest { timbre: settings.timbre.moved(&identity.modulation.directions), key: self.source(identity.key) }
    }

    pub(super) fn target(&self, identity: &Identity, settings: &Settings) -> Target {
        Target::of(self.request(identity, settings), &self.link.status, self.exact)
    }

    pub(super) fn is_up_to_date(&self, voice: &Voice, settings: &Settings) -> bool {
        let target = self.target(&voice.identity, settings);
        // A voice that sounds goes on with what it has: another rendering of the same sound would change nothing.
        voice.newest_key().is_some_and(|key| target.is_of(key))
    }

    /// Whether a note's own rendering is there.
    pub(super) fn is_there(&self, identity: &Identity, settings: &Settings) -> bool {
        self.find(&self.target(identity, settings)).is_some()
    }

    /// Tells the worker what is wanted now, where that has changed.
    /// `asks` chooses the voices that ask for what they lack.
    pub(super) fn publish(&mut self, settings: &Settings, wait: Wait, asks: fn(&Voice) -> bool) {
        let mut count = 0;
        let mut ask = |engine: &mut Self, request: NoteRequest| {
            if engine.find(&Target::of(request, &engine.link.status, engine.exact)).is_some() {
                return;
            }
            let requests = &mut engine.next_wanted.requests;
            if count < MAX_VOICES && !requests[..count].contains(&request) {
                requests[count] = request;
                count += 1;
            }
        };
        for index in 0..self.in_use {
            let voice = &self.voices[index];
            if asks(voice) && !self.is_up_to_date(voice, settings) {
                ask(self, self.request(&voice.identity, settings));
            }
        }
        let mut to_come = self.to_come;
        while to_come != 0 {
            ask(self, NoteRequest { timbre: settings.timbre, key: self.source(to_come.trailing_zeros() as u8) });
            to_come &= to_come - 1;
        }
        let next = &mut self.next_wanted;
        next.request_count = count;
        next.timbre = settings.timbre;
        next.offline = wait == Wait::Always;
        next.recent = self.recent.iter().flatten().fold(0, |mask, key| mask | 1 << (key % 128));
        next.focus = self.recent[0].unwrap_or(60);
        let wanted = &self.wanted;
        let same = next.timbre == wanted.timbre
            && next.offline == wanted.offline
            && next.recent == wanted.recent
            && next.focus == wanted.focus
            && next.requests() == wanted.requests();
        if !same || wanted.version == 0 {
            next.version = wanted.version + 1;
            self.wanted = *next;
            self.link.wanted.write(self.wanted);
        }
    }

    pub(super) fn is_loading(&self) -> bool {
        self.link.status.generator() == Generator::Loading
    }

    /// Waits until the notes that are waited for are in the bank. Offline renders only.
    pub(super) fn wait_for_notes(&mut self, settings: &Settings, wait: Wait) {
        let start = Instant::now();
        let is_awaited = match wait {
            Wait::Always => is_due,
            _ => |voice: &Voice| voice.state() == State::Waiting,
        };
        loop {
            self.publish(settings, wait, is_awaited);
            self.receive(settings, wait);
            let missing = self.in_use().iter().any(|voice| {
                is_awaited(voice) && !self.is_up_to_date(voice, settings) && !self.is_there(&voice.identity, settings)
            });
            let hopeless = self.link.status.generator() == Generator::Unavailable
                || (!self.host_says_offline && start.elapsed() > LONGEST_GUESSED_WAIT);
            // While a model is being loaded the one before it still renders, but not what the session is to sound like.
            if hopeless || !(missing || self.is_loading()) {
                break;
            }
            std::thread::sleep(WAIT_STEP);
            // What is in the free voices would otherwise stand in the way of what comes.
            self.give_back();
        }
        self.waited += start.elapsed();
    }

    /// Sends notes that nobody plays any more to where they are freed.
    pub(super) fn give_back(&mut self) {
        for voice in &mut self.voices[..self.in_use] {
            while self.link.used.slots() > 0 {
                let Some(note) = voice.note_to_free() else { break };
                free(&mut self.link.used, note);
            }
            // One that never came to sound has ended as well.
            if voice.state() == State::Free {
                end_note(&mut self.ended, &mut voice.identity);
            }
        }
        // One a block: the keyboard has gone over to another sound, and its notes' own timbres with it.
        let (model, timbre) = (ModelId(self.link.status.model_id.load(Ordering::Relaxed)), self.now.timbre);
        let is_stale = |note: &Note| note.key.model != model || note.key.timbre.distance(&timbre) == u32::MAX;
        if self.link.used.slots() > ROOM_FOR_USED
            && let Some(note) = self.guests.take_stale(is_stale)
        {
            free(&mut self.link.used, note);
        }
        let last = self.in_use().iter().rposition(|voice| voice.state() != State::Free || voice.holds_notes());
        self.in_use = last.map_or(0, |last| last + 1);
    }
}

/// Whether a render that waits is to bring the voice's note up to date now: it has not begun yet, or it has been through with
/// its last change. Held notes so follow in steps of a morph's length, and a bounce needs a bounded number of renderings.
fn is_due(voice: &Voice) -> bool {
    match voice.state() {
        State::Waiting => true,
        State::Playing if voice.identity.moved => true,
        State::Playing => voice.since_change() >= MORPH_FRAMES && !voice.is_about_to_change(),
        _ => false,
    }
}
