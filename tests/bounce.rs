//! Renders: complete, and the same every time.

use timbrel_host::measure::{db, rms};
use timbrel_host::{Activation, At, Audio, Event, Pace, Plugin};

const RATE: usize = 48_000;

/// A few bars with chords, a pedal and a moving timbre.
fn piece(plugin: &mut Plugin) -> Vec<At> {
    let timbre = plugin.param("Timbre 1").unwrap();
    let mut events = vec![Event::cc(64, 127).at(0), Event::cc(64, 0).at(3 * RATE)];
    for (index, key) in [48, 60, 64, 67, 72, 55, 71].into_iter().enumerate() {
        let at = index * RATE / 3;
        events.extend([Event::on(key).at(at), Event::off(key).at(at + RATE / 4)]);
    }
    let step = (timbre.max - timbre.default) / 30.0;
    events.extend((0..20).map(|n| {
        let value = timbre.default + f64::from(n) * step;
        Event::Set { param: timbre, value }.at(n as usize * RATE / 10)
    }));
    events
}

fn render(mut plugin: Plugin) -> Audio {
    let events = piece(&mut plugin);
    plugin.play(&events, 4.0).unwrap()
}

#[test]
fn two_offline_renders_are_the_same_bytes() {
    let render = || render(Plugin::ready_offline(Activation::default()).unwrap());
    let (first, second) = (render(), render());
    assert!(first.peak() > 0.01);
    assert!(first.same_bits(&second));
}

#[test]
fn one_instance_renders_the_same_twice() {
    let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
    let events = piece(&mut plugin);
    let first = plugin.play(&events, 5.0).unwrap();
    // The transport goes back to the beginning, and the automation with it.
    let timbre = plugin.param("Timbre 1").unwrap();
    plugin.play(&[Event::Set { param: timbre, value: timbre.default }.at(0)], 0.5).unwrap();
    plugin.reset();
    let second = plugin.play(&events, 5.0).unwrap();
    assert!(first.same_bits(&second));
}

#[test]
fn a_host_without_an_offline_mode_gets_a_complete_bounce() {
    let told = render(Plugin::ready_offline(Activation::default()).unwrap());
    let untold = render(Plugin::ready(Activation::default()).unwrap());
    // Every note has sounded: the level of each stretch is that of the host that said so.
    for stretch in 0..16 {
        let (from, to) = (f64::from(stretch) * 0.25, f64::from(stretch + 1) * 0.25);
        let (told, untold) = (db(rms(told.slice(from, to))), db(rms(untold.slice(from, to))));
        assert!((told - untold).abs() < 0.5 || told < -70.0, "from {from} s: {told:.1} dB told, {untold:.1} untold");
    }
    assert!(told.same_bits(&untold), "a bounce is the same in every host");
}

#[test]
fn two_instances_do_not_hear_each_other() {
    let alone = render(Plugin::ready_offline(Activation::default()).unwrap());
    let other = std::thread::spawn(|| {
        let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
        let seed = plugin.param("Seed").unwrap();
        let mut events = piece(&mut plugin);
        events.push(Event::Set { param: seed, value: 7.0 }.at(0));
        plugin.play(&events, 4.0).unwrap()
    });
    let together = render(Plugin::ready_offline(Activation::default()).unwrap());
    let other = other.join().unwrap();
    assert!(alone.same_bits(&together));
    assert!(!other.same_bits(&alone), "another seed sounds different");
}

#[test]
fn live_play_of_ready_notes_is_what_offline_gives() {
    let keys = [60, 64, 67];
    let mut events: Vec<At> = Vec::new();
    for (index, key) in keys.into_iter().enumerate() {
        events.extend([Event::on(key).at(index * RATE / 4), Event::off(key).at(RATE + index * RATE / 4)]);
    }
    let offline = Plugin::ready_offline(Activation::default()).unwrap().play(&events, 2.5).unwrap();

    let mut plugin = Plugin::ready(Activation::default()).unwrap();
    // Free-running, the plugin waits for each note; then the clock takes over, and it plays what it has.
    plugin.play(&events, 2.5).unwrap();
    let blocks = || std::iter::repeat(512);
    plugin.play_in(&[], 1.0, blocks(), Pace::RealTime).unwrap();
    plugin.reset();
    let live = plugin.play_in(&events, 2.5, blocks(), Pace::RealTime).unwrap();
    let difference = offline.left.iter().zip(&live.left).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(offline.peak() > 0.01);
    assert!(difference < 1e-4, "live play differs from the bounce by {difference}");
}
