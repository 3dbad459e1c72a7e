use std::cell::Cell;

use super::*;
use crate::fuzz;

#[test]
fn sides_that_cancel_are_not_averaged() {
    let wave: Vec<f32> = (0..1_000).map(|i| (i as f32 * 0.1).sin()).collect();
    let stereo = |right: f32| wave.iter().flat_map(|&left| [left, right * left]).collect::<Vec<f32>>();
    assert_eq!(mono(stereo(-1.0), 2), (wave.clone(), true));
    assert_eq!(mono(stereo(-0.9), 2), (wave.clone(), true), "the louder side");
    for right in [1.0, 0.5, 0.0] {
        let (found, is_one_side) = mono(stereo(right), 2);
        assert!(!is_one_side && (found[15] - (0.5 + 0.5 * right) * wave[15]).abs() < 1e-6);
    }
    let apart = wave.iter().enumerate().flat_map(|(i, &left)| [left, (i as f32 * 0.37).sin()]).collect();
    assert!(!mono(apart, 2).1, "two sides that differ are averaged");
    assert_eq!(mono(vec![0.0; 8], 2), (vec![0.0; 4], false));
}

/// A file of chunks.
fn chunks(form: &[u8; 4], kind: &[u8; 4], chunks: &[(&[u8; 4], Vec<u8>)], is_big_endian: bool) -> Vec<u8> {
    let number = |length: usize| {
        if is_big_endian { (length as u32).to_be_bytes() } else { (length as u32).to_le_bytes() }
    };
    let mut body = kind.to_vec();
    for (name, content) in chunks {
        body.extend(name.iter().copied().chain(number(content.len())));
        body.extend(content);
        body.extend(vec![0; content.len() % 2]);
    }
    form.iter().copied().chain(number(body.len())).chain(body).collect()
}

/// `fmt ` of two channels at 8 kHz.
fn format(tag: u16, bits: u16) -> Vec<u8> {
    let bytes = bits.div_ceil(8);
    let shorts = [tag, 2, 8_000, 0, 8_000 * 2 * bytes, 0, 2 * bytes, bits];
    shorts.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn read_bytes(bytes: &[u8]) -> Result<Recording> {
    recording(std::io::Cursor::new(bytes))
}

#[test]
fn files_that_were_not_closed_are_read_to_their_ends_and_cut_ones_are_refused() {
    let data: Vec<u8> = [0x2000u16, 0x2000].repeat(50).iter().flat_map(|value| value.to_le_bytes()).collect();
    let wav = chunks(b"RIFF", b"WAVE", &[(b"fmt ", format(1, 16)), (b"data", data)], false);
    let with = |riff: u32, length: u32| {
        let mut bytes = wav.clone();
        bytes[4..8].copy_from_slice(&riff.to_le_bytes());
        bytes[40..44].copy_from_slice(&length.to_le_bytes());
        read_bytes(&bytes).map(|recording| recording.samples).map_err(|error| error.to_string())
    };
    for (riff, length) in [(236, 200), (u32::MAX, u32::MAX), (0, 0), (36, 0), (0x7fff_f024, 0x7fff_f000)] {
        assert_eq!(with(riff, length), Ok(vec![0.25; 50]), "{riff} {length}");
    }
    assert_eq!(with(236, 400), Err("it is cut: 50 of its 100 samples are there".to_string()));
    assert_eq!(with(236, 0), Err("it holds no samples".to_string()));
}

#[test]
fn what_is_no_recording_is_told_by_its_own_name() {
    let error = |bytes: &[u8]| read_bytes(bytes).unwrap_err().to_string();
    let packed = |tag| error(&chunks(b"RIFF", b"WAVE", &[(b"fmt ", format(tag, 4)), (b"data", vec![0; 9])], false));
    assert!(packed(0x11).contains("IMA ADPCM") && packed(0x55).contains("MPEG") && packed(0x99).contains("0x0099"));
    assert_eq!(error(b""), "it is empty");
    assert!(error(b"ID3\x04\0\0\0\0\0\x02..\xff\xfb\x90\0").contains("MP3"));
    assert!(error(b"OggS........").contains("Ogg") && error(b"version https://git-lfs").contains("Git LFS"));
    assert!(error(b"<html>").starts_with("it is no WAV, AIFF or FLAC file"));
    assert!(error(&chunks(b"RIFF", b"WAVE", &[(b"data", vec![0; 8])], false)).contains("no fmt chunk"));
    assert!(error(&chunks(b"FORM", b"AIFF", &[], true)).contains("no COMM chunk"));
}

#[test]
fn kinds_of_aiff_and_the_root_note_are_read() {
    let common = |kind: Option<&[u8; 4]>, bits: u16| {
        let mut common =
            [&[0, 1, 0, 0, 0, 2][..], &bits.to_be_bytes(), &[0x40, 0x0b, 0xfa, 0, 0, 0, 0, 0, 0, 0]].concat();
        common.extend(kind.into_iter().flatten());
        common
    };
    let aiff = |kind: Option<&[u8; 4]>, bits, samples: &[u8]| {
        let sound = [&[0; 8], samples].concat();
        let form = if kind.is_some() { b"AIFC" } else { b"AIFF" };
        let instrument = [&[57][..], &[0; 19]].concat();
        // The order is free.
        read_bytes(&chunks(
            b"FORM",
            form,
            &[(b"SSND", sound), (b"INST", instrument), (b"COMM", common(kind, bits))],
            true,
        ))
    };
    let read = |kind, bits, samples| aiff(kind, bits, samples).unwrap();
    assert_eq!(read(None, 16, &[0x40, 0, 0xc0, 0]).samples, [0.5, -0.5]);
    assert_eq!((read(None, 8, &[0x40, 0xc0]).root, read(None, 8, &[0x40, 0xc0]).rate), (Some(57), 8_000));
    assert_eq!(read(Some(b"sowt"), 16, &[0, 0x40, 0, 0xc0]).samples, [0.5, -0.5]);
    assert_eq!(read(Some(b"raw "), 8, &[0xc0, 0x40]).samples, [0.5, -0.5]);
    let floats = [0.5f32, -0.5].map(f32::to_be_bytes).concat();
    assert_eq!(read(Some(b"fl32"), 32, &floats).samples, [0.5, -0.5]);
    assert_eq!(read(Some(b"twos"), 20, &[0x40, 0, 0, 0xc0, 0, 0]).samples, [0.5, -0.5], "20 bits lie in 24");
    assert!(aiff(Some(b"ima4"), 16, &[0; 4]).unwrap_err().to_string().contains("ima4"));
    assert!(aiff(None, 16, &[0; 3]).unwrap_err().to_string().contains("cut: 1 of its 2"));
}

#[test]
fn fuzz_recordings() {
    let data: Vec<u8> = (0..240).collect();
    let extensible = [&format(0xfffe, 24)[..], &[22, 0, 20, 0, 0, 0, 0, 0, 1, 0], &[0; 14]].concat();
    let sampler = vec![60; 36];
    let long = [&[0xff; 8][..], &[240, 0, 0, 0, 0, 0, 0, 0], &[0; 12]].concat();
    let common = [&[0, 1, 0, 0, 0, 120, 0, 16, 0x40, 0x0b, 0xfa][..], &[0; 7]].concat();
    let files = [
        chunks(b"RIFF", b"WAVE", &[(b"fmt ", format(1, 16)), (b"data", data.clone()), (b"smpl", sampler)], false),
        chunks(b"RF64", b"WAVE", &[(b"ds64", long), (b"fmt ", extensible), (b"data", data.clone())], false),
        chunks(b"RIFX", b"WAVE", &[(b"fmt ", format(3, 64)), (b"data", data.clone())], true),
        chunks(b"FORM", b"AIFF", &[(b"COMM", common), (b"SSND", data), (b"INST", vec![60; 20])], true),
    ];
    let (read, refused) = (Cell::new(0), Cell::new(0));
    fuzz::run(fuzz::damaged(files.to_vec()), 20_000, |bytes| match read_bytes(&bytes) {
        Ok(recording) => {
            assert!(recording.samples.iter().all(|sample| sample.is_finite()));
            read.set(read.get() + 1);
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            refused.set(refused.get() + 1);
        }
    });
    let (read, refused) = (read.get(), refused.get());
    assert!(read > 1_000 && refused > 1_000, "{read} read, {refused} refused");
}
