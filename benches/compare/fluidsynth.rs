//! FluidSynth, the SoundFont player, through its shared library: the reference for the audio call. Reverb and chorus are off,
//! one core, everything else as it comes.

use std::ffi::{CStr, CString, c_char, c_double, c_int, c_void};

use anyhow::{Context, Result, ensure};
use libloading::Library;

/// Where Debian's fluid-soundfont-gm puts its file.
const SOUNDFONT: &str = "/usr/share/sounds/sf2/FluidR3_GM.sf2";
const LIBRARIES: &[&str] = &["libfluidsynth.so.3", "libfluidsynth.3.dylib", "libfluidsynth-3.dll"];

/// More voices than are ever asked for, so that none is stolen.
const POLYPHONY: c_int = 256;

const CHANNEL: c_int = 0;

/// A synthesiser with a SoundFont.
pub struct FluidSynth {
    library: Library,
    settings: *mut c_void,
    synth: *mut c_void,
}

/// Calls a function of the library.
macro_rules! call {
    ($library:expr, $name:literal, ($($argument:expr => $type:ty),*) -> $result:ty) => {{
        // SAFETY: the signatures are those of FluidSynth 2's public headers.
        let function = unsafe { $library.get::<unsafe extern "C" fn($($type),*) -> $result>($name) };
        let function = function.context("FluidSynth's library lacks a function: install version 2")?;
        // SAFETY: and the handles are those that the library gave.
        unsafe { function($($argument),*) }
    }};
}

impl FluidSynth {
    pub fn new(rate: f64) -> Result<Self> {
        // SAFETY: loading runs the library's initialisers, which do nothing but prepare it.
        let library = LIBRARIES.iter().find_map(|name| unsafe { Library::new(*name) }.ok());
        let library = library.context("FluidSynth is missing: install it (Debian: `apt-get install fluidsynth`)")?;
        let settings = call!(library, b"new_fluid_settings\0", () -> *mut c_void);
        ensure!(!settings.is_null(), "FluidSynth makes no settings");
        for (name, value) in [
            (c"synth.reverb.active", 0),
            (c"synth.chorus.active", 0),
            (c"synth.cpu-cores", 1),
            (c"synth.polyphony", POLYPHONY),
        ] {
            let status = call!(library, b"fluid_settings_setint\0", (settings => *mut c_void, name.as_ptr() => *const c_char, value => c_int) -> c_int);
            ensure!(status == 0, "FluidSynth refuses {name:?}");
        }
        let name = c"synth.sample-rate";
        let status = call!(library, b"fluid_settings_setnum\0", (settings => *mut c_void, name.as_ptr() => *const c_char, rate => c_double) -> c_int);
        ensure!(status == 0, "FluidSynth refuses {rate} Hz");
        let synth = call!(library, b"new_fluid_synth\0", (settings => *mut c_void) -> *mut c_void);
        ensure!(!synth.is_null(), "FluidSynth makes no synthesiser");
        let this = Self { library, settings, synth };
        let path = CString::new(SOUNDFONT)?;
        let id = call!(this.library, b"fluid_synth_sfload\0", (synth => *mut c_void, path.as_ptr() => *const c_char, 1 => c_int) -> c_int);
        ensure!(id >= 0, "{SOUNDFONT} does not load: install it (Debian: `apt-get install fluid-soundfont-gm`)");
        Ok(this)
    }

    pub fn version(&self) -> Result<String> {
        let version = call!(self.library, b"fluid_version_str\0", () -> *const c_char);
        // SAFETY: a constant string of the library.
        Ok(unsafe { CStr::from_ptr(version) }.to_string_lossy().into_owned())
    }

    /// Chooses an instrument of General MIDI, from 0.
    pub fn program(&self, program: u8) -> Result<()> {
        let status = call!(self.library, b"fluid_synth_program_change\0", (self.synth => *mut c_void, CHANNEL => c_int, c_int::from(program) => c_int) -> c_int);
        ensure!(status == 0, "FluidSynth has no program {program}");
        Ok(())
    }

    pub fn note_on(&self, key: u8, velocity: u8) -> Result<()> {
        let status = call!(self.library, b"fluid_synth_noteon\0", (self.synth => *mut c_void, CHANNEL => c_int, c_int::from(key) => c_int, c_int::from(velocity) => c_int) -> c_int);
        ensure!(status == 0, "FluidSynth does not strike key {key}");
        Ok(())
    }

    pub fn control(&self, controller: u8, value: u8) -> Result<()> {
        let status = call!(self.library, b"fluid_synth_cc\0", (self.synth => *mut c_void, CHANNEL => c_int, c_int::from(controller) => c_int, c_int::from(value) => c_int) -> c_int);
        ensure!(status == 0, "FluidSynth refuses controller {controller}");
        Ok(())
    }

    /// Ends all that sounds, at once.
    pub fn silence(&self) -> Result<()> {
        call!(self.library, b"fluid_synth_all_sounds_off\0", (self.synth => *mut c_void, CHANNEL => c_int) -> c_int);
        Ok(())
    }

    pub fn voices(&self) -> Result<usize> {
        let voices = call!(self.library, b"fluid_synth_get_active_voice_count\0", (self.synth => *mut c_void) -> c_int);
        Ok(usize::try_from(voices)?)
    }

    /// The audio call: fills both channels.
    pub fn process(&self, left: &mut [f32], right: &mut [f32]) -> Result<()> {
        let length = c_int::try_from(left.len().min(right.len()))?;
        let status = call!(self.library, b"fluid_synth_write_float\0", (
            self.synth => *mut c_void, length => c_int,
            left.as_mut_ptr().cast() => *mut c_void, 0 => c_int, 1 => c_int,
            right.as_mut_ptr().cast() => *mut c_void, 0 => c_int, 1 => c_int) -> c_int);
        ensure!(status == 0, "FluidSynth's audio call failed");
        Ok(())
    }

    fn delete(&self) -> Result<()> {
        call!(self.library, b"delete_fluid_synth\0", (self.synth => *mut c_void) -> ());
        call!(self.library, b"delete_fluid_settings\0", (self.settings => *mut c_void) -> ());
        Ok(())
    }
}

impl Drop for FluidSynth {
    fn drop(&mut self) {
        // A library that lacks these functions would not have come so far.
        let _ = self.delete();
    }
}
