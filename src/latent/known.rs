//! The latents that no seed draws, by their hashes: a timbre that crosses threads and names notes is a few integers, and here
//! is what they stand for. Any thread but the audio thread.
//!
//! Whoever holds a [`Latent`] or [`Corners`] keeps it known. What nobody holds stays known for a while, since notes of it may
//! still be asked for; then the one that was made known longest ago is forgotten first.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

/// Numbers that are kept of what nobody holds: 16 MB.
const MOST_NUMBERS: usize = 4 << 20;

/// A latent that is known.
#[derive(Clone, Debug)]
pub struct Latent(Arc<Entry>);

/// Four latents that are known, in the order A, B, C, D.
#[derive(Clone, Debug)]
pub struct Corners(Arc<Entry>);

#[derive(Debug)]
struct Entry {
    hash: u64,
    numbers: Box<[f32]>,
    /// Where each latent ends: one of a point, four of corners.
    ends: Box<[usize]>,
}

#[derive(Default)]
struct Known {
    entries: HashMap<u64, Arc<Entry>>,
    /// In the order in which they came.
    order: VecDeque<u64>,
    numbers: usize,
}

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

impl Latent {
    /// Makes a latent known.
    pub fn keep(latent: &[f32]) -> Self {
        Self(keep(b"Timbrel point, version one.", &[latent]))
    }

    /// The first eight bytes of the SHA-256 of a text that names its kind and of the numbers, never 0.
    pub fn hash(&self) -> u64 {
        self.0.hash
    }

    pub fn numbers(&self) -> &[f32] {
        &self.0.numbers
    }
}

impl Corners {
    /// Makes four latents known, in the order A, B, C, D. They may be of any sizes.
    pub fn keep(corners: [&[f32]; 4]) -> Self {
        Self(keep(b"Timbrel corners, version one.", &corners))
    }

    /// As [`Latent::hash`].
    pub fn hash(&self) -> u64 {
        self.0.hash
    }

    pub fn each(&self) -> [&[f32]; 4] {
        let Entry { numbers, ends, .. } = &*self.0;
        std::array::from_fn(|i| &numbers[if i == 0 { 0 } else { ends[i - 1] }..ends[i]])
    }
}

/// The latent of a hash, if it is known.
pub fn point(hash: u64) -> Option<Latent> {
    KNOWN.lock().entries.get(&hash).filter(|entry| entry.ends.len() == 1).map(|entry| Latent(Arc::clone(entry)))
}

/// The four latents of a hash, if they are known.
pub fn corners(hash: u64) -> Option<Corners> {
    KNOWN.lock().entries.get(&hash).filter(|entry| entry.ends.len() == 4).map(|entry| Corners(Arc::clone(entry)))
}

fn keep(kind: &[u8], latents: &[&[f32]]) -> Arc<Entry> {
    let mut hasher = Sha256::new();
    hasher.update(kind);
    for latent in latents {
        // The sizes belong to it: what is cut elsewhere is something else.
        hasher.update((latent.len() as u64).to_le_bytes());
        // Minus nought is nought, in its sound and so in its hash.
        latent.iter().for_each(|x| hasher.update((x + 0.0).to_le_bytes()));
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize()[..8]);
    let hash = u64::from_be_bytes(first).max(1);
    KNOWN.lock().keep(hash, latents)
}

impl Known {
    fn keep(&mut self, hash: u64, latents: &[&[f32]]) -> Arc<Entry> {
        if let Some(entry) = self.entries.get(&hash) {
            return Arc::clone(entry);
        }
        let mut end = 0;
        let ends = latents.iter().map(|latent| {
            end += latent.len();
            end
        });
        let entry = Arc::new(Entry { hash, ends: ends.collect(), numbers: latents.concat().into() });
        self.numbers += entry.numbers.len();
        self.entries.insert(hash, Arc::clone(&entry));
        self.order.push_back(hash);
        self.forget();
        entry
    }

    /// Forgets the oldest of those that nobody holds, until there is room.
    fn forget(&mut self) {
        let mut looked_at = 0;
        while self.numbers > MOST_NUMBERS && looked_at < self.order.len() {
            let Some(oldest) = self.order.pop_front() else { break };
            match self.entries.get(&oldest) {
                Some(entry) if Arc::strong_count(entry) > 1 => {
                    self.order.push_back(oldest);
                    looked_at += 1;
                }
                Some(entry) => {
                    self.numbers -= entry.numbers.len();
                    self.entries.remove(&oldest);
                }
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_stays_known_and_the_oldest_of_the_rest_goes() {
        let mut known = Known::default();
        let row = |value: f32| vec![value; MOST_NUMBERS / 4];
        let held = known.keep(1, &[&row(1.0)]);
        for hash in 2..=8 {
            known.keep(hash, &[&row(hash as f32)]);
        }
        let left = |known: &Known| (1..=8).filter(|hash| known.entries.contains_key(hash)).collect::<Vec<u64>>();
        assert_eq!(left(&known), [1, 6, 7, 8]);
        assert!(known.numbers <= MOST_NUMBERS);
        drop(held);
        known.keep(8, &[&row(8.0)]);
        known.keep(9, &[&row(9.0)]);
        assert_eq!(known.entries.len(), 4);
        assert_eq!(known.numbers, known.entries.values().map(|entry| entry.numbers.len()).sum::<usize>());
    }

    #[test]
    fn a_hash_is_for_ever_and_of_the_numbers_alone() {
        // Part of saved sessions' note caches: computed once by another program (Python's hashlib).
        let latent = Latent::keep(&[1.0, -0.5, 0.0]);
        assert_eq!(latent.hash(), HASH_OF_POINT);
        assert_eq!(Latent::keep(&[1.0, -0.5, -0.0]).hash(), latent.hash());
        assert_eq!(point(latent.hash()).unwrap().numbers(), [1.0, -0.5, 0.0]);
        let corners = Corners::keep([&[1.0], &[2.0, 3.0], &[], &[4.0]]);
        assert_eq!(corners.each(), [&[1.0][..], &[2.0, 3.0], &[], &[4.0]]);
        assert_ne!(Corners::keep([&[1.0], &[2.0], &[3.0], &[4.0]]).hash(), corners.hash());
        assert!(point(corners.hash()).is_none() && super::corners(latent.hash()).is_none());
    }

    /// SHA-256 of "Timbrel point, version one.", the length 3 as eight bytes and three floats, all little endian.
    const HASH_OF_POINT: u64 = 0xaa90_b927_9b9c_dd61;
}
