//! From a voice's oversampled signal to the host's rate, at any ratio: a windowed sinc of 16 points.
//!
//! A voice holds nothing above 5/16 of its rate (the spectral frames are band-limited and oversampled, see
//! [`Geometry::synthesis_fft`](crate::geometry::Geometry::synthesis_fft)), so the filter may fall from 1 to nothing between
//! there and 11/16: 16 points keep the pass band flat and the images under -90 dB. At whole positions the filter passes samples on unchanged, so that
//! a host at the model's own rate hears the model's own samples.
//!
//! A note that is not bent goes through few positions between samples: three at 48 kHz, again and again. The filter then
//! runs over many samples of one position at once ([`Interpolator::add_steady`]), which is several times as fast.

use multiversion::multiversion;

use crate::fused::{is_fused, mul_add};

/// Points of the filter.
pub const TAPS: usize = 16;

/// The point of the filter that lies at or before the position.
const CENTRE: usize = TAPS / 2 - 1;

/// Positions between two samples for which the filter is tabulated. Between them it is interpolated linearly, which leaves
/// an error of (pi / 2 / 512)^2 / 2: under -105 dB.
const PHASES: usize = 512;

/// Shape of the Kaiser window: 90 dB of stop-band attenuation by Kaiser's formula, beta = 0.1102 (A - 8.7).
const KAISER_BETA: f64 = 0.1102 * (90.0 - 8.7);

/// The filter at one position between two samples.
struct Row {
    taps: [f32; TAPS],
    /// What is to be added for the next position.
    deltas: [f32; TAPS],
}

/// Steps between positions that repeat: after `period` of the host's samples, `advance` of the voice's have passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stride {
    advance: usize,
    period: usize,
    /// Which of [`Interpolator`]'s grids has the positions, and how many of its positions one of the stride's takes.
    grid: usize,
    spread: usize,
}

/// Periods whose filters are tabulated, those that divide them included: of 44.1 kHz, and of 48 kHz and their multiples.
const PERIODS: [usize; 2] = [441, 48];

/// The longest period whose filters are tabulated for the host's rate alone.
const LONGEST_PERIOD: usize = 441;

/// From which rate the strides go to the host's that are prepared for although their period is none of [`PERIODS`]: that of the
/// published models' voices.
const PUBLISHED_RATE: f64 = 32_000.0;

/// After how many of the voice's samples how many of the host's have passed, both of them whole; `None` where that takes long.
fn common_period(voice_rate: f64, host_rate: f32) -> Option<(usize, usize)> {
    let (voice, host) = (voice_rate as usize, host_rate as usize);
    if voice as f64 != voice_rate || host as f32 != host_rate || host == 0 || voice == 0 {
        return None;
    }
    let (mut a, mut b) = (voice, host);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    Some((voice / a, host / a)).filter(|(_, period)| *period <= LONGEST_PERIOD)
}

/// The tabulated filter.
pub struct Interpolator {
    rows: Box<[Row; PHASES]>,
    /// In samples a second.
    host_rate: f32,
    /// The filter at all positions of a period: of [`PERIODS`], and of the host's own.
    grids: [Box<[[f32; TAPS]]>; PERIODS.len() + 1],
}

impl Interpolator {
    pub fn new() -> Self {
        let row = |phase: usize| {
            let [taps, next] = [phase, phase + 1].map(|phase| points(phase as f64 / PHASES as f64));
            Row { taps, deltas: std::array::from_fn(|tap| next[tap] - taps[tap]) }
        };
        let rows: Vec<Row> = (0..PHASES).map(row).collect();
        let rows = rows.try_into().unwrap_or_else(|_| unreachable!("there is a row for each phase"));
        let [long, short] = PERIODS.map(grid);
        Self { rows, host_rate: 0.0, grids: [long, short, Box::default()] }
    }

    /// Prepares for a host's rate, in samples a second. Allocates.
    pub fn set_host_rate(&mut self, host_rate: f32) {
        self.host_rate = host_rate;
        let own = common_period(PUBLISHED_RATE, host_rate).map(|(_, period)| period);
        let is_new = |period: &usize| PERIODS.iter().all(|known| !known.is_multiple_of(*period));
        self.grids[PERIODS.len()] = own.filter(is_new).map_or_else(Box::default, grid);
    }

    /// The stride from a voice's rate to the host's, in samples a second; `None` where it does not repeat soon.
    pub fn stride(&self, voice_rate: f64) -> Option<Stride> {
        let (advance, period) = common_period(voice_rate, self.host_rate)?;
        let grid = self.grids.iter().position(|grid| !grid.is_empty() && grid.len().is_multiple_of(period))?;
        Some(Stride { advance, period, grid, spread: self.grids[grid].len() / period })
    }

    /// Adds the signal at `position`, `position + step` and so on, times `gains`, to `out`, up to the first position at or
    /// beyond `end`. Reads `wave` from `position - 7` to `end + 8`; what lies outside is silent.
    ///
    /// Returns the number of samples that were added, and the next position.
    pub fn add(
        &self,
        wave: &[f32],
        position: f64,
        step: f64,
        end: f64,
        gains: &[f32],
        out: &mut [f32],
    ) -> (usize, f64) {
        resample(&self.rows, wave, position, step, end, gains, out)
    }

    /// As [`Self::add`], with [`Self::stride`] in place of a step, and an `end` in whole samples. It is the same filter, and
    /// but for rounding it gives the same samples.
    ///
    /// A position that lies on the stride's grid, a multiple of `1 / period`, stays on it exactly, however a signal is cut
    /// into pieces.
    pub fn add_steady(
        &self,
        wave: &[f32],
        position: f64,
        stride: Stride,
        end: usize,
        gains: &[f32],
        out: &mut [f32],
    ) -> (usize, f64) {
        let grid = Grid { points: &self.grids[stride.grid], spread: stride.spread };
        debug_assert_eq!(grid.points.len(), stride.spread * stride.period, "the grid is that of the stride");
        let period = stride.period as f64;
        let scaled = position * period;
        let ticks = (scaled + ON_GRID) as usize;
        // What the rounding of the position has left beside the grid is no distance from it.
        let beside = if scaled - ticks as f64 <= ON_GRID { 0.0 } else { scaled - ticks as f64 };
        // A sample that lies beside the grid comes before the end as long as its tick does.
        let left = (end * stride.period).saturating_sub(ticks).div_ceil(stride.advance);
        let count = out.len().min(left);
        let after = ticks + count * stride.advance;
        let filters = if beside == 0.0 { Filters::OnGrid(grid) } else { Filters::Beside(&self.rows, beside) };
        if !resample_steady(filters, wave, ticks, stride, &gains[..count], &mut out[..count]) {
            if beside > 0.0 {
                return self.add(wave, position, stride.advance as f64 / period, end as f64, gains, out);
            }
            resample_grid(grid, wave, ticks, stride, &gains[..count], &mut out[..count]);
        }
        (count, (after as f64 + beside) / period)
    }
}

/// The filters at all positions of a period.
fn grid(period: usize) -> Box<[[f32; TAPS]]> {
    (0..period).map(|tick| points(tick as f64 / period as f64)).collect()
}

/// The points of the filter at a fraction between two samples.
fn points(fraction: f64) -> [f32; TAPS] {
    std::array::from_fn(|tap| {
        let x = tap as f64 - CENTRE as f64 - fraction;
        (sinc(x) * kaiser(x / (TAPS / 2) as f64)) as f32
    })
}

/// Nearer to its grid than this, in ticks, a position is on it.
const ON_GRID: f64 = 1e-6;

/// The tabulated row before a fraction, and how far the fraction lies on the way to the next one.
#[inline(always)]
fn tabulated(rows: &[Row; PHASES], fraction: f32) -> (&Row, f32) {
    let fraction = fraction * PHASES as f32;
    // The fraction is below 1, but may round up to it.
    let phase = (fraction as i32).min(PHASES as i32 - 1);
    (&rows[phase as usize & (PHASES - 1)], fraction - phase as f32)
}

/// Samples of one position that a pass computes: some vectors.
const PASS: usize = 2 * LANES;

/// Passes that have their samples dealt out together.
const PASSES: usize = 3;

/// Every so-manieth sample of the signal, as far as the passes need them.
const PLANE: usize = PASSES * PASS + TAPS + LANES;

/// The filters at the positions of a stride: every so-manieth of a table.
#[derive(Clone, Copy)]
struct Grid<'a> {
    points: &'a [[f32; TAPS]],
    spread: usize,
}

impl Grid<'_> {
    #[inline(always)]
    fn at(&self, tick: usize) -> &[f32; TAPS] {
        &self.points[tick * self.spread]
    }
}

/// Where the filters of a period come from.
#[derive(Clone, Copy)]
enum Filters<'a> {
    /// Tabulated for all positions of the grid.
    OnGrid(Grid<'a>),
    /// Interpolated from the table of all positions; so far beside the grid, in ticks.
    Beside(&'a [Row; PHASES], f64),
}

/// `gains` is as long as `out`. `ticks` is the position of the first sample, or the last tick before it. Does nothing, and
/// says so, where the stride is a long one.
#[multiversion(targets("x86_64+avx2+fma"))]
fn resample_steady(
    filters: Filters,
    wave: &[f32],
    ticks: usize,
    stride: Stride,
    gains: &[f32],
    out: &mut [f32],
) -> bool {
    const FUSED: bool = is_fused!();
    match (stride.advance, stride.period) {
        (1, 1) => steady::<1, 1, FUSED>(filters, wave, ticks, gains, out),
        (2, 1) => steady::<2, 1, FUSED>(filters, wave, ticks, gains, out),
        (4, 1) => steady::<4, 1, FUSED>(filters, wave, ticks, gains, out),
        (1, 3) => steady::<1, 3, FUSED>(filters, wave, ticks, gains, out),
        (2, 3) => steady::<2, 3, FUSED>(filters, wave, ticks, gains, out),
        (4, 3) => steady::<4, 3, FUSED>(filters, wave, ticks, gains, out),
        (1, 2) => steady::<1, 2, FUSED>(filters, wave, ticks, gains, out),
        (1, 4) => steady::<1, 4, FUSED>(filters, wave, ticks, gains, out),
        (1, 6) => steady::<1, 6, FUSED>(filters, wave, ticks, gains, out),
        _ => return false,
    }
    true
}

#[inline(always)]
fn steady<const ADVANCE: usize, const PERIOD: usize, const FUSED: bool>(
    source: Filters,
    wave: &[f32],
    ticks: usize,
    gains: &[f32],
    out: &mut [f32],
) {
    // For each sample of a period, how far behind the first it lies in the signal, and the filter there.
    let mut offsets = [0; PERIOD];
    let mut filters = [[0.0; TAPS]; PERIOD];
    let first = ticks / PERIOD;
    for n in 0..PERIOD {
        let ticks = ticks + n * ADVANCE;
        offsets[n] = ticks / PERIOD - first;
        match source {
            Filters::OnGrid(grid) => filters[n] = *grid.at(ticks % PERIOD),
            Filters::Beside(rows, beside) => {
                let fraction = ((ticks % PERIOD) as f64 + beside) / PERIOD as f64;
                let (row, between) = tabulated(rows, fraction as f32);
                let points =
                    row.taps.iter().zip(&row.deltas).map(|(&tap, &delta)| mul_add::<FUSED>(between, delta, tap));
                filters[n].iter_mut().zip(points).for_each(|(own, point)| *own = point);
            }
        }
    }
    let mut planes = [[0.0; PLANE]; ADVANCE];
    let most = PASSES * PASS * PERIOD;
    for (part, (out, gains)) in out.chunks_mut(most).zip(gains.chunks(most)).enumerate() {
        let Some(from) = (first + part * PASSES * PASS * ADVANCE).checked_sub(CENTRE) else { continue };
        let passes = out.len().div_ceil(PASS * PERIOD);
        deal(wave.get(from..).unwrap_or_default(), passes * PASS + TAPS + LANES, &mut planes);
        let outs = out.chunks_mut(PASS * PERIOD).zip(gains.chunks(PASS * PERIOD));
        for (pass, (out, gains)) in outs.enumerate() {
            let filtered = convolve::<_, _, FUSED>(&planes, pass * PASS, &offsets, &filters);
            for ((out, gain), filtered) in out.iter_mut().zip(gains).zip(filtered.as_flattened()) {
                *out = mul_add::<FUSED>(*gain, *filtered, *out);
            }
        }
    }
}

/// Deals samples out to planes in turn, `len` to each; behind the signal there is silence.
#[inline(always)]
fn deal<const ADVANCE: usize>(wave: &[f32], len: usize, planes: &mut [[f32; PLANE]; ADVANCE]) {
    let len = len.min(PLANE);
    let (groups, rest) = wave.as_chunks::<ADVANCE>();
    let groups = &groups[..len.min(groups.len())];
    for (n, group) in groups.iter().enumerate() {
        for m in 0..ADVANCE {
            planes[m][n] = group[m];
        }
    }
    for n in groups.len()..len {
        for (m, plane) in planes.iter_mut().enumerate() {
            plane[n] = if n == groups.len() { rest.get(m).copied().unwrap_or(0.0) } else { 0.0 };
        }
    }
}

/// The filters of a period, each over [`PASS`] samples from `start` on that are `ADVANCE` of the signal's apart.
#[inline(always)]
fn convolve<const ADVANCE: usize, const PERIOD: usize, const FUSED: bool>(
    planes: &[[f32; PLANE]; ADVANCE],
    start: usize,
    offsets: &[usize; PERIOD],
    filters: &[[f32; TAPS]; PERIOD],
) -> [[f32; PERIOD]; PASS] {
    let mut sums = [[0.0; PERIOD]; PASS];
    for n in 0..PERIOD {
        let samples = |tap: usize| -> &[f32; PASS] {
            let sample = offsets[n] + tap;
            let from = (start + sample / ADVANCE).min(PLANE - PASS);
            planes[sample % ADVANCE][from..].first_chunk().unwrap_or(&[0.0; PASS])
        };
        // Where the filter passes samples on unchanged, all its points but one are zero.
        if filters[n][CENTRE] == 1.0 {
            let samples = samples(CENTRE);
            for i in 0..PASS {
                sums[i][n] = samples[i];
            }
            continue;
        }
        // Two sums at once, since each addition has to wait for the one before it.
        let (mut even, mut odd) = ([0.0; PASS], [0.0; PASS]);
        for pair in 0..TAPS / 2 {
            let (one, other) = (samples(2 * pair), samples(2 * pair + 1));
            let (factor, other_factor) = (filters[n][2 * pair], filters[n][2 * pair + 1]);
            for i in 0..PASS {
                even[i] = mul_add::<FUSED>(one[i], factor, even[i]);
                odd[i] = mul_add::<FUSED>(other[i], other_factor, odd[i]);
            }
        }
        for i in 0..PASS {
            sums[i][n] = even[i] + odd[i];
        }
    }
    sums
}

/// Sums of the filter are taken in so many lanes on every processor, so that all give the same sound.
const LANES: usize = 8;

/// Samples whose lanes are computed before any are added up. Apart, the two are vectors of eight; together, the compiler
/// makes vectors of two of them.
const SAMPLES: usize = 16;

#[multiversion(targets("x86_64+avx2+fma"))]
fn resample(
    rows: &[Row; PHASES],
    wave: &[f32],
    mut position: f64,
    step: f64,
    end: f64,
    gains: &[f32],
    out: &mut [f32],
) -> (usize, f64) {
    let mut sums = [[0.0f32; LANES]; SAMPLES];
    let mut done = 0;
    for (out, gains) in out.chunks_mut(SAMPLES).zip(gains.chunks(SAMPLES)) {
        let mut count = 0;
        for sums in sums.iter_mut().take(out.len()) {
            if position >= end {
                break;
            }
            filter::<{ is_fused!() }>(rows, wave, position, sums);
            position += step;
            count += 1;
        }
        add_up(&sums[..count], gains, out);
        done += count;
        if count < out.len() {
            break;
        }
    }
    (done, position)
}

/// As [`resample`], along a grid from tick to tick.
#[multiversion(targets("x86_64+avx2+fma"))]
fn resample_grid(
    grid: Grid,
    wave: &[f32],
    ticks: usize,
    Stride { advance, period, .. }: Stride,
    gains: &[f32],
    out: &mut [f32],
) {
    let mut sums = [[0.0f32; LANES]; SAMPLES];
    let (mut index, mut tick) = (ticks / period, ticks % period);
    for (out, gains) in out.chunks_mut(SAMPLES).zip(gains.chunks(SAMPLES)) {
        for sums in sums.iter_mut().take(out.len()) {
            let Some(wave) = window(wave, index) else { break };
            let points = grid.at(tick);
            for (low, sum) in sums.iter_mut().enumerate() {
                *sum = mul_add::<{ is_fused!() }>(wave[low], points[low], wave[low + LANES] * points[low + LANES]);
            }
            tick += advance;
            while tick >= period {
                tick -= period;
                index += 1;
            }
        }
        add_up(&sums[..out.len()], gains, out);
    }
}

/// Adds the sums of all lanes, times the gains, to `out`.
#[inline(always)]
fn add_up(sums: &[[f32; LANES]], gains: &[f32], out: &mut [f32]) {
    for ((out, gain), [a, b, c, d, e, f, g, h]) in out.iter_mut().zip(gains).zip(sums) {
        *out += gain * (((a + e) + (c + g)) + ((b + f) + (d + h)));
    }
}

/// The samples of the signal that the filter covers at a position, counted from the sample at or before it.
#[inline(always)]
fn window(wave: &[f32], index: usize) -> Option<&[f32; TAPS]> {
    wave.get(index.wrapping_sub(CENTRE)..)?.first_chunk()
}

/// The products of the filter at one position, two in each lane.
#[inline(always)]
fn filter<const FUSED: bool>(rows: &[Row; PHASES], wave: &[f32], position: f64, sums: &mut [f32; LANES]) {
    let index = position as i32;
    let (row, between) = tabulated(rows, (position - f64::from(index)) as f32);
    let Some(wave) = window(wave, index as usize) else {
        *sums = [0.0; LANES];
        return;
    };
    for (low, sum) in sums.iter_mut().enumerate() {
        let high = low + LANES;
        let point = |at: usize| mul_add::<FUSED>(between, row.deltas[at], row.taps[at]);
        *sum = mul_add::<FUSED>(wave[low], point(low), wave[high] * point(high));
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
        let published = [100.0, 1_000.0, 4_000.0, 7_000.0, 7_500.0, 7_900.0].map(|frequency| (32_000.0, frequency));
        let full_band = [100.0, 9_000.0, 16_000.0, 19_000.0, 20_000.0].map(|frequency| (64_000.0, frequency));
        for host_rate in [22_050.0, 44_100.0, 48_000.0, 96_000.0, 192_000.0] {
            for (voice_rate, frequency) in published.into_iter().chain(full_band) {
                if frequency > 0.5 * host_rate {
                    continue;
                }
                let wave: Vec<f32> = (0..12_000)
                    .map(|i| (std::f64::consts::TAU * frequency * f64::from(i) / voice_rate).sin() as f32)
                    .collect();
                let mut signal = vec![0.0; 4_000];
                interpolator.add(&wave, 100.0, voice_rate / host_rate, f64::MAX, &[1.0; 4_000], &mut signal);
                let signal: Vec<f64> = signal.into_iter().map(f64::from).collect();
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
        let mut signal = vec![0.0; 42];
        interpolator.add(&wave, 8.0, 1.0, 50.0, &[1.0; 42], &mut signal);
        assert_eq!(signal, wave[8..50]);
    }

    #[test]
    fn a_stride_is_found_where_it_is_short() {
        let mut interpolator = Interpolator::new();
        for (voice_rate, host_rate, expected) in [
            (32_000.0, 8_000.0, Some((4, 1))),
            (32_000.0, 16_000.0, Some((2, 1))),
            (32_000.0, 24_000.0, Some((4, 3))),
            (32_000.0, 32_000.0, Some((1, 1))),
            (32_000.0, 48_000.0, Some((2, 3))),
            (32_000.0, 96_000.0, Some((1, 3))),
            (32_000.0, 192_000.0, Some((1, 6))),
            (32_000.0, 44_100.0, Some((320, 441))),
            (32_000.0, 22_050.0, Some((640, 441))),
            (32_000.0, 50_000.0, Some((16, 25))),
            (32_000.0, 47_999.0, None),
            (32_000.0, 48_000.5, None),
            (32_000.0, 0.0, None),
            (64_000.0, 44_100.0, Some((640, 441))),
            (64_000.0, 48_000.0, Some((4, 3))),
            (64_000.0, 96_000.0, Some((2, 3))),
            (72_000.0, 88_200.0, Some((40, 49))),
            (60_317.5, 48_000.0, None),
        ] {
            interpolator.set_host_rate(host_rate);
            let stride = interpolator.stride(voice_rate);
            assert_eq!(stride.map(|stride| (stride.advance, stride.period)), expected, "{voice_rate} to {host_rate}");
        }
    }

    #[test]
    fn a_steady_signal_is_the_same_as_by_steps_and_in_any_pieces() {
        let mut interpolator = Interpolator::new();
        let wave: Vec<f32> = (0..1_500).map(|i| ((i * i) as f32 * 0.37).sin()).collect();
        let gains: Vec<f32> = (0..9_000).map(|i| 0.5 + (i as f32 * 0.01).sin()).collect();
        let rates = [
            8_000.0, 16_000.0, 22_050.0, 24_000.0, 32_000.0, 44_100.0, 48_000.0, 64_000.0, 96_000.0, 128_000.0,
            176_400.0, 192_000.0,
        ];
        let published = rates.map(|rate| (32_000.0, rate));
        let full_band = [22_050.0, 44_100.0, 48_000.0, 96_000.0].map(|rate| (64_000.0, rate));
        for (voice_rate, rate) in published.into_iter().chain(full_band) {
            interpolator.set_host_rate(rate);
            let stride = interpolator.stride(voice_rate).unwrap();
            for position in [16.0, 20.0 + 1.0 / 3.0, 20.0 + 5.0 / 6.0, 17.2718] {
                let end = 1_040;
                let mut expected = vec![1.0; gains.len()];
                let step = voice_rate / f64::from(rate);
                let (count, after) = interpolator.add(&wave, position, step, end as f64, &gains, &mut expected);
                let mut whole = vec![1.0; gains.len()];
                let (steady_count, steady_after) =
                    interpolator.add_steady(&wave, position, stride, end, &gains, &mut whole);
                // A position that should be the end itself may be rounded to either side of it.
                assert!(count.abs_diff(steady_count) <= 1, "{rate} from {position}: {count}, {steady_count}");
                assert!((after - steady_after).abs() < step + 1e-6);
                for (i, (a, b)) in expected.iter().zip(&whole).take(count.min(steady_count)).enumerate() {
                    // -100 dB, which is what the interpolation of the tabulated filter leaves.
                    assert!((a - b).abs() < 1e-5, "{rate} from {position}, sample {i}: {a}, {b}");
                }
                assert!(whole[steady_count..].iter().all(|&sample| sample == 1.0));
                let is_short = stride.period < 441;
                if position != 16.0 && !is_short || position == 17.2718 {
                    continue;
                }
                let mut parts = vec![1.0; gains.len()];
                let (mut at, mut done) = (position, 0);
                for len in [1, 7, 64, 95, 97, 128, 300].into_iter().cycle() {
                    let until = (done + len).min(parts.len());
                    let (added, next) =
                        interpolator.add_steady(&wave, at, stride, end, &gains[done..until], &mut parts[done..until]);
                    (at, done) = (next, done + added);
                    if added < len {
                        break;
                    }
                }
                assert_eq!(done, steady_count, "{rate} from {position}");
                assert_eq!(parts, whole, "{rate} from {position}");
            }
        }
    }

    #[test]
    fn what_is_added_ends_where_the_signal_does() {
        let interpolator = Interpolator::new();
        let wave: Vec<f32> = (0..64).map(|i| (i as f32 * 0.3).sin()).collect();
        let gains: Vec<f32> = (0..40).map(|i| i as f32 / 40.0).collect();
        let mut whole = vec![1.0; 40];
        let (done, next) = interpolator.add(&wave, 10.25, 0.7, 30.0, &gains, &mut whole);
        assert_eq!(done, 29, "10.25 + 29 * 0.7 is the first position beyond");
        assert!((next - 30.55).abs() < 1e-9);
        assert!(whole[done..].iter().all(|&sample| sample == 1.0));
        // In pieces it is the same to the bit, and outside of the signal there is silence.
        let mut parts = vec![1.0; 40];
        let mut position = 10.25;
        for start in (0..29).step_by(7) {
            let end = (start + 7).min(29);
            (_, position) = interpolator.add(&wave, position, 0.7, 30.0, &gains[start..end], &mut parts[start..end]);
        }
        assert_eq!(whole, parts);
        let mut outside = vec![0.0; 8];
        interpolator.add(&wave, 0.0, 1.0, 7.0, &[1.0; 8], &mut outside);
        interpolator.add(&wave, 60.0, 1.0, f64::MAX, &[1.0; 8], &mut outside);
        assert_eq!(outside, [0.0; 8]);
    }
}
