//! Which model is rendered where: the part of the service's state that is about devices. Under the service's lock.

use std::collections::HashSet;
use std::sync::Arc;

use super::choice::{Choice, Provider};
use super::report::{Entry, Standing, unknown};
use super::trial::Trial;
use crate::note::{ModelId, NoteKey};
use crate::worker::interrupt::Interrupt;

/// Where a note is rendered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// On the generator threads, one note a run.
    Cpu,
    /// On the device thread, in batches.
    Device,
}

/// What the test runs on a model have come to.
#[derive(Clone, PartialEq, Debug)]
enum Verdict {
    Trying,
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
pub struct Outcome {
    /// The device that renders from now on.
    pub renders: Option<(Provider, Trial)>,
    /// What is now known of the devices that were looked at.
    pub entries: Vec<Entry>,
}

#[derive(Default)]
pub struct Board {
    choice: Choice,
    /// Counts the choices, so that the outcome of a trial for an earlier one is known as such.
    serial: u64,
    verdicts: Vec<(ModelId, Verdict)>,
    /// Models of which the processor has rendered a note: the first notes never wait for a device.
    heard: Vec<ModelId>,
    /// Notes that the device renders as no sound.
    cpu_only: HashSet<NoteKey>,
    entries: Vec<Entry>,
    /// Whether it was looked which devices are there.
    surveyed: bool,
    trying: Option<Arc<Interrupt>>,
    /// Sentences that were shown about devices, to be taken back when another one is chosen.
    said: Vec<String>,
}

impl Board {
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
        self.verdicts.clear();
        self.cpu_only.clear();
        self.surveyed = false;
        self.entries.clear();
        self.interrupt();
        std::mem::take(&mut self.said)
    }

    /// Ends a trial that is under way.
    pub fn interrupt(&mut self) {
        if let Some(trying) = &self.trying {
            trying.raise();
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

    /// Notes that a note of a model has been rendered on the processor.
    pub fn hear(&mut self, model: ModelId) {
        if !self.heard.contains(&model) {
            self.heard.push(model);
        }
    }

    /// Whether devices are to be tried on a model now.
    pub fn wants_trial(&self, model: ModelId) -> bool {
        self.choice != Choice::Cpu && self.heard.contains(&model) && self.verdict(model).is_none()
    }

    pub fn begin_trial(&mut self, model: ModelId, interrupt: Arc<Interrupt>) {
        self.verdicts.push((model, Verdict::Trying));
        let chosen: Vec<_> = self.choice.candidates().iter().map(|candidate| candidate.0).collect();
        for entry in &mut self.entries {
            if chosen.contains(&entry.provider) && entry.standing == Standing::Installed {
                (entry.standing, entry.sentence) = (Standing::Trying, String::new());
            }
        }
        self.trying = Some(interrupt);
    }

    /// Takes the outcome of a trial in. False where another choice was made meanwhile.
    pub fn finish_trial(&mut self, serial: u64, model: ModelId, outcome: &Outcome) -> bool {
        self.trying = None;
        if serial != self.serial {
            return false;
        }
        let verdict = match &outcome.renders {
            Some((provider, trial)) => Verdict::Device { provider: *provider, batch: trial.batch },
            None => Verdict::Cpu,
        };
        self.set_verdict(model, verdict);
        outcome.entries.iter().for_each(|entry| self.note(entry.clone()));
        true
    }

    /// The device that renders a model no longer does.
    pub fn lose(&mut self, model: ModelId, sentence: &str) {
        if let Some(Verdict::Device { provider, .. }) = self.verdict(model) {
            let provider = *provider;
            self.note(Entry { provider, standing: Standing::Failed, sentence: sentence.to_owned() });
        }
        self.set_verdict(model, Verdict::Cpu);
    }

    /// Nobody plays this model any more.
    pub fn forget(&mut self, model: ModelId) {
        self.verdicts.retain(|(known, _)| *known != model);
        self.heard.retain(|known| *known != model);
        self.cpu_only.retain(|key| key.model != model);
    }

    /// Which device renders a model, and in batches of what size.
    pub fn device_of(&self, model: ModelId) -> Option<(Provider, usize)> {
        match self.verdict(model)? {
            Verdict::Device { provider, batch } => Some((*provider, *batch)),
            _ => None,
        }
    }

    /// Where a note is rendered; `exact` where only the processor's will do.
    pub fn lane_of(&self, key: &NoteKey, exact: bool) -> Lane {
        let on_device = !exact && self.device_of(key.model).is_some() && !self.cpu_only.contains(key);
        if on_device { Lane::Device } else { Lane::Cpu }
    }

    /// From now on the note is rendered on the processor.
    pub fn keep_to_cpu(&mut self, key: NoteKey) {
        self.cpu_only.insert(key);
    }

    /// Remembers a sentence that is shown.
    pub fn say(&mut self, sentence: String) {
        self.said.push(sentence);
    }

    fn verdict(&self, model: ModelId) -> Option<&Verdict> {
        self.verdicts.iter().find(|(known, _)| *known == model).map(|(_, verdict)| verdict)
    }

    fn set_verdict(&mut self, model: ModelId, verdict: Verdict) {
        self.verdicts.retain(|(known, _)| *known != model);
        self.verdicts.push((model, verdict));
    }

    fn note(&mut self, entry: Entry) {
        match self.entries.iter_mut().find(|known| known.provider == entry.provider) {
            Some(known) => *known = entry,
            None => self.entries.push(entry),
        }
    }
}
