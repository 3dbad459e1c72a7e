//! Presets of the factory bank, chosen by program changes, and the latents that come with them.

use timbrel_host::measure::{db, rms};
use timbrel_host::{Activation, At, Audio, Event, Pace, Plugin};

const RATE: usize = 48_000;

fn program(number: u8) -> Event {
    Event::Midi([0xc0, number, 0])
}

fn fresh() -> Plugin {
    Plugin::load(&timbrel_host::bundle().unwrap()).unwrap()
}

fn ready() -> Plugin {
    Plugin::ready_offline(Activation::default()).unwrap()
}

fn chord(plugin: &mut Plugin) -> Audio {
    plugin.reset();
    plugin.play(&[48, 60, 67].map(|key| Event::on(key).at(100)), 1.0).unwrap()
}

/// Notes, and programs between them, off the beat and in the middle of a note.
fn piece() -> Vec<At> {
    let mut events = vec![program(5).at(0)];
    for (index, key) in [48, 60, 64, 67, 72].into_iter().enumerate() {
        let at = index * RATE / 2 + 77;
        events.extend([Event::on(key).at(at), Event::off(key).at(at + RATE / 3)]);
    }
    events.extend([program(17).at(RATE / 2 + 4_001), program(30).at(RATE + 9_999), program(72).at(2 * RATE + 123)]);
    events.sort_by_key(|event| event.sample);
    events
}

#[test]
fn a_program_plays_its_preset_and_a_saved_session_goes_on_with_it() {
    let mut plugin = ready();
    let before = chord(&mut plugin);
    plugin.play(&[program(17).at(0)], 0.1).unwrap();
    let sound = chord(&mut plugin);
    assert!(db(rms(&sound.left)) > -50.0);
    assert!(!sound.same_bits(&before));
    let state = plugin.save().unwrap();
    assert!(String::from_utf8_lossy(&state).contains("latent"), "no seed draws it, so it is saved whole");
    let again = plugin.save().unwrap();
    assert_eq!(again, state);
    drop(plugin);

    let mut restored = fresh();
    restored.restore(&state).unwrap();
    restored.set_offline(true).unwrap();
    restored.activate(Activation::default()).unwrap();
    assert!(chord(&mut restored).same_bits(&sound));
    assert_eq!(restored.save().unwrap(), state);
    // The seed, set to another value, plays.
    let seed = restored.param("Seed").unwrap();
    restored.play(&[Event::Set { param: seed, value: 41.0 }.at(0)], 0.1).unwrap();
    let seeded = chord(&mut restored);
    assert!(!seeded.same_bits(&sound));
    let mut other = ready();
    other.restore(&restored.save().unwrap()).unwrap();
    assert!(chord(&mut other).same_bits(&seeded));
}

/// The number of a preset of the factory bank.
fn number_of(name: &str) -> u8 {
    let bank = include_str!("../assets/presets/factory.json");
    let lines = bank.lines().filter(|line| line.contains("\"timbrel_preset\""));
    let found = lines.enumerate().find(|(_, line)| line.contains(&format!("\"name\":\"{name}\",\"author\"")));
    found.expect("it is in the bank").0 as u8
}

#[test]
fn the_pad_moves_a_held_note_and_its_bounce_is_the_same_every_time() {
    let render = || {
        let mut plugin = ready();
        let (x, y) = (plugin.param("Pad X").unwrap(), plugin.param("Pad Y").unwrap());
        let mut events = vec![program(number_of("Four winds")).at(0), Event::on(60).at(1_000)];
        events.extend((0..40).map(|step| {
            let (param, value) = if step % 2 == 0 { (x, step as f64 / 40.0) } else { (y, 1.0 - step as f64 / 40.0) };
            Event::Set { param, value }.at(RATE + step * RATE / 20)
        }));
        plugin.play(&events, 4.0).unwrap()
    };
    let sound = render();
    assert!(sound.is_finite() && sound.peak() > 0.01 && sound.peak() < 1.0);
    assert!(sound.same_bits(&render()));
    // A corner is another sound than the middle.
    let at = |x: f64, y: f64| {
        let mut plugin = ready();
        let places = [("Pad X", x), ("Pad Y", y)].map(|(name, value)| (plugin.param(name).unwrap(), value));
        let mut events = vec![program(number_of("Four winds")).at(0)];
        events.extend(places.map(|(param, value)| Event::Set { param, value }.at(10)));
        plugin.play(&events, 0.1).unwrap();
        chord(&mut plugin)
    };
    let sounds = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 0.5)].map(|(x, y)| at(x, y));
    for (index, one) in sounds.iter().enumerate() {
        assert!(sounds[..index].iter().all(|other| !other.same_bits(one)));
    }
}

#[test]
fn programs_are_heard_at_their_samples_whatever_the_block_size() {
    let render = |blocks: &'static [usize]| {
        let mut plugin = ready();
        plugin.play_in(&piece(), 3.5, blocks.iter().copied().cycle(), Pace::Free).unwrap()
    };
    let whole = render(&[512]);
    assert!(whole.peak() > 0.01);
    for blocks in [&[64][..], &[1, 511, 37, 300]] {
        assert!(render(blocks).same_bits(&whole), "in blocks of {blocks:?}");
    }
}

#[test]
fn a_program_that_no_preset_has_changes_nothing() {
    let mut plugin = ready();
    let before = (chord(&mut plugin), plugin.save().unwrap());
    plugin.play(&[program(127).at(0)], 0.1).unwrap();
    let after = (chord(&mut plugin), plugin.save().unwrap());
    assert!(after.0.same_bits(&before.0));
    assert_eq!(after.1, before.1);
}
