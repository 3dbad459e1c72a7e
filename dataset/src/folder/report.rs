//! What the command took each recording for, as a table and, file by file, in the set.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::left::{self, Left, Words};
use super::write::Planned;
use super::{Options, keys};

/// So many sentences of a kind are printed; the rest is counted.
const SHOWN: usize = 10;

/// Prints what is to be said of single recordings.
pub fn print(left: &[Left], words: &Words) {
    for (reason, _) in left::counts(left) {
        let of_it = left.iter().filter(|one| one.reason == reason);
        let sentences = of_it.map(|one| format!("{}: {}.", one.path.display(), one.sentence)).collect::<Vec<_>>();
        some(&sentences);
    }
    for (kind, sentences) in words.all().into_iter().filter(|(_, sentences)| !sentences.is_empty()) {
        some(sentences);
        if sentences.len() > 1 {
            eprintln!("{} {kind}.", sentences.len());
        }
    }
}

fn some(sentences: &[String]) {
    sentences.iter().take(SHOWN).for_each(|sentence| eprintln!("{sentence}"));
    if sentences.len() > SHOWN {
        eprintln!("... and {} more like it.", sentences.len() - SHOWN);
    }
}

/// One line for each instrument, then one for each reason why files were left out.
pub fn table(plan: &[Planned], left: &[Left], options: &Options) -> String {
    let mut rows = vec![["files", "instrument", "keys", "layers", "notes", "left out"].map(str::to_string)];
    let mut instruments: BTreeMap<&str, Vec<&Planned>> = BTreeMap::new();
    for name in left.iter().filter_map(|one| one.instrument.as_deref()) {
        instruments.entry(name).or_default();
    }
    plan.iter().for_each(|one| instruments.entry(&one.0.instrument).or_default().push(one));
    for (name, planned) in instruments {
        let own: BTreeSet<u8> = planned.iter().map(|(one, _)| one.key).collect();
        let keys = match (own.first(), own.last()) {
            (Some(&lowest), Some(&highest)) if lowest < highest => {
                format!("{} of {} to {}", own.len(), keys::named(lowest, options), keys::named(highest, options))
            }
            (Some(&key), _) => keys::named(key, options),
            _ => String::new(),
        };
        let velocities: BTreeSet<u8> = planned.iter().map(|(one, _)| one.velocity).collect();
        let notes: usize = planned.iter().map(|(_, keys)| keys.len()).sum();
        let out = left.iter().filter(|one| one.instrument.as_deref() == Some(name)).count();
        let out = if out > 0 { out.to_string() } else { String::new() };
        rows.push([planned.len().to_string(), name.to_string(), keys, list(&velocities), notes.to_string(), out]);
    }
    let mut text = aligned(&rows);
    if !left.is_empty() {
        text.push_str(&format!("{} files, {} of them left out:\n", plan.len() + left.len(), left.len()));
        for (reason, count) in left::counts(left) {
            text.push_str(&format!("{count:>5}  {}\n", reason.name()));
        }
    }
    text
}

/// Numbers stand on the right of their columns, words on the left.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        widths.iter_mut().zip(row).for_each(|(width, cell)| *width = cell.chars().count().max(*width));
    }
    let line = |row: &[String; N]| {
        let cell = |(cell, width): (&String, &usize)| {
            let is_word = cell.contains(|c: char| c.is_alphabetic());
            if is_word { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        };
        row.iter().zip(&widths).map(cell).collect::<Vec<_>>().join("  ").trim_end().to_string() + "\n"
    };
    rows.iter().map(line).collect()
}

/// A few velocities by name, many by their ends.
fn list(velocities: &BTreeSet<u8>) -> String {
    match (velocities.first(), velocities.last()) {
        (Some(first), Some(last)) if velocities.len() > 5 => format!("{} of v{first} to v{last}", velocities.len()),
        _ => velocities.iter().map(|velocity| format!("v{velocity}")).collect::<Vec<_>>().join(" "),
    }
}

/// What each file was taken for, or why it was left out, for `dataset.json`.
pub fn files(plan: &[Planned], left: &[Left], options: &Options) -> Value {
    let name = |path: &std::path::Path| path.strip_prefix(&options.folder).unwrap_or(path).display().to_string();
    let taken = plan.iter().map(|(one, keys)| {
        let value = json!({
            "instrument": one.instrument, "key": one.key, "told_by": one.by.name(), "heard": one.heard,
            "velocity": one.velocity, "keys": keys,
        });
        (name(&one.path), value)
    });
    let left =
        left.iter().map(|one| (name(&one.path), json!({ "left_out": one.sentence, "reason": one.reason.name() })));
    taken.chain(left).collect::<serde_json::Map<String, Value>>().into()
}
