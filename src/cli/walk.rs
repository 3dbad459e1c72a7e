//! The paper's walk through timbres (section 4 of arXiv 1902.08710): the latent goes along the great circle from one seed to
//! the next while the music plays, and stays with the last.

use timbrel::note::{BLEND_STEPS, Timbre};

/// Seeds and how long the way from one to the next takes.
pub struct Walk {
    /// Never empty.
    seeds: Vec<u32>,
    seconds_per_timbre: f64,
}

impl Walk {
    /// `None` where there is nothing to walk through.
    pub fn new(seeds: &[u32], seconds_per_timbre: f64) -> Option<Self> {
        (!seeds.is_empty()).then(|| Self { seeds: seeds.to_vec(), seconds_per_timbre })
    }

    /// The timbre at a time in seconds: `base` with the seeds of the walk.
    pub fn at(&self, seconds: f64, base: Timbre) -> Timbre {
        let place = (seconds / self.seconds_per_timbre).clamp(0.0, (self.seeds.len() - 1) as f64);
        // Rounded to the steps of a timbre as a whole, so that the end of one way is the beginning of the next.
        let steps = (place * f64::from(BLEND_STEPS)).round() as usize;
        let (from, blend) = (steps / usize::from(BLEND_STEPS), (steps % usize::from(BLEND_STEPS)) as u16);
        let seed = self.seeds[from];
        // A timbre that rests on one seed names only that one, as one without a walk does.
        let seed_to = if blend == 0 { seed } else { self.seeds[from + 1] };
        Timbre { seed, seed_to, blend, ..base }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_from_seed_to_seed_and_stays_with_the_last() {
        let walk = Walk::new(&[5, 9, 2], 6.0).unwrap();
        let at = |seconds| {
            let Timbre { seed, seed_to, blend, .. } = walk.at(seconds, Timbre::default());
            (seed, seed_to, blend)
        };
        assert_eq!(at(0.0), (5, 5, 0));
        assert_eq!(at(3.0), (5, 9, 512));
        assert_eq!(at(6.0), (9, 9, 0));
        assert_eq!(at(9.0), (9, 2, 512));
        assert_eq!(at(11.999_99), (2, 2, 0));
        assert_eq!(at(12.0), (2, 2, 0));
        assert_eq!(at(1e9), (2, 2, 0));
    }

    #[test]
    fn one_seed_is_a_rest() {
        let walk = Walk::new(&[7], 6.0).unwrap();
        assert_eq!(walk.at(100.0, Timbre::default()), Timbre { seed: 7, seed_to: 7, ..Timbre::default() });
        assert!(Walk::new(&[], 6.0).is_none());
    }
}
