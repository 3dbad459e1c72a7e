//! What a host finds in the library: the entry points of CLAP and VST3.
//!
//! The instances are the framework's own. Its macros would export them, too; but it reads a state as a whole before
//! `Plugin::filter_state` sees it, so that one value that is none would refuse all of it. So the two calls that load a state
//! go through here, where [`readable`] makes of it what the framework can read, and `state::mend` does the rest.

mod clap;
mod vst3;

use crate::state;

/// A longer state is none, and is left to the framework to refuse; a real one has some ten thousand bytes.
const LONGEST_STATE: usize = 16 << 20;

/// What the framework is to read in place of a state's bytes, if anything.
fn readable(bytes: &[u8]) -> Option<Vec<u8>> {
    // No panic crosses into the host: a state that nobody foresaw is then read as it is.
    std::panic::catch_unwind(|| state::readable(bytes)).unwrap_or_default()
}
