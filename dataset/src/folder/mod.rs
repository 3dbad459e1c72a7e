//! `folder`: a user's own recordings of single notes.
//!
//! ```text
//! files        what lies there, and what SFZ files tell of it      sfz, paths
//! listen       each is read and heard (the instrument's own `recording/`), and its name is read (name, label)
//! keys         which key each plays, and whether that is what is heard
//! group        which instrument each is of
//! layers       how hard each was played
//! write        the notes, from the onset, perhaps shifted (fill)
//! report       what each file was taken for, or why it was left out (left); what training will ask for (advice)
//! ```

mod paths;
mod label;
mod name;
mod sfz;
mod left;
mod files;
mod listen;
mod keys;
mod group;
mod layers;
mod instruments;
mod fill;
mod write;
mod report;
mod advice;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use clap::Args;
use timbrel::recording::{self as audio, pitch, shape};

use crate::example::{self, Family};
use crate::full_band;
use crate::set::{About, SetWriter};
use crate::split;
use files::Files;
use label::Label;
use left::{Left, Reason, Words};
use listen::Heard;
use name::Marks;
use write::Planned;

#[derive(Args, Debug)]
pub struct Options {
    /// Folder of the recordings: WAV, AIFF or FLAC, in sub-folders by instrument, or named by instrument and key.
    pub folder: PathBuf,
    /// Folder of the new set.
    #[arg(long, default_value = "target/dataset/folder")]
    pub out: PathBuf,
    /// All recordings are of this instrument, whatever folders they lie in.
    #[arg(long)]
    pub instrument: Option<String>,
    /// What makes an instrument.
    #[arg(long, value_enum, default_value_t)]
    pub by: group::By,
    /// NSynth's family of instruments whose names tell none; only a label.
    #[arg(long, value_enum, default_value_t = Family::Keyboard)]
    pub family: Family,
    /// Hear all pitches, whatever names and SFZ files say.
    #[arg(long)]
    pub detect: bool,
    /// Where all keys of an instrument are told an octave or another interval off what is heard, take them as heard.
    #[arg(long)]
    pub as_heard: bool,
    /// The octave number that middle C has in the names.
    #[arg(long, default_value_t = name::MIDDLE_C, value_parser = clap::value_parser!(u8).range(2..=5))]
    pub middle_c: u8,
    /// Tune each recording to its key.
    #[arg(long)]
    pub tune: bool,
    /// Shift recordings to the keys between them, and to those that would have no note at all.
    #[arg(long)]
    pub fill: bool,
    /// The farthest that a recording is shifted, in semitones; 6, and as far as it takes where no recording is near.
    #[arg(long)]
    pub reach: Option<u8>,
    /// Lowest and highest MIDI key.
    #[arg(long, num_args = 2, default_values_t = KEYS, value_names = ["LOWEST", "HIGHEST"])]
    pub keys: Vec<u8>,
    /// Samples a second of the notes: 16000, or 48000 for a model of the full band, which is worth it where the recordings have
    /// that rate themselves.
    #[arg(long, default_value_t = timbrel::spectral::SAMPLE_RATE, value_parser = full_band::rate)]
    pub rate: u32,
    /// Whose the recordings are and what may be done with them, to be kept with the set.
    #[arg(long, default_value = "not stated")]
    pub licence: String,
    /// Decides which notes are learnt from and which ones judge.
    #[arg(long, default_value_t = split::SEED)]
    pub seed: u64,
    /// Make the set even if most recordings are left out.
    #[arg(long)]
    pub take_few: bool,
    /// Replace a set that is there.
    #[arg(long)]
    pub overwrite: bool,
}

/// The keys of the published models.
const KEYS: [u8; 2] = [24, 84];

/// A recording and what it plays.
#[derive(Clone, Debug)]
pub struct Found {
    path: PathBuf,
    instrument: String,
    label: Label,
    marks: Marks,
    key: u8,
    /// Who told the key.
    by: keys::By,
    /// As an SFZ file has it.
    told_velocity: Option<u8>,
    velocity: u8,
    /// The key that is heard.
    heard: Option<u8>,
    /// Semitones from what is told to what is heard.
    offset: Option<i16>,
    level_db: f32,
}

impl Found {
    fn new(heard: Heard, key: u8, by: keys::By) -> Self {
        let Heard { path, instrument, name, told, key: heard, offset, level_db, .. } = heard;
        let (label, marks, told_velocity) = (name.label, name.marks, told.velocity);
        Self { path, instrument, label, marks, key, by, told_velocity, velocity: 0, heard, offset, level_db }
    }

    /// Whether an SFZ file or the name told the key.
    fn is_told(&self) -> bool {
        matches!(self.by, keys::By::Sfz | keys::By::Name)
    }

    /// What no two recordings of an instrument have in common.
    fn place(&self) -> (u8, Option<u8>, Marks) {
        (self.key, self.told_velocity, self.marks)
    }

    #[cfg(test)]
    fn named(path: &Path, instrument: &str, name: name::Name) -> Self {
        let (path, instrument, by) = (path.to_path_buf(), instrument.to_string(), keys::By::Name);
        let (label, marks, key) = (name.label, name.marks, name.pitch.unwrap_or(60));
        let (told_velocity, heard, offset) = (None, None, None);
        Self { path, instrument, label, marks, key, by, told_velocity, velocity: 0, heard, offset, level_db: 0.0 }
    }
}

/// Makes a set of a folder of recordings.
pub fn folder(options: &Options, command: &str) -> Result<()> {
    let (lowest, highest) = (options.keys[0], options.keys[1]);
    ensure!(lowest <= highest && highest <= 127, "--keys takes two MIDI keys up to 127, the lower one first.");
    let (mut words, mut left) = (Words::default(), Vec::new());
    let files = Files::find(&options.folder, &mut words)?;
    let writer = SetWriter::new(&options.out, options.overwrite)?;
    let plan = plan(&files, options, &mut words, &mut left);
    report::print(&left, &words);
    print!("{}", report::table(&plan, &left, options));
    check(plan.len(), &left, options)?;

    let names: BTreeSet<&str> = plan.iter().map(|(one, _)| one.instrument.as_str()).collect();
    let instruments = instruments::instruments(&names, options.family);
    let mut examples = write::write(&plan, &instruments, options, &writer)?;
    example::number(&mut examples);
    let mut counts: BTreeMap<String, u64> =
        left::counts(&left).into_iter().map(|(reason, count)| (reason.name().to_string(), count as u64)).collect();
    let said =
        [(Words::MISSING, words.missing.len()), ("recordings", files.recordings.len()), ("kept", examples.len())];
    counts
        .extend(said.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_string(), count as u64)));
    let about = About {
        name: own_name(&options.folder),
        licence: options.licence.clone(),
        description: "Recordings of single notes, brought to 16 kHz and four seconds; levels as recorded.".to_string(),
        command: command.to_string(),
        counts,
        instruments: instruments.iter().map(|(name, instrument)| (instrument.name(), name.clone())).collect(),
        others: BTreeMap::from([("files".to_string(), report::files(&plan, &left, options))]),
        ..About::default()
    };
    writer.finish(&examples, &about, options.seed)?;
    println!(
        "{} notes of {} recordings of {} instruments are in {}; what each file was taken for stands in its dataset.json.",
        examples.len(),
        plan.len(),
        instruments.len(),
        options.out.display()
    );
    advice::advice(&examples, &plan, options).iter().for_each(|sentence| println!("{sentence}"));
    Ok(())
}

/// What becomes of every file.
fn plan(files: &Files, options: &Options, words: &mut Words, left: &mut Vec<Left>) -> Vec<Planned> {
    let convert = |path: &PathBuf| Left::new(path, Reason::Foreign, "convert it to WAV or FLAC".to_string());
    left.extend(files.foreign.iter().map(convert));
    let heard = listen::listen(files, options, left);
    for one in heard.iter().filter(|one| one.is_one_side) {
        words.sides.push(format!("{}: its channels cancel each other, and one was taken.", one.path.display()));
    }
    let mut found = keys::keys(heard, words, left);
    if options.instrument.is_none() {
        group::group(&mut found, options.by, &own_name(&options.folder));
    }
    keys::compare(&mut found, options, words);
    layers::layers(&mut found, words);
    write::plan(unique(found, left), options, left)
}

/// Refuses to make a set where most of what is there would be left out: then something was understood wrongly.
fn check(taken: usize, left: &[Left], options: &Options) -> Result<()> {
    // Keys that the user set were meant.
    let is_meant = |one: &&Left| one.reason.is_right() || (one.reason == Reason::OutOfRange && options.keys != KEYS);
    let wrong: Vec<Left> = left.iter().filter(|one| !is_meant(one)).cloned().collect();
    if wrong.len() <= taken || taken == 0 && wrong.is_empty() || options.take_few {
        return Ok(());
    }
    let counts: Vec<String> =
        left::counts(&wrong).into_iter().map(|(reason, count)| format!("{count} {}", reason.name())).collect();
    bail!(
        "No set was made, since {} of {} recordings would be left out ({}): see above why. --by says what makes an \
         instrument; --take-few makes a set of the others.",
        wrong.len(),
        wrong.len() + taken,
        counts.join(", ")
    );
}

/// One recording for each key and velocity of an instrument: the first by name.
fn unique(found: Vec<Found>, left: &mut Vec<Left>) -> Vec<Found> {
    let mut taken: BTreeMap<(String, u8, u8), (PathBuf, Marks)> = BTreeMap::new();
    let mut kept = Vec::new();
    for one in found {
        let place = (one.instrument.clone(), one.key, one.velocity);
        let Some((other, marks)) = taken.get(&place) else {
            taken.insert(place, (one.path.clone(), one.marks));
            kept.push(one);
            continue;
        };
        let is_take = (marks.take, marks.behind) != (one.marks.take, one.marks.behind);
        let (key, velocity, other) = (one.key, one.velocity, other.display());
        left.push(if is_take {
            Left::of(&one, Reason::Take, format!("another take of {other}"))
        } else {
            let remedy = "name its velocity (v75), or put it into a folder of its own";
            let sentence = format!("it has the key {key} and velocity {velocity} of {other}: {remedy}");
            Left::of(&one, Reason::Same, sentence)
        });
    }
    kept
}

/// The folder in which a file lies, of those right below another one.
fn first_folder(folder: &Path, file: &Path) -> Option<String> {
    let within = file.strip_prefix(folder).ok()?.parent()?;
    Some(within.components().next()?.as_os_str().to_string_lossy().into_owned())
}

/// A folder's name, which may be written as `.`.
fn own_name(folder: &Path) -> String {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    folder.canonicalize().ok().and_then(|path| name(&path)).or_else(|| name(folder)).unwrap_or_default()
}
