//! What is sent to the plugin, and when.

pub use clack_host::events::event_types::NoteExpressionType;
use clack_host::events::event_types::{
    MidiEvent, MidiSysExEvent, NoteChokeEvent, NoteExpressionEvent, NoteOffEvent, NoteOnEvent, ParamModEvent,
    ParamValueEvent,
};
use clack_host::events::io::EventBuffer;
use clack_host::events::{Match, Pckn};

use crate::plugin::Param;

/// What happens.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A key goes down; velocity from 0 to 1.
    On { key: u8, velocity: f64 },
    /// A key goes up.
    Off { key: u8 },
    /// The host wants the note gone at once.
    Choke { key: u8 },
    /// Any MIDI 1.0 channel message.
    Midi([u8; 3]),
    /// A system exclusive message, with its first and its last byte.
    Exclusive(&'static [u8]),
    /// A parameter's value, within its [`Param`]'s range.
    Set { param: Param, value: f64 },
    /// A modulation offset on top of a parameter's value.
    Modulate { param: Param, amount: f64 },
    /// A key goes down, as a note that the host has a number for.
    OnAs { key: u8, id: u32, velocity: f64 },
    /// A modulation offset for one note.
    ModulateNote { param: Param, id: u32, amount: f64 },
    /// A note expression, in the unit of its kind.
    Express { key: u8, id: u32, kind: NoteExpressionType, value: f64 },
}

impl Event {
    /// A key at a middling velocity.
    pub fn on(key: u8) -> Self {
        Self::On { key, velocity: 0.8 }
    }

    pub fn off(key: u8) -> Self {
        Self::Off { key }
    }

    /// A control change on the first channel.
    pub fn cc(controller: u8, value: u8) -> Self {
        Self::Midi([0xb0, controller, value])
    }

    /// Pitch bend on the first channel, from -1 to 1.
    pub fn bend(amount: f64) -> Self {
        let value = (8192.0 + amount * 8192.0).round().clamp(0.0, 16383.0) as u16;
        Self::Midi([0xe0, (value & 0x7f) as u8, (value >> 7) as u8])
    }

    /// Ties the event to a sample, counted from the start of the call that plays it.
    pub fn at(self, sample: usize) -> At {
        At { sample, event: self }
    }

    /// Adds the event to a block, `offset` samples into it.
    pub(crate) fn push(&self, offset: u32, block: &mut EventBuffer) {
        let note = |key: u8| Pckn::new(0u16, 0u16, u16::from(key), Match::All);
        let numbered = |key: u8, id: u32| Pckn::new(0u16, 0u16, u16::from(key), id);
        match *self {
            Self::On { key, velocity } => block.push(&NoteOnEvent::new(offset, note(key), velocity)),
            Self::Off { key } => block.push(&NoteOffEvent::new(offset, note(key), 0.0)),
            Self::Choke { key } => block.push(&NoteChokeEvent::new(offset, note(key))),
            Self::Midi(data) => block.push(&MidiEvent::new(offset, 0, data)),
            // SAFETY: the bytes are there for ever.
            Self::Exclusive(bytes) => block.push(&unsafe { MidiSysExEvent::new(offset, 0, bytes) }),
            Self::Set { param, value } => {
                block.push(&ParamValueEvent::new(offset, param.id, Pckn::match_all(), value));
            }
            Self::Modulate { param, amount } => {
                block.push(&ParamModEvent::new(offset, param.id, Pckn::match_all(), amount));
            }
            Self::OnAs { key, id, velocity } => block.push(&NoteOnEvent::new(offset, numbered(key, id), velocity)),
            Self::ModulateNote { param, id, amount } => {
                let only = Pckn::new(Match::All, Match::All, Match::All, id);
                block.push(&ParamModEvent::new(offset, param.id, only, amount));
            }
            Self::Express { key, id, kind, value } => {
                block.push(&NoteExpressionEvent::new(offset, numbered(key, id), kind, value));
            }
        }
    }
}

/// An event and its sample.
#[derive(Clone, Copy, Debug)]
pub struct At {
    pub sample: usize,
    pub event: Event,
}
