//! A sparse matrix with at most two weights a row, at neighbouring columns: the way back from the mel scale.
//!
//! A frame is multiplied eight rows at a time, by shuffles where the processor has them. Each row is
//! `first * input[column] + second * input[column + 1]` in single precision with no fused operation, so the results are the
//! same on every processor.

use multiversion::multiversion;
use multiversion::target::match_target;

/// Rows side by side: what fits into one AVX vector.
const LANES: usize = 8;

/// Columns that the two taps of half a group see: a shuffle reaches over one vector, and the second tap lies one further.
const WINDOW: usize = LANES + 1;

/// A square matrix by its rows.
pub struct TwoTaps {
    groups: Box<[Group]>,
}

/// [`LANES`] rows.
#[derive(Clone, Default)]
struct Group {
    /// Where the columns begin that the first and the second half of the rows see.
    windows: [u32; 2],
    /// Each row's first column, from its half's window on.
    columns: [u32; LANES],
    /// Weights of that column and of the next.
    first: [f32; LANES],
    second: [f32; LANES],
}

impl TwoTaps {
    /// `weights` are (row, column, weight) in rising order of both; there are as many columns as rows.
    ///
    /// # Panics
    /// When a row has other weights than two neighbours, or four rows reach over more columns than a shuffle does, which
    /// the published scales never do.
    pub fn new(rows: usize, weights: &[(usize, usize, f32)]) -> Self {
        assert!(rows.is_multiple_of(LANES) && rows >= WINDOW, "rows come in whole vectors");
        let mut groups = vec![Group::default(); rows / LANES];
        for half in weights.chunk_by(|a, b| a.0 / (LANES / 2) == b.0 / (LANES / 2)) {
            let (row, column, _) = half[0];
            let group = &mut groups[row / LANES];
            // No window goes beyond the end, where a row's own column then lies further back in it.
            let window = column.min(rows - WINDOW);
            group.windows[row % LANES / (LANES / 2)] = window as u32;
            for own in half.chunk_by(|a, b| a.0 == b.0) {
                let (row, column, weight) = own[0];
                let (first, second) = match own {
                    [_] if column + 1 < rows => (column, [weight, 0.0]),
                    [_] => (column - 1, [0.0, weight]),
                    [_, next] if next.1 == column + 1 => (column, [weight, next.2]),
                    _ => panic!("row {row} has {} weights that are no neighbours", own.len()),
                };
                assert!((window..window + LANES).contains(&first), "rows {row} and before reach over too many columns");
                group.columns[row % LANES] = (first - window) as u32;
                [group.first[row % LANES], group.second[row % LANES]] = second;
            }
        }
        Self { groups: groups.into() }
    }

    /// Multiplies a frame, and brings each value `x` to `map(x)`.
    ///
    /// # Panics
    /// When a slice has another length than there are rows.
    #[inline]
    pub fn multiply(&self, input: &[f32], output: &mut [f32], map: impl Fn(f32) -> f32) {
        let rows = LANES * self.groups.len();
        assert_eq!((input.len(), output.len()), (rows, rows), "a frame has as many bins as the matrix rows");
        multiply(&self.groups, input, output, map);
    }

    /// The weights (row, column, weight) that are not zero.
    pub fn weights(&self) -> impl Iterator<Item = (usize, usize, f32)> + '_ {
        let rows = self.groups.iter().flat_map(|group| (0..LANES).map(move |lane| (group, lane)));
        let taps = rows.enumerate().flat_map(|(row, (group, lane))| {
            let column = (group.windows[lane / (LANES / 2)] + group.columns[lane]) as usize;
            [(row, column, group.first[lane]), (row, column + 1, group.second[lane])]
        });
        taps.filter(|&(_, _, weight)| weight != 0.0)
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn multiply(groups: &[Group], input: &[f32], output: &mut [f32], map: impl Fn(f32) -> f32) {
    for (group, out) in groups.iter().zip(output.as_chunks_mut::<LANES>().0) {
        let [lower, upper] = group.windows.map(|start| input[start as usize..].first_chunk().expect("rows lie within"));
        let sums = match_target! {
            "x86_64+avx2" => group.sums_by_shuffles(lower, upper),
            _ => group.sums(lower, upper),
        };
        *out = sums.map(&map);
    }
}

impl Group {
    /// The rows' sums, of the windows of their first and of their second half.
    #[allow(dead_code, reason = "where AVX2 is taken for granted, only the shuffles are used")]
    #[inline(always)]
    fn sums(&self, lower: &[f32; WINDOW], upper: &[f32; WINDOW]) -> [f32; LANES] {
        std::array::from_fn(|lane| {
            let window = if lane < LANES / 2 { lower } else { upper };
            let column = self.columns[lane] as usize % LANES;
            self.first[lane] * window[column] + self.second[lane] * window[column + 1]
        })
    }

    /// The same by vector operations.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    fn sums_by_shuffles(&self, lower: &[f32; WINDOW], upper: &[f32; WINDOW]) -> [f32; LANES] {
        use std::arch::x86_64::{
            __m256, _mm256_add_ps, _mm256_blend_ps, _mm256_mul_ps, _mm256_permutevar8x32_ps, _mm256_setr_epi32,
            _mm256_setr_ps,
        };
        let vector = |x: &[f32]| _mm256_setr_ps(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]);
        let [a, b, c, d, e, f, g, h] = self.columns.map(|column| column as i32);
        let columns = _mm256_setr_epi32(a, b, c, d, e, f, g, h);
        let tap = |tap: usize| {
            let lower = _mm256_permutevar8x32_ps(vector(&lower[tap..]), columns);
            let upper = _mm256_permutevar8x32_ps(vector(&upper[tap..]), columns);
            _mm256_blend_ps::<0b1111_0000>(lower, upper)
        };
        let first = _mm256_mul_ps(vector(&self.first), tap(0));
        let second = _mm256_mul_ps(vector(&self.second), tap(1));
        // SAFETY: both types are eight floats, one behind the other.
        unsafe { std::mem::transmute::<__m256, [f32; LANES]>(_mm256_add_ps(first, second)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows without weights, with one, at the first and at the last column, and as many columns as half a group can see.
    fn weights() -> Vec<(usize, usize, f32)> {
        let row = |row: usize| {
            let column = (2 * row + row % 3).min(23);
            let weight = 0.1 + row as f32 / 7.0;
            let taps = if row == 0 {
                0
            } else if row % 5 == 1 || column == 23 {
                1
            } else {
                2
            };
            (0..taps).map(move |tap| (row, column + tap, weight + 0.3 * tap as f32))
        };
        (0..24).flat_map(row).collect()
    }

    #[test]
    fn weights_are_those_that_were_given() {
        let matrix = TwoTaps::new(24, &weights());
        assert_eq!(matrix.weights().collect::<Vec<_>>(), weights());
    }

    #[test]
    fn a_frame_is_multiplied_as_row_by_row_to_the_bit() {
        let matrix = TwoTaps::new(24, &weights());
        let input: Vec<f32> = (0..24).map(|i| (i as f32 * 0.7).sin() * 100.0).collect();
        let mut right = [0.0f32; 24];
        weights().iter().for_each(|&(row, column, weight)| right[row] += weight * input[column]);
        let mut found = vec![f32::NAN; 24];
        matrix.multiply(&input, &mut found, |x| x + 1.0);
        assert_eq!(found, right.iter().map(|x| x + 1.0).collect::<Vec<_>>());
        for (group, right) in matrix.groups.iter().zip(right.chunks_exact(LANES)) {
            let [lower, upper] = group.windows.map(|start| input[start as usize..].first_chunk().unwrap());
            assert_eq!(group.sums(lower, upper), right, "without vector instructions");
        }
    }

    #[test]
    #[should_panic(expected = "no neighbours")]
    fn a_row_of_three_weights_is_refused() {
        TwoTaps::new(16, &[(3, 1, 1.0), (3, 2, 1.0), (3, 3, 1.0)]);
    }
}
