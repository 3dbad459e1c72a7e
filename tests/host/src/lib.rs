//! A CLAP host in process: it loads the built bundle as a DAW does, plays events into it sample-accurately, and measures
//! what comes out. The tests and the demo stand on it; nothing of it is in the plugin.
//!
//! ```text
//! events -> plugin (bundle, activation, blocks) -> audio -> measure (pitch, level, flux), picture, wav
//!                             realtime: what the audio thread was caught doing
//! ```

pub mod audio;
pub mod clock;
#[cfg(target_os = "linux")]
pub mod display;
#[cfg(target_os = "linux")]
mod editor;
pub mod events;
pub mod handlers;
pub mod measure;
pub mod onnx;
pub mod picture;
pub mod plugin;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub mod realtime;
pub mod sawtooth;
pub mod sounds;

use std::path::PathBuf;

use anyhow::{Result, ensure};

pub use audio::Audio;
#[cfg(target_os = "linux")]
pub use display::Display;
pub use events::{At, Event, NoteExpressionType};
pub use plugin::{Activation, Pace, Param, Plugin, Worst};

/// The built CLAP bundle of this checkout.
///
/// # Errors
/// When it was not built yet, with a sentence that says how to build it.
pub fn bundle() -> Result<PathBuf> {
    let path = bundled_dir().join("Timbrel.clap");
    ensure!(path.exists(), "{} is not there: run `cargo xtask bundle --release` first", path.display());
    Ok(path)
}

/// The folder of the built bundles.
pub fn bundled_dir() -> PathBuf {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let workspace = workspace.canonicalize().unwrap_or(workspace);
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    target.join("bundled")
}
