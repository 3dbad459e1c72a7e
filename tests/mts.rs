//! MTS-ESP: a master in the same process tunes the keys. The library that both would find installed is built here, with the
//! functions of the published interface (libMTSMaster.h, libMTSClient.cpp) that the two use.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::process::Command;

use libloading::{Library, Symbol};
use timbrel_host::measure::{equal_temperament, pitch_error_cents};
use timbrel_host::{Activation, Event, Plugin, sounds};

const RATE: usize = 48_000;

const LIBRARY: &str = r"
#include <stdbool.h>
static double table[128];
static bool filtered[128];
static bool master;
static int clients;
void MTS_RegisterMaster(void *unused) { (void)unused; master = true; }
void MTS_DeregisterMaster(void) { master = false; }
bool MTS_HasMaster(void) { return master; }
void MTS_SetNoteTunings(const double *hertz) { for (int key = 0; key < 128; key++) table[key] = hertz[key]; }
void MTS_FilterNote(bool filter, char key, char channel) { (void)channel; filtered[(int)key] = filter; }
void MTS_RegisterClient(void) { clients++; }
void MTS_DeregisterClient(void) { clients--; }
int MTS_GetNumClients(void) { return clients; }
bool MTS_ShouldFilterNote(char key, char channel) { (void)channel; return filtered[(int)key]; }
const double *MTS_GetTuningTable(void) { return table; }
";

/// Builds the library.
fn library() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("timbrel-mts-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (source, built) = (folder.join("mts.c"), folder.join("libMTS.so"));
    std::fs::write(&source, LIBRARY).unwrap();
    let status = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&built).arg(&source).status().unwrap();
    assert!(status.success(), "cc, which links the tests as well, builds the library");
    built
}

#[test]
fn a_master_tunes_the_keys_while_it_runs_and_leaves_keys_out() {
    let path = library();
    // SAFETY: the only test of this program, and no other thread runs yet that reads it.
    unsafe { std::env::set_var("TIMBREL_MTS_LIBRARY", &path) };
    let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
    plugin.seek_seed(&[60], sounds::goes_on).unwrap();
    let mut pitch = |expected: f64| {
        plugin.reset();
        let audio = plugin.play(&[Event::on(60).at(0)], 1.5).unwrap();
        pitch_error_cents(audio.slice(0.5, 1.5), RATE as f64, equal_temperament(expected))
    };
    let own = pitch(60.0).unwrap();

    // SAFETY: the library was built above; the types are those of its source.
    let master = unsafe { Library::new(&path).unwrap() };
    // SAFETY: as above.
    unsafe {
        let clients: Symbol<unsafe extern "C" fn() -> i32> = master.get(b"MTS_GetNumClients\0").unwrap();
        assert_eq!(clients(), 1, "the plugin is a client of it");
        let register: Symbol<unsafe extern "C" fn(*const ())> = master.get(b"MTS_RegisterMaster\0").unwrap();
        let deregister: Symbol<unsafe extern "C" fn()> = master.get(b"MTS_DeregisterMaster\0").unwrap();
        let tune: Symbol<unsafe extern "C" fn(*const f64)> = master.get(b"MTS_SetNoteTunings\0").unwrap();
        let filter: Symbol<unsafe extern "C" fn(bool, i8, i8)> = master.get(b"MTS_FilterNote\0").unwrap();
        let steps = |size: f64| -> Vec<f64> {
            (0..128).map(|key| equal_temperament(60.0 + 12.0 * f64::from(key - 60) / size + 0.35)).collect()
        };
        tune(steps(19.0).as_ptr());
        register(std::ptr::null());
        let tuned = pitch(60.35).unwrap();
        assert!((tuned - own).abs() < 3.0, "{tuned} cents from the master's pitch, {own} without one");
        filter(true, 60, 0);
        assert_eq!(pitch(60.35), None, "a key that the master leaves out is silent");
        filter(false, 60, 0);
        deregister();
        let again = pitch(60.0).unwrap();
        assert!((again - own).abs() < 1.0, "without a master all is as it was: {again}, {own}");
    }
    if let Some(folder) = path.parent() {
        std::fs::remove_dir_all(folder).unwrap();
    }
}
