//! An engine played by a test, on notes that were analysed from known tones.

use std::f64::consts::TAU;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use timbrel::audio::{Adsr, Engine, Event, Settings, TimedEvent, Wait};
use timbrel::link::{self, WorkerEnd};
use timbrel::note::{ModelId, Note, NoteKey, Timbre};
use timbrel::spectral::{Analysis, NOTE_SAMPLES, Representation};
use timbrel::worker::prepare::Preparer;

pub const MODEL: ModelId = ModelId(7);

pub fn timbre(seed: u32) -> Timbre {
    Timbre { seed, seed_to: seed, ..Timbre::default() }
}

pub fn settings(seed: u32) -> Settings {
    Settings {
        timbre: timbre(seed),
        adsr: Adsr { attack: 0.0, decay: 1.0, sustain: 1.0, release: 0.1 },
        ..Settings::default()
    }
}

pub fn hertz(pitch: f64) -> f64 {
    440.0 * 2f64.powf((pitch - 69.0) / 12.0)
}

/// A held tone of partials with amplitudes that may change, 3 s with a short attack and a release of 0.1 s.
fn tone(pitch: u8, amplitude: impl Fn(usize, f64) -> f64) -> Vec<f32> {
    (0..NOTE_SAMPLES)
        .map(|i| {
            let t = i as f64 / 16_000.0;
            let level = (t / 0.02).min(1.0) * ((3.1 - t) / 0.1).clamp(0.0, 1.0);
            let hertz = hertz(f64::from(pitch));
            let partials = (0..32).take_while(|n| hertz * f64::from(n + 1) < 7_500.0);
            let wave: f64 = partials
                .map(|n| amplitude(n as usize, t) * (TAU * hertz * f64::from(n + 1) * t + f64::from(n)).sin())
                .sum();
            (level * wave) as f32
        })
        .collect()
}

pub fn image(pitch: u8, partials: &[f64]) -> Vec<f32> {
    image_of(pitch, |partial, _| partials.get(partial).copied().unwrap_or(0.0))
}

/// The image of a tone whose partials have amplitudes by their number, from 0, and the time in seconds.
pub fn image_of(pitch: u8, amplitude: impl Fn(usize, f64) -> f64) -> Vec<f32> {
    Analysis::new(Representation::IfHires).analyse(&tone(pitch, amplitude)).unwrap()
}

pub fn note(seed: u32, pitch: u8, partials: &[f64]) -> Arc<Note> {
    note_of(seed, pitch, &image(pitch, partials))
}

pub fn note_of(seed: u32, pitch: u8, image: &[f32]) -> Arc<Note> {
    let key = NoteKey { model: MODEL, timbre: timbre(seed), pitch };
    Arc::new(Preparer::new(Representation::IfHires).note(key, image).unwrap())
}

pub const BRIGHT: &[f64] = &[0.1, 0.08, 0.06, 0.05, 0.04, 0.03, 0.03, 0.02];
pub const DARK: &[f64] = &[0.2, 0.01];

/// An engine and the worker's end of its link, played by the test.
pub struct Bench {
    pub engine: Engine,
    pub worker: WorkerEnd,
}

impl Bench {
    pub fn new(sample_rate: f32) -> Self {
        let (audio, worker, _) = link::link();
        worker.status.model_id.store(MODEL.0, Ordering::Release);
        worker.status.set_generator(link::Generator::Ready);
        let mut engine = Engine::new(audio);
        engine.activate(sample_rate, false);
        Self { engine, worker }
    }

    pub fn give(&mut self, note: &Arc<Note>) {
        assert!(self.worker.notes.push(Arc::clone(note)).is_ok(), "the ring has room");
    }

    /// Renders `samples` in blocks of `block`, with events at absolute samples.
    pub fn play(&mut self, settings: &Settings, samples: usize, block: usize, events: &[(usize, Event)]) -> Vec<f32> {
        let mut out = vec![0.0; samples];
        for (n, part) in out.chunks_mut(block).enumerate() {
            let start = n * block;
            let due = events.iter().filter(|(at, _)| (start..start + part.len()).contains(at));
            let due: Vec<TimedEvent> = due.map(|&(at, event)| TimedEvent { sample: at - start, event }).collect();
            self.engine.process(settings, Wait::Never, due, part);
            while self.worker.used.pop().is_ok() {}
        }
        out
    }
}

pub fn on(key: u8) -> Event {
    Event::NoteOn { key, channel: 0, id: None, velocity: 1.0 }
}

pub fn off(key: u8) -> Event {
    Event::NoteOff { key: Some(key), channel: Some(0), id: None }
}

pub fn peak(wave: &[f32]) -> f32 {
    wave.iter().fold(0.0, |peak, x| peak.max(x.abs()))
}

/// Power of `wave` at a frequency, by a Hann-windowed projection, as an amplitude.
pub fn amplitude(wave: &[f32], frequency: f64, rate: f64) -> f64 {
    let n = wave.len() as f64;
    let (mut re, mut im) = (0.0, 0.0);
    for (i, x) in wave.iter().enumerate() {
        let window = 1.0 - (TAU * (i as f64 + 0.5) / n).cos();
        let (sin, cos) = (TAU * frequency * i as f64 / rate).sin_cos();
        re += f64::from(*x) * window * cos;
        im += f64::from(*x) * window * sin;
    }
    2.0 * re.hypot(im) / n
}

/// The frequency near `guess` at which `wave` is strongest, in cents from `guess`.
pub fn cents_from(wave: &[f32], guess: f64, rate: f64) -> f64 {
    let at = |cents: f64| amplitude(wave, guess * 2f64.powf(cents / 1200.0), rate);
    let mut best = (-40..=40).map(f64::from).max_by(|a, b| at(*a).total_cmp(&at(*b))).unwrap();
    for step in [0.5, 0.25, 0.1, 0.05] {
        best = [best - step, best, best + step].into_iter().max_by(|a, b| at(*a).total_cmp(&at(*b))).unwrap();
    }
    best
}

/// Largest absolute second difference of the wave in each stretch of 256 samples: a click stands out of its neighbours.
pub fn roughness(wave: &[f32]) -> Vec<f32> {
    wave.windows(4)
        .map(|w| (w[3] - 3.0 * w[2] + 3.0 * w[1] - w[0]).abs())
        .collect::<Vec<_>>()
        .chunks(256)
        .map(|part| part.iter().fold(0.0f32, |a, x| a.max(*x)))
        .collect()
}
