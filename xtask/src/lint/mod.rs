//! What can be told of the sources without running them. `cargo xtask test` looks at all of it, too.

mod licences;
mod links;

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::setup::{packages, python};
use crate::shell::{run, say};

/// A check and its name. Its error says what is to be done; what is wrong it has printed.
pub type Check = (&'static str, fn() -> Result<()>);

pub const CHECKS: [Check; 5] =
    [("rustfmt", rustfmt), ("clippy", clippy), ("licences", licences::check), ("links", links::check), ("ruff", ruff)];

/// What they are called on the command line.
pub const NAMES: [&str; CHECKS.len()] = [CHECKS[0].0, CHECKS[1].0, CHECKS[2].0, CHECKS[3].0, CHECKS[4].0];

/// Runs the checks that are named, or all, whatever the ones before have found.
pub fn lint(wanted: &[String]) -> Result<ExitCode> {
    packages::install(packages::BUILD)?;
    let mut code = ExitCode::SUCCESS;
    for (name, check) in
        CHECKS.into_iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|own| own == name))
    {
        say(&format!("Looking: {name}"));
        if let Err(error) = check() {
            eprintln!("error: {name}: {error:#}");
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

fn rustfmt() -> Result<()> {
    run(Command::new("cargo").args(["fmt", "--all", "--check"]), "run `cargo fmt --all`")
}

fn clippy() -> Result<()> {
    let mut command = Command::new("cargo");
    // As the tests are built, so that tools of the build are made once.
    command.args(["clippy", "--quiet", "--release", "--workspace", "--all-targets", "--", "--deny", "warnings"]);
    run(&mut command, "mend what it says above")
}

fn ruff() -> Result<()> {
    let interpreter = python::lint()?;
    run(Command::new(interpreter).args(["-m", "ruff", "check", "--no-cache"]), "mend what it says above")
}
