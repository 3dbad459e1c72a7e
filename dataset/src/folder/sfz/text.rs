//! An SFZ file's text as a player sees it: comments gone, `#include` and `#define` carried out (sfzformat.com).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::paths;

/// Files that include each other in a ring would never end.
const DEEPEST: usize = 16;

/// Files that one file includes, all in all; a large library has some hundreds.
const MOST_INCLUDES: usize = 4_096;

/// What a value may be made of, and the whole text, in bytes: values of values grow without end.
const LONGEST_VALUE: usize = 4_096;
const LONGEST_TEXT: usize = 64 << 20;

/// The text of a file and of those it includes.
#[derive(Default)]
pub struct Text {
    pub text: String,
    /// Files that it includes.
    pub included: Vec<PathBuf>,
    /// What cannot be carried out, a sentence each.
    pub problems: Vec<String>,
    /// Values by names, with their `$`.
    defined: BTreeMap<String, String>,
}

impl Text {
    pub fn read(path: &Path) -> Self {
        let mut text = Self::default();
        text.add(path, path.parent().unwrap_or(Path::new("")), 0);
        text
    }

    /// Adds a file. What it names lies beside the first file, whatever folder it lies in itself.
    fn add(&mut self, path: &Path, folder: &Path, depth: usize) {
        match fs::read(path) {
            Ok(bytes) => self.add_text(&without_comments(&decode(&bytes)), folder, depth),
            Err(error) => self.problems.push(format!("{} cannot be read ({error})", path.display())),
        }
    }

    fn add_text(&mut self, text: &str, folder: &Path, depth: usize) {
        let mut rest = text;
        while let Some(place) = rest.find(['#', '$']) {
            if self.text.len() > LONGEST_TEXT {
                self.problems.push(format!("all that is included is longer than {} MiB", LONGEST_TEXT >> 20));
                return;
            }
            self.text.push_str(&rest[..place]);
            rest = &rest[place..];
            if let Some(behind) = directive(rest, "#define") {
                rest = self.define(behind);
            } else if let Some(behind) = directive(rest, "#include") {
                rest = self.include(behind, folder, depth);
            } else if let Some((name, value)) = longest_name(&self.defined, rest) {
                self.text.push_str(value);
                rest = &rest[name..];
            } else {
                self.text.push_str(&rest[..1]);
                rest = &rest[1..];
            }
        }
        self.text.push_str(rest);
    }

    /// `$NAME value`; gives what lies behind.
    fn define<'a>(&mut self, text: &'a str) -> &'a str {
        let text = text.trim_start_matches([' ', '\t']);
        let (name, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
        if !name.starts_with('$') || name.len() < 2 {
            return text;
        }
        let rest = rest.trim_start_matches([' ', '\t']);
        let (value, rest) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
        // A value may be made of those before.
        let value = self.replaced(value);
        if value.len() > LONGEST_VALUE {
            self.problems.push(format!("#define {name} is longer than {LONGEST_VALUE} letters"));
            return rest;
        }
        self.defined.insert(name.to_string(), value);
        rest
    }

    /// `"path"`; gives what lies behind.
    fn include<'a>(&mut self, text: &'a str, folder: &Path, depth: usize) -> &'a str {
        let line = text.split('\n').next().unwrap_or_default();
        let behind_line = &text[line.len()..];
        let quoted = line.trim_start().strip_prefix('"').and_then(|line| line.split_once('"'));
        let (name, rest) = match quoted {
            Some((name, rest)) => (name, &text[line.len() - rest.len()..]),
            None => (line.trim(), behind_line),
        };
        let name = self.replaced(name);
        match paths::find(folder, &name) {
            Some(path) if depth < DEEPEST && self.included.len() < MOST_INCLUDES => {
                self.included.push(path.clone());
                self.add(&path, folder, depth + 1);
            }
            Some(path) => self.problems.push(format!("{} includes itself", path.display())),
            None => self.problems.push(format!("#include \"{name}\" is missing")),
        }
        rest
    }

    fn replaced(&self, text: &str) -> String {
        let mut replaced = String::new();
        let mut rest = text;
        while let Some(place) = rest.find('$') {
            replaced.push_str(&rest[..place]);
            rest = &rest[place..];
            let (name, value) = longest_name(&self.defined, rest).unwrap_or((1, "$"));
            replaced.push_str(value);
            rest = &rest[name..];
        }
        replaced + rest
    }
}

/// The length of the longest name that a text begins with, and its value: `$KEYS` is not `$KEY` with an S.
fn longest_name<'a>(defined: &'a BTreeMap<String, String>, text: &str) -> Option<(usize, &'a str)> {
    let begins = defined.iter().filter(|(name, _)| text.starts_with(name.as_str()));
    begins.max_by_key(|(name, _)| name.len()).map(|(name, value)| (name.len(), value.as_str()))
}

/// What lies behind a directive, where a text begins with it.
fn directive<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name).filter(|rest| rest.starts_with([' ', '\t', '"']))
}

/// Old files are in the local alphabet, and those of Windows' editor may have two bytes a letter.
fn decode(bytes: &[u8]) -> String {
    let pairs = |pair: fn([u8; 2]) -> u16| -> String {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|bytes| pair([bytes[0], bytes[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    let text = match bytes {
        [0xff, 0xfe, ..] => pairs(u16::from_le_bytes),
        [0xfe, 0xff, ..] => pairs(u16::from_be_bytes),
        _ => match str::from_utf8(bytes) {
            Ok(text) => text.trim_start_matches('\u{feff}').to_string(),
            Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
        },
    };
    // Lines end as on any system, even the oldest.
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn without_comments(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(place) = rest.find("/*").into_iter().chain(rest.find("//")).min() {
        plain.push_str(&rest[..place]);
        let comment = &rest[place..];
        rest = if comment.starts_with("//") {
            comment.find('\n').map_or("", |end| &comment[end..])
        } else {
            comment.split_once("*/").map_or("", |(_, behind)| behind)
        };
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_and_definitions_are_carried_out_where_they_stand() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("Maps/Low.txt", b"low=$KEYS $KEY$UP\r#include \"maps/more.sfzh\"\r");
        write("maps2/ring.sfz", b"#include \"maps2/ring.sfz\"");
        write("Maps/More.SFZH", b"more");
        let main = b"\xef\xbb\xbf#define $KEY 5 #define $KEYS 6\t#define $UP $KEY$KEY // $KEY\r\n\
            <g> #include \"maps\\low.TXT\"/* #include \"no\" // */ C#4 $NO #includes";
        write("main.sfz", main);
        let text = Text::read(&folder.path().join("main.sfz"));
        let words: Vec<&str> = text.text.split_whitespace().collect();
        assert_eq!(words, ["<g>", "low=6", "555", "more", "C#4", "$NO", "#includes"]);
        assert_eq!(text.included.len(), 2);
        assert!(text.problems.is_empty(), "{:?}", text.problems);

        let ring = Text::read(&folder.path().join("maps2/ring.sfz"));
        assert!(ring.problems[0].contains("is missing"), "what is included lies beside the first: {:?}", ring.problems);
        write("ring.sfz", b"#include \"ring.sfz\"");
        assert!(Text::read(&folder.path().join("ring.sfz")).problems[0].ends_with("includes itself"));
        write("cut.sfz", b"#include \"\n#define\n#define $\n#include\n/* open");
        assert_eq!(Text::read(&folder.path().join("cut.sfz")).problems.len(), 1);
    }

    #[test]
    fn a_file_that_grows_without_end_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bomb.sfz");
        let doubled: String =
            (1..64).map(|number| format!("#define $A{number:02} $A{:02}$A{:02}\n", number - 1, number - 1)).collect();
        let text = "#define $A00 ha\n".to_string() + &doubled + &"$A11".repeat(20_000) + "<region> sample=end";
        fs::write(&path, text).unwrap();
        let text = Text::read(&path);
        assert!(text.problems[0].starts_with("#define $A12 is longer"), "{:?}", text.problems);
        assert!(text.problems.last().unwrap().contains("64 MiB") && text.text.len() < 2 * LONGEST_TEXT);
    }

    #[test]
    fn letters_and_lines_are_those_of_any_system() {
        assert_eq!(decode(b"\xff\xfeA\0\r\0\n\0"), "A\n");
        assert_eq!(decode(b"Fl\xf6te\rB"), "Flöte\nB");
        assert_eq!(without_comments("a // b\nc /* d\n// */ e /* f"), "a \nc  e ");
    }
}
