//! Samples as bytes.

use anyhow::{Result, ensure};

/// What the bytes of a sample mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// Two's complement. Fewer bits than the bytes have lie at their upper end.
    Signed,
    /// The same, raised by half of the range.
    Unsigned,
    /// IEEE 754, of four or eight bytes.
    Float,
}

/// How samples are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pcm {
    pub coding: Coding,
    /// Of a sample.
    pub bytes: usize,
    pub is_big_endian: bool,
}

impl Pcm {
    /// Refuses sizes that samples do not have.
    pub fn check(&self) -> Result<()> {
        let bits = self.bytes * 8;
        let is_known = match self.coding {
            Coding::Signed | Coding::Unsigned => (1..=8).contains(&self.bytes),
            Coding::Float => [4, 8].contains(&self.bytes),
        };
        ensure!(is_known, "it says its samples have {bits} bits: export it as WAV of 24 bits");
        Ok(())
    }

    /// All whole samples in some bytes, full scale at 1.
    pub fn decode(&self, bytes: &[u8]) -> Vec<f32> {
        bytes.chunks_exact(self.bytes).map(|sample| self.sample(sample)).collect()
    }

    fn sample(&self, bytes: &[u8]) -> f32 {
        let push = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
        let value = if self.is_big_endian { bytes.iter().fold(0, push) } else { bytes.iter().rev().fold(0, push) };
        // The first bit of the sample is the first one of the number.
        let upper = value << (64 - 8 * self.bytes);
        let full = (1u64 << 63) as f64;
        match self.coding {
            Coding::Signed => (upper as i64 as f64 / full) as f32,
            Coding::Unsigned => ((upper ^ 1 << 63) as i64 as f64 / full) as f32,
            Coding::Float if self.bytes == 4 => f32::from_bits(value as u32),
            Coding::Float => f64::from_bits(value) as f32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_all_sizes_have_their_value() {
        let decode = |coding, bytes, is_big_endian, from: &[u8]| Pcm { coding, bytes, is_big_endian }.decode(from);
        assert_eq!(decode(Coding::Unsigned, 1, false, &[0, 128, 192]), [-1.0, 0.0, 0.5]);
        assert_eq!(decode(Coding::Signed, 1, true, &[0x80, 0x40]), [-1.0, 0.5]);
        assert_eq!(decode(Coding::Signed, 2, false, &[0, 0x40, 0, 0x80, 9]), [0.5, -1.0]);
        assert_eq!(decode(Coding::Signed, 2, true, &[0x40, 0, 0xc0, 0]), [0.5, -0.5]);
        assert_eq!(decode(Coding::Signed, 3, false, &[0, 0, 0xc0]), [-0.5]);
        assert_eq!(decode(Coding::Signed, 4, true, &[0x20, 0, 0, 0]), [0.25]);
        assert_eq!(decode(Coding::Float, 4, false, &0.3f32.to_le_bytes()), [0.3]);
        assert_eq!(decode(Coding::Float, 8, true, &(-0.25f64).to_be_bytes()), [-0.25]);
        assert!(Pcm { coding: Coding::Float, bytes: 3, is_big_endian: false }.check().is_err());
        assert!(Pcm { coding: Coding::Signed, bytes: 0, is_big_endian: false }.check().is_err());
    }
}
