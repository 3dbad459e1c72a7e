//! The mel scale of the published models: a sparse matrix there, and one back.
//!
//! The matrices follow magenta's `linear_to_mel_weight_matrix` (`spectral_ops.py`) and `_mel_to_linear_matrix`
//! (`specgrams_helper.py`), the order in which the band edges are changed included, since every value depends on it. They
//! are computed in double precision and rounded to single at the end, by a mathematics library that gives the same
//! numbers on every machine.

use crate::spectral::two_taps::{Totals, TwoTaps};

/// Frequency in hertz at which the mel scale turns from linear to logarithmic.
const BREAK_FREQUENCY_HZ: f64 = 700.0;

/// Mel per natural logarithm of frequency above the break.
const HIGH_FREQUENCY_Q: f64 = 1127.0;

/// Least width of a mel band, in linear bins. Narrower ones would fall between two bins and hold nothing.
const LEAST_BAND_WIDTH_BINS: f64 = 1.5;

/// Column sums at or below this are taken for empty, and not inverted.
const EMPTY_COLUMN: f64 = 1.0e-8;

/// The way between linear and mel frequency, for frames of one size. There are as many mel bins as linear ones.
pub struct MelScale {
    to_mel: SparseMatrix,
    /// The published order of changes leaves each linear bin with the weights of two neighbouring bands at most.
    to_linear: TwoTaps,
}

impl MelScale {
    /// Mel bins from 0 Hz to half the sample rate.
    pub fn new(bins: usize, sample_rate: u32) -> Self {
        let forward = linear_to_mel(bins, f64::from(sample_rate));
        let inverse = mel_to_linear(&forward, bins);
        Self { to_mel: SparseMatrix::new(bins, forward), to_linear: TwoTaps::new(bins, &inverse) }
    }

    /// Sums the linear bins of one frame into mel bands.
    pub fn to_mel(&self, linear: &[f32], mel: &mut [f32]) {
        self.to_mel.multiply(linear, mel);
    }

    /// Spreads the mel bands of two frames over the linear bins, and brings each value `x` of one to `maps.0(x)` and of the
    /// other to `maps.1(x)` on the way. It undoes [`Self::to_mel`] only nearly: the bands overlap. Gives the totals of the
    /// first frame's linear bins, before they are mapped.
    #[inline]
    pub(super) fn to_linear(
        &self,
        mel: [&[f32]; 2],
        linear: [&mut [f32]; 2],
        maps: (impl Fn(f32) -> f32, impl Fn(f32) -> f32),
    ) -> Totals {
        self.to_linear.multiply(mel, linear, maps)
    }

    /// The non-zero weights (mel bin, linear bin, weight) of the way to mel.
    pub fn to_mel_weights(&self) -> impl Iterator<Item = (usize, usize, f32)> + '_ {
        self.to_mel.weights()
    }

    /// The non-zero weights (linear bin, mel bin, weight) of the way back.
    pub fn to_linear_weights(&self) -> impl Iterator<Item = (usize, usize, f32)> + '_ {
        self.to_linear.weights()
    }
}

fn hertz_to_mel(hertz: f64) -> f64 {
    HIGH_FREQUENCY_Q * libm::log(1.0 + hertz / BREAK_FREQUENCY_HZ)
}

fn mel_to_hertz(mel: f64) -> f64 {
    BREAK_FREQUENCY_HZ * (libm::exp(mel / HIGH_FREQUENCY_Q) - 1.0)
}

/// `count` values evenly from `start` to `stop`, both included.
fn evenly(start: f64, stop: f64, count: usize) -> Vec<f64> {
    let step = (stop - start) / (count - 1) as f64;
    let mut values: Vec<f64> = (0..count).map(|i| i as f64 * step + start).collect();
    values[count - 1] = stop;
    values
}

/// The triangular bands as (mel bin, linear bin, weight), in rising order of both.
fn linear_to_mel(bins: usize, sample_rate: f64) -> Vec<(usize, usize, f64)> {
    let nyquist = sample_rate / 2.0;
    let linear_hz = evenly(0.0, nyquist, bins);
    let mut edges = evenly(hertz_to_mel(0.0), hertz_to_mel(nyquist), bins + 2);

    // Band i reaches from edge i over edge i + 1, its centre, to edge i + 2. In the published code the three are views of
    // one array: a band that is widened moves the centre of the next one, and the next but one starts from there.
    let least_width_hz = LEAST_BAND_WIDTH_BINS * (nyquist / bins as f64);
    for band in 0..bins {
        let [lower_hz, centre_hz, upper_hz] = [0, 1, 2].map(|edge| mel_to_hertz(edges[band + edge]));
        if upper_hz - lower_hz < least_width_hz {
            let ratio = 0.5 * least_width_hz / (centre_hz + BREAK_FREQUENCY_HZ);
            let half_width_mel = HIGH_FREQUENCY_Q * libm::log(ratio + (1.0 + ratio * ratio).sqrt());
            edges[band] = edges[band + 1] - half_width_mel;
            edges[band + 2] = edges[band + 1] + half_width_mel;
        }
    }
    let edges_hz: Vec<f64> = edges.into_iter().map(mel_to_hertz).collect();

    let mut weights = Vec::new();
    for band in 0..bins {
        let [lower, centre, upper] = [0, 1, 2].map(|edge| edges_hz[band + edge]);
        // The first linear bin stands for 0 Hz and belongs to no band.
        for (bin, &hz) in linear_hz.iter().enumerate().skip(1) {
            let weight = ((hz - lower) / (centre - lower)).min((upper - hz) / (upper - centre));
            if weight > 0.0 {
                weights.push((band, bin, weight));
            }
        }
    }
    weights
}

/// The transpose of `forward`, each linear bin divided by its column sum in (linear to mel) x (mel to linear).
fn mel_to_linear(forward: &[(usize, usize, f64)], bins: usize) -> Vec<(usize, usize, f32)> {
    let mut band_sums = vec![0.0; bins];
    for &(band, _, weight) in forward {
        band_sums[band] += weight;
    }
    let mut column_sums = vec![0.0; bins];
    for &(band, bin, weight) in forward {
        column_sums[bin] += weight * band_sums[band];
    }
    let mut inverse: Vec<_> = forward
        .iter()
        .map(|&(band, bin, weight)| {
            let sum = column_sums[bin];
            let scale = if sum.abs() > EMPTY_COLUMN { 1.0 / sum } else { sum };
            (bin, band, (weight * scale) as f32)
        })
        .collect();
    inverse.sort_by_key(|&(bin, band, _)| (bin, band));
    inverse
}

/// A square matrix by its rows, the zeros left out.
struct SparseMatrix {
    /// Where each row's entries begin, and in the end where the last one's end.
    row_starts: Vec<u32>,
    entries: Vec<Entry>,
}

/// Column and weight side by side, so that one cache line brings both.
#[derive(Clone, Copy)]
struct Entry {
    column: u32,
    weight: f32,
}

impl SparseMatrix {
    /// `weights` are (row, column, weight) with rising rows.
    fn new(rows: usize, weights: Vec<(usize, usize, f64)>) -> Self {
        let mut row_starts = vec![0_u32; rows + 1];
        for &(row, _, _) in &weights {
            row_starts[row + 1] += 1;
        }
        for row in 0..rows {
            row_starts[row + 1] += row_starts[row];
        }
        let entries = weights
            .into_iter()
            .map(|(_, column, weight)| Entry { column: column as u32, weight: weight as f32 })
            .collect();
        Self { row_starts, entries }
    }

    fn multiply(&self, input: &[f32], output: &mut [f32]) {
        let rows = self.row_starts.len() - 1;
        assert_eq!((input.len(), output.len()), (rows, rows), "a frame has as many bins as the mel scale");
        let mut entries = self.entries.as_slice();
        for (range, out) in self.row_starts.windows(2).zip(output) {
            let (row, rest) = entries.split_at((range[1] - range[0]) as usize);
            *out = row.iter().map(|entry| entry.weight * input[entry.column as usize]).sum();
            entries = rest;
        }
    }

    fn weights(&self) -> impl Iterator<Item = (usize, usize, f32)> + '_ {
        self.row_starts.windows(2).enumerate().flat_map(|(row, range)| {
            self.entries[range[0] as usize..range[1] as usize]
                .iter()
                .map(move |entry| (row, entry.column as usize, entry.weight))
        })
    }
}
