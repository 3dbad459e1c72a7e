//! The keys that are down, where one note of a channel sounds at a time: it goes back to the one before when the last is let go of.

use super::channel::CHANNELS;

/// How many notes sound at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VoiceMode {
    Poly,
    /// One, each with a stroke of its own.
    Mono,
    /// One, which goes over to a key that is struck while another is down.
    Legato,
}

/// Keys that are kept for each channel; of more the first are forgotten.
const KEPT: usize = 16;

/// A key, and the host's number for its note.
type Pressed = (u8, Option<i32>);

#[derive(Clone, Copy)]
struct Down {
    keys: [Pressed; KEPT],
    count: usize,
    last: Option<u8>,
}

/// The keys of all channels.
pub struct Keys([Down; CHANNELS]);

impl Keys {
    pub fn new() -> Self {
        Self([Down { keys: [(0, None); KEPT], count: 0, last: None }; CHANNELS])
    }

    pub fn forget(&mut self) {
        *self = Self::new();
    }

    /// The key of a channel's last note.
    pub fn last(&self, channel: u8) -> Option<u8> {
        self.0.get(usize::from(channel)).and_then(|own| own.last)
    }

    /// Notes which key a channel's last note has.
    pub fn strike(&mut self, channel: u8, key: u8) {
        if let Some(own) = self.0.get_mut(usize::from(channel)) {
            own.last = Some(key);
        }
    }

    /// A key goes down.
    pub fn press(&mut self, channel: u8, key: u8, id: Option<i32>) {
        let Some(own) = self.0.get_mut(usize::from(channel)) else { return };
        own.remove(|pressed| pressed.0 == key);
        if own.count == KEPT {
            own.keys.rotate_left(1);
            own.count -= 1;
        }
        own.keys[own.count] = (key, id);
        own.count += 1;
    }

    /// Keys go up, all where `None` is given. Returns `None` if the last one goes up, or none that was known: then notes end as
    /// ever; else the key that is down now and was pressed last.
    pub fn release(&mut self, channel: u8, key: Option<u8>, id: Option<i32>) -> Option<Option<Pressed>> {
        let own = self.0.get_mut(usize::from(channel))?;
        let before = own.count;
        own.remove(|pressed| {
            let same_id = id.is_none() || pressed.1.is_none() || pressed.1 == id;
            same_id && key.is_none_or(|key| key == pressed.0)
        });
        (own.count > 0 && own.count < before).then(|| own.keys[..own.count].last().copied())
    }
}

impl Down {
    fn remove(&mut self, is_meant: impl Fn(&Pressed) -> bool) {
        let mut kept = 0;
        for index in 0..self.count {
            if !is_meant(&self.keys[index]) {
                self.keys[kept] = self.keys[index];
                kept += 1;
            }
        }
        self.count = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_before_is_gone_back_to() {
        let mut keys = Keys::new();
        [60, 62, 64].into_iter().for_each(|key| keys.press(3, key, None));
        assert_eq!(
            keys.release(3, Some(62), None),
            Some(Some((64, None))),
            "what does not sound goes without a change"
        );
        assert_eq!(keys.release(3, Some(64), None), Some(Some((60, None))));
        assert_eq!(keys.release(3, Some(60), None), None, "the last one ends its note");
        assert_eq!(keys.release(3, Some(60), None), None);
        assert_eq!(keys.release(4, None, None), None);
    }

    #[test]
    fn more_keys_than_are_kept_forget_the_first() {
        let mut keys = Keys::new();
        (0..40).for_each(|key| keys.press(0, key, Some(i32::from(key))));
        assert_eq!(keys.release(0, Some(3), None), None);
        assert_eq!(keys.release(0, None, Some(39)), Some(Some((38, Some(38)))));
        keys.forget();
        assert_eq!(keys.release(0, Some(38), None), None);
    }
}
