//! Makes data sets that models are trained on, in NSynth's format, with the plugin's own spectral code.
//!
//! The modules, in reading order: a note and its file, the set that it belongs to, what is done to and measured of waves,
//! then the commands.

pub mod example;
pub mod wav;
mod full_band;
pub mod split;
pub mod staging;
pub mod set;
pub use timbrel::recording::{resample, tuning};
pub mod problems;
pub mod link;
pub mod progress;
pub mod render;
pub mod nsynth;
pub mod folder;
pub mod pack;
pub mod cli;
/// Damaged inputs, as the instrument's own tests make them.
#[cfg(test)]
#[path = "../../src/fuzz/damage.rs"]
mod fuzz;
