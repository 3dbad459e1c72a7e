//! Who gets what, and in which order: the bookkeeping, with notes that nobody rendered.

use super::*;
use crate::expression::{Movement, Touch};
use crate::geometry::Geometry;
use crate::model::Model;
use crate::model::handmade::{Folder, Handmade};
use crate::note::{NoteKey, Origin, Sustain};
use crate::spectral::{FramePlan, Representation};
use crate::storage::Limits;
use crate::worker::client::Client;
use crate::worker::interrupt::Interrupt;
use crate::worker::loaded::Loaded;
use crate::worker::priority::ClientId;
use crate::worker::schedule::{Schedule, Task};

/// A schedule with one model and some instances that play it.
struct Desk {
    schedule: Schedule,
    loaded: Arc<Loaded>,
    _folder: Folder,
}

/// A note that was given out to be rendered.
struct Job {
    key: NoteKey,
    interrupt: Arc<Interrupt>,
}

impl Desk {
    fn new() -> Self {
        let folder = Folder::new();
        let model = Model::read(&Handmade::named("desk").write(&folder, "desk.onnx")).unwrap();
        Self { schedule: Schedule::new(Limits::default(), None), loaded: Arc::new(Loaded::new(model)), _folder: folder }
    }

    /// Another instance, which plays the model.
    fn instance(&mut self) -> (ClientId, Ear) {
        let (ear, end) = Ear::new();
        let id = self.schedule.add(Client::new(end));
        self.schedule.clients.get_mut(id).unwrap().start();
        let Some(Task::Load { client, order, .. }) = self.schedule.pick() else { panic!("a load comes first") };
        let path = self.loaded.model.path.clone();
        self.schedule.finish_load(client, &order, Ok((Arc::clone(&self.loaded), path)));
        (id, ear)
    }

    fn poll(&mut self) {
        self.schedule.poll(&mut Vec::new());
    }

    /// What would be rendered next.
    fn pick(&mut self) -> Option<Job> {
        self.poll();
        match self.schedule.pick()? {
            Task::Render { key, interrupt, .. } => Some(Job { key, interrupt }),
            Task::Load { .. } => panic!("no load was asked for"),
        }
    }

    fn finish(&mut self, job: &Job) {
        self.schedule.finish_render(job.key, Ok(note(job.key)), Duration::ZERO, &mut Vec::new());
    }

    fn fail(&mut self, job: &Job, error: &str) {
        self.schedule.finish_render(job.key, Err(anyhow::anyhow!("{error}")), Duration::ZERO, &mut Vec::new());
    }

    /// Renders the next `count` notes one after the other, and tells their seeds and pitches.
    fn render(&mut self, count: usize) -> Vec<(u32, u8)> {
        let mut order = Vec::new();
        while order.len() < count
            && let Some(job) = self.pick()
        {
            order.push((job.key.timbre.seed, job.key.pitch));
            self.finish(&job);
        }
        order
    }
}

fn note(key: NoteKey) -> Arc<Note> {
    Arc::new(blank(key, Origin::Cpu))
}

/// A note that nobody rendered.
pub fn blank(key: NoteKey, origin: Origin) -> Note {
    let geometry: Geometry = Representation::IfMelHires.geometry();
    let sustain = Sustain { start: 0, end: 0, trend_db: 0.0, decay_db: 0.0, silent_from: None };
    let (frames, head, head_phase) = Default::default();
    let plan = FramePlan::of(geometry);
    let (touch, movement) = (Touch::gentle(16_000), Movement::default());
    Note { key, origin, geometry, plan, frames, head, head_phase, sustain, touch, movement }
}

fn request(seed: u32, key: u8) -> NoteRequest {
    NoteRequest { timbre: timbre(seed), key }
}

fn heard(ear: &mut Ear) -> Vec<(u32, u8)> {
    ear.hear().iter().map(|note| (note.key.timbre.seed, note.key.pitch)).collect()
}

#[test]
fn sounding_notes_go_first_then_recent_ones_then_the_rest_outward() {
    let mut desk = Desk::new();
    let (_, mut ear) = desk.instance();
    ear.publish(timbre(1), &[request(2, 60), request(1, 30)], 1 << 70 | 1 << 50, 64);
    assert_eq!(desk.render(7), [(2, 60), (1, 30), (1, 70), (1, 50), (1, 64), (1, 65), (1, 63)]);
    assert_eq!(heard(&mut ear), [(2, 60), (1, 30), (1, 70), (1, 50), (1, 64), (1, 65), (1, 63)]);
}

#[test]
fn the_whole_keyboard_is_rendered_once_and_then_nothing() {
    let mut desk = Desk::new();
    let (_, mut ear) = desk.instance();
    ear.want(timbre(1), &[]);
    let mut all = desk.render(1000);
    assert!(desk.pick().is_none());
    all.sort_unstable();
    assert_eq!(all, (24..=84).map(|pitch| (1, pitch)).collect::<Vec<_>>());
    assert!((24..=84).all(|key| ear.state(key) == KeyState::Ready));
    assert!((0..24).chain(85..128).all(|key| ear.state(key) == KeyState::Empty));
}

#[test]
fn nothing_is_rendered_before_anything_is_wanted() {
    let mut desk = Desk::new();
    let (_, _ear) = desk.instance();
    assert!(desk.pick().is_none());
}

#[test]
fn no_note_is_rendered_twice_at_a_time() {
    let mut desk = Desk::new();
    let ((_, mut first), (_, mut second)) = (desk.instance(), desk.instance());
    first.want(timbre(1), &[request(1, 60)]);
    second.want(timbre(1), &[request(1, 60)]);
    let jobs: Vec<_> = (0..61).map(|_| desk.pick().unwrap()).collect();
    let mut pitches: Vec<_> = jobs.iter().map(|job| job.key.pitch).collect();
    pitches.sort_unstable();
    pitches.dedup();
    assert_eq!(pitches.len(), 61);
    assert!(desk.pick().is_none());
    assert_eq!(first.state(60), KeyState::Rendering);
    desk.finish(&jobs[0]);
    assert_eq!((heard(&mut first), heard(&mut second)), (vec![(1, 60)], vec![(1, 60)]));
    assert_eq!(first.state(60), KeyState::Ready);
}

#[test]
fn what_is_no_longer_wanted_is_not_rendered() {
    let mut desk = Desk::new();
    let (_, mut ear) = desk.instance();
    ear.want(timbre(1), &[request(1, 60)]);
    desk.render(3);
    ear.want(timbre(2), &[]);
    assert!(desk.render(200).iter().all(|&(seed, _)| seed == 2));
}

#[test]
fn a_timbre_that_comes_back_comes_from_the_cache() {
    let mut desk = Desk::new();
    let (_, mut ear) = desk.instance();
    for seed in [1, 2] {
        ear.want(timbre(seed), &[]);
        desk.render(100);
    }
    heard(&mut ear);
    ear.want(timbre(1), &[]);
    assert!(desk.pick().is_none());
    assert_eq!(heard(&mut ear).len(), 61);
    assert!((24..=84).all(|key| ear.state(key) == KeyState::Ready));
}

#[test]
fn an_unwanted_rendering_makes_way_for_a_sounding_note() {
    let mut desk = Desk::new();
    let (_, mut ear) = desk.instance();
    ear.want(timbre(1), &[]);
    let stale = desk.pick().unwrap();
    // A new timbre alone is no reason: what waits is no more urgent than what is being done.
    ear.want(timbre(2), &[]);
    desk.poll();
    assert!(!stale.interrupt.is_raised());
    ear.want(timbre(3), &[request(3, 40)]);
    desk.poll();
    assert!(stale.interrupt.is_raised());
    // What was ended on purpose is no error, and is rendered again when it is wanted again.
    desk.fail(&stale, "terminated");
    assert_eq!(ear.error(), "");
    ear.want(timbre(1), &[]);
    assert_eq!(desk.render(1), [(1, 60)]);
}

#[test]
fn a_wanted_rendering_is_not_ended() {
    let mut desk = Desk::new();
    let ((_, mut first), (_, mut second)) = (desk.instance(), desk.instance());
    first.want(timbre(1), &[]);
    let shared = desk.pick().unwrap();
    second.want(timbre(1), &[]);
    first.want(timbre(2), &[request(2, 40)]);
    desk.poll();
    assert!(!shared.interrupt.is_raised(), "the second instance still wants it");
}

#[test]
fn under_steady_automation_a_sounding_note_still_gets_its_renderings() {
    let mut desk = Desk::new();
    let (_, mut ear) = desk.instance();
    ear.want(timbre(1), &[request(1, 60)]);
    let mut job = desk.pick().unwrap();
    for seed in 2..10 {
        ear.want(timbre(seed), &[request(seed, 60)]);
        desk.poll();
        assert!(!job.interrupt.is_raised());
        let done = job.key.timbre.seed;
        desk.finish(&job);
        assert_eq!(heard(&mut ear), [(done, 60)], "the rendering comes, though the timbre moved on");
        job = desk.pick().unwrap();
        assert_eq!(job.key.timbre.seed, seed, "and the next is of the newest timbre");
    }
}

#[test]
fn under_steady_automation_all_notes_of_a_chord_follow() {
    let mut desk = Desk::new();
    let (_, mut ear) = desk.instance();
    let chord = [60, 64, 67, 71];
    let mut followed = Vec::new();
    for seed in 1..=12 {
        ear.want(timbre(seed), &chord.map(|key| request(seed, key)));
        followed.extend(desk.render(1));
    }
    for round in followed.chunks(4) {
        assert_eq!(round.iter().map(|&(_, pitch)| pitch).collect::<Vec<_>>(), chord, "{followed:?}");
    }
    // Notes that are struck anew come in their order again.
    ear.want(timbre(20), &[]);
    desk.poll();
    ear.want(timbre(20), &[71, 60].map(|key| request(20, key)));
    assert_eq!(desk.render(2), [(20, 71), (20, 60)]);
}

#[test]
fn a_late_rendering_that_no_sounding_note_can_use_stays_in_the_cache() {
    let mut desk = Desk::new();
    let (_, mut ear) = desk.instance();
    ear.want(timbre(1), &[request(1, 60)]);
    let job = desk.pick().unwrap();
    ear.want(timbre(2), &[request(2, 61)]);
    desk.poll();
    desk.finish(&job);
    assert_eq!(heard(&mut ear), []);
}

#[test]
fn instances_take_turns_within_a_class() {
    let mut desk = Desk::new();
    let ((_, mut first), (_, mut second), (_, mut third)) = (desk.instance(), desk.instance(), desk.instance());
    first.want(timbre(1), &[]);
    second.want(timbre(2), &[]);
    let seeds: Vec<_> = desk.render(20).iter().map(|&(seed, _)| seed).collect();
    let of_first = seeds.iter().filter(|&&seed| seed == 1).count();
    assert_eq!(of_first, 10, "{seeds:?}");
    // One that comes later is not behind for ever, and its sounding notes go before the others' keyboards.
    third.want(timbre(3), &[request(3, 30), request(3, 31)]);
    let seeds: Vec<_> = desk.render(11).iter().map(|&(seed, _)| seed).collect();
    assert_eq!(seeds[..2], [3, 3]);
    for seed in 1..=3 {
        assert!(seeds[2..].iter().filter(|&&s| s == seed).count() == 3, "{seeds:?}");
    }
}

#[test]
fn a_request_is_answered_once_a_version() {
    let mut desk = Desk::new();
    let (_, mut ear) = desk.instance();
    ear.want(timbre(1), &[request(2, 60)]);
    desk.render(1);
    desk.poll();
    assert_eq!(heard(&mut ear), [(2, 60)]);
    desk.poll();
    assert_eq!(heard(&mut ear), []);
    ear.want(timbre(1), &[request(2, 60)]);
    desk.poll();
    assert_eq!(heard(&mut ear), [(2, 60)]);
}

#[test]
fn keys_beyond_the_model_get_its_nearest_pitch() {
    let mut desk = Desk::new();
    let (_, mut ear) = desk.instance();
    ear.publish(timbre(1), &[request(1, 3), request(1, 120)], 1 << 127 | 1 << 40, 60);
    assert_eq!(desk.render(4), [(1, 24), (1, 84), (1, 40), (1, 60)]);
}

#[test]
fn a_full_queue_loses_nothing() {
    let mut desk = Desk::new();
    let (_, mut ear) = desk.instance();
    // Five keyboards are more than the queue holds.
    for seed in 0..5 {
        ear.want(timbre(seed), &[]);
        desk.render(100);
    }
    let first = heard(&mut ear).len();
    desk.poll();
    let rest = heard(&mut ear).len();
    assert_eq!(first + rest, 5 * 61);
    assert!((24..=84).all(|key| ear.state(key) == KeyState::Ready));
}

#[test]
fn used_notes_come_back_to_be_freed() {
    let mut desk = Desk::new();
    let (_, mut ear) = desk.instance();
    ear.want(timbre(1), &[request(1, 60)]);
    desk.render(1);
    desk.poll();
    let used = ear.hear().pop().unwrap();
    ear.end.used.push(used).unwrap();
    let mut trash = Vec::new();
    desk.schedule.poll(&mut trash);
    assert_eq!(trash.len(), 1);
}

#[test]
fn a_note_that_fails_is_said_once_and_not_tried_again_at_once() {
    let mut desk = Desk::new();
    let (id, mut ear) = desk.instance();
    ear.want(timbre(1), &[request(1, 60)]);
    let job = desk.pick().unwrap();
    desk.fail(&job, "puts out nonsense");
    assert!(ear.error().contains("pitch 60") && ear.error().contains("puts out nonsense"), "{}", ear.error());
    assert_eq!(ear.status().generator(), Generator::Unavailable, "an offline render must not wait for it");
    let others = desk.render(100);
    assert_eq!(others.len(), 60, "every other key is rendered");
    assert!(!others.contains(&(1, 60)));
    ear.want(timbre(1), &[]);
    desk.poll();
    assert_eq!(ear.status().generator(), Generator::Ready);
    // To load a model is to try again.
    desk.schedule.order(id, ModelRef::default());
    let Some(Task::Load { client, order, .. }) = desk.schedule.pick() else { panic!("the load comes first") };
    let loaded = Arc::clone(&desk.loaded);
    desk.schedule.finish_load(client, &order, Ok((loaded, "desk.onnx".into())));
    assert_eq!(ear.error(), "");
    assert_eq!(desk.render(100), [(1, 60)]);
}

#[test]
fn a_thread_without_a_session_of_what_is_played_is_given_it_and_is_ended_at_the_stop() {
    let mut desk = Desk::new();
    assert!(desk.schedule.pick_preparation(|_| true).is_none(), "nobody plays yet");
    let _instance = desk.instance();
    assert!(desk.schedule.pick_preparation(|_| false).is_none(), "the thread has all that are played");
    let (played, interrupt) = desk.schedule.pick_preparation(|_| true).unwrap();
    assert!(Arc::ptr_eq(&played, &desk.loaded) && !interrupt.is_raised());
    desk.schedule.stop();
    assert!(interrupt.is_raised());
}

#[test]
fn a_new_model_makes_the_keys_stale_and_renders_them_again() {
    let mut desk = Desk::new();
    let (id, mut ear) = desk.instance();
    ear.want(timbre(1), &[]);
    desk.render(100);
    let before = ear.status().model_id.load(Ordering::Acquire);

    let folder = Folder::new();
    let narrow = Handmade::named("narrow").with("pitch_min", 40.into()).with("pitch_max", 70.into());
    let model = Model::read(&narrow.write(&folder, "narrow.onnx")).unwrap();
    desk.schedule.order(id, chosen(model.path.clone()));
    assert_eq!(ear.status().generator(), Generator::Loading);
    let Some(Task::Load { client, order, .. }) = desk.schedule.pick() else { panic!("the load comes first") };
    // Until it is there, the old one renders on.
    ear.want(timbre(2), &[request(2, 60)]);
    assert_eq!(desk.render(1), [(2, 60)]);
    let path = model.path.clone();
    desk.schedule.finish_load(client, &order, Ok((Arc::new(Loaded::new(model)), path)));
    assert_eq!(ear.status().generator(), Generator::Ready);
    assert_ne!(ear.status().model_id.load(Ordering::Acquire), before);
    assert_eq!(ear.status().pitch_range(), (40, 70));
    assert_eq!(ear.status().model.lock().name, "narrow");
    assert_eq!(ear.state(50), KeyState::Stale);
    assert_eq!(ear.state(30), KeyState::Empty);
    assert_eq!(desk.render(100).len(), 31);
    assert!((40..=70).all(|key| ear.state(key) == KeyState::Ready));
}

#[test]
fn a_load_is_done_once_at_a_time_and_given_up_when_it_is_replaced() {
    let mut desk = Desk::new();
    let (id, _ear) = desk.instance();
    let (_other, _) = desk.instance();
    desk.schedule.order(id, chosen("first.onnx".into()));
    let Some(Task::Load { client, order, interrupt }) = desk.schedule.pick() else { panic!("the load comes first") };
    assert!(desk.schedule.pick().is_none(), "one load at a time");
    desk.schedule.order(id, chosen("second.onnx".into()));
    assert!(interrupt.is_raised());
    desk.schedule.finish_load(client, &order, Err(anyhow::anyhow!("Interrupted.")));
    let Some(Task::Load { order, .. }) = desk.schedule.pick() else { panic!("the second load comes now") };
    assert_eq!(order.reference.path.to_str(), Some("second.onnx"));
}

#[test]
fn a_missing_model_stays_in_the_session_while_another_sounds() {
    let mut desk = Desk::new();
    let (ear, end) = Ear::new();
    let id = desk.schedule.add(Client::new(end));
    let lost = ModelRef { name: "lost".into(), sha256: "00".repeat(32), path: "lost.onnx".into() };
    desk.schedule.order(id, lost.clone());
    desk.schedule.clients.get_mut(id).unwrap().start();
    let Some(Task::Load { client, order, .. }) = desk.schedule.pick() else { panic!("the load comes first") };
    desk.schedule.finish_load(client, &order, Err(anyhow::anyhow!("It is missing.")));
    assert_eq!(ear.status().generator(), Generator::Loading, "the default model stands in");
    let Some(Task::Load { client, order, .. }) = desk.schedule.pick() else { panic!("the stand-in comes now") };
    assert!(order.reference.is_default());
    let loaded = Arc::clone(&desk.loaded);
    desk.schedule.finish_load(client, &order, Ok((loaded, "desk.onnx".into())));
    assert_eq!(ear.status().generator(), Generator::Ready);
    assert_eq!(ear.error(), "It is missing.");
    assert_eq!(desk.schedule.clients.get_mut(id).unwrap().reference(), lost);
}

#[test]
fn nothing_is_given_out_after_the_stop() {
    let mut desk = Desk::new();
    let (_, mut ear) = desk.instance();
    ear.want(timbre(1), &[request(1, 60)]);
    let job = desk.pick().unwrap();
    desk.schedule.stop();
    assert!(job.interrupt.is_raised());
    assert!(desk.pick().is_none());
}
