//! The exponential, a hundred thousand of them a note, written so that the compiler can do four or eight at once.
//!
//! Plain single-precision operations without branches, calls or tables: the results are the same on every processor.

/// Adding and taking away 1.5 * 2^23 leaves a float rounded to a whole number, since no bits are left for the fraction.
const ROUNDING: f32 = 12_582_912.0;

/// Exponents beyond these would leave the range in which sums of results are still finite and normal.
const LEAST_EXPONENT: f32 = -87.0;
const MOST_EXPONENT: f32 = 80.0;

/// e to the power of `x`, to 2 ulp for `x` from -87 to 80; beyond, and for NaN, as at the nearer end (NaN: the lower).
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    /// ln 2 in two parts; the first has so few bits that its multiples by whole numbers up to 2^10 are exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    /// The polynomial from 1 + r on whose greatest relative error for such r is least: 1e-7, up to the fifth power.
    const POWERS: [f32; 6] = [1.0, 1.0, 0.499_992_3, 0.166_671_16, 0.041_890_33, 8.312_501e-3];

    // Written as comparisons and not as `clamp`, because a comparison with NaN is false and so takes the lower end.
    let x = if x > LEAST_EXPONENT { x } else { LEAST_EXPONENT };
    let x = if x < MOST_EXPONENT { x } else { MOST_EXPONENT };

    // e^x = 2^n e^r with a whole n and |r| <= ln 2 / 2.
    let shifted = x * std::f32::consts::LOG2_E + ROUNDING;
    let n = shifted - ROUNDING;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
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
    fn exp_is_right_to_two_ulp() {
        let mut worst = 0.0_f64;
        for i in 0..=1_670_000 {
            let x = -87.0 + i as f32 * 1e-4;
            let right = f64::from(x.min(80.0)).exp();
            worst = worst.max((f64::from(exp(x)) / right - 1.0).abs());
        }
        assert!(worst < 2.0 * f64::from(f32::EPSILON), "{worst}");
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
