//! What is to be done next, and for whom. Under the service's lock; nothing is rendered or loaded here, and no thread is known.
//!
//! The four parts know nothing of one another: what is wanted ([`Clients`]), which notes are there or on their way ([`Notes`]),
//! which models are loaded ([`Models`]), and which devices may render ([`Devices`]). Here is only picked; what happens to them is
//! in `events`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::clients::Clients;
use super::device::devices::{Backend, Devices};
use super::device::setting::Settings;
use super::device::{Choice, Report};
use super::disk::DiskTask;
use super::in_flight::Rendering;
use super::interrupt::Interrupt;
use super::loaded::Loaded;
use super::model_slot::LoadOrder;
use super::models::Models;
use super::notes::Notes;
use super::priority::{ClientId, Priority};
use crate::note::{ModelId, Note, NoteKey};
use crate::storage::Limits;

/// Most notes of a device's run for notes that sound: a chord. The first of them waits for the last.
const SOUNDING_BATCH: usize = 4;

/// One thing for a render thread to do.
pub enum Task {
    Load { client: ClientId, order: LoadOrder, interrupt: Arc<Interrupt> },
    Render { loaded: Arc<Loaded>, key: NoteKey, interrupt: Arc<Interrupt> },
}

/// One thing for the device thread to do.
pub enum DeviceTask {
    /// To look which devices are there.
    Survey,
    Probe {
        loaded: Arc<Loaded>,
        choice: Choice,
        serial: u64,
        interrupt: Arc<Interrupt>,
    },
    Render {
        loaded: Arc<Loaded>,
        keys: Vec<NoteKey>,
        interrupt: Arc<Interrupt>,
    },
}

pub struct Schedule {
    pub clients: Clients,
    pub notes: Notes,
    pub models: Models,
    pub devices: Devices,
    stopping: bool,
}

impl Schedule {
    /// With room for notes in memory and, where there is a folder for them, on the disk.
    pub fn new(limits: Limits, notes_folder: Option<PathBuf>) -> Self {
        Self {
            clients: Clients::default(),
            notes: Notes::new(limits, notes_folder),
            models: Models::default(),
            devices: Devices::default(),
            stopping: false,
        }
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Ends all that is under way; nothing is given out after it.
    pub fn stop(&mut self) {
        self.stopping = true;
        self.notes.in_flight().interrupt_all();
        self.models.interrupt_all();
        self.devices.interrupt();
    }

    // For the render threads.

    /// Gives out the next task.
    pub fn pick(&mut self) -> Option<Task> {
        if self.stopping {
            return None;
        }
        self.pick_load().or_else(|| self.pick_render())
    }

    fn pick_load(&mut self) -> Option<Task> {
        if self.models.is_loading() {
            return None;
        }
        let (client, order) = self.clients.pending()?;
        let order = order.clone();
        let interrupt = self.models.begin_load(client, order.serial);
        Some(Task::Load { client, order, interrupt })
    }

    fn pick_render(&mut self) -> Option<Task> {
        self.notes.retry_due();
        let priority = self.most_urgent(Backend::Cpu)?;
        let (id, key) = self.next_render(priority, Backend::Cpu, None)?;
        let interrupt = Arc::new(Interrupt::default());
        let loaded = self.begin_render(priority, Backend::Cpu, id, key, &interrupt)?;
        self.clients.deliver(&mut self.notes);
        Some(Task::Render { loaded, key, interrupt })
    }

    /// A model that is played, of those that a thread which has nothing to render `lacks` a renderer of. The interrupt ends the
    /// making of one.
    pub fn pick_preparation(&mut self, lacks: impl Fn(&Arc<Loaded>) -> bool) -> Option<(Arc<Loaded>, Arc<Interrupt>)> {
        let loaded = Arc::clone(self.clients.models().find(|loaded| lacks(loaded))?);
        Some((loaded, self.models.begin_preparing()))
    }

    /// A note is on its way, for the instance whose turn it is.
    fn begin_render(
        &mut self,
        priority: Priority,
        backend: Backend,
        client: ClientId,
        key: NoteKey,
        interrupt: &Arc<Interrupt>,
    ) -> Option<Arc<Loaded>> {
        let loaded = self.clients.serve(client, priority, &key)?;
        let (since, interrupt) = (Instant::now(), Arc::clone(interrupt));
        self.notes.begin(Rendering { key, priority, backend, since, client, interrupt });
        self.clients.mark_dirty(key.model);
        Some(loaded)
    }

    /// The most urgent priority of which a note waits for a backend.
    pub fn most_urgent(&self, backend: Backend) -> Option<Priority> {
        Priority::ALL.into_iter().find(|&priority| self.next_render(priority, backend, None).is_some())
    }

    /// The next note of a priority for a backend, of the instance that has waited longest for its turn; `only` of one model.
    fn next_render(&self, priority: Priority, backend: Backend, only: Option<ModelId>) -> Option<(ClientId, NoteKey)> {
        self.clients.next(priority, |key, exact| {
            self.devices.backend_of(key, exact) == backend
                && only.is_none_or(|model| key.model == model)
                && self.notes.is_to_render(key, exact, priority)
        })
    }

    // For the device thread.

    /// Gives out the device thread's next task. `has_renderer` tells whether it has one of a model.
    pub fn pick_for_device(&mut self, has_renderer: impl Fn(&Arc<Loaded>) -> bool) -> Option<DeviceTask> {
        if self.stopping {
            return None;
        }
        self.pick_batch(&has_renderer).or_else(|| self.pick_probe())
    }

    /// Notes of one model and one priority. What sounds is not held up by what is only rendered ahead.
    fn pick_batch(&mut self, has_renderer: &impl Fn(&Arc<Loaded>) -> bool) -> Option<DeviceTask> {
        let priority = self.most_urgent(Backend::Device)?;
        let (id, key) = self.next_render(priority, Backend::Device, None)?;
        let model = key.model;
        let loaded = Arc::clone(self.clients.get(id)?.model()?);
        if !has_renderer(&loaded) {
            // The model was let go and loaded again: it is probed again, too.
            self.devices.remove_model(model);
            return None;
        }
        let (_, batch) = self.devices.device_of(model)?;
        let most = if priority == Priority::Sounding { batch.min(SOUNDING_BATCH) } else { batch };
        let interrupt = Arc::new(Interrupt::default());
        let mut keys = Vec::with_capacity(most);
        while keys.len() < most
            && let Some((id, key)) = self.next_render(priority, Backend::Device, Some(model))
        {
            self.begin_render(priority, Backend::Device, id, key, &interrupt)?;
            keys.push(key);
        }
        self.clients.deliver(&mut self.notes);
        Some(DeviceTask::Render { loaded, keys, interrupt })
    }

    /// Devices are probed once somebody plays live, and nobody waits for a note that sounds or was just struck.
    fn pick_probe(&mut self) -> Option<DeviceTask> {
        if self.most_urgent(Backend::Cpu).is_some_and(|priority| priority != Priority::Rest) {
            return None;
        }
        // ONNX Runtime has to be there before it can be asked, and before the first model it is not.
        if self.devices.wants_survey() && self.clients.live_models().next().is_some() {
            return Some(DeviceTask::Survey);
        }
        let loaded = self.clients.live_models().find(|loaded| self.devices.wants_probe(loaded.model.id))?;
        let loaded = Arc::clone(loaded);
        let interrupt = Arc::new(Interrupt::default());
        self.devices.begin_probe(loaded.model.id, Arc::clone(&interrupt));
        let (choice, serial) = (self.devices.choice(), self.devices.serial());
        Some(DeviceTask::Probe { loaded, choice, serial, interrupt })
    }

    // For the disk thread.

    /// Gives out the disk thread's next task. `device` is what renders, in words.
    pub fn pick_for_disk(&mut self, device: &str) -> Option<DiskTask> {
        // Which model plays is known once ONNX Runtime is loaded, and what lies on the disk depends on it.
        if self.stopping || self.clients.models().next().is_none() {
            return None;
        }
        let clients = &self.clients;
        let next_to_read = |can_be_read: &dyn Fn(&NoteKey, bool) -> bool| {
            let next = |priority| clients.next(priority, can_be_read);
            Priority::ALL.into_iter().find_map(next).map(|(_, key)| key)
        };
        let is_any_waiting =
            |is_missing: &dyn Fn(&NoteKey, bool) -> bool| clients.next(Priority::Sounding, is_missing).is_some();
        self.notes.pick_disk(device, next_to_read, is_any_waiting, || clients.keyboards_at_rest())
    }

    // For those who ask.

    /// The note that a key of an instance plays, where it is rendered already.
    pub fn note(&self, id: ClientId, key: u8) -> Option<Arc<Note>> {
        let key = self.clients.get(id)?.wishes()?.of_key(key);
        self.notes.peek(&key).cloned()
    }

    /// What is known of the devices.
    pub fn report(&self, settings: &Settings) -> Report {
        Report {
            setting: settings.now(),
            device_is_fixed: settings.is_device_fixed(),
            bounce_is_fixed: settings.is_bounce_fixed(),
            entries: self.devices.entries(),
        }
    }
}
