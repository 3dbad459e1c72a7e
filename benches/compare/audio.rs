//! The audio call: Timbrel's through the built CLAP bundle and FluidSynth's through its library, block by block in turn, at
//! the pace of an audio device.
//!
//! Both hold the same keys, one voice a key. The strikes of the chord are in the figures. At rest nothing but the keys is
//! touched; under automation two controls of each are moved every 10 ms: Timbrel's first two timbre directions, FluidSynth's
//! modulation wheel and expression.

use anyhow::{Context, Result, ensure};
use timbrel_host::clock::thread_time;
use timbrel_host::measure::{db, rms};
use timbrel_host::sounds::sustains;
use timbrel_host::{Activation, At, Event, Pace, Param, Plugin};

use crate::fluidsynth::FluidSynth;
use crate::pacing::{Device, become_real_time};
use crate::stats::{greatest, hash, mean, median};

const RATE: f64 = 48_000.0;

const VOICES: [usize; 3] = [1, 16, 64];
const BLOCKS: [usize; 3] = [32, 128, 512];

/// Length of each measurement, and of the long one of [`TYPICAL`].
const SECONDS: f64 = 6.0;
const LONG_SECONDS: f64 = 60.0;

/// Voices and samples of a block, as a player has them.
const TYPICAL: (usize, usize) = (16, 128);

/// Between two steps of automation, in seconds.
const STEP_S: f64 = 0.01;

/// A sweep goes to and fro once in this time, in seconds.
const SWEEP_S: f64 = 4.0;

/// How far the timbre is moved, as a share of the way from the middle to the end of a direction.
const REACH: f64 = 0.4;

/// In this time all keys are rendered, in seconds.
const READY_S: f64 = 4.0;

/// What is softer than this is silence, in dB.
const AUDIBLE_DB: f64 = -60.0;

/// Instruments of General MIDI that hold a note and may be made of one sample a key.
const HELD_PROGRAMS: [u8; 6] = [73, 71, 68, 75, 16, 19];

const MODULATION: u8 = 1;
const EXPRESSION: u8 = 11;

/// The keys of a chord: every one of them is rendered at its own pitch as far as there are 61.
fn chord(voices: usize) -> Vec<u8> {
    match voices {
        1 => vec![60],
        // Spread over the keyboard, so that not all partials are those of one register.
        n if n <= 20 => (0..n).map(|i| 24 + 3 * i as u8 + u8::from(i % 2 == 1)).collect(),
        n => (0..n).map(|i| 24 + i as u8).collect(),
    }
}

/// One of the two, block by block.
#[derive(Default)]
struct Calls {
    /// Of the clock and of the thread's own processor time, in seconds.
    wall_s: Vec<f64>,
    own_s: Vec<f64>,
    last: Vec<f32>,
}

impl Calls {
    fn figures(&self, deadline_s: f64, voices: usize) -> Figures {
        let percent = |seconds: f64| 100.0 * seconds / deadline_s;
        Figures {
            median: percent(median(&self.wall_s)),
            worst: percent(greatest(&self.wall_s)),
            worst_own: percent(greatest(&self.own_s)),
            per_voice: percent(mean(&self.own_s)) / voices as f64,
        }
    }
}

/// In % of the block's duration.
struct Figures {
    median: f64,
    worst: f64,
    worst_own: f64,
    /// Mean, not median: both compute in chunks of their own, longer than a small block.
    per_voice: f64,
}

pub fn run() -> Result<()> {
    let (seed, sound) = sustained_sound()?;
    let fluidsynth = FluidSynth::new(RATE)?;
    let program = one_voice_program(&fluidsynth)?;
    let priority =
        if become_real_time() { "with real-time priority, as in a host" } else { "without real-time priority" };
    println!(
        "FluidSynth {} plays program {program} of FluidR3 GM, reverb and chorus off, {RATE} Hz; Timbrel seed {seed}. Times are \
         % of the block's duration: median, worst, and in brackets the worst of the thread's own processor time, where other \
         programs are not in it. The calls are made {priority}. The ratio is of the mean processor time of a voice. {SECONDS} s each; the lines in bold {LONG_SECONDS} s.\n",
        fluidsynth.version()?
    );
    println!("The sound of the 16 keys, rendered offline: {sound}.\n");
    println!(
        "| voices | block | | Timbrel: median | worst | FluidSynth: median | worst | a voice: Timbrel | FluidSynth | ratio |"
    );
    println!("|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|");
    for moving in [false, true] {
        for voices in VOICES {
            for block in BLOCKS {
                pair(&fluidsynth, seed, voices, block, moving, SECONDS)?;
            }
        }
        pair(&fluidsynth, seed, TYPICAL.0, TYPICAL.1, moving, LONG_SECONDS)?;
    }
    Ok(())
}

/// One line alone, for a profiler: `perf record target/release/deps/compare-* audio 64 128 rest 20`.
pub fn run_one(voices: usize, block: usize, what: &str, seconds: f64) -> Result<()> {
    let (seed, _) = sustained_sound()?;
    let fluidsynth = FluidSynth::new(RATE)?;
    one_voice_program(&fluidsynth)?;
    become_real_time();
    pair(&fluidsynth, seed, voices, block, what == "sweep", seconds)
}

/// A seed whose notes last for as long as their keys are held, and a description of its sound offline.
fn sustained_sound() -> Result<(u32, String)> {
    eprintln!("Looking for a sound that lasts");
    let mut plugin = Plugin::ready_offline(Activation { rate: RATE, max_block: TYPICAL.1 as u32 })?;
    let seed = plugin.seek_seed(&[24, 45, 66, 84], sustains)?;
    let keys: Vec<At> = chord(TYPICAL.0).into_iter().map(|key| Event::on(key).at(0)).collect();
    let audio = plugin.play(&keys, SECONDS)?;
    let level = db(rms(&audio.left));
    Ok((seed, format!("{}, {level:.1} dB", hash([&audio.left[..], &audio.right[..]]))))
}

/// The first instrument that plays 64 keys with 64 voices.
fn one_voice_program(fluidsynth: &FluidSynth) -> Result<u8> {
    let most = VOICES[VOICES.len() - 1];
    for program in HELD_PROGRAMS {
        fluidsynth.program(program)?;
        strike(fluidsynth, most)?;
        let voices = fluidsynth.voices()?;
        silence(fluidsynth)?;
        if voices == most {
            return Ok(program);
        }
    }
    None.context("FluidR3 GM has no held instrument with one voice a key: give another SoundFont")
}

fn strike(fluidsynth: &FluidSynth, voices: usize) -> Result<()> {
    chord(voices).into_iter().try_for_each(|key| fluidsynth.note_on(key, 102))
}

fn silence(fluidsynth: &FluidSynth) -> Result<()> {
    fluidsynth.silence()?;
    let (mut left, mut right) = (vec![0.0; 512], vec![0.0; 512]);
    for _ in 0..200 {
        fluidsynth.process(&mut left, &mut right)?;
    }
    ensure!(fluidsynth.voices()? == 0, "FluidSynth does not fall silent");
    Ok(())
}

/// One line of the table.
fn pair(fluidsynth: &FluidSynth, seed: u32, voices: usize, block: usize, moving: bool, seconds: f64) -> Result<()> {
    let what = if moving { "sweep" } else { "rest" };
    eprintln!("{voices} voices, blocks of {block}, {what}, {seconds} s");
    let mut plugin = ready(seed, block)?;
    silence(fluidsynth)?;
    fluidsynth.control(MODULATION, 0)?;
    fluidsynth.control(EXPRESSION, 127)?;
    let params = [plugin.param("Timbre 1")?, plugin.param("Timbre 2")?];

    let mut device = Device::new(block, RATE);
    let deadline_s = device.deadline_s();
    let (mut timbrel, mut other) = (Calls::default(), Calls::default());
    let mut reference_voices = 0;
    let mut next_step_s = 0.0;
    let count = (seconds / deadline_s) as usize;
    for index in 0..count {
        let time_s = index as f64 * deadline_s;
        let mut events: Vec<At> = Vec::new();
        if index == 0 {
            events.extend(chord(voices).into_iter().map(|key| Event::on(key).at(0)));
        }
        let steps = moving && time_s >= next_step_s;
        if steps {
            next_step_s += STEP_S;
            events.extend(sweep(params, time_s));
        }
        device.wait();
        // Whoever is second finds the other's data in the processor's caches; each is so in every other block.
        for turn in 0..2 {
            if (index + turn) % 2 == 0 {
                timbrel_call(&mut plugin, &events, block, &mut timbrel)?;
            } else {
                if index == 0 {
                    strike(fluidsynth, voices)?;
                    reference_voices = fluidsynth.voices()?;
                }
                fluidsynth_call(fluidsynth, steps.then_some(time_s), block, &mut other)?;
            }
        }
    }
    ensure!(reference_voices == voices, "FluidSynth began with {reference_voices} voices instead of {voices}");
    let left = fluidsynth.voices()?;
    ensure!(left == voices, "FluidSynth ended with {left} voices instead of {voices}");
    for (name, calls) in [("Timbrel", &timbrel), ("FluidSynth", &other)] {
        let level = db(rms(&calls.last));
        ensure!(level > AUDIBLE_DB, "{name} is at {level:.0} dB in the end, so its figures are of silence");
    }
    print_line(voices, block, what, seconds == LONG_SECONDS, &timbrel, &other, deadline_s);
    Ok(())
}

/// An instance that is known to be played live, with all its keys rendered.
fn ready(seed: u32, block: usize) -> Result<Plugin> {
    let mut plugin = Plugin::load(&timbrel_host::bundle()?)?;
    let param = plugin.param("Seed")?;
    plugin.set(param, seed.into())?;
    plugin.activate(Activation { rate: RATE, max_block: block as u32 })?;
    // The first struck key waits for the model.
    plugin.play(&[Event::on(60).at(0), Event::cc(120, 0).at(block)], 0.02)?;
    plugin.play_in(&[], READY_S, std::iter::repeat(block), Pace::RealTime)?;
    Ok(plugin)
}

/// The two directions on a circle around their defaults.
fn sweep(params: [Param; 2], time_s: f64) -> [At; 2] {
    let turn = std::f64::consts::TAU * time_s / SWEEP_S;
    let set = |param: Param, way: f64| {
        Event::Set { param, value: param.default + REACH * way * (param.max - param.default) }.at(0)
    };
    [set(params[0], turn.sin()), set(params[1], turn.cos())]
}

fn timbrel_call(plugin: &mut Plugin, events: &[At], block: usize, calls: &mut Calls) -> Result<()> {
    plugin.take_process_time();
    plugin.take_own_time();
    let audio = plugin.play_in(events, block as f64 / RATE, std::iter::once(block), Pace::Free)?;
    calls.own_s.push(plugin.take_own_time().as_secs_f64());
    calls.wall_s.push(plugin.take_process_time().as_secs_f64());
    calls.last = audio.left;
    Ok(())
}

fn fluidsynth_call(fluidsynth: &FluidSynth, sweep_s: Option<f64>, block: usize, calls: &mut Calls) -> Result<()> {
    let (mut left, mut right) = (vec![0.0; block], vec![0.0; block]);
    let own = thread_time();
    let start = std::time::Instant::now();
    if let Some(time_s) = sweep_s {
        let way = 0.5 + 0.5 * (std::f64::consts::TAU * time_s / SWEEP_S).sin();
        fluidsynth.control(MODULATION, (127.0 * way) as u8)?;
        fluidsynth.control(EXPRESSION, (127.0 - 40.0 * way) as u8)?;
    }
    fluidsynth.process(&mut left, &mut right)?;
    calls.wall_s.push(start.elapsed().as_secs_f64());
    calls.own_s.push((thread_time() - own).as_secs_f64());
    calls.last = left;
    Ok(())
}

fn print_line(voices: usize, block: usize, what: &str, long: bool, ours: &Calls, other: &Calls, deadline_s: f64) {
    let (ours, other) = (ours.figures(deadline_s, voices), other.figures(deadline_s, voices));
    let bold = if long { "**" } else { "" };
    println!(
        "| {bold}{voices}{bold} | {bold}{block}{bold} | {bold}{what}{bold} | {:.2} | {:.1} ({:.1}) | {:.2} | {:.1} ({:.1}) | {:.4} | {:.4} | {:.2} |",
        ours.median,
        ours.worst,
        ours.worst_own,
        other.median,
        other.worst,
        other.worst_own,
        ours.per_voice,
        other.per_voice,
        ours.per_voice / other.per_voice
    );
}
