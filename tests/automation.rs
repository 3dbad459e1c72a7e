//! Parameters that move while notes sound.

use timbrel_host::measure::{db, flux, rms, splatter_db};
use timbrel_host::{Activation, At, Event, Pace, Param, Plugin, sounds};

const RATE: usize = 48_000;

const CHORD: [u8; 4] = [45, 57, 64, 72];

#[test]
fn automation_acts_at_its_sample() {
    let play = |at: Option<usize>| {
        let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
        let gain = plugin.param("Gain").unwrap();
        let soft = plugin.value_of(gain, "-30 dB").unwrap();
        let mut events = vec![Event::on(60).at(0)];
        events.extend(at.map(|sample| Event::Set { param: gain, value: soft }.at(sample)));
        plugin.play(&events, 1.0).unwrap()
    };
    let plain = play(None);
    for sample in [RATE / 2, RATE / 2 + 1, RATE / 2 + 300] {
        let automated = play(Some(sample));
        let first = plain.left.iter().zip(&automated.left).position(|(a, b)| (a - b).abs() > 1e-6);
        // A smoothed change begins there and is not there at once.
        assert!(
            first.is_some_and(|first| (sample..sample + 64).contains(&first)),
            "a change at {sample} is first heard at {first:?}"
        );
        let drop = db(rms(plain.slice(0.7, 1.0))) - db(rms(automated.slice(0.7, 1.0)));
        assert!((drop - 24.0).abs() < 0.5, "the level fell by {drop:.1} dB instead of 24");
        assert!(splatter_db(&automated.left, automated.rate) < -75.0, "a step of the gain clicks");
    }
}

#[test]
fn modulation_is_heard_like_the_value_it_makes() {
    let play = |event: fn(Param) -> Event| {
        let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
        let timbre = plugin.param("Timbre 1").unwrap();
        plugin.play(&[event(timbre).at(0), Event::on(60).at(512)], 1.0).unwrap()
    };
    /// A third of the way from the middle to the end.
    fn amount(param: Param) -> f64 {
        (param.max - param.default) / 3.0
    }
    let plain = play(|param| Event::Set { param, value: param.default });
    let set = play(|param| Event::Set { param, value: param.default + amount(param) });
    let modulated = play(|param| Event::Modulate { param, amount: amount(param) });
    assert!(!set.same_bits(&plain), "the direction changes the sound");
    let difference = set.left.iter().zip(&modulated.left).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let distance = set.left.iter().zip(&plain.left).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference < 0.05 * distance, "modulated and set differ by {difference}, of {distance}");
}

#[test]
fn every_direction_is_heard() {
    let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
    let mut play = |direction: Option<usize>| {
        plugin.reset();
        let mut events = vec![Event::on(60).at(512)];
        for index in 1..=8 {
            let param = plugin.param(&format!("Timbre {index}")).unwrap();
            let value = if Some(index) == direction { param.max } else { param.default };
            events.push(Event::Set { param, value }.at(0));
        }
        plugin.play(&events, 0.5).unwrap()
    };
    let plain = play(None);
    for direction in 1..=8 {
        let moved = play(Some(direction));
        let difference = plain.left.iter().zip(&moved.left).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference > 1e-3 * plain.peak(), "direction {direction} changes the sound by {difference} only");
    }
}

/// Sweeps over the whole range, two directions at once, at different speeds.
fn sweeps(plugin: &mut Plugin, seconds: usize) -> Vec<At> {
    let params = [("Timbre 1", 0.23), ("Timbre 2", 0.37)].map(|(name, hz)| (plugin.param(name).unwrap(), hz));
    let steps = (0..seconds * 100).map(|step| step * RATE / 100);
    steps
        .flat_map(|at| {
            let time_s = at as f64 / RATE as f64;
            params.map(|(param, hz)| {
                let wave = (std::f64::consts::TAU * hz * time_s).sin();
                let value = param.default + (param.max - param.default) * wave;
                Event::Set { param, value }.at(at)
            })
        })
        .collect()
}

/// The same chord under the automation `events`, and at rest, without its stroke.
fn held_chord(mut plugin: Plugin, events: &[At], seconds: f64, pace: Pace) -> Vec<f32> {
    let blocks = || std::iter::repeat(512);
    if pace == Pace::RealTime {
        // The first calls wait for the model and the chord's notes; then the clock takes over.
        plugin.play(&CHORD.map(|key| Event::on(key).at(0)), 0.2).unwrap();
        plugin.reset();
        plugin.play_in(&[], 1.0, blocks(), pace).unwrap();
    }
    let mut events = events.to_vec();
    events.extend(CHORD.map(|key| Event::on(key).at(0)));
    plugin.play_in(&events, seconds, blocks(), pace).unwrap().slice(1.0, seconds).to_vec()
}

/// Compares a chord under automation with the same chord at rest.
fn does_not_click(rest: &[f32], moving: &[f32], what: &str) {
    let most = |x: &[f32]| flux(x, RATE as f64).into_iter().fold(0.0, f64::max);
    let (rest_flux, moving_flux) = (most(rest), most(moving));
    let (rest_splatter, moving_splatter) = (splatter_db(rest, RATE as f64), splatter_db(moving, RATE as f64));
    println!("{what}: largest flux {rest_flux:.4} at rest, {moving_flux:.4} moving");
    println!("{what}: above the model's band {rest_splatter:.1} dB at rest, {moving_splatter:.1} dB moving");
    assert!(moving_flux < 3.0 * rest_flux.max(0.05), "{what}: flux {moving_flux:.4} against {rest_flux:.4} at rest");
    assert!(moving_splatter < -80.0, "{what}: {moving_splatter:.1} dB above the model's band");
    let difference = rest.iter().zip(moving).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference > 0.01, "{what}: the timbre moved by {difference} only");
}

/// An instance with a sound that does not die under the automation.
fn sustained(offline: bool) -> Plugin {
    let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
    plugin.seek_seed(&CHORD, sounds::sustains).unwrap();
    if !offline {
        plugin.deactivate();
        plugin.set_offline(false).unwrap();
        plugin.activate(Activation::default()).unwrap();
    }
    plugin
}

#[test]
fn a_moving_timbre_does_not_click_live() {
    const SECONDS: usize = 20;
    let mut plugin = sustained(false);
    let automation = sweeps(&mut plugin, SECONDS);
    let moving = held_chord(plugin, &automation, SECONDS as f64, Pace::RealTime);
    let rest = held_chord(sustained(true), &[], SECONDS as f64, Pace::Free);
    does_not_click(&rest, &moving, "live");
}

#[test]
fn a_moving_timbre_does_not_click_in_a_bounce() {
    // A bounce renders every step of the way, and so may take many times longer than it plays.
    const SECONDS: usize = 5;
    let mut plugin = sustained(true);
    let automation = sweeps(&mut plugin, SECONDS);
    let moving = held_chord(plugin, &automation, SECONDS as f64, Pace::Free);
    let rest = held_chord(sustained(true), &[], SECONDS as f64, Pace::Free);
    does_not_click(&rest, &moving, "bounced");
}

#[test]
fn what_else_moves_a_held_chord_does_not_click() {
    const SECONDS: usize = 4;
    let rest = held_chord(sustained(true), &[], SECONDS as f64, Pace::Free);
    // Each moves up and down four times a second, or is switched as often.
    let moved: [(&str, &[(&str, &str)]); 7] = [
        ("Brightness", &[]),
        ("Speed", &[]),
        ("Freeze", &[]),
        ("Reverse", &[]),
        ("Filter Cutoff", &[("Filter", "Low"), ("Filter Resonance", "60 %")]),
        ("Filter", &[("Filter Cutoff", "900 Hz")]),
        ("Wander", &[]),
    ];
    for (name, before) in moved {
        let mut plugin = sustained(true);
        let mut events: Vec<At> = Vec::new();
        for (other, text) in before {
            let param = plugin.param(other).unwrap();
            let value = plugin.value_of(param, text).unwrap();
            events.push(Event::Set { param, value }.at(0));
        }
        let param = plugin.param(name).unwrap();
        let is_switch = ["Freeze", "Reverse", "Filter", "Wander"].contains(&name);
        events.extend((0..SECONDS * 100).map(|step| {
            let wave = 0.5 + 0.5 * (std::f64::consts::TAU * step as f64 / 25.0).sin();
            let share = if is_switch { wave.round() } else { wave };
            Event::Set { param, value: param.min + share * (param.max - param.min) }.at(step * RATE / 100 + 17)
        }));
        let moving = held_chord(plugin, &events, SECONDS as f64, Pace::Free);
        let (rest_splatter, splatter) = (splatter_db(&rest, RATE as f64), splatter_db(&moving, RATE as f64));
        println!("{name}: above the model's band {rest_splatter:.1} dB at rest, {splatter:.1} dB moving");
        assert!(splatter < -70.0, "{name}: {splatter:.1} dB above the model's band, {rest_splatter:.1} dB at rest");
        if name != "Wander" {
            let difference = rest.iter().zip(&moving).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(difference > 0.005, "{name} moved the sound by {difference} only");
        }
    }
}
