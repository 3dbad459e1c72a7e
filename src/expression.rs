//! What a model leaves to the player of its notes: what velocity does to their colour, and how they sway.
//!
//! Both are optional outputs of a model's file, a few numbers a note. A note is generated as struck at velocity 100 and without
//! vibrato; a voice puts both back (`audio/voice.rs`, `audio/sway.rs`).

use multiversion::multiversion;

use crate::fused::{is_fused, mul_add};
use crate::spectral::exp::exp;

/// Points of a [`Touch`].
pub const TOUCH_POINTS: usize = 32;

/// The velocity that notes are generated at, of 127.
pub const GENERATED_VELOCITY: f32 = 100.0;

/// Strongest touch that is believed, in dB per 100 steps of velocity.
const MOST_TOUCH_DB: f32 = 60.0;

/// What velocity does to a spectrum, in dB per 100 steps of velocity: at points that lie evenly on the mel scale from 0 Hz to half
/// of the model's rate, and between them on straight lines. A change of colour, since loudness is the instrument's.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Touch(pub [f32; TOUCH_POINTS]);

impl Touch {
    /// Of the values that a model puts out; what is beyond belief is brought to what is believed.
    pub fn of_model(values: &[f32]) -> Option<Self> {
        let values: [f32; TOUCH_POINTS] = values.try_into().ok()?;
        Some(Self(values.map(|db| if db.is_finite() { db.clamp(-MOST_TOUCH_DB, MOST_TOUCH_DB) } else { 0.0 })))
    }

    /// What a velocity does, with the spectrum tilted by -1 to 1 from the fundamental on upwards: brighter by 3 dB an octave, or
    /// darker by 9, as an opened or a closed filter would. At a velocity of 100 steps above [`GENERATED_VELOCITY`].
    pub fn tilted(&self, velocity: f32, tilt: f32, sample_rate: u32, fundamental_hz: f32) -> Self {
        const BRIGHTER_DB: (f32, f32) = (3.0, 15.0);
        const DARKER_DB: (f32, f32) = (9.0, 60.0);
        let (db_per_octave, most_db) = if tilt > 0.0 { BRIGHTER_DB } else { DARKER_DB };
        let top = hertz_to_mel(0.5 * sample_rate as f32);
        let share = (velocity - GENERATED_VELOCITY) / 100.0;
        Self(std::array::from_fn(|point| {
            let hertz = mel_to_hertz(top * point as f32 / (TOUCH_POINTS - 1) as f32);
            let octaves = (hertz / fundamental_hz).max(1.0).log2();
            self.0[point] * share + tilt * (db_per_octave * octaves).min(most_db)
        }))
    }

    /// For models that say nothing of velocity: the harder, the brighter, from the middle of the keyboard's fundamentals on.
    pub fn gentle(sample_rate: u32) -> Self {
        const DB_PER_OCTAVE: f32 = 3.0;
        const FROM_HZ: f32 = 500.0;
        let top = hertz_to_mel(0.5 * sample_rate as f32);
        Self(std::array::from_fn(|point| {
            let hertz = mel_to_hertz(top * point as f32 / (TOUCH_POINTS - 1) as f32);
            DB_PER_OCTAVE * (hertz / FROM_HZ).max(1.0).log2()
        }))
    }
}

/// Where frequencies lie among the points of a [`Touch`].
pub struct TouchScale {
    /// The bins from each point to the next begin at these places.
    starts: [u16; TOUCH_POINTS],
    /// How far each bin lies on the way from one point to the next.
    ways: Box<[f32]>,
}

impl TouchScale {
    /// For bins from `bin_hz` on, as far apart.
    pub fn new(bins: usize, bin_hz: f32, sample_rate: u32) -> Self {
        let top = hertz_to_mel(0.5 * sample_rate as f32);
        let place = |bin: usize| {
            let place = hertz_to_mel((bin + 1) as f32 * bin_hz) / top * (TOUCH_POINTS - 1) as f32;
            place.min((TOUCH_POINTS - 1) as f32)
        };
        let segment = |bin: usize| (place(bin) as usize).min(TOUCH_POINTS - 2);
        let starts = std::array::from_fn(|point| {
            (0..bins).find(|&bin| segment(bin) >= point).filter(|_| point < TOUCH_POINTS - 1).unwrap_or(bins) as u16
        });
        Self { starts, ways: (0..bins).map(|bin| place(bin) - segment(bin) as f32).collect() }
    }

    /// The gain of each bin when a note is struck at `velocity`, of 127. Allocates nothing.
    pub fn gains(&self, touch: &Touch, velocity: f32, gains: &mut [f32]) {
        gains_of(self, touch, steps(velocity), gains);
    }
}

/// The velocities whose heads a note keeps, where its model knows what velocity does: between them, heads are mixed. The first is
/// that of the generated note.
pub const HEAD_VELOCITIES: [f32; 4] = [GENERATED_VELOCITY, 127.0, 60.0, 12.0];

/// Heads are mixed from here on; softer strokes have the colour of this one.
const SOFTEST_HEAD: f32 = 10.0;

/// How the heads of [`HEAD_VELOCITIES`] are mixed for another velocity: Lagrange's polynomial of third order through them. A gain
/// is an exponential of the velocity, and up to 12 dB per 100 steps the mix is within a quarter of a dB of it, up to 20 dB within one.
pub fn head_mix(velocity: f32) -> [f32; HEAD_VELOCITIES.len()] {
    let velocity = velocity.max(SOFTEST_HEAD);
    std::array::from_fn(|own| {
        let others = HEAD_VELOCITIES.iter().enumerate().filter(|(other, _)| *other != own);
        others.map(|(_, node)| (velocity - node) / (HEAD_VELOCITIES[own] - node)).product()
    })
}

/// How a note sways: the model generates it straight.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Movement {
    /// Greatest offset of the pitch either way.
    pub vibrato_cents: f32,
    /// Of both.
    pub rate_hz: f32,
    /// Greatest offset of the level either way.
    pub tremolo_db: f32,
    /// When they have half of their depths, in seconds after the stroke.
    pub onset_s: f32,
}

impl Movement {
    /// Values of a model.
    pub const VALUES: usize = 4;

    /// Of the values that a model puts out; what is beyond belief is brought to what is believed.
    pub fn of_model(values: &[f32]) -> Option<Self> {
        let values: [f32; Self::VALUES] = values.try_into().ok()?;
        let bounded = |value: f32, most: f32| if value.is_finite() { value.clamp(0.0, most) } else { 0.0 };
        let [vibrato_cents, rate_hz, tremolo_db, onset_s] = values;
        Some(Self {
            vibrato_cents: bounded(vibrato_cents, 200.0),
            rate_hz: bounded(rate_hz, 20.0),
            tremolo_db: bounded(tremolo_db, 24.0),
            onset_s: bounded(onset_s, 10.0),
        })
    }

    /// The values as a model puts them out.
    pub fn values(&self) -> [f32; Self::VALUES] {
        [self.vibrato_cents, self.rate_hz, self.tremolo_db, self.onset_s]
    }

    /// The share of the depths that is there so many seconds after the stroke: smoothly from 0 to 1 at twice the onset.
    pub fn ramp(&self, seconds: f32) -> f32 {
        let x = if self.onset_s > 0.0 { (0.5 * seconds / self.onset_s).clamp(0.0, 1.0) } else { 1.0 };
        x * x * (3.0 - 2.0 * x)
    }
}

/// The exponent of a gain in natural logarithms, for each dB per 100 steps of velocity.
fn steps(velocity: f32) -> f32 {
    (velocity - GENERATED_VELOCITY) / 100.0 * std::f32::consts::LN_10 / 20.0
}

#[multiversion(targets("x86_64+avx2+fma"))]
fn gains_of(scale: &TouchScale, touch: &Touch, steps: f32, gains: &mut [f32]) {
    const FUSED: bool = is_fused!();
    let ends = scale.starts[1..].iter().chain([&u16::MAX]);
    for (point, (&start, &end)) in scale.starts.iter().zip(ends).enumerate().take(TOUCH_POINTS - 1) {
        let (start, end) = (usize::from(start).min(gains.len()), usize::from(end).min(gains.len()));
        let (from, to) = (touch.0[point] * steps, touch.0[point + 1] * steps);
        for (gain, way) in gains[start..end].iter_mut().zip(&scale.ways[start..end]) {
            *gain = exp::<FUSED>(mul_add::<FUSED>(*way, to - from, from));
        }
    }
}

fn hertz_to_mel(hertz: f32) -> f32 {
    1127.0 * (1.0 + hertz / 700.0).ln()
}

fn mel_to_hertz(mel: f32) -> f32 {
    700.0 * ((mel / 1127.0).exp() - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_lie_on_straight_lines_between_the_points_on_the_mel_scale() {
        let touch = Touch(std::array::from_fn(|point| 20.0 * (0.7 * point as f32).sin()));
        for (bins, n_fft, rate) in [(2_560, 6_144, 48_000), (1_024, 2_048, 16_000), (3, 512, 48_000)] {
            let bin_hz = rate as f32 / n_fft as f32;
            let scale = TouchScale::new(bins, bin_hz, rate);
            for velocity in [1.0, 27.0, 100.0, 127.0] {
                let mut gains = vec![0.0; bins];
                scale.gains(&touch, velocity, &mut gains);
                for (bin, gain) in gains.iter().enumerate() {
                    let mel = |hertz: f64| 1127.0 * (1.0 + hertz / 700.0).ln();
                    let place = mel((bin + 1) as f64 * f64::from(bin_hz)) / mel(f64::from(rate) / 2.0) * 31.0;
                    let point = (place as usize).min(30);
                    let (from, to) = (f64::from(touch.0[point]), f64::from(touch.0[point + 1]));
                    let right = (from + (to - from) * (place - point as f64)) * (f64::from(velocity) - 100.0) / 100.0;
                    let found = 20.0 * f64::from(*gain).log10();
                    assert!((found - right).abs() < 0.02, "bin {bin} of {bins} at {velocity}: {found} dB, not {right}");
                }
            }
        }
    }

    #[test]
    fn mixed_heads_are_near_to_the_head_of_their_velocity() {
        assert_eq!(head_mix(GENERATED_VELOCITY), [1.0, 0.0, 0.0, 0.0]);
        for db in [-20.0, -12.0, 6.0, 12.0, 20.0] {
            let gain = |velocity: f32| 10f32.powf(db * (velocity - 100.0) / 100.0 / 20.0);
            for velocity in (10..=127).map(|velocity| velocity as f32) {
                let mixed: f32 =
                    head_mix(velocity).iter().zip(HEAD_VELOCITIES).map(|(mix, node)| mix * gain(node)).sum();
                let off = 20.0 * (mixed / gain(velocity)).log10();
                let bound = if db > 12.0 { 1.0 } else { 0.25 };
                assert!(off.abs() < bound, "{db} dB at {velocity}: {off} dB off");
            }
        }
    }

    #[test]
    fn a_gentle_touch_brightens_what_lies_above_the_fundamentals() {
        let touch = Touch::gentle(48_000);
        assert_eq!(touch.0[0], 0.0);
        assert!(touch.0.windows(2).all(|pair| pair[1] >= pair[0]) && (10.0..20.0).contains(&touch.0[31]));
    }

    #[test]
    fn a_tilt_leaves_the_fundamental_and_is_added_to_what_velocity_does() {
        let touch = Touch::gentle(48_000);
        assert_eq!(touch.tilted(60.0, 0.0, 48_000, 261.6).0, touch.0.map(|db| -0.4 * db));
        for (tilt, top) in [(1.0, 15.0), (0.5, 7.5), (-1.0, -57.6)] {
            let tilted = touch.tilted(GENERATED_VELOCITY, tilt, 48_000, 284.0);
            assert!(tilted.0[0] == 0.0 && (tilted.0[31] - top).abs() < 0.1, "{tilt}: {:?}", tilted.0);
        }
    }

    #[test]
    fn what_no_model_can_mean_is_brought_to_what_it_can() {
        let touch = Touch::of_model(&[f32::NAN, 1e9, -1e9, 3.0].repeat(8)).unwrap();
        assert_eq!(touch.0[..4], [0.0, 60.0, -60.0, 3.0]);
        assert_eq!(Touch::of_model(&[0.0; 31]), None);
        let movement = Movement::of_model(&[-5.0, f32::INFINITY, 100.0, 0.2]).unwrap();
        assert_eq!(movement.values(), [0.0, 0.0, 24.0, 0.2]);
        assert_eq!((movement.ramp(0.0), movement.ramp(0.2), movement.ramp(0.4)), (0.0, 0.5, 1.0));
    }
}
