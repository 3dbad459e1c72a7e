//! The spectral representations against the values of the published code, and against themselves.

mod check;
mod full_band;
#[path = "../golden/mod.rs"]
mod golden;
mod published;
mod round_trip;
