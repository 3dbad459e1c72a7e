//! The spectral representations: analysis and synthesis, no plugin in sight.
//!
//! A model's image is one of seven kinds ([`Representation`]): `[2, frames, bins]` float32 with level and angle of a
//! short-time Fourier transform. The ways between an image and a wave:
//!
//! ```text
//! wave -> Analysis -> image -> Normaliser::normalise -> network in training
//!
//! model -> image -> PolarMap -> magnitude, phase advance -> FrameSynth, overlap-added -> wave
//!                                                           (by Synthesis here, by a voice on the audio thread)
//! ```
//!
//! Six follow the published code of GANSynth (magenta, `models/gansynth/lib`) and are tested against its values. The seventh has
//! the sizes that its model names.

mod analysis;
mod error;
pub(crate) mod exp;
mod frame;
mod mel;
mod normaliser;
mod phase;
mod polar;
mod representation;
mod synthesis;
mod two_taps;

pub use analysis::{Analysis, crop_or_pad};
pub use error::SpectralError;
pub use frame::{FramePlan, FrameSynth, wrap_turns};
pub use mel::MelScale;
pub use normaliser::{Affine, MARGIN, Normaliser};
pub use phase::InstantaneousFrequency;
pub use polar::PolarMap;
pub use representation::{IF_LINEAR, NOTE_SAMPLES, Representation, SAMPLE_RATE};
pub use synthesis::{Synthesis, synthesise};
