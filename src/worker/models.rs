//! Which models are loaded, and which is being loaded. Under the service's lock.

use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::interrupt::Interrupt;
use super::loaded::Loaded;
use super::priority::ClientId;
use crate::model::Stamp;

/// No model that an instrument can use takes this long to be loaded and to render two notes.
pub const LOAD_LIMIT: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Models {
    /// Held by those who play them.
    loaded: Vec<Weak<Loaded>>,
    loading: Option<Loading>,
    /// Interrupts of the renderers that are being made ahead.
    preparing: Vec<Weak<Interrupt>>,
}

/// A model that is being loaded. One at a time, so that instances that open together load it once.
struct Loading {
    client: ClientId,
    serial: u64,
    since: Instant,
    interrupt: Arc<Interrupt>,
}

impl Models {
    /// A model that is loaded already and is the one that a session names.
    pub fn with_hash(&self, sha256: &str) -> Option<Arc<Loaded>> {
        self.alive().find(|loaded| loaded.model.sha256.eq_ignore_ascii_case(sha256))
    }

    /// A model that was loaded from this very file.
    pub fn of_file(&self, path: &Path, stamp: Stamp) -> Option<Arc<Loaded>> {
        self.alive().find(|loaded| loaded.model.path == path && loaded.model.stamp == stamp)
    }

    fn alive(&self) -> impl Iterator<Item = Arc<Loaded>> + '_ {
        self.loaded.iter().filter_map(Weak::upgrade)
    }

    pub fn insert(&mut self, loaded: &Arc<Loaded>) {
        if self.loaded.iter().all(|model| !std::ptr::eq(model.as_ptr(), Arc::as_ptr(loaded))) {
            self.loaded.push(Arc::downgrade(loaded));
        }
    }

    pub fn is_loading(&self) -> bool {
        self.loading.is_some()
    }

    /// A load begins, for an instance's order of this number.
    pub fn begin_load(&mut self, client: ClientId, serial: u64) -> Arc<Interrupt> {
        let interrupt = Arc::new(Interrupt::default());
        self.loading = Some(Loading { client, serial, since: Instant::now(), interrupt: Arc::clone(&interrupt) });
        interrupt
    }

    /// The load has come to its end. Returns whether it took too long.
    pub fn finish_load(&mut self) -> bool {
        self.loaded.retain(|model| model.strong_count() > 0);
        self.loading.take().is_some_and(|loading| loading.since.elapsed() > LOAD_LIMIT)
    }

    /// Interrupts the load that is under way unless its order `stands`.
    pub fn interrupt_load_unless(&self, stands: impl FnOnce(ClientId, u64) -> bool) {
        if let Some(loading) = &self.loading
            && !stands(loading.client, loading.serial)
        {
            loading.interrupt.raise();
        }
    }

    /// Interrupts a load that takes too long.
    pub fn interrupt_hanging_load(&self) {
        if let Some(loading) = self.loading.as_ref().filter(|loading| loading.since.elapsed() > LOAD_LIMIT) {
            loading.interrupt.raise();
        }
    }

    /// A renderer is being made ahead.
    pub fn begin_preparing(&mut self) -> Arc<Interrupt> {
        let interrupt = Arc::new(Interrupt::default());
        self.preparing.retain(|preparing| preparing.strong_count() > 0);
        self.preparing.push(Arc::downgrade(&interrupt));
        interrupt
    }

    pub fn interrupt_all(&self) {
        if let Some(loading) = &self.loading {
            loading.interrupt.raise();
        }
        self.preparing.iter().filter_map(Weak::upgrade).for_each(|interrupt| interrupt.raise());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::model::handmade::{Folder, Handmade};

    #[test]
    fn a_model_is_found_for_as_long_as_somebody_plays_it() {
        let folder = Folder::new();
        let model = Model::read(&Handmade::named("found").write(&folder, "found.onnx")).unwrap();
        let (path, stamp, sha256) = (model.path.clone(), model.stamp, model.sha256.clone());
        let loaded = Arc::new(Loaded::new(model));
        let mut models = Models::default();
        models.insert(&loaded);
        models.insert(&loaded);
        assert!(models.with_hash(&sha256.to_uppercase()).is_some_and(|found| Arc::ptr_eq(&found, &loaded)));
        assert!(models.of_file(&path, stamp).is_some() && models.of_file(Path::new("other"), stamp).is_none());
        assert!(models.with_hash("00").is_none());
        drop(loaded);
        assert!(models.with_hash(&sha256).is_none());
        models.finish_load();
        assert!(models.loaded.is_empty());
    }

    #[test]
    fn a_load_is_interrupted_once_its_order_no_longer_stands() {
        let mut models = Models::default();
        let interrupt = models.begin_load(3, 7);
        models.interrupt_load_unless(|client, serial| (client, serial) == (3, 7));
        models.interrupt_hanging_load();
        assert!(models.is_loading() && !interrupt.is_raised());
        models.interrupt_load_unless(|_, serial| serial == 8);
        assert!(interrupt.is_raised());
        assert!(!models.finish_load() && !models.is_loading());
    }

    #[test]
    fn whatever_is_being_made_is_interrupted() {
        let mut models = Models::default();
        let (load, prepare) = (models.begin_load(1, 1), models.begin_preparing());
        models.interrupt_all();
        assert!(load.is_raised() && prepare.is_raised());
    }
}
