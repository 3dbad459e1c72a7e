//! Packages to install: built from the bundles, each with the licences of all that is in it.
//!
//! | system | what is left in `target/packages/` |
//! |---|---|
//! | Linux | a `.deb` for the whole system, a `.tar.gz` with a script that installs for one user |
//! | Windows | a `.zip`, a script for Inno Setup |
//! | macOS | the tree of an installer, and on a Mac the `.pkg` |
//!
//! `SHA256SUMS` has the sum of each file.

#[cfg(unix)]
mod archive;
#[cfg(unix)]
pub mod clean_root;
mod contents;
#[cfg(unix)]
mod deb;
mod macos;
pub mod notices;
mod windows;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::bundle::{self, Build};
use crate::setup::packages;
use crate::shell::{output, say, target_dir, workspace};
use crate::target::{Processor, System, Target};

/// The variable that tells the build which commit it is of; see `timbrel --version`.
const COMMIT_VARIABLE: &str = "TIMBREL_COMMIT";

/// Builds, and makes all packages of one system.
pub fn package(triple: Option<&str>) -> Result<()> {
    packages::install(packages::BUILD)?;
    if let Some(commit) = commit() {
        // SAFETY: no other thread has been started yet.
        unsafe { std::env::set_var(COMMIT_VARIABLE, commit) };
    }
    bundle::bundle(&Build::release(triple))?;
    let made = of_bundles(Target::of(triple)?, triple)?;
    say("Packages:");
    made.iter().for_each(|file| println!("{}", file.display()));
    Ok(())
}

/// Makes the packages of what was bundled last; returns the files.
pub fn of_bundles(target: Target, triple: Option<&str>) -> Result<Vec<PathBuf>> {
    let (bundled, folder) = (target_dir().join("bundled"), target_dir().join("packages"));
    let stage = folder.join("stage");
    for old in [&stage, &folder] {
        if old.exists() {
            fs::remove_dir_all(old).with_context(|| format!("{} cannot be removed", old.display()))?;
        }
    }
    fs::create_dir_all(&stage).with_context(|| format!("{} cannot be made", stage.display()))?;
    let notices = notices::collect(triple)?;
    let made = match target.system {
        System::Linux => linux(target, &bundled, &notices, &stage, &folder)?,
        System::Windows => windows::make(target, &bundled, &notices, &stage, &folder)?,
        System::MacOs => macos::make(target, &bundled, &notices, &folder)?,
    };
    fs::remove_dir_all(&stage).with_context(|| format!("{} cannot be removed", stage.display()))?;
    fs::write(folder.join("SHA256SUMS"), sums(&made)?)?;
    Ok(made)
}

#[cfg(unix)]
fn linux(target: Target, bundled: &Path, notices: &str, stage: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut made = vec![archive::make(target, bundled, notices, &stage.join("archive"), folder)?];
    if output(Command::new("dpkg-query").arg("--version")).is_some() {
        made.push(deb::make(target, bundled, notices, &stage.join("deb"), folder)?);
    }
    Ok(made)
}

#[cfg(not(unix))]
fn linux(_: Target, _: &Path, _: &str, _: &Path, _: &Path) -> Result<Vec<PathBuf>> {
    anyhow::bail!("packages for Linux have links in them: make them on Linux")
}

/// Puts what a user should find first into a folder, and the licences of all that is linked.
fn add_documents(folder: &Path, notices: &str) -> Result<()> {
    for document in ["LICENSE", "README.md", "SECURITY.md"] {
        contents::copy(&workspace().join(document), &folder.join(document))?;
    }
    let file = folder.join("THIRD-PARTY.txt");
    fs::write(&file, notices).with_context(|| format!("{} cannot be written", file.display()))
}

/// The commit that is built, with a mark where the checkout differs from it.
fn commit() -> Option<String> {
    let hash = output(Command::new("git").args(["rev-parse", "--short=12", "HEAD"]))?;
    let changed = output(Command::new("git").args(["status", "--porcelain", "--untracked-files=no"]))?;
    Some(hash.trim().to_string() + if changed.trim().is_empty() { "" } else { "-changed" })
}

/// Name of a package without its ending.
fn name(target: Target) -> String {
    let system = match target.system {
        System::Linux => "linux",
        System::MacOs => "macos",
        System::Windows => "windows",
    };
    let processor = match target.processor {
        Processor::X86 => "x86_64",
        Processor::Arm => "aarch64",
    };
    format!("timbrel-{}-{system}-{processor}", env!("CARGO_PKG_VERSION"))
}

/// As `sha256sum` writes and checks them.
fn sums(files: &[PathBuf]) -> Result<String> {
    let mut sums = String::new();
    for file in files {
        let bytes = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        sums += &format!("{digest}  {}\n", file.file_name().unwrap_or_default().to_string_lossy());
    }
    Ok(sums)
}
