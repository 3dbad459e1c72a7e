//! How the frames of a note are gone through: start, speed, freeze, reverse, release; and how its keys are tuned.

use timbrel::audio::{Adsr, Event, MasterTuning, Settings};
use timbrel::tuning::Tuning;

use super::bench::{
    BRIGHT, Bench, amplitude, cents_from, hertz, image_of, note, note_of, off, on, peak, roughness, settings,
};

const RATE: f64 = 48_000.0;

fn rms(wave: &[f32]) -> f64 {
    (wave.iter().map(|x| f64::from(x * x)).sum::<f64>() / wave.len() as f64).sqrt()
}

/// A tone whose second partial grows from the beginning to the end of its three seconds, where the others die.
fn growing() -> std::sync::Arc<timbrel::note::Note> {
    note_of(
        1,
        60,
        &image_of(60, |partial, t| match partial {
            0 => 0.1,
            1 => 0.03 * t,
            _ => 0.0,
        }),
    )
}

fn play(settings: &Settings, samples: usize, block: usize, events: &[(usize, Event)]) -> Vec<f32> {
    let mut bench = Bench::new(RATE as f32);
    bench.give(&growing());
    bench.play(settings, samples, block, events)
}

/// The level of the second partial where it stands in a wave: it tells which moment of the note is heard.
fn moment(wave: &[f32], seconds: f64) -> f64 {
    let middle = (seconds * RATE) as usize;
    amplitude(&wave[middle - 2_400..middle + 2_400], 2.0 * hertz(60.0), RATE) / 0.03
}

fn natural() -> Settings {
    Settings { hold: false, ..settings(1) }
}

#[test]
fn a_speed_changes_the_course_and_not_the_pitch() {
    for (speed, seconds, expected) in
        [(0.25, 2.0, 0.5), (0.5, 2.0, 1.0), (1.0, 2.0, 2.0), (2.0, 1.0, 2.0), (4.0, 0.5, 2.0)]
    {
        let settings = Settings { speed, ..natural() };
        let wave = play(&settings, 150_000, 512, &[(0, on(60))]);
        let found = moment(&wave, seconds);
        assert!((found - expected).abs() < 0.2, "at {speed} after {seconds} s it is {found} s into the note");
        let cents = cents_from(&wave[4_800..24_000], hertz(60.0), RATE);
        assert!(cents.abs() < 2.0, "{cents} cents at {speed}");
        assert!(wave == play(&settings, 150_000, 64, &[(0, on(60))]), "blocks change nothing at {speed}");
        let rough = roughness(&wave[9_600..100_000.min((3.0 / f64::from(speed) * RATE) as usize - 9_600)]);
        let most = rough.iter().copied().fold(0.0, f32::max);
        let median = {
            let mut sorted = rough.clone();
            sorted.sort_by(f32::total_cmp);
            sorted[sorted.len() / 2]
        };
        assert!(most < 2.5 * median, "no click at {speed}: {most} against {median}");
    }
}

#[test]
fn a_frozen_note_stands_still_until_it_is_let_go_on() {
    let mut bench = Bench::new(RATE as f32);
    bench.give(&growing());
    let mut wave = bench.play(&natural(), 48_000, 512, &[(0, on(60))]);
    wave.extend(bench.play(&Settings { freeze: true, ..natural() }, 240_000, 512, &[]));
    let (early, late) = (moment(&wave, 1.5), moment(&wave, 5.8));
    assert!((early - late).abs() < 0.05 && (early - 1.0).abs() < 0.2, "{early} and {late} s");
    wave.extend(bench.play(&natural(), 48_000, 512, &[]));
    assert!(moment(&wave, 6.9) > late + 0.6, "it goes on");
    assert!(cents_from(&wave[96_000..240_000], hertz(60.0), RATE).abs() < 1.0);
}

#[test]
fn a_note_may_begin_later_and_go_backwards() {
    let later = Settings { start_seconds: 1.5, ..natural() };
    let wave = play(&later, 96_000, 512, &[(1_000, on(60))]);
    assert_eq!(peak(&wave[..1_000]), 0.0);
    assert!(peak(&wave[1_000..1_000 + 960]) > 0.05, "it sounds at once");
    let jump = wave[990..1_010].windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(jump < 0.01, "and does not click: {jump}");
    let found = moment(&wave, 0.5);
    assert!((found - 2.0).abs() < 0.2, "half a second later it is {found} s into the note");
    assert!(wave == play(&later, 96_000, 64, &[(1_000, on(60))]), "blocks change nothing");

    let backwards = Settings { reverse: true, ..settings(1) };
    let wave = play(&backwards, 240_000, 512, &[(0, on(60))]);
    let (early, late) = (moment(&wave, 0.3), moment(&wave, 1.3));
    assert!((2.3..2.9).contains(&early), "it begins with the end of what was held: {early} s");
    assert!((early - late - 1.0).abs() < 0.2, "{early} s, then {late} s");
    assert_eq!(peak(&wave[200_000..]), 0.0, "it ends where the note begins");
    assert!(cents_from(&wave[9_600..48_000], hertz(60.0), RATE).abs() < 2.0);
}

#[test]
fn a_note_that_is_let_go_of_plays_the_release_that_was_generated() {
    let fade = Settings { adsr: Adsr { release: 0.05, ..settings(1).adsr }, ..settings(1) };
    let rings = Settings { rings: true, ..fade };
    // The generated note sounds until 3.1 s, and falls within a tenth of a second.
    let of = |settings: &Settings, held: usize| play(settings, held + 96_000, 512, &[(0, on(60)), (held, off(60))]);
    for held in [24_000, 96_000, 480_000] {
        let (faded, rung) = (of(&fade, held), of(&rings, held));
        let after = |wave: &[f32]| rms(&wave[held + 4_800..held + 7_200]) / rms(&wave[held - 4_800..held - 2_400]);
        assert!(after(&faded) < 0.01 && after(&rung) > 0.3, "{} and {} after {held}", after(&faded), after(&rung));
        assert_eq!(peak(&rung[held + 72_000..]), 0.0, "and ends with it");
        let rough = roughness(&rung[held - 9_600..held + 4_800]);
        let most = rough.iter().copied().fold(0.0, f32::max);
        assert!(most < 2.0 * rough[..20].iter().copied().fold(0.0, f32::max), "without a click: {most}");
    }
}

#[test]
fn a_held_note_wanders_in_every_bounce_alike() {
    let wander = Settings { wander: true, ..settings(1) };
    let play = |settings: &Settings, block: usize| {
        let mut bench = Bench::new(RATE as f32);
        bench.give(&note(1, 60, BRIGHT));
        bench.play(settings, 480_000, block, &[(0, on(60))])
    };
    let wave = play(&wander, 512);
    assert!(wave == play(&wander, 100), "blocks change nothing");
    let plain = play(&settings(1), 512);
    assert!(wave != plain);
    let level = |wave: &[f32], second: usize| rms(&wave[second * 48_000..(second + 1) * 48_000]);
    for second in 1..10 {
        let db = 20.0 * (level(&wave, second) / level(&wave, 1)).log10();
        assert!(db.abs() < 0.2, "second {second}: {db} dB");
    }
    let rough = roughness(&wave[20_000..]);
    let (most, median) = (rough.iter().copied().fold(0.0, f32::max), rough[rough.len() / 2]);
    assert!(most < 1.5 * median, "no turn is heard: {most} against {median}");
}

/// Five equal steps from middle C on, so that every key is far from equal temperament.
fn five_steps() -> Tuning {
    let scale = "five\n5\n240.0\n480.0\n720.0\n960.0\n2/1\n".to_owned();
    Tuning { name: "five".to_owned(), scale, mapping: String::new() }
}

#[test]
fn a_tuning_moves_the_keys_and_each_sounds_from_the_nearest_note() {
    let mut bench = Bench::new(RATE as f32);
    // Key 63 is 7.2 semitones above C, key 59 2.4 below.
    [58, 60, 67].into_iter().for_each(|pitch| bench.give(&note(1, pitch, BRIGHT)));
    bench.worker.status.tune(&five_steps().pitches().unwrap());
    for (key, pitch, source) in [(60, 60.0, 60), (63, 67.2, 67), (59, 57.6, 58)] {
        let wave = bench.play(&settings(1), 48_000, 512, &[(0, on(key)), (40_000, off(key))]);
        let cents = cents_from(&wave[10_000..40_000], hertz(pitch), RATE);
        assert!(cents.abs() < 1.0, "key {key}: {cents} cents from {pitch}");
        assert_eq!(bench.worker.wanted.read().request_count, 0, "key {key} is played from {source}, which is there");
        bench.play(&settings(1), 24_000, 512, &[]);
    }
    // One that sounds follows, without a click.
    let mut wave = bench.play(&settings(1), 48_000, 512, &[(0, on(60))]);
    bench.worker.status.tune(&timbrel::tuning::equal_temperament().map(|pitch| pitch + 0.3));
    wave.extend(bench.play(&settings(1), 48_000, 512, &[]));
    assert!(cents_from(&wave[60_000..], hertz(60.3), RATE).abs() < 1.0);
    let rough = roughness(&wave[10_000..]);
    let steady = rough[..50].iter().copied().fold(0.0, f32::max);
    assert!(rough.iter().all(|r| *r < 1.3 * steady));
}

#[test]
fn a_key_that_a_tuning_leaves_out_is_silent_and_a_sounding_one_is_kept() {
    let mut bench = Bench::new(RATE as f32);
    [60, 61].into_iter().for_each(|pitch| bench.give(&note(1, pitch, BRIGHT)));
    let every_second = Tuning { mapping: "2\n0\n127\n60\n60\n261.6256\n12\n0\nx\n".to_owned(), ..Tuning::default() };
    let mut wave = bench.play(&settings(1), 24_000, 512, &[(0, on(61))]);
    bench.worker.status.tune(&every_second.pitches().unwrap());
    wave.extend(bench.play(&settings(1), 24_000, 512, &[]));
    assert!(peak(&wave[36_000..]) > 0.05, "what sounds is not cut off");
    bench.play(&settings(1), 48_000, 512, &[(0, off(61))]);
    assert_eq!(peak(&bench.play(&settings(1), 24_000, 512, &[(0, on(61))])), 0.0);
    assert!(peak(&bench.play(&settings(1), 24_000, 512, &[(0, on(60))])) > 0.05);
}

#[test]
fn a_filter_darkens_each_voice_by_its_key_and_envelope_and_is_nothing_while_off() {
    use timbrel::audio::{FilterMode, FilterSettings};
    let play = |filter: FilterSettings, block: usize, events: &[(usize, Event)]| {
        let mut bench = Bench::new(RATE as f32);
        [60, 72].into_iter().for_each(|pitch| bench.give(&note(1, pitch, BRIGHT)));
        bench.play(&Settings { filter, ..settings(1) }, 72_000, block, events)
    };
    let off = FilterSettings { cutoff: 40.0, resonance: 1.0, ..FilterSettings::OFF };
    let plain = play(FilterSettings::OFF, 512, &[(0, on(60))]);
    assert!(play(off, 512, &[(0, on(60))]) == plain);
    // From the fundamental on: the eighth partial is three octaves above it, 36 dB down.
    let low = FilterSettings { mode: FilterMode::Low, cutoff: 60.0, keyed: 1.0, ..FilterSettings::OFF };
    for key in [60, 72] {
        let bright = play(FilterSettings::OFF, 512, &[(0, on(key))]);
        let dark = play(low, 512, &[(0, on(key))]);
        let level = |wave: &[f32], n: f64| 20.0 * amplitude(&wave[24_000..], n * hertz(f64::from(key)), RATE).log10();
        for (partial, db) in [(1.0, -3.0), (4.0, -24.0)] {
            let fall = level(&dark, partial) - level(&bright, partial);
            assert!((fall - db).abs() < 1.5, "key {key}, partial {partial}: {fall} dB");
        }
        assert!(dark == play(low, 100, &[(0, on(key))]), "blocks change nothing");
    }
    // An envelope that opens it and lets it close.
    let adsr = Adsr { attack: 0.0, decay: 1.0, sustain: 0.0, release: 0.1 };
    let plucked = play(FilterSettings { envelope: 60.0, adsr, ..low }, 512, &[(0, on(60))]);
    let level = |from: usize| amplitude(&plucked[from..from + 4_800], 8.0 * hertz(60.0), RATE);
    assert!(level(1_000) > 30.0 * level(40_000), "{} and {}", level(1_000), level(40_000));
}

#[test]
fn the_oscillation_moves_in_time_with_the_song() {
    use timbrel::audio::modulation::{Assignment, Destination};
    use timbrel::audio::{LfoSettings, Transport};
    let lfo = |to| LfoSettings { to: Assignment { to, amount: 1.0 }, beats: 2.0 };
    let play = |to, block: usize| {
        let mut bench = Bench::new(RATE as f32);
        bench.give(&note(1, 60, BRIGHT));
        // A song at 120 beats a minute: a period is a second.
        let mut wave = Vec::new();
        while wave.len() < 96_000 {
            let beats = Some(wave.len() as f64 / RATE * 2.0);
            let transport = Transport { tempo: 120.0, beats };
            let settings = Settings { lfo: lfo(to), transport, ..settings(1) };
            let stroke = [(0, on(60))];
            wave.extend(bench.play(&settings, block, block, if wave.is_empty() { &stroke } else { &[] }));
        }
        wave
    };
    let wave = play(Destination::Level, 480);
    let level = |seconds: f64| {
        let middle = (seconds * RATE) as usize;
        rms(&wave[middle - 1_200..middle + 1_200])
    };
    assert!(level(0.25) > 20.0 * level(0.75) && level(1.25) > 20.0 * level(1.75));
    let rough = roughness(&wave[4_800..]);
    let most = rough.iter().copied().fold(0.0, f32::max);
    let loudest = roughness(&wave[9_600..14_400]).iter().copied().fold(0.0, f32::max);
    assert!(most < 1.3 * loudest, "no step clicks: {most} against {loudest}");
    assert!(wave == play(Destination::Level, 240), "blocks change nothing");
    // A direction is moved in few steps.
    let mut bench = Bench::new(RATE as f32);
    bench.give(&note(1, 60, BRIGHT));
    let mut asked = std::collections::BTreeSet::new();
    for block in 0..200 {
        let transport = Transport { tempo: 120.0, beats: Some(block as f64 / 100.0) };
        let settings = Settings { lfo: lfo(Destination::Direction(3)), transport, ..settings(1) };
        let stroke = [(0, on(60))];
        bench.play(&settings, 240, 240, if block == 0 { &stroke } else { &[] });
        let wanted = *bench.worker.wanted.read();
        asked.extend(wanted.requests().iter().map(|request| request.timbre.directions[3]));
        assert_eq!(wanted.timbre.directions[3], 0, "the keyboard stays where it is");
    }
    assert!((8..=24).contains(&asked.len()), "{asked:?}");
    assert!(asked.iter().all(|offset| offset % 25 == 0));
}

#[test]
fn a_tuning_of_octaves_holds_for_its_channels_and_that_of_the_whole_for_all() {
    let mut semitones = [0.0; 12];
    semitones[0] = -0.4;
    let tune = Event::OctaveTuning { channels: 1 << 3, semitones };
    let all = |range, semitones| Event::MasterTuning { range, semitones };
    let down = [(0, all(MasterTuning::Coarse, -1.0)), (0, all(MasterTuning::Fine, 0.25))];
    for (channel, more, pitch) in [(3, &[][..], 59.6), (0, &[], 60.0), (3, &down, 58.85), (0, &down, 59.25)] {
        let mut bench = Bench::new(RATE as f32);
        bench.give(&note(1, 60, BRIGHT));
        let strike = Event::NoteOn { key: 60, channel, id: None, velocity: 1.0 };
        let wave = bench.play(&settings(1), 48_000, 512, &[more, &[(0, tune), (0, strike)]].concat());
        assert!(cents_from(&wave[10_000..], hertz(pitch), RATE).abs() < 1.0, "channel {channel}, {pitch}");
    }
}
