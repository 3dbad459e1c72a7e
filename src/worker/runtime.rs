//! ONNX Runtime: loaded once a process, from a known path, and never let go. Generator threads only.

use std::path::Path;

use anyhow::{Result, anyhow};
use ort::environment::Environment;
use ort::logging::LogLevel;
use parking_lot::Mutex;

use crate::files;

/// One environment per process, for ever: ONNX Runtime does not survive being ended and begun again.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// The process's environment. The first call that succeeds loads the library; after a failure the next call tries again,
/// since the user may have put the library there meanwhile.
pub fn environment() -> Result<Environment> {
    let mut environment = ENVIRONMENT.lock();
    if environment.is_none() {
        *environment = Some(load(&files::runtime_library()?)?);
    }
    Ok(environment.clone().expect("it was set above"))
}

fn load(path: &Path) -> Result<Environment> {
    // From here on the runtime may hold pointers into our code, whatever becomes of the rest.
    if !files::pin_own_library() {
        return Err(anyhow!("The plugin's own library cannot be kept loaded: restart the host and try again."));
    }
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
