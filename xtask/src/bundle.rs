//! Builds the plugin and lays out the bundles, with the runtime library and the default model where the plugin finds
//! them by its own path.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::package::notices;
use crate::setup::runtime::{self, Runtime};
use crate::shell::{say, target_dir};
use crate::target::{Layout, System, Target};

/// The model that travels with the plugin.
const DEFAULT_MODEL: &str = "assets/default.onnx";

/// The model that was the default before: projects that were saved with it find it beside the new one.
const CLASSIC_MODEL: &str = "assets/classic.onnx";

/// Documents that belong to the model and to what is compiled in, and their names in a bundle.
const DOCUMENTS: [(&str, &str); 4] = [
    ("LICENSE", "LICENSE"),
    ("assets/default.md", "default.md"),
    ("assets/classic.md", "classic.md"),
    ("assets/fonts/OFL.txt", "Manrope-OFL.txt"),
];

/// The licences of the libraries that are linked.
const NOTICES: &str = "THIRD-PARTY.txt";

/// What is built.
#[derive(clap::Args, Default)]
pub struct Build {
    /// With all optimisations, as it is to be played.
    #[arg(long)]
    release: bool,
    /// For another system.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
}

impl Build {
    /// What is played, measured and packaged.
    pub fn release(target: Option<&str>) -> Self {
        Self { release: true, target: target.map(str::to_string) }
    }

    /// The options of `cargo build`.
    fn options(&self) -> Vec<String> {
        let target = self.target.iter().flat_map(|triple| ["--target".to_string(), triple.clone()]);
        self.release.then(|| "--release".to_string()).into_iter().chain(target).collect()
    }
}

/// Builds and bundles.
pub fn bundle(build: &Build) -> Result<()> {
    let triple = build.target.as_deref();
    let target = Target::of(triple)?;
    let runtime = runtime::fetch(target)?;
    say("Building the plugin and the standalone");
    let mut bundler = vec!["bundle".to_string(), "timbrel".to_string()];
    bundler.extend(build.options());
    nice_plug_xtask::main_with_args("cargo xtask", bundler)?;

    let bundled = target_dir().join("bundled");
    let notices = notices::collect(triple)?;
    name_standalone(target, &bundled)?;
    for layout in [target.clap_layout(&bundled), target.vst3_layout(&bundled), target.standalone_layout(&bundled)] {
        furnish(&layout, target, &runtime, &notices)?;
    }
    if target.system == System::MacOs {
        sign(&bundled);
    }
    say(&format!("Bundled into {}", bundled.display()));
    Ok(())
}

/// The bundler names everything after the plugin; a command is written small.
fn name_standalone(target: Target, bundled: &Path) -> Result<()> {
    let (from, to) = match target.system {
        System::Linux => ("Timbrel", "timbrel"),
        System::Windows => ("Timbrel.exe", "timbrel.exe"),
        // An application bundle, which keeps the plugin's name.
        System::MacOs => return Ok(()),
    };
    if bundled.join(from).exists() {
        fs::rename(bundled.join(from), bundled.join(to)).context("the standalone cannot be renamed")?;
    }
    Ok(())
}

/// Puts the library, the models, their cards and all licences into their folders.
fn furnish(layout: &Layout, target: Target, runtime: &Runtime, notices: &str) -> Result<()> {
    copy(&runtime.library, &layout.library.join(target.library_name()))?;
    copy(Path::new(DEFAULT_MODEL), &layout.resources.join("default.onnx"))?;
    copy(Path::new(CLASSIC_MODEL), &layout.resources.join("classic.onnx"))?;
    for (document, name) in DOCUMENTS {
        copy(Path::new(document), &layout.resources.join(name))?;
    }
    let file = layout.resources.join(NOTICES);
    fs::write(&file, notices).with_context(|| format!("{} cannot be written", file.display()))?;
    for licence in &runtime.licences {
        let name = licence.file_name().unwrap_or_default().to_string_lossy();
        copy(licence, &layout.resources.join(format!("onnxruntime-{name}")))?;
    }
    Ok(())
}

/// Copies a file that differs in size or age. The old one is removed first: a running host may have it mapped.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let is_current = || -> Option<bool> {
        let (from, to) = (fs::metadata(from).ok()?, fs::metadata(to).ok()?);
        Some(from.len() == to.len() && from.modified().ok()? <= to.modified().ok()?)
    };
    if is_current() == Some(true) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    if to.exists() {
        fs::remove_file(to).with_context(|| format!("{} cannot be replaced", to.display()))?;
    }
    fs::copy(from, to).with_context(|| format!("{} cannot be copied to {}", from.display(), to.display()))?;
    Ok(())
}

/// The bundler signs before the library and the model are in, which breaks its seal: macOS wants it done again.
fn sign(bundled: &Path) {
    for name in ["Timbrel.clap", "Timbrel.vst3", "Timbrel.app"] {
        let signed =
            std::process::Command::new("codesign").args(["-f", "--deep", "-s", "-"]).arg(bundled.join(name)).status();
        if !signed.is_ok_and(|status| status.success()) {
            say(&format!("{name} could not be signed; run `codesign -f --deep -s - {name}` on a Mac before using it"));
        }
    }
}
