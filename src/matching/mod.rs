//! From a recorded note to a timbre: which latent of a model sounds most like it.
//!
//! ```text
//! recording (recording/) -> is it one note, and which? (tone) -> its spectrum (spectral/)
//!     -> levels in bands over time (portrait)
//!        <- the same of notes of the model as waves: named sounds, programs, seeds (worker/generator)
//!     -> from the nearest on: an evolution strategy (evolution) -> the latent
//! ```
//!
//! Notes are compared as waves, and not as the generator's images: neighbouring bins of an image may cancel each other when it is
//! played, which makes 2 to 4 dB of difference between a note and its own image.
//!
//! Runs on a thread of whoever matches, with a session of its own; nothing here is for the audio thread.

mod evolution;
mod portrait;
mod tone;

use anyhow::{Context, Result, anyhow, ensure};

use crate::expression::Touch;
use crate::latent::normal;
use crate::model::{GENERAL_MIDI, Manifest, Model};
use crate::recording::{Recording, shape};
use crate::spectral::{Analysis, SAMPLE_RATE, Synthesis};
use crate::worker::generator::{Generator, check_finite};
use evolution::Evolution;
use portrait::{Grid, Portrait};

pub use crate::worker::interrupt::Interrupt;
pub use portrait::Fit;
pub use tone::key_name;

/// Seeds that are tried beside the sounds that have names.
const SEEDS: u32 = 120;

/// Renderings that the nearest of them is refined by, unless another number is asked for.
pub const REFINEMENT: usize = 300;

/// First steps of the refinement, over the mean size of a latent's numbers.
const FIRST_STEP: f64 = 0.35;

/// What a recording may be late by, in hops: an onset is told by a level, and a slow attack begins below it.
const LATE_HOPS: [f32; 5] = [0.0, 0.5, 1.0, 2.0, 4.0];

/// A file that begins with less silence may have been cut at the stroke, in seconds.
const LEAD_SECONDS: f32 = 0.5;

/// Of a recording's spectrum, what is so far below half its rate is there; above lies its converter's filter.
const HIGHEST: f32 = 0.45;

/// A sound of the model that has a name, and how near the recording is to it.
#[derive(Clone, PartialEq, Debug)]
pub struct Near {
    pub name: String,
    /// The program of General MIDI that it stands for.
    pub program: Option<u8>,
    pub fit: Fit,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Match {
    /// The key that is heard, or that was said.
    pub key: u8,
    /// How far the recording is from it, in cents.
    pub cents: f32,
    /// The key that was compared: the nearest that the model has.
    pub compared: u8,
    pub latent: Vec<f32>,
    pub fit: Fit,
    /// The sounds that have names, the nearest first.
    pub named: Vec<Near>,
    /// Notes that were rendered.
    pub renderings: usize,
}

/// Sounds with names that are told of a recording.
const TOLD: usize = 3;

impl Match {
    /// What was heard and found, in words.
    pub fn summary(&self) -> String {
        let named: Vec<String> =
            self.named.iter().take(TOLD).map(|near| format!("{} {:.1} dB", near.name, near.fit.db)).collect();
        let moved = if self.compared == self.key {
            String::new()
        } else {
            format!(", compared as {}", key_name(self.compared))
        };
        format!(
            "{} {:+.0} cents{moved}; nearest are {}; the timbre is within {:.1} dB, at velocity {:.0}, after {} notes",
            key_name(self.key),
            self.cents,
            named.join(", "),
            self.fit.db,
            self.fit.velocity,
            self.renderings
        )
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// The key, where the player knows it better; then anything is matched.
    pub key: Option<u8>,
    /// Renderings for the refinement; without any, only what has a name is compared.
    pub refinement: usize,
}

impl Default for Wish {
    fn default() -> Self {
        Self { key: None, refinement: REFINEMENT }
    }
}

/// Matches recordings with the sounds of one model.
pub struct Matcher {
    generator: Generator,
    manifest: Manifest,
    synthesis: Synthesis,
    analysis: Analysis,
}

/// A recording, ready to be compared.
struct Target {
    grid: Grid,
    /// At each place where it may begin.
    portraits: Vec<Portrait>,
    key: u8,
}

impl Matcher {
    /// Makes a session of a model. The error is a sentence.
    pub fn new(model: &Model, interrupt: &Interrupt) -> Result<Self> {
        let generator = Generator::new(model, interrupt)?;
        let representation = model.manifest.representation;
        let (synthesis, analysis) = (Synthesis::new(representation), Analysis::new(representation));
        Ok(Self { generator, manifest: model.manifest.clone(), synthesis, analysis })
    }

    /// Looks for the latent that is nearest to a recording. `progress` is told how many of how many notes were rendered.
    ///
    /// # Errors
    /// When the recording is no note, which is the end of a sentence about it, or the search was interrupted.
    pub fn run(
        &mut self,
        recording: &Recording,
        wish: Wish,
        interrupt: &Interrupt,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<Match> {
        let sound = shape::from_onset(&recording.samples, recording.rate);
        let sound = sound.context("is silent: record a note, and try it again")?;
        let seconds = sound.len() as f32 / recording.rate as f32;
        ensure!(
            seconds >= shape::SHORTEST_SECONDS,
            "lasts {seconds:.2} seconds, too short for a note: at least {} are needed",
            shape::SHORTEST_SECONDS
        );
        let low = shape::note(sound, recording.rate, SAMPLE_RATE, 0.0);
        let heard = match wish.key {
            Some(key) => tone::Heard { key, cents: tone::cents_from(&low, key) },
            None => tone::hear(&low)?,
        };
        let compared = heard.key.clamp(self.manifest.pitch_min, self.manifest.pitch_max);
        let target = self.target(recording, sound, heard, compared)?;

        let mut named = self.named();
        let size = self.manifest.latent_size;
        if wish.refinement > 0 {
            let seed = |seed| normal(seed, size).into_iter().map(|x| x as f32).collect();
            named.extend((0..SEEDS).map(|number| (None, None, seed(number))));
        }
        let total = named.len() + wish.refinement;
        let mut done = 0;
        let mut best: Option<(Fit, Vec<f32>)> = None;
        let mut near = Vec::new();
        let mut measure = |latent: &[f32]| -> Result<Fit> {
            ensure!(!interrupt.is_raised(), "the search was cancelled");
            let fit = self.fit(&target, latent, interrupt)?;
            done += 1;
            progress(done, total);
            if best.as_ref().is_none_or(|(nearest, _)| fit.db < nearest.db) {
                best = Some((fit, latent.to_vec()));
            }
            Ok(fit)
        };
        let mut nearest: Option<(f32, Vec<f32>)> = None;
        for (name, program, latent) in named {
            let fit = measure(&latent)?;
            if nearest.as_ref().is_none_or(|(db, _)| fit.db < *db) {
                nearest = Some((fit.db, latent));
            }
            if let Some(name) = name {
                near.push(Near { name, program, fit });
            }
        }
        if wish.refinement > 0
            && let Some((_, start)) = nearest
        {
            refine(&start, wish.refinement, &mut measure)?;
        }
        near.sort_by(|a, b| a.fit.db.total_cmp(&b.fit.db));
        let (fit, latent) = best.context("cannot be compared: the model has no sound at all")?;
        Ok(Match { key: heard.key, cents: heard.cents, compared, latent, fit, named: near, renderings: done })
    }

    /// The sounds that have names: the model's own, and its programs that are none of them.
    fn named(&self) -> Vec<(Option<String>, Option<u8>, Vec<f32>)> {
        let programs = &self.manifest.programs;
        let program = |latent: &[f32]| programs.iter().find(|known| known.vector == latent).map(|known| known.program);
        let own = &self.manifest.latents;
        let mut named: Vec<_> =
            own.iter().map(|own| (Some(own.name.clone()), program(&own.vector), own.vector.clone())).collect();
        for known in programs.iter().filter(|known| own.iter().all(|own| own.vector != known.vector)) {
            let name = GENERAL_MIDI[usize::from(known.program)].to_owned();
            named.push((Some(name), Some(known.program), known.vector.clone()));
        }
        named
    }

    /// The recording as notes of the model are compared with it: at the compared key's pitch, from each place on where it may
    /// have been struck.
    fn target(&mut self, recording: &Recording, sound: &[f32], heard: tone::Heard, compared: u8) -> Result<Target> {
        let geometry = self.manifest.representation.geometry();
        let rate = recording.rate;
        let semitones = f32::from(compared) - f32::from(heard.key) - heard.cents / 100.0;
        let hop = geometry.hop as f32 / geometry.sample_rate as f32;
        let lead = (recording.samples.len() - sound.len()) as f32 / rate as f32;
        let mut waves: Vec<Vec<f32>> = Vec::new();
        let plain = shape::note(sound, rate, geometry.sample_rate, semitones);
        let late = LATE_HOPS.map(|hops| hops * hop);
        let late = late.into_iter().chain((lead > 0.0 && lead < LEAD_SECONDS).then_some(lead));
        for late in late {
            let samples = (late * geometry.sample_rate as f32) as usize;
            let mut wave = vec![0.0; samples];
            wave.extend_from_slice(&plain[..plain.len() - samples]);
            waves.push(wave);
        }
        let seconds = sound.len() as f32 / rate as f32 * (-semitones / 12.0).exp2();
        let highest = HIGHEST * rate as f32 * (semitones / 12.0).exp2();
        let grid = Grid::new(geometry, compared, highest, seconds);
        let mut portraits = Vec::new();
        for wave in waves {
            portraits.extend(portrait(&grid, &mut self.analysis, &wave)?);
        }
        ensure!(!portraits.is_empty(), "is silent where a note would be: record it louder, and try it again");
        Ok(Target { grid, portraits, key: compared })
    }

    /// How near the note of a latent is.
    fn fit(&mut self, target: &Target, latent: &[f32], interrupt: &Interrupt) -> Result<Fit> {
        let geometry = self.manifest.representation.geometry();
        let Self { generator, synthesis, analysis, .. } = self;
        generator
            .generate(latent, target.key, interrupt, |output| {
                check_finite(output.image)?;
                let touch = output.touch.and_then(Touch::of_model);
                let touch = target.grid.touch(&touch.unwrap_or_else(|| Touch::gentle(geometry.sample_rate)));
                let far = Fit { db: f32::INFINITY, velocity: crate::expression::GENERATED_VELOCITY };
                let wave = synthesis.synthesise(output.image)?;
                let Some(generated) = portrait(&target.grid, analysis, &wave)? else { return Ok(far) };
                let fits = target.portraits.iter().map(|recorded| target.grid.compare(recorded, &generated, &touch));
                Ok(fits.min_by(|a, b| a.db.total_cmp(&b.db)).unwrap_or(far))
            })
            .map_err(|error| anyhow!("cannot be compared, since the model {error:#}"))
    }
}

/// The portrait of four seconds at the model's rate. `None` where they are silent.
fn portrait(grid: &Grid, analysis: &mut Analysis, wave: &[f32]) -> Result<Option<Portrait>> {
    analysis.take(wave)?;
    Ok(grid.portrait(|frame, row| analysis.magnitudes(frame, row)))
}

/// Goes on from a latent for as many renderings.
fn refine(start: &[f32], renderings: usize, measure: &mut impl FnMut(&[f32]) -> Result<Fit>) -> Result<()> {
    let size = (start.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / start.len() as f64).sqrt();
    let mut evolution = Evolution::new(start, FIRST_STEP * size.max(1e-3));
    let mut left = renderings;
    while left > 0 {
        let points = evolution.ask();
        let mut measured = Vec::with_capacity(points.len());
        for point in points.into_iter().take(left) {
            measured.push((measure(&point)?.db, point));
        }
        left -= measured.len();
        if measured.len() < evolution.population() {
            break;
        }
        measured.sort_by(|a, b| a.0.total_cmp(&b.0));
        let ranked: Vec<Vec<f32>> = measured.into_iter().map(|(_, point)| point).collect();
        evolution.tell(&ranked);
    }
    Ok(())
}
