//! Parameters that move while notes sound.

use timbrel_host::measure::{db, flux, rms, splatter_db};
use timbrel_host::{Activation, At, Audio, Event, Plugin};

const RATE: usize = 48_000;

const CHORD: [u8; 4] = [45, 57, 64, 72];

#[test]
fn automation_acts_at_its_sample() {
    let play = |at: Option<usize>| {
        let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
        let gain = plugin.param("Gain").unwrap();
        let mut events = vec![Event::on(60).at(0)];
        events.extend(at.map(|sample| Event::Set { param: gain, value: -30.0 }.at(sample)));
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
        assert!(splatter_db(&automated.left, automated.rate) < -60.0, "a step of the gain clicks");
    }
}

#[test]
fn modulation_is_heard_like_the_value_it_makes() {
    let play = |event: fn(timbrel_host::Param) -> Event| {
        let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
        let timbre = plugin.param("Timbre 1").unwrap();
        plugin.play(&[event(timbre).at(0), Event::on(60).at(512)], 1.0).unwrap()
    };
    let plain = play(|param| Event::Set { param, value: 0.0 });
    let set = play(|param| Event::Set { param, value: 2.0 });
    let modulated = play(|param| Event::Modulate { param, amount: 2.0 });
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
            let value = if Some(index) == direction { param.max } else { 0.0 };
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
                let value = param.max * (std::f64::consts::TAU * hz * time_s).sin();
                Event::Set { param, value }.at(at)
            })
        })
        .collect()
}

fn held_chord(events: Vec<At>, seconds: f64) -> Audio {
    let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
    let mut events = events;
    events.extend(CHORD.map(|key| Event::on(key).at(0)));
    plugin.play(&events, seconds).unwrap()
}

#[test]
fn a_moving_timbre_does_not_click() {
    const SECONDS: usize = 20;
    let automation = sweeps(&mut Plugin::load(&timbrel_host::bundle().unwrap()).unwrap(), SECONDS);
    let rest = held_chord(Vec::new(), SECONDS as f64);
    let moving = held_chord(automation, SECONDS as f64);
    // The stroke itself is no click.
    let body = |audio: &Audio| audio.slice(1.0, SECONDS as f64).to_vec();
    let (rest, moving) = (body(&rest), body(&moving));
    let most = |x: &[f32]| flux(x, RATE as f64).into_iter().fold(0.0, f64::max);
    let (rest_flux, moving_flux) = (most(&rest), most(&moving));
    let (rest_splatter, moving_splatter) = (splatter_db(&rest, RATE as f64), splatter_db(&moving, RATE as f64));
    println!("largest flux: {rest_flux:.4} at rest, {moving_flux:.4} moving");
    println!("above the model's band: {rest_splatter:.1} dB at rest, {moving_splatter:.1} dB moving");
    assert!(moving_flux < 3.0 * rest_flux.max(0.05), "flux {moving_flux:.4} against {rest_flux:.4} at rest");
    assert!(moving_splatter < -60.0 && moving_splatter < rest_splatter + 12.0, "{moving_splatter:.1} dB");
    // It moved at all.
    let difference = rest.iter().zip(&moving).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference > 0.01, "the timbre moved by {difference} only");
}
