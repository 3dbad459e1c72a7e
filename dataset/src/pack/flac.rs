//! A note as FLAC, and back.

use anyhow::{Result, anyhow, ensure};
use claxon::FlacReader;
use flacenc::component::BitRepr;
use flacenc::error::Verify;
use timbrel::spectral::{NOTE_SAMPLES, SAMPLE_RATE};

const BITS: usize = 16;

/// Encodes a note without loss.
pub fn encode(samples: &[i16]) -> Result<Vec<u8>> {
    let mut config = flacenc::config::Encoder::default();
    // Notes are encoded side by side already.
    config.multithread = false;
    let config =
        config.into_verified().map_err(|(_, error)| anyhow!("the FLAC encoder refuses its settings: {error}"))?;
    let samples: Vec<i32> = samples.iter().map(|&sample| i32::from(sample)).collect();
    let source = flacenc::source::MemSource::from_samples(&samples, 1, BITS, SAMPLE_RATE as usize);
    let stream = flacenc::encode_with_fixed_block_size(&config, source, config.block_size)
        .map_err(|error| anyhow!("a note cannot be encoded as FLAC: {error}"))?;
    let mut sink = flacenc::bitsink::ByteSink::new();
    stream.write(&mut sink).map_err(|error| anyhow!("a note cannot be encoded as FLAC: {error}"))?;
    Ok(sink.as_slice().to_vec())
}

/// Decodes a note.
pub fn decode(flac: &[u8]) -> Result<Vec<i16>> {
    let mut reader = FlacReader::new(flac)?;
    let info = reader.streaminfo();
    ensure!(
        (info.sample_rate, info.channels, info.bits_per_sample) == (SAMPLE_RATE, 1, BITS as u32),
        "it has {} channels of {} bits at {} Hz",
        info.channels,
        info.bits_per_sample,
        info.sample_rate
    );
    let samples: Vec<i16> = reader.samples().map(|sample| Ok(i16::try_from(sample?)?)).collect::<Result<_>>()?;
    ensure!(samples.len() == NOTE_SAMPLES, "it has {} samples", samples.len());
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_tones_noise_and_full_scale_come_back_bit_for_bit() {
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16
        };
        let tone = |i: usize| (20_000.0 * (i as f32 * 0.1).sin() * (-(i as f32) / 9_000.0).exp()) as i16;
        let notes: [Vec<i16>; 4] = [
            vec![0; NOTE_SAMPLES],
            (0..NOTE_SAMPLES).map(tone).collect(),
            (0..NOTE_SAMPLES).map(|_| noise()).collect(),
            (0..NOTE_SAMPLES).map(|i| if i % 40 < 20 { i16::MAX } else { i16::MIN }).collect(),
        ];
        for note in notes {
            assert_eq!(decode(&encode(&note).unwrap()).unwrap(), note);
        }
        assert!(encode(&[0; NOTE_SAMPLES]).unwrap().len() < 1_000);
    }

    #[test]
    fn what_is_no_note_is_refused() {
        assert!(decode(b"RIFF").is_err());
        assert!(decode(&encode(&[5; 1_000]).unwrap()).unwrap_err().to_string().contains("1000 samples"));
        let flac = encode(&(0..NOTE_SAMPLES).map(|i| (i * 7 % 1_000) as i16).collect::<Vec<_>>()).unwrap();
        assert!(decode(&flac[..flac.len() / 2]).is_err());
    }
}
