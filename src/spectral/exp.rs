//! The exponential, a hundred thousand of them a note, written so that the compiler can do four or eight at once.
//!
//! Plain single-precision operations without branches, calls or tables: the results are the same on every processor.

/// Adding and taking away 1.5 * 2^23 leaves a float rounded to a whole number, since no bits are left for the fraction.
const ROUNDING: f32 = 12_582_912.0;

/// Exponents beyond these would leave the range in which sums of results are still finite and normal.
const LEAST_EXPONENT: f32 = -87.0;
const MOST_EXPONENT: f32 = 80.0;

/// e to the power of `x` for `x` from -87 to 80; beyond, and for NaN, as at the nearer end (NaN: the lower).
///
/// The relative error is at most 3e-7 + 7e-8 |x|, which for the levels of any sound is 40 dB below that of the 16 bits that a
/// note is kept with.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    /// The polynomial from 1 on whose greatest relative error to 2^r is least for r from -0.5 to 0.5: 1.1e-7.
    const POWERS: [f32; 6] = [1.0, 0.693_147, 0.240_222_42, 0.055_507_336, 0.009_671_513, 0.001_326_472_7];

    // Written as comparisons and not as `clamp`, because a comparison with NaN is false and so takes the lower end.
    let x = if x > LEAST_EXPONENT { x } else { LEAST_EXPONENT };
    let x = if x < MOST_EXPONENT { x } else { MOST_EXPONENT };

    // e^x = 2^(x log2 e) = 2^n 2^r with a whole n and |r| <= 0.5.
    let binary = x * std::f32::consts::LOG2_E;
    let shifted = binary + ROUNDING;
    let r = binary - (shifted - ROUNDING);
    // By pairs and not from the highest power down: a processor waits for each operation on the last one's result, and has no
    // room for enough other numbers meanwhile.
    let square = r * r;
    let low = POWERS[0] + POWERS[1] * r;
    let middle = POWERS[2] + POWERS[3] * r;
    let high = POWERS[4] + POWERS[5] * r;
    let series = low + square * (middle + square * high);
    // The low bits of the shifted number are n; moved to the exponent's place they make 2^n.
    let two_to_n = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    series * two_to_n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_right_to_what_is_said() {
        for i in 0..=1_670_000 {
            let x = (-87.0 + i as f32 * 1e-4).min(80.0);
            let error = (f64::from(exp(x)) / f64::from(x).exp() - 1.0).abs();
            assert!(error <= 3e-7 + 7e-8 * f64::from(x.abs()), "{x}: {error}");
        }
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn exp_is_finite_and_positive_for_any_bits() {
        for bits in (0..=u32::MAX).step_by(65_537) {
            let x = f32::from_bits(bits);
            assert!(exp(x).is_normal() && exp(x) > 0.0, "{x}");
        }
        assert_eq!(exp(f32::NAN), exp(-87.0));
        assert_eq!(exp(f32::INFINITY), exp(80.0));
    }
}
