//! What a player's controllers and a host's note expressions do to what sounds.

use std::sync::Arc;

use timbrel::audio::modulation::{Assignment, Assignments, Destination, NoteControl, polyphonic};
use timbrel::audio::{Event, Law, Settings, VelocityCurve, VoiceMode};
use timbrel::note::{Note, NoteKey, Timbre};
use timbrel::spectral::Representation;
use timbrel::worker::prepare::Preparer;

use super::bench::{
    BRIGHT, Bench, DARK, MODEL, amplitude, cents_from, hertz, image, note, off, on, peak, roughness, settings, timbre,
};

const RATE: f64 = 48_000.0;

fn to(to: Destination, amount: f32) -> Assignment {
    Assignment { to, amount }
}

/// Settings in which every controller goes somewhere.
fn lively() -> Settings {
    let assignments = Assignments {
        wheel: to(Destination::Vibrato, 1.0),
        breath: to(Destination::Level, 1.0),
        pressure: to(Destination::Brightness, 1.0),
        slide: to(Destination::Brightness, 1.0),
        ..Assignments::NONE
    };
    Settings { assignments, ..settings(1) }
}

fn controller(number: u8, value: u8) -> Event {
    Event::Controller { channel: 0, number, value }
}

fn of_note(id: i32, control: NoteControl) -> Event {
    Event::Note { key: None, channel: None, id: Some(id), control }
}

fn on_as(key: u8, id: i32) -> Event {
    Event::NoteOn { key, channel: 0, id: Some(id), velocity: 1.0 }
}

fn rms(wave: &[f32]) -> f64 {
    (wave.iter().map(|x| f64::from(x * x)).sum::<f64>() / wave.len() as f64).sqrt()
}

fn play(settings: &Settings, samples: usize, events: &[(usize, Event)]) -> Vec<f32> {
    let mut bench = Bench::new(RATE as f32);
    [57, 60, 64, 67, 72].into_iter().for_each(|pitch| bench.give(&note(1, pitch, BRIGHT)));
    bench.play(settings, samples, 512, events)
}

/// Level of the eighth partial of key 60 against its first, in dB.
fn brightness(wave: &[f32]) -> f64 {
    20.0 * (amplitude(wave, 8.0 * hertz(60.0), RATE) / amplitude(wave, hertz(60.0), RATE)).log10()
}

/// Lowest and highest pitch of stretches of 1,024 samples, in cents from a key.
fn sway_cents(wave: &[f32], key: f64) -> (f64, f64) {
    let cents = wave.chunks_exact(2_048).map(|part| cents_from(part, hertz(key), RATE));
    cents.fold((f64::MAX, f64::MIN), |(low, high), cents| (low.min(cents), high.max(cents)))
}

#[test]
fn the_wheel_adds_vibrato_and_takes_it_away_again() {
    let events = [(0, on(60)), (24_000, controller(1, 127)), (120_000, controller(1, 0))];
    let wave = play(&lively(), 192_000, &events);
    let (low, high) = sway_cents(&wave[4_800..24_000], 60.0);
    assert!(low > -2.0 && high < 2.0, "still before: {low} to {high}");
    let (low, high) = sway_cents(&wave[36_000..120_000], 60.0);
    assert!(low < -30.0 && high > 30.0, "{low} to {high} cents");
    let (low, high) = sway_cents(&wave[144_000..], 60.0);
    assert!(low > -2.0 && high < 2.0, "still again: {low} to {high}");
    let rough = roughness(&wave[10_000..]);
    let steady = rough[..50].iter().copied().fold(0.0, f32::max);
    assert!(rough.iter().all(|r| *r < 1.5 * steady), "no click");
}

#[test]
fn pressure_and_slide_brighten_one_note_and_breath_is_its_level() {
    let steady = brightness(&play(&lively(), 96_000, &[(0, on(60))])[48_000..]);
    for event in [Event::Pressure { channel: 0, value: 1.0 }, controller(74, 127)] {
        let brighter = brightness(&play(&lively(), 96_000, &[(0, on(60)), (10_000, event)])[48_000..]);
        assert!((brighter - steady - 9.0).abs() < 0.7, "{event:?}: by {} dB in three octaves", brighter - steady);
    }
    let darker = brightness(&play(&lively(), 96_000, &[(0, on(60)), (10_000, controller(74, 0))])[48_000..]);
    assert!((darker - steady + 27.0).abs() < 2.0, "by {} dB", darker - steady);
    let half = play(&lively(), 96_000, &[(0, on(60)), (10_000, controller(2, 64))]);
    let fall = 20.0 * (rms(&half[48_000..]) / rms(&half[5_000..9_000])).log10();
    assert!((fall - 40.0 * (64.0f64 / 127.0).log10()).abs() < 0.3, "{fall} dB");
}

#[test]
fn a_note_keeps_what_it_had_when_it_was_let_go_of() {
    let settings = Settings { adsr: timbrel::audio::Adsr { release: 3.0, ..lively().adsr }, ..lively() };
    let press = |value| Event::Pressure { channel: 0, value };
    let let_go = [(0, on(60)), (0, press(1.0)), (48_000, off(60))];
    let kept = play(&settings, 96_000, &let_go);
    let mut events = let_go.to_vec();
    // Pressure falls with the finger, and the next note has its own.
    events.push((48_000, press(0.0)));
    assert!(play(&settings, 96_000, &events) == kept);
}

#[test]
fn a_member_of_a_zone_keeps_its_bend_when_its_channel_has_another_note() {
    let zone = [(101, 0), (100, 6), (6, 15)].map(|(number, value)| (0, controller(number, value)));
    let of = |key| Event::NoteOn { key, channel: 1, id: None, velocity: 1.0 };
    let end = |key| Event::NoteOff { key: Some(key), channel: Some(1), id: None };
    let bend = |value| Event::Bend { channel: 1, value };
    let settings = Settings { adsr: timbrel::audio::Adsr { release: 5.0, ..settings(1).adsr }, ..settings(1) };
    let mut events = zone.to_vec();
    events.extend([(0, bend(2.0 / 48.0)), (0, of(60)), (24_000, end(60)), (24_000, bend(0.0)), (24_000, of(72))]);
    let wave = play(&settings, 72_000, &events);
    let cents = cents_from(&wave[30_000..60_000], hertz(62.0), RATE);
    assert!(cents.abs() < 2.0, "the note that rings on is {cents} cents from where it was bent to");
}

#[test]
fn every_expression_of_a_host_moves_its_note_alone() {
    // Keys that share no partial.
    let chord = [(0, on_as(60, 1)), (0, on_as(64, 2))];
    let with = |control| {
        let mut events = chord.to_vec();
        events.push((24_000, of_note(1, control)));
        play(&lively(), 96_000, &events)
    };
    let plain = play(&lively(), 96_000, &chord);
    let level = |wave: &[f32], key: f64| amplitude(&wave[48_000..], hertz(key), RATE);
    let other = level(&plain, 64.0);
    let db = |wave: &[f32]| 20.0 * (level(wave, 60.0) / level(&plain, 60.0)).log10();
    assert!((db(&with(NoteControl::Volume(0.5))) + 6.02).abs() < 0.1);
    assert!((db(&with(NoteControl::Expression(0.5))) + 12.04).abs() < 0.1);
    let gain = NoteControl::Parameter { number: polyphonic::GAIN, offset: -10.0 };
    assert!((db(&with(gain)) + 10.0).abs() < 0.1);
    let tuned = with(NoteControl::Parameter { number: polyphonic::TUNE, offset: 0.25 });
    assert!(cents_from(&tuned[48_000..], hertz(60.25), RATE).abs() < 2.0);
    let (low, high) = sway_cents(&with(NoteControl::Vibrato(1.0))[48_000..], 60.0);
    assert!(low < -30.0 && high > 30.0);
    for control in [NoteControl::Volume(0.5), NoteControl::Vibrato(1.0), NoteControl::Slide(-1.0), gain] {
        let wave = with(control);
        assert!((level(&wave, 64.0) / other - 1.0).abs() < 0.01, "{control:?} leaves the other note alone");
        let rough = roughness(&wave[10_000..]);
        let steady = rough[..50].iter().copied().fold(0.0, f32::max);
        assert!(rough.iter().all(|r| *r < 1.5 * steady), "{control:?} does not click");
    }
    // What is not told in numbers moves nothing.
    let mut events = chord.to_vec();
    events.push((24_000, of_note(7, NoteControl::Volume(0.0))));
    assert!(play(&lively(), 96_000, &events) == plain, "another number is another note");
}

#[test]
fn a_place_of_its_own_moves_one_note_and_comes_back() {
    let mut bench = Bench::new(RATE as f32);
    bench.give(&note(1, 60, BRIGHT));
    let mut play = |control: Option<NoteControl>, stroke: bool| {
        let (mut left, mut right) = (vec![0.0; 24_000], vec![0.0; 24_000]);
        let mut events = Vec::new();
        events.extend(stroke.then_some(on_as(60, 1)));
        events.extend(control.map(|control| of_note(1, control)));
        let events = events.into_iter().map(|event| timbrel::audio::TimedEvent { sample: 0, event });
        bench.engine.process_stereo(&settings(1), timbrel::audio::Wait::Never, events, &mut left, &mut right);
        (rms(&left[12_000..]), rms(&right[12_000..]), left == right)
    };
    let (middle, _, same) = play(None, true);
    assert!(same);
    let (left, right, _) = play(Some(NoteControl::Pan(-1.0)), false);
    assert!((left / middle - 2f64.sqrt()).abs() < 0.01 && right < 1e-4 * left, "{left} and {right} of {middle}");
    play(Some(NoteControl::Pan(0.0)), false);
    assert!(play(None, false).2, "back in the middle both sides are the same bits");
}

/// A note of a timbre that is offset along the first direction.
fn offset_note(offset: i16, pitch: u8, partials: &[f64]) -> Arc<Note> {
    let mut own = timbre(1);
    own.directions[0] = offset;
    let key = NoteKey { model: MODEL, timbre: own, pitch };
    Arc::new(Preparer::new(Representation::IfHires).note(key, &image(pitch, partials)).unwrap())
}

#[test]
fn four_notes_have_four_timbres_each_asked_for_and_played() {
    let mut bench = Bench::new(RATE as f32);
    let keys = [57u8, 60, 64, 67];
    keys.iter().for_each(|&key| bench.give(&note(1, key, BRIGHT)));
    let offset = |n: usize| NoteControl::Parameter { number: 0, offset: n as f32 };
    let mut events = Vec::new();
    for (n, &key) in keys.iter().enumerate() {
        // The host strikes first, and moves the note at the same moment.
        events.push((100, on_as(key, n as i32)));
        events.push((100, of_note(n as i32, offset(n))));
    }
    bench.play(&settings(1), 4_800, 64, &events);
    let wanted = *bench.worker.wanted.read();
    let asked: Vec<(u8, i16)> = wanted.requests().iter().map(|r| (r.key, r.timbre.directions[0])).collect();
    assert_eq!(asked, [(60, 100), (64, 200), (67, 300)], "the first is there already");
    assert_eq!(wanted.timbre, timbre(1), "the keyboard keeps its timbre");
    let dark = |n: usize| if n == 0 { BRIGHT } else { DARK };
    let own: Vec<Arc<Note>> = (1..4).map(|n| offset_note(100 * n as i16, keys[n], dark(n))).collect();
    own.iter().for_each(|note| bench.give(note));
    // The keyboard's own note comes again, and is not for them.
    keys.iter().for_each(|&key| bench.give(&note(1, key, BRIGHT)));
    let wave = bench.play(&settings(1), 96_000, 64, &[]);
    assert_eq!(bench.worker.wanted.read().request_count, 0, "all that was asked for has come");
    let is_bright = |key: u8| {
        let at = |n: f64| amplitude(&wave[48_000..], n * hertz(f64::from(key)), RATE);
        at(7.0) > 0.1 * at(1.0)
    };
    assert_eq!(keys.map(is_bright), [true, false, false, false]);
    // A new stroke finds the note that was made for it.
    bench.play(&settings(1), 48_000, 64, &[(0, off(60))]);
    let wave = bench.play(&settings(1), 48_000, 64, &[(0, on_as(60, 9)), (0, of_note(9, offset(1)))]);
    let at = |n: f64| amplitude(&wave[..24_000], n * hertz(60.0), RATE);
    assert!(at(7.0) < 0.02 * at(1.0), "from its beginning");
    // Another sound lets all of them go.
    assert!(own.iter().all(|note| Arc::strong_count(note) > 1), "kept for the next stroke");
    bench.play(&settings(1), 48_000, 64, &keys.map(|key| (0, off(key))));
    bench.play(&settings(2), 48_000, 64, &[]);
    assert!(own.iter().all(|note| Arc::strong_count(note) == 1), "nobody holds them any more");
}

#[test]
fn a_new_stroke_on_the_tick_on_which_the_old_one_ends_sounds() {
    for events in [[(24_000, off(60)), (24_000, on(60))], [(24_000, on(60)), (24_000, off(60))]] {
        for mode in [VoiceMode::Poly, VoiceMode::Mono, VoiceMode::Legato] {
            let settings = Settings { voice_mode: mode, ..settings(1) };
            let mut all = vec![(0, on(60))];
            all.extend(events);
            let wave = play(&settings, 96_000, &all);
            assert!(peak(&wave[80_000..]) > 0.05, "{events:?} {mode:?}");
            all.push((48_000, off(60)));
            assert_eq!(peak(&play(&settings, 96_000, &all)[80_000..]), 0.0, "its own end ends it");
        }
    }
    assert_eq!(peak(&play(&settings(1), 48_000, &[(100, on(60)), (100, off(60))])), 0.0, "no length, no sound");
}

#[test]
fn pedals_soften_and_lengthen() {
    let release = timbrel::audio::Adsr { release: 0.2, ..settings(1).adsr };
    let settings = Settings { adsr: release, ..settings(1) };
    let loud = peak(&play(&settings, 24_000, &[(0, on(60))]));
    let soft = peak(&play(&settings, 24_000, &[(0, controller(67, 127)), (0, on(60))]));
    assert!((soft / loud - 0.75f32.powi(2)).abs() < 0.01, "{soft} of {loud}");
    let after = |hold: u8| {
        let events = [(0, on(60)), (1_000, controller(69, hold)), (24_000, off(60))];
        let wave = play(&settings, 48_000, &events);
        20.0 * (rms(&wave[33_000..34_000]) / rms(&wave[22_000..23_000])).log10()
    };
    let (short, long) = (after(0), after(127));
    assert!((short - 4.0 * long).abs() < 3.0 && long < -10.0, "{short} dB, {long} dB with the pedal");
}

#[test]
fn legato_goes_over_without_a_stroke_and_back() {
    let legato = Settings { voice_mode: VoiceMode::Legato, ..settings(1) };
    let slow = Settings { adsr: timbrel::audio::Adsr { attack: 0.5, ..legato.adsr }, ..legato };
    let events = [(0, on(60)), (48_000, on(67)), (96_000, off(67)), (144_000, off(60))];
    let wave = play(&slow, 192_000, &events);
    let at = |from: usize, key: f64| amplitude(&wave[from..from + 24_000], hertz(key), RATE);
    assert!(at(20_000, 60.0) > 0.05 && at(20_000, 67.0) < 0.005);
    assert!(at(60_000, 67.0) > 0.05 && at(60_000, 60.0) < 0.005, "one note at a time");
    assert!(at(110_000, 60.0) > 0.05 && at(110_000, 67.0) < 0.005, "back to the key that is down");
    assert!(rms(&wave[48_000..52_000]) > 0.5 * rms(&wave[40_000..48_000]), "no attack of its own");
    assert_eq!(peak(&wave[180_000..]), 0.0);
    let mono = Settings { voice_mode: VoiceMode::Mono, ..slow };
    let struck = play(&mono, 96_000, &events[..2]);
    assert!(rms(&struck[48_400..50_000]) < 0.2 * rms(&struck[40_000..48_000]), "a stroke of its own");
    // By the mode messages of MIDI.
    let by_midi = [(0, Event::Mono { channel: 0, on: true }), (10, on(60)), (48_000, on(67))];
    let wave = play(&settings(1), 96_000, &by_midi);
    assert!(amplitude(&wave[60_000..], hertz(60.0), RATE) < 0.005);
}

#[test]
fn a_glide_goes_from_key_to_key_in_its_time() {
    let gliding = Settings { glide: 0.5, ..settings(1) };
    for mode in [VoiceMode::Poly, VoiceMode::Mono, VoiceMode::Legato] {
        let settings = Settings { voice_mode: mode, ..gliding };
        let mut events = vec![(0, on(60)), (48_000, on(72))];
        if mode == VoiceMode::Poly {
            events.push((24_000, off(60)));
            events.sort_by_key(|event| event.0);
        }
        let wave = play(&settings, 96_000, &events);
        for (share, key) in [(0.25, 63.0), (0.5, 66.0), (0.75, 69.0)] {
            let middle = 48_000 + (0.5 * share * RATE) as usize;
            let part = &wave[middle - 600..middle + 600];
            let cents = cents_from(part, hertz(key), RATE);
            assert!(cents.abs() < 40.0, "{mode:?} after {share} of the time: {cents} cents from {key}");
        }
        assert!(cents_from(&wave[76_000..], hertz(72.0), RATE).abs() < 1.0, "{mode:?}");
    }
    // By controllers: switched on, timed, from a key that is named.
    let named = [(0, controller(65, 127)), (0, controller(5, 64)), (0, controller(84, 48)), (0, on(60))];
    let wave = play(&settings(1), 96_000, &named);
    assert!(cents_from(&wave[..2_400], hertz(48.4), RATE).abs() < 60.0, "from the key that was named");
    assert!(cents_from(&wave[60_000..], hertz(60.0), RATE).abs() < 1.0);
}

#[test]
fn a_curve_of_velocity_spans_a_players_range() {
    let level = |velocity: f32, depth: f32| {
        let curve = VelocityCurve { law: Law::Even, depth, shape: 0.0 };
        let stroke = Event::NoteOn { key: 60, channel: 0, id: None, velocity };
        peak(&play(&Settings { velocity: curve, ..settings(1) }, 24_000, &[(0, stroke)]))
    };
    let span = 20.0 * (level(1.0 / 127.0, 1.0) / level(1.0, 1.0)).log10();
    assert!((span + 35.0).abs() < 0.1, "{span} dB");
    assert_eq!(level(0.1, 0.0), level(1.0, 0.0));
}

#[test]
fn the_limiter_keeps_a_full_keyboard_within_full_scale() {
    let chord: Vec<(usize, Event)> = [57, 60, 64, 67, 72].into_iter().map(|key| (0, on(key))).collect();
    let loud = Settings { gain: 8.0, ..settings(1) };
    assert!(peak(&play(&loud, 48_000, &chord)) > 2.0);
    let limited = play(&Settings { limiter: true, ..loud }, 48_000, &chord);
    assert!((0.8..=1.0).contains(&peak(&limited)), "{}", peak(&limited));
    let soft = Settings { gain: 0.2, ..settings(1) };
    assert!(play(&Settings { limiter: true, ..soft }, 48_000, &chord) == play(&soft, 48_000, &chord), "bit by bit");
}

#[test]
fn blocks_change_nothing_of_what_is_played_with_everything() {
    let settings = Settings { voice_mode: VoiceMode::Legato, glide: 0.1, ..lively() };
    let events = [
        (0, on_as(60, 1)),
        (0, of_note(1, NoteControl::Pressure(0.3))),
        (9_001, controller(1, 90)),
        (20_003, controller(74, 20)),
        (30_011, on_as(67, 2)),
        (40_000, of_note(2, NoteControl::Volume(0.6))),
        (50_009, Event::NoteOff { key: Some(67), channel: Some(0), id: Some(2) }),
        (60_000, controller(2, 100)),
        (70_000, off(60)),
    ];
    let play = |block: usize| {
        let mut bench = Bench::new(RATE as f32);
        [60, 67].into_iter().for_each(|pitch| bench.give(&note(1, pitch, BRIGHT)));
        bench.play(&settings, 90_000, block, &events)
    };
    let whole = play(8_192);
    assert!(peak(&whole) > 0.05);
    for block in [64, 512] {
        let wave = play(block);
        let first = whole.iter().zip(&wave).position(|(a, b)| a != b);
        assert_eq!(first, None, "block {block}");
    }
}

#[test]
fn a_controller_may_move_the_timbre_in_few_steps() {
    let assignments = Assignments { wheel: to(Destination::Direction(0), 1.0), ..Assignments::NONE };
    let settings = Settings { assignments, ..settings(1) };
    let mut bench = Bench::new(RATE as f32);
    bench.give(&note(1, 60, BRIGHT));
    bench.play(&settings, 512, 64, &[(0, on(60))]);
    let mut asked = Vec::new();
    for value in 0..=127 {
        bench.play(&settings, 64, 64, &[(0, controller(1, value))]);
        asked.extend(bench.worker.wanted.read().requests().iter().map(|request| request.timbre.directions[0]));
    }
    asked.dedup();
    assert_eq!(asked, (1..=12).map(|step| 25 * step).collect::<Vec<i16>>());
    assert_eq!(Timbre::default().moved(&[0; 8]), Timbre::default());
}

#[test]
fn a_glide_from_far_above_folds_nothing_back() {
    // From three octaves above: partial 8 of key 60 begins at 16.7 kHz, and at 32 kHz of the host must not come back below 16.
    let mut bench = Bench::new(32_000.0);
    bench.give(&note(1, 60, BRIGHT));
    let gliding = Settings { glide: 4.0, ..settings(1) };
    let named = Event::Controller { channel: 0, number: 84, value: 96 };
    let wave = bench.play(&gliding, 16_000, 512, &[(0, named), (0, on(60))]);
    let wave = &wave[800..3_200];
    let now = hertz(95.5);
    let (own, folded) = (amplitude(wave, now, 32_000.0), amplitude(wave, 32_000.0 - 8.0 * now, 32_000.0));
    assert!(own > 0.01 && folded < 1e-3 * own, "{own} and {folded}");
}
