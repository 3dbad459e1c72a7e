//! What the commands need and a fresh machine lacks. Each part is quick when it is there already.

pub mod packages;
pub mod python;
pub mod runtime;
