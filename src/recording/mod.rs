//! Recordings of any usual kind: WAV and AIFF of 8 to 64 bits or float, FLAC; any rate, any channels. And what is heard in
//! them: where the sound begins ([`shape`]), its key ([`pitch`], [`yin`]), how far it is from it ([`tuning`]).
//!
//! What a file is, is told by how it begins and not by its name. No thread of the plugin reads any but that which matches.

mod source;
mod pcm;
mod wav;
mod aiff;
pub mod resample;
pub mod shape;
pub mod tuning;
pub mod yin;
pub mod pitch;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use anyhow::{Result, anyhow, bail, ensure};
use claxon::FlacReader;
use source::Source;

/// Rates outside are mistakes, in Hz.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// No note is longer; what is longer is cut, so that a whole concert does not fill the memory, in seconds.
const MAX_SECONDS: u64 = 60;

/// More channels than any recording has.
const MAX_CHANNELS: usize = 64;

/// Channels cancel each other where their mean has less than this share of their mean energy (-10 dB). Two that have nothing
/// to do with each other have half of it, and so has one beside a silent one.
const CANCELLED: f64 = 0.1;

/// A recording of one channel.
#[derive(Debug)]
pub struct Recording {
    pub samples: Vec<f32>,
    /// Samples a second.
    pub rate: u32,
    /// The key that the file says it was played with, as a MIDI number.
    pub root: Option<u8>,
    /// Whether one channel was taken, since all of them cancel each other.
    pub is_one_side: bool,
}

/// A file's samples as they stand, channels interleaved.
struct Sound {
    samples: Vec<f32>,
    channels: usize,
    rate: u32,
    root: Option<u8>,
}

/// Whether a file is of a kind that can be read, by its name.
pub fn is_readable(path: &Path) -> bool {
    has_extension(path, &["wav", "wave", "bwf", "rf64", "aif", "aiff", "aifc", "flac"])
}

/// Whether a file is sound of a kind that cannot be read.
pub fn is_foreign(path: &Path) -> bool {
    let packed = ["mp2", "mp3", "ogg", "oga", "opus", "m4a", "mp4", "aac", "wma", "ape", "wv"];
    has_extension(path, &packed) || has_extension(path, &["caf", "w64", "au", "snd", "sd2", "ncw", "rex", "rx2"])
}

pub fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    extensions.contains(&extension.as_str())
}

/// Reads a recording. Errors say what is wrong with the file, without its name.
pub fn read(path: &Path) -> Result<Recording> {
    recording(File::open(path)?)
}

fn recording(file: impl Read + Seek) -> Result<Recording> {
    let Sound { samples, channels, rate, root } = sound(file)?;
    if let Some(index) = samples.iter().position(|sample| !sample.is_finite()) {
        bail!("it holds what is no number (sample {}): export it again", index / channels);
    }
    let (samples, is_one_side) = mono(samples, channels);
    Ok(Recording { samples, rate, root, is_one_side })
}

fn sound(file: impl Read + Seek) -> Result<Sound> {
    let mut source = Source::new(file)?;
    let start = source.behind_id3()?;
    match source.bytes(start, 12)?.as_slice() {
        [b'R', b'I', b'F', b'F' | b'X', _, _, _, _, b'W', b'A', b'V', b'E']
        | [b'R', b'F', b'6', b'4', _, _, _, _, b'W', b'A', b'V', b'E']
        | [b'B', b'W', b'6', b'4', _, _, _, _, b'W', b'A', b'V', b'E'] => wav::read(&mut source),
        [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', b'F' | b'C'] => aiff::read(&mut source),
        [b'f', b'L', b'a', b'C', ..] => read_flac(source.into_file(start)?),
        [] => bail!("it is empty"),
        [b'O', b'g', b'g', b'S', ..] => bail!("it is an Ogg file: convert it to WAV or FLAC"),
        [0xff, second, ..] if second & 0xe0 == 0xe0 => bail!("it is an MP3 file: convert it to WAV or FLAC"),
        _ if start > 0 => bail!("it is an MP3 file: convert it to WAV or FLAC"),
        [b'v', b'e', b'r', b's', b'i', b'o', b'n', b' ', ..] => {
            bail!("it is a note of Git LFS and no sound: fetch the file itself (git lfs pull)")
        }
        _ => bail!("it is no WAV, AIFF or FLAC file, whatever its name says"),
    }
}

fn read_flac(file: impl Read) -> Result<Sound> {
    let damaged = |error| anyhow!("it is cut or damaged ({error})");
    let mut reader = FlacReader::new(BufReader::new(file)).map_err(damaged)?;
    let info = reader.streaminfo();
    let channels = info.channels as usize;
    let rate = plausible(channels, info.sample_rate)?;
    let wanted = (MAX_SECONDS * u64::from(rate)) as usize * channels;
    // The largest integer of so many bits, and one.
    let scale = (info.bits_per_sample as f32 - 1.0).exp2();
    let samples = reader.samples().take(wanted).map(|sample| Ok(sample.map_err(damaged)? as f32 / scale));
    let samples: Vec<f32> = samples.collect::<Result<_>>()?;
    // Where the encoder did not know the length, none is announced.
    let announced = info.samples.map_or(0, |frames| (frames as usize).saturating_mul(channels).min(wanted));
    ensure!(
        samples.len() >= announced,
        "it is cut: {} of its {} samples are there",
        samples.len() / channels,
        announced / channels
    );
    Ok(Sound { samples, channels, rate, root: None })
}

/// Refuses a format that no recording has, and gives its rate.
fn plausible(channels: usize, rate: u32) -> Result<u32> {
    ensure!((1..=MAX_CHANNELS).contains(&channels), "it says it has {channels} channels: export it again");
    ensure!(RATES.contains(&rate), "it says it has {rate} samples a second: export it again");
    Ok(rate)
}

/// The mean of the channels; where they cancel each other in it, the loudest of them. Says which it was.
fn mono(samples: Vec<f32>, channels: usize) -> (Vec<f32>, bool) {
    if channels == 1 {
        return (samples, false);
    }
    let mean = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
    let mean: Vec<f32> = samples.chunks_exact(channels).map(mean).collect();
    let energy = |wave: &mut dyn Iterator<Item = &f32>| wave.map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>();
    let energies: Vec<f64> =
        (0..channels).map(|channel| energy(&mut samples.iter().skip(channel).step_by(channels))).collect();
    if energy(&mut mean.iter()) >= CANCELLED * energies.iter().sum::<f64>() / channels as f64 {
        return (mean, false);
    }
    let loudest = (0..channels).rev().max_by(|&a, &b| energies[a].total_cmp(&energies[b])).unwrap_or(0);
    (samples.chunks_exact(channels).map(|frame| frame[loudest]).collect(), true)
}
