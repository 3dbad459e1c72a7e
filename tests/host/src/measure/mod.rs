//! Measures of a sound, each on plain samples.

mod click;
mod course;
mod level;
mod pitch;
mod spectrum;

pub use click::{flux, splatter_db};
pub use course::course_correlation;
pub use level::{db, envelope_db, loudest_step_db, rms};
pub use pitch::{cents, equal_temperament, harmonicity_db, partials, pitch_error_cents};
pub use spectrum::{Frames, Spectrum, hann};
