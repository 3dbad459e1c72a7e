//! The key of a recording: as told beside it, in its name, or heard; and how far it is from it.

use anyhow::{Result, bail};

use super::yin;
use crate::tuning::{Tone, Tuner, Tuning};

const OCTAVE: u8 = 12;

/// A tone has so much of its energy at odd partials, else it is an octave higher; noise between partials has less.
const ODD: f32 = 0.015;

/// A recording's key.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pitch {
    pub key: u8,
    /// How far the sound is from the key; 0 where it was not asked for or cannot be told.
    pub cents: f32,
}

/// The key that is told, else the one that is heard in a note at 16 kHz. With `tune` the distance is measured.
pub fn find(wave: &[f32], told: Option<u8>, tune: bool, tuner: &mut Tuner) -> Result<Pitch> {
    let key = match told {
        Some(key) => key,
        None => heard(wave, tuner)?,
    };
    let cents = if tune { distance(wave, key, tuner).unwrap_or(0.0) } else { 0.0 };
    Ok(Pitch { key, cents })
}

/// The key that is heard: by the wave's period, then put right by octaves by its partials.
fn heard(wave: &[f32], tuner: &mut Tuner) -> Result<u8> {
    let key = match yin::detect(wave).map(f32::round) {
        Some(key) if (0.0..=127.0).contains(&key) => key as u8,
        _ => bail!("no pitch can be heard: put it into the name, as C4 or midi60"),
    };
    let mut measure = |key: u8| tuner.measure(wave, key, Tone::Harmonic);
    let Some(tuning) = measure(key) else { return Ok(key) };
    // Two periods look like one: then the odd partials are missing.
    if tuning.odd < ODD
        && let Some(higher) = measure(key + OCTAVE).filter(|higher| higher.odd >= ODD)
    {
        return Ok(if higher.share >= tuning.share { key + OCTAVE } else { key });
    }
    // A strong octave hides the fundamental: then there are partials between those of the key.
    let lower = key.checked_sub(OCTAVE).and_then(|lower| Some((lower, measure(lower)?)));
    match lower {
        Some((lower, found)) if found.odd >= ODD && found.share >= tuning.share => Ok(lower),
        _ => Ok(key),
    }
}

/// Cents from the key, by the partials; by the fundamental alone where those do not belong to the key.
fn distance(wave: &[f32], key: u8, tuner: &mut Tuner) -> Option<f32> {
    // The rules for a note that is in tune, but for its distance.
    let is_tone = |tuning: &Tuning, tone| Tuning { cents: 0.0, ..*tuning }.is_in_tune(tone);
    let mut measure = |tone| tuner.measure(wave, key, tone).filter(|tuning| is_tone(tuning, tone));
    measure(Tone::Harmonic).or_else(|| measure(Tone::Inharmonic)).map(|tuning| tuning.cents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::key_hz;

    /// Two seconds of a tone of partials `(number, level)`.
    fn tone(key: f32, partials: &[(f32, f32)]) -> Vec<f32> {
        let value = |i: usize| {
            let turns = f64::from(key_hz(key)) * i as f64 / 16_000.0;
            let wave = |&(number, level): &(f32, f32)| {
                level * ((turns * f64::from(number)).fract() * std::f64::consts::TAU).sin() as f32
            };
            if i < 32_000 { 0.2 * partials.iter().map(wave).sum::<f32>() } else { 0.0 }
        };
        (0..timbrel::spectral::NOTE_SAMPLES).map(value).collect()
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
                let pitch = find(&wave, None, true, &mut tuner).unwrap();
                assert_eq!(pitch.key, key, "{partials:?}");
                assert!((pitch.cents - 20.0).abs() <= 2.0, "{key}, {partials:?}: {pitch:?}");
            }
        }
    }

    #[test]
    fn what_is_told_is_believed_and_noise_is_not_a_pitch() {
        let mut tuner = Tuner::default();
        let wave = tone(60.0, &[(1.0, 1.0), (2.0, 0.5)]);
        assert_eq!(find(&wave, Some(72), false, &mut tuner).unwrap(), Pitch { key: 72, cents: 0.0 });
        assert!(find(&[0.0; timbrel::spectral::NOTE_SAMPLES], None, false, &mut tuner).is_err());
    }
}
