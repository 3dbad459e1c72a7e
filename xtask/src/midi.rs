//! Reads a MIDI file into what a host sends.

use anyhow::{Context, Result, bail};
use midly::{MetaMessage, MidiMessage, Smf, Timing, TrackEventKind};
use timbrel_host::{At, Event};

/// A note of the file, in seconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Note {
    pub key: u8,
    pub on_s: f64,
    pub off_s: f64,
}

/// A MIDI file, its times in seconds.
pub struct Score {
    pub notes: Vec<Note>,
    /// Events in order.
    events: Vec<(f64, Event)>,
    markers: Vec<(f64, Vec<u8>)>,
}

impl Score {
    /// Reads a file of one track.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let smf = Smf::parse(bytes).context("the MIDI file is broken")?;
        let Timing::Metrical(ticks) = smf.header.timing else { bail!("the MIDI file counts in frames, not in beats") };
        let [track] = smf.tracks.as_slice() else { bail!("the MIDI file must have one track") };
        let mut score = Self { notes: Vec::new(), events: Vec::new(), markers: Vec::new() };
        // Until a tempo is given, MIDI counts 120 quarter notes a minute.
        let mut tick_s = 0.5 / f64::from(ticks.as_int());
        let mut now_s = 0.0;
        for event in track {
            now_s += f64::from(event.delta.as_int()) * tick_s;
            match event.kind {
                TrackEventKind::Meta(MetaMessage::Tempo(us)) => {
                    tick_s = f64::from(us.as_int()) / 1e6 / f64::from(ticks.as_int());
                }
                TrackEventKind::Meta(MetaMessage::Marker(text)) => score.markers.push((now_s, text.to_vec())),
                TrackEventKind::Midi { message, .. } => score.message(now_s, message),
                _ => {}
            }
        }
        Ok(score)
    }

    fn message(&mut self, now_s: f64, message: MidiMessage) {
        let event = match message {
            MidiMessage::NoteOn { key, vel } if vel > 0 => {
                self.notes.push(Note { key: key.as_int(), on_s: now_s, off_s: f64::INFINITY });
                Event::On { key: key.as_int(), velocity: f64::from(vel.as_int()) / 127.0 }
            }
            MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => {
                let held = |note: &&mut Note| note.key == key && note.off_s.is_infinite();
                if let Some(note) = self.notes.iter_mut().find(held) {
                    note.off_s = now_s;
                }
                Event::Off { key: key.as_int() }
            }
            MidiMessage::Controller { controller, value } => Event::cc(controller.as_int(), value.as_int()),
            MidiMessage::PitchBend { bend } => Event::bend(bend.as_f64()),
            _ => return,
        };
        self.events.push((now_s, event));
    }

    /// The events at a sample rate.
    pub fn at(&self, rate: f64) -> Vec<At> {
        self.events.iter().map(|(time_s, event)| event.at((time_s * rate).round() as usize)).collect()
    }

    /// When the last key goes up.
    pub fn end_s(&self) -> f64 {
        self.notes.iter().map(|note| note.off_s).fold(0.0, f64::max)
    }

    /// Where a marker stands.
    pub fn marker_s(&self, text: &[u8]) -> Option<f64> {
        self.markers.iter().find(|(_, marker)| marker == text).map(|(time_s, _)| *time_s)
    }

    /// The notes that sound alone: no other key is down, nor was within `clear_s` before.
    pub fn alone(&self, clear_s: f64) -> Vec<Note> {
        let is_alone = |note: &Note| {
            let others = self.notes.iter().filter(|other| *other != note);
            others.into_iter().all(|other| other.on_s >= note.off_s || other.off_s + clear_s <= note.on_s)
        };
        self.notes.iter().copied().filter(is_alone).collect()
    }
}
