//! The split into notes to learn from and notes to be judged by.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::example::Examples;

/// The seed where none is asked for.
pub const SEED: u64 = 0;

/// `split.json`: names of notes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Split {
    pub seed: u64,
    pub train: Vec<String>,
    pub test: Vec<String>,
}

impl Split {
    /// Shuffles the notes and takes four fifths to train: the paper's new split, which has notes of every instrument and
    /// pitch on both sides (arXiv 1902.08710, section 3.1).
    pub fn new(examples: &Examples, seed: u64) -> Self {
        let mut names: Vec<String> = examples.keys().cloned().collect();
        shuffle(&mut names, seed);
        let test = names.split_off(names.len() * 4 / 5);
        Self { seed, train: names, test }
    }
}

/// Fisher and Yates's shuffle; the same seed gives the same order on every machine.
fn shuffle<T>(values: &mut [T], seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for last in (1..values.len()).rev() {
        // The remainder favours small numbers by less than one part in 2^40.
        let other = random.next_u64() % (last as u64 + 1);
        values.swap(last, other as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{Example, Family, Instrument, Source};

    fn examples(count: u8) -> Examples {
        let instrument = Instrument { id: 0, family: Family::Bass, source: Source::Acoustic, number: 0 };
        (0..count).map(|pitch| Example::new(&instrument, pitch, 100)).map(|e| (e.note_str.clone(), e)).collect()
    }

    #[test]
    fn every_note_is_on_one_side_and_the_seed_decides_which() {
        let examples = examples(101);
        let split = Split::new(&examples, 3);
        assert_eq!((split.train.len(), split.test.len()), (80, 21));
        let mut all: Vec<&String> = split.train.iter().chain(&split.test).collect();
        all.sort();
        assert!(all.into_iter().eq(examples.keys()));
        assert_eq!(split, Split::new(&examples, 3));
        assert_ne!(split.test, Split::new(&examples, 4).test);
        assert!(!split.train.is_sorted(), "the notes are shuffled");
    }
}
