//! Phase unwrapped over time, and instantaneous frequency: its difference from frame to frame.
//!
//! Follows `unwrap` and `instantaneous_frequency` of magenta's `spectral_ops.py` step by step in single precision, since
//! which way a jump of exactly half a turn goes hangs on the last bit.

use std::f32::consts::{PI, TAU};

/// Phases of one frame after the other in, instantaneous frequencies out.
pub struct InstantaneousFrequency {
    /// Phases of the frame before as they came in, and unwrapped.
    phase: Box<[f32]>,
    unwrapped: Box<[f32]>,
    /// Sum of all corrections so far.
    correction: Box<[f32]>,
    is_first_frame: bool,
}

impl InstantaneousFrequency {
    pub fn new(bins: usize) -> Self {
        let zeros = || vec![0.0; bins].into_boxed_slice();
        Self { phase: zeros(), unwrapped: zeros(), correction: zeros(), is_first_frame: true }
    }

    /// Begins a new signal.
    pub fn reset(&mut self) {
        self.correction.fill(0.0);
        self.is_first_frame = true;
    }

    /// Takes the phases of the next frame in radians, and gives their advance since the frame before in units of pi, from
    /// -1 to 1. For the first frame that is the phase itself.
    pub fn advance(&mut self, phase: &[f32], frequency: &mut [f32]) {
        if std::mem::take(&mut self.is_first_frame) {
            frequency.iter_mut().zip(phase).for_each(|(frequency, &phase)| *frequency = phase / PI);
            self.unwrapped.copy_from_slice(phase);
        } else {
            let state = self.phase.iter().zip(&mut self.unwrapped).zip(&mut self.correction);
            for (((before, unwrapped), correction), (frequency, &phase)) in state.zip(frequency.iter_mut().zip(phase)) {
                let difference = phase - before;
                *correction += shortest(difference) - difference;
                let now = phase + *correction;
                *frequency = (now - *unwrapped) / PI;
                *unwrapped = now;
            }
        }
        self.phase.copy_from_slice(phase);
    }
}

/// A phase difference brought to -pi..pi. Exactly half a turn keeps its direction.
fn shortest(difference: f32) -> f32 {
    // The remainder takes the sign of the divisor, as in Python: -pi is reached, pi is not.
    let remainder = (difference + PI) % TAU;
    let remainder = if remainder < 0.0 { remainder + TAU } else { remainder };
    let wrapped = remainder - PI;
    if wrapped == -PI && difference > 0.0 { PI } else { wrapped }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frequencies(phases: &[f32]) -> Vec<f32> {
        let mut unwrap = InstantaneousFrequency::new(1);
        let advance = |&phase: &f32| {
            let mut frequency = [0.0];
            unwrap.advance(&[phase], &mut frequency);
            frequency[0]
        };
        phases.iter().map(advance).collect()
    }

    #[test]
    fn half_a_turn_keeps_its_direction() {
        assert_eq!(frequencies(&[0.0, PI, 0.0, -PI, 0.0]), [0.0, 1.0, -1.0, -1.0, 1.0]);
    }

    #[test]
    fn the_shortest_way_is_taken_over_the_seam() {
        let found = frequencies(&[0.9 * PI, -0.9 * PI, 0.9 * PI]);
        for (found, right) in found.iter().zip([0.9, 0.2, -0.2]) {
            assert!((found - right).abs() < 1e-6, "{found} where {right} is right");
        }
    }

    #[test]
    fn reset_forgets_the_signal_before() {
        let mut unwrap = InstantaneousFrequency::new(1);
        let mut frequency = [0.0];
        for phase in [3.0, -3.0, 3.0] {
            unwrap.advance(&[phase], &mut frequency);
        }
        unwrap.reset();
        unwrap.advance(&[0.5 * PI], &mut frequency);
        assert_eq!(frequency, [0.5]);
        unwrap.advance(&[0.25 * PI], &mut frequency);
        assert!((frequency[0] + 0.25).abs() < 1e-6, "{}", frequency[0]);
    }
}
