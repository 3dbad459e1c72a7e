//! The program `timbrel` as it is called on a command line: what it writes, what it says, and what it leaves behind.

mod desk;
mod matching;
mod midi_files;

use std::path::Path;
use std::process::Command;

use desk::*;
use midly::num::u24;
use midly::{MetaMessage, TrackEventKind};
use timbrel_host::measure::{Frames, db, equal_temperament, pitch_error_cents, rms};

/// How unlike two stretches of sound are: the distance of their mean spectra, as a share of the first.
fn difference(a: &[f32], b: &[f32]) -> f64 {
    let mean = |samples: &[f32]| -> Vec<f64> {
        let rows = Frames::of(samples, RATE, 4096, 1024).rows;
        (0..2049).map(|bin| rows.iter().map(|row| f64::from(row[bin])).sum::<f64>() / rows.len() as f64).collect()
    };
    let (a, b) = (mean(a), mean(b));
    let length = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
    length(&mut a.iter().zip(&b).map(|(a, b)| a - b)) / length(&mut a.iter().copied())
}

#[test]
fn a_note_has_its_length_its_pitch_and_a_line_that_says_so() {
    let desk = Desk::new("note");
    desk.write("in.mid", one_note(69));
    let line = desk.run(&["render", "in.mid", "--out", "out.wav", "--rate", "44100", "--tail", "0.5"]);
    let (rate, samples) = read(&desk.path("out.wav"));
    assert_eq!((rate, samples.len()), (44_100, 44_100 * 5 / 2));
    let error = pitch_error_cents(&samples[13_230..79_380], 44_100.0, 440.0).unwrap();
    assert!(error.abs() < 12.0, "the model is {error} cents off");
    assert!(line.contains("2.500 s") && line.contains("notes asked 1, ") && line.contains("played 1;"), "{line}");
    assert!(line.contains("dBFS") && line.contains("times real time") && line.lines().count() == 1, "{line}");
    assert_eq!(desk.files(), ["in.mid", "out.wav"]);
}

#[test]
fn the_pitch_is_that_of_the_generated_note() {
    let desk = Desk::new("pitch");
    desk.run(&["keyboard", "--out", "keys", "--rate", "48000"]);
    for key in [45, 60, 72] {
        desk.write("in.mid", one_note(key));
        let played = desk.render(&[]);
        let name = if key == 45 {
            "45_A2"
        } else if key == 60 {
            "60_C4"
        } else {
            "72_C5"
        };
        let generated = read(&desk.path(&format!("keys/{name}.wav"))).1;
        let [played, generated] = [&played, &generated].map(|samples| cents(slice(samples, 0.3, 1.8), key));
        assert!((played - generated).abs() < 3.0, "key {key}: {played} against {generated} cents");
    }
}

#[test]
fn the_tail_lasts_as_long_as_it_sounds() {
    let desk = Desk::new("tail");
    desk.write("in.mid", one_note(60));
    let short = desk.render(&["--set", "release=50 ms"]);
    let long = desk.render(&["--set", "release=1 s"]);
    assert!(short.len() as f64 > 2.0 * RATE && (short.len() as f64) < 2.5 * RATE, "{}", short.len());
    assert!(long.len() > short.len() + RATE as usize / 2);
    assert!(db(rms(&long[long.len() - 480..])) < -90.0);
}

#[test]
fn two_renders_are_the_same_bytes_and_a_seed_is_another_sound() {
    let desk = Desk::new("same");
    let chords: Vec<_> = [(0, 60), (0, 64), (0, 67), (1, 65), (1, 69), (1, 72)]
        .into_iter()
        .flat_map(|(beat, key)| note(key, beat * QUARTER, (beat + 1) * QUARTER))
        .collect();
    let mut sorted = chords;
    sorted.sort_by_key(|(tick, _)| *tick);
    desk.write("in.mid", midi(&sorted));
    for out in ["one.wav", "two.wav"] {
        desk.run(&["render", "in.mid", "--out", out, "--seed", "3"]);
    }
    desk.run(&["render", "in.mid", "--out", "other.wav", "--seed", "4"]);
    let bytes = |name| std::fs::read(desk.path(name)).unwrap();
    assert!(bytes("one.wav") == bytes("two.wav"), "two renders differ");
    let (one, other) = (read(&desk.path("one.wav")).1, read(&desk.path("other.wav")).1);
    let length = one.len().min(other.len());
    assert!(difference(&one[..length], &other[..length]) > 0.1);
}

#[test]
fn set_reads_what_the_plugin_shows() {
    let desk = Desk::new("set");
    desk.write("in.mid", one_note(60));
    let level = |gain: &str| db(rms(slice(&desk.render(&["--set", gain]), 0.2, 1.8)));
    let loud = level("gain=0 dB");
    assert!((loud - level("gain=-12.5") - 12.5).abs() < 0.01);
    let up = desk.render(&["--set", "tune=7 st"]);
    let (up, plain) = (cents(slice(&up, 0.3, 1.8), 67), cents(slice(&desk.render(&[]), 0.3, 1.8), 60));
    assert!((up - plain).abs() < 3.0, "{up} against {plain} cents");
}

#[test]
fn all_depths_hold_the_same_sound() {
    let desk = Desk::new("depth");
    desk.write("in.mid", one_note(60));
    let float = desk.render(&[]);
    for (bits, most) in [("16", 1.0 / 32_768.0), ("24", 1.0 / 8_388_608.0)] {
        desk.run(&["render", "in.mid", "--out", "int.wav", "--bits", bits]);
        let int = read(&desk.path("int.wav")).1;
        assert_eq!(int.len(), float.len());
        let worst = int.iter().zip(&float).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= 0.51 * most, "{bits} bits: {worst}");
    }
}

#[test]
fn what_clips_is_told() {
    let desk = Desk::new("clip");
    let cluster: Vec<_> = (48..72).map(|key| note(key, 0, QUARTER)).collect();
    let ons = cluster.iter().map(|pair| pair[0]);
    let events: Vec<_> = ons.chain(cluster.iter().map(|pair| pair[1])).collect();
    desk.write("in.mid", midi(&events));
    let loud = ["render", "in.mid", "--out", "out.wav", "--set", "gain=12", "--set", "width=0", "--set"];
    let render = |limiter: &'static str| desk.command(&[&loud[..], &[limiter]].concat()).output().unwrap();
    let limited = render("limiter=on");
    assert!(limited.status.success() && !said(&limited).contains("clipped"), "{}", said(&limited));
    let output = render("limiter=off");
    assert!(output.status.success());
    assert!(said(&output).contains("clipped") && said(&output).contains("gain"), "{}", said(&output));
    let peak = read(&desk.path("out.wav")).1.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    assert!(peak <= 1.0 && peak > 0.999);
}

#[test]
fn automation_moves_the_sound_while_it_plays() {
    let desk = Desk::new("automation");
    desk.write("in.mid", one_note(60));
    desk.write("gain.csv", "seconds,value\n0,-20\n1,-20\n1,-10\n2,-10 # louder\n");
    let plain = desk.render(&["--set", "gain=-20"]);
    let automated = desk.render(&["--automate", "gain=gain.csv"]);
    let step = |from, to| db(rms(slice(&automated, from, to))) - db(rms(slice(&plain, from, to)));
    assert!(step(0.2, 0.95).abs() < 0.01, "{}", step(0.2, 0.95));
    assert!((step(1.05, 1.9) - 10.0).abs() < 0.01, "{}", step(1.05, 1.9));

    desk.write("timbre.csv", "0,-3\n0.5,-3\n1.5,3\n2,3\n");
    let moving = desk.render(&["--automate", "timbre_1=timbre.csv", "--automate", "timbre_2=timbre.csv"]);
    let ends = ["-3", "3"]
        .map(|value| desk.render(&["--set", &format!("timbre_1={value}"), "--set", &format!("timbre_2={value}")]));
    assert_eq!(slice(&moving, 0.0, 0.5), slice(&ends[0], 0.0, 0.5), "before it moves it is the first timbre");
    let [from_first, from_last] =
        [0, 1].map(|index: usize| difference(slice(&ends[index], 1.7, 1.95), slice(&moving, 1.7, 1.95)));
    assert!(from_last < 0.5 * from_first, "it has gone over: {from_last} from the last, {from_first} from the first");
    assert!((cents(slice(&moving, 1.5, 1.95), 60) - cents(slice(&ends[1], 1.5, 1.95), 60)).abs() < 12.0);
}

#[test]
fn a_walk_begins_at_one_seed_and_ends_at_the_last() {
    let desk = Desk::new("walk");
    let events: Vec<_> = (0..4).flat_map(|beat| note(60, beat * QUARTER, beat * QUARTER + QUARTER - 60)).collect();
    desk.write("in.mid", midi(&events));
    let walk = desk.render(&["--interpolate-seeds", "1,2", "--seconds-per-timbre", "1", "--set", "mode=Natural"]);
    let seeds = ["1", "2"].map(|seed| desk.render(&["--seed", seed, "--set", "mode=Natural"]));
    // The first note is struck at seed 1; by the third, at 1 s, the walk rests at seed 2.
    assert!(difference(slice(&seeds[1], 1.05, 1.95), slice(&walk, 1.05, 1.95)) < 0.05);
    assert!(difference(slice(&seeds[0], 0.0, 0.1), slice(&walk, 0.0, 0.1)) < 0.2);
    let half = slice(&walk, 0.55, 0.9);
    assert!(seeds.iter().all(|seed| difference(slice(seed, 0.55, 0.9), half) > 0.05), "half-way it is neither");
}

#[test]
fn keyboard_writes_every_key_in_tune() {
    let desk = Desk::new("keyboard");
    let line = desk.run(&["keyboard", "--out", "keys", "--seconds", "1.5", "--seed", "2"]);
    let names: Vec<_> = std::fs::read_dir(desk.path("keys")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 61, "{names:?}");
    assert!(line.contains("61 keys") && line.contains("24_C1.wav to 84_C6.wav"), "{line}");
    let mut errors = Vec::new();
    for key in 24..=84u8 {
        let name = names.iter().find(|name| name.to_string_lossy().starts_with(&format!("{key}_"))).unwrap();
        let (rate, samples) = read(&desk.path("keys").join(name));
        assert_eq!((rate, samples.len()), (48_000, 72_000));
        errors.push(pitch_error_cents(&samples[14_400..62_400], 48_000.0, equal_temperament(key.into())));
    }
    let in_tune = errors.iter().flatten().filter(|cents| cents.abs() < 20.0).count();
    assert!(in_tune >= 55, "{in_tune} of 61 keys in tune: {errors:?}");
}

#[test]
fn info_tells_what_the_model_is() {
    let desk = Desk::new("info");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/default.onnx");
    let text = desk.run(&["info", model.to_str().unwrap()]);
    assert!(text.contains("48000 Hz") && text.contains("MIDI 24 to 84") && text.contains("passed"), "{text}");
}

#[test]
fn each_mistake_gets_its_sentence_and_leaves_nothing() {
    let desk = Desk::new("mistakes");
    let good = one_note(60);
    desk.write("in.mid", &good);
    desk.write("text.mid", "no music");
    desk.write("empty.mid", midi(&[]));
    let slow = TrackEventKind::Meta(MetaMessage::Tempo(u24::new(0xff_ffff)));
    desk.write("long.mid", midi(&[&[(0, slow)], &note(60, 0, 1 << 26)[..]].concat()));
    desk.write("bad.csv", "0,1\nsoon,2\n");
    desk.write("bad.onnx", "no model");
    let files = desk.files();
    for (more, reason) in [
        (&["none.mid"][..], "none.mid cannot be read"),
        (&["text.mid"], "text.mid is no MIDI file"),
        (&["empty.mid"], "empty.mid holds no notes"),
        (&["long.mid"], "cut it into parts"),
        (&["in.mid", "--set", "cutoff=1"], "there are: timbre_1"),
        (&["in.mid", "--set", "gain=99"], "-60.0 dB to 12.0 dB"),
        (&["in.mid", "--set", "mode=sideways"], "Hold or Natural"),
        (&["in.mid", "--automate", "gain=none.csv"], "none.csv cannot be read"),
        (&["in.mid", "--automate", "gain=bad.csv"], "bad.csv, line 2"),
        (&["in.mid", "--automate", "cutoff=bad.csv"], "there are: timbre_1"),
        (&["in.mid", "--automate", "gain=bad.csv", "--automate", "gain=bad.csv"], "gain twice"),
        (&["in.mid", "--interpolate-seeds", "1,2", "--set", "seed=3"], "decides the seed"),
        (&["in.mid", "--model", "none.onnx"], "none.onnx"),
        (&["in.mid", "--model", "bad.onnx"], "bad.onnx"),
        (&["in.mid", "--rate", "192000", "--bits", "32", "--tail", "7200"], "4 GB"),
    ] {
        let sentence = desk.refused(&[&["render", "--out", "out.wav"], more].concat());
        assert!(sentence.contains(reason), "{more:?}: {sentence}");
        assert_eq!(desk.files(), files, "{more:?} left something");
    }
    for (out, reason) in
        [("none/out.wav", "make it first"), (".", "folder"), ("in.mid", "would be lost"), ("/dev/null", "no file")]
    {
        let sentence = desk.refused(&["render", "in.mid", "--out", out]);
        assert!(sentence.contains(reason), "{out}: {sentence}");
    }
    let sentence = desk.refused(&["keyboard", "--out", "in.mid"]);
    assert!(sentence.contains("is a file"), "{sentence}");
    let sentence = desk.refused(&["info", "bad.onnx"]);
    assert!(sentence.contains("bad.onnx"), "{sentence}");
    assert_eq!(desk.files(), files);
    assert_eq!(std::fs::read(desk.path("in.mid")).unwrap(), good);
}

#[test]
fn without_runtime_library_or_model_there_is_a_sentence_and_no_file() {
    let desk = Desk::new("missing");
    desk.write("in.mid", one_note(60));
    for (variable, call) in [
        ("TIMBREL_ORT_LIB", &["render", "in.mid", "--out", "out.wav"][..]),
        ("TIMBREL_MODEL", &["render", "in.mid", "--out", "out.wav"]),
        ("TIMBREL_ORT_LIB", &["keyboard", "--out", "keys"]),
        ("TIMBREL_MODEL", &["keyboard", "--out", "keys"]),
    ] {
        let sentence = refusal(desk.command(call).env(variable, desk.path("nowhere")));
        assert!(sentence.contains("nowhere"), "{sentence}");
        assert_eq!(desk.files(), ["in.mid"], "{variable} {call:?}");
    }
}

#[test]
fn a_home_that_cannot_be_written_is_no_hindrance() {
    let desk = Desk::new("home");
    desk.write("in.mid", one_note(60));
    let plain = desk.render(&[]);
    // A file in the place of the folder: permissions would not stop a superuser.
    desk.write("home", "a file");
    let arguments = ["render", "in.mid", "--out", "out.wav", "--bits", "32"];
    for home in [desk.path("home"), desk.path("nowhere")] {
        let mut command = desk.command(&arguments);
        command.env("HOME", home).env_remove("TIMBREL_CACHE");
        command.env_remove("XDG_CONFIG_HOME").env_remove("XDG_CACHE_HOME").env_remove("XDG_DATA_HOME");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        assert!(read(&desk.path("out.wav")).1 == plain);
    }
}

#[test]
fn wrong_arguments_are_refused_before_anything_is_done() {
    let desk = Desk::new("arguments");
    for arguments in [
        &["rendr"][..],
        &["render"],
        &["render", "in.mid"],
        &["render", "in.mid", "--out", "out.wav", "--seed", "10000"],
        &["render", "in.mid", "--out", "out.wav", "--rate", "1"],
        &["render", "in.mid", "--out", "out.wav", "--set", "gain"],
        &["render", "in.mid", "--out", "out.wav", "--tail", "-1"],
        &["render", "in.mid", "--out", "out.wav", "--seconds-per-timbre", "2"],
        &["render", "in.mid", "--out", "out.wav", "--channels", "0"],
        &["render", "in.mid", "--out", "out.wav", "--loudness", "loud"],
    ] {
        let output = desk.command(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
    }
    assert!(desk.files().is_empty());
    let help = desk.run(&["render", "--help"]);
    assert!(help.contains("timbre_8") && help.contains("Hold or Natural"), "{help}");
}

/// The limit on the size of a file stands in for a full disk: the write fails half-way in the same manner.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_nothing_behind() {
    let desk = Desk::new("full");
    desk.write("in.mid", one_note(60));
    let before = desk.write("out.wav", "an earlier render");
    let call = desk.command(&["render", "in.mid", "--out", "out.wav"]);
    let mut limited = Command::new("bash");
    // The shell counts in KiB, and ignoring the signal makes the write fail instead of the program end.
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\""])
        .arg(call.get_program())
        .args(call.get_args());
    limited.current_dir(&desk.0).envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let sentence = refusal(&mut limited);
    assert!(sentence.contains("could not be written") && sentence.contains("free some space"), "{sentence}");
    assert_eq!(desk.files(), ["in.mid", "out.wav"]);
    assert_eq!(std::fs::read(before).unwrap(), b"an earlier render");
}

#[cfg(unix)]
#[test]
fn an_interrupted_render_takes_its_file_away() {
    let desk = Desk::new("interrupted");
    // Ten notes held for an hour and a half, through a new timbre every few seconds: nothing renders that before it is interrupted.
    let hold = |key| note(key, 0, 10_000 * QUARTER);
    let mut held: Vec<_> = (60..70).flat_map(hold).collect();
    held.sort_by_key(|&(tick, _)| tick);
    desk.write("in.mid", midi(&held));
    let seeds: Vec<String> = (0..800).map(|seed| seed.to_string()).collect();
    let seeds = seeds.join(",");
    let arguments = ["render", "in.mid", "--out", "out.wav", "--interpolate-seeds", &seeds];
    let mut child = desk.command(&arguments).stderr(std::process::Stdio::piped()).spawn().unwrap();
    while desk.files().len() < 2 {
        if let Some(status) = child.try_wait().unwrap() {
            let output = child.wait_with_output().unwrap();
            panic!("it has ended ({status}) before it was interrupted: {}", said(&output));
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("interrupted"), "{}", said(&output));
    assert_eq!(desk.files(), ["in.mid"]);
}
