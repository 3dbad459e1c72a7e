//! Timbrel: a neural musical instrument.

pub mod link;
pub mod model;
pub mod note;
pub mod params;
pub mod spectral;
pub mod state;
pub mod worker;
