//! Where the files lie that Timbrel needs: the runtime library and its plug-ins, the default model, the user's models. Any thread but the
//! audio thread; nothing is cached, since files come and go.
//!
//! The plugin finds its own files by its own path, never by the working directory, which is the host's:
//!
//! | form | runtime library | default model |
//! |---|---|---|
//! | `Timbrel.clap` (Linux, Windows), standalone | `Timbrel.data/` beside it | `Timbrel.data/` beside it |
//! | `Timbrel.vst3` | `Contents/<architecture>/` | `Contents/Resources/` |
//! | bundles on macOS | `Contents/Frameworks/`, `Contents/Resources/` or `Contents/MacOS/` | `Contents/Resources/` |

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use directories::BaseDirs;

use crate::model::{self, ModelRef};

/// Overrides where the runtime library is looked for, for development and tests: the file or its folder.
pub const RUNTIME_VARIABLE: &str = "TIMBREL_ORT_LIB";

/// Overrides the default model, for development and tests.
pub const MODEL_VARIABLE: &str = "TIMBREL_MODEL";

/// Overrides where rendered notes are kept, for development and tests; `off` keeps none.
pub const CACHE_VARIABLE: &str = "TIMBREL_CACHE";

const DATA_FOLDER: &str = "Timbrel.data";
const DEFAULT_MODEL: &str = "default.onnx";
const MODEL_EXTENSION: &str = "onnx";

/// A search for a lost model hashes at most so many files, and so many bytes of them.
const MAX_SEARCHED_FILES: usize = 256;
const MAX_SEARCHED_BYTES: u64 = 8 << 30;

/// Overrides where the libraries of devices are looked for, for development and tests: a folder.
pub const DEVICE_LIBRARY_VARIABLE: &str = "TIMBREL_DEVICE_LIB";

/// The folder of the user's data in which ONNX Runtime's libraries for devices may lie.
const DEVICE_FOLDER: &str = "runtime";

/// The ONNX Runtime library that comes with Timbrel, as an absolute path.
pub fn runtime_library() -> Result<PathBuf> {
    if let Some(path) = variable(RUNTIME_VARIABLE) {
        let path = absolute(&path);
        let found = if path.is_dir() { library_in(&path) } else { Some(path.clone()).filter(|path| path.is_file()) };
        return found.ok_or_else(|| {
            anyhow!(
                "{RUNTIME_VARIABLE} names {}, where no ONNX Runtime library is: correct or unset it.",
                path.display()
            )
        });
    }
    let folders = own_folders();
    folders.iter().find_map(|folder| library_in(folder)).ok_or_else(|| {
        anyhow!(
            "ONNX Runtime ({}) is missing{}: install Timbrel again, with all its files, then load the model again.",
            library_name(),
            beside(&folders)
        )
    })
}

/// The model that plays where a session names none.
pub fn default_model() -> Result<PathBuf> {
    if let Some(path) = variable(MODEL_VARIABLE) {
        return Ok(absolute(&path));
    }
    let folders = own_folders();
    folders.iter().map(|folder| folder.join(DEFAULT_MODEL)).find(|path| path.is_file()).ok_or_else(|| {
        anyhow!(
            "The default model ({DEFAULT_MODEL}) is missing{}: install Timbrel again, with all its files, or load a model.",
            beside(&folders)
        )
    })
}

/// The folder for the user's own models; it need not be there.
pub fn user_models() -> Option<PathBuf> {
    Some(user_data()?.join("models"))
}

/// The folder for the user's own presets; it need not be there. Unit tests leave alone what is the user's.
pub fn user_presets() -> Option<PathBuf> {
    if cfg!(test) { None } else { Some(user_data()?.join("presets")) }
}

/// The folder where the user puts libraries of devices, so that they outlast an installation; it need not be there.
pub fn device_folder() -> Option<PathBuf> {
    match variable(DEVICE_LIBRARY_VARIABLE) {
        Some(folder) => Some(absolute(&folder)),
        // What a developer has installed for himself does not decide what the unit tests find.
        None if cfg!(test) => None,
        None => Some(user_data()?.join(DEVICE_FOLDER)),
    }
}

/// A build of ONNX Runtime for a device, where the user has put one; it then takes the place of the one that comes with
/// Timbrel, unless that one was named by [`RUNTIME_VARIABLE`].
pub fn device_runtime_library() -> Option<PathBuf> {
    if variable(RUNTIME_VARIABLE).is_some() { None } else { library_in(&device_folder()?) }
}

/// A library of a device, such as `onnxruntime_providers_webgpu`: where the user has put it, else among Timbrel's own files.
pub fn device_library(stem: &str) -> Option<PathBuf> {
    let name = format!("{}{stem}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let folders = device_folder().into_iter().chain(own_folders());
    folders.map(|folder| folder.join(&name)).find(|path| path.is_file())
}

/// The name of the user's folders: in small letters where the system writes them so.
const FOLDER: &str = if cfg!(any(target_os = "windows", target_os = "macos")) { "Timbrel" } else { "timbrel" };

fn user_data() -> Option<PathBuf> {
    Some(BaseDirs::new()?.data_dir().join(FOLDER))
}

/// The folder of the user's settings files; it need not be there.
pub fn settings_folder() -> Option<PathBuf> {
    Some(BaseDirs::new()?.config_dir().join(FOLDER))
}

/// A path that the environment names.
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The folder for rendered notes; it need not be there. `None` where there is no home, or none is wanted.
pub fn note_cache() -> Option<PathBuf> {
    if let Some(asked) = variable(CACHE_VARIABLE) {
        return (asked != Path::new("off")).then(|| absolute(&asked));
    }
    // Unit tests leave alone what is the user's.
    if cfg!(test) {
        return None;
    }
    let cache = BaseDirs::new()?.cache_dir().join(FOLDER);
    // On Windows the folder is the same as for other data of this machine.
    let cache = if cfg!(target_os = "windows") { cache.join("Cache") } else { cache };
    Some(cache.join("notes"))
}

/// Finds the file of a model: at its path, else by its hash where models are kept.
///
/// `give_up` is asked between files, so that a long search ends with the service.
pub fn find_model(wanted: &ModelRef, give_up: &dyn Fn() -> bool) -> Result<PathBuf> {
    if wanted.is_default() {
        return default_model();
    }
    let at_path = !wanted.path.as_os_str().is_empty() && wanted.path.is_file();
    // A model that was chosen by its file alone is whatever the file holds.
    if wanted.sha256.is_empty() || (at_path && has_hash(&wanted.path, &wanted.sha256)) {
        return Ok(wanted.path.clone());
    }
    let mut folders: Vec<PathBuf> = Vec::new();
    folders.extend(wanted.path.parent().filter(|parent| parent.is_absolute()).map(Path::to_path_buf));
    folders.extend(user_models());
    folders.extend(default_model().ok().and_then(|path| Some(path.parent()?.to_path_buf())));
    if let Some(found) = search(&folders, wanted, give_up) {
        return Ok(found);
    }
    let label = wanted.label();
    let keep = user_models().map(|folder| format!(" or put it into {}", folder.display())).unwrap_or_default();
    if at_path {
        bail!(
            "The session's model \"{label}\" has been replaced by another one at {}: load the model again to use that \
             one, restore the old file{keep}.",
            wanted.path.display()
        );
    }
    let was_at = if wanted.path.as_os_str().is_empty() {
        String::new()
    } else {
        format!(" (it was at {})", wanted.path.display())
    };
    bail!("The session's model \"{label}\" is missing{was_at}: load its file from where it is now{keep}.")
}

fn search(folders: &[PathBuf], wanted: &ModelRef, give_up: &dyn Fn() -> bool) -> Option<PathBuf> {
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in folders {
        files.extend(models_in(folder).into_iter().filter(|path| !files.contains(path)).collect::<Vec<_>>());
    }
    // A moved file mostly keeps its name.
    files.sort_by_key(|path| path.file_name() != wanted.path.file_name());
    let mut bytes_left = MAX_SEARCHED_BYTES;
    for path in files.into_iter().take(MAX_SEARCHED_FILES) {
        if give_up() {
            return None;
        }
        let len = std::fs::metadata(&path).map_or(u64::MAX, |metadata| metadata.len());
        if len > model::MAX_FILE_BYTES || len > bytes_left {
            continue;
        }
        bytes_left -= len;
        if has_hash(&path, &wanted.sha256) {
            return Some(path);
        }
    }
    None
}

/// The model files of a folder, by name.
pub fn models_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_model = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(MODEL_EXTENSION)) && path.is_file()
    };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(is_model).collect();
    files.sort();
    files
}

fn has_hash(path: &Path, sha256: &str) -> bool {
    model::hash_file(path).is_ok_and(|hash| hash.eq_ignore_ascii_case(sha256))
}

/// The folders where Timbrel's own files may lie, nearest first.
fn own_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(folder) = own_path().as_deref().and_then(Path::parent) {
        folders.push(folder.join(DATA_FOLDER));
        folders.push(folder.to_path_buf());
        if let Some(contents) = folder.parent().filter(|parent| parent.file_name() == Some(OsStr::new("Contents"))) {
            folders.push(contents.join("Frameworks"));
            folders.push(contents.join("Resources"));
        }
    }
    // Unit tests are no bundle; they take what the build tasks put into the checkout.
    #[cfg(test)]
    folders.extend(["target/runtime", "assets"].map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join(name)));
    folders
}

/// Names the folder of the installation for an error sentence.
fn beside(folders: &[PathBuf]) -> String {
    folders.first().map(|folder| format!(" from {}", folder.display())).unwrap_or_default()
}

fn library_name() -> String {
    format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

/// The runtime library in a folder: under its plain name, else with a version behind or within it (`.so.1.31.1`,
/// `.1.31.1.dylib`).
fn library_in(folder: &Path) -> Option<PathBuf> {
    let plain = folder.join(library_name());
    if plain.is_file() {
        return Some(plain);
    }
    let stem = format!("{}onnxruntime.", std::env::consts::DLL_PREFIX);
    let is_versioned = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&stem) && name.contains(std::env::consts::DLL_SUFFIX) && path.is_file()
    };
    let mut found: Vec<_> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    found.retain(is_versioned);
    found.sort();
    found.pop()
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// The path of the shared object or executable that this code is in, with links resolved.
#[cfg(unix)]
pub fn own_path() -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: the address is that of a function of ours, and `dladdr` only writes the structure.
    let info = unsafe {
        if libc::dladdr(own_path as *const () as *const libc::c_void, info.as_mut_ptr()) == 0 {
            return None;
        }
        info.assume_init()
    };
    if info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the loader keeps the name as a C string for as long as the object is loaded, and we are in it.
    let name = unsafe { std::ffi::CStr::from_ptr(info.dli_fname) };
    let path = Path::new(OsStr::from_bytes(name.to_bytes()));
    // The main program may be named as it was typed, so its path needs another source.
    path.canonicalize().or_else(|_| std::env::current_exe()?.canonicalize()).ok()
}

/// The path of the shared object or executable that this code is in.
#[cfg(windows)]
pub fn own_path() -> Option<PathBuf> {
    use std::os::windows::ffi::OsStringExt;
    let module = windows::own_module(false)?;
    let mut name = vec![0u16; 32_768];
    // SAFETY: the buffer is as long as the call is told.
    let len = unsafe { windows::GetModuleFileNameW(module, name.as_mut_ptr(), name.len() as u32) } as usize;
    // The plain form is kept: the canonical one of Windows begins with `\\?\`, which not every loader takes.
    (0 < len && len < name.len()).then(|| PathBuf::from(std::ffi::OsString::from_wide(&name[..len])))
}

/// Keeps the shared object that this code is in mapped until the process ends.
///
/// ONNX Runtime keeps pointers into it, and outlives every instance. A host may close the plugin's library after the last
/// instance is gone; without this the next call of the runtime would land in unmapped memory.
pub fn pin_own_library() -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let Some(path) = own_path() else { return false };
        // The main program cannot be closed; `dlopen` of a position-independent executable would only fail.
        if std::env::current_exe().and_then(|exe| exe.canonicalize()).is_ok_and(|exe| exe == path) {
            return true;
        }
        let Ok(name) = std::ffi::CString::new(path.as_os_str().as_bytes()) else { return false };
        // SAFETY: RTLD_NOLOAD runs no initialiser; it only finds the object that we are in. The handle is kept for ever.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOLOAD | libc::RTLD_NODELETE | libc::RTLD_LAZY) };
        !handle.is_null()
    }
    #[cfg(windows)]
    {
        windows::own_module(true).is_some()
    }
}

#[cfg(windows)]
mod windows {
    //! The three calls of kernel32 that a module needs to find itself.

    use std::ffi::c_void;

    const FROM_ADDRESS: u32 = 4;
    const UNCHANGED_REFCOUNT: u32 = 2;
    const PIN: u32 = 1;

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetModuleHandleExW(flags: u32, address: *const c_void, module: *mut *mut c_void) -> i32;
        pub fn GetModuleFileNameW(module: *mut c_void, name: *mut u16, len: u32) -> u32;
    }

    /// The module that this code is in; with `pin` it stays loaded until the process ends.
    pub fn own_module(pin: bool) -> Option<*mut c_void> {
        let mut module = std::ptr::null_mut();
        let flags = FROM_ADDRESS | if pin { PIN } else { UNCHANGED_REFCOUNT };
        // SAFETY: the address is that of a function of ours, and the call only writes the handle.
        let found = unsafe { GetModuleHandleExW(flags, own_module as *const () as *const c_void, &mut module) };
        (found != 0).then_some(module)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_of_the_former_default_model_finds_it_beside_the_new_one() {
        let classic = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/classic.onnx"));
        let sha256 = model::hash_file(classic).unwrap();
        // It was at the place where another default model is now.
        let wanted = ModelRef { name: "Timbrel".to_owned(), sha256: sha256.clone(), path: default_model().unwrap() };
        let found = find_model(&wanted, &|| false).unwrap();
        assert_ne!(found, wanted.path);
        assert!(has_hash(&found, &sha256), "{}", found.display());
    }
}
