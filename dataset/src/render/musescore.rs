//! Plays sf3 fonts by `oxisynth`, which is under the LGPL 2.1: used in this tool alone, never in the plugin.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use oxisynth::{InterpolationMethod, MidiEvent, SoundFontId, Synth, SynthDescriptor};
use soundfont::raw::{GeneratorAmount, GeneratorType};
use soundfont::{SoundFont2, Zone};

use super::font::{Font, HELD_SECONDS, Player};
use super::presets::Preset;

/// Cents a key where a zone says nothing.
const SCALE_TUNING: i16 = 100;

/// MuseScore General: its zones. Each player loads the recordings for itself.
pub struct MuseScore {
    path: PathBuf,
    zones: SoundFont2,
}

impl MuseScore {
    pub fn load(path: &Path) -> Result<Self> {
        let zones = SoundFont2::load(&mut open(path)?)
            .map_err(|error| anyhow!("{} is no SoundFont that can be played ({error}).", path.display()))?;
        Ok(Self { path: path.to_path_buf(), zones })
    }

    /// Semitones from the recording that a zone of an instrument plays.
    fn zone_shift(&self, outer: &Layer, inner: &Layer, key: u8) -> Option<f32> {
        let sample = self.zones.sample_headers.get(usize::from(*inner.zone.sample()?))?;
        let root = inner.number(GeneratorType::OverridingRootKey).filter(|&root| root >= 0);
        let root = root.map_or(f32::from(sample.origpitch), f32::from);
        let sum = |generator| outer.number(generator).unwrap_or(0) + inner.number(generator).unwrap_or(0);
        let scale = inner.number(GeneratorType::ScaleTuning).unwrap_or(SCALE_TUNING)
            + outer.number(GeneratorType::ScaleTuning).unwrap_or(0);
        Some((f32::from(key) - root) * f32::from(scale) / 100.0 + f32::from(sum(GeneratorType::CoarseTune)))
    }
}

impl Font for MuseScore {
    fn shift(&self, preset: &Preset, key: u8, velocity: u8) -> Option<f32> {
        let number = (u16::from(preset.bank), u16::from(preset.program));
        let found = self.zones.presets.iter().find(|p| (p.header.bank, p.header.preset) == number)?;
        let outer = layers(&found.zones).filter(|outer| outer.contains(key, velocity));
        let shifts = outer.filter_map(|outer| {
            let instrument = self.zones.instruments.get(usize::from(*outer.zone.instrument()?))?;
            let inner = layers(&instrument.zones).filter(|inner| inner.contains(key, velocity));
            inner.filter_map(|inner| self.zone_shift(&outer, &inner, key)).min_by(|a, b| a.abs().total_cmp(&b.abs()))
        });
        shifts.min_by(|a, b| a.abs().total_cmp(&b.abs()))
    }

    fn player(&self, render_rate: usize) -> Result<Box<dyn Player + '_>> {
        let descriptor = SynthDescriptor {
            reverb_active: false,
            chorus_active: false,
            sample_rate: render_rate as f32,
            interpolation: InterpolationMethod::SeventhOrder,
            ..Default::default()
        };
        let mut synth =
            Synth::new(descriptor).map_err(|error| anyhow!("The synthesiser cannot be started ({error:?})."))?;
        let font = oxisynth::SoundFont::load(&mut open(&self.path)?)
            .map_err(|error| anyhow!("{} cannot be played ({error:?}).", self.path.display()))?;
        let font = synth.add_font(font, true);
        Ok(Box::new(MuseScorePlayer { synth, font, held: HELD_SECONDS * render_rate }))
    }
}

fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).with_context(|| {
        format!(
            "{} cannot be read: install musescore-general-soundfont, or name the font by --font-file.",
            path.display()
        )
    })?;
    Ok(BufReader::new(file))
}

/// A zone over the global zone of its preset or instrument, which says what the zone leaves out.
struct Layer<'a> {
    zone: &'a Zone,
    global: Option<&'a Zone>,
}

/// The zones of a preset or instrument. The first one is global when it names neither instrument nor sample (SoundFont
/// 2.04, 7.3 and 7.7).
fn layers(zones: &[Zone]) -> impl Iterator<Item = Layer<'_>> {
    let global = zones.first().filter(|zone| zone.instrument().is_none() && zone.sample().is_none());
    zones.iter().skip(usize::from(global.is_some())).map(move |zone| Layer { zone, global })
}

impl Layer<'_> {
    fn amount(&self, generator: GeneratorType) -> Option<&GeneratorAmount> {
        let zones = [Some(self.zone), self.global];
        let mut generators = zones.into_iter().flatten().flat_map(|zone| &zone.gen_list);
        generators.find(|found| found.ty == generator).map(|found| &found.amount)
    }

    fn number(&self, generator: GeneratorType) -> Option<i16> {
        self.amount(generator)?.as_i16().copied()
    }

    fn contains(&self, key: u8, velocity: u8) -> bool {
        let holds = |generator, value| {
            let range = self.amount(generator).and_then(GeneratorAmount::as_range);
            range.is_none_or(|range| (range.low..=range.high).contains(&value))
        };
        holds(GeneratorType::KeyRange, key) && holds(GeneratorType::VelRange, velocity)
    }
}

struct MuseScorePlayer {
    synth: Synth,
    font: SoundFontId,
    /// Samples that a key is held.
    held: usize,
}

impl Player for MuseScorePlayer {
    fn play(&mut self, preset: &Preset, key: u8, velocity: u8, left: &mut [f32], right: &mut [f32]) -> Result<()> {
        let (synth, held) = (&mut self.synth, self.held);
        let cannot = |error| anyhow!("{} cannot be played ({error:?}).", preset.name);
        synth.send_event(MidiEvent::SystemReset).map_err(cannot)?;
        synth.select_program(0, self.font, u32::from(preset.bank), preset.program).map_err(cannot)?;
        synth.send_event(MidiEvent::NoteOn { channel: 0, key, vel: velocity }).map_err(cannot)?;
        synth.write((&mut left[..held], &mut right[..held]));
        synth.send_event(MidiEvent::NoteOff { channel: 0, key }).map_err(cannot)?;
        synth.write((&mut left[held..], &mut right[held..]));
        Ok(())
    }
}
