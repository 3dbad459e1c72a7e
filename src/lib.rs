//! Timbrel: a neural musical instrument.

pub mod note;
pub mod link;
pub mod model;
pub mod params;
pub mod spectral;
pub mod state;
pub mod worker;
