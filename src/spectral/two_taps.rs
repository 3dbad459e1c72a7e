//! A sparse matrix with at most two weights a row, at neighbouring columns: the way back from the mel scale.
//!
//! A frame is multiplied eight rows at a time. In the lower rows of a mel scale the column rises a little faster than the
//! row, so that a few diagonals hold all weights, and each is a plain product of vectors; in the upper rows it rises so slowly
//! that one vector holds all that eight rows see, and is shuffled. Either way each row is `first * input[column] + second *
//! input[column + 1]` in single precision, and otherwise sums of zeros.

use multiversion::multiversion;
use multiversion::target::match_target;

use crate::fused::{is_fused, mul_add};

/// Rows side by side: what fits into one AVX vector.
const LANES: usize = 8;

/// Diagonals of [`LANES`] rows, of which the last is empty for most.
const DIAGONALS: usize = 5;

/// Columns that so many diagonals see.
const REACH: usize = LANES + DIAGONALS - 1;

/// Columns that the two taps of a shuffled group see: a shuffle reaches over one vector, and the second tap lies one further.
const WINDOW: usize = LANES + 1;

/// A square matrix by its rows.
pub struct TwoTaps {
    /// The lower rows.
    diagonal: Box<[DiagonalGroup]>,
    /// The rows from there on.
    shuffled: Box<[ShuffledGroup]>,
}

/// [`LANES`] rows whose columns rise as they do, nearly.
struct DiagonalGroup {
    /// The first row's first column. Of 32 bits, so that it takes one comparison to know that all columns lie within.
    start: u32,
    /// Whether the last diagonal has weights.
    has_last: bool,
    /// Each row's weights, from its place in the group beyond `start` on.
    weights: [[f32; LANES]; DIAGONALS],
}

/// [`LANES`] rows that see few columns.
struct ShuffledGroup {
    /// Where the columns begin that they see.
    start: u32,
    /// Each row's first column, from there on.
    columns: [u8; LANES],
    /// Weights of that column and of the next.
    first: [f32; LANES],
    second: [f32; LANES],
}

impl TwoTaps {
    /// `weights` are (row, column, weight) in rising order of both; there are as many columns as rows.
    ///
    /// # Panics
    /// When a row has other weights than two neighbours, or eight rows lie neither on a few diagonals nor in one vector, or
    /// such that do lie below such that do not, which the published scales never do.
    pub fn new(rows: usize, weights: &[(usize, usize, f32)]) -> Self {
        assert!(rows.is_multiple_of(LANES) && rows >= REACH, "rows come in whole vectors");
        for own in weights.chunk_by(|a, b| a.0 == b.0) {
            let are_neighbours = own.len() < 3 && own[own.len() - 1].1 - own[0].1 < 2;
            assert!(are_neighbours, "row {} has {} weights that are no neighbours", own[0].0, own.len());
        }
        let (mut diagonal, mut shuffled, mut rest) = (Vec::new(), Vec::new(), weights);
        for first_row in (0..rows).step_by(LANES) {
            let (own, later) = rest.split_at(rest.partition_point(|weight| weight.0 < first_row + LANES));
            rest = later;
            let lanes: Vec<_> = own.iter().map(|&(row, column, weight)| (row - first_row, column, weight)).collect();
            if let Some(group) = DiagonalGroup::new(rows, &lanes).filter(|_| shuffled.is_empty()) {
                diagonal.push(group);
            } else {
                let group = ShuffledGroup::new(rows, &lanes);
                shuffled.push(group.unwrap_or_else(|| panic!("rows from {first_row} on reach over too many columns")));
            }
        }
        Self { diagonal: diagonal.into(), shuffled: shuffled.into() }
    }

    /// Multiplies two frames, and brings each value `x` of one to `maps.0(x)` and of the other to `maps.1(x)`. Two at once
    /// cost less than one after the other: the matrix is read once. Gives the totals of the first frame's values, before
    /// they are mapped.
    ///
    /// # Panics
    /// When a slice has another length than there are rows.
    #[inline]
    pub fn multiply(
        &self,
        inputs: [&[f32]; 2],
        outputs: [&mut [f32]; 2],
        maps: (impl Fn(f32) -> f32, impl Fn(f32) -> f32),
    ) -> Totals {
        let rows = LANES * (self.diagonal.len() + self.shuffled.len());
        // One by one: an array of lengths would be compared as a vector, which has to wait for its own writing.
        let is_whole = |len: usize| len == rows;
        let [one, other] = outputs;
        assert!(
            is_whole(inputs[0].len()) && is_whole(inputs[1].len()) && is_whole(one.len()) && is_whole(other.len()),
            "a frame has as many bins as the matrix rows"
        );
        multiply(self, inputs, one, other, maps)
    }

    /// The weights (row, column, weight) that are not zero.
    pub fn weights(&self) -> impl Iterator<Item = (usize, usize, f32)> + '_ {
        let lanes = || 0..LANES;
        let diagonal = self.diagonal.iter().enumerate().flat_map(move |(index, group)| {
            lanes().flat_map(move |lane| {
                let taps = group.weights.iter().enumerate();
                taps.map(move |(tap, weights)| (LANES * index + lane, group.start as usize + lane + tap, weights[lane]))
            })
        });
        let first_row = LANES * self.diagonal.len();
        let shuffled = self.shuffled.iter().enumerate().flat_map(move |(index, group)| {
            lanes().flat_map(move |lane| {
                let (row, column) =
                    (first_row + LANES * index + lane, group.start as usize + usize::from(group.columns[lane]));
                [(row, column, group.first[lane]), (row, column + 1, group.second[lane])]
            })
        });
        diagonal.chain(shuffled).filter(|&(_, _, weight)| weight != 0.0)
    }
}

/// What the values of a frame come to. The greatest is 0 where all are less.
pub struct Totals {
    pub sum: f32,
    pub greatest: f32,
}

#[multiversion(targets("x86_64+avx2+fma"))]
fn multiply(
    matrix: &TwoTaps,
    inputs: [&[f32]; 2],
    one: &mut [f32],
    other: &mut [f32],
    maps: (impl Fn(f32) -> f32, impl Fn(f32) -> f32),
) -> Totals {
    let (mut total, mut greatest) = ([0.0; LANES], [0.0; LANES]);
    let mut outputs = one.as_chunks_mut::<LANES>().0.iter_mut().zip(other.as_chunks_mut::<LANES>().0);
    for (group, (one, other)) in matrix.diagonal.iter().zip(&mut outputs) {
        // Neither here nor below in closures, which may become functions of their own for every processor.
        let seen = [group.seen(inputs[0]), group.seen(inputs[1])];
        let mut sums = [group.sums::<{ is_fused!() }>(seen[0]), group.sums::<{ is_fused!() }>(seen[1])];
        if group.has_last {
            group.add_last::<{ is_fused!() }>(seen[0], &mut sums[0]);
            group.add_last::<{ is_fused!() }>(seen[1], &mut sums[1]);
        }
        for lane in 0..LANES {
            let sum = sums[0][lane];
            total[lane] += sum;
            greatest[lane] = if sum > greatest[lane] { sum } else { greatest[lane] };
            one[lane] = maps.0(sum);
            other[lane] = maps.1(sums[1][lane]);
        }
    }
    for (group, (one, other)) in matrix.shuffled.iter().zip(outputs) {
        let mut sums = [[0.0; LANES]; 2];
        for (sums, input) in sums.iter_mut().zip(inputs) {
            let window = window(group.start, input);
            *sums = match_target! {
                "x86_64+avx2+fma" => group.sums_by_shuffles(window),
                _ => group.sums::<{ is_fused!() }>(window),
            };
        }
        for lane in 0..LANES {
            let sum = sums[0][lane];
            total[lane] += sum;
            greatest[lane] = if sum > greatest[lane] { sum } else { greatest[lane] };
            one[lane] = maps.0(sum);
            other[lane] = maps.1(sums[1][lane]);
        }
    }
    Totals { sum: total.iter().sum(), greatest: greatest.iter().copied().fold(0.0, f32::max) }
}

/// So many columns from `start` on.
#[inline(always)]
fn window<const COLUMNS: usize>(start: u32, input: &[f32]) -> &[f32; COLUMNS] {
    let start = start as usize;
    input[start..start + COLUMNS].first_chunk().expect("rows lie within")
}

impl DiagonalGroup {
    /// `None` where the rows' weights (place in the group, column, weight) lie on more diagonals.
    fn new(columns: usize, weights: &[(usize, usize, f32)]) -> Option<Self> {
        let diagonals = weights.iter().map(|&(lane, column, _)| column.checked_sub(lane));
        let start = diagonals.min().unwrap_or(Some(0))?.min(columns - REACH);
        let mut own = [[0.0; LANES]; DIAGONALS];
        for &(lane, column, weight) in weights {
            own.get_mut(column - lane - start)?[lane] = weight;
        }
        Some(Self { start: start as u32, has_last: own[DIAGONALS - 1] != [0.0; LANES], weights: own })
    }

    #[inline(always)]
    fn seen<'a>(&self, input: &'a [f32]) -> &'a [f32; REACH] {
        window(self.start, input)
    }

    /// What all diagonals but the last add up to.
    #[inline(always)]
    fn sums<const FUSED: bool>(&self, seen: &[f32; REACH]) -> [f32; LANES] {
        let mut sums = [0.0; LANES];
        for lane in 0..LANES {
            sums[lane] = self.weights[0][lane] * seen[lane];
        }
        for tap in 1..DIAGONALS - 1 {
            for lane in 0..LANES {
                sums[lane] = mul_add::<FUSED>(self.weights[tap][lane], seen[lane + tap], sums[lane]);
            }
        }
        sums
    }

    #[inline(always)]
    fn add_last<const FUSED: bool>(&self, seen: &[f32; REACH], sums: &mut [f32; LANES]) {
        const LAST: usize = DIAGONALS - 1;
        for lane in 0..LANES {
            sums[lane] = mul_add::<FUSED>(self.weights[LAST][lane], seen[lane + LAST], sums[lane]);
        }
    }
}

impl ShuffledGroup {
    /// `None` where the rows' weights (place in the group, column, weight) lie in more columns.
    fn new(columns: usize, weights: &[(usize, usize, f32)]) -> Option<Self> {
        // No window goes beyond the end, where a row's own column then lies further back in it.
        let start = weights.iter().map(|weight| weight.1).min().unwrap_or(0).min(columns - WINDOW);
        let mut group = Self { start: start as u32, columns: [0; LANES], first: [0.0; LANES], second: [0.0; LANES] };
        for own in weights.chunk_by(|a, b| a.0 == b.0) {
            let (lane, column, weight) = own[0];
            let column = column - start;
            let (column, first, second) = match own.get(1) {
                Some(next) => (column, weight, next.2),
                None if column < LANES => (column, weight, 0.0),
                None => (column - 1, 0.0, weight),
            };
            if column >= LANES {
                return None;
            }
            group.columns[lane] = column as u8;
            [group.first[lane], group.second[lane]] = [first, second];
        }
        Some(group)
    }

    #[allow(dead_code, reason = "where AVX2 is taken for granted, only the shuffles are used")]
    #[inline(always)]
    fn sums<const FUSED: bool>(&self, window: &[f32; WINDOW]) -> [f32; LANES] {
        std::array::from_fn(|lane| {
            let column = usize::from(self.columns[lane]) % LANES;
            mul_add::<FUSED>(self.second[lane], window[column + 1], self.first[lane] * window[column])
        })
    }

    /// The same by vector operations.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn sums_by_shuffles(&self, window: &[f32; WINDOW]) -> [f32; LANES] {
        use std::arch::x86_64::{
            __m256, _mm_set_epi64x, _mm256_cvtepu8_epi32, _mm256_fmadd_ps, _mm256_mul_ps, _mm256_permutevar8x32_ps,
            _mm256_setr_ps,
        };
        let vector = |x: &[f32]| _mm256_setr_ps(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]);
        let columns = _mm256_cvtepu8_epi32(_mm_set_epi64x(0, i64::from_le_bytes(self.columns)));
        let tap = |tap: usize| _mm256_permutevar8x32_ps(vector(&window[tap..]), columns);
        let first = _mm256_mul_ps(vector(&self.first), tap(0));
        let sums = _mm256_fmadd_ps(vector(&self.second), tap(1), first);
        // SAFETY: both types are eight floats, one behind the other.
        unsafe { std::mem::transmute::<__m256, [f32; LANES]>(sums) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two groups of diagonals and two that are shuffled: rows without weights, with one, at the first and at the last
    /// column, and as many columns as a group can see.
    fn weights() -> Vec<(usize, usize, f32)> {
        let row = |row: usize| {
            let column = match row {
                0..16 => 4 * row / 3,
                16..24 => 20 + (row - 16) / 3,
                24..31 => 24 + (row - 24) / 3,
                _ => row,
            };
            let weight = 0.1 + row as f32 / 7.0;
            let taps = if row == 0 {
                0
            } else if row % 5 == 1 || column == 31 {
                1
            } else {
                2
            };
            (0..taps).map(move |tap| (row, column + tap, weight + 0.3 * tap as f32))
        };
        (0..32).flat_map(row).collect()
    }

    #[test]
    fn weights_are_those_that_were_given() {
        let matrix = TwoTaps::new(32, &weights());
        assert_eq!((matrix.diagonal.len(), matrix.shuffled.len()), (2, 2));
        assert_eq!(matrix.weights().collect::<Vec<_>>(), weights());
    }

    #[test]
    fn two_frames_are_multiplied_as_row_by_row() {
        let matrix = TwoTaps::new(32, &weights());
        let input: Vec<f32> = (0..32).map(|i| (i as f32 * 0.7).sin() * 100.0).collect();
        let mut right = [0.0f64; 32];
        weights().iter().for_each(|&(row, column, weight)| right[row] += f64::from(weight) * f64::from(input[column]));
        let twice: Vec<f32> = input.iter().map(|x| 2.0 * x).collect();
        let (mut one, mut other) = ([f32::NAN; 32], [f32::NAN; 32]);
        let totals = matrix.multiply([&input, &twice], [&mut one, &mut other], (|x| x + 1.0, |x| x - 1.0));
        let check = |what: &str, found: f32, right: f64| {
            // The rounding of two products and their sum.
            assert!((f64::from(found) - right).abs() < 2e-7 * 2_000.0, "{what}: {found} in place of {right}");
        };
        for (row, right) in right.into_iter().enumerate() {
            check("one", one[row], right + 1.0);
            check("the other", other[row], 2.0 * right - 1.0);
        }
        check("the greatest", totals.greatest, right.iter().copied().fold(0.0, f64::max));
        assert!((f64::from(totals.sum) - right.iter().sum::<f64>()).abs() < 1e-3, "{}", totals.sum);
        for (index, group) in matrix.shuffled.iter().enumerate() {
            for (lane, sum) in group.sums::<false>(window(group.start, &input)).into_iter().enumerate() {
                check("without vector instructions", sum, right[16 + LANES * index + lane]);
            }
        }
    }

    #[test]
    #[should_panic(expected = "no neighbours")]
    fn a_row_of_three_weights_is_refused() {
        TwoTaps::new(16, &[(3, 1, 1.0), (3, 2, 1.0), (3, 3, 1.0)]);
    }

    #[test]
    #[should_panic(expected = "too many columns")]
    fn rows_that_see_too_much_are_refused() {
        TwoTaps::new(16, &[(3, 1, 1.0), (4, 15, 1.0)]);
    }
}
