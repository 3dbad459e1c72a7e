//! `timbrel render`: a MIDI file through the instrument into a WAV file.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use clap::{Args, ValueEnum};
use timbrel::audio::{Event, Settings};
use timbrel::model::Model;
use timbrel::tuning::Tuning;

use super::automation::Lane;
use super::controls::Controls;
use super::loudness::{self, Level};
use super::player::{self, LONGEST_SECONDS, Player, Progress, Sink, To};
use super::programs::{NAMES, Programs, Source};
use super::score::{Choice, Score};
use super::walk::Walk;
use super::wav::{Measured, WavFile};
use super::{Sound, assignment, rate_parser, seconds, seed_parser};

/// What dies away after the last key is let go is rendered, but no longer than this.
const LONGEST_TAIL_SECONDS: f64 = 30.0;

#[derive(Args)]
pub struct Arguments {
    /// MIDI file.
    #[arg(value_name = "IN.mid")]
    input: PathBuf,
    /// WAV file to write, in place of one that is there.
    #[arg(long, value_name = "OUT.wav")]
    out: PathBuf,
    #[command(flatten)]
    sound: Sound,
    /// Sample rate in Hz.
    #[arg(long, value_name = "HZ", default_value = "48000", value_parser = rate_parser())]
    rate: u32,
    /// Automates a parameter by a file of lines `seconds,value`, in the order of time. May be given often.
    #[arg(long = "automate", value_name = "ID=FILE.csv", value_parser = assignment)]
    automation: Vec<(String, String)>,
    /// Walks through timbres while the music plays: from the first seed to the next along the great circle between their
    /// latents, and so on.
    #[arg(long, value_name = "SEEDS", value_delimiter = ',', value_parser = seed_parser(), conflicts_with = "seed")]
    interpolate_seeds: Vec<u32>,
    /// How long the way from one seed to the next takes.
    #[arg(long, value_name = "SECONDS", default_value = "6", value_parser = seconds, requires = "interpolate_seeds")]
    seconds_per_timbre: f64,
    /// What follows after the end of the MIDI file; as long as it sounds where nothing is given.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    tail: Option<f64>,
    /// Channels to play, from 1 to 16, such as 1-4,7; all where nothing is given.
    #[arg(long, value_name = "LIST", value_parser = channels)]
    channels: Option<u16>,
    /// Plays channel 10 as well, its drum strokes as pitches.
    #[arg(long)]
    drums: bool,
    /// Whether each program of the file has the timbre nearest to its instrument, or all have the one that the parameters say;
    /// that is also what a --seed or a walk means.
    #[arg(long, value_enum, value_name = "WHICH")]
    timbres: Option<Timbres>,
    /// Tunes the keys by a scale of Scala.
    #[arg(long, value_name = "FILE.scl")]
    scale: Option<PathBuf>,
    /// Lays the scale onto the keys by a keyboard mapping of Scala.
    #[arg(long, value_name = "FILE.kbm")]
    mapping: Option<PathBuf>,
    /// Brings the whole to this loudness in LUFS (ITU-R BS.1770), such as -18.
    #[arg(long, value_name = "LUFS", value_parser = lufs, allow_hyphen_values = true)]
    loudness: Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Timbres {
    Programs,
    One,
}

/// Channels as musicians count them, as a bit for each.
fn channels(text: &str) -> Result<u16> {
    let number = |text: &str| text.trim().parse().ok().filter(|number| (1..=16u32).contains(number));
    let mut channels = 0;
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (Some(first), Some(last)) = (number(first), number(last)) else {
            return Err(anyhow!("write channels from 1 to 16, for example 1-4,7"));
        };
        (first..=last).for_each(|channel| channels |= 1 << (channel - 1));
    }
    ensure!(channels != 0, "no channel is chosen: write the lower one first, for example 1-4");
    Ok(channels)
}

fn lufs(text: &str) -> Result<f64> {
    let lufs: f64 = text.trim().parse().map_err(|_| anyhow!("write a loudness in LUFS, for example -18"))?;
    let range = loudness::RANGE;
    ensure!(range.contains(&lufs), "from {} to {} LUFS", range.start(), range.end());
    Ok(lufs)
}

/// Renders, and prints what was measured.
pub fn run(arguments: &Arguments) -> Result<()> {
    arguments.check()?;
    let mut player = Player::new(arguments.rate);
    let controls = Controls::new(&player.status());
    arguments.sound.apply(&controls)?;
    let mut performance = arguments.performance(&controls)?;
    let pitches = arguments.tuning()?.pitches()?;
    let input = arguments.input.display();
    performance.score.remarks.iter().for_each(|remark| eprintln!("timbrel: {input}: {remark}"));
    // Everything that can be refused without the model has been.
    player::heed_interruptions();
    player.divide(performance.score.programs.len());
    player.statuses().iter().for_each(|status| status.tune(&pitches));
    let mut file = Target::create(arguments)?;
    player.start(arguments.sound.model.as_deref())?;
    let named = performance.choose_timbres(&player.status().model.lock().path.clone())?;
    if let Some(named) = named {
        eprintln!("timbrel: {input}: {named}");
    }
    let statuses = player.statuses();
    let start = Instant::now();
    let samples = player.sample_at(performance.score.seconds + arguments.tail.unwrap_or(0.0));
    player::watch(&statuses, samples, |progress| performance.play(&mut player, &mut file, progress))?;
    let took = start.elapsed();
    let (measured, level) = file.publish(arguments)?;
    let seconds = player.seconds_at(measured.samples);
    let out = arguments.out.display();
    println!("{out}: {seconds:.3} s, {}{level}, {}", measured.peak_text(), player::figures(&statuses, seconds, took));
    if let Some(warning) = measured.warning(arguments.sound.bits) {
        eprintln!("timbrel: {out}: {warning}");
    }
    Ok(())
}

/// Where the sound goes: straight into the file, or past the meter first.
#[expect(clippy::large_enum_variant, reason = "a render has one of them")]
enum Target {
    File(WavFile),
    Level(Level, f64),
}

impl Target {
    fn create(arguments: &Arguments) -> Result<Self> {
        Ok(match arguments.loudness {
            Some(lufs) => Self::Level(Level::create(&arguments.out, arguments.rate)?, lufs),
            None => Self::File(WavFile::create(&arguments.out, arguments.rate, arguments.sound.bits)?),
        })
    }

    /// Moves the file to its place; gives what was measured, and how it was brought to its level.
    fn publish(self, arguments: &Arguments) -> Result<(Measured, String)> {
        match self {
            Self::File(file) => Ok((file.publish()?, String::new())),
            Self::Level(level, lufs) => {
                let (measured, gain_db) = level.publish(&arguments.out, arguments.rate, arguments.sound.bits, lufs)?;
                Ok((measured, format!(", {lufs:.1} LUFS by {gain_db:+.1} dB")))
            }
        }
    }
}

impl Sink for Target {
    fn add(&mut self, left: &[f32], right: &[f32]) -> Result<()> {
        match self {
            Self::File(file) => file.add(left, right),
            Self::Level(level, _) => level.add(left, right),
        }
    }
}

/// All that is played, and how.
struct Performance<'a> {
    controls: &'a Controls,
    score: Score,
    lanes: Vec<Lane<'a>>,
    walk: Option<Walk>,
    /// The sound of each part, in place of the seed's.
    sounds: Vec<Option<Source>>,
    tail_seconds: Option<f64>,
}

impl Performance<'_> {
    /// The audio thread's part: plays the score block by block.
    fn play(&mut self, player: &mut Player, file: &mut Target, progress: &Progress) -> Result<()> {
        let end = player.sample_at(self.score.seconds);
        let longest = end + player.sample_at(self.tail_seconds.unwrap_or(LONGEST_TAIL_SECONDS));
        let written = self.score.events.iter().map(|timed| {
            let is_stroke = matches!(timed.event, Event::NoteOn { .. });
            (player.sample_at(timed.seconds), if is_stroke { To::Part(timed.part) } else { To::All }, timed.event)
        });
        let events: Vec<_> = written.chain(let_go().map(|event| (end, To::All, event))).collect();
        let sounds_on = self.tail_seconds.is_none();
        // Silence after the last note is not music, wherever the file ends.
        let last_stroke = player.sample_at(self.score.last_stroke_seconds);
        let goes_on = |player: &Player, at| !sounds_on || at <= last_stroke || player.voices() > 0;
        player.play(events, longest, file, progress, |seconds, part| self.settings(seconds, part), goes_on)
    }

    fn settings(&mut self, seconds: f64, part: usize) -> Settings {
        self.lanes.iter_mut().for_each(|lane| lane.apply(seconds));
        let mut settings = self.controls.settings();
        if let Some(walk) = &self.walk {
            settings.timbre = walk.at(seconds, settings.timbre);
        }
        if let Some(Some(sound)) = self.sounds.get(part) {
            sound.put(&mut settings.timbre);
        }
        settings
    }

    /// Finds the timbre of each program; says which they are, where there are any.
    fn choose_timbres(&mut self, model: &Path) -> Result<Option<String>> {
        let wanted: Vec<u8> = self.score.programs.iter().flatten().copied().collect();
        if wanted.is_empty() {
            return Ok(None);
        }
        let programs = Programs::of(&Model::read(model)?);
        if programs.is_empty() {
            return Ok(Some(
                "The model names none of General MIDI's instruments: all programs have one timbre.".to_owned(),
            ));
        }
        let found = |program: Option<u8>| program.and_then(|program| programs.nearest(program));
        self.sounds =
            self.score.programs.iter().map(|&program| found(program).map(|(_, sound)| sound.clone())).collect();
        let told = wanted.iter().filter_map(|&program| {
            let (nearest, sound) = programs.nearest(program)?;
            let [name, nearest_name] = [program, nearest].map(|program| NAMES[usize::from(program % 128)]);
            let by = if nearest == program { String::new() } else { format!(" as {nearest_name}") };
            let seed = if let Source::Seed(seed) = sound { format!(" (seed {seed})") } else { String::new() };
            Some(format!("{name}{by}{seed}"))
        });
        Ok(Some(format!("Timbres: {}.", told.collect::<Vec<_>>().join(", "))))
    }
}

/// Lets go of all keys and pedals.
fn let_go() -> impl Iterator<Item = Event> {
    (0..16).flat_map(|channel| {
        let pedals = [Event::Pedal { channel, down: false }, Event::Sostenuto { channel, down: false }];
        pedals.into_iter().chain([Event::AllNotesOff { channel }])
    })
}

impl Arguments {
    /// How the keys are tuned.
    fn tuning(&self) -> Result<Tuning> {
        let read = |path: &Option<PathBuf>| match path {
            Some(path) => fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display())),
            None => Ok(String::new()),
        };
        Ok(Tuning { name: String::new(), scale: read(&self.scale)?, mapping: read(&self.mapping)? })
    }

    /// Refuses what would destroy the input or cannot be meant.
    fn check(&self) -> Result<()> {
        let same = |a: &Path, b: &Path| a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b));
        let lanes = self.automation.iter().map(|(_, path)| Path::new(path));
        let tuning = [&self.scale, &self.mapping].into_iter().filter_map(|path| path.as_deref());
        let mut inputs = lanes.chain(tuning).chain([self.input.as_path()]).chain(self.sound.model.as_deref());
        ensure!(
            !inputs.any(|input| same(input, &self.out)),
            "{} is read from and would be lost: name another file for --out",
            self.out.display()
        );
        for (index, (id, _)) in self.automation.iter().enumerate() {
            ensure!(
                self.automation[..index].iter().all(|(other, _)| other != id),
                "--automate names {id} twice: put its points into one file"
            );
        }
        let names_seed = |list: &[(String, String)]| list.iter().any(|(id, _)| id == "seed");
        ensure!(
            self.interpolate_seeds.is_empty() || !(names_seed(&self.automation) || names_seed(&self.sound.settings)),
            "--interpolate-seeds decides the seed: leave out the other setting of it"
        );
        ensure!(self.seconds_per_timbre > 0.0, "--seconds-per-timbre must be more than 0");
        Ok(())
    }

    /// Reads all files, by parameters that are set.
    fn performance<'a>(&self, controls: &'a Controls) -> Result<Performance<'a>> {
        let score = Score::read(&self.input, self.choice())?;
        ensure!(
            score.seconds <= LONGEST_SECONDS,
            "{} lasts {:.1} hours, and no more than {} are rendered: cut it into parts",
            self.input.display(),
            score.seconds / 3600.0,
            LONGEST_SECONDS / 3600.0
        );
        let seconds = score.seconds + self.tail.unwrap_or(LONGEST_TAIL_SECONDS);
        WavFile::check_length(seconds, self.rate, self.sound.bits)?;
        let lane = |(id, path): &(String, String)| {
            Lane::read(controls, id, Path::new(path)).with_context(|| format!("--automate {id}"))
        };
        Ok(Performance {
            controls,
            sounds: Vec::new(),
            score,
            lanes: self.automation.iter().map(lane).collect::<Result<_>>()?,
            walk: Walk::new(&self.interpolate_seeds, self.seconds_per_timbre),
            tail_seconds: self.tail,
        })
    }

    /// What of the file is played. Whoever sets the bend range or names a timbre means it, whatever the file says.
    fn choice(&self) -> Choice {
        let is_set = |id: &str| self.sound.settings.iter().chain(&self.automation).any(|(set, _)| set == id);
        let of_the_command = self.sound.seed.is_some() || self.sound.preset.is_some();
        let names_timbre = of_the_command || is_set("seed") || !self.interpolate_seeds.is_empty();
        let timbres = self.timbres.unwrap_or(if names_timbre { Timbres::One } else { Timbres::Programs });
        Choice {
            channels: self.channels.unwrap_or(u16::MAX),
            drums: self.drums,
            bend_ranges: !is_set("bend"),
            programs: timbres == Timbres::Programs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_counted_from_1() {
        assert_eq!(channels("1").unwrap(), 1);
        assert_eq!(channels("1-4, 7,16").unwrap(), 0b1000_0000_0100_1111);
        for wrong in ["", "0", "17", "1-", "4-1", "a", "1,,2"] {
            assert!(channels(wrong).is_err(), "{wrong}");
        }
    }
}
