//! Attack, decay, sustain, release: the gain of a voice over time.

/// A release is over when it has fallen this far, as a gain: -80 dB.
const SILENT: f64 = 1e-4;

/// This close to its sustain level a decay has arrived: -180 dB, which no sample of single precision can tell.
const THERE: f64 = 1e-9;

/// Times in seconds and a level.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Adsr {
    /// Rises in a straight line.
    pub attack: f32,
    /// Falls towards the sustain level, 60 dB in this time.
    pub decay: f32,
    /// Linear gain.
    pub sustain: f32,
    /// Falls by 60 dB in this time.
    pub release: f32,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Stage {
    Attack,
    Decay,
    Release,
    Done,
}

/// The running gain of one voice.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    stage: Stage,
    /// In double precision: a decay of seconds goes by steps that single precision would round away.
    level: f64,
}

impl Envelope {
    /// An envelope that has not been started, or is over.
    pub const DONE: Self = Self { stage: Stage::Done, level: 0.0 };

    /// At the beginning of its attack.
    pub fn start() -> Self {
        Self { stage: Stage::Attack, level: 0.0 }
    }

    pub fn release(&mut self) {
        if self.stage != Stage::Done {
            self.stage = Stage::Release;
        }
    }

    pub fn is_released(&self) -> bool {
        matches!(self.stage, Stage::Release | Stage::Done)
    }

    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// The gain now.
    pub fn level(&self) -> f32 {
        self.level as f32
    }

    /// Multiplies the gains of the next samples onto `gains`.
    pub fn apply(&mut self, adsr: &Adsr, sample_rate: f32, gains: &mut [f32]) {
        let mut gains = gains.iter_mut();
        let sample_rate = f64::from(sample_rate);
        if self.stage == Stage::Attack {
            let attack_samples = f64::from(adsr.attack) * sample_rate;
            // An attack of no length starts at full level with the very first sample.
            if attack_samples <= 1.0 {
                self.level = 1.0;
            }
            while self.level < 1.0 {
                let Some(gain) = gains.next() else { return };
                *gain *= self.level as f32;
                self.level = (self.level + 1.0 / attack_samples).min(1.0);
            }
            self.stage = Stage::Decay;
        }
        // 60 dB is a factor of 1000.
        let fall = |seconds: f32| (-1000f64.ln() / (f64::from(seconds) * sample_rate).max(1.0)).exp();
        match self.stage {
            // Where most held notes are: a gain that stands still.
            Stage::Decay if self.level == f64::from(adsr.sustain) => gains.for_each(|gain| *gain *= adsr.sustain),
            Stage::Decay => {
                let (rate, sustain) = (fall(adsr.decay), f64::from(adsr.sustain));
                for gain in gains {
                    *gain *= self.level as f32;
                    let distance = (self.level - sustain) * rate;
                    self.level = if distance.abs() < THERE { sustain } else { sustain + distance };
                }
            }
            Stage::Release => {
                let rate = fall(adsr.release);
                for gain in gains {
                    *gain *= self.level as f32;
                    self.level *= rate;
                    if self.level < SILENT {
                        *self = Self::DONE;
                    }
                }
            }
            _ => gains.for_each(|gain| *gain = 0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADSR: Adsr = Adsr { attack: 0.01, decay: 0.1, sustain: 0.5, release: 0.2 };

    fn run(envelope: &mut Envelope, adsr: &Adsr, samples: usize) -> Vec<f32> {
        let mut gains = vec![1.0; samples];
        for part in gains.chunks_mut(37) {
            envelope.apply(adsr, 48_000.0, part);
        }
        gains
    }

    #[test]
    fn rises_falls_and_ends() {
        let mut envelope = Envelope::start();
        let gains = run(&mut envelope, &ADSR, 48_000);
        assert!((gains[240] - 0.5).abs() < 0.01, "half-way up after half of the attack: {}", gains[240]);
        assert!((gains[480] - 1.0).abs() < 0.01);
        assert!((gains[480 + 4_800] - 0.5).abs() < 1e-3, "decayed to the sustain level");
        assert!((gains[47_999] - 0.5).abs() < 1e-6);
        envelope.release();
        let gains = run(&mut envelope, &ADSR, 48_000);
        assert!((gains[9_600] - 0.0005).abs() < 2e-5, "60 dB down after the release: {}", gains[9_600]);
        assert!(envelope.is_done());
        assert_eq!(gains[40_000], 0.0);
    }

    #[test]
    fn no_attack_starts_at_full_level() {
        let mut envelope = Envelope::start();
        let gains = run(&mut envelope, &Adsr { attack: 0.0, sustain: 1.0, ..ADSR }, 100);
        assert!(gains.iter().all(|&gain| gain == 1.0));
    }
}
