//! Tells the plugin which sources decide what a rendered note holds, so that notes that an older build kept on the disk are
//! not taken for its own. And how its library is linked.

use std::path::{Path, PathBuf};

/// The sources on the way from a timbre to a note; `Cargo.lock` stands for the libraries.
const DECIDING: [&str; 9] = [
    "Cargo.lock",
    "src/frames.rs",
    "src/latent",
    "src/model/manifest.rs",
    "src/note.rs",
    "src/spectral",
    "src/worker/generator.rs",
    "src/worker/prepare.rs",
    "src/worker/sustain.rs",
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
    let mut hash = Fnv::new();
    for source in DECIDING {
        println!("cargo::rerun-if-changed={source}");
        for file in files(Path::new(source)) {
            // A source that cannot be read fails the build by itself; a package without a lock file is no harm.
            hash.add(&std::fs::read(file).unwrap_or_default());
        }
    }
    println!("cargo::rustc-env=TIMBREL_NOTE_SOURCES={:016x}", hash.0);
}

/// The file, or the files of the folder, in an order of their own.
fn files(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else { return vec![path.to_owned()] };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
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
