//! What a host saves beside the parameters, and what is made of a state that is old, foreign or broken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nice_plug::params::persist::PersistentField;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use crate::model::ModelRef;

/// Version of the saved state. It goes up with every change that an older Timbrel would misread, and a migration comes
/// with it.
pub const STATE_FORMAT: u32 = 1;

/// The saved part of a session that is no parameter.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Saved {
    pub format: u32,
    pub model: ModelRef,
    /// What was wrong with the state when it was loaded, for the editor to show. Never written.
    #[serde(skip_serializing)]
    pub notice: Option<String>,
}

impl Default for Saved {
    fn default() -> Self {
        Self { format: STATE_FORMAT, model: ModelRef::default(), notice: None }
    }
}

/// A handle on the saved part, shared between the host's state calls, the editor and the plugin.
#[derive(Clone, Default)]
pub struct Session(Arc<Shared>);

#[derive(Default)]
struct Shared {
    saved: RwLock<Saved>,
    /// Counts the states that were loaded, since no call of the plugin tells of them.
    loads: AtomicU64,
}

impl Session {
    pub fn saved(&self) -> Saved {
        self.0.saved.read().clone()
    }

    /// How many states were loaded so far.
    pub fn loads(&self) -> u64 {
        self.0.loads.load(Ordering::Acquire)
    }

    /// Notes the model that plays now, so that the next state names it.
    pub fn set_model(&self, model: ModelRef) {
        self.0.saved.write().model = model;
    }
}

impl<'a> PersistentField<'a, Saved> for Session {
    fn set(&self, new_value: Saved) {
        *self.0.saved.write() = new_value;
        self.0.loads.fetch_add(1, Ordering::Release);
    }

    fn map<F, R>(&self, f: F) -> R
    where
        F: Fn(&Saved) -> R,
    {
        f(&self.0.saved.read())
    }
}
