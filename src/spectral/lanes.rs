//! Several frames side by side, one in each lane of the processor's vectors.
//!
//! A sparse matrix reads its input here and there, which vectors cannot do along a frame; across frames they can, since all
//! frames have the same matrix. Every value is computed by the same operations in the same order as frame by frame, so it is
//! the same to the bit.

/// Frames side by side: what fits into one AVX vector or two SSE or NEON ones.
pub const LANES: usize = 8;

/// The same bin of [`LANES`] frames.
pub type Lanes = [f32; LANES];

/// Turns rows of frames, `rows` long together, into lanes, and each value `x` into `map(x)`.
///
/// Frame after frame: `map` then runs on vectors, and only the stores are scattered.
#[inline(always)]
pub fn from_frames(rows: &[f32], lanes: &mut [Lanes], map: impl Fn(f32) -> f32) {
    let bins = lanes.len();
    for lane in 0..LANES {
        let row = &rows[lane * bins..(lane + 1) * bins];
        lanes.iter_mut().zip(row).for_each(|(lanes, &value)| lanes[lane] = map(value));
    }
}

/// The way back: lanes into rows of frames, each value `x` into `map(x)`.
#[inline(always)]
pub fn to_frames(lanes: &[Lanes], rows: &mut [f32], map: impl Fn(f32) -> f32) {
    let bins = lanes.len();
    for lane in 0..LANES {
        let row = &mut rows[lane * bins..(lane + 1) * bins];
        row.iter_mut().zip(lanes).for_each(|(value, lanes)| *value = map(lanes[lane]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_become_lanes_and_come_back() {
        let bins = 24;
        let rows: Vec<f32> = (0..LANES * bins).map(|i| i as f32).collect();
        let mut lanes = vec![[0.0; LANES]; bins];
        from_frames(&rows, &mut lanes, |x| x + 0.5);
        for (bin, lanes) in lanes.iter().enumerate() {
            for (lane, &value) in lanes.iter().enumerate() {
                assert_eq!(value, (lane * bins + bin) as f32 + 0.5);
            }
        }
        let mut back = vec![0.0; rows.len()];
        to_frames(&lanes, &mut back, |x| x - 0.5);
        assert_eq!(back, rows);
    }
}
