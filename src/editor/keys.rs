//! Where the keys of the keyboard lie, and which one is under a point.

use egui::{Pos2, Rect, pos2};

/// The piano's lowest and highest keys: what is shown at least.
const PIANO: (u8, u8) = (21, 108);

/// Length and width of a black key, as shares of a white one's.
const BLACK_LENGTH: f32 = 0.62;
const BLACK_WIDTH: f32 = 0.60;

/// Softest note that can be clicked.
const SOFTEST: f32 = 0.15;

/// A drawn keyboard.
#[derive(Clone, Copy)]
pub struct Keys {
    rect: Rect,
    low: u8,
    high: u8,
    white_width: f32,
}

impl Keys {
    /// The piano's keys, and more where the model has more.
    pub fn new(rect: Rect, (model_low, model_high): (u8, u8)) -> Self {
        let low = PIANO.0.min(model_low);
        let high = PIANO.1.max(model_high).min(127);
        // It begins and ends with a white key, or half a black one would hang over the edge.
        let low = if is_black(low) { low - 1 } else { low };
        let high = if is_black(high) { high + 1 } else { high };
        let whites = white_index(high) - white_index(low) + 1;
        Self { rect, low, high, white_width: rect.width() / f32::from(whites) }
    }

    pub fn all(&self) -> std::ops::RangeInclusive<u8> {
        self.low..=self.high
    }

    /// A key's rectangle. That of a white key goes on under its black neighbours.
    pub fn rect(&self, key: u8) -> Rect {
        let index = f32::from(white_index(key) - white_index(self.low));
        let left = self.rect.left() + index * self.white_width;
        if is_black(key) {
            let (width, length) = (BLACK_WIDTH * self.white_width, BLACK_LENGTH * self.rect.height());
            // `white_index` of a black key is that of the white one below it.
            let middle = left + self.white_width;
            Rect::from_min_max(
                pos2(middle - width / 2.0, self.rect.top()),
                pos2(middle + width / 2.0, self.rect.top() + length),
            )
        } else {
            Rect::from_min_max(pos2(left, self.rect.top()), pos2(left + self.white_width, self.rect.bottom()))
        }
    }

    /// The key under a point, and how hard it is struck there: the nearer to its front edge, the harder.
    pub fn at(&self, point: Pos2) -> Option<(u8, f32)> {
        if !self.rect.contains(point) {
            return None;
        }
        let under = |black: bool| self.all().find(|&key| is_black(key) == black && self.rect(key).contains(point));
        let key = under(true).or_else(|| under(false))?;
        let rect = self.rect(key);
        let depth = ((point.y - rect.top()) / rect.height()).clamp(0.0, 1.0);
        Some((key, SOFTEST + (1.0 - SOFTEST) * depth))
    }
}

pub fn is_black(key: u8) -> bool {
    matches!(key % 12, 1 | 3 | 6 | 8 | 10)
}

/// White keys below this one; a black key counts as the white one below it.
fn white_index(key: u8) -> u8 {
    const WITHIN: [u8; 12] = [0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 5, 6];
    key / 12 * 7 + WITHIN[usize::from(key % 12)]
}

/// A key's name, with middle C (60) as C4.
pub fn name(key: u8) -> String {
    const NAMES: [&str; 12] = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
    format!("{}{}", NAMES[usize::from(key % 12)], i32::from(key / 12) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_at_its_own_place() {
        for range in [(24, 84), (0, 127), (1, 126)] {
            let rect = Rect::from_min_max(pos2(10.0, 20.0), pos2(1010.0, 120.0));
            let keys = Keys::new(rect, range);
            assert!(keys.all().contains(&range.0) && keys.all().contains(&range.1));
            for key in keys.all() {
                let own = keys.rect(key);
                assert!(rect.expand(0.01).contains_rect(own), "{key} lies at {own:?}");
                let front = pos2(own.center().x, own.bottom() - 1.0);
                assert_eq!(keys.at(front).map(|(key, _)| key), Some(key));
            }
            assert_eq!(keys.at(pos2(500.0, 19.0)), None);
        }
    }

    #[test]
    fn a_key_is_struck_harder_at_its_front() {
        let keys = Keys::new(Rect::from_min_max(pos2(0.0, 0.0), pos2(1000.0, 100.0)), (24, 84));
        let x = keys.rect(60).left() + 2.0;
        let (soft, hard) = (keys.at(pos2(x, 5.0)).unwrap().1, keys.at(pos2(x, 99.0)).unwrap().1);
        assert!(soft > 0.0 && soft < 0.3 && hard > 0.95 && hard <= 1.0, "{soft} {hard}");
    }

    #[test]
    fn middle_c_is_c4() {
        assert_eq!(name(60), "C4");
        assert_eq!(name(21), "A0");
        assert_eq!(name(0), "C-1");
    }
}
