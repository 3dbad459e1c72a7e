//! Which presets are instruments to learn from, and the keys that the real ones have.
//!
//! What is electric is marked so, as in NSynth, and left out unless asked for. Not here at all: synthesiser leads, pads and
//! effects, drums, and what differs by less than 2 dB of log-spectrum from another preset, which has the same recordings.

use crate::example::Family::{self, Bass, Brass, Flute, Guitar, Keyboard, Mallet, Organ, Reed, String, Vocal};
use crate::example::Source::{self, Acoustic, Electronic};
use crate::tuning::Tone::{self, Harmonic, Inharmonic};

/// A preset of a font and what it imitates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Preset {
    pub bank: u8,
    pub program: u8,
    pub name: &'static str,
    pub family: Family,
    pub source: Source,
    /// Lowest and highest sounding MIDI key of the real instrument.
    pub range: (u8, u8),
    pub tone: Tone,
}

const fn preset(bank: u8, program: u8, name: &'static str, family: Family, range: (u8, u8)) -> Preset {
    Preset { bank, program, name, family, source: Acoustic, range, tone: Harmonic }
}

const fn struck(bank: u8, program: u8, name: &'static str, range: (u8, u8)) -> Preset {
    Preset { tone: Inharmonic, ..preset(bank, program, name, Mallet, range) }
}

const fn electric(bank: u8, program: u8, name: &'static str, family: Family, range: (u8, u8)) -> Preset {
    Preset { source: Electronic, ..preset(bank, program, name, family, range) }
}

/// FluidR3 GM, by General MIDI's groups.
pub const FLUID: &[Preset] = &[
    preset(0, 0, "Grand piano", Keyboard, (21, 108)),
    preset(0, 3, "Honky-tonk piano", Keyboard, (21, 108)),
    preset(0, 6, "Harpsichord", Keyboard, (29, 89)),
    preset(8, 6, "Coupled harpsichord", Keyboard, (29, 89)),
    struck(0, 8, "Celesta", (60, 108)),
    struck(0, 9, "Glockenspiel", (79, 108)),
    struck(0, 10, "Music box", (53, 96)),
    struck(0, 11, "Vibraphone", (53, 89)),
    struck(0, 12, "Marimba", (36, 96)),
    struck(0, 13, "Xylophone", (65, 108)),
    struck(0, 14, "Tubular bells", (60, 77)),
    preset(0, 15, "Dulcimer", String, (50, 88)),
    preset(0, 19, "Church organ", Organ, (24, 96)),
    preset(8, 19, "Church organ, full", Organ, (24, 96)),
    preset(0, 20, "Reed organ", Organ, (29, 89)),
    preset(0, 21, "Accordion", Organ, (41, 93)),
    preset(8, 21, "Italian accordion", Organ, (41, 93)),
    preset(0, 22, "Harmonica", Reed, (48, 96)),
    preset(0, 23, "Bandoneon", Organ, (36, 95)),
    preset(0, 24, "Nylon-string guitar", Guitar, (40, 83)),
    preset(0, 25, "Steel-string guitar", Guitar, (40, 86)),
    preset(8, 25, "Twelve-string guitar", Guitar, (40, 86)),
    preset(8, 24, "Ukulele", Guitar, (60, 81)),
    preset(16, 25, "Mandolin", Guitar, (55, 88)),
    preset(0, 31, "Guitar harmonics", Guitar, (52, 88)),
    preset(0, 32, "Double bass, plucked", Bass, (28, 67)),
    preset(0, 40, "Violin", String, (55, 103)),
    preset(8, 40, "Violin, slow", String, (55, 103)),
    preset(0, 41, "Viola", String, (48, 91)),
    preset(0, 42, "Cello", String, (36, 84)),
    preset(0, 43, "Double bass, bowed", String, (28, 67)),
    preset(0, 45, "Strings, plucked", String, (28, 96)),
    preset(0, 46, "Harp", String, (24, 103)),
    struck(0, 47, "Timpani", (36, 57)),
    preset(0, 48, "Strings", String, (28, 96)),
    preset(0, 49, "Strings, slow", String, (28, 96)),
    preset(0, 52, "Choir, ah", Vocal, (40, 84)),
    preset(0, 53, "Voices, oh", Vocal, (40, 84)),
    preset(0, 56, "Trumpet", Brass, (52, 84)),
    preset(0, 57, "Trombone", Brass, (34, 77)),
    preset(0, 58, "Tuba", Brass, (24, 65)),
    preset(0, 59, "Trumpet, muted", Brass, (52, 84)),
    preset(0, 60, "French horns", Brass, (34, 77)),
    preset(0, 61, "Brass section", Brass, (36, 84)),
    preset(8, 61, "Brass section, second", Brass, (36, 84)),
    preset(0, 64, "Soprano saxophone", Reed, (56, 88)),
    preset(0, 65, "Alto saxophone", Reed, (49, 81)),
    preset(0, 66, "Tenor saxophone", Reed, (44, 76)),
    preset(0, 67, "Baritone saxophone", Reed, (36, 69)),
    preset(0, 68, "Oboe", Reed, (58, 91)),
    preset(0, 69, "English horn", Reed, (52, 81)),
    preset(0, 70, "Bassoon", Reed, (34, 75)),
    preset(0, 71, "Clarinet", Reed, (50, 94)),
    preset(0, 72, "Piccolo", Flute, (74, 108)),
    preset(0, 73, "Flute", Flute, (59, 98)),
    preset(0, 74, "Recorder", Flute, (65, 98)),
    preset(0, 75, "Pan flute", Flute, (55, 96)),
    preset(0, 76, "Blown bottle", Flute, (60, 84)),
    preset(0, 77, "Shakuhachi", Flute, (60, 91)),
    preset(0, 78, "Tin whistle", Flute, (74, 98)),
    preset(0, 79, "Ocarina", Flute, (57, 89)),
    preset(0, 104, "Sitar", Guitar, (48, 84)),
    preset(0, 105, "Banjo", Guitar, (48, 86)),
    preset(0, 106, "Shamisen", Guitar, (48, 86)),
    preset(0, 107, "Koto", Guitar, (43, 84)),
    preset(8, 107, "Taisho koto", Guitar, (55, 84)),
    struck(0, 108, "Kalimba", (55, 88)),
    preset(0, 109, "Bagpipe", Reed, (55, 81)),
    preset(0, 111, "Shenai", Reed, (54, 84)),
    struck(0, 114, "Steel drums", (52, 88)),
    electric(0, 2, "Electric grand piano", Keyboard, (28, 103)),
    electric(0, 4, "Tine piano", Keyboard, (28, 100)),
    electric(0, 5, "Electric piano", Keyboard, (28, 100)),
    electric(0, 7, "Clavinet", Keyboard, (29, 88)),
    electric(0, 16, "Drawbar organ", Organ, (24, 96)),
    electric(0, 17, "Percussive organ", Organ, (24, 96)),
    electric(0, 18, "Rock organ", Organ, (24, 96)),
    electric(0, 26, "Jazz guitar", Guitar, (40, 86)),
    electric(0, 27, "Clean guitar", Guitar, (40, 88)),
    electric(0, 28, "Palm-muted guitar", Guitar, (40, 88)),
    electric(0, 29, "Overdriven guitar", Guitar, (40, 88)),
    electric(0, 30, "Distorted guitar", Guitar, (40, 88)),
    electric(8, 26, "Hawaiian guitar", Guitar, (40, 86)),
    electric(0, 33, "Fingered bass", Bass, (28, 67)),
    electric(0, 34, "Picked bass", Bass, (28, 67)),
    electric(0, 35, "Fretless bass", Bass, (28, 67)),
    electric(0, 36, "Slapped bass", Bass, (28, 67)),
    electric(0, 37, "Popped bass", Bass, (28, 67)),
];

/// What MuseScore General has of its own; all else in it are FluidR3's recordings again. Its instruments are numbered on
/// from FluidR3's, so that a set may hold both.
pub const MUSESCORE: &[Preset] = &[
    preset(0, 0, "Splendid grand piano", Keyboard, (21, 108)),
    preset(20, 49, "Violins", String, (55, 103)),
    preset(20, 44, "Violins, tremolo", String, (55, 103)),
    preset(20, 45, "Violins, plucked", String, (55, 103)),
    preset(30, 49, "Violas", String, (48, 91)),
    preset(30, 44, "Violas, tremolo", String, (48, 91)),
    preset(30, 45, "Violas, plucked", String, (48, 91)),
    preset(40, 49, "Cellos", String, (36, 84)),
    preset(40, 44, "Cellos, tremolo", String, (36, 84)),
    preset(40, 45, "Cellos, plucked", String, (36, 84)),
    preset(50, 49, "Double basses", String, (28, 67)),
    preset(50, 44, "Double basses, tremolo", String, (28, 67)),
    preset(50, 45, "Double basses, plucked", String, (28, 67)),
    preset(0, 49, "String orchestra", String, (28, 96)),
    preset(0, 42, "Solo cello", String, (36, 84)),
    preset(0, 56, "Solo trumpet", Brass, (52, 84)),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn presets_are_told_apart_and_have_keys() {
        for table in [FLUID, MUSESCORE] {
            let numbers: HashSet<_> = table.iter().map(|preset| (preset.bank, preset.program)).collect();
            assert_eq!(numbers.len(), table.len());
            assert!(table.iter().all(|preset| preset.range.0 < preset.range.1));
        }
        let names: HashSet<_> = FLUID.iter().chain(MUSESCORE).map(|preset| preset.name).collect();
        assert_eq!(names.len(), FLUID.len() + MUSESCORE.len());
    }
}
