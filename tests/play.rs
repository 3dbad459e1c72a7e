//! What a player does with the built plugin, and what must come out: pitch, onset, velocity, pedal, wheel, silence.

use std::sync::LazyLock;

use timbrel_host::measure::{db, equal_temperament, pitch_error_cents, rms};
use timbrel_host::sounds;
use timbrel_host::{Activation, At, Audio, Event, Plugin};

const RATE: usize = 48_000;

/// What is softer than this is silence.
const SILENT_DB: f64 = -80.0;

/// What is louder than this sounds.
const AUDIBLE_DB: f64 = -55.0;

/// A seed whose sound goes on while its key is held, wherever on the keyboard these tests play.
static SUSTAINED: LazyLock<u32> = LazyLock::new(|| {
    let mut plugin = Plugin::load(&timbrel_host::bundle().unwrap()).unwrap();
    plugin.set_offline(true).unwrap();
    plugin.activate(Activation::default()).unwrap();
    plugin.seek_seed(&[48, 57, 60, 69, 76, 84], sounds::goes_on).unwrap()
});

/// A fresh instance with that sound.
fn sustained() -> Plugin {
    let mut plugin = Plugin::load(&timbrel_host::bundle().unwrap()).unwrap();
    let seed = plugin.param("Seed").unwrap();
    plugin.set(seed, f64::from(*SUSTAINED)).unwrap();
    plugin
}

/// Plays events into a fresh instance, offline.
fn play(events: &[At], seconds: f64) -> Audio {
    play_with(&[], events, seconds)
}

/// As [`play`], with some parameters set beforehand.
fn play_with(settings: &[(&str, &str)], events: &[At], seconds: f64) -> Audio {
    let mut plugin = sustained();
    for (name, text) in settings {
        let param = plugin.param(name).unwrap();
        let value = plugin.value_of(param, text).unwrap();
        plugin.set(param, value).unwrap();
    }
    plugin.set_offline(true).unwrap();
    plugin.activate(Activation::default()).unwrap();
    let audio = plugin.play(events, seconds).unwrap();
    assert!(audio.is_finite());
    audio
}

fn level_db(audio: &Audio, from_s: f64, to_s: f64) -> f64 {
    db(rms(audio.slice(from_s, to_s)))
}

/// How far the sound of a key is from another place on the keyboard, in cents.
fn cents_from(audio: &Audio, key: f64, from_s: f64, to_s: f64) -> Option<f64> {
    pitch_error_cents(audio.slice(from_s, to_s), audio.rate, equal_temperament(key))
}

#[test]
fn a_note_sounds_in_tune() {
    for key in [48, 57, 60, 69, 76] {
        let audio = play(&[Event::on(key).at(0)], 2.0);
        let error = cents_from(&audio, key.into(), 0.3, 1.8);
        assert!(error.is_some_and(|cents| cents.abs() < 12.0), "key {key}: {error:?} cents from its pitch");
    }
}

#[test]
fn a_note_begins_at_its_sample() {
    let early = play(&[Event::on(60).at(1_000)], 0.5);
    assert!(early.left[..1_000].iter().all(|x| *x == 0.0), "nothing sounds before the key goes down");
    assert!(early.onset(1e-5).is_some_and(|onset| onset < 1_000 + RATE / 50), "onset at {:?}", early.onset(1e-5));
    // A later stroke, across the edges of blocks, gives the same sound that much later.
    for delay in [1, 511, 512, 1_237] {
        let late = play(&[Event::on(60).at(1_000 + delay)], 0.5);
        let length = RATE / 2 - 1_000 - delay;
        let difference = (0..length).map(|n| (late.left[1_000 + delay + n] - early.left[1_000 + n]).abs());
        let difference = difference.fold(0.0, f32::max);
        assert!(difference < 1e-4, "{delay} samples later the sound differs by {difference}");
    }
}

#[test]
fn a_released_key_dies_away() {
    let audio = play(&[Event::on(60).at(0), Event::off(60).at(RATE)], 3.0);
    assert!(level_db(&audio, 0.5, 0.9) > AUDIBLE_DB);
    assert!(level_db(&audio, 2.0, 3.0) < SILENT_DB, "{} dB a second after the release", level_db(&audio, 2.0, 3.0));
}

#[test]
fn velocity_makes_it_louder() {
    let level = |velocity| {
        let audio = play(&[Event::On { key: 60, velocity }.at(0)], 1.0);
        level_db(&audio, 0.1, 0.9)
    };
    let levels = [0.1, 0.4, 0.7, 1.0].map(level);
    assert!(levels.windows(2).all(|pair| pair[1] > pair[0] + 1.0), "levels {levels:?}");
}

#[test]
fn without_velocity_depth_all_strokes_are_equal() {
    let level = |velocity| {
        let flat = [("Velocity Depth", "0 %"), ("Velocity to Brightness", "0 %")];
        let audio = play_with(&flat, &[Event::On { key: 60, velocity }.at(0)], 1.0);
        level_db(&audio, 0.1, 0.9)
    };
    assert!((level(0.2) - level(1.0)).abs() < 0.1);
}

#[test]
fn the_pedal_holds_from_64_on() {
    let after_release = |pedal| {
        let events = [Event::cc(64, pedal).at(0), Event::on(60).at(10), Event::off(60).at(RATE / 2)];
        level_db(&play(&events, 2.0), 1.5, 2.0)
    };
    assert!(after_release(63) < SILENT_DB);
    assert!(after_release(64) > AUDIBLE_DB);
}

#[test]
fn a_pedal_that_goes_up_lets_go_of_released_keys_only() {
    let events = [
        Event::cc(64, 127).at(0),
        Event::on(48).at(10),
        Event::on(67).at(10),
        Event::off(67).at(RATE / 4),
        Event::cc(64, 0).at(RATE / 2),
    ];
    let audio = play(&events, 2.5);
    assert!(cents_from(&audio, 48.0, 1.8, 2.5).is_some(), "the held key went with the pedal");
    let alone = play(
        &[Event::cc(64, 127).at(0), Event::on(67).at(10), Event::off(67).at(RATE / 4), Event::cc(64, 0).at(RATE / 2)],
        2.5,
    );
    assert!(level_db(&alone, 1.8, 2.5) < SILENT_DB, "the released key stayed");
}

#[test]
fn the_wheel_bends_by_the_bend_range() {
    for (range, wheel, semitones) in
        [(2.0, 1.0, 2.0), (2.0, -1.0, -2.0), (12.0, 1.0, 12.0), (2.0, 0.5, 1.0), (0.0, 1.0, 0.0)]
    {
        let events = [Event::bend(wheel).at(0), Event::on(57).at(10)];
        let audio = play_with(&[("Bend Range", &format!("{range} st"))], &events, 2.0);
        let straight = play_with(&[("Bend Range", &format!("{range} st"))], &[Event::on(57).at(10)], 2.0);
        let own = cents_from(&straight, 57.0, 0.3, 1.8).unwrap();
        let bent = cents_from(&audio, 57.0 + semitones, 0.3, 1.8);
        assert!(
            bent.is_some_and(|cents| (cents - own).abs() < 3.0),
            "range {range}, wheel {wheel}: {bent:?} cents against {own} unbent"
        );
    }
}

#[test]
fn tune_shifts_the_pitch() {
    let own = cents_from(&play(&[Event::on(60).at(0)], 2.0), 60.0, 0.3, 1.8).unwrap();
    let tuned = play_with(&[("Tune", "0.5 st")], &[Event::on(60).at(0)], 2.0);
    let tuned = cents_from(&tuned, 60.5, 0.3, 1.8).unwrap();
    assert!((tuned - own).abs() < 2.0, "{tuned} against {own}");
}

#[test]
fn keys_beyond_the_model_are_transposed() {
    for key in [12, 20, 90, 96, 103] {
        let audio = play(&[Event::on(key).at(0)], 2.0);
        let own = cents_from(&audio, key.into(), 0.3, 1.8);
        assert!(own.is_some_and(|cents| cents.abs() < 25.0), "key {key}: {own:?} cents from its pitch");
    }
}

#[test]
fn all_128_keys_can_be_struck() {
    let mut events: Vec<At> = (0..128).map(|key| Event::on(key).at(usize::from(key) * 100)).collect();
    events.extend((0..128).map(|key| Event::off(key).at(RATE + usize::from(key) * 10)));
    let audio = play(&events, 4.0);
    assert!(level_db(&audio, 0.5, 1.0) > AUDIBLE_DB);
    assert!(level_db(&audio, 3.0, 4.0) < SILENT_DB, "a key hangs at {} dB", level_db(&audio, 3.0, 4.0));
}

#[test]
fn all_notes_off_and_all_sound_off_end_everything() {
    let chord = [48, 55, 64, 71];
    for (controller, silent_from_s) in [(123, 2.0), (120, 1.2)] {
        let mut events: Vec<At> = chord.iter().map(|key| Event::on(*key).at(0)).collect();
        events.push(Event::cc(controller, 0).at(RATE));
        let audio = play(&events, 3.0);
        assert!(level_db(&audio, 0.5, 0.9) > AUDIBLE_DB);
        let rest = level_db(&audio, silent_from_s, 3.0);
        assert!(rest < SILENT_DB, "{rest} dB after controller {controller}");
    }
}

#[test]
fn a_choke_silences_its_key_at_once() {
    let audio = play(&[Event::on(60).at(0), Event::Choke { key: 60 }.at(RATE)], 1.5);
    assert!(level_db(&audio, 0.5, 0.9) > AUDIBLE_DB);
    assert!(level_db(&audio, 1.1, 1.5) < SILENT_DB);
}

#[test]
fn a_reset_silences_and_forgets() {
    let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
    let events = [Event::cc(64, 127).at(0), Event::bend(1.0).at(0), Event::on(60).at(10)];
    let before = plugin.play(&events, 0.5).unwrap();
    assert!(level_db(&before, 0.2, 0.5) > AUDIBLE_DB);
    plugin.reset();
    let silence = plugin.play(&[], 0.5).unwrap();
    assert_eq!(silence.peak(), 0.0);
    // Neither the pedal nor the wheel is remembered.
    let after = plugin.play(&[Event::on(60).at(0), Event::off(60).at(RATE)], 2.5).unwrap();
    assert!(cents_from(&after, 60.0, 0.2, 0.9).is_some_and(|cents| cents.abs() < 12.0));
    assert!(level_db(&after, 2.0, 2.5) < SILENT_DB);
}

#[test]
fn every_controller_at_one_half_leaves_the_sound_alone() {
    // A VST3 host that asks for the value of each controller before it plays sends back what it got: 0.5. There those that move
    // something are taken for that; as MIDI, which is all that comes here, they mean what they say.
    let untouched = (0..120).filter(|cc| ![1, 2, 7, 11, 84].contains(cc));
    let mut events: Vec<At> = (0..16)
        .flat_map(|channel| untouched.clone().map(move |cc| Event::Midi([0xb0 | channel, cc, 63]).at(0)))
        .collect();
    events.push(Event::on(60).at(10));
    let bombarded = play(&events, 1.0);
    let plain = play(&[Event::on(60).at(10)], 1.0);
    assert!(bombarded.same_bits(&plain));
}

#[test]
fn raw_midi_plays_like_note_events() {
    let midi = [Event::Midi([0x90, 60, 100]).at(0), Event::Midi([0x80, 60, 0]).at(RATE / 2)];
    let notes = [Event::On { key: 60, velocity: 100.0 / 127.0 }.at(0), Event::off(60).at(RATE / 2)];
    let (midi, notes) = (play(&midi, 1.0), play(&notes, 1.0));
    let difference = midi.left.iter().zip(&notes.left).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference < 1e-4, "they differ by {difference}");
}

#[test]
fn volume_expression_and_place_are_heeded() {
    let stroke = [Event::on(60).at(10)];
    // Without width both sides are alike unless a channel is given a place.
    let narrow = |events: &[At]| play_with(&[("Width", "0 %")], events, 1.0);
    let plain = narrow(&stroke);
    let told = |cc, value| {
        let mut events = vec![Event::Midi([0xb0, cc, value]).at(0)];
        events.extend(stroke);
        narrow(&events)
    };
    let level = |side: &[f32]| db(rms(side));
    for cc in [7, 11] {
        let softer = told(cc, 16);
        let expected = 40.0 * (16.0f64 / 127.0).log10();
        assert!((level(&softer.left) - level(&plain.left) - expected).abs() < 0.1, "{}", level(&softer.left));
        assert!(softer.left == softer.right);
        assert_eq!(told(cc, 0).peak(), 0.0);
        assert!(told(cc, 127).same_bits(&plain), "what holds anyway changes nothing");
    }
    assert!(play(&stroke, 1.0).left != plain.left, "a new instance is as wide as its default");
    let left = narrow(&[Event::Midi([0xb0, 10, 0]).at(0), stroke[0]]);
    assert!((level(&left.left) - level(&plain.left) - 3.0).abs() < 0.1 && level(&left.right) < -120.0);
}

#[test]
fn the_sostenuto_pedal_holds_what_was_down_and_all_notes_off_heeds_pedals() {
    let sounds = |audio: &Audio, from: f64| db(rms(audio.slice(from, from + 0.1))) > -60.0;
    let caught = [
        Event::on(48).at(0),
        Event::Midi([0xb0, 66, 127]).at(RATE / 10),
        Event::off(48).at(RATE / 5),
        Event::Midi([0xb0, 66, 0]).at(RATE),
    ];
    let audio = play(&caught, 3.0);
    assert!(sounds(&audio, 0.85) && !sounds(&audio, 2.5));
    let after = [Event::Midi([0xb0, 66, 127]).at(0), Event::on(72).at(10), Event::off(72).at(RATE / 5)];
    assert!(!sounds(&play(&after, 2.0), 1.5), "what comes later is not held");
    let all_off = [
        Event::cc(64, 127).at(0),
        Event::on(60).at(10),
        Event::Midi([0xb0, 123, 0]).at(RATE / 5),
        Event::cc(64, 0).at(RATE),
    ];
    let audio = play(&all_off, 3.0);
    assert!(sounds(&audio, 0.85) && !sounds(&audio, 2.5));
}
