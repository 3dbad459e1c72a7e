//! What the parameters say to the engine.

use super::envelope::Adsr;
use super::filter::FilterSettings;
use super::lfo::{LfoSettings, Transport};
use super::modulation::{Assignments, polyphonic};
use super::mono::VoiceMode;
use super::velocity::{Law, VelocityCurve};
use crate::note::Timbre;

/// What the parameters say, for a piece of a block.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Settings {
    pub timbre: Timbre,
    pub adsr: Adsr,
    pub velocity: VelocityCurve,
    /// Semitones either way at the ends of the bend wheel.
    pub bend_semitones: f32,
    /// Offset of all notes, in semitones.
    pub tune_semitones: f32,
    /// Linear.
    pub gain: f32,
    /// Whether held notes go on for longer than they were generated.
    pub hold: bool,
    /// Whether they do so without a period.
    pub wander: bool,
    /// Where notes begin, in seconds from their beginning as generated.
    pub start_seconds: f32,
    /// How fast their spectrum goes on; 1 is as generated. The pitch stays.
    pub speed: f32,
    /// Whether it stands still.
    pub freeze: bool,
    /// Whether it goes from its sustained part back to its beginning.
    pub reverse: bool,
    /// Whether notes that are let go of play the release that was generated with them, and do not only fade.
    pub rings: bool,
    /// Share of what the model says that velocity does to the colour, 0 to 1.
    pub brightness: f32,
    /// How far the sound reaches to both sides, 0 to 1.
    pub width: f32,
    /// Share of the vibrato and tremolo that the model has for each note; 1 is as recorded.
    pub vibrato: f32,
    /// Where a player's controllers go.
    pub assignments: Assignments,
    /// Tilt of every note's spectrum, -1 to 1.
    pub tilt: f32,
    /// How far the host moves the parameters of [`polyphonic`] by modulation of all notes, in their units.
    pub mono_modulation: [f32; polyphonic::COUNT],
    pub voice_mode: VoiceMode,
    /// How long a note glides from the one before, in seconds; 0 for not at all.
    pub glide: f32,
    pub filter: FilterSettings,
    pub lfo: LfoSettings,
    /// Where the song is at the beginning of the block.
    pub transport: Transport,
    /// Whether the output is kept within full scale.
    pub limiter: bool,
    /// Whether a master of MTS-ESP tunes the keys, where one runs.
    pub follows_master: bool,
}

impl Default for Settings {
    /// A sound at full level, with none of what can be added to it.
    fn default() -> Self {
        Self {
            timbre: Timbre::default(),
            adsr: Adsr { attack: 0.0, decay: 1.0, sustain: 1.0, release: 0.1 },
            velocity: VelocityCurve { law: Law::Square, depth: 1.0, shape: 0.0 },
            bend_semitones: 2.0,
            tune_semitones: 0.0,
            gain: 1.0,
            hold: true,
            wander: false,
            start_seconds: 0.0,
            speed: 1.0,
            freeze: false,
            reverse: false,
            rings: false,
            brightness: 0.0,
            width: 0.0,
            vibrato: 1.0,
            assignments: Assignments::NONE,
            tilt: 0.0,
            mono_modulation: [0.0; polyphonic::COUNT],
            voice_mode: VoiceMode::Poly,
            glide: 0.0,
            filter: FilterSettings::OFF,
            lfo: LfoSettings::OFF,
            transport: Transport::UNKNOWN,
            limiter: false,
            follows_master: false,
        }
    }
}
