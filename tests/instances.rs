//! Many instances in one process, made and dropped in any order, in any state.

use timbrel_host::measure::{db, rms};
use timbrel_host::{Activation, Event, Plugin};

fn load() -> Plugin {
    Plugin::load(&timbrel_host::bundle().unwrap()).unwrap()
}

fn sounds(plugin: &mut Plugin) -> bool {
    let audio = plugin.play(&[Event::on(60).at(0)], 0.5).unwrap();
    db(rms(&audio.left)) > -60.0
}

#[test]
fn sixty_four_instances_come_and_go() {
    let mut plugins: Vec<Plugin> = (0..64).map(|_| load()).collect();
    for (index, plugin) in plugins.iter_mut().enumerate() {
        if index % 4 == 0 {
            plugin.activate(Activation::default()).unwrap();
        }
    }
    // Every other one goes, in the midst of its loading, then the rest from behind; the first is left.
    let mut index = 0;
    plugins.retain(|_| {
        index += 1;
        index % 2 == 1
    });
    while plugins.len() > 1 {
        plugins.pop();
    }
    let mut last = plugins.remove(0);
    last.activate(Activation::default()).unwrap();
    assert!(sounds(&mut last));
    drop(last);
    // The service ended with the last of them, and begins again with the next.
    let mut again = load();
    again.activate(Activation::default()).unwrap();
    assert!(sounds(&mut again));
}

#[test]
fn an_instance_dropped_while_it_renders_harms_no_other() {
    let mut stays = Plugin::ready_offline(Activation::default()).unwrap();
    for _ in 0..8 {
        let mut goes = Plugin::ready(Activation::default()).unwrap();
        goes.play(&[Event::on(50).at(0)], 0.01).unwrap();
        drop(goes);
        stays.reset();
        assert!(sounds(&mut stays));
    }
}

#[test]
fn an_instance_that_is_only_looked_at_leaves_at_once() {
    for _ in 0..20 {
        let mut plugin = load();
        assert!(!plugin.params().unwrap().is_empty());
        plugin.save().unwrap();
    }
}

#[test]
fn instances_live_on_their_own_threads() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
                sounds(&mut plugin)
            })
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
}
