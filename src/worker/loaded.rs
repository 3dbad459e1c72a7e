//! A model that was loaded and checked, shared by the instances that play it.

use std::sync::Arc;

use crate::latent::Atlas;
use crate::model::Model;
use crate::note::NoteKey;

pub struct Loaded {
    pub model: Model,
    pub atlas: Arc<Atlas>,
}

impl Loaded {
    pub fn new(model: Model) -> Self {
        let atlas = Arc::new(Atlas::new(&model.manifest));
        Self { model, atlas }
    }

    pub fn latent(&self, key: &NoteKey) -> anyhow::Result<Vec<f32>> {
        self.atlas.latent(&key.timbre)
    }
}
