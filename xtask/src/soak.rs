//! An hour's storm of instances; see `tests/soak.rs`.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};

use crate::bundle;
use crate::setup::packages;
use crate::shell::say;

const DEFAULT_MINUTES: f64 = 60.0;

pub fn soak(arguments: &[String]) -> Result<ExitCode> {
    let minutes = match arguments {
        [] => DEFAULT_MINUTES,
        [option, minutes] if option == "--minutes" => {
            minutes.parse().with_context(|| format!("`{minutes}` is no number of minutes"))?
        }
        _ => bail!("write `cargo xtask soak [--minutes N]`"),
    };
    ensure!(minutes > 0.0 && minutes < 1e4, "a storm of {minutes} minutes is none");
    packages::install(packages::BUILD)?;
    bundle::bundle(&["--release".into()])?;
    say(&format!("Storming for {minutes} minutes"));
    let mut command = Command::new("cargo");
    command.args(["test", "--release", "-p", "timbrel", "--test", "soak", "--", "--ignored", "--nocapture"]);
    let status =
        command.env("TIMBREL_SOAK_MINUTES", minutes.to_string()).status().context("cargo cannot be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
