//! The whole service with real sessions: what comes is what the generator renders, once, to all who want it.

use super::*;
use crate::model::handmade::{Folder, Handmade};
use crate::model::{self, Model};
use crate::note::{ModelId, NoteKey};
use crate::worker::interrupt::Interrupt;
use crate::worker::loaded::Loaded;
use crate::worker::renderer::Renderer;
#[cfg(target_os = "linux")]
use crate::worker::thread_priority::NICER;

/// The note that a session of its own renders.
fn direct(model: Model, timbre: Timbre, pitch: u8) -> Arc<Note> {
    let interrupt = Interrupt::default();
    let mut renderer = Renderer::new(&model, &interrupt).unwrap();
    let key = NoteKey { model: model.id, timbre, pitch };
    renderer.render(&Loaded::new(model), key, &interrupt).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn threads_that_render_make_way_after_their_first_note() {
    check(&alone("service::child_makes_way").output().unwrap());
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "runs in a process of its own, whose threads have not rendered yet"]
fn child_makes_way() {
    let folder = Folder::new();
    let mut player = Player::playing(Handmade::named("nice").write(&folder, "nice.onnx"));
    let generators = || priorities().into_iter().filter(|(name, _)| name.starts_with("timbrel-gen"));
    // The test may have been started with a low priority; the lowest of all is 19.
    // SAFETY: it changes no memory.
    let own = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
    assert!(generators().all(|(_, nice)| nice == own), "the first sound is not to be late: {:?}", priorities());
    let request = NoteRequest { timbre: timbre(70), key: 60 };
    player.ear.want(timbre(70), &[request]);
    player.wait_for(request);
    let made_way = (own + NICER).min(19);
    player.wait_until("they make way", |_| generators().any(|(_, nice)| nice == made_way));
    let dispatcher = priorities().into_iter().find(|(name, _)| name == "timbrel-dispatc");
    assert_eq!(dispatcher.map(|(_, nice)| nice), Some(own), "the dispatcher does not");
}

/// The threads of this process by their names, and how nice each is.
#[cfg(target_os = "linux")]
fn priorities() -> Vec<(String, i32)> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    // A thread may end while it is looked at.
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
    let of_thread = |stat: String| {
        let (name, fields) = stat.split_once('(')?.1.rsplit_once(')')?;
        // The nineteenth field (proc_pid_stat(5)), of which two go before these.
        Some((name.to_owned(), fields.split_whitespace().nth(16)?.parse().ok()?))
    };
    stats.filter_map(of_thread).collect()
}

#[test]
fn a_request_brings_the_note_that_the_generator_renders() {
    let _turn = turn();
    let mut player = Player::started();
    let mut moved = Timbre { seed: 4, seed_to: 9, blend: 300, character: 130, ..Timbre::default() };
    moved.directions = [10, -20, 30, 0, 0, 0, 0, 5];
    let request = NoteRequest { timbre: moved, key: 57 };
    player.ear.want(moved, &[request]);
    let note = player.wait_for(request);
    let expected = direct(Model::read(&crate::files::default_model().unwrap()).unwrap(), moved, 57);
    assert_eq!(note.key, expected.key);
    assert!(*note == *expected, "the same bits");
    assert!((0..128).any(|frame| note.frames.magnitude(frame).any(|magnitude| magnitude > 0.1)), "it sounds");
    assert_eq!(player.generator(), Generator::Ready);
    assert!(player.ear.status().device.lock().starts_with("CPU, "));
    assert_eq!(player.instance.model().sha256, player.ear.status().model.lock().sha256);
    assert!(player.ear.status().inference_us.load(Ordering::Relaxed) > 0);
}

#[test]
fn two_instances_of_one_timbre_render_it_once() {
    let _turn = turn();
    let folder = Folder::new();
    let path = Handmade::named("shared").write(&folder, "shared.onnx");
    let mut players = [Player::playing(path.clone()), Player::playing(path)];
    players.iter_mut().for_each(|player| player.ear.want(timbre(77), &[]));
    for player in &mut players {
        player.wait_until("the keyboard is ready", |player| {
            player.ear.hear();
            (24..=84).all(|key| player.ear.state(key) == KeyState::Ready)
        });
    }
    assert_eq!(players.iter().map(|player| player.ear.rendered()).sum::<u64>(), 61);
}

#[test]
fn two_instances_of_two_timbres_both_come_to_their_end() {
    let _turn = turn();
    let folder = Folder::new();
    let path = Handmade::named("fair").write(&folder, "fair.onnx");
    let mut players = [Player::playing(path.clone()), Player::playing(path)];
    for (player, seed) in players.iter_mut().zip([101, 102]) {
        player.ear.want(timbre(seed), &[]);
    }
    for player in &mut players {
        player.wait_until("the keyboard is ready", |player| {
            player.ear.hear();
            (24..=84).all(|key| player.ear.state(key) == KeyState::Ready)
        });
        assert_eq!(player.ear.rendered(), 61);
    }
}

#[test]
fn a_model_is_switched_under_notes_that_are_asked_for() {
    let _turn = turn();
    let folder = Folder::new();
    let paths = ["one", "two"].map(|name| Handmade::named(name).write(&folder, &format!("{name}.onnx")));
    let ids = paths.clone().map(|path| Model::read(&path).unwrap().id);
    let mut player = Player::playing(paths[0].clone());
    let asked: Vec<_> = (40..56).map(|key| NoteRequest { timbre: timbre(5), key }).collect();
    for round in 0..6 {
        player.ear.want(timbre(5), &asked);
        let next = (round + 1) % 2;
        player.instance.load_model(chosen(paths[next].clone()));
        player.wait_until("the other model plays", |player| {
            let known = [0, ids[0].0, ids[1].0];
            for note in player.ear.hear() {
                assert!(known.contains(&note.key.model.0));
            }
            ModelId(player.ear.status().model_id.load(Ordering::Acquire)) == ids[next]
        });
        player.ear.want(timbre(5), &asked);
        let mut missing: Vec<u8> = (40..56).collect();
        player.wait_until("all notes of the other model come", |player| {
            for note in player.ear.hear() {
                missing.retain(|&key| note.key.model != ids[next] || note.key.pitch != key);
            }
            missing.is_empty()
        });
    }
    assert_eq!(player.ear.error(), "");
}

#[test]
fn a_session_finds_its_model_again_by_its_hash() {
    let _turn = turn();
    let folder = Folder::new();
    let path = Handmade::named("wanderer").write(&folder, "wanderer.onnx");
    let sha256 = model::hash_file(&path).unwrap();
    let moved = folder.join("moved.onnx");
    std::fs::rename(&path, &moved).unwrap();
    Handmade::named("impostor").write(&folder, "wanderer.onnx");

    let mut player = Player::new();
    player.instance.load_model(ModelRef { name: "wanderer".into(), sha256: sha256.clone(), path });
    player.instance.start();
    player.wait_until("the model is found", |player| player.generator() == Generator::Ready);
    assert_eq!(player.ear.error(), "");
    assert_eq!(player.instance.model(), ModelRef { name: "wanderer".into(), sha256, path: moved });
}
