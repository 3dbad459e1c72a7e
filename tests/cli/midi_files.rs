//! MIDI files as they are found: each of `tests/cases/midi` is of a kind that players have met and a strict reader refuses, or
//! plays otherwise than it is meant.

use std::path::Path;

use ebur128::{EbuR128, Mode};
use midly::TrackEventKind;
use midly::num::{u4, u7};
use timbrel_host::measure::{db, equal_temperament, harmonicity_db, rms};

use super::desk::*;

/// What a file came to.
struct Played {
    samples: Vec<f32>,
    said: String,
}

impl Played {
    fn seconds(&self) -> f64 {
        self.samples.len() as f64 / RATE
    }

    fn level(&self, from_s: f64, to_s: f64) -> f64 {
        db(rms(slice(&self.samples, from_s, to_s)))
    }

    /// How far it is from a pitch, beside the note of that key as it is.
    fn cents(&self, from_s: f64, to_s: f64, key: u8) -> f64 {
        cents(slice(&self.samples, from_s, to_s), key)
    }
}

/// Plays one of the cases in one timbre.
fn play(case: &str) -> Played {
    play_with(case, &["--seed", "3", "--bits", "32"])
}

fn play_with(case: &str, more: &[&str]) -> Played {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/midi");
    play_file(&cases.join(format!("{case}.mid")), more)
}

fn play_file(file: &Path, more: &[&str]) -> Played {
    let name = file.file_stem().unwrap().to_string_lossy().into_owned();
    let desk = Desk::new(&format!("{name}-{}", more.join("")));
    let arguments = [&["render", file.to_str().unwrap(), "--out", "out.wav"], more].concat();
    let output = desk.command(&arguments).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    Played { samples: read(&desk.path("out.wav")).1, said: said(&output) }
}

/// The keys of the scale that several of the files play, half a second each.
const SCALE: [u8; 4] = [60, 64, 67, 72];

fn plays_the_scale(played: &Played) {
    for (n, key) in SCALE.into_iter().enumerate() {
        let start = 0.5 * n as f64;
        let error = played.cents(start + 0.1, start + 0.45, key);
        assert!(error.abs() < 25.0, "key {key} is {error:.0} cents off");
    }
    assert!(played.seconds() > 2.0 && played.seconds() < 3.0, "{} s", played.seconds());
}

#[test]
fn a_track_without_its_end() {
    let played = play("01-no-eot");
    plays_the_scale(&played);
    assert!(played.said.contains("end of track 1 is not marked"), "{}", played.said);
}

#[test]
fn an_end_mark_long_after_the_music() {
    let played = play("02-eot-late");
    plays_the_scale(&played);
    assert!(played.said.contains("end is marked at 1:20:0"), "{}", played.said);
}

#[test]
fn fewer_tracks_than_announced() {
    let played = play("05-more-tracks-announced");
    plays_the_scale(&played);
    assert!(played.said.contains("announces 2 tracks, and 1 is there"), "{}", played.said);
}

#[test]
fn drums_are_left_out_unless_they_are_asked_for() {
    for timbre in [&["--seed", "3"][..], &[]] {
        let [with, without] = ["06-drums-ch10", "06b-no-drums"].map(|case| play_with(case, timbre));
        assert!(with.samples == without.samples, "they sound alike");
        assert!(with.said.contains("--drums") && !without.said.contains("--drums"), "{}", with.said);
    }
    let asked_for = play_with("06-drums-ch10", &["--seed", "3", "--drums"]);
    assert!(asked_for.samples != play("06b-no-drums").samples && !asked_for.said.contains("--drums"));
}

#[test]
fn volume_and_expression() {
    let played = play("07-volume-expression");
    let (first, second) = (played.level(0.2, 0.9), played.level(1.7, 2.4));
    let expected = 40.0 * (16.0f64 / 127.0).log10();
    assert!((second - first - expected).abs() < 0.5, "{first:.1} and {second:.1} dB");
    // It sounds in no channel, and so the render may end before it would.
    assert!(played.samples.iter().skip((3.1 * RATE) as usize).all(|sample| sample.abs() < 1e-6));
}

#[test]
fn the_bend_ranges_of_a_zone() {
    let played = play("09-mpe-48");
    let plain = play("23-realtime-in-file").cents(0.1, 0.45, 60);
    for from in [0.0, 3.0] {
        let error = played.cents(from + 0.3, from + 1.8, 62) - plain;
        assert!(error.abs() < 5.0, "from {from} s it is {error:.1} cents off");
    }
}

#[test]
fn coarse_and_fine_tuning() {
    let played = play("10-fine-coarse-tune");
    let plain = play("23-realtime-in-file").cents(0.1, 0.45, 60);
    let coarse = played.cents(0.3, 1.8, 72) - plain;
    assert!(coarse.abs() < 5.0, "{coarse:.1} cents");
    let fine = played.cents(2.8, 4.3, 60) - plain;
    assert!((fine - 50.0).abs() < 5.0, "{fine:.1} cents");
}

#[test]
fn sostenuto() {
    let played = play("11-sostenuto");
    assert!(played.cents(2.0, 2.45, 48).abs() < 25.0, "it sounds on after its key went up at 1 s");
    assert!(played.seconds() > 2.5 && played.seconds() < 3.5, "{} s", played.seconds());
}

#[test]
fn running_status_over_a_meta_event() {
    let played = play("17-running-after-meta");
    assert!(played.cents(0.1, 0.45, 60).abs() < 25.0 && played.cents(0.6, 0.95, 64).abs() < 25.0);
    assert!(played.said.is_empty(), "players do so: {}", played.said);
}

#[test]
fn all_notes_off_while_the_pedal_is_down() {
    let played = play("19-cc123-in-pedal");
    assert!(played.level(1.2, 1.45) > -50.0, "{:.1} dB", played.level(1.2, 1.45));
    assert!(played.seconds() > 1.5 && played.seconds() < 2.5, "{} s", played.seconds());
}

#[test]
fn a_message_of_the_cable_in_a_track() {
    let played = play("23-realtime-in-file");
    assert!(played.said.contains("1 message"), "{}", played.said);
    let desk = Desk::new("without-it");
    let plain = desk.write("in.mid", midi(&note(60, 0, QUARTER)));
    assert!(played.samples == play_file(&plain, &["--seed", "3", "--bits", "32"]).samples, "the note lasts as written");
}

fn on_channel(channel: u8, kinds: &[(u32, TrackEventKind<'static>)]) -> Vec<(u32, TrackEventKind<'static>)> {
    let moved = kinds.iter().map(|&(tick, kind)| match kind {
        TrackEventKind::Midi { message, .. } => (tick, TrackEventKind::Midi { channel: u4::new(channel), message }),
        other => (tick, other),
    });
    moved.collect()
}

#[test]
fn programs_have_their_timbres() {
    let desk = Desk::new("programs");
    let program = |channel, program| {
        let change = message(midly::MidiMessage::ProgramChange { program: u7::new(program) });
        on_channel(channel, &[(0, change)])
    };
    let (violin, flute) = (on_channel(0, &note(60, 0, QUARTER)), on_channel(1, &note(72, QUARTER, 2 * QUARTER)));
    let file = desk.write("in.mid", midi(&[program(0, 40), program(1, 81), violin, flute].concat()));
    let both = play_file(&file, &[]);
    assert!(both.said.contains("Violin") && both.said.contains("Sawtooth lead as "), "{}", both.said);
    assert!(both.samples != play_file(&file, &["--timbres", "one"]).samples);
    let alone = play_file(&file, &["--channels", "1"]);
    // The other channel begins once the first has ended, but for its release.
    let same = slice(&alone.samples, 0.0, 0.49) == slice(&both.samples, 0.0, 0.49);
    assert!(same, "each channel has its own");
    let other = desk.write("other.mid", midi(&[program(0, 73), on_channel(0, &note(60, 0, QUARTER))].concat()));
    assert!(slice(&play_file(&other, &[]).samples, 0.0, 0.49) != slice(&alone.samples, 0.0, 0.49));
    assert!(both.samples == play_file(&file, &[]).samples, "the same every time");
}

#[test]
fn a_preset_is_played_by_name_or_from_a_file() {
    let desk = Desk::new("preset");
    let file = desk.write("in.mid", midi(&note(60, 0, QUARTER)));
    let plain = play_file(&file, &[]);
    let harp = play_file(&file, &["--preset", "Concert harp"]);
    assert!(harp.samples != plain.samples);
    assert!(harp.samples == play_file(&file, &["--preset", "concert HARP"]).samples);
    let bank = include_str!("../../assets/presets/factory.json");
    let line = bank.lines().find(|line| line.contains("\"Concert harp\"")).expect("it is in the bank");
    let own = desk.write("own.timbrel", line.trim_end_matches(','));
    assert!(harp.samples == play_file(&file, &["--preset", own.to_str().unwrap()]).samples);
    // What the command says besides goes on top.
    assert!(harp.samples != play_file(&file, &["--preset", "Concert harp", "--set", "gain=-12"]).samples);
    for (preset, why) in
        [("No such thing", "there are: Acoustic grand piano"), (file.to_str().unwrap(), "no preset of Timbrel")]
    {
        let said = desk.refused(&["render", "in.mid", "--out", "out.wav", "--preset", preset]);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn a_render_is_brought_to_a_loudness_and_it_is_said_when_that_clips() {
    let desk = Desk::new("loudness");
    let file = desk.write("in.mid", midi(&note(60, 0, 8 * QUARTER)));
    let measured = |lufs: &str| {
        let played = play_file(&file, &["--loudness", lufs, "--bits", "24", "--set", "width=0"]);
        let mut meter = EbuR128::new(2, 48_000, Mode::I).unwrap();
        let both: Vec<f32> = played.samples.iter().flat_map(|&sample| [sample, sample]).collect();
        meter.add_frames_f32(&both).unwrap();
        (meter.loudness_global().unwrap(), played.said)
    };
    let (soft, said) = measured("-30");
    assert!((soft + 30.0).abs() < 0.1 && said.is_empty(), "{soft} LUFS; {said}");
    assert!(measured("-1").1.contains("clipped"));
}

#[test]
fn a_scale_and_a_mapping_tune_the_keys() {
    let folder = std::env::temp_dir().join(format!("timbrel-cli-tuning-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let [scale, mapping, broken] = ["half.scl", "a.kbm", "broken.scl"].map(|name| folder.join(name));
    // Half steps of half the size around A: the scale of a chord comes out half as wide.
    std::fs::write(&scale, "half\n1\n50.0\n").unwrap();
    std::fs::write(&mapping, "0\n0\n127\n72\n72\n523.2511\n1\n").unwrap();
    std::fs::write(&broken, "broken\n1\nfifth\n").unwrap();
    let [scale, mapping, broken] = [&scale, &mapping, &broken].map(|path| path.to_str().unwrap());
    let played = play_with("06b-no-drums", &["--seed", "3", "--bits", "32", "--scale", scale, "--mapping", mapping]);
    for (n, key) in [66u8, 68].into_iter().enumerate() {
        let start = 0.5 * n as f64;
        let error = played.cents(start + 0.1, start + 0.45, key);
        assert!(error.abs() < 25.0, "key {} is {error:.0} cents off", SCALE[n]);
    }
    let desk = Desk::new("broken-scale");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/midi/06b-no-drums.mid");
    let arguments = ["render", file.to_str().unwrap(), "--out", "out.wav", "--scale", broken];
    let output = desk.command(&arguments).output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(!output.status.success() && said(&output).contains("line 3"), "{}", said(&output));
    assert!(!desk.path("out.wav").exists());
}

/// Plays a file of these events in one timbre.
fn play_events(name: &str, events: &[(u32, TrackEventKind<'static>)]) -> Played {
    let desk = Desk::new(&format!("events-{name}"));
    play_file(&desk.write(&format!("{name}.mid"), midi(events)), &["--seed", "3", "--bits", "32"])
}

#[test]
fn exclusive_messages_tune_the_keys_and_the_whole() {
    // Of real time: three semitones down, and a quarter tone up; C of each octave a quarter tone down. Of GS: an octave up, fifty
    // cents down, and C of the first channel a quarter tone up.
    const COARSE: &[u8] = &[0x7f, 0x7f, 4, 4, 0, 61, 0xf7];
    const FINE: &[u8] = &[0x7f, 0x7f, 4, 3, 0, 96, 0xf7];
    const SCALE: &[u8] = &[0x7f, 0x7f, 8, 8, 3, 127, 127, 14, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 0xf7];
    const GS_SHIFT: &[u8] = &[0x41, 0x10, 0x42, 0x12, 0x40, 0, 5, 0x4c, 0x6f, 0xf7];
    const GS_TUNE: &[u8] = &[0x41, 0x10, 0x42, 0x12, 0x40, 0, 0, 0, 2, 0, 0xc, 0x32, 0xf7];
    const GS_SCALE: &[u8] =
        &[0x41, 0x10, 0x42, 0x12, 0x40, 0x11, 0x40, 114, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 0x3d, 0xf7];
    let cases: [(&str, &[&'static [u8]], u8, f64); 5] = [
        ("real-time", &[COARSE, FINE], 57, 50.0),
        ("scale", &[SCALE], 60, -50.0),
        ("gs", &[GS_SHIFT, GS_TUNE], 72, -50.0),
        ("gs-scale", &[GS_SCALE], 60, 50.0),
        ("both", &[FINE, SCALE], 60, 0.0),
    ];
    let plain = play_events("untuned", &note(60, 0, 2 * QUARTER)).cents(0.2, 0.9, 60);
    for (name, messages, key, expected) in cases {
        let mut events: Vec<_> = messages.iter().map(|content| (0, TrackEventKind::SysEx(content))).collect();
        events.extend(note(60, 0, 2 * QUARTER));
        let found = play_events(name, &events).cents(0.2, 0.9, key) - plain;
        assert!((found - expected).abs() < 12.0, "{name}: {found:.1} cents from key {key}");
    }
}

fn control(tick: u32, controller: u8, value: u8) -> (u32, TrackEventKind<'static>) {
    (tick, message(midly::MidiMessage::Controller { controller: u7::new(controller), value: u7::new(value) }))
}

#[test]
fn mono_mode_sounds_one_note_and_goes_back_to_the_key_that_is_still_down() {
    let mut events = [note(60, 0, 6 * QUARTER), note(67, 2 * QUARTER, 4 * QUARTER)].concat();
    events.sort_by_key(|(tick, _)| *tick);
    let share = |played: &Played| harmonicity_db(slice(&played.samples, 1.5, 1.95), RATE, equal_temperament(67.0));
    let poly = play_events("poly", &events);
    let mono = play_events("mono", &[&[control(0, 126, 1)], events.as_slice()].concat());
    assert!(share(&mono) > -0.2 && share(&poly) < -0.4, "{:.1}, {:.1} dB", share(&mono), share(&poly));
    assert!(mono.cents(2.4, 2.9, 60).abs() < 25.0, "{:.0} cents", mono.cents(2.4, 2.9, 60));
}

#[test]
fn portamento_glides_for_as_long_as_it_is_told() {
    let notes = [note(60, 0, QUARTER), note(67, QUARTER, 11 * QUARTER)].concat();
    let glide = play_events("glide", &[&[control(0, 65, 127), control(0, 5, 127)], notes.as_slice()].concat());
    let begins = glide.cents(0.55, 0.75, 60);
    assert!((-10.0..120.0).contains(&begins), "it begins {begins:.0} cents above the first key");
    let ends = glide.cents(4.8, 5.3, 67);
    assert!(ends.abs() < 25.0, "it ends {ends:.0} cents from the second");
    let plain = play_events("no-glide", &notes).cents(0.55, 0.75, 67);
    assert!(plain.abs() < 25.0, "{plain:.0} cents");
}
