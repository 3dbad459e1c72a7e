//! A project is opened, with no note of it on the disk and with all: how long until a held key is heard and until every key is
//! ready. The latter is read from the instrument's own state, which no CLAP host can see.
//!
//! The folder of notes is set by the environment, so each opening is a process of its own; and the folder is one of this
//! bench, since what is run from the checkout leaves the user's alone.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::{Result, ensure};
use timbrel::files::CACHE_VARIABLE;
use timbrel::note::Timbre;
use timbrel_host::measure::db;

use crate::live::Live;
use crate::loading::{AUDIBLE_DB, printed};
use crate::scratch::Scratch;
use crate::stats::{greatest, median};

const ROUNDS: usize = 7;

/// The seed of the timbre that the project was saved with.
const SEED: u32 = 77;

/// The key that is held while the project opens.
const HELD: u8 = 60;

pub fn run() -> Result<()> {
    let scratch = Scratch::new("opening");
    let warm = scratch.path().join("warm");
    printed(&["keep"], &[(CACHE_VARIABLE, &warm)])?;
    let (mut from_nothing, mut from_disk) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        eprintln!("Opening a project: round {} of {ROUNDS}", round + 1);
        from_nothing.push(open_in_a_process(&scratch.path().join("cold"), false)?);
        from_disk.push(open_in_a_process(&warm, true)?);
    }
    println!(
        "A project is opened, in processes of its own with warm files, in turn; medians of {ROUNDS}, in brackets the worst. \
         From the beginning, before the model is loaded, until a held key is heard, and until all keys are ready.\n"
    );
    println!("| notes | ms to the first sound | ratio | ms until all keys | ratio |");
    println!("|---|---:|---:|---:|---:|");
    let column = |times: &[[f64; 2]], at: usize| times.iter().map(|times| times[at]).collect::<Vec<_>>();
    for (name, times) in [("all to be rendered", &from_nothing), ("all on the disk", &from_disk)] {
        let cell = |at| {
            let (own, first) = (column(times, at), column(&from_nothing, at));
            format!("{:.0} ({:.0}) | {:.2}", median(&own), greatest(&own), median(&own) / median(&first))
        };
        println!("| {name} | {} | {} |", cell(0), cell(1));
    }
    Ok(())
}

/// Milliseconds to the first sound and until all keys are ready.
fn open_in_a_process(notes: &Path, is_warm: bool) -> Result<[f64; 2]> {
    let [sound_ms, keys_ms, rendered] = printed(&["open"], &[(CACHE_VARIABLE, notes)])?;
    ensure!((rendered == 0.0) == is_warm, "{rendered} notes were rendered");
    Ok([sound_ms, keys_ms])
}

fn saved() -> Timbre {
    Timbre { seed: SEED, seed_to: SEED, ..Timbre::default() }
}

/// In its own process: renders the keyboard and leaves it on the disk.
pub fn keep() -> Result<()> {
    let mut live = Live::new(None, saved());
    live.play_until("all keys are ready", |live| live.ready(live.keys()))?;
    live.instance.session_is_saved();
    live.wait_until_kept()?;
    println!("0 0 {}", live.status.notes_rendered.load(Ordering::Relaxed));
    Ok(())
}

/// In its own process: opens the project.
pub fn open() -> Result<()> {
    let start = Instant::now();
    let mut live = Live::new(None, saved());
    live.strike(&[HELD]);
    let is_heard = |live: &Live| live.out.iter().any(|sample| db(f64::from(sample.abs())) > AUDIBLE_DB);
    live.play_until("a sound", is_heard)?;
    let heard = start.elapsed();
    live.play_until("all keys are ready", |live| live.ready(live.keys()))?;
    let ready = start.elapsed();
    println!(
        "{} {} {}",
        1e3 * heard.as_secs_f64(),
        1e3 * ready.as_secs_f64(),
        live.status.notes_rendered.load(Ordering::Relaxed)
    );
    Ok(())
}
