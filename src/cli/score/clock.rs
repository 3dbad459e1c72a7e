//! From ticks to seconds.

use super::file::Timing;

/// What holds before the first tempo event: 120 quarter notes a minute.
const DEFAULT_MICROSECONDS_PER_QUARTER: u32 = 500_000;

/// Goes through the ticks of a file in their order.
pub struct Clock {
    timing: Timing,
    tick: u64,
    seconds: f64,
    seconds_per_tick: f64,
}

impl Clock {
    /// A clock that shows `seconds` at tick 0.
    pub fn new(timing: Timing, seconds: f64) -> Self {
        let seconds_per_tick = match timing {
            Timing::TicksPerQuarter(_) => 0.0,
            Timing::TicksPerSecond(ticks) => 1.0 / ticks,
        };
        let mut clock = Self { timing, tick: 0, seconds, seconds_per_tick };
        clock.set_tempo(DEFAULT_MICROSECONDS_PER_QUARTER);
        clock
    }

    /// What comes from here on has another tempo. SMPTE time knows none.
    pub fn set_tempo(&mut self, microseconds_per_quarter: u32) {
        if let Timing::TicksPerQuarter(ticks) = self.timing {
            self.seconds_per_tick = f64::from(microseconds_per_quarter) * 1e-6 / f64::from(ticks);
        }
    }

    /// The time at a tick, which is no earlier than the last.
    pub fn advance_to(&mut self, tick: u64) -> f64 {
        self.seconds += tick.saturating_sub(self.tick) as f64 * self.seconds_per_tick;
        self.tick = self.tick.max(tick);
        self.seconds
    }
}
