//! What the training will ask of a set, said while more can still be recorded.

use std::collections::{BTreeMap, BTreeSet};

use super::write::Planned;
use super::{Options, fill};
use crate::example::Examples;
use crate::split::Split;

/// Notes to learn from that a sound, an instrument at a velocity, has at least (`LEAST_NOTES` of the trainer).
const LEAST_NOTES: usize = 6;

/// What is missing for training on a processor, a sentence each.
pub fn advice(examples: &Examples, plan: &[Planned], options: &Options) -> Vec<String> {
    too_small(examples, options).into_iter().chain(gaps(plan, options)).collect()
}

/// Sounds that have too few notes to be learnt.
fn too_small(examples: &Examples, options: &Options) -> Option<String> {
    let split = Split::new(examples, options.seed);
    let mut sounds: BTreeMap<(&str, u8), usize> = BTreeMap::new();
    for example in examples.values() {
        sounds.entry((&example.instrument_str, example.velocity)).or_default();
    }
    for note in split.train.iter().filter_map(|name| examples.get(name)) {
        *sounds.entry((&note.instrument_str, note.velocity)).or_default() += 1;
    }
    let small = sounds.values().filter(|&&count| count < LEAST_NOTES).count();
    if small == 0 && sounds.len() > 1 {
        return None;
    }
    let usable = sounds.len() - small;
    let more = match (small > 0, options.fill) {
        (true, false) => "--fill shifts recordings to the keys between them. ",
        (true, true) => "A larger --reach makes more of them. ",
        (false, _) => "",
    };
    let second = if sounds.len() > 1 { "" } else { "Record a second instrument, or a second layer of this one." };
    let text = format!(
        "Training on a processor asks for two sounds (an instrument at a velocity) of {LEAST_NOTES} notes to learn from \
         each; {usable} of {} have as many. {more}{second}",
        sounds.len()
    );
    Some(text.trim_end().to_string())
}

/// Keys that no note plays, or one that is shifted far.
fn gaps(plan: &[Planned], options: &Options) -> Option<String> {
    let range = options.keys[0]..=options.keys[1];
    let played: BTreeSet<u8> = plan.iter().flat_map(|(_, keys)| keys).copied().collect();
    let recorded: BTreeSet<u8> = plan.iter().map(|(one, _)| one.key).collect();
    let distance = |key: u8| recorded.iter().map(|one| one.abs_diff(key)).min();
    let farthest = range.clone().filter_map(distance).max()?;
    let missing = range.clone().filter(|key| !played.contains(key)).count();
    if missing > 0 {
        let fill = if options.fill { "leave --reach out and" } else { "add --fill, and" };
        return Some(format!(
            "{missing} of the {} keys have no note, and a model plays a wrong tone there: {fill} the nearest recordings \
             are shifted to them; or train fewer keys (`pitches` in the configuration).",
            range.count()
        ));
    }
    let far = range.filter(|&key| distance(key).is_some_and(|distance| distance > fill::REACH)).count();
    (far > 0).then(|| {
        format!(
            "{far} keys have no recording within {} semitones and are played by ones from up to {farthest} away, which \
             changes their timbre: a recording there would do better.",
            fill::REACH
        )
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::super::Found;
    use super::super::name::{MIDDLE_C, Name};
    use super::*;
    use crate::example::{Example, Family, Instrument, Source};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    /// What is said of so many instruments of some neighbouring keys each, from middle C on.
    fn said(instruments: u32, keys: std::ops::Range<u8>, more: &[&str]) -> Vec<String> {
        let line = ["folder", "own", "--keys", "58", "75"].iter().chain(more);
        let options = Line::parse_from(line).options;
        let instrument =
            |number: u32| Instrument { id: number.into(), family: Family::Bass, source: Source::Acoustic, number };
        let notes = (0..instruments).flat_map(|number| keys.clone().map(move |key| (number, key)));
        let examples = notes.clone().map(|(number, key)| Example::new(&instrument(number), key, 100));
        let examples = examples.map(|example| (example.note_str.clone(), example)).collect();
        let found = |key: u8| Found { key, ..Found::named(Path::new(""), "", Name::read("", MIDDLE_C)) };
        let plan: Vec<Planned> = notes.map(|(_, key)| (found(key), vec![key])).collect();
        advice(&examples, &plan, &options)
    }

    #[test]
    fn what_training_asks_for_is_said_in_time() {
        assert!(said(2, 58..76, &[]).is_empty());
        let few = said(2, 60..64, &[]);
        assert!(few[0].contains("0 of 2 have as many. --fill shifts"), "{few:?}");
        assert!(few[1].starts_with("14 of the 18 keys have no note") && few[1].contains("add --fill"), "{few:?}");
        let filled = said(2, 60..64, &["--fill", "--reach", "2"]);
        assert!(filled[0].ends_with("A larger --reach makes more of them."), "{filled:?}");
        assert!(filled[1].contains("leave --reach out"), "{filled:?}");
        let one = said(1, 58..76, &[]);
        assert!(one.len() == 1 && one[0].contains("1 of 1 have as many. Record a second instrument"), "{one:?}");
    }
}
