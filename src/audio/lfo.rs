//! A slow oscillation in time with the song, the same for all notes. It goes in steps, each of which may be a timbre of its own.

use super::modulation::Assignment;

/// Steps of a period.
const STEPS: f64 = 32.0;

/// Share of a step within which two moments are the same.
const NEARLY: f64 = 1e-6;

/// Where the song is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Transport {
    /// Beats a minute.
    pub tempo: f64,
    /// Beats from the song's beginning at the beginning of a block, while it plays.
    pub beats: Option<f64>,
}

impl Transport {
    /// A host that says nothing.
    pub const UNKNOWN: Self = Self { tempo: 120.0, beats: None };
}

/// What the parameters say.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LfoSettings {
    pub to: Assignment,
    /// Length of a period, in beats.
    pub beats: f64,
}

impl LfoSettings {
    pub const OFF: Self = Self { to: Assignment::NONE, beats: 4.0 };
}

/// The oscillation of one instance.
pub struct Lfo {
    /// Periods since the beginning, of the song or, where that is not known, of its own.
    phase: f64,
    /// Periods a sample.
    speed: f64,
}

impl Lfo {
    pub fn new() -> Self {
        Self { phase: 0.0, speed: 0.0 }
    }

    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// Takes in where the song is at the beginning of a block.
    pub fn begin_block(&mut self, settings: &LfoSettings, transport: &Transport, sample_rate: f32) {
        let tempo = if transport.tempo.is_finite() { transport.tempo.clamp(1.0, 1_000.0) } else { 120.0 };
        self.speed = tempo / 60.0 / settings.beats / f64::from(sample_rate);
        if let Some(beats) = transport.beats.filter(|beats| beats.is_finite()) {
            self.phase = beats / settings.beats;
        }
    }

    /// Steps since the beginning. One that has all but come is there, however the host cuts its blocks.
    fn steps(&self) -> f64 {
        (self.phase * STEPS + NEARLY).floor()
    }

    /// Samples to the next step.
    pub fn samples_left(&self) -> usize {
        let left = (self.steps() + 1.0 - self.phase * STEPS - NEARLY) / (self.speed * STEPS);
        left.ceil().clamp(1.0, 1e9) as usize
    }

    pub fn pass(&mut self, samples: usize) {
        self.phase += self.speed * samples as f64;
    }

    /// -1 to 1, a sine in steps.
    pub fn value(&self) -> f32 {
        (std::f64::consts::TAU * self.steps().rem_euclid(STEPS) / STEPS).sin() as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: LfoSettings = LfoSettings { to: Assignment::NONE, beats: 2.0 };

    #[test]
    fn it_goes_with_the_song_in_steps() {
        let mut lfo = Lfo::new();
        for (beats, value) in [(0.5, 1.0), (1.5, -1.0), (4.5, 1.0), (-1.5, 1.0)] {
            lfo.begin_block(&SETTINGS, &Transport { tempo: 120.0, beats: Some(beats) }, 48_000.0);
            assert!((lfo.value() - value).abs() < 0.01, "after {beats} beats: {}", lfo.value());
        }
        // Two beats are a second: 1,500 samples a step.
        lfo.begin_block(&SETTINGS, &Transport { tempo: 120.0, beats: Some(0.0) }, 48_000.0);
        let mut values = Vec::new();
        for _ in 0..64 {
            let left = lfo.samples_left();
            assert!((1_499..=1_501).contains(&left), "{left}");
            values.push(lfo.value());
            lfo.pass(left);
        }
        assert!(values[..32].iter().zip(&values[32..]).all(|(a, b)| (a - b).abs() < 1e-6));
        assert!(values.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn without_a_song_it_goes_by_itself_and_blocks_change_nothing() {
        let at = |block: usize| {
            let mut lfo = Lfo::new();
            (0..96_000 / block).for_each(|_| {
                lfo.begin_block(&SETTINGS, &Transport::UNKNOWN, 48_000.0);
                lfo.pass(block);
            });
            lfo.value()
        };
        assert_eq!(at(64), at(500));
        let mut lfo = Lfo::new();
        lfo.begin_block(&SETTINGS, &Transport { tempo: f64::NAN, beats: Some(f64::NAN) }, 48_000.0);
        lfo.pass(100);
        assert!(lfo.value().is_finite());
    }
}
