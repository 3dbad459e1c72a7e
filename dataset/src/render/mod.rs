//! `render`: notes from a SoundFont, as NSynth was made.
//!
//! Every preset that is a real instrument plays every key of that instrument at five velocities, dry, for three seconds,
//! and rings for one. Rendered at a multiple of the set's rate and filtered to it. Notes that are silent or out of tune are
//! left out; the others keep their level. What they sound like is judged at 16 kHz, so that sets of all rates hold the same
//! notes.

mod font;
mod fluid;
mod musescore;
mod presets;
mod parts;
mod note;
mod tally;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::Args;
use rayon::prelude::*;
use timbrel::spectral::SAMPLE_RATE;

use crate::example::{self, Example, Examples};
use crate::full_band;
use crate::progress;
use crate::set::{About, SetWriter};
use crate::split;
use crate::wav;
use font::{Font, FontName};
use note::{Fate, Renderers, Request, SILENCE, is_in_range};
use parts::{Part, parts};
use tally::Tally;

/// The loudest sample of a set lies there: nothing clips, and rounding has room.
const LOUDEST: f32 = 0.99;

#[derive(Args, Debug)]
pub struct Options {
    /// Folder of the new set.
    #[arg(long, default_value = "target/dataset/soundfonts")]
    pub out: PathBuf,
    /// The SoundFonts, as `fluid,musescore`.
    #[arg(long, value_delimiter = ',', default_value = "fluid")]
    pub font: Vec<FontName>,
    /// The font's file, where it does not lie at its usual place.
    #[arg(long)]
    pub font_file: Option<PathBuf>,
    /// Lowest and highest MIDI key.
    #[arg(long, num_args = 2, default_values_t = [24, 84], value_names = ["LOWEST", "HIGHEST"])]
    pub keys: Vec<u8>,
    /// Samples a second of the notes: 16000, as NSynth has it in 16 bits, or 48000 for the full band, in 32-bit floats.
    #[arg(long, default_value_t = SAMPLE_RATE, value_parser = full_band::rate)]
    pub rate: u32,
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

/// Renders a set, and prints what became of the notes.
pub fn render(options: &Options, command: &str) -> Result<()> {
    ensure!(
        options.font_file.is_none() || options.font.len() == 1,
        "--font-file names one file: name its font alone by --font."
    );
    let parts = parts(options)?;
    let writer = SetWriter::new(&options.out, options.overwrite)?;
    let mut rendering = Rendering::default();
    for font in FontName::ALL {
        let parts: Vec<&Part> = parts.iter().filter(|part| part.font == font).collect();
        if !parts.is_empty() {
            rendering.add(font, &parts, options, &writer)?;
        }
    }
    let about = rendering.about(&parts, options.rate, command);
    let Rendering { mut examples, tally, .. } = rendering;
    example::number(&mut examples);
    writer.finish(&examples, &about, options.seed)?;
    println!("{}\n{tally}", tally::HEADING);
    println!("{} notes are in {}.", tally.total().kept, options.out.display());
    Ok(())
}

/// What has been rendered so far.
#[derive(Default)]
struct Rendering {
    examples: Examples,
    tally: Tally,
    /// By font.
    gains: BTreeMap<String, f32>,
    licences: Vec<&'static str>,
}

impl Rendering {
    /// Renders what a font has for the set.
    fn add(&mut self, name: FontName, parts: &[&Part], options: &Options, writer: &SetWriter) -> Result<()> {
        let font = name.load(options.font_file.as_deref())?;
        let requests = requests(parts, options)?;
        let renderers = Renderers::new(&*font, options.rate);
        let fates = judge(&*font, &renderers, parts, &requests)?;
        let peaks = fates.iter().filter_map(Fate::peak);
        let peak = peaks.fold(0.0, f32::max);
        ensure!(peak > 0.0, "No note of {} sounds: choose other presets or keys.", name.title());
        let gain = LOUDEST / peak;
        let kept = select(parts, &requests, &fates, gain, &mut self.tally);
        self.examples.extend(write(&renderers, parts, &kept, gain, options.rate, writer)?);
        self.gains.insert(name.title().to_string(), gain);
        self.licences.push(name.licence());
        Ok(())
    }

    fn about(&self, parts: &[Part], rate: u32, command: &str) -> About {
        let total = self.tally.total();
        let counts = [
            ("asked", total.asked),
            ("out of range", total.out_of_range),
            ("silent", total.silent),
            ("out of tune", total.out_of_tune),
            ("kept", total.kept),
        ];
        let fonts = self.gains.keys().cloned().collect::<Vec<_>>().join(" and ");
        let instruments = parts.iter().map(|part| (part.instrument.name(), part.preset.name.to_string()));
        // Other banks hold variants, of which General MIDI knows nothing.
        let of_general_midi = parts.iter().filter(|part| part.preset.bank == 0);
        let programs = of_general_midi.map(|part| (part.instrument.name(), part.preset.program));
        let sounds = |name: &String| self.examples.values().any(|example| example.instrument_str == *name);
        About {
            name: format!("Notes from {fonts}"),
            licence: self.licences.join("; "),
            description: format!(
                "SoundFont presets of real instruments, dry, half of left and right, rendered at {} kHz and filtered to {} \
                 kHz; three seconds held, one released; levels as played.",
                font::render_rate(rate) / 1_000,
                rate / 1_000
            ),
            command: command.to_string(),
            counts: counts.map(|(name, count)| (name.to_string(), count)).into(),
            gains: self.gains.clone(),
            instruments: instruments.filter(|(name, _)| sounds(name)).collect(),
            programs: programs.filter(|(name, _)| sounds(name)).collect(),
            ..About::default()
        }
    }
}

fn requests(parts: &[&Part], options: &Options) -> Result<Vec<Request>> {
    let &[lowest, highest] = options.keys.as_slice() else { bail!("--keys takes the lowest and the highest key.") };
    ensure!(lowest <= highest && highest <= 127, "--keys takes two MIDI keys up to 127, the lower one first.");
    let velocities = &options.velocities;
    ensure!(velocities.iter().all(|v| (1..=127).contains(v)), "--velocities takes MIDI velocities from 1 to 127.");
    let keys = (0..parts.len()).flat_map(|part| (lowest..=highest).map(move |key| (part, key)));
    Ok(keys.flat_map(|(part, key)| velocities.iter().map(move |&velocity| Request { part, key, velocity })).collect())
}

fn judge(font: &dyn Font, renderers: &Renderers, parts: &[&Part], requests: &[Request]) -> Result<Vec<Fate>> {
    let progress = progress::bar("Measuring", requests.len());
    let judge = |&request: &Request| {
        let preset = parts[request.part].preset;
        let is_in_range = is_in_range(font, preset, request);
        let fate =
            if is_in_range { renderers.lend(|renderer| renderer.judge(preset, request))? } else { Fate::OutOfRange };
        progress.inc(1);
        Ok(fate)
    };
    requests.par_iter().map(judge).collect()
}

/// Counts what became of the notes, and takes those that are loud enough and in tune.
fn select(parts: &[&Part], requests: &[Request], fates: &[Fate], gain: f32, tally: &mut Tally) -> Vec<Request> {
    let mut kept = Vec::new();
    for (&request, fate) in requests.iter().zip(fates) {
        let preset = parts[request.part].preset;
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
    kept
}

/// Renders the notes again, now that the gain is known: keeping them all in memory would take gigabytes.
fn write(
    renderers: &Renderers,
    parts: &[&Part],
    kept: &[Request],
    gain: f32,
    rate: u32,
    writer: &SetWriter,
) -> Result<Examples> {
    let progress = progress::bar("Writing", kept.len());
    let write = |&request: &Request| {
        let Part { preset, instrument, .. } = parts[request.part];
        let example = Example { sample_rate: rate, ..Example::new(instrument, request.key, request.velocity) };
        let wave = renderers.lend(|renderer| renderer.render(preset, request))?;
        let path = writer.wav(&example.note_str);
        if rate == SAMPLE_RATE {
            let samples: Vec<i16> = wave.iter().map(|sample| wav::to_i16(sample * gain)).collect();
            wav::write(&path, &samples)?;
        } else {
            full_band::write(&path, rate, wave.iter().map(|sample| sample * gain))?;
        }
        progress.inc(1);
        Ok((example.note_str.clone(), example))
    };
    kept.par_iter().map(write).collect()
}
