//! What is to be done next, and for whom: the service's state. Pure bookkeeping under the service's lock; nothing is
//! rendered or loaded here, and no thread is known.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::cache::NoteCache;
use super::client::{Client, LoadOrder, Priority};
use super::device::devices::{Backend, Devices};
use super::disk::{DiskOutcome, DiskTask, Finished, Index, LEAST_PATIENCE, MOST_PATIENCE};
use super::interrupt::Interrupt;
use super::loaded::Loaded;
use crate::model::{ModelRef, Stamp};
use crate::note::{ModelId, Note, NoteKey, Origin, Sound};
use crate::storage::{Limits, NOTE_BYTES, Usage};

/// A note that could not be rendered is not tried again before this time is over: long enough to cost nothing, short
/// enough that a passing lack of memory heals.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// No model that an instrument can use takes this long to be loaded and to render two notes.
const LOAD_LIMIT: Duration = Duration::from_secs(60);

pub type ClientId = u64;

/// One thing for a generator thread to do.
pub enum Task {
    Load { client: ClientId, order: LoadOrder, interrupt: Arc<Interrupt> },
    Render { loaded: Arc<Loaded>, key: NoteKey, interrupt: Arc<Interrupt> },
}

/// A note that is being rendered. Those of one run share their interrupt.
pub(super) struct Flight {
    pub key: NoteKey,
    priority: Priority,
    pub backend: Backend,
    pub since: Instant,
    /// The instance whose turn it was.
    client: ClientId,
    pub interrupt: Arc<Interrupt>,
}

/// A model that is being loaded. One at a time, so that instances that open together load it once.
struct Loading {
    client: ClientId,
    serial: u64,
    since: Instant,
    interrupt: Arc<Interrupt>,
}

/// The outcome of a load.
pub type LoadResult = anyhow::Result<(Arc<Loaded>, PathBuf)>;

pub struct Schedule {
    pub(super) clients: BTreeMap<ClientId, Client>,
    next_client: ClientId,
    cache: NoteCache,
    disk: Index,
    limits: Limits,
    pub(super) flights: Vec<Flight>,
    failed: HashMap<NoteKey, Instant>,
    models: Vec<Weak<Loaded>>,
    loading: Option<Loading>,
    /// Sessions that are being made for notes to come.
    preparing: Vec<Weak<Interrupt>>,
    pub(super) devices: Devices,
    /// What the processor's last note took.
    render_time: Duration,
    /// Counts the tasks given out.
    turns: u64,
    stopping: bool,
}

impl Schedule {
    /// With room for notes in memory and, where there is a folder for them, on the disk.
    pub fn new(limits: Limits, notes_folder: Option<PathBuf>) -> Self {
        Self {
            clients: BTreeMap::new(),
            next_client: 0,
            cache: NoteCache::new(limits.memory_bytes()),
            disk: Index::new(notes_folder, limits.disk_bytes()),
            limits,
            flights: Vec::new(),
            failed: HashMap::new(),
            models: Vec::new(),
            loading: None,
            preparing: Vec::new(),
            devices: Devices::default(),
            render_time: MOST_PATIENCE,
            turns: 0,
            stopping: false,
        }
    }

    pub fn add(&mut self, client: Client) -> ClientId {
        self.next_client += 1;
        self.clients.insert(self.next_client, client);
        self.next_client
    }

    /// Takes an instance out. What is returned is to be dropped where no lock is held.
    pub fn remove(&mut self, id: ClientId) -> Option<Client> {
        let removed = self.clients.remove(&id);
        self.drop_stale_load();
        removed
    }

    pub fn client(&mut self, id: ClientId) -> Option<&mut Client> {
        self.clients.get_mut(&id)
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Ends all that is under way; nothing is given out after it.
    pub fn stop(&mut self) {
        self.stopping = true;
        self.flights.iter().for_each(|flight| flight.interrupt.raise());
        if let Some(loading) = &self.loading {
            loading.interrupt.raise();
        }
        self.preparing.iter().filter_map(Weak::upgrade).for_each(|interrupt| interrupt.raise());
        self.devices.interrupt();
    }

    /// A change of an instance's model order: the load that it replaces is given up.
    pub fn order(&mut self, id: ClientId, reference: ModelRef) {
        // A load command is the user's way to say "try again".
        self.failed.clear();
        if let Some(client) = self.clients.get_mut(&id) {
            client.order(reference);
        }
        self.drop_stale_load();
    }

    fn drop_stale_load(&self) {
        if let Some(loading) = &self.loading
            && !self.clients.get(&loading.client).is_some_and(|client| client.is_pending(loading.serial))
        {
            loading.interrupt.raise();
        }
    }

    /// A model that is loaded already and is the one that a session names.
    pub fn loaded_with_hash(&self, sha256: &str) -> Option<Arc<Loaded>> {
        self.live_models().find(|loaded| loaded.model.sha256.eq_ignore_ascii_case(sha256))
    }

    /// A model that was loaded from this very file.
    pub fn loaded_from(&self, path: &std::path::Path, stamp: Stamp) -> Option<Arc<Loaded>> {
        self.live_models().find(|loaded| loaded.model.path == path && loaded.model.stamp == stamp)
    }

    fn live_models(&self) -> impl Iterator<Item = Arc<Loaded>> + '_ {
        self.models.iter().filter_map(Weak::upgrade)
    }

    /// Looks at what the audio threads want, sends what is there, and ends what nobody wants any more. Returns whether
    /// there may be something new to do. Notes that are no longer used go to `trash`.
    pub fn attend(&mut self, trash: &mut Vec<Arc<Note>>) -> bool {
        let mut changed = false;
        for client in self.clients.values_mut().filter(|client| client.is_started()) {
            changed |= client.poll(trash);
        }
        self.deliver();
        self.clients.values().filter_map(Client::resting).for_each(|sound| self.cache.settle(&sound));
        if changed {
            self.cancel_unwanted();
        }
        if let Some(loading) = self.loading.as_ref().filter(|loading| loading.since.elapsed() > LOAD_LIMIT) {
            loading.interrupt.raise();
        }
        self.lose_hanging_device();
        changed
    }

    /// A model that is played, of those that a thread which has nothing to render `lacks` a session of. The interrupt ends
    /// the making of one.
    pub fn prepare(&mut self, lacks: impl Fn(&Arc<Loaded>) -> bool) -> Option<(Arc<Loaded>, Arc<Interrupt>)> {
        let loaded = self.clients.values().filter_map(Client::model).find(|loaded| lacks(loaded))?;
        let interrupt = Arc::new(Interrupt::default());
        self.preparing.retain(|preparing| preparing.strong_count() > 0);
        self.preparing.push(Arc::downgrade(&interrupt));
        Some((Arc::clone(loaded), interrupt))
    }

    pub(super) fn deliver(&mut self) {
        let (flights, failed) = (&self.flights, &self.failed);
        for client in self.clients.values_mut().filter(|client| client.is_dirty()) {
            client.deliver(
                &mut self.cache,
                |key| flights.iter().any(|flight| flight.key == *key),
                |key| failed.contains_key(key),
            );
        }
    }

    /// Renderings for the keyboard that nobody wants any more make way where something more urgent waits. One for a
    /// sounding note is never ended: under steady automation each is unwanted before it is done, and none would ever be.
    fn cancel_unwanted(&mut self) {
        let is_wanted = |key: &NoteKey| self.clients.values().any(|client| client.priority_of(key).is_some());
        let unwanted: Vec<_> = self
            .flights
            .iter()
            .filter(|flight| flight.priority != Priority::Sounding && !is_wanted(&flight.key))
            .collect();
        if unwanted.is_empty() {
            return;
        }
        let [on_cpu, on_device] = [Backend::Cpu, Backend::Device].map(|backend| self.most_urgent(backend));
        for flight in &unwanted {
            let waiting = if flight.backend == Backend::Cpu { on_cpu } else { on_device };
            // A run ends for all of its notes.
            let is_alone = |other: &Flight| {
                !Arc::ptr_eq(&other.interrupt, &flight.interrupt) || unwanted.iter().any(|known| known.key == other.key)
            };
            if waiting.is_some_and(|priority| priority < flight.priority) && self.flights.iter().all(is_alone) {
                flight.interrupt.raise();
            }
        }
    }

    /// Gives out the next task.
    pub fn pick(&mut self) -> Option<Task> {
        if self.stopping {
            return None;
        }
        self.pick_load().or_else(|| self.pick_render())
    }

    fn pick_load(&mut self) -> Option<Task> {
        if self.loading.is_some() {
            return None;
        }
        let (&client, order) = self.clients.iter().find_map(|(id, client)| Some((id, client.pending()?)))?;
        let order = order.clone();
        let interrupt = Arc::new(Interrupt::default());
        let since = Instant::now();
        self.loading = Some(Loading { client, serial: order.serial, since, interrupt: Arc::clone(&interrupt) });
        Some(Task::Load { client, order, interrupt })
    }

    fn pick_render(&mut self) -> Option<Task> {
        self.failed.retain(|_, since| since.elapsed() < RETRY_AFTER);
        let priority = self.most_urgent(Backend::Cpu)?;
        let (id, key) = self.next_render(priority, Backend::Cpu, None)?;
        let interrupt = Arc::new(Interrupt::default());
        let loaded = self.take_off(priority, Backend::Cpu, id, key, &interrupt)?;
        self.deliver();
        Some(Task::Render { loaded, key, interrupt })
    }

    /// Notes that a note is on its way, for the instance whose turn it is.
    pub(super) fn take_off(
        &mut self,
        priority: Priority,
        backend: Backend,
        id: ClientId,
        key: NoteKey,
        interrupt: &Arc<Interrupt>,
    ) -> Option<Arc<Loaded>> {
        self.turns += 1;
        let client = self.clients.get_mut(&id)?;
        client.serve(priority, &key, self.turns);
        let loaded = Arc::clone(client.model()?);
        let since = Instant::now();
        self.flights.push(Flight { key, priority, backend, since, client: id, interrupt: Arc::clone(interrupt) });
        self.touch(key.model);
        Some(loaded)
    }

    /// The most urgent priority of which a note waits for a backend.
    pub(super) fn most_urgent(&self, backend: Backend) -> Option<Priority> {
        Priority::ALL.into_iter().find(|&priority| self.next_render(priority, backend, None).is_some())
    }

    /// The next note of a priority for a backend, of the instance that has waited longest for its turn; `only` of one model.
    pub(super) fn next_render(
        &self,
        priority: Priority,
        backend: Backend,
        only: Option<ModelId>,
    ) -> Option<(ClientId, NoteKey)> {
        // A note that sounds is rendered once that takes no longer than to wait.
        let patience = match priority {
            Priority::Sounding => self.render_time.clamp(LEAST_PATIENCE, MOST_PATIENCE),
            Priority::Recent | Priority::Rest => MOST_PATIENCE,
        };
        self.next_of(priority, |key, exact| {
            self.devices.backend_of(key, exact) == backend
                && only.is_none_or(|model| key.model == model)
                && self.is_missing(key, exact)
                && !self.failed.contains_key(key)
                && !self.disk.expects(key, patience)
        })
    }

    /// Whether a note is neither in memory nor being rendered, for an instance that may want the processor's own.
    fn is_missing(&self, key: &NoteKey, exact: bool) -> bool {
        let is_under_way = |flight: &Flight| flight.key == *key && (!exact || flight.backend == Backend::Cpu);
        !self.cache.serves(key, exact) && !self.flights.iter().any(is_under_way)
    }

    /// The next note of a priority that is `open`, of the instance that has waited longest for its turn. `open` is told as well
    /// whether the instance wants the processor's own.
    fn next_of(&self, priority: Priority, open: impl Fn(&NoteKey, bool) -> bool) -> Option<(ClientId, NoteKey)> {
        let waiting = self.clients.iter().filter_map(|(id, client)| {
            let exact = client.is_exact();
            Some((client.served(), *id, client.next(priority, |key| open(key, exact))?))
        });
        waiting.min_by_key(|(served, ..)| *served).map(|(_, id, key)| (id, key))
    }

    /// Takes a rendered note in and sends it to all who want it. Notes that had to go for it go to `trash`.
    pub fn finish(
        &mut self,
        key: NoteKey,
        result: anyhow::Result<Arc<Note>>,
        took: Duration,
        trash: &mut Vec<Arc<Note>>,
    ) {
        self.land(Backend::Cpu, key, result, took, trash);
        self.deliver();
    }

    /// The same for a note of either backend. What it changes is yet to be sent.
    pub(super) fn land(
        &mut self,
        backend: Backend,
        key: NoteKey,
        result: anyhow::Result<Arc<Note>>,
        took: Duration,
        trash: &mut Vec<Arc<Note>>,
    ) {
        let is_it = |flight: &Flight| flight.key == key && flight.backend == backend;
        let Some(index) = self.flights.iter().position(is_it) else { return };
        let flight = self.flights.swap_remove(index);
        self.touch(key.model);
        match result {
            Ok(note) => {
                if backend == Backend::Cpu {
                    self.render_time = took;
                }
                // A note of the processor serves everybody, and makes way for none of a device.
                if note.serves(true) || !self.cache.serves(&key, true) {
                    trash.extend(self.cache.insert(Arc::clone(&note)));
                }
                if backend == Backend::Cpu {
                    self.devices.mark_rendered(key.model);
                }
                if let Some(client) = self.clients.get_mut(&flight.client) {
                    let status = client.status();
                    status.notes_rendered.fetch_add(1, Ordering::Relaxed);
                    status.inference_us.store(took.as_micros().min(u128::from(u32::MAX)) as u32, Ordering::Relaxed);
                    if flight.priority == Priority::Sounding {
                        client.deliver_late(&note);
                    }
                }
            }
            // What was ended on purpose is no failure.
            Err(_) if flight.interrupt.is_raised() => {}
            Err(error) => {
                self.failed.insert(key, Instant::now());
                if let Some(client) = self.clients.get_mut(&flight.client) {
                    client.show(format!(
                        "The note of pitch {} could not be rendered (the generator {error:#}): choose another timbre or \
                         load the model again.",
                        key.pitch
                    ));
                }
            }
        }
    }

    /// Takes the outcome of a load in. What is returned is to be dropped where no lock is held.
    pub fn finish_load(&mut self, id: ClientId, order: &LoadOrder, result: LoadResult) -> Option<Arc<Loaded>> {
        let timed_out = self.loading.take().is_some_and(|loading| loading.since.elapsed() > LOAD_LIMIT);
        self.models.retain(|model| model.strong_count() > 0);
        let client = self.clients.get_mut(&id).filter(|client| client.is_pending(order.serial));
        match (result, client) {
            (Ok((loaded, path)), Some(client)) => {
                if self.models.iter().all(|model| !std::ptr::eq(model.as_ptr(), Arc::as_ptr(&loaded))) {
                    self.models.push(Arc::downgrade(&loaded));
                }
                let before = client.switch(loaded, path);
                self.tell_devices();
                self.disk.begin();
                self.deliver();
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

    // Notes on the disk.

    /// Gives the thread that keeps notes its next task. What renders is on `device`.
    pub fn pick_disk(&mut self, device: &str) -> Option<DiskTask> {
        // Which model plays is known once ONNX Runtime is loaded, and what lies on the disk depends on it.
        if self.stopping || self.clients.values().all(|client| client.model().is_none()) {
            return None;
        }
        let mut disk = std::mem::take(&mut self.disk);
        let task = disk.pick(device, |disk| self.next_read(disk), || self.resting_notes());
        self.disk = disk;
        task
    }

    /// The most urgent note that is wanted, is not in memory and lies on the disk.
    fn next_read(&self, disk: &Index) -> Option<NoteKey> {
        let open = |key: &NoteKey, exact| disk.holds(key) && self.is_missing(key, exact);
        Priority::ALL.into_iter().find_map(|priority| self.next_of(priority, open)).map(|(_, key)| key)
    }

    /// The notes in memory of the timbres at rest, while no sounding note is waited for.
    fn resting_notes(&self) -> Vec<(Sound, Vec<Arc<Note>>)> {
        let is_busy = self.flights.iter().any(|flight| flight.priority == Priority::Sounding)
            || self.next_of(Priority::Sounding, |key, exact| !self.cache.serves(key, exact)).is_some();
        if is_busy {
            return Vec::new();
        }
        let of_client = |client: &Client| {
            // A device's notes are of this machine's driver as well, which no name of a folder tells.
            let own = |key: NoteKey| self.cache.peek(&key).filter(|note| note.origin == Origin::Cpu).cloned();
            let notes = client.keyboard().filter_map(own).collect();
            Some((client.resting()?, notes))
        };
        self.clients.values().filter_map(of_client).collect()
    }

    /// Takes the outcome of a task of the thread that keeps notes in. Notes that had to go for it go to `trash`.
    pub fn finish_disk(&mut self, outcome: DiskOutcome, trash: &mut Vec<Arc<Note>>) {
        match self.disk.finish(outcome, trash) {
            Finished::Note(note) => {
                self.touch(note.key.model);
                trash.extend(self.cache.insert(note));
            }
            Finished::Complaint(sentence) => {
                for client in self.clients.values_mut().filter(|client| client.is_started()) {
                    client.mention(&sentence);
                }
            }
            Finished::Mended(sentence) => self.withdraw(&sentence),
            Finished::Nothing => {}
        }
        self.deliver();
    }

    /// Takes a sentence back wherever it is shown.
    pub(super) fn withdraw(&mut self, sentence: &str) {
        self.clients.values_mut().for_each(|client| client.withdraw(sentence));
    }

    /// Whether there may be notes whose rendering is put off until the disk has taken too long.
    pub fn waits_for_disk(&self) -> bool {
        self.disk.is_busy()
    }

    /// Goes on without the disk.
    pub fn give_up_disk(&mut self) {
        self.disk.give_up();
    }

    /// The note that a key of an instance plays, where it is rendered already.
    pub fn note(&self, id: ClientId, key: u8) -> Option<Arc<Note>> {
        let key = self.clients.get(&id)?.keyboard_key(key)?;
        self.cache.peek(&key).cloned()
    }

    /// A session is saved with what an instance plays.
    pub fn save(&mut self, id: ClientId) {
        if let Some(sound) = self.clients.get_mut(&id).and_then(Client::save) {
            self.disk.mark_saved(sound);
        }
    }

    /// Changes what notes may take; returns those that had to go.
    pub fn set_limits(&mut self, limits: Limits) -> Vec<Arc<Note>> {
        self.limits = limits;
        if let Some(complaint) = self.disk.set_limit(limits.disk_bytes()) {
            self.withdraw(&complaint);
        }
        self.cache.set_budget(limits.memory_bytes())
    }

    /// Lets all notes go that lie on the disk.
    pub fn clear_disk(&mut self) {
        if let Some(complaint) = self.disk.clear() {
            self.withdraw(&complaint);
        }
    }

    pub fn usage(&self) -> Usage {
        Usage {
            memory_bytes: self.cache.bytes() as u64,
            disk_bytes: self.disk.bytes(),
            note_bytes: self.cache.note_bytes().unwrap_or(NOTE_BYTES),
            limits: self.limits,
            folder: self.disk.root().map(Into::into),
        }
    }

    /// Whether notes are kept on the disk.
    pub fn has_disk(&self) -> bool {
        self.disk.root().is_some()
    }

    pub(super) fn touch(&mut self, model: ModelId) {
        for client in self.clients.values_mut() {
            if client.model().is_some_and(|loaded| loaded.model.id == model) {
                client.touch();
            }
        }
    }
}
