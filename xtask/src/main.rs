//! The project's commands, by `cargo xtask`. Each does the set-up that it needs, once, and says what it does.

mod bench;
mod bundle;
mod dataset;
mod demo;
mod lint;
mod midi;
mod package;
mod score;
mod setup;
mod shell;
mod soak;
mod target;
mod test;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Task {
    /// Measures speeds into benches/RESULTS.md: all but gpu, or those that are named.
    Bench {
        #[arg(value_name = "PART", value_parser = bench::PARTS)]
        parts: Vec<String>,
    },
    /// Builds the plugin and the standalone, with all that they need, into target/bundled/.
    Bundle(bundle::Build),
    /// Makes a data set to train on, in target/dataset/; --help tells the commands.
    #[command(disable_help_flag = true)]
    Dataset {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Plays the demo through the built plugin, measures it and draws it, into target/demo/.
    Demo,
    /// Looks at what is written: form and faults of Rust and Python, licences, links in documents.
    Lint {
        #[arg(value_name = "CHECK", value_parser = lint::NAMES)]
        checks: Vec<String>,
    },
    /// Makes packages to install, in target/packages/.
    Package {
        /// Installs the one for Debian in a clean root, plays it and takes it away.
        #[arg(long, conflicts_with = "target")]
        prove: bool,
        #[arg(long, value_name = "TRIPLE")]
        target: Option<String>,
    },
    /// Writes assets/demo.mid anew.
    #[command(hide = true)]
    Score,
    /// Makes and drops instances in all ways.
    Soak {
        #[arg(long, default_value_t = 60.0)]
        minutes: f64,
    },
    /// Runs all tests, through the built plugin in real hosts too.
    Test,
}

fn main() -> ExitCode {
    match run(Task::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    std::env::set_current_dir(shell::workspace())?;
    match task {
        Task::Bench { parts } => bench::bench(&parts)?,
        Task::Bundle(build) => {
            setup::packages::install(setup::packages::BUILD)?;
            bundle::bundle(&build)?;
        }
        Task::Dataset { arguments } => return dataset::dataset(&arguments),
        Task::Demo => demo::demo()?,
        Task::Lint { checks } => return lint::lint(&checks),
        Task::Package { prove: true, .. } => return test::package_alone(),
        Task::Package { target, .. } => package::package(target.as_deref())?,
        Task::Score => std::fs::write(score::PATH, score::midi())?,
        Task::Soak { minutes } => return soak::soak(minutes),
        Task::Test => return test::test(),
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound_and_reads_what_documents_say() {
        use clap::CommandFactory;
        Task::command().debug_assert();
        let read = |line: &str| Task::try_parse_from(line.split(' '));
        for line in [
            "xtask bench note audio",
            "xtask bundle --release --target x86_64-pc-windows-msvc",
            "xtask package --prove",
            "xtask lint links",
        ] {
            assert!(read(line).is_ok(), "{line}");
        }
        assert!(read("xtask bench nothing").is_err() && read("xtask package --prove --target x").is_err());
        for (line, count) in [("xtask dataset render --rate 48000 --help", 4), ("xtask dataset --help", 1)] {
            let passed_on = read(line).ok();
            assert!(matches!(passed_on, Some(Task::Dataset { arguments }) if arguments.len() == count), "{line}");
        }
    }
}
