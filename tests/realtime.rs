//! The audio thread neither allocates, frees, locks, waits nor calls the kernel, in the busiest minute of play.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use timbrel_host::measure::{db, rms};
use timbrel_host::realtime::{first_offence, page_faults, watch};
use timbrel_host::{Activation, At, Event, NoteExpressionType, Pace, Plugin};

const RATE: usize = 48_000;
const SECONDS: usize = 60;

/// The keys of a chord that moves over the whole keyboard, beyond the model's range at both ends.
fn key(n: usize) -> u8 {
    (12 + n * 37 % 100) as u8
}

/// A minute that uses everything at once: strokes faster than voices end, so that some are stolen; pedal, wheel, timbre,
/// envelope and gain in motion; modes, chokes, controllers and what is said of single notes in between.
fn busiest_minute(plugin: &mut Plugin) -> Vec<At> {
    let mut events = Vec::new();
    let timbre = plugin.param("Timbre 4").unwrap();
    let expressions = [
        (NoteExpressionType::Volume, 0.7),
        (NoteExpressionType::Pan, 0.2),
        (NoteExpressionType::Vibrato, 0.8),
        (NoteExpressionType::Brightness, 0.9),
        (NoteExpressionType::Pressure, 0.6),
        (NoteExpressionType::Expression, 0.9),
        (NoteExpressionType::Tuning, 0.4),
    ];
    for n in 0..SECONDS * 20 {
        let at = n * RATE / 20 + n % 7;
        let velocity = 0.3 + 0.1 * (n % 7) as f64;
        if n % 3 == 0 {
            let id = n as u32;
            events.push(Event::OnAs { key: key(n), id, velocity }.at(at));
            events.push(Event::ModulateNote { param: timbre, id, amount: 0.1 * (n % 9) as f64 - 0.4 }.at(at));
            let (kind, value) = expressions[n / 3 % expressions.len()];
            events.push(Event::Express { key: key(n), id, kind, value }.at(at + 900));
        } else {
            events.push(Event::On { key: key(n), velocity }.at(at));
            events.push(Event::Midi([0xa0, key(n), (n % 128) as u8]).at(at + 300));
        }
        events.push(Event::off(key(n)).at(at + RATE / (1 + n % 5)));
        if n % 50 == 49 {
            events.push(Event::Choke { key: key(n) }.at(at + 10));
        }
    }
    for second in 0..SECONDS {
        let at = second * RATE;
        events.push(Event::cc(64, if second % 4 < 3 { 127 } else { 0 }).at(at));
        events.push(Event::cc(1, second as u8).at(at + 5));
        for (number, value) in
            [(2, 100), (5, 40), (65, 127 * (second % 2)), (67, 127), (69, 127), (74, 2 * second), (84, 50)]
        {
            events.push(Event::cc(number, value as u8).at(at + 20 + second));
        }
        events.push(Event::cc(67, 0).at(at + RATE / 3));
        events.push(Event::cc(69, 0).at(at + RATE / 2));
        events.push(Event::Midi([0xd0, (7 * second % 128) as u8, 0]).at(at + RATE / 4));
        // One note at a time, and many again.
        match second % 15 {
            6 => events.push(Event::cc(126, 1).at(at + 7)),
            7 => events.push(Event::cc(127, 0).at(at + 7)),
            _ => {}
        }
        match second % 20 {
            10 => events.push(Event::cc(123, 0).at(at + 100)),
            // Programs, some of which are none.
            7 | 13 | 18 => events.push(Event::Midi([0xc0, (second * 3 % 128) as u8, 0]).at(at + 31)),
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
                    events.push(Event::Set { param: *param, value: middle + half * wave }.at(at));
                }
                "Timbre 2" => events.push(Event::Modulate { param: *param, amount: half * wave }.at(at)),
                "Gain" if tick % 400 > 380 => events.push(Event::Set { param: *param, value: param.max }.at(at)),
                "Gain" => events.push(Event::Set { param: *param, value: middle + 0.1 * half * wave }.at(at)),
                "Seed" if tick % 250 == 0 => events.push(Event::Set { param: *param, value: tick as f64 }.at(at)),
                "Sustain Mode" if tick % 400 == 200 => {
                    events.push(Event::Set { param: *param, value: param.max }.at(at));
                }
                "Sustain Mode" if tick % 400 == 0 => events.push(Event::Set { param: *param, value: param.min }.at(at)),
                "Pad" if tick % 90 == 0 => events.push(Event::Set { param: *param, value: param.max }.at(at)),
                "Pad" if tick % 90 == 45 => events.push(Event::Set { param: *param, value: param.min }.at(at)),
                "Pad X" | "Pad Y" if tick % 3 == 0 => {
                    events.push(Event::Set { param: *param, value: middle + half * wave }.at(at));
                }
                "Voices" | "Wander" | "Limiter" | "Freeze" | "Reverse" | "Release Mode" if tick % 50 == 25 => {
                    // Each of its values now and then, the first for most of the time.
                    let steps = [param.min, param.min, param.min, param.max, param.default];
                    let value = steps[(tick / 50 + name.len()) % steps.len()];
                    events.push(Event::Set { param: *param, value }.at(at));
                }
                "Wheel To" | "Pressure To" | "Velocity To" if tick % 100 == 30 => {
                    let value = param.min + ((tick / 100) as f64 * 3.0) % (param.max - param.min + 1.0);
                    events.push(Event::Set { param: *param, value }.at(at));
                }
                "Filter" | "LFO To" | "LFO Length" if tick % 150 == 75 => {
                    let value = param.min + ((tick / 150) as f64 * 2.0) % (param.max - param.min + 1.0);
                    events.push(Event::Set { param: *param, value }.at(at));
                }
                "Filter Cutoff" | "Filter Resonance" | "Filter Envelope" if tick % 5 == 2 => {
                    events.push(Event::Set { param: *param, value: middle + half * wave }.at(at));
                }
                "Glide" | "Start" | "Speed" | "Brightness" | "Velocity Amount" | "Velocity Shape" if tick % 25 == 5 => {
                    let value = param.default + 0.3 * half * wave;
                    events.push(Event::Set { param: *param, value: value.clamp(param.min, param.max) }.at(at));
                }
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
    assert_eq!((caught.allocations, caught.frees, caught.locks, caught.system_calls, caught.yields), (1, 1, 0, 0, 1));
    assert!(!caught.is_nothing() && !caught.is_nothing_but_yields());
}
