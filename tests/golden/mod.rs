//! Reads the reference values beside this file: `.npy`, little-endian float32. README.md says what each one holds.

use std::path::Path;

/// The values of one file, row after row, whatever its shape.
pub fn read(name: &str) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("npy");
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    // Version 1 of the format: magic and version (8 bytes), header length (2 bytes), header, values.
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00", "{name} is an .npy file of version 1");
    let header_len = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let (header, values) = bytes[10..].split_at(header_len);
    let header = std::str::from_utf8(header).expect("the header is text");
    assert!(header.contains("'descr': '<f4'"), "{name} holds float32");
    assert!(header.contains("'fortran_order': False"), "{name} is stored row after row");
    values.as_chunks().0.iter().map(|&value| f32::from_le_bytes(value)).collect()
}

/// One of the two waves. The second one is digital silence after what is stored.
pub fn wave(index: usize) -> Vec<f32> {
    let mut wave = read(&format!("wave_{index}"));
    wave.resize(64_000, 0.0);
    wave
}
