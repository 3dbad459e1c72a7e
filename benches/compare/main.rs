//! Figures of the whole, each beside a reference that is measured in the same run: `cargo xtask bench` builds this, runs one
//! part a process, and keeps what it prints.
//!
//! | part | what is compared |
//! |---|---|
//! | `note` | the default model with the paper's generator, and both with the processor's matrix peak |
//! | `keyboard` | a change of timbre with keys held: the default model with the paper's generator |
//! | `audio` | the audio call with FluidSynth's, voice for voice |
//! | `loading` | loading, memory and threads with FluidSynth's, and one instance with sixteen; a project opened with its notes on the disk and without |
//!
//! Tables go to standard output, as Markdown; what is being done goes to standard error.

mod audio;
mod fluidsynth;
mod keyboard;
mod live;
mod loading;
mod note;
mod opening;
mod pacing;
mod scratch;
mod stats;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    // Cargo adds an argument of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["note"] => note::run(),
        ["keyboard"] => keyboard::run(),
        ["audio"] => audio::run(),
        ["audio", voices, block, what, seconds] => {
            audio::run_one(voices.parse()?, block.parse()?, what, seconds.parse()?)
        }
        ["loading"] => loading::run(),
        ["loading", "instances", count] => loading::instances(count.parse()?),
        ["loading", "fluidsynth"] => loading::fluidsynth(),
        ["loading", "keep"] => opening::keep(),
        ["loading", "open"] => opening::open(),
        _ => bail!("name one part: note, keyboard, audio or loading (or run `cargo xtask bench`, which runs all)"),
    }
}
