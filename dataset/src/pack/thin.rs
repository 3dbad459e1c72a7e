//! A part of a set: fewer pitches, fewer velocities.

use clap::Args;

use crate::example::{Example, Examples};
use crate::split::Split;

#[derive(Args, Clone, Debug)]
pub struct Thinning {
    /// Only every so many-th MIDI pitch, counted from 0.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    pub every_nth_pitch: u8,
    /// Only these velocities, as `75,127`.
    #[arg(long, value_delimiter = ',')]
    pub velocities: Vec<u8>,
}

impl Thinning {
    /// Whether nothing is left out.
    pub fn is_none(&self) -> bool {
        self.every_nth_pitch == 1 && self.velocities.is_empty()
    }

    /// Leaves out what is not asked for. Each note stays on its side of the split.
    pub fn apply(&self, examples: &mut Examples, split: &mut Split) {
        let is_kept = |example: &Example| {
            let is_velocity = self.velocities.is_empty() || self.velocities.contains(&example.velocity);
            is_velocity && example.pitch.is_multiple_of(self.every_nth_pitch)
        };
        examples.retain(|_, example| is_kept(example));
        split.train.retain(|name| examples.contains_key(name));
        split.test.retain(|name| examples.contains_key(name));
    }
}
