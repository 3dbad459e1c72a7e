//! `nsynth`: the published NSynth, filtered and split as the paper did.
//!
//! "We restricted ourselves to training on the subset of acoustic instruments and fundamental pitches ranging from MIDI 24
//! to 84 [...] 70,379 examples [...] we created a new test/train 80/20 split from shuffled data" (arXiv 1902.08710,
//! section 3.1).

mod labels;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use rayon::prelude::*;

use crate::example::{Example, Examples, Source};
use crate::link::Link;
use crate::problems::Problems;
use crate::progress;
use crate::set::{self, About, SetWriter};
use crate::split;
use crate::wav;

/// The paper's pitches, as MIDI numbers.
const PITCHES: std::ops::RangeInclusive<u8> = 24..=84;

/// Notes that the paper counts after its filter.
const PUBLISHED: usize = 70_379;

/// What can be wrong with a note besides its labels.
const BAD_FILE: &str = "with a file that cannot be used";
const TWICE: &str = "there twice";

#[derive(Args, Debug)]
pub struct Options {
    /// The unpacked folders, as nsynth-train nsynth-valid nsynth-test.
    #[arg(required = true)]
    pub folders: Vec<PathBuf>,
    /// Folder of the new set.
    #[arg(long, default_value = "target/dataset/nsynth")]
    pub out: PathBuf,
    /// How the files come there.
    #[arg(long, value_enum, default_value_t = Link::Copy)]
    pub link: Link,
    /// Electronic and synthetic instruments too, as for the published model of all instruments.
    #[arg(long)]
    pub all_instruments: bool,
    /// Decides which notes are learnt from and which ones judge.
    #[arg(long, default_value_t = split::SEED)]
    pub seed: u64,
    /// Replace a set that is there.
    #[arg(long)]
    pub overwrite: bool,
}

/// A note that passed the filter, and where it lies.
struct Candidate<'a> {
    folder: &'a Path,
    example: Example,
}

/// Filters, checks and splits, and prints the counts.
pub fn nsynth(options: &Options, command: &str) -> Result<()> {
    let mut problems = Problems::default();
    let mut counts = BTreeMap::new();
    let candidates = candidates(options, &mut problems, &mut counts)?;
    let writer = SetWriter::new(&options.out, options.overwrite)?;
    let examples = take(candidates, options.link, &writer, &mut problems)?;
    problems.print();
    problems.check(examples.len())?;

    let taken = examples.len();
    counts.insert("kept".to_string(), taken as u64);
    counts.extend(problems.counts().map(|(kind, count)| (kind.to_string(), count as u64)));
    let about = About {
        name: if options.all_instruments { "NSynth" } else { "NSynth, acoustic" }.to_string(),
        licence: "CC BY 4.0 (NSynth, Engel et al. 2017)".to_string(),
        description: "Notes of the published NSynth within MIDI 24 to 84, split anew by shuffling.".to_string(),
        command: command.to_string(),
        counts,
        ..About::default()
    };
    writer.finish(&examples, &about, options.seed)?;
    println!("{taken} notes are in {}{}.", options.out.display(), compared(taken, options.all_instruments));
    Ok(())
}

/// Says how a count differs from the paper's.
fn compared(taken: usize, all_instruments: bool) -> String {
    match taken.abs_diff(PUBLISHED) {
        _ if all_instruments => String::new(),
        0 => ", as many as in the paper".to_string(),
        difference if taken < PUBLISHED => format!(", {difference} fewer than the paper's {PUBLISHED}"),
        difference => format!(", {difference} more than the paper's {PUBLISHED}"),
    }
}

fn candidates<'a>(
    options: &'a Options,
    problems: &mut Problems,
    counts: &mut BTreeMap<String, u64>,
) -> Result<Vec<Candidate<'a>>> {
    let mut candidates = Vec::new();
    let mut count = |what: &str| *counts.entry(what.to_string()).or_default() += 1;
    for folder in &options.folders {
        for example in labels::read(folder, problems)? {
            count("labelled");
            if !options.all_instruments && example.instrument_source != Source::Acoustic as u8 {
                count("not acoustic");
            } else if !PITCHES.contains(&example.pitch) {
                count("out of range");
            } else {
                candidates.push(Candidate { folder, example });
            }
        }
    }
    Ok(candidates)
}

/// Takes the notes whose files are whole.
fn take(candidates: Vec<Candidate>, link: Link, writer: &SetWriter, problems: &mut Problems) -> Result<Examples> {
    let mut by_name: BTreeMap<String, Candidate> = BTreeMap::new();
    for candidate in candidates {
        match by_name.entry(candidate.example.note_str.clone()) {
            Entry::Vacant(place) => drop(place.insert(candidate)),
            Entry::Occupied(place) => {
                let (name, folder) = (place.key(), candidate.folder.display());
                problems.add(TWICE, format!("{name} of {folder} is in another folder as well."));
            }
        }
    }
    let progress = progress::bar("Checking", by_name.len());
    let check = |(name, candidate): (String, Candidate)| {
        let path = set::wav(candidate.folder, &name);
        let whole = wav::read(&path);
        progress.inc(1);
        match whole {
            Ok(_) => link.make(&path, &writer.wav(&name)).map(|()| Ok((name, candidate.example))),
            Err(error) => Ok(Err(format!("{error:#}"))),
        }
    };
    let checked: Vec<Result<(String, Example), String>> = by_name.into_par_iter().map(check).collect::<Result<_>>()?;
    let mut examples = Examples::new();
    for note in checked {
        match note {
            Ok((name, example)) => drop(examples.insert(name, example)),
            Err(sentence) => problems.add(BAD_FILE, sentence),
        }
    }
    Ok(examples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_held_against_the_papers() {
        assert_eq!(compared(70_379, false), ", as many as in the paper");
        assert_eq!(compared(70_000, false), ", 379 fewer than the paper's 70379");
        assert_eq!(compared(70_380, false), ", 1 more than the paper's 70379");
        assert_eq!(compared(300_000, true), "");
    }
}
