//! SoundFonts, whoever reads them, and who plays notes from them.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::fluid::Fluid;
use super::musescore::MuseScore;
use super::presets::{FLUID, MUSESCORE, Preset};

/// Samples a second of a rendering of notes at a rate. A multiple of it: what a sample sounds above half the notes' rate is
/// filtered out afterwards and not folded down.
pub fn render_rate(note_rate: u32) -> usize {
    if note_rate == 16_000 { 48_000 } else { 2 * note_rate as usize }
}

/// Seconds that a key is held, as in NSynth.
pub const HELD_SECONDS: usize = 3;

/// A font that is known, with a table of its presets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum FontName {
    /// FluidR3 GM (Debian: fluid-soundfont-gm).
    Fluid,
    /// MuseScore General (Debian: musescore-general-soundfont).
    Musescore,
}

impl FontName {
    /// All of them, in the order in which their instruments are numbered.
    pub const ALL: [Self; 2] = [Self::Fluid, Self::Musescore];

    /// What is to be played.
    pub fn presets(self) -> &'static [Preset] {
        match self {
            Self::Fluid => FLUID,
            Self::Musescore => MUSESCORE,
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Fluid => "FluidR3 GM",
            Self::Musescore => "MuseScore General",
        }
    }

    pub fn licence(self) -> &'static str {
        match self {
            Self::Fluid => "FluidR3 GM: MIT, Copyright 2000-2002, 2008 Frank Wen",
            Self::Musescore => {
                "MuseScore General: MIT, Copyright 2018-2021 S. Christian Collins, 2014-2017 Michael Cowgill, 2000-2002, \
                 2008 Frank Wen; grand piano public domain, string sections CC0 by Versilian Studios"
            }
        }
    }

    /// Loads it, from where Debian puts it unless a file is named.
    pub fn load(self, file: Option<&Path>) -> Result<Box<dyn Font>> {
        let usual = match self {
            Self::Fluid => "/usr/share/sounds/sf2/FluidR3_GM.sf2",
            Self::Musescore => "/usr/share/sounds/sf3/MuseScore_General_Full.sf3",
        };
        let path = file.map_or_else(|| PathBuf::from(usual), Path::to_path_buf);
        Ok(match self {
            Self::Fluid => Box::new(Fluid::load(&path)?),
            Self::Musescore => Box::new(MuseScore::load(&path)?),
        })
    }
}

/// A font that is loaded. Shared by all threads.
pub trait Font: Sync {
    /// Semitones that a note is shifted from the recording that it is made of, the nearest of those that sound together.
    /// `None` where the font has nothing for the key.
    fn shift(&self, preset: &Preset, key: u8, velocity: u8) -> Option<f32>;

    /// Somebody to play the font at a rate in samples a second, on one thread.
    fn player(&self, render_rate: usize) -> Result<Box<dyn Player + '_>>;
}

/// Plays single notes.
pub trait Player: Send {
    /// A note held for [`HELD_SECONDS`], begun at sample 0, without reverb or chorus. `left` and `right` are filled at
    /// the player's rate.
    fn play(&mut self, preset: &Preset, key: u8, velocity: u8, left: &mut [f32], right: &mut [f32]) -> Result<()>;
}
