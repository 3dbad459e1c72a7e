//! Which model is rendered where: the part of the service's state that is about devices. Under the service's lock.

use std::collections::HashSet;
use std::sync::Arc;

use super::choice::{Choice, Provider};
use super::probe::Probe;
use super::report::{Entry, Standing, unknown};
use crate::note::{ModelId, NoteKey};
use crate::worker::interrupt::Interrupt;

/// Where a note is rendered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backend {
    /// On the render threads, one note a run.
    Cpu,
    /// On the device thread, in batches.
    Device,
}

/// What the test runs on a model have come to.
#[derive(Clone, PartialEq, Debug)]
enum Assignment {
    Probing,
    /// No device renders it.
    Cpu,
    /// It is rendered in batches of this size at most.
    Device {
        provider: Provider,
        batch: usize,
    },
}

/// What became of the test runs on a model.
#[derive(Default)]
pub struct ProbeOutcome {
    /// The device that renders from now on.
    pub renders: Option<(Provider, Probe)>,
    /// What is now known of the devices that were looked at.
    pub entries: Vec<Entry>,
}

#[derive(Default)]
pub struct Devices {
    choice: Choice,
    /// Counts the choices, so that the outcome of a probe for an earlier one is known as such.
    serial: u64,
    assignments: Vec<(ModelId, Assignment)>,
    /// Models of which the processor has rendered a note: the first notes never wait for a device.
    rendered: Vec<ModelId>,
    /// Notes that the device renders as no sound.
    cpu_only: HashSet<NoteKey>,
    entries: Vec<Entry>,
    /// Whether it was looked which devices are there.
    surveyed: bool,
    probing: Option<Arc<Interrupt>>,
    /// Sentences that were shown about devices, to be taken back when another one is chosen.
    messages: Vec<String>,
}

impl Devices {
    pub fn choice(&self) -> Choice {
        self.choice
    }

    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Goes over to another choice, or tries the same one again. Returns the sentences that no longer hold.
    pub fn choose(&mut self, choice: Choice) -> Vec<String> {
        self.choice = choice;
        self.serial += 1;
        self.assignments.clear();
        self.cpu_only.clear();
        self.surveyed = false;
        self.entries.clear();
        self.interrupt();
        std::mem::take(&mut self.messages)
    }

    /// Ends a probe that is under way.
    pub fn interrupt(&mut self) {
        if let Some(probing) = &self.probing {
            probing.raise();
        }
    }

    pub fn entries(&self) -> Vec<Entry> {
        if self.entries.is_empty() { unknown() } else { self.entries.clone() }
    }

    /// Whether it is still to be looked which devices are there.
    pub fn wants_survey(&self) -> bool {
        !self.surveyed
    }

    pub fn surveyed(&mut self, entries: Vec<Entry>) {
        self.surveyed = true;
        self.entries = entries;
    }

    /// Records that a note of a model has been rendered on the processor.
    pub fn mark_rendered(&mut self, model: ModelId) {
        if !self.rendered.contains(&model) {
            self.rendered.push(model);
        }
    }

    /// Whether devices are to be tried on a model now.
    pub fn wants_probe(&self, model: ModelId) -> bool {
        self.choice != Choice::Cpu && self.rendered.contains(&model) && self.assignment(model).is_none()
    }

    pub fn begin_probe(&mut self, model: ModelId, interrupt: Arc<Interrupt>) {
        self.assignments.push((model, Assignment::Probing));
        let chosen: Vec<_> = self.choice.candidates().iter().map(|candidate| candidate.0).collect();
        for entry in &mut self.entries {
            if chosen.contains(&entry.provider) && entry.standing == Standing::Installed {
                (entry.standing, entry.sentence) = (Standing::Probing, String::new());
            }
        }
        self.probing = Some(interrupt);
    }

    /// Takes the outcome of a probe in. False where another choice was made meanwhile.
    pub fn finish_probe(&mut self, serial: u64, model: ModelId, outcome: &ProbeOutcome) -> bool {
        self.probing = None;
        if serial != self.serial {
            return false;
        }
        let assignment = match &outcome.renders {
            Some((provider, probe)) => Assignment::Device { provider: *provider, batch: probe.batch },
            None => Assignment::Cpu,
        };
        self.assign(model, assignment);
        outcome.entries.iter().for_each(|entry| self.update_entry(entry.clone()));
        true
    }

    /// The device that renders a model no longer does.
    pub fn lose(&mut self, model: ModelId, sentence: &str) {
        if let Some(Assignment::Device { provider, .. }) = self.assignment(model) {
            let provider = *provider;
            self.update_entry(Entry { provider, standing: Standing::Failed, sentence: sentence.to_owned() });
        }
        self.assign(model, Assignment::Cpu);
    }

    /// Nobody plays this model any more.
    pub fn remove_model(&mut self, model: ModelId) {
        self.assignments.retain(|(known, _)| *known != model);
        self.rendered.retain(|known| *known != model);
        self.cpu_only.retain(|key| key.model != model);
    }

    /// Which device renders a model, and in batches of what size.
    pub fn device_of(&self, model: ModelId) -> Option<(Provider, usize)> {
        match self.assignment(model)? {
            Assignment::Device { provider, batch } => Some((*provider, *batch)),
            _ => None,
        }
    }

    /// Where a note is rendered; `exact` where only the processor's will do.
    pub fn backend_of(&self, key: &NoteKey, exact: bool) -> Backend {
        let on_device = !exact && self.device_of(key.model).is_some() && !self.cpu_only.contains(key);
        if on_device { Backend::Device } else { Backend::Cpu }
    }

    /// From now on the note is rendered on the processor.
    pub fn keep_to_cpu(&mut self, key: NoteKey) {
        self.cpu_only.insert(key);
    }

    /// Remembers a sentence that is shown.
    pub fn remember_message(&mut self, sentence: String) {
        self.messages.push(sentence);
    }

    fn assignment(&self, model: ModelId) -> Option<&Assignment> {
        self.assignments.iter().find(|(known, _)| *known == model).map(|(_, assignment)| assignment)
    }

    fn assign(&mut self, model: ModelId, assignment: Assignment) {
        self.assignments.retain(|(known, _)| *known != model);
        self.assignments.push((model, assignment));
    }

    fn update_entry(&mut self, entry: Entry) {
        match self.entries.iter_mut().find(|known| known.provider == entry.provider) {
            Some(known) => *known = entry,
            None => self.entries.push(entry),
        }
    }
}
