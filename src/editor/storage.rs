//! What the rendered notes take, in memory and on the disk, and how much they may. Opens in the side, in place of envelope
//! and playing, by a button in the footer.

use egui::{Align2, Rect, Stroke, pos2, vec2};

use super::View;
use super::control::{self, id};
use super::icons;
use super::look::{AMBER, FAINT, LABEL, LINE, SMALL, TEXT, VALUE};
use crate::storage::{DISK_CHOICES, Limits, MEMORY_CHOICES, Usage, keyboards};

/// What was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    Close,
    Limits(Limits),
    Clear,
}

pub fn show(view: &View, rect: Rect, usage: &Usage) -> Option<Asked> {
    let (look, painter) = (view.look, view.ui.painter());
    look.title(painter, rect.left_top(), "Rendered notes");
    let button = vec2(look.px(28.0), look.px(22.0));
    let close = Rect::from_min_size(pos2(rect.right() - button.x, rect.top() - look.px(5.0)), button);
    let cross = |painter: &egui::Painter, at, ink| icons::cross(painter, look, at, ink);
    let closed = control::sign_button(
        view.ui,
        look,
        close,
        id("storage", 0),
        true,
        "Closes this, and shows the sound's pages.",
        cross,
    );
    let mut asked = closed.then_some(Asked::Close);

    let limits = usage.limits;
    let block = |top: f32| Rect::from_min_size(rect.min + vec2(0.0, look.px(top)), vec2(rect.width(), look.px(60.0)));
    let note_bytes = usage.note_bytes;
    let sentences = [
        "Keeps less in memory: notes of timbres that were left are rendered again sooner.",
        "Keeps more in memory: timbres that were left are there at once when you come back.",
    ];
    let memory =
        Amount { name: "In memory", sentences, bytes: usage.memory_bytes, note_bytes, limit_mb: limits.memory_mb };
    if let Some(memory_mb) = memory.show(view, block(28.0), 1, &MEMORY_CHOICES) {
        asked = Some(Asked::Limits(Limits { memory_mb, ..limits }));
    }
    let sentences = [
        "Keeps less on the disk: fewer projects open with their notes ready.",
        "Keeps more on the disk: more projects open with their notes ready.",
    ];
    let disk = Amount { name: "On the disk", sentences, bytes: usage.disk_bytes, note_bytes, limit_mb: limits.disk_mb };
    if let Some(disk_mb) = disk.show(view, block(108.0), 3, &DISK_CHOICES) {
        asked = Some(Asked::Limits(Limits { disk_mb, ..limits }));
    }

    let clear = Rect::from_min_size(rect.min + vec2(0.0, look.px(184.0)), vec2(look.px(120.0), look.px(26.0)));
    let sentence = "Removes all notes from the disk; projects render theirs anew when they are opened.";
    if control::word_button(view.ui, look, clear, id("storage", 5), true, "Clear the disk", sentence) {
        asked = Some(Asked::Clear);
    }
    let words = match &usage.folder {
        Some(folder) => format!("Kept in {}", folder.display()),
        None => "Nothing is kept on the disk: each project renders its notes when it is opened.".to_owned(),
    };
    let galley = look.set(painter, &words, SMALL, FAINT, rect.width(), 2);
    painter.galley(pos2(rect.left(), clear.bottom() + look.px(10.0)), galley, FAINT);
    asked
}

/// One kind of room that notes take.
struct Amount {
    name: &'static str,
    /// What the buttons for less and for more do.
    sentences: [&'static str; 2],
    bytes: u64,
    note_bytes: u64,
    limit_mb: u32,
}

impl Amount {
    /// Gives the limit that was chosen, in MB. `index` numbers the two buttons.
    fn show(&self, view: &View, rect: Rect, index: usize, choices: &[u32]) -> Option<u32> {
        let (look, painter) = (view.look, view.ui.painter());
        let limit_bytes = u64::from(self.limit_mb) << 20;
        look.text(painter, (rect.left_top(), Align2::LEFT_TOP), self.name, LABEL, FAINT, rect.width() / 2.0);
        let taken = size(self.bytes);
        look.text(painter, (rect.right_top(), Align2::RIGHT_TOP), &taken, VALUE, TEXT, rect.width() / 2.0);

        let y = rect.top() + look.px(23.0);
        let (left, right) = (pos2(rect.left(), y), pos2(rect.right(), y));
        let share = if limit_bytes > 0 { (self.bytes as f32 / limit_bytes as f32).min(1.0) } else { 0.0 };
        painter.line_segment([left, right], Stroke::new(look.px(2.0), LINE));
        if share > 0.002 {
            painter.line_segment([left, left + share * (right - left)], Stroke::new(look.px(2.5), AMBER));
        }

        let button = vec2(look.px(30.0), look.px(26.0));
        let top = rect.top() + look.px(34.0);
        let less = Rect::from_min_size(pos2(rect.left(), top), button);
        let more = Rect::from_min_size(pos2(rect.left() + look.px(130.0), top), button);
        let below = choices.iter().rev().find(|choice| **choice < self.limit_mb).copied();
        let above = choices.iter().find(|choice| **choice > self.limit_mb).copied();
        let mut chosen = None;
        let buttons = [(less, -1.0, index, below), (more, 1.0, index + 1, above)];
        for ((place, direction, i, choice), sentence) in buttons.into_iter().zip(self.sentences) {
            let sign = |painter: &egui::Painter, at, ink| icons::chevron(painter, look, at, direction, ink);
            if control::sign_button(view.ui, look, place, id("storage", i), choice.is_some(), sentence, sign) {
                chosen = choice;
            }
        }
        let limit = if self.limit_mb == 0 { "Off".to_owned() } else { format!("up to {}", size(limit_bytes)) };
        let middle = pos2((less.right() + more.left()) / 2.0, less.center().y);
        let room = more.left() - less.right() - look.px(6.0);
        look.text(painter, (middle, Align2::CENTER_CENTER), &limit, VALUE, TEXT, room);
        let fits = match keyboards(limit_bytes, self.note_bytes.max(1)) {
            0 => "renders each time".to_owned(),
            count => format!("{count} keyboards"),
        };
        let at = pos2(rect.right(), less.center().y);
        look.text(painter, (at, Align2::RIGHT_CENTER), &fits, LABEL, FAINT, rect.right() - more.right() - look.px(8.0));
        chosen
    }
}

/// A number of bytes as a user reads it.
pub fn size(bytes: u64) -> String {
    let mb = bytes as f64 / (1 << 20) as f64;
    if mb < 999.5 {
        format!("{mb:.0} MB")
    } else if (mb / 1024.0).fract() < 0.05 {
        format!("{:.0} GB", mb / 1024.0)
    } else {
        format!("{:.1} GB", mb / 1024.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        for (bytes, text) in
            [(0, "0 MB"), (33 << 20, "33 MB"), (1 << 30, "1 GB"), (3 << 29, "1.5 GB"), (16 << 30, "16 GB")]
        {
            assert_eq!(size(bytes), text);
        }
    }
}
