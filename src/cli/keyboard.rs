//! `timbrel keyboard`: each key of the model as a WAV file of its own.
//!
//! The notes go through the whole instrument, with parameters that leave them as they were generated.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use timbrel::audio::Event;
use timbrel::model::Model;

use super::controls::Controls;
use super::player::{self, Player, Progress, To};
use super::wav::{Measured, WavFile};
use super::{Sound, rate_parser, seconds};

/// A note that is cut short is faded out in this time, in seconds.
const FADE_SECONDS: f64 = 0.02;

const NAMES: [&str; 12] = ["C", "Cs", "D", "Ds", "E", "F", "Fs", "G", "Gs", "A", "As", "B"];

#[derive(Args)]
pub struct Arguments {
    /// Folder to write into, made where it is not there. Files of the same names are replaced.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    sound: Sound,
    /// Sample rate in Hz; the model's own where none is given.
    #[arg(long, value_name = "HZ", value_parser = rate_parser())]
    rate: Option<u32>,
    /// Length of each file; a note that is longer is faded out.
    #[arg(long, value_name = "SECONDS", default_value = "4", value_parser = seconds)]
    seconds: f64,
}

/// Renders, and prints what was measured.
pub fn run(arguments: &Arguments) -> Result<()> {
    ensure!(arguments.seconds > FADE_SECONDS, "--seconds must be more than {FADE_SECONDS}");
    let mut player = Player::new(48_000);
    let status = player.status();
    let statuses = player.statuses();
    let controls = Controls::new(&status);
    // The note as it was generated, unless something else is asked for.
    controls.set_text("mode", "Natural")?;
    controls.set_text("gain", "0")?;
    controls.set_text("release", &format!("{FADE_SECONDS} s"))?;
    arguments.sound.apply(&controls)?;
    player::heed_interruptions();
    let folder = Folder::make(&arguments.out)?;
    player.start(arguments.sound.model.as_deref())?;
    let path = status.model.lock().path.clone();
    let model_rate = Model::read(&path)?.manifest.representation.geometry().sample_rate;
    let rate = arguments.rate.unwrap_or(model_rate);
    player.activate(rate);
    WavFile::check_length(arguments.seconds, rate, arguments.sound.bits)?;

    let start = Instant::now();
    let (low, high) = status.pitch_range();
    let keys = low..=high;
    let samples = player.sample_at(arguments.seconds) * keys.len() as u64;
    let files = player::watch(&statuses, samples, |progress| {
        let file = |key| {
            let path = arguments.out.join(file_name(key));
            let mut file = WavFile::create(&path, rate, arguments.sound.bits)?;
            play(&mut player, &controls, key, arguments.seconds, &mut file, progress)?;
            file.close()?;
            Ok(file)
        };
        keys.map(file).collect::<Result<Vec<_>>>()
    })?;
    let took = start.elapsed();
    // All are complete, so that none is there without the others unless the disk fails now.
    let count = files.len();
    let measured = files
        .into_iter()
        .try_fold(Measured::default(), |all, file| Ok::<_, anyhow::Error>(all.and(file.publish()?)))?;
    folder.keep();
    let seconds = player.seconds_at(measured.samples);
    println!(
        "{}: {count} keys ({} to {}) at {rate} Hz, {seconds:.1} s, {}, {}",
        arguments.out.display(),
        file_name(low),
        file_name(high),
        measured.peak_text(),
        player::figures(&statuses, seconds, took)
    );
    if let Some(warning) = measured.warning(arguments.sound.bits) {
        eprintln!("timbrel: {}: {warning}", arguments.out.display());
    }
    Ok(())
}

/// Plays one key from its stroke on.
fn play(
    player: &mut Player,
    controls: &Controls,
    key: u8,
    seconds: f64,
    file: &mut WavFile,
    progress: &Progress,
) -> Result<()> {
    player.silence();
    let settings = controls.settings();
    let end = player.sample_at(seconds);
    let on = Event::NoteOn { key, channel: 0, id: None, velocity: 1.0 };
    let off = Event::NoteOff { key: Some(key), channel: Some(0), id: None };
    let events = [(0, To::All, on), (player.sample_at(seconds - FADE_SECONDS), To::All, off)];
    player.play(events, end, file, progress, |_, _| settings, |_, _| true)
}

/// MIDI number and name of a key, with MIDI 60 as C4: `61_Cs4.wav`.
fn file_name(key: u8) -> String {
    format!("{key:02}_{}{}.wav", NAMES[usize::from(key % 12)], i32::from(key / 12) - 1)
}

/// The folder that is written into; where it was made here and nothing comes of it, it goes again.
struct Folder<'a> {
    path: &'a Path,
    is_ours: bool,
}

impl<'a> Folder<'a> {
    fn make(path: &'a Path) -> Result<Self> {
        ensure!(!path.exists() || path.is_dir(), "{} is a file: name a folder for --out", path.display());
        let is_ours = !path.exists();
        std::fs::create_dir_all(path).with_context(|| format!("the folder {} cannot be made", path.display()))?;
        Ok(Self { path, is_ours })
    }

    fn keep(mut self) {
        self.is_ours = false;
    }
}

impl Drop for Folder<'_> {
    fn drop(&mut self) {
        if self.is_ours {
            // A folder that somebody else has put something into stays.
            let _ = std::fs::remove_dir(self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_number_and_key() {
        let names: Vec<_> = [24, 60, 61, 69, 84, 0].into_iter().map(file_name).collect();
        assert_eq!(names, ["24_C1.wav", "60_C4.wav", "61_Cs4.wav", "69_A4.wav", "84_C6.wav", "00_C-1.wav"]);
    }
}
