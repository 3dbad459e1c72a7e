//! Renders the notes of one model on one thread: a session, and what makes playable notes of what it puts out.

use std::sync::Arc;

use super::generator::Generator;
use super::interrupt::Interrupt;
use super::loaded::Loaded;
use super::prepare::Preparer;
use crate::model::Model;
use crate::note::{Note, NoteKey, Origin};

/// What one thread has for one model: a session and buffers of its own.
pub struct Renderer {
    generator: Generator,
    preparer: Preparer,
}

impl Renderer {
    /// Makes a session and lets it prove itself. Errors are sentences.
    pub fn tried_out(model: &Model, interrupt: &Interrupt) -> anyhow::Result<Self> {
        let mut renderer = Self::new(model, interrupt)?;
        renderer.generator.try_out(model, interrupt)?;
        Ok(renderer)
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
        let latent = loaded.latent(&key)?;
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
        // One that is not known concerns its own note.
        let mut unknown: Vec<Option<anyhow::Error>> = Vec::new();
        let latents: Vec<f32> = keys
            .iter()
            .flat_map(|key| {
                let latent = loaded.latent(key);
                let (latent, error) = match latent {
                    Ok(latent) => (latent, None),
                    Err(error) => (vec![0.0; loaded.atlas.size()], Some(error)),
                };
                unknown.push(error);
                latent
            })
            .collect();
        let pitches: Vec<u8> = keys.iter().map(|key| key.pitch).collect();
        let preparer = &mut self.preparer;
        self.generator.generate_batch(&latents, &pitches, interrupt, |index, output| {
            if let Some(error) = unknown[index].take() {
                return Err(error);
            }
            let note = preparer.rendered(keys[index], output)?;
            Ok(Arc::new(Note { origin: Origin::Device, ..note }))
        })
    }
}
