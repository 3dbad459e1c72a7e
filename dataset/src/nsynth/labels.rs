//! The labels of a folder of NSynth, each by itself, so that a bad one spoils no other.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::example::Example;
use crate::problems::Problems;
use crate::set::{AUDIO, EXAMPLES, read_json};

/// What can be wrong with labels.
pub const BAD_LABELS: &str = "without usable labels";

/// Reads what `examples.json` says of each note.
pub fn read(folder: &Path, problems: &mut Problems) -> Result<Vec<Example>> {
    let path = folder.join(EXAMPLES);
    let labels: BTreeMap<String, Value> = read_json(&path)?;
    check_that_files_have_labels(folder, &labels, problems)?;
    let mut examples = Vec::with_capacity(labels.len());
    for (name, value) in labels {
        match example(&name, value) {
            Ok(example) => examples.push(example),
            Err(error) => problems.add(BAD_LABELS, format!("{name} in {}: {error}.", path.display())),
        }
    }
    Ok(examples)
}

fn example(name: &str, value: Value) -> Result<Example, String> {
    let example: Example = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if example.note_str != name {
        return Err(format!("its note_str is {:?}", example.note_str));
    }
    if !Example::is_name(name) {
        return Err("the name cannot be a file's".to_string());
    }
    Ok(example)
}

fn check_that_files_have_labels(
    folder: &Path,
    labels: &BTreeMap<String, Value>,
    problems: &mut Problems,
) -> Result<()> {
    let audio = folder.join(AUDIO);
    let entries = fs::read_dir(&audio).with_context(|| {
        format!("{} cannot be read: name a folder that holds {EXAMPLES} and {AUDIO}/.", audio.display())
    })?;
    let names: HashSet<&str> = labels.keys().map(String::as_str).collect();
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if path.extension().is_some_and(|extension| extension == "wav") && !names.contains(&*name) {
            problems.add(BAD_LABELS, format!("{} has no labels in {EXAMPLES}.", path.display()));
        }
    }
    Ok(())
}
