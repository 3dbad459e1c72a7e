//! `render`: notes from a SoundFont, as NSynth was made.
//!
//! Every preset that is a real instrument plays every key of that instrument at five velocities, dry, for three seconds,
//! and rings for one. Rendered at 48 kHz, filtered to 16 kHz. Notes that are silent or out of tune are left out; the others
//! keep their level.

mod fluid;
mod font;
mod note;
mod presets;
mod tally;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::Args;
use rayon::prelude::*;

use crate::example::{Example, Examples, Family, Instrument, Source};
use crate::progress;
use crate::set::{About, SetWriter};
use crate::split;
use crate::wav;
use fluid::Fluid;
use font::Font;
use note::{Fate, Renderers, Request, SILENCE, is_in_range};
use presets::Preset;
use tally::Tally;

/// The loudest sample of a set lies there: nothing clips, and rounding has room.
const LOUDEST: f32 = 0.99;

#[derive(Args, Debug)]
pub struct Options {
    /// Folder of the new set.
    #[arg(long, default_value = "target/dataset/soundfonts")]
    pub out: PathBuf,
    /// The font's file, where it does not lie at its usual place.
    #[arg(long)]
    pub font_file: Option<PathBuf>,
    /// Lowest and highest MIDI key.
    #[arg(long, num_args = 2, default_values_t = [24, 84], value_names = ["LOWEST", "HIGHEST"])]
    pub keys: Vec<u8>,
    /// MIDI velocities.
    #[arg(long, value_delimiter = ',', default_values_t = [25, 50, 75, 100, 127])]
    pub velocities: Vec<u8>,
    /// Only presets whose names hold one of these, as `piano,flute`.
    #[arg(long, value_delimiter = ',')]
    pub presets: Vec<String>,
    /// Electric pianos, organs, guitars and basses too.
    #[arg(long)]
    pub electric: bool,
    /// Decides which notes are learnt from and which ones judge.
    #[arg(long, default_value_t = split::SEED)]
    pub seed: u64,
    /// Replace a set that is there.
    #[arg(long)]
    pub overwrite: bool,
}

/// A preset with its place in the set.
struct Part {
    preset: &'static Preset,
    instrument: Instrument,
}

/// Renders a set, and prints what became of the notes.
pub fn render(options: &Options, command: &str) -> Result<()> {
    let path = options.font_file.clone().unwrap_or_else(|| PathBuf::from("/usr/share/sounds/sf2/FluidR3_GM.sf2"));
    let font = Fluid::load(&path)?;
    let parts = parts(&font, options)?;
    let writer = SetWriter::new(&options.out, options.overwrite)?;
    let requests = requests(&parts, options)?;

    let fates = judge(&font, &parts, &requests)?;
    let peak =
        fates.iter().map(|fate| if let Fate::Sounds { peak, .. } = fate { *peak } else { 0.0 }).fold(0.0, f32::max);
    ensure!(peak > 0.0, "No note sounds: choose other presets or keys.");
    let gain = LOUDEST / peak;

    let (kept, tally) = select(&parts, &requests, &fates, gain);
    let examples = write(&font, &parts, &kept, gain, &writer)?;
    let about = about(&parts, &examples, &tally, gain, command);
    writer.finish(examples, &about, options.seed)?;
    println!("{}\n{tally}", tally::HEADING);
    println!("{} notes are in {}.", tally.total().kept, options.out.display());
    Ok(())
}

/// The presets that are asked for, numbered as among all of the table, so that a choice of them keeps its names.
fn parts(font: &dyn Font, options: &Options) -> Result<Vec<Part>> {
    let mut numbers: BTreeMap<(Family, Source), u32> = BTreeMap::new();
    let mut parts = Vec::new();
    for (id, preset) in font.presets().iter().enumerate() {
        let number = numbers.entry((preset.family, preset.source)).or_default();
        let (family, source) = (preset.family, preset.source);
        parts.push(Part { preset, instrument: Instrument { id: id as u64, family, source, number: *number } });
        *number += 1;
    }
    let is_named = |name: &str| options.presets.iter().any(|part| name.to_lowercase().contains(&part.to_lowercase()));
    parts.retain(|part| {
        let is_source = options.electric || part.instrument.source == Source::Acoustic;
        if options.presets.is_empty() { is_source } else { is_named(part.preset.name) }
    });
    if parts.is_empty() {
        let names: Vec<&str> = font.presets().iter().map(|preset| preset.name).collect();
        bail!("No preset is named {}: there are {}.", options.presets.join(", "), names.join(", "));
    }
    Ok(parts)
}

fn requests(parts: &[Part], options: &Options) -> Result<Vec<Request>> {
    let &[lowest, highest] = options.keys.as_slice() else { bail!("--keys takes the lowest and the highest key.") };
    ensure!(lowest <= highest && highest <= 127, "--keys takes two MIDI keys up to 127, the lower one first.");
    let velocities = &options.velocities;
    ensure!(velocities.iter().all(|v| (1..=127).contains(v)), "--velocities takes MIDI velocities from 1 to 127.");
    let keys = (0..parts.len()).flat_map(|preset| (lowest..=highest).map(move |key| (preset, key)));
    Ok(keys
        .flat_map(|(preset, key)| velocities.iter().map(move |&velocity| Request { preset, key, velocity }))
        .collect())
}

fn judge(font: &dyn Font, parts: &[Part], requests: &[Request]) -> Result<Vec<Fate>> {
    let progress = progress::bar("Measuring", requests.len());
    let renderers = Renderers::new(font);
    let judge = |&request: &Request| {
        let preset = parts[request.preset].preset;
        let is_in_range = is_in_range(font, preset, request);
        let fate =
            if is_in_range { renderers.lend(|renderer| renderer.judge(preset, request))? } else { Fate::OutOfRange };
        progress.inc(1);
        Ok(fate)
    };
    requests.par_iter().map(judge).collect()
}

/// Counts what became of the notes, and takes those that are loud enough and in tune.
fn select(parts: &[Part], requests: &[Request], fates: &[Fate], gain: f32) -> (Vec<Request>, Tally) {
    let mut kept = Vec::new();
    let mut tally = Tally::default();
    for (&request, fate) in requests.iter().zip(fates) {
        let preset = parts[request.preset].preset;
        let counts = tally.of(preset.family);
        counts.asked += 1;
        match fate {
            Fate::OutOfRange => counts.out_of_range += 1,
            Fate::Sounds { peak, .. } if peak * gain < SILENCE => counts.silent += 1,
            Fate::Sounds { tuning: Some(tuning), .. } if tuning.is_in_tune(preset.tone) => {
                counts.kept += 1;
                kept.push(request);
            }
            Fate::Sounds { .. } => counts.out_of_tune += 1,
        }
    }
    (kept, tally)
}

/// Renders the notes again, now that the gain is known: keeping them all in memory would take gigabytes.
fn write(font: &dyn Font, parts: &[Part], kept: &[Request], gain: f32, writer: &SetWriter) -> Result<Examples> {
    let progress = progress::bar("Writing", kept.len());
    let renderers = Renderers::new(font);
    let write = |&request: &Request| {
        let Part { preset, instrument } = &parts[request.preset];
        let example = Example::new(instrument, request.key, request.velocity);
        let wave = renderers.lend(|renderer| renderer.render(preset, request))?;
        let samples: Vec<i16> = wave.iter().map(|sample| wav::to_i16(sample * gain)).collect();
        wav::write(&writer.wav(&example.note_str), &samples)?;
        progress.inc(1);
        Ok((example.note_str.clone(), example))
    };
    kept.par_iter().map(write).collect()
}

fn about(parts: &[Part], examples: &Examples, tally: &Tally, gain: f32, command: &str) -> About {
    let total = tally.total();
    let counts = [
        ("asked", total.asked),
        ("out of range", total.out_of_range),
        ("silent", total.silent),
        ("out of tune", total.out_of_tune),
        ("kept", total.kept),
    ];
    let instruments = parts.iter().map(|part| (part.instrument.name(), part.preset.name.to_string()));
    let sounds = |name: &String| examples.values().any(|example| example.instrument_str == *name);
    About {
        name: "FluidR3 notes".to_string(),
        licence: "MIT (FluidR3 GM, Copyright 2000-2013 Frank Wen)".to_string(),
        description:
            "Notes of the acoustic presets of the SoundFont FluidR3 GM, dry, half of left and right, rendered at \
                      48 kHz and filtered to 16 kHz; three seconds held, one released; levels as played."
                .to_string(),
        command: command.to_string(),
        counts: counts.map(|(name, count)| (name.to_string(), count)).into(),
        gain: Some(gain),
        instruments: instruments.filter(|(name, _)| sounds(name)).collect(),
    }
}
