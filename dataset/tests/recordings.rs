//! Recordings as people have them, and what the tool takes them for. The files are in `cases`.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use common::{run, write_wav};
use timbrel_dataset::example::Examples;
use timbrel_dataset::set::{self, About, read_json};
use timbrel_dataset::tuning::{Tone, Tuner, key_hz};
use timbrel_dataset::wav;

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name)
}

/// What became of a folder.
struct Made {
    folder: tempfile::TempDir,
    examples: Examples,
    about: About,
}

impl Made {
    fn of(recordings: &Path, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("set");
        run(&[&["folder", recordings.to_str().unwrap()], more].concat(), &out).unwrap();
        let examples = read_json(&out.join(set::EXAMPLES)).unwrap();
        let about = read_json(&out.join(set::ABOUT)).unwrap();
        Self { folder, examples, about }
    }

    /// Key and velocity of all notes, in order.
    fn notes(&self) -> Vec<(u8, u8)> {
        self.examples.values().map(|example| (example.pitch, example.velocity)).collect()
    }

    /// The key that a file was taken for, and by what.
    fn file(&self, name: &str) -> (u64, &str) {
        let file = &self.about.others["files"][name];
        (file["key"].as_u64().unwrap_or_else(|| panic!("{name}: {file}")), file["told_by"].as_str().unwrap())
    }

    /// The notes of each instrument by its own name: keys and velocities.
    fn instruments(&self) -> BTreeMap<String, Vec<(u8, u8)>> {
        let mut instruments: BTreeMap<String, Vec<(u8, u8)>> = BTreeMap::new();
        for example in self.examples.values() {
            let name = self.about.instruments[&example.instrument_str].clone();
            instruments.entry(name).or_default().push((example.pitch, example.velocity));
        }
        instruments
    }

    fn wave(&self, key: u8) -> Vec<f32> {
        let name = self.examples.iter().find(|(_, example)| example.pitch == key).unwrap().0;
        let path = set::wav(&self.folder.path().join("set"), name);
        wav::read(&path).unwrap().into_iter().map(|sample| f32::from(sample) / 32_768.0).collect()
    }
}

/// Half a second of a decaying tone at 16 kHz.
fn tone(key: f32, level: f32) -> Vec<f32> {
    let value = |i: usize| {
        let seconds = i as f32 / 16_000.0;
        let partial = |number: f32| (key_hz(key) * number * seconds * std::f32::consts::TAU).sin() / number;
        level * (-seconds).exp() * (1..6).map(|number| partial(number as f32)).sum::<f32>()
    };
    (0..8_000).map(value).collect()
}

/// Writes a tone of 16 bits, and gives its bytes.
fn write_tone(path: &Path, key: f32) -> Vec<u8> {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_wav(path, 16_000, 1, &tone(key, 0.3));
    fs::read(path).unwrap()
}

#[test]
fn sixteen_layers_have_the_velocities_of_the_sfz_file() {
    let made = Made::of(&case("layers16"), &[]);
    let expected: Vec<(u8, u8)> = (1..=16).map(|layer| (60, 8 * layer - 1)).collect();
    assert_eq!(made.notes(), expected);
    for layer in 1..=16u64 {
        let file = &made.about.others["files"][format!("Samples/C4v{layer}.wav")];
        assert_eq!(
            (file["velocity"].as_u64(), file["told_by"].as_str()),
            (Some(8 * layer - 1), Some("SFZ")),
            "v{layer}"
        );
    }
    assert!(made.instruments().contains_key("layers16"), "{:?}", made.about.instruments);
}

#[test]
fn sixteen_layers_without_an_sfz_file_are_in_the_order_of_their_numbers() {
    let made = Made::of(&case("layers16/Samples"), &[]);
    let velocity = |layer: u64| made.about.others["files"][format!("C4v{layer}.wav")]["velocity"].as_u64().unwrap();
    assert_eq!(made.examples.len(), 16);
    assert!((2..=16).all(|layer| velocity(layer - 1) < velocity(layer)), "v1 is the softest");
    assert_eq!((velocity(1), velocity(16)), (7, 127));
}

#[test]
fn sfz_files_are_read_as_players_read_them() {
    assert_eq!(Made::of(&case("sfz_define"), &[]).file("low.wav"), (50, "SFZ"));
    assert_eq!(Made::of(&case("sfz_include"), &[]).file("low.wav"), (50, "SFZ"));
    let tabs = Made::of(&case("sfz_tab"), &[]);
    assert_eq!((tabs.file("one.wav"), tabs.file("two.wav")), ((50, "SFZ"), (53, "SFZ")));
    for made in [&tabs, &Made::of(&case("sfz_include"), &[])] {
        assert!(!made.about.counts.contains_key("named by an SFZ file but missing"), "{:?}", made.about.counts);
    }
}

#[test]
fn sfz_files_of_other_systems_find_their_samples() {
    let folder = tempfile::tempdir().unwrap();
    for (name, key) in [("Samples/Low/One.WAV", 50.0), ("Samples/Low/Two.wav", 53.0), ("Samples/Rel/One.wav", 50.0)] {
        write_tone(&folder.path().join(name), key);
    }
    for ends in ["\r\n", "\r", "\n"] {
        let lines = [
            "<control>\tdefault_path=samples\\",
            "<group> hivel=80 // soft",
            "<region> sample=LOW\\one.wav pitch_keycenter=d3",
            "<region> sample=low\\TWO.WAV pitch_keycenter=f3",
            "<group> trigger=release <region> sample=rel\\one.wav key=50 hivel=80",
        ];
        fs::write(folder.path().join("old.sfz"), lines.join(ends)).unwrap();
        let made = Made::of(folder.path(), &[]);
        assert_eq!(made.notes(), [(50, 80), (53, 80)], "{ends:?}");
        assert_eq!(made.about.counts["played when a key is let go"], 1);
    }
}

#[test]
fn every_kind_of_wav_and_aiff_is_read() {
    let made = Made::of(&case("wav"), &[]);
    let expected = [48, 64, 67, 76, 77, 81];
    assert_eq!(made.notes(), expected.map(|key| (key, 100)));
    // The AIFF file is named an octave lower than it sounds, which is said.
    let mut tuner = Tuner::default();
    for (key, sounds) in expected.into_iter().zip([60, 64, 67, 76, 77, 81]) {
        let wave = made.wave(key);
        let tuning = tuner.measure(&wave, sounds, Tone::Harmonic).unwrap();
        assert!(tuning.is_in_tune(Tone::Harmonic) && tuning.cents.abs() < 3.0, "{key}: {tuning:?}");
        let loudest = wave.iter().fold(0.0f32, |loudest, sample| loudest.max(sample.abs()));
        assert!((0.2..0.4).contains(&loudest), "{key} has its own level, one side of what cancels: {loudest}");
    }
}

#[test]
fn root_notes_in_files_tell_keys_unless_a_program_wrote_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let with_root = |name: &str, sounds: f32, root: u32| {
        let path = folder.path().join(name);
        let mut bytes = write_tone(&path, sounds);
        // Maker, product and period come before the key.
        let fields = [0, 0, 22_675, root, 0, 0, 0, 0, 0];
        bytes.extend(b"smpl".iter().copied().chain(36u32.to_le_bytes()));
        bytes.extend(fields.iter().flat_map(|field: &u32| field.to_le_bytes()));
        let riff = (bytes.len() as u32 - 8).to_le_bytes();
        bytes[4..8].copy_from_slice(&riff);
        fs::write(&path, bytes).unwrap();
    };
    with_root("Harp/low.wav", 50.0, 50);
    // The octave is taken from the file, whatever is heard.
    with_root("Harp/high.wav", 62.0, 74);
    with_root("Harp/E4.wav", 64.0, 40);
    with_root("Harp/wrong.wav", 67.0, 60);
    let made = Made::of(folder.path(), &[]);
    assert_eq!(made.file("Harp/low.wav"), (50, "root note in the file"));
    assert_eq!(made.file("Harp/high.wav"), (74, "root note in the file"));
    assert_eq!(made.file("Harp/E4.wav"), (64, "name"));
    assert_eq!(made.file("Harp/wrong.wav"), (67, "sound"));

    for (name, sounds) in [("low", 50.0), ("high", 72.0), ("E4", 64.0), ("wrong", 67.0)] {
        with_root(&format!("Harp/{name}.wav"), sounds, 60);
    }
    assert_eq!(Made::of(folder.path(), &[]).file("Harp/high.wav"), (72, "sound"), "60 stands in all of them");
}

#[test]
fn an_octave_between_names_and_sound_is_taken_out_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sounds) in [("C3", 60.0), ("E3", 64.0), ("G3", 67.0), ("A3", 69.0)] {
        write_tone(&folder.path().join(format!("Harp/{name}.wav")), sounds);
    }
    write_tone(&folder.path().join("Flute/C4.wav"), 60.0);
    write_tone(&folder.path().join("Flute/D4.wav"), 62.0);
    write_tone(&folder.path().join("Flute/E4.wav"), 64.0);
    let keys = |made: &Made, name: &str| made.instruments()[name].iter().map(|note| note.0).collect::<Vec<_>>();
    let made = Made::of(folder.path(), &[]);
    assert_eq!(keys(&made, "Harp"), [48, 52, 55, 57], "what is told is believed");
    assert_eq!(made.about.others["files"]["Harp/C3.wav"]["heard"].as_u64(), Some(60));
    let made = Made::of(folder.path(), &["--as-heard"]);
    assert_eq!(keys(&made, "Harp"), [60, 64, 67, 69]);
    assert_eq!(keys(&made, "Flute"), [60, 62, 64]);
}

/// Sixty one-shots of five instruments, as names in one folder or as folders.
fn sixty(folder: &Path, path: impl Fn(&str, &str) -> String) {
    let names = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
    for (index, instrument) in ["Flute", "Cello", "Harp", "Soft Pad", "Synth2"].into_iter().enumerate() {
        for (step, name) in names.into_iter().enumerate() {
            let file = folder.join(path(instrument, &format!("{name}{}", 3 + index % 2)));
            write_tone(&file, (48 + 12 * (index % 2) + step) as f32);
        }
    }
}

#[test]
fn sixty_files_in_one_folder_are_what_they_are_in_sub_folders() {
    let folder = tempfile::tempdir().unwrap();
    let (flat, deep) = (folder.path().join("flat"), folder.path().join("deep"));
    sixty(&flat, |instrument, key| format!("{}_{key}.wav", instrument.replace(' ', "_")));
    sixty(&deep, |instrument, key| format!("{instrument}/{key}.wav"));
    // Fifteen keys below the lowest recording have notes as well.
    let options = ["--fill", "--keys", "33", "61"];
    let (flat, deep) = (Made::of(&flat, &options), Made::of(&deep, &options));
    assert_eq!(deep.instruments().keys().collect::<Vec<_>>(), ["Cello", "Flute", "Harp", "Soft Pad", "Synth2"]);
    let renamed = |(name, notes): (String, Vec<(u8, u8)>)| (name.replace("Synth2", "Synth"), notes);
    assert_eq!(
        flat.instruments().into_iter().map(renamed).collect::<BTreeMap<_, _>>(),
        deep.instruments().into_iter().map(renamed).collect::<BTreeMap<_, _>>()
    );
    assert_eq!(flat.examples.len(), deep.examples.len());
    let keys: BTreeSet<u8> = flat.notes().into_iter().map(|note| note.0).collect();
    assert!(keys.into_iter().eq(33..=61), "every key has a note");
    assert_eq!(flat.about.counts.get("of a key and velocity that another recording has"), None);
}

#[test]
fn most_left_out_is_a_failure_and_further_takes_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own");
    for take in 1..=3 {
        write_tone(&own.join(format!("C4_rr{take}.wav")), 60.0);
    }
    let made = Made::of(&own, &[]);
    assert_eq!(
        (made.notes(), made.about.counts["further takes of a key and velocity (round robin)"]),
        (vec![(60, 100)], 2)
    );

    for name in ["a", "b", "c"] {
        fs::write(own.join(format!("{name}.ogg")), "").unwrap();
        fs::write(own.join(format!("{name}.wav")), "OggS").unwrap();
    }
    let out = folder.path().join("set");
    let arguments = ["folder", own.to_str().unwrap()];
    let error = run(&arguments, &out).unwrap_err().to_string();
    assert!(error.starts_with("No set was made, since 6 of 7 recordings would be left out"), "{error}");
    run(&[&arguments[..], &["--take-few"]].concat(), &out).unwrap();
    let about: About = read_json(&out.join(set::ABOUT)).unwrap();
    let why = &about.others["files"]["a.wav"]["left_out"];
    assert_eq!(why.as_str(), Some("it is an Ogg file: convert it to WAV or FLAC"));
}
