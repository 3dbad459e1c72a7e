//! Renders notes: the inference service that all instances of the process share.
//!
//! Threads of its own; never the audio thread, never the host's. From top to bottom:
//!
//! - [`Instance`] is what the plugin holds; `service` starts and ends the threads, and `shared` is what they share.
//! - The threads: `dispatcher` looks at what is wanted and sends it, `render_thread` loads and renders, `disk_thread` reads and
//!   writes, `device::thread` renders on a device.
//! - `schedule` picks what a thread does next, and `events` takes in what came of it. They hold four parts that know nothing of
//!   one another: `clients` is what is wanted, `notes` what is there or on its way, `models` what is loaded, `device::devices` what
//!   may render.
//! - One `client` an instance: `wishes` are what it wants as notes, `model_slot` has its model and its orders, `delivery` sends its
//!   notes, `messages` are what its user is told.
//! - `notes` are made of `cache`, what is in memory; `in_flight`, what is being rendered; and `disk`, what is kept over the sessions.
//! - `load` finds and checks a model; `renderer` renders its notes on one thread, by a `generator`, which is a session of ONNX
//!   Runtime (`runtime`), and `prepare` and `sustain`, which make a playable note of what it puts out.

mod cache;
mod client;
mod clients;
mod cpu;
mod delivery;
pub mod device;
pub mod disk;
mod disk_thread;
mod dispatcher;
mod events;
pub mod generator;
mod in_flight;
pub mod interrupt;
mod load;
mod loaded;
mod messages;
mod model_slot;
mod models;
mod notes;
mod panic;
pub mod prepare;
mod priority;
mod render_thread;
mod renderer;
mod renderer_pool;
mod runtime;
mod schedule;
mod service;
mod shared;
mod sustain;
pub(crate) mod thread_priority;
mod wishes;
#[cfg(test)]
pub mod tests;

use std::sync::Arc;

use parking_lot::Mutex;

use crate::link::WorkerEnd;
use crate::model::{Model, ModelRef};
use crate::note::Note;
use crate::storage::{Limits, Usage};

use client::Client;
use device::{Choice, Report};
use service::Service;

/// One plugin instance's part in the service.
///
/// [`Self::end`] takes the instance out, and so does dropping it; the end of the last one ends the service and joins its threads.
/// All calls are for the host's main thread or the editor's: they return at once, but they take a lock.
pub struct Instance {
    /// `None` from the end on. Locked for as long as a call takes: while another thread's call held on to the service, the last
    /// instance would end without it.
    service: Mutex<Option<Arc<Service>>>,
    id: priority::ClientId,
}

impl Instance {
    /// Registers an instance. Starts no thread and loads nothing, since hosts make instances only to look at them.
    pub fn new(end: WorkerEnd) -> Self {
        let service = Service::get();
        let id = service.shared.schedule.lock().add(Client::new(end));
        Self { service: Mutex::new(Some(service)), id }
    }

    /// Takes the instance out of the service, whoever else may hold it: a window's thread may outlive its plugin. From here on its
    /// calls do nothing.
    pub fn end(&self) {
        let Some(service) = self.service.lock().take() else { return };
        let client = service.shared.schedule.lock().remove(self.id);
        // Freed after the lock is open again, with the notes that lie in its queues.
        drop(client);
        // Threads may hold sessions of a model that nobody plays any more.
        service.shared.work.notify_all();
    }

    /// From here on the instance's model is loaded and its notes are rendered. Returns at once; may be called again.
    pub fn start(&self) {
        let complaint = self.with(|service| {
            let mut settings = service.shared.settings.lock();
            let mut schedule = service.shared.schedule.lock();
            if let Some(client) = schedule.clients.get_mut(self.id) {
                client.start();
            }
            schedule.apply(&settings);
            schedule.show_devices();
            // Once, to the first instance: it says nothing of the others.
            settings.complaint.take()
        });
        self.notice(complaint.flatten());
        self.set_to_work();
    }

    /// Changes the model. Returns at once; until the new model has been loaded and checked, and for good where it is
    /// refused, the one that plays goes on. The default `ModelRef` stands for the default model; one without a hash for
    /// whatever its file holds.
    pub fn load_model(&self, model: ModelRef) {
        let is_started = self.with(|service| {
            let mut schedule = service.shared.schedule.lock();
            schedule.order(self.id, model);
            schedule.clients.get_mut(self.id).is_some_and(|client| client.is_started())
        });
        if is_started == Some(true) {
            self.set_to_work();
        }
    }

    /// Shows a sentence to the user, as the service shows its own; `None` leaves what is shown.
    pub fn notice(&self, sentence: Option<String>) {
        let Some(sentence) = sentence else { return };
        self.with(|service| {
            if let Some(client) = service.shared.schedule.lock().clients.get_mut(self.id) {
                *client.status().error.lock() = Some(sentence);
            }
        });
    }

    /// What is known of the devices that render, and what was set about them.
    pub fn devices(&self) -> Report {
        let report = self.with(|service| {
            let settings = service.shared.settings.lock();
            service.shared.schedule.lock().report(&settings)
        });
        report.unwrap_or_default()
    }

    /// Changes what renders, for all instances and sessions on this machine. The same choice again means another try.
    pub fn choose_device(&self, device: Choice) {
        let unsaved = self.with(|service| {
            let mut settings = service.shared.settings.lock();
            let setting = device::Setting { device, ..settings.stored() };
            let unsaved = settings.store(setting).err();
            service.shared.schedule.lock().choose(settings.now().device);
            service.shared.work.notify_all();
            unsaved
        });
        self.notice(unsaved.flatten());
    }

    /// Changes whether a bounce takes notes of the processor only, for all instances and sessions on this machine.
    pub fn set_bounce_on_cpu(&self, bounce_on_cpu: bool) {
        let unsaved = self.with(|service| {
            let mut settings = service.shared.settings.lock();
            let setting = device::Setting { bounce_on_cpu, ..settings.stored() };
            let unsaved = settings.store(setting).err();
            service.shared.schedule.lock().apply(&settings);
            unsaved
        });
        self.notice(unsaved.flatten());
    }

    /// Shows devices as if they had been looked at.
    #[cfg(test)]
    pub fn pretend_survey(&self, entries: Vec<device::Entry>) {
        self.with(|service| service.shared.schedule.lock().devices.surveyed(entries));
    }

    /// The model that the host's state should name: the one that plays, or one that is on its way or missing, so that a
    /// session is not rewritten by opening it where its model is not.
    pub fn model(&self) -> ModelRef {
        let model = self
            .with(|service| service.shared.schedule.lock().clients.get_mut(self.id).map(|client| client.reference()));
        model.flatten().unwrap_or_default()
    }

    /// The note that a key plays now, where it is rendered already.
    pub fn note(&self, key: u8) -> Option<Arc<Note>> {
        self.with(|service| service.shared.schedule.lock().note(self.id, key)).flatten()
    }

    /// A session is being saved with what this instance plays, so that its notes are kept on the disk.
    pub fn session_is_saved(&self) {
        self.with(|service| {
            service.shared.schedule.lock().session_is_saved(self.id);
            service.shared.disk.notify_all();
        });
    }

    /// What the rendered notes of all instances take.
    pub fn usage(&self) -> Usage {
        self.with(|service| service.shared.schedule.lock().notes.usage()).unwrap_or_default()
    }

    /// Changes what the rendered notes of all instances may take, for now and for the next time.
    pub fn set_limits(&self, limits: Limits) {
        let is_started = self.with(|service| {
            let mut schedule = service.shared.schedule.lock();
            let gone = schedule.set_limits(limits);
            let is_started = schedule.clients.get_mut(self.id).is_some_and(|client| client.is_started());
            drop(schedule);
            drop(gone);
            is_started
        });
        self.notice(limits.save().err().map(|error| error.to_string()));
        if is_started == Some(true) {
            self.set_to_work();
        }
    }

    /// Removes all notes from the disk, those of other processes, too.
    pub fn clear_disk(&self) {
        self.with(|service| {
            service.shared.schedule.lock().clear_disk();
            service.shared.disk.notify_all();
        });
    }

    /// Sees to it that the threads run, and wakes them.
    fn set_to_work(&self) {
        self.with(|service| {
            if let Err(error) = service.start()
                && let Some(client) = service.shared.schedule.lock().clients.get_mut(self.id)
            {
                client.fail(format!("{error:#}"));
            }
            service.shared.work.notify_all();
            service.shared.disk.notify_all();
        });
    }

    /// Calls the service; `None` once the instance has ended.
    fn with<T>(&self, call: impl FnOnce(&Service) -> T) -> Option<T> {
        self.service.lock().as_deref().map(call)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.end();
    }
}

/// Loads a model's session and lets it render its lowest and highest pitch. Errors are sentences.
pub fn try_out(model: &Model) -> anyhow::Result<()> {
    renderer::Renderer::tried_out(model, &interrupt::Interrupt::default()).map(drop)
}

/// Looks which devices are there, and tries those that are chosen on a model, as the service would.
pub fn try_devices(model: Model) -> Vec<device::Entry> {
    device::thread::survey_and_probe(model, device::setting::Settings::load().now().device)
}
