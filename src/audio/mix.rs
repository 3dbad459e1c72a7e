//! Brings what sounds to its place on the two sides, by gains that move without a click.

/// Time constant of gain changes, in seconds.
const GAIN_SECONDS: f32 = 0.005;

/// Where a block goes: to one side, or to two.
pub struct Output<'a> {
    pub left: &'a mut [f32],
    pub right: Option<&'a mut [f32]>,
}

impl Output<'_> {
    pub fn len(&self) -> usize {
        self.left.len()
    }

    /// A part of it.
    pub fn part(&mut self, samples: std::ops::Range<usize>) -> Output<'_> {
        Output {
            left: &mut self.left[samples.clone()],
            right: self.right.as_deref_mut().map(|right| &mut right[samples]),
        }
    }

    /// Puts on the right what is on the left.
    pub fn copy_to_right(&mut self) {
        if let Some(right) = &mut self.right {
            right.copy_from_slice(self.left);
        }
    }

    /// Applies a gain that moves from one value to another; returns how far it has come.
    pub fn apply_gain(&mut self, from: f32, to: f32, sample_rate: f32) -> f32 {
        let mut gain = from;
        for side in [Some(&mut *self.left), self.right.as_deref_mut()].into_iter().flatten() {
            gain = from;
            if gain == to {
                side.iter_mut().for_each(|sample| *sample *= gain);
            } else {
                let way = Way { to, rate: rate(sample_rate), there: 1e-6 };
                side.iter_mut().for_each(|sample| *sample *= way.step(&mut gain));
            }
        }
        gain
    }
}

/// The gains of both sides, on their way.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Mix {
    left: f32,
    right: f32,
}

impl Mix {
    /// Everything on both sides as it is.
    pub const FULL: Self = Self { left: 1.0, right: 1.0 };

    pub fn is_full(&self) -> bool {
        *self == Self::FULL
    }

    /// Whether the gains have come to where they go, as far as they ever do: from above, single precision may stop short.
    pub fn is_at(&self, (left, right): (f32, f32)) -> bool {
        (self.left - left).abs() < 2e-5 && (self.right - right).abs() < 2e-5
    }

    /// The gains at a place between -1 and 1: of equal power at all places, and 1 in the middle.
    pub fn sides(gain: f32, pan: f32) -> (f32, f32) {
        if pan == 0.0 {
            return (gain, gain);
        }
        let (right, left) = ((pan.clamp(-1.0, 1.0) + 1.0) * std::f32::consts::FRAC_PI_4).sin_cos();
        (gain * std::f32::consts::SQRT_2 * left, gain * std::f32::consts::SQRT_2 * right)
    }

    /// Goes to the gains at once: nothing sounds that would click.
    pub fn jump(&mut self, (left, right): (f32, f32)) {
        *self = Self { left, right };
    }

    /// Adds a sound of one side to an output. Where that has one side only, there is no place to bring it to, and it is as
    /// loud as in the middle.
    pub fn add(&mut self, sound: &[f32], (left, right): (f32, f32), sample_rate: f32, out: Output) {
        // Single precision comes no nearer than this to a gain near 1.
        let way = |to| Way { to, rate: rate(sample_rate), there: 1e-5 };
        let Some(other) = out.right else {
            let power = |left: f32, right: f32| ((left * left + right * right) / 2.0).sqrt();
            let way = way(power(left, right));
            let mut gain = power(self.left, self.right);
            for (out, sample) in out.left.iter_mut().zip(sound) {
                *out += sample * way.step(&mut gain);
            }
            return self.jump(if gain == way.to { (left, right) } else { (gain, gain) });
        };
        let (left, right) = (way(left), way(right));
        for ((out, other), sample) in out.left.iter_mut().zip(other).zip(sound) {
            *out += sample * left.step(&mut self.left);
            *other += sample * right.step(&mut self.right);
        }
    }
}

/// The share of its way that a gain goes with each sample.
fn rate(sample_rate: f32) -> f32 {
    1.0 - (-1.0 / (GAIN_SECONDS * sample_rate)).exp()
}

/// Where a gain goes, and how fast.
struct Way {
    to: f32,
    rate: f32,
    /// From here the rest of the way makes no step that is heard.
    there: f32,
}

impl Way {
    fn step(&self, gain: &mut f32) -> f32 {
        let distance = self.to - *gain;
        *gain = if distance.abs() < self.there { self.to } else { *gain + self.rate * distance };
        *gain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_arrives_on_both_sides_and_at_the_same_samples() {
        let mut mix = Mix::FULL;
        let (mut left, mut right) = (vec![0.0; 48_000], vec![0.0; 48_000]);
        let sound = vec![1.0; 48_000];
        let gains = Mix::sides(0.25, -1.0);
        mix.add(&sound, gains, 48_000.0, Output { left: &mut left, right: Some(&mut right) });
        assert_eq!((left[47_999], right[47_999]), gains);
        assert!(left.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 0.01), "no step is heard");
        let mut one = vec![0.0; 48_000];
        let mut mix = Mix::FULL;
        mix.add(&sound, gains, 48_000.0, Output { left: &mut one, right: None });
        assert!((one[47_999] - 0.25).abs() < 1e-5, "as loud as in the middle");
    }

    #[test]
    fn a_gain_that_stands_is_applied_as_it_is() {
        let mut out = [0.3f32, -0.7];
        assert_eq!(Output { left: &mut out, right: None }.apply_gain(0.5, 0.5, 48_000.0), 0.5);
        assert_eq!(out, [0.15, -0.35]);
    }
}
