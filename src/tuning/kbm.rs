//! Keyboard mappings in Scala's format (Manuel Op de Coul, "Scala keyboard mapping (.kbm) format").

use anyhow::{Context, Result, ensure};

use super::scl::Scale;
use super::{Pitches, lines, pitch_of};

/// The pitches that a tuning may give, as MIDI note numbers: far beyond hearing, and near enough to be reckoned with.
const PITCHES: (f64, f64) = (-200.0, 400.0);

const MIDDLE_C_HZ: f64 = 261.625_565_300_598_6;

/// Which key plays which degree of a scale.
pub struct Mapping {
    /// Keys that are retuned.
    first: u8,
    last: u8,
    /// The key of the scale's first degree.
    middle: u8,
    reference: u8,
    reference_hz: f64,
    /// The degree that one pattern lies above the one before; where there is none, the scale's last.
    octave: Option<i64>,
    /// The degrees of the keys from the middle one on, `None` for a key without a pitch; empty for all degrees one after the other.
    degrees: Vec<Option<i64>>,
}

impl Mapping {
    /// One key after the other, from middle C on.
    pub fn linear() -> Self {
        let degrees = Vec::new();
        Self { first: 0, last: 127, middle: 60, reference: 60, reference_hz: MIDDLE_C_HZ, octave: None, degrees }
    }

    pub fn parse(text: &str) -> Result<Self> {
        let mut lines = lines(text).filter(|(_, line)| !line.is_empty());
        let mut number = |what: &str, most: f64| -> Result<(usize, f64)> {
            let (line, text) = lines.next().with_context(|| format!("it ends before {what}"))?;
            let word = text.split_whitespace().next().unwrap_or("");
            let value = word.parse().ok().filter(|value: &f64| (0.0..=most).contains(value));
            let value =
                value.with_context(|| format!("line {line} should be {what}, from 0 to {most}, and is \"{text}\""))?;
            Ok((line, value))
        };
        let size = number("the size of the map", 128.0)?.1 as usize;
        let first = number("the first key", 127.0)?.1 as u8;
        let last = number("the last key", 127.0)?.1 as u8;
        let middle = number("the middle key", 127.0)?.1 as u8;
        let reference = number("the reference key", 127.0)?.1 as u8;
        let (line, reference_hz) = number("the reference frequency in Hz", 100_000.0)?;
        ensure!(reference_hz > 0.0, "line {line} should be a frequency above 0");
        let octave = number("the degree of the octave", 2048.0)?.1 as i64;
        let mut degrees = Vec::with_capacity(size);
        for (line, text) in lines.take(size) {
            let word = text.split_whitespace().next().unwrap_or("");
            let degree = match word {
                "x" | "X" => None,
                word => {
                    Some(word.parse::<i64>().ok().filter(|degree| degree.abs() <= 4096).with_context(|| {
                        format!("line {line} should be a degree of the scale or x, and is \"{text}\"")
                    })?)
                }
            };
            degrees.push(degree);
        }
        // What a file leaves out at its end has no pitch.
        degrees.resize(size, None);
        let octave = Some(octave).filter(|octave| *octave > 0);
        Ok(Self { first, last, middle, reference, reference_hz, octave, degrees })
    }

    /// The pitch of each key.
    pub fn pitches(&self, scale: &Scale) -> Result<Pitches> {
        let reference = self.cents(self.reference, scale).with_context(|| {
            format!("the keyboard mapping gives its reference key, {}, no degree of the scale", self.reference)
        })?;
        Ok(std::array::from_fn(|key| {
            let key = key as u8;
            if !(self.first..=self.last).contains(&key) {
                return f32::from(key);
            }
            let Some(cents) = self.cents(key, scale) else { return f32::NAN };
            let pitch = pitch_of(self.reference_hz) + (cents - reference) / 100.0;
            if (PITCHES.0..=PITCHES.1).contains(&pitch) { pitch as f32 } else { f32::NAN }
        }))
    }

    /// The pitch of a key in cents above the middle one, where it has one.
    fn cents(&self, key: u8, scale: &Scale) -> Option<f64> {
        let away = i64::from(key) - i64::from(self.middle);
        if self.degrees.is_empty() {
            return Some(scale.degree(away));
        }
        let size = self.degrees.len() as i64;
        let degree = self.degrees[away.rem_euclid(size) as usize]?;
        let octave = scale.degree(self.octave.unwrap_or(scale.size()));
        Some(away.div_euclid(size) as f64 * octave + scale.degree(degree))
    }
}
