//! The exponential, a hundred thousand of them a note, written so that the compiler can do four or eight at once.
//!
//! Plain single-precision operations without branches, calls or tables.

use std::f32::consts::LOG2_E;

use crate::fused::mul_add;

/// Adding and taking away 1.5 * 2^23 leaves a float rounded to a whole number, since no bits are left for the fraction.
const ROUNDING: f32 = 12_582_912.0;

/// Exponents beyond these would leave the range in which sums of results are still finite and normal.
const LEAST_EXPONENT: f32 = -87.0;
const MOST_EXPONENT: f32 = 80.0;

/// e to the power of `x`, to 7 millionths of itself for `x` from -87 to 80 (-103 dB, and 6 dB less once the root of a power
/// is taken): a tenth of what the code of a magnitude leaves out. Beyond, and for NaN, as at the nearer end (NaN: the lower).
#[inline(always)]
pub fn exp<const FUSED: bool>(x: f32) -> f32 {
    /// The polynomial from 1 on whose greatest relative error to 2^f for |f| <= 1/2 is least: 2.8e-6, up to the fourth power.
    const POWERS: [f32; 5] = [1.0, 0.693_124_2, 0.240_240_99, 0.055_906_426, 0.009_582_853];

    // Written as comparisons and not as `clamp`, because a comparison with NaN is false and so takes the lower end.
    let x = if x > LEAST_EXPONENT { x } else { LEAST_EXPONENT };
    let x = if x < MOST_EXPONENT { x } else { MOST_EXPONENT };

    // e^x = 2^(n + f) with a whole n.
    let shifted = mul_add::<FUSED>(x, LOG2_E, ROUNDING);
    let n = shifted - ROUNDING;
    let f = mul_add::<FUSED>(x, LOG2_E, -n);
    // By pairs and not from the highest power down: a processor waits for each operation on the last one's result, and has no
    // room for enough other numbers meanwhile.
    let square = f * f;
    let low = mul_add::<FUSED>(POWERS[1], f, POWERS[0]);
    let high = mul_add::<FUSED>(POWERS[4], square, mul_add::<FUSED>(POWERS[3], f, POWERS[2]));
    let series = mul_add::<FUSED>(square, high, low);
    // The low bits of the shifted number are n; moved to the exponent's place and added there they multiply by 2^n.
    f32::from_bits(series.to_bits().wrapping_add(shifted.to_bits() << 23))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_right_to_7_millionths<const FUSED: bool>() {
        let mut worst = 0.0_f64;
        for i in 0..=1_670_000 {
            let x = -87.0 + i as f32 * 1e-4;
            let right = f64::from(x.min(80.0)).exp();
            worst = worst.max((f64::from(exp::<FUSED>(x)) / right - 1.0).abs());
        }
        assert!(worst < 7e-6, "{worst}");
        assert_eq!(exp::<FUSED>(0.0), 1.0);
    }

    #[test]
    fn exp_is_right_to_7_millionths() {
        is_right_to_7_millionths::<false>();
        is_right_to_7_millionths::<true>();
    }

    fn is_finite_and_positive<const FUSED: bool>() {
        for bits in (0..=u32::MAX).step_by(65_537) {
            let x = f32::from_bits(bits);
            let found = exp::<FUSED>(x);
            assert!(found.is_normal() && found > 0.0, "{x}");
        }
        assert_eq!(exp::<FUSED>(f32::NAN), exp::<FUSED>(-87.0));
        assert_eq!(exp::<FUSED>(f32::INFINITY), exp::<FUSED>(80.0));
    }

    #[test]
    fn exp_is_finite_and_positive_for_any_bits() {
        is_finite_and_positive::<false>();
        is_finite_and_positive::<true>();
    }
}
