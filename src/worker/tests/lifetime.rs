//! Instances come and go in any order, from any thread; the service ends with the last of them and comes back.

use std::sync::atomic::AtomicU32;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::model::handmade::{Folder, Handmade, Sound};

/// Threads of this process whose name begins with "timbrel-"; `None` where the system does not tell.
fn service_threads() -> Option<usize> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let names = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    Some(
        names
            .filter(|name| ["timbrel-gen", "timbrel-dis", "timbrel-dev"].iter().any(|kind| name.starts_with(kind)))
            .count(),
    )
}

/// That no service thread is left. A joined thread may stay in the system's list for a moment after its join.
pub fn the_threads_are_gone() -> bool {
    let since = Instant::now();
    while !matches!(service_threads(), None | Some(0)) {
        if since.elapsed() > HANG {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

#[test]
fn an_instance_that_is_never_started_costs_no_thread() {
    let _turn = turn();
    let player = Player::new();
    assert!(the_threads_are_gone());
    drop(player);
}

#[test]
fn the_last_one_dropped_in_the_middle_of_a_run_ends_the_service() {
    let _turn = turn();
    let folder = Folder::new();
    let path = endless(66).write(&folder, "endless.onnx");
    for seed in 0..3 {
        let mut player = Player::playing(path.clone());
        player.begin_endless(seed, 66);
        drop(player.instance);
        assert!(the_threads_are_gone(), "the threads are joined");
    }
}

#[test]
fn the_last_one_dropped_in_the_middle_of_a_load_ends_the_service() {
    let _turn = turn();
    let folder = Folder::new();
    // A model must render its lowest pitch before it is taken.
    let path = endless(24).write(&folder, "endless.onnx");
    for pause_ms in [0, 1, 5, 20] {
        let player = Player::new();
        player.instance.load_model(chosen(path.clone()));
        player.instance.start();
        // Wherever the load has come to by then, it does not end by itself.
        std::thread::sleep(Duration::from_millis(pause_ms));
        assert_eq!(player.generator(), Generator::Loading);
        drop(player.instance);
        assert!(the_threads_are_gone(), "the threads are joined");
    }
}

fn endless(pitch: u8) -> Handmade {
    Handmade { sound: Sound::EndlessAt(pitch), ..Handmade::named("endless") }
}

#[test]
fn the_service_comes_back_after_its_end() {
    let _turn = turn();
    let folder = Folder::new();
    let path = Handmade::named("phoenix").write(&folder, "phoenix.onnx");
    for seed in 0..4 {
        let mut player = Player::playing(path.clone());
        let request = NoteRequest { timbre: timbre(seed), key: 60 };
        player.ear.want(request.timbre, &[request]);
        player.wait_for(request);
    }
}

#[test]
fn twenty_instances_share_the_threads_and_the_model() {
    let _turn = turn();
    let folder = Folder::new();
    let path = Handmade::named("many").write(&folder, "many.onnx");
    let mut players: Vec<_> = (0..20).map(|_| Player::playing(path.clone())).collect();
    let expected = super::super::cpu::render_threads() + 2;
    assert!(matches!(service_threads(), None | Some(_)) && service_threads().is_none_or(|count| count == expected));
    for (seed, player) in players.iter_mut().enumerate() {
        player.ear.want(timbre(0), &[NoteRequest { timbre: timbre(seed as u32), key: 50 }]);
    }
    for (seed, player) in players.iter_mut().enumerate() {
        player.wait_for(NoteRequest { timbre: timbre(seed as u32), key: 50 });
    }
}

#[test]
fn sixty_four_instances_come_and_go_in_any_order_from_many_threads() {
    let _turn = turn();
    let folder = Folder::new();
    let paths = ["left", "right"].map(|name| Handmade::named(name).write(&folder, &format!("{name}.onnx")));
    // Instances are handed from thread to thread, so that each is dropped elsewhere than it was made.
    let pool: Mutex<Vec<Player>> = Mutex::default();
    let heard = AtomicU32::new(0);
    let (pool, heard, paths) = (&pool, &heard, &paths);
    std::thread::scope(|scope| {
        for thread in 0..8u8 {
            scope.spawn(move || {
                let mut random = ChaCha8Rng::from_seed([thread; 32]);
                for round in 0..8u32 {
                    let mut player = Player::new();
                    let seed = u32::from(thread) % 3;
                    let request = NoteRequest { timbre: timbre(seed), key: 40 + round as u8 };
                    player.ear.want(timbre(seed), &[request]);
                    if random.next_u32() % 8 != 0 {
                        player.instance.start();
                    }
                    player.instance.load_model(chosen(paths[random.next_u32() as usize % 2].clone()));
                    if random.next_u32() % 4 == 0 {
                        player.instance.start();
                        player.wait_for(request);
                        heard.fetch_add(1, Ordering::Relaxed);
                    }
                    let mut pool = pool.lock();
                    pool.push(player);
                    // Half of the time another one goes, whoever made it.
                    if random.next_u32() % 2 == 0 {
                        let index = random.next_u32() as usize % pool.len();
                        let gone = pool.swap_remove(index);
                        drop(pool);
                        drop(gone);
                    }
                }
            });
        }
    });
    assert!(heard.load(Ordering::Relaxed) > 0);
    let mut rest = std::mem::take(&mut *pool.lock());
    let survivor = rest.len() / 2;
    let mut survivor = rest.swap_remove(survivor);
    drop(rest);
    survivor.instance.start();
    survivor.instance.load_model(chosen(paths[0].clone()));
    let request = NoteRequest { timbre: timbre(9), key: 70 };
    survivor.ear.want(timbre(9), &[request]);
    survivor.wait_for(request);
    drop(survivor.instance);
    assert!(the_threads_are_gone(), "the threads are joined");
}
