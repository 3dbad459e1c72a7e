//! One note on one thread: the default model in ONNX Runtime beside the paper's generator, as exported plainly (the
//! reference) and as Timbrel exports it, in turn; and what Timbrel does around the network, step by step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{TensorElementType, TensorRef, ValueType};
use timbrel::model::Model;
use timbrel::note::{ModelId, NoteKey, Timbre};
use timbrel::spectral::{PolarMap, Representation};
use timbrel::worker::prepare::Preparer;

use crate::stats::{hash, median, paired_ratio};

/// Where `benches/paper.py` leaves its models and its counts.
pub const FOLDER_VARIABLE: &str = "TIMBREL_BENCH_MODELS";

/// Another model to be measured along, if one likes.
const EXTRA_VARIABLE: &str = "TIMBREL_BENCH_EXTRA";

/// Times that each model renders, in turn.
const ROUNDS: usize = 25;

/// Times that the default model and what is around it are measured, in turn.
const PREPARE_ROUNDS: usize = 401;

/// Single precision: how far the two exports of the paper's generator may be apart, in the units of the image (log power
/// reaches over some 28 of them, the angle over 2).
const TOLERANCE: f32 = 1e-3;

const LITERAL: &str = "paper-literal.onnx";
const FAST: &str = "paper-fast.onnx";
const PEAK: &str = "peak.onnx";
const PITCH: i64 = 60;

pub fn run() -> Result<()> {
    let folder = models_folder()?;
    let default = timbrel::files::default_model()?;
    let environment = environment()?;
    let mut models = vec![
        Entry::load(&environment, "the paper's, exported plainly", &folder.join(LITERAL))?,
        Entry::load(&environment, "the paper's, as Timbrel exports it", &folder.join(FAST))?,
        Entry::load(&environment, "the default model", &default)?,
    ];
    if let Some(path) = std::env::var_os(EXTRA_VARIABLE).filter(|path| !path.is_empty()) {
        models.push(Entry::load(&environment, "another", Path::new(&path))?);
    }
    let mut peak = Entry::load(&environment, "matrix product", &folder.join(PEAK))?;
    let operations = operations(&folder)?;

    let difference = worst_difference(&mut models)?;
    ensure!(difference < TOLERANCE, "the two exports of the paper's generator differ by {difference}");
    for round in 0..ROUNDS {
        eprintln!("Round {} of {ROUNDS}", round + 1);
        peak.time()?;
        models.iter_mut().try_for_each(|model| model.time().map(drop))?;
    }

    println!(
        "One thread; medians of {ROUNDS} rounds in turn. The ratio is the median of the rounds' ratios to the first line.\n"
    );
    println!("| generator | ms a note | ratio | million multiply-adds | GFLOP/s | of the matrix peak | output |");
    println!("|---|---:|---:|---:|---:|---:|---|");
    let speed = |count: u64, seconds: f64| 2e-9 * count as f64 / seconds;
    let peak_count = *operations.get(PEAK).context("operations.json lacks the peak: run benches/paper.py again")?;
    let peak_speed = speed(peak_count, median(&peak.seconds));
    for model in &models {
        let seconds = median(&model.seconds);
        let ratio = paired_ratio(&model.seconds, &models[0].seconds);
        let (count, rate, share) = match operations.get(&model.file) {
            Some(&count) => {
                let rate = speed(count, seconds);
                (
                    format!("{:.0}", count as f64 / 1e6),
                    format!("{rate:.1}"),
                    format!("{:.0} %", 100.0 * rate / peak_speed),
                )
            }
            None => Default::default(),
        };
        let output = match model.file.as_str() {
            FAST => format!("within {difference:.0e} of the first line's"),
            LITERAL => String::new(),
            _ => format!("`{}`", hash([&model.image[..]])),
        };
        println!("| {} | {:.2} | {ratio:.4} | {count} | {rate} | {share} | {output} |", model.name, 1e3 * seconds);
    }
    let size = (peak_count as f64).cbrt();
    println!(
        "| matrix product, {size:.0} x {size:.0} x {size:.0} | {:.2} | | {:.0} | {peak_speed:.1} | 100 % | |\n",
        1e3 * median(&peak.seconds),
        peak_count as f64 / 1e6
    );
    around(&mut models[2], Model::read(&default)?.manifest.representation)
}

/// The folder that `benches/paper.py` filled.
pub fn models_folder() -> Result<PathBuf> {
    let folder = std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from);
    folder.context("the models to compare with are not there: run this by `cargo xtask bench`, which makes them")
}

/// The paper's generator as it is exported plainly, as a model that the plugin loads.
pub fn literal_model() -> Result<PathBuf> {
    Ok(models_folder()?.join(LITERAL))
}

fn operations(folder: &Path) -> Result<BTreeMap<String, u64>> {
    let path = folder.join("operations.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is damaged: delete it and run this again", path.display()))
}

fn environment() -> Result<Environment> {
    let library = timbrel::files::runtime_library()?;
    Ok(ort::init_from(library)?.with_name("timbrel-bench").with_telemetry(false).build()?)
}

/// A session with the settings of the plugin's own (`worker/generator.rs`).
fn session(environment: &Environment, bytes: &[u8]) -> ort::Result<Session> {
    Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_parallel_execution(false)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_memory_pattern(true)?
        .with_log_level(LogLevel::Fatal)?
        .commit_from_memory(bytes)
}

/// A session with its input, and the seconds that its runs took.
struct Entry {
    name: &'static str,
    file: String,
    session: Session,
    latent: Vec<f32>,
    seconds: Vec<f64>,
    image: Vec<f32>,
}

impl Entry {
    fn load(environment: &Environment, name: &'static str, path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let session = session(environment, &bytes)?;
        let size = session.inputs().iter().find_map(|input| match input.dtype() {
            ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } => shape.last().copied(),
            _ => None,
        });
        let size = usize::try_from(size.context("the model has no latent")?)?;
        let latent = (0..size * if session.inputs().len() == 1 { size } else { 1 }).map(normal).collect();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, file, session, latent, seconds: Vec::new(), image: Vec::new() })
    }

    /// Runs once, keeps the output, and gives the seconds.
    fn render(&mut self, pitch: i64) -> Result<f64> {
        let mut kept = std::mem::take(&mut self.image);
        let seconds = self.run(pitch, |seconds, image| {
            kept.clear();
            kept.extend_from_slice(image);
            seconds
        });
        self.image = kept;
        seconds
    }

    /// Runs once, and hands the seconds and the output to `then`, where it lies, as the plugin's generator does.
    fn run<T>(&mut self, pitch: i64, then: impl FnOnce(f64, &[f32]) -> T) -> Result<T> {
        let pitches = [pitch];
        let latent = &self.latent;
        let start = Instant::now();
        let outputs = if self.session.inputs().len() == 1 {
            let size = latent.len().isqrt();
            self.session.run(ort::inputs!["x" => TensorRef::from_array_view(([size, size], latent.as_slice()))?])?
        } else {
            self.session.run(ort::inputs![
                "latent" => TensorRef::from_array_view(([1, latent.len()], latent.as_slice()))?,
                "pitch" => TensorRef::from_array_view(([1], pitches.as_slice()))?,
            ])?
        };
        let seconds = start.elapsed().as_secs_f64();
        let (_, image) = outputs[0].try_extract_tensor::<f32>()?;
        Ok(then(seconds, image))
    }

    fn time(&mut self) -> Result<f64> {
        let seconds = self.render(PITCH)?;
        self.seconds.push(seconds);
        Ok(seconds)
    }
}

/// A fixed series of numbers that look normally distributed.
fn normal(index: usize) -> f32 {
    let uniform = |n: usize| (n as f64 * 0.618_033_988_749_895 + 0.5).fract().max(1e-9);
    let (a, b) = (uniform(2 * index + 1), uniform((2 * index + 2) * 7919));
    ((-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()) as f32
}

/// Between the two exports of the paper's generator, over pitches across the keyboard; angles a whole turn apart are the same.
fn worst_difference(models: &mut [Entry]) -> Result<f32> {
    let mut worst = 0.0f32;
    for pitch in [24, 43, 60, 84] {
        models[0].render(pitch)?;
        models[1].render(pitch)?;
        let half = models[0].image.len() / 2;
        for (index, (a, b)) in models[0].image.iter().zip(&models[1].image).enumerate() {
            let difference = a - b;
            let turns = if index < half { 0.0 } else { 2.0 * (0.5 * difference).round() };
            worst = worst.max((difference - turns).abs());
        }
    }
    Ok(worst)
}

/// What Timbrel does with an image until it is a note, beside the network's own time.
fn around(model: &mut Entry, representation: Representation) -> Result<()> {
    let geometry = representation.geometry();
    let mut preparer = Preparer::new(representation);
    let mut polar = PolarMap::new(representation);
    let mut magnitude = vec![0.0; geometry.frames * geometry.bins];
    let mut advance = magnitude.clone();
    let key = NoteKey { model: ModelId(1), timbre: Timbre::default(), pitch: PITCH as u8 };
    let (mut network, mut all, mut to_linear) = (Vec::new(), Vec::new(), Vec::new());
    let mut digits = String::new();
    for _ in 0..PREPARE_ROUNDS {
        let note = model.run(PITCH, |seconds, image| {
            network.push(seconds);
            let start = Instant::now();
            let note = preparer.note(key, image);
            all.push(start.elapsed().as_secs_f64());
            note
        })??;
        if digits.is_empty() {
            digits = hash([&decoded(&note)[..], &note.head, &note.head_phase]);
        }
        drop(note);
        // Of an image that the network has just put out, as the note was: one that was read before lies nearer.
        model.run(PITCH, |_, image| {
            let start = Instant::now();
            polar.convert(image, &mut magnitude, &mut advance);
            to_linear.push(start.elapsed().as_secs_f64());
        })?;
    }
    println!(
        "Around the default model's network, medians of {PREPARE_ROUNDS} notes in turn; the note is `{digits}`.\n"
    );
    println!("| step | ms | of the network's time | of the note's |");
    println!("|---|---:|---:|---:|");
    let notes: Vec<f64> = network.iter().zip(&all).map(|(network, all)| network + all).collect();
    let line = |name: &str, seconds: &[f64]| {
        let [of_network, of_note] = [&network, &notes].map(|whole| 100.0 * paired_ratio(seconds, whole));
        println!("| {name} | {:.3} | {of_network:.1} % | {of_note:.1} % |", 1e3 * median(seconds));
    };
    line("the network", &network);
    line("all that makes a note of its image (`Preparer::note`)", &all);
    line("of that, from the image to linear magnitude and phase advance (`PolarMap::convert`)", &to_linear);
    Ok(())
}

/// Magnitudes and advances of all frames.
fn decoded(note: &timbrel::note::Note) -> Vec<f32> {
    let frames = 0..note.geometry.frames;
    frames.flat_map(|frame| note.frames.magnitude(frame).chain(note.frames.advance(frame))).collect()
}
