//! The head of the window: the instrument's name, the model with its neighbours, the level.

use egui::{Align2, Rect, pos2, vec2};

use super::View;
use super::control::{self, id};
use super::icons;
use super::look::{AMBER, BRIGHT, FAINT, LABEL, NAME, TEXT, WORDMARK, mix};
use super::meter::Meter;
use crate::link::Generator;

/// Where the groups of the header begin, from its left edge, and the meter's width, in design points.
const PRESET: f32 = 158.0;
const WORK: f32 = 500.0;
const MODEL: f32 = 684.0;
const METER: f32 = 138.0;

/// What was asked for in the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    Browser,
    PreviousModel,
    NextModel,
    Undo,
    Redo,
    /// Side A (0) or B (1).
    Side(usize),
    CopySide,
    Presets,
    PreviousPreset,
    NextPreset,
    Like,
    Save,
}

/// What the header shows of the hand's work.
pub struct Work {
    pub can_undo: bool,
    pub can_redo: bool,
    pub side: usize,
    /// The preset that was played last, by its name; empty where none was.
    pub preset: String,
    /// Whether anything was changed since.
    pub changed: bool,
    pub liked: Option<bool>,
    pub shows_presets: bool,
}

pub fn show(view: &View, rect: Rect, meter: &Meter, work: &Work, browsing: bool) -> Option<Asked> {
    let (look, painter) = (view.look, view.ui.painter());
    let mark = pos2(rect.left() + look.px(12.0), rect.center().y);
    icons::rings(painter, look, mark, look.px(11.0), mix(AMBER, BRIGHT, 0.3 * view.glow));
    let word = pos2(rect.left() + look.px(34.0), rect.center().y);
    look.text(painter, (word, Align2::LEFT_CENTER), "timbrel", WORDMARK, BRIGHT, f32::INFINITY);

    let meter_rect = Rect::from_min_max(pos2(rect.right() - look.px(METER), rect.top()), rect.max);
    meter.show(view, meter_rect);

    let mut asked = show_preset(view, rect, work);
    asked = show_work(view, rect, work).or(asked);
    let height = look.px(30.0);
    let chip = Rect::from_min_max(
        pos2(rect.left() + look.px(MODEL), rect.center().y - height / 2.0),
        pos2(meter_rect.left() - look.px(16.0), rect.center().y + height / 2.0),
    );
    let arrow = vec2(height, height);
    let previous = Rect::from_min_size(chip.min, arrow);
    let next = Rect::from_min_size(pos2(chip.right() - height, chip.top()), arrow);
    let gap = look.px(4.0);
    let name = Rect::from_min_max(pos2(previous.right() + gap, chip.top()), pos2(next.left() - gap, chip.bottom()));

    for (place, direction, i, what, sentence) in [
        (previous, -1.0, 0, Asked::PreviousModel, "Plays the model before this one in its folder."),
        (next, 1.0, 1, Asked::NextModel, "Plays the model after this one in its folder."),
    ] {
        let sign = |painter: &egui::Painter, at: egui::Pos2, ink| icons::chevron(painter, look, at, direction, ink);
        if control::sign_button(view.ui, look, place, id("model", i), true, sentence, sign) {
            asked = Some(what);
        }
    }
    let mut hovered = false;
    let sentence = "The model that plays: opens and closes the browser of models.";
    let sign = |_: &egui::Painter, _: egui::Pos2, ink| hovered = ink == BRIGHT;
    if control::sign_button(view.ui, look, name, id("model", 2), true, sentence, sign) {
        asked = Some(Asked::Browser);
    }
    write_name(view, name, if hovered || browsing { BRIGHT } else { TEXT });
    asked
}

/// The preset, with its neighbours, and what keeps it.
fn show_preset(view: &View, rect: Rect, work: &Work) -> Option<Asked> {
    let look = view.look;
    let (size, y) = (look.px(30.0), rect.center().y - look.px(15.0));
    let left = rect.left() + look.px(PRESET);
    let place = |x: f32, width: f32| Rect::from_min_size(pos2(left + look.px(x), y), vec2(look.px(width), size));
    let mut asked = None;
    for (x, direction, own, what, sentence) in [
        (0.0, -1.0, 0, Asked::PreviousPreset, "Plays the preset before, of those that the browser lists."),
        (222.0, 1.0, 1, Asked::NextPreset, "Plays the next preset, of those that the browser lists."),
    ] {
        let sign = |painter: &egui::Painter, at: egui::Pos2, ink| icons::chevron(painter, look, at, direction, ink);
        if control::sign_button(view.ui, look, place(x, 28.0), id("header-preset", own), true, sentence, sign) {
            asked = Some(what);
        }
    }
    let name = place(32.0, 186.0);
    let words = if work.preset.is_empty() { "Presets" } else { &work.preset };
    let sign = |painter: &egui::Painter, at: egui::Pos2, ink| {
        let ink = if work.shows_presets { BRIGHT } else { ink };
        let words = if work.changed && !work.preset.is_empty() { format!("{words}  ·") } else { words.to_owned() };
        look.text(painter, (at, Align2::CENTER_CENTER), &words, NAME, ink, name.width() - look.px(16.0));
    };
    if control::sign_button(view.ui, look, name, id("header-preset", 2), true, "Opens and closes the presets.", sign) {
        asked = Some(Asked::Presets);
    }
    let liked = work.liked == Some(true);
    let heart = |painter: &egui::Painter, at: egui::Pos2, ink| {
        icons::heart(painter, look, at, liked, if liked { AMBER } else { ink });
    };
    let sentence = "Marks the preset as a favourite, or no longer.";
    if control::sign_button(
        view.ui,
        look,
        place(254.0, 28.0),
        id("header-preset", 3),
        work.liked.is_some(),
        sentence,
        heart,
    ) {
        asked = Some(Asked::Like);
    }
    let sentence = "Save: keeps what you hear as a preset of your own, under a name that is proposed.";
    let save = |painter: &egui::Painter, at: egui::Pos2, ink| icons::save(painter, look, at, ink);
    if control::sign_button(view.ui, look, place(286.0, 28.0), id("header-preset", 4), true, sentence, save) {
        asked = Some(Asked::Save);
    }
    asked
}

/// Undo and redo, and the two sides.
fn show_work(view: &View, rect: Rect, work: &Work) -> Option<Asked> {
    let look = view.look;
    let size = vec2(look.px(28.0), look.px(30.0));
    let place = |x: f32| Rect::from_min_size(pos2(rect.left() + look.px(x), rect.center().y - size.y / 2.0), size);
    let mut asked = None;
    for (x, direction, can, what, sentence) in [
        (WORK, -1.0, work.can_undo, Asked::Undo, "Undo: takes back the last change, one gesture at a time."),
        (WORK + 32.0, 1.0, work.can_redo, Asked::Redo, "Redo: does again what was undone."),
    ] {
        let own = id("history", usize::from(direction > 0.0));
        let sign = |painter: &egui::Painter, at, ink| icons::turn(painter, look, at, direction, ink);
        if control::sign_button(view.ui, look, place(x), own, can, sentence, sign) {
            asked = Some(what);
        }
    }
    let sentences = ["Side A: one of two sounds to compare.", "Side B: the other sound; at first a copy of A."];
    for (side, (name, sentence)) in ["A", "B"].into_iter().zip(sentences).enumerate() {
        let sign = |painter: &egui::Painter, at, ink| {
            let ink = if side == work.side { AMBER } else { ink };
            look.text(painter, (at, Align2::CENTER_CENTER), name, NAME, ink, f32::INFINITY);
        };
        if control::sign_button(
            view.ui,
            look,
            place(WORK + 72.0 + 32.0 * side as f32),
            id("side", side),
            true,
            sentence,
            sign,
        ) {
            asked = Some(Asked::Side(side));
        }
    }
    let copy = place(WORK + 136.0);
    let sentence = "Makes the other side a copy of this one.";
    let sign = |painter: &egui::Painter, at: egui::Pos2, ink| {
        icons::chevron(painter, look, at, if work.side == 0 { 1.0 } else { -1.0 }, ink);
    };
    if control::sign_button(view.ui, look, copy, id("side", 2), true, sentence, sign) {
        asked = Some(Asked::CopySide);
    }
    asked
}

/// The model's name and author, in the middle of the chip.
fn write_name(view: &View, rect: Rect, ink: egui::Color32) {
    let (look, painter) = (view.look, view.ui.painter());
    let model = &view.snapshot.model;
    let (name, ink) = match (view.snapshot.generator, model.name.as_str()) {
        (Generator::Loading, _) => ("Loading…", mix(FAINT, ink, view.pulse)),
        (Generator::Unavailable, "") => ("No model", ink),
        (_, "") => ("Choose a model", ink),
        (_, name) => (name, ink),
    };
    let room = rect.width() - look.px(20.0);
    let by = if model.author.is_empty() || name != model.name { String::new() } else { format!("by {}", model.author) };
    let name = look.set(painter, name, NAME, ink, if by.is_empty() { room } else { room * 0.66 }, 1);
    let left = room - name.size().x - look.px(8.0);
    let by = look.set(painter, &by, LABEL, FAINT, left, 1);
    let gap = if by.size().x > 0.0 { look.px(8.0) } else { 0.0 };
    let start = rect.center().x - (name.size().x + gap + by.size().x) / 2.0;
    let y = rect.center().y;
    let by_at = pos2(start + name.size().x + gap, y - by.size().y / 2.0 + look.px(0.5));
    painter.galley(pos2(start, y - name.size().y / 2.0), name, ink);
    painter.galley(by_at, by, FAINT);
}
