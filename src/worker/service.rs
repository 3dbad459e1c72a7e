//! The threads of the inference service.
//!
//! One dispatcher looks every few milliseconds at what the audio threads want, since they never notify anybody; it sends
//! what is cached and frees what was used. The generator threads sleep until there is a model to load or a note to
//! render; the device thread sleeps until a device is to be tried or to render. All of them hold the [`Shared`] part only,
//! so that the last instance, which owns the [`Service`], can end and join them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use parking_lot::{Condvar, Mutex};

use super::client::LoadOrder;
use super::device;
use super::device::setting::Settings;
use super::disk::{LEAST_PATIENCE, Store};
use super::interrupt::Interrupt;
use super::loaded::{Loaded, Renderer};
use super::schedule::{Schedule, Task};
use super::thread_priority;
use crate::files;
use crate::model::{Model, Stamp};
use crate::note::{Note, NoteKey};
use crate::storage::Limits;

/// How often the dispatcher looks while somebody plays: a note that is cached comes within an audio block or two. Three
/// hundred looks a second take a hundredth of a core, nearly all of it for waking up.
const POLL: Duration = Duration::from_millis(3);

/// How often it looks once nothing was asked for in [`QUIET_AFTER`]. The keys that are ready need no look to sound.
const QUIET_POLL: Duration = Duration::from_millis(10);
const QUIET_AFTER: Duration = Duration::from_secs(2);

/// A sleeping generator thread looks again after this time, for notes whose retry has come due.
pub const IDLE: Duration = Duration::from_secs(1);

/// More threads than this render no faster in proportion, and leave the host's own threads too little.
const MAX_DEFAULT_THREADS: usize = 2;

/// Overrides the number of generator threads.
const THREADS_VARIABLE: &str = "TIMBREL_THREADS";

/// What renders the notes that are kept on the disk, as far as it decides their bits: each session has one thread, however
/// many sessions there are. A device's notes are not kept.
const KIND_OF_DEVICE: &str = "CPU";

/// The service that runs now, if there is one.
static SERVICE: Mutex<Weak<Service>> = Mutex::new(Weak::new());

/// Owns the threads. Dropping it ends and joins them.
pub struct Service {
    pub shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Reads and writes notes on the disk; runs once anything is kept there.
    store: Mutex<Option<JoinHandle<()>>>,
}

/// What all threads share.
pub struct Shared {
    pub schedule: Mutex<Schedule>,
    /// What the user has set about devices. Locked before the schedule, where both are.
    pub settings: Mutex<Settings>,
    /// There may be something to do for a generator thread.
    pub work: Condvar,
    /// There may be something to do for the thread that keeps notes.
    pub disk: Condvar,
    /// Ends the dispatcher's sleep early.
    look: Condvar,
}

impl Shared {
    fn new() -> Self {
        let settings = Settings::load();
        let mut schedule = Schedule::new(Limits::load(), files::note_cache());
        schedule.follow(&settings);
        Self {
            schedule: Mutex::new(schedule),
            settings: Mutex::new(settings),
            work: Condvar::new(),
            disk: Condvar::new(),
            look: Condvar::new(),
        }
    }

    /// Looks at what the audio threads want ([`Schedule::attend`]), and wakes the threads where that is something new:
    /// whoever looks first is the only one to see that it is.
    pub fn attend(&self, schedule: &mut Schedule, trash: &mut Vec<Arc<Note>>) -> bool {
        let changed = schedule.attend(trash);
        if changed {
            self.work.notify_all();
            self.disk.notify_all();
        }
        changed
    }
}

impl Service {
    /// The process's service; a new one where none runs.
    pub fn get() -> Arc<Self> {
        let mut service = SERVICE.lock();
        service.upgrade().unwrap_or_else(|| {
            let shared = Arc::new(Shared::new());
            let new = Arc::new(Self { shared, threads: Mutex::default(), store: Mutex::default() });
            *service = Arc::downgrade(&new);
            new
        })
    }

    /// Starts the threads unless they run.
    pub fn start(&self) -> Result<()> {
        let mut threads = self.threads.lock();
        let generators = generator_threads();
        // Where a thread could not be started, the next call goes on from there.
        while threads.len() < generators + 2 {
            let shared = Arc::clone(&self.shared);
            let builder = std::thread::Builder::new();
            let thread = match threads.len() {
                0 => builder.name("timbrel-dispatch".into()).spawn(move || dispatch(&shared)),
                index if index > generators => {
                    builder.name("timbrel-device".into()).spawn(move || device::thread::run(&shared))
                }
                index => builder.name(format!("timbrel-gen-{index}")).spawn(move || generate(&shared)),
            };
            threads.push(thread.map_err(|error| {
                anyhow!(
                    "No thread can be started for rendering ({error}): close other programs and load the model again."
                )
            })?);
        }
        drop(threads);
        self.start_store();
        Ok(())
    }

    /// Goes back to what is set where nobody has chosen anything.
    #[cfg(test)]
    pub fn forget_choices(&self) {
        let mut settings = self.shared.settings.lock();
        *settings = Settings::load();
        let mut schedule = self.shared.schedule.lock();
        schedule.choose(settings.now().device);
        schedule.follow(&settings);
    }

    /// Starts the thread that keeps notes, where any are kept and unless it runs. Without it notes are only rendered.
    fn start_store(&self) {
        let mut store = self.store.lock();
        if store.is_some() || !self.shared.schedule.lock().has_disk() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let started = std::thread::Builder::new().name("timbrel-store".into()).spawn(move || keep(&shared));
        match started {
            Ok(thread) => *store = Some(thread),
            Err(_) => self.shared.schedule.lock().give_up_disk(),
        }
    }

    /// What renders where no device does, in words.
    pub fn device() -> String {
        let threads = generator_threads();
        format!("CPU, {threads} {}", if threads == 1 { "thread" } else { "threads" })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.shared.schedule.lock().stop();
        self.shared.work.notify_all();
        self.shared.disk.notify_all();
        self.shared.look.notify_all();
        for thread in self.threads.get_mut().drain(..).chain(self.store.get_mut().take()) {
            // A thread catches the panics of its work; one that ended by another has nothing left to be waited for.
            let _ = thread.join();
        }
    }
}

pub fn generator_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let asked = std::env::var(THREADS_VARIABLE).ok().and_then(|text| text.trim().parse().ok());
    asked.unwrap_or(cores.min(MAX_DEFAULT_THREADS)).clamp(1, 64)
}

fn dispatch(shared: &Shared) {
    let mut schedule = shared.schedule.lock();
    let mut trash = Vec::new();
    let mut last_wish = Instant::now();
    while !schedule.is_stopping() {
        if shared.attend(&mut schedule, &mut trash) {
            last_wish = Instant::now();
        }
        if !trash.is_empty() {
            parking_lot::MutexGuard::unlocked(&mut schedule, || trash.clear());
        }
        if !schedule.is_stopping() {
            let pause = if last_wish.elapsed() < QUIET_AFTER { POLL } else { QUIET_POLL };
            shared.look.wait_for(&mut schedule, pause);
        }
    }
}

/// Reads and writes notes on the disk, one after the other.
fn keep(shared: &Shared) {
    thread_priority::make_way();
    let mut store = Store::default();
    let mut trash = Vec::new();
    let mut schedule = shared.schedule.lock();
    while !schedule.is_stopping() {
        let Some(task) = schedule.pick_disk(KIND_OF_DEVICE) else {
            shared.disk.wait_for(&mut schedule, IDLE);
            continue;
        };
        let outcome = parking_lot::MutexGuard::unlocked(&mut schedule, || {
            trash.clear();
            catch_unwind(AssertUnwindSafe(|| store.perform(task)))
        });
        match outcome {
            Ok(outcome) => schedule.finish_disk(outcome, &mut trash),
            // Notes are rendered as if there were no disk.
            Err(_) => schedule.give_up_disk(),
        }
        // What was not there is to be rendered, and what waited for the first look may be.
        shared.work.notify_all();
    }
    drop(schedule);
}

fn generate(shared: &Shared) {
    let mut renderers = RendererPool::default();
    let mut makes_way = false;
    let mut trash = Vec::new();
    let mut schedule = shared.schedule.lock();
    loop {
        // The newest wishes count, and those of the last few milliseconds are not yet known.
        shared.attend(&mut schedule, &mut trash);
        let task = schedule.pick();
        if schedule.is_stopping() {
            break;
        }
        // What comes from the disk now is rendered once its timbre is changed, and should not wait for a session then.
        let mut session = None;
        if task.is_none() {
            session = schedule.prepare(|loaded| renderers.lacks(loaded));
        }
        if task.is_none() && session.is_none() && trash.is_empty() && !renderers.has_unused() {
            let pause = if schedule.waits_for_disk() { LEAST_PATIENCE } else { IDLE };
            shared.work.wait_for(&mut schedule, pause);
            continue;
        }
        parking_lot::MutexGuard::unlocked(&mut schedule, || {
            trash.clear();
            renderers.drop_unused();
            let renders = matches!(task, Some(Task::Render { .. }));
            if let Some(task) = task {
                perform(shared, &mut renderers, task);
            }
            if let Some((loaded, interrupt)) = session {
                // It is tried again when a note needs it, which then says why it failed.
                let _ = catch_unwind(AssertUnwindSafe(|| renderers.prepare(&loaded, &interrupt)));
            }
            // Not before: the first sound waits for the model and for one note.
            if renders && !makes_way {
                thread_priority::make_way();
                makes_way = true;
            }
        });
    }
}

/// Does one task, with no lock held, and reports its outcome. A panic becomes a sentence.
fn perform(shared: &Shared, renderers: &mut RendererPool, task: Task) {
    match task {
        Task::Load { client, order, interrupt } => {
            let loaded = catch_unwind(AssertUnwindSafe(|| load(shared, renderers, &order, &interrupt)));
            let result = loaded.unwrap_or_else(|panic| {
                let label = order.reference.label();
                Err(anyhow!("The model \"{label}\" cannot be used ({}): choose another one.", panic_text(&*panic)))
            });
            // Kept until the lock is open again: dropping the last holder frees megabytes.
            let _unused = shared.schedule.lock().finish_load(client, &order, result);
            shared.work.notify_all();
            shared.disk.notify_all();
        }
        Task::Render { loaded, key, interrupt } => {
            let start = Instant::now();
            let rendered = catch_unwind(AssertUnwindSafe(|| renderers.render(&loaded, key, &interrupt)));
            let result = rendered.unwrap_or_else(|panic| {
                // What a panic left behind is not to be relied on.
                renderers.remove(&loaded);
                Err(anyhow!("{}", panic_text(&*panic)))
            });
            let mut trash = Vec::new();
            shared.schedule.lock().finish(key, result, start.elapsed(), &mut trash);
            drop(loaded);
        }
    }
}

pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("internal error: {}", text.unwrap_or("unknown"))
}

/// Finds, reads, checks and tries out a model, unless it is loaded already. Errors are sentences.
fn load(
    shared: &Shared,
    renderers: &mut RendererPool,
    order: &LoadOrder,
    interrupt: &Interrupt,
) -> Result<(Arc<Loaded>, PathBuf)> {
    let reference = &order.reference;
    if !reference.sha256.is_empty()
        && let Some(loaded) = shared.schedule.lock().loaded_with_hash(&reference.sha256)
    {
        let path = loaded.model.path.clone();
        return Ok((loaded, path));
    }
    let path = files::find_model(reference, &|| interrupt.is_raised())?;
    if let Some(stamp) = Stamp::of(&path)
        && let Some(loaded) = shared.schedule.lock().loaded_from(&path, stamp)
    {
        return Ok((loaded, path));
    }
    let model = Model::read(&path)?;
    ensure!(
        reference.sha256.is_empty() || reference.sha256.eq_ignore_ascii_case(&model.sha256),
        "The model {} changed while it was read: load it again.",
        path.display()
    );
    if let Some(loaded) = shared.schedule.lock().loaded_with_hash(&model.sha256) {
        return Ok((loaded, path));
    }
    let renderer = Renderer::tried_out(&model, interrupt)?;
    let loaded = Arc::new(Loaded::new(model));
    renderers.insert(&loaded, renderer);
    Ok((loaded, path))
}

/// The sessions of one thread.
#[derive(Default)]
struct RendererPool {
    ready: Vec<(Weak<Loaded>, Renderer)>,
    /// Models of which a session was to be made ahead. What failed is not tried again and again.
    prepared: Vec<Weak<Loaded>>,
}

fn is_of(model: &Weak<Loaded>, loaded: &Arc<Loaded>) -> bool {
    std::ptr::eq(model.as_ptr(), Arc::as_ptr(loaded))
}

impl RendererPool {
    fn insert(&mut self, loaded: &Arc<Loaded>, renderer: Renderer) {
        self.ready.push((Arc::downgrade(loaded), renderer));
    }

    fn remove(&mut self, loaded: &Arc<Loaded>) {
        self.ready.retain(|(model, _)| !is_of(model, loaded));
    }

    fn has_unused(&self) -> bool {
        self.ready.iter().any(|(model, _)| model.strong_count() == 0)
    }

    /// Ends the sessions of models that no instance plays any more.
    fn drop_unused(&mut self) {
        self.ready.retain(|(model, _)| model.strong_count() > 0);
        self.prepared.retain(|model| model.strong_count() > 0);
    }

    fn position(&self, loaded: &Arc<Loaded>) -> Option<usize> {
        self.ready.iter().position(|(model, _)| is_of(model, loaded))
    }

    /// Whether a session should be made ahead.
    fn lacks(&self, loaded: &Arc<Loaded>) -> bool {
        self.position(loaded).is_none() && !self.prepared.iter().any(|model| is_of(model, loaded))
    }

    /// Makes a session ahead.
    fn prepare(&mut self, loaded: &Arc<Loaded>, interrupt: &Interrupt) -> Result<()> {
        self.prepared.push(Arc::downgrade(loaded));
        self.insert(loaded, Renderer::new(&loaded.model, interrupt)?);
        Ok(())
    }

    fn render(&mut self, loaded: &Arc<Loaded>, key: NoteKey, interrupt: &Interrupt) -> Result<Arc<Note>> {
        let index = match self.position(loaded) {
            Some(index) => index,
            None => {
                self.insert(loaded, Renderer::new(&loaded.model, interrupt)?);
                self.ready.len() - 1
            }
        };
        self.ready[index].1.render(loaded, key, interrupt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::handmade::{Folder, Handmade};

    #[test]
    fn a_session_is_made_ahead_once_whether_that_succeeds_or_not() {
        let folder = Folder::new();
        let model = Model::read(&Handmade::named("ahead").write(&folder, "ahead.onnx")).unwrap();
        let loaded = Arc::new(Loaded::new(model));
        let mut renderers = RendererPool::default();
        assert!(renderers.lacks(&loaded));
        let stopped = Interrupt::default();
        stopped.raise();
        assert!(renderers.prepare(&loaded, &stopped).is_err());
        assert!(!renderers.lacks(&loaded), "it would be tried for ever");

        let mut renderers = RendererPool::default();
        renderers.prepare(&loaded, &Interrupt::default()).unwrap();
        assert!(!renderers.lacks(&loaded) && !renderers.has_unused());
        drop(loaded);
        assert!(renderers.has_unused());
        renderers.drop_unused();
        assert!(renderers.ready.is_empty() && renderers.prepared.is_empty());
    }
}
