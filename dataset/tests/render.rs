//! Renders notes from the real font (`cargo xtask test` installs it).

mod common;

use std::path::Path;

use common::{highest_share_db, run};
use timbrel_dataset::example::Examples;
use timbrel_dataset::set::{self, About, read_json};
use timbrel_dataset::split::Split;
use timbrel_dataset::tuning::{Tone, Tuner};
use timbrel_dataset::wav;

const FONT: &str = "/usr/share/sounds/sf2/FluidR3_GM.sf2";

#[test]
fn notes_of_the_font_are_in_tune_free_of_aliases_and_as_loud_as_played() {
    assert!(Path::new(FONT).is_file(), "fluid-soundfont-gm is missing: run `cargo xtask test`, which installs it");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("set");
    let asked = ["render", "--presets", "trumpet,cello,marimba", "--keys", "53", "54", "--velocities", "25,127"];
    run(&asked, &out).unwrap();

    let examples: Examples = read_json(&out.join(set::EXAMPLES)).unwrap();
    let names: Vec<&str> = examples.keys().map(String::as_str).collect();
    assert_eq!(names.len(), 4 * 4, "the muted trumpet too: {names:?}");
    let mut tuner = Tuner::default();
    let mut peak_of_all = 0.0f32;
    for (name, example) in &examples {
        let samples = wav::read(&set::wav(&out, name)).unwrap();
        let wave: Vec<f32> = samples.iter().map(|&sample| f32::from(sample) / 32_768.0).collect();
        let tone = if example.instrument_family_str == "mallet" { Tone::Inharmonic } else { Tone::Harmonic };
        let tuning = tuner.measure(&wave, example.pitch, tone).unwrap();
        assert!(tuning.is_in_tune(tone) && tuning.cents.abs() < 12.0, "{name}: {tuning:?}");
        assert!(tuner.measure(&wave, example.pitch + 1, tone).is_none_or(|tuning| !tuning.is_in_tune(tone)), "{name}");
        let aliases = highest_share_db(&wave, 7_950.0);
        assert!(aliases < -50.0, "{name}: {aliases:.1} dB above 7.95 kHz");
        peak_of_all = wave.iter().fold(peak_of_all, |peak, sample| peak.max(sample.abs()));
    }
    assert!((0.98..0.995).contains(&peak_of_all), "the loudest note fills the scale: {peak_of_all}");

    // The general law of velocity is 40 dB a decade, so 28 dB from 127 to 25; filters add to it.
    let peak = |name: &str| wav::read(&set::wav(&out, name)).unwrap().iter().map(|s| s.unsigned_abs()).max().unwrap();
    let trumpet = examples.values().find(|example| example.instrument_family_str == "brass").unwrap();
    let [soft, loud] = ["025", "127"].map(|velocity| peak(&format!("{}-053-{velocity}", trumpet.instrument_str)));
    assert!(loud > 15 * soft && soft > 30, "{soft} and {loud}");

    let split: Split = read_json(&out.join(set::SPLIT)).unwrap();
    assert_eq!((split.train.len(), split.test.len()), (12, 4));
    let about: About = read_json(&out.join(set::ABOUT)).unwrap();
    assert_eq!((about.counts["asked"], about.counts["kept"]), (16, 16));
    assert!(about.command.starts_with("cargo xtask dataset render") && about.gains["FluidR3 GM"] > 1.0, "{about:?}");
}

#[test]
fn what_an_instrument_does_not_reach_or_does_not_tune_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("set");
    // The choir's E flat is 37 cents flat; a violin has no E below its G string.
    run(&["render", "--presets", "violin,choir", "--keys", "51", "52", "--velocities", "75"], &out).unwrap();
    let about: About = read_json(&out.join(set::ABOUT)).unwrap();
    let counts = ["asked", "out of range", "out of tune", "kept"].map(|count| about.counts[count]);
    assert_eq!(counts, [6, 4, 1, 1]);
    let error = run(&["render", "--presets", "theremin"], &folder.path().join("none")).unwrap_err().to_string();
    assert!(error.contains("theremin") && error.contains("Violin"), "{error}");
}

#[test]
fn the_same_command_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [once, twice] = ["once", "twice"].map(|name| folder.path().join(name));
    // A long release before a short note: what rang on would be heard.
    let asked = ["render", "--presets", "vibraphone,oboe", "--keys", "66", "70", "--velocities", "100"];
    run(&asked, &once).unwrap();
    run(&asked, &twice).unwrap();
    let examples: Examples = read_json(&once.join(set::EXAMPLES)).unwrap();
    assert_eq!(examples.len(), 10);
    for name in examples.keys() {
        assert_eq!(wav::read(&set::wav(&once, name)).unwrap(), wav::read(&set::wav(&twice, name)).unwrap(), "{name}");
    }
}

#[test]
fn a_second_font_adds_instruments() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("set");
    // One note of it: its font takes seconds to unpack, on every thread that plays.
    let asked = ["render", "--font", "fluid,musescore", "--presets", "oboe,splendid", "--velocities", "100"];
    run(&[&asked[..], &["--keys", "60", "60"]].concat(), &out).unwrap();
    let about: About = read_json(&out.join(set::ABOUT)).unwrap();
    let names: Vec<&str> = about.instruments.values().map(String::as_str).collect();
    assert_eq!(names, ["Splendid grand piano", "Oboe"]);
    assert_eq!(about.gains.len(), 2);
    assert_eq!(about.programs.values().copied().collect::<Vec<u8>>(), [0, 68], "as General MIDI counts them");
    assert!(about.licence.contains("FluidR3") && about.licence.contains("MuseScore"), "{}", about.licence);
    for name in read_json::<Examples>(&out.join(set::EXAMPLES)).unwrap().keys() {
        let loudest = wav::read(&set::wav(&out, name)).unwrap().iter().map(|sample| sample.unsigned_abs()).max();
        assert!(loudest > Some(30_000), "{name}: each font has a gain of its own");
    }
}
