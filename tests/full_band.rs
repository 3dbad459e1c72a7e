//! Notes of the full band, in the engine and through the built bundle: a sawtooth up to 18 kHz at 48 kHz, beside notes of the
//! published size; and what their models leave to the player.

use std::f64::consts::TAU;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Once};

use timbrel::audio::{Adsr, Engine, Event, Law, Settings, TimedEvent, VelocityCurve, Wait};
use timbrel::expression::TOUCH_POINTS;
use timbrel::geometry::Geometry;
use timbrel::link::{self, WorkerEnd};
use timbrel::note::{ModelId, Note, NoteKey, Timbre};
use timbrel::spectral::{Analysis, Representation, synthesise};
use timbrel::worker::prepare::{Output, Preparer};
use timbrel_host::measure::{Spectrum, db, equal_temperament, pitch_error_cents, rms};
use timbrel_host::sawtooth::{self, FULL_BAND, TOP_HZ};
use timbrel_host::{Activation, Plugin};

/// The size of the full-band default model, and another whose notes do not begin with a hop.
fn full_band() -> Representation {
    let sawtooth::Sizes { sample_rate, n_fft, frames, bins } = FULL_BAND;
    Representation::IfLinear(Geometry::named(sample_rate, n_fft, n_fft / 4, frames, bins).unwrap())
}

fn finer() -> Representation {
    Representation::IfLinear(Geometry::named(48_000, 4_096, 1_024, 188, 1_707).unwrap())
}

fn timbre(seed: u32) -> Timbre {
    Timbre { seed, seed_to: seed, ..Timbre::default() }
}

/// All strokes equally loud.
fn flat() -> VelocityCurve {
    VelocityCurve { law: Law::Square, depth: 0.0, shape: 0.0 }
}

fn settings(seed: u32) -> Settings {
    Settings {
        timbre: timbre(seed),
        adsr: Adsr { attack: 0.0, decay: 1.0, sustain: 1.0, release: 0.1 },
        ..Settings::default()
    }
}

/// Frequencies and amplitudes of a tone that reaches far up.
const PARTIALS: [(f64, f64); 5] = [(1.0, 0.1), (2.0, 0.06), (3.0, 0.04), (24.0, 0.02), (60.0, 0.01)];

/// A held tone, 3 s with a short attack and a release of 0.1 s.
fn tone(geometry: Geometry, pitch: u8, softer: f64) -> Vec<f32> {
    let rate = f64::from(geometry.sample_rate);
    (0..geometry.note_samples())
        .map(|i| {
            let t = i as f64 / rate;
            let level = (t / 0.02).min(1.0) * ((3.1 - t) / 0.1).clamp(0.0, 1.0);
            let partials = PARTIALS.iter().map(|&(n, a)| (n * equal_temperament(pitch.into()), a));
            let heard = partials.filter(|(hz, _)| *hz < 0.47 * rate);
            let wave: f64 = heard.map(|(hz, a)| a * (TAU * hz * t + hz).sin()).sum();
            (softer * level * wave) as f32
        })
        .collect()
}

fn image(representation: Representation, pitch: u8, softer: f64) -> Vec<f32> {
    Analysis::new(representation).analyse(&tone(representation.geometry(), pitch, softer)).unwrap()
}

fn note(representation: Representation, model: u64, seed: u32, pitch: u8, softer: f64) -> Arc<Note> {
    let key = NoteKey { model: ModelId(model), timbre: timbre(seed), pitch };
    Arc::new(Preparer::new(representation).note(key, &image(representation, pitch, softer)).unwrap())
}

/// An engine and the worker's end of its link, played by the test.
struct Bench {
    engine: Engine,
    worker: WorkerEnd,
    /// Notes that came back; the test frees them.
    used: Vec<Arc<Note>>,
}

impl Bench {
    fn new(sample_rate: f32) -> Self {
        let (audio, worker, _) = link::link();
        worker.status.set_generator(link::Generator::Ready);
        let mut engine = Engine::new(audio);
        engine.activate(sample_rate, false);
        let mut bench = Self { engine, worker, used: Vec::with_capacity(1_000) };
        bench.plays(1);
        bench
    }

    /// Which model renders now.
    fn plays(&mut self, model: u64) {
        self.worker.status.model_id.store(model, Ordering::Release);
    }

    fn give(&mut self, note: &Arc<Note>) {
        assert!(self.worker.notes.push(Arc::clone(note)).is_ok(), "the ring has room");
    }

    fn play_into(&mut self, settings: &Settings, out: &mut [f32], block: usize, events: &[(usize, Event)]) {
        for (n, part) in out.chunks_mut(block).enumerate() {
            let (start, end) = (n * block, n * block + part.len());
            let due = events.iter().filter(|(at, _)| (start..end).contains(at));
            let due = due.map(|&(at, event)| TimedEvent { sample: at - start, event });
            self.engine.process(settings, Wait::Never, due, part);
            while let Ok(note) = self.worker.used.pop() {
                self.used.push(note);
            }
        }
    }

    fn play(&mut self, settings: &Settings, samples: usize, block: usize, events: &[(usize, Event)]) -> Vec<f32> {
        let mut out = vec![0.0; samples];
        self.play_into(settings, &mut out, block, events);
        out
    }
}

fn on(key: u8) -> Event {
    Event::NoteOn { key, channel: 0, id: None, velocity: 1.0 }
}

fn peak(wave: &[f32]) -> f32 {
    wave.iter().fold(0.0, |peak, x| peak.max(x.abs()))
}

/// The largest step of the wave's third difference in each stretch of 256 samples, against a steady one's: a click stands out.
fn roughness(wave: &[f32]) -> Vec<f32> {
    let differences: Vec<f32> = wave.windows(4).map(|w| (w[3] - 3.0 * w[2] + 3.0 * w[1] - w[0]).abs()).collect();
    differences.chunks(256).map(peak).collect()
}

#[test]
fn a_note_is_its_offline_inverse_at_its_models_rate() {
    for representation in [full_band(), finer()] {
        for pitch in [30, 60, 84] {
            let offline = synthesise(representation, &image(representation, pitch, 1.0)).unwrap();
            let mut bench = Bench::new(48_000.0);
            bench.give(&note(representation, 1, 1, pitch, 1.0));
            let played = bench.play(&Settings { hold: false, ..settings(1) }, 180_000, 512, &[(0, on(pitch))]);
            // But for its first millisecond, over which it fades in.
            let worst = offline.iter().zip(&played).skip(64).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-4 && peak(&played) > 0.1, "pitch {pitch}: {worst} of {}", peak(&played));
        }
    }
}

#[test]
fn the_offline_inverse_is_the_tone_that_was_analysed() {
    for representation in [full_band(), finer()] {
        let tone = tone(representation.geometry(), 60, 1.0);
        let found = synthesise(representation, &image(representation, 60, 1.0)).unwrap();
        let whole = tone.len() - 3 * representation.geometry().hop;
        let error: Vec<f32> = tone[..whole].iter().zip(&found).map(|(a, b)| a - b).collect();
        assert!(db(rms(&error)) < db(rms(&tone)) - 70.0, "{:.1} dB", db(rms(&error)) - db(rms(&tone)));
    }
}

#[test]
fn blocks_change_nothing_and_the_onset_falls_on_its_sample() {
    for representation in [full_band(), finer()] {
        let note = note(representation, 1, 1, 60, 1.0);
        let play = |block: usize, at: usize| {
            let mut bench = Bench::new(48_000.0);
            bench.give(&note);
            bench.play(&settings(1), 30_000, block, &[(at, on(60))])
        };
        let reference = play(512, 0);
        assert!(peak(&reference[..2_000]) > 0.05);
        for (block, at) in [(1, 0), (8_192, 0), (512, 1_001)] {
            let played = play(block, at);
            assert!(played[..at].iter().all(|x| *x == 0.0), "silence before the stroke");
            assert_eq!(&played[at..], &reference[..30_000 - at], "block {block}, onset {at}");
        }
    }
}

#[test]
fn every_partial_is_there_at_every_rate() {
    let note = note(full_band(), 1, 1, 60, 1.0);
    for rate in [44_100.0, 48_000.0, 96_000.0, 192_000.0] {
        let mut bench = Bench::new(rate as f32);
        bench.give(&note);
        let wave = bench.play(&settings(1), (2.0 * rate) as usize, 333, &[(0, on(60))]);
        let spectrum = Spectrum::of(&wave[(0.5 * rate) as usize..], rate);
        let levels = PARTIALS.map(|(n, a)| {
            let hz = n * equal_temperament(60.0);
            let (found, magnitude) = spectrum.peak(hz - 40.0, hz + 40.0).expect("there is a partial");
            let cents = 1200.0 * (found / hz).log2();
            assert!(cents.abs() < 1.0, "partial {n} at {rate}: {cents:.2} cents");
            db(f64::from(magnitude)) - db(a)
        });
        for level in levels {
            assert!((level - levels[0]).abs() < 0.5, "at {rate}: {levels:?}");
        }
    }
}

#[test]
fn notes_of_two_models_of_other_sizes_take_over_from_each_other() {
    let published = note(Representation::IfHires, 1, 1, 60, 1.0);
    let (full, fine) = (note(full_band(), 2, 1, 60, 1.0), note(finer(), 3, 1, 60, 1.0));
    for rate in [44_100, 48_000] {
        let mut bench = Bench::new(rate as f32);
        bench.give(&published);
        let mut wave = bench.play(&settings(1), rate, 512, &[(0, on(60))]);
        for (model, note) in [(2, &full), (3, &fine), (1, &published), (2, &full)] {
            bench.plays(model);
            bench.give(note);
            wave.extend(bench.play(&settings(1), rate / 2, 512, &[]));
        }
        let steady = rms(&wave[rate / 2..rate]);
        for (n, part) in wave[rate / 2..].chunks_exact(rate / 20).enumerate() {
            let level = rms(part) / steady;
            assert!((0.3..1.5).contains(&level), "twentieth {n} at {rate}: {level:.2} of the steady level");
        }
        // The roughest of all is the full band's own partial at 15.7 kHz.
        let rough = roughness(&wave[rate / 2..]);
        let end = rough.len() - 40;
        let own = rough[end..].iter().copied().fold(0.0, f32::max);
        assert!(rough.iter().all(|rough| *rough < 1.5 * own), "a click at {rate}");
        let hz = 60.0 * equal_temperament(60.0);
        let above = |part: &[f32]| Spectrum::of(part, rate as f64).energy(hz - 50.0, hz + 50.0);
        assert!(above(&wave[wave.len() - rate / 4..]) > 1e4 * above(&wave[rate / 2..rate * 3 / 4]), "the band opens");
    }
}

#[test]
fn a_morph_and_a_stolen_voice_do_not_click() {
    let mut bench = Bench::new(48_000.0);
    bench.give(&note(full_band(), 1, 1, 60, 1.0));
    let mut wave = bench.play(&settings(1), 48_000, 512, &[(0, on(60))]);
    bench.give(&note(full_band(), 1, 2, 60, 0.5));
    wave.extend(bench.play(&settings(2), 48_000, 512, &[]));
    wave.extend(bench.play(&settings(2), 24_000, 512, &[(100, Event::AllSoundOff { channel: 0 })]));
    let rough = roughness(&wave[20_000..]);
    let steady = rough[..60].iter().copied().fold(0.0, f32::max);
    assert!(rough.iter().all(|r| *r < 1.2 * steady), "a click would stand above the tone's own roughness");
    assert!(peak(&wave[97_000..]) == 0.0 && rms(&wave[80_000..96_000]) > 0.4 * rms(&wave[20_000..40_000]));
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn nothing_is_allocated_while_models_of_other_sizes_change_places() {
    let notes: Vec<Arc<Note>> = [(Representation::IfHires, 1), (full_band(), 2), (finer(), 3)]
        .into_iter()
        .flat_map(|(representation, model)| (60..63).map(move |pitch| note(representation, model, 1, pitch, 1.0)))
        .collect();
    let mut bench = Bench::new(44_100.0);
    let mut out = vec![0.0; 11_025];
    let mut chord: Vec<(usize, Event)> = (60..63).map(|key| (0, on(key))).collect();
    // Far above the model's keys, where the head is made anew.
    chord.push((5_000, on(110)));
    let settings = settings(1);
    let watching = timbrel_host::realtime::watch();
    for model in [1, 2, 3, 2, 1, 3] {
        bench.plays(model);
        notes.iter().filter(|note| note.key.model == ModelId(model)).for_each(|note| bench.give(note));
        bench.play_into(&settings, &mut out, 256, &chord);
        chord.truncate(0);
    }
    let caught = watching.end();
    assert!(peak(&out) > 0.05 && bench.used.len() > 6);
    assert!(caught.is_nothing(), "{caught:?}");
}

/// A touch that rises and falls over the band, in dB per 100 steps of velocity.
fn touch() -> [f32; TOUCH_POINTS] {
    std::array::from_fn(|point| 12.0 * (0.35 * point as f32).sin())
}

/// What the touch does to a frequency.
fn touch_db(hz: f64, rate: f64, velocity: f64) -> f64 {
    let mel = |hz: f64| 1127.0 * (1.0 + hz / 700.0).ln();
    let place = mel(hz) / mel(rate / 2.0) * 31.0;
    let (from, to) = (f64::from(touch()[place as usize]), f64::from(touch()[place as usize + 1]));
    (from + (to - from) * place.fract()) * (velocity - 100.0) / 100.0
}

fn expressive(
    representation: Representation,
    image: &[f32],
    touch: Option<&[f32]>,
    movement: Option<&[f32]>,
) -> Arc<Note> {
    let key = NoteKey { model: ModelId(1), timbre: timbre(1), pitch: 60 };
    Arc::new(Preparer::new(representation).rendered(key, Output { image, touch, movement }).unwrap())
}

fn struck(velocity: f32) -> Event {
    Event::NoteOn { key: 60, channel: 0, id: None, velocity: velocity / 127.0 }
}

#[test]
fn velocity_changes_the_colour_as_the_model_says_from_the_first_sample_on() {
    let representation = full_band();
    let geometry = representation.geometry();
    let image = image(representation, 60, 1.0);
    let with_touch = expressive(representation, &image, Some(&touch()), None);
    let lively = Settings { velocity: flat(), brightness: 1.0, ..settings(1) };
    let play = |note: &Arc<Note>, velocity: f32, settings: &Settings| {
        let mut bench = Bench::new(48_000.0);
        bench.give(note);
        bench.play(settings, 96_000, 512, &[(0, struck(velocity))])
    };
    for velocity in [20.0, 45.0, 80.0, 127.0] {
        // The same note, generated with that colour.
        let mut coloured = image.clone();
        for (index, level) in coloured[..geometry.frames * geometry.bins].iter_mut().enumerate() {
            let hz = (index % geometry.bins + 1) as f64 * f64::from(geometry.bin_hz());
            *level += (touch_db(hz, 48_000.0, velocity.into()) / 20.0 * std::f64::consts::LN_10) as f32;
        }
        let right = play(&expressive(representation, &coloured, None, None), 100.0, &lively);
        let found = play(&with_touch, velocity, &lively);
        for (from, to) in [(0, 3_000), (3_000, 9_000), (9_000, 96_000)] {
            let error: Vec<f32> = found[from..to].iter().zip(&right[from..to]).map(|(a, b)| a - b).collect();
            let error = db(rms(&error)) - db(rms(&right[from..to]));
            assert!(error < -40.0, "velocity {velocity}, samples {from} to {to}: {error:.1} dB off");
        }
    }
    let plain = play(&expressive(representation, &image, None, None), 100.0, &lively);
    assert_eq!(play(&with_touch, 100.0, &lively), plain, "notes are generated at velocity 100");
    let flat = Settings { brightness: 0.0, ..lively };
    assert_eq!(play(&with_touch, 20.0, &flat), plain, "without brightness, velocity is loudness alone");
}

#[test]
fn a_model_that_says_nothing_of_velocity_gets_gently_brighter() {
    for representation in [full_band(), Representation::IfHires] {
        let note = note(representation, 1, 1, 60, 1.0);
        let lively = Settings { velocity: flat(), brightness: 1.0, ..settings(1) };
        let hz = 24.0 * equal_temperament(60.0);
        let level = |velocity: f32| {
            let mut bench = Bench::new(48_000.0);
            bench.give(&note);
            let wave = bench.play(&lively, 48_000, 512, &[(0, struck(velocity))]);
            let spectrum = Spectrum::of(&wave[12_000..], 48_000.0);
            let energy = |hz: f64| 10.0 * spectrum.energy(hz - 40.0, hz + 40.0).log10();
            energy(hz) - energy(equal_temperament(60.0))
        };
        let (soft, own, hard) = (level(30.0), level(100.0), level(127.0));
        assert!(own - soft > 4.0 && own - soft < 9.0 && hard - own > 1.5 && hard - own < 4.0, "{soft} {own} {hard}");
    }
}

#[test]
fn a_note_sways_as_its_model_says() {
    let representation = full_band();
    let image = image(representation, 60, 1.0);
    let swaying = expressive(representation, &image, None, Some(&[40.0, 5.0, 3.0, 0.25]));
    let straight = expressive(representation, &image, None, None);
    let play = |note: &Arc<Note>, vibrato: f32, block: usize| {
        let mut bench = Bench::new(48_000.0);
        bench.give(note);
        bench.play(&Settings { vibrato, ..settings(1) }, 96_000, block, &[(0, on(60))])
    };
    assert_eq!(play(&swaying, 0.0, 512), play(&straight, 1.0, 512), "without vibrato it is the note as generated");
    let wave = play(&swaying, 1.0, 512);
    // The pitch of stretches of a fortieth of a second, by the turn of the fundamental's phase over half of each.
    let hz = equal_temperament(60.0);
    let phase = |from: usize| {
        let (mut re, mut im) = (0.0, 0.0);
        for (i, sample) in wave[from..from + 1_200].iter().enumerate() {
            let window = 1.0 - (TAU * (i as f64 + 0.5) / 1_200.0).cos();
            let (sin, cos) = (TAU * hz * (from + i) as f64 / 48_000.0).sin_cos();
            re += f64::from(*sample) * window * cos;
            im -= f64::from(*sample) * window * sin;
        }
        (im.atan2(re) / TAU, re.hypot(im))
    };
    for from in (26_000..90_000).step_by(1_100) {
        let ((before, level), (after, _)) = (phase(from), phase(from + 240));
        let turned = (after - before) - (after - before).round();
        let cents = 1200.0 * (1.0 + turned * 48_000.0 / 240.0 / hz).log2();
        let t = (from + 120 + 600) as f64 / 48_000.0;
        let way = (TAU * 5.0 * t).sin();
        assert!((cents - 40.0 * way).abs() < 6.0, "after {t} s: {cents:.1} cents where {:.1} is right", 40.0 * way);
        let (_, other) = phase(from + 4_800);
        let expected = 3.0 * ((TAU * 5.0 * (t - 0.0025)).sin() - (TAU * 5.0 * (t - 0.0025 + 0.1)).sin());
        assert!(
            (db(level / other) - expected).abs() < 1.0,
            "after {t} s: {:.1} dB, not {expected:.1}",
            db(level / other)
        );
    }
    for block in [32, 100] {
        assert_eq!(play(&swaying, 1.0, block), wave, "blocks of {block} change nothing");
    }
}

#[test]
fn a_note_begins_without_a_click_and_a_hard_attack_stays_hard() {
    for representation in [full_band(), Representation::IfHires] {
        // A tone that is there at once, as no recording's is: its first windows reach before its first sample.
        let rate = f64::from(representation.geometry().sample_rate);
        let hz = equal_temperament(60.0);
        let tone: Vec<f32> = (0..representation.geometry().note_samples())
            .map(|i| (0.2 * (TAU * hz * i as f64 / rate).cos()) as f32)
            .collect();
        let image = Analysis::new(representation).analyse(&tone).unwrap();
        let mut bench = Bench::new(48_000.0);
        bench.give(&expressive(representation, &image, None, None));
        let wave = bench.play(&settings(1), 24_000, 512, &[(480, on(60))]);
        let loudest = rms(&wave[4_000..20_000]);
        // Three milliseconds after the stroke it is as loud as ever.
        assert!(db(rms(&wave[480 + 144..480 + 144 + 367])) > db(loudest) - 1.5);
        assert!(wave[480].abs() < 0.01 * peak(&wave), "the first sample is a step of {}", wave[480]);
    }
}

/// The handmade model as the plugin's default one: the harder its notes are struck, the brighter, and they sway.
fn plays_the_sawtooth() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let brighter: Vec<f32> = (0..TOUCH_POINTS).map(|point| 20.0 * point as f32 / 31.0).collect();
        let outputs: [(&str, &[f32]); 2] = [("touch", &brighter), ("movement", &[50.0, 6.0, 2.0, 0.1])];
        let path = std::env::temp_dir().join(format!("timbrel-sawtooth-{}.onnx", std::process::id()));
        std::fs::write(&path, sawtooth::model("sawtooth", FULL_BAND, &outputs)).unwrap();
        // SAFETY: every test that starts a plugin comes through here first, and nothing reads the environment meanwhile.
        unsafe { std::env::set_var("TIMBREL_MODEL", path) };
    });
}

/// An instance whose mean latent has partials that fall with their number, with a share of the notes' vibrato.
fn plugin(vibrato: &str) -> Plugin {
    plays_the_sawtooth();
    let mut plugin = Plugin::load(&timbrel_host::bundle().unwrap()).unwrap();
    let as_generated = [("Character", "0 %"), ("Gain", "0 dB"), ("Velocity Depth", "0 %"), ("Width", "0 %")];
    for (name, text) in as_generated.into_iter().chain([("Vibrato", vibrato)]) {
        let param = plugin.param(name).unwrap();
        let value = plugin.value_of(param, text).unwrap();
        plugin.set(param, value).unwrap();
    }
    plugin
}

/// A key of the sawtooth, offline.
fn sawtooth_of(key: u8, rate: f64, seconds: f64, velocity: f64, vibrato: &str) -> Vec<f32> {
    let mut plugin = plugin(vibrato);
    plugin.set_offline(true).unwrap();
    plugin.activate(Activation { rate, max_block: 512 }).unwrap();
    let on = timbrel_host::Event::On { key, velocity: velocity / 127.0 };
    plugin.play(&[on.at(0)], seconds).unwrap().left
}

#[test]
fn the_bundle_plays_what_a_model_says_of_velocity_and_movement() {
    let rate = 48_000.0;
    let brightness = |velocity: f64| {
        let wave = sawtooth_of(60, rate, 1.0, velocity, "0 %");
        let spectrum = Spectrum::of(&wave[12_000..], rate);
        10.0 * (spectrum.energy(12_000.0, 17_000.0) / spectrum.energy(100.0, 400.0)).log10()
    };
    let (soft, hard) = (brightness(27.0), brightness(127.0));
    // 20 dB for 100 steps at the top of the band, and little at its bottom.
    assert!((11.0..20.0).contains(&(hard - soft)), "{soft:.1} dB soft, {hard:.1} dB hard");
    let hz = equal_temperament(60.0);
    let spread = |vibrato: &str| {
        let wave = sawtooth_of(60, rate, 2.0, 100.0, vibrato);
        // 50 cents of the tenth partial are 75 Hz, of which a steady one has nothing 40 Hz away.
        let spectrum = Spectrum::of(&wave[24_000..], rate);
        let beside = spectrum.energy(10.0 * hz + 40.0, 10.0 * hz + 120.0);
        10.0 * (beside / spectrum.energy(9.5 * hz, 10.5 * hz)).log10()
    };
    let (straight, swaying) = (spread("0 %"), spread("100 %"));
    assert!(straight < -40.0 && swaying > -12.0, "{straight:.1} dB straight, {swaying:.1} dB swaying");
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn the_audio_thread_does_nothing_it_must_not_do_with_a_full_band_model_that_sways() {
    use timbrel_host::Pace;
    let mut plugin = plugin("100 %");
    let width = plugin.param("Width").unwrap();
    let value = plugin.value_of(width, "50 %").unwrap();
    plugin.set(width, value).unwrap();
    plugin.activate(Activation { rate: 44_100.0, max_block: 256 }).unwrap();
    let blocks = || std::iter::repeat(256);
    let on = |key: u8, velocity: u8, at: usize| {
        timbrel_host::Event::On { key, velocity: f64::from(velocity) / 127.0 }.at(at)
    };
    // The first call waits for the model; after a second against the clock the plugin knows that it is played live.
    plugin.play(&[on(60, 100, 0)], 0.1).unwrap();
    plugin.play_in(&[], 1.5, blocks(), Pace::RealTime).unwrap();
    let chord: Vec<_> = (0..12).map(|n| on(40 + 7 * n, 10 + 10 * n, 1_000 * usize::from(n))).collect();
    plugin.watch();
    let audio = plugin.play_in(&chord, 1.5, blocks(), Pace::RealTime).unwrap();
    let caught = plugin.take_caught();
    assert!(audio.is_finite() && audio.left != audio.right);
    assert!(db(rms(&audio.left)) > -50.0, "{:.1} dB", db(rms(&audio.left)));
    assert!(caught.is_nothing(), "{caught:?}, first from:\n{}", timbrel_host::realtime::first_offence());
}

#[test]
fn the_bundle_plays_a_full_band_model_in_tune_up_to_its_top() {
    for rate in [44_100.0, 48_000.0, 96_000.0] {
        for key in [24, 45, 60, 84] {
            let wave = sawtooth_of(key, rate, 1.5, 100.0, "0 %");
            let steady = &wave[(0.4 * rate) as usize..];
            let hz = equal_temperament(key.into());
            let cents = pitch_error_cents(steady, rate, hz).expect("it has a pitch");
            assert!(cents.abs() < 1.0, "key {key} at {rate}: {cents:.2} cents");
            let spectrum = Spectrum::of(steady, rate);
            let above = 10.0 * (spectrum.energy(8_000.0, 20_000.0) / spectrum.energy(20.0, 20_000.0)).log10();
            let power = |from: f64, to: f64| -> f64 {
                (1..)
                    .map(f64::from)
                    .map(|n| n * hz)
                    .take_while(|f| *f < to)
                    .filter(|f| *f >= from)
                    .map(|f| (hz / f).powi(2))
                    .sum()
            };
            let top = f64::from(TOP_HZ);
            let right = 10.0 * (power(8_000.0, top) / power(0.0, top)).log10();
            assert!((above - right).abs() < 1.0, "key {key} at {rate}: {above:.1} dB above 8 kHz, {right:.1} is right");
        }
    }
}

#[test]
fn a_full_band_note_that_is_transposed_up_folds_nothing_back() {
    // Key 103 is played from 84: the partials above 22 kHz would lie at 53 kHz and fold back.
    let rate = 44_100.0;
    let wave = sawtooth_of(103, rate, 1.5, 100.0, "0 %");
    let spectrum = Spectrum::of(&wave[(0.4 * rate) as usize..], rate);
    let hz = equal_temperament(103.0);
    let (mut beside, mut all) = (0.0, 0.0);
    let width = hz / 4.0;
    for n in 0..(21_000.0 / hz) as u32 {
        let middle = (f64::from(n) + 0.5) * hz;
        beside += spectrum.energy(middle - width, middle + width);
        all += spectrum.energy(middle - 0.5 * hz, middle + 0.5 * hz);
    }
    let level = 10.0 * (beside / all).log10();
    assert!(level < -55.0, "{level:.1} dB lies beside the partials");
}
