//! Keeps the bins of a partial together while a voice sounds on beyond what was generated.
//!
//! A partial fills several neighbouring bins. Each has a phase advance of its own, and a network gives them slightly
//! different ones. Over the four seconds of a note that is part of its sound; over the minutes of a held one the bins of a
//! partial would drift apart and come together again, and its level with them. So from the moment on that a voice leaves
//! its note as generated, the bins around each peak move with the peak (phase locking, Laroche and Dolson, "Improved
//! phase vocoder time-scale modification of audio", 1999), and are led back to the relation that a steady tone has under a
//! Hann window: half a turn from bin to bin.

use crate::spectral::wrap_turns;

/// Bins on each side of a peak that the main lobe of a Hann window covers.
const LOBE: usize = 2;

/// Share of the way back to the relation of a steady tone that is gone in a frame: within a third of a second most of it,
/// slowly enough that no level jumps.
const RELAXATION: f32 = 0.12;

/// Lets the bins around each peak of `magnitude` advance as the peak does.
pub fn lock_advances(magnitude: &[f32], advance: &mut [f32]) {
    for_each_partial(magnitude, |peak, from, to| {
        let of_peak = advance[peak];
        advance[from..to].fill(of_peak);
    });
}

/// Leads the phases around each peak of `magnitude` a step towards those of a steady tone.
pub fn relax_phases(magnitude: &[f32], phase: &mut [f32]) {
    for_each_partial(magnitude, |peak, from, to| {
        let of_peak = phase[peak];
        for bin in from.max(peak.saturating_sub(LOBE))..to.min(peak + LOBE + 1) {
            let half_turns = 0.5 * peak.abs_diff(bin) as f32;
            phase[bin] += RELAXATION * wrap_turns(of_peak + half_turns - phase[bin]);
        }
    });
}

/// Calls `visit` with each peak and the range of bins around it, up to the valleys on both sides.
fn for_each_partial(magnitude: &[f32], mut visit: impl FnMut(usize, usize, usize)) {
    let mut from = 0;
    let mut bin = 0;
    while bin < magnitude.len() {
        // Uphill to the peak, then down to the valley behind it.
        while bin + 1 < magnitude.len() && magnitude[bin + 1] > magnitude[bin] {
            bin += 1;
        }
        let peak = bin;
        while bin + 1 < magnitude.len() && magnitude[bin + 1] <= magnitude[bin] {
            bin += 1;
        }
        let to = (bin + 1).min(magnitude.len());
        visit(peak, from, to);
        (from, bin) = (to, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partials_are_told_apart_at_the_valleys() {
        let magnitude = [0.0, 1.0, 3.0, 1.0, 0.5, 2.0, 5.0, 2.0, 1.0];
        let mut partials = Vec::new();
        for_each_partial(&magnitude, |peak, from, to| partials.push((peak, from, to)));
        assert_eq!(partials, [(2, 0, 5), (6, 5, 9)]);
        let mut every = vec![0; 9];
        for_each_partial(&magnitude, |_, from, to| every[from..to].iter_mut().for_each(|n| *n += 1));
        assert_eq!(every, [1; 9], "each bin belongs to one partial");
    }

    #[test]
    fn bins_move_with_their_peak_and_find_together() {
        let magnitude = [0.1, 1.0, 2.0, 1.0, 0.1];
        let mut advance = [0.1, 0.2, 0.3, 0.31, 0.4];
        lock_advances(&magnitude, &mut advance);
        assert_eq!(advance, [0.3; 5]);
        let mut phase = [0.2, 0.1, 0.0, 0.4, -0.1];
        for _ in 0..100 {
            relax_phases(&magnitude, &mut phase);
        }
        for (phase, expected) in phase.into_iter().zip([0.0, 0.5, 0.0, 0.5, 0.0]) {
            assert!(wrap_turns(phase - expected).abs() < 1e-3, "{phase} for {expected}");
        }
    }
}
