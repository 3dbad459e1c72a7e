//! One voice: a note's frames, with a phase of the voice's own, turned into sound at the host's rate.
//!
//! A voice keeps two things from frame to frame: the phase of every bin, and the spectrum that it last sounded. So it can go
//! over into the frames of another note of the same pitch without a new stroke: the phase goes on, and the spectrum is led
//! from the old to the new over [`MORPH_FRAMES`].
//!
//! Work is spread: which frame comes next is decided when the one before it begins to sound, but the frame is computed at
//! any time until it is due ([`Voice::prepare`]), so that the frames of a chord need not fall into one block.

use std::sync::Arc;

use multiversion::multiversion;

use super::coherence::Partials;
use super::envelope::{Adsr, Envelope};
use super::filter::{Filter, FilterSettings};
use super::interpolate::{Interpolator, Stride, TAPS};
use super::mix::Mix;
use super::modulation::{Controls, Modulation, NoteControls};
use super::playhead::{Course, Playhead, Step};
use super::sway::{Depth, Sway};
use crate::expression::{GENERATED_VELOCITY, HEAD_VELOCITIES, head_mix};
use crate::frames::Frames;
use crate::geometry::{MAX_BINS, MAX_SYNTHESIS_FFT, OVERLAP};
use crate::note::{HELD_SECONDS, Note, NoteKey};
use crate::spectral::{FrameSynth, wrap_turns};

/// Frames over which a voice goes from one timbre to the next. Frames overlap by three quarters, so four is the span in
/// which nothing of the old window is left.
pub const MORPH_FRAMES: u32 = 4;

/// Longest hop in a voice's samples.
const MAX_HOP: usize = MAX_SYNTHESIS_FFT / OVERLAP;

/// Hops that a voice holds: the one that is played, and those that the next frame will reach into.
const SLOTS: usize = 1 + OVERLAP;

/// A hop's samples, with the last ones of the hop before in front, which the filter between samples reaches back to.
const SLOT: usize = TAPS + MAX_HOP;

/// A stolen voice fades out in this time, in seconds: long enough not to click, short enough not to be heard.
const STEAL_SECONDS: f32 = 0.005;

/// How long a note falls by 60 dB that plays its own release: hardly, since that has an end of its own.
const RINGING_SECONDS: f32 = 20.0;

/// A note that does not begin with its own beginning fades in within this time, in seconds.
const ENTRY_SECONDS: f32 = 0.005;

/// Time constant of pitch changes, in seconds: a bend wheel moves in steps, which would be heard as such.
const GLIDE_SECONDS: f32 = 0.004;

/// The samples that are rendered at one pitch while it glides.
const GLIDE_CHUNK: usize = 64;

/// The samples that are rendered at once at a pitch that stands still.
const CHUNK: usize = 256;

/// What voices share while they render.
pub struct Tools {
    pub interpolator: Interpolator,
    synth: FrameSynth,
    partials: Partials,
    /// The spectrum of the frame that is being computed, where it is a note's own: all voices have it here, in the nearest
    /// cache, and not each in its own memory.
    magnitude: Box<[f32]>,
    advance: Box<[f32]>,
    /// The gain of each sample of a chunk.
    gains: Box<[f32]>,
}

impl Tools {
    pub fn new() -> Self {
        Self {
            interpolator: Interpolator::new(),
            synth: FrameSynth::new(),
            partials: Partials::new(MAX_BINS),
            magnitude: touched_zeros(MAX_BINS),
            advance: touched_zeros(MAX_BINS),
            gains: vec![0.0; CHUNK].into(),
        }
    }

    /// Prepares for a host's rate, in samples a second. Allocates.
    pub fn activate(&mut self, sample_rate: f32) {
        self.interpolator.set_host_rate(sample_rate);
    }
}

/// What a voice is told for each piece of a block.
#[derive(Clone, Copy)]
pub struct VoiceSettings {
    pub adsr: Adsr,
    /// Host's samples a second.
    pub sample_rate: f32,
    /// How notes are gone through.
    pub course: Course,
    /// Where notes begin, in seconds from their beginning as generated.
    pub start_seconds: f32,
    /// Share of the notes' own vibrato and tremolo.
    pub vibrato: f32,
}

/// Who a voice is: what struck it and what may address it.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// MIDI key.
    pub key: u8,
    pub channel: u8,
    /// The host's own number for the note, where it gives one.
    pub id: Option<i32>,
    /// Counts up from note to note; the smaller, the older.
    pub age: u64,
    /// Linear gain.
    pub level: f32,
    /// Velocity of 127 whose colour the voice has; [`GENERATED_VELOCITY`] leaves the note as it was generated.
    pub touch_velocity: f32,
    /// The key is up and the pedal holds the note.
    pub pedalled: bool,
    /// Offset of this note alone, in semitones.
    pub tuning: f32,
    /// As struck, 0 to 1.
    pub velocity: f32,
    /// What the host says of this note.
    pub own: NoteControls,
    /// What its channel said of it when it was let go of, and from then on holds.
    pub kept: Option<Kept>,
    /// What all of that comes to.
    pub modulation: Modulation,
    /// How many times longer than set its release takes.
    pub release_scale: f32,
    /// Whether it plays the sound of letting go that was generated with it.
    pub rings: bool,
    /// Whether it took the place of a note of the same key at this very tick, whose end may still be to come.
    pub replaces: bool,
    /// Where it glides from, in semitones from its key, and how long.
    pub glide: Option<(f32, f32)>,
    /// Whether it went over to another key, whose own note it is to take up at once.
    pub moved: bool,
}

/// What a channel said of a note.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Kept {
    pub controls: Controls,
    /// Offset from the key, where the channel was the note's own.
    pub semitones: Option<f32>,
}

impl Identity {
    /// Of nobody.
    pub const NONE: Self = Self {
        key: 0,
        channel: 0,
        id: None,
        age: 0,
        level: 0.0,
        touch_velocity: GENERATED_VELOCITY,
        pedalled: false,
        tuning: 0.0,
        velocity: 0.0,
        own: NoteControls::NONE,
        kept: None,
        modulation: Modulation::NONE,
        release_scale: 1.0,
        rings: false,
        replaces: false,
        glide: None,
        moved: false,
    };
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Free,
    /// Struck, and waiting for a note to play.
    Waiting,
    /// Sounding.
    Playing,
    /// Handed over to another voice or stolen: sounds to its end and takes no more commands.
    Leaving,
}

/// The frame that comes next.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Plan {
    Frame {
        frame: usize,
        gain: f32,
        morph: f32,
        /// The bins from here on would fold back.
        cutoff: usize,
    },
    Nothing,
    /// Computed, and added to the hops that follow.
    Done {
        cutoff: usize,
    },
}

/// Where the spectrum is to be found that a voice sounded last, and that the next morph leads away from.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Last {
    /// The voice keeps it.
    Kept,
    /// It is a frame of the voice's note, at a gain; the bins of its partials may have been kept `together`.
    Frame { frame: usize, gain: f32, together: bool },
}

pub struct Voice {
    pub identity: Identity,
    pub envelope: Envelope,
    /// The gains of a voice that has a level or a place of its own.
    pub mix: Option<Mix>,
    pub filter: Filter,
    state: State,
    /// What the voice plays; `None` only before its first note.
    note: Option<Arc<Note>>,
    /// What it will play from its next frame on.
    next: Option<Arc<Note>>,
    /// Which of the two is newer: asked for in every block, and here without a way through memory.
    newest: Option<NoteKey>,
    playhead: Playhead,
    plan: Plan,
    /// Frames left of a morph.
    morph_left: u32,
    /// Frames since another note was last taken over.
    since_change: u32,
    /// Whether the voice sounds on beyond its note as generated, by holding it or by going over into another.
    beyond: bool,
    /// Frames left to sound, where the end has been reached.
    frames_left: Option<u32>,
    /// Phase of each bin at the frame last computed, in turns.
    phase: Box<[f32]>,
    /// What the velocity does to each bin of the note, where it does anything.
    touch: Box<[f32]>,
    is_touched: bool,
    /// The tilt of the spectrum that `touch` has, -1 to 1.
    tilt: f32,
    sway: Sway,
    /// What the voice sounded last.
    last: Last,
    /// The spectrum of [`Last::Kept`], its gain included. From the bin `kept` on it is silent.
    magnitude: Box<[f32]>,
    advance: Box<[f32]>,
    kept: usize,
    /// [`SLOTS`] hops in a ring. The one at `slot` is played, and is final; those behind it still grow. The one before it is
    /// free for the last quarter of the next frame.
    wave: Box<[f32]>,
    slot: usize,
    /// Where in its slot the host's next sample lies.
    position: f64,
    /// How an unbent note goes from the voice's rate to the host's, where that repeats soon.
    stride: Option<Stride>,
    /// Offset from the note's own pitch, in semitones, gliding to `pitch_target`.
    pitch: f32,
    pitch_target: f32,
    /// Gain of a stolen voice; 1 in all others.
    fade: f32,
    stolen: bool,
}

impl Voice {
    pub fn new() -> Self {
        Self {
            identity: Identity::NONE,
            envelope: Envelope::DONE,
            mix: None,
            filter: Filter::struck(&FilterSettings::OFF),
            state: State::Free,
            note: None,
            next: None,
            newest: None,
            playhead: Playhead::START,
            plan: Plan::Nothing,
            morph_left: 0,
            since_change: 0,
            beyond: false,
            frames_left: None,
            phase: touched_zeros(MAX_BINS),
            touch: touched_zeros(MAX_BINS),
            is_touched: false,
            tilt: 0.0,
            sway: Sway::START,
            last: Last::Kept,
            magnitude: touched_zeros(MAX_BINS),
            advance: touched_zeros(MAX_BINS),
            kept: 0,
            wave: touched_zeros(SLOTS * SLOT),
            slot: 0,
            position: 0.0,
            stride: None,
            pitch: 0.0,
            pitch_target: 0.0,
            fade: 1.0,
            stolen: false,
        }
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// Whether the voice still takes commands.
    pub fn is_active(&self) -> bool {
        matches!(self.state, State::Waiting | State::Playing)
    }

    /// The sound that the voice will play when all that it knows of has come to pass.
    pub fn newest_key(&self) -> Option<&NoteKey> {
        self.newest.as_ref()
    }

    /// The frame of its note that was played last.
    pub fn frame(&self) -> usize {
        self.playhead.frame()
    }

    /// Whether the voice has notes to give back once it is free.
    pub fn holds_notes(&self) -> bool {
        self.note.is_some() || self.next.is_some()
    }

    /// Frames since the voice last went over into another note.
    pub fn since_change(&self) -> u32 {
        self.since_change
    }

    /// Whether the voice goes over into another note with its next frame.
    pub fn is_about_to_change(&self) -> bool {
        self.next.is_some()
    }

    /// How loud the voice is by its envelope and level; for choosing which to steal.
    pub fn loudness(&self) -> f32 {
        self.envelope.level() * self.identity.level
    }

    /// How far a voice that is leaving has come; 0 is gone.
    pub fn fade(&self) -> f32 {
        if self.stolen { self.fade } else { 1.0 }
    }

    /// Takes the voice for a note that is still to come. The voice must be free of notes.
    pub fn wait(&mut self, identity: Identity) {
        debug_assert!(
            self.note.is_none() && self.next.is_none(),
            "a voice is taken when its notes have been given back"
        );
        self.newest = None;
        self.last = Last::Kept;
        self.identity = identity;
        self.envelope = Envelope::start();
        (self.mix, self.filter) = (None, Filter::struck(&FilterSettings::OFF));
        self.state = State::Waiting;
        self.fade = 1.0;
        self.stolen = false;
        self.morph_left = 0;
        self.since_change = 0;
        self.beyond = false;
        self.frames_left = None;
        self.plan = Plan::Nothing;
        self.sway = Sway::START;
    }

    /// Strikes the note: a waiting voice begins to play. `pitch` is the offset from the note's own pitch, in semitones.
    pub fn strike(&mut self, note: Arc<Note>, pitch: f32, settings: &VoiceSettings, tools: &mut Tools) {
        debug_assert!(self.state == State::Waiting, "a voice waits before it is struck");
        self.state = State::Playing;
        (self.pitch, self.pitch_target) = (pitch, pitch);
        self.position = (TAPS + note.geometry.voice_start()) as f64;
        self.stride = tools.interpolator.stride(note.geometry.voice_rate());
        let bins = note.geometry.bins;
        let entry = entry(&note, settings);
        self.playhead = entry.map_or(Playhead::after_head(&note), |frame| Playhead::at(&note, frame));
        self.tilt = self.identity.modulation.brightness;
        self.find_touch(&note);
        self.sway = Sway::struck(&note.movement, self.depth(settings));
        if let Some((semitones, seconds)) = self.identity.glide {
            self.sway.glide(semitones, seconds);
        }
        let cutoff = cutoff_bins(&note, pitch + self.sway.reach(), settings.sample_rate);
        let sounding = (0..=self.playhead.frame()).map(|frame| note.frames.sounding(frame)).max();
        let heads = note.head.len() / note.plan.window_len();
        if let Some(frame) = entry {
            self.enter(&note, frame, settings.course.reverse, cutoff, tools);
            self.newest = Some(note.key);
            self.note = Some(note);
            self.decide(settings);
            return;
        }
        let has_head = !self.is_touched || heads == HEAD_VELOCITIES.len() && self.tilt == 0.0;
        if cutoff >= sounding.unwrap_or(0) && has_head {
            self.take_head(&note);
            self.phase[..bins].copy_from_slice(&note.head_phase);
        } else {
            self.render_head(&note, cutoff, tools);
        }
        self.newest = Some(note.key);
        self.note = Some(note);
        self.decide(settings);
    }

    /// Finds what the velocity and the tilt do to the note's bins.
    fn find_touch(&mut self, note: &Note) {
        let velocity = self.identity.touch_velocity;
        if self.tilt != 0.0 {
            self.is_touched = true;
            let (rate, fundamental_hz) =
                (note.geometry.sample_rate, 440.0 * (f32::from(note.key.pitch) / 12.0 - 5.75).exp2());
            let touch = note.touch.tilted(velocity, self.tilt, rate, fundamental_hz);
            note.plan.touch().gains(&touch, GENERATED_VELOCITY + 100.0, &mut self.touch[..note.geometry.bins]);
            return;
        }
        self.is_touched = velocity != GENERATED_VELOCITY && note.touch.0.iter().any(|&db| db != 0.0);
        if self.is_touched {
            note.plan.touch().gains(&note.touch, velocity, &mut self.touch[..note.geometry.bins]);
        }
    }

    /// The head of a note as it was computed ahead; for a velocity of its own a mix of those that were.
    fn take_head(&mut self, note: &Note) {
        let hop = note.plan.hop();
        self.slot = 0;
        self.wave[..TAPS].fill(0.0);
        let (first, others) = note.head.split_at(note.plan.window_len());
        for (n, part) in first.chunks_exact(hop).enumerate() {
            self.hop(n, hop).copy_from_slice(part);
        }
        if self.is_touched {
            let [own, mix @ ..] = head_mix(self.identity.touch_velocity);
            for n in 0..OVERLAP {
                let part = self.hop(n, hop);
                part.iter_mut().for_each(|sample| *sample *= own);
                for (head, mix) in others.chunks_exact(first.len()).zip(mix) {
                    part.iter_mut().zip(&head[n * hop..]).for_each(|(sample, other)| *sample += mix * other);
                }
            }
        }
    }

    /// The head of a note that was not computed ahead: that must be band-limited, since it is transposed far up, or that another
    /// velocity has another colour of.
    fn render_head(&mut self, note: &Note, cutoff: usize, tools: &mut Tools) {
        let bins = note.geometry.bins;
        let hop = note.plan.hop();
        let last = note.geometry.first_whole_frame();
        self.clear_wave();
        self.phase[..bins].fill(0.0);
        let Tools { synth, magnitude, advance, .. } = tools;
        for frame in 0..=last {
            let magnitude = &mut magnitude[..note.frames.sounding(frame)];
            read(&note.frames, frame, 1.0, magnitude, &mut advance[..bins]);
            if self.is_touched {
                multiply(magnitude, &self.touch);
            }
            move_on(&mut self.phase[..bins], &advance[..bins]);
            // Hops of this frame that lie before the last one's.
            let before = last - frame;
            if before < OVERLAP {
                let wave = synth.compute(&note.plan, magnitude, &self.phase[..bins], cutoff);
                for n in before..OVERLAP {
                    wave.add_to(n * hop, hop_of(&mut self.wave, self.slot, n - before, hop));
                }
            }
        }
        for n in 0..OVERLAP {
            note.plan.fade_in(n * hop, self.hop(n, hop));
        }
    }

    /// As [`Self::render_head`], for a note that begins with another of its frames.
    fn enter(&mut self, note: &Note, entry: usize, reverse: bool, cutoff: usize, tools: &mut Tools) {
        let bins = note.geometry.bins;
        let hop = note.plan.hop();
        self.clear_wave();
        self.phase[..bins].fill(0.0);
        let last = note.geometry.frames - 1;
        // Up to the first frame that is heard, so that the bins of a partial are together as they were generated.
        let first = if reverse { (entry + OVERLAP).min(last + 1) } else { entry.saturating_sub(OVERLAP - 1) };
        (0..first).for_each(|frame| note.frames.move_on(frame, &mut self.phase[..bins]));
        let Tools { synth, magnitude, advance, .. } = tools;
        for before in (0..OVERLAP).rev() {
            let frame = if reverse { (entry + before).min(last) } else { entry.saturating_sub(before) };
            let magnitude = &mut magnitude[..note.frames.sounding(frame)];
            read(&note.frames, frame, 1.0, magnitude, &mut advance[..bins]);
            if self.is_touched {
                multiply(magnitude, &self.touch);
            }
            move_on(&mut self.phase[..bins], &advance[..bins]);
            let wave = synth.compute(&note.plan, magnitude, &self.phase[..bins], cutoff);
            for n in before..OVERLAP {
                wave.add_to(n * hop, hop_of(&mut self.wave, self.slot, n - before, hop));
            }
        }
        let fade = (ENTRY_SECONDS * note.geometry.voice_rate() as f32) as usize;
        for (n, sample) in self.hop(0, hop).iter_mut().take(fade).enumerate() {
            *sample *= 0.5 - 0.5 * (std::f32::consts::PI * n as f32 / fade as f32).cos();
        }
        self.position = TAPS as f64;
    }

    /// Silence in all hops, of which the first is to be played.
    fn clear_wave(&mut self) {
        self.wave.fill(0.0);
        self.slot = 0;
    }

    /// The samples of the hop that is played `ahead` hops after this one.
    fn hop(&mut self, ahead: usize, hop: usize) -> &mut [f32] {
        hop_of(&mut self.wave, self.slot, ahead, hop)
    }

    /// Takes over from `old` at the same moment of the sound, from a note that `old` cannot go over into by itself: another
    /// pitch, or frames of another size. The windows of the first frames fade it in, those of the last fade `old` out.
    pub fn take_over(
        &mut self,
        old: &mut Voice,
        note: Arc<Note>,
        pitch: f32,
        settings: &VoiceSettings,
        tools: &mut Tools,
    ) {
        self.wait(old.identity);
        self.state = State::Playing;
        (self.envelope, self.mix, self.filter) = (old.envelope, old.mix, old.filter.without_sound());
        self.sway = old.sway;
        (self.tilt, self.identity.moved) = (old.tilt, false);
        self.find_touch(&note);
        (self.pitch, self.pitch_target) = (pitch, pitch);
        self.playhead = match &old.note {
            Some(from) => old.playhead.converted(from, &note),
            None => Playhead::after_head(&note),
        };
        let bins = note.geometry.bins;
        self.phase[..bins].fill(0.0);
        for frame in 0..=self.playhead.frame().min(note.geometry.frames - 1) {
            note.frames.move_on(frame, &mut self.phase[..bins]);
        }
        self.last = Last::Kept;
        self.magnitude[..bins].fill(0.0);
        self.advance[..bins].fill(0.0);
        self.kept = 0;
        self.clear_wave();
        // At the end of a hop of nothing, so that the first frame comes in with the first sample. Between samples of another
        // rate there is no same place.
        let has_same_rate =
            old.note.as_ref().is_some_and(|from| from.geometry.voice_rate() == note.geometry.voice_rate());
        let between = if has_same_rate { old.position.fract() } else { 0.0 };
        self.position = (TAPS + note.plan.hop()) as f64 + between;
        self.stride = tools.interpolator.stride(note.geometry.voice_rate());
        self.newest = Some(note.key);
        self.note = Some(note);
        self.decide(settings);
        if old.identity.moved {
            // To be taken away again: whether a frame was computed depends on the host's blocks, and what it leaves when it is
            // taken away, the last bits of a sum, is not to.
            old.prepare(tools);
        }
        old.leave(tools);
    }

    /// Offers the note of another timbre, taken over with the next frame that is decided on. Hands back the one that it
    /// displaces.
    pub fn offer(&mut self, note: Arc<Note>) -> Option<Arc<Note>> {
        self.newest = Some(note.key);
        self.next.replace(note)
    }

    /// Whether the voice could go over into `note` by itself.
    pub fn can_morph_into(&self, note: &Note) -> bool {
        self.note.as_ref().is_some_and(|own| own.geometry == note.geometry && own.key.pitch == note.key.pitch)
    }

    pub fn set_pitch(&mut self, semitones: f32) {
        self.pitch_target = semitones;
    }

    /// Goes to another pitch on a straight line, from wherever the voice is.
    pub fn glide_to(&mut self, pitch: f32, seconds: f32) {
        let from = self.pitch + self.sway.glide_left();
        (self.pitch, self.pitch_target) = (pitch, pitch);
        self.sway.glide(from - pitch, seconds);
    }

    /// The pitch of the note that sounds, as a MIDI note number.
    pub fn source_pitch(&self) -> Option<u8> {
        self.note.as_ref().map(|note| note.key.pitch)
    }

    /// Sounds on for what has begun, and takes no more commands.
    fn leave(&mut self, tools: &mut Tools) {
        self.take_back(tools);
        self.state = State::Leaving;
        self.identity.id = None;
        self.frames_left.get_or_insert(OVERLAP as u32);
        self.plan = Plan::Nothing;
    }

    /// Takes the frame away again that was computed and has not begun. It depends on the host's blocks whether it was.
    fn take_back(&mut self, tools: &mut Tools) {
        let Plan::Done { cutoff } = self.plan else { return };
        self.recall(tools);
        let Some(note) = &self.note else { return };
        let (hop, kept) = (note.plan.hop(), self.kept);
        let wave = tools.synth.compute(&note.plan, &self.magnitude[..kept], &self.phase, cutoff);
        for n in 0..OVERLAP {
            wave.take_from(n * hop, hop_of(&mut self.wave, self.slot, n + 1, hop));
        }
    }

    /// Brings the spectrum that was sounded last into the voice's own memory.
    fn recall(&mut self, tools: &mut Tools) {
        let Last::Frame { frame, gain, together } = std::mem::replace(&mut self.last, Last::Kept) else { return };
        let Some(note) = &self.note else { return };
        let bins = note.geometry.bins;
        self.kept = note.frames.sounding(frame);
        let (sounding, silent) = self.magnitude[..bins].split_at_mut(self.kept);
        silent.fill(0.0);
        read(&note.frames, frame, gain, sounding, &mut self.advance[..bins]);
        if self.is_touched {
            multiply(sounding, &self.touch);
        }
        if together {
            tools.partials.lock_advances(sounding, &mut self.advance[..self.kept]);
        }
    }

    /// Makes room for another note.
    pub fn steal(&mut self) {
        self.state = if self.state == State::Waiting { State::Free } else { State::Leaving };
        self.stolen = true;
    }

    /// Ends the voice here and now.
    pub fn silence(&mut self) {
        self.state = State::Free;
        self.envelope = Envelope::DONE;
    }

    /// Gives back a note that is no longer needed, one a call; `None` when there is none.
    pub fn note_to_free(&mut self) -> Option<Arc<Note>> {
        if self.state == State::Free { self.next.take().or_else(|| self.note.take()) } else { None }
    }

    /// Adds the voice to `out`, and pushes the note that it has left behind, if any, to `used`. `used` has room.
    pub fn render(
        &mut self,
        settings: &VoiceSettings,
        tools: &mut Tools,
        used: &mut dyn FnMut(Arc<Note>),
        out: &mut [f32],
    ) {
        let mut out = out;
        while !out.is_empty() && self.state != State::Waiting && self.state != State::Free {
            let chunk = match self.pitch == self.pitch_target {
                _ if self.sways(settings) => self.sway.samples_left(),
                true => CHUNK,
                false => GLIDE_CHUNK,
            };
            let (now, later) = out.split_at_mut(chunk.min(out.len()));
            self.render_chunk(settings, tools, used, now);
            out = later;
        }
    }

    /// Whether the pitch or the level of the note is in motion of its own.
    fn sways(&self, settings: &VoiceSettings) -> bool {
        self.note.as_ref().is_some_and(|note| self.sway.moves(&note.movement, self.depth(settings)))
    }

    fn depth(&self, settings: &VoiceSettings) -> Depth {
        let Modulation { own_vibrato, vibrato, .. } = self.identity.modulation;
        Depth { own: (settings.vibrato + own_vibrato).max(0.0), added: vibrato }
    }

    fn render_chunk(
        &mut self,
        settings: &VoiceSettings,
        tools: &mut Tools,
        used: &mut dyn FnMut(Arc<Note>),
        out: &mut [f32],
    ) {
        let Some((hop, voice_rate)) = self.note.as_ref().map(|note| (note.plan.hop(), note.geometry.voice_rate()))
        else {
            return;
        };
        let mut kept = std::mem::take(&mut tools.gains);
        let gains = &mut kept[..out.len()];
        gains.fill(self.identity.level);
        let own_release = settings.adsr.release * self.identity.release_scale;
        let release = if self.identity.rings { own_release.max(RINGING_SECONDS) } else { own_release };
        let adsr = Adsr { release, ..settings.adsr };
        self.envelope.apply(&adsr, settings.sample_rate, gains);
        if self.stolen {
            let step = 1.0 / (STEAL_SECONDS * settings.sample_rate);
            for gain in gains.iter_mut() {
                self.fade = (self.fade - step).max(0.0);
                *gain *= self.fade;
            }
        }
        self.glide(out.len(), settings.sample_rate);
        let sways = self.sways(settings);
        let depth = self.depth(settings);
        match &self.note {
            Some(note) if sways => {
                self.sway.begin_step(&note.movement, depth, settings.sample_rate);
                self.sway.apply(gains);
            }
            _ => self.sway.rest(out.len()),
        }
        let pitch = self.pitch + self.sway.semitones();
        let stride = self.stride.filter(|_| pitch == 0.0);
        let step = f64::from((pitch / 12.0).exp2()) * voice_rate / f64::from(settings.sample_rate);
        let last = TAPS + hop - TAPS / 2 - 1;
        let mut done = 0;
        while done < out.len() {
            while self.position >= last as f64 {
                self.next_hop(settings, tools, used);
            }
            let (wave, gains, out) = (&self.wave[self.slot * SLOT..], &gains[done..], &mut out[done..]);
            let (added, position) = match stride {
                Some(stride) => tools.interpolator.add_steady(wave, self.position, stride, last, gains, out),
                None => tools.interpolator.add(wave, self.position, step, last as f64, gains, out),
            };
            self.position = position;
            done += added;
        }
        tools.gains = kept;
        if self.envelope.is_done() || self.frames_left == Some(0) || (self.stolen && self.fade == 0.0) {
            self.silence();
        }
    }

    fn glide(&mut self, samples: usize, sample_rate: f32) {
        let distance = self.pitch_target - self.pitch;
        // A ten-thousandth of a semitone is not heard, and a glide should come to an end.
        if distance.abs() < 1e-4 {
            self.pitch = self.pitch_target;
        } else {
            self.pitch += distance * (1.0 - (-(samples as f32) / (GLIDE_SECONDS * sample_rate)).exp());
        }
    }

    /// The samples of one hop have been played: brings in the next frame, and decides on the one after it.
    fn next_hop(&mut self, settings: &VoiceSettings, tools: &mut Tools, used: &mut dyn FnMut(Arc<Note>)) {
        let Some(hop) = self.note.as_ref().map(|note| note.plan.hop()) else { return };
        self.prepare(tools);
        if !matches!(self.plan, Plan::Done { .. }) {
            // No frame has written to the hop that only it would have reached.
            self.hop(OVERLAP, hop).fill(0.0);
        }
        let played = self.slot * SLOT + hop;
        self.slot = (self.slot + 1) % SLOTS;
        self.wave.copy_within(played..played + TAPS, self.slot * SLOT);
        self.position -= hop as f64;
        self.since_change = self.since_change.saturating_add(1);
        if let Some(left) = &mut self.frames_left {
            *left = left.saturating_sub(1);
            self.plan = Plan::Nothing;
            return;
        }
        if self.next.as_ref().is_some_and(|next| self.can_morph_into(next)) {
            self.recall(tools);
            if let Some(old) = std::mem::replace(&mut self.note, self.next.take()) {
                used(old);
            }
            if let Some(note) = self.note.take() {
                self.find_touch(&note);
                self.note = Some(note);
            }
            self.morph_left = MORPH_FRAMES;
            self.since_change = 0;
            self.beyond = true;
        }
        if self.identity.rings && !self.playhead.is_ringing() {
            self.recall(tools);
            if let Some(note) = &self.note {
                self.playhead.ring(note);
            }
            self.morph_left = MORPH_FRAMES;
            self.beyond = true;
        }
        self.decide(settings);
    }

    /// Decides on the frame that comes next.
    fn decide(&mut self, settings: &VoiceSettings) {
        let tilt = self.identity.modulation.brightness;
        if tilt != self.tilt
            && let Some(note) = self.note.take()
        {
            self.tilt = tilt;
            self.find_touch(&note);
            self.note = Some(note);
        }
        let Some(note) = &self.note else { return };
        self.plan = match self.playhead.step(note, &settings.course) {
            Step::Frame { frame, gain } => {
                self.beyond |= self.playhead.has_turned() || !settings.course.is_plain();
                let morph = if self.morph_left > 0 { 1.0 / self.morph_left as f32 } else { 1.0 };
                self.morph_left = self.morph_left.saturating_sub(1);
                // Of the pitch now, and not of when the frame is computed, which is as the host's blocks have it.
                let cutoff = cutoff_bins(note, self.pitch + self.sway.reach(), settings.sample_rate);
                Plan::Frame { frame, gain, morph, cutoff }
            }
            Step::Silence => {
                self.last = Last::Kept;
                self.magnitude.fill(0.0);
                self.kept = 0;
                Plan::Nothing
            }
            Step::End => {
                self.frames_left = Some(OVERLAP as u32);
                Plan::Nothing
            }
        };
    }

    /// Seconds from frame to frame of an unbent note.
    pub fn hop_seconds(&self) -> f32 {
        self.note.as_ref().map_or(f32::MAX, |note| note.geometry.hop as f32 / note.geometry.sample_rate as f32)
    }

    /// Whether there is a frame to compute.
    pub fn is_unprepared(&self) -> bool {
        matches!(self.plan, Plan::Frame { .. }) && self.state != State::Free
    }

    /// Computes the frame that comes next, if that has not been done yet.
    pub fn prepare(&mut self, tools: &mut Tools) {
        let Plan::Frame { frame, gain, morph, cutoff } = self.plan else { return };
        let Some(note) = &self.note else { return };
        let bins = note.geometry.bins;
        let Tools { synth, partials, magnitude, advance, .. } = tools;
        // Above those that sound, bins only keep their phases.
        let mut sounding = note.frames.sounding(frame);
        let (magnitude, advance) = if morph == 1.0 {
            self.last = Last::Frame { frame, gain, together: self.beyond };
            let (magnitude, advance) = (&mut magnitude[..sounding], &mut advance[..bins]);
            read(&note.frames, frame, gain, magnitude, advance);
            if self.is_touched {
                multiply(magnitude, &self.touch);
            }
            (magnitude, advance)
        } else {
            self.last = Last::Kept;
            let new = (&mut magnitude[..bins], &mut advance[..bins]);
            read(&note.frames, frame, gain, new.0, new.1);
            if self.is_touched {
                multiply(new.0, &self.touch);
            }
            lead_over((new.0, new.1), morph, &mut self.magnitude[..bins], &mut self.advance[..bins]);
            sounding = sounding.max(self.kept);
            self.kept = sounding;
            (&mut self.magnitude[..sounding], &mut self.advance[..bins])
        };
        let phase = &mut self.phase[..bins];
        if self.beyond {
            let (silent, silent_phase) = (&advance[sounding..], &mut phase[sounding..]);
            move_on(silent_phase, silent);
            partials.move_on(magnitude, &mut advance[..sounding], &mut phase[..sounding]);
        } else {
            move_on(phase, advance);
        }
        self.plan = Plan::Done { cutoff };
        let hop = note.plan.hop();
        let wave = synth.compute(&note.plan, magnitude, phase, cutoff);
        for n in 0..OVERLAP - 1 {
            wave.add_to(n * hop, hop_of(&mut self.wave, self.slot, n + 1, hop));
        }
        wave.write_to((OVERLAP - 1) * hop, hop_of(&mut self.wave, self.slot, OVERLAP, hop));
    }
}

/// The frame that a note begins with, where that is not its own beginning.
fn entry(note: &Note, settings: &VoiceSettings) -> Option<usize> {
    if settings.course.reverse {
        // The last frame that is of the held note and not of its release.
        let held = Playhead::frame_after(note, HELD_SECONDS).saturating_sub(OVERLAP);
        return Some(held.max(usize::from(note.sustain.end)));
    }
    let frame = (settings.start_seconds > 0.0).then(|| Playhead::frame_after(note, settings.start_seconds))?;
    Some(frame.min(usize::from(note.sustain.end)))
}

/// The samples of the hop that is played `ahead` hops after that of a slot.
fn hop_of(wave: &mut [f32], slot: usize, ahead: usize, hop: usize) -> &mut [f32] {
    let slot = (slot + ahead) % SLOTS;
    &mut wave[slot * SLOT + TAPS..][..hop]
}

/// Zeros whose memory is there. Fresh memory is only promised, and each page of it that is first written to costs an
/// interruption by the system, which a stroke on the audio thread has no time for.
fn touched_zeros(len: usize) -> Box<[f32]> {
    let mut zeros = vec![0.0; len].into_boxed_slice();
    // What the compiler knows to be zero already it would not write again.
    std::hint::black_box(&mut zeros).fill(0.0);
    zeros
}

/// Reads a frame at a gain: the advances of all bins, and the magnitudes of those that sound.
#[multiversion(targets("x86_64+avx2"))]
fn read(frames: &Frames, frame: usize, gain: f32, magnitude: &mut [f32], advance: &mut [f32]) {
    let (own, silent) = advance.split_at_mut(magnitude.len());
    let sounding = magnitude.iter_mut().zip(own);
    for ((m, a), (new_m, new_a)) in sounding.zip(frames.magnitude(frame).zip(frames.advance(frame))) {
        (*m, *a) = (new_m * gain, new_a);
    }
    for (own, new) in silent.iter_mut().zip(frames.advance(frame).skip(magnitude.len())) {
        *own = new;
    }
}

/// Multiplies each by its own.
#[multiversion(targets("x86_64+avx2"))]
fn multiply(magnitude: &mut [f32], gains: &[f32]) {
    magnitude.iter_mut().zip(gains).for_each(|(magnitude, gain)| *magnitude *= gain);
}

/// Leads a spectrum the share `morph` of the way to a new one.
#[multiversion(targets("x86_64+avx2"))]
fn lead_over((new_magnitude, new_advance): (&[f32], &[f32]), morph: f32, magnitude: &mut [f32], advance: &mut [f32]) {
    let own = magnitude.iter_mut().zip(advance);
    for ((m, a), (new_m, new_a)) in own.zip(new_magnitude.iter().zip(new_advance)) {
        let (from, to) = (*m * (1.0 - morph), new_m * morph);
        let sum = from + to;
        // The frequency follows whichever of the two is louder in this bin, by the shorter way around; the new one
        // where both are silent, or the phase of a bin would not be the note's own when it comes in.
        *a += wrap_turns(new_a - *a) * ((to + f32::MIN_POSITIVE) / (sum + f32::MIN_POSITIVE));
        *m = sum;
    }
}

/// Moves phases on by their advances, in turns.
#[multiversion(targets("x86_64+avx2"))]
fn move_on(phase: &mut [f32], advance: &[f32]) {
    for (phase, advance) in phase.iter_mut().zip(advance) {
        *phase = wrap_turns(*phase + advance);
    }
}

/// The bins of a note that stay below half of the host's rate when it is transposed by `pitch` semitones.
fn cutoff_bins(note: &Note, pitch: f32, sample_rate: f32) -> usize {
    let bin_hz = note.geometry.bin_hz() * (pitch / 12.0).exp2();
    (0.5 * sample_rate / bin_hz) as usize
}
