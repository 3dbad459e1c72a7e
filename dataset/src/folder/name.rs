//! The pitch, and perhaps the velocity, that a file's name tells.
//!
//! | name | pitch | velocity |
//! |---|---|---|
//! | `Piano_C4.wav`, `Piano C4.wav`, `PianoC4.wav` | 60 | |
//! | `F#3 soft.wav`, `Fs3.wav`, `Gb3.wav` | 54 | |
//! | `C4v75.wav`, `C4_vel75.wav` | 60 | 75 |
//! | `midi60.wav`, `midi_60.wav` | 60 | |
//! | `060.wav`, `Cello 60.wav` | 60 | |
//! | `bass_acoustic_000-060-100.wav` | 60 | 100 |
//! | `take 2.wav`, `C4 or A2.wav` | not told | |

/// The octave number that middle C has in most names.
pub const MIDDLE_C: u8 = 4;

/// A number alone in a name is a pitch within these: the keys of a piano.
const KEYS: std::ops::RangeInclusive<u8> = 21..=108;

/// What a name tells.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Told {
    /// MIDI number.
    pub pitch: Option<u8>,
    pub velocity: Option<u8>,
}

/// Reads a name without its extension. `middle_c` is the octave number of MIDI 60.
pub fn read(name: &str, middle_c: u8) -> Told {
    if let Some(told) = nsynth(name) {
        return told;
    }
    let mut words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '#').collect();
    words.retain(|word| !word.is_empty());
    let velocity = agreed(velocities(&words));
    let midi = after(&words, &["midi", "note", "key"]);
    let notes = words.iter().filter_map(|word| note_at_end(without_velocity(word), middle_c));
    let numbers = words.iter().enumerate().filter(|(index, _)| !is_velocity_number(&words, *index));
    let numbers = numbers.filter_map(|(_, word)| word.parse().ok().filter(|number| KEYS.contains(number)));
    let pitch = if midi.is_empty() { agreed(notes).or_else(|| agreed(numbers)) } else { agreed(midi) };
    Told { pitch: pitch.filter(|&pitch| pitch <= 127), velocity }
}

/// `C4`, `f#3`, `Bb2`, as an SFZ file or a whole word has it.
pub fn note(word: &str, middle_c: u8) -> Option<u8> {
    let mut letters = word.chars();
    let step = match letters.next()?.to_ascii_uppercase() {
        'C' => 0,
        'D' => 2,
        'E' => 4,
        'F' => 5,
        'G' => 7,
        'A' => 9,
        'B' => 11,
        _ => return None,
    };
    let rest = letters.as_str();
    let (accidental, octave) = match rest.chars().next()? {
        '#' | 's' => (1, &rest[1..]),
        'b' => (-1, &rest[1..]),
        _ => (0, rest),
    };
    let octave: i32 = octave.parse().ok()?;
    u8::try_from(60 + (octave - i32::from(middle_c)) * 12 + step + accidental).ok().filter(|&pitch| pitch <= 127)
}

/// NSynth's own names end in `-PITCH-VELOCITY`.
fn nsynth(name: &str) -> Option<Told> {
    let mut parts = name.rsplit('-');
    let mut number = || parts.next().filter(|part| part.len() == 3)?.parse().ok().filter(|&number: &u8| number <= 127);
    let (velocity, pitch) = (number()?, number()?);
    Some(Told { pitch: Some(pitch), velocity: Some(velocity) })
}

/// A note at the end of a word: the whole word, or behind small letters (`PianoC4`).
fn note_at_end(word: &str, middle_c: u8) -> Option<u8> {
    let is_octave = |word: &str| word.ends_with(|c: char| c.is_ascii_digit());
    if !is_octave(word) {
        return None;
    }
    let is_start = |(index, c): &(usize, char)| {
        *index == 0 || (c.is_ascii_uppercase() && word.as_bytes()[index - 1].is_ascii_lowercase())
    };
    word.char_indices().filter(is_start).find_map(|(index, _)| {
        let found = note(&word[index..], middle_c)?;
        // One digit for the octave: `A440` and `B12` are something else.
        let digits = word.chars().rev().take_while(char::is_ascii_digit).count();
        (digits == 1).then_some(found)
    })
}

/// The numbers behind a word, within the same word or the next one.
fn after(words: &[&str], heads: &[&str]) -> Vec<u8> {
    let find = |(index, word): (usize, &&str)| {
        let lower = word.to_lowercase();
        let head = heads.iter().find(|head| lower.starts_with(**head))?;
        match &lower[head.len()..] {
            "" => words.get(index + 1)?.parse().ok(),
            number => number.parse().ok(),
        }
    };
    words.iter().enumerate().filter_map(find).collect()
}

/// `vel75`, `vel 75`, `v75`, or `C4v75`; `v` and one digit is a version.
fn velocities(words: &[&str]) -> Vec<u8> {
    let mut found = after(words, &["velocity", "vel"]);
    found.extend(words.iter().filter_map(|word| {
        let (_, number) = word.rsplit_once(['v', 'V'])?;
        number.parse::<u8>().ok().filter(|_| number.len() >= 2)
    }));
    found.retain(|velocity| (1..=127).contains(velocity));
    found
}

fn without_velocity(word: &str) -> &str {
    match word.rsplit_once(['v', 'V']) {
        Some((before, number)) if !before.is_empty() && number.parse::<u8>().is_ok() => before,
        _ => word,
    }
}

/// Whether a word is the number of `vel 75`.
fn is_velocity_number(words: &[&str], index: usize) -> bool {
    index.checked_sub(1).is_some_and(|before| ["vel", "velocity"].contains(&words[before].to_lowercase().as_str()))
}

/// The value that all agree on.
fn agreed(values: impl IntoIterator<Item = u8>) -> Option<u8> {
    let mut values = values.into_iter();
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_people_write_them() {
        let told = |pitch, velocity| Told { pitch, velocity };
        let cases = [
            ("Piano_C4", told(Some(60), None)),
            ("Piano C4", told(Some(60), None)),
            ("PianoC4", told(Some(60), None)),
            ("c4", told(Some(60), None)),
            ("F#3 soft", told(Some(54), None)),
            ("Fs3", told(Some(54), None)),
            ("gb3", told(Some(54), None)),
            ("Bb2", told(Some(46), None)),
            ("b2", told(Some(47), None)),
            ("C4v75", told(Some(60), Some(75))),
            ("C4_vel75_rr1", told(Some(60), Some(75))),
            ("A4 v2", told(Some(69), None)),
            ("Flute-A4-velocity 100", told(Some(69), Some(100))),
            ("midi60", told(Some(60), None)),
            ("Cello MIDI_036", told(Some(36), None)),
            ("note 72 take 3", told(Some(72), None)),
            ("060", told(Some(60), None)),
            ("Cello 60", told(Some(60), None)),
            ("bass_acoustic_000-060-100", told(Some(60), Some(100))),
            ("take 2", told(None, None)),
            ("2024 session", told(None, None)),
            ("C4 or A2", told(None, None)),
            ("60 or 61", told(None, None)),
            ("ABC", told(None, None)),
            ("tuned to A440", told(None, None)),
            ("Violine", told(None, None)),
            ("", told(None, None)),
            ("Flöte_É C5", told(Some(72), None)),
        ];
        for (name, expected) in cases {
            assert_eq!(read(name, MIDDLE_C), expected, "{name}");
        }
        assert_eq!(read("C3", 3).pitch, Some(60));
        assert_eq!(read("C9", 3).pitch, None);
    }
}
