//! What happens, and what it changes in the [`Schedule`]: instances come, order models and go; audio threads want something else;
//! tasks come to their end; the user chooses. Under the service's lock. Whatever is changed here is picked up by the next look.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::client::Client;
use super::cpu;
use super::device::Choice;
use super::device::devices::{Backend, ProbeOutcome};
use super::device::setting::Settings;
use super::disk::{DiskOutcome, Finished};
use super::loaded::Loaded;
use super::model_slot::LoadOrder;
use super::models::LOAD_LIMIT;
use super::priority::{ClientId, Priority};
use super::schedule::Schedule;
use crate::model::ModelRef;
use crate::note::{ModelId, Note, NoteKey};
use crate::storage::Limits;

/// A device's run that takes longer has met a driver that hangs: every run was measured to be shorter by far.
const RUN_LIMIT: Duration = Duration::from_secs(10);

/// The outcome of a load.
pub type LoadResult = anyhow::Result<(Arc<Loaded>, PathBuf)>;

/// Instances.
impl Schedule {
    pub fn add(&mut self, client: Client) -> ClientId {
        self.clients.add(client)
    }

    /// Takes an instance out. What is returned is to be dropped where no lock is held.
    pub fn remove(&mut self, id: ClientId) -> Option<Client> {
        let removed = self.clients.remove(id);
        self.interrupt_stale_load();
        removed
    }

    /// An instance orders another model: the load that it replaces is given up.
    pub fn order(&mut self, id: ClientId, reference: ModelRef) {
        // A load command is the user's way to say "try again".
        self.notes.retry_all();
        if let Some(client) = self.clients.get_mut(id) {
            client.order(reference);
        }
        self.interrupt_stale_load();
    }

    fn interrupt_stale_load(&self) {
        let stands = |id, serial| self.clients.get(id).is_some_and(|client| client.is_pending(serial));
        self.models.interrupt_load_unless(stands);
    }

    /// A session is saved with what an instance plays.
    pub fn session_is_saved(&mut self, id: ClientId) {
        if let Some(sound) = self.clients.get_mut(id).and_then(Client::mark_saved) {
            self.notes.mark_saved(sound);
        }
    }

    /// Looks at what the audio threads want, sends what is there, and ends what nobody wants any more. Returns whether
    /// there may be something new to do. Notes that are no longer used go to `trash`.
    pub fn poll(&mut self, trash: &mut Vec<Arc<Note>>) -> bool {
        let changed = self.clients.poll(trash);
        self.clients.deliver(&mut self.notes);
        let at_rest = self.clients.iter().filter_map(Client::sound_at_rest);
        at_rest.for_each(|sound| self.notes.mark_at_rest(&sound));
        if changed {
            let waiting = |backend| self.most_urgent(backend);
            self.notes.in_flight().interrupt_unwanted(|key| self.clients.is_wanted(key), waiting);
        }
        self.models.interrupt_hanging_load();
        self.lose_hanging_device();
        changed
    }
}

/// The render threads.
impl Schedule {
    /// A note was rendered on the processor, or could not be: it goes to all who want it. Notes that had to go for it go to `trash`.
    pub fn finish_render(
        &mut self,
        key: NoteKey,
        result: anyhow::Result<Arc<Note>>,
        took: Duration,
        trash: &mut Vec<Arc<Note>>,
    ) {
        self.take_in(Backend::Cpu, key, result, took, trash);
        self.clients.deliver(&mut self.notes);
    }

    /// Takes in what came of a note on either backend. It is yet to be sent.
    fn take_in(
        &mut self,
        backend: Backend,
        key: NoteKey,
        result: anyhow::Result<Arc<Note>>,
        took: Duration,
        trash: &mut Vec<Arc<Note>>,
    ) {
        let Some(rendering) = self.notes.finish(&key, backend) else { return };
        self.clients.mark_dirty(key.model);
        let client = self.clients.get_mut(rendering.client);
        match result {
            Ok(note) => {
                self.notes.insert(&note, trash);
                if backend == Backend::Cpu {
                    self.notes.set_render_time(took);
                    self.devices.mark_rendered(key.model);
                }
                if let Some(client) = client {
                    let status = client.status();
                    status.notes_rendered.fetch_add(1, Ordering::Relaxed);
                    status.inference_us.store(took.as_micros().min(u128::from(u32::MAX)) as u32, Ordering::Relaxed);
                    if rendering.priority == Priority::Sounding {
                        client.deliver_late(&note);
                    }
                }
            }
            // What was ended on purpose is no failure.
            Err(_) if rendering.interrupt.is_raised() => {}
            Err(error) => {
                self.notes.fail(key);
                if let Some(client) = client {
                    client.messages().show(format!(
                        "The note of pitch {} could not be rendered (the generator {error:#}): choose another timbre or \
                         load the model again.",
                        key.pitch
                    ));
                }
            }
        }
    }

    /// A load has come to its end. What is returned is to be dropped where no lock is held.
    pub fn finish_load(&mut self, id: ClientId, order: &LoadOrder, result: LoadResult) -> Option<Arc<Loaded>> {
        let timed_out = self.models.finish_load();
        let client = self.clients.get_mut(id).filter(|client| client.is_pending(order.serial));
        match (result, client) {
            (Ok((loaded, path)), Some(client)) => {
                self.models.insert(&loaded);
                let before = client.switch(loaded, path);
                self.show_devices();
                self.notes.begin_disk();
                self.clients.deliver(&mut self.notes);
                before
            }
            // Somebody may still want it: the thread that loaded it holds it until the next task.
            (Ok((loaded, _)), None) => Some(loaded),
            (Err(error), Some(client)) => {
                let label = order.reference.label();
                client.refuse(if timed_out {
                    let limit = LOAD_LIMIT.as_secs();
                    format!("The model \"{label}\" did not load within {limit} s and was given up: choose another one.")
                } else {
                    format!("{error:#}")
                });
                None
            }
            (Err(_), None) => None,
        }
    }
}

/// The disk thread.
impl Schedule {
    /// A task of the disk thread has come to its end. Notes that had to go for it go to `trash`.
    pub fn finish_disk(&mut self, outcome: DiskOutcome, trash: &mut Vec<Arc<Note>>) {
        match self.notes.finish_disk(outcome, trash) {
            Finished::Note(note) => self.clients.mark_dirty(note.key.model),
            Finished::Complaint(sentence) => self.clients.show_if_free(&sentence),
            Finished::Mended(sentence) => self.clients.withdraw(&sentence),
            Finished::Nothing => {}
        }
        self.clients.deliver(&mut self.notes);
    }

    /// Changes what notes may take; returns those that had to go.
    pub fn set_limits(&mut self, limits: Limits) -> Vec<Arc<Note>> {
        let (gone, message) = self.notes.set_limits(limits);
        self.withdraw(message);
        gone
    }

    /// Lets all notes go that lie on the disk.
    pub fn clear_disk(&mut self) {
        let message = self.notes.clear_disk();
        self.withdraw(message);
    }

    fn withdraw(&mut self, sentences: impl IntoIterator<Item = String>) {
        sentences.into_iter().for_each(|sentence| self.clients.withdraw(&sentence));
    }
}

/// The device thread.
impl Schedule {
    /// A probe has come to its end. A device that somebody has asked for and that cannot be had is told of.
    pub fn finish_probe(&mut self, loaded: &Loaded, serial: u64, outcome: &ProbeOutcome) {
        let model = loaded.model.id;
        if !self.devices.finish_probe(serial, model, outcome) {
            return;
        }
        if outcome.renders.is_none() && self.devices.choice() != Choice::Automatic {
            for entry in &outcome.entries {
                self.show_about_device(model, format!("{} Notes are rendered on the processor.", entry.sentence));
            }
        }
        self.show_devices();
    }

    /// A device has rendered the notes of a run.
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
                Ok(note) => self.take_in(Backend::Device, *key, Ok(note), took, trash),
                // Whose fault it is, the processor will tell.
                Err(_) => {
                    self.devices.keep_to_cpu(*key);
                    self.give_back(std::slice::from_ref(key));
                }
            }
        }
        self.clients.deliver(&mut self.notes);
    }

    /// The notes of a run that was ended on purpose may be rendered again.
    pub fn abandon_batch(&mut self, keys: &[NoteKey]) {
        self.give_back(keys);
        self.clients.deliver(&mut self.notes);
    }

    /// A run has failed: from here on the processor renders the model, and these notes first, in their order of urgency.
    pub fn lose_device(&mut self, model: ModelId, keys: &[NoteKey], reason: &str) {
        self.give_back(keys);
        let Some((provider, _)) = self.devices.device_of(model) else { return };
        let name = provider.name();
        let sentence = format!("{name} failed while it rendered ({reason}): choose it again to try it once more.");
        self.devices.lose(model, &sentence);
        self.show_about_device(model, format!("{sentence} Notes are rendered on the processor."));
        self.show_devices();
        self.clients.deliver(&mut self.notes);
    }

    /// A run that never ends must not keep its notes.
    fn lose_hanging_device(&mut self) {
        let keys = self.notes.in_flight().interrupt_hanging(RUN_LIMIT);
        let Some(first) = keys.first() else { return };
        self.lose_device(first.model, &keys, &format!("it gave no answer in {} s", RUN_LIMIT.as_secs()));
    }

    fn give_back(&mut self, keys: &[NoteKey]) {
        self.notes.in_flight_mut().give_back(keys);
        keys.iter().for_each(|key| self.clients.mark_dirty(key.model));
    }

    fn show_about_device(&mut self, model: ModelId, sentence: String) {
        self.clients.show(model, &sentence);
        self.devices.remember_message(sentence);
    }

    /// Goes over to what the settings say now.
    pub fn apply(&mut self, settings: &Settings) {
        let setting = settings.now();
        if setting.device != self.devices.choice() {
            self.choose(setting.device);
        }
        for client in self.clients.iter_mut() {
            client.status().bounce_on_cpu.store(setting.bounce_on_cpu, Ordering::Relaxed);
            // Another rendering may be what a bounce wants now.
            client.mark_dirty();
        }
    }

    /// Goes over to another device, or tries the same one once more.
    pub fn choose(&mut self, choice: Choice) {
        let messages = self.devices.choose(choice);
        self.withdraw(messages);
        self.show_devices();
    }

    /// Shows every instance what renders its notes.
    pub fn show_devices(&mut self) {
        for client in self.clients.iter().filter(|client| client.is_started()) {
            let device = client.model().and_then(|loaded| self.devices.device_of(loaded.model.id));
            *client.status().device.lock() = match device {
                None => cpu::description(),
                Some((provider, 1)) => provider.name().to_owned(),
                Some((provider, batch)) => format!("{}, up to {batch} notes a run", provider.name()),
            };
        }
    }
}
