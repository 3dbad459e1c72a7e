//! How many notes were asked for, and what became of them, by family.

use std::collections::BTreeMap;
use std::fmt;

use crate::example::Family;

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    pub asked: u64,
    pub out_of_range: u64,
    pub silent: u64,
    pub out_of_tune: u64,
    pub kept: u64,
}

/// Counts by family.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Tally(BTreeMap<Family, Counts>);

impl Tally {
    pub fn of(&mut self, family: Family) -> &mut Counts {
        self.0.entry(family).or_default()
    }

    pub fn total(&self) -> Counts {
        self.0.values().fold(Counts::default(), |sum, counts| Counts {
            asked: sum.asked + counts.asked,
            out_of_range: sum.out_of_range + counts.out_of_range,
            silent: sum.silent + counts.silent,
            out_of_tune: sum.out_of_tune + counts.out_of_tune,
            kept: sum.kept + counts.kept,
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, counts: Counts| {
            let Counts { asked, out_of_range, silent, out_of_tune, kept } = counts;
            writeln!(f, "{name:<10}{asked:>8}{out_of_range:>14}{silent:>8}{out_of_tune:>13}{kept:>8}")
        };
        let total = self.total();
        self.0.iter().try_for_each(|(family, &counts)| line(&family.to_string(), counts))?;
        line("all", total)
    }
}

/// The heading of the table.
pub const HEADING: &str = "family       asked  out of range  silent  out of tune    kept";
