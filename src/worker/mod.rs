//! Renders notes: the inference service that all instances of the process share.
//!
//! Threads of its own; never the audio thread, never the host's. From top to bottom: [`Instance`] is what the plugin holds;
//! `service` has the threads, `schedule` decides what they do next, `place` is one instance's part in it; `cache` keeps
//! what was rendered, `disk` keeps it over the sessions; `loaded`, `generator` and `runtime` are a model, one session of it,
//! and ONNX Runtime; `prepare` and `sustain` make a playable note of what the generator puts out. [`device`] is all that is
//! about rendering elsewhere than on the processor.

mod cache;
pub mod device;
pub mod disk;
pub mod generator;
pub mod interrupt;
mod loaded;
mod place;
pub mod prepare;
pub(crate) mod priority;
mod runtime;
mod schedule;
mod service;
mod sustain;
#[cfg(test)]
pub mod tests;

use std::sync::Arc;

use crate::link::WorkerEnd;
use crate::model::{Model, ModelRef};
use crate::note::Note;
use crate::storage::{Limits, Usage};

use device::{Choice, Report};
use place::Place;
use service::Service;

/// One plugin instance's place in the service.
///
/// Dropping it takes the instance out; dropping the last one ends the service and joins its threads. All calls are for the
/// host's main thread or the editor's: they return at once, but they take a lock.
pub struct Instance {
    service: Arc<Service>,
    id: schedule::PlaceId,
}

impl Instance {
    /// Registers an instance. Starts no thread and loads nothing, since hosts make instances only to look at them.
    pub fn new(end: WorkerEnd) -> Self {
        let service = Service::get();
        let id = service.shared.schedule.lock().add(Place::new(end));
        Self { service, id }
    }

    /// From here on the instance's model is loaded and its notes are rendered. Returns at once; may be called again.
    pub fn start(&self) {
        let shared = &self.service.shared;
        {
            let settings = shared.settings.lock();
            let mut schedule = shared.schedule.lock();
            if let Some(place) = schedule.place(self.id) {
                place.start();
            }
            schedule.follow(&settings);
            schedule.tell_devices();
        }
        // Once, to the first instance: it says nothing of the others.
        let complaint = shared.settings.lock().complaint.take();
        self.notice(complaint);
        self.set_to_work();
    }

    /// Changes the model. Returns at once; until the new model has been loaded and checked, and for good where it is
    /// refused, the one that plays goes on. The default `ModelRef` stands for the default model; one without a hash for
    /// whatever its file holds.
    pub fn load_model(&self, model: ModelRef) {
        self.service.shared.schedule.lock().order(self.id, model);
        if self.is_started() {
            self.set_to_work();
        }
    }

    /// Sees to it that the threads run, and wakes them.
    fn set_to_work(&self) {
        if let Err(error) = self.service.start()
            && let Some(place) = self.service.shared.schedule.lock().place(self.id)
        {
            place.fail(format!("{error:#}"));
        }
        self.service.shared.work.notify_all();
        self.service.shared.disk.notify_all();
    }

    /// Shows a sentence to the user, as the service shows its own; `None` leaves what is shown.
    pub fn notice(&self, sentence: Option<String>) {
        if let Some(sentence) = sentence
            && let Some(place) = self.service.shared.schedule.lock().place(self.id)
        {
            *place.status().error.lock() = Some(sentence);
        }
    }

    /// What is known of the devices that render, and what was set about them.
    pub fn devices(&self) -> Report {
        let settings = self.service.shared.settings.lock();
        self.service.shared.schedule.lock().report(&settings)
    }

    /// Changes what renders, for all instances and sessions on this machine. The same choice again means another try.
    pub fn choose_device(&self, device: Choice) {
        let unsaved = {
            let mut settings = self.service.shared.settings.lock();
            let setting = device::Setting { device, ..settings.stored() };
            let unsaved = settings.store(setting).err();
            let mut schedule = self.service.shared.schedule.lock();
            schedule.choose(settings.now().device);
            unsaved
        };
        self.notice(unsaved);
        self.service.shared.work.notify_all();
    }

    /// Changes whether a bounce takes notes of the processor only, for all instances and sessions on this machine.
    pub fn set_bounce_on_cpu(&self, bounce_on_cpu: bool) {
        let unsaved = {
            let mut settings = self.service.shared.settings.lock();
            let setting = device::Setting { bounce_on_cpu, ..settings.stored() };
            let unsaved = settings.store(setting).err();
            self.service.shared.schedule.lock().follow(&settings);
            unsaved
        };
        self.notice(unsaved);
    }

    /// Shows devices as if they had been looked at.
    #[cfg(test)]
    pub fn pretend_survey(&self, entries: Vec<device::Entry>) {
        self.service.shared.schedule.lock().board_mut().surveyed(entries);
    }

    /// The model that the host's state should name: the one that plays, or one that is on its way or missing, so that a
    /// session is not rewritten by opening it where its model is not.
    pub fn model(&self) -> ModelRef {
        self.service.shared.schedule.lock().place(self.id).map(|place| place.reference()).unwrap_or_default()
    }

    /// The note that a key plays now, where it is rendered already.
    pub fn note(&self, key: u8) -> Option<Arc<Note>> {
        self.service.shared.schedule.lock().note(self.id, key)
    }

    /// Notes that a session is being saved with what this instance plays, so that its notes are kept on the disk.
    pub fn session_is_saved(&self) {
        self.service.shared.schedule.lock().save(self.id);
        self.service.shared.disk.notify_all();
    }

    /// What the rendered notes of all instances take.
    pub fn usage(&self) -> Usage {
        self.service.shared.schedule.lock().usage()
    }

    /// Changes what the rendered notes of all instances may take, for now and for the next time.
    pub fn set_limits(&self, limits: Limits) {
        let gone = self.service.shared.schedule.lock().set_limits(limits);
        drop(gone);
        self.notice(limits.save().err().map(|error| error.to_string()));
        if self.is_started() {
            self.set_to_work();
        }
    }

    /// Removes all notes from the disk, those of other processes, too.
    pub fn clear_disk(&self) {
        self.service.shared.schedule.lock().clear_disk();
        self.service.shared.disk.notify_all();
    }

    fn is_started(&self) -> bool {
        self.service.shared.schedule.lock().place(self.id).is_some_and(|place| place.is_started())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let place = self.service.shared.schedule.lock().remove(self.id);
        // Freed after the lock is open again, with the notes that lie in its queues.
        drop(place);
        // Threads may hold sessions of a model that nobody plays any more.
        self.service.shared.work.notify_all();
    }
}

/// Loads a model's session and lets it render its lowest and highest pitch. Errors are sentences.
pub fn try_out(model: &Model) -> anyhow::Result<()> {
    loaded::Station::tried_out(model, &interrupt::Interrupt::default()).map(drop)
}

/// Looks which devices are there, and tries those that are chosen on a model, as the service would.
pub fn try_devices(model: Model) -> Vec<device::Entry> {
    device::thread::survey_and_try(model, device::setting::Settings::load().now().device)
}
