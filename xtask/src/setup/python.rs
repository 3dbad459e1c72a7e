//! Python environments of their own: one with the VST3 hosts, one with the training code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::setup::runtime::python;
use crate::shell::{output, run, say, target_dir};

/// The hosts, pinned with all that they depend on.
const HOSTS: &str = include_str!("../../../tests/python/requirements.txt");

/// What training needs, in the bounds that it works with.
const TRAINING: &str = include_str!("../../../training/pyproject.toml");

/// What looks at the Python code, pinned since each version finds more.
const RUFF: &str = "ruff==0.17.6";

/// Makes the environment with the VST3 hosts, once, and returns its interpreter.
pub fn hosts() -> Result<PathBuf> {
    environment(
        "python",
        HOSTS,
        "Making a Python environment with the VST3 host",
        &["--only-binary=:all:", "--requirement", "tests/python/requirements.txt"],
    )
}

/// Makes the environment with the training code, once, and returns its interpreter.
pub fn training() -> Result<PathBuf> {
    environment(
        "training",
        TRAINING,
        "Making a Python environment for training; PyTorch brings its GPU libraries, which are 5.8 GB and take some \
         2.5 minutes",
        &["--editable", "training[test]"],
    )
}

/// Makes the environment with what looks at the Python code, once, and returns its interpreter.
pub fn lint() -> Result<PathBuf> {
    environment("lint", RUFF, "Making a Python environment for ruff", &["--only-binary=:all:", RUFF])
}

/// The folder of an environment's modules.
pub fn site_packages(interpreter: &Path) -> Result<PathBuf> {
    let ask = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let folder = output(Command::new(interpreter).args(["-c", ask]));
    Ok(folder.with_context(|| format!("{} does not run", interpreter.display()))?.trim().into())
}

/// Makes the environment `target/NAME` by `pip install ARGUMENTS`, unless it is there and was made for the same `packages`.
fn environment(name: &str, packages: &str, announcement: &str, arguments: &[&str]) -> Result<PathBuf> {
    let folder = target_dir().join(name);
    let interpreter = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    // The copy is written last: an interrupted or older environment is made again.
    let marker = folder.join("made-for.txt");
    if interpreter.exists() && fs::read_to_string(&marker).is_ok_and(|made_for| made_for == packages) {
        return Ok(interpreter);
    }
    // A link leads to another checkout's environment, where a training may be running: it is used as it is, never cleared.
    if folder.is_symlink() {
        ensure!(
            interpreter.exists(),
            "{} is a link to an environment without Python: make that one again where it is, or remove the link",
            folder.display()
        );
        say(&format!("Using the environment that {} links to, as it is", folder.display()));
        return Ok(interpreter);
    }
    say(announcement);
    make(&folder, &interpreter, arguments)?;
    fs::write(&marker, packages).with_context(|| format!("{} cannot be written", marker.display()))?;
    Ok(interpreter)
}

fn make(folder: &Path, interpreter: &Path, arguments: &[&str]) -> Result<()> {
    run(
        Command::new(python()).args(["-m", "venv", "--clear"]).arg(folder),
        "install Python's venv module (Debian: `apt-get install python3-venv`)",
    )?;
    run(
        Command::new(interpreter)
            .args(["-m", "pip", "--disable-pip-version-check", "install", "--quiet"])
            .args(arguments),
        "check the network, the disk's room, and that pip reaches a package index",
    )
}
