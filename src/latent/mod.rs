//! Makes the latent vector of a timbre: worker thread, and wherever a latent is wanted off the audio thread.
//!
//! A session stores seeds and offsets, or the latents that no seed draws, so what stands here is part of the state format and
//! is never changed: the same timbre and model give the same vector on every machine, for ever.

mod atlas;
mod directions;
pub mod known;
mod seed;

pub use atlas::{Atlas, Named};
pub use directions::Latents;
pub use seed::normal;

use crate::note::{BLEND_STEPS, Base, PAD_STEPS, Timbre};

/// The latent between two seeds: `blend` / [`BLEND_STEPS`] along the great circle from one to the other, as the paper
/// interpolates (Shoemake's slerp of the directions, with the vectors' own lengths).
fn between_seeds(timbre: &Timbre, size: usize) -> Vec<f64> {
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

/// The latent that a timbre starts from; `None` where it is one that nobody has made known in this process.
fn base(timbre: &Timbre, size: usize) -> Option<Vec<f64>> {
    match timbre.base {
        Base::Seeds => Some(between_seeds(timbre, size)),
        Base::Point(hash) => known::point(hash).map(|latent| fitted(latent.numbers(), size)),
        Base::Pad { corners, x, y } => {
            let corners = known::corners(corners)?;
            let [a, b, c, d] = corners.each().map(|corner| fitted(corner, size));
            let share = |steps: u8| f64::from(steps.min(PAD_STEPS)) / f64::from(PAD_STEPS);
            Some(between_corners(&a, &b, &c, &d, share(x), share(y)))
        }
    }
}

/// The latent at a place of the pad: `a` to `b` along its upper edge, `c` to `d` along its lower one, and from that to this;
/// each way is one on a great circle.
fn between_corners(a: &[f64], b: &[f64], c: &[f64], d: &[f64], x: f64, y: f64) -> Vec<f64> {
    // The ends are met exactly, not but for rounding.
    let way = |from: &[f64], to: &[f64], t: f64| match t {
        0.0 => from.to_vec(),
        1.0 => to.to_vec(),
        t => slerp(from, to, t),
    };
    way(&way(a, b, x), &way(c, d, x), y)
}

/// A latent in the size of another model: cut, or filled up from the draw of seed 0, so that it is a sound there, too, and
/// always the same one.
fn fitted(latent: &[f32], size: usize) -> Vec<f64> {
    let mut fitted: Vec<f64> = latent.iter().take(size).map(|&x| f64::from(x)).collect();
    if fitted.len() < size {
        fitted.extend(normal(0, size).into_iter().skip(latent.len()));
    }
    fitted
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
