//! Vibrato and tremolo of a voice, as its model has measured them and left them to the player.
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
    /// In this step: offset of the pitch in semitones, and gain at its begin and its end.
    semitones: f32,
    gains: [f32; 2],
}

impl Sway {
    /// At the stroke.
    pub const START: Self = Self { age: 0, turn: 0.0, cents: 0.0, db: 0.0, semitones: 0.0, gains: [1.0; 2] };

    /// At the stroke of a note, at a share of its depths.
    pub fn struck(movement: &Movement, amount: f32) -> Self {
        Self { cents: movement.vibrato_cents * amount, db: movement.tremolo_db * amount, ..Self::START }
    }

    /// Whether there is anything to do for a movement at a share of its depth, be it only to come to rest.
    pub fn moves(&self, movement: &Movement, amount: f32) -> bool {
        let is_heard = |cents: f32, db: f32| cents > LEAST_CENTS || db > LEAST_DB;
        is_heard(movement.vibrato_cents * amount, movement.tremolo_db * amount) || is_heard(self.cents, self.db)
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
        0.01 * self.cents
    }

    /// Begins a step, if one begins here. `amount` is the share of the movement's depths.
    pub fn begin_step(&mut self, movement: &Movement, amount: f32, sample_rate: f32) {
        if self.age % STEP != 0 {
            return;
        }
        let seconds = STEP as f32 / sample_rate;
        let (cents, db) = (movement.vibrato_cents * amount, movement.tremolo_db * amount);
        let share = 1.0 - (-seconds / GLIDE_SECONDS).exp();
        self.cents += share * (cents - self.cents);
        self.db += share * (db - self.db);
        let start = self.age as f32 / sample_rate;
        let at = |share: f32| {
            let turn = self.turn + share * movement.rate_hz * seconds;
            movement.ramp(start + share * seconds) * (std::f32::consts::TAU * turn).sin()
        };
        self.semitones = 0.01 * self.cents * at(0.5);
        self.gains = [self.gains[1], 10f32.powf(self.db / 20.0 * at(1.0))];
        self.turn = (self.turn + movement.rate_hz * seconds).fract();
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
    fn swayed(block: usize, amount: impl Fn(usize) -> f32) -> (Vec<f32>, Vec<f32>) {
        let mut sway = Sway::struck(&MOVEMENT, amount(0));
        let (mut pitches, mut levels) = (Vec::new(), Vec::new());
        while pitches.len() < 48_000 {
            let mut left = block;
            while left > 0 {
                let count = left.min(sway.samples_left());
                sway.begin_step(&MOVEMENT, amount(pitches.len()), 48_000.0);
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
        assert!(!Sway::START.moves(&Movement::default(), 2.0) && !Sway::START.moves(&MOVEMENT, 0.0));
        assert!(Sway::START.moves(&MOVEMENT, 1.0));
    }
}
