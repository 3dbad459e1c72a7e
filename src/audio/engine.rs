//! The instrument on the audio thread: events in, sound out.
//!
//! `playing` does what events say, `mono` where one note sounds at a time; `notes` is the way of notes to the voices; `sound` is
//! the way from the voices into the block.

mod mono;
mod notes;
mod playing;
mod sound;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::bank::Bank;
use super::channel::Channels;
use super::event::{Ended, TimedEvent, struck_keys};
use super::guests::Guests;
use super::lfo::Lfo;
use super::limiter::Limiter;
use super::mix::Output;
use super::modulation::Modulation;
use super::mono::Keys;
use super::pace::Wait;
use super::playhead::{Course, Hold};
use super::settings::Settings;
use super::voice::{Identity, State, Tools, Voice, VoiceSettings};
use super::width::Width;
use crate::link::{AudioEnd, Wanted};
use crate::note::{KEYS, MAX_VOICES, Note};
use crate::tuning::{Master, Pitches, equal_temperament};

/// Voices beyond [`MAX_VOICES`], in which stolen and handed-over notes sound to their end.
const LEAVING_VOICES: usize = 32;

/// Samples that the voices of one channel are rendered in at once, where the channel has a level or a place of its own: whole
/// chunks of a voice's, so that what is heard does not depend on it.
const CHANNEL_SAMPLES: usize = 1024;

/// Events that a render that waits looks at before it plays them.
const EVENTS_AHEAD: usize = 4096;

/// Furthest that a note is transposed, in semitones: far beyond what is heard, and near enough that a voice which goes through its
/// note at this speed takes no block's time. Wheels, tunings and their ranges may add up to much more.
const FURTHEST_SEMITONES: f32 = 96.0;

/// Struck keys that are kept in mind for rendering ahead.
const RECENT_KEYS: usize = 12;

/// Plays one instance. Made and activated off the audio thread, used on it.
pub struct Engine {
    link: AudioEnd,
    bank: Bank,
    /// Notes of voices that have timbres of their own.
    guests: Guests,
    voices: Vec<Voice>,
    /// All voices from here on are free, and hold no note.
    in_use: usize,
    tools: Tools,
    width: Width,
    limiter: Limiter,
    lfo: Lfo,
    sample_rate: f32,
    /// Frames that the voices may still compute ahead of time, filled up as time goes by.
    prepare_credit: f32,
    /// What the worker was told last, and what it is told next.
    wanted: Wanted,
    next_wanted: Wanted,
    recent: [Option<u8>; RECENT_KEYS],
    next_age: u64,
    /// The first of the notes that have been struck at this very moment, and do not sound yet: what is told of them at the same
    /// moment is heard from their beginning.
    new_from: u64,
    channels: Channels,
    /// Whether any voice is modulated, and whether any is rendered apart: while none is, none is asked.
    is_modulated: bool,
    is_apart: bool,
    /// The pitch of each key: now, and as the session has it.
    pitches: Pitches,
    own_pitches: Pitches,
    /// The key whose generated note is nearest to each key's pitch.
    sources: [u8; KEYS],
    tunings: u32,
    master: Master,
    has_master: bool,
    /// The keys that are down, where one note of a channel sounds at a time.
    keys: Keys,
    /// The sound of one channel on its way into the mix.
    channel_sound: Box<[f32]>,
    gain: Option<f32>,
    /// What the parameters say in this block.
    now: Settings,
    ended: [Option<Ended>; MAX_VOICES],
    waited: Duration,
    host_says_offline: bool,
    /// Whether only notes of the processor are struck, so that a bounce is the same every time.
    exact: bool,
    /// The events of the block, in a render that waits.
    events: Vec<TimedEvent>,
    /// Keys that will be struck in this block, a bit each, in a render that waits.
    to_come: u128,
    /// Whether a key was struck in the last block for which no note will come.
    struck_in_vain: bool,
}

impl Engine {
    /// Allocates all that will ever be needed.
    pub fn new(link: AudioEnd) -> Self {
        Self {
            link,
            bank: Bank::new(),
            guests: Guests::new(),
            voices: (0..MAX_VOICES + LEAVING_VOICES).map(|_| Voice::new()).collect(),
            in_use: 0,
            tools: Tools::new(),
            width: Width::new(),
            limiter: Limiter::new(),
            lfo: Lfo::new(),
            sample_rate: 48_000.0,
            prepare_credit: 0.0,
            wanted: Wanted::default(),
            next_wanted: Wanted::default(),
            recent: [None; RECENT_KEYS],
            next_age: 0,
            new_from: 0,
            channels: Channels::new(),
            is_modulated: false,
            is_apart: false,
            pitches: equal_temperament(),
            own_pitches: equal_temperament(),
            sources: std::array::from_fn(|key| key as u8),
            tunings: 0,
            master: Master::new(),
            has_master: false,
            keys: Keys::new(),
            channel_sound: vec![0.0; CHANNEL_SAMPLES].into(),
            gain: None,
            now: Settings::default(),
            ended: [None; MAX_VOICES],
            waited: Duration::ZERO,
            host_says_offline: false,
            exact: false,
            events: Vec::with_capacity(EVENTS_AHEAD),
            to_come: 0,
            struck_in_vain: false,
        }
    }

    /// Sets the host's rate, in samples a second, and forgets all that sounds.
    pub fn activate(&mut self, sample_rate: f32, host_says_offline: bool) {
        self.sample_rate = sample_rate;
        self.host_says_offline = host_says_offline;
        self.tools.activate(sample_rate);
        self.width.activate(sample_rate);
        self.limiter.activate(sample_rate);
        self.reset();
        self.channels.forget();
    }

    /// Silences everything, and puts pedals and wheels at rest. What sets a channel up stays: its volume, place and tuning, and
    /// zones of channels, which are told once and not with every start of the transport.
    pub fn reset(&mut self) {
        self.voices.iter_mut().for_each(Voice::silence);
        self.channels.let_go();
        self.keys.forget();
        self.limiter.reset();
        self.lfo.reset();
        self.gain = None;
        self.prepare_credit = 0.0;
        self.width.reset();
    }

    /// Time that the last call of [`Self::process`] spent waiting for notes.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Whether a key was struck during the last call of [`Self::process`] that stays silent, since nothing renders notes.
    pub fn struck_in_vain(&self) -> bool {
        self.struck_in_vain
    }

    /// Voices that sound or are about to.
    pub fn voices(&self) -> usize {
        self.in_use().iter().filter(|voice| voice.state() != State::Free).count()
    }

    /// The voices that may play or hold a note.
    fn in_use(&self) -> &[Voice] {
        &self.voices[..self.in_use]
    }

    /// The keys that sound, a bit each.
    pub fn sounding_keys(&self) -> u128 {
        let active = self.in_use().iter().filter(|voice| voice.is_active());
        active.fold(0, |keys, voice| keys | 1 << (voice.identity.key % 128))
    }

    /// Key and frame of each voice that plays a note.
    pub fn playheads(&self) -> impl Iterator<Item = (u8, usize)> + '_ {
        let playing = self.in_use().iter().filter(|voice| voice.state() == State::Playing);
        playing.map(|voice| (voice.identity.key, voice.frame()))
    }

    /// Notes with an id that ended during the last call of [`Self::process`].
    pub fn take_ended(&mut self) -> impl Iterator<Item = Ended> + '_ {
        self.ended.iter_mut().filter_map(Option::take)
    }

    /// Fills `out`, one side; see [`Self::process_stereo`].
    pub fn process(
        &mut self,
        settings: &Settings,
        wait: Wait,
        events: impl IntoIterator<Item = TimedEvent>,
        out: &mut [f32],
    ) {
        self.process_into(settings, wait, events, Output { left: &mut *out, right: None });
        if settings.limiter {
            self.limiter.limit(out);
        }
    }

    /// Fills both sides, which are of one length, and the same but for the width and for channels that were given a place. `events` are in the
    /// order of their time; those past the block's end happen at its end.
    ///
    /// A `wait` other than [`Wait::Never`] is for offline renders: every note sounds from its own rendering, however long
    /// that takes to come.
    pub fn process_stereo(
        &mut self,
        settings: &Settings,
        wait: Wait,
        events: impl IntoIterator<Item = TimedEvent>,
        left: &mut [f32],
        right: &mut [f32],
    ) {
        self.process_into(settings, wait, events, Output { left: &mut *left, right: Some(&mut *right) });
        self.width.spread(settings.width, left, right);
        if settings.limiter {
            self.limiter.limit_stereo(left, right);
        }
    }

    fn process_into(
        &mut self,
        settings: &Settings,
        wait: Wait,
        events: impl IntoIterator<Item = TimedEvent>,
        mut out: Output,
    ) {
        self.waited = Duration::ZERO;
        self.struck_in_vain = false;
        self.exact = wait == Wait::Always && self.link.status.bounce_on_cpu.load(Ordering::Relaxed);
        out.left.fill(0.0);
        self.now = *settings;
        self.tune(settings);
        self.lfo.begin_block(&settings.lfo, &settings.transport, self.sample_rate);
        self.receive(settings, wait);
        self.follow_timbre(settings, wait);
        let mut events = events.into_iter();
        // The notes of a chord are asked for together, or they would be rendered one after the other.
        let mut ahead = std::mem::take(&mut self.events);
        if wait != Wait::Never {
            ahead.extend(events.by_ref().take(EVENTS_AHEAD));
            self.to_come = struck_keys(&ahead);
        }
        let mut done = 0;
        for TimedEvent { sample, event } in ahead.drain(..).chain(events) {
            let until = sample.clamp(done, out.len());
            self.render_to(settings, wait, &mut out, &mut done, until);
            self.handle(event, settings, wait);
        }
        self.events = ahead;
        self.strike_new(settings, wait);
        self.to_come = 0;
        let len = out.len();
        self.render_to(settings, wait, &mut out, &mut done, len);
        let gain = self.gain.unwrap_or(settings.gain);
        self.gain = Some(out.apply_gain(gain, settings.gain, self.sample_rate));
        // A render that waits asks for its notes when it needs them; what it wants at the end of a block, with a timbre that
        // moves on, it will not want in the next.
        self.publish(settings, wait, if wait == Wait::Always { |_| false } else { Voice::is_active });
        self.give_back();
    }

    /// Renders the samples from `done` on, with the oscillation's steps among them.
    fn render_to(&mut self, settings: &Settings, wait: Wait, out: &mut Output, done: &mut usize, until: usize) {
        while *done < until {
            self.strike_new(settings, wait);
            let has_lfo = !settings.lfo.to.is_nothing();
            let left = if has_lfo { self.lfo.samples_left() } else { until - *done };
            let end = until.min(*done + left);
            self.render(settings, out.part(*done..end));
            self.lfo.pass(end - *done);
            *done = end;
            if has_lfo && end < until {
                self.follow_timbre(settings, wait);
            }
        }
    }

    fn voice_settings(&self, settings: &Settings) -> VoiceSettings {
        let Settings { adsr, vibrato, .. } = *settings;
        let hold = match (settings.hold, settings.wander) {
            (false, _) => Hold::Natural,
            (true, false) => Hold::ToAndFro,
            (true, true) => Hold::Wander,
        };
        let speed = if settings.freeze { 0.0 } else { settings.speed };
        let course = Course { hold, speed, reverse: settings.reverse };
        let start_seconds = settings.start_seconds;
        VoiceSettings { adsr, sample_rate: self.sample_rate, course, start_seconds, vibrato }
    }

    /// Offset of a voice from the pitch that its note was rendered at, in semitones.
    fn pitch_offset(&self, identity: &Identity, source_pitch: u8, settings: &Settings) -> f32 {
        let offset = self.pitch(identity.key) - f32::from(source_pitch)
            + identity.tuning
            + settings.tune_semitones
            + self.channel_semitones(identity, settings)
            + identity.modulation.semitones;
        offset.clamp(-FURTHEST_SEMITONES, FURTHEST_SEMITONES)
    }

    /// Takes the pitches of the keys from where they come from now.
    fn tune(&mut self, settings: &Settings) {
        let before = self.tunings;
        self.link.status.read_tuning(&mut self.tunings, &mut self.own_pitches);
        let master = if settings.follows_master { self.master.pitches() } else { None };
        if master.is_none() && !self.has_master && self.tunings == before {
            return;
        }
        self.has_master = master.is_some();
        self.pitches = *master.unwrap_or(&self.own_pitches);
        self.sources = std::array::from_fn(|key| self.pitch(key as u8).round().clamp(0.0, (KEYS - 1) as f32) as u8);
    }

    /// The pitch of a key as a MIDI note number. A key that has lost its own while it sounds keeps that of equal temperament.
    fn pitch(&self, key: u8) -> f32 {
        let pitch = self.pitches[usize::from(key) % KEYS];
        if pitch.is_nan() { f32::from(key) } else { pitch }
    }

    /// The key whose generated note is nearest to a key's pitch.
    fn source(&self, key: u8) -> u8 {
        self.sources[usize::from(key) % KEYS]
    }

    /// Whether a tuning leaves a key out.
    fn is_left_out(&self, key: u8, channel: u8) -> bool {
        self.pitches[usize::from(key)].is_nan() || self.has_master && Master::silences(key, channel)
    }

    /// What wheel and tuning of its channel do to a note, in semitones.
    fn channel_semitones(&self, identity: &Identity, settings: &Settings) -> f32 {
        let kept = identity.kept.and_then(|kept| kept.semitones);
        let moved = || self.channels.semitones(identity.channel, settings.bend_semitones);
        kept.unwrap_or_else(moved) + self.channels.key_tuning(identity.channel, identity.key)
    }

    /// What controllers and host do to a note.
    fn modulation(&self, identity: &Identity, settings: &Settings) -> Modulation {
        let controls = match identity.kept {
            Some(kept) => kept.controls,
            None => self.channels.controls(identity.channel),
        };
        let stroke = (identity.velocity, identity.key);
        let Settings { assignments, tilt, mono_modulation, lfo, .. } = settings;
        let lfo = (lfo.to, self.lfo.value());
        Modulation::of(stroke, controls, &identity.own, assignments, lfo, *tilt, mono_modulation)
    }
}

/// Sends a note to where it is freed. The rooms are sized so that there is always a place; if there were none, the note
/// would be leaked rather than freed on the audio thread.
fn free(used: &mut rtrb::Producer<Arc<Note>>, note: Arc<Note>) {
    if let Err(rtrb::PushError::Full(note)) = used.push(note) {
        std::mem::forget(note);
    }
}

/// Notes down that a note with an id has ended.
fn end_note(ended: &mut [Option<Ended>], identity: &mut Identity) {
    if let Some(id) = identity.id.take()
        && let Some(slot) = ended.iter_mut().find(|slot| slot.is_none())
    {
        *slot = Some(Ended { key: identity.key, channel: identity.channel, id });
    }
}
