//! The engine alone, on notes that were analysed from known tones: what it plays is compared with what the note holds.

mod bench;
#[allow(dead_code, reason = "this target damages no bytes")]
#[path = "../../src/fuzz/damage.rs"]
mod damage;
mod expression;
mod fuzz;
mod motion;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use timbrel::audio::modulation::NoteControl;
use timbrel::audio::{Event, Law, MasterTuning, Settings, TimedEvent, VelocityCurve, Wait};
use timbrel::note::{Note, NoteKey, Origin, Timbre};
use timbrel::spectral::{Representation, synthesise};
use timbrel::worker::prepare::Preparer;

use bench::{
    BRIGHT, Bench, DARK, MODEL, amplitude, cents_from, hertz, image, note, off, on, peak, roughness, settings, timbre,
};

#[test]
fn a_note_at_rest_is_the_offline_inverse_sample_by_sample() {
    for pitch in [30, 60, 84] {
        let offline = synthesise(Representation::IfHires, &image(pitch, BRIGHT)).unwrap();
        let mut bench = Bench::new(16_000.0);
        bench.give(&note(1, pitch, BRIGHT));
        let played = bench.play(&Settings { hold: false, ..settings(1) }, 64_000, 512, &[(0, on(pitch))]);
        // But for its first millisecond, over which it fades in.
        for (i, (a, b)) in offline.iter().zip(&played).enumerate().skip(16) {
            assert!((a - b).abs() < 1e-4, "pitch {pitch}, sample {i}: offline {a}, played {b}");
        }
    }
}

#[test]
fn an_onset_falls_on_its_sample_and_blocks_change_nothing() {
    let note = note(1, 60, BRIGHT);
    let play = |block: usize, at: usize| {
        let mut bench = Bench::new(48_000.0);
        bench.give(&note);
        bench.play(&settings(1), 30_000, block, &[(at, on(60)), (at + 20_000, off(60))])
    };
    let reference = play(512, 0);
    assert!(peak(&reference[..2_000]) > 0.05);
    for (block, at) in [(1, 0), (7, 0), (8_192, 0), (512, 1_001), (64, 4_095)] {
        let played = play(block, at);
        assert!(played[..at].iter().all(|x| *x == 0.0), "silence before the stroke");
        assert_eq!(&played[at..], &reference[..30_000 - at], "block {block}, onset {at}");
    }
}

#[test]
fn every_rate_and_transposition_is_in_tune() {
    for rate in [22_050.0, 44_100.0, 96_000.0, 192_000.0] {
        for (key, pitch) in [(60, 60), (62, 60), (90, 84), (20, 24)] {
            let mut bench = Bench::new(rate as f32);
            bench.give(&note(1, pitch, BRIGHT));
            let wave = bench.play(&settings(1), (rate * 2.0) as usize, 333, &[(0, on(key))]);
            let cents = cents_from(&wave[(rate * 0.5) as usize..], hertz(f64::from(key)), rate);
            assert!(cents.abs() < 1.0, "key {key} from {pitch} at {rate}: {cents} cents");
        }
    }
}

#[test]
fn a_note_transposed_far_up_folds_nothing_back() {
    // Key 120 from pitch 84 at 44.1 kHz: eight times the frequency; all above 22.05 kHz must be gone.
    let mut bench = Bench::new(44_100.0);
    bench.give(&note(1, 84, BRIGHT));
    let wave = bench.play(&settings(1), 44_100, 512, &[(0, on(120))]);
    let wave = &wave[8_000..40_000];
    let fundamental = amplitude(wave, hertz(120.0), 44_100.0);
    assert!(fundamental > 0.05);
    // Partials 3, 4, 5 would fold back to these.
    for n in 3..=6 {
        let folded = (f64::from(n) * hertz(120.0)).rem_euclid(44_100.0);
        let folded = folded.min(44_100.0 - folded);
        let level = amplitude(wave, folded, 44_100.0) / fundamental;
        assert!(20.0 * level.log10() < -70.0, "partial {n} at {folded} Hz: {} dB", 20.0 * level.log10());
    }
}

#[test]
fn bend_and_tune_move_the_pitch() {
    let mut bench = Bench::new(48_000.0);
    bench.give(&note(1, 60, BRIGHT));
    let tuned = Settings { tune_semitones: 0.3, ..settings(1) };
    let events = [(0, on(60)), (48_000, Event::Bend { channel: 0, value: 1.0 })];
    let wave = bench.play(&tuned, 96_000, 256, &events);
    assert!(cents_from(&wave[10_000..48_000], hertz(60.3), 48_000.0).abs() < 1.0);
    assert!(cents_from(&wave[52_000..], hertz(62.3), 48_000.0).abs() < 1.0);
}

#[test]
fn a_held_note_sounds_on_at_its_level() {
    let mut bench = Bench::new(48_000.0);
    bench.give(&note(1, 60, BRIGHT));
    let wave = bench.play(&settings(1), 48_000 * 20, 512, &[(0, on(60))]);
    let level = |second: usize| {
        let part = &wave[second * 48_000..(second + 1) * 48_000];
        10.0 * (part.iter().map(|x| f64::from(x * x)).sum::<f64>() / 48_000.0).log10()
    };
    for second in 1..20 {
        assert!((level(second) - level(1)).abs() < 0.2, "second {second}: {} dB", level(second) - level(1));
    }
    let clean = roughness(&wave[20_000..]);
    let (max, median) = (clean.iter().copied().fold(0.0, f32::max), clean[clean.len() / 2]);
    assert!(max < 1.5 * median, "no turn of the playhead is heard: {max} against {median}");
}

#[test]
fn a_morph_leads_from_timbre_to_timbre_without_a_click() {
    let mut bench = Bench::new(48_000.0);
    bench.give(&note(1, 60, BRIGHT));
    let mut wave = bench.play(&settings(1), 48_000, 512, &[(0, on(60))]);
    let wanted = *bench.worker.wanted.read();
    assert_eq!(wanted.request_count, 0, "nothing is missing");
    wave.extend(bench.play(&settings(2), 4_800, 512, &[]));
    let wanted = *bench.worker.wanted.read();
    assert_eq!(wanted.timbre, timbre(2));
    assert_eq!(wanted.requests()[0].key, 60, "the sounding note is asked for");
    bench.give(&note(2, 60, DARK));
    wave.extend(bench.play(&settings(2), 48_000, 512, &[]));
    assert_eq!(bench.worker.wanted.read().request_count, 0);
    let before = amplitude(&wave[20_000..48_000], 8.0 * hertz(60.0), 48_000.0);
    let after = amplitude(&wave[70_000..100_000], 8.0 * hertz(60.0), 48_000.0);
    assert!(after < 0.01 * before, "the bright partial goes: {before} to {after}");
    assert!(cents_from(&wave[70_000..100_000], hertz(60.0), 48_000.0).abs() < 1.0);
    let rough = roughness(&wave[20_000..100_000]);
    let steady = rough[..60].iter().copied().fold(0.0, f32::max);
    assert!(rough.iter().all(|r| *r < 1.2 * steady), "a click would stand above the bright tone's own roughness");
    // The fundamental keeps its phase: its level never dips below the lower of the two.
    let levels: Vec<f64> =
        wave[20_000..100_000].chunks_exact(2_048).map(|part| amplitude(part, hertz(60.0), 48_000.0)).collect();
    assert!(levels.iter().all(|level| *level > 0.085), "no comb: {levels:?}");
}

#[test]
fn a_first_note_sounds_from_the_nearest_and_moves_over() {
    let mut bench = Bench::new(48_000.0);
    bench.give(&note(1, 57, BRIGHT));
    let mut wave = bench.play(&settings(1), 48_000, 512, &[(0, on(60))]);
    assert!(cents_from(&wave[10_000..40_000], hertz(60.0), 48_000.0).abs() < 1.0, "transposed to the key's pitch");
    bench.give(&note(1, 60, BRIGHT));
    wave.extend(bench.play(&settings(1), 48_000, 512, &[]));
    assert!(cents_from(&wave[60_000..], hertz(60.0), 48_000.0).abs() < 1.0);
    let rough = roughness(&wave[10_000..]);
    let steady = rough[..100].iter().copied().fold(0.0, f32::max);
    assert!(rough.iter().all(|r| *r < 2.0 * steady), "the change of the note does not click");
    let rms = |part: &[f32]| (part.iter().map(|x| x * x).sum::<f32>() / part.len() as f32).sqrt();
    let steady = rms(&wave[10_000..40_000]);
    for part in wave[40_000..].chunks_exact(2_400) {
        assert!(rms(part) > 0.3 * steady, "the sound does not stop: {} of {steady}", rms(part));
    }
}

#[test]
fn a_key_with_no_note_at_all_sounds_when_one_comes() {
    let mut bench = Bench::new(48_000.0);
    let silent = bench.play(&settings(1), 4_800, 512, &[(100, on(60))]);
    assert_eq!(peak(&silent), 0.0);
    assert_eq!(bench.worker.wanted.read().requests()[0].key, 60);
    bench.give(&note(1, 60, BRIGHT));
    assert!(peak(&bench.play(&settings(1), 9_600, 512, &[])) > 0.05);
}

#[test]
fn an_offline_render_plays_each_key_from_its_own_note_whatever_comes_first() {
    let render = |before: &[Arc<Note>], late: &[u8]| {
        let mut bench = Bench::new(48_000.0);
        bench.engine.activate(48_000.0, true);
        before.iter().for_each(|note| bench.give(note));
        let Bench { mut engine, mut worker } = bench;
        let mut out = vec![0.0; 24_000];
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while worker.wanted.read().request_count == 0 {
                    std::thread::yield_now();
                }
                for &pitch in late {
                    assert!(worker.notes.push(note(1, pitch, BRIGHT)).is_ok(), "the ring has room");
                    // The next one comes once this one was looked at.
                    while worker.notes.slots() < worker.notes.buffer().capacity() {
                        std::thread::yield_now();
                    }
                }
            });
            engine.process(&settings(1), Wait::Always, [TimedEvent { sample: 100, event: on(60) }], &mut out);
        });
        out
    };
    let alone = render(&[], &[60]);
    assert!(peak(&alone) > 0.05);
    assert_eq!(alone, render(&[note(1, 57, DARK)], &[61, 60]), "a neighbour changes nothing");
    assert_eq!(alone, render(&[note(2, 60, DARK)], &[60]), "an earlier timbre changes nothing");
}

#[test]
fn a_timbre_that_never_rests_needs_a_bounded_number_of_renderings_offline() {
    let seconds = 2;
    let mut bench = Bench::new(48_000.0);
    bench.engine.activate(48_000.0, true);
    let Bench { mut engine, mut worker } = bench;
    let image = image(60, BRIGHT);
    let done = AtomicBool::new(false);
    let rendered = std::thread::scope(|scope| {
        let rendering = scope.spawn(|| {
            let mut preparer = Preparer::new(Representation::IfHires);
            let mut rendered: Vec<NoteKey> = Vec::new();
            while !done.load(Ordering::Relaxed) {
                for request in worker.wanted.read().requests() {
                    let key = NoteKey { model: MODEL, timbre: request.timbre, pitch: request.key };
                    if !rendered.contains(&key) {
                        assert!(
                            worker.notes.push(Arc::new(preparer.note(key, &image).unwrap())).is_ok(),
                            "the ring has room"
                        );
                        rendered.push(key);
                    }
                }
                while worker.used.pop().is_ok() {}
                std::thread::yield_now();
            }
            rendered.len()
        });
        let mut out = [0.0; 64];
        for block in 0..seconds * 48_000 / 64 {
            let timbre = Timbre { seed: 1, seed_to: 2, blend: block as u16, ..Timbre::default() };
            // The two keys are struck at different moments of their frames.
            let strike = [(0, 60), (11, 64)].into_iter().filter(|&(at, _)| at == block);
            let events = strike.map(|(_, key)| TimedEvent { sample: 0, event: on(key) });
            engine.process(&Settings { timbre, ..settings(1) }, Wait::Always, events, &mut out);
        }
        done.store(true, Ordering::Relaxed);
        rendering.join().unwrap()
    });
    // Each key follows once in the four frames of 32 ms that a change takes, and the frame in which it begins.
    let most = 2 * (seconds * 1000 / 128 + 1);
    assert!((most / 2..=most).contains(&rendered), "{rendered} renderings, {most} at most");
}

#[test]
fn pedal_notes_off_and_sound_off() {
    /// What is played, and whether it still sounds at the end.
    type Case<'a> = (&'a str, &'a [(usize, Event)], bool);
    let start = |bench: &mut Bench, events: &[(usize, Event)]| {
        bench.give(&note(1, 60, BRIGHT));
        let wave = bench.play(&settings(1), 96_000, 512, events);
        peak(&wave[90_000..])
    };
    let pedal = |down| Event::Pedal { channel: 0, down };
    let cases: [Case; 6] = [
        ("held", &[(0, on(60))], true),
        ("released", &[(0, on(60)), (1_000, off(60))], false),
        ("pedalled", &[(0, on(60)), (500, pedal(true)), (1_000, off(60))], true),
        ("pedal up", &[(0, on(60)), (500, pedal(true)), (1_000, off(60)), (2_000, pedal(false))], false),
        ("all notes off", &[(0, on(60)), (1_000, Event::AllNotesOff { channel: 0 })], false),
        ("all sound off", &[(0, on(60)), (500, pedal(true)), (1_000, Event::AllSoundOff { channel: 0 })], false),
    ];
    for (name, events, sounds) in cases {
        assert_eq!(start(&mut Bench::new(48_000.0), events) > 0.01, sounds, "{name}");
    }
}

#[test]
fn sixty_four_voices_sound_and_the_sixty_fifth_steals_without_a_click() {
    let mut bench = Bench::new(48_000.0);
    let notes: Vec<_> = (24..=84).map(|pitch| note(1, pitch, &[0.01])).collect();
    notes.iter().for_each(|note| bench.give(note));
    bench.play(&settings(1), 512, 512, &[]);
    let mut events: Vec<(usize, Event)> = (20..84).map(|key| (0, on(key))).collect();
    events.extend((84..100).map(|key| (48_000, on(key))));
    let wave = bench.play(&settings(1), 96_000, 480, &events);
    assert_eq!(bench.engine.voices(), 64);
    for key in 84..100 {
        assert!(amplitude(&wave[60_000..], hertz(f64::from(key)), 48_000.0) > 0.005, "key {key} sounds");
    }
    for key in 20..36 {
        assert!(amplitude(&wave[60_000..], hertz(f64::from(key)), 48_000.0) < 0.003, "key {key} was stolen");
    }
    // The new keys are higher, and so rougher by themselves: what follows the change is the measure.
    let rough = roughness(&wave[47_000..]);
    let change = rough[..20].iter().copied().fold(0.0, f32::max);
    let after = rough[40..].iter().copied().fold(0.0, f32::max);
    assert!(change < 1.2 * after, "{change} against {after}");
}

#[test]
fn velocity_scales_the_level_by_its_depth() {
    let level = |velocity: f32, depth: f32| {
        let mut bench = Bench::new(48_000.0);
        bench.give(&note(1, 60, BRIGHT));
        let event = Event::NoteOn { key: 60, channel: 0, id: None, velocity };
        peak(&bench.play(
            &Settings { velocity: VelocityCurve { law: Law::Square, depth, shape: 0.0 }, ..settings(1) },
            24_000,
            512,
            &[(0, event)],
        ))
    };
    let full = level(1.0, 1.0);
    assert!((level(0.5, 1.0) / full - 0.25).abs() < 1e-3);
    assert!((level(0.5, 0.0) / full - 1.0).abs() < 1e-3);
}

#[test]
fn every_note_finds_its_way_back_to_be_freed() {
    let mut bench = Bench::new(48_000.0);
    let (first, second) = (note(1, 60, BRIGHT), note(2, 60, DARK));
    bench.give(&first);
    bench.play(&settings(1), 9_600, 512, &[(0, on(60))]);
    bench.give(&second);
    bench.play(&settings(2), 48_000, 512, &[(24_000, off(60))]);
    assert_eq!(Arc::strong_count(&first), 1, "only the test still has the first note");
    assert_eq!(Arc::strong_count(&second), 2, "the bank keeps the second");
}

/// Strikes a key in a bounce, with a device's louder note in the bank, and gives the processor's own to who asks for it.
/// Returns whether it was asked for, and how loud the bounce is.
fn bounce_beside_a_devices_note(bounce_on_cpu: bool) -> (bool, f32) {
    let mut bench = Bench::new(16_000.0);
    bench.worker.status.bounce_on_cpu.store(bounce_on_cpu, Ordering::Relaxed);
    let cpu = note(1, 60, &[0.1]);
    let key = cpu.key;
    let device = Preparer::new(Representation::IfHires).note(key, &image(60, &[0.4])).unwrap();
    bench.give(&Arc::new(Note { origin: Origin::Device, ..device }));
    // Live, the device's note goes into the bank.
    bench.play(&settings(1), 256, 64, &[]);
    bench.engine.activate(16_000.0, true);
    let Bench { mut engine, mut worker } = bench;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let rendering = scope.spawn(|| {
            let mut asked = false;
            while !done.load(Ordering::Relaxed) {
                if !asked && worker.wanted.read().requests().iter().any(|request| request.key == 60) {
                    asked = true;
                    assert!(worker.notes.push(Arc::clone(&cpu)).is_ok(), "the ring has room");
                }
                while worker.used.pop().is_ok() {}
                std::thread::yield_now();
            }
            asked
        });
        let mut loudest = 0.0f32;
        for block in 0..100 {
            let mut out = [0.0; 64];
            let strike = (block == 0).then_some(TimedEvent { sample: 0, event: on(60) });
            engine.process(&settings(1), Wait::Always, strike, &mut out);
            loudest = loudest.max(peak(&out));
        }
        done.store(true, Ordering::Relaxed);
        (rendering.join().unwrap(), loudest)
    })
}

#[test]
fn a_bounce_waits_for_the_processors_note_although_a_devices_is_there() {
    let (asked, loudest) = bounce_beside_a_devices_note(true);
    assert!(asked && (0.05..0.2).contains(&loudest), "asked: {asked}, peak {loudest}");
}

#[test]
fn a_bounce_takes_the_devices_note_where_the_user_has_said_so() {
    let (asked, loudest) = bounce_beside_a_devices_note(false);
    assert!(!asked && (0.2..0.8).contains(&loudest), "asked: {asked}, peak {loudest}");
}

/// Found by the fuzzer of the engine's events.
#[test]
fn what_is_no_number_in_an_event_harms_nothing() {
    let nan = f32::NAN;
    for wrong in [
        Event::NoteOn { key: 62, channel: 0, id: None, velocity: nan },
        Event::Bend { channel: 0, value: nan },
        Event::Tuning { key: Some(60), channel: None, id: None, semitones: nan },
        Event::Tuning { key: None, channel: None, id: None, semitones: f32::INFINITY },
        Event::Pressure { channel: 0, value: nan },
        Event::Note { key: None, channel: None, id: None, control: NoteControl::Volume(nan) },
        Event::Note { key: None, channel: None, id: None, control: NoteControl::Slide(f32::NEG_INFINITY) },
        Event::Note { key: None, channel: None, id: None, control: NoteControl::Pan(nan) },
        Event::OctaveTuning { channels: u16::MAX, semitones: [nan; 12] },
        Event::MasterTuning { range: MasterTuning::Fine, semitones: nan },
    ] {
        let mut bench = Bench::new(48_000.0);
        bench.give(&note(1, 60, BRIGHT));
        bench.give(&note(1, 62, BRIGHT));
        let wave = bench.play(&settings(1), 24_000, 512, &[(0, on(60)), (4_000, wrong)]);
        assert!(wave.iter().all(|sample| sample.is_finite()), "{wrong:?}");
        // And the next note sounds.
        let wave = bench.play(&settings(1), 24_000, 512, &[(0, Event::Bend { channel: 0, value: 0.0 }), (0, on(62))]);
        assert!(wave.iter().all(|sample| sample.is_finite()) && peak(&wave) > 0.05, "after {wrong:?}");
    }
}

/// All that can tune a note at once: without a bound a voice would go through its note thousands of times for each sample.
#[test]
fn tunings_that_add_up_beyond_hearing_stop_no_audio_call() {
    let controller = |number, value| (0, Event::Controller { channel: 0, number, value });
    let mut bench = Bench::new(48_000.0);
    bench.give(&note(1, 60, BRIGHT));
    let mut events = vec![(0, on(60)), controller(101, 0)];
    events.extend([controller(100, 0), controller(6, 127), controller(100, 2), controller(6, 127)]);
    events.push((10, Event::Tuning { key: None, channel: None, id: None, semitones: 1e9 }));
    events.push((10, Event::Bend { channel: 0, value: 1.0 }));
    assert!(bench.play(&settings(1), 48_000, 512, &events).iter().all(|sample| sample.is_finite()));
}
