//! The instrument on the audio thread: events in, sound out.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::bank::{Bank, Target};
use super::channel::{CHANNELS, Channels};
use super::envelope::Adsr;
use super::mix::Output;
use super::pace::Wait;
use super::voice::{Identity, MORPH_FRAMES, State, Tools, Voice, VoiceSettings};
use super::width::Width;
use crate::expression::GENERATED_VELOCITY;
use crate::link::{AudioEnd, Generator, Wanted};
use crate::note::{KEYS, MAX_VOICES, Note, NoteRequest, Timbre};

/// Voices beyond [`MAX_VOICES`], in which stolen and handed-over notes sound to their end.
const LEAVING_VOICES: usize = 32;

/// Room that must be free in the ring of used notes before a note changes hands: every voice may give back two.
const ROOM_FOR_USED: usize = 2 * (MAX_VOICES + LEAVING_VOICES);

/// An offline render looks this often whether its note has come.
const WAIT_STEP: Duration = Duration::from_micros(200);

/// Where a host has not said that it renders offline, the audio thread waits no longer than this for one note.
const LONGEST_GUESSED_WAIT: Duration = Duration::from_secs(20);

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

/// What the parameters say, for a piece of a block.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Settings {
    pub timbre: Timbre,
    pub adsr: Adsr,
    /// Share of the level that the velocity decides, 0 to 1.
    pub velocity_depth: f32,
    /// Semitones either way at the ends of the bend wheel.
    pub bend_semitones: f32,
    /// Offset of all notes, in semitones.
    pub tune_semitones: f32,
    /// Linear.
    pub gain: f32,
    /// Whether held notes go on for longer than they were generated.
    pub hold: bool,
    /// Share of what the model says that velocity does to the colour, 0 to 1.
    pub brightness: f32,
    /// How far the sound reaches to both sides, 0 to 1.
    pub width: f32,
    /// Share of the vibrato and tremolo that the model has for each note; 1 is as recorded.
    pub vibrato: f32,
}

/// What a player does. `None` for a key, channel or id means all of them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Event {
    /// `velocity` is 0 to 1.
    NoteOn {
        key: u8,
        channel: u8,
        id: Option<i32>,
        velocity: f32,
    },
    NoteOff {
        key: Option<u8>,
        channel: Option<u8>,
        id: Option<i32>,
    },
    /// Ends notes at once.
    Choke {
        key: Option<u8>,
        channel: Option<u8>,
        id: Option<i32>,
    },
    /// Offset of single notes, in semitones.
    Tuning {
        key: Option<u8>,
        channel: Option<u8>,
        id: Option<i32>,
        semitones: f32,
    },
    /// `value` is -1 to 1.
    Bend {
        channel: u8,
        value: f32,
    },
    Pedal {
        channel: u8,
        down: bool,
    },
    /// The pedal that holds the keys which are down when it is pressed.
    Sostenuto {
        channel: u8,
        down: bool,
    },
    /// Another controller, `value` 0 to 127: those of [`super::channel::number`] are heeded.
    Controller {
        channel: u8,
        number: u8,
        value: u8,
    },
    /// Lets go of all keys; what a pedal holds sounds on.
    AllNotesOff {
        channel: u8,
    },
    AllSoundOff {
        channel: u8,
    },
    ResetControllers {
        channel: u8,
    },
}

/// An event and when it happens, in samples from the beginning of the block.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TimedEvent {
    pub sample: usize,
    pub event: Event,
}

/// A note that has ended, for hosts that keep account of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    pub key: u8,
    pub channel: u8,
    pub id: i32,
}

/// Plays one instance. Made and activated off the audio thread, used on it.
pub struct Engine {
    link: AudioEnd,
    bank: Bank,
    voices: Vec<Voice>,
    /// All voices from here on are free, and hold no note.
    in_use: usize,
    tools: Tools,
    width: Width,
    sample_rate: f32,
    /// Frames that the voices may still compute ahead of time, filled up as time goes by.
    prepare_credit: f32,
    /// What the worker was told last, and what it is told next.
    wanted: Wanted,
    next_wanted: Wanted,
    recent: [Option<u8>; RECENT_KEYS],
    next_age: u64,
    channels: Channels,
    /// The sound of one channel on its way into the mix.
    channel_sound: Box<[f32]>,
    gain: Option<f32>,
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
            voices: (0..MAX_VOICES + LEAVING_VOICES).map(|_| Voice::new()).collect(),
            in_use: 0,
            tools: Tools::new(),
            width: Width::new(),
            sample_rate: 48_000.0,
            prepare_credit: 0.0,
            wanted: Wanted::default(),
            next_wanted: Wanted::default(),
            recent: [None; RECENT_KEYS],
            next_age: 0,
            channels: Channels::new(),
            channel_sound: vec![0.0; CHANNEL_SAMPLES].into(),
            gain: None,
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
        self.reset();
        self.channels.forget();
    }

    /// Silences everything, and puts pedals and wheels at rest. What sets a channel up stays: its volume, place and tuning, and
    /// zones of channels, which are told once and not with every start of the transport.
    pub fn reset(&mut self) {
        self.voices.iter_mut().for_each(Voice::silence);
        self.channels.let_go();
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
        self.process_into(settings, wait, events, Output { left: out, right: None });
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
            self.render(settings, out.part(done..until));
            done = until;
            self.handle(event, settings, wait);
        }
        self.events = ahead;
        self.to_come = 0;
        let len = out.len();
        self.render(settings, out.part(done..len));
        let gain = self.gain.unwrap_or(settings.gain);
        self.gain = Some(out.apply_gain(gain, settings.gain, self.sample_rate));
        // A render that waits asks for its notes when it needs them; what it wants at the end of a block, with a timbre that
        // moves on, it will not want in the next.
        self.publish(settings, wait, if wait == Wait::Always { |_| false } else { Voice::is_active });
        self.give_back();
    }

    fn voice_settings(&self, settings: &Settings) -> VoiceSettings {
        let Settings { adsr, hold, vibrato, .. } = *settings;
        VoiceSettings { adsr, sample_rate: self.sample_rate, hold, vibrato }
    }

    /// Offset of a voice from the pitch that its note was rendered at, in semitones.
    fn pitch_offset(&self, identity: &Identity, source_pitch: u8, settings: &Settings) -> f32 {
        let offset = f32::from(identity.key) - f32::from(source_pitch)
            + identity.tuning
            + settings.tune_semitones
            + self.channels.semitones(identity.channel, settings.bend_semitones);
        offset.clamp(-FURTHEST_SEMITONES, FURTHEST_SEMITONES)
    }

    // Notes that come, and notes that are wanted.

    /// Takes in the notes that have been rendered. Where voices `wait` for what they follow, they go over at fixed moments
    /// only, and not here.
    fn receive(&mut self, settings: &Settings, wait: Wait) {
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
            if let Some(displaced) = self.bank.insert(note, target) {
                free(&mut self.link.used, displaced);
            }
        }
        self.start_waiting_voices(settings, wait);
    }

    /// Hands a note to the voices that are nearer to what they should play with it than without. Under steady automation
    /// every note comes for a timbre that is already past; it is a step on the way all the same.
    fn offer_to_voices(&mut self, note: &Arc<Note>, settings: &Settings) {
        for index in 0..self.in_use {
            let voice = &self.voices[index];
            let target = self.target(voice.identity.key, settings);
            let is_its_pitch = note.key.pitch == target.pitch && note.key.model == target.model;
            if voice.state() == State::Playing && is_its_pitch && !self.is_up_to_date(voice, settings) {
                self.go_over(index, Arc::clone(note), settings);
            }
        }
    }

    /// Lets a playing voice go over into another note of its key.
    fn go_over(&mut self, index: usize, note: Arc<Note>, settings: &Settings) {
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
    fn hand_over(&mut self, index: usize, note: Arc<Note>, settings: &Settings) {
        let Some(heir) = self.free_voice() else { return };
        let pitch = self.pitch_offset(&self.voices[index].identity, note.key.pitch, settings);
        let voice_settings = self.voice_settings(settings);
        if let Ok([old, heir]) = self.voices.get_disjoint_mut([index, heir]) {
            heir.take_over(old, note, pitch, &voice_settings, &mut self.tools);
        }
    }

    /// Strikes the voices for which there was no note at all when their keys were struck. A render that `wait`s strikes
    /// each from its own note: which other one comes first is chance, and a bounce is the same every time.
    fn start_waiting_voices(&mut self, settings: &Settings, wait: Wait) {
        let own_only = wait != Wait::Never && self.link.status.generator() != Generator::Unavailable;
        if own_only && self.is_loading() {
            return;
        }
        for index in 0..self.in_use {
            let key = self.voices[index].identity.key;
            if self.voices[index].state() == State::Waiting && (!own_only || self.is_in_bank(key, settings)) {
                self.strike(index, settings);
            }
        }
    }

    /// Keeps the voices' notes in step with the timbre: asks for what is missing, and brings it in.
    fn follow_timbre(&mut self, settings: &Settings, wait: Wait) {
        if wait == Wait::Always {
            if self.in_use().iter().any(|voice| is_due(voice) && !self.is_up_to_date(voice, settings)) {
                self.wait_for_notes(settings, wait);
            }
            for index in 0..self.in_use {
                if is_due(&self.voices[index]) {
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

    /// Lets a voice go over into its target, if the bank has it.
    fn update_from_bank(&mut self, index: usize, settings: &Settings) {
        if self.is_up_to_date(&self.voices[index], settings) || self.link.used.slots() <= ROOM_FOR_USED {
            return;
        }
        let target = self.target(self.voices[index].identity.key, settings);
        if let Some(note) = self.bank.get(target.pitch).filter(|note| target.is_met_by(note)).cloned() {
            self.go_over(index, note, settings);
        }
    }

    fn target(&self, key: u8, settings: &Settings) -> Target {
        Target::of(NoteRequest { timbre: settings.timbre, key }, &self.link.status, self.exact)
    }

    fn is_up_to_date(&self, voice: &Voice, settings: &Settings) -> bool {
        let target = self.target(voice.identity.key, settings);
        // A voice that sounds goes on with what it has: another rendering of the same sound would change nothing.
        voice.newest_key().is_some_and(|key| target.is_of(key))
    }

    /// Whether the bank can answer for a key in the timbre of the keyboard.
    fn is_in_bank(&self, key: u8, settings: &Settings) -> bool {
        let target = self.target(key, settings);
        self.bank.get(target.pitch).is_some_and(|note| target.is_met_by(note))
    }

    /// Tells the worker what is wanted now, where that has changed.
    /// `asks` chooses the voices that ask for what they lack.
    fn publish(&mut self, settings: &Settings, wait: Wait, asks: fn(&Voice) -> bool) {
        let mut count = 0;
        let mut request = |engine: &mut Self, key: u8| {
            if engine.is_in_bank(key, settings) {
                return;
            }
            let request = NoteRequest { timbre: settings.timbre, key };
            let requests = &mut engine.next_wanted.requests;
            if count < MAX_VOICES && !requests[..count].contains(&request) {
                requests[count] = request;
                count += 1;
            }
        };
        for index in 0..self.in_use {
            let voice = &self.voices[index];
            if asks(voice) && !self.is_up_to_date(voice, settings) {
                request(self, voice.identity.key);
            }
        }
        let mut to_come = self.to_come;
        while to_come != 0 {
            request(self, to_come.trailing_zeros() as u8);
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

    fn is_loading(&self) -> bool {
        self.link.status.generator() == Generator::Loading
    }

    /// Waits until the notes that are waited for are in the bank. Offline renders only.
    fn wait_for_notes(&mut self, settings: &Settings, wait: Wait) {
        let start = Instant::now();
        let is_awaited = match wait {
            Wait::Always => is_due,
            _ => |voice: &Voice| voice.state() == State::Waiting,
        };
        loop {
            self.publish(settings, wait, is_awaited);
            self.receive(settings, wait);
            let missing = self.in_use().iter().any(|voice| {
                is_awaited(voice)
                    && !self.is_up_to_date(voice, settings)
                    && !self.is_in_bank(voice.identity.key, settings)
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
    fn give_back(&mut self) {
        for voice in &mut self.voices[..self.in_use] {
            while self.link.used.slots() > 0 {
                let Some(note) = voice.note_to_free() else { break };
                free(&mut self.link.used, note);
            }
        }
        let last = self.in_use().iter().rposition(|voice| voice.state() != State::Free || voice.holds_notes());
        self.in_use = last.map_or(0, |last| last + 1);
    }

    // Events.

    fn handle(&mut self, event: Event, settings: &Settings, wait: Wait) {
        // What is no number would sound for ever, and not only in the note that it came with.
        match sane(event) {
            Event::NoteOn { key, channel, id, velocity } => self.note_on(key, channel, id, velocity, settings, wait),
            Event::NoteOff { key, channel, id } => {
                self.let_go(|own, _| is_addressed(own, key, channel, id));
            }
            Event::Choke { key, channel, id } => self.addressed(key, channel, id).for_each(Voice::steal),
            Event::Tuning { key, channel, id, semitones } => {
                self.addressed(key, channel, id).for_each(|voice| voice.identity.tuning = semitones);
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
            Event::AllNotesOff { channel } => self.let_go(|own, channels| channels.covers(channel, own.channel)),
            Event::AllSoundOff { channel } => {
                let Self { voices, in_use, channels, .. } = self;
                let active = voices[..*in_use].iter_mut().filter(|voice| voice.is_active());
                active.filter(|voice| channels.covers(channel, voice.identity.channel)).for_each(Voice::steal);
            }
            Event::ResetControllers { channel } => {
                self.channels.let_go_of(channel);
                self.end_unheld();
                self.follow_timbre(settings, wait);
            }
        }
    }

    /// Lets go of the keys of some notes: they end, unless a pedal holds them.
    fn let_go(&mut self, is_meant: impl Fn(&Identity, &Channels) -> bool) {
        let Self { voices, in_use, channels, .. } = self;
        for voice in voices[..*in_use].iter_mut().filter(|voice| voice.is_active()) {
            let own = &mut voice.identity;
            if !is_meant(own, channels) {
                continue;
            }
            if channels.holds(own.channel, own.key) {
                own.pedalled = true;
            } else {
                release(voice);
            }
        }
    }

    /// Ends the notes whose keys are up and which no pedal holds any more.
    fn end_unheld(&mut self) {
        let Self { voices, in_use, channels, .. } = self;
        for voice in voices[..*in_use].iter_mut().filter(|voice| voice.is_active() && voice.identity.pedalled) {
            if !channels.holds(voice.identity.channel, voice.identity.key) {
                release(voice);
            }
        }
    }

    fn set_sostenuto(&mut self, channel: u8, down: bool) {
        let voices = self.in_use().iter().filter(|voice| voice.is_active() && !voice.envelope.is_released());
        let held = voices.filter(|voice| self.channels.covers(channel, voice.identity.channel));
        let keys = held.fold(0, |keys, voice| keys | 1u128 << (voice.identity.key % 128));
        self.channels.set_sostenuto(channel, down.then_some(keys));
        self.end_unheld();
    }

    /// The voices that an event addresses, those that are leaving left out.
    fn addressed(
        &mut self,
        key: Option<u8>,
        channel: Option<u8>,
        id: Option<i32>,
    ) -> impl Iterator<Item = &mut Voice> + '_ {
        let voices = self.voices[..self.in_use].iter_mut();
        voices.filter(move |voice| voice.is_active() && is_addressed(&voice.identity, key, channel, id))
    }

    fn note_on(&mut self, key: u8, channel: u8, id: Option<i32>, velocity: f32, settings: &Settings, wait: Wait) {
        if usize::from(key) >= KEYS {
            return;
        }
        // A key that is struck again stops what it had begun, as a damper does.
        self.addressed(Some(key), Some(channel), None).for_each(release);
        if self.in_use().iter().filter(|voice| voice.is_active()).count() >= MAX_VOICES {
            self.steal_one();
        }
        let Some(index) = self.free_voice() else { return };
        // Loudness follows the square of the velocity, as in General MIDI's recommended curve.
        let level = 1.0 - settings.velocity_depth * (1.0 - velocity.clamp(0.0, 1.0).powi(2));
        // By sixteenths of a step, so that the velocity of the notes themselves is met whatever the host's scale rounds.
        let struck = (16.0 * 127.0 * velocity.clamp(0.0, 1.0)).round() / 16.0;
        let touch_velocity = GENERATED_VELOCITY + settings.brightness * (struck - GENERATED_VELOCITY);
        let age = self.next_age;
        let identity = Identity { key, channel, id, age, level, touch_velocity, pedalled: false, tuning: 0.0 };
        self.next_age += 1;
        self.voices[index].wait(identity);
        self.remember(key);
        self.link.status.notes_asked.fetch_add(1, Ordering::Relaxed);
        if wait != Wait::Never && (self.is_loading() || !self.is_in_bank(key, settings)) {
            self.wait_for_notes(settings, wait);
        }
        if self.voices[index].state() == State::Waiting {
            self.strike(index, settings);
        }
        let is_silent = self.voices[index].state() == State::Waiting;
        self.struck_in_vain |= is_silent && self.link.status.generator() == Generator::Unavailable;
    }

    /// Lets a waiting voice play: from its own note, from an older one of its pitch, or from the nearest that there is.
    fn strike(&mut self, index: usize, settings: &Settings) {
        let identity = self.voices[index].identity;
        let target = self.target(identity.key, settings);
        let Some(note) = self.bank.get(target.pitch).or_else(|| self.bank.nearest(target.pitch)).cloned() else {
            return;
        };
        if target.is_met_by(&note) {
            self.link.status.notes_played.fetch_add(1, Ordering::Relaxed);
        }
        let pitch = self.pitch_offset(&identity, note.key.pitch, settings);
        let voice_settings = self.voice_settings(settings);
        self.voices[index].strike(note, pitch, &voice_settings, &mut self.tools);
    }

    fn remember(&mut self, key: u8) {
        let until = self.recent.iter().position(|&recent| recent == Some(key)).unwrap_or(RECENT_KEYS - 1);
        self.recent[..=until].rotate_right(1);
        self.recent[0] = Some(key);
    }

    /// Makes room among the voices that count: of those released the quietest, else the oldest.
    fn steal_one(&mut self) {
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
    fn free_voice(&mut self) -> Option<usize> {
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

    // Sound.

    fn render(&mut self, settings: &Settings, mut out: Output) {
        if out.len() == 0 {
            return;
        }
        let voice_settings = self.voice_settings(settings);
        self.prepare_ahead(&voice_settings, out.len());
        let Self { voices, in_use, tools, link, ended, channels, channel_sound, .. } = self;
        let mut render = |voice: &mut Voice, out: &mut [f32]| {
            voice.render(&voice_settings, tools, &mut |note| free(&mut link.used, note), out);
            if voice.state() == State::Free {
                end_note(ended, &mut voice.identity);
            }
        };
        let voices = &mut voices[..*in_use];
        let is_plain: [bool; CHANNELS] = std::array::from_fn(|channel| channels.is_plain(channel as u8));
        let is_plain = |channel: u8| is_plain.get(usize::from(channel)).copied().unwrap_or(true);
        for voice in voices.iter_mut().filter(|voice| voice.state() != State::Free) {
            if is_plain(voice.identity.channel) {
                render(voice, out.left);
            }
        }
        out.copy_to_right();
        for channel in (0..CHANNELS as u8).filter(|&channel| !is_plain(channel)) {
            let Some((mix, gains)) = channels.mix(channel) else { continue };
            let sounds = |voice: &Voice| voice.state() != State::Free && voice.identity.channel == channel;
            if !voices.iter().any(sounds) {
                mix.jump(gains);
                continue;
            }
            for start in (0..out.len()).step_by(CHANNEL_SAMPLES) {
                let mut part = out.part(start..out.len().min(start + CHANNEL_SAMPLES));
                let sound = &mut channel_sound[..part.len()];
                sound.fill(0.0);
                voices.iter_mut().filter(|voice| sounds(voice)).for_each(|voice| render(voice, sound));
                mix.add(sound, gains, voice_settings.sample_rate, part.part(0..sound.len()));
            }
        }
    }

    /// Computes some of the frames that will be due, as many as the time that passes calls for, so that those of a chord
    /// do not all fall due in one block.
    fn prepare_ahead(&mut self, settings: &VoiceSettings, samples: usize) {
        /// Somewhat more than one frame for each hop, or the last would still come too late.
        const MARGIN: f32 = 1.25;
        /// Voices of longer hops are prepared as early as these.
        const LONGEST_HOP_SECONDS: f32 = 256.0 / 16_000.0;
        /// So many find the tables and the code of the first in the processor's caches.
        const FRAMES_IN_A_ROW: usize = 8;
        let seconds = samples as f32 / settings.sample_rate;
        let waiting = || self.in_use().iter().filter(|voice| voice.is_unprepared());
        let unprepared = waiting().count();
        let hop_seconds = waiting().map(Voice::hop_seconds).fold(LONGEST_HOP_SECONDS, f32::min);
        let due = unprepared as f32 * MARGIN * seconds / hop_seconds;
        self.prepare_credit = (self.prepare_credit + due).min(unprepared as f32);
        let playing = self.in_use().iter().filter(|voice| voice.is_active()).count();
        if unprepared < FRAMES_IN_A_ROW.min(playing) || self.prepare_credit < unprepared.min(FRAMES_IN_A_ROW) as f32 {
            return;
        }
        let Self { voices, in_use, tools, prepare_credit, .. } = self;
        for voice in voices[..*in_use].iter_mut().filter(|voice| voice.is_unprepared()) {
            if *prepare_credit < 1.0 {
                break;
            }
            *prepare_credit -= 1.0;
            voice.prepare(settings.sample_rate, tools);
        }
    }
}

/// Furthest that a single note is tuned away, in semitones: as far as keys lie apart.
const FURTHEST_TUNING: f32 = 128.0;

/// An event with numbers that can be reckoned with.
fn sane(event: Event) -> Event {
    let number = |number: f32| if number.is_nan() { 0.0 } else { number };
    match event {
        Event::NoteOn { key, channel, id, velocity } => Event::NoteOn { key, channel, id, velocity: number(velocity) },
        Event::Bend { channel, value } => Event::Bend { channel, value: number(value) },
        Event::Tuning { key, channel, id, semitones } => {
            let semitones = number(semitones).clamp(-FURTHEST_TUNING, FURTHEST_TUNING);
            Event::Tuning { key, channel, id, semitones }
        }
        other => other,
    }
}

/// The keys that events strike, a bit each.
fn struck_keys(events: &[TimedEvent]) -> u128 {
    events.iter().fold(0, |keys, timed| match timed.event {
        Event::NoteOn { key, .. } if usize::from(key) < KEYS => keys | 1 << key,
        _ => keys,
    })
}

/// Whether a render that waits is to bring the voice's note up to date now: it has not begun yet, or it has been through with
/// its last change. Held notes so follow in steps of a morph's length, and a bounce needs a bounded number of renderings.
fn is_due(voice: &Voice) -> bool {
    match voice.state() {
        State::Waiting => true,
        State::Playing => voice.since_change() >= MORPH_FRAMES && !voice.is_about_to_change(),
        _ => false,
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

/// Lets a voice die away; one that has not begun yet never will.
fn release(voice: &mut Voice) {
    voice.identity.pedalled = false;
    voice.envelope.release();
    if voice.state() == State::Waiting {
        voice.silence();
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
