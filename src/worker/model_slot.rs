//! The model that one instance plays, the one that was ordered for it, and the one that its session names.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::loaded::Loaded;
use crate::link::{ModelStatus, Status};
use crate::model::ModelRef;

/// A model that is to be loaded for an instance.
#[derive(Clone, Debug)]
pub struct LoadOrder {
    pub reference: ModelRef,
    /// Tells this order from earlier ones of the same instance.
    pub serial: u64,
    /// Stands in for a model that could not be loaded, whose sentence is to stay.
    pub stands_in: bool,
}

pub struct ModelSlot {
    playing: Option<Arc<Loaded>>,
    /// Where this instance found its model; the same file may lie at two places.
    path: PathBuf,
    pending: Option<LoadOrder>,
    /// Counts the orders.
    orders: u64,
    /// The model that the session names and that could not be loaded. It stays in the session, so that nothing is lost by
    /// opening and saving it on a machine without the file.
    absent: Option<ModelRef>,
}

impl ModelSlot {
    /// Nothing plays yet, and the default model is ordered.
    pub fn new() -> Self {
        let first = LoadOrder { reference: ModelRef::default(), serial: 0, stands_in: false };
        Self { playing: None, path: PathBuf::new(), pending: Some(first), orders: 0, absent: None }
    }

    /// Orders a model, in place of any that still waits to be loaded.
    pub fn order(&mut self, reference: ModelRef) {
        self.orders += 1;
        self.pending = Some(LoadOrder { reference, serial: self.orders, stands_in: false });
    }

    /// The order that waits or is being carried out.
    pub fn pending(&self) -> Option<&LoadOrder> {
        self.pending.as_ref()
    }

    pub fn is_pending(&self, serial: u64) -> bool {
        self.pending.as_ref().is_some_and(|order| order.serial == serial)
    }

    /// Whether the order is for the default model in place of one that could not be loaded.
    pub fn stands_in(&self) -> bool {
        self.pending.as_ref().is_some_and(|order| order.stands_in)
    }

    /// Waits for no model any more.
    pub fn cancel(&mut self) {
        self.pending = None;
    }

    pub fn playing(&self) -> Option<&Arc<Loaded>> {
        self.playing.as_ref()
    }

    /// The model that a session should name: the one that plays, unless another is on its way or is missing.
    pub fn reference(&self) -> ModelRef {
        let ordered = self.pending.as_ref().filter(|order| !order.stands_in).map(|order| order.reference.clone());
        ordered.or_else(|| self.absent.clone()).unwrap_or_else(|| {
            let playing = self.playing.as_ref().map(|loaded| loaded.model.reference());
            playing.map(|playing| ModelRef { path: self.path.clone(), ..playing }).unwrap_or_default()
        })
    }

    /// Goes over to a model that was loaded; returns the one that played.
    pub fn switch(&mut self, loaded: Arc<Loaded>, path: PathBuf, status: &Status) -> Option<Arc<Loaded>> {
        if !self.stands_in() {
            self.absent = None;
        }
        self.pending = None;
        let manifest = &loaded.model.manifest;
        *status.model.lock() = ModelStatus {
            name: manifest.name.clone(),
            author: manifest.author.clone(),
            licence: manifest.licence.clone(),
            trained_on: manifest.trained_on.clone(),
            sha256: loaded.model.sha256.clone(),
            path: path.clone(),
            directions: manifest.direction_labels(),
            atlas: Some(Arc::clone(&loaded.atlas)),
        };
        // The range goes first and the identity is released after it: whoever reads the new identity reads the new range.
        status.set_pitch_range(manifest.pitch_min, manifest.pitch_max);
        status.model_id.store(loaded.model.id.0, Ordering::Release);
        self.path = path;
        self.playing.replace(loaded)
    }

    /// Goes on without the model that was ordered. Returns whether the user is to be told.
    pub fn refuse(&mut self) -> bool {
        let Some(order) = self.pending.take() else { return false };
        if order.stands_in {
            return false;
        }
        // What a session names goes back into the session; a file that was only tried out does not.
        self.absent = Some(order.reference.clone()).filter(|reference| !reference.sha256.is_empty());
        if self.playing.is_none() && !order.reference.is_default() {
            // Better the default sound than none.
            self.pending = Some(LoadOrder { reference: ModelRef::default(), stands_in: true, ..order });
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(sha256: &str) -> ModelRef {
        ModelRef { name: "one".into(), sha256: sha256.into(), path: "one.onnx".into() }
    }

    #[test]
    fn the_newest_order_is_the_one_that_waits() {
        let mut slot = ModelSlot::new();
        assert!(slot.is_pending(0) && slot.reference().is_default());
        slot.order(named("aa"));
        slot.order(named("bb"));
        assert!(slot.is_pending(2) && !slot.is_pending(1));
        assert_eq!(slot.reference(), named("bb"), "it is saved before it is there");
    }

    #[test]
    fn the_default_model_stands_in_once_and_the_session_keeps_its_own() {
        let mut slot = ModelSlot::new();
        slot.order(named("aa"));
        assert!(slot.refuse(), "the user is told that it is missing");
        assert!(slot.stands_in() && slot.pending().is_some_and(|order| order.reference.is_default()));
        assert_eq!(slot.reference(), named("aa"));
        assert!(!slot.refuse(), "of the one that stands in nothing is said");
        assert!(slot.pending().is_none());
        assert_eq!(slot.reference(), named("aa"));
    }

    #[test]
    fn a_file_that_was_only_tried_out_does_not_stay_in_the_session() {
        let mut slot = ModelSlot::new();
        slot.order(named(""));
        assert!(slot.refuse());
        assert!(slot.reference().is_default());
    }
}
