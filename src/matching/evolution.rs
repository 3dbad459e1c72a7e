//! A search for the latent whose note is nearest: an evolution strategy with a step size of its own for each number
//! (sep-CMA-ES, Ros and Hansen 2008, with the constants of Hansen's tutorial, arXiv 1604.00772).

use crate::latent::normal;

/// Draws of a search begin with this seed: a recording is matched alike in every session.
const FIRST_DRAW: u32 = 0x4d61_7463;

/// The state of a search. Ask for points, measure them, tell what was found.
pub struct Evolution {
    mean: Vec<f64>,
    sigma: f64,
    /// Variance along each axis.
    variances: Vec<f64>,
    path: Vec<f64>,
    sigma_path: Vec<f64>,
    draws: u32,
    generation: i32,
    weights: Vec<f64>,
    population: usize,
    most_sigma: f64,
}

impl Evolution {
    /// Begins at a point, with steps of a size.
    pub fn new(start: &[f32], sigma: f64) -> Self {
        let size = start.len();
        let population = 4 + (3.0 * (size as f64).ln()).floor().max(0.0) as usize;
        let parents = population / 2;
        let raw: Vec<f64> = (1..=parents).map(|rank| (parents as f64 + 0.5).ln() - (rank as f64).ln()).collect();
        let sum: f64 = raw.iter().sum();
        Self {
            mean: start.iter().map(|&x| f64::from(x)).collect(),
            sigma,
            variances: vec![1.0; size],
            path: vec![0.0; size],
            sigma_path: vec![0.0; size],
            draws: FIRST_DRAW,
            generation: 0,
            weights: raw.iter().map(|weight| weight / sum).collect(),
            population,
            most_sigma: 2.0 * sigma,
        }
    }

    /// Points to a generation.
    pub fn population(&self) -> usize {
        self.population
    }

    /// The points of the next generation.
    pub fn ask(&mut self) -> Vec<Vec<f32>> {
        let mut point = || {
            self.draws = self.draws.wrapping_add(1);
            let draw = normal(self.draws, self.mean.len());
            let steps = draw.iter().zip(&self.variances).map(|(draw, variance)| self.sigma * variance.sqrt() * draw);
            self.mean.iter().zip(steps).map(|(mean, step)| (mean + step) as f32).collect()
        };
        (0..self.population).map(|_| point()).collect()
    }

    /// Moves on by what was found: the points of a generation, the nearest first.
    pub fn tell(&mut self, ranked: &[Vec<f32>]) {
        let n = self.mean.len() as f64;
        let mu = 1.0 / self.weights.iter().map(|weight| weight * weight).sum::<f64>();
        let c_sigma = (mu + 2.0) / (n + mu + 5.0);
        let d_sigma = 1.0 + 2.0 * (((mu - 1.0) / (n + 1.0)).sqrt() - 1.0).max(0.0) + c_sigma;
        let c_path = (4.0 + mu / n) / (n + 4.0 + 2.0 * mu / n);
        // For a diagonal there is less to learn, so that it is learnt sooner.
        let sooner = (n + 2.0) / 3.0;
        let c_one = (sooner * 2.0 / ((n + 1.3).powi(2) + mu)).min(0.5);
        let c_mu = (sooner * 2.0 * (mu - 2.0 + 1.0 / mu) / ((n + 2.0).powi(2) + mu)).clamp(0.0, 1.0 - c_one);
        let expected = n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n));

        self.generation += 1;
        let old = self.mean.clone();
        for (axis, mean) in self.mean.iter_mut().enumerate() {
            *mean = self.weights.iter().zip(ranked).map(|(weight, point)| weight * f64::from(point[axis])).sum();
        }
        for (axis, before) in old.iter().enumerate() {
            let step = (self.mean[axis] - before) / self.sigma;
            let whitened = step / self.variances[axis].sqrt();
            self.sigma_path[axis] =
                (1.0 - c_sigma) * self.sigma_path[axis] + (c_sigma * (2.0 - c_sigma) * mu).sqrt() * whitened;
        }
        let length = self.sigma_path.iter().map(|x| x * x).sum::<f64>().sqrt();
        let settled = 1.0 - (1.0 - c_sigma).powi(2 * self.generation);
        let is_steady = length / settled.sqrt() < (1.4 + 2.0 / (n + 1.0)) * expected;
        for axis in 0..old.len() {
            let step = (self.mean[axis] - old[axis]) / self.sigma;
            let moved = if is_steady { (c_path * (2.0 - c_path) * mu).sqrt() * step } else { 0.0 };
            self.path[axis] = (1.0 - c_path) * self.path[axis] + moved;
            let parents = self.weights.iter().zip(ranked);
            let rank_mu: f64 = parents
                .map(|(weight, point)| weight * ((f64::from(point[axis]) - old[axis]) / self.sigma).powi(2))
                .sum();
            let kept = if is_steady { 0.0 } else { c_one * c_path * (2.0 - c_path) };
            self.variances[axis] =
                ((1.0 - c_one - c_mu + kept) * self.variances[axis] + c_one * self.path[axis].powi(2) + c_mu * rank_mu)
                    .clamp(1e-8, 1e4);
        }
        self.sigma *= ((c_sigma / d_sigma) * (length / expected - 1.0)).exp();
        self.sigma = self.sigma.clamp(1e-6, self.most_sigma);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valley_is_found_from_far_away_and_always_alike() {
        let target: Vec<f32> = (0..24).map(|i| (i as f32 * 0.7).sin()).collect();
        // Steeper along some axes than along others.
        let height = |point: &[f32]| -> f32 {
            let squares = point.iter().zip(&target).enumerate();
            squares.map(|(i, (x, t))| (1.0 + (i % 5) as f32) * (x - t).powi(2)).sum::<f32>().sqrt()
        };
        let search = || {
            let mut evolution = Evolution::new(&[0.0; 24], 0.4);
            for _ in 0..120 {
                let mut points = evolution.ask();
                points.sort_by(|a, b| height(a).total_cmp(&height(b)));
                evolution.tell(&points);
            }
            evolution.mean
        };
        let found: Vec<f32> = search().iter().map(|&x| x as f32).collect();
        assert!(height(&found) < 0.1 * height(&[0.0; 24]), "{}", height(&found));
        assert_eq!(search(), search());
    }

    #[test]
    fn a_latent_of_one_number_is_searched_as_well() {
        let mut evolution = Evolution::new(&[2.0], 0.5);
        for _ in 0..40 {
            let mut points = evolution.ask();
            points.sort_by(|a, b| a[0].abs().total_cmp(&b[0].abs()));
            evolution.tell(&points);
        }
        assert!(evolution.mean[0].abs() < 0.1, "{}", evolution.mean[0]);
    }
}
