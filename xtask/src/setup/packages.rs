//! System packages, by apt.

use std::process::Command;

use anyhow::{Result, bail};

use crate::shell::{output, run, say};

/// Needed to build: a linker, the sound systems that the standalone links to, and Python for the runtime library and the
/// hosts.
pub const BUILD: &[&str] =
    &["build-essential", "pkg-config", "libasound2-dev", "libjack-jackd2-dev", "python3-venv", "python3-pip"];

/// The SoundFonts that data sets are rendered from.
pub const FONTS: &[&str] = &["fluid-soundfont-gm", "musescore-general-soundfont"];

/// The synthesiser that the audio call is compared with, and its sounds.
pub const SYNTHESISER: &[&str] = &["fluidsynth", "fluid-soundfont-gm"];

/// Needed to show an editor on a machine without a display, and to take its picture.
pub const DISPLAY: &[&str] = &[
    "xvfb",
    "libegl1",
    "libgl1-mesa-dri",
    "libx11-6",
    "libx11-xcb1",
    "libxcb1",
    "libxkbcommon-x11-0",
    "libxcb-xkb1",
    "xdotool",
    "imagemagick",
];

/// A digital audio workstation that plays without its window.
pub const WORKSTATION: &[&str] = &["ardour"];

/// Needed to make a package for Debian.
pub const PACKAGE: &[&str] = &["dpkg-dev"];

/// Needed to install that package in a new Debian.
pub const CLEAN_ROOT: &[&str] = &["mmdebstrap"];

/// Installs what is missing.
pub fn install(packages: &[&str]) -> Result<()> {
    // macOS and Windows bring all that is needed with their compilers.
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    if output(Command::new("dpkg-query").arg("--version")).is_none() {
        say(&format!("This Linux has no apt; if the build fails, install what Debian calls {}", packages.join(", ")));
        return Ok(());
    }
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    say(&format!("Installing {}", missing.join(", ")));
    let by_hand = format!("install them by hand with `apt-get install {}`, then run this again", missing.join(" "));
    run(apt()?.arg("update"), &format!("check the network, or {by_hand}"))?;
    run(apt()?.args(["install", "--yes", "--no-install-recommends"]).args(&missing), &by_hand)
}

fn is_installed(package: &str) -> bool {
    // A package of another architecture prints a line of its own.
    output(Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}\n", package]))
        .is_some_and(|states| states.lines().any(|state| state == "installed"))
}

/// apt, as root.
fn apt() -> Result<Command> {
    let is_root = output(Command::new("id").arg("--user")).is_some_and(|id| id.trim() == "0");
    if is_root {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        return Ok(command);
    }
    if output(Command::new("sudo").arg("--version")).is_none() {
        bail!("system packages are missing and there is no sudo to install them: run this once as root");
    }
    let mut command = Command::new("sudo");
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    Ok(command)
}
