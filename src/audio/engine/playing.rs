//! What events do: strokes, ends, pedals, and what is said of single notes.

use std::sync::atomic::Ordering;

use super::super::channel::Channels;
use super::super::event::{Event, sane};
use super::super::filter::Filter;
use super::super::mix::Mix;
use super::super::modulation::{Modulation, NoteControl};
use super::super::pace::Wait;
use super::super::settings::Settings;
use super::super::voice::{Identity, Kept, State, Voice};
use super::{Engine, RECENT_KEYS, end_note, free};
use crate::expression::GENERATED_VELOCITY;
use crate::note::{KEYS, MAX_VOICES};

/// Share of the velocity that the soft pedal leaves.
const SOFT_PEDAL: f32 = 0.75;

/// How many times longer notes die away that are let go of while the second hold pedal is down.
const HOLD_2: f32 = 4.0;

impl Engine {
    pub(super) fn handle(&mut self, event: Event, settings: &Settings, wait: Wait) {
        // What is no number would sound for ever, and not only in the note that it came with.
        match sane(event) {
            Event::NoteOn { key, channel, id, velocity } => self.note_on(key, channel, id, velocity, settings, wait),
            Event::NoteOff { key, channel, id } => self.note_off(key, channel, id, settings, wait),
            Event::Choke { key, channel, id } => self.addressed(key, channel, id).for_each(Voice::steal),
            Event::Tuning { key, channel, id, semitones } => {
                self.addressed(key, channel, id).for_each(|voice| voice.identity.tuning = semitones);
                self.follow_timbre(settings, wait);
            }
            Event::Note { key, channel, id, control } => {
                // The host moves a parameter for one note by its number, which a note that came without one does not have.
                let by_number = matches!(control, NoteControl::Parameter { .. });
                for voice in self.addressed(key, channel, id) {
                    if !by_number || voice.identity.id.is_some() {
                        voice.identity.own.set(control);
                    }
                }
                self.follow_timbre(settings, wait);
            }
            Event::Pressure { channel, value } => {
                self.channels.set_pressure(channel, value);
                self.follow_timbre(settings, wait);
            }
            Event::Mono { channel, on } => {
                self.let_go(|own, channels| channels.covers(channel, own.channel));
                self.keys.forget();
                self.channels.set_mono(channel, on);
            }
            Event::OctaveTuning { channels, semitones } => {
                self.channels.tune_octaves(channels, semitones);
                self.follow_timbre(settings, wait);
            }
            Event::MasterTuning { range, semitones } => {
                self.channels.tune_all(range, semitones);
                self.follow_timbre(settings, wait);
            }
            Event::Bend { channel, value } => {
                self.channels.set_bend(channel, value);
                self.follow_timbre(settings, wait);
            }
            Event::Pedal { channel, down } => {
                self.channels.set_damper(channel, down);
                self.end_unheld();
            }
            Event::Sostenuto { channel, down } => self.set_sostenuto(channel, down),
            Event::Controller { channel, number, value } => {
                self.channels.set(channel, number, value);
                self.follow_timbre(settings, wait);
            }
            Event::AllNotesOff { channel } => {
                self.keys.forget();
                self.let_go(|own, channels| channels.covers(channel, own.channel));
            }
            Event::AllSoundOff { channel } => {
                self.keys.forget();
                let Self { voices, in_use, channels, .. } = self;
                let active = voices[..*in_use].iter_mut().filter(|voice| voice.is_active());
                active.filter(|voice| channels.covers(channel, voice.identity.channel)).for_each(Voice::steal);
            }
            Event::ResetControllers { channel } => {
                self.channels.let_go_of(channel);
                for voice in &mut self.voices[..self.in_use] {
                    if self.channels.covers(channel, voice.identity.channel) {
                        voice.identity.own.let_go_of_pressure();
                    }
                }
                self.end_unheld();
                self.follow_timbre(settings, wait);
            }
        }
    }

    /// Lets go of the keys of some notes: they end, unless a pedal holds them.
    pub(super) fn let_go(&mut self, is_meant: impl Fn(&Identity, &Channels) -> bool) {
        let Self { voices, in_use, channels, now, .. } = self;
        for voice in voices[..*in_use].iter_mut().filter(|voice| voice.is_active()) {
            let own = &mut voice.identity;
            if !is_meant(own, channels) {
                continue;
            }
            if channels.holds(own.channel, own.key) {
                own.pedalled = true;
                // Another note may have the channel next.
                if channels.is_member(own.channel) {
                    keep(own, channels, now);
                }
            } else {
                release(voice, channels, now);
            }
        }
    }

    /// Ends the notes whose keys are up and which no pedal holds any more.
    pub(super) fn end_unheld(&mut self) {
        let Self { voices, in_use, channels, now, .. } = self;
        for voice in voices[..*in_use].iter_mut().filter(|voice| voice.is_active() && voice.identity.pedalled) {
            if !channels.holds(voice.identity.channel, voice.identity.key) {
                release(voice, channels, now);
            }
        }
    }

    pub(super) fn set_sostenuto(&mut self, channel: u8, down: bool) {
        let voices = self.in_use().iter().filter(|voice| voice.is_active() && !voice.envelope.is_released());
        let held = voices.filter(|voice| self.channels.covers(channel, voice.identity.channel));
        let keys = held.fold(0, |keys, voice| keys | 1u128 << (voice.identity.key % 128));
        self.channels.set_sostenuto(channel, down.then_some(keys));
        self.end_unheld();
    }

    /// The voices that an event addresses, those that are leaving left out.
    pub(super) fn addressed(
        &mut self,
        key: Option<u8>,
        channel: Option<u8>,
        id: Option<i32>,
    ) -> impl Iterator<Item = &mut Voice> + '_ {
        let voices = self.voices[..self.in_use].iter_mut();
        voices.filter(move |voice| voice.is_active() && is_addressed(&voice.identity, key, channel, id))
    }

    pub(super) fn note_on(
        &mut self,
        key: u8,
        channel: u8,
        id: Option<i32>,
        velocity: f32,
        settings: &Settings,
        wait: Wait,
    ) {
        if usize::from(key) >= KEYS || self.is_left_out(key, channel) {
            return;
        }
        let is_same = |own: &Identity, _: &Channels| is_addressed(own, Some(key), Some(channel), None);
        let replaces = self.in_use().iter().any(|voice| {
            let is_down = voice.is_active() && !voice.envelope.is_released() && !voice.identity.pedalled;
            is_down && is_same(&voice.identity, &self.channels)
        });
        if self.is_mono(channel, settings) && self.play_on(key, channel, id, settings, wait) {
            return;
        }
        // A key that is struck again stops what it had begun, as a damper does.
        self.end(is_same);
        if self.in_use().iter().filter(|voice| voice.is_active()).count() >= MAX_VOICES {
            self.steal_one();
        }
        let Some(index) = self.free_voice() else { return };
        let soft = if self.channels.is_soft(channel) { SOFT_PEDAL } else { 1.0 };
        let velocity = soft * velocity.clamp(0.0, 1.0);
        let level = settings.velocity.level(velocity);
        // By sixteenths of a step, so that the velocity of the notes themselves is met whatever the host's scale rounds.
        let struck = (16.0 * 127.0 * velocity).round() / 16.0;
        let touch_velocity = GENERATED_VELOCITY + settings.brightness * (struck - GENERATED_VELOCITY);
        let age = self.next_age;
        let glide = self.glide_of(key, channel, settings);
        let stroke = Identity { key, channel, id, age, level, touch_velocity, velocity, ..Identity::NONE };
        let identity = Identity { glide, replaces, ..stroke };
        self.next_age += 1;
        self.voices[index].wait(identity);
        self.remember(key);
        self.link.status.notes_asked.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_off(
        &mut self,
        key: Option<u8>,
        channel: Option<u8>,
        id: Option<i32>,
        settings: &Settings,
        wait: Wait,
    ) {
        let mut is_over = true;
        // The end of a note that another one of its key has replaced at this very tick is not that one's.
        for voice in self.voices[..self.in_use].iter_mut().filter(|voice| voice.is_active()) {
            let own = &mut voice.identity;
            let is_told_apart = id.is_some() && own.id.is_some() || key.is_none() || channel.is_none();
            if own.replaces && !is_told_apart && is_addressed(own, key, channel, id) {
                own.replaces = false;
                is_over = false;
            }
        }
        if !is_over || self.go_back(key, channel, id, settings, wait) {
            return;
        }
        self.let_go(|own, _| is_addressed(own, key, channel, id));
    }

    /// Ends notes whatever a pedal says.
    pub(super) fn end(&mut self, is_meant: impl Fn(&Identity, &Channels) -> bool) {
        let Self { voices, in_use, channels, now, .. } = self;
        for voice in voices[..*in_use].iter_mut().filter(|voice| voice.is_active()) {
            if is_meant(&voice.identity, channels) {
                release(voice, channels, now);
            }
        }
    }

    /// Lets a waiting voice play: from its own note, from an older one of its pitch, or from the nearest that there is.
    pub(super) fn strike(&mut self, index: usize, settings: &Settings) {
        let modulation = self.modulation(&self.voices[index].identity, settings);
        self.is_modulated |= modulation != Modulation::NONE;
        self.voices[index].identity.modulation = modulation;
        let identity = self.voices[index].identity;
        let target = self.target(&identity, settings);
        let own = self.find(&target).or_else(|| self.bank.get(target.pitch));
        let Some(note) = own.or_else(|| self.bank.nearest(target.pitch)).cloned() else { return };
        if target.is_met_by(&note) {
            self.link.status.notes_played.fetch_add(1, Ordering::Relaxed);
        }
        let pitch = self.pitch_offset(&identity, note.key.pitch, settings);
        let voice_settings = self.voice_settings(settings);
        self.voices[index].strike(note, pitch, &voice_settings, &mut self.tools);
        self.voices[index].filter = Filter::struck(&settings.filter);
        if !modulation.is_in_place() {
            let mut mix = Mix::FULL;
            mix.jump(self.channels.gains_beside(identity.channel, modulation.gain, modulation.pan));
            self.voices[index].mix = Some(mix);
        }
    }

    pub(super) fn remember(&mut self, key: u8) {
        let key = self.source(key);
        let until = self.recent.iter().position(|&recent| recent == Some(key)).unwrap_or(RECENT_KEYS - 1);
        self.recent[..=until].rotate_right(1);
        self.recent[0] = Some(key);
    }

    /// Makes room among the voices that count: of those released the quietest, else the oldest.
    pub(super) fn steal_one(&mut self) {
        let released = |voice: &&mut Voice| voice.envelope.is_released();
        let quietest = self
            .voices
            .iter_mut()
            .filter(|voice| voice.is_active())
            .filter(released)
            .min_by(|a, b| a.loudness().total_cmp(&b.loudness()));
        let victim = match quietest {
            Some(voice) => Some(voice),
            None => self.voices.iter_mut().filter(|voice| voice.is_active()).min_by_key(|voice| voice.identity.age),
        };
        if let Some(voice) = victim {
            end_note(&mut self.ended, &mut voice.identity);
            voice.steal();
        }
    }

    /// A voice that nothing plays on, its notes given back. Where there is none, the one that has faded most is cut off.
    pub(super) fn free_voice(&mut self) -> Option<usize> {
        let index = self.voices.iter().position(|voice| voice.state() == State::Free).or_else(|| {
            let leaving = self.voices.iter().enumerate().filter(|(_, voice)| voice.state() == State::Leaving);
            leaving.min_by(|(_, a), (_, b)| a.fade().total_cmp(&b.fade())).map(|(index, _)| index)
        })?;
        self.in_use = self.in_use.max(index + 1);
        let voice = &mut self.voices[index];
        voice.silence();
        while let Some(note) = voice.note_to_free() {
            free(&mut self.link.used, note);
        }
        Some(index)
    }
}

/// Whether an event is for a note. `None` means all of them.
fn is_addressed(own: &Identity, key: Option<u8>, channel: Option<u8>, id: Option<i32>) -> bool {
    let same_id = match (id, own.id) {
        (Some(id), Some(own)) => id == own,
        _ => true,
    };
    same_id && key.is_none_or(|key| key == own.key) && channel.is_none_or(|channel| channel == own.channel)
}

/// What its channel says of a note holds for it from now on.
fn keep(own: &mut Identity, channels: &Channels, now: &Settings) {
    // Where notes share a channel, wheel and tuning are those of all that sounds.
    let is_alone = channels.is_member(own.channel);
    let semitones = is_alone.then(|| channels.semitones(own.channel, now.bend_semitones));
    own.kept.get_or_insert(Kept { controls: channels.controls(own.channel), semitones });
}

/// Lets a voice die away; one that has not begun yet never will.
fn release(voice: &mut Voice, channels: &Channels, now: &Settings) {
    keep(&mut voice.identity, channels, now);
    voice.identity.rings = now.rings;
    if channels.is_held_2(voice.identity.channel) {
        voice.identity.release_scale = HOLD_2;
    }
    voice.identity.pedalled = false;
    voice.envelope.release();
    if voice.state() == State::Waiting {
        voice.silence();
    }
}
