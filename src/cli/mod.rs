//! The command line. `run` reads the arguments and hands them to one file per command: [`render`] and [`keyboard`] play the
//! engine offline through [`player`]; [`matching`] needs a model alone; `info` is the library's own; everything else is the standalone app.
//!
//! Runs on the main thread, except for the audio call of an offline render, which has a thread of its own.

mod automation;
mod bank;
mod controls;
#[cfg(test)]
mod fuzz;
mod keyboard;
mod loudness;
mod matching;
mod player;
mod programs;
mod render;
mod score;
#[cfg(unix)]
mod signals;
mod walk;
mod wav;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, builder::RangedU64ValueParser};
use timbrel::preset::{Library, Preset};
use timbrel::{Timbrel, params::SEED_MAX};

use controls::Controls;
use wav::Depth;

/// A neural instrument. Without a command, the standalone app opens.
#[derive(Parser)]
#[command(name = "timbrel", version = timbrel::VERSION, subcommand_required = true)]
#[command(override_usage = "timbrel [OPTIONS OF THE APP]\n       timbrel <COMMAND>")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Opens the standalone app; `timbrel app --help` shows its options (audio and MIDI devices, rate, block size).
    #[command(disable_help_flag = true)]
    App {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
    /// Checks a model file and prints what it says of itself.
    Info { file: PathBuf },
    /// Plays a MIDI file into a WAV file.
    Render(render::Arguments),
    /// Writes each key of the model as a WAV file, the note as it was generated.
    Keyboard(keyboard::Arguments),
    /// Finds the timbre that sounds most like a recorded note.
    Match(matching::Arguments),
    /// Makes the factory bank of presets from its recipes, and prints how they measure.
    #[command(hide = true)]
    Bank(bank::Arguments),
}

/// What is played, for both commands that play.
#[derive(Args)]
struct Sound {
    /// Model file; the default model where none is given.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Preset to play: the name of one of the factory bank or of your own, or a file.
    #[arg(long, value_name = "NAME|FILE")]
    preset: Option<String>,
    /// Seed of the timbre.
    #[arg(long, value_name = "N", value_parser = seed_parser())]
    seed: Option<u32>,
    /// Sets a parameter, in the text that the plugin shows or in a plain number of the same unit: gain=-12, release="80 ms",
    /// character=150, mode=Natural. May be given often.
    #[arg(long = "set", value_name = "ID=VALUE", value_parser = assignment)]
    settings: Vec<(String, String)>,
    /// Bits of a sample in the WAV file; 32 is floating point and never clips.
    #[arg(long, value_enum, default_value = "24", value_name = "BITS")]
    bits: Depth,
}

impl Sound {
    /// Brings the parameters into the asked-for state.
    fn apply(&self, controls: &Controls) -> Result<()> {
        if let Some(preset) = &self.preset {
            controls.play(&find_preset(preset)?);
        }
        if let Some(seed) = self.seed {
            controls.set_text("seed", &seed.to_string())?;
        }
        for (id, text) in &self.settings {
            controls.set_text(id, text).with_context(|| format!("--set {id}={text}"))?;
        }
        Ok(())
    }
}

/// The preset of a name, or of a file.
fn find_preset(name: &str) -> Result<Preset> {
    let path = Path::new(name);
    if path.is_file() {
        return Preset::read(path);
    }
    let library = Library::read(timbrel::files::user_presets());
    let entry = library.entries().iter().find(|entry| entry.name().eq_ignore_ascii_case(name.trim()));
    match entry.map(|entry| &entry.preset) {
        Some(Ok(preset)) => Ok(Preset::clone(preset)),
        Some(Err(sentence)) => Err(anyhow!("{sentence}")),
        None => {
            let names: Vec<String> = library.entries().iter().map(|entry| entry.name()).collect();
            Err(anyhow!("there is no preset and no file \"{name}\"; there are: {}", names.join(", ")))
        }
    }
}

fn seed_parser() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(0..=SEED_MAX as u64)
}

/// Output rates in Hz, from the rate of the published models to the highest that hosts use.
fn rate_parser() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(16_000..=192_000)
}

/// Splits `ID=VALUE`.
fn assignment(text: &str) -> Result<(String, String)> {
    let (id, value) = text.split_once('=').ok_or_else(|| anyhow!("write ID=VALUE, for example gain=-12"))?;
    Ok((id.trim().to_owned(), value.trim().to_owned()))
}

/// A length of time in seconds from the command line.
fn seconds(text: &str) -> Result<f64> {
    let seconds: f64 =
        text.trim().trim_end_matches('s').trim_end().parse().map_err(|_| anyhow!("write seconds, for example 2.5"))?;
    anyhow::ensure!(
        (0.0..=player::LONGEST_SECONDS).contains(&seconds),
        "from 0 to {} seconds",
        player::LONGEST_SECONDS
    );
    Ok(seconds)
}

/// Does what the arguments say.
pub fn run() -> Result<ExitCode> {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if is_for_the_app(arguments.get(1)) {
        arguments.insert(1.min(arguments.len()), "app".into());
    }
    let parameters = controls::help();
    let command = Cli::command().mut_subcommand("render", |render| render.after_help(parameters));
    let matches = command.get_matches_from(arguments);
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match cli.command {
        Command::App { options } => {
            #[cfg(unix)]
            signals::heed();
            let arguments = std::iter::once("timbrel".to_owned()).chain(options);
            let good = nice_plug::prelude::nice_export_standalone_with_args::<Timbrel, _>(arguments);
            return Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Info { file } => print!("{}", timbrel::model::info(&file)?),
        Command::Render(arguments) => render::run(&arguments)?,
        Command::Keyboard(arguments) => keyboard::run(&arguments)?,
        Command::Match(arguments) => matching::run(&arguments)?,
        Command::Bank(arguments) => bank::run(&arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether the first argument, or its absence, calls for the standalone app: an option of the app's, and not one of ours.
fn is_for_the_app(first: Option<&OsString>) -> bool {
    let Some(first) = first.map(|first| first.to_string_lossy()) else { return true };
    first.starts_with('-') && !["-h", "--help", "-V", "--version"].contains(&first.as_ref())
}
