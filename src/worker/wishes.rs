//! What an instance wants, as notes of the model that it plays.

use super::priority::Priority;
use crate::link::Wanted;
use crate::model::Model;
use crate::note::{KEYS, ModelId, NoteKey, Timbre};

/// What an audio thread wants ([`Wanted`]), where a model is there to render it.
#[derive(Clone, Copy)]
pub struct Wishes<'a> {
    wanted: &'a Wanted,
    model: ModelId,
    /// The lowest and the highest pitch of the model.
    low: u8,
    high: u8,
}

impl<'a> Wishes<'a> {
    pub fn new(wanted: &'a Wanted, model: &Model) -> Self {
        Self { wanted, model: model.id, low: model.manifest.pitch_min, high: model.manifest.pitch_max }
    }

    /// The note of a key: the model's own where the key is in its range, else that of the nearest pitch.
    fn note(&self, timbre: Timbre, key: u8) -> NoteKey {
        NoteKey { model: self.model, timbre, pitch: key.clamp(self.low, self.high) }
    }

    /// The notes of the requests, most urgent first.
    pub fn requested(self) -> impl Iterator<Item = NoteKey> + use<'a> {
        self.wanted.requests().iter().map(move |request| self.note(request.timbre, request.key))
    }

    /// The note that a key of the keyboard plays.
    pub fn of_key(&self, key: u8) -> NoteKey {
        self.note(self.wanted.timbre, key)
    }

    /// The notes of the keyboard in its timbre, outward from where the player is.
    pub fn keyboard(&self) -> impl Iterator<Item = NoteKey> + use<> {
        let (timbre, model) = (self.wanted.timbre, self.model);
        let (low, high) = (i16::from(self.low), i16::from(self.high));
        let focus = i16::from(self.wanted.focus).max(low).min(high);
        (0..KEYS as i16)
            .flat_map(move |distance| [Some(focus + distance), (distance > 0).then_some(focus - distance)])
            .flatten()
            .filter(move |pitch| (low..=high).contains(pitch))
            .map(move |pitch| NoteKey { model, timbre, pitch: pitch as u8 })
    }

    /// Whether a key that this pitch stands for was struck lately.
    pub fn is_recent(&self, pitch: u8) -> bool {
        let mut bits = 1u128 << pitch;
        if pitch == self.low {
            bits |= bits - 1;
        }
        if pitch == self.high {
            bits |= !(bits - 1);
        }
        self.wanted.recent & bits != 0
    }

    /// How urgently a note is wanted, if it is.
    pub fn priority_of(&self, key: &NoteKey) -> Option<Priority> {
        if self.model != key.model {
            return None;
        }
        if self.requested().any(|wanted| wanted == *key) {
            Some(Priority::Sounding)
        } else if key.timbre == self.wanted.timbre && !self.wanted.offline {
            Some(if self.is_recent(key.pitch) { Priority::Recent } else { Priority::Rest })
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::NoteRequest;

    fn wishes(wanted: &Wanted) -> Wishes<'_> {
        Wishes { wanted, model: ModelId(1), low: 24, high: 84 }
    }

    fn seed(seed: u32) -> Timbre {
        Timbre { seed, ..Timbre::default() }
    }

    #[test]
    fn the_keyboard_goes_outward_from_the_player_and_ends_with_the_model() {
        let at = |focus| {
            let wanted = Wanted { focus, ..Wanted::default() };
            wishes(&wanted).keyboard().map(|key| key.pitch).collect::<Vec<_>>()
        };
        assert_eq!(at(60)[..5], [60, 61, 59, 62, 58]);
        assert_eq!(at(0)[..3], [24, 25, 26]);
        assert_eq!(at(127)[..3], [84, 83, 82]);
        for focus in [0, 30, 60, 127] {
            let mut all = at(focus);
            all.sort_unstable();
            assert_eq!(all, (24..=84).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_note_is_as_urgent_as_the_most_urgent_that_wants_it() {
        let mut wanted = Wanted { timbre: seed(1), recent: 1 << 40 | 1 << 120, request_count: 1, ..Wanted::default() };
        wanted.requests[0] = NoteRequest { timbre: seed(2), key: 3 };
        let key = |seed_, pitch| NoteKey { model: ModelId(1), timbre: seed(seed_), pitch };
        let priority = |wanted: &Wanted, key| wishes(wanted).priority_of(&key);
        assert_eq!(priority(&wanted, key(2, 24)), Some(Priority::Sounding), "a key below the model is its lowest");
        assert_eq!(priority(&wanted, key(1, 40)), Some(Priority::Recent));
        assert_eq!(priority(&wanted, key(1, 84)), Some(Priority::Recent), "a key above the model is its highest");
        assert_eq!(priority(&wanted, key(1, 41)), Some(Priority::Rest));
        assert_eq!(priority(&wanted, key(2, 41)), None);
        assert_eq!(priority(&wanted, NoteKey { model: ModelId(2), ..key(1, 40) }), None);
        wanted.offline = true;
        assert_eq!(priority(&wanted, key(1, 40)), None, "a bounce wants nothing but what sounds");
    }
}
