//! The device thread: one a process, however many devices and instances there are. It sleeps for as long as the processor
//! renders.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Instant;

use anyhow::{Result, anyhow};
use parking_lot::MutexGuard;

use super::choice::{Choice, Provider};
use super::devices::ProbeOutcome;
use super::probe::{Probe, probe_device};
use super::provider;
use super::report::{Entry, Standing};
use crate::model::Model;
use crate::note::{ModelId, NoteKey};
use crate::worker::generator::{Generator, first_line};
use crate::worker::interrupt::Interrupt;
use crate::worker::loaded::Loaded;
use crate::worker::panic::panic_text;
use crate::worker::renderer::Renderer;
use crate::worker::schedule::DeviceTask;
use crate::worker::shared::{IDLE, Shared};
use crate::worker::{cpu, thread_priority};

pub fn run(shared: &Shared) {
    thread_priority::lower();
    let mut renderers = DeviceRenderers::default();
    let mut trash = Vec::new();
    let mut schedule = shared.schedule.lock();
    loop {
        shared.poll(&mut schedule, &mut trash);
        let task = schedule.pick_for_device(|model| renderers.has(model));
        if schedule.is_stopping() {
            break;
        }
        let serial = schedule.devices.serial();
        if task.is_none() && trash.is_empty() && !renderers.has_unused(serial) {
            shared.work.wait_for(&mut schedule, IDLE);
            continue;
        }
        MutexGuard::unlocked(&mut schedule, || {
            trash.clear();
            for model in renderers.drop_unused(serial) {
                shared.schedule.lock().devices.remove_model(model);
            }
            match task {
                Some(DeviceTask::Survey) => {
                    let entries = survey();
                    shared.schedule.lock().devices.surveyed(entries);
                }
                Some(DeviceTask::Probe { loaded, choice, serial, interrupt }) => {
                    let (outcome, renderer) = probe_all(&loaded, choice, &interrupt);
                    if let Some(renderer) = renderer {
                        renderers.insert(&loaded, serial, renderer);
                    }
                    shared.schedule.lock().finish_probe(&loaded, serial, &outcome);
                    shared.work.notify_all();
                }
                Some(DeviceTask::Render { loaded, keys, interrupt }) => {
                    render(shared, &mut renderers, &loaded, &keys, &interrupt);
                }
                None => {}
            }
        });
    }
}

/// Looks which devices are there. Starts none.
pub fn survey() -> Vec<Entry> {
    let look = |provider| match provider::check_installed(provider) {
        Ok(()) => Entry { provider, standing: Standing::Installed, sentence: "Installed; not tried yet.".to_owned() },
        Err(error) => Entry { provider, standing: Standing::Missing, sentence: format!("{error:#}") },
    };
    Provider::of_this_system().map(look).collect()
}

/// Tries the chosen devices on a model, keeps the fastest of those that pay, and tells of all.
fn probe_all(loaded: &Loaded, choice: Choice, interrupt: &Interrupt) -> (ProbeOutcome, Option<Renderer>) {
    let mut outcome = ProbeOutcome::default();
    let mut best: Option<(Provider, Probe, Generator)> = None;
    for (provider, index) in choice.candidates() {
        if interrupt.is_raised() {
            return Default::default();
        }
        let is_chosen = choice != Choice::Automatic;
        match probe_one(provider, index, is_chosen, &loaded.model, interrupt) {
            Ok(None) => {}
            Ok(Some((generator, probe))) => {
                let sentence = format!("{}. {}.", capital(&probe.speed()), capital(&probe.agreement()));
                let pays = is_chosen || probe.pays(cpu::render_threads());
                let is_best = best.as_ref().is_none_or(|(_, known, _)| probe.batch_ms < known.batch_ms);
                outcome.entries.push(Entry { provider, standing: Standing::Slower, sentence });
                if pays && is_best {
                    best = Some((provider, probe, generator));
                }
            }
            Err(error) => {
                let sentence = format!("{error:#}");
                outcome.entries.push(Entry { provider, standing: Standing::Failed, sentence });
            }
        }
    }
    let renderer = best.map(|(provider, probe, generator)| {
        let entry = outcome.entries.iter_mut().find(|entry| entry.provider == provider);
        entry.expect("it was put in above").standing = Standing::Renders;
        outcome.renders = Some((provider, probe));
        Renderer::of(generator, &loaded.model)
    });
    (outcome, renderer)
}

/// What `timbrel info` tells: all devices of this system, those chosen with the figures of a probe.
pub fn survey_and_probe(model: Model, choice: Choice) -> Vec<Entry> {
    let (outcome, _) = probe_all(&Loaded::new(model), choice, &Interrupt::default());
    let mut entries = survey();
    for found in outcome.entries {
        match entries.iter_mut().find(|entry| entry.provider == found.provider) {
            Some(entry) => *entry = found,
            None => entries.push(found),
        }
    }
    entries
}

/// One device's probe. `None` where it is not installed and nobody has asked for it.
fn probe_one(
    provider: Provider,
    index: u32,
    is_chosen: bool,
    model: &Model,
    interrupt: &Interrupt,
) -> Result<Option<(Generator, Probe)>> {
    if !is_chosen && provider::check_installed(provider).is_err() {
        return Ok(None);
    }
    let tried = catch_unwind(AssertUnwindSafe(|| probe_device(provider, index, model, interrupt)));
    tried.unwrap_or_else(|panic| Err(anyhow!("{} failed ({}).", provider.name(), panic_text(&*panic)))).map(Some)
}

fn render(
    shared: &Shared,
    renderers: &mut DeviceRenderers,
    loaded: &Arc<Loaded>,
    keys: &[NoteKey],
    interrupt: &Interrupt,
) {
    let start = Instant::now();
    let renderer = renderers.of(loaded);
    let rendered = catch_unwind(AssertUnwindSafe(|| match renderer {
        Some(renderer) => renderer.render_batch(loaded, keys, interrupt),
        None => Err(anyhow!("its session is gone")),
    }));
    let rendered = rendered.unwrap_or_else(|panic| Err(anyhow!("{}", panic_text(&*panic))));
    let mut trash = Vec::new();
    match rendered {
        Ok(notes) => shared.schedule.lock().finish_batch(keys, notes, start.elapsed(), &mut trash),
        // The renderer is kept for a run that was ended on purpose: it is as good as before.
        Err(_) if interrupt.is_raised() => shared.schedule.lock().abandon_batch(keys),
        Err(error) => {
            renderers.remove(loaded);
            shared.schedule.lock().lose_device(loaded.model.id, keys, &first_line(&format!("{error:#}")));
            // The processor takes the notes over at once.
            shared.work.notify_all();
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A renderer on a device, and what it was made for.
struct DeviceRenderer {
    loaded: Weak<Loaded>,
    model: ModelId,
    /// The choice of the device.
    serial: u64,
    renderer: Renderer,
}

#[derive(Default)]
struct DeviceRenderers(Vec<DeviceRenderer>);

impl DeviceRenderers {
    fn insert(&mut self, loaded: &Arc<Loaded>, serial: u64, renderer: Renderer) {
        self.0.push(DeviceRenderer { loaded: Arc::downgrade(loaded), model: loaded.model.id, serial, renderer });
    }

    fn of(&mut self, loaded: &Arc<Loaded>) -> Option<&mut Renderer> {
        self.0.iter_mut().find(|known| known.is_of(loaded)).map(|known| &mut known.renderer)
    }

    fn has(&self, loaded: &Arc<Loaded>) -> bool {
        self.0.iter().any(|known| known.is_of(loaded))
    }

    fn remove(&mut self, loaded: &Arc<Loaded>) {
        self.0.retain(|known| !known.is_of(loaded));
    }

    fn has_unused(&self, serial: u64) -> bool {
        self.0.iter().any(|known| !known.is_in_use(serial))
    }

    /// Ends the renderers of models that no instance plays any more, and of earlier choices. Returns the former.
    fn drop_unused(&mut self, serial: u64) -> Vec<ModelId> {
        let unplayed = self.0.iter().filter(|known| known.loaded.strong_count() == 0);
        let unplayed = unplayed.map(|known| known.model).collect();
        self.0.retain(|known| known.is_in_use(serial));
        unplayed
    }
}

impl DeviceRenderer {
    fn is_of(&self, loaded: &Arc<Loaded>) -> bool {
        std::ptr::eq(self.loaded.as_ptr(), Arc::as_ptr(loaded))
    }

    fn is_in_use(&self, serial: u64) -> bool {
        self.serial == serial && self.loaded.strong_count() > 0
    }
}
