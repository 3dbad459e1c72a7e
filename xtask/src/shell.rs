//! Other programs, and the places where they leave things.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The root of this checkout.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Where cargo builds.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// Tells what is being done.
pub fn say(what: &str) {
    eprintln!("==> {what}");
}

/// Runs a program, its output passed through. `remedy` says what to do when it fails.
pub fn run(command: &mut Command, remedy: &str) -> Result<()> {
    let status = command.status().with_context(|| format!("`{}` cannot be started: {remedy}", line(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status}): {remedy}", line(command));
    }
    Ok(())
}

/// What a program prints, or `None` where it fails or is not there.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A command as one would type it.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
