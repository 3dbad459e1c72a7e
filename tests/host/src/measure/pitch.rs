//! How far a sound is from the pitch that it should have.

use crate::measure::spectrum::Spectrum;

/// Partials that are looked at. The lowest carry the pitch; higher ones of struck strings lie sharp.
const PARTIALS: usize = 8;

/// How far from its place a partial is looked for. Less than a semitone, so that a wrong note is no partial.
const SEARCH_CENTS: f64 = 80.0;

/// Partials weaker than this against the strongest one are not counted.
const AUDIBLE: f32 = 0.02;

/// Highest frequency that a note of the model holds.
const MODEL_LIMIT_HZ: f64 = 7800.0;

/// Frequency of a MIDI note in equal temperament, A4 being 440 Hz.
pub fn equal_temperament(key: f64) -> f64 {
    440.0 * ((key - 69.0) / 12.0).exp2()
}

/// The interval from one frequency to another.
pub fn cents(from_hz: f64, to_hz: f64) -> f64 {
    1200.0 * (to_hz / from_hz).log2()
}

/// A partial of a sound.
#[derive(Clone, Copy, Debug)]
pub struct Partial {
    /// 1 for the fundamental.
    pub number: usize,
    /// How far it lies above its multiple of the expected fundamental.
    pub cents: f64,
    pub magnitude: f32,
}

/// The audible partials of a steady stretch of sound near the multiples of `expected_hz`, from the lowest one up.
pub fn partials(samples: &[f32], rate: f64, expected_hz: f64) -> Vec<Partial> {
    let spectrum = Spectrum::of(samples, rate);
    let ratio = (SEARCH_CENTS / 1200.0).exp2();
    let strongest = spectrum.magnitudes.iter().copied().fold(0.0, f32::max);
    (1..=PARTIALS)
        .map(|number| (number, number as f64 * expected_hz))
        .take_while(|(_, hz)| *hz < MODEL_LIMIT_HZ.min(0.45 * rate))
        .filter_map(|(number, hz)| {
            let (found_hz, magnitude) = spectrum.peak(hz / ratio, hz * ratio)?;
            Some(Partial { number, cents: cents(hz, found_hz), magnitude })
        })
        .filter(|partial| partial.magnitude > AUDIBLE * strongest && partial.magnitude > 1e-5)
        .collect()
}

/// How many cents a steady stretch of sound lies above `expected_hz`: the median over its partials, each counting by its
/// magnitude. `None` where no partial is found at all, as in silence or at another pitch.
pub fn pitch_error_cents(samples: &[f32], rate: f64, expected_hz: f64) -> Option<f64> {
    let mut partials = partials(samples, rate, expected_hz);
    partials.sort_by(|a, b| a.cents.total_cmp(&b.cents));
    let half = partials.iter().map(|partial| partial.magnitude).sum::<f32>() / 2.0;
    let mut below = 0.0;
    partials.iter().find_map(|partial| {
        below += partial.magnitude;
        (below >= half).then_some(partial.cents)
    })
}

/// Energy at the multiples of a frequency against all energy between 20 Hz and the model's limit, in decibels: 0 for a
/// sound that has nothing but those partials.
pub fn harmonicity_db(samples: &[f32], rate: f64, fundamental_hz: f64) -> f64 {
    let spectrum = Spectrum::of(samples, rate);
    let width = spectrum.lobe_hz.max(fundamental_hz * 0.03).min(fundamental_hz / 2.0);
    let partials = (1..).map(|n| f64::from(n) * fundamental_hz).take_while(|hz| *hz < MODEL_LIMIT_HZ);
    let at: f64 = partials.map(|hz| spectrum.energy(hz - width, hz + width)).sum();
    10.0 * (at / spectrum.energy(20.0, MODEL_LIMIT_HZ).max(1e-20)).max(1e-20).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five partials of a frequency.
    fn tone(hz: f64, rate: f64) -> Vec<f32> {
        (0..rate as usize)
            .map(|n| {
                let phase = std::f64::consts::TAU * hz * n as f64 / rate;
                (1..=5).map(|h| (phase * f64::from(h)).sin() / f64::from(h)).sum::<f64>() as f32
            })
            .collect()
    }

    #[test]
    fn a_detuned_tone_is_measured_to_a_tenth_of_a_cent() {
        for key in [24.0, 40.0, 60.0, 84.0, 100.0] {
            for error in [-30.0, -2.5, 0.0, 0.7, 12.0] {
                let expected_hz = equal_temperament(key);
                let sound = tone(expected_hz * (error / 1200.0_f64).exp2(), 48_000.0);
                let measured = pitch_error_cents(&sound, 48_000.0, expected_hz).unwrap();
                assert!((measured - error).abs() < 0.1, "key {key}: {error} cents measured as {measured}");
            }
        }
    }

    #[test]
    fn silence_and_another_note_have_no_pitch_error() {
        assert_eq!(pitch_error_cents(&[0.0; 48_000], 48_000.0, 440.0), None);
        let fourth_below = tone(equal_temperament(64.0), 48_000.0);
        assert_eq!(pitch_error_cents(&fourth_below, 48_000.0, equal_temperament(66.0)), None);
    }

    #[test]
    fn harmonicity_tells_a_tone_from_two() {
        let one = tone(440.0, 48_000.0);
        let two: Vec<f32> = one.iter().zip(tone(500.0, 48_000.0)).map(|(a, b)| a + b).collect();
        assert!(harmonicity_db(&one, 48_000.0, 440.0) > -0.1);
        assert!(harmonicity_db(&two, 48_000.0, 440.0) < -2.0);
    }
}
