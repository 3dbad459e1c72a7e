//! The state of the instance as one frame shows it. Taken at the frame's beginning, so that no lock is held while drawing.

use std::sync::atomic::Ordering;

use crate::link::{Generator, KeyState, ModelStatus, Status};
use crate::model::ModelRef;
use crate::note::KEYS;

pub struct Snapshot {
    pub generator: Generator,
    pub pitch_range: (u8, u8),
    pub keys: [KeyState; KEYS],
    sounding: u128,
    pub voices: u32,
    /// Key and frame of each voice that sounds.
    pub playheads: Vec<(u8, u16)>,
    /// Share of real time.
    pub load: f32,
    pub offline: bool,
    /// Of the last rendering; 0 before there was one.
    pub inference_us: u32,
    pub device: String,
    pub error: Option<String>,
    pub model: ModelStatus,
    /// Whether the session names a model that is not the one that plays, and an error tells of it.
    pub missing_model: bool,
}

impl Snapshot {
    /// `wanted` gives the model that the session names; it is asked for only where it matters.
    pub fn take(status: &Status, wanted: impl FnOnce() -> ModelRef) -> Self {
        let sounding = status.sounding.each_ref().map(|half| half.load(Ordering::Relaxed));
        let error = status.error.lock().clone();
        let model = status.model.lock().clone();
        let missing_model = error.is_some() && {
            let wanted = wanted();
            !wanted.sha256.is_empty() && wanted.sha256 != model.sha256
        };
        Self {
            generator: status.generator(),
            pitch_range: status.pitch_range(),
            keys: std::array::from_fn(|key| status.key_state(key as u8)),
            sounding: u128::from(sounding[0]) | u128::from(sounding[1]) << 64,
            playheads: status.playheads(),
            voices: status.voices.load(Ordering::Relaxed),
            load: status.load.load(Ordering::Relaxed) as f32 / 10_000.0,
            offline: status.offline.load(Ordering::Relaxed),
            inference_us: status.inference_us.load(Ordering::Relaxed),
            device: status.device.lock().clone(),
            error,
            model,
            missing_model,
        }
    }

    pub fn is_sounding(&self, key: u8) -> bool {
        self.sounding >> (key % 128) & 1 == 1
    }

    pub fn in_range(&self, key: u8) -> bool {
        (self.pitch_range.0..=self.pitch_range.1).contains(&key)
    }

    /// How many keys of the model's range are ready, and how many it has.
    pub fn keys_ready(&self) -> (usize, usize) {
        let range = self.pitch_range.0..=self.pitch_range.1.min(KEYS as u8 - 1);
        let ready = range.clone().filter(|&key| self.keys[usize::from(key)] == KeyState::Ready).count();
        (ready, range.count())
    }

    /// Whether something of it changes by itself and is worth a smooth picture.
    pub fn moves(&self) -> bool {
        self.sounding != 0 || self.generator == Generator::Loading || self.keys.contains(&KeyState::Rendering)
    }
}
