//! What a file's name tells: pitch, layer, take, and what is left of it, the instrument.
//!
//! | name | pitch | layer | the rest |
//! |---|---|---|---|
//! | `Piano_C4.wav`, `Piano C4.wav`, `PianoC4.wav` | 60 | | `Piano` |
//! | `Cello F#3 soft.wav`, `Cello_Fs3_p.wav`, `Cello.Gb3.p.wav` | 54 | the third dynamic | `Cello` |
//! | `C4v75.wav`, `C4_vel75.wav`, `C4 v2 rr1.wav` | 60 | 75; 2 | |
//! | `midi60.wav`, `midi_60.wav`, `060.wav` | 60 | | |
//! | `bass_acoustic_000-060-100.wav` | 60 | velocity 100 | `bass_acoustic_000` |
//! | `take 2.wav`, `C4 or A2.wav` | not told | | |

use super::label::Label;

/// The octave number that middle C has in most names.
pub const MIDDLE_C: u8 = 4;

/// A number alone in a name is a pitch within these: the keys of a piano.
const KEYS: std::ops::RangeInclusive<u16> = 21..=108;

/// What a name tells.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Name {
    /// MIDI number.
    pub pitch: Option<u8>,
    pub marks: Marks,
    pub label: Label,
}

/// What tells recordings of one key of an instrument apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Marks {
    /// A velocity that is surely one.
    pub velocity: Option<u8>,
    /// The number behind `v`: a layer's or a velocity, as all names of the instrument together tell.
    pub layer: Option<u16>,
    /// From 1, as soft as can be, to 8.
    pub dynamic: Option<u8>,
    /// The number right behind a pitch: a take's or a velocity.
    pub behind: Option<u16>,
    /// Of a round robin.
    pub take: Option<u16>,
}

/// What the words of a name are found to be.
#[derive(Default)]
struct Words<'a> {
    notes: Vec<u8>,
    midi: Vec<u16>,
    /// Alone, with their place in `label`.
    numbers: Vec<(usize, u16)>,
    layers: Vec<u16>,
    dynamics: Vec<u8>,
    behind: Vec<u16>,
    takes: Vec<u16>,
    /// What is left, in order, and whether it is a mere counter.
    label: Vec<(&'a str, bool)>,
}

impl Name {
    /// Reads a name without its extension. `middle_c` is the octave number of MIDI 60.
    pub fn read(name: &str, middle_c: u8) -> Self {
        if let Some((label, pitch, velocity)) = nsynth(name) {
            let marks = Marks { velocity: Some(velocity), ..Marks::default() };
            return Self { pitch: Some(pitch), marks, label: Label::new([(label, false)]) };
        }
        let mut words = Words::default();
        words.read(name, middle_c);
        let midi = agreed(words.midi.iter().copied());
        let number = agreed(words.numbers.iter().map(|(_, number)| *number).filter(|number| KEYS.contains(number)));
        let pitch = if !words.midi.is_empty() {
            midi
        } else if words.notes.is_empty() {
            number
        } else {
            agreed(words.notes.iter().map(|&note| u16::from(note)))
        };
        // A number that is the pitch is none of the instrument's.
        let is_pitch = |place: usize| {
            let is_told = words.midi.is_empty() && words.notes.is_empty();
            is_told && words.numbers.iter().any(|&(at, number)| at == place && Some(number) == pitch)
        };
        let label = words.label.iter().enumerate().filter(|(place, _)| !is_pitch(*place)).map(|(_, word)| *word);
        let marks = Marks {
            velocity: None,
            layer: agreed(words.layers.iter().copied()),
            dynamic: agreed(words.dynamics.iter().copied()),
            behind: agreed(words.behind.iter().copied()),
            take: agreed(words.takes.iter().copied()),
        };
        Self {
            pitch: pitch.and_then(|pitch| u8::try_from(pitch).ok()).filter(|&pitch| pitch <= 127),
            marks,
            label: Label::new(label),
        }
    }

    /// What a file in a folder is told to be by both names.
    pub fn within(self, folder: Self) -> Self {
        let Marks { velocity, layer, dynamic, behind, take } = self.marks;
        Self {
            pitch: self.pitch.or(folder.pitch),
            marks: Marks {
                velocity,
                layer: layer.or(folder.marks.layer),
                dynamic: dynamic.or(folder.marks.dynamic),
                behind,
                take: take.or(folder.marks.take),
            },
            label: self.label.within(folder.label),
        }
    }
}

impl<'a> Words<'a> {
    fn read(&mut self, name: &'a str, middle_c: u8) {
        let words = name.split(|c: char| !c.is_alphanumeric() && c != '#').filter(|word| !word.is_empty());
        let words: Vec<&str> = words.collect();
        let mut place = 0;
        while place < words.len() {
            let used = self.headed(words[place], words.get(place + 1).copied());
            if used == 0 {
                let is_behind_note = place > 0 && note_at_end(without_layer(words[place - 1]).0, middle_c).is_some();
                // A word that begins a name is the instrument's own: `Soft Pad C3`.
                let may_be_dynamic = place > 0 || words.len() == 1;
                self.word(words[place], middle_c, is_behind_note, may_be_dynamic);
            }
            place += used.max(1);
        }
    }

    /// Takes a word that says what its number is, and the number in it or behind; gives how many words that were.
    fn headed(&mut self, word: &str, next: Option<&str>) -> usize {
        let lower = word.to_lowercase();
        let number = |head: &str| match lower.strip_prefix(head)? {
            "" => next?.parse().ok().map(|number| (number, 2)),
            rest => rest.parse().ok().map(|number: u16| (number, 1)),
        };
        let heads: [(&mut Vec<u16>, &[&str]); 3] = [
            (&mut self.midi, &["midi", "note", "key"]),
            (&mut self.layers, &["velocity", "vel", "layer", "lyr", "dyn"]),
            (&mut self.takes, &["roundrobin", "rr", "take", "rep"]),
        ];
        for (values, heads) in heads {
            if let Some((value, used)) = heads.iter().find_map(|head| number(head)) {
                values.push(value);
                return used;
            }
        }
        match lower.strip_prefix('v').and_then(|number| number.parse().ok()) {
            Some(number) => {
                self.layers.push(number);
                1
            }
            None => 0,
        }
    }

    fn word(&mut self, word: &'a str, middle_c: u8, is_behind_note: bool, may_be_dynamic: bool) {
        let (word, layer) = without_layer(word);
        self.layers.extend(layer);
        if let Some((start, note)) = note_at_end(word, middle_c) {
            self.notes.push(note);
            if start > 0 {
                self.label.push((&word[..start], false));
            }
        } else if let Ok(number) = word.parse::<u16>() {
            if is_behind_note {
                self.behind.push(number);
            } else {
                self.numbers.push((self.label.len(), number));
                self.label.push((word, true));
            }
        } else if let Some(dynamic) = dynamic(word).filter(|_| may_be_dynamic) {
            self.dynamics.push(dynamic);
        } else {
            self.label.push((word, is_pitch_class(word)));
        }
    }
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
    let pitch = octave.checked_sub(i32::from(middle_c))?.checked_mul(12)?.checked_add(60 + step + accidental)?;
    u8::try_from(pitch).ok().filter(|&pitch| pitch <= 127)
}

/// NSynth's own names end in `-PITCH-VELOCITY`.
fn nsynth(name: &str) -> Option<(&str, u8, u8)> {
    let mut parts = name.rsplitn(3, '-');
    let mut number = || parts.next().filter(|part| part.len() == 3)?.parse().ok().filter(|&number: &u8| number <= 127);
    let (velocity, pitch) = (number()?, number()?);
    Some((parts.next().unwrap_or_default(), pitch, velocity))
}

/// A note at the end of a word, and where it begins: the whole word, or behind small letters (`PianoC4`).
fn note_at_end(word: &str, middle_c: u8) -> Option<(usize, u8)> {
    // One digit for the octave: `A440` and `B12` are something else.
    if word.chars().rev().take_while(char::is_ascii_digit).count() != 1 {
        return None;
    }
    let mut before = None;
    word.char_indices().find_map(|(index, c)| {
        let is_start = before.is_none_or(|before: char| c.is_uppercase() && before.is_lowercase());
        before = Some(c);
        Some((index, note(&word[index..], middle_c).filter(|_| is_start)?))
    })
}

/// The layer behind a pitch in the same word: `C4v75`.
fn without_layer(word: &str) -> (&str, Option<u16>) {
    match word.rsplit_once(['v', 'V']) {
        Some((before, number)) if before.ends_with(|c: char| c.is_ascii_digit()) && number.parse::<u16>().is_ok() => {
            (before, number.parse().ok())
        }
        _ => (word, None),
    }
}

/// How loud a word says that it was played. Single letters are small ones, since large ones are pitches.
fn dynamic(word: &str) -> Option<u8> {
    Some(match word {
        "p" => 3,
        "f" => 6,
        _ => match word.to_lowercase().as_str() {
            "ppp" => 1,
            "pp" | "pianissimo" => 2,
            "soft" => 3,
            "mp" => 4,
            "mf" | "medium" | "med" => 5,
            "forte" | "loud" | "hard" => 6,
            "ff" | "fortissimo" => 7,
            "fff" => 8,
            _ => return None,
        },
    })
}

/// Whether a word is a pitch without its octave: `C`, `F#`, `Bb`, `Amin`.
fn is_pitch_class(word: &str) -> bool {
    let Some(rest) = word.strip_prefix(|c: char| ('A'..='G').contains(&c)) else { return false };
    let rest = rest.strip_prefix(['#', 'b']).unwrap_or(rest);
    ["", "m", "maj", "min", "major", "minor"].contains(&rest)
}

/// The value that all agree on.
fn agreed<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut values = values.into_iter();
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pitches_are_read_as_people_write_them() {
        let cases = [
            ("Piano_C4", Some(60)),
            ("Piano C4", Some(60)),
            ("PianoC4", Some(60)),
            ("c4", Some(60)),
            ("F#3 soft", Some(54)),
            ("Fs3", Some(54)),
            ("gb3", Some(54)),
            ("Bb2", Some(46)),
            ("b2", Some(47)),
            ("C4v75", Some(60)),
            ("C4_vel75_rr1", Some(60)),
            ("C4_100", Some(60)),
            ("A4 v2", Some(69)),
            ("Flute-A4-velocity 100", Some(69)),
            ("midi60", Some(60)),
            ("Cello MIDI_036", Some(36)),
            ("note 72 take 3", Some(72)),
            ("060", Some(60)),
            ("Cello 60", Some(60)),
            ("Juno 60 C3", Some(48)),
            ("bass_acoustic_000-060-100", Some(60)),
            ("take 60", None),
            ("take 2", None),
            ("2024 session", None),
            ("C4 or A2", None),
            ("60 or 61", None),
            ("vel 60", None),
            ("midi 200", None),
            ("ABC", None),
            ("tuned to A440", None),
            ("Violine", None),
            ("C99999999999", None),
            ("", None),
            ("Flöte_É C5", Some(72)),
            ("FlöteC5", Some(72)),
            ("É4", None),
        ];
        for (name, expected) in cases {
            assert_eq!(Name::read(name, MIDDLE_C).pitch, expected, "{name}");
        }
        assert_eq!(Name::read("C3", 3).pitch, Some(60));
        assert_eq!(Name::read("C9", 3).pitch, None);
        assert_eq!(note("C2147483647", 4), None);
    }

    #[test]
    fn layers_takes_and_instruments_are_told_apart() {
        let none = Marks::default();
        let layer = |layer| Marks { layer: Some(layer), ..none };
        let dynamic = |dynamic| Marks { dynamic: Some(dynamic), ..none };
        let take = |take| Marks { take: Some(take), ..none };
        let cases = [
            ("Grand Piano_C4", none, "Grand Piano", "Grand Piano"),
            ("PianoC4v12", layer(12), "Piano", "Piano"),
            ("C4v1", layer(1), "", ""),
            ("C4_vel 75", layer(75), "", ""),
            ("Flute-A4-velocity 100", layer(100), "Flute", "Flute"),
            ("Nov12 A4", none, "Nov", "Nov12"),
            ("Cello pp C4", dynamic(2), "Cello", "Cello"),
            ("Piano.ff.C4", dynamic(7), "Piano", "Piano"),
            ("Soft Pad C3", none, "Soft Pad", "Soft Pad"),
            ("Pad C3 soft", dynamic(3), "Pad", "Pad"),
            (
                "Violin_A3_1_forte_arco",
                Marks { dynamic: Some(6), behind: Some(1), ..none },
                "Violin arco",
                "Violin arco",
            ),
            ("Bass C4 rr2", take(2), "Bass", "Bass"),
            ("take 3", take(3), "", ""),
            ("01 C4", none, "", "01"),
            ("Synth2_C4", none, "Synth", "Synth2"),
            ("Cello 60", none, "Cello", "Cello"),
            ("Juno 60 C3", none, "Juno", "Juno 60"),
            ("Pluck F#", none, "Pluck", "Pluck F#"),
            (
                "bass_acoustic_000-060-100",
                Marks { velocity: Some(100), ..none },
                "bass_acoustic_000",
                "bass_acoustic_000",
            ),
        ];
        for (name, marks, short, full) in cases {
            let found = Name::read(name, MIDDLE_C);
            assert_eq!(found.marks, marks, "{name}");
            assert_eq!((found.label.short(), found.label.full()), (short.to_string(), full.to_string()), "{name}");
        }
        let both = Name::read("C4", MIDDLE_C).within(Name::read("soft", MIDDLE_C));
        assert_eq!((both.pitch, both.marks), (Some(60), dynamic(3)));
    }
}
