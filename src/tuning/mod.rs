//! The pitch of each key: Scala's scales (SCL) and keyboard mappings (KBM), and a master of MTS-ESP where one runs.
//!
//! A tuning is read from its files off the audio thread, kept with the session as the files' own text, and handed to the audio thread as
//! a table of 128 pitches.

pub mod exclusive;
mod kbm;
mod mts;
mod scl;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::note::KEYS;
pub use exclusive::Retuning;
use kbm::Mapping;
pub use mts::Master;
use scl::Scale;

/// Longest file that is kept with a session, in bytes: a scale of a thousand notes.
pub const LONGEST_FILE: usize = 20 * 1024;

/// The pitch of each key as a MIDI note number, whole or not; not a number for a key that has none.
pub type Pitches = [f32; KEYS];

/// The pitch of each key in equal temperament.
pub fn equal_temperament() -> Pitches {
    std::array::from_fn(|key| key as f32)
}

/// A scale, and how it lies on the keyboard, as their files say it.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Tuning {
    /// The name of the scale's file, for people.
    pub name: String,
    /// The text of an SCL file; empty for twelve equal steps.
    pub scale: String,
    /// The text of a KBM file; empty for one key after the other from middle C on.
    pub mapping: String,
}

impl Tuning {
    /// What the files say.
    ///
    /// # Errors
    /// A sentence that says what is wrong, and in which line.
    pub fn pitches(&self) -> Result<Pitches> {
        for (text, what) in [(&self.scale, "scale"), (&self.mapping, "keyboard mapping")] {
            let kilobytes = LONGEST_FILE / 1024;
            ensure!(text.len() <= LONGEST_FILE, "the {what} is longer than {kilobytes} KB: choose a smaller one");
        }
        let scale = match self.scale.as_str() {
            "" => Scale::equal(),
            text => Scale::parse(text).context("the scale cannot be read")?,
        };
        let mapping = match self.mapping.as_str() {
            "" => Mapping::linear(),
            text => Mapping::parse(text).context("the keyboard mapping cannot be read")?,
        };
        mapping.pitches(&scale)
    }
}

/// The lines of a Scala file that are no comments, with their numbers from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter(|(_, line)| !line.starts_with('!')).map(|(index, line)| (index + 1, line.trim()))
}

/// A frequency in Hz as a MIDI note number.
fn pitch_of(hertz: f64) -> f64 {
    69.0 + 12.0 * (hertz / 440.0).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Just intonation in D, with the A at 432 Hz.
    const JUST: &str = "! just.scl\n!\nFive-limit just scale\n 12\n!\n 16/15\n 9/8\n 6/5\n 5/4 the third\n 4/3\n 45/32\n 3/2\n 8/5\n 5/3\n 16/9\n 15/8\n 2/1\n";
    const ON_D: &str = "! d.kbm\n12\n0\n127\n62\n69\n432.0\n12\n0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n";

    fn tuning(scale: &str, mapping: &str) -> Tuning {
        Tuning { name: "test".into(), scale: scale.into(), mapping: mapping.into() }
    }

    fn pitches(scale: &str, mapping: &str) -> Pitches {
        tuning(scale, mapping).pitches().unwrap()
    }

    fn hertz(pitch: f32) -> f64 {
        440.0 * 2f64.powf((f64::from(pitch) - 69.0) / 12.0)
    }

    #[test]
    fn no_files_are_equal_temperament() {
        let pitches = pitches("", "");
        for (key, pitch) in pitches.iter().enumerate() {
            assert!((pitch - key as f32).abs() < 1e-4, "key {key}: {pitch}");
        }
    }

    #[test]
    fn a_just_scale_lies_where_its_mapping_says() {
        let pitches = pitches(JUST, ON_D);
        // A is the fifth of D.
        assert!((hertz(pitches[69]) - 432.0).abs() < 1e-3);
        assert!((hertz(pitches[62]) - 288.0).abs() < 1e-3);
        assert!((hertz(pitches[66]) - 360.0).abs() < 1e-3);
        assert!((hertz(pitches[74]) - 576.0).abs() < 1e-3);
        assert!((hertz(pitches[57]) - 216.0).abs() < 1e-3);
        // Without a mapping from middle C on.
        let pitches = super::tests::pitches(JUST, "");
        assert!((hertz(pitches[64]) / hertz(pitches[60]) - 1.25).abs() < 1e-5);
        assert!((hertz(pitches[60]) - 261.625_565).abs() < 1e-3);
    }

    #[test]
    fn scales_of_other_sizes_and_keys_without_a_pitch() {
        // Nineteen equal steps, as cents; a keyboard that leaves two of every three keys out.
        let steps: String = (1..=19).map(|n| format!("{:.5} cents\n", 1200.0 * f64::from(n) / 19.0)).collect();
        let scale = format!("19 equal\n19\n{steps}");
        let all = pitches(&scale, "");
        assert!((all[79] - all[60] - 12.0).abs() < 1e-3 && (all[61] - all[60] - 12.0 / 19.0).abs() < 1e-3);
        let third = pitches(&scale, "3\n0\n127\n60\n60\n261.6256\n1\n0\nx\nx\n");
        assert!(third[61].is_nan() && third[62].is_nan());
        assert!((third[63] - third[60] - 12.0 / 19.0).abs() < 1e-3, "{} {}", third[63], third[60]);
        // Outside the mapped keys nothing is retuned.
        let few = pitches(JUST, "0\n60\n71\n60\n69\n440\n12\n");
        assert_eq!((few[59], few[72]), (59.0, 72.0));
        assert!((few[69] - 69.0).abs() < 1e-4 && (few[60] - 60.0).abs() > 0.05);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (scale, mapping, words) in [
            ("only a name\n", "", "number of notes"),
            ("name\nmany\n", "", "line 2"),
            ("name\n3\n100.\n2/1\n", "", "3 notes"),
            ("name\n2\n3/0\n2/1\n", "", "line 3"),
            ("name\n2\n-3/2\n2/1\n", "", "line 3"),
            ("name\n2\nfifth\n2/1\n", "", "line 3"),
            ("name\n0\n", "", "no notes"),
            ("", "12\n0\n127\n", "the middle key"),
            ("", "12\n0\n127\n60\n69\nfast\n12\n", "line 6"),
            ("", "2\n0\n127\n60\n61\n440\n12\n0\nx\n", "reference key"),
            ("", "3\n0\n127\n60\n60\n440\n12\n0\n1\nabc\n", "line 10"),
            ("", "12\n0\n127\n60\n69\n-440\n12\n", "line 6"),
            ("", "12\n0\n200\n60\n69\n440\n12\n", "line 3"),
        ] {
            let error = format!("{:#}", tuning(scale, mapping).pitches().unwrap_err());
            assert!(error.contains(words), "\"{words}\" in: {error}");
        }
        let long = tuning(&"!\n".repeat(LONGEST_FILE), "");
        assert!(long.pitches().unwrap_err().to_string().contains("longer than 20 KB"));
    }

    #[test]
    fn extreme_files_give_pitches_that_can_be_reckoned_with() {
        for scale in ["huge\n1\n1000000000000/1\n", "tiny\n1\n0.0000001\n", "down\n1\n-1200.0\n", "same\n2\n0.0\n0.0\n"]
        {
            let pitches = pitches(scale, "");
            assert!(pitches.iter().all(|pitch| pitch.is_nan() || (-200.0..=400.0).contains(pitch)), "{scale}");
        }
    }

    #[test]
    fn damaged_files_are_refused_or_give_pitches() {
        let good = vec![JUST.as_bytes().to_vec(), ON_D.as_bytes().to_vec(), b"n\n1\n2/1\n".to_vec()];
        crate::fuzz::run(crate::fuzz::damaged(good), 4_000, |bytes| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            for tuning in [tuning(&text, ""), tuning("", &text), tuning(JUST, &text), tuning(&text, ON_D)] {
                match tuning.pitches() {
                    Ok(pitches) => assert!(pitches.iter().all(|pitch| pitch.is_nan() || pitch.abs() <= 400.0)),
                    Err(error) => assert!(!format!("{error:#}").is_empty()),
                }
            }
        });
    }
}
