//! What is wrong with single files: a sentence each, and a count of each kind.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

/// So many sentences are printed; the rest is counted.
const SHOWN: usize = 20;

/// A set may have lost one note in so many, as happens on the way; more says that the copy is bad.
const ONE_IN: usize = 100;

/// Sentences by kind.
#[derive(Default, Debug)]
pub struct Problems(BTreeMap<&'static str, Vec<String>>);

impl Problems {
    pub fn add(&mut self, kind: &'static str, sentence: String) {
        self.0.entry(kind).or_default().push(sentence);
    }

    pub fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of files by what is wrong with them.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.0.iter().map(|(kind, sentences)| (*kind, sentences.len()))
    }

    /// Prints the first sentences and the counts.
    pub fn print(&self) {
        self.0.values().flatten().take(SHOWN).for_each(|sentence| eprintln!("{sentence}"));
        if self.len() > SHOWN {
            eprintln!("... and {} more.", self.len() - SHOWN);
        }
        self.counts().for_each(|(kind, count)| eprintln!("{count} left out: {kind}."));
    }

    /// Refuses a set of which too much is left out.
    pub fn check(&self, good: usize) -> Result<()> {
        let all = good + self.len();
        if self.len() * ONE_IN > all {
            let counts: Vec<_> = self.counts().map(|(kind, count)| format!("{count} {kind}")).collect();
            let first = self.0.values().flatten().next().map_or("", String::as_str);
            bail!(
                "{} of {all} notes cannot be used ({}), more than one in {ONE_IN}: get the set again. The first: {first}",
                self.len(),
                counts.join(", ")
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_hundred_may_be_bad() {
        let mut problems = Problems::default();
        assert!(problems.check(0).is_ok());
        problems.add("cut", "a.wav is cut.".to_string());
        assert!(problems.check(99).is_ok());
        let error = problems.check(98).unwrap_err().to_string();
        assert!(
            error.starts_with("1 of 99 notes cannot be used (1 cut)") && error.ends_with("a.wav is cut."),
            "{error}"
        );
    }
}
