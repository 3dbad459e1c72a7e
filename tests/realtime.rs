//! The audio thread neither allocates, frees, locks, waits nor calls the kernel, in the busiest minute of play.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use timbrel_host::measure::{db, rms};
use timbrel_host::realtime::{first_offence, page_faults, watch};
use timbrel_host::{Activation, At, Event, Pace, Plugin};

const RATE: usize = 48_000;
const SECONDS: usize = 60;

/// The keys of a chord that moves over the whole keyboard, beyond the model's range at both ends.
fn key(n: usize) -> u8 {
    (12 + n * 37 % 100) as u8
}

/// A minute that uses everything at once: strokes faster than voices end, so that some are stolen; pedal, wheel, timbre,
/// envelope and gain in motion; modes, chokes and controllers in between.
fn busiest_minute(plugin: &mut Plugin) -> Vec<At> {
    let mut events = Vec::new();
    for n in 0..SECONDS * 20 {
        let at = n * RATE / 20 + n % 7;
        events.push(Event::On { key: key(n), velocity: 0.3 + 0.1 * (n % 7) as f64 }.at(at));
        events.push(Event::off(key(n)).at(at + RATE / (1 + n % 5)));
        if n % 50 == 49 {
            events.push(Event::Choke { key: key(n) }.at(at + 10));
        }
    }
    for second in 0..SECONDS {
        let at = second * RATE;
        events.push(Event::cc(64, if second % 4 < 3 { 127 } else { 0 }).at(at));
        events.push(Event::cc(1, second as u8).at(at + 5));
        match second % 20 {
            10 => events.push(Event::cc(123, 0).at(at + 100)),
            15 => events.push(Event::cc(120, 0).at(at + 100)),
            _ => {}
        }
    }
    let params = plugin.params().unwrap();
    for tick in 0..SECONDS * 50 {
        let at = tick * RATE / 50;
        let wave = (tick as f64 * 0.05).sin();
        events.push(Event::bend(wave).at(at));
        for (name, param) in &params {
            let middle = (param.min + param.max) / 2.0;
            let half = (param.max - param.min) / 2.0;
            match name.as_str() {
                "Timbre 1" | "Timbre 3" => {
                    events.push(Event::Set { param: *param, value: middle + half * wave }.at(at))
                }
                "Timbre 2" => events.push(Event::Modulate { param: *param, amount: half * wave }.at(at)),
                "Gain" => events.push(Event::Set { param: *param, value: middle + 0.1 * half * wave }.at(at)),
                "Seed" if tick % 250 == 0 => events.push(Event::Set { param: *param, value: tick as f64 }.at(at)),
                "Sustain Mode" if tick % 400 == 200 => {
                    events.push(Event::Set { param: *param, value: param.max }.at(at))
                }
                "Sustain Mode" if tick % 400 == 0 => events.push(Event::Set { param: *param, value: param.min }.at(at)),
                "Release" | "Character" if tick % 10 == 0 => {
                    events.push(Event::Set { param: *param, value: middle + 0.5 * half * wave }.at(at));
                }
                _ => {}
            }
        }
    }
    events
}

/// Plays against the clock until the plugin knows that it is played live: a machine that does much else may keep no pace for a
/// while. Whether it knows is seen by a key of a timbre that nobody has rendered, for which a bounce would wait.
fn go_live(plugin: &mut Plugin, blocks: impl Fn() -> std::iter::Repeat<usize>) {
    let seed = plugin.param("Seed").unwrap();
    for unheard in 5000..5100 {
        let stroke = RATE * 9 / 10;
        let set = Event::Set { param: seed, value: f64::from(unheard) };
        plugin.watch();
        let events = [set.at(stroke), Event::on(60).at(stroke), Event::off(60).at(stroke + 100)];
        plugin.play_in(&events, 1.0, blocks(), Pace::RealTime).unwrap();
        if plugin.take_caught().is_nothing() {
            return;
        }
    }
    panic!("it waits for a note in live play: {}", first_offence());
}

#[test]
fn the_audio_thread_does_nothing_it_must_not_do() {
    let mut plugin = Plugin::ready(Activation { rate: RATE as f64, max_block: 256 }).unwrap();
    let blocks = || std::iter::repeat(256);
    // The first call waits for the model.
    plugin.play(&[Event::on(60).at(0), Event::off(60).at(100)], 0.1).unwrap();
    go_live(&mut plugin, blocks);
    let events = busiest_minute(&mut plugin);
    plugin.take_process_time();
    plugin.take_worst();
    plugin.watch();
    let audio = plugin.play_in(&events, SECONDS as f64, blocks(), Pace::RealTime).unwrap();
    let caught = plugin.take_caught();
    let load = plugin.take_process_time().as_secs_f64() / SECONDS as f64;
    println!("{:.1} % of real time, {:.0} % in the worst block", 100.0 * load, 100.0 * plugin.take_worst().clock);
    assert!(audio.is_finite());
    assert!(db(rms(&audio.left)) > -50.0, "the busiest minute is at {:.1} dB", db(rms(&audio.left)));
    assert!(caught.is_nothing(), "{caught:?}, first from:\n{}", first_offence());
}

#[test]
fn a_first_chord_finds_the_memory_of_its_voices_there() {
    const KEYS: std::ops::RangeInclusive<u8> = 24..=84;
    let mut plugin = Plugin::ready(Activation { rate: RATE as f64, max_block: 32 }).unwrap();
    let blocks = || std::iter::repeat(32);
    // One stroke brings in the code; after four seconds against the clock every key is rendered.
    plugin.play_in(&[Event::on(60).at(0), Event::off(60).at(100)], 4.0, blocks(), Pace::RealTime).unwrap();
    let chord: Vec<At> = KEYS.map(|key| Event::on(key).at(0)).collect();
    let before = page_faults();
    let audio = plugin.play_in(&chord, 32.0 / RATE as f64, blocks(), Pace::Free).unwrap();
    let faults = page_faults() - before;
    assert!(audio.left.iter().any(|&sample| sample != 0.0), "the chord sounds at once");
    // A voice holds eight pages. What is left is code that the first stroke did not need, and the host's own memory.
    assert!(faults < KEYS.len() as u64, "{faults} pages were missing when the chord was struck");
}

#[test]
fn an_allocation_of_the_plugin_is_caught() {
    let mut plugin = Plugin::load(&timbrel_host::bundle().unwrap()).unwrap();
    let gain = plugin.param("Gain").unwrap();
    let mut buffer = [0; 64];
    // The host gives a buffer of its own; the text is made by the plugin, on its heap.
    let watching = watch();
    let length = plugin.text_into(gain, 3.0, &mut buffer);
    let caught = watching.end();
    assert!(length > 0);
    assert!(caught.allocations > 0 && caught.frees > 0, "the plugin's own allocations were not seen: {caught:?}");
}

#[test]
fn what_is_done_while_watching_is_counted() {
    let watching = watch();
    assert!(watching.end().is_nothing());
    let watching = watch();
    drop(std::hint::black_box(vec![1, 2, 3]));
    std::thread::yield_now();
    let caught = watching.end();
    assert_eq!((caught.allocations, caught.frees, caught.locks, caught.system_calls), (1, 1, 0, 1));
}
