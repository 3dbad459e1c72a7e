//! One session of one model on one generator thread, and the checks that need ONNX Runtime.

use std::sync::Arc;

use anyhow::{Result, anyhow, bail, ensure};
use ort::logging::LogLevel;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{RunOptions, Session};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};

use super::interrupt::Interrupt;
use crate::latent::Latents;
use crate::model::{self, Manifest, Model};
use crate::note::{Geometry, Timbre};

/// A loaded generator.
pub struct Generator {
    session: Session,
    /// Values of one image: two channels of frames x bins.
    image_len: usize,
    frames: usize,
    bins: usize,
}

impl Generator {
    /// Makes a session and checks its inputs and outputs against the contract. Errors are sentences.
    pub fn new(model: &Model, interrupt: &Interrupt) -> Result<Self> {
        let environment = super::runtime::environment()?;
        let geometry = model.manifest.representation.geometry();
        let session = session(&environment, &model.bytes, interrupt).map_err(|error| {
            // The runtime's messages may be long and of several lines; the first says what is wrong.
            let reason = error.to_string();
            let reason: String = reason.lines().next().unwrap_or_default().chars().take(300).collect();
            let why = format!("is refused by ONNX Runtime ({reason}): export it again for opset 26 or lower");
            model::sentence(&model.path, &anyhow!(why))
        })?;
        check_outlets(&session, &model.manifest).map_err(|error| model::sentence(&model.path, &error))?;
        let Geometry { frames, bins, .. } = geometry;
        Ok(Self { session, image_len: 2 * frames * bins, frames, bins })
    }

    /// Generates one image, [2, frames, bins], and hands it to `then` where it lies.
    pub fn generate<T>(
        &mut self,
        latent: &[f32],
        pitch: u8,
        interrupt: &Interrupt,
        then: impl FnOnce(&[f32]) -> T,
    ) -> Result<T> {
        let options = Arc::new(RunOptions::new()?);
        let pitches = [i64::from(pitch)];
        let inputs = ort::inputs![
            LATENT => TensorRef::from_array_view(([1, latent.len()], latent))?,
            PITCH => TensorRef::from_array_view(([1], pitches.as_slice()))?,
        ];
        let session = &mut self.session;
        let outputs = interrupt.during_run(&options, || session.run_with_options(inputs, &options))?;
        let (shape, image) = outputs[SPECTROGRAM].try_extract_tensor::<f32>()?;
        let expected = [1, 2, self.frames as i64, self.bins as i64];
        ensure!(
            shape[..] == expected && image.len() == self.image_len,
            "puts out an image of {shape:?} where the manifest promises {expected:?}"
        );
        ensure!(image.iter().all(|x| x.is_finite()), "puts out numbers that are not finite");
        Ok(then(image))
    }

    /// Renders the lowest and the highest pitch and refuses what is no sound. Errors are sentences.
    pub fn try_out(&mut self, model: &Model, interrupt: &Interrupt) -> Result<()> {
        let manifest = &model.manifest;
        let latent = Latents::new(manifest).latent(&Timbre::default());
        for pitch in [manifest.pitch_min, manifest.pitch_max] {
            let tried = self.generate(&latent, pitch, interrupt, check_image).and_then(|checked| checked);
            tried.map_err(|error| {
                let what = anyhow!("does not pass the test at pitch {pitch}: it {error:#}; choose another model");
                model::sentence(&model.path, &what)
            })?;
        }
        Ok(())
    }
}

const LATENT: &str = "latent";
const PITCH: &str = "pitch";
const SPECTROGRAM: &str = "spectrogram";

fn session(environment: &ort::environment::Environment, bytes: &[u8], interrupt: &Interrupt) -> ort::Result<Session> {
    // One thread a session: two sessions side by side give more notes a second than one with two threads, and a waiting
    // pool must not spin beside a host's audio threads. For the one size that ever runs, arena and memory
    // pattern together were the fastest of the four combinations.
    let mut builder = Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_parallel_execution(false)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_memory_pattern(true)?
        .with_log_level(LogLevel::Fatal)?;
    interrupt.during_load(builder.canceler(), || builder.commit_from_memory(bytes))
}

fn check_outlets(session: &Session, manifest: &Manifest) -> Result<()> {
    let geometry = manifest.representation.geometry();
    let (frames, bins) = (geometry.frames as i64, geometry.bins as i64);
    check_names("inputs", session.inputs(), &[LATENT, PITCH])?;
    check_names("outputs", session.outputs(), &[SPECTROGRAM])?;
    for outlet in session.inputs().iter().chain(session.outputs()) {
        let (element, shape): (_, &[i64]) = match outlet.name() {
            LATENT => (TensorElementType::Float32, &[1, manifest.latent_size as i64]),
            PITCH => (TensorElementType::Int64, &[1]),
            _ => (TensorElementType::Float32, &[1, 2, frames, bins]),
        };
        check_tensor(outlet, element, shape)?;
    }
    Ok(())
}

fn check_names(what: &str, outlets: &[Outlet], expected: &[&str]) -> Result<()> {
    let mut names: Vec<&str> = outlets.iter().map(Outlet::name).collect();
    names.sort_unstable();
    let shown: String = names.join(", ").chars().take(200).collect();
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
    let (levels, advances) = image.split_at(image.len() / 2);
    let loudest = levels.iter().copied().fold(f32::MIN, f32::max);
    let widest = advances.iter().fold(0.0f32, |widest, x| widest.max(x.abs()));
    ensure!(loudest > SILENT, "puts out silence");
    ensure!(loudest < LOUDEST, "puts out the level {loudest:.0}, which no sound has");
    ensure!(widest < WIDEST_ADVANCE, "puts out the phase advance {widest:.0} pi, which no sound has");
    Ok(())
}
