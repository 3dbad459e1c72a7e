//! How a model is loaded: found, read, checked and tried out. Render threads, with no lock held.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, ensure};

use super::interrupt::Interrupt;
use super::loaded::Loaded;
use super::model_slot::LoadOrder;
use super::renderer::Renderer;
use super::renderer_pool::RendererPool;
use super::shared::Shared;
use crate::files;
use crate::model::{Model, Stamp};

/// Finds, reads, checks and tries out a model, unless it is loaded already. Errors are sentences.
pub fn load(
    shared: &Shared,
    renderers: &mut RendererPool,
    order: &LoadOrder,
    interrupt: &Interrupt,
) -> Result<(Arc<Loaded>, PathBuf)> {
    let reference = &order.reference;
    if !reference.sha256.is_empty()
        && let Some(loaded) = shared.schedule.lock().models.with_hash(&reference.sha256)
    {
        let path = loaded.model.path.clone();
        return Ok((loaded, path));
    }
    let path = files::find_model(reference, &|| interrupt.is_raised())?;
    if let Some(stamp) = Stamp::of(&path)
        && let Some(loaded) = shared.schedule.lock().models.of_file(&path, stamp)
    {
        return Ok((loaded, path));
    }
    let model = Model::read(&path)?;
    ensure!(
        reference.sha256.is_empty() || reference.sha256.eq_ignore_ascii_case(&model.sha256),
        "The model {} changed while it was read: load it again.",
        path.display()
    );
    if let Some(loaded) = shared.schedule.lock().models.with_hash(&model.sha256) {
        return Ok((loaded, path));
    }
    let renderer = Renderer::tried_out(&model, interrupt)?;
    let loaded = Arc::new(Loaded::new(model));
    renderers.insert(&loaded, renderer);
    Ok((loaded, path))
}
