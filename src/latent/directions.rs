//! The latent space of one model: its mean and directions, and how a timbre moves along them.

use anyhow::{Result, anyhow};

use super::{base, dot};
use crate::model::Manifest;
use crate::note::{DIRECTIONS, Timbre};

/// Makes latents for one model.
#[derive(Clone, Debug)]
pub struct Latents {
    mean: Vec<f64>,
    /// What one standard deviation along each of the instrument's directions adds to the latent. A model with fewer named
    /// directions leaves the last parameters without effect.
    pub(super) steps: Vec<Vec<f64>>,
    /// Orthonormal vectors that span the directions.
    span: Vec<Vec<f64>>,
}

impl Latents {
    pub fn new(manifest: &Manifest) -> Self {
        let size = manifest.latent_size;
        let widen = |vector: &[f32]| vector.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let mean = if manifest.mean.is_empty() { vec![0.0; size] } else { widen(&manifest.mean) };
        let named = manifest.directions.iter().take(DIRECTIONS);
        let mut steps: Vec<Vec<f64>> = named
            .map(|direction| {
                let scale = f64::from(direction.scale);
                direction.vector.iter().map(|&x| scale * f64::from(x)).collect()
            })
            .collect();
        if steps.is_empty() {
            steps = (0..DIRECTIONS.min(size)).map(|axis| unit(axis, size)).collect();
        }
        let span = orthonormalised(&steps);
        Self { mean, steps, span }
    }

    /// How many numbers a latent has.
    pub fn size(&self) -> usize {
        self.mean.len()
    }

    /// The latent of a timbre, which starts from seeds or from what is [known](super::known).
    ///
    /// Character scales the distance from the mean along the directions only. The generator normalises its input's length,
    /// so that a latent which is shrunk as a whole would stay the same sound, and one that is nearly zero would be none.
    pub fn latent(&self, timbre: &Timbre) -> Result<Vec<f32>> {
        let mut latent = base(timbre, self.mean.len())
            .ok_or_else(|| anyhow!("starts from a latent that was forgotten: choose the timbre again"))?;
        if timbre.character != 100 {
            let from_mean: Vec<f64> = latent.iter().zip(&self.mean).map(|(z, mean)| z - mean).collect();
            let stretch = f64::from(timbre.character) / 100.0 - 1.0;
            for axis in &self.span {
                add_scaled(&mut latent, axis, stretch * dot(axis, &from_mean));
            }
        }
        for (step, &offset) in self.steps.iter().zip(&timbre.directions) {
            if offset != 0 {
                add_scaled(&mut latent, step, f64::from(offset) / 100.0);
            }
        }
        Ok(latent.into_iter().map(|z| z as f32).collect())
    }

    /// `to` with the part along some directions that `from` has, for those that are to stay as they are.
    pub fn with_locked(&self, from: &[f32], to: &[f32], locked: [bool; DIRECTIONS]) -> Vec<f32> {
        let locked: Vec<Vec<f64>> =
            self.steps.iter().zip(locked).filter(|(_, locked)| *locked).map(|(step, _)| step.clone()).collect();
        let mut latent: Vec<f64> = to.iter().map(|&x| f64::from(x)).collect();
        let way: Vec<f64> = from.iter().zip(to).map(|(from, to)| f64::from(*from) - f64::from(*to)).collect();
        for axis in orthonormalised(&locked) {
            add_scaled(&mut latent, &axis, dot(&axis, &way));
        }
        latent.into_iter().map(|z| z as f32).collect()
    }
}

fn unit(axis: usize, size: usize) -> Vec<f64> {
    let mut vector = vec![0.0; size];
    vector[axis] = 1.0;
    vector
}

fn add_scaled(sum: &mut [f64], vector: &[f64], scale: f64) {
    for (sum, x) in sum.iter_mut().zip(vector) {
        *sum += scale * x;
    }
}

/// Gram and Schmidt's way, each vector gone through twice, which is exact to rounding. Vectors that lie in the span of
/// the earlier ones add nothing to it.
fn orthonormalised(vectors: &[Vec<f64>]) -> Vec<Vec<f64>> {
    const LEAST_NEW_SHARE: f64 = 1e-6;
    let mut span: Vec<Vec<f64>> = Vec::new();
    for vector in vectors {
        let length = libm::sqrt(dot(vector, vector));
        let mut rest = vector.clone();
        for _ in 0..2 {
            for axis in &span {
                let along = dot(axis, &rest);
                add_scaled(&mut rest, axis, -along);
            }
        }
        let rest_length = libm::sqrt(dot(&rest, &rest));
        if rest_length > LEAST_NEW_SHARE * length {
            rest.iter_mut().for_each(|x| *x /= rest_length);
            span.push(rest);
        }
    }
    span
}
