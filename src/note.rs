//! The small types that cross threads: what a sound is, how it is asked for, and what comes back.
//!
//! A sound is (model, timbre, pitch) and nothing else. All three are integers, so that two sounds are the same exactly
//! when their keys compare equal, on every thread and in every session.

use std::sync::Arc;

use crate::expression::{Movement, Touch};
use crate::frames::Frames;
use crate::geometry::Geometry;
use crate::spectral::FramePlan;

/// How many latent directions the instrument offers as parameters.
pub const DIRECTIONS: usize = 8;

/// Furthest offset along a direction, in hundredths of its standard deviation.
pub const DIRECTION_STEPS: i16 = 300;

/// How long the notes that models are trained on were held before their release, in seconds (NSynth, section 3 of the paper's data
/// set). What comes after it is the sound of letting go.
pub const HELD_SECONDS: f32 = 3.0;

/// How many keys a MIDI keyboard has.
pub const KEYS: usize = 128;

/// How many notes can sound at once, voices that are being stolen not counted.
pub const MAX_VOICES: usize = 64;

/// The steps between two seeds of a [`Timbre`]; `blend` runs from 0 to this.
pub const BLEND_STEPS: u16 = 1024;

/// The steps from one edge of the pad to the other.
pub const PAD_STEPS: u8 = 100;

/// What a timbre starts from, before character and directions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Base {
    /// The latent that the timbre's seeds and its blend draw.
    #[default]
    Seeds,
    /// A latent that no seed draws, by its hash ([`crate::latent::known`]).
    Point(u64),
    /// A place among four latents, by the hash of all four: `x` and `y` from 0 to [`PAD_STEPS`].
    Pad { corners: u64, x: u8, y: u8 },
}

/// Everything that decides a latent vector, in the steps of the parameters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Timbre {
    /// Where it is another one than seeds, the seeds and `blend` are 0, so that equal sounds have equal keys.
    pub base: Base,
    /// The seed of the latent at `blend` 0.
    pub seed: u32,
    /// The seed of the latent at `blend` [`BLEND_STEPS`]; equal to `seed` where nothing is interpolated.
    pub seed_to: u32,
    /// How far along the great circle from `seed` to `seed_to`, in 1/[`BLEND_STEPS`].
    pub blend: u16,
    /// Distance from the mean along the model's directions, in percent; 100 is the latent as drawn.
    pub character: u16,
    /// Offset along each direction, in hundredths of its standard deviation.
    pub directions: [i16; DIRECTIONS],
}

impl Timbre {
    /// The timbre with offsets along its directions, in hundredths, as far as they go.
    pub fn moved(&self, offsets: &[i16; DIRECTIONS]) -> Self {
        if *offsets == [0; DIRECTIONS] {
            return *self;
        }
        let moved = |index: usize| self.directions[index].saturating_add(offsets[index]);
        let directions = std::array::from_fn(|index| moved(index).clamp(-DIRECTION_STEPS, DIRECTION_STEPS));
        Self { directions, ..*self }
    }

    /// How far two timbres lie apart along the directions, in hundredths; `u32::MAX` where they differ otherwise.
    pub fn distance(&self, other: &Self) -> u32 {
        if (Self { directions: other.directions, ..*self }) != *other {
            return u32::MAX;
        }
        let steps = self.directions.iter().zip(&other.directions);
        steps.map(|(own, other)| u32::from(own.abs_diff(*other))).sum()
    }
}

impl Default for Timbre {
    fn default() -> Self {
        Self { base: Base::Seeds, seed: 0, seed_to: 0, blend: 0, character: 100, directions: [0; DIRECTIONS] }
    }
}

/// A model, by the first eight bytes (big endian) of the SHA-256 of its file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ModelId(pub u64);

/// One sound of one model.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct NoteKey {
    pub model: ModelId,
    pub timbre: Timbre,
    /// MIDI note number, within the model's pitch range.
    pub pitch: u8,
}

impl NoteKey {
    /// The keyboard that the note is of.
    pub fn sound(&self) -> Sound {
        Sound { model: self.model, timbre: self.timbre }
    }
}

/// One timbre of one model: a keyboard of notes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Sound {
    pub model: ModelId,
    pub timbre: Timbre,
}

/// A sound that a voice asks for. The worker adds the model and brings the key into the model's pitch range.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct NoteRequest {
    pub timbre: Timbre,
    /// MIDI note number of the key that was struck, 0 to 127.
    pub key: u8,
}

/// The part of a note that can be gone through again and again for as long as the key is held: playback turns back at both
/// ends, so that no two frames that are not neighbours ever meet.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sustain {
    /// First frame of the region.
    pub start: u16,
    /// Last frame of the region, included.
    pub end: u16,
    /// How the level rises through the region as generated, in dB per frame. Taken out once playback has turned, or the
    /// level would go up and down with every pass.
    pub trend_db: f32,
    /// How the level goes on once playback has turned, in dB per frame, 0 or less: a plucked string goes on decaying.
    pub decay_db: f32,
    /// The frame from which on the note is silent while held, for sounds that die by themselves.
    pub silent_from: Option<u16>,
}

/// What rendered a note. Devices agree with the processor within a tolerance only, and not bit by bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The processor: the same every time on one machine.
    Cpu,
    Device,
}

/// One rendered note, ready for a voice: a polar spectrogram with a running phase.
///
/// Spectral rows hold the bins without DC (bin `k` is `(k + 1) * sample_rate / n_fft`).
#[derive(PartialEq)]
pub struct Note {
    pub key: NoteKey,
    pub origin: Origin,
    pub geometry: Geometry,
    /// Linear magnitude, as the forward FFT of the windowed signal has it, and the phase advance into each frame.
    pub frames: Frames,
    /// How a voice makes sound of the frames; shared by all notes of these sizes.
    pub plan: Arc<FramePlan>,
    /// The overlap-add of the frames up to and with [`Geometry::first_whole_frame`], from the start of that frame on, at the
    /// rate of a voice and silent before the note's first sample; [`Geometry::synthesis_fft`] samples. Where the model says what
    /// velocity does, one such head for each of [`HEAD_VELOCITIES`](crate::expression::HEAD_VELOCITIES).
    pub head: Box<[f32]>,
    /// Phase of each bin at the frame [`Geometry::first_whole_frame`], in turns.
    pub head_phase: Box<[f32]>,
    pub sustain: Sustain,
    /// What the velocity does to the spectrum.
    pub touch: Touch,
    /// How the note sways when it is played.
    pub movement: Movement,
}

impl Note {
    /// Whether the note will do, where `exact` asks for the processor's own.
    pub fn serves(&self, exact: bool) -> bool {
        !exact || self.origin == Origin::Cpu
    }

    /// Bytes that the note holds in memory.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.frames.bytes() + size_of_val(&*self.head) + size_of_val(&*self.head_phase)
    }
}
