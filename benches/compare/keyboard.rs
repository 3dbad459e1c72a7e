//! A change of timbre with keys held, live: how long until the sounding notes are rendered anew, and until every key is.
//!
//! The times are read from the instrument's own state, which no CLAP host can see. Through the built bundle, then, what a
//! listener can tell: when the sound of held keys is first another one than without the change.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use timbrel::files::CACHE_VARIABLE;
use timbrel::link::{Generator, Status};
use timbrel::note::Timbre;
use timbrel_host::{Activation, At, Audio, Event as HostEvent, Plugin};

use crate::live::{BLOCK, Live, RATE};
use crate::note::literal_model;
use crate::scratch::Scratch;
use crate::stats::{greatest, median};

/// The keys that are held while the timbre changes.
const HELD: [u8; 4] = [36, 52, 64, 79];

/// Changes of timbre; the paper's generator takes too long for more.
const ROUNDS: usize = 15;
const PAPER_ROUNDS: usize = 3;
const OPENED_ROUNDS: usize = 7;

/// Before the change, and in all, in seconds of sound through the bundle.
const BEFORE_S: f64 = 1.0;
const LISTENED_S: f64 = 2.0;
const HEARD_ROUNDS: u32 = 7;

pub fn run() -> Result<()> {
    // What is kept on the disk would not be rendered.
    let _kept = keep_notes_in("keyboard");
    println!(
        "{} keys held, {RATE} Hz, blocks of {BLOCK}, live; each change is to a timbre that was never rendered. In brackets the \
         worst of the changes. The last column compares all keys with as many times the last note's own time, shared by the \
         threads: 1 is a worker that loses nothing.\n",
        HELD.len()
    );
    println!(
        "| generator | changes | ms until the held notes | ratio | ms until all keys | ratio | of the notes' own time |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    let paper = changes("the paper's", Some(literal_model()?), PAPER_ROUNDS)?;
    let default = changes("the default model", None, ROUNDS)?;
    for (name, times) in [("the paper's, exported plainly", &paper), ("the default model", &default)] {
        println!(
            "| {name} | {} | {:.1} ({:.1}) | {:.4} | {:.0} ({:.0}) | {:.4} | {:.2} |",
            times.held_ms.len(),
            median(&times.held_ms),
            greatest(&times.held_ms),
            median(&times.held_ms) / median(&paper.held_ms),
            median(&times.all_ms),
            greatest(&times.all_ms),
            median(&times.all_ms) / median(&paper.all_ms),
            median(&times.of_own)
        );
    }
    let opened = opened()?;
    let _kept = keep_notes_in("heard");
    println!(
        "\nOf a project that was opened with its notes from the disk, the held notes of the first change are rendered after \
         {:.1} ms in the median of {} projects, {:.1} ms at worst.",
        median(&opened),
        opened.len(),
        greatest(&opened)
    );
    let heard = heard()?;
    println!(
        "\nThrough the built bundle the sound of the held keys is another one {:.1} ms after the change in the median of {} \
         changes, {:.1} ms at worst; until then it is the same to the bit as without the change.",
        median(&heard),
        heard.len(),
        greatest(&heard)
    );
    Ok(())
}

/// Has the services that start from here on keep their notes in a folder of their own.
fn keep_notes_in(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    // SAFETY: no instance lives, and so no other thread runs that could read the environment meanwhile.
    unsafe { std::env::set_var(CACHE_VARIABLE, scratch.path()) };
    scratch
}

struct Times {
    held_ms: Vec<f64>,
    all_ms: Vec<f64>,
    of_own: Vec<f64>,
}

/// An instance as in the midst of a piece: its keys are ready, and some of them held.
fn started(model: Option<PathBuf>) -> Result<Live> {
    let mut live = Live::new(model, Timbre::default());
    live.play_until("the model is loaded", |live| live.status.generator() == Generator::Ready)?;
    live.strike(&HELD);
    live.play_until("all keys are ready", |live| live.ready(live.keys()))?;
    Ok(live)
}

fn changes(name: &str, model: Option<PathBuf>, rounds: usize) -> Result<Times> {
    let mut live = started(model)?;
    let keys = live.keys().count();
    let threads = timbrel_threads(&live.status);
    let mut times = Times { held_ms: Vec::new(), all_ms: Vec::new(), of_own: Vec::new() };
    for round in 0..rounds {
        eprintln!("{name}: change {} of {rounds}", round + 1);
        let before = live.status.notes_rendered.load(Ordering::Relaxed);
        let start = Instant::now();
        times.held_ms.push(held_ms(&mut live, 1000 + round as u32)?);
        live.play_until("all keys are rendered", |live| live.ready(live.keys()))?;
        let all_ms = 1e3 * start.elapsed().as_secs_f64();
        times.all_ms.push(all_ms);
        let rendered = live.status.notes_rendered.load(Ordering::Relaxed) - before;
        ensure!(rendered >= keys as u64, "{rendered} notes were rendered where {keys} keys became ready");
        let note_ms = 1e-3 * f64::from(live.status.inference_us.load(Ordering::Relaxed));
        times.of_own.push(all_ms / (note_ms * keys as f64 / threads));
        // A player's pause.
        let pause = Instant::now();
        live.play_until("", |_| pause.elapsed() > Duration::from_millis(300))?;
    }
    drop(live.instance);
    Ok(times)
}

/// Times in ms until the held notes follow the first change of an instance whose notes all came from the disk: nothing was
/// rendered before.
fn opened() -> Result<Vec<f64>> {
    // With none that others left there: it is counted when all have been written.
    let _kept = keep_notes_in("opened");
    let saved = Timbre { seed: 2000, seed_to: 2000, ..Timbre::default() };
    let mut live = Live::new(None, saved);
    live.play_until("all keys are ready", |live| {
        live.status.generator() == Generator::Ready && live.ready(live.keys())
    })?;
    live.instance.session_is_saved();
    live.wait_until_kept()?;
    let mut times = Vec::new();
    for round in 0..OPENED_ROUNDS {
        eprintln!("Opened: change {} of {OPENED_ROUNDS}", round + 1);
        // The service ends with its last instance, and its memory with it.
        drop(live);
        live = Live::new(None, saved);
        live.play_until("the model is loaded", |live| live.status.generator() == Generator::Ready)?;
        live.strike(&HELD);
        live.play_until("all keys are ready", |live| live.ready(live.keys()))?;
        let rendered = live.status.notes_rendered.load(Ordering::Relaxed);
        ensure!(rendered == 0, "{rendered} notes were rendered that lie on the disk");
        let pause = Instant::now();
        live.play_until("", |_| pause.elapsed() > Duration::from_millis(500))?;
        times.push(held_ms(&mut live, 3000 + round as u32)?);
    }
    Ok(times)
}

/// Changes the timbre to another seed's, and gives the time in ms until the held notes are rendered.
fn held_ms(live: &mut Live, seed: u32) -> Result<f64> {
    live.settings.timbre = Timbre { seed, seed_to: seed, ..Timbre::default() };
    let start = Instant::now();
    // The first look of the worker makes the keys unready.
    live.play_until("the worker sees the change", |live| !live.ready(HELD.into_iter()))?;
    live.play_until("the held notes are rendered", |live| live.ready(HELD.into_iter()))?;
    Ok(1e3 * start.elapsed().as_secs_f64())
}

/// The number in what the instrument says of its device: "CPU, 2 threads".
fn timbrel_threads(status: &Status) -> f64 {
    let device = status.device.lock();
    device.split(|c: char| !c.is_ascii_digit()).find_map(|digits| digits.parse().ok()).unwrap_or(1.0)
}

/// Times in ms from a change of the first direction to the first sample that differs from those without it.
fn heard() -> Result<Vec<f64>> {
    let mut times = Vec::new();
    let reference = held(None)?;
    for round in 0..HEARD_ROUNDS {
        eprintln!("Listening: change {} of {HEARD_ROUNDS}", round + 1);
        let changed = held(Some(0.3 + 0.05 * f64::from(round)))?;
        let differs = |(a, b): (&f32, &f32)| a.to_bits() != b.to_bits();
        let first = reference.left.iter().zip(&changed.left).position(differs);
        let first = first.context("the change was not heard")?;
        let after_s = first as f64 / RATE - BEFORE_S;
        ensure!(
            after_s >= 0.0,
            "the held keys do not sound the same twice, {:.1} ms before the change",
            -1e3 * after_s
        );
        times.push(1e3 * after_s);
    }
    Ok(times)
}

/// The held keys through the bundle, live, with the first direction moved by a share of its reach.
fn held(change: Option<f64>) -> Result<Audio> {
    let mut plugin = Plugin::ready(Activation { rate: RATE, max_block: BLOCK as u32 })?;
    let direction = plugin.param("Timbre 1")?;
    let blocks = || std::iter::repeat(BLOCK);
    plugin.play(&[HostEvent::on(60).at(0), HostEvent::cc(120, 0).at(BLOCK)], 0.01)?;
    plugin.play_in(&[], 3.0, blocks(), timbrel_host::Pace::RealTime)?;
    let mut events: Vec<At> = HELD.map(|key| HostEvent::on(key).at(0)).to_vec();
    if let Some(share) = change {
        let value = direction.default + share * (direction.max - direction.default);
        events.push(HostEvent::Set { param: direction, value }.at((BEFORE_S * RATE) as usize));
    }
    plugin.play_in(&events, LISTENED_S, blocks(), timbrel_host::Pace::RealTime)
}
