//! Storms: many instances, made and dropped from many threads while others play, with other rates, block sizes, states and
//! models. What they leave behind is measured, and a render after them is the one before.
//!
//! `cargo xtask soak --minutes N` runs the long one.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use timbrel_host::realtime::first_offence;
use timbrel_host::{Activation, At, Event, Pace, Plugin};

/// How long the long storm lasts, in minutes.
const MINUTES_VARIABLE: &str = "TIMBREL_SOAK_MINUTES";

/// Threads that make and drop instances, and how many each may have.
const THREADS: u64 = 8;
const MOST_INSTANCES: usize = 8;

/// A small random number generator (Marsaglia's xorshift), so that a storm can be had again.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// What the process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    memory_mb: u64,
    threads: usize,
    files: usize,
}

impl Held {
    fn now() -> Self {
        // What the allocator has kept for itself is no leak.
        // SAFETY: it touches nothing but the allocator's own free memory.
        unsafe { libc::malloc_trim(0) };
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let field = |name: &str| -> u64 {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let files = std::fs::read_dir("/proc/self/fd").unwrap().count();
        Self { memory_mb: field("VmRSS:") / 1024, threads: field("Threads:") as usize, files }
    }
}

/// A few notes with a moving timbre.
fn piece(plugin: &mut Plugin) -> Vec<At> {
    let timbre = plugin.param("Timbre 1").unwrap();
    let mut events: Vec<At> = (0..6).map(|n| Event::on(48 + 5 * n as u8).at(n * 6_000)).collect();
    events.extend((0..10).map(|n| {
        let value = timbre.default + (timbre.max - timbre.default) * n as f64 / 10.0;
        Event::Set { param: timbre, value }.at(n * 4_000)
    }));
    events
}

fn bounce() -> timbrel_host::Audio {
    let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
    let events = piece(&mut plugin);
    plugin.play(&events, 1.5).unwrap()
}

/// Lets it storm for a time; counts what was done.
fn storm(time: Duration, seed: u64) -> u64 {
    let end = Instant::now() + time;
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let done = &done;
            scope.spawn(move || {
                let mut own = Vec::new();
                let mut random = Random(seed ^ 0x9e37_79b9_7f4a_7c15u64.wrapping_mul(thread + 1));
                while Instant::now() < end {
                    act(&mut own, &mut random);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    done.load(Ordering::Relaxed)
}

/// One thing that a host may do.
fn act(own: &mut Vec<Plugin>, random: &mut Random) {
    let what = random.below(10);
    let is_new = own.is_empty() || what == 0 && own.len() < MOST_INSTANCES;
    let mut plugin = if is_new {
        Plugin::load(&timbrel_host::bundle().unwrap()).unwrap()
    } else {
        own.swap_remove(random.below(own.len() as u64) as usize)
    };
    match what {
        0 | 1 => {
            let rate = random.one_of(&[22_050.0, 44_100.0, 48_000.0, 96_000.0]);
            let max_block = random.one_of(&[1, 32, 511, 2_048]);
            plugin.activate(Activation { rate, max_block }).unwrap();
        }
        2 => plugin.deactivate(),
        3 => {
            let state = plugin.save().unwrap();
            plugin.restore(&state).unwrap();
        }
        4 => {
            let mut state = plugin.save().unwrap();
            let at = random.below(state.len() as u64) as usize;
            state[at] ^= 1 << random.below(8);
            // A state that is damaged may be refused.
            let _ = plugin.restore(&state);
        }
        5 => plugin.reset(),
        _ => {
            if !plugin.is_active() {
                plugin.activate(Activation::default()).unwrap();
            }
            let mut events: Vec<At> = (0..random.below(12))
                .map(|_| {
                    let (key, at) = (30 + random.below(60) as u8, random.below(2_000) as usize);
                    match random.below(4) {
                        0 => Event::off(key).at(at),
                        1 => Event::cc(random.below(128) as u8, random.below(128) as u8).at(at),
                        _ => Event::on(key).at(at),
                    }
                })
                .collect();
            events.sort_by_key(|event| event.sample);
            let pace = if random.below(2) == 0 { Pace::Free } else { Pace::RealTime };
            let size = 1 + random.below(32) as usize;
            let most = plugin.max_block();
            let audio = plugin.play_in(&events, 0.05, std::iter::repeat(size.min(most)), pace).unwrap();
            assert!(audio.is_finite());
        }
    }
    // Now and then one goes, in whatever state it is.
    if random.below(12) > 0 {
        own.push(plugin);
    }
}

/// Plays live, watched, for as long as it storms around it.
fn plays_on(stop: &AtomicBool) -> f64 {
    let mut plugin = Plugin::ready(Activation { rate: 48_000.0, max_block: 256 }).unwrap();
    let blocks = || std::iter::repeat(256);
    let timbre = plugin.param("Timbre 2").unwrap();
    plugin.play(&[Event::on(60).at(0)], 0.2).unwrap();
    // Once a stroke of a key that nobody has rendered is not waited for, the plugin knows that it is played live.
    let seed = plugin.param("Seed").unwrap();
    for unheard in 7000.. {
        plugin.watch();
        let set = Event::Set { param: seed, value: f64::from(unheard) };
        plugin.play_in(&[set.at(40_000), Event::on(60).at(40_000)], 1.0, blocks(), Pace::RealTime).unwrap();
        if plugin.take_caught().is_nothing() {
            break;
        }
    }
    let mut seconds = 0.0;
    while !stop.load(Ordering::Relaxed) {
        let events = (0..8).map(|n| {
            let value = timbre.min + (timbre.max - timbre.min) * f64::from(n) / 8.0;
            [Event::on(40 + 4 * n as u8), Event::Set { param: timbre, value }].map(|event| event.at(n as usize * 5_000))
        });
        let events: Vec<At> = events.flatten().collect();
        plugin.watch();
        let audio = plugin.play_in(&events, 1.0, blocks(), Pace::RealTime).unwrap();
        let caught = plugin.take_caught();
        assert!(audio.is_finite());
        assert!(caught.is_nothing_but_yields(), "{caught:?}, first from:\n{}", first_offence());
        seconds += 1.0;
    }
    seconds
}

fn weather(time: Duration) {
    let before = bounce();
    assert!(before.peak() > 0.01);
    // What is made once for the whole process, and the memory that notes may take, is there after a first storm.
    storm(time.min(Duration::from_secs(60)) / 4, 1);
    let start = Held::now();
    let stop = AtomicBool::new(false);
    let (done, seconds) = std::thread::scope(|scope| {
        let player = scope.spawn(|| plays_on(&stop));
        let done = storm(time, 2);
        stop.store(true, Ordering::Relaxed);
        (done, player.join().unwrap())
    });
    let end = Held::now();
    println!(
        "{done} calls in {:.0} s, {seconds:.0} s played live; before: {start:?}; after: {end:?}",
        time.as_secs_f64()
    );
    assert!(end.threads <= start.threads, "threads: {start:?}, then {end:?}");
    assert!(end.files <= start.files, "open files: {start:?}, then {end:?}");
    // Heaps of threads that come and go are kept by the allocator, in pieces: a hundred megabytes more or less, however long it
    // storms. Of the thousands of instances that were made each would have left some.
    assert!(end.memory_mb <= start.memory_mb + 256, "memory: {start:?}, then {end:?}");
    assert!(before.same_bits(&bounce()), "a bounce after the storm is the one before it");
}

#[test]
fn a_short_storm_leaves_nothing_behind() {
    weather(Duration::from_secs(20));
}

#[test]
#[ignore = "lasts as long as it is told to: cargo xtask soak --minutes N"]
fn a_long_storm_leaves_nothing_behind() {
    let minutes = std::env::var(MINUTES_VARIABLE).ok().and_then(|minutes| minutes.parse().ok()).unwrap_or(60.0);
    weather(Duration::from_secs_f64(60.0 * minutes));
}
