//! ONNX Runtime: loaded once a process, from a known path, and never let go. Generator threads only.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use ort::environment::Environment;
use ort::logging::LogLevel;
use parking_lot::Mutex;

use super::device::library;
use crate::files;

/// What a DirectML build of ONNX Runtime needs beside it.
const DIRECTML_STEM: &str = "DirectML";

/// One environment per process, for ever: ONNX Runtime does not survive being ended and begun again.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// What is wrong with the build for a device that the user has put in place of Timbrel's own, as a sentence.
static COMPLAINT: Mutex<Option<String>> = Mutex::new(None);

/// The process's environment. The first call that succeeds loads the library; after a failure the next call tries again,
/// since the user may have put the library there meanwhile.
pub fn environment() -> Result<Environment> {
    let mut environment = ENVIRONMENT.lock();
    if environment.is_none() {
        *environment = Some(load_either()?);
    }
    Ok(environment.clone().expect("it was set above"))
}

/// Why the user's own build of ONNX Runtime was not taken, if there is one.
pub fn complaint() -> Option<String> {
    COMPLAINT.lock().clone()
}

/// Loads the build for a device where the user has put one, and Timbrel's own where there is none or it is broken.
fn load_either() -> Result<Environment> {
    let Some(path) = files::device_runtime_library() else { return load_own() };
    let whole = library::check_whole(&path).with_context(|| {
        format!("ONNX Runtime at {} cannot be loaded: install it again, or remove it", path.display())
    });
    // Windows would look for it beside the host, then among its own libraries, where an older one lies; what is loaded already
    // goes before both. Where it cannot be loaded the provider misses it, and says so.
    if let Some(directml) = files::device_library(DIRECTML_STEM) {
        let _ = ort::util::preload_dylib(directml);
    }
    match whole.and_then(|()| load(&path)) {
        Ok(environment) => {
            *COMPLAINT.lock() = None;
            Ok(environment)
        }
        Err(error) => {
            *COMPLAINT.lock() = Some(format!("{error:#}"));
            load_own()
        }
    }
}

/// Loads the library that comes with Timbrel. It may have been cut short as well, by a full disk or a broken copy.
fn load_own() -> Result<Environment> {
    let path = files::runtime_library()?;
    library::check_whole(&path).map_err(|error| {
        anyhow!(
            "ONNX Runtime at {} cannot be loaded ({error:#}): install Timbrel again, with all its files.",
            path.display()
        )
    })?;
    load(&path)
}

fn load(path: &Path) -> Result<Environment> {
    // From here on the runtime may hold pointers into our code, whatever becomes of the rest.
    if !files::pin_own_library() {
        return Err(anyhow!("The plugin's own library cannot be kept loaded: restart the host and try again."));
    }
    // The runtime starts a thread of its own, for good, which takes the name of the one that started it.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("onnxruntime".into()).spawn_scoped(scope, || start(path));
        let started = thread.map(std::thread::ScopedJoinHandle::join);
        match started {
            Ok(Ok(environment)) => environment,
            _ => Err(anyhow!("ONNX Runtime does not start: close other programs and load the model again.")),
        }
    })
}

fn start(path: &Path) -> Result<Environment> {
    // A path is always given, and an absolute one: without one `ort` panics where there is no library, and resolves a
    // relative one against the host's folder.
    let builder = ort::init_from(path).map_err(|error| {
        anyhow!(
            "ONNX Runtime at {} cannot be loaded ({error}): install Timbrel again, with all its files.",
            path.display()
        )
    })?;
    let environment = builder.with_name("timbrel").with_telemetry(false).build().map_err(|error| {
        anyhow!("ONNX Runtime at {} does not start ({error}): restart the host and try again.", path.display())
    })?;
    // Its errors come back as values and are shown as sentences; the host's standard error is not ours to write to.
    environment.set_log_level(LogLevel::Fatal);
    Ok(environment)
}
