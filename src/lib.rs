//! Timbrel: a neural musical instrument that plays GANSynth (Engel et al., ICLR 2019, arXiv 1902.08710).
//!
//! The way of the data, and the order in which to read the modules:
//!
//! ```text
//! MIDI event -> NoteRequest (timbre, key) -> generator (ONNX) -> mel spectrogram
//!     -> Note (linear magnitude and phase advance, per frame) -> cache -> Voice -> mix -> host
//! ```

#![cfg_attr(not(test), warn(clippy::unwrap_used, reason = "a panic would be the host's or the user's"))]

pub mod geometry;
pub mod expression;
pub mod frames;
mod fused;
pub mod note;
pub mod link;
pub mod files;
#[cfg(test)]
mod fuzz;
pub mod storage;
pub mod model;
pub mod latent;
pub mod held;
pub mod clip;
pub mod spectral;
pub mod recording;
pub mod worker;
pub mod matching;
pub mod audio;
pub mod params;
pub mod midi_map;
pub mod tuning;
pub mod state;
pub mod patch;
pub mod preset;
pub mod editor;
pub mod plugin;
mod export;

pub use plugin::Timbrel;

/// The version, and of a build that was packaged the commit.
pub const VERSION: &str = env!("TIMBREL_VERSION");
