//! What each provider needs to be there, and how a session is placed on it.
//!
//! Nothing here is to be believed before a test run: ONNX Runtime says of a provider only that it was compiled in, and
//! may leave single operators, or all, to the processor.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail, ensure};
use ort::environment::Environment;
use ort::ep::{self, ArenaExtendStrategy, ExecutionProvider};
use ort::memory::DeviceType;
use ort::session::builder::SessionBuilder;
use parking_lot::Mutex;

use super::choice::Provider;
use super::library;
use crate::files;
use crate::model::Model;
use crate::worker::generator::{self, Generator, first_line};
use crate::worker::interrupt::Interrupt;
use crate::worker::runtime;

/// The most of a device's memory that one model's session may take, in bytes, where the provider can be told (CUDA). The
/// others are bounded by the size of a batch alone.
const MEMORY_LIMIT_BYTES: usize = 2 << 30;

const WEBGPU_STEM: &str = "onnxruntime_providers_webgpu";
const WEBGPU_NAME: &str = "WebGpuExecutionProvider";

/// Whether a provider's parts are there: nothing is started to tell. The error is a sentence that says what to install.
pub fn check_installed(provider: Provider) -> Result<()> {
    #[cfg(test)]
    if crate::worker::tests::devices::stands_in(provider) {
        return Ok(());
    }
    let name = provider.name();
    ensure!(provider.is_for_this_system(), "{name} is not to be had on this system: choose another device.");
    // Where the runtime itself is missing, its own sentence says so.
    runtime::environment()?;
    let folder = files::device_folder().map(|folder| folder.display().to_string()).unwrap_or_default();
    if provider == Provider::WebGpu {
        ensure!(
            files::device_library(WEBGPU_STEM).is_some(),
            "{name} is not installed: put {} of the package onnxruntime-ep-webgpu into {folder}.",
            library_name(WEBGPU_STEM)
        );
        return Ok(());
    }
    let compiled_in = match provider {
        Provider::Cuda => ep::CUDA::is_available(),
        Provider::CoreMl => ep::CoreML::is_available(),
        Provider::DirectMl => ep::DirectML::is_available(),
        Provider::WebGpu => unreachable!("it is a plug-in"),
    };
    if compiled_in.unwrap_or(false) {
        return Ok(());
    }
    if let Some(complaint) = runtime::complaint() {
        bail!("{complaint}");
    }
    match provider {
        Provider::Cuda => bail!(
            "{name} is not installed: put the libraries of the package onnxruntime-gpu into {folder}, install NVIDIA's \
             CUDA 13 and cuDNN 9, and restart the host."
        ),
        Provider::DirectMl => bail!(
            "{name} is not installed: put onnxruntime.dll of a DirectML build, version 1.24 or later, and DirectML.dll \
             into {folder}, and restart the host."
        ),
        _ => bail!("{name} is missing from ONNX Runtime: install Timbrel again, with all its files."),
    }
}

/// Makes a session of a model on a provider's device. Errors are sentences.
pub fn open(provider: Provider, index: u32, model: &Model, interrupt: &Interrupt) -> Result<Generator> {
    #[cfg(test)]
    if let Some(opened) = crate::worker::tests::devices::open_stand_in(provider, model, interrupt) {
        return opened;
    }
    check_installed(provider)?;
    Generator::on_device(&model.bytes, &model.manifest, interrupt, |environment| {
        // A builder of its own for every attempt: one that has failed keeps what it was told.
        let options = generator::options(environment)?;
        place(options, environment, provider, index)
    })
    .map_err(|error| {
        let hint = match provider {
            Provider::Cuda => "check that the driver, CUDA 13 and cuDNN 9 are installed and can be found",
            Provider::WebGpu => "check the graphics driver, on Linux Vulkan's",
            Provider::CoreMl | Provider::DirectMl => "update the system and its graphics driver",
        };
        anyhow!("{} cannot be used ({error:#}): {hint}.", provider.name())
    })
}

fn place(options: SessionBuilder, environment: &Environment, provider: Provider, index: u32) -> Result<SessionBuilder> {
    let dispatch = match provider {
        Provider::WebGpu => return place_on_plug_in(options, environment, index as usize),
        Provider::Cuda => {
            preload_cuda()?;
            let cuda = ep::CUDA::default()
                .with_device_id(index as i32)
                .with_memory_limit(MEMORY_LIMIT_BYTES)
                // Doubling, the default, would take up to half of the limit for nothing.
                .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested)
                // The exhaustive search costs seconds for each size of batch.
                .with_conv_algorithm_search(ep::cuda::ConvAlgorithmSearch::Heuristic)
                // TF32 rounds to 10 bits, and the frequencies of the partials need more.
                .with_tf32(false);
            cuda.build()
        }
        Provider::CoreMl => {
            ensure!(index == 0, "there is one device, number 0");
            // The Neural Engine computes in half precision, which the frequencies of the partials do not bear.
            ep::CoreML::default()
                .with_model_format(ep::coreml::ModelFormat::MLProgram)
                .with_compute_units(ep::coreml::ComputeUnits::CPUAndGPU)
                .build()
        }
        // The provider refuses to run with memory patterns; `options` has none.
        Provider::DirectMl => ep::DirectML::default().with_device_id(index as i32).build(),
    };
    let options = options.with_memory_pattern(false).map_err(|error| anyhow!("{}", first_line(&error)))?;
    // Without this a provider that fails is logged and the processor takes its place without a word.
    options.with_execution_providers([dispatch.error_on_failure()]).map_err(|error| anyhow!("{}", first_line(&error)))
}

/// Lets ONNX Runtime find CUDA where the user has put it beside the runtime; an installation of the system is found by the
/// system.
fn preload_cuda() -> Result<()> {
    if let Some(path) = files::device_library("onnxruntime_providers_cuda") {
        library::check_whole(&path).with_context(|| path.display().to_string())?;
    }
    let Some(folder) = files::device_folder() else { return Ok(()) };
    let libraries = ep::cuda::CUDA_DYLIBS.iter().chain(ep::cuda::CUDNN_DYLIBS).map(|name| folder.join(name));
    for library in libraries.filter(|library| library.is_file()) {
        // One that cannot be loaded is missed by the provider itself, which names it.
        let _ = ort::util::preload_dylib(library);
    }
    Ok(())
}

fn place_on_plug_in(options: SessionBuilder, environment: &Environment, index: usize) -> Result<SessionBuilder> {
    register_webgpu(environment)?;
    // Virtual devices are never made, since the library is not registered under a name that asks for them: they only
    // compile.
    let mut devices = environment.devices().filter(|device| {
        device.ep().is_ok_and(|name| name == WEBGPU_NAME) && device.hardware_device().ty() == DeviceType::GPU
    });
    let count = devices.by_ref().count();
    ensure!(count > 0, "there is no graphics processor that ONNX Runtime knows of");
    let mut devices = environment.devices().filter(|device| {
        device.ep().is_ok_and(|name| name == WEBGPU_NAME) && device.hardware_device().ty() == DeviceType::GPU
    });
    let device = devices.nth(index).with_context(|| format!("there is no device {index}, but {count} from 0 on"))?;
    options.with_devices([device], None).map_err(|error| anyhow!("{}", first_line(&error)))
}

/// Registers the plug-in once a process: the environment keeps it for ever.
fn register_webgpu(environment: &Environment) -> Result<()> {
    static REGISTERED: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut registered = REGISTERED.lock();
    if registered.is_some() {
        return Ok(());
    }
    let path = files::device_library(WEBGPU_STEM).context("its library is gone")?;
    library::check_whole(&path).with_context(|| format!("{} is broken", path.display()))?;
    environment
        .register_ep_library("timbrel-webgpu", &path)
        .map_err(|error| anyhow!("{}: {}", path.display(), first_line(&error)))?;
    *registered = Some(path);
    Ok(())
}

fn library_name(stem: &str) -> String {
    format!("{}{stem}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}
