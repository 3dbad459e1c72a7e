//! WAV (Microsoft and IBM 1991, "Multimedia Programming Interface"), its extensible format, and RF64 (EBU Tech 3306) for
//! what is longer than 4 GiB.

use std::io::{Read, Seek};

use anyhow::{Context, Result, bail, ensure};

use super::pcm::{Coding, Pcm};
use super::source::{Chunk, Source, chunk};
use super::{MAX_SECONDS, Sound, plausible};

/// A program that writes to a pipe does not know the length, and announces the greatest one, or nearly so.
const UNKNOWN: u64 = 0x7fff_0000;

/// Format tags.
const INTEGERS: u16 = 1;
const FLOATS: u16 = 3;
const EXTENSIBLE: u16 = 0xfffe;

/// What `fmt ` says.
struct Format {
    channels: usize,
    rate: u32,
    pcm: Pcm,
}

pub fn read(source: &mut Source<impl Read + Seek>) -> Result<Sound> {
    let head = source.bytes(0, 12)?;
    let is_big_endian = &head[..4] == b"RIFX";
    let number = |bytes: &[u8]| number(bytes, is_big_endian);
    let riff = u64::from(number(&head[4..8]));
    let is_unfinished = riff == 0 || riff >= UNKNOWN;
    let long = long_length(source)?;
    let chunks = source.chunks(12, is_big_endian, |source, chunk| {
        if &chunk.name != b"data" {
            return Some(chunk.length);
        }
        let length = if chunk.length >= UNKNOWN { long.unwrap_or(chunk.length) } else { chunk.length };
        let is_unknown = length >= UNKNOWN && length > source.behind(chunk.start);
        // A program that ended before it could write the length has left a 0.
        let is_left_open = length == 0 && (is_unfinished || riff + 8 <= chunk.start);
        (!is_unknown && !is_left_open).then_some(length)
    })?;
    let format = chunk(&chunks, b"fmt ").context("it does not say how its samples are stored (no fmt chunk)")?;
    let format = self::format(&source.bytes(format.start, format.length.min(40))?, is_big_endian)?;
    let data = chunk(&chunks, b"data").context("it holds no samples (no data chunk)")?;
    let frame = (format.channels * format.pcm.bytes) as u64;
    let announced = (data.length / frame).min(MAX_SECONDS * u64::from(format.rate));
    let samples = format.pcm.decode(&source.bytes(data.start, announced * frame)?);
    let there = (samples.len() / format.channels) as u64;
    ensure!(there == announced, "it is cut: {there} of its {} samples are there", data.length / frame);
    ensure!(there > 0, "it holds no samples");
    let root = root(source, &chunks, is_big_endian)?;
    Ok(Sound { samples, channels: format.channels, rate: format.rate, root })
}

/// The length of the samples that RF64 keeps apart, where it does.
fn long_length(source: &mut Source<impl Read + Seek>) -> Result<Option<u64>> {
    let bytes = source.bytes(12, 8 + 16)?;
    let is_there = bytes.len() == 24 && &bytes[..4] == b"ds64";
    // Behind the length of the whole file.
    Ok(is_there.then(|| bytes[16..24].iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))))
}

fn format(bytes: &[u8], is_big_endian: bool) -> Result<Format> {
    ensure!(bytes.len() >= 16, "it is damaged: its fmt chunk has {} bytes", bytes.len());
    let short = |at: usize| {
        let pair = [bytes[at], bytes[at + 1]];
        if is_big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
    };
    let tag = match short(0) {
        // The tag itself begins the identifier behind bits, channel mask and the extension's length.
        EXTENSIBLE if bytes.len() >= 26 => short(24),
        tag => tag,
    };
    let (channels, bits) = (usize::from(short(2)), usize::from(short(14)));
    let rate = plausible(channels, number(&bytes[4..8], is_big_endian))?;
    // A sample may take more room than it has bits: 20 in 24.
    let frame = usize::from(short(12));
    let bytes = if frame > 0 && frame % channels == 0 && frame / channels * 8 >= bits {
        frame / channels
    } else {
        bits.div_ceil(8)
    };
    let coding = match tag {
        INTEGERS if bytes == 1 => Coding::Unsigned,
        INTEGERS => Coding::Signed,
        FLOATS => Coding::Float,
        other => bail!("its samples are packed ({}): export it as WAV of 24 bits", packed(other)),
    };
    let pcm = Pcm { coding, bytes, is_big_endian };
    pcm.check()?;
    Ok(Format { channels, rate, pcm })
}

/// The names of formats that are met (RFC 2361).
fn packed(tag: u16) -> String {
    match tag {
        0x02 => "Microsoft's ADPCM".to_string(),
        0x06 => "A-law".to_string(),
        0x07 => "mu-law".to_string(),
        0x11 => "IMA ADPCM".to_string(),
        0x50 | 0x55 => "MPEG".to_string(),
        0x161 | 0x162 => "Windows Media".to_string(),
        other => format!("format {other:#06x}"),
    }
}

/// The key of a `smpl` chunk, else of an `inst` chunk.
fn root(source: &mut Source<impl Read + Seek>, chunks: &[Chunk], is_big_endian: bool) -> Result<Option<u8>> {
    let mut at = |name, start, length| -> Result<Option<Vec<u8>>> {
        let Some(chunk) = chunk(chunks, name).filter(|chunk| chunk.length >= start + length) else { return Ok(None) };
        Ok(Some(source.bytes(chunk.start + start, length)?).filter(|bytes| bytes.len() as u64 == length))
    };
    // Behind maker, product and period.
    let unity = at(b"smpl", 12, 4)?.map(|bytes| number(&bytes, is_big_endian));
    let unshifted = at(b"inst", 0, 1)?.map(|bytes| u32::from(bytes[0]));
    Ok(unity.or(unshifted).filter(|key| *key <= 127).map(|key| key as u8))
}

fn number(bytes: &[u8], is_big_endian: bool) -> u32 {
    let push = |value: u32, &byte: &u8| value << 8 | u32::from(byte);
    if is_big_endian { bytes.iter().fold(0, push) } else { bytes.iter().rev().fold(0, push) }
}
