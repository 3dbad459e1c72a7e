//! The client's side of MTS-ESP (ODDSound): a library that is installed beside the instruments, through which one plugin, the
//! master, tells all others the frequency of each key. It is looked for once a process, off the audio thread; what the audio
//! thread then reads is a table in memory, and two questions that the library answers without waiting.

use std::path::PathBuf;
use std::sync::OnceLock;

use libloading::Library;

use super::{Pitches, pitch_of};
use crate::note::KEYS;

/// Overrides where the library is.
const LIBRARY_VARIABLE: &str = "TIMBREL_MTS_LIBRARY";

static LIBRARY: OnceLock<Option<Client>> = OnceLock::new();

/// The library, which stays loaded: hosts unload plugins while others still use it.
struct Client {
    has_master: unsafe extern "C" fn() -> bool,
    should_filter: Option<unsafe extern "C" fn(i8, i8) -> bool>,
    /// Frequencies of 128 keys in Hz, written by the master at any time.
    table: *const f64,
}

// SAFETY: the functions may be called from any thread, and the table lives as long as the library, which is never unloaded.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

/// What a master says, for one instance on its audio thread.
pub struct Master {
    /// The frequencies that `pitches` were made of.
    hertz: [f64; KEYS],
    pitches: Pitches,
}

impl Master {
    pub fn new() -> Self {
        Self { hertz: [0.0; KEYS], pitches: super::equal_temperament() }
    }

    /// Looks for the library; not on the audio thread.
    pub fn look() {
        LIBRARY.get_or_init(load);
    }

    /// The pitch of each key, where a master runs.
    pub fn pitches(&mut self) -> Option<&Pitches> {
        let client = client()?;
        let mut changed = false;
        for (key, hertz) in self.hertz.iter_mut().enumerate() {
            // SAFETY: the table has an entry for each key. The master writes whole numbers of eight bytes, and one that is read
            // while it is written is read again with the next block.
            let now = unsafe { client.table.add(key).read_volatile() };
            changed |= now != *hertz;
            *hertz = now;
        }
        if changed {
            self.pitches = self.hertz.map(|hertz| {
                let is_pitch = hertz.is_finite() && (0.001..200_000.0).contains(&hertz);
                if is_pitch { pitch_of(hertz) as f32 } else { f32::NAN }
            });
        }
        Some(&self.pitches)
    }

    /// Whether a master wants a key to stay silent.
    pub fn silences(key: u8, channel: u8) -> bool {
        let filter = client().and_then(|client| client.should_filter);
        // SAFETY: the function takes a key and a channel.
        filter.is_some_and(|filter| unsafe { filter(key as i8, channel as i8) })
    }
}

/// The library, while a master runs.
fn client() -> Option<&'static Client> {
    let client = LIBRARY.get()?.as_ref()?;
    // SAFETY: the function takes nothing.
    unsafe { (client.has_master)() }.then_some(client)
}

fn load() -> Option<Client> {
    // SAFETY: a library that the user has installed for this very purpose, by its published name.
    let library = unsafe { Library::new(path()?) }.ok()?;
    // SAFETY: the types are those of the published client (libMTSClient.cpp).
    unsafe {
        let has_master = *library.get(b"MTS_HasMaster\0").ok()?;
        let should_filter = library.get(b"MTS_ShouldFilterNote\0").ok().map(|symbol| *symbol);
        let table: unsafe extern "C" fn() -> *const f64 = *library.get(b"MTS_GetTuningTable\0").ok()?;
        let register: unsafe extern "C" fn() = *library.get(b"MTS_RegisterClient\0").ok()?;
        let table = table();
        if table.is_null() {
            return None;
        }
        register();
        std::mem::forget(library);
        Some(Client { has_master, should_filter, table })
    }
}

/// Where the library is installed.
fn path() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(LIBRARY_VARIABLE) {
        return Some(path.into());
    }
    if cfg!(target_os = "macos") {
        Some("/Library/Application Support/MTS-ESP/libMTS.dylib".into())
    } else if cfg!(target_os = "windows") {
        Some(PathBuf::from(std::env::var_os("CommonProgramFiles")?).join("MTS-ESP").join("LIBMTS.dll"))
    } else {
        Some("/usr/local/lib/libMTS.so".into())
    }
}
