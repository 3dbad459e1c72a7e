//! From a voice's oversampled signal to the host's rate, at any ratio: a windowed sinc of 16 points.
//!
//! A voice holds nothing above half of its own Nyquist frequency (the spectral frames are band-limited and oversampled
//! by two), so the filter may fall from 1 to nothing between a quarter and three quarters of the voice's rate: 16 points
//! keep the pass band flat and the images under -90 dB. At whole positions the filter passes samples on unchanged, so that
//! a host at the model's own rate hears the model's own samples.

/// Points of the filter.
pub const TAPS: usize = 16;

/// Positions between two samples for which the filter is tabulated. Between them it is interpolated linearly, which leaves
/// an error of (pi / 2 / 512)^2 / 2: under -105 dB.
const PHASES: usize = 512;

/// Shape of the Kaiser window: 90 dB of stop-band attenuation by Kaiser's formula, beta = 0.1102 (A - 8.7).
const KAISER_BETA: f64 = 0.1102 * (90.0 - 8.7);

/// The tabulated filter.
pub struct Interpolator {
    /// One row more than there are phases, so that the last phase has a neighbour.
    rows: Box<[[f32; TAPS]]>,
}

impl Interpolator {
    pub fn new() -> Self {
        let rows = (0..=PHASES)
            .map(|phase| {
                let fraction = phase as f64 / PHASES as f64;
                std::array::from_fn(|tap| {
                    let x = tap as f64 - (TAPS / 2 - 1) as f64 - fraction;
                    (sinc(x) * kaiser(x / (TAPS / 2) as f64)) as f32
                })
            })
            .collect();
        Self { rows }
    }

    /// The signal at `position`; reads `wave` from `position - 7` to `position + 8`.
    #[inline]
    pub fn at(&self, wave: &[f32], position: f64) -> f32 {
        let index = position as usize;
        let fraction = (position - index as f64) as f32 * PHASES as f32;
        let phase = (fraction as usize).min(PHASES - 1);
        let between = fraction - phase as f32;
        let (Some(first), Some(second)) = (self.rows.get(phase), self.rows.get(phase + 1)) else { return 0.0 };
        let start = index + 1 - TAPS / 2;
        let Some(wave) = wave.get(start..start + TAPS) else { return 0.0 };
        let mut sums = [0.0f32; 4];
        for lane in 0..TAPS {
            let tap = first[lane] + between * (second[lane] - first[lane]);
            sums[lane % 4] += wave[lane] * tap;
        }
        (sums[0] + sums[2]) + (sums[1] + sums[3])
    }
}

fn sinc(x: f64) -> f64 {
    // Exact zeros at the whole numbers: the sine of a multiple of pi is not exactly zero in floating point.
    if x == 0.0 {
        1.0
    } else if x.fract() == 0.0 {
        0.0
    } else {
        (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x)
    }
}

/// Kaiser window at `x` in -1..1.
fn kaiser(x: f64) -> f64 {
    if x.abs() >= 1.0 { 0.0 } else { bessel_i0(KAISER_BETA * (1.0 - x * x).sqrt()) / bessel_i0(KAISER_BETA) }
}

/// Modified Bessel function of the first kind and order zero, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..64 {
        term *= quarter / f64::from(k * k);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Level in dB of what remains of `signal` when a sine of `frequency` (in turns a sample) is taken out, and of the sine.
    fn residue(signal: &[f64], frequency: f64) -> (f64, f64) {
        let n = signal.len() as f64;
        let window = |i: usize| 0.5 - 0.5 * (std::f64::consts::TAU * (i as f64 + 0.5) / n).cos();
        let phase = |i: usize| std::f64::consts::TAU * frequency * i as f64;
        // Least squares for amplitude of sine and cosine, weighted by the window.
        let (mut cc, mut ss, mut cs, mut xc, mut xs) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (i, x) in signal.iter().enumerate() {
            let (s, c) = phase(i).sin_cos();
            let w = window(i);
            cc += w * c * c;
            ss += w * s * s;
            cs += w * c * s;
            xc += w * x * c;
            xs += w * x * s;
        }
        let det = cc * ss - cs * cs;
        let (a, b) = ((xc * ss - xs * cs) / det, (xs * cc - xc * cs) / det);
        let power: f64 = signal
            .iter()
            .enumerate()
            .map(|(i, x)| {
                let (s, c) = phase(i).sin_cos();
                window(i) * (x - a * c - b * s).powi(2)
            })
            .sum();
        (10.0 * (power / (0.5 * n)).log10(), 20.0 * (a.hypot(b)).log10())
    }

    #[test]
    fn passes_all_that_the_model_has_and_keeps_images_down() {
        let interpolator = Interpolator::new();
        for host_rate in [22_050.0, 44_100.0, 48_000.0, 96_000.0, 192_000.0] {
            for frequency in [100.0, 1_000.0, 4_000.0, 7_000.0, 7_500.0, 7_900.0] {
                let wave: Vec<f32> = (0..9_000)
                    .map(|i| (std::f64::consts::TAU * frequency * f64::from(i) / 32_000.0).sin() as f32)
                    .collect();
                let signal: Vec<f64> = (0..4_000)
                    .map(|i| f64::from(interpolator.at(&wave, 100.0 + f64::from(i) * 32_000.0 / host_rate)))
                    .collect();
                let (noise, level) = residue(&signal, frequency / host_rate);
                assert!(level.abs() < 0.1, "{frequency} Hz at {host_rate}: {level:.3} dB");
                assert!(noise < -84.0, "{frequency} Hz at {host_rate}: images and noise {noise:.1} dB");
            }
        }
    }

    #[test]
    fn whole_positions_pass_unchanged() {
        let interpolator = Interpolator::new();
        let wave: Vec<f32> = (0..64).map(|i| ((i * 29) % 31) as f32 - 15.0).collect();
        for i in 8..50 {
            assert_eq!(interpolator.at(&wave, i as f64), wave[i]);
        }
    }
}
