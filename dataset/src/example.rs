//! One note of a data set, as NSynth's `examples.json` describes it (Engel et al. 2017, arXiv 1704.01279).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// All notes of a set by their names, in the order of the names.
pub type Examples = BTreeMap<String, Example>;

/// One note. The fields are those of NSynth, in its order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Example {
    /// Number of the note in its set.
    pub note: u64,
    /// `INSTRUMENT-PITCH-VELOCITY`, the name of the WAV file as well.
    pub note_str: String,
    pub instrument: u64,
    /// `FAMILY_SOURCE_NUMBER`.
    pub instrument_str: String,
    /// MIDI number.
    pub pitch: u8,
    pub velocity: u8,
    /// Samples a second.
    pub sample_rate: u32,
    /// Ten flags, in NSynth's order (bright, dark, distortion, ...).
    #[serde(default)]
    pub qualities: Vec<u8>,
    #[serde(default)]
    pub qualities_str: Vec<String>,
    pub instrument_family: u8,
    #[serde(default)]
    pub instrument_family_str: String,
    /// 0 acoustic, 1 electronic, 2 synthetic.
    pub instrument_source: u8,
    #[serde(default)]
    pub instrument_source_str: String,
}

impl Example {
    /// Qualities that NSynth judges by.
    const QUALITIES: usize = 10;

    /// Whether a note's name can be a file's.
    pub fn is_name(name: &str) -> bool {
        !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', ':', '\0'])
    }

    /// A note without number and qualities.
    pub fn new(instrument: &Instrument, pitch: u8, velocity: u8) -> Self {
        let instrument_str = instrument.name();
        Self {
            note: 0,
            note_str: format!("{instrument_str}-{pitch:03}-{velocity:03}"),
            instrument: instrument.id,
            instrument_str,
            pitch,
            velocity,
            sample_rate: timbrel::spectral::SAMPLE_RATE,
            qualities: vec![0; Self::QUALITIES],
            qualities_str: Vec::new(),
            instrument_family: instrument.family as u8,
            instrument_family_str: instrument.family.to_string(),
            instrument_source: instrument.source as u8,
            instrument_source_str: instrument.source.to_string(),
        }
    }
}

/// Numbers the notes of a new set, in their order.
pub fn number(examples: &mut Examples) {
    for (number, example) in examples.values_mut().enumerate() {
        example.note = number as u64;
    }
}

/// What plays a note.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instrument {
    /// Number among all instruments of the set.
    pub id: u64,
    pub family: Family,
    pub source: Source,
    /// Number among those of its family and source.
    pub number: u32,
}

impl Instrument {
    /// `FAMILY_SOURCE_NUMBER`, as `keyboard_acoustic_004`.
    pub fn name(&self) -> String {
        format!("{}_{}_{:03}", self.family, self.source, self.number)
    }
}

/// NSynth's families, in its numbering.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Family {
    Bass,
    Brass,
    Flute,
    Guitar,
    Keyboard,
    Mallet,
    Organ,
    Reed,
    String,
    SynthLead,
    Vocal,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bass => "bass",
            Self::Brass => "brass",
            Self::Flute => "flute",
            Self::Guitar => "guitar",
            Self::Keyboard => "keyboard",
            Self::Mallet => "mallet",
            Self::Organ => "organ",
            Self::Reed => "reed",
            Self::String => "string",
            Self::SynthLead => "synth_lead",
            Self::Vocal => "vocal",
        })
    }
}

/// How an instrument makes its sound, in NSynth's numbering.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Source {
    Acoustic,
    Electronic,
    Synthetic,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Acoustic => "acoustic",
            Self::Electronic => "electronic",
            Self::Synthetic => "synthetic",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_those_of_nsynth() {
        let instrument = Instrument { id: 7, family: Family::Keyboard, source: Source::Electronic, number: 4 };
        let example = Example::new(&instrument, 60, 25);
        assert_eq!(example.note_str, "keyboard_electronic_004-060-025");
        assert_eq!((example.instrument_family, example.instrument_source), (4, 1));
        assert_eq!((Family::SynthLead as u8, Family::Vocal as u8, Source::Synthetic as u8), (9, 10, 2));
        assert_eq!(Family::SynthLead.to_string(), "synth_lead");
    }
}
