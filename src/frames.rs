//! The frames of a note at 16 bits a number, half of what single precision takes, and equal to the ear.
//!
//! **Magnitude** is a code of 4 bits of exponent and 12 of mantissa, companded like the chords of ITU-T G.711: with
//! `u` = 2^16 - 1 steps for the loudest bin of the note, a magnitude `m` is kept as the floating-point number
//! `1 + u * m / loudest`, which lies in 1 to 2^16. Its error is at most 2^-13 of itself (-78 dB) down to 96 dB below the
//! loudest bin, and at most 2^-13 of a step, 174 dB below that bin, further down, where half precision of IEEE 754 has
//! one bit less of mantissa, spends another on a sign, and knows no level of the note. Decoding takes a shift, an
//! addition, a subtraction and a multiplication, all of which make vectors on every processor.
//!
//! **Phase** is what is rounded, not its advance: to 1/65536 turn, once a frame, and the advance is the difference of
//! rounded phases. So the error of the phase never grows along a note. The differences are whole numbers of steps, which
//! single precision adds up exactly.

use multiversion::multiversion;

/// Steps of the loudest magnitude: `1 + STEPS` is the largest number of the code, 2^16 less the last bit of its mantissa.
const STEPS: f32 = 65_527.0;

/// No sound is louder, and a product that rounds upwards must stay finite.
const LOUDEST: f32 = 1e38;

/// The bits of 1.0, where the code begins, and those of a mantissa that it leaves out.
const ONE: u32 = 0x3f80_0000;
const DROPPED_BITS: u32 = 11;

/// Steps of phase in a turn.
const PHASE_STEPS: f32 = 65_536.0;

/// 1.5 * 2^23: a number of some thousands that is added to it is rounded to a whole one.
const ROUND: f32 = 12_582_912.0;

/// Polar frames of one note.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Frames {
    bins: usize,
    /// Magnitude of one step.
    step: f32,
    /// [2, frames, bins]: of the magnitudes, then of the advances, which are signed. One piece of memory, which a note that
    /// is let go leaves to the next: of two, some allocators give the pages back and have them cleared anew.
    codes: Box<[u16]>,
}

impl Frames {
    /// Encodes rows of `bins` magnitudes, 0 or more and finite, and of as many phase advances in turns.
    ///
    /// # Panics
    /// When the two differ in length, or are no whole number of rows.
    pub fn encode(bins: usize, magnitude: &[f32], advance_turns: &[f32]) -> Self {
        assert_eq!(magnitude.len(), advance_turns.len(), "there is an advance for each magnitude");
        assert_eq!(magnitude.len() % bins, 0, "rows are whole");
        let mut encoder = FrameEncoder::new(bins, magnitude.len() / bins);
        let rows = magnitude.chunks_exact(bins).zip(advance_turns.chunks_exact(bins));
        rows.for_each(|(magnitude, advance_turns)| {
            encoder.push(|own_magnitude, own_advance| {
                own_magnitude.copy_from_slice(magnitude);
                own_advance.copy_from_slice(advance_turns);
            });
        });
        encoder.finish()
    }

    /// Takes codes as they were kept; `None` unless they are as many as frames of `bins` have.
    pub fn from_codes(bins: usize, step: f32, codes: Box<[u16]>) -> Option<Self> {
        let fits = bins > 0 && codes.len().is_multiple_of(2 * bins);
        (fits && step.is_finite() && step >= 0.0).then_some(Self { bins, step, codes })
    }

    /// Magnitude of one step, and the codes, [2, frames, bins]: of all magnitudes, then of all advances.
    pub fn codes(&self) -> (f32, &[u16]) {
        (self.step, &self.codes)
    }

    /// Magnitudes of one frame.
    #[inline(always)]
    pub fn magnitude(&self, frame: usize) -> impl ExactSizeIterator<Item = f32> + '_ {
        let step = self.step;
        let (magnitudes, _) = self.codes.split_at(self.codes.len() / 2);
        let row = &magnitudes[frame * self.bins..(frame + 1) * self.bins];
        row.iter().map(move |&code| step * steps(code))
    }

    /// Phase advances into one frame, in turns from -0.5 to 0.5.
    #[inline(always)]
    pub fn advance(&self, frame: usize) -> impl ExactSizeIterator<Item = f32> + '_ {
        let (_, advances) = self.codes.split_at(self.codes.len() / 2);
        let row = &advances[frame * self.bins..(frame + 1) * self.bins];
        row.iter().map(|&code| f32::from(code.cast_signed()) * (1.0 / PHASE_STEPS))
    }

    /// Bytes that the frames hold in memory.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.codes)
    }
}

/// Encodes the frames of a note as they come, each while it lies in the processor's nearest cache. Its buffers are kept
/// from note to note.
pub struct FrameEncoder {
    bins: usize,
    /// Frames of a note, and those that have come.
    frames: usize,
    pushed: usize,
    /// Magnitudes of the frames so far: only the loudest of all gives the codes their step.
    magnitude: Box<[f32]>,
    loudest: f32,
    /// Advances of the frame that comes, in turns.
    advance: Box<[f32]>,
    /// The codes of the advances so far.
    advance_codes: Box<[u16]>,
    /// What those of each bin leave of its phase, in steps: at most half of one.
    remainder: Box<[f32]>,
    /// The codes of one frame's magnitudes.
    magnitude_codes: Box<[u16]>,
}

impl FrameEncoder {
    pub fn new(bins: usize, frames: usize) -> Self {
        Self {
            bins,
            frames,
            pushed: 0,
            magnitude: vec![0.0; frames * bins].into(),
            loudest: 0.0,
            advance: vec![0.0; bins].into(),
            advance_codes: vec![0; frames * bins].into(),
            remainder: vec![0.0; bins].into(),
            magnitude_codes: vec![0; bins].into(),
        }
    }

    /// Takes the next frame, which `fill` writes to where it is kept: `bins` magnitudes, 0 or more and finite, and as many
    /// phase advances in turns. A copy of all magnitudes would be a way of its own through half a megabyte.
    ///
    /// # Panics
    /// When the note already has all its frames.
    pub fn push(&mut self, fill: impl FnOnce(&mut [f32], &mut [f32])) {
        assert!(self.pushed < self.frames, "a note has no more frames");
        if self.pushed == 0 {
            self.loudest = 0.0;
            self.remainder.fill(0.0);
        }
        let row = self.pushed * self.bins..(self.pushed + 1) * self.bins;
        let magnitude = &mut self.magnitude[row.clone()];
        fill(magnitude, &mut self.advance);
        self.loudest = self.loudest.max(loudest(magnitude));
        advance_codes(&self.advance, &mut self.remainder, &mut self.advance_codes[row]);
        self.pushed += 1;
    }

    /// The frames of the note. The next frame begins another one.
    ///
    /// # Panics
    /// When the note lacks frames.
    pub fn finish(&mut self) -> Frames {
        assert_eq!(self.pushed, self.frames, "a note has all its frames");
        self.pushed = 0;
        let loudest = self.loudest.min(LOUDEST);
        // A note whose loudest bin has hardly a bit left is silent.
        let (step, per_magnitude) =
            if loudest >= f32::MIN_POSITIVE * STEPS { (loudest / STEPS, STEPS / loudest) } else { (0.0, 0.0) };
        // Row by row, since memory that is cleared before it is filled is gone through twice.
        let mut codes = Vec::with_capacity(2 * self.magnitude.len());
        for magnitude in self.magnitude.chunks_exact(self.bins) {
            magnitude_codes(magnitude, per_magnitude, &mut self.magnitude_codes);
            codes.extend_from_slice(&self.magnitude_codes);
        }
        codes.extend_from_slice(&self.advance_codes);
        Frames { bins: self.bins, step, codes: codes.into() }
    }
}

/// The loudest of magnitudes that are 0 or more.
#[multiversion(targets("x86_64+avx2"))]
fn loudest(magnitude: &[f32]) -> f32 {
    // Such numbers rise with their bits, whose maximum the compiler takes in vectors, as it does not that of floats.
    f32::from_bits(magnitude.iter().fold(0, |loudest, magnitude| loudest.max(magnitude.to_bits())))
}

/// The codes of magnitudes that are brought to steps by a factor.
#[multiversion(targets("x86_64+avx2"))]
fn magnitude_codes(magnitude: &[f32], per_magnitude: f32, codes: &mut [u16]) {
    codes.iter_mut().zip(magnitude).for_each(|(own, magnitude)| *own = code(magnitude * per_magnitude));
}

/// The codes of one frame's advances.
#[multiversion(targets("x86_64+avx2"))]
fn advance_codes(advance_turns: &[f32], remainder: &mut [f32], codes: &mut [u16]) {
    for ((code, turns), remainder) in codes.iter_mut().zip(advance_turns).zip(remainder) {
        // What was left over comes along, so that the sum of the codes is the rounded phase.
        let steps = turns * PHASE_STEPS + *remainder;
        // The last bits of this sum are the nearest whole number, and half a turn either way is the same one.
        let rounded = steps + ROUND;
        *code = rounded.to_bits() as u16;
        *remainder = steps - (rounded - ROUND);
    }
}

/// The code of a magnitude in steps, from 0 to [`STEPS`].
#[inline(always)]
fn code(steps: f32) -> u16 {
    let bits = (1.0 + steps).to_bits() - ONE;
    // Rounded to the nearest. The last code is the loudest magnitude's own, so that nothing is carried beyond it.
    ((bits + (1 << (DROPPED_BITS - 1))) >> DROPPED_BITS).min(u32::from(u16::MAX)) as u16
}

/// The magnitude of a code, in steps.
#[inline(always)]
fn steps(code: u16) -> f32 {
    f32::from_bits(ONE + (u32::from(code) << DROPPED_BITS)) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spectral::wrap_turns;

    #[test]
    fn every_code_stands_for_itself() {
        for own in 0..=u16::MAX {
            assert_eq!(code(steps(own)), own);
        }
        assert_eq!((steps(0), steps(u16::MAX)), (0.0, STEPS));
    }

    #[test]
    fn magnitudes_are_right_to_78_db_down_to_96_db_and_fade_out_below() {
        let loudest = 700.0f32;
        let magnitude: Vec<f32> = (0..=2400).map(|n| loudest * 10f32.powf(-0.1 * n as f32 / 20.0)).collect();
        let frames = Frames::encode(magnitude.len(), &magnitude, &vec![0.0; magnitude.len()]);
        for (found, right) in frames.magnitude(0).zip(&magnitude) {
            let allowed = (right + loudest / STEPS) / 8192.0;
            assert!((found - right).abs() <= 1.001 * allowed, "{found} in place of {right}");
        }
        assert_eq!(frames.magnitude(0).next(), Some(loudest), "the loudest is exact");
    }

    #[test]
    fn the_error_of_the_phase_does_not_grow() {
        const FRAMES: usize = 128;
        // Advances that lie as far as can be beside what the code has.
        let own = |bin: usize| wrap_turns(0.013 * bin as f32 + 0.5 / PHASE_STEPS);
        let advance: Vec<f32> = (0..FRAMES * 64).map(|i| own(i % 64)).collect();
        let frames = Frames::encode(64, &vec![1.0; advance.len()], &advance);
        let mut phase = [0.0f32; 64];
        for frame in 0..FRAMES {
            for (bin, (phase, advance)) in phase.iter_mut().zip(frames.advance(frame)).enumerate() {
                *phase = wrap_turns(*phase + advance);
                let right = f64::from(own(bin)) * (frame + 1) as f64;
                let error = f64::from(*phase) - right;
                let error = error - error.round();
                // Half a step of the code, and what single precision loses on the way in 128 additions.
                assert!(error.abs() < 0.76 / 65_536.0, "frame {frame}, bin {bin}: {error}");
            }
        }
    }

    #[test]
    fn a_held_note_goes_to_and_fro_for_half_a_minute_without_a_drift() {
        const LOWEST_HZ: f64 = 32.7;
        let (seconds, frame_seconds) = (30.0, 512.0 / 16_000.0);
        let advance: Vec<f32> = (0..128).map(|frame| wrap_turns(0.37 * frame as f32 + 0.123_456)).collect();
        let frames = Frames::encode(1, &[1.0; 128], &advance);
        let (mut frame, mut step, mut drift) = (40, 1, 0.0);
        for _ in 0..(seconds / frame_seconds) as usize {
            if frame == 40 {
                step = 1;
            } else if frame == 70 {
                step = -1;
            }
            frame += step;
            let kept = frames.advance(frame as usize).next().unwrap();
            drift += f64::from(wrap_turns(kept - advance[frame as usize]));
        }
        let cents = 1200.0 * (1.0 + drift / seconds / LOWEST_HZ).log2();
        assert!(cents.abs() < 0.005, "the lowest note drifts by {cents} cents");
    }

    #[test]
    fn silence_stays_silent_and_the_loudest_there_is_finite() {
        for loudest in [0.0, 1e-42, f32::MIN_POSITIVE, 1e-30, 1.0, 1e19, f32::MAX] {
            let frames = Frames::encode(2, &[loudest, 0.0], &[0.25, -0.5]);
            let found: Vec<f32> = frames.magnitude(0).collect();
            let right = loudest.min(LOUDEST);
            assert!((found[0] - right).abs() <= 1e-3 * right.max(1e-30) && found[1] == 0.0, "{loudest}: {found:?}");
            let advance: Vec<f32> = frames.advance(0).map(f32::abs).collect();
            assert_eq!(advance, [0.25, 0.5]);
        }
    }

    #[test]
    fn codes_that_do_not_fit_together_are_no_frames() {
        let from = |bins, step, len| Frames::from_codes(bins, step, vec![1; len].into());
        assert!(from(4, 1.0, 16).is_some());
        for (bins, step, len) in [(0, 1.0, 16), (3, 1.0, 16), (4, 1.0, 12), (4, f32::NAN, 16), (4, -1.0, 16)] {
            assert!(from(bins, step, len).is_none(), "{bins} {step} {len}");
        }
    }
}
