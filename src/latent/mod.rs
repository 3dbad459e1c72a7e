//! Makes the latent vector of a timbre: worker thread, and wherever a latent is wanted off the audio thread.
//!
//! A session stores seeds and offsets, never the vector, so what stands here is part of the state format and is never
//! changed: the same timbre and model give the same vector on every machine, for ever.

mod directions;
mod seed;

pub use directions::Latents;
pub use seed::normal;

use crate::note::{BLEND_STEPS, Timbre};

/// The latent between two seeds: `blend` / [`BLEND_STEPS`] along the great circle from one to the other, as the paper
/// interpolates (Shoemake's slerp of the directions, with the vectors' own lengths).
fn interpolated(timbre: &Timbre, size: usize) -> Vec<f64> {
    let from = normal(timbre.seed, size);
    if timbre.blend == 0 || timbre.seed == timbre.seed_to {
        return from;
    }
    let to = normal(timbre.seed_to, size);
    if timbre.blend >= BLEND_STEPS {
        return to;
    }
    slerp(&from, &to, f64::from(timbre.blend) / f64::from(BLEND_STEPS))
}

fn slerp(from: &[f64], to: &[f64], t: f64) -> Vec<f64> {
    let cosine = dot(from, to) / (libm::sqrt(dot(from, from)) * libm::sqrt(dot(to, to)));
    let angle = libm::acos(cosine.clamp(-1.0, 1.0));
    let sine = libm::sin(angle);
    // Vectors on one line have no great circle between them; the straight way is as good.
    let (a, b) =
        if sine > 1e-9 { (libm::sin((1.0 - t) * angle) / sine, libm::sin(t * angle) / sine) } else { (1.0 - t, t) };
    from.iter().zip(to).map(|(x, y)| a * x + b * y).collect()
}

/// Sums from the first to the last, so that the order of the roundings is fixed.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (x, y)| sum + x * y)
}

#[cfg(test)]
mod tests;
