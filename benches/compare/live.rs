//! The instrument without a host: the same engine and worker as in the plugin, block by block at the pace of an audio device.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use timbrel::audio::{Adsr, Engine, Event, Settings, TimedEvent, Wait};
use timbrel::link::{self, KeyState, Status};
use timbrel::model::ModelRef;
use timbrel::note::Timbre;
use timbrel::worker::Instance;

use crate::pacing::Device;

pub const RATE: f64 = 48_000.0;
pub const BLOCK: usize = 128;

/// What takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// One instance, and the clock that it plays by.
pub struct Live {
    engine: Engine,
    pub status: Arc<Status>,
    pub instance: Instance,
    device: Device,
    pub settings: Settings,
    /// The last block.
    pub out: Vec<f32>,
}

impl Live {
    /// Starts with a model, the default one where none is named.
    pub fn new(model: Option<PathBuf>, timbre: Timbre) -> Self {
        let (audio_end, worker_end, editor_end) = link::link();
        let instance = Instance::new(worker_end);
        if let Some(path) = model {
            instance.load_model(ModelRef { path, ..ModelRef::default() });
        }
        instance.start();
        let mut engine = Engine::new(audio_end);
        engine.activate(RATE as f32, false);
        let settings = Settings {
            timbre,
            adsr: Adsr { attack: 0.0, decay: 1.0, sustain: 1.0, release: 0.1 },
            ..Settings::default()
        };
        let device = Device::new(BLOCK, RATE);
        Self { engine, status: editor_end.status, instance, device, settings, out: vec![0.0; BLOCK] }
    }

    /// Plays a block, at the beginning of which keys are struck.
    pub fn strike(&mut self, keys: &[u8]) {
        let on = |key: &u8| TimedEvent {
            sample: 0,
            event: Event::NoteOn { key: *key, channel: 0, id: None, velocity: 0.8 },
        };
        self.device.wait();
        self.engine.process(&self.settings, Wait::Never, keys.iter().map(on), &mut self.out);
    }

    /// Plays on until something holds; returns the time that it took.
    pub fn play_until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) -> Result<Duration> {
        let start = Instant::now();
        while !holds(self) {
            if let Some(error) = self.status.error.lock().take() {
                anyhow::bail!("{error}");
            }
            ensure!(start.elapsed() < PATIENCE, "{what}: not within {} s", PATIENCE.as_secs());
            self.strike(&[]);
        }
        Ok(start.elapsed())
    }

    /// Plays on until the notes of all keys lie on the disk.
    pub fn wait_until_kept(&mut self) -> Result<()> {
        /// What a note's file has less than its memory.
        const SLACK_BYTES: u64 = 1_024;
        let keys = self.keys().count() as u64;
        self.play_until("all notes are on the disk", |live| {
            let usage = live.instance.usage();
            usage.disk_bytes >= keys * (usage.note_bytes - SLACK_BYTES)
        })?;
        Ok(())
    }

    /// The keys that the model renders.
    pub fn keys(&self) -> impl Iterator<Item = u8> + use<> {
        let (low, high) = self.status.pitch_range();
        low..=high
    }

    pub fn ready(&self, mut keys: impl Iterator<Item = u8>) -> bool {
        keys.all(|key| self.status.key_state(key) == KeyState::Ready)
    }
}
