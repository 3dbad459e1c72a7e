//! A SoundFont, whoever reads it, and who plays notes from it.

use anyhow::Result;

use super::presets::Preset;

/// Samples a second of a rendering. Three times the notes' rate: what a sample sounds above 8 kHz is filtered out
/// afterwards and not folded down.
pub const RENDER_RATE: usize = 48_000;

/// Seconds that a key is held, as in NSynth.
pub const HELD_SECONDS: usize = 3;

/// A font that is loaded. Shared by all threads.
pub trait Font: Sync {
    /// The presets to be played.
    fn presets(&self) -> &'static [Preset];

    /// Semitones that a note is shifted from the recording that it is made of, the nearest of those that sound together.
    /// `None` where the font has nothing for the key.
    fn shift(&self, preset: &Preset, key: u8, velocity: u8) -> Option<f32>;

    /// Somebody to play the font, on one thread.
    fn player(&self) -> Result<Box<dyn Player + '_>>;
}

/// Plays single notes.
pub trait Player: Send {
    /// A note held for [`HELD_SECONDS`], begun at sample 0, without reverb or chorus. `left` and `right` are filled with
    /// [`RENDER_RATE`] samples a second.
    fn play(&mut self, preset: &Preset, key: u8, velocity: u8, left: &mut [f32], right: &mut [f32]) -> Result<()>;
}
