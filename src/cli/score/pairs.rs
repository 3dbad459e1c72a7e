//! Which note-off ends which note.
//!
//! A file says only the key. Where a key is struck again before its note-off, the first note-off belongs to the first stroke:
//! else it would cut the second one short. A stroke without a note-off of its own ends with the last one of its key; where
//! there is none, it lasts as long as a note is generated for, or as its track does.

use std::collections::{HashMap, VecDeque};

/// How long a note lasts that nothing ends, in seconds.
const ENDLESS_SECONDS: f64 = 4.0;

/// Numbers the strokes of a file, and finds their ends. Strokes and ends come in the order of time.
#[derive(Default)]
pub struct Pairs {
    /// By channel and key.
    keys: HashMap<(u8, u8), Key>,
    next: i32,
}

#[derive(Default)]
struct Key {
    /// Strokes that were not let go of, with their track and time.
    open: VecDeque<Stroke>,
    /// When the key was let go of last.
    last_off: Option<f64>,
}

/// A note that has begun.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Stroke {
    pub id: i32,
    pub track: usize,
    pub seconds: f64,
}

impl Pairs {
    /// A key is struck; gives the number of the note.
    pub fn strike(&mut self, channel: u8, key: u8, track: usize, seconds: f64) -> i32 {
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        self.keys.entry((channel, key)).or_default().open.push_back(Stroke { id, track, seconds });
        id
    }

    /// A key is let go of; gives the number of the note that ends, if one does.
    pub fn end(&mut self, channel: u8, key: u8, seconds: f64) -> Option<i32> {
        let key = self.keys.get_mut(&(channel, key))?;
        key.last_off = Some(seconds);
        key.open.pop_front().map(|stroke| stroke.id)
    }

    /// Ends all that was never let go of: channel, key, number and time. `track_end` tells when a track ends, in seconds.
    pub fn finish(self, track_end: impl Fn(usize) -> f64) -> Vec<(u8, u8, i32, f64)> {
        let mut ends = Vec::new();
        for ((channel, number), key) in self.keys {
            for stroke in key.open {
                let off = key.last_off.filter(|&off| off > stroke.seconds);
                let longest = stroke.seconds + ENDLESS_SECONDS;
                let end = off.unwrap_or_else(|| {
                    // A track that ends with the stroke says nothing of how long it lasts.
                    Some(track_end(stroke.track))
                        .filter(|&end| end > stroke.seconds)
                        .map_or(longest, |end| end.min(longest))
                });
                ends.push((channel, number, stroke.id, end));
            }
        }
        // The table has no order of its own, and a render is the same every time.
        ends.sort_by(|a, b| a.3.total_cmp(&b.3).then(a.2.cmp(&b.2)));
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_stroke_ends_first() {
        let mut pairs = Pairs::default();
        let (first, second) = (pairs.strike(0, 60, 0, 0.0), pairs.strike(0, 60, 0, 1.0));
        assert_eq!(pairs.end(0, 61, 1.5), None);
        assert_eq!(pairs.end(1, 60, 1.5), None);
        assert_eq!(pairs.end(0, 60, 2.0), Some(first));
        assert_eq!(pairs.end(0, 60, 3.0), Some(second));
        assert_eq!(pairs.end(0, 60, 4.0), None);
        assert!(pairs.finish(|_| 9.0).is_empty());
    }

    #[test]
    fn what_is_never_let_go_of_ends_all_the_same() {
        let mut pairs = Pairs::default();
        pairs.strike(0, 60, 0, 0.0);
        let restruck = pairs.strike(0, 60, 0, 1.0);
        pairs.end(0, 60, 2.5);
        let alone = pairs.strike(0, 62, 0, 3.0);
        let in_a_short_track = pairs.strike(0, 64, 1, 3.0);
        let last = pairs.strike(0, 65, 1, 3.5);
        let ends = pairs.finish(|track| [1e3, 3.5][track]);
        let end_of = |id| ends.iter().find(|end| end.2 == id).unwrap().3;
        assert_eq!(end_of(restruck), 2.5);
        assert_eq!((end_of(alone), end_of(in_a_short_track), end_of(last)), (7.0, 3.5, 7.5));
    }
}
