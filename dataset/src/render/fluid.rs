//! Plays sf2 fonts by `rustysynth`.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use rustysynth::{SoundFont, Synthesizer, SynthesizerSettings};

use super::font::{Font, HELD_SECONDS, Player};
use super::presets::Preset;

/// Controller that chooses a bank.
const BANK_SELECT: i32 = 0;
const CONTROL_CHANGE: i32 = 0xB0;
const PROGRAM_CHANGE: i32 = 0xC0;

/// FluidR3 GM.
pub struct Fluid {
    font: Arc<SoundFont>,
}

impl Fluid {
    pub fn load(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| {
            format!("{} cannot be read: install fluid-soundfont-gm, or name the font by --font-file.", path.display())
        })?;
        let font = SoundFont::new(&mut BufReader::new(file))
            .map_err(|error| anyhow!("{} is no sf2 font that can be played ({error}).", path.display()))?;
        Ok(Self { font: Arc::new(font) })
    }
}

impl Font for Fluid {
    fn shift(&self, preset: &Preset, key: u8, velocity: u8) -> Option<f32> {
        let number = (i32::from(preset.bank), i32::from(preset.program));
        let found = self.font.get_presets().iter().find(|p| (p.get_bank_number(), p.get_patch_number()) == number)?;
        let (key, velocity) = (i32::from(key), i32::from(velocity));
        let outer = found.get_regions().iter().filter(|region| region.contains(key, velocity));
        let shifts = outer.flat_map(|outer| {
            let inner = self.font.get_instruments()[outer.get_instrument_id()].get_regions().iter();
            inner.filter(|inner| inner.contains(key, velocity)).map(move |inner| {
                let scale = (outer.get_scale_tuning() + inner.get_scale_tuning()) as f32 / 100.0;
                let coarse = (outer.get_coarse_tune() + inner.get_coarse_tune()) as f32;
                (key - inner.get_root_key()) as f32 * scale + coarse
            })
        });
        shifts.min_by(|a, b| a.abs().total_cmp(&b.abs()))
    }

    fn player(&self, render_rate: usize) -> Result<Box<dyn Player + '_>> {
        let mut settings = SynthesizerSettings::new(render_rate as i32);
        settings.enable_reverb_and_chorus = false;
        let synthesizer = Synthesizer::new(&self.font, &settings)
            .map_err(|error| anyhow!("The synthesiser cannot be started ({error})."))?;
        Ok(Box::new(FluidPlayer { synthesizer, held: HELD_SECONDS * render_rate }))
    }
}

struct FluidPlayer {
    synthesizer: Synthesizer,
    /// Samples that a key is held.
    held: usize,
}

impl Player for FluidPlayer {
    fn play(&mut self, preset: &Preset, key: u8, velocity: u8, left: &mut [f32], right: &mut [f32]) -> Result<()> {
        let synthesizer = &mut self.synthesizer;
        let held = self.held;
        synthesizer.reset();
        synthesizer.process_midi_message(0, CONTROL_CHANGE, BANK_SELECT, i32::from(preset.bank));
        synthesizer.process_midi_message(0, PROGRAM_CHANGE, i32::from(preset.program), 0);
        synthesizer.note_on(0, i32::from(key), i32::from(velocity));
        synthesizer.render(&mut left[..held], &mut right[..held]);
        synthesizer.note_off(0, i32::from(key));
        synthesizer.render(&mut left[held..], &mut right[held..]);
        Ok(())
    }
}
