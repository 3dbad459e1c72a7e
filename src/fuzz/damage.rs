//! Good inputs, damaged.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// How many cases are run, of each target.
pub const CASES_VARIABLE: &str = "TIMBREL_FUZZ_CASES";

/// Runs a target on many inputs. The cheaper a case, the more of them a short run has.
pub fn run<S: Strategy>(inputs: S, short: u32, target: impl Fn(S::Value)) {
    let asked = std::env::var(CASES_VARIABLE).ok().and_then(|cases| cases.parse().ok());
    let cases = asked.unwrap_or(short);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let outcome = TestRunner::new_with_rng(config, random).run(&inputs, |input| {
        target(input);
        Ok::<(), TestCaseError>(())
    });
    if let Err(found) = outcome {
        panic!("{found}");
    }
    println!("{cases} cases");
}

/// One thing that is done to bytes. Places are shares of the length, in 1/65536.
#[derive(Clone, Debug)]
enum Damage {
    Flip {
        at: u16,
        bit: u8,
    },
    Set {
        at: u16,
        byte: u8,
    },
    /// A number as large or as odd as numbers get, in either order of bytes.
    Number {
        at: u16,
        bytes: Vec<u8>,
    },
    Cut {
        at: u16,
    },
    Remove {
        at: u16,
        count: u16,
    },
    Insert {
        at: u16,
        bytes: Vec<u8>,
    },
    Repeat {
        at: u16,
        count: u16,
    },
    /// A piece of this or another good input, put somewhere.
    Splice {
        at: u16,
        other: u8,
        from: u16,
        count: u16,
    },
}

impl Damage {
    fn any() -> impl Strategy<Value = Self> {
        let odd = prop_oneof![
            Just(0u64),
            Just(1),
            Just(0x7f),
            Just(0x80),
            Just(0xff),
            Just(0x7fff),
            Just(0xffff),
            Just(0x7fff_ffff),
            Just(0xffff_ffff),
            Just(u64::MAX),
            any::<u64>()
        ];
        let number = (odd, 0..8usize, any::<bool>()).prop_map(|(number, extra, big)| {
            let bytes = if big { number.to_be_bytes() } else { number.to_le_bytes() };
            let width = [1, 2, 4, 8, 1, 2, 4, 4][extra];
            if big { bytes[8 - width..].to_vec() } else { bytes[..width].to_vec() }
        });
        prop_oneof![
            4 => (any::<u16>(), 0..8u8).prop_map(|(at, bit)| Self::Flip { at, bit }),
            4 => (any::<u16>(), any::<u8>()).prop_map(|(at, byte)| Self::Set { at, byte }),
            4 => (any::<u16>(), number).prop_map(|(at, bytes)| Self::Number { at, bytes }),
            1 => any::<u16>().prop_map(|at| Self::Cut { at }),
            2 => (any::<u16>(), 1..64u16).prop_map(|(at, count)| Self::Remove { at, count }),
            2 => (any::<u16>(), vec(any::<u8>(), 1..16)).prop_map(|(at, bytes)| Self::Insert { at, bytes }),
            1 => (any::<u16>(), 1..200u16).prop_map(|(at, count)| Self::Repeat { at, count }),
            2 => (any::<u16>(), any::<u8>(), any::<u16>(), 1..200u16)
                .prop_map(|(at, other, from, count)| Self::Splice { at, other, from, count }),
        ]
    }

    fn apply(&self, bytes: &mut Vec<u8>, all: &[Vec<u8>]) {
        let place = |share: u16, length: usize| length * usize::from(share) / 65_536;
        let length = bytes.len();
        match self {
            Self::Cut { at } => bytes.truncate(place(*at, length)),
            Self::Insert { at, bytes: new } => {
                let at = place(*at, length);
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Splice { at, other, from, count } => {
                let other = &all[usize::from(*other) % all.len()];
                let from = place(*from, other.len());
                let piece = &other[from..other.len().min(from + usize::from(*count))];
                let at = place(*at, length);
                bytes.splice(at..at, piece.iter().copied());
            }
            _ if length == 0 => {}
            Self::Flip { at, bit } => bytes[place(*at, length)] ^= 1 << bit,
            Self::Set { at, byte } => bytes[place(*at, length)] = *byte,
            Self::Number { at, bytes: new } => {
                let at = place(*at, length);
                let end = length.min(at + new.len());
                bytes[at..end].copy_from_slice(&new[..end - at]);
            }
            Self::Remove { at, count } => {
                let at = place(*at, length);
                bytes.drain(at..length.min(at + usize::from(*count)));
            }
            Self::Repeat { at, count } => {
                let at = place(*at, length);
                let piece = bytes[at..length.min(at + usize::from(*count))].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
}

/// One of some good inputs, with a few things done to it; now and then none.
pub fn damaged(good: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (0..good.len(), vec(Damage::any(), 0..6)).prop_map(move |(which, damages)| {
        let mut bytes = good[which].clone();
        damages.iter().for_each(|damage| damage.apply(&mut bytes, &good));
        bytes
    })
}
