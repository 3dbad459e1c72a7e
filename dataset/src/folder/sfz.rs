//! The pitches that an SFZ file gives to its samples (sfzformat.com, SFZ 1).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::name::{self, Told};

/// What is told of a sample, by its file.
pub type Samples = HashMap<PathBuf, Told>;

/// The opcodes that hold at a place, by name.
type Opcodes = HashMap<String, String>;

/// Headers from the outermost to the innermost. One replaces those of its own level and within.
const LEVELS: [&str; 4] = ["global", "master", "group", "region"];

/// Reads an SFZ file's text; samples lie beside it, in `folder`.
pub fn read(text: &str, folder: &Path) -> Samples {
    let text = without_comments(text);
    let mut samples = Samples::new();
    let mut default_path = String::new();
    let mut levels: [Opcodes; LEVELS.len()] = Default::default();
    for section in text.split('<').skip(1) {
        let Some((header, body)) = section.split_once('>') else { continue };
        let opcodes = opcodes(body);
        if header == "control" {
            default_path = opcodes.get("default_path").cloned().unwrap_or_default();
        }
        let Some(level) = LEVELS.iter().position(|level| *level == header) else { continue };
        levels[level..].fill_with(Opcodes::new);
        levels[level] = opcodes;
        if header == "region" {
            let find = |name: &str| levels.iter().rev().find_map(|opcodes| opcodes.get(name)).map(String::as_str);
            if let Some(sample) = find("sample") {
                samples.insert(path(folder, &default_path, sample), told(find));
            }
        }
    }
    samples
}

fn told<'a>(find: impl Fn(&str) -> Option<&'a str>) -> Told {
    let pitch = |opcode: &str| find(opcode).and_then(key);
    Told {
        pitch: pitch("pitch_keycenter").or_else(|| pitch("key")),
        velocity: find("hivel").and_then(|value| value.parse().ok()).filter(|velocity| (1..=127).contains(velocity)),
    }
}

/// A key is a MIDI number or a name, where middle C is c4.
fn key(value: &str) -> Option<u8> {
    value.parse().ok().filter(|&key: &u8| key <= 127).or_else(|| name::note(value, 4))
}

/// `name=value` after one another. A value reaches to the next name, since paths may hold spaces.
fn opcodes(body: &str) -> Opcodes {
    let mut opcodes = Opcodes::new();
    let mut last: Option<String> = None;
    for line in body.lines() {
        for word in line.split(' ').filter(|word| !word.is_empty()) {
            match word.split_once('=') {
                Some((name, value)) => {
                    opcodes.insert(name.trim().to_string(), value.trim().to_string());
                    last = Some(name.trim().to_string());
                }
                None => {
                    if let Some(value) = last.as_ref().and_then(|name| opcodes.get_mut(name)) {
                        value.push(' ');
                        value.push_str(word.trim());
                    }
                }
            }
        }
        last = None;
    }
    opcodes
}

/// `default_path` is put before the sample as it stands; both may be written for Windows.
fn path(folder: &Path, default_path: &str, sample: &str) -> PathBuf {
    let joined = format!("{default_path}{sample}").replace('\\', "/");
    folder.join(joined).components().collect()
}

fn without_comments(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        plain.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_inherited_named_and_numbered() {
        let text = r"
// A piano.
<control> default_path=..\samples\
<global> hivel=90
<group> key=50 /* the low
ones */
<region> sample=Low note.wav
<region> sample=sub\Other.flac pitch_keycenter=c#4 lokey=60 hikey=62 hivel=127
<group>
<region> sample=plain.wav // no key
<region>
sample=last one.wav
pitch_keycenter=72
<curve> sample=nothing.wav";
        let samples = read(text, Path::new("library/sfz"));
        let told = |pitch, velocity| Told { pitch, velocity: Some(velocity) };
        let at = |name: &str| samples[&Path::new("library/sfz/../samples").join(name)];
        assert_eq!(at("Low note.wav"), told(Some(50), 90));
        assert_eq!(at("sub/Other.flac"), told(Some(61), 127));
        assert_eq!(at("plain.wav"), told(None, 90));
        assert_eq!(at("last one.wav"), told(Some(72), 90));
        assert_eq!(samples.len(), 4);
        assert!(read("no header, sample=a.wav", Path::new("")).is_empty());
    }
}
