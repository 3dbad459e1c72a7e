//! Hosts that are Python packages, in a virtual environment of their own.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::setup::runtime::python;
use crate::shell::{run, say, target_dir};

/// The packages, pinned with all that they depend on.
const REQUIREMENTS: &str = include_str!("../../../tests/python/requirements.txt");

/// Makes the environment, once, and returns its interpreter.
pub fn environment() -> Result<PathBuf> {
    let folder = target_dir().join("python");
    let interpreter = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    // The copy is written last: an interrupted or older environment is made again.
    let marker = folder.join("requirements.txt");
    if interpreter.exists() && fs::read_to_string(&marker).is_ok_and(|made_for| made_for == REQUIREMENTS) {
        return Ok(interpreter);
    }
    say("Making a Python environment with the VST3 host");
    run(
        Command::new(python()).args(["-m", "venv", "--clear"]).arg(&folder),
        "install Python's venv module (Debian: `apt-get install python3-venv`)",
    )?;
    run(
        Command::new(&interpreter)
            .args(["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--only-binary=:all:"])
            .args(["--requirement", "tests/python/requirements.txt"]),
        "check the network and that pip reaches a package index",
    )?;
    fs::write(&marker, REQUIREMENTS).with_context(|| format!("{} cannot be written", marker.display()))?;
    Ok(interpreter)
}
