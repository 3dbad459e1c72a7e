//! Whether a note is in tune with its key, by measurement.
//!
//! The instantaneous frequency of every loud bin tells which partial of the key it belongs to and how far it is from it.
//! The note's pitch error is the median over bins and frames, weighted by magnitude. The representation of the most bins is
//! taken, since the partials of the lowest keys are 33 Hz apart.

use crate::spectral::{Analysis, Representation, SAMPLE_RATE, wrap_turns};

/// Partials that are looked at. A semitone to either side of the tenth is still nearer to it than to its neighbours.
const PARTIALS: usize = 10;

/// What begins before is the attack, whose pitch is not settled, in samples (50 ms).
const ATTACK_SAMPLES: isize = 800;

/// What lies behind is the release, in samples (3 s).
const HELD_SAMPLES: isize = 48_000;

/// A bin that holds a partial shows a frequency within so many bins of its own; others show noise or leakage.
const BIN_REACH: f32 = 1.5;

/// A bin below holds nothing; a sine of full scale has 512.
const NOTHING: f32 = 1.0e-5;

/// The farthest error that is told apart, in cents.
const RANGE_CENTS: f32 = 150.0;

/// Within so many cents of a partial a bin counts as part of the tone.
const TONE_CENTS: f32 = 50.0;

/// How the pitch of an instrument is heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// From partials at whole multiples of the fundamental: strings and pipes.
    Harmonic,
    /// From the fundamental and its octave, among others that are no multiples: bars, tongues, bells, drums.
    Inharmonic,
}

/// What was measured of a note.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Tuning {
    /// Median distance from the key, in cents.
    pub cents: f32,
    /// Energy at the key's partials over the energy up to the tenth one (harmonic), or over all energy (inharmonic).
    pub share: f32,
    /// Energy at odd partials over that at all partials. A note an octave too high has none.
    pub odd: f32,
    /// Energy half-way between the partials over that at them. The key's partials are the even ones of the octave below, so
    /// this is how much of that octave is heard.
    pub below: f32,
}

impl Tuning {
    /// The farthest that a note may be from its key, in cents: what wavers or is a section passes, a quarter tone does not.
    pub const MAX_CENTS: f32 = 30.0;

    /// The most of the octave below that a note may hold, as energy over that of its own partials (-13 dB).
    pub const MAX_BELOW: f32 = 0.05;

    /// Whether a note belongs to its key.
    ///
    /// A harmonic tone has at least half of its energy at the key's partials, else it is noise or sounds in another
    /// octave, and little of it half-way between them: an organ with a stop of 16 feet answers a key in two octaves, and is
    /// heard in the lower one. An inharmonic one may have most of it elsewhere, as bars do when they are struck hard, but a tenth at the
    /// fundamental and its octave, which a note that is off by a semitone has not.
    pub fn is_in_tune(&self, tone: Tone) -> bool {
        let is_tonal = match tone {
            Tone::Harmonic => self.share >= 0.5 && self.odd >= 0.01 && self.below < Self::MAX_BELOW,
            Tone::Inharmonic => self.share >= 0.1,
        };
        is_tonal && self.cents.abs() <= Self::MAX_CENTS
    }
}

/// Measures notes.
pub struct Tuner {
    analysis: Analysis,
}

impl Default for Tuner {
    fn default() -> Self {
        Self { analysis: Analysis::new(Representation::IfHires) }
    }
}

impl Tuner {
    /// Compares a note of four seconds at 16 kHz with a MIDI key. `None` where it is silent after its attack, or holds what
    /// is no number.
    pub fn measure(&mut self, wave: &[f32], key: u8, tone: Tone) -> Option<Tuning> {
        let image = self.analysis.analyse(wave).ok()?;
        let geometry = Representation::IfHires.geometry();
        let (levels, angles) = image.split_at(geometry.frames * geometry.bins);
        let bin_hz = SAMPLE_RATE as f32 / geometry.n_fft as f32;
        let fundamental = key_hz(f32::from(key));
        let mut votes = Votes::default();
        let frames = levels.chunks_exact(geometry.bins).zip(angles.chunks_exact(geometry.bins));
        for (frame, (levels, angles)) in frames.enumerate() {
            let start = (frame * geometry.hop) as isize - geometry.pad_left as isize;
            // The frequency is that between the window before and this one.
            let before = start - geometry.hop as isize;
            if before < ATTACK_SAMPLES || start + geometry.n_fft as isize > HELD_SAMPLES {
                continue;
            }
            for (bin, (level, angle)) in levels.iter().zip(angles).enumerate() {
                // DC is not in the image.
                let centre = (bin + 1) as f32;
                // Turns from frame to frame, less those of the bin's own frequency; a hop is a quarter of the window.
                let offset = wrap_turns(angle / 2.0 - centre / 4.0) * 4.0;
                let ratio = (centre + offset) * bin_hz / fundamental;
                votes.add(level.exp(), ratio, offset.abs() <= BIN_REACH, tone);
            }
        }
        votes.count(tone)
    }
}

/// Frequency of a MIDI key, which need not be a whole one.
pub fn key_hz(key: f32) -> f32 {
    440.0 * ((key - 69.0) / 12.0).exp2()
}

/// What the bins say, summed up.
struct Votes {
    /// Magnitude by cents, a bucket a cent.
    cents: Vec<f64>,
    all_energy: f64,
    /// Up to the last partial that is looked at.
    low_energy: f64,
    odd_energy: f64,
    even_energy: f64,
    /// Half-way between the partials.
    between_energy: f64,
}

impl Default for Votes {
    fn default() -> Self {
        Self {
            cents: vec![0.0; 2 * RANGE_CENTS as usize + 1],
            all_energy: 0.0,
            low_energy: 0.0,
            odd_energy: 0.0,
            even_energy: 0.0,
            between_energy: 0.0,
        }
    }
}

impl Votes {
    /// Takes a bin of a magnitude and a frequency, as a multiple of the fundamental.
    fn add(&mut self, magnitude: f32, ratio: f32, is_partial: bool, tone: Tone) {
        if magnitude < NOTHING {
            return;
        }
        let energy = f64::from(magnitude) * f64::from(magnitude);
        self.all_energy += energy;
        if ratio < PARTIALS as f32 + 0.5 {
            self.low_energy += energy;
        }
        let partials = match tone {
            Tone::Harmonic => PARTIALS,
            Tone::Inharmonic => 2,
        };
        // The odd partials of the octave below.
        let between = (ratio - 0.5).round() + 0.5;
        if is_partial && (0.5..partials as f32).contains(&between) && cents(ratio, between).abs() <= TONE_CENTS {
            self.between_energy += energy;
        }
        let partial = ratio.round();
        if !is_partial || partial < 1.0 || partial > partials as f32 {
            return;
        }
        let cents = cents(ratio, partial);
        if cents.abs() > RANGE_CENTS {
            return;
        }
        self.cents[(cents + RANGE_CENTS).round() as usize] += f64::from(magnitude);
        if cents.abs() <= TONE_CENTS {
            let is_odd = partial as usize % 2 == 1;
            *(if is_odd { &mut self.odd_energy } else { &mut self.even_energy }) += energy;
        }
    }

    fn count(&self, tone: Tone) -> Option<Tuning> {
        let total: f64 = self.cents.iter().sum();
        let at_partials = self.odd_energy + self.even_energy;
        if total <= 0.0 || at_partials <= 0.0 {
            return None;
        }
        let mut below = 0.0;
        let median = self.cents.iter().position(|votes| {
            below += votes;
            below >= total / 2.0
        })?;
        let reference = match tone {
            Tone::Harmonic => self.low_energy,
            Tone::Inharmonic => self.all_energy,
        };
        Some(Tuning {
            cents: median as f32 - RANGE_CENTS,
            share: (at_partials / reference) as f32,
            odd: (self.odd_energy / at_partials) as f32,
            below: (self.between_energy / at_partials) as f32,
        })
    }
}

/// Interval from one frequency ratio to another, in cents.
fn cents(ratio: f32, from: f32) -> f32 {
    1_200.0 * (ratio / from).log2()
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use crate::spectral::NOTE_SAMPLES;

    use super::*;

    /// A decaying tone of partials `(ratio, level)`.
    fn tone(key: f32, partials: &[(f32, f32)]) -> Vec<f32> {
        let value = |i: usize| {
            let seconds = i as f32 / SAMPLE_RATE as f32;
            let wave = |&(ratio, level): &(f32, f32)| level * (TAU * (key_hz(key) * ratio * seconds).fract()).sin();
            0.3 * (-seconds).exp() * partials.iter().map(wave).sum::<f32>()
        };
        (0..NOTE_SAMPLES).map(value).collect()
    }

    const SAW: [(f32, f32); 6] = [(1.0, 1.0), (2.0, 0.5), (3.0, 0.33), (4.0, 0.25), (5.0, 0.2), (6.0, 0.17)];

    #[test]
    fn pitch_errors_are_found_to_two_cents_on_every_octave() {
        let mut tuner = Tuner::default();
        for key in [24, 36, 48, 60, 72, 84] {
            for error in [-45.0, -20.0, 0.0, 8.0, 40.0] {
                let wave = tone(f32::from(key) + error / 100.0, &SAW);
                let tuning = tuner.measure(&wave, key, Tone::Harmonic).unwrap();
                assert!((tuning.cents - error).abs() <= 2.0, "key {key}, {error} cents: {tuning:?}");
                assert_eq!(
                    tuning.is_in_tune(Tone::Harmonic),
                    error.abs() <= 30.0,
                    "key {key}, {error} cents: {tuning:?}"
                );
            }
        }
    }

    #[test]
    fn wrong_keys_octaves_and_noise_are_out_of_tune() {
        let mut tuner = Tuner::default();
        for shift in [-12.0, -7.0, -1.0, 1.0, 5.0, 7.0, 12.0] {
            let tuning = tuner.measure(&tone(60.0 + shift, &SAW), 60, Tone::Harmonic);
            assert!(tuning.is_none_or(|tuning| !tuning.is_in_tune(Tone::Harmonic)), "{shift} semitones: {tuning:?}");
        }
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as f32 / u32::MAX as f32 - 0.5
        };
        let noise: Vec<f32> = (0..NOTE_SAMPLES).map(|_| noise()).collect();
        for key in [36, 60, 84] {
            let tuning = tuner.measure(&noise, key, Tone::Harmonic).unwrap();
            assert!(!tuning.is_in_tune(Tone::Harmonic), "noise at key {key}: {tuning:?}");
        }
        assert_eq!(tuner.measure(&[0.0; NOTE_SAMPLES], 60, Tone::Harmonic).map(|t| t.is_in_tune(Tone::Harmonic)), None);
    }

    #[test]
    fn a_stop_of_sixteen_feet_is_the_octave_below() {
        let mut tuner = Tuner::default();
        let organ = |level: f32| -> Vec<f32> {
            let [eight, sixteen] = [60.0, 48.0].map(|key| tone(key, &SAW));
            eight.iter().zip(sixteen).map(|(eight, sixteen)| eight + level * sixteen).collect()
        };
        for (level, fits) in [(0.0, true), (0.1, true), (0.5, false), (1.0, false)] {
            let tuning = tuner.measure(&organ(level), 60, Tone::Harmonic).unwrap();
            assert_eq!(tuning.is_in_tune(Tone::Harmonic), fits, "16' at {level}: {tuning:?}");
        }
    }

    #[test]
    fn a_bar_is_judged_by_its_fundamental() {
        let mut tuner = Tuner::default();
        // A marimba's bar, and a free one (glockenspiel).
        for modes in [[(1.0, 1.0), (3.93, 0.8), (9.2, 0.3)], [(1.0, 1.0), (2.756, 1.0), (5.404, 0.5)]] {
            let tuning = tuner.measure(&tone(72.0, &modes), 72, Tone::Inharmonic).unwrap();
            assert!(tuning.is_in_tune(Tone::Inharmonic), "{tuning:?}");
            for key in [67, 71, 73, 79, 84] {
                let tuning = tuner.measure(&tone(72.0, &modes), key, Tone::Inharmonic);
                assert!(tuning.is_none_or(|tuning| !tuning.is_in_tune(Tone::Inharmonic)), "at {key}: {tuning:?}");
            }
        }
    }
}
