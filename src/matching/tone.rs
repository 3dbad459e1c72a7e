//! Whether a recording is one note, and which.
//!
//! Noise has no partials, a chord has partials of more than one tone, and speech has a pitch that does not stay. Each is refused
//! with the end of a sentence.

use std::ops::Range;

use anyhow::{Context, Result, ensure};

use crate::recording::tuning::{Tuner, key_hz};
use crate::recording::{pitch, yin};
use crate::spectral::{Analysis, Representation, SAMPLE_RATE, wrap_turns};

/// Buckets of frequency: from the lowest, so many cents wide.
const LOWEST_HZ: f32 = 25.0;
const BUCKET_CENTS: f32 = 10.0;
const BUCKETS: usize = 1_000;

/// A partial is looked for so far around its place, in buckets.
const REACH: usize = 4;

/// What is heard before is attack, in seconds, and what is heard after is decided by then.
const HEARD_SECONDS: Range<f32> = 0.05..3.0;

/// A bin shows a frequency within so many bins of its own where it holds a partial.
const BIN_REACH: f32 = 1.5;

/// The strongest partials of any tone; noise has a small share of its energy in as many.
const STRONGEST: usize = 12;
const LEAST_IN_STRONGEST: f64 = 0.45;

/// The pitch stays where so much of it lies within a semitone of its median, octaves apart.
const LEAST_STEADY: f32 = 0.6;
const STEADY_SEMITONES: f32 = 0.9;

/// A second tone has at least so much of the energy, and two of its own partials at least so much each.
const SECOND_TONE: f64 = 0.12;
const OWN_PARTIAL: f64 = 0.02;

/// A tone whose lowest three partials have less is a chord's common divisor.
const LEAST_LOW: f64 = 0.01;

/// Two tones at these multiples of a common divisor make a bare fifth, fourth, sixths and thirds.
const INTERVALS: [(usize, usize); 5] = [(2, 3), (3, 4), (3, 5), (4, 5), (2, 5)];

/// Partials of a common divisor that are looked at.
const DIVISOR_PARTIALS: usize = 16;

/// Each of the two tones has at least so much of the energy for itself, in two partials at least that have so much each: a bell may have
/// its strongest partials at such places. What is neither's has less.
const OWN_OF_INTERVAL: f64 = 0.03;
const OWN_PARTIAL_OF_INTERVAL: f64 = 0.000_3;
const NEITHERS: f64 = 0.005;

/// The key that is heard.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Heard {
    pub key: u8,
    /// How far it is from it.
    pub cents: f32,
}

/// Hears a note of four seconds at 16 kHz.
pub fn hear(wave: &[f32]) -> Result<Heard> {
    const NO_TONE: &str = "holds no tone that could be found, as of noise or a drum: record one note of an instrument, or name \
                           its key";
    let spectrum = Spectrum::of(wave)?;
    ensure!(spectrum.in_strongest() >= LEAST_IN_STRONGEST, NO_TONE);
    let track = yin::track(wave);
    let middle = yin::median(&track).context(NO_TONE)?;
    let total: f32 = track.iter().map(|(_, weight)| weight).sum();
    let from_middle = |pitch: f32| {
        let semitones = (pitch - middle).rem_euclid(12.0);
        semitones.min(12.0 - semitones)
    };
    let steady = track.iter().filter(|(pitch, _)| from_middle(*pitch) <= STEADY_SEMITONES);
    let steady = steady.map(|(_, weight)| weight).sum::<f32>() / total.max(1e-9);
    ensure!(
        steady >= LEAST_STEADY,
        "holds a pitch that does not stay, as of speech, a slide or several notes: cut out one note, or name its key"
    );
    let mut tuner = Tuner::default();
    let mut key = pitch::heard(wave, &mut tuner).context(NO_TONE)?;
    // A common divisor that is whole octaves below was taken for the tone.
    if let Some(strongest) = spectrum.without_low_partials(key).filter(|strongest| strongest.abs_diff(key) % 12 == 0) {
        key = strongest;
    }
    let two = spectrum.without_low_partials(key).or_else(|| spectrum.second_tone(key)).map(|other| [key, other]);
    if let Some(two) = two.or_else(|| spectrum.interval_over(key)) {
        let names = two.map(key_name);
        anyhow::bail!(
            "holds more than one tone ({} and {} at least), as of a chord: record one note, or name its key",
            names[0],
            names[1]
        );
    }
    Ok(Heard { key, cents: pitch::distance(wave, key, &mut tuner).unwrap_or(0.0) })
}

/// Cents of a note from a key that is known.
pub fn cents_from(wave: &[f32], key: u8) -> f32 {
    pitch::distance(wave, key, &mut Tuner::default()).unwrap_or(0.0)
}

/// The name of a key, with MIDI 60 as C4.
pub fn key_name(key: u8) -> String {
    const NAMES: [&str; 12] = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
    format!("{}{}", NAMES[usize::from(key % 12)], i32::from(key / 12) - 1)
}

/// Energy by frequency, as the instantaneous frequencies of the bins tell it.
struct Spectrum {
    energy: Vec<f64>,
    total: f64,
}

impl Spectrum {
    fn of(wave: &[f32]) -> Result<Self> {
        let representation = Representation::IfHires;
        let geometry = representation.geometry();
        let image = Analysis::new(representation).analyse(wave)?;
        let (levels, angles) = image.split_at(geometry.frames * geometry.bins);
        let mut spectrum = Self { energy: vec![0.0; BUCKETS], total: 0.0 };
        let rows = levels.chunks_exact(geometry.bins).zip(angles.chunks_exact(geometry.bins));
        for (frame, (levels, angles)) in rows.enumerate() {
            let start = (frame * geometry.hop) as f32 - geometry.pad_left as f32;
            let seconds = (start - geometry.hop as f32) / SAMPLE_RATE as f32;
            if !HEARD_SECONDS.contains(&seconds) {
                continue;
            }
            for (bin, (level, angle)) in levels.iter().zip(angles).enumerate() {
                let centre = (bin + 1) as f32;
                let offset = wrap_turns(angle / 2.0 - centre / 4.0) * 4.0;
                let energy = f64::from(2.0 * level).exp();
                spectrum.total += energy;
                let hz = (centre + offset) * geometry.bin_hz();
                if offset.abs() <= BIN_REACH
                    && let Some(bucket) = bucket(hz)
                {
                    spectrum.energy[bucket] += energy;
                }
            }
        }
        Ok(spectrum)
    }

    /// Share of the energy around the strongest places.
    fn in_strongest(&self) -> f64 {
        let mut left = self.energy.clone();
        let mut found = 0.0;
        for _ in 0..STRONGEST {
            let Some(top) = (0..BUCKETS).max_by(|&a, &b| left[a].total_cmp(&left[b])) else { break };
            found += left[around(top)].iter().sum::<f64>();
            left[around(top)].fill(0.0);
        }
        found / self.total.max(1e-12)
    }

    /// The strongest partial as a key, where a key's tone would lack its lowest three.
    fn without_low_partials(&self, key: u8) -> Option<u8> {
        let fundamental = key_hz(f32::from(key));
        let partials = (1..=3).filter_map(|partial| bucket(partial as f32 * fundamental));
        let low: f64 = partials.map(|bucket| self.energy[around(bucket)].iter().sum::<f64>()).sum();
        if low >= LEAST_LOW * self.total {
            return None;
        }
        let strongest = (0..BUCKETS).max_by(|&a, &b| self.energy[a].total_cmp(&self.energy[b]))?;
        let hz = LOWEST_HZ * (strongest as f32 * BUCKET_CENTS / 1_200.0).exp2();
        Some((69.0 + 12.0 * (hz / 440.0).log2()).round().clamp(0.0, 127.0) as u8)
    }

    /// The keys of two tones that have a key's tone as their common divisor, where the partials tell it: each of them is one of the
    /// tones', and those that are neither's are missing, the fundamental first of all. One tone would have them.
    fn interval_over(&self, key: u8) -> Option<[u8; 2]> {
        let fundamental = key_hz(f32::from(key));
        let energy = |partial: usize| {
            let bucket = bucket(partial as f32 * fundamental)?;
            Some(self.energy[around(bucket)].iter().sum::<f64>() / self.total)
        };
        let energies: Vec<(usize, f64)> = (1..=DIVISOR_PARTIALS).filter_map(|n| Some((n, energy(n)?))).collect();
        let of = |is_meant: &dyn Fn(usize) -> bool| -> (f64, usize) {
            let meant = energies.iter().filter(|(partial, _)| is_meant(*partial)).map(|(_, energy)| *energy);
            (meant.clone().sum(), meant.filter(|energy| *energy >= OWN_PARTIAL_OF_INTERVAL).count())
        };
        INTERVALS.into_iter().find_map(|(low, high)| {
            let is_tone = |own: usize, other: usize| {
                let (energy, partials) = of(&|n| n % own == 0 && n % other != 0);
                energy >= OWN_OF_INTERVAL && partials >= 2
            };
            let neithers = of(&|n| n % low != 0 && n % high != 0).0;
            let is_two = is_tone(low, high) && is_tone(high, low) && neithers < NEITHERS;
            let tone = |n: usize| (f32::from(key) + 12.0 * (n as f32).log2()).round().min(127.0) as u8;
            is_two.then(|| [tone(low), tone(high)])
        })
    }

    /// The key of a tone beside that of a key, where there is one.
    fn second_tone(&self, key: u8) -> Option<u8> {
        let mut left = self.energy.clone();
        let fundamental = key_hz(f32::from(key));
        for partial in 1.. {
            let Some(bucket) = bucket(partial as f32 * fundamental) else { break };
            left[around(bucket)].fill(0.0);
        }
        let tone = |other: u8| {
            let hz = key_hz(f32::from(other));
            let partials = (1..=6).filter_map(|partial| bucket(partial as f32 * hz));
            let energies: Vec<f64> =
                partials.map(|bucket| left[around(bucket)].iter().sum::<f64>() / self.total).collect();
            let own = energies.iter().filter(|energy| **energy >= OWN_PARTIAL).count();
            let has_fundamental = energies.first().is_some_and(|energy| *energy >= OWN_PARTIAL);
            let share: f64 = energies.iter().sum();
            (has_fundamental && own >= 2 && share >= SECOND_TONE).then_some((other, share))
        };
        (21..=108)
            .filter(|other| *other != key)
            .filter_map(tone)
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map(|found| found.0)
    }
}

fn around(bucket: usize) -> Range<usize> {
    bucket.saturating_sub(REACH)..(bucket + REACH + 1).min(BUCKETS)
}

fn bucket(hz: f32) -> Option<usize> {
    let bucket = (1_200.0 * (hz / LOWEST_HZ).log2() / BUCKET_CENTS).round();
    (bucket >= 0.0 && bucket < BUCKETS as f32).then_some(bucket as usize)
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;
    use crate::spectral::NOTE_SAMPLES;

    /// A decaying tone of six partials, whose key may move.
    fn tone(key: impl Fn(f32) -> f32) -> Vec<f32> {
        let mut turns = 0.0f32;
        (0..NOTE_SAMPLES)
            .map(|i| {
                let seconds = i as f32 / SAMPLE_RATE as f32;
                turns = (turns + key_hz(key(seconds)) / SAMPLE_RATE as f32).fract();
                let partial = |n: usize| (TAU * n as f32 * turns).sin() / n as f32;
                0.2 * (-seconds).exp() * (1..=6).map(partial).sum::<f32>()
            })
            .collect()
    }

    fn sum(waves: &[Vec<f32>]) -> Vec<f32> {
        (0..NOTE_SAMPLES).map(|i| waves.iter().map(|wave| wave[i]).sum()).collect()
    }

    fn noise() -> Vec<f32> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as f32 / u32::MAX as f32 - 0.5
        };
        (0..NOTE_SAMPLES).map(|_| 0.2 * next()).collect()
    }

    #[test]
    fn one_tone_is_heard_with_its_key_and_its_cents() {
        for key in [30.0, 45.2, 60.0, 71.8, 84.0f32] {
            let heard = hear(&tone(|_| key)).unwrap_or_else(|error| panic!("{key}: {error:#}"));
            assert_eq!(heard.key, key.round() as u8);
            assert!((heard.cents - (key - key.round()) * 100.0).abs() < 4.0, "{key}: {heard:?}");
        }
        let vibrato = |seconds: f32| 64.0 + 0.5 * (TAU * 5.5 * seconds).sin();
        assert_eq!(hear(&tone(vibrato)).unwrap().key, 64);
    }

    #[test]
    fn a_tone_that_lacks_its_fundamental_or_its_even_partials_is_one_tone() {
        let of = |partials: &[usize]| -> Vec<f32> {
            let wave = |i: usize| {
                let turns = key_hz(48.0) * i as f32 / SAMPLE_RATE as f32;
                partials.iter().map(|&n| (TAU * (n as f32 * turns).fract()).sin() / n as f32).sum::<f32>() * 0.2
            };
            (0..NOTE_SAMPLES).map(wave).collect()
        };
        for partials in [&[2, 3, 4, 5, 6, 7][..], &[1, 3, 5, 7], &[1, 2], &[1, 2, 3, 4, 6, 8]] {
            let heard = hear(&of(partials)).unwrap_or_else(|error| panic!("{partials:?}: {error:#}"));
            assert_eq!(heard.key, 48, "{partials:?}");
        }
    }

    #[test]
    fn what_is_no_single_note_is_refused_with_its_reason() {
        let chord = |keys: &[f32]| sum(&keys.iter().map(|&key| tone(move |_| key)).collect::<Vec<_>>());
        let glide = |seconds: f32| 50.0 + 4.0 * (TAU * 0.7 * seconds).sin() + 3.0 * (TAU * 1.9 * seconds).sin();
        for (wave, why) in [
            (noise(), "no tone"),
            (chord(&[60.0, 64.0, 67.0]), "more than one tone"),
            (chord(&[57.0, 60.0, 64.0]), "more than one tone"),
            (chord(&[60.0, 61.0]), ""),
            (chord(&[55.0, 62.0]), "G3 and D4"),
            (chord(&[60.0, 65.0]), "more than one tone"),
            (tone(glide), "does not stay"),
        ] {
            let error = hear(&wave).map(|heard| panic!("{heard:?} where {why:?} belongs")).unwrap_err().to_string();
            assert!(error.contains(why), "{error} where {why:?} belongs");
        }
    }
}
