//! Keeps the bins of a partial together while a voice sounds on beyond what was generated.
//!
//! A partial fills several neighbouring bins. Each has a phase advance of its own, and a network gives them slightly
//! different ones. Over the four seconds of a note that is part of its sound; over the minutes of a held one the bins of a
//! partial would drift apart and come together again, and its level with them. So from the moment on that a voice leaves
//! its note as generated, the bins around each peak move with the peak (phase locking, Laroche and Dolson, "Improved
//! phase vocoder time-scale modification of audio", 1999), and are led back to the relation that a steady tone has under a
//! Hann window: half a turn from bin to bin.

use multiversion::multiversion;

use crate::spectral::wrap_turns;

/// Bins on each side of a peak that the main lobe of a Hann window covers.
const LOBE: f32 = 2.0;

/// Share of the way back to the relation of a steady tone that is gone in a frame: within a third of a second most of it,
/// slowly enough that no level jumps.
const RELAXATION: f32 = 0.12;

/// Bins of which one word tells something, a bit each.
const WORD: usize = u64::BITS as usize;

/// The partials of one frame. Its room is kept from frame to frame.
pub struct Partials {
    /// For each bin 1 where the next bin is louder, else 0.
    rising: Box<[u8]>,
    found: Box<[Partial]>,
    count: usize,
    /// Of the partial that each bin belongs to: the place of its peak, in bins, and the peak's advance and phase, in turns.
    peaks: Box<[f32]>,
    advances: Box<[f32]>,
    phases: Box<[f32]>,
}

/// A peak and the bins around it, up to the valleys on both sides.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
struct Partial {
    peak: u16,
    from: u16,
    to: u16,
}

impl Partials {
    /// Room for those of frames of up to `bins`.
    pub fn new(bins: usize) -> Self {
        // A partial has one bin at least.
        let spread = || vec![0.0; bins + SPREAD].into_boxed_slice();
        Self {
            rising: vec![0; bins.next_multiple_of(WORD)].into(),
            found: vec![Partial::default(); bins].into(),
            count: 0,
            peaks: spread(),
            advances: spread(),
            phases: spread(),
        }
    }

    /// Finds the partials of a frame by the magnitudes of its bins.
    fn find(&mut self, magnitude: &[f32]) {
        let bins = magnitude.len();
        if bins == 0 {
            self.count = 0;
            return;
        }
        rising(magnitude, &mut self.rising[..bins.next_multiple_of(WORD)]);
        // Uphill to the peak, then down to the valley behind it: peaks and valleys take turns, a peak being first and, since
        // nothing rises behind the last bin, last. In front of the first bin it is as if the level rose.
        let mut before = 1;
        let (mut peaks_found, mut valleys_found) = (0, 0);
        self.found[0].from = 0;
        for (index, bytes) in self.rising.as_chunks::<WORD>().0.iter().take(bins.div_ceil(WORD)).enumerate() {
            let here = bits(bytes);
            let shifted = here << 1 | before;
            before = here >> (WORD - 1);
            for_each_bit(!here & shifted, |bit| {
                self.found[peaks_found].peak = (WORD * index + bit) as u16;
                peaks_found += 1;
            });
            for_each_bit(here & !shifted, |bit| {
                let to = (WORD * index + bit) as u16 + 1;
                self.found[valleys_found].to = to;
                valleys_found += 1;
                self.found[valleys_found].from = to;
            });
        }
        self.count = peaks_found;
        self.found[peaks_found - 1].to = bins as u16;
    }

    /// Lets the bins of each partial advance as its peak does. In turns.
    pub fn lock_advances(&mut self, magnitude: &[f32], advance: &mut [f32]) {
        self.find(magnitude);
        for &Partial { peak, from, to } in &self.found[..self.count] {
            let of_peak = advance[usize::from(peak)];
            advance[usize::from(from)..usize::from(to)].fill(of_peak);
        }
    }

    /// Moves the phases of a frame on, all bins of each partial as its peak, and leads those around each peak a step towards
    /// the phases of a steady tone. `advance` becomes that of the peaks. Phases and advances are in turns.
    pub fn move_on(&mut self, magnitude: &[f32], advance: &mut [f32], phase: &mut [f32]) {
        self.find(magnitude);
        for &Partial { peak, from, to } in &self.found[..self.count] {
            let of_peak = (advance[usize::from(peak)], phase[usize::from(peak)]);
            let (advance, phase) = (of_peak.0, wrap_turns(of_peak.1 + of_peak.0));
            // Some more than there are, which is faster than to count; the next partial sets its own.
            for bin in (usize::from(from)..usize::from(to)).step_by(SPREAD) {
                self.peaks[bin..][..SPREAD].fill(f32::from(peak));
                self.advances[bin..][..SPREAD].fill(advance);
                self.phases[bin..][..SPREAD].fill(phase);
            }
        }
        let bins = magnitude.len();
        follow([&self.peaks[..bins], &self.advances[..bins], &self.phases[..bins]], advance, phase);
    }
}

/// Bins that are set at once: as many as a vector has.
const SPREAD: usize = 8;

/// Lets every bin follow its peak, whose place, advance and new phase are given for each bin.
#[multiversion(targets("x86_64+avx2"))]
fn follow([peaks, advances, phases]: [&[f32]; 3], advance: &mut [f32], phase: &mut [f32]) {
    let of_peaks = peaks.iter().zip(advances).zip(phases);
    for ((bin, (advance, phase)), ((peak, of_peak), peak_phase)) in
        advance.iter_mut().zip(phase).enumerate().zip(of_peaks)
    {
        let distance = (peak - bin as i32 as f32).abs();
        let share = if distance <= LOBE { RELAXATION } else { 0.0 };
        let moved = wrap_turns(*phase + of_peak);
        *advance = *of_peak;
        *phase = moved + share * wrap_turns(peak_phase + 0.5 * distance - moved);
    }
}

/// Tells of each bin whether the next one exceeds it; of the last, and of those that the frame does not have, that none does.
#[multiversion(targets("x86_64+avx2"))]
fn rising(magnitude: &[f32], rising: &mut [u8]) {
    let (pairs, rest) = rising.split_at_mut(magnitude.len() - 1);
    for (rising, (here, next)) in pairs.iter_mut().zip(magnitude.iter().zip(&magnitude[1..])) {
        *rising = u8::from(next > here);
    }
    rest.fill(0);
}

/// Bytes of 0 and 1 as bits.
fn bits(bytes: &[u8; WORD]) -> u64 {
    // The product moves the lowest bit of each of eight bytes to a place of its own in the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (eights, _) = bytes.as_chunks::<8>();
    let parts = eights.iter().enumerate();
    parts.fold(0, |word, (n, eight)| word | u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56 << (8 * n))
}

/// Calls `visit` with the place of each bit that is set, the lowest first.
#[inline(always)]
fn for_each_bit(mut word: u64, mut visit: impl FnMut(usize)) {
    while word != 0 {
        visit(word.trailing_zeros() as usize);
        word &= word - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partials_are_told_apart_at_the_valleys() {
        let magnitude = [0.0, 1.0, 3.0, 1.0, 0.5, 2.0, 5.0, 2.0, 1.0];
        let mut partials = Partials::new(9);
        partials.find(&magnitude);
        let partial = |peak, from, to| Partial { peak, from, to };
        assert_eq!(partials.found[..partials.count], [partial(2, 0, 5), partial(6, 5, 9)]);
    }

    #[test]
    fn partials_of_any_frame_are_those_of_a_walk_over_its_bins() {
        let random = |frame: usize, bin: usize| ((bin * 7919 + frame * 104_729) % 1_009) as f32;
        let frames: [fn(usize, usize) -> f32; 5] = [
            |_, _| 1.0,
            |_, bin| bin as f32,
            |_, bin| -(bin as f32),
            |_, bin| if bin % 64 > 31 { 1.0 } else { 0.0 },
            |_, bin| (bin / 3 % 2) as f32,
        ];
        let mut partials = Partials::new(2560);
        for bins in [1, 2, 63, 64, 65, 128, 512, 1023, 1024, 2560, 0, 2000] {
            for frame in 0..20 {
                let level = |bin| frames.get(frame).map_or_else(|| random(frame, bin), |level| level(frame, bin));
                let magnitude: Vec<f32> = (0..bins).map(level).collect();
                partials.find(&magnitude);
                assert_eq!(partials.found[..partials.count], walk(&magnitude), "{bins} bins, frame {frame}");
            }
        }
    }

    /// The partials, bin by bin.
    fn walk(magnitude: &[f32]) -> Vec<Partial> {
        let (mut found, mut from) = (Vec::new(), 0);
        let Some(last) = magnitude.len().checked_sub(1) else { return found };
        while from <= last {
            let mut bin = from;
            while bin < last && magnitude[bin + 1] > magnitude[bin] {
                bin += 1;
            }
            let peak = bin;
            while bin < last && magnitude[bin + 1] <= magnitude[bin] {
                bin += 1;
            }
            found.push(Partial { peak: peak as u16, from: from as u16, to: bin as u16 + 1 });
            from = bin + 1;
        }
        found
    }

    #[test]
    fn beyond_the_main_lobe_bins_keep_their_distance_in_phase() {
        // A partial of 20 bins, longer than what is set at once, and another behind it.
        let magnitude: Vec<f32> = (0..40).map(|bin: i32| 20.0 - (bin % 20 - 10).abs() as f32).collect();
        let mut advance: Vec<f32> = (0..40).map(|bin| 0.01 * bin as f32).collect();
        let mut phase = vec![0.25; 40];
        Partials::new(40).move_on(&magnitude, &mut advance, &mut phase);
        for bin in 0..40 {
            let peak = if bin < 21 { 10 } else { 30 };
            assert_eq!(advance[bin], 0.01 * peak as f32, "bin {bin}");
            let moved = 0.25 + 0.01 * peak as f32;
            let steady = if bin.abs_diff(peak) == 1 { 0.5 } else { 0.0 };
            let expected = if bin.abs_diff(peak) <= 2 { RELAXATION * wrap_turns(steady) } else { 0.0 };
            assert!((wrap_turns(phase[bin] - moved).abs() - expected.abs()).abs() < 1e-6, "bin {bin}: {}", phase[bin]);
        }
    }

    #[test]
    fn bins_move_with_their_peak_and_find_together() {
        let magnitude = [0.1, 1.0, 2.0, 1.0, 0.1];
        let mut partials = Partials::new(5);
        let mut advance = [0.1, 0.2, 0.3, 0.31, 0.4];
        let mut locked = advance;
        partials.lock_advances(&magnitude, &mut locked);
        assert_eq!(locked, [0.3; 5]);
        let mut phase = [0.2, 0.1, 0.0, 0.4, -0.1];
        for frame in 1..=100 {
            partials.move_on(&magnitude, &mut advance, &mut phase);
            assert_eq!(advance, [0.3; 5]);
            assert!(wrap_turns(phase[2] - 0.3 * frame as f32).abs() < 1e-4, "the peak goes its own way");
        }
        let phase = phase.map(|own| wrap_turns(own - phase[2]));
        for (phase, expected) in phase.into_iter().zip([0.0, 0.5, 0.0, 0.5, 0.0]) {
            assert!(wrap_turns(phase - expected).abs() < 1e-3, "{phase} for {expected}");
        }
    }
}
