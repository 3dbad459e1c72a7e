//! A model that was loaded and checked, shared by the instances that play it.

use std::sync::Arc;

use super::generator::Generator;
use super::interrupt::Interrupt;
use super::prepare::Preparer;
use crate::latent::Latents;
use crate::model::Model;
use crate::note::{Note, NoteKey, Origin};

pub struct Loaded {
    pub model: Model,
    latents: Latents,
}

impl Loaded {
    pub fn new(model: Model) -> Self {
        let latents = Latents::new(&model.manifest);
        Self { model, latents }
    }
}

/// What one thread has for one model: a session and buffers of its own.
pub struct Station {
    generator: Generator,
    preparer: Preparer,
}

impl Station {
    /// Makes a session and lets it prove itself. Errors are sentences.
    pub fn tried_out(model: &Model, interrupt: &Interrupt) -> anyhow::Result<Self> {
        let mut station = Self::new(model, interrupt)?;
        station.generator.try_out(model, interrupt)?;
        Ok(station)
    }

    /// Makes a session of a model that has proved itself on another thread.
    pub fn new(model: &Model, interrupt: &Interrupt) -> anyhow::Result<Self> {
        Ok(Self::of(Generator::new(model, interrupt)?, model))
    }

    /// Takes a session over, be it on the processor or on a device.
    pub fn of(generator: Generator, model: &Model) -> Self {
        Self { generator, preparer: Preparer::new(model.manifest.representation) }
    }

    /// Renders one note.
    pub fn render(&mut self, loaded: &Loaded, key: NoteKey, interrupt: &Interrupt) -> anyhow::Result<Arc<Note>> {
        #[cfg(test)]
        assert_ne!(key.timbre.seed, super::tests::PANICKING_SEED, "a panic for the test");
        let latent = loaded.latents.latent(&key.timbre);
        let preparer = &mut self.preparer;
        self.generator.generate(&latent, key.pitch, interrupt, |output| preparer.rendered(key, output).map(Arc::new))
    }

    /// Renders several notes of one model in one run of a device. The outer error is a run that failed, and with it the
    /// device; an inner one concerns its note alone.
    pub fn render_batch(
        &mut self,
        loaded: &Loaded,
        keys: &[NoteKey],
        interrupt: &Interrupt,
    ) -> anyhow::Result<Vec<anyhow::Result<Arc<Note>>>> {
        let latents: Vec<f32> = keys.iter().flat_map(|key| loaded.latents.latent(&key.timbre)).collect();
        let pitches: Vec<u8> = keys.iter().map(|key| key.pitch).collect();
        let preparer = &mut self.preparer;
        self.generator.generate_batch(&latents, &pitches, interrupt, |index, output| {
            let note = preparer.rendered(keys[index], output)?;
            Ok(Arc::new(Note { origin: Origin::Device, ..note }))
        })
    }
}
