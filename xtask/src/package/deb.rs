//! A package for Debian and its relatives.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::contents::{self, What};
use crate::setup::packages;
use crate::shell::run;
use crate::target::{Processor, Target};

/// What the editor's window looks for when it opens, by name and not by being linked.
const WINDOW: &str = "libgl1, libx11-6, libx11-xcb1, libxcb1, libxkbcommon-x11-0";

const COPYRIGHT: &str = "usr/share/doc/timbrel/copyright";

/// Makes the package in `folder`; `stage` is a folder for the tree, which is made anew.
pub fn make(target: Target, bundled: &Path, notices: &str, stage: &Path, folder: &Path) -> Result<PathBuf> {
    packages::install(packages::PACKAGE)?;
    let tree = stage.join("tree");
    for (place, what) in contents::of(target, bundled) {
        let path = Path::new(place.base.in_system()).join(&place.path);
        let to = tree.join(&path);
        match what {
            What::Copy(from) => contents::copy(&from, &to)?,
            What::LinkTo(other) => {
                let there = Path::new(other.base.in_system()).join(&other.path);
                if let Some(folder) = to.parent() {
                    fs::create_dir_all(folder)?;
                }
                symlink(contents::relative(&path, &there), &to)
                    .with_context(|| format!("the link {} cannot be made", to.display()))?;
            }
        }
    }
    let licence = fs::read_to_string("LICENSE").context("LICENSE is missing from the checkout")?;
    fs::write(tree.join(COPYRIGHT), format!("{}\n\n{notices}", licence.trim()))?;
    let depends = needs(stage, &tree)?;
    let (version, architecture) = (env!("CARGO_PKG_VERSION"), architecture(target));
    let control = control(version, architecture, &depends, installed_kib(&tree)?);
    fs::create_dir_all(tree.join("DEBIAN"))?;
    fs::write(tree.join("DEBIAN/control"), control)?;
    set_modes(&tree)?;
    let file = folder.join(format!("timbrel_{version}_{architecture}.deb"));
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "-Zgzip", "--build"]).arg(&tree).arg(&file);
    run(&mut build, "see what it says above; a full disk is the usual cause")?;
    Ok(file)
}

fn architecture(target: Target) -> &'static str {
    match target.processor {
        Processor::X86 => "amd64",
        Processor::Arm => "arm64",
    }
}

fn control(version: &str, architecture: &str, depends: &str, kib: u64) -> String {
    format!(
        "Package: timbrel\nVersion: {version}\nArchitecture: {architecture}\nSection: sound\nPriority: optional\n\
         Maintainer: The Timbrel project <timbrel@localhost>\nInstalled-Size: {kib}\nDepends: {depends}\n\
         Recommends: {WINDOW}\nDescription: neural musical instrument (VST3, CLAP, standalone)\n \
         Timbrel plays GANSynth from a MIDI keyboard: a neural network makes up every\n sound, and eight knobs move through \
         the timbres that it knows. Held notes\n follow the timbre without a new stroke, and a bounce is the same every time.\n"
    )
}

/// The packages whose libraries the programs are linked with, as Debian's own tool finds them.
fn needs(stage: &Path, tree: &Path) -> Result<String> {
    // The tool wants to stand in a source package, and looks at its name only.
    fs::create_dir_all(stage.join("debian"))?;
    fs::write(stage.join("debian/control"), "Source: timbrel\n\nPackage: timbrel\nArchitecture: any\n")?;
    let tree = tree.canonicalize()?;
    let mut command = Command::new("dpkg-shlibdeps");
    command.current_dir(stage).args(["-O", "--ignore-missing-info"]);
    for program in
        ["usr/lib/timbrel/timbrel", "usr/lib/clap/Timbrel.clap", "usr/lib/timbrel/Timbrel.data/libonnxruntime.so"]
    {
        command.arg(tree.join(program));
    }
    let output = command.output().context("dpkg-shlibdeps cannot be started: install dpkg-dev")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let depends = said.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    ensure!(output.status.success(), "dpkg-shlibdeps failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(depends.context("dpkg-shlibdeps named no packages")?.to_string())
}

fn installed_kib(tree: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(tree)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { 1024 * installed_kib(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes.div_ceil(1024))
}

/// Folders and programs may be entered and run by all, other files read; the user's own mask plays no part.
fn set_modes(path: &Path) -> Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let is_program = path.ends_with("timbrel/timbrel");
    let mode = if metadata.is_dir() || is_program { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            set_modes(&entry?.path())?;
        }
    }
    Ok(())
}
