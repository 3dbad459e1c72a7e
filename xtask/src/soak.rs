//! An hour's storm of instances; see `tests/soak.rs`.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::bundle::{self, Build};
use crate::setup::packages;
use crate::shell::say;

pub fn soak(minutes: f64) -> Result<ExitCode> {
    ensure!(minutes > 0.0 && minutes < 1e4, "a storm of {minutes} minutes is none");
    packages::install(packages::BUILD)?;
    bundle::bundle(&Build::release(None))?;
    say(&format!("Storming for {minutes} minutes"));
    let mut command = Command::new("cargo");
    command.args(["test", "--release", "-p", "timbrel", "--test", "soak", "--", "--ignored", "--nocapture"]);
    let status =
        command.env("TIMBREL_SOAK_MINUTES", minutes.to_string()).status().context("cargo cannot be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
