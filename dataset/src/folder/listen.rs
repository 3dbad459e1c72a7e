//! Every recording is read and heard, and held against what is told of it.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use rayon::prelude::*;
use timbrel::recording::Recording;
use timbrel::spectral::SAMPLE_RATE;

use super::files::{Files, Told};
use super::name::Name;
use super::{Left, Options, Reason, audio, first_folder, own_name, pitch, shape};
use crate::progress;
use crate::tuning::Tuner;

/// Folders that are there for order alone.
const PLAIN_FOLDERS: [&str; 9] = ["samples", "sample", "wav", "wavs", "aiff", "flac", "audio", "sounds", "recordings"];

/// What of a note says how loud it was played: later it has died away, or not.
const LOUD_SAMPLES: usize = SAMPLE_RATE as usize / 2;

/// A recording, what is told of it, and what is heard.
#[derive(Clone, Debug)]
pub struct Heard {
    pub path: PathBuf,
    /// What its instrument is called by the folder or the SFZ file.
    pub instrument: String,
    pub name: Name,
    pub told: Told,
    /// The key that the file says.
    pub root: Option<u8>,
    /// The key that is heard.
    pub key: Option<u8>,
    /// Semitones from the key that is told to what is heard; `None` where one of them is missing.
    pub offset: Option<i16>,
    pub is_one_side: bool,
    /// Mean power of its beginning, in dB of full scale.
    pub level_db: f32,
}

impl Heard {
    /// The key that the SFZ file or the name tells.
    pub fn told_key(&self) -> Option<u8> {
        self.told.pitch.or(self.name.pitch)
    }
}

/// Listens to all; what cannot be used is left out.
pub fn listen(files: &Files, options: &Options, left: &mut Vec<Left>) -> Vec<Heard> {
    let progress = progress::bar("Listening", files.recordings.len());
    let listen = |path: &PathBuf| {
        let heard = one(path, files, options);
        progress.inc(1);
        heard.map_err(|(reason, error)| Left::new(path, reason, format!("{error:#}")))
    };
    let all: Vec<Result<Heard, Left>> = files.recordings.par_iter().map(listen).collect();
    let mut heard = Vec::new();
    for one in all {
        match one {
            Ok(one) => heard.push(one),
            Err(one) => left.push(one),
        }
    }
    heard
}

fn one(path: &Path, files: &Files, options: &Options) -> Result<Heard, (Reason, anyhow::Error)> {
    let mut told = files.told(path);
    if told.is_release {
        return Err((Reason::Release, anyhow::anyhow!("an SFZ file plays it when a key is let go")));
    }
    let mut name = name(path, options);
    if options.detect {
        (told.pitch, told.instrument, name.pitch) = (None, None, None);
    }
    let unusable = |error| (Reason::Unusable, error);
    let recording = audio::read(path).map_err(unusable)?;
    let sound = sound(&recording).map_err(unusable)?;
    let wave = shape::note(sound, recording.rate, SAMPLE_RATE, 0.0);
    let mut tuner = Tuner::default();
    let key = pitch::heard(&wave, &mut tuner);
    let mut heard = Heard {
        path: path.to_path_buf(),
        instrument: instrument(path, &told, options),
        name,
        told,
        root: recording.root.filter(|_| !options.detect),
        key,
        offset: None,
        is_one_side: recording.is_one_side,
        level_db: level_db(&wave),
    };
    if let (Some(told), Some(key)) = (heard.told_key(), key) {
        heard.offset = pitch::offset(&wave, told, key, &mut tuner);
    }
    Ok(heard)
}

fn level_db(wave: &[f32]) -> f32 {
    let beginning = &wave[..wave.len().min(LOUD_SAMPLES)];
    let power = beginning.iter().map(|sample| sample * sample).sum::<f32>() / beginning.len() as f32;
    10.0 * power.max(1e-12).log10()
}

/// A recording from its onset, if that is long enough to be a note.
pub fn sound(recording: &Recording) -> Result<&[f32]> {
    let Some(sound) = shape::from_onset(&recording.samples, recording.rate) else { bail!("it is silent") };
    let seconds = sound.len() as f32 / recording.rate as f32;
    ensure!(seconds >= shape::SHORTEST_SECONDS, "it lasts {seconds:.2} seconds, too short for a note");
    Ok(sound)
}

/// What the name tells, and those of the folders between the instrument's and the file.
fn name(path: &Path, options: &Options) -> Name {
    let read = |name: std::borrow::Cow<str>| Name::read(&name, options.middle_c);
    let file = read(path.file_stem().unwrap_or_default().to_string_lossy());
    let within = path.strip_prefix(&options.folder).ok().and_then(Path::parent).unwrap_or(Path::new(""));
    let folders: Vec<_> = within.components().skip(1).map(|part| part.as_os_str().to_string_lossy()).collect();
    let told = folders.into_iter().rev().filter(|name| !PLAIN_FOLDERS.contains(&name.to_lowercase().as_str()));
    told.map(read).fold(file, Name::within)
}

fn instrument(path: &Path, told: &Told, options: &Options) -> String {
    let named = options.instrument.clone().or_else(|| told.instrument.clone());
    named.or_else(|| first_folder(&options.folder, path)).unwrap_or_else(|| own_name(&options.folder))
}
