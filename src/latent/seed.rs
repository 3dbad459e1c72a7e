//! From a seed to a normal vector, fixed for ever.
//!
//! 1. The ChaCha8 key (32 bytes) is the seed as four bytes, little endian, and the 28 ASCII bytes of [`DOMAIN`]; stream
//!    and block counter start at 0.
//! 2. The stream is taken as 64-bit words, each from two 32-bit words, low one first. From each pair of them (p, q):
//!    u = ((p >> 11) + 1) / 2^53, in (0, 1], and v = (q >> 11) / 2^53, in [0, 1).
//! 3. Box and Muller: two coordinates sqrt(-2 ln u) cos(2 pi v) and sqrt(-2 ln u) sin(2 pi v), in f64 with the functions
//!    of the `libm` crate, which are the same code on every platform. Of an odd size the last sine is left out.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The part of the key that says what the stream is for.
const DOMAIN: &[u8; 28] = b"Timbrel latent, version one.";

/// A draw from the standard normal distribution in `size` dimensions.
pub fn normal(seed: u32, size: usize) -> Vec<f64> {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&seed.to_le_bytes());
    key[4..].copy_from_slice(DOMAIN);
    let mut stream = ChaCha8Rng::from_seed(key);
    const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
    let mut draw = Vec::with_capacity(size + 1);
    while draw.len() < size {
        let u = ((stream.next_u64() >> 11) + 1) as f64 * UNIT;
        let v = (stream.next_u64() >> 11) as f64 * UNIT;
        let radius = libm::sqrt(-2.0 * libm::log(u));
        let angle = std::f64::consts::TAU * v;
        draw.push(radius * libm::cos(angle));
        draw.push(radius * libm::sin(angle));
    }
    draw.truncate(size);
    draw
}
