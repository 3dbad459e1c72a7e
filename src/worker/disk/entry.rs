//! One note as the bytes of a file.
//!
//! Little endian, without gaps:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `TMBLNOTE` |
//! | 4 | version of this layout |
//! | 4 | CRC-32 of all that follows |
//! | 8, 28, 1 | model, timbre, pitch |
//! | 6 x 4 | frames, bins, FFT length, hop, padding in front, sample rate |
//! | 2, 2, 4, 4, 4 | sustain: start, end, trend, decay, silent from (-1: never) |
//! | 4 x 32, 4 x 4 | touch, movement |
//! | 1 | number of heads |
//! | 4 x frames | magnitude of one step |
//! | 2 x frames x 2 x bins | codes of a frame's magnitudes and of its phase advances, frame by frame |
//! | 4 x heads x a voice's FFT length | heads |
//! | 4 x bins | phase at the head's last frame |

use crate::expression::{HEAD_VELOCITIES, Movement, TOUCH_POINTS, Touch};
use crate::frames::Frames;
use crate::geometry::Geometry;
use crate::note::{Base, DIRECTIONS, ModelId, Note, NoteKey, Origin, Sustain, Timbre};
use crate::spectral::{FramePlan, Representation};

const MAGIC: [u8; 8] = *b"TMBLNOTE";

/// Goes up with every change of the layout; entries of another version are made anew.
const VERSION: u32 = 3;

/// What lies before the part that the checksum covers.
const PREAMBLE: usize = 16;

/// The bytes that stand for a note.
pub fn to_bytes(note: &Note) -> Vec<u8> {
    let (steps, codes) = note.frames.codes();
    let mut bytes = Vec::with_capacity(note.bytes() + 256);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(note.key.model.0.to_le_bytes());
    bytes.extend(timbre_bytes(&note.key.timbre));
    bytes.push(note.key.pitch);
    let Geometry { frames, bins, n_fft, hop, pad_left, sample_rate } = note.geometry;
    for size in [frames, bins, n_fft, hop, pad_left] {
        bytes.extend((size as u32).to_le_bytes());
    }
    bytes.extend(sample_rate.to_le_bytes());
    let Sustain { start, end, trend_db, decay_db, silent_from } = note.sustain;
    bytes.extend(start.to_le_bytes());
    bytes.extend(end.to_le_bytes());
    bytes.extend(trend_db.to_le_bytes());
    bytes.extend(decay_db.to_le_bytes());
    bytes.extend(silent_from.map_or(-1, i32::from).to_le_bytes());
    let movement = note.movement.values();
    note.touch.0.iter().chain(&movement).for_each(|value| bytes.extend(value.to_le_bytes()));
    bytes.push((note.head.len() / note.geometry.synthesis_fft()) as u8);
    steps.iter().for_each(|step| bytes.extend(step.to_le_bytes()));
    codes.iter().for_each(|code| bytes.extend(code.to_le_bytes()));
    note.head.iter().chain(&note.head_phase).for_each(|sample| bytes.extend(sample.to_le_bytes()));
    let checksum = crc32fast::hash(&bytes[PREAMBLE..]);
    bytes[PREAMBLE - 4..PREAMBLE].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The note that is looked for; `None` where the bytes are damaged, cut short, foreign, of another version, or stand for
/// another note.
pub fn from_bytes(bytes: &[u8], key: NoteKey) -> Option<Note> {
    any_from_bytes(bytes).filter(|note| note.key == key)
}

/// The note that the bytes stand for, whichever it is; `None` where they stand for none.
pub fn any_from_bytes(bytes: &[u8]) -> Option<Note> {
    let mut reader = Reader(bytes);
    if reader.take()? != MAGIC || u32::from_le_bytes(reader.take()?) != VERSION {
        return None;
    }
    if u32::from_le_bytes(reader.take()?) != crc32fast::hash(reader.0) {
        return None;
    }
    let model = ModelId(u64::from_le_bytes(reader.take()?));
    let timbre = timbre(&reader.take()?);
    let [pitch] = reader.take()?;
    let key = NoteKey { model, timbre, pitch };
    let mut size = || Some(u32::from_le_bytes(reader.take()?) as usize);
    let (frames, bins, n_fft, hop, pad_left) = (size()?, size()?, size()?, size()?, size()?);
    let sample_rate = u32::from_le_bytes(reader.take()?);
    let geometry = Geometry { frames, bins, n_fft, hop, pad_left, sample_rate };
    // A voice has room for what a model may have, and no more.
    let is_published = || Representation::ALL.iter().any(|known| known.geometry() == geometry);
    let is_named = || Geometry::named(sample_rate, n_fft, hop, frames, bins).is_ok_and(|named| named == geometry);
    if !is_published() && !is_named() {
        return None;
    }
    let sustain = Sustain {
        start: u16::from_le_bytes(reader.take()?),
        end: u16::from_le_bytes(reader.take()?),
        trend_db: f32::from_le_bytes(reader.take()?),
        decay_db: f32::from_le_bytes(reader.take()?),
        silent_from: u16::try_from(i32::from_le_bytes(reader.take()?)).ok(),
    };
    if sustain.start > sustain.end || usize::from(sustain.end) >= frames {
        return None;
    }
    let touch = Touch::of_model(&reader.row(TOUCH_POINTS, f32::from_le_bytes)?)?;
    let movement = Movement::of_model(&reader.row(Movement::VALUES, f32::from_le_bytes)?)?;
    let [heads] = reader.take()?;
    if ![1, HEAD_VELOCITIES.len()].contains(&usize::from(heads)) {
        return None;
    }
    let steps = reader.row(frames, f32::from_le_bytes)?;
    let codes = reader.row(2 * frames * bins, u16::from_le_bytes)?;
    let head = reader.row(usize::from(heads) * geometry.synthesis_fft(), f32::from_le_bytes)?;
    let head_phase = reader.row(bins, f32::from_le_bytes)?;
    // A checksum is no proof of who has written it: what is no number would never end to sound.
    let numbers = head.iter().chain(&head_phase).chain([&sustain.trend_db, &sustain.decay_db]);
    if numbers.copied().any(|number| !number.is_finite()) {
        return None;
    }
    let frames = Frames::from_codes(bins, steps, codes)?;
    reader.0.is_empty().then(|| {
        let plan = FramePlan::of(geometry);
        Note { key, origin: Origin::Cpu, geometry, plan, frames, head, head_phase, sustain, touch, movement }
    })
}

/// Bytes of a timbre.
pub const TIMBRE_BYTES: usize = 12 + 2 * DIRECTIONS;

/// In the place of a blend of seeds, which is 1,024 at most: the seeds are the two halves of a point's hash.
const POINT: u16 = 0x4000;
/// As [`POINT`], of a pad's corners; the lower bits are x and y, seven each.
const PAD: u16 = 0x8000;

/// A timbre as bytes, big endian, so that equal beginnings of a name mean equal seeds.
pub fn timbre_bytes(timbre: &Timbre) -> [u8; TIMBRE_BYTES] {
    let Timbre { base, seed, seed_to, blend, character, directions } = *timbre;
    let halves = |hash: u64| ((hash >> 32) as u32, hash as u32);
    let ((seed, seed_to), blend) = match base {
        Base::Seeds => ((seed, seed_to), blend),
        Base::Point(hash) => (halves(hash), POINT),
        Base::Pad { corners, x, y } => (halves(corners), PAD | u16::from(x & 0x7f) << 7 | u16::from(y & 0x7f)),
    };
    let mut bytes = [0; TIMBRE_BYTES];
    let parts = seed.to_be_bytes().into_iter().chain(seed_to.to_be_bytes());
    let parts = parts.chain(blend.to_be_bytes()).chain(character.to_be_bytes());
    let parts = parts.chain(directions.iter().flat_map(|direction| direction.to_be_bytes()));
    bytes.iter_mut().zip(parts).for_each(|(byte, part)| *byte = part);
    bytes
}

/// The timbre that the bytes stand for: every value is one.
pub fn timbre(bytes: &[u8; TIMBRE_BYTES]) -> Timbre {
    let pair = |at: usize| [bytes[at], bytes[at + 1]];
    let four = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let (seed, seed_to, blend) = (four(0), four(4), u16::from_be_bytes(pair(8)));
    let hash = u64::from(seed) << 32 | u64::from(seed_to);
    let base = match blend {
        POINT => Base::Point(hash),
        blend if blend & PAD != 0 => Base::Pad { corners: hash, x: (blend >> 7 & 0x7f) as u8, y: (blend & 0x7f) as u8 },
        _ => Base::Seeds,
    };
    let (seed, seed_to, blend) = if base == Base::Seeds { (seed, seed_to, blend) } else { (0, 0, 0) };
    Timbre {
        base,
        seed,
        seed_to,
        blend,
        character: u16::from_be_bytes(pair(10)),
        directions: std::array::from_fn(|i| i16::from_be_bytes(pair(12 + 2 * i))),
    }
}

/// Takes bytes from the front.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn row<T, const N: usize>(&mut self, len: usize, value: impl Fn([u8; N]) -> T) -> Option<Box<[T]>> {
        let (taken, rest) = self.0.split_at_checked(len * N)?;
        self.0 = rest;
        Some(taken.as_chunks::<N>().0.iter().map(|bytes| value(*bytes)).collect())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A note of a published size, that differs from key to key.
    pub fn note(key: NoteKey) -> Note {
        note_of(Representation::IfMelHires.geometry(), 1, key)
    }

    fn note_of(geometry: Geometry, heads: usize, key: NoteKey) -> Note {
        let cells = geometry.frames * geometry.bins;
        let own = 1.0 + f32::from(key.pitch) + key.timbre.seed as f32;
        let magnitude: Vec<f32> = (0..cells).map(|i| own * (i % 977) as f32).collect();
        let advance: Vec<f32> = (0..cells).map(|i| 0.001 * (i % 499) as f32 - 0.25).collect();
        Note {
            key,
            origin: Origin::Cpu,
            geometry,
            plan: FramePlan::of(geometry),
            frames: Frames::encode(geometry.bins, &magnitude, &advance),
            head: (0..heads * geometry.synthesis_fft()).map(|i| own + i as f32).collect(),
            head_phase: (0..geometry.bins).map(|i| 1e-4 * i as f32).collect(),
            sustain: Sustain { start: 30, end: 90, trend_db: -0.1, decay_db: 0.0, silent_from: Some(100) },
            touch: Touch(std::array::from_fn(|point| point as f32 - 10.0)),
            movement: Movement { vibrato_cents: 20.0, rate_hz: 5.5, tremolo_db: 1.5, onset_s: 0.3 },
        }
    }

    /// Makes the checksum right, whatever the bytes hold.
    pub fn put_checksum(bytes: &mut [u8]) {
        if bytes.len() >= PREAMBLE {
            let checksum = crc32fast::hash(&bytes[PREAMBLE..]);
            bytes[PREAMBLE - 4..PREAMBLE].copy_from_slice(&checksum.to_le_bytes());
        }
    }

    pub fn key(seed: u32, pitch: u8) -> NoteKey {
        let mut timbre = Timbre { seed, seed_to: 9, blend: 300, character: 130, ..Timbre::default() };
        timbre.directions = [1, -2, 300, -300, 0, 5, 6, i16::MIN];
        NoteKey { model: ModelId(0x0123_4567_89ab_cdef), timbre, pitch }
    }

    #[test]
    fn a_note_comes_back_bit_by_bit() {
        let full_band = Geometry::named(48_000, 6_144, 1_536, 128, 2_560).unwrap();
        let hires = Representation::IfMelHires.geometry();
        for (geometry, heads) in [(hires, 1), (hires, 4), (Representation::If.geometry(), 1), (full_band, 4)] {
            let written = note_of(geometry, heads, key(7, 60));
            let bytes = to_bytes(&written);
            assert!(from_bytes(&bytes, written.key).is_some_and(|read| read == written));
            assert_eq!(timbre(&timbre_bytes(&written.key.timbre)), written.key.timbre);
            for size in [bytes.len(), written.bytes()] {
                assert!(size.abs_diff(geometry.note_bytes(heads)) < 1_024, "{size} bytes");
            }
        }
    }

    #[test]
    fn every_kind_of_timbre_has_bytes_of_its_own() {
        let corners = 0x0123_4567_89ab_cdef;
        let bases = [
            Base::Point(corners),
            Base::Point(u64::MAX),
            Base::Pad { corners, x: 0, y: 0 },
            Base::Pad { corners, x: 100, y: 3 },
            Base::Pad { corners, x: 3, y: 100 },
        ];
        let mut all = vec![key(7, 60).timbre, Timbre { seed: 0x0123_4567, seed_to: 0x89ab_cdef, ..Timbre::default() }];
        all.extend(bases.map(|base| Timbre { base, character: 50, ..Timbre::default() }));
        for (index, one) in all.iter().enumerate() {
            assert_eq!(timbre(&timbre_bytes(one)), *one);
            assert!(all[..index].iter().all(|other| timbre_bytes(other) != timbre_bytes(one)));
        }
        // Notes of seeds keep the names that they had.
        let bytes = timbre_bytes(&key(7, 60).timbre);
        assert_eq!(bytes[..12], [0, 0, 0, 7, 0, 0, 0, 9, 1, 44, 0, 130]);
    }

    #[test]
    fn what_is_damaged_cut_or_foreign_is_noticed() {
        let own = key(7, 60);
        let bytes = to_bytes(&note(own));
        for at in [0, 8, 12, 16, 30, 52, 60, 64, 90, 1_000, bytes.len() / 2, bytes.len() - 1] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(from_bytes(&damaged, own).is_none(), "a bit of byte {at}");
        }
        for len in [0, 7, 16, 100, bytes.len() / 2, bytes.len() - 1] {
            assert!(from_bytes(&bytes[..len], own).is_none(), "{len} bytes");
        }
        assert!(from_bytes(&[&bytes[..], b"more"].concat(), own).is_none());
        assert!(from_bytes(&vec![0; bytes.len()], own).is_none());
        for other in [key(8, 60), key(7, 61), NoteKey { model: ModelId(1), ..own }] {
            assert!(from_bytes(&bytes, other).is_none(), "it is another note");
        }
    }

    #[test]
    fn sizes_that_a_voice_has_no_room_for_are_refused() {
        let mut large = note(key(7, 60));
        large.geometry.pad_left = 100_000;
        assert!(from_bytes(&to_bytes(&large), large.key).is_none());
        let mut beyond = note(key(7, 60));
        beyond.sustain.end = 128;
        assert!(from_bytes(&to_bytes(&beyond), beyond.key).is_none());
    }
}
