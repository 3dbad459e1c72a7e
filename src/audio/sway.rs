//! Vibrato and tremolo of a voice, as its model has measured them and left them to the player, the vibrato that a player adds,
//! and the glide from one key to the next.
//!
//! They go in steps of their own, counted from the stroke, so that what is heard does not depend on the host's blocks.

use crate::expression::Movement;

/// Samples of a step, over which the pitch stands still and the level goes on a straight line.
pub const STEP: usize = 64;

/// Time constant of a change of depth, in seconds.
const GLIDE_SECONDS: f32 = 0.03;

/// What is less is not heard, in cents and in dB.
const LEAST_CENTS: f32 = 0.1;
const LEAST_DB: f32 = 0.01;

/// The vibrato that a player adds at most, either way, and its rate where the model has none of its own.
const ADDED_CENTS: f32 = 60.0;
const ADDED_RATE_HZ: f32 = 5.5;

/// What counts as a vibrato of the model's own: as deep, and as fast as players sway.
const OWN_CENTS: f32 = 1.0;
const OWN_RATES_HZ: std::ops::RangeInclusive<f32> = 3.0..=9.0;

/// The most tremolo that goes with a cent of added vibrato, in dB.
const MOST_DB_PER_CENT: f32 = 0.05;

/// How deep a voice is to sway.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Depth {
    /// Share of the movement's own depths.
    pub own: f32,
    /// Vibrato that the player adds, 0 to 1.
    pub added: f32,
}

impl Depth {
    fn added_cents(&self) -> f32 {
        ADDED_CENTS * self.added
    }
}

/// How a voice sways.
#[derive(Clone, Copy, Debug)]
pub struct Sway {
    /// Samples since the stroke.
    age: usize,
    /// Of the oscillation, 0 to 1.
    turn: f32,
    /// Depths at their full.
    cents: f32,
    db: f32,
    /// Of the vibrato that is added.
    added_cents: f32,
    /// Semitones that a glide has still to go, and how many it goes in a second.
    glide: f32,
    glide_speed: f32,
    /// In this step: offset of the pitch in semitones, and gain at its begin and its end.
    semitones: f32,
    gains: [f32; 2],
}

impl Sway {
    /// At the stroke.
    pub const START: Self = Self {
        age: 0,
        turn: 0.0,
        cents: 0.0,
        db: 0.0,
        added_cents: 0.0,
        glide: 0.0,
        glide_speed: 0.0,
        semitones: 0.0,
        gains: [1.0; 2],
    };

    /// At the stroke of a note.
    pub fn struck(movement: &Movement, depth: Depth) -> Self {
        let (cents, db) = (movement.vibrato_cents * depth.own, movement.tremolo_db * depth.own);
        Self { cents, db, added_cents: depth.added_cents(), ..Self::START }
    }

    /// Goes on from so many semitones off, on a straight line to nothing.
    pub fn glide(&mut self, semitones: f32, seconds: f32) {
        // From this very sample on, in whichever step it falls.
        self.semitones += semitones - self.glide;
        self.glide = semitones;
        self.glide_speed = semitones.abs() / seconds.max(f32::MIN_POSITIVE);
    }

    /// Semitones that a glide has still to go.
    pub fn glide_left(&self) -> f32 {
        self.glide
    }

    /// Whether there is anything to do for a movement, be it only to come to rest.
    pub fn moves(&self, movement: &Movement, depth: Depth) -> bool {
        let is_heard = |cents: f32, db: f32| cents > LEAST_CENTS || db > LEAST_DB;
        is_heard(movement.vibrato_cents * depth.own, movement.tremolo_db * depth.own)
            || is_heard(self.cents, self.db)
            || is_heard(depth.added_cents(), 0.0)
            || is_heard(self.added_cents, 0.0)
            || self.glide != 0.0
    }

    /// Samples to the next step.
    pub fn samples_left(&self) -> usize {
        STEP - self.age % STEP
    }

    /// Where a voice that does not move goes on by so many samples.
    pub fn rest(&mut self, samples: usize) {
        *self = Self { age: self.age + samples, ..Self::START };
    }

    /// Offset of the pitch in semitones where the voice is now.
    pub fn semitones(&self) -> f32 {
        self.semitones
    }

    /// How far the pitch may go up, in semitones.
    pub fn reach(&self) -> f32 {
        0.01 * (self.cents + self.added_cents) + self.glide.max(0.0)
    }

    /// Begins a step, if one begins here.
    pub fn begin_step(&mut self, movement: &Movement, depth: Depth, sample_rate: f32) {
        if !self.age.is_multiple_of(STEP) {
            return;
        }
        let seconds = STEP as f32 / sample_rate;
        let (cents, db) = (movement.vibrato_cents * depth.own, movement.tremolo_db * depth.own);
        let share = 1.0 - (-seconds / GLIDE_SECONDS).exp();
        self.cents += share * (cents - self.cents);
        self.db += share * (db - self.db);
        let added = depth.added_cents();
        // A share of a distance never arrives, and nothing is to come to an end.
        let is_near = (added - self.added_cents).abs() < 0.5 * LEAST_CENTS;
        self.added_cents = if is_near { added } else { self.added_cents + share * (added - self.added_cents) };
        let has_own = movement.vibrato_cents >= OWN_CENTS && OWN_RATES_HZ.contains(&movement.rate_hz);
        let rate_hz = if self.added_cents > 0.0 && !has_own { ADDED_RATE_HZ } else { movement.rate_hz };
        let start = self.age as f32 / sample_rate;
        let wave = |share: f32| (std::f32::consts::TAU * (self.turn + share * rate_hz * seconds)).sin();
        let at = |share: f32| movement.ramp(start + share * seconds) * wave(share);
        let mut semitones = 0.01 * self.cents * at(0.5);
        let mut exponent = self.db / 20.0 * at(1.0);
        if self.added_cents > 0.0 {
            // At once, and in the proportion that the model has.
            semitones += 0.01 * self.added_cents * wave(0.5);
            if has_own {
                let db_per_cent = (movement.tremolo_db / movement.vibrato_cents).min(MOST_DB_PER_CENT);
                exponent += self.added_cents * db_per_cent / 20.0 * wave(1.0);
            }
        }
        self.turn = (self.turn + rate_hz * seconds).fract();
        if self.glide != 0.0 {
            let way = self.glide_speed * seconds;
            self.glide = if self.glide.abs() <= way { 0.0 } else { self.glide - way.copysign(self.glide) };
            semitones += self.glide;
        }
        self.semitones = semitones;
        self.gains = [self.gains[1], 10f32.powf(exponent)];
    }

    /// Multiplies gains, which lie within one step, and goes on by as many samples.
    pub fn apply(&mut self, gains: &mut [f32]) {
        let [from, to] = self.gains;
        let (step, done) = ((to - from) / STEP as f32, self.age % STEP);
        if (from, to) != (1.0, 1.0) {
            // Of the place in the step, so that the gain is the same however the step is cut.
            let places = done..done + gains.len();
            gains.iter_mut().zip(places).for_each(|(gain, place)| *gain *= from + step * place as f32);
        }
        self.age += gains.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOVEMENT: Movement = Movement { vibrato_cents: 40.0, rate_hz: 5.0, tremolo_db: 2.0, onset_s: 0.2 };

    /// Pitches in cents and gains, sample by sample, in chunks of a block.
    fn swayed(block: usize, own: impl Fn(usize) -> f32) -> (Vec<f32>, Vec<f32>) {
        let depth = |i| Depth { own: own(i), added: 0.0 };
        let mut sway = Sway::struck(&MOVEMENT, depth(0));
        let (mut pitches, mut levels) = (Vec::new(), Vec::new());
        while pitches.len() < 48_000 {
            let mut left = block;
            while left > 0 {
                let count = left.min(sway.samples_left());
                sway.begin_step(&MOVEMENT, depth(pitches.len()), 48_000.0);
                let mut gains = vec![1.0; count];
                pitches.extend(vec![100.0 * sway.semitones(); count]);
                sway.apply(&mut gains);
                levels.extend(gains);
                left -= count;
            }
        }
        (pitches[..48_000].to_vec(), levels[..48_000].to_vec())
    }

    #[test]
    fn pitch_and_level_follow_the_movement() {
        let (pitches, levels) = swayed(256, |_| 1.0);
        for (i, (pitch, level)) in pitches.iter().zip(&levels).enumerate() {
            let t = i as f32 / 48_000.0;
            let way = MOVEMENT.ramp(t) * (std::f32::consts::TAU * MOVEMENT.rate_hz * t).sin();
            assert!((pitch - 40.0 * way).abs() < 1.5, "sample {i}: {pitch} cents");
            assert!((20.0 * level.log10() - 2.0 * way).abs() < 0.02, "sample {i}: {level}");
        }
    }

    #[test]
    fn blocks_change_nothing() {
        let (pitches, levels) = swayed(64, |_| 1.0);
        for block in [1, 7, 100, 512] {
            let (other_pitches, other_levels) = swayed(block, |_| 1.0);
            assert_eq!(pitches, other_pitches);
            assert_eq!(levels, other_levels);
        }
    }

    #[test]
    fn a_change_of_depth_glides_and_no_depth_is_still() {
        let (pitches, levels) = swayed(64, |i| if i < 24_000 { 2.0 } else { 0.0 });
        let jump = pitches.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(jump < 6.0 && levels.windows(2).all(|w| (w[1] - w[0]).abs() < 1e-3), "{jump} cents");
        assert!(pitches[40_000..].iter().all(|pitch| pitch.abs() < 0.1));
        let moves = |movement: &Movement, own: f32| Sway::START.moves(movement, Depth { own, added: 0.0 });
        assert!(!moves(&Movement::default(), 2.0) && !moves(&MOVEMENT, 0.0) && moves(&MOVEMENT, 1.0));
    }

    /// Pitches in cents, step by step, of a voice that is told its depth in each.
    fn steps(movement: &Movement, mut sway: Sway, depth: impl Fn(usize) -> Depth) -> Vec<f32> {
        let step = |n| {
            sway.begin_step(movement, depth(n), 48_000.0);
            sway.apply(&mut [1.0; STEP]);
            100.0 * sway.semitones()
        };
        (0..750).map(step).collect()
    }

    #[test]
    fn a_player_adds_vibrato_at_the_models_rate_or_at_a_singers() {
        let still = Movement::default();
        let deep = |n| Depth { own: 1.0, added: if n < 500 { 1.0 } else { 0.0 } };
        for (movement, rate) in [(still, ADDED_RATE_HZ), (MOVEMENT, MOVEMENT.rate_hz)] {
            let added = steps(&movement, Sway::START, deep);
            let own = steps(&movement, Sway::START, |_| Depth { own: 1.0, added: 0.0 });
            let difference: Vec<f32> = added.iter().zip(&own).map(|(a, b)| a - b).collect();
            let crossings = difference[100..500].windows(2).filter(|pair| pair[0] <= 0.0 && pair[1] > 0.0).count();
            let seconds = 400.0 * STEP as f32 / 48_000.0;
            assert!((crossings as f32 - rate * seconds).abs() <= 1.0, "{crossings} times in {seconds} s");
            let deepest = difference.iter().fold(0.0f32, |a, b| a.max(b.abs()));
            assert!((deepest - ADDED_CENTS).abs() < 2.0, "{deepest} cents");
            assert!(difference[740..].iter().all(|cents| cents.abs() < LEAST_CENTS), "it comes to rest");
        }
    }

    #[test]
    fn a_glide_goes_straight_and_ends() {
        let mut sway = Sway::START;
        sway.glide(-12.0, 0.5);
        let still = Movement::default();
        assert!(sway.moves(&still, Depth { own: 0.0, added: 0.0 }));
        let way = steps(&still, sway, |_| Depth { own: 0.0, added: 0.0 });
        for (n, cents) in way.iter().enumerate() {
            let seconds = (n + 1) as f32 * STEP as f32 / 48_000.0;
            let right = -1200.0 * (1.0 - seconds / 0.5).max(0.0);
            assert!((cents - right).abs() < 1.0, "step {n}: {cents}, not {right}");
        }
    }
}
