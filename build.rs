//! Tells the plugin which sources decide what a rendered note holds, so that notes that an older build kept on the disk are
//! not taken for its own. And how its library is linked.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the sources of the library lie.
pub const SOURCES: &str = "src";

/// What stands before or behind the rendering of a note and cannot change its bits: files and folders of [`SOURCES`]. All
/// others are taken to decide, so that a new one does so unless somebody has thought about it. `tests/fingerprint.rs` follows
/// the imports of what renders, and fails where they lead to one of these.
pub const HARMLESS: [&str; 14] = [
    "audio",
    "cli",
    "clip.rs",
    "editor",
    "export",
    "fuzz",
    "main.rs",
    "matching",
    "params",
    "params.rs",
    "patch.rs",
    "plugin.rs",
    "recording",
    "state.rs",
];

fn main() {
    // A thread of the host that has called the plugin, to scan it for instance, runs the plugin's destructors of thread-local
    // values when it ends. Where the loader had unmapped the library by then, the host would crash.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    // Packages are built with their commit; a build for oneself would be made anew with every commit.
    println!("cargo::rerun-if-env-changed=TIMBREL_COMMIT");
    let commit = std::env::var("TIMBREL_COMMIT").map(|commit| format!(" ({commit})")).unwrap_or_default();
    println!("cargo::rustc-env=TIMBREL_VERSION={}{commit}", env!("CARGO_PKG_VERSION"));
    println!("cargo::rustc-env=TIMBREL_NOTE_SOURCES={:016x}", fingerprint());
}

/// A number for all that decides the bits of a note in this build: the sources, the libraries and their features, and the
/// compiler.
fn fingerprint() -> u64 {
    let mut hash = Fnv::new();
    for stated in ["Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={stated}");
        // A package without a lock file is no harm.
        hash.add(&std::fs::read(stated).unwrap_or_default());
    }
    println!("cargo::rerun-if-changed={SOURCES}");
    for file in deciding(Path::new(SOURCES)) {
        // A source that cannot be read fails the build by itself.
        hash.add(&std::fs::read(file).unwrap_or_default());
    }
    let compiler = Command::new(std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into())).arg("-vV").output();
    hash.add(&compiler.map(|said| said.stdout).unwrap_or_default());
    hash.0
}

/// The sources that may decide the bits of a note, in an order of their own.
pub fn deciding(sources: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(sources, &mut found);
    found.retain(|file| {
        let file = file.strip_prefix(sources).expect("it lies within");
        !is_test(file) && !HARMLESS.iter().any(|harmless| file.starts_with(harmless))
    });
    found.sort();
    found
}

/// Whether a source is compiled for tests alone.
pub fn is_test(file: &Path) -> bool {
    file.iter().any(|part| part == "tests" || part == "tests.rs")
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The hash of Fowler, Noll and Vo, FNV-1a with 64 bits.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
