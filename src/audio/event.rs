//! What a player and a host tell the engine.

use super::modulation::NoteControl;
use crate::note::KEYS;
use crate::tuning::{Retuning, exclusive};

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
    /// What a host tells of single notes.
    Note {
        key: Option<u8>,
        channel: Option<u8>,
        id: Option<i32>,
        control: NoteControl,
    },
    /// `value` is 0 to 1.
    Pressure {
        channel: u8,
        value: f32,
    },
    /// Lets go of all keys; from then on one note of the channel sounds at a time, or many.
    Mono {
        channel: u8,
        on: bool,
    },
    /// Offsets of the twelve keys of each octave from C on, for the channels whose bits are set (MIDI Tuning Standard).
    OctaveTuning {
        channels: u16,
        semitones: [f32; 12],
    },
    /// All channels together; the two offsets add up.
    MasterTuning {
        range: MasterTuning,
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

/// Which of its two offsets the whole instrument is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MasterTuning {
    /// Whole semitones.
    Coarse,
    /// What remains.
    Fine,
}

impl From<Retuning> for Event {
    fn from(retuning: Retuning) -> Self {
        match retuning {
            Retuning::Octave { channels, steps } => {
                Self::OctaveTuning { channels, semitones: steps.map(exclusive::semitones) }
            }
            Retuning::Coarse { semitones } => {
                Self::MasterTuning { range: MasterTuning::Coarse, semitones: semitones.into() }
            }
            Retuning::Fine { steps } => {
                Self::MasterTuning { range: MasterTuning::Fine, semitones: exclusive::semitones(steps) }
            }
        }
    }
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

/// Furthest that a single note is tuned away, in semitones: as far as keys lie apart.
const FURTHEST_TUNING: f32 = 128.0;

/// An event with numbers that can be reckoned with.
pub fn sane(event: Event) -> Event {
    let number = |number: f32| if number.is_nan() { 0.0 } else { number };
    match event {
        Event::NoteOn { key, channel, id, velocity } => Event::NoteOn { key, channel, id, velocity: number(velocity) },
        Event::Bend { channel, value } => Event::Bend { channel, value: number(value) },
        Event::OctaveTuning { channels, semitones } => {
            Event::OctaveTuning { channels, semitones: semitones.map(|offset| number(offset).clamp(-1.0, 1.0)) }
        }
        Event::MasterTuning { range, semitones } => {
            Event::MasterTuning { range, semitones: number(semitones).clamp(-FURTHEST_TUNING, FURTHEST_TUNING) }
        }
        Event::Pressure { channel, value } => Event::Pressure { channel, value: number(value) },
        Event::Note { key, channel, id, control } => Event::Note { key, channel, id, control: control.sane() },
        Event::Tuning { key, channel, id, semitones } => {
            let semitones = number(semitones).clamp(-FURTHEST_TUNING, FURTHEST_TUNING);
            Event::Tuning { key, channel, id, semitones }
        }
        other => other,
    }
}

/// The keys that events strike, a bit each.
pub fn struck_keys(events: &[TimedEvent]) -> u128 {
    events.iter().fold(0, |keys, timed| match timed.event {
        Event::NoteOn { key, .. } if usize::from(key) < KEYS => keys | 1 << key,
        _ => keys,
    })
}
