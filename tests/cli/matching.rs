//! `timbrel match`: notes that Timbrel has played are found again, the preset plays, and what is no note is told so.

use crate::desk::*;
use crate::difference;

/// The distance that a line tells, in dB.
fn distance(line: &str) -> f32 {
    let words = line.split("within ").nth(1).and_then(|rest| rest.split(' ').next());
    words.and_then(|db| db.parse().ok()).unwrap_or_else(|| panic!("{line} tells no distance"))
}

fn wave(seconds: f32, sample: impl Fn(f32) -> f32) -> Vec<f32> {
    (0..(seconds * RATE as f32) as usize).map(|i| sample(i as f32 / RATE as f32)).collect()
}

fn write_wave(desk: &Desk, name: &str, samples: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE as u32,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(desk.path(name), spec).unwrap();
    samples.iter().for_each(|&sample| writer.write_sample(sample).unwrap());
    writer.finalize().unwrap();
}

#[test]
fn a_note_that_timbrel_has_played_is_found_again_within_a_decibel() {
    let desk = Desk::new("match-own");
    // A seed among those that are tried; at full velocity, as the keyboard is struck.
    desk.run(&["keyboard", "--out", "keys", "--set", "seed=5"]);
    for (file, key) in [("36_C2", "C2"), ("60_C4", "C4"), ("78_Fs5", "F#5")] {
        let line = desk.run(&["match", &format!("keys/{file}.wav"), "--refine", "1"]);
        assert!(line.contains(&format!(": {key} ")), "{line}");
        assert!(distance(&line) < 1.0, "{line}");
        assert!(line.contains("\"timbrel_timbre\":1"), "{line}");
    }
    // At another rate, behind silence and softer, it is the same note.
    let (_, samples) = read(&desk.path("keys/60_C4.wav"));
    let mut late = vec![0.0; 12_345];
    late.extend(samples.iter().map(|sample| 0.1 * sample));
    write_wave(&desk, "late.wav", &late);
    let line = desk.run(&["match", "late.wav", "--refine", "1"]);
    assert!(distance(&line) < 1.5, "{line}");
}

#[test]
fn the_preset_is_the_sound_that_was_promised() {
    let desk = Desk::new("match-preset");
    desk.write("in.mid", one_note(60));
    // No seed that is tried draws it, so that it is the refinement that comes near.
    desk.run(&["keyboard", "--out", "keys", "--set", "seed=323"]);
    let rough = desk.run(&["match", "keys/60_C4.wav", "--refine", "1"]);
    let line = desk.run(&["match", "keys/60_C4.wav", "--out", "found.timbrel"]);
    assert!(distance(&line) < distance(&rough), "{line} against {rough}");
    assert!(line.trim_end().ends_with("found.timbrel"), "{line}");
    let heard = |arguments: &[&str]| {
        desk.run(&[&["keyboard", "--out", "again"], arguments].concat());
        read(&desk.path("again/60_C4.wav")).1
    };
    let original = read(&desk.path("keys/60_C4.wav")).1;
    let [found, other] = [heard(&["--preset", "found.timbrel"]), heard(&["--seed", "318"])];
    let [near, far] = [difference(&original, &found), difference(&original, &other)];
    assert!(near < 0.5 * far, "the preset is {near} away, and any other sound {far}");
    let twice = desk.run(&["match", "keys/60_C4.wav", "--out", "twice.timbrel"]);
    assert_eq!(distance(&twice), distance(&line), "the search is the same each time");
    let text = |name| std::fs::read_to_string(desk.path(name)).unwrap();
    assert_eq!(text("twice.timbrel"), text("found.timbrel"));
}

#[test]
fn what_is_no_note_is_refused_with_a_sentence_and_a_key_overrules() {
    let desk = Desk::new("match-refused");
    let tone = |seconds: f32, hz: f32| {
        let partial = |n: i32| (std::f32::consts::TAU * (n as f32 * hz * seconds).fract()).sin() / n as f32;
        (1..6).map(partial).sum::<f32>() * 0.1 * (-seconds).exp()
    };
    // White: each sample's number, well mixed (the finaliser of MurmurHash3).
    let hash = |seconds: f32| {
        let mut number = (seconds * 48_000.0).round() as u32;
        for factor in [0x85eb_ca6b, 0xc2b2_ae35] {
            number = (number ^ (number >> 15)).wrapping_mul(factor);
        }
        (number ^ (number >> 16)) as f32 / (u32::MAX / 2) as f32 - 1.0
    };
    write_wave(&desk, "silence.wav", &wave(1.0, |_| 0.0));
    write_wave(&desk, "noise.wav", &wave(2.0, |seconds| 0.2 * hash(seconds)));
    write_wave(&desk, "short.wav", &wave(0.05, |seconds| tone(seconds, 261.6)));
    let chord = [261.63, 329.63, 392.0];
    write_wave(&desk, "chord.wav", &wave(2.0, |seconds| chord.iter().map(|&hz| tone(seconds, hz)).sum()));
    desk.write("text.wav", "This is no sound.");
    for (file, why) in [
        ("silence.wav", "is silent"),
        ("noise.wav", "no tone"),
        ("short.wav", "too short"),
        ("chord.wav", "more than one tone"),
        ("text.wav", "no WAV, AIFF or FLAC"),
        ("absent.wav", "cannot be used"),
    ] {
        let error = desk.refused(&["match", file, "--out", "never.timbrel"]);
        assert!(error.contains(why) && error.contains(file), "{error} where {why} belongs");
        assert!(!desk.path("never.timbrel").exists());
    }
    let error = desk.refused(&["match", "chord.wav", "--out", "chord.wav"]);
    assert!(error.contains("end it in .timbrel"), "{error}");
    let line = desk.run(&["match", "chord.wav", "--refine", "0", "--key", "60"]);
    assert!(line.contains(": C4 "), "{line}");
}
