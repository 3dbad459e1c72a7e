//! The pitches and velocities that an SFZ file gives to its samples (sfzformat.com).

mod text;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::name;
use super::paths;
use text::Text;

/// What an SFZ file tells.
pub struct Map {
    pub path: PathBuf,
    pub regions: Vec<Region>,
    /// Samples that are not there, as the file names them.
    pub missing: Vec<String>,
    /// Other files that are a part of it.
    pub included: Vec<PathBuf>,
    /// What in it cannot be carried out, a sentence each.
    pub problems: Vec<String>,
}

/// What is told of a sample.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Region {
    pub sample: PathBuf,
    /// MIDI number.
    pub pitch: Option<u8>,
    pub velocity: Option<u8>,
    /// Whether it sounds when the key is let go: the noise of that, and no note.
    pub is_release: bool,
}

/// The opcodes that hold at a place, by name.
type Opcodes = HashMap<String, String>;

/// Headers from the outermost to the innermost. One replaces those of its own level and within.
const LEVELS: [&str; 4] = ["global", "master", "group", "region"];

/// What `<control>` says of all that follows.
#[derive(Default)]
struct Control {
    default_path: String,
    /// Added to all keys.
    octave_offset: i32,
    note_offset: i32,
}

impl Map {
    /// Reads an SFZ file and those it includes.
    pub fn read(path: &Path) -> Self {
        let Text { text, included, problems, .. } = Text::read(path);
        let mut map = Self { path: path.to_path_buf(), regions: Vec::new(), missing: Vec::new(), included, problems };
        map.add(&text);
        map
    }

    fn add(&mut self, text: &str) {
        let mut control = Control::default();
        let mut levels: [Opcodes; LEVELS.len()] = Default::default();
        for section in text.split('<').skip(1) {
            let Some((header, body)) = section.split_once('>') else { continue };
            let (header, opcodes) = (header.trim().to_lowercase(), opcodes(body));
            if header == "control" {
                control.change(&opcodes);
            }
            let Some(level) = LEVELS.iter().position(|level| *level == header) else { continue };
            levels[level..].fill_with(Opcodes::new);
            levels[level] = opcodes;
            if header == "region" {
                let find = |name: &str| levels.iter().rev().find_map(|opcodes| opcodes.get(name)).map(String::as_str);
                self.add_region(&control, find);
            }
        }
    }

    fn add_region<'a>(&mut self, control: &Control, find: impl Fn(&str) -> Option<&'a str>) {
        let Some(sample) = find("sample") else { return };
        // Those that begin so are made by the player: `*sine`.
        if sample.starts_with('*') {
            return;
        }
        // `default_path` is put before the sample as it stands.
        let sample = format!("{}{sample}", control.default_path);
        match paths::find(self.path.parent().unwrap_or(Path::new("")), &sample) {
            Some(sample) => self.regions.push(region(sample, control, find)),
            None => self.missing.push(sample),
        }
    }
}

impl Control {
    fn change(&mut self, opcodes: &Opcodes) {
        let number = |name: &str| opcodes.get(name).and_then(|value| value.parse::<i32>().ok());
        if let Some(path) = opcodes.get("default_path") {
            self.default_path.clone_from(path);
        }
        self.octave_offset = number("octave_offset").unwrap_or(self.octave_offset);
        self.note_offset = number("note_offset").unwrap_or(self.note_offset);
    }
}

fn region<'a>(sample: PathBuf, control: &Control, find: impl Fn(&str) -> Option<&'a str>) -> Region {
    let offset = 12_i32.saturating_mul(control.octave_offset).saturating_add(control.note_offset);
    let shifted = |key: u8| u8::try_from(i32::from(key).saturating_add(offset)).ok().filter(|&key| key <= 127);
    let pitch = |opcode: &str| find(opcode).and_then(key).and_then(shifted);
    let number = |opcode: &str| find(opcode).and_then(|value| value.parse::<u8>().ok());
    // A sample that sounds the same on all keys has none of its own.
    let is_pitched = find("pitch_keytrack").is_none_or(|cents| cents.parse() != Ok(0));
    // A layer reaches to its highest velocity, which is the greatest where only the lowest is told.
    let velocity = number("hivel").or(number("lovel").map(|_| 127));
    Region {
        sample,
        pitch: pitch("pitch_keycenter").or_else(|| pitch("key")).filter(|_| is_pitched),
        velocity: velocity.filter(|velocity| (1..=127).contains(velocity)),
        is_release: find("trigger").is_some_and(|trigger| trigger.starts_with("release")),
    }
}

/// A key is a MIDI number or a name, where middle C is c4.
fn key(value: &str) -> Option<u8> {
    value.parse().ok().filter(|&key: &u8| key <= 127).or_else(|| name::note(value, 4))
}

/// `name=value` after one another. A value reaches to the next name, since paths may hold spaces.
fn opcodes(body: &str) -> Opcodes {
    let mut opcodes = Opcodes::new();
    for line in body.lines() {
        let mut last: Option<(String, String)> = None;
        let mut keep = |opcode: Option<(String, String)>| {
            if let Some((name, value)) = opcode {
                opcodes.insert(name, value.trim_end().to_string());
            }
        };
        // The space between words stays, as a path may have two.
        for word in line.split_inclusive(char::is_whitespace) {
            match (word.split_once('='), &mut last) {
                (Some((name, value)), last) => keep(last.replace((name.trim().to_lowercase(), value.to_string()))),
                (None, Some((_, value))) => value.push_str(word),
                (None, None) => {}
            }
        }
        keep(last);
    }
    opcodes
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The name of a sample, its pitch and its velocity.
    type Named = (String, Option<u8>, Option<u8>);

    /// What a file tells of samples that are there.
    fn told(text: &str, samples: &[&str]) -> (Vec<Named>, Map) {
        let folder = tempfile::tempdir().unwrap();
        for sample in samples {
            let path = folder.path().join(sample);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::create_dir_all(folder.path().join("sfz")).unwrap();
        fs::write(folder.path().join("sfz/own.sfz"), text).unwrap();
        let map = Map::read(&folder.path().join("sfz/own.sfz"));
        let name = |region: &Region| region.sample.file_name().unwrap().to_string_lossy().into_owned();
        let told = map.regions.iter().map(|region| (name(region), region.pitch, region.velocity)).collect();
        (told, map)
    }

    #[test]
    fn fuzz_sfz() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["C4.wav", "d 5.wav", "part.sfz"] {
            fs::write(folder.path().join(name), "<region> sample=C4.wav key=e4").unwrap();
        }
        let good = [
            "<control> default_path=./ note_offset=1\n<global> lovel=1 hivel=90\n<group> lokey=c3 hikey=e3\n<region>sample=C4.wav",
            "#define $KEY 62\n#include \"part.sfz\"\n<region> sample=d 5.wav key=$KEY pitch_keycenter=$KEY tune=-5 // a word\n",
            "#define $A $A$A\n/* a\nlong one */<master> octave_offset=-1 <region> trigger=release sample=..\\C4.WAV key=c#-1\r\n",
        ];
        let file = folder.path().join("own.sfz");
        crate::fuzz::run(crate::fuzz::damaged(good.map(|text| text.as_bytes().to_vec()).to_vec()), 4_000, |bytes| {
            fs::write(&file, bytes).unwrap();
            let map = Map::read(&file);
            assert!(map.regions.iter().all(|region| region.sample.is_file()));
            assert!(map.regions.iter().all(|region| region.pitch.is_none_or(|pitch| pitch < 128)));
            assert!(map.problems.iter().all(|problem| !problem.is_empty() && problem.len() < 2_000));
        });
    }

    #[test]
    fn keys_are_inherited_named_and_numbered() {
        let text = r"
// A piano.
<control> default_path=..\samples\
<global> hivel=90
<group> key=50 /* the low
ones */
<region> sample=Low  note.wav
<Region> SAMPLE=sub\Other.flac pitch_keycenter=c#4	lokey=60 hikey=62 hivel=127
<group>
<region> sample=plain.wav // no key
<region>
sample=last one.wav
pitch_keycenter=72 lovel=3
<region> sample=*sine <region> sample=gone.wav
<curve> sample=plain.wav";
        let samples = ["samples/Low  note.wav", "samples/sub/Other.flac", "samples/PLAIN.wav", "samples/last one.wav"];
        let (told, map) = told(text, &samples);
        let expected = [
            ("Low  note.wav", Some(50), Some(90)),
            ("Other.flac", Some(61), Some(127)),
            ("PLAIN.wav", None, Some(90)),
            ("last one.wav", Some(72), Some(90)),
        ];
        assert_eq!(told, expected.map(|(name, pitch, velocity)| (name.to_string(), pitch, velocity)));
        assert_eq!(map.missing, [r"..\samples\gone.wav"]);
    }

    #[test]
    fn offsets_layers_and_releases_are_those_of_the_format() {
        let text = "<control>octave_offset=1 note_offset=-2<region>sample=../a.wav key=c3 lovel=64\n\
            <region>sample=../a.wav key=60 pitch_keytrack=0 trigger=release_key hivel=0";
        let (told, map) = told(text, &["a.wav"]);
        assert_eq!(told, [("a.wav".to_string(), Some(58), Some(127)), ("a.wav".to_string(), None, None)]);
        assert_eq!(map.regions.iter().map(|region| region.is_release).collect::<Vec<_>>(), [false, true]);
        let (told, _) = self::told("no header, sample=../a.wav", &["a.wav"]);
        assert!(told.is_empty());
    }
}
