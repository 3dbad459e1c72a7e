//! The renderers that one render thread has, one a model.

use std::sync::{Arc, Weak};

use anyhow::Result;

use super::interrupt::Interrupt;
use super::loaded::Loaded;
use super::renderer::Renderer;
use crate::note::{Note, NoteKey};

/// The renderers of one thread.
#[derive(Default)]
pub struct RendererPool {
    ready: Vec<(Weak<Loaded>, Renderer)>,
    /// Models of which a renderer was to be made ahead. What failed is not tried again and again.
    prepared: Vec<Weak<Loaded>>,
}

fn is_of(model: &Weak<Loaded>, loaded: &Arc<Loaded>) -> bool {
    std::ptr::eq(model.as_ptr(), Arc::as_ptr(loaded))
}

impl RendererPool {
    pub fn insert(&mut self, loaded: &Arc<Loaded>, renderer: Renderer) {
        self.ready.push((Arc::downgrade(loaded), renderer));
    }

    pub fn remove(&mut self, loaded: &Arc<Loaded>) {
        self.ready.retain(|(model, _)| !is_of(model, loaded));
    }

    pub fn has_unused(&self) -> bool {
        self.ready.iter().any(|(model, _)| model.strong_count() == 0)
    }

    /// Ends the renderers of models that no instance plays any more.
    pub fn drop_unused(&mut self) {
        self.ready.retain(|(model, _)| model.strong_count() > 0);
        self.prepared.retain(|model| model.strong_count() > 0);
    }

    fn position(&self, loaded: &Arc<Loaded>) -> Option<usize> {
        self.ready.iter().position(|(model, _)| is_of(model, loaded))
    }

    /// Whether a renderer should be made ahead.
    pub fn lacks(&self, loaded: &Arc<Loaded>) -> bool {
        self.position(loaded).is_none() && !self.prepared.iter().any(|model| is_of(model, loaded))
    }

    /// Makes a renderer ahead.
    pub fn prepare(&mut self, loaded: &Arc<Loaded>, interrupt: &Interrupt) -> Result<()> {
        self.prepared.push(Arc::downgrade(loaded));
        self.insert(loaded, Renderer::new(&loaded.model, interrupt)?);
        Ok(())
    }

    pub fn render(&mut self, loaded: &Arc<Loaded>, key: NoteKey, interrupt: &Interrupt) -> Result<Arc<Note>> {
        let index = match self.position(loaded) {
            Some(index) => index,
            None => {
                self.insert(loaded, Renderer::new(&loaded.model, interrupt)?);
                self.ready.len() - 1
            }
        };
        self.ready[index].1.render(loaded, key, interrupt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::model::handmade::{Folder, Handmade};

    #[test]
    fn a_renderer_is_made_ahead_once_whether_that_succeeds_or_not() {
        let folder = Folder::new();
        let model = Model::read(&Handmade::named("ahead").write(&folder, "ahead.onnx")).unwrap();
        let loaded = Arc::new(Loaded::new(model));
        let mut renderers = RendererPool::default();
        assert!(renderers.lacks(&loaded));
        let stopped = Interrupt::default();
        stopped.raise();
        assert!(renderers.prepare(&loaded, &stopped).is_err());
        assert!(!renderers.lacks(&loaded), "it would be tried for ever");

        let mut renderers = RendererPool::default();
        renderers.prepare(&loaded, &Interrupt::default()).unwrap();
        assert!(!renderers.lacks(&loaded) && !renderers.has_unused());
        drop(loaded);
        assert!(renderers.has_unused());
        renderers.drop_unused();
        assert!(renderers.ready.is_empty() && renderers.prepared.is_empty());
    }
}
