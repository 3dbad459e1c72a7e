//! The demo: a short piece through the built CLAP plugin, played live against the clock and then rendered offline, with
//! what was measured on the way.

use std::fs;
use std::io::IsTerminal;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use timbrel_host::measure::{db, equal_temperament, pitch_error_cents, rms};
use timbrel_host::{Activation, At, Audio, Event, Pace, Plugin, picture};

use crate::bundle::{self, Build};
use crate::midi::{Note, Score};
use crate::score;
use crate::setup::packages;
use crate::shell::{say, target_dir};

const ACTIVATION: Activation = Activation { rate: 48_000.0, max_block: 512 };

/// Time after the last key went up, for its release.
const TAIL_S: f64 = 1.5;

/// Silence before the live performance, as there is before a player begins.
const LIVE_LEAD_S: f64 = 2.0;

/// How far the timbre is moved, as a share of the way from the middle to the end of a direction.
const MOVE_REACH: f64 = 0.4;

/// What is louder than this sounds.
const AUDIBLE_DB: f64 = -60.0;

/// Time after which a plugin that has not sounded is taken to be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two steps of the moving timbre, in samples.
const MOVE_STEP: usize = 480;

/// A melody note is measured from here on, when the one before it has died away.
const SETTLED_S: f64 = 0.12;

pub fn demo() -> Result<()> {
    packages::install(packages::BUILD)?;
    bundle::bundle(&Build::release(None))?;
    let bytes = fs::read(score::PATH).with_context(|| format!("{} is missing from the checkout", score::PATH))?;
    let score = Score::read(&bytes)?;
    let bundle = timbrel_host::bundle()?;

    say("Loading the plugin as a host does, until it sounds");
    let loading = Instant::now();
    let mut plugin = Plugin::load(&bundle)?;
    plugin.activate(ACTIVATION)?;
    let first_sound = first_sound(&mut plugin, loading)?;

    say("Playing the demo live");
    let events = events(&mut plugin, &score)?;
    let seconds = score.end_s() + TAIL_S;
    // A moment against the clock shows the plugin that it is played live, and lets it render ahead.
    play(&mut plugin, &[], LIVE_LEAD_S, Pace::RealTime)?;
    plugin.take_process_time();
    plugin.take_worst();
    let live = play(&mut plugin, &events, seconds, Pace::RealTime)?;
    let load = plugin.take_process_time().as_secs_f64() / seconds;
    let worst = plugin.take_worst();
    drop(plugin);

    say("Rendering it offline");
    let mut plugin = Plugin::load(&bundle)?;
    plugin.set_offline(true)?;
    plugin.activate(ACTIVATION)?;
    let rendering = Instant::now();
    let offline = play(&mut plugin, &events, seconds, Pace::Free)?;
    let rendering = rendering.elapsed();
    drop(plugin);

    let folder = target_dir().join("demo");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let (wav, png) = (folder.join("demo.wav"), folder.join("demo.png"));
    offline.write_wav(&wav)?;
    picture::spectrogram(&offline.left, offline.rate, "Timbrel: assets/demo.mid, rendered offline", &png)?;

    say("Rendering it by the standalone, which counts its notes");
    let counted = headless(&folder.join("headless.wav"))?;

    let pitch = pitch_errors(&score, &offline);
    println!();
    println!("notes                  {counted}");
    println!("notes heard            {} offline, {} live", heard(&score, &offline), heard(&score, &live));
    match (median(&pitch), pitch.iter().copied().max_by(f64::total_cmp)) {
        (Some(median), Some(worst)) => {
            println!(
                "pitch error            {median:.2} cents median, {worst:.2} worst, of {} notes alone",
                pitch.len()
            );
        }
        _ => println!("pitch error            none could be measured: no note sounded alone at its pitch"),
    }
    println!(
        "audio thread, live     {:.2} % of real time, {:.1} % in the worst block ({:.1} % of its own)",
        100.0 * load,
        100.0 * worst.clock,
        100.0 * worst.own
    );
    println!("loading to first sound {:.2} s", first_sound.as_secs_f64());
    println!("offline                {:.1} s for {seconds:.1} s of sound", rendering.as_secs_f64());
    println!("level                  {:.1} dB peak, {:.1} dB mean", db(offline.peak().into()), db(rms(&offline.left)));
    println!("sound                  {}", wav.display());
    println!("picture                {}", png.display());
    Ok(())
}

/// Renders the file by `timbrel render`, and returns what it says of its notes: `asked 59, rendered 48, played 59`.
fn headless(wav: &Path) -> Result<String> {
    let mut command = Command::new(timbrel_host::bundled_dir().join("timbrel"));
    let output = command.args(["render", score::PATH, "--out"]).arg(wav).output().context("timbrel cannot be run")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`timbrel render` failed: {}", said.trim());
    let counts = said.lines().find_map(|line| Some(line.split_once("notes ")?.1.split_once(';')?.0.to_string()));
    counts.with_context(|| format!("`timbrel render` did not count its notes: {}", said.trim()))
}

/// From the beginning of loading to the first sample that is heard of a key that is held from the first block on.
fn first_sound(plugin: &mut Plugin, loading: Instant) -> Result<Duration> {
    let block = std::iter::repeat(ACTIVATION.max_block as usize);
    let mut events = vec![Event::on(60).at(0)];
    while loading.elapsed() < PATIENCE {
        let audio = plugin.play_in(&events, 0.01, block.clone(), Pace::RealTime)?;
        events.clear();
        if db(audio.peak().into()) > AUDIBLE_DB {
            let sounded = loading.elapsed();
            plugin.play(&[Event::off(60).at(0), Event::cc(120, 0).at(0)], 0.1)?;
            return Ok(sounded);
        }
    }
    bail!(
        "the plugin stayed silent for {} s with a key held: open the standalone in target/bundled and read what its \
         editor says",
        PATIENCE.as_secs()
    )
}

/// The file's events, and two directions of the timbre that move while the last chord is held.
fn events(plugin: &mut Plugin, score: &Score) -> Result<Vec<At>> {
    let mut events = score.at(ACTIVATION.rate);
    let directions = [plugin.param("Timbre 1")?, plugin.param("Timbre 2")?];
    let from_s = score.marker_s(score::MOVE_MARKER).context("the demo has no marker where the timbre moves")?;
    let length_s = score.end_s() - from_s;
    let sample = |time_s: f64| (time_s * ACTIVATION.rate) as usize;
    for at in (sample(from_s)..sample(score.end_s())).step_by(MOVE_STEP) {
        let turn = std::f64::consts::TAU * (at as f64 / ACTIVATION.rate - from_s) / length_s;
        // A circle that begins and ends where the rest of the piece stands.
        for (param, value) in directions.into_iter().zip([turn.sin(), 1.0 - turn.cos()]) {
            events.push(
                Event::Set { param, value: param.default + MOVE_REACH * value * (param.max - param.default) }.at(at),
            );
        }
    }
    Ok(events)
}

/// Plays second by second, with a bar.
fn play(plugin: &mut Plugin, events: &[At], seconds: f64, pace: Pace) -> Result<Audio> {
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(seconds as u64) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} s")?);
    let mut blocks = 0;
    let sizes = std::iter::repeat(ACTIVATION.max_block as usize).inspect(|size| {
        blocks += size;
        bar.set_position((blocks as f64 / ACTIVATION.rate) as u64);
    });
    let audio = plugin.play_in(events, seconds, sizes, pace);
    bar.finish_and_clear();
    audio
}

/// Notes that have sound at their pitch while their key is down.
fn heard(score: &Score, audio: &Audio) -> usize {
    let sounds = |note: &&Note| {
        let stretch = audio.slice(note.on_s, note.off_s);
        pitch_error_cents(stretch, audio.rate, equal_temperament(note.key.into())).is_some()
    };
    score.notes.iter().filter(sounds).count()
}

/// Distances from equal temperament of the notes that sound alone, in cents.
fn pitch_errors(score: &Score, audio: &Audio) -> Vec<f64> {
    let error = |note: &Note| {
        let stretch = audio.slice(note.on_s + SETTLED_S, note.off_s);
        pitch_error_cents(stretch, audio.rate, equal_temperament(note.key.into())).map(f64::abs)
    };
    score.alone(0.0).iter().filter_map(error).collect()
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}
