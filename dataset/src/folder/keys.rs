//! Which key each recording plays: as an SFZ file tells, else its name, else the file itself, else as heard.

use std::collections::{BTreeMap, BTreeSet};

use super::listen::Heard;
use super::{Found, Left, Options, Reason, Words};

/// So many recordings, and no fewer, say what a whole set does.
const ENOUGH: usize = 3;

/// Who told a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    Sfz,
    Name,
    Root,
    Sound,
}

impl By {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sfz => "SFZ",
            Self::Name => "name",
            Self::Root => "root note in the file",
            Self::Sound => "sound",
        }
    }
}

/// Finds the key of each.
pub fn keys(heard: Vec<Heard>, words: &mut Words, left: &mut Vec<Left>) -> Vec<Found> {
    let root_is_default = root_is_default(&heard);
    let mut found = Vec::new();
    for one in heard {
        match key(&one, root_is_default, words) {
            Some((key, by)) => found.push(Found::new(one, key, by)),
            None => {
                let sentence = "no pitch can be heard: put it into the name, as C4 or midi60".to_string();
                left.push(Left::new(&one.path, Reason::Unusable, sentence));
            }
        }
    }
    found
}

fn key(one: &Heard, root_is_default: bool, words: &mut Words) -> Option<(u8, By)> {
    if let Some(key) = one.told.pitch {
        return Some((key, By::Sfz));
    }
    if let Some(key) = one.name.pitch {
        return Some((key, By::Name));
    }
    let heard = one.key.map(|key| (key, By::Sound));
    let Some(root) = one.root.filter(|_| !root_is_default) else { return heard };
    match one.key {
        // An octave is easily misheard, and a semitone is a matter of tuning.
        Some(key) if (root.abs_diff(key) + 1) % 12 > 2 => {
            words.doubts.push(format!(
                "{}: the file says that its key is {root}, and {key} is heard; it was taken for {key}.",
                one.path.display()
            ));
            heard
        }
        _ => Some((root, By::Root)),
    }
}

/// Whether the files' own keys are what a program writes that knows none: the same in all, whatever they sound like.
fn root_is_default(heard: &[Heard]) -> bool {
    let both: Vec<(u8, u8)> = heard.iter().filter_map(|one| Some((one.root?, one.key?))).collect();
    let roots: BTreeSet<u8> = both.iter().map(|(root, _)| *root).collect();
    let keys: BTreeSet<u8> = both.iter().map(|(_, key)| *key).collect();
    both.len() >= ENOUGH && roots.len() == 1 && keys.len() > 1
}

/// Says where all that is told lies the same interval off what is heard, and takes that out if asked; names the recordings
/// that are off by themselves.
pub fn compare(found: &mut [Found], options: &Options, words: &mut Words) {
    let whole = common(found.iter());
    let mut instruments: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, one) in found.iter().enumerate() {
        instruments.entry(one.instrument.clone()).or_default().push(index);
    }
    let mut off = Vec::new();
    for (name, members) in &instruments {
        let own = || members.iter().map(|&index| &found[index]);
        // Too few to speak for themselves go with the rest, unless they speak against it.
        let agree = |&offset: &i16| own().all(|one| one.offset.is_none_or(|own| own == offset));
        let offset = common(own()).or_else(|| whole.filter(agree)).unwrap_or(0);
        if offset != 0 {
            off.push((name, offset, own().filter(|one| one.offset == Some(offset)).count()));
        }
        for &index in members {
            let one = &mut found[index];
            match one.offset {
                Some(own) if own != 0 && own != offset => words.doubts.push(format!(
                    "{}: {} says {}, and {} is heard.",
                    one.path.display(),
                    one.by.name(),
                    named(one.key, options),
                    named(one.heard.unwrap_or(one.key), options)
                )),
                _ => {}
            }
            if options.as_heard && one.is_told() {
                let mended = (i16::from(one.key) + offset).clamp(0, 127);
                one.key = mended as u8;
            }
        }
    }
    if off.is_empty() {
        return;
    }
    let is_whole = off.len() == instruments.len() && off.iter().all(|one| one.1 == off[0].1);
    let heard: usize = off.iter().map(|one| one.2).sum();
    let done = if options.as_heard { "it was taken out" } else { "--as-heard takes it out" };
    if is_whole {
        words
            .offsets
            .push(format!("All keys are told {} what is heard in {heard} recordings: {done}.", interval(off[0].1)));
        return;
    }
    for (name, offset, heard) in off {
        words.offsets.push(format!(
            "The keys of {name} are told {} what is heard in {heard} recordings: {done}.",
            interval(offset)
        ));
    }
}

/// The interval, other than none, that three quarters have.
fn common<'a>(found: impl Iterator<Item = &'a Found>) -> Option<i16> {
    let mut counts: BTreeMap<i16, usize> = BTreeMap::new();
    found.filter_map(|one| one.offset).for_each(|offset| *counts.entry(offset).or_default() += 1);
    let all: usize = counts.values().sum();
    let (&offset, &count) = counts.iter().max_by_key(|(_, count)| **count)?;
    (offset != 0 && count >= ENOUGH && count * 4 >= all * 3).then_some(offset)
}

/// How what is told lies to what is heard, which is so many semitones from it.
fn interval(offset: i16) -> String {
    let side = if offset < 0 { "above" } else { "below" };
    match offset.unsigned_abs() {
        1 => format!("a semitone {side}"),
        12 => format!("an octave {side}"),
        octaves if octaves % 12 == 0 => format!("{} octaves {side}", octaves / 12),
        semitones => format!("{semitones} semitones {side}"),
    }
}

/// A key as the names have it, and its number.
pub fn named(key: u8, options: &Options) -> String {
    let step = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"][usize::from(key % 12)];
    format!("{step}{} ({key})", i32::from(key / 12) - 5 + i32::from(options.middle_c))
}
