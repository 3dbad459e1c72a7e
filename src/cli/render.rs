//! `timbrel render`: a MIDI file through the instrument into a WAV file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use timbrel::audio::{Event, Settings};

use super::automation::Lane;
use super::controls::Controls;
use super::player::{self, LONGEST_SECONDS, Player, Progress};
use super::score::Score;
use super::walk::Walk;
use super::wav::WavFile;
use super::{Sound, assignment, rate_parser, seconds, seed_parser};

/// What dies away after the last key is let go is rendered, but no longer than this.
const LONGEST_TAIL_SECONDS: f64 = 30.0;

#[derive(Args)]
pub struct Arguments {
    /// MIDI file, of format 0 or 1.
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
}

/// Renders, and prints what was measured.
pub fn run(arguments: &Arguments) -> Result<()> {
    arguments.check()?;
    let mut player = Player::new(arguments.rate);
    let status = Arc::clone(&player.status);
    let controls = Controls::new(&status);
    arguments.sound.apply(&controls)?;
    let mut performance = arguments.performance(&controls)?;
    // Everything that can be refused without the model has been.
    player::heed_interruptions();
    let mut file = WavFile::create(&arguments.out, arguments.rate, arguments.sound.bits)?;
    player.start(arguments.sound.model.as_deref())?;
    let start = Instant::now();
    let samples = player.sample_at(performance.score.seconds + arguments.tail.unwrap_or(0.0));
    player::watch(&status, samples, |progress| performance.play(&mut player, &mut file, progress))?;
    let took = start.elapsed();
    let measured = file.publish()?;
    let seconds = player.seconds_at(measured.samples);
    let out = arguments.out.display();
    println!("{out}: {seconds:.3} s, {}, {}", measured.peak_text(), player::figures(&status, seconds, took));
    if let Some(warning) = measured.warning(arguments.sound.bits) {
        eprintln!("timbrel: {out}: {warning}");
    }
    Ok(())
}

/// All that is played, and how.
struct Performance<'a> {
    controls: &'a Controls,
    score: Score,
    lanes: Vec<Lane<'a>>,
    walk: Option<Walk>,
    /// In place of the parameter's.
    bend_semitones: Option<f32>,
    tail_seconds: Option<f64>,
}

impl Performance<'_> {
    /// The audio thread's part: plays the score block by block.
    fn play(&mut self, player: &mut Player, file: &mut WavFile, progress: &Progress) -> Result<()> {
        let end = player.sample_at(self.score.seconds);
        let longest = end + player.sample_at(self.tail_seconds.unwrap_or(LONGEST_TAIL_SECONDS));
        let written = self.score.events.iter().map(|&(seconds, event)| (player.sample_at(seconds), event));
        let events: Vec<_> = written.chain(let_go().map(|event| (end, event))).collect();
        let sounds_on = self.tail_seconds.is_none();
        let goes_on = |player: &Player, at| !sounds_on || at <= end || player.voices() > 0;
        player.play(events, longest, file, progress, |seconds| self.settings(seconds), goes_on)
    }

    fn settings(&mut self, seconds: f64) -> Settings {
        self.lanes.iter_mut().for_each(|lane| lane.apply(seconds));
        let mut settings = self.controls.settings();
        if let Some(walk) = &self.walk {
            settings.timbre = walk.at(seconds, settings.timbre);
        }
        settings.bend_semitones = self.bend_semitones.unwrap_or(settings.bend_semitones);
        settings
    }
}

/// Lets go of all keys and pedals.
fn let_go() -> impl Iterator<Item = Event> {
    (0..16).flat_map(|channel| [Event::Pedal { channel, down: false }, Event::AllNotesOff { channel }])
}

impl Arguments {
    /// Refuses what would destroy the input or cannot be meant.
    fn check(&self) -> Result<()> {
        let same = |a: &Path, b: &Path| a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b));
        let lanes = self.automation.iter().map(|(_, path)| Path::new(path));
        let mut inputs = lanes.chain([self.input.as_path()]).chain(self.sound.model.as_deref());
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
        let score = Score::read(&self.input, controls.settings().bend_semitones)?;
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
        // Whoever sets the bend range means it, whatever the file says.
        let bend_is_set = self.sound.settings.iter().chain(&self.automation).any(|(id, _)| id == "bend");
        Ok(Performance {
            controls,
            bend_semitones: score.bend_semitones.filter(|_| !bend_is_set),
            score,
            lanes: self.automation.iter().map(lane).collect::<Result<_>>()?,
            walk: Walk::new(&self.interpolate_seeds, self.seconds_per_timbre),
            tail_seconds: self.tail,
        })
    }
}
