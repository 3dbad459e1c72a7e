//! Which recording plays which key.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Each key of a range that lies within `reach` semitones of a recorded one, with the nearest, the upper one of two: what is
/// shifted down keeps all its partials.
pub fn nearest(recorded: &[u8], keys: RangeInclusive<u8>, reach: u8) -> BTreeMap<u8, u8> {
    let nearest = |key: u8| recorded.iter().copied().min_by_key(|&found| (found.abs_diff(key), found < key));
    let within = |key: u8| nearest(key).filter(|found| found.abs_diff(key) <= reach).map(|found| (key, found));
    keys.filter_map(within).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
