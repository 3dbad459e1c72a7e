//! Proves the package for Debian: a new, small Debian in a folder, into which it is installed as by a user, found by the paths of
//! the system, played as CLAP, as VST3 and by the command line, and taken away again without a trace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::setup::packages;
use crate::shell::{output, run, say, target_dir};

/// What is done in the root. `$1` of `mmdebstrap`'s hooks is its folder.
const PROOF: &str = include_str!("clean_root.sh");

/// Whether this machine can make such a root.
pub fn is_possible() -> bool {
    output(Command::new("dpkg-query").arg("--version")).is_some() && codename().is_some()
}

/// Proves `package`; `host` is a program that finds and plays a CLAP plugin, `site_packages` the Python host of VST3 plugins.
pub fn prove(package: &Path, host: &Path, site_packages: &Path) -> Result<()> {
    packages::install(packages::CLEAN_ROOT)?;
    let codename = codename().context("this is no Debian: /etc/os-release names no release")?;
    let folder = target_dir().join("packages/proof");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let script = folder.join("proof.sh");
    fs::write(&script, PROOF)?;
    let bring = |what: &Path, name: &str| -> Result<String> {
        let what = std::path::absolute(what)?;
        Ok(format!("--customize-hook=cp -a '{}' \"$1/tmp/{name}\"", what.display()))
    };
    say("Installing the package in a new Debian, playing it there, and taking it away again");
    let mut root = Command::new("mmdebstrap");
    root.args(["--quiet", "--mode=auto", "--variant=apt", "--include=python3,libatomic1,zlib1g"]);
    root.arg(bring(&script, "proof.sh")?).arg(bring(package, "timbrel.deb")?);
    root.arg(bring(host, "clap-host")?).arg(bring(site_packages, "site-packages")?);
    root.args(["--customize-hook=chroot \"$1\" sh -eu /tmp/proof.sh", &codename, "/dev/null"]);
    run(&mut root, "see what it says above; without a network no root can be made")
}

/// The release of this Debian: a program is linked with the libraries of the one that it was built on.
fn codename() -> Option<String> {
    let release = fs::read_to_string("/etc/os-release").ok()?;
    let value =
        |key: &str| Some(release.lines().find_map(|line| line.strip_prefix(key))?.trim_matches('"').to_string());
    (value("ID=")? == "debian").then(|| value("VERSION_CODENAME="))?
}

/// The package for Debian among those that were made.
pub fn deb(made: &[PathBuf]) -> Result<&PathBuf> {
    let is_deb = |file: &&PathBuf| file.extension().is_some_and(|ending| ending == "deb");
    made.iter().find(is_deb).context("no package for Debian was made")
}
