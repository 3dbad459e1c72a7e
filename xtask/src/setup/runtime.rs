//! ONNX Runtime's library, out of its published Python wheel: there is one for every system, and its hash is pinned here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::shell::{run, say, target_dir};
use crate::target::{Processor, System, Target};

const VERSION: &str = "1.31.1";

/// One published wheel.
struct Wheel {
    /// Tags under which pip knows the system.
    platforms: &'static [&'static str],
    sha256: &'static str,
    /// The library within the wheel.
    library: &'static str,
}

/// The folder with the library and its licences.
pub struct Runtime {
    pub library: PathBuf,
    pub licences: Vec<PathBuf>,
}

fn wheel(target: Target) -> Result<Wheel> {
    Ok(match (target.system, target.processor) {
        (System::Linux, Processor::X86) => Wheel {
            platforms: &["manylinux_2_28_x86_64", "manylinux_2_27_x86_64"],
            sha256: "5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f",
            library: "libonnxruntime.so.1.31.1",
        },
        (System::Linux, Processor::Arm) => Wheel {
            platforms: &["manylinux_2_28_aarch64", "manylinux_2_27_aarch64"],
            sha256: "da05378364c44d4407e463982d2bf8d5e4cfea873283757e48beeb41df97b7f3",
            library: "libonnxruntime.so.1.31.1",
        },
        (System::MacOs, Processor::Arm) => Wheel {
            platforms: &["macosx_14_0_arm64"],
            sha256: "60b6b69bfe580eab576cacc5d132a0e9cf2a37fcfd18d46dd191042b1d1ed0d7",
            library: "libonnxruntime.1.31.1.dylib",
        },
        (System::MacOs, Processor::X86) => {
            bail!("ONNX Runtime {VERSION} is not published for Intel Macs: build for aarch64-apple-darwin")
        }
        (System::Windows, Processor::X86) => Wheel {
            platforms: &["win_amd64"],
            sha256: "c3d91b5de31e2fc82d71bd65b2b22bddee8b49057a3a36338e9a868e0ea90c05",
            library: "onnxruntime.dll",
        },
        (System::Windows, Processor::Arm) => Wheel {
            platforms: &["win_arm64"],
            sha256: "93800007a7023b3ab26ad72e6463d0d57d84ead49a2f6341954d91438e046bc0",
            library: "onnxruntime.dll",
        },
    })
}

/// Fetches the library for a target, once.
pub fn fetch(target: Target) -> Result<Runtime> {
    let wheel = wheel(target)?;
    // The one for this machine lies where the plugin's unit tests look for it.
    let home = target_dir().join("runtime");
    let folder = if target == Target::of(None)? { home } else { home.join(wheel.platforms[0]) };
    let runtime = Runtime {
        library: folder.join(wheel.library),
        licences: vec![folder.join("LICENSE"), folder.join("ThirdPartyNotices.txt")],
    };
    // The marker is written last and names what the folder was made from: an interrupted or older one is made again.
    let marker = folder.join("wheel.sha256");
    if fs::read_to_string(&marker).is_ok_and(|sha256| sha256 == wheel.sha256) {
        return Ok(runtime);
    }
    say(&format!("Fetching ONNX Runtime {VERSION} for {}", wheel.platforms[0]));
    let download = folder.join("download");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be cleared", folder.display()))?;
    }
    fs::create_dir_all(&download).with_context(|| format!("{} cannot be made", download.display()))?;
    let archive = download_wheel(&wheel, &download)?;
    check_hash(&archive, wheel.sha256)?;
    unpack(&archive, &download)?;
    let contents = download.join("onnxruntime");
    place(&contents.join("capi").join(wheel.library), &runtime.library)?;
    for licence in &runtime.licences {
        place(&contents.join(licence.file_name().unwrap_or_default()), licence)?;
    }
    fs::remove_dir_all(&download)?;
    fs::write(&marker, wheel.sha256).with_context(|| format!("{} cannot be written", marker.display()))?;
    Ok(runtime)
}

/// pip chooses the wheel by name, version and platform, whatever machine it runs on.
fn download_wheel(wheel: &Wheel, folder: &Path) -> Result<PathBuf> {
    let mut pip = Command::new(python());
    pip.args(["-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]);
    pip.args(["--only-binary=:all:", "--python-version", "311", "--dest"]).arg(folder);
    for platform in wheel.platforms {
        pip.args(["--platform", platform]);
    }
    run(pip.arg(format!("onnxruntime=={VERSION}")), "check the network and that pip reaches a package index")?;
    let files = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    files
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip downloaded no wheel: run this again")
}

fn check_hash(archive: &Path, expected: &str) -> Result<()> {
    let bytes = fs::read(archive).with_context(|| format!("{} cannot be read", archive.display()))?;
    let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    ensure!(
        found == expected,
        "{} is not the file that was checked when its hash was pinned (SHA-256 {found} instead of {expected}): \
         do not use it, and find out where it came from",
        archive.display()
    );
    Ok(())
}

/// A wheel is a zip archive, which Python unpacks.
fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    run(
        Command::new(python()).args(["-m", "zipfile", "-e"]).arg(archive).arg(folder),
        "check that there is room on the disk",
    )
}

fn place(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).with_context(|| format!("{} cannot be moved to {}", from.display(), to.display()))
}

/// The Python of this machine.
pub fn python() -> &'static str {
    if cfg!(windows) { "python" } else { "python3" }
}
