//! The service without a plugin: by its bookkeeping alone, and as a whole with real models and the real ONNX Runtime.

mod device_schedule;
pub mod devices;
mod disk;
mod failures;
mod lifetime;
mod scheduling;
mod service;

use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::Instance;
use super::service::Service;
use crate::link::{AudioEnd, Generator, KeyState, Status, Wanted, WorkerEnd, link};
use crate::model::ModelRef;
use crate::note::{KEYS, Note, NoteRequest, Timbre};

/// Where nothing at all has changed for so long, nothing will. Only a hang is stopped by this; nothing is measured by it.
const HANG: Duration = Duration::from_secs(60);

/// Renderings of this seed panic.
pub const PANICKING_SEED: u32 = 0xdead;

/// Tests of the whole service take turns, since they share its threads, its cache and its choice of a device.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock();
    // The service of the test before may live on in an editor that is tested meanwhile.
    Service::get().reset_settings();
    turn
}

/// An ignored test of these files, such as `disk::child_cannot_write`, in a process of its own.
fn alone(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([&format!("worker::tests::{test}"), "--exact", "--ignored", "--nocapture"]);
    command
}

/// Whether it was there and passed.
fn check(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{:?} {said}\n{complained}", output.status);
}

fn timbre(seed: u32) -> Timbre {
    Timbre { seed, seed_to: seed, ..Timbre::default() }
}

/// A reference to whatever a file holds.
fn chosen(path: std::path::PathBuf) -> ModelRef {
    ModelRef { path, ..ModelRef::default() }
}

/// The audio thread's end of one instance, played by the test.
struct Ear {
    end: AudioEnd,
    version: u64,
}

impl Ear {
    fn new() -> (Self, WorkerEnd) {
        let (end, worker, _) = link();
        (Self { end, version: 0 }, worker)
    }

    /// Publishes what is wanted: the keyboard in `timbre`, and these notes.
    fn want(&mut self, timbre: Timbre, requests: &[NoteRequest]) {
        self.publish(timbre, requests, 0, 60);
    }

    fn publish(&mut self, timbre: Timbre, requests: &[NoteRequest], recent: u128, focus: u8) {
        self.version += 1;
        let mut wanted = Wanted { version: self.version, timbre, recent, focus, ..Wanted::default() };
        wanted.requests[..requests.len()].copy_from_slice(requests);
        wanted.request_count = requests.len();
        self.end.wanted.write(wanted);
    }

    /// What has come since the last call.
    fn hear(&mut self) -> Vec<Arc<Note>> {
        std::iter::from_fn(|| self.end.notes.pop().ok()).collect()
    }

    fn status(&self) -> &Status {
        &self.end.status
    }

    fn error(&self) -> String {
        self.status().error.lock().clone().unwrap_or_default()
    }

    fn rendered(&self) -> u64 {
        self.status().notes_rendered.load(Ordering::Relaxed)
    }

    fn state(&self, key: u8) -> KeyState {
        self.status().key_state(key)
    }
}

/// A whole instance, played by the test.
struct Player {
    ear: Ear,
    instance: Instance,
}

impl Player {
    fn new() -> Self {
        let (ear, end) = Ear::new();
        Self { ear, instance: Instance::new(end) }
    }

    fn started() -> Self {
        let player = Self::new();
        player.instance.start();
        player
    }

    /// Started, with the model of a file.
    fn playing(path: std::path::PathBuf) -> Self {
        let mut player = Self::new();
        player.instance.load_model(chosen(path));
        player.instance.start();
        player.wait_until("the model is loaded", |player| player.generator() == Generator::Ready);
        player
    }

    fn generator(&self) -> Generator {
        self.ear.status().generator()
    }

    /// Waits for what stays once it has come: one that passes again could be missed.
    fn wait_until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let mut seen = self.look();
        let mut since = Instant::now();
        while !done(self) {
            let now = self.look();
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
            assert!(since.elapsed() < HANG, "it never came that {what}; error: {:?}", self.ear.error());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// What tells that something is being done.
    fn look(&self) -> (u64, Generator, String, [KeyState; KEYS]) {
        let states = std::array::from_fn(|key| self.ear.state(key as u8));
        (self.ear.rendered(), self.generator(), self.ear.error(), states)
    }

    /// Asks for the note of a key that lasts ([`crate::model::handmade::Sound::EndlessAt`]), and waits until it is being rendered.
    fn begin_endless(&mut self, seed: u32, key: u8) {
        self.ear.want(timbre(seed), &[NoteRequest { timbre: timbre(seed), key }]);
        self.wait_until("a run is under way", |player| {
            player.ear.hear();
            player.ear.state(key) == KeyState::Rendering
        });
    }

    /// Waits for the note of a request and returns it; what comes before it is dropped.
    fn wait_for(&mut self, request: NoteRequest) -> Arc<Note> {
        let mut found = None;
        self.wait_until("the note arrives", |player| {
            let is_it = |note: &Arc<Note>| note.key.timbre == request.timbre && note.key.pitch == request.key;
            found = player.ear.hear().into_iter().find(is_it);
            found.is_some()
        });
        found.expect("it was found")
    }
}
