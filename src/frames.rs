//! The frames of a note at 16 bits a number, half of what single precision takes, and equal to the ear.
//!
//! **Magnitude** is a code of 3 bits of exponent and 13 of mantissa, companded like the chords of ITU-T G.711: with
//! `u` = 2^8 - 1 steps for the loudest bin of the frame, a magnitude `m` is kept as the floating-point number
//! `1 + u * m / loudest`, which lies in 1 to 2^8. Its error is at most 2^-14 of itself (-84 dB) down to 48 dB below the
//! loudest bin, and at most 2^-14 of a step, 132 dB below that bin, further down: all thousand bins together have 102 dB
//! less than the loudest then. Half precision of IEEE 754 has three bits less of mantissa, spends one on a sign and the
//! others on a range that a frame with a level of its own does not need. The loudest bin is exact, and those within 6 dB
//! of it are right to half of the error. Decoding takes a shift, an addition, a subtraction and a multiplication, all of
//! which make vectors on every processor.
//!
//! **Phase** is what is rounded, not its advance: to 1/65536 turn, once a frame, and the advance is the difference of
//! rounded phases. So the error of the phase never grows along a note. The differences are whole numbers of steps, which
//! single precision adds up exactly.

use std::mem::MaybeUninit;

use multiversion::multiversion;

use crate::fused::{is_fused, mul_add};
use crate::spectral::wrap_turns;

/// Steps of the loudest magnitude of a frame: `1 + STEPS` is the largest number of the code, 2^8 less the last bit of its
/// mantissa.
const STEPS: f32 = 255.0 - 1.0 / 64.0;

/// No sound is louder, and a product that rounds upwards must stay finite.
const LOUDEST: f32 = 1e38;

/// The bits of 1.0, where the code begins, and those of a mantissa that it leaves out.
const ONE: u32 = 0x3f80_0000;
const DROPPED_BITS: u32 = 10;

/// Steps of phase in a turn.
const PHASE_STEPS: f32 = 65_536.0;

/// 1.5 * 2^23: a number of some thousands that is added to it is rounded to a whole one.
const ROUND: f32 = 12_582_912.0;

/// Polar frames of one note.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Frames {
    bins: usize,
    /// Magnitude of one step, frame by frame.
    steps: Box<[f32]>,
    /// [frames, 2, bins]: codes of a frame's magnitudes, then of its advances, which are signed.
    codes: Box<[u16]>,
    /// The lowest bins of each frame, behind which all are silent.
    sounding: Box<[u16]>,
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
                magnitude.iter().copied().fold(0.0, f32::max)
            });
        });
        encoder.finish()
    }

    /// Takes codes as they were kept; `None` unless they are as many as frames of `bins` have, and there is a step for each
    /// frame.
    pub fn from_codes(bins: usize, steps: Box<[f32]>, codes: Box<[u16]>) -> Option<Self> {
        let fits = bins > 0 && codes.len() == 2 * bins * steps.len();
        let is_level = |step: &f32| step.is_finite() && *step >= 0.0;
        (fits && steps.iter().all(is_level)).then(|| Self::new(bins, steps, codes))
    }

    fn new(bins: usize, steps: Box<[f32]>, codes: Box<[u16]>) -> Self {
        let sounding = codes.chunks_exact(2 * bins).map(|row| sounding(&row[..bins]) as u16).collect();
        Self { bins, steps, codes, sounding }
    }

    /// How many of the lowest bins of a frame sound: all above are silent.
    #[inline(always)]
    pub fn sounding(&self, frame: usize) -> usize {
        usize::from(self.sounding[frame])
    }

    /// Magnitude of one step in each frame, and the codes, [frames, 2, bins]: of a frame's magnitudes, then of its advances.
    pub fn codes(&self) -> (&[f32], &[u16]) {
        (&self.steps, &self.codes)
    }

    /// Magnitudes of one frame.
    #[inline(always)]
    pub fn magnitude(&self, frame: usize) -> impl ExactSizeIterator<Item = f32> + '_ {
        let step = self.steps[frame];
        self.row(2 * frame).iter().map(move |&code| step * steps(code))
    }

    /// Phase advances into one frame, in turns from -0.5 to 0.5.
    #[inline(always)]
    pub fn advance(&self, frame: usize) -> impl ExactSizeIterator<Item = f32> + '_ {
        self.row(2 * frame + 1).iter().map(|&code| f32::from(code.cast_signed()) * (1.0 / PHASE_STEPS))
    }

    /// Moves phases on by the advances into one frame, in turns.
    pub fn move_on(&self, frame: usize, phase: &mut [f32]) {
        move_on(self, frame, phase);
    }

    /// Reads magnitudes of one frame, from the lowest bin on.
    pub fn read_magnitude(&self, frame: usize, magnitude: &mut [f32]) {
        read_magnitude(self, frame, magnitude);
    }

    #[inline(always)]
    fn row(&self, index: usize) -> &[u16] {
        &self.codes[index * self.bins..(index + 1) * self.bins]
    }

    /// Bytes that the frames hold in memory.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.steps) + size_of_val(&*self.codes) + size_of_val(&*self.sounding)
    }
}

/// Encodes the frames of a note as they come, each while it lies in the processor's nearest cache. Its buffers are kept
/// from note to note.
pub struct FrameEncoder {
    /// Frames of a note.
    frames: usize,
    /// The frame that comes: magnitudes, and advances in turns.
    magnitude: Box<[f32]>,
    advance: Box<[f32]>,
    /// What the codes so far leave of each bin's phase, in steps: at most half of one.
    remainder: Box<[f32]>,
    /// What the note has so far.
    steps: Vec<f32>,
    codes: Vec<u16>,
}

impl FrameEncoder {
    pub fn new(bins: usize, frames: usize) -> Self {
        let zeros = || vec![0.0; bins].into_boxed_slice();
        Self { frames, magnitude: zeros(), advance: zeros(), remainder: zeros(), steps: Vec::new(), codes: Vec::new() }
    }

    /// Takes the next frame, which `fill` writes: `bins` magnitudes, 0 or more and finite, and as many phase advances in
    /// turns, 64 at most. It gives the greatest magnitude.
    ///
    /// # Panics
    /// When the note already has all its frames.
    pub fn push(&mut self, fill: impl FnOnce(&mut [f32], &mut [f32]) -> f32) {
        assert!(self.steps.len() < self.frames, "a note has no more frames");
        let row = 2 * self.magnitude.len();
        if self.steps.is_empty() {
            self.remainder.fill(0.0);
            self.steps.reserve_exact(self.frames);
            self.codes.reserve_exact(self.frames * row);
        }
        // To where they are kept at once: memory that is cleared before, or a copy, costs a tenth of all that is done here.
        let (codes, rest) = self.codes.spare_capacity_mut().split_at_mut(row);
        let (magnitudes, advances) = codes.split_at_mut(row / 2);
        // The next frame's codes would wait for memory: it was last used by a note long ago. It is fetched by thirds, since with
        // more than some twenty lines under way the processor waits for it now.
        let mut thirds = rest.chunks(row.div_ceil(3));
        let mut fetch = || prefetch(thirds.next().unwrap_or_default());
        fetch();
        let loudest = fill(&mut self.magnitude, &mut self.advance).min(LOUDEST);
        // A frame whose loudest bin has hardly a bit left is silent.
        let (step, per_magnitude) =
            if loudest >= f32::MIN_POSITIVE * STEPS { (loudest / STEPS, STEPS / loudest) } else { (0.0, 0.0) };
        self.steps.push(step);
        fetch();
        magnitude_codes(&self.magnitude, per_magnitude, magnitudes);
        fetch();
        advance_codes(&self.advance, &mut self.remainder, advances);
        // SAFETY: there is a magnitude and an advance for each of the codes, so that each was written.
        unsafe { self.codes.set_len(self.codes.len() + row) };
    }

    /// The frames of the note. The next frame begins another one.
    ///
    /// # Panics
    /// When the note lacks frames.
    pub fn finish(&mut self) -> Frames {
        assert_eq!(self.steps.len(), self.frames, "a note has all its frames");
        let (steps, codes) = (std::mem::take(&mut self.steps), std::mem::take(&mut self.codes));
        Frames::new(self.magnitude.len(), steps.into(), codes.into())
    }
}

/// Has the processor fetch memory that will be written to.
fn prefetch(ahead: &[MaybeUninit<u16>]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        /// What a processor fetches at once, in codes.
        const LINE: usize = 64 / size_of::<u16>();
        for line in ahead.chunks(LINE) {
            // SAFETY: this is a hint, which reads and writes nothing.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = ahead;
}

/// How many of the first codes are there up to the last one that is not zero.
fn sounding(codes: &[u16]) -> usize {
    /// Codes that are looked at together, from the end.
    const TOGETHER: usize = 64;
    let is_silent = |codes: &&[u16]| codes.iter().fold(0, |all, code| all | code) == 0;
    let silent = TOGETHER * codes.rchunks(TOGETHER).take_while(is_silent).count();
    let rest = &codes[..codes.len().saturating_sub(silent)];
    rest.iter().rposition(|&code| code != 0).map_or(0, |last| last + 1)
}

#[multiversion(targets("x86_64+avx2"))]
fn move_on(frames: &Frames, frame: usize, phase: &mut [f32]) {
    for (phase, advance) in phase.iter_mut().zip(frames.advance(frame)) {
        *phase = wrap_turns(*phase + advance);
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn read_magnitude(frames: &Frames, frame: usize, magnitude: &mut [f32]) {
    for (own, kept) in magnitude.iter_mut().zip(frames.magnitude(frame)) {
        *own = kept;
    }
}

/// The codes of magnitudes that are brought to steps by a factor.
#[multiversion(targets("x86_64+avx2+fma"))]
fn magnitude_codes(magnitude: &[f32], per_magnitude: f32, codes: &mut [MaybeUninit<u16>]) {
    for (own, magnitude) in codes.iter_mut().zip(magnitude) {
        own.write(code(mul_add::<{ is_fused!() }>(*magnitude, per_magnitude, 1.0)));
    }
}

/// The codes of one frame's advances.
#[multiversion(targets("x86_64+avx2+fma"))]
fn advance_codes(advance_turns: &[f32], remainder: &mut [f32], codes: &mut [MaybeUninit<u16>]) {
    for ((code, turns), remainder) in codes.iter_mut().zip(advance_turns).zip(remainder) {
        // What was left over comes along, so that the sum of the codes is the rounded phase.
        let steps = mul_add::<{ is_fused!() }>(*turns, PHASE_STEPS, *remainder);
        // The last bits of this sum are the nearest whole number, and half a turn either way is the same one.
        let rounded = steps + ROUND;
        code.write(rounded.to_bits() as u16);
        *remainder = steps - (rounded - ROUND);
    }
}

/// The code of a magnitude in steps, from 0 to [`STEPS`], and 1 more.
#[inline(always)]
fn code(steps_and_one: f32) -> u16 {
    let bits = steps_and_one.to_bits() - ONE;
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

    #[test]
    fn every_code_stands_for_itself() {
        for own in 0..=u16::MAX {
            assert_eq!(code(1.0 + steps(own)), own);
        }
        assert_eq!((steps(0), steps(u16::MAX)), (0.0, STEPS));
    }

    #[test]
    fn magnitudes_are_right_to_84_db_down_to_48_db_and_to_132_db_of_the_loudest_below() {
        let loudest = 700.0f32;
        let magnitude: Vec<f32> = (0..=2400).map(|n| loudest * 10f32.powf(-0.1 * n as f32 / 20.0)).collect();
        let frames = Frames::encode(magnitude.len(), &magnitude, &vec![0.0; magnitude.len()]);
        for (found, right) in frames.magnitude(0).zip(&magnitude) {
            let allowed = (right + loudest / STEPS) / 16_384.0;
            assert!((found - right).abs() <= 1.001 * allowed, "{found} in place of {right}");
        }
        assert_eq!(frames.magnitude(0).next(), Some(loudest), "the loudest is exact");
    }

    #[test]
    fn a_frame_120_db_below_another_is_kept_as_well_to_the_bit() {
        const SOFTER: f32 = 1.0 / (1 << 20) as f32;
        let magnitude: Vec<f32> = (0..64).map(|bin| 300.0 * (-0.1 * bin as f32).exp()).collect();
        let softer: Vec<f32> = magnitude.iter().map(|magnitude| SOFTER * magnitude).collect();
        let frames = Frames::encode(64, &[&magnitude[..], &softer].concat(), &[0.0; 128]);
        assert!(frames.magnitude(1).eq(frames.magnitude(0).map(|magnitude| SOFTER * magnitude)));
        assert_eq!(frames.magnitude(1).next(), Some(softer[0]), "the loudest of each is exact");
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
    fn silent_bins_at_the_top_are_known() {
        let magnitude = [
            0.0, 1.0, 0.0, 0.0, /**/ 0.0, 0.0, 0.0, 1e-9, /**/ 0.0, 0.0, 0.0, 0.0, /**/ 1.0, 0.0, 0.0,
            1e-9,
        ];
        let frames = Frames::encode(4, &magnitude, &[0.25; 16]);
        assert_eq!([0, 1, 2, 3].map(|frame| frames.sounding(frame)), [2, 4, 0, 1]);
        let (steps, codes) = frames.codes();
        assert_eq!(Frames::from_codes(4, steps.into(), codes.into()), Some(frames));
    }

    #[test]
    fn codes_that_do_not_fit_together_are_no_frames() {
        let from = |bins, step, len| Frames::from_codes(bins, [1.0, step].into(), vec![1; len].into());
        assert!(from(4, 1.0, 16).is_some());
        for (bins, step, len) in [(0, 1.0, 16), (3, 1.0, 16), (4, 1.0, 12), (4, f32::NAN, 16), (4, -1.0, 16)] {
            assert!(from(bins, step, len).is_none(), "{bins} {step} {len}");
        }
    }
}
