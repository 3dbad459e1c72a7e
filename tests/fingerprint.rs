//! The fingerprint of a note (`build.rs`) holds every source that decides its bits: the imports of what renders are followed,
//! and none may lead to a source that is left out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[allow(dead_code, reason = "its `main` is the build's")]
#[path = "../build.rs"]
mod build;

/// What renders a note: the session that puts out an image, and what makes a note of it.
const RENDERS: [&str; 2] = ["worker/generator.rs", "worker/prepare.rs"];

#[test]
fn every_source_that_decides_a_note_is_in_its_fingerprint() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join(build::SOURCES);
    let hashed: BTreeSet<PathBuf> = build::deciding(&sources).into_iter().collect();
    let reached = followed(&sources, &RENDERS.map(|file| sources.join(file)));
    for known in ["fused.rs", "spectral/two_taps.rs", "latent/seed.rs", "worker/sustain.rs"] {
        assert!(reached.contains(&sources.join(known)), "the imports of {RENDERS:?} are followed to {known}");
    }
    let missing: Vec<_> = reached.difference(&hashed).filter(|file| !build::is_test(file)).collect();
    assert!(
        missing.is_empty(),
        "these decide what a note holds, and `HARMLESS` in build.rs leaves them out: {missing:?}"
    );
    for harmless in build::HARMLESS {
        assert!(sources.join(harmless).exists(), "there is no {harmless} any more: take it out of build.rs");
    }
}

/// The sources that these lead to, by what they import and by the modules that they have.
fn followed(sources: &Path, from: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut reached = BTreeSet::new();
    let mut waiting = from.to_vec();
    while let Some(file) = waiting.pop() {
        if !reached.insert(file.clone()) {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        waiting.extend(imported(sources, &file, &text));
    }
    reached
}

/// The files that a file names, by `mod`, by `use` or by a path within the code.
fn imported(sources: &Path, file: &Path, text: &str) -> Vec<PathBuf> {
    let own = module_of(sources, file);
    let code = code_of(text);
    let mut found = Vec::new();
    for (at, word) in words(&code) {
        let before = code[..at].trim_end();
        let path = match word {
            // Within a path they only go on from what came before.
            _ if before.ends_with("::") => continue,
            "crate" => Vec::new(),
            "self" => own.clone(),
            "super" => own[..own.len().saturating_sub(1)].to_vec(),
            // `mod part;`, and `use part::Item;` of a part of this module.
            part if before.ends_with("mod") || before.ends_with("use") => {
                let module = [own.as_slice(), &[part.to_owned()]].concat();
                follow(sources, module, &code[at + part.len()..], &mut found);
                continue;
            }
            _ => continue,
        };
        follow(sources, path, &code[at + word.len()..], &mut found);
    }
    found
}

/// Goes along a path of modules and of the groups in it, as far as there are files.
fn follow(sources: &Path, mut module: Vec<String>, mut rest: &str, found: &mut Vec<PathBuf>) {
    while let Some(after) = rest.strip_prefix("::") {
        if let Some(group) = after.strip_prefix('{') {
            for member in members(group) {
                let name = member.split("::").next().unwrap_or_default();
                let deeper = if name == "self" { &[][..] } else { &[name.to_owned()] };
                follow(sources, [module.as_slice(), deeper].concat(), &member[name.len()..], found);
            }
            return;
        }
        let name = words(after).next().filter(|(at, _)| *at == 0).map_or("", |(_, name)| name);
        rest = &after[name.len()..];
        match name {
            "super" => _ = module.pop(),
            _ => module.push(name.to_owned()),
        }
    }
    // What is no module is an item of the last one that is.
    while !module.is_empty() {
        if let Some(file) = file_of(sources, &module) {
            found.push(file);
            return;
        }
        module.pop();
    }
}

/// The members of a group that has just been opened.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                found.push(group[start..at].trim());
                start = at + 1;
                if letter == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    found.retain(|member| !member.is_empty());
    found
}

/// The names in a text, with where they stand.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut rest = 0;
    std::iter::from_fn(move || {
        let at = rest + text[rest..].find(is_part)?;
        let length = text[at..].find(|letter| !is_part(letter)).unwrap_or(text.len() - at);
        rest = at + length;
        Some((at, &text[at..rest]))
    })
}

/// A source without its comments and without the tests at its end.
fn code_of(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let code = lines.collect::<Vec<_>>().join("\n");
    code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned()
}

/// The names of the modules down to that of a file.
fn module_of(sources: &Path, file: &Path) -> Vec<String> {
    let mut names: Vec<String> = file
        .strip_prefix(sources)
        .expect("it lies within")
        .with_extension("")
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.pop_if(|name| name == "mod");
    names
}

fn file_of(sources: &Path, module: &[String]) -> Option<PathBuf> {
    let path = sources.join(module.join("/"));
    [path.with_extension("rs"), path.join("mod.rs")].into_iter().find(|file| file.exists())
}

#[test]
fn imports_are_followed() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join(build::SOURCES);
    let imports = |text: &str| -> Vec<String> {
        let found = imported(&sources, &sources.join("spectral/mel.rs"), text);
        found.iter().map(|file| file.strip_prefix(&sources).unwrap().to_string_lossy().replace('\\', "/")).collect()
    };
    assert_eq!(imports("use crate::fused::mul_add;"), ["fused.rs"]);
    assert_eq!(imports("let x = super::exp::exp(1.0); // crate::fused"), ["spectral/exp.rs"]);
    assert_eq!(
        imports("use crate::{note::Note, spectral::{phase::X, polar}};"),
        ["note.rs", "spectral/phase.rs", "spectral/polar.rs"]
    );
    assert_eq!(imports("#[cfg(test)]\nmod tests {\n    use crate::note;\n}"), [""; 0]);
}
