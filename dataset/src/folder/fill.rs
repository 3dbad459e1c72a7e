//! Which recording plays which key.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// Each key of a range that lies within `reach` semitones of a recorded one, with the nearest, the upper one of two: what is
/// shifted down keeps all its partials.
pub fn nearest(recorded: &[u8], keys: RangeInclusive<u8>, reach: u8) -> BTreeMap<u8, u8> {
    let nearest = |key: u8| recorded.iter().copied().min_by_key(|&found| (found.abs_diff(key), found < key));
    let within = |key: u8| nearest(key).filter(|found| found.abs_diff(key) <= reach).map(|found| (key, found));
    keys.filter_map(within).collect()
}

/// How far recordings are shifted where nothing else is asked for, in semitones: a timbre bears half an octave.
pub const REACH: u8 = 6;

/// The same for several layers at once: each layer within a reach, and all of them at the keys that none of them reaches, so
/// that every key has a note. A model plays a wrong tone where it had nothing to learn.
pub fn all(layers: &[Vec<u8>], keys: RangeInclusive<u8>, reach: u8) -> Vec<BTreeMap<u8, u8>> {
    let mut filled: Vec<_> = layers.iter().map(|recorded| nearest(recorded, keys.clone(), reach)).collect();
    let reached: BTreeSet<u8> = filled.iter().flat_map(BTreeMap::keys).copied().collect();
    for (recorded, filled) in layers.iter().zip(&mut filled) {
        let far = nearest(recorded, keys.clone(), u8::MAX).into_iter();
        filled.extend(far.filter(|(key, _)| !reached.contains(key)));
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_without_a_note_where_all_is_filled() {
        let filled = all(&[vec![60], vec![64]], 50..=70, 3);
        let keys = |layer: usize| filled[layer].keys().copied().collect::<Vec<_>>();
        assert_eq!(keys(0), [50..=63, 68..=70].into_iter().flatten().collect::<Vec<_>>());
        assert_eq!(keys(1), [50..=56, 61..=70].into_iter().flatten().collect::<Vec<_>>());
        assert_eq!(all(&[vec![60]], 60..=61, 0), [BTreeMap::from([(60, 60), (61, 60)])]);
        assert!(all(&[], 60..=61, 0).is_empty());
    }

    #[test]
    fn keys_take_the_nearest_recording_within_reach() {
        let filled = nearest(&[60, 64, 80], 56..=70, 3);
        let pairs: Vec<(u8, u8)> = filled.into_iter().collect();
        let low = [(57, 60), (58, 60), (59, 60), (60, 60), (61, 60), (62, 64), (63, 64), (64, 64)];
        assert_eq!(pairs, [&low[..], &[(65, 64), (66, 64), (67, 64)]].concat());
        assert_eq!(nearest(&[60, 90], 50..=70, 0).into_iter().collect::<Vec<_>>(), [(60, 60)]);
        assert!(nearest(&[], 24..=84, 6).is_empty());
    }
}
