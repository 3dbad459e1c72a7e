//! One session of one model on one thread, on the processor or a device, and the checks that need ONNX Runtime.

use std::sync::Arc;

use anyhow::{Result, anyhow, bail, ensure};
use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{RunOptions, Session};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};

use super::interrupt::Interrupt;
use super::prepare::{NOT_FINITE, Output};
use crate::expression::{Movement, TOUCH_POINTS};
use crate::geometry::Geometry;
use crate::latent::Latents;
use crate::model::{self, Manifest, Model};
use crate::note::Timbre;

/// A loaded generator.
pub struct Generator {
    session: Session,
    frames: usize,
    bins: usize,
    latent_size: usize,
    /// Whether the graph takes any number of notes in one run.
    takes_batches: bool,
}

impl Generator {
    /// Makes a session on the processor and checks its inputs and outputs against the contract. Errors are sentences.
    pub fn new(model: &Model, interrupt: &Interrupt) -> Result<Self> {
        let environment = super::runtime::environment()?;
        let session = processor(&environment).and_then(|builder| commit(builder, &model.bytes, interrupt));
        let session = session.map_err(|error| {
            let reason = first_line(&error);
            let why = format!("is refused by ONNX Runtime ({reason}): export it again for opset 26 or lower");
            model::sentence(&model.path, &anyhow!(why))
        })?;
        Self::of(session, &model.manifest).map_err(|error| model::sentence(&model.path, &error))
    }

    /// Makes a session of options that place it on a device. `bytes` is the model's file. Errors are ends of sentences.
    pub fn on_device(
        bytes: &[u8],
        manifest: &Manifest,
        interrupt: &Interrupt,
        options: impl FnOnce(&Environment) -> Result<SessionBuilder>,
    ) -> Result<Self> {
        let builder = options(&super::runtime::environment()?)?;
        let session = commit(builder, bytes, interrupt).map_err(|error| anyhow!("{}", first_line(&error)))?;
        Self::of(session, manifest)
    }

    fn of(session: Session, manifest: &Manifest) -> Result<Self> {
        check_outlets(&session, manifest)?;
        let takes_batches = session.inputs().iter().chain(session.outputs()).all(|outlet| {
            matches!(outlet.dtype(), ValueType::Tensor { shape, .. } if shape.first().is_some_and(|&size| size < 0))
        });
        let Geometry { frames, bins, .. } = manifest.representation.geometry();
        Ok(Self { session, frames, bins, latent_size: manifest.latent_size, takes_batches })
    }

    /// Whether [`Self::generate_batch`] takes more than one note. An open size is a promise that only a run can prove.
    pub fn takes_batches(&self) -> bool {
        self.takes_batches
    }

    /// Generates one note, and hands what the model puts out to `then` where it lies. `then` must bear numbers that are not
    /// finite, and should refuse them ([`check_finite`]).
    pub fn generate<T>(
        &mut self,
        latent: &[f32],
        pitch: u8,
        interrupt: &Interrupt,
        then: impl FnOnce(Output) -> Result<T>,
    ) -> Result<T> {
        let mut then = Some(then);
        let mut notes = self.generate_batch(latent, &[pitch], interrupt, |_, output| {
            let then = then.take().expect("there is one note");
            then(output)
        })?;
        notes.pop().expect("there is one note")
    }

    /// Generates several notes in one run and hands what the model puts out for each, with its index, to `then` where it lies,
    /// as [`Self::generate`] does.
    ///
    /// `latents` lie one behind the other. The outer error is a run that failed; an inner one is what `then` says of an
    /// image, which says nothing of the others.
    pub fn generate_batch<T>(
        &mut self,
        latents: &[f32],
        pitches: &[u8],
        interrupt: &Interrupt,
        mut then: impl FnMut(usize, Output) -> Result<T>,
    ) -> Result<Vec<Result<T>>> {
        let notes = pitches.len();
        debug_assert_eq!(latents.len(), notes * self.latent_size);
        let options = Arc::new(RunOptions::new()?);
        let pitches: Vec<i64> = pitches.iter().map(|&pitch| i64::from(pitch)).collect();
        let inputs = ort::inputs![
            LATENT => TensorRef::from_array_view(([notes, self.latent_size], latents))?,
            PITCH => TensorRef::from_array_view(([notes], pitches.as_slice()))?,
        ];
        let session = &mut self.session;
        let outputs = interrupt.during_run(&options, || session.run_with_options(inputs, &options))?;
        let (shape, images) = outputs[SPECTROGRAM].try_extract_tensor::<f32>()?;
        let expected = [notes as i64, 2, self.frames as i64, self.bins as i64];
        let image_len = 2 * self.frames * self.bins;
        ensure!(
            shape[..] == expected && images.len() == notes * image_len,
            "puts out an image of {shape:?} where the manifest promises {expected:?}"
        );
        let optional = |name: &str, values: usize| -> Result<Option<&[f32]>> {
            let Some(output) = outputs.get(name) else { return Ok(None) };
            let (shape, all) = output.try_extract_tensor::<f32>()?;
            let expected = [notes as i64, values as i64];
            ensure!(shape[..] == expected, "puts out a {name} of {shape:?} where {expected:?} belongs");
            Ok(Some(all))
        };
        let (touch, movement) = (optional(TOUCH, TOUCH_POINTS)?, optional(MOVEMENT, Movement::VALUES)?);
        let output = |(index, image)| {
            let touch = touch.map(|all| &all[index * TOUCH_POINTS..][..TOUCH_POINTS]);
            let movement = movement.map(|all| &all[index * Movement::VALUES..][..Movement::VALUES]);
            then(index, Output { image, touch, movement })
        };
        Ok(images.chunks_exact(image_len).enumerate().map(output).collect())
    }

    /// Renders the lowest and the highest pitch and refuses what is no sound. Errors are sentences.
    pub fn try_out(&mut self, model: &Model, interrupt: &Interrupt) -> Result<()> {
        let manifest = &model.manifest;
        let latent = Latents::new(manifest).latent(&Timbre::default())?;
        for pitch in [manifest.pitch_min, manifest.pitch_max] {
            self.generate(&latent, pitch, interrupt, |output| check_image(output.image)).map_err(|error| {
                let what = anyhow!("does not pass the test at pitch {pitch}: it {error:#}; choose another model");
                model::sentence(&model.path, &what)
            })?;
        }
        Ok(())
    }
}

/// Refuses an image that is [`NOT_FINITE`].
pub fn check_finite(image: &[f32]) -> Result<()> {
    ensure!(image.iter().all(|value| value.is_finite()), NOT_FINITE);
    Ok(())
}

const LATENT: &str = "latent";
const PITCH: &str = "pitch";
const SPECTROGRAM: &str = "spectrogram";
/// Outputs that a model may have besides.
const TOUCH: &str = "touch";
const MOVEMENT: &str = "movement";

/// The options of a session on the processor.
fn processor(environment: &Environment) -> ort::Result<SessionBuilder> {
    // For the one size that ever runs, arena and memory pattern together were the fastest of the four combinations.
    Ok(options(environment)?.with_memory_pattern(true)?)
}

/// The options of every session.
pub fn options(environment: &Environment) -> ort::Result<SessionBuilder> {
    // One thread a session: two sessions side by side give more notes a second than one with two threads, and a waiting
    // pool must not spin beside a host's audio threads.
    Ok(Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_parallel_execution(false)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_log_level(LogLevel::Fatal)?)
}

fn commit(mut builder: SessionBuilder, bytes: &[u8], interrupt: &Interrupt) -> ort::Result<Session> {
    interrupt.during_load(builder.canceler(), || builder.commit_from_memory(bytes))
}

/// The runtime's messages may be long and of several lines; the first says what is wrong, behind the place in the runtime's
/// own source and its kind of error.
pub fn first_line(error: &dyn std::fmt::Display) -> String {
    const MARK: &str = "[ONNXRuntimeError] : ";
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let reason = line.rfind(MARK).and_then(|at| line[at + MARK.len()..].splitn(3, " : ").nth(2));
    reason.unwrap_or(line).chars().take(300).collect()
}

fn check_outlets(session: &Session, manifest: &Manifest) -> Result<()> {
    let geometry = manifest.representation.geometry();
    let (frames, bins) = (geometry.frames as i64, geometry.bins as i64);
    check_names("inputs", session.inputs(), &[LATENT, PITCH], &[])?;
    check_names("outputs", session.outputs(), &[SPECTROGRAM], &[TOUCH, MOVEMENT])?;
    for outlet in session.inputs().iter().chain(session.outputs()) {
        let (element, shape): (_, &[i64]) = match outlet.name() {
            LATENT => (TensorElementType::Float32, &[1, manifest.latent_size as i64]),
            PITCH => (TensorElementType::Int64, &[1]),
            TOUCH => (TensorElementType::Float32, &[1, TOUCH_POINTS as i64]),
            MOVEMENT => (TensorElementType::Float32, &[1, Movement::VALUES as i64]),
            _ => (TensorElementType::Float32, &[1, 2, frames, bins]),
        };
        check_tensor(outlet, element, shape)?;
    }
    Ok(())
}

/// All that are `expected` are there, and none but them and those that `may` be.
fn check_names(what: &str, outlets: &[Outlet], expected: &[&str], may: &[&str]) -> Result<()> {
    let mut names: Vec<&str> = outlets.iter().map(Outlet::name).collect();
    names.sort_unstable();
    let shown: String = names.join(", ").chars().take(200).collect();
    names.retain(|name| !may.contains(name));
    ensure!(names == expected, "has the {what} {shown} where {} belong: export it again", expected.join(", "));
    Ok(())
}

/// A size that the graph leaves open counts as right; the test run tells.
fn check_tensor(outlet: &Outlet, element: TensorElementType, shape: &[i64]) -> Result<()> {
    let name = outlet.name();
    let ValueType::Tensor { ty, shape: found, .. } = outlet.dtype() else {
        bail!("has a {name} that is no tensor: export it again");
    };
    ensure!(*ty == element, "has a {name} of {ty} where {element} belongs: export it again");
    let fits = found.len() == shape.len() && found.iter().zip(shape).all(|(found, size)| *found < 0 || found == size);
    ensure!(fits, "has a {name} of shape {:?} where {shape:?} belongs: export it again", &found[..]);
    Ok(())
}

/// Natural logarithms of magnitude or power. The analysis floors at ln 1e-6 = -13.8; full scale is below 14.
const LOUDEST: f32 = 40.0;
const SILENT: f32 = -12.0;

/// Phase or phase advance in units of pi; the analysis puts out at most 1, the normaliser lets 1.25 through.
const WIDEST_ADVANCE: f32 = 16.0;

fn check_image(image: &[f32]) -> Result<()> {
    check_finite(image)?;
    let (levels, advances) = image.split_at(image.len() / 2);
    let loudest = levels.iter().copied().fold(f32::MIN, f32::max);
    let widest = advances.iter().fold(0.0f32, |widest, x| widest.max(x.abs()));
    ensure!(loudest > SILENT, "puts out silence");
    ensure!(loudest < LOUDEST, "puts out the level {loudest:.0}, which no sound has");
    ensure!(widest < WIDEST_ADVANCE, "puts out the phase advance {widest:.0} pi, which no sound has");
    Ok(())
}
