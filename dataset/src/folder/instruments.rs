//! The numbers and families of the instruments.

use std::collections::{BTreeMap, BTreeSet};

use crate::example::{Family, Instrument, Source};

/// Words that tell a family, besides its own name.
const WORDS: [(Family, &[&str]); 10] = [
    (Family::Bass, &["bass"]),
    (Family::Brass, &["trumpet", "trombone", "horn", "tuba", "cornet"]),
    (Family::Flute, &["piccolo", "recorder", "ocarina", "whistle"]),
    (Family::Guitar, &["banjo", "ukulele", "mandolin", "lute", "sitar"]),
    (Family::Keyboard, &["piano", "harpsichord", "clavi", "celesta", "rhodes", "wurli"]),
    (Family::Mallet, &["marimba", "vibraphone", "xylophone", "glocken", "kalimba", "chime", "bell", "timpani"]),
    (Family::Organ, &["harmonium", "accordion"]),
    (Family::Reed, &["clarinet", "oboe", "bassoon", "sax", "english horn"]),
    (Family::String, &["violin", "viola", "cello", "harp", "contrabass", "fiddle"]),
    (Family::Vocal, &["voice", "choir", "vox", "soprano", "tenor"]),
];

/// Numbers the instruments, and takes each one's family from its name.
pub fn instruments(names: &BTreeSet<&str>, otherwise: Family) -> BTreeMap<String, Instrument> {
    let mut numbers: BTreeMap<Family, u32> = BTreeMap::new();
    let number = |(id, name): (usize, &&str)| {
        let family = family(name).unwrap_or(otherwise);
        let next = numbers.entry(family).or_default();
        let instrument = Instrument { id: id as u64, family, source: Source::Acoustic, number: *next };
        *next += 1;
        (name.to_string(), instrument)
    };
    names.iter().enumerate().map(number).collect()
}

/// The family whose word is the longest in a name: a bassoon is no bass, and a bass guitar is.
fn family(name: &str) -> Option<Family> {
    use clap::ValueEnum;
    let lower = name.to_lowercase();
    // A family's own name goes before what is like it, and the first one before the others.
    let own = Family::value_variants().iter().map(|&family| (family, family.to_string()));
    let own = own.filter(|(_, word)| has_word(&lower, word)).map(|(family, _)| family).next();
    let words = WORDS.iter().flat_map(|&(family, words)| words.iter().map(move |&word| (family, word)));
    let like = words.filter(|(_, word)| lower.contains(word)).max_by_key(|(_, word)| word.len());
    own.or(like.map(|(family, _)| family))
}

/// Whether a name has a word, with or without more behind it as `flutes`, but not `bassoon` for `bass`.
fn has_word(name: &str, word: &str) -> bool {
    let plain = word.replace('_', " ");
    let is_whole =
        |part: &str| part.trim_end_matches(|c: char| c == 's' || c.is_ascii_digit()) == word.trim_end_matches('s');
    name.contains(&plain) && (plain.contains(' ') || name.split(|c: char| !c.is_alphanumeric()).any(is_whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_told_by_names() {
        let cases = [
            ("bass guitar", Some(Family::Bass)),
            ("bass_acoustic_000", Some(Family::Bass)),
            ("Bassoon", Some(Family::Reed)),
            ("Brass", Some(Family::Brass)),
            ("Old Flute", Some(Family::Flute)),
            ("Flutes2", Some(Family::Flute)),
            ("Cello", Some(Family::String)),
            ("English Horn", Some(Family::Reed)),
            ("Harpsichord", Some(Family::Keyboard)),
            ("Synth Lead", Some(Family::SynthLead)),
            ("Grand Piano", Some(Family::Keyboard)),
            ("Strings", Some(Family::String)),
            ("organ", Some(Family::Organ)),
            ("Thing", None),
        ];
        for (name, expected) in cases {
            assert_eq!(family(name), expected, "{name}");
        }
    }
}
