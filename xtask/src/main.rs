//! The project's commands. Each does the set-up that it needs, once, and says what it does.
//!
//! | command | what it leaves |
//! |---|---|
//! | `cargo xtask bench [PART...]` | the tables of `benches/RESULTS.md` |
//! | `cargo xtask bundle [--release] [--target TRIPLE]` | the plugin and the standalone, with all that they need, in `target/bundled/` |
//! | `cargo xtask dataset COMMAND` | a data set to train on, in `target/dataset/` |
//! | `cargo xtask demo` | `target/demo/demo.wav`, its picture, and the figures on the terminal |
//! | `cargo xtask package [--prove \| --target TRIPLE]` | packages to install, in `target/packages/`; the one for Debian tried |
//! | `cargo xtask soak [--minutes N]` | the figures of a storm of instances |
//! | `cargo xtask test` | the result of all tests |

mod bench;
mod bundle;
mod dataset;
mod demo;
mod midi;
mod package;
mod score;
mod setup;
mod shell;
mod soak;
mod target;
mod test;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "Usage:
  cargo xtask bench [PART...]                        measure note, keyboard, audio, loading, wavenet (or gpu) into
                                                     benches/RESULTS.md
  cargo xtask bundle [--release] [--target TRIPLE]   build the plugin and the standalone into target/bundled/
  cargo xtask dataset COMMAND                        make a data set to train on; --help tells the commands
  cargo xtask demo                                   play the demo through the built plugin, measure it, draw it
  cargo xtask package [--prove | --target TRIPLE]    make packages to install in target/packages/, or install the one for
                                                     Debian in a clean root, play it and take it away
  cargo xtask soak [--minutes N]                     make and drop instances in all ways for an hour, or as long as is said
  cargo xtask test                                   run all tests, through the built plugin in real hosts too";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    std::env::set_current_dir(shell::workspace())?;
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let arguments: Vec<String> = arguments.collect();
    match (command.as_str(), arguments.as_slice()) {
        ("bench", _) => bench::bench(&arguments)?,
        ("bundle", _) => {
            setup::packages::install(setup::packages::BUILD)?;
            bundle::bundle(&arguments)?;
        }
        ("dataset", _) => return dataset::dataset(&arguments),
        ("demo", []) => demo::demo()?,
        ("package", [option]) if option == "--prove" => return test::package_alone(),
        ("package", _) => package::package(&arguments)?,
        ("soak", _) => return soak::soak(&arguments),
        ("test", []) => return test::test(),
        ("score", []) => std::fs::write(score::PATH, score::midi())?,
        ("help" | "--help" | "-h", _) => println!("{USAGE}"),
        ("", _) => bail!("a command is missing.\n\n{USAGE}"),
        (command, _) => bail!("`{command}` with {} arguments is no command.\n\n{USAGE}", arguments.len()),
    }
    Ok(ExitCode::SUCCESS)
}
