//! Who renders what, once a device renders: the bookkeeping, with notes that nobody rendered.

use super::*;
use crate::model::Model;
use crate::model::handmade::{Folder, Handmade};
use crate::note::{Note, NoteKey, Origin};
use crate::storage::Limits;
use crate::worker::client::Client;
use crate::worker::device::devices::{Backend, ProbeOutcome};
use crate::worker::device::probe::{Difference, Probe};
use crate::worker::device::{Choice, Provider};
use crate::worker::interrupt::Interrupt;
use crate::worker::loaded::Loaded;
use crate::worker::priority::ClientId;
use crate::worker::schedule::{DeviceTask, Schedule, Task};

const BATCH: usize = 8;

/// A schedule with one model that a device renders, and an instance that plays it.
struct Desk {
    schedule: Schedule,
    loaded: Arc<Loaded>,
    id: ClientId,
    ear: Ear,
    _folder: Folder,
}

/// The notes of one run.
struct Batch {
    keys: Vec<NoteKey>,
    interrupt: Arc<Interrupt>,
}

impl Batch {
    fn pitches(&self) -> Vec<u8> {
        self.keys.iter().map(|key| key.pitch).collect()
    }
}

fn probe() -> Probe {
    let exact = Difference { common: 0.0, rms: 0.0 };
    Probe { level: exact, angle: exact, batch: BATCH, alone_ms: 1.0, batch_ms: 0.2, cpu_ms: 10.0 }
}

impl Desk {
    /// Nothing was rendered or tried yet.
    fn fresh() -> Self {
        let folder = Folder::new();
        let model = Model::read(&Handmade::named("desk").write(&folder, "desk.onnx")).unwrap();
        let loaded = Arc::new(Loaded::new(model));
        let mut schedule = Schedule::new(Limits::default(), None);
        let (ear, end) = Ear::new();
        let id = schedule.add(Client::new(end));
        schedule.clients.get_mut(id).unwrap().start();
        let Some(Task::Load { client, order, .. }) = schedule.pick() else { panic!("a load comes first") };
        let path = loaded.model.path.clone();
        schedule.finish_load(client, &order, Ok((Arc::clone(&loaded), path)));
        Self { schedule, loaded, id, ear, _folder: folder }
    }

    /// A device renders in batches of [`BATCH`].
    fn new() -> Self {
        let mut desk = Self::fresh();
        desk.schedule.choose(Choice::Device(Provider::WebGpu, 0));
        desk.ear.want(timbre(1), &[request(1, 60)]);
        let key = desk.pick_cpu().unwrap();
        desk.finish_cpu(key);
        let serial = loop {
            match desk.pick().expect("a probe comes") {
                DeviceTask::Survey => desk.schedule.devices.surveyed(Vec::new()),
                DeviceTask::Probe { serial, .. } => break serial,
                DeviceTask::Render { .. } => panic!("nothing was tried yet"),
            }
        };
        let outcome = ProbeOutcome { renders: Some((Provider::WebGpu, probe())), entries: Vec::new() };
        desk.schedule.finish_probe(&desk.loaded, serial, &outcome);
        // What was asked for until now counts no more.
        desk.ear.want(timbre(0), &[]);
        desk.schedule.poll(&mut Vec::new());
        desk.ear.hear();
        desk
    }

    fn pick(&mut self) -> Option<DeviceTask> {
        self.schedule.poll(&mut Vec::new());
        self.schedule.pick_for_device(|_| true)
    }

    fn pick_batch(&mut self) -> Option<Batch> {
        match self.pick()? {
            DeviceTask::Render { keys, interrupt, .. } => Some(Batch { keys, interrupt }),
            _ => panic!("nothing is to be tried"),
        }
    }

    fn pick_cpu(&mut self) -> Option<NoteKey> {
        self.schedule.poll(&mut Vec::new());
        match self.schedule.pick()? {
            Task::Render { key, .. } => Some(key),
            Task::Load { .. } => panic!("no load was asked for"),
        }
    }

    fn finish_cpu(&mut self, key: NoteKey) {
        let note = Arc::new(super::scheduling::blank(key, Origin::Cpu));
        self.schedule.finish_render(key, Ok(note), Duration::ZERO, &mut Vec::new());
    }

    fn finish(&mut self, batch: &Batch) {
        let notes = batch.keys.iter().map(|&key| Ok(Arc::new(super::scheduling::blank(key, Origin::Device))));
        self.schedule.finish_batch(&batch.keys, notes.collect(), Duration::ZERO, &mut Vec::new());
    }

    fn offline(&mut self, seed: u32, requests: &[NoteRequest]) {
        self.ear.version += 1;
        let mut wanted = Wanted { version: self.ear.version, timbre: timbre(seed), offline: true, ..Wanted::default() };
        wanted.requests[..requests.len()].copy_from_slice(requests);
        wanted.request_count = requests.len();
        self.ear.end.wanted.write(wanted);
    }

    fn heard(&mut self) -> Vec<(u8, Origin)> {
        self.ear.hear().iter().map(|note: &Arc<Note>| (note.key.pitch, note.origin)).collect()
    }
}

fn request(seed: u32, key: u8) -> NoteRequest {
    NoteRequest { timbre: timbre(seed), key }
}

#[test]
fn sounding_notes_go_in_a_small_batch_and_the_rest_in_full_ones() {
    let mut desk = Desk::new();
    let chord: Vec<_> = [60, 64, 67, 71, 74].map(|key| request(2, key)).to_vec();
    desk.ear.publish(timbre(1), &chord, 1 << 40 | 1 << 42, 60);
    let batches: Vec<_> = (0..5).map(|_| desk.pick_batch().unwrap()).collect();
    let pitches: Vec<_> = batches.iter().map(Batch::pitches).collect();
    assert_eq!(pitches[0], [60, 64, 67, 71]);
    assert_eq!(pitches[1], [74]);
    assert_eq!(pitches[2], [42, 40]);
    assert_eq!(pitches[3].len(), BATCH);
    assert!(pitches[3].iter().all(|pitch| pitch.abs_diff(60) <= 5), "{:?}", pitches[3]);
    assert!(desk.pick_cpu().is_none(), "the processor leaves the model to the device");
    batches.iter().for_each(|batch| desk.finish(batch));
    let heard = desk.heard();
    assert_eq!(heard.len(), 4 + 1 + 2 + 2 * BATCH + 1, "{heard:?}");
}

#[test]
fn the_whole_keyboard_is_rendered_once_and_then_nothing() {
    let mut desk = Desk::new();
    desk.ear.want(timbre(7), &[]);
    let mut all = Vec::new();
    while let Some(batch) = desk.pick_batch() {
        all.extend(batch.pitches());
        desk.finish(&batch);
    }
    all.sort_unstable();
    assert_eq!(all, (24..=84).collect::<Vec<_>>());
    assert!((24..=84).all(|key| desk.ear.state(key) == KeyState::Ready));
}

#[test]
fn a_lost_device_loses_no_note_and_says_so() {
    let mut desk = Desk::new();
    desk.ear.want(timbre(3), &[request(3, 50), request(3, 53)]);
    let sounding = desk.pick_batch().unwrap();
    let rest = desk.pick_batch().unwrap();
    assert_eq!(sounding.pitches(), [50, 53]);
    assert!(desk.pick_cpu().is_none());
    desk.schedule.lose_device(desk.loaded.model.id, &sounding.keys, "out of memory");
    assert_eq!([desk.pick_cpu().unwrap().pitch, desk.pick_cpu().unwrap().pitch], [50, 53]);
    assert!(desk.pick_batch().is_none(), "nothing more goes to it");
    assert!(desk.ear.error().contains("WebGPU failed") && desk.ear.error().contains("out of memory"));
    assert!(desk.ear.error().ends_with("rendered on the processor."));
    assert!(desk.ear.status().device.lock().starts_with("CPU, "));
    // A run that was under way before may still come to its end.
    desk.finish(&rest);
    assert!(desk.heard().iter().filter(|(_, origin)| *origin == Origin::Device).count() == BATCH);
    let left: Vec<_> = std::iter::from_fn(|| desk.pick_cpu()).map(|key| key.pitch).collect();
    assert_eq!(left.len(), 61 - 2 - BATCH);
}

#[test]
fn a_run_that_never_ends_is_given_up_and_its_notes_are_not() {
    let mut desk = Desk::new();
    desk.ear.want(timbre(3), &[request(3, 50)]);
    let batch = desk.pick_batch().unwrap();
    desk.schedule.poll(&mut Vec::new());
    assert!(!batch.interrupt.is_raised());
    desk.schedule.notes.in_flight_mut().age(Duration::from_secs(11));
    assert_eq!(desk.pick_cpu().unwrap().pitch, 50);
    assert!(batch.interrupt.is_raised());
    assert!(desk.ear.error().contains("gave no answer"), "{}", desk.ear.error());
    // What it puts out in the end counts no more.
    desk.finish(&batch);
    assert!(desk.heard().iter().all(|(_, origin)| *origin == Origin::Cpu));
}

#[test]
fn a_batch_that_nobody_wants_is_ended_for_what_is_urgent_and_only_as_a_whole() {
    let mut desk = Desk::new();
    desk.ear.want(timbre(1), &[]);
    let batch = desk.pick_batch().unwrap();
    // One of its notes is still asked for.
    let kept = batch.keys[3];
    desk.ear.want(timbre(2), &[request(1, kept.pitch), request(2, 60)]);
    desk.schedule.poll(&mut Vec::new());
    assert!(!batch.interrupt.is_raised());
    desk.ear.want(timbre(2), &[request(2, 60)]);
    desk.schedule.poll(&mut Vec::new());
    assert!(batch.interrupt.is_raised());
    desk.schedule.abandon_batch(&batch.keys);
    assert_eq!(desk.pick_batch().unwrap().pitches(), [60]);
    assert_eq!(desk.ear.error(), "");
}

#[test]
fn a_bounce_takes_notes_of_the_processor_although_the_device_has_rendered_them() {
    let mut desk = Desk::new();
    desk.ear.want(timbre(1), &[request(1, 50)]);
    let batch = desk.pick_batch().unwrap();
    desk.finish(&batch);
    assert_eq!(desk.heard().last(), Some(&(50, Origin::Device)));

    desk.offline(1, &[request(1, 50)]);
    assert!(desk.pick_batch().is_none(), "the device has nothing to do in a bounce");
    let key = desk.pick_cpu().unwrap();
    assert_eq!(key.pitch, 50);
    desk.finish_cpu(key);
    assert_eq!(desk.heard(), [(50, Origin::Cpu)]);

    // The processor's note serves live play as well, and is never replaced by the device's.
    desk.ear.want(timbre(1), &[request(1, 50)]);
    desk.schedule.poll(&mut Vec::new());
    assert_eq!(desk.heard(), [(50, Origin::Cpu)]);
    desk.schedule.finish_batch(
        &[key],
        vec![Ok(Arc::new(super::scheduling::blank(key, Origin::Device)))],
        Duration::ZERO,
        &mut Vec::new(),
    );
    desk.offline(1, &[request(1, 50)]);
    desk.schedule.poll(&mut Vec::new());
    assert_eq!(desk.heard(), [(50, Origin::Cpu)]);
}

#[test]
fn a_bounce_and_live_play_of_one_note_both_get_theirs() {
    let mut desk = Desk::new();
    let (mut live, end) = Ear::new();
    let id = desk.schedule.add(Client::new(end));
    desk.schedule.clients.get_mut(id).unwrap().start();
    let Some(Task::Load { client, order, .. }) = desk.schedule.pick() else { panic!("a load comes first") };
    let path = desk.loaded.model.path.clone();
    desk.schedule.finish_load(client, &order, Ok((Arc::clone(&desk.loaded), path)));

    desk.offline(5, &[request(5, 70)]);
    live.want(timbre(5), &[request(5, 70)]);
    let batch = desk.pick_batch().unwrap();
    assert_eq!(batch.pitches(), [70]);
    let key = desk.pick_cpu().unwrap();
    assert_eq!(key, batch.keys[0], "each backend renders its own");
    desk.finish(&batch);
    assert_eq!(live.hear().iter().map(|note| note.origin).collect::<Vec<_>>(), [Origin::Device]);
    assert!(desk.heard().is_empty());
    desk.finish_cpu(key);
    assert_eq!(desk.heard(), [(70, Origin::Cpu)]);
}

#[test]
fn a_bounce_may_take_the_devices_notes_where_the_user_has_said_so() {
    let mut desk = Desk::new();
    desk.schedule.clients.get_mut(desk.id).unwrap().status().bounce_on_cpu.store(false, Ordering::Relaxed);
    desk.offline(1, &[request(1, 50)]);
    assert!(desk.pick_cpu().is_none());
    let batch = desk.pick_batch().unwrap();
    desk.finish(&batch);
    assert_eq!(desk.heard().last(), Some(&(50, Origin::Device)));
}

#[test]
fn nothing_is_tried_before_the_first_note_nor_while_one_is_waited_for_nor_in_a_bounce() {
    let mut desk = Desk::fresh();
    assert!(desk.pick().is_none());
    desk.ear.want(timbre(1), &[request(1, 60)]);
    assert!(desk.pick().is_none(), "a note is waited for");
    let key = desk.pick_cpu().unwrap();
    desk.finish_cpu(key);
    assert!(matches!(desk.pick(), Some(DeviceTask::Survey)));
    desk.schedule.devices.surveyed(Vec::new());
    desk.ear.want(timbre(2), &[request(2, 61)]);
    assert!(desk.pick().is_none(), "a note is waited for");
    desk.offline(2, &[]);
    assert!(desk.pick().is_none(), "nobody plays live");
    desk.ear.want(timbre(2), &[]);
    assert!(matches!(desk.pick(), Some(DeviceTask::Probe { .. })));
    assert!(desk.pick().is_none(), "one probe is enough");
}

#[test]
fn on_the_processor_nothing_is_ever_tried() {
    let mut desk = Desk::fresh();
    desk.schedule.choose(Choice::Cpu);
    desk.ear.want(timbre(1), &[]);
    let key = desk.pick_cpu().unwrap();
    desk.finish_cpu(key);
    assert!(matches!(desk.pick(), Some(DeviceTask::Survey)));
    desk.schedule.devices.surveyed(Vec::new());
    assert!(desk.pick().is_none());
}

#[test]
fn the_outcome_of_a_probe_for_an_earlier_choice_changes_nothing() {
    let mut desk = Desk::fresh();
    desk.ear.want(timbre(1), &[]);
    let key = desk.pick_cpu().unwrap();
    desk.finish_cpu(key);
    assert!(matches!(desk.pick(), Some(DeviceTask::Survey)));
    desk.schedule.devices.surveyed(Vec::new());
    let Some(DeviceTask::Probe { serial, interrupt, .. }) = desk.pick() else { panic!("a probe comes") };
    desk.schedule.choose(Choice::Cpu);
    assert!(interrupt.is_raised(), "it is ended");
    let outcome = ProbeOutcome { renders: Some((Provider::WebGpu, probe())), entries: Vec::new() };
    desk.schedule.finish_probe(&desk.loaded, serial, &outcome);
    assert!(desk.pick_cpu().is_some());
    let backend = desk.schedule.devices.backend_of(&key, false);
    assert_eq!(backend, Backend::Cpu);
}
