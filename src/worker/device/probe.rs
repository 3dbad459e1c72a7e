//! The test run of a device: whether it renders what the processor renders, how fast, and in what batches.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

use super::choice::Provider;
use super::provider;
use crate::latent::Latents;
use crate::model::Model;
use crate::note::Timbre;
use crate::worker::generator::{Generator, check_finite};
use crate::worker::interrupt::Interrupt;

/// How far a device may be from the processor: the first is what all values but one in ten thousand stay within, the
/// second the root mean square. Rounding is enlarged without bound where a function jumps, so single values do not count.
///
/// Levels are natural logarithms of magnitude or power: 0.1 is at most 0.9 dB, and 0.01 at most 0.09 dB.
const LEVEL_TOLERANCE: Difference = Difference { common: 0.1, rms: 0.01 };

/// Angles in units of pi: where they are advances per hop (512 samples at 16 kHz), 0.001 is 0.016 Hz, less than a cent of
/// the lowest key, and 0.02 is 0.3 Hz.
const ANGLE_TOLERANCE: Difference = Difference { common: 0.02, rms: 0.001 };

/// Shares of the values that may lie outside of `common`.
const SINGLE_SHARE: f64 = 1e-4;

/// Most notes of one run. What a run needs of memory grows with it: by what batches of 1 and 8 took on the processor, 16 notes of
/// the paper's generator (7.3 million parameters) take about 1.1 GB; 16 of the default model take 50 MB.
pub const MAX_BATCH: usize = 16;

/// Longest run of a batch: a key that is struck meanwhile waits for its end.
const LONGEST_RUN: Duration = Duration::from_millis(100);

/// A larger batch pays where it takes less than this share of the smaller one's time for each note.
const BATCH_GAIN: f64 = 0.9;

/// A device is chosen by itself where it renders so many times as many notes a second as the processor.
const WORTH: f64 = 1.5;

/// How many notes are compared.
const NOTES: usize = 4;

/// How often each run is timed; the shortest counts, since what disturbs it only ever makes it longer.
const REPEATS: usize = 3;

/// How far two images are apart.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Difference {
    pub common: f32,
    pub rms: f32,
}

impl Difference {
    fn of(mut differences: Vec<f32>) -> Self {
        let square = differences.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
        let rms = (square / differences.len() as f64).sqrt() as f32;
        let outside = (differences.len() as f64 * SINGLE_SHARE) as usize;
        let index = differences.len() - 1 - outside;
        let (_, common, _) = differences.select_nth_unstable_by(index, f32::total_cmp);
        Self { common: *common, rms }
    }

    fn is_within(self, tolerance: Self) -> bool {
        self.common <= tolerance.common && self.rms <= tolerance.rms
    }
}

/// What a device's test run has shown.
#[derive(Clone, PartialEq, Debug)]
pub struct Probe {
    pub level: Difference,
    pub angle: Difference,
    /// Notes of the largest run that pays.
    pub batch: usize,
    /// Milliseconds a note: alone, and in such a batch.
    pub alone_ms: f64,
    pub batch_ms: f64,
    /// The same of one thread of the processor.
    pub cpu_ms: f64,
}

impl Probe {
    /// Runs a device beside the processor on the same inputs. The error is the end of a sentence about the device.
    pub fn run(device: &mut Generator, cpu: &mut Generator, model: &Model, interrupt: &Interrupt) -> Result<Self> {
        let inputs = Inputs::new(model);
        let mut cpu_ms = f64::INFINITY;
        let mut expected = Vec::new();
        for (note, &pitch) in inputs.pitches.iter().enumerate() {
            let start = Instant::now();
            let image = cpu.generate(inputs.latent(note), pitch, interrupt, |output| {
                check_finite(output.image)?;
                Ok(output.image.to_vec())
            });
            expected.push(image?);
            cpu_ms = cpu_ms.min(milliseconds(start.elapsed()));
        }
        let (mut levels, mut angles) = (Vec::new(), Vec::new());
        let (mut batch, mut alone_ms, mut batch_ms) = (1, 0.0, f64::INFINITY);
        let largest = if device.takes_batches() { MAX_BATCH } else { 1 };
        let mut size = 1;
        while size <= largest {
            let (latents, pitches) = inputs.batch(size);
            let mut shortest = Duration::MAX;
            for repeat in 0..REPEATS {
                let start = Instant::now();
                let images = device.generate_batch(&latents, &pitches, interrupt, |note, output| {
                    check_finite(output.image)?;
                    // Comparing costs time of its own, so it has the run that is slow anyway.
                    if repeat == 0 {
                        compare(output.image, &expected[note % NOTES], &mut levels, &mut angles);
                    }
                    Ok(())
                });
                let took = start.elapsed();
                match images {
                    // A size that the graph or the device's memory does not bear is no reason to do without it.
                    Err(_) if size > 1 && !interrupt.is_raised() => {
                        return Self::of(levels, angles, batch, alone_ms, batch_ms, cpu_ms);
                    }
                    images => images?.into_iter().collect::<Result<Vec<()>>>()?,
                };
                if repeat > 0 {
                    shortest = shortest.min(took);
                }
            }
            let ms = milliseconds(shortest) / size as f64;
            if size == 1 {
                alone_ms = ms;
            }
            let pays = ms < BATCH_GAIN * batch_ms && (size == 1 || shortest <= LONGEST_RUN);
            if !pays {
                break;
            }
            (batch, batch_ms) = (size, ms);
            size *= 2;
        }
        Self::of(levels, angles, batch, alone_ms, batch_ms, cpu_ms)
    }

    fn of(levels: Vec<f32>, angles: Vec<f32>, batch: usize, alone_ms: f64, batch_ms: f64, cpu_ms: f64) -> Result<Self> {
        let (level, angle) = (Difference::of(levels), Difference::of(angles));
        let probe = Self { level, angle, batch, alone_ms, batch_ms, cpu_ms };
        ensure!(
            level.is_within(LEVEL_TOLERANCE) && angle.is_within(ANGLE_TOLERANCE),
            "renders another sound than the processor ({}): update its driver, or choose another device",
            probe.agreement()
        );
        Ok(probe)
    }

    /// Whether the device is better than `threads` threads of the processor, for the keyboard and for a key just struck.
    pub fn pays(&self, threads: usize) -> bool {
        self.batch_ms * WORTH <= self.cpu_ms / threads as f64 && self.alone_ms <= self.cpu_ms
    }

    /// How far the device is from the processor, in words.
    pub fn agreement(&self) -> String {
        format!(
            "levels within {:.4} dB, angles within {:.5} pi, but for one value in 10,000",
            // A natural logarithm of magnitude, the louder of the two readings.
            f64::from(self.level.common) * 20.0 / std::f64::consts::LN_10,
            self.angle.common
        )
    }

    /// How fast it is, in words.
    pub fn speed(&self) -> String {
        let batch = match self.batch {
            1 => "one note at a time".to_owned(),
            batch => format!("{:.2} ms in batches of {batch}", self.batch_ms),
        };
        format!("{:.2} ms a note, {batch}; the processor {:.2} ms a thread", self.alone_ms, self.cpu_ms)
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn compare(found: &[f32], expected: &[f32], levels: &mut Vec<f32>, angles: &mut Vec<f32>) {
    let half = expected.len() / 2;
    let differences = found.iter().zip(expected).map(|(found, expected)| found - expected);
    for (index, difference) in differences.enumerate() {
        if index < half {
            levels.push(difference.abs());
        } else {
            // Angles a whole turn apart are the same.
            angles.push((difference - 2.0 * (difference / 2.0).round()).abs());
        }
    }
}

/// The notes that are compared: the model's whole range of pitches, in different timbres.
struct Inputs {
    latents: Vec<f32>,
    latent_size: usize,
    pitches: [u8; NOTES],
}

impl Inputs {
    fn new(model: &Model) -> Self {
        let manifest = &model.manifest;
        let (low, high) = (usize::from(manifest.pitch_min), usize::from(manifest.pitch_max));
        let latents = Latents::new(manifest);
        let timbre = |seed| Timbre { seed, seed_to: seed, ..Timbre::default() };
        Self {
            latents: (0..NOTES as u32).flat_map(|seed| latents.latent(&timbre(seed)).expect("seeds draw it")).collect(),
            latent_size: manifest.latent_size,
            pitches: std::array::from_fn(|note| (low + note * (high - low) / (NOTES - 1)) as u8),
        }
    }

    fn latent(&self, note: usize) -> &[f32] {
        &self.latents[note * self.latent_size..][..self.latent_size]
    }

    /// The notes again and again, `size` of them.
    fn batch(&self, size: usize) -> (Vec<f32>, Vec<u8>) {
        let notes = (0..size).map(|note| note % NOTES);
        (
            notes.clone().flat_map(|note| self.latent(note)).copied().collect(),
            notes.map(|note| self.pitches[note]).collect(),
        )
    }
}

/// Tries a provider's device on a model. Returns its session and what was seen. Errors are sentences.
pub fn probe_device(
    provider: Provider,
    index: u32,
    model: &Model,
    interrupt: &Interrupt,
) -> Result<(Generator, Probe)> {
    let mut device = provider::open(provider, index, model, interrupt)?;
    let mut cpu = Generator::new(model, interrupt)?;
    let probe = Probe::run(&mut device, &mut cpu, model, interrupt);
    let probe = probe.map_err(|error| anyhow!("{} {error:#}.", provider.name()))?;
    Ok((device, probe))
}
