//! The pitch of a recording, by YIN (de Cheveigne and Kawahara 2002).

use crate::spectral::SAMPLE_RATE;

/// Lowest and highest pitch that is looked for, in Hz: A0 and C8, the ends of a piano.
const LOWEST_HZ: f32 = 27.0;
const HIGHEST_HZ: f32 = 4_300.0;

/// Samples that are compared with those a period later: two periods of the lowest pitch.
const WINDOW: usize = 1_200;

/// A period whose normalised difference is below is one, and longer ones are its multiples (YIN's step 4).
const THRESHOLD: f32 = 0.12;

/// Places that are looked at, and the time between them in samples (50 ms). The first lies behind the attack.
const PLACES: usize = 24;
const FIRST: usize = 800;
const APART: usize = 800;

/// A place is left out when its energy is so far below the loudest one's (40 dB).
const QUIET: f32 = 1.0e-4;

/// Median pitch of the loud places of a wave at 16 kHz, as a MIDI number with its fraction, each place counted by how
/// periodic it is. `None` where nothing repeats.
pub fn detect(wave: &[f32]) -> Option<f32> {
    median(&track(wave))
}

/// The median of pitches with weights.
pub fn median(track: &[(f32, f32)]) -> Option<f32> {
    let mut found = track.to_vec();
    // The longest period goes first.
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let total: f32 = found.iter().map(|(_, weight)| weight).sum();
    let mut so_far = 0.0;
    let median = found.iter().find(|(_, weight)| {
        so_far += weight;
        so_far >= total / 2.0
    })?;
    Some(median.0)
}

/// Pitch at each loud place of a wave at 16 kHz, as a MIDI number with its fraction, and how surely it is one, from 0 to 1.
pub fn track(wave: &[f32]) -> Vec<(f32, f32)> {
    let longest = (SAMPLE_RATE as f32 / LOWEST_HZ) as usize + 2;
    let places = (0..PLACES).map(|index| FIRST + index * APART);
    let frames: Vec<&[f32]> = places.filter_map(|from| wave.get(from..from + WINDOW + longest)).collect();
    let energy = |frame: &[f32]| frame.iter().map(|sample| sample * sample).sum::<f32>();
    let loudest = frames.iter().map(|frame| energy(frame)).fold(0.0, f32::max);
    let loud = frames.into_iter().filter(|frame| energy(frame) > loudest * QUIET);
    let pitch = |(period, weight): (f32, f32)| (69.0 + 12.0 * (SAMPLE_RATE as f32 / period / 440.0).log2(), weight);
    loud.filter_map(|frame| period(frame, longest)).map(pitch).collect()
}

/// The period of a frame in samples, and how surely it is one, from 0 to 1.
fn period(frame: &[f32], longest: usize) -> Option<(f32, f32)> {
    let shortest = (SAMPLE_RATE as f32 / HIGHEST_HZ) as usize;
    let difference = normalised_difference(frame, longest);
    let dips = || (shortest..longest).filter_map(|lag| dip(&difference, lag));
    let deep = dips().find(|(_, depth)| *depth < THRESHOLD);
    let (period, depth) = deep.or_else(|| dips().min_by(|a, b| a.1.total_cmp(&b.1)))?;
    let weight = 1.0 - depth.max(0.0);
    (weight > 0.0).then_some((period, weight))
}

/// Place and depth of a dip near a lag: the bottom of a parabola through three points (step 5). At high pitches a period is
/// a few samples long, and the points themselves may miss the bottom by far.
fn dip(difference: &[f32], lag: usize) -> Option<(f32, f32)> {
    let [before, at, after] = [difference[lag - 1], difference[lag], difference[lag + 1]];
    if at > before || at > after {
        return None;
    }
    let curve = before - 2.0 * at + after;
    let offset = if curve > 0.0 { 0.5 * (before - after) / curve } else { 0.0 };
    Some((lag as f32 + offset, at - 0.25 * (before - after) * offset))
}

/// YIN's cumulative mean normalised difference for lags from 0 to `longest` (steps 2 and 3).
fn normalised_difference(frame: &[f32], longest: usize) -> Vec<f32> {
    let mut sum = 0.0;
    let at = |lag: usize| {
        if lag == 0 {
            return 1.0;
        }
        let difference: f32 = frame[..WINDOW].iter().zip(&frame[lag..]).map(|(a, b)| (a - b) * (a - b)).sum();
        sum += difference;
        if sum > 0.0 { difference * lag as f32 / sum } else { 1.0 }
    };
    (0..=longest).map(at).collect()
}
