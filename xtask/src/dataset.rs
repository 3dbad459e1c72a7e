//! Data sets: builds the tool that makes them and hands it the command.
//!
//! The tool is a package of its own, so that this one builds before the plugin's system packages are there.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::setup::packages;

/// Runs `timbrel-dataset` with the arguments behind `cargo xtask dataset`.
pub fn dataset(arguments: &[String]) -> Result<ExitCode> {
    packages::install(packages::BUILD)?;
    if arguments.first().is_some_and(|command| command == "render") {
        packages::install(packages::FONTS)?;
    }
    let mut command = Command::new("cargo");
    command.args(["run", "--release", "--quiet", "--package", "timbrel-dataset", "--"]).args(arguments);
    // What is wrong is said by the tool itself.
    let status = command.status().context("cargo cannot be started: run this by `cargo xtask dataset`")?;
    Ok(status.code().map_or(ExitCode::FAILURE, |code| ExitCode::from(u8::try_from(code).unwrap_or(1))))
}
