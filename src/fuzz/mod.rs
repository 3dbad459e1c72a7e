//! Tests with very many cases: what comes from outside is damaged in every way, and must be refused with a sentence or used,
//! and never end the host.
//!
//! Each target runs some seconds' worth of cases with the other tests. `TIMBREL_FUZZ_CASES=1000000 cargo test --release -p
//! timbrel fuzz -- --nocapture` runs as many of each. The cases are the same in every run of one length; what was ever found
//! stands as a test of its own beside what it was found in.

#![cfg(test)]

mod damage;
mod files;

pub use damage::{damaged, run};
