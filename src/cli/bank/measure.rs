//! What a preset sounds like, in numbers: of a phrase that it plays.

use anyhow::{Context, Result};
use ebur128::{EbuR128, Mode};
use realfft::RealFftPlanner;
use timbrel::audio::Event;

use crate::cli::player::{Player, Progress, Sink, To};

/// In Hz; that of the default model.
pub const RATE: u32 = 48_000;

/// Length of the phrase, its end included, in seconds.
pub const SECONDS: f64 = 9.0;

/// The note that is looked at by itself: from its stroke to its release, in seconds.
const ALONE: (f64, f64) = (0.0, 2.5);

/// Key, stroke and release in seconds: a long note by itself, a run, a chord.
const PHRASE: [(u8, f64, f64); 9] = [
    (60, ALONE.0, ALONE.1),
    (55, 3.5, 3.95),
    (60, 4.0, 4.45),
    (64, 4.5, 4.95),
    (67, 5.0, 5.45),
    (72, 5.5, 6.3),
    (48, 6.5, 8.0),
    (55, 6.5, 8.0),
    (64, 6.5, 8.0),
];

/// The phrase's events, at their samples.
pub fn phrase(player: &Player) -> Vec<(u64, To, Event)> {
    let mut events: Vec<(u64, To, Event)> = Vec::new();
    for (key, from, to) in PHRASE {
        let on = Event::NoteOn { key, channel: 0, id: None, velocity: 0.79 };
        let off = Event::NoteOff { key: Some(key), channel: Some(0), id: None };
        events.push((player.sample_at(from), To::All, on));
        events.push((player.sample_at(to), To::All, off));
    }
    events.sort_by_key(|(sample, ..)| *sample);
    events
}

/// Takes the sound in, and measures it.
pub struct Ear {
    meter: EbuR128,
    mono: Vec<f32>,
    peak: f32,
}

impl Ear {
    pub fn new() -> Result<Self> {
        let meter = EbuR128::new(2, RATE, Mode::I).context("the loudness cannot be measured")?;
        Ok(Self { meter, mono: Vec::new(), peak: 0.0 })
    }

    pub fn measure(self) -> Result<Measures> {
        let loudness = self.meter.loudness_global().context("the loudness cannot be measured")?;
        let samples = |seconds: f64| (seconds * f64::from(RATE)) as usize;
        let alone = &self.mono[samples(ALONE.0)..samples(ALONE.1).min(self.mono.len())];
        let levels: Vec<f32> = alone.chunks(samples(0.01)).map(rms_db).collect();
        let loudest = levels.iter().copied().fold(f32::MIN, f32::max);
        let reached = |below: f32| levels.iter().position(|level| *level >= loudest - below).unwrap_or(0);
        let late = &levels[levels.len().saturating_sub(30)..];
        let late = late.iter().sum::<f32>() / late.len().max(1) as f32;
        let rise_ms = 10.0 * (reached(1.0).saturating_sub(reached(20.0))) as f32;
        Ok(Measures {
            loudness,
            peak_db: 20.0 * self.peak.max(1e-9).log10(),
            rise_ms,
            fall_db: loudest - late,
            spectrum: spectrum(&alone[samples(0.3).min(alone.len() / 2)..]),
        })
    }
}

impl Sink for Ear {
    fn add(&mut self, left: &[f32], right: &[f32]) -> Result<()> {
        let both: Vec<f32> = left.iter().zip(right).flat_map(|(&left, &right)| [left, right]).collect();
        self.meter.add_frames_f32(&both).context("the loudness cannot be measured")?;
        self.peak = both.iter().fold(self.peak, |peak, x| peak.max(x.abs()));
        self.mono.extend(left.iter().zip(right).map(|(left, right)| 0.5 * (left + right)));
        Ok(())
    }
}

/// What was measured.
pub struct Measures {
    /// Of the whole phrase, in LUFS.
    pub loudness: f64,
    /// Of full scale.
    pub peak_db: f32,
    /// From 20 dB to 1 dB below the loudest.
    pub rise_ms: f32,
    /// From the loudest to the end of the held note.
    pub fall_db: f32,
    /// Level of the note in bands of a third octave, in dB over the softest that counts.
    pub spectrum: Vec<f32>,
}

impl Measures {
    /// The middle of the spectrum, in octaves over 100 Hz, weighed by level.
    pub fn brightness(&self) -> f32 {
        let weight: f32 = self.spectrum.iter().sum();
        let sum: f32 = self.spectrum.iter().enumerate().map(|(band, level)| band as f32 / 3.0 * level).sum();
        sum / weight.max(1e-6)
    }

    /// How differently two sound, in dB: their spectra, and how they rise and fall.
    pub fn distance(&self, other: &Self) -> f32 {
        let bands = self.spectrum.len().max(1) as f32;
        let spectra: f32 = self.spectrum.iter().zip(&other.spectrum).map(|(a, b)| (a - b).powi(2)).sum();
        let rise = 6.0 * ((self.rise_ms + 10.0) / (other.rise_ms + 10.0)).log2();
        let fall = 0.5 * (self.fall_db.min(40.0) - other.fall_db.min(40.0));
        (spectra / bands + rise * rise / 4.0 + fall * fall / 4.0).sqrt()
    }
}

fn rms_db(samples: &[f32]) -> f32 {
    let power = samples.iter().map(|x| x * x).sum::<f32>() / samples.len().max(1) as f32;
    10.0 * power.max(1e-12).log10()
}

/// Third octaves from 100 Hz up, each in dB over 60 dB below the loudest.
fn spectrum(samples: &[f32]) -> Vec<f32> {
    const SIZE: usize = 8_192;
    const BANDS: usize = 23;
    let plan = RealFftPlanner::<f32>::new().plan_fft_forward(SIZE);
    let mut power = [0.0f32; BANDS];
    let mut bins = plan.make_output_vec();
    for start in (0..samples.len().saturating_sub(SIZE)).step_by(SIZE / 2) {
        let window = |i: usize| 0.5 - 0.5 * (std::f32::consts::TAU * i as f32 / SIZE as f32).cos();
        let mut frame: Vec<f32> = (0..SIZE).map(|i| samples[start + i] * window(i)).collect();
        if plan.process(&mut frame, &mut bins).is_err() {
            continue;
        }
        for (bin, value) in bins.iter().enumerate().skip(1) {
            let hertz = bin as f32 * RATE as f32 / SIZE as f32;
            let band = (3.0 * (hertz / 100.0).log2()).round();
            if (0.0..BANDS as f32).contains(&band) {
                power[band as usize] += value.norm_sqr();
            }
        }
    }
    let levels: Vec<f32> = power.iter().map(|power| 10.0 * power.max(1e-12).log10()).collect();
    let loudest = levels.iter().copied().fold(f32::MIN, f32::max);
    levels.iter().map(|level| (level - loudest + 60.0).max(0.0)).collect()
}

/// Renders the phrase.
pub fn listen(player: &mut Player, settings: timbrel::audio::Settings, progress: &Progress) -> Result<Measures> {
    player.silence();
    let mut ear = Ear::new()?;
    let (events, samples) = (phrase(player), player.sample_at(SECONDS));
    player.play(events, samples, &mut ear, progress, |_, _| settings, |_, _| true)?;
    ear.measure()
}
