//! `timbrel match`: the timbre that sounds most like a recorded note, as a preset or as a line of text.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use indicatif::ProgressBar;
use timbrel::clip::Clip;
use timbrel::held::{Held, Point};
use timbrel::matching::{Interrupt, Match, Matcher, REFINEMENT, Wish};
use timbrel::model::Model;
use timbrel::note::DIRECTIONS;
use timbrel::preset::{self, MadeWith, Preset};
use timbrel::{files, link, recording};

use super::controls::Controls;
use super::player;

#[derive(Args)]
pub struct Arguments {
    /// Recordings of one note each: WAV, AIFF or FLAC of any rate.
    #[arg(required = true, value_name = "FILE")]
    recordings: Vec<PathBuf>,
    /// Model file; the default model where none is given.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Preset to write, for a single recording; a file that is there is replaced. Without it the timbre is printed as a line that the
    /// plugin's Paste takes.
    #[arg(long, value_name = "FILE.timbrel")]
    out: Option<PathBuf>,
    /// Key that was played, where it is not heard rightly: 60 is C4. What has no single pitch can be matched then, too.
    #[arg(long, value_name = "KEY", value_parser = RangedU64ValueParser::<u8>::new().range(0..=127))]
    key: Option<u8>,
    /// Notes that are rendered to come nearer; 0 only tells which sounds with names are near.
    #[arg(long, value_name = "N", default_value_t = REFINEMENT as u64, value_parser = RangedU64ValueParser::<u64>::new().range(0..=100_000))]
    refine: u64,
}

/// Matches, and prints what was found.
pub fn run(arguments: &Arguments) -> Result<()> {
    ensure!(
        arguments.out.is_none() || arguments.recordings.len() == 1,
        "--out takes one recording; without it a line of text is printed for each"
    );
    if let Some(out) = &arguments.out {
        let extension = out.extension().unwrap_or_default();
        ensure!(
            extension.eq_ignore_ascii_case(preset::EXTENSION),
            "{} is no name of a preset: end it in .{}",
            out.display(),
            preset::EXTENSION
        );
    }
    player::heed_interruptions();
    let path = arguments.model.clone().map_or_else(files::default_model, Ok)?;
    let model = Model::read(&path)?;
    let interrupt = Interrupt::default();
    let mut matcher = Matcher::new(&model, &interrupt)?;
    let mut refused = 0;
    for path in &arguments.recordings {
        match find(&mut matcher, path, arguments, &interrupt) {
            Ok(found) => tell(path, &found, &model, arguments)?,
            Err(error) if player::is_interrupted() || arguments.recordings.len() == 1 => return Err(error),
            Err(error) => {
                eprintln!("timbrel: {error}");
                refused += 1;
            }
        }
    }
    if refused > 0 {
        bail!("{refused} of {} recordings could not be matched", arguments.recordings.len());
    }
    Ok(())
}

/// Finds the timbre of one recording. The error is a sentence.
fn find(matcher: &mut Matcher, path: &Path, arguments: &Arguments, interrupt: &Interrupt) -> Result<Match> {
    let sentence = |error: anyhow::Error| anyhow!("The recording {} {error:#}.", path.display());
    let recording = recording::read(path).map_err(|error| sentence(error.context("cannot be used")))?;
    let wish = Wish { key: arguments.key, refinement: arguments.refine as usize };
    let bar = ProgressBar::new(1);
    let found = matcher.run(&recording, wish, interrupt, |done, of| {
        if player::is_interrupted() {
            interrupt.raise();
        }
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    ensure!(!player::is_interrupted(), "interrupted; nothing was written");
    found.map_err(sentence)
}

fn tell(path: &Path, found: &Match, model: &Model, arguments: &Arguments) -> Result<()> {
    println!("{}: {}", path.display(), found.summary());
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut point = Point { name: name.clone(), latent: found.latent.clone(), at: None };
    point.check().context("the timbre cannot be kept: it")?;
    match &arguments.out {
        None if arguments.refine > 0 => {
            println!("{}", Clip::new(&model.reference(), Err(point), 1.0, [0.0; DIRECTIONS]).text());
        }
        None => {}
        Some(out) => {
            let (_, _, editor_end) = link::link();
            let controls = Controls::new(&editor_end.status);
            let params = controls.params();
            let seed = params.seed.value();
            params.session.holding().set(Held { point: Some(point), seed, ..Held::default() }.into());
            let made_with = MadeWith { name: model.manifest.name.clone(), sha256: model.sha256.clone() };
            preset::write(out, &Preset::of(params, &name, vec!["matched".to_owned()], made_with))?;
            println!("{}", out.display());
        }
    }
    Ok(())
}
