//! Width: a side signal that is made of the sum of all voices, added on the left and taken away on the right. So
//! both together are the sum again, and nothing is lost where they are played through one loudspeaker.
//!
//! The side is the sum through a few impulses within two hundredths of a second, of either sign and alike in number: velvet noise
//! (Karjalainen and Jarvelainen, "Reverberation modeling using velvet noise", 2007), which sounds as smooth as noise and costs an
//! addition for each impulse. Their sum is nothing, so that the bass stays in the middle.

/// When each impulse comes, in milliseconds, and its share of the amplitude: of 60,000 drawn at random those whose sum has the
/// least below 100 Hz (-23 dB) and the lowest peak above.
#[expect(clippy::approx_constant, reason = "3.14 ms were drawn, and are no circle")]
const IMPULSES: [(f32, f32); 16] = [
    (0.86, 1.00),
    (1.26, -0.95),
    (3.14, -0.90),
    (3.60, 0.86),
    (5.41, 0.81),
    (6.96, -0.77),
    (8.16, -0.73),
    (9.08, 0.70),
    (10.33, 0.66),
    (11.73, -0.63),
    (13.16, 0.60),
    (13.53, -0.57),
    (15.61, -0.54),
    (16.37, 0.51),
    (17.37, 0.48),
    (18.71, -0.53),
];

/// Amplitude of the side at full width, against the middle's: 3 dB less, where the channels still have a common source.
const FULL: f32 = 0.7;

/// Samples that are spread at once.
const CHUNK: usize = 256;

/// Time constant of a change of width, in seconds.
const GLIDE_SECONDS: f32 = 0.02;

/// Takes two channels apart, at any width from none.
pub struct Width {
    sample_rate: f32,
    /// Delay in samples, and gain.
    taps: [(usize, f32); IMPULSES.len()],
    /// What was heard before, as far as the taps reach back, and room for a chunk.
    line: Box<[f32]>,
    side: [f32; CHUNK],
    /// The width that is heard now; `None` before the first block.
    now: Option<f32>,
    is_clear: bool,
}

impl Width {
    pub fn new() -> Self {
        let side = [0.0; CHUNK];
        Self { sample_rate: 0.0, taps: Default::default(), line: Box::default(), side, now: None, is_clear: true }
    }

    /// Prepares for a host's rate, in samples a second. Allocates.
    pub fn activate(&mut self, sample_rate: f32) {
        self.sample_rate = sample_rate;
        let sum: f32 = IMPULSES.iter().map(|(_, share)| share).sum();
        // The last one makes up for what the others leave.
        let balanced = |n: usize| IMPULSES[n].1 - if n == IMPULSES.len() - 1 { sum } else { 0.0 };
        let power: f32 = (0..IMPULSES.len()).map(|n| balanced(n).powi(2)).sum();
        self.taps = std::array::from_fn(|n| {
            let delay = (1e-3 * IMPULSES[n].0 * sample_rate).round() as usize;
            (delay, FULL * balanced(n) / power.sqrt())
        });
        self.line = vec![0.0; self.reach() + CHUNK].into();
        self.reset();
    }

    fn reach(&self) -> usize {
        self.taps[IMPULSES.len() - 1].0
    }

    /// Forgets all that was heard.
    pub fn reset(&mut self) {
        self.line.fill(0.0);
        self.is_clear = true;
        self.now = None;
    }

    /// Takes both channels, which are of one length, apart by a side that is made of what they have in common. Without width
    /// they stay what they are.
    pub fn spread(&mut self, width: f32, left: &mut [f32], right: &mut [f32]) {
        let now = *self.now.get_or_insert(width);
        if (now, width) == (0.0, 0.0) || self.line.is_empty() {
            if !self.is_clear {
                self.reset();
                self.now = Some(width);
            }
            return;
        }
        self.is_clear = false;
        for (left, right) in left.chunks_mut(CHUNK).zip(right.chunks_mut(CHUNK)) {
            self.spread_chunk(width, left, right);
        }
    }

    fn spread_chunk(&mut self, width: f32, left: &mut [f32], right: &mut [f32]) {
        let (reach, count) = (self.reach(), left.len());
        let middle = left.iter().zip(&*right).map(|(left, right)| 0.5 * (left + right));
        self.line[reach..reach + count].iter_mut().zip(middle).for_each(|(line, middle)| *line = middle);
        let side = &mut self.side[..count];
        side.fill(0.0);
        for &(delay, gain) in &self.taps {
            side.iter_mut().zip(&self.line[reach - delay..]).for_each(|(side, sample)| *side += gain * sample);
        }
        let mut now = self.now.unwrap_or(width);
        let rate = 1.0 - (-1.0 / (GLIDE_SECONDS * self.sample_rate)).exp();
        for (side, (left, right)) in side.iter().zip(left.iter_mut().zip(right)) {
            let distance = width - now;
            now = if distance.abs() < 1e-4 { width } else { now + rate * distance };
            *left += now * side;
            *right -= now * side;
        }
        self.now = Some(now);
        self.line.copy_within(count..count + reach, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise of a generator of its own, -0.5 to 0.5.
    fn noise(count: usize) -> Vec<f32> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        (0..count).map(|_| next()).collect()
    }

    fn spread(width: f32, block: usize, mono: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let mut spreader = Width::new();
        spreader.activate(48_000.0);
        let (mut left, mut right) = (mono.to_vec(), mono.to_vec());
        for (left, right) in left.chunks_mut(block).zip(right.chunks_mut(block)) {
            spreader.spread(width, left, right);
        }
        (left, right)
    }

    fn power(wave: &[f32]) -> f32 {
        wave.iter().map(|x| x * x).sum::<f32>() / wave.len() as f32
    }

    #[test]
    fn both_channels_together_are_the_sum_and_without_width_each_is() {
        let mono = noise(20_000);
        for width in [0.3, 1.0] {
            let (left, right) = spread(width, 128, &mono);
            for (mono, (left, right)) in mono.iter().zip(left.iter().zip(&right)) {
                assert!((0.5 * (left + right) - mono).abs() < 1e-7);
            }
            assert_ne!(left, right);
        }
        assert_eq!(spread(0.0, 128, &mono), (mono.clone(), mono));
    }

    #[test]
    fn blocks_change_nothing() {
        let mono = noise(9_000);
        let whole = spread(0.4, 512, &mono);
        for block in [1, 7, 1_000] {
            assert_eq!(spread(0.4, block, &mono), whole, "{block}");
        }
    }

    #[test]
    fn the_side_grows_with_the_width_and_leaves_the_bass_in_the_middle() {
        let side = |width: f32, mono: &[f32]| {
            let (left, right) = spread(width, 256, mono);
            let side: Vec<f32> = left.iter().zip(&right).map(|(l, r)| 0.5 * (l - r)).collect();
            10.0 * (power(&side[2_000..]) / power(&mono[2_000..])).log10()
        };
        let mono = noise(48_000);
        let full = side(1.0, &mono);
        assert!((full + 3.1).abs() < 0.5, "{full} dB");
        assert!((side(0.5, &mono) - full + 6.0).abs() < 0.1);
        let tone = |hz: f32| -> Vec<f32> {
            (0..48_000).map(|i| (std::f32::consts::TAU * hz * i as f32 / 48_000.0).sin()).collect()
        };
        for hz in [10.0, 30.0, 60.0, 95.0] {
            assert!(side(1.0, &tone(hz)) < -20.0, "{hz} Hz: {} dB", side(1.0, &tone(hz)));
        }
        // Nowhere is a channel all but gone.
        for hz in (100..8_000).step_by(37) {
            assert!(side(1.0, &tone(hz as f32)) < 8.0, "{hz} Hz");
        }
    }

    #[test]
    fn reset_and_a_width_of_nothing_forget_what_was_heard() {
        let mono = noise(4_800);
        let mut spreader = Width::new();
        spreader.activate(48_000.0);
        let play = |spreader: &mut Width, width: f32, mono: &[f32]| {
            let (mut left, mut right) = (mono.to_vec(), mono.to_vec());
            spreader.spread(width, &mut left, &mut right);
            (left, right)
        };
        let first = play(&mut spreader, 0.5, &mono);
        spreader.reset();
        assert_eq!(play(&mut spreader, 0.5, &mono), first);
        // Once the width is gone, it begins from silence.
        play(&mut spreader, 0.0, &mono.repeat(10));
        play(&mut spreader, 0.0, &mono);
        assert!(spreader.line.iter().all(|&sample| sample == 0.0));
    }
}
