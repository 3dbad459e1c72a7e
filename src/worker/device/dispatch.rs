//! What the device thread is to do next, and what becomes of it: the part of the schedule that is about devices.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::choice::Choice;
use super::devices::{Backend, Devices, ProbeOutcome};
use super::report::Report;
use super::setting::Settings;
use super::thread::SOUNDING_BATCH;
use crate::note::{ModelId, Note, NoteKey};
use crate::worker::client::Priority;
use crate::worker::interrupt::Interrupt;
use crate::worker::loaded::Loaded;
use crate::worker::schedule::Schedule;
use crate::worker::service::Service;

/// A run that takes longer has met a driver that hangs: every run was measured to be shorter by far.
const RUN_LIMIT: Duration = Duration::from_secs(10);

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

impl Schedule {
    pub fn devices(&self) -> &Devices {
        &self.devices
    }

    pub fn devices_mut(&mut self) -> &mut Devices {
        &mut self.devices
    }

    /// Gives out the device thread's next task. `has_session` tells whether it has one of a model.
    pub fn pick_for_device(&mut self, has_session: impl Fn(&Arc<Loaded>) -> bool) -> Option<DeviceTask> {
        if self.is_stopping() {
            return None;
        }
        self.pick_batch(&has_session).or_else(|| self.pick_probe())
    }

    /// Notes of one model and one class. What sounds is not held up by what is only rendered ahead.
    fn pick_batch(&mut self, has_session: &impl Fn(&Arc<Loaded>) -> bool) -> Option<DeviceTask> {
        let priority = self.most_urgent(Backend::Device)?;
        let (id, key) = self.next_render(priority, Backend::Device, None)?;
        let model = key.model;
        let loaded = Arc::clone(self.client(id)?.model()?);
        if !has_session(&loaded) {
            // The model was let go and loaded again: it is tried again, too.
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
            self.take_off(priority, Backend::Device, id, key, &interrupt)?;
            keys.push(key);
        }
        self.deliver();
        Some(DeviceTask::Render { loaded, keys, interrupt })
    }

    /// Devices are tried once somebody plays live, and nobody waits for a note that sounds or was just struck.
    fn pick_probe(&mut self) -> Option<DeviceTask> {
        if self.most_urgent(Backend::Cpu).is_some_and(|priority| priority != Priority::Rest) {
            return None;
        }
        let played = self.clients.values().filter(|client| client.is_live()).filter_map(|client| client.model());
        let played: Vec<_> = played.cloned().collect();
        // ONNX Runtime has to be there before it can be asked, and before the first model it is not.
        if self.devices.wants_survey() && !played.is_empty() {
            return Some(DeviceTask::Survey);
        }
        let loaded = played.into_iter().find(|loaded| self.devices.wants_probe(loaded.model.id))?;
        let interrupt = Arc::new(Interrupt::default());
        self.devices.begin_probe(loaded.model.id, Arc::clone(&interrupt));
        let (choice, serial) = (self.devices.choice(), self.devices.serial());
        Some(DeviceTask::Probe { loaded, choice, serial, interrupt })
    }

    /// Takes the outcome of a probe in. A device that somebody has asked for and that cannot be had is told of.
    pub fn finish_probe(&mut self, loaded: &Loaded, serial: u64, outcome: &ProbeOutcome) {
        let model = loaded.model.id;
        if !self.devices.finish_probe(serial, model, outcome) {
            return;
        }
        if outcome.renders.is_none() && self.devices.choice() != Choice::Automatic {
            for entry in &outcome.entries {
                self.say(model, format!("{} Notes are rendered on the processor.", entry.sentence));
            }
        }
        self.tell_devices();
    }

    /// Takes the notes of a run in.
    pub fn finish_batch(
        &mut self,
        keys: &[NoteKey],
        notes: Vec<anyhow::Result<Arc<Note>>>,
        took: Duration,
        trash: &mut Vec<Arc<Note>>,
    ) {
        let took = took / keys.len().max(1) as u32;
        for (key, note) in keys.iter().zip(notes) {
            match note {
                Ok(note) => self.land(Backend::Device, *key, Ok(note), took, trash),
                // Whose fault it is, the processor will tell.
                Err(_) => {
                    self.devices.keep_to_cpu(*key);
                    self.take_back(std::slice::from_ref(key));
                }
            }
        }
        self.deliver();
    }

    /// The notes of a run that was ended on purpose may be rendered again.
    pub fn abandon_batch(&mut self, keys: &[NoteKey]) {
        self.take_back(keys);
        self.deliver();
    }

    /// A run has failed: from here on the processor renders the model, and these notes first, in their order of urgency.
    pub fn lose_device(&mut self, model: ModelId, keys: &[NoteKey], reason: &str) {
        self.take_back(keys);
        let Some((provider, _)) = self.devices.device_of(model) else { return };
        let name = provider.name();
        let sentence = format!("{name} failed while it rendered ({reason}): choose it again to try it once more.");
        self.devices.lose(model, &sentence);
        self.say(model, format!("{sentence} Notes are rendered on the processor."));
        self.tell_devices();
        self.deliver();
    }

    /// A run that never ends must not keep its notes.
    pub(in crate::worker) fn lose_hanging_device(&mut self) {
        let is_hanging = |backend, since: std::time::Instant| backend == Backend::Device && since.elapsed() > RUN_LIMIT;
        let hanging = self.flights.iter().filter(|flight| is_hanging(flight.backend, flight.since));
        let keys: Vec<_> = hanging.inspect(|flight| flight.interrupt.raise()).map(|flight| flight.key).collect();
        let Some(first) = keys.first() else { return };
        self.lose_device(first.model, &keys, &format!("it gave no answer in {} s", RUN_LIMIT.as_secs()));
    }

    fn take_back(&mut self, keys: &[NoteKey]) {
        self.flights.retain(|flight| flight.backend != Backend::Device || !keys.contains(&flight.key));
        for key in keys {
            self.touch(key.model);
        }
    }

    /// Shows a sentence about devices to those who play a model.
    fn say(&mut self, model: ModelId, sentence: String) {
        for client in self.clients.values_mut() {
            if client.model().is_some_and(|loaded| loaded.model.id == model) {
                client.show(sentence.clone());
            }
        }
        self.devices.remember_message(sentence);
    }

    /// Goes over to what the settings say now.
    pub fn follow(&mut self, settings: &Settings) {
        let setting = settings.now();
        if setting.device != self.devices.choice() {
            self.choose(setting.device);
        }
        for client in self.clients.values_mut() {
            client.status().bounce_on_cpu.store(setting.bounce_on_cpu, Ordering::Relaxed);
            // Another rendering may be what a bounce wants now.
            client.touch();
        }
    }

    /// Goes over to another device, or tries the same one once more.
    pub fn choose(&mut self, choice: Choice) {
        for sentence in self.devices.choose(choice) {
            self.withdraw(&sentence);
        }
        self.tell_devices();
    }

    /// Brings what every instance shows, and does when it bounces, up to date.
    pub fn tell_devices(&mut self) {
        for client in self.clients.values().filter(|client| client.is_started()) {
            let device = client.model().and_then(|loaded| self.devices.device_of(loaded.model.id));
            *client.status().device.lock() = match device {
                None => Service::device(),
                Some((provider, 1)) => provider.name().to_owned(),
                Some((provider, batch)) => format!("{}, up to {batch} notes a run", provider.name()),
            };
        }
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
