//! The command line.

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{folder, nsynth, pack, render};

/// How the tool is called.
const NAME: &str = "cargo xtask dataset";

/// Makes data sets to train on, in NSynth's format.
#[derive(Parser)]
#[command(name = NAME, bin_name = NAME)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Notes from a SoundFont, rendered as NSynth was made.
    Render(render::Options),
    /// The published NSynth, filtered and split as the paper did.
    Nsynth(nsynth::Options),
    /// Recordings of one's own, as many or as few as there are.
    Folder(folder::Options),
    /// A set in few files, small enough to travel.
    Pack(pack::PackOptions),
    /// The set that was packed.
    Unpack(pack::UnpackOptions),
}

/// Runs a command, given without the program's name.
pub fn run<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let arguments: Vec<&str> = arguments.into_iter().collect();
    let typed = format!("{NAME} {}", arguments.join(" "));
    match Cli::try_parse_from([NAME].into_iter().chain(arguments)).unwrap_or_else(|error| error.exit()).command {
        Command::Render(options) => render::render(&options, &typed),
        Command::Nsynth(options) => nsynth::nsynth(&options, &typed),
        Command::Folder(options) => folder::folder(&options, &typed),
        Command::Pack(options) => pack::pack(&options),
        Command::Unpack(options) => pack::unpack(&options),
    }
}
