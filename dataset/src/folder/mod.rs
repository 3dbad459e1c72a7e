//! `folder`: a user's own recordings of single notes.
//!
//! Each sub-folder is an instrument. A recording's key comes from an SFZ file beside it, else from its name, else it is
//! heard. Asked for, recordings are tuned to their keys, and shifted to the keys between them.

mod audio;
mod name;
mod sfz;
mod files;
mod yin;
mod pitch;
mod shape;
mod fill;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use rayon::prelude::*;

use crate::example::{self, Example, Examples, Family, Instrument, Source};
use crate::problems::Problems;
use crate::progress;
use crate::set::{About, SetWriter};
use crate::split;
use crate::tuning::Tuner;
use crate::wav;
use audio::Recording;
use files::Files;
use name::Told;
use pitch::Pitch;

/// The velocity where nothing tells one.
const VELOCITY: u8 = 100;

/// What can be wrong with a recording.
const UNUSABLE: &str = "that cannot be used";
const OUT_OF_RANGE: &str = "beyond the keys asked for";
const SAME: &str = "of a key and velocity that another recording has";

#[derive(Args, Debug)]
pub struct Options {
    /// Folder of the recordings: WAV or FLAC, in sub-folders by instrument.
    pub folder: PathBuf,
    /// Folder of the new set.
    #[arg(long, default_value = "target/dataset/folder")]
    pub out: PathBuf,
    /// All recordings are of this instrument, whatever folders they lie in.
    #[arg(long)]
    pub instrument: Option<String>,
    /// NSynth's family of instruments whose names tell none; only a label.
    #[arg(long, value_enum, default_value_t = Family::Keyboard)]
    pub family: Family,
    /// Hear all pitches; ignore names and SFZ files.
    #[arg(long)]
    pub detect: bool,
    /// The octave number that middle C has in the names.
    #[arg(long, default_value_t = name::MIDDLE_C, value_parser = clap::value_parser!(u8).range(2..=5))]
    pub middle_c: u8,
    /// Tune each recording to its key.
    #[arg(long)]
    pub tune: bool,
    /// Shift recordings to the keys between them.
    #[arg(long)]
    pub fill: bool,
    /// The farthest that a recording is shifted, in semitones.
    #[arg(long, default_value_t = 6)]
    pub reach: u8,
    /// Lowest and highest MIDI key.
    #[arg(long, num_args = 2, default_values_t = [24, 84], value_names = ["LOWEST", "HIGHEST"])]
    pub keys: Vec<u8>,
    /// Whose the recordings are and what may be done with them, to be kept with the set.
    #[arg(long, default_value = "not stated")]
    pub licence: String,
    /// Decides which notes are learnt from and which ones judge.
    #[arg(long, default_value_t = split::SEED)]
    pub seed: u64,
    /// Replace a set that is there.
    #[arg(long)]
    pub overwrite: bool,
}

/// A recording and what it plays.
struct Found {
    path: PathBuf,
    instrument: String,
    pitch: Pitch,
    velocity: u8,
}

/// Makes a set of a folder of recordings.
pub fn folder(options: &Options, command: &str) -> Result<()> {
    let (lowest, highest) = (options.keys[0], options.keys[1]);
    ensure!(lowest <= highest && highest <= 127, "--keys takes two MIDI keys up to 127, the lower one first.");
    let mut problems = Problems::default();
    let files = Files::find(&options.folder, &mut problems)?;
    let writer = SetWriter::new(&options.out, options.overwrite)?;
    let found = find(&files, options, &mut problems);
    let found = unique(found, &mut problems);
    let instruments = instruments(&found, options.family);

    let mut examples = write(&found, &instruments, options, &writer, &mut problems)?;
    example::number(&mut examples);
    problems.print();
    let mut counts: BTreeMap<String, u64> =
        problems.counts().map(|(kind, count)| (kind.to_string(), count as u64)).collect();
    counts.insert("recordings".to_string(), files.recordings.len() as u64);
    counts.insert("kept".to_string(), examples.len() as u64);
    let about = About {
        name: options.folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        licence: options.licence.clone(),
        description: "Recordings of single notes, brought to 16 kHz and four seconds; levels as recorded.".to_string(),
        command: command.to_string(),
        counts,
        instruments: instruments.iter().map(|(name, instrument)| (instrument.name(), name.clone())).collect(),
        ..About::default()
    };
    writer.finish(&examples, &about, options.seed)?;
    println!(
        "{} notes of {} recordings of {} instruments are in {}.",
        examples.len(),
        found.len(),
        instruments.len(),
        options.out.display()
    );
    Ok(())
}

/// Reads every recording and finds its key.
fn find(files: &Files, options: &Options, problems: &mut Problems) -> Vec<Found> {
    let progress = progress::bar("Reading", files.recordings.len());
    let find = |path: &PathBuf| {
        let found = find_one(path, files, options);
        progress.inc(1);
        found.map_err(|error| format!("{}: {error:#}.", path.display()))
    };
    let all: Vec<Result<Found, String>> = files.recordings.par_iter().map(find).collect();
    let mut found = Vec::new();
    for one in all {
        match one {
            Ok(one) => found.push(one),
            Err(sentence) => problems.add(UNUSABLE, sentence),
        }
    }
    found
}

fn find_one(path: &Path, files: &Files, options: &Options) -> Result<Found> {
    let recording = audio::read(path)?;
    let sound = sound(&recording)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let (beside, named) = (files.told(path), name::read(&stem, options.middle_c));
    let told = Told { pitch: beside.pitch.or(named.pitch), velocity: beside.velocity.or(named.velocity) };
    let wave = shape::note(sound, recording.rate, 0.0);
    let pitch = pitch::find(&wave, told.pitch.filter(|_| !options.detect), options.tune, &mut Tuner::default())?;
    let velocity = told.velocity.unwrap_or(VELOCITY);
    Ok(Found { path: path.to_path_buf(), instrument: instrument(path, options), pitch, velocity })
}

/// A recording from its onset, if that is long enough to be a note.
fn sound(recording: &Recording) -> Result<&[f32]> {
    let Some(sound) = shape::from_onset(recording) else { anyhow::bail!("it is silent") };
    let seconds = sound.len() as f32 / recording.rate as f32;
    ensure!(seconds >= shape::SHORTEST_SECONDS, "it lasts {seconds:.2} seconds, too short for a note");
    Ok(sound)
}

/// The instrument's own name: its folder's.
fn instrument(path: &Path, options: &Options) -> String {
    if let Some(name) = &options.instrument {
        return name.clone();
    }
    let within = path.strip_prefix(&options.folder).ok().and_then(Path::parent);
    let first = within.and_then(|within| within.components().next()).map(|part| part.as_os_str().to_os_string());
    let own = || options.folder.canonicalize().ok().and_then(|folder| Some(folder.file_name()?.to_os_string()));
    first.or_else(own).unwrap_or_default().to_string_lossy().into_owned()
}

/// One recording for each key and velocity of an instrument: the first by name.
fn unique(found: Vec<Found>, problems: &mut Problems) -> Vec<Found> {
    let mut taken: BTreeMap<(String, u8, u8), PathBuf> = BTreeMap::new();
    let mut kept = Vec::new();
    for one in found {
        let place = (one.instrument.clone(), one.pitch.key, one.velocity);
        if let Some(other) = taken.get(&place) {
            problems.add(
                SAME,
                format!(
                    "{} has the key {} and velocity {} of {}: name its velocity (v75), or put it into a folder of its own.",
                    one.path.display(),
                    one.pitch.key,
                    one.velocity,
                    other.display()
                ),
            );
        } else {
            taken.insert(place, one.path.clone());
            kept.push(one);
        }
    }
    kept
}

/// Numbers the instruments, and takes each one's family from its name.
fn instruments(found: &[Found], otherwise: Family) -> BTreeMap<String, Instrument> {
    let names: BTreeSet<&String> = found.iter().map(|one| &one.instrument).collect();
    let mut numbers: BTreeMap<Family, u32> = BTreeMap::new();
    let number = |(id, name): (usize, &String)| {
        let lower = name.to_lowercase();
        let told = Family::value_variants().iter().copied().find(|family| lower.contains(&family.to_string()));
        let family = told.unwrap_or(otherwise);
        let next = numbers.entry(family).or_default();
        let instrument = Instrument { id: id as u64, family, source: Source::Acoustic, number: *next };
        *next += 1;
        (name.clone(), instrument)
    };
    names.into_iter().enumerate().map(number).collect()
}

/// Writes the notes, shifted ones among them if asked.
fn write(
    found: &[Found],
    instruments: &BTreeMap<String, Instrument>,
    options: &Options,
    writer: &SetWriter,
    problems: &mut Problems,
) -> Result<Examples> {
    let plan = plan(found, options, problems);
    let progress = progress::bar("Writing", plan.iter().map(|(_, keys)| keys.len()).sum());
    let write = |(one, keys): &(&Found, Vec<u8>)| -> Result<Vec<Example>> {
        let recording = audio::read(&one.path)?;
        let sound = sound(&recording)?;
        let write = |&key: &u8| {
            let semitones = f32::from(key) - f32::from(one.pitch.key) - one.pitch.cents / 100.0;
            let example = Example::new(&instruments[&one.instrument], key, one.velocity);
            let wave = shape::note(sound, recording.rate, semitones);
            // Float recordings may go beyond full scale.
            let loudest = wave.iter().fold(1.0f32, |loudest, sample| loudest.max(sample.abs()));
            let samples: Vec<i16> = wave.iter().map(|sample| wav::to_i16(sample / loudest)).collect();
            wav::write(&writer.wav(&example.note_str), &samples)?;
            progress.inc(1);
            Ok(example)
        };
        keys.iter().map(write).collect()
    };
    let examples: Vec<Vec<Example>> = plan.par_iter().map(write).collect::<Result<_>>()?;
    Ok(examples.into_iter().flatten().map(|example| (example.note_str.clone(), example)).collect())
}

/// The keys that each recording plays.
fn plan<'a>(found: &'a [Found], options: &Options, problems: &mut Problems) -> Vec<(&'a Found, Vec<u8>)> {
    let keys = options.keys[0]..=options.keys[1];
    let mut layers: BTreeMap<(&str, u8), Vec<&Found>> = BTreeMap::new();
    for one in found {
        layers.entry((&one.instrument, one.velocity)).or_default().push(one);
    }
    let mut plan = Vec::new();
    for layer in layers.into_values() {
        let recorded: Vec<u8> = layer.iter().map(|one| one.pitch.key).collect();
        let reach = if options.fill { options.reach } else { 0 };
        let nearest = fill::nearest(&recorded, keys.clone(), reach);
        for one in layer {
            let own: Vec<u8> =
                nearest.iter().filter(|(_, from)| **from == one.pitch.key).map(|(key, _)| *key).collect();
            if own.is_empty() {
                let (path, key) = (one.path.display(), one.pitch.key);
                problems.add(OUT_OF_RANGE, format!("{path} has the key {key}: widen --keys to take it."));
            }
            plan.push((one, own));
        }
    }
    plan
}
