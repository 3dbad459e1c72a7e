//! Loading, memory and threads: each measurement in a process of its own, in turn with FluidSynth's, since memory that was
//! used once is not given back in full.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use timbrel_host::measure::db;
use timbrel_host::{Activation, Event, Pace, Plugin};

use crate::fluidsynth::FluidSynth;
use crate::opening;
use crate::pacing::Device;
use crate::stats::median;

const RATE: f64 = 48_000.0;
const BLOCK: usize = 128;
const MANY: usize = 16;
const ROUNDS: usize = 5;

pub const AUDIBLE_DB: f64 = -60.0;
const PATIENCE: Duration = Duration::from_secs(60);

/// Memory is read once the keyboard is rendered, in seconds after the first sound.
const SETTLED_S: f64 = 4.0;

/// What a process prints: milliseconds, memory in MB before and after, threads before and after.
struct Measured {
    sound_ms: f64,
    memory_mb: f64,
    threads: f64,
}

pub fn run() -> Result<()> {
    let count = MANY.to_string();
    let subjects: [(&str, Vec<&str>); 3] = [
        ("FluidSynth, FluidR3 GM", vec!["fluidsynth"]),
        ("Timbrel", vec!["instances", "1"]),
        ("Timbrel, 16 instances", vec!["instances", &count]),
    ];
    let mut results: [Vec<Measured>; 3] = Default::default();
    for round in 0..ROUNDS {
        eprintln!("Round {} of {ROUNDS}", round + 1);
        for ((_, arguments), results) in subjects.iter().zip(&mut results) {
            results.push(measure(arguments)?);
        }
    }
    let middle = |results: &[Measured], of: fn(&Measured) -> f64| median(&results.iter().map(of).collect::<Vec<_>>());
    println!(
        "Each in processes of its own with warm files, in turn; medians of {ROUNDS}. First sound: from the beginning of loading \
         until a held key is heard (of every instance). Memory and threads: what the process has more than before, once all \
         keys are rendered.\n"
    );
    println!("| | ms to the first sound | ratio | resident MB | ratio | threads |");
    println!("|---|---:|---:|---:|---:|---:|");
    let (first, memory) = (middle(&results[0], |m| m.sound_ms), middle(&results[0], |m| m.memory_mb));
    for ((name, _), results) in subjects.iter().zip(&results) {
        let (sound_ms, memory_mb) = (middle(results, |m| m.sound_ms), middle(results, |m| m.memory_mb));
        println!(
            "| {name} | {sound_ms:.0} | {:.2} | {memory_mb:.0} | {:.2} | {:.0} |",
            sound_ms / first,
            memory_mb / memory,
            middle(results, |m| m.threads)
        );
    }
    let more = middle(&results[2], |m| m.memory_mb) - middle(&results[1], |m| m.memory_mb);
    println!("\nEach instance after the first takes {:.1} MB more.\n", more / (MANY - 1) as f64);
    opening::run()
}

fn measure(arguments: &[&str]) -> Result<Measured> {
    let [sound_ms, memory_mb, threads] = printed(arguments, &[])?;
    Ok(Measured { sound_ms, memory_mb, threads })
}

/// The numbers that a measurement of this part prints in a process of its own, with variables that are set there.
pub fn printed(arguments: &[&str], variables: &[(&str, &Path)]) -> Result<[f64; 3]> {
    let program = std::env::current_exe().context("this program does not find itself")?;
    let mut command = Command::new(program);
    command.arg("loading").args(arguments).envs(variables.iter().copied());
    let output = command.output().context("it cannot be run again")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let numbers = numbers.try_into().ok();
    numbers.with_context(|| format!("a measurement printed `{}` instead of three numbers", text.trim()))
}

/// In its own process: so many instances, from nothing to sound.
pub fn instances(count: usize) -> Result<()> {
    let bundle = timbrel_host::bundle()?;
    let before = Process::now()?;
    let start = Instant::now();
    let mut plugins = (0..count).map(|_| Plugin::load(&bundle)).collect::<Result<Vec<_>>>()?;
    for plugin in &mut plugins {
        plugin.activate(Activation { rate: RATE, max_block: BLOCK as u32 })?;
    }
    let mut silent: Vec<bool> = vec![true; count];
    let mut device = Device::new(BLOCK, RATE);
    let mut events = vec![Event::on(60).at(0)];
    let mut sounded = Duration::ZERO;
    let mut since = None::<Instant>;
    while since.is_none_or(|since| since.elapsed().as_secs_f64() < SETTLED_S) {
        ensure!(start.elapsed() < PATIENCE, "the plugin stayed silent for {} s", PATIENCE.as_secs());
        device.wait();
        for (plugin, silent) in plugins.iter_mut().zip(&mut silent) {
            let audio = plugin.play_in(&events, BLOCK as f64 / RATE, std::iter::once(BLOCK), Pace::Free)?;
            if *silent && db(audio.peak().into()) > AUDIBLE_DB {
                *silent = false;
                sounded = start.elapsed();
            }
        }
        events.clear();
        if since.is_none() && !silent.contains(&true) {
            since = Some(Instant::now());
        }
    }
    Process::now()?.print(sounded, &before);
    Ok(())
}

/// In its own process: FluidSynth with its SoundFont, from nothing to sound.
pub fn fluidsynth() -> Result<()> {
    let before = Process::now()?;
    let start = Instant::now();
    let synth = FluidSynth::new(RATE)?;
    synth.program(19)?;
    synth.note_on(60, 102)?;
    let (mut left, mut right) = (vec![0.0; BLOCK], vec![0.0; BLOCK]);
    while left.iter().all(|x| db(f64::from(f32::abs(*x))) <= AUDIBLE_DB) {
        ensure!(start.elapsed() < PATIENCE, "FluidSynth stayed silent for {} s", PATIENCE.as_secs());
        synth.process(&mut left, &mut right)?;
    }
    let sounded = start.elapsed();
    Process::now()?.print(sounded, &before);
    Ok(())
}

/// What the system says of this process.
struct Process {
    memory_kb: f64,
    threads: f64,
}

impl Process {
    fn now() -> Result<Self> {
        let text = std::fs::read_to_string("/proc/self/status").context("memory is only measured on Linux")?;
        let number = |name: &str| {
            let line =
                text.lines().find_map(|line| line.strip_prefix(name)).context("the system's status has changed")?;
            Ok::<f64, anyhow::Error>(line.split_whitespace().next().unwrap_or_default().parse()?)
        };
        Ok(Self { memory_kb: number("VmRSS:")?, threads: number("Threads:")? })
    }

    fn print(&self, sounded: Duration, before: &Self) {
        let megabytes = (self.memory_kb - before.memory_kb) / 1024.0;
        println!("{} {megabytes} {}", 1e3 * sounded.as_secs_f64(), self.threads - before.threads);
    }
}
