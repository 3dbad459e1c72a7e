//! One note of a font: played, brought to the set's rate, and judged.

use std::sync::Mutex;

use anyhow::{Result, anyhow};
use timbrel::spectral::{NOTE_SAMPLES, SAMPLE_RATE};

use super::font::{Font, Player, render_rate};
use super::presets::Preset;
use crate::resample::Resampler;
use crate::tuning::{Tuner, Tuning};

/// A recording shifted further does not sound like its instrument any more, in semitones.
const MAX_SHIFT: f32 = 12.0;

/// A note whose loudest sample lies below is silent, relative to full scale after the set's gain (-60 dB): 16 bits would
/// hold it with five.
pub const SILENCE: f32 = 0.001;

/// A note that is asked for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Request {
    /// Index of its preset among those that are asked for.
    pub part: usize,
    pub key: u8,
    pub velocity: u8,
}

/// What became of a note.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Fate {
    /// The real instrument does not reach it, or the font's nearest recording is too far away.
    OutOfRange,
    /// It has a level and perhaps a pitch, which decide once the set's gain is known.
    Sounds { peak: f32, tuning: Option<Tuning> },
}

impl Fate {
    /// The loudest sample of a note that sounds.
    pub fn peak(&self) -> Option<f32> {
        match self {
            Self::OutOfRange => None,
            Self::Sounds { peak, .. } => Some(*peak),
        }
    }
}

/// Whether the instrument has the note.
pub fn is_in_range(font: &dyn Font, preset: &Preset, request: Request) -> bool {
    let (lowest, highest) = preset.range;
    let shift = font.shift(preset, request.key, request.velocity);
    (lowest..=highest).contains(&request.key) && shift.is_some_and(|shift| shift.abs() <= MAX_SHIFT)
}

/// A renderer for every thread that asks. They are kept from note to note, since a font may take seconds to load.
pub struct Renderers<'a> {
    font: &'a dyn Font,
    note_rate: u32,
    idle: Mutex<Vec<Renderer<'a>>>,
}

impl<'a> Renderers<'a> {
    /// For notes of `note_rate` samples a second.
    pub fn new(font: &'a dyn Font, note_rate: u32) -> Self {
        Self { font, note_rate, idle: Mutex::default() }
    }

    /// Does some work with a renderer that nobody else uses meanwhile.
    pub fn lend<T>(&self, work: impl FnOnce(&mut Renderer) -> Result<T>) -> Result<T> {
        let idle = || self.idle.lock().map_err(|_| anyhow!("a thread has failed"));
        let waiting = idle()?.pop();
        let mut renderer = waiting.map_or_else(|| Renderer::new(self.font, self.note_rate), Ok)?;
        let result = work(&mut renderer);
        idle()?.push(renderer);
        result
    }
}

/// Renders notes, on one thread.
pub struct Renderer<'a> {
    player: Box<dyn Player + 'a>,
    /// To the rate of the set.
    resampler: Resampler,
    /// To the rate at which pitch is measured.
    judged: Resampler,
    /// Samples of a note of the set.
    samples: usize,
    tuner: Tuner,
    left: Vec<f32>,
    right: Vec<f32>,
}

impl<'a> Renderer<'a> {
    fn new(font: &'a dyn Font, note_rate: u32) -> Result<Self> {
        let render_rate = render_rate(note_rate);
        let seconds = NOTE_SAMPLES / SAMPLE_RATE as usize;
        // The filter reaches beyond the last sample that is kept.
        let rendered = seconds * render_rate + render_rate / 10;
        Ok(Self {
            player: font.player(render_rate)?,
            resampler: Resampler::new(render_rate as f64 / f64::from(note_rate)),
            judged: Resampler::new(render_rate as f64 / f64::from(SAMPLE_RATE)),
            samples: seconds * note_rate as usize,
            tuner: Tuner::default(),
            left: vec![0.0; rendered],
            right: vec![0.0; rendered],
        })
    }

    /// A note of four seconds at the set's rate: half the sum of left and right.
    pub fn render(&mut self, preset: &Preset, request: Request) -> Result<Vec<f32>> {
        let mono = self.play(preset, request)?;
        Ok(self.resampler.resample(&mono, self.samples))
    }

    /// Renders a note and measures it.
    pub fn judge(&mut self, preset: &Preset, request: Request) -> Result<Fate> {
        let mono = self.play(preset, request)?;
        let wave = self.judged.resample(&mono, NOTE_SAMPLES);
        let peak = wave.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        Ok(Fate::Sounds { peak, tuning: self.tuner.measure(&wave, request.key, preset.tone) })
    }

    fn play(&mut self, preset: &Preset, request: Request) -> Result<Vec<f32>> {
        self.player.play(preset, request.key, request.velocity, &mut self.left, &mut self.right)?;
        Ok(self.left.iter().zip(&self.right).map(|(left, right)| 0.5 * (left + right)).collect())
    }
}
