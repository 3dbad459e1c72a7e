//! AIFF and AIFF-C (Apple 1989 and 1991).

use std::io::{Read, Seek};

use anyhow::{Context, Result, bail, ensure};

use super::pcm::{Coding, Pcm};
use super::source::{Chunk, Source, chunk};
use super::{MAX_SECONDS, Sound, plausible};

/// Offset and block size before the samples.
const SOUND_HEAD: u64 = 8;

/// What `COMM` says.
struct Common {
    channels: usize,
    /// Samples of a channel.
    frames: u64,
    rate: u32,
    pcm: Pcm,
}

pub fn read(source: &mut Source<impl Read + Seek>) -> Result<Sound> {
    let chunks = source.chunks(12, true, |_, chunk| Some(chunk.length))?;
    let common = chunk(&chunks, b"COMM").context("it does not say how its samples are stored (no COMM chunk)")?;
    let Common { channels, frames, rate, pcm } = common_of(&source.bytes(common.start, common.length.min(22))?)?;
    let sound = chunk(&chunks, b"SSND").context("it holds no samples (no SSND chunk)")?;
    let head = source.bytes(sound.start, SOUND_HEAD)?;
    ensure!(head.len() as u64 == SOUND_HEAD, "it is cut: none of its {frames} samples are there");
    let start = sound.start + SOUND_HEAD + u64::from(u32::from_be_bytes(head[..4].try_into()?));
    let frame = (channels * pcm.bytes) as u64;
    // A program that ended before it could write the lengths has left a 0.
    let room =
        if sound.length == 0 { source.behind(start) } else { (sound.start + sound.length).saturating_sub(start) };
    let all = if frames == 0 { room.min(source.behind(start)) / frame } else { frames };
    let announced = all.min(MAX_SECONDS * u64::from(rate));
    let samples = pcm.decode(&source.bytes(start, room.min(announced * frame))?);
    let there = (samples.len() / channels) as u64;
    ensure!(there == announced, "it is cut: {there} of its {all} samples are there");
    ensure!(there > 0, "it holds no samples");
    let root = root(source, &chunks)?;
    Ok(Sound { samples, channels, rate, root })
}

fn common_of(bytes: &[u8]) -> Result<Common> {
    ensure!(bytes.len() >= 18, "it is damaged: its COMM chunk has {} bytes", bytes.len());
    let channels = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    let frames = u64::from(u32::from_be_bytes(bytes[2..6].try_into()?));
    let bits = usize::from(u16::from_be_bytes([bytes[6], bytes[7]]));
    let rate = plausible(channels, extended(bytes[8..18].try_into()?).round() as u32)?;
    let (coding, is_big_endian) = match bytes.get(18..22) {
        None | Some(b"NONE" | b"twos" | b"in16" | b"in24" | b"in32") => (Coding::Signed, true),
        Some(b"sowt" | b"42ni" | b"23ni") => (Coding::Signed, false),
        Some(b"raw ") => (Coding::Unsigned, true),
        Some(b"fl32" | b"FL32" | b"fl64" | b"FL64") => (Coding::Float, true),
        Some(other) => {
            bail!("its samples are packed ({}): export it as WAV of 24 bits", String::from_utf8_lossy(other))
        }
    };
    let pcm = Pcm { coding, bytes: bits.div_ceil(8), is_big_endian };
    pcm.check()?;
    Ok(Common { channels, frames, rate, pcm })
}

/// A positive number of the 80 bits of the 68881: sign and exponent, then the mantissa with its first bit.
fn extended(bytes: [u8; 10]) -> f64 {
    let exponent = i32::from(u16::from_be_bytes([bytes[0], bytes[1]])) - 16_383;
    let mantissa = bytes[2..].iter().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
    mantissa as f64 * f64::from(exponent - 63).exp2()
}

/// The key of an `INST` chunk.
fn root(source: &mut Source<impl Read + Seek>, chunks: &[Chunk]) -> Result<Option<u8>> {
    let Some(instrument) = chunk(chunks, b"INST").filter(|chunk| chunk.length >= 1) else { return Ok(None) };
    Ok(source.bytes(instrument.start, 1)?.first().copied().filter(|key| *key <= 127))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_from_eighty_bits() {
        assert_eq!(extended([0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0]), 44_100.0);
        assert_eq!(extended([0x40, 0x0d, 0xfa, 0, 0, 0, 0, 0, 0, 0]), 32_000.0);
        assert_eq!(extended([0; 10]), 0.0);
    }
}
