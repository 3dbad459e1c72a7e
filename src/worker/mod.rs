//! Renders notes: the inference service that all instances of the process share.
//!
//! Threads of its own; never the audio thread, never the host's.

use std::sync::Arc;

use crate::link::{Status, WorkerEnd};
use crate::model::ModelRef;

/// One plugin instance's place in the service.
///
/// Dropping it takes the instance out; dropping the last one ends the service and joins its threads.
pub struct Instance {
    _status: Arc<Status>,
}

impl Instance {
    /// Registers an instance. Starts no thread and loads nothing, since hosts make instances only to look at them.
    pub fn new(end: WorkerEnd) -> Self {
        Self { _status: end.status }
    }

    /// From here on the instance's model is loaded and its notes are rendered. Returns at once; may be called again.
    pub fn start(&self) {}

    /// Changes the model. Returns at once; until the new model has been loaded and checked, and for good where it is
    /// refused, the one that plays goes on. The default `ModelRef` stands for the default model.
    pub fn load_model(&self, _model: ModelRef) {}

    /// Shows a sentence to the user, as the service shows its own; `None` leaves what is shown.
    pub fn notice(&self, sentence: Option<String>) {
        if sentence.is_some() {
            *self._status.error.lock() = sentence;
        }
    }

    /// The model that plays, for the host's state.
    pub fn model(&self) -> ModelRef {
        ModelRef::default()
    }
}
