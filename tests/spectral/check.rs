//! How near is near enough: the tolerances of all comparisons.

/// Log-magnitudes of a frame: each magnitude right to 1e-4 of itself, or to the rounding of a single-precision Fourier
/// transform, which is some 1e-7 of the frame's greatest.
pub fn check_level(found: &[f32], right: &[f32], what: &str) {
    let greatest = greatest(right);
    for (bin, (found, right)) in found.iter().zip(right).enumerate() {
        let difference = (found.exp() - right.exp()).abs();
        let tolerance = 1e-4 * right.exp() + 2e-7 * greatest;
        assert!(difference < tolerance, "{what}, bin {bin}: {found} where {right} is right");
    }
}

/// Angles of a frame in units of pi, modulo 2: right to 1e-4, each weighted by its magnitude (`level` is its logarithm)
/// relative to the frame's greatest, since the angle of a silent bin is noise.
pub fn check_angle(found: &[f32], right: &[f32], level: &[f32], what: &str) {
    let greatest = greatest(level);
    // Digital silence, which has no angle at all: a sine of the least step of 16 bits has a magnitude of 0.016.
    if greatest < 0.016 {
        return;
    }
    for (bin, ((found, right), level)) in found.iter().zip(right).zip(level).enumerate() {
        let difference = (found - right + 1.0).rem_euclid(2.0) - 1.0;
        let weight = level.exp() / greatest;
        assert!(weight * difference.abs() < 1e-4, "{what}, bin {bin}: {found} where {right} is right");
    }
}

/// The greatest magnitude, from logarithms.
fn greatest(level: &[f32]) -> f32 {
    level.iter().copied().fold(f32::MIN, f32::max).exp()
}

/// Log-power to log-magnitude.
pub fn half(level: &[f32]) -> Vec<f32> {
    level.iter().map(|level| 0.5 * level).collect()
}

/// Waves: right to 1e-4 of full scale.
pub fn check_wave(found: &[f32], right: &[f32], what: &str) {
    assert_eq!(found.len(), right.len(), "{what}");
    let difference = |i: usize| (found[i] - right[i]).abs();
    for i in 0..found.len() {
        assert!(difference(i) < 1e-4, "{what}, sample {i}: {} where {} is right", found[i], right[i]);
    }
    println!("{what}: largest difference {:.2e}", (0..found.len()).map(difference).fold(0.0, f32::max));
}
