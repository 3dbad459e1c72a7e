//! Any events with any numbers, under any settings: no panic, and nothing but numbers in the sound.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use timbrel::audio::modulation::{Assignment, Assignments, Destination, NoteControl, polyphonic};
use timbrel::audio::{
    Adsr, Event, FilterMode, FilterSettings, Law, LfoSettings, MasterTuning, Settings, Transport, VelocityCurve,
    VoiceMode,
};

use super::bench::{BRIGHT, Bench, DARK, note, settings};
use super::damage::run;

/// Samples of a case.
const SAMPLES: usize = 4_096;

/// A number within its bounds for the most part, else one as large or as odd as numbers get.
fn number(low: f32, high: f32) -> impl Strategy<Value = f32> {
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, f32::MIN_POSITIVE, -0.0, 1e-40];
    prop_oneof![6 => low..=high, 1 => prop::sample::select(odd.to_vec())]
}

/// What a parameter may be: its range holds, whatever a host sends.
fn within(low: f32, high: f32) -> impl Strategy<Value = f32> {
    prop_oneof![4 => low..=high, 1 => Just(low), 1 => Just(high)]
}

fn key() -> impl Strategy<Value = u8> {
    prop_oneof![6 => 50..70u8, 1 => any::<u8>()]
}

fn channel() -> impl Strategy<Value = u8> {
    prop_oneof![4 => 0..3u8, 1 => any::<u8>()]
}

fn control() -> impl Strategy<Value = NoteControl> {
    prop_oneof![
        number(0.0, 4.0).prop_map(NoteControl::Volume),
        number(-1.0, 1.0).prop_map(NoteControl::Pan),
        number(0.0, 1.0).prop_map(NoteControl::Vibrato),
        number(0.0, 1.0).prop_map(NoteControl::Expression),
        number(0.0, 1.0).prop_map(NoteControl::Pressure),
        number(-1.0, 1.0).prop_map(NoteControl::Slide),
        (0..2 * polyphonic::COUNT, number(-300.0, 300.0))
            .prop_map(|(number, offset)| NoteControl::Parameter { number, offset }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let addressed = || (option::of(key()), option::of(channel()), option::of(0..4i32));
    prop_oneof![
        6 => (key(), channel(), option::of(0..4i32), number(0.0, 1.0))
            .prop_map(|(key, channel, id, velocity)| Event::NoteOn { key, channel, id, velocity }),
        4 => addressed().prop_map(|(key, channel, id)| Event::NoteOff { key, channel, id }),
        1 => addressed().prop_map(|(key, channel, id)| Event::Choke { key, channel, id }),
        2 => (addressed(), number(-48.0, 48.0))
            .prop_map(|((key, channel, id), semitones)| Event::Tuning { key, channel, id, semitones }),
        3 => (addressed(), control())
            .prop_map(|((key, channel, id), control)| Event::Note { key, channel, id, control }),
        1 => (channel(), number(0.0, 1.0)).prop_map(|(channel, value)| Event::Pressure { channel, value }),
        1 => (channel(), any::<bool>()).prop_map(|(channel, on)| Event::Mono { channel, on }),
        1 => (any::<u16>(), number(-1.0, 1.0))
            .prop_map(|(channels, offset)| Event::OctaveTuning { channels, semitones: [offset; 12] }),
        1 => (prop_oneof![Just(MasterTuning::Coarse), Just(MasterTuning::Fine)], number(-64.0, 64.0))
            .prop_map(|(range, semitones)| Event::MasterTuning { range, semitones }),
        2 => (channel(), number(-1.0, 1.0)).prop_map(|(channel, value)| Event::Bend { channel, value }),
        1 => (channel(), any::<bool>()).prop_map(|(channel, down)| Event::Pedal { channel, down }),
        1 => (channel(), any::<bool>()).prop_map(|(channel, down)| Event::Sostenuto { channel, down }),
        4 => (channel(), any::<u8>(), any::<u8>())
            .prop_map(|(channel, number, value)| Event::Controller { channel, number, value }),
        1 => channel().prop_map(|channel| Event::AllNotesOff { channel }),
        1 => channel().prop_map(|channel| Event::AllSoundOff { channel }),
        1 => channel().prop_map(|channel| Event::ResetControllers { channel }),
    ]
}

fn assignment() -> impl Strategy<Value = Assignment> {
    let to = prop_oneof![
        Just(Destination::Nothing),
        Just(Destination::Vibrato),
        Just(Destination::Brightness),
        Just(Destination::Level),
        Just(Destination::Cutoff),
        (0..8u8).prop_map(Destination::Direction),
    ];
    (to, within(-1.0, 1.0)).prop_map(|(to, amount)| Assignment { to, amount })
}

fn adsr() -> impl Strategy<Value = Adsr> {
    (within(0.0, 5.0), within(0.005, 10.0), within(0.0, 1.0), within(0.005, 10.0))
        .prop_map(|(attack, decay, sustain, release)| Adsr { attack, decay, sustain, release })
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let level = (adsr(), within(0.0, 1.0), within(-1.0, 1.0), within(0.001, 4.0), any::<[bool; 8]>());
    let pitch = (within(0.0, 24.0), within(-12.0, 12.0), within(0.0, 2.0), within(0.0, 5.0));
    let frames = (within(0.0, 4.0), within(0.25, 4.0), within(-1.0, 1.0), within(0.0, 1.0));
    let assignments = (assignment(), assignment(), assignment(), assignment(), assignment(), assignment());
    let filter = (
        prop::sample::select(vec![FilterMode::Off, FilterMode::Low, FilterMode::Band, FilterMode::High]),
        within(0.0, 140.0),
        within(0.0, 1.0),
        within(-96.0, 96.0),
        adsr(),
    );
    let lfo = (assignment(), 0.05..32.0f64, 20.0..400.0f64, option::of(-8.0..1e6f64));
    let voices = prop::sample::select(vec![VoiceMode::Poly, VoiceMode::Mono, VoiceMode::Legato]);
    (1..3u32, level, pitch, frames, assignments, filter, lfo, voices).prop_map(
        |(seed, level, pitch, frames, assigned, filter, lfo, voice_mode)| {
            let (adsr, depth, shape, gain, [hold, wander, freeze, reverse, rings, limiter, square, follows_master]) =
                level;
            let (bend_semitones, tune_semitones, vibrato, glide) = pitch;
            let (start_seconds, speed, tilt, brightness) = frames;
            let (wheel, breath, pressure, slide, velocity, key) = assigned;
            let (mode, cutoff, resonance, envelope, filter_adsr) = filter;
            let (to, beats, tempo, song) = lfo;
            let law = if square { Law::Square } else { Law::Even };
            Settings {
                adsr,
                velocity: VelocityCurve { law, depth, shape },
                bend_semitones,
                tune_semitones,
                gain,
                hold,
                wander,
                start_seconds,
                speed,
                freeze,
                reverse,
                rings,
                brightness,
                vibrato,
                assignments: Assignments { wheel, breath, pressure, slide, velocity, key },
                tilt,
                voice_mode,
                glide,
                filter: FilterSettings { mode, cutoff, resonance, keyed: resonance, envelope, adsr: filter_adsr },
                lfo: LfoSettings { to, beats },
                transport: Transport { tempo, beats: song },
                limiter,
                follows_master,
                ..settings(seed)
            }
        },
    )
}

#[test]
fn fuzz_events_and_settings() {
    let notes = [note(1, 60, BRIGHT), note(1, 67, DARK), note(2, 60, DARK)];
    let rates = prop::sample::select(vec![8_000.0f32, 44_100.0, 48_000.0, 192_000.0]);
    let piece = (any_settings(), vec((0..SAMPLES, event()), 0..12));
    let case = (rates, prop::sample::select(vec![1usize, 32, 509, SAMPLES]), vec(piece, 1..4));
    run(case, 300, |(rate, block, pieces)| {
        let mut bench = Bench::new(rate);
        notes.iter().for_each(|note| bench.give(note));
        for (settings, mut events) in pieces {
            events.sort_by_key(|(at, _)| *at);
            let wave = bench.play(&settings, SAMPLES, block, &events);
            let wrong = wave.iter().position(|sample| !sample.is_finite());
            assert_eq!(wrong, None, "{} in the sound", wrong.map_or(0.0, |at| wave[at]));
        }
    });
}
