//! Tells an offline render from live play, whatever the host says.
//!
//! A bounce must wait for its notes, live play must never wait. Most hosts say which it is, but one format reports the
//! first bounce as live play, and some hosts report nothing. So what the host says is believed when it says "offline";
//! otherwise time decides: a sound card takes audio at its own pace, a bounce takes it as fast or as slowly as it can.
//!
//! - Before live play is proven, the audio thread waits for the notes that are struck. A bounce that starts with a note is
//!   complete from its first sample; a player cannot strike a key in the fraction of a second that the proof takes. Once
//!   the audio is ahead of the clock by [`HINT_SECONDS`], held notes wait for a moving timbre as well.
//! - Live play is proven when audio and clock have kept pace for [`PROOF_SECONDS`].
//! - It is disproven when the audio is ahead of the clock by more than any sound card's buffers, [`LEAD_SECONDS`].
//!
//! Time spent waiting for notes does not count, or a bounce that waits much would look like live play.

use std::time::{Duration, Instant};

/// How long audio and clock must keep pace.
const PROOF_SECONDS: f64 = 0.15;

/// How far the two may drift from each other in that time, as a share of it; a card's clock is exact, but a block is taken
/// whole.
const PROOF_TOLERANCE: f64 = 0.25;

/// Hosts render ahead by up to 200 ms in live play (and then have that long to wait).
const LEAD_SECONDS: f64 = 0.25;

/// Before live play is proven, a lead of this much speaks for a bounce. The first frame at which a held note may follow the
/// timbre comes later than that.
const HINT_SECONDS: f64 = 0.03;

/// What the audio thread waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// For nothing: live play.
    Never,
    /// For the notes of keys that are struck.
    Struck,
    /// For these, and for the notes that held ones need to follow the timbre: an offline render.
    Always,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Unproven,
    Live,
    Offline,
}

/// Watches the host's pace.
#[derive(Debug)]
pub struct Pace {
    host_says_offline: bool,
    verdict: Verdict,
    /// Beginning of the stretch that is measured, less the time waited in it.
    anchor: Option<Instant>,
    /// Audio taken since the anchor, in seconds.
    audio: f64,
    waited: Duration,
    /// How far the audio was ahead of the clock at the last block, in seconds.
    lead: f64,
}

impl Pace {
    pub fn new() -> Self {
        Self {
            host_says_offline: false,
            verdict: Verdict::Unproven,
            anchor: None,
            audio: 0.0,
            waited: Duration::ZERO,
            lead: 0.0,
        }
    }

    /// Starts anew; at every activation.
    pub fn restart(&mut self, host_says_offline: bool) {
        *self = Self { host_says_offline, ..Self::new() };
    }

    /// What the audio thread waits for now.
    pub fn wait(&self) -> Wait {
        match self.verdict {
            _ if self.host_says_offline => Wait::Always,
            Verdict::Offline => Wait::Always,
            Verdict::Unproven if self.lead > HINT_SECONDS => Wait::Always,
            Verdict::Unproven => Wait::Struck,
            Verdict::Live => Wait::Never,
        }
    }

    /// Whether this is known to be an offline render, and not only possible.
    pub fn is_offline(&self) -> bool {
        self.host_says_offline || self.verdict == Verdict::Offline
    }

    /// Takes note of time that the audio thread spent waiting.
    pub fn waited(&mut self, time: Duration) {
        self.waited += time;
    }

    /// Takes note of a block, at its beginning.
    pub fn block(&mut self, seconds: f64, now: Instant) {
        if self.host_says_offline {
            return;
        }
        let anchor = *self.anchor.get_or_insert(now);
        let clock = (now.saturating_duration_since(anchor).saturating_sub(self.waited)).as_secs_f64();
        let lead = self.audio - clock;
        self.lead = lead;
        self.audio += seconds;
        if lead > LEAD_SECONDS {
            self.verdict = Verdict::Offline;
            self.anchor_anew(now, seconds);
        } else if clock > PROOF_SECONDS {
            let drift = lead.abs() / clock;
            if drift < PROOF_TOLERANCE {
                self.verdict = Verdict::Live;
            }
            // A late callback, or a slow bounce: what was lost is not made up for later.
            self.anchor_anew(now, seconds);
        }
    }

    fn anchor_anew(&mut self, now: Instant, seconds: f64) {
        self.anchor = Some(now);
        self.audio = seconds;
        self.waited = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: f64 = 512.0 / 48_000.0;

    /// Runs blocks whose clock time is `clock(n)` seconds.
    fn run(pace: &mut Pace, blocks: usize, start: Instant, clock: impl Fn(usize) -> f64) {
        for n in 0..blocks {
            pace.block(BLOCK, start + Duration::from_secs_f64(clock(n)));
        }
    }

    #[test]
    fn a_sound_card_is_live_after_a_moment_and_stays_so() {
        let mut pace = Pace::new();
        let start = Instant::now();
        assert_ne!(pace.wait(), Wait::Never);
        // Callbacks come in pairs, as with a card whose buffer is twice the host's block, and jitter a little.
        let clock = |n: usize| (n / 2 * 2) as f64 * BLOCK + 0.002 * ((n * 7) % 3) as f64;
        run(&mut pace, 40, start, clock);
        assert_eq!(pace.wait(), Wait::Never);
        for n in 40..2_000 {
            pace.block(BLOCK, start + Duration::from_secs_f64(clock(n)));
            assert_eq!(pace.wait(), Wait::Never, "block {n}");
        }
    }

    #[test]
    fn a_stalled_card_is_not_taken_for_a_bounce() {
        let mut pace = Pace::new();
        let start = Instant::now();
        run(&mut pace, 100, start, |n| n as f64 * BLOCK);
        // A hiccup of 150 ms, after which the host catches up at once.
        run(&mut pace, 200, start, |n| (n as f64 * BLOCK).max(0.15) + 100.0 * BLOCK);
        assert_eq!(pace.wait(), Wait::Never);
    }

    #[test]
    fn a_bounce_is_waited_for_from_its_first_block() {
        let mut pace = Pace::new();
        let start = Instant::now();
        for n in 0..5_000 {
            pace.block(BLOCK, start + Duration::from_secs_f64(n as f64 * BLOCK / 60.0));
            let expected = if n < 3 { Wait::Struck } else { Wait::Always };
            assert_eq!(pace.wait(), expected, "block {n}");
        }
        assert!(pace.is_offline());
    }

    #[test]
    fn a_bounce_slower_than_real_time_is_waited_for() {
        let mut pace = Pace::new();
        run(&mut pace, 3_000, Instant::now(), |n| n as f64 * BLOCK * 3.0);
        assert_ne!(pace.wait(), Wait::Never);
    }

    #[test]
    fn time_spent_waiting_does_not_make_a_bounce_live() {
        let mut pace = Pace::new();
        let start = Instant::now();
        for n in 0..3_000 {
            // Each block takes as long as it lasts, nearly all of it spent waiting for notes.
            pace.block(BLOCK, start + Duration::from_secs_f64(n as f64 * BLOCK));
            pace.waited(Duration::from_secs_f64(0.95 * BLOCK));
            assert_ne!(pace.wait(), Wait::Never, "block {n}");
        }
    }

    #[test]
    fn a_bounce_after_live_play_is_noticed() {
        let mut pace = Pace::new();
        let start = Instant::now();
        run(&mut pace, 200, start, |n| n as f64 * BLOCK);
        assert_eq!(pace.wait(), Wait::Never);
        let bounce = start + Duration::from_secs_f64(200.0 * BLOCK);
        run(&mut pace, 60, bounce, |n| n as f64 * 1e-4);
        assert_ne!(pace.wait(), Wait::Never);
    }

    #[test]
    fn the_host_is_believed_when_it_says_offline() {
        let mut pace = Pace::new();
        pace.restart(true);
        run(&mut pace, 1_000, Instant::now(), |n| n as f64 * BLOCK);
        assert_ne!(pace.wait(), Wait::Never);
    }
}
