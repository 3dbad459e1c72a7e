//! What a host says of single notes: modulation of parameters, note expressions, MPE.

use timbrel_host::measure::{db, equal_temperament, pitch_error_cents, rms};
use timbrel_host::{Activation, At, Audio, Event, NoteExpressionType, Plugin, sounds};

const RATE: usize = 48_000;
const KEYS: [u8; 4] = [52, 59, 64, 71];
const SECONDS: f64 = 1.0;

/// A fresh instance that is soft enough for no limiter.
fn soft() -> Plugin {
    let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
    plugin.deactivate();
    let gain = plugin.param("Gain").unwrap();
    let value = plugin.value_of(gain, "-24 dB").unwrap();
    plugin.set(gain, value).unwrap();
    plugin.activate(Activation::default()).unwrap();
    plugin
}

fn play(events: &[At], seconds: f64) -> Audio {
    let audio = soft().play(events, seconds).unwrap();
    assert!(audio.is_finite());
    audio
}

/// Largest difference of a sound from the sum of others, and their own peak.
fn off_the_sum(together: &Audio, alone: &[Audio]) -> (f32, f32) {
    let sum = |i: usize| alone.iter().map(|audio| audio.left[i]).sum::<f32>();
    let differences = together.left.iter().enumerate().map(|(i, sample)| (sample - sum(i)).abs());
    (differences.fold(0.0, f32::max), together.peak())
}

#[test]
fn four_notes_sound_in_four_timbres_at_once() {
    let timbre = Plugin::load(&timbrel_host::bundle().unwrap()).unwrap().param("Timbre 1").unwrap();
    assert!(timbre.polyphonic, "a host may modulate it for one note");
    // As shares of the range, from one end nearly to the other.
    let amounts = [-0.4, -0.1, 0.2, 0.45];
    let strike = |n: usize| Event::OnAs { key: KEYS[n], id: n as u32, velocity: 0.8 }.at(1_000);
    let mut events: Vec<At> = Vec::new();
    for (n, &amount) in amounts.iter().enumerate() {
        events.push(strike(n));
        events.push(Event::ModulateNote { param: timbre, id: n as u32, amount }.at(1_000));
    }
    let together = play(&events, SECONDS);
    assert!(play(&events, SECONDS).same_bits(&together), "a bounce equals itself");
    let alone: Vec<Audio> = (0..4)
        .map(|n| {
            let set = Event::Set { param: timbre, value: timbre.default + amounts[n] };
            play(&[set.at(0), strike(n)], SECONDS)
        })
        .collect();
    let (off, peak) = off_the_sum(&together, &alone);
    assert!(off < 1e-4 * peak, "each note has the timbre that it was given: {off} of {peak}");
    let plain: Vec<Audio> = (0..4).map(|n| play(&[strike(n)], SECONDS)).collect();
    assert!(off_the_sum(&together, &plain).0 > 0.05 * peak, "which is not that of all");
}

#[test]
fn a_notes_own_modulation_stands_in_place_of_that_of_all_and_comes_live() {
    let mut plugin = soft();
    let timbre = plugin.param("Timbre 2").unwrap();
    let strike = Event::OnAs { key: 60, id: 5, velocity: 0.8 };
    let of_all = Event::Modulate { param: timbre, amount: 0.3 };
    let of_one = Event::ModulateNote { param: timbre, id: 5, amount: -0.2 };
    let both = play(&[of_all.at(0), strike.at(500), of_one.at(500)], SECONDS);
    let one = play(&[strike.at(500), of_one.at(500)], SECONDS);
    assert!(both.same_bits(&one));
    // Another number is another note.
    let other = Event::ModulateNote { param: timbre, id: 6, amount: -0.2 };
    assert!(play(&[strike.at(500), other.at(500)], SECONDS).same_bits(&play(&[strike.at(500)], SECONDS)));
}

#[test]
fn note_expressions_move_level_place_and_pitch_of_their_note() {
    let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
    plugin.seek_seed(&[60], sounds::goes_on).unwrap();
    let mut play = |kind: Option<(NoteExpressionType, f64)>| {
        plugin.reset();
        let mut events = vec![Event::OnAs { key: 60, id: 3, velocity: 0.8 }.at(100)];
        events.extend(kind.map(|(kind, value)| Event::Express { key: 60, id: 3, kind, value }.at(100)));
        plugin.play(&events, 1.5).unwrap()
    };
    let plain = play(None);
    let level = |audio: &Audio| db(rms(audio.slice(0.5, 1.5)));
    let softer = play(Some((NoteExpressionType::Volume, 0.25)));
    assert!((level(&softer) - level(&plain) + 12.04).abs() < 0.2, "{}", level(&softer) - level(&plain));
    let softer = play(Some((NoteExpressionType::Expression, 0.5)));
    assert!((level(&softer) - level(&plain) + 12.04).abs() < 0.2);
    let left = play(Some((NoteExpressionType::Pan, 0.0)));
    let sides = |audio: &Audio| db(rms(&audio.left[RATE / 2..])) - db(rms(&audio.right[RATE / 2..]));
    assert!(sides(&left) > sides(&plain) + 6.0, "{} dB to the left", sides(&left));
    let tuned = play(Some((NoteExpressionType::Tuning, 0.5)));
    let own = pitch_error_cents(plain.slice(0.5, 1.5), RATE as f64, 261.626).unwrap();
    let moved = pitch_error_cents(tuned.slice(0.5, 1.5), RATE as f64, 269.292).unwrap();
    assert!((own - moved).abs() < 3.0, "{own} and {moved} cents");
    for (kind, value) in [
        (NoteExpressionType::Vibrato, 1.0),
        (NoteExpressionType::Brightness, 1.0),
        (NoteExpressionType::Brightness, 0.0),
        (NoteExpressionType::Pressure, 1.0),
    ] {
        assert!(!play(Some((kind, value))).same_bits(&plain), "{kind:?} is heard");
    }
    assert!(play(Some((NoteExpressionType::Brightness, 0.5))).same_bits(&plain), "the middle is the note's own");
}

#[test]
fn a_message_tunes_the_keys_of_each_octave() {
    // On channel 1 C is half a semitone lower: the fourteen bits of 8192 - 4096, then eleven keys as they are.
    static FLAT: [u8; 33] = {
        let mut bytes = [0x40; 33];
        let head = [0xf0, 0x7f, 0x7f, 8, 9, 0, 0, 1, 0x20, 0];
        let mut n = 0;
        while n < 33 {
            if n < head.len() {
                bytes[n] = head[n];
            } else if n % 2 == 1 {
                bytes[n] = 0;
            }
            n += 1;
        }
        bytes[32] = 0xf7;
        bytes
    };
    let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
    plugin.seek_seed(&[60], sounds::goes_on).unwrap();
    let mut pitch = |events: &[At], key: f64| {
        plugin.reset();
        let audio = plugin.play(events, 1.5).unwrap();
        pitch_error_cents(audio.slice(0.5, 1.5), RATE as f64, equal_temperament(key)).unwrap()
    };
    let own = pitch(&[Event::on(60).at(10)], 60.0);
    let flat = pitch(&[Event::Exclusive(&FLAT).at(0), Event::on(60).at(10)], 59.5);
    assert!((own - flat).abs() < 3.0, "{own} and {flat} cents");
    // It stays, for its key alone.
    let other = pitch(&[Event::on(62).at(10)], 62.0);
    assert!(other.abs() < 15.0, "{other} cents");
    assert!((pitch(&[Event::on(60).at(10)], 59.5) - flat).abs() < 1.0);
}

#[test]
fn notes_of_a_zone_have_wheel_slide_and_pressure_of_their_own() {
    let cc = |channel: u8, number: u8, value: u8| Event::Midi([0xb0 | channel, number, value]).at(0);
    let zone = [cc(0, 101, 0), cc(0, 100, 6), cc(0, 6, 15)];
    // Channel, key, slide, pressure, bend of a semitone of 48.
    let notes: [(u8, u8, u8, u8, u8); 3] = [(1, 55, 0, 0, 64), (2, 62, 127, 90, 66), (3, 69, 64, 30, 62)];
    let of = |&(channel, key, slide, pressure, bend): &(u8, u8, u8, u8, u8)| {
        [
            cc(channel, 74, slide),
            Event::Midi([0xd0 | channel, pressure, 0]).at(0),
            Event::Midi([0xe0 | channel, 0, bend]).at(0),
            Event::Midi([0x90 | channel, key, 100]).at(700),
            Event::Midi([0x80 | channel, key, 0]).at(30_000),
            // The channel is free for the next note, while this one dies away.
            Event::Midi([0xd0 | channel, 0, 0]).at(30_000),
            Event::Midi([0xe0 | channel, 0, 64]).at(30_000),
        ]
    };
    let performance = |notes: &[(u8, u8, u8, u8, u8)]| {
        let mut events = zone.to_vec();
        events.extend(notes.iter().flat_map(of));
        play(&events, 1.2)
    };
    let together = performance(&notes);
    let alone: Vec<Audio> = notes.iter().map(|note| performance(&[*note])).collect();
    let (off, peak) = off_the_sum(&together, &alone);
    assert!(off < 1e-4 * peak, "each has its own: {off} of {peak}");
    let plain: Vec<Audio> = notes.iter().map(|&(channel, key, ..)| performance(&[(channel, key, 64, 0, 64)])).collect();
    assert!(plain.iter().zip(&alone).all(|(plain, own)| !plain.same_bits(own)), "each moved something");
}

#[test]
fn a_bounce_with_legato_glides_and_controllers_does_not_depend_on_the_blocks() {
    let bounce = |block: usize| {
        let mut plugin = soft();
        plugin.deactivate();
        for (name, text) in [("Voices", "Legato"), ("Glide", "80 ms"), ("Wander", "On"), ("Wheel To", "Timbre 2")] {
            let param = plugin.param(name).unwrap();
            let value = plugin.value_of(param, text).unwrap();
            plugin.set(param, value).unwrap();
        }
        plugin.activate(Activation::default()).unwrap();
        let events = [
            Event::on(60).at(300),
            Event::Midi([0xd0, 80, 0]).at(9_000),
            // Within the frames of the stroke, and later.
            Event::on(67).at(11_111),
            Event::off(67).at(30_000),
            Event::on(55).at(40_000),
            Event::cc(74, 20).at(50_001),
            Event::off(60).at(60_000),
            Event::off(55).at(70_000),
        ];
        plugin.play_in(&events, 2.0, std::iter::repeat(block), timbrel_host::Pace::Free).unwrap()
    };
    let whole = bounce(512);
    assert!(db(rms(whole.slice(0.1, 1.4))) > -70.0);
    for block in [512, 64, 500] {
        assert!(bounce(block).same_bits(&whole), "in blocks of {block}");
    }
}
