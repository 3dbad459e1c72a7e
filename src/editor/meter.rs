//! The level meter: rises at once, falls at a steady rate, and holds the highest peak for a while.

use egui::{Align2, Rect, Stroke, pos2, vec2};

use super::View;
use super::look::{ALARM, AMBER, BRIGHT, EMBER, FAINT, LINE, TEXT, VALUE, mix};

/// Lowest and highest level shown, in decibels of full scale.
const FLOOR_DB: f32 = -60.0;
const CEILING_DB: f32 = 6.0;

/// Fall of the bar, as slow as the peak programme meters of old.
const FALL_DB_PER_S: f32 = 24.0;

/// How long the mark stays at the highest peak.
const HOLD_S: f32 = 1.6;

pub struct Meter {
    level_db: f32,
    peak_db: f32,
    held_s: f32,
}

impl Meter {
    pub fn new() -> Self {
        Self { level_db: FLOOR_DB, peak_db: FLOOR_DB, held_s: 0.0 }
    }

    /// Takes the highest level (linear) since the last call, `elapsed_s` ago.
    pub fn feed(&mut self, peak: f32, elapsed_s: f32) {
        let now_db = (20.0 * peak.max(1e-9).log10()).clamp(FLOOR_DB, CEILING_DB);
        self.level_db = now_db.max(self.level_db - FALL_DB_PER_S * elapsed_s).max(FLOOR_DB);
        self.held_s += elapsed_s;
        if self.level_db >= self.peak_db {
            (self.peak_db, self.held_s) = (self.level_db, 0.0);
        } else if self.held_s > HOLD_S {
            self.peak_db = self.level_db.max(self.peak_db - FALL_DB_PER_S * elapsed_s);
        }
    }

    /// Whether there is anything left to fall.
    pub fn moves(&self) -> bool {
        self.peak_db > FLOOR_DB
    }

    /// How much is heard, 0 to 1, for what glows with it.
    pub fn glow(&self) -> f32 {
        // Below -48 dB of full scale nothing glows.
        ((self.level_db + 48.0) / 48.0).clamp(0.0, 1.0)
    }

    pub fn show(&self, view: &View, rect: Rect) {
        let (look, painter) = (view.look, view.ui.painter());
        let text = if self.peak_db > FLOOR_DB { format!("{:+.1}", self.peak_db) } else { "-∞".to_owned() };
        let clips = self.peak_db > 0.0;
        let ink = if clips {
            ALARM
        } else if self.moves() {
            TEXT
        } else {
            FAINT
        };
        look.text(painter, (rect.right_center(), Align2::RIGHT_CENTER), &text, VALUE, ink, rect.width());

        let y = rect.center().y;
        let (left, right) = (rect.left(), rect.right() - look.px(48.0));
        let x = |db: f32| left + (right - left) * (db - FLOOR_DB) / (CEILING_DB - FLOOR_DB);
        let thick = look.px(4.0);
        painter.line_segment([pos2(left, y), pos2(right, y)], Stroke::new(thick, LINE.gamma_multiply(0.7)));
        if self.level_db > FLOOR_DB {
            // In pieces, since a line has one colour.
            let pieces = 24;
            for i in 0..pieces {
                let piece = |i: usize| FLOOR_DB + (self.level_db - FLOOR_DB) * i as f32 / pieces as f32;
                let heat = (piece(i) - FLOOR_DB) / -FLOOR_DB;
                let colour = if piece(i + 1) > 0.0 { ALARM } else { mix(EMBER, mix(AMBER, BRIGHT, 0.2), heat * heat) };
                painter.line_segment([pos2(x(piece(i)), y), pos2(x(piece(i + 1)), y)], Stroke::new(thick, colour));
            }
        }
        let mark = |db: f32, colour| {
            let at = pos2(x(db), y);
            painter.line_segment([at - vec2(0.0, thick), at + vec2(0.0, thick)], Stroke::new(look.px(1.0), colour));
        };
        mark(0.0, FAINT);
        if self.peak_db > FLOOR_DB {
            mark(self.peak_db, if clips { ALARM } else { BRIGHT });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_rises_at_once_and_falls_steadily() {
        let mut meter = Meter::new();
        meter.feed(1.0, 0.03);
        assert_eq!(meter.level_db, 0.0);
        meter.feed(0.0, 1.0);
        assert_eq!(meter.level_db, -FALL_DB_PER_S);
        assert_eq!(meter.peak_db, 0.0, "the mark stays");
        for _ in 0..10 {
            meter.feed(0.0, 1.0);
        }
        assert!(!meter.moves() && meter.level_db == FLOOR_DB);
    }
}
