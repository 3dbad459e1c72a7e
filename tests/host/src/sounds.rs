//! Looks for sounds of a kind, so that a test of what sustains does not depend on which model is built in.

use anyhow::{Context, Result};

use crate::measure::envelope_db;
use crate::{Event, Plugin};

/// Seeds that are tried.
const SEEDS: u32 = 250;

/// Length of the looks, in seconds.
const HALF_SECOND: f64 = 0.5;

/// Whether a sound goes on for some seconds; of the levels of each half second of a held note, in decibels.
pub fn goes_on(levels_db: &[f64]) -> bool {
    levels_db[1] > -45.0 && levels_db[2..].iter().all(|level| (level - levels_db[1]).abs() < 4.0)
}

/// Whether a sound goes on as loud as it began, for as long as it is held: what fades slowly fades on.
pub fn sustains(levels_db: &[f64]) -> bool {
    goes_on(levels_db) && (levels_db[levels_db.len() - 1] - levels_db[1]).abs() < 1.5
}

/// Whether a sound dies while its key is held.
pub fn dies(levels_db: &[f64]) -> bool {
    levels_db[1] > -55.0 && levels_db[5] < levels_db[1] - 12.0
}

impl Plugin {
    /// Sets the first seed whose sound `fits` at each of the keys, by the levels of the first three seconds. The plugin
    /// must be active and render offline.
    pub fn seek_seed(&mut self, keys: &[u8], fits: impl Fn(&[f64]) -> bool) -> Result<u32> {
        let seed = self.param("Seed")?;
        for value in 0..SEEDS {
            let mut all = true;
            for key in keys {
                self.reset();
                let events = [Event::Set { param: seed, value: f64::from(value) }.at(0), Event::on(*key).at(0)];
                let note = self.play(&events, 6.0 * HALF_SECOND)?;
                if !fits(&envelope_db(&note.left, note.rate, HALF_SECOND)) {
                    all = false;
                    break;
                }
            }
            if all {
                self.reset();
                return Ok(value);
            }
        }
        None.with_context(|| format!("none of the first {SEEDS} seeds sounds as wanted"))
    }
}
