//! The key that is heard in a recording, and how far it is from one.

use super::tuning::{Tone, Tuner, Tuning};
use super::yin;

const OCTAVE: u8 = 12;

/// A tone has so much of its energy at odd partials, else it is an octave higher; noise between partials has less.
const ODD: f32 = 0.015;

/// What is nearer than so many cents to a key is that key, out of tune: recordings are not labelled by the tuning fork.
const SAME_CENTS: f32 = 80.0;

/// The key that is heard in a note at 16 kHz: by the wave's period, then put right by octaves by its partials.
pub fn heard(wave: &[f32], tuner: &mut Tuner) -> Option<u8> {
    let key = yin::detect(wave).map(f32::round).filter(|key| (0.0..=127.0).contains(key))? as u8;
    let mut measure = |key: u8| tuner.measure(wave, key, Tone::Harmonic);
    let Some(tuning) = measure(key) else { return Some(key) };
    // Two periods look like one: then the odd partials are missing.
    if tuning.odd < ODD
        && let Some(higher) = measure(key + OCTAVE).filter(|higher| higher.odd >= ODD)
    {
        return Some(if higher.share >= tuning.share { key + OCTAVE } else { key });
    }
    // A strong octave hides the fundamental: then there are partials between those of the key.
    let lower = key.checked_sub(OCTAVE).and_then(|lower| Some((lower, measure(lower)?)));
    match lower {
        Some((lower, found)) if found.odd >= ODD && found.share >= tuning.share => Some(lower),
        _ => Some(key),
    }
}

/// Semitones from the key that is told to the one that is heard: none where the sound may well be the one that is told.
/// `None` where no tone is heard at all that could speak against it.
pub fn offset(wave: &[f32], told: u8, heard: u8, tuner: &mut Tuner) -> Option<i16> {
    let semitones = i16::from(heard) - i16::from(told);
    if semitones == 0 {
        return Some(0);
    }
    let tuning = tuner.measure(wave, heard, Tone::Harmonic).filter(|tuning| is_tone(tuning, Tone::Harmonic))?;
    let is_near = (f32::from(semitones) * 100.0 + tuning.cents).abs() < SAME_CENTS;
    // A bar's fundamental may be heard as any key's octave, so that octaves are told apart by all partials.
    let fits = if semitones % i16::from(OCTAVE) == 0 {
        tuner.measure(wave, told, Tone::Harmonic).is_some_and(|tuning| is_tone(&tuning, Tone::Harmonic))
    } else {
        distance(wave, told, tuner).is_some()
    };
    Some(if is_near || fits { 0 } else { semitones })
}

/// Cents from the key, by the partials; by the fundamental alone where those do not belong to the key.
pub fn distance(wave: &[f32], key: u8, tuner: &mut Tuner) -> Option<f32> {
    let mut measure = |tone| tuner.measure(wave, key, tone).filter(|tuning| is_tone(tuning, tone));
    measure(Tone::Harmonic).or_else(|| measure(Tone::Inharmonic)).map(|tuning| tuning.cents)
}

/// The rules for a note that is in tune, but for its distance.
fn is_tone(tuning: &Tuning, tone: Tone) -> bool {
    Tuning { cents: 0.0, ..*tuning }.is_in_tune(tone)
}

#[cfg(test)]
mod tests {
    use super::super::tuning::key_hz;
    use super::*;

    /// Two seconds of a tone of partials `(number, level)`.
    fn tone(key: f32, partials: &[(f32, f32)]) -> Vec<f32> {
        let value = |i: usize| {
            let turns = f64::from(key_hz(key)) * i as f64 / 16_000.0;
            let wave = |&(number, level): &(f32, f32)| {
                level * ((turns * f64::from(number)).fract() * std::f64::consts::TAU).sin() as f32
            };
            if i < 32_000 { 0.2 * partials.iter().map(wave).sum::<f32>() } else { 0.0 }
        };
        (0..crate::spectral::NOTE_SAMPLES).map(value).collect()
    }

    #[test]
    fn keys_are_heard_over_the_whole_keyboard_whatever_the_partials() {
        let saw = [(1.0, 1.0), (2.0, 0.5), (3.0, 0.33), (4.0, 0.25)];
        let hollow = [(1.0, 1.0), (3.0, 0.5), (5.0, 0.3)];
        let strong_octave = [(1.0, 0.15), (2.0, 1.0), (3.0, 0.1), (4.0, 0.5)];
        let no_fundamental = [(2.0, 1.0), (3.0, 1.0), (4.0, 0.5), (5.0, 0.5)];
        let sine = [(1.0, 1.0)];
        let mut tuner = Tuner::default();
        for partials in [&saw[..], &hollow, &strong_octave, &no_fundamental, &sine] {
            for key in (24..=84).step_by(7) {
                let wave = tone(f32::from(key) + 0.2, partials);
                assert_eq!(heard(&wave, &mut tuner), Some(key), "{partials:?}");
                let cents = distance(&wave, key, &mut tuner).unwrap();
                assert!((cents - 20.0).abs() <= 2.0, "{key}, {partials:?}: {cents}");
            }
        }
    }

    #[test]
    fn what_is_told_is_held_against_what_is_heard() {
        let mut tuner = Tuner::default();
        let saw = [(1.0, 1.0), (2.0, 0.5), (3.0, 0.33), (4.0, 0.25)];
        for (sounds, told, expected) in [
            (60.0, 60, 0),
            (60.4, 60, 0),
            (60.7, 60, 0),
            (59.4, 60, 0),
            (60.0, 72, -12),
            (60.0, 48, 12),
            (60.0, 36, 24),
            (60.0, 61, -1),
            (60.0, 67, -7),
            (60.0, 55, 5),
        ] {
            let wave = tone(sounds, &saw);
            let key = heard(&wave, &mut tuner).unwrap();
            assert_eq!(offset(&wave, told, key, &mut tuner), Some(expected), "{sounds} as {told}: {key} is heard");
        }
        assert_eq!(heard(&[0.0; crate::spectral::NOTE_SAMPLES], &mut tuner), None);
    }
}
