//! A recording becomes a note: from its onset, four seconds at the set's rate, at any pitch.

use super::resample::Resampler;

/// A sample is silent when it is so far below the loudest one (60 dB).
const SILENT: f32 = 0.001;

/// What is kept before the onset, in seconds.
const BEFORE_SECONDS: f32 = 0.002;

/// The end is faded over so many seconds, so that a cut does not click.
const FADE_SECONDS: f32 = 0.02;

/// A note of a set lasts so many seconds.
const NOTE_SECONDS: u32 = 4;

/// Shorter recordings are no notes, in seconds.
pub const SHORTEST_SECONDS: f32 = 0.1;

/// A recording without the silence before its onset. `None` where it is all silence.
pub fn from_onset(samples: &[f32], rate: u32) -> Option<&[f32]> {
    let loudest = samples.iter().fold(0.0f32, |loudest, sample| loudest.max(sample.abs()));
    let onset = samples.iter().position(|sample| loudest > 0.0 && sample.abs() >= loudest * SILENT)?;
    let before = (BEFORE_SECONDS * rate as f32) as usize;
    Some(&samples[onset.saturating_sub(before)..])
}

/// A note of four seconds at the rate `wanted` whose pitch is raised by so many semitones. What is longer is cut, what is shorter
/// is followed by silence.
pub fn note(samples: &[f32], rate: u32, wanted: u32, semitones: f32) -> Vec<f32> {
    let step = f64::from(rate) / f64::from(wanted) * f64::from(semitones / 12.0).exp2();
    let resampler = Resampler::new(step);
    let length = (NOTE_SECONDS * wanted) as usize;
    let sounding = resampler.output_len(samples.len()).min(length);
    let mut wave = resampler.resample(samples, sounding);
    let fade = ((FADE_SECONDS * wanted as f32) as usize).min(sounding);
    for (index, sample) in wave[sounding - fade..].iter_mut().enumerate() {
        let place = (index + 1) as f32 / fade as f32;
        *sample *= 0.5 + 0.5 * (std::f32::consts::PI * place).cos();
    }
    wave.resize(length, 0.0);
    wave
}

#[cfg(test)]
mod tests {
    use crate::spectral::NOTE_SAMPLES;

    use super::*;

    #[test]
    fn silence_before_the_onset_goes_and_the_end_is_faded() {
        let mut samples = vec![0.0; 4_800];
        samples.extend((0..48_000).map(|i| 0.5 * (i as f32 * 0.05).sin()));
        let sound = from_onset(&samples, 48_000).unwrap();
        assert!((48_000..48_100).contains(&sound.len()), "{}", sound.len());
        let wave = note(sound, 48_000, 16_000, 0.0);
        assert_eq!(wave.len(), NOTE_SAMPLES);
        assert!(wave[..100].iter().any(|sample| sample.abs() > 0.2), "it begins at once");
        let last = wave.iter().rposition(|&sample| sample != 0.0).unwrap();
        assert!((15_900..16_100).contains(&last), "{last}");
        assert!(wave[last].abs() < 1e-3 && wave[last - 400..last - 320].iter().any(|sample| sample.abs() > 0.3));
        assert!(from_onset(&[0.0; 100], 48_000).is_none());
        // At the full band's rate nothing is resampled.
        let wave = note(sound, 48_000, 48_000, 0.0);
        assert_eq!(wave.len(), 192_000);
        assert!(wave[..40_000].iter().zip(sound).all(|(a, b)| (a - b).abs() < 1e-3));
    }

    #[test]
    fn what_is_long_is_cut_and_a_shift_changes_the_length() {
        let long = vec![0.5; 5 * 16_000];
        let wave = note(&long, 16_000, 16_000, 0.0);
        assert!((wave[60_000] - 0.5).abs() < 1e-3 && wave[NOTE_SAMPLES - 1].abs() < 1e-3);
        let wave = note(&long[..32_000], 16_000, 16_000, 12.0);
        let last = wave.iter().rposition(|sample| sample.abs() > 0.1).unwrap();
        assert!((15_700..16_000).contains(&last), "an octave up it lasts half as long: {last}");
    }
}
