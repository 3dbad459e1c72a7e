//! The devices: which of them renders, what is to be installed for the others, and what renders a bounce.

use egui::{Align2, Color32, Rect, Sense, Stroke, StrokeKind, pos2, vec2};

use super::View;
use super::control::{self, id};
use super::icons;
use super::look::{
    ALARM, AMBER, BRIGHT, FAINT, GROUND, HEADING, HOVERED, LABEL, LINE, RAISED, SMALL, TEXT, VALUE, mix,
};
use crate::worker::device::setting::{BOUNCE_VARIABLE, DEVICE_VARIABLE};
use crate::worker::device::{Choice, Entry, Report, Standing};

/// Width of the left part, in design points.
const LEFT: f32 = 300.0;
/// Height of a row, with room for a sentence of two lines.
const ROW: f32 = 64.0;

/// What was asked for in the panel.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Asked {
    Choose(Choice),
    BounceOnCpu(bool),
    Close,
}

pub fn show(view: &View, rect: Rect, report: &Report) -> Option<Asked> {
    let (left, right) = rect.split_left_right_at_x(rect.left() + view.look.px(LEFT));
    let right = right.with_min_x(right.left() + view.look.px(32.0));
    let left = show_left(view, left, report);
    let right = show_right(view, right, report);
    left.or(right)
}

/// What renders now, and the bounce.
fn show_left(view: &View, rect: Rect, report: &Report) -> Option<Asked> {
    let (look, painter) = (view.look, view.ui.painter());
    let mut y = look.title(painter, rect.left_top(), "Rendering").bottom() + look.px(8.0);
    let (name, more) = view.snapshot.device.split_once(", ").unwrap_or((&view.snapshot.device, ""));
    let name = if name.is_empty() { "Not yet" } else { name };
    let at = |y: f32| (pos2(rect.left(), y), Align2::LEFT_TOP);
    y = look.text(painter, at(y), name, HEADING, BRIGHT, rect.width()).bottom() + look.px(6.0);
    let mut facts = Vec::new();
    facts.extend(Some(more.to_owned()).filter(|more| !more.is_empty()));
    let inference_us = view.snapshot.inference_us;
    facts.extend((inference_us > 0).then(|| format!("{:.1} ms a note", inference_us as f32 / 1000.0)));
    y = look.text(painter, at(y), &facts.join("  ·  "), LABEL, TEXT, rect.width()).bottom() + look.px(6.0);
    look.text(painter, at(y), &format!("Timbrel {}", crate::VERSION), SMALL, FAINT, rect.width());

    // From the bottom upwards, so that the words never meet those above.
    let on = report.setting.bounce_on_cpu;
    let words = if report.bounce_is_fixed {
        format!("{BOUNCE_VARIABLE} has decided this; unset it to decide here.")
    } else if on {
        "The same every time, on the CPU: devices agree with it closely, but not bit by bit.".to_owned()
    } else {
        "By what renders now. Another device or driver may give it other bits.".to_owned()
    };
    let galley = look.set(painter, &words, LABEL, FAINT, rect.width(), 3);
    let words_at = pos2(rect.left(), rect.bottom() - galley.size().y);
    painter.galley(words_at, galley, FAINT);
    let line = Rect::from_min_max(
        pos2(rect.left(), words_at.y - look.px(34.0)),
        pos2(rect.right(), words_at.y - look.px(6.0)),
    );
    look.title(painter, pos2(rect.left(), line.top() - look.px(20.0)), "Bounce");
    let response = view.ui.interact(line, id("bounce", 0), Sense::click());
    control::tip(
        &response,
        look,
        "Whether a bounce is rendered by the processor, so that it is the same bits every time.",
    );
    let hot = response.hovered() && !report.bounce_is_fixed;
    switch(view, pos2(line.left(), line.center().y), on, hot);
    let text = (pos2(line.left() + look.px(44.0), line.center().y), Align2::LEFT_CENTER);
    look.text(painter, text, "Bounce on the CPU", VALUE, if hot { BRIGHT } else { TEXT }, line.width());
    (response.clicked() && !report.bounce_is_fixed).then_some(Asked::BounceOnCpu(!on))
}

/// A switch whose left end is at a point.
fn switch(view: &View, at: egui::Pos2, on: bool, hot: bool) {
    let (look, painter) = (view.look, view.ui.painter());
    let track = Rect::from_min_size(at - vec2(0.0, look.px(8.0)), vec2(look.px(32.0), look.px(16.0)));
    let fill = if on { mix(GROUND, AMBER, 0.85) } else { LINE };
    painter.rect_filled(track, look.px(8.0), if hot { mix(fill, BRIGHT, 0.15) } else { fill });
    let x = if on { track.right() - look.px(8.0) } else { track.left() + look.px(8.0) };
    painter.circle_filled(pos2(x, track.center().y), look.px(5.5), if on { GROUND } else { FAINT });
}

/// The choice.
fn show_right(view: &View, rect: Rect, report: &Report) -> Option<Asked> {
    let (look, painter) = (view.look, view.ui.painter());
    let button = vec2(look.px(30.0), look.px(26.0));
    let close = Rect::from_min_size(pos2(rect.right() - button.x, rect.top()), button);
    let cross = |painter: &egui::Painter, at, ink| icons::cross(painter, look, at, ink);
    let closed = control::sign_button(view.ui, look, close, id("devices", 0), true, "Closes the devices.", cross);
    let at = (pos2(rect.left(), close.center().y), Align2::LEFT_CENTER);
    let words = if report.device_is_fixed {
        format!("{DEVICE_VARIABLE} has chosen; unset it to choose here.")
    } else {
        "For all instances and projects on this machine".to_owned()
    };
    look.text(painter, at, &words, LABEL, FAINT, close.left() - rect.left() - look.px(12.0));
    let top = close.bottom() + look.px(10.0);
    painter.line_segment([pos2(rect.left(), top), pos2(rect.right(), top)], Stroke::new(look.px(1.0), LINE));

    let rows = rows(report);
    // A small window with a sentence above takes room from the rows, never a row.
    let height = look.px(ROW).min((rect.bottom() - top - look.px(6.0)) / rows.len() as f32);
    let mut asked = closed.then_some(Asked::Close);
    for (i, row) in rows.iter().enumerate() {
        let place = pos2(rect.left(), top + look.px(6.0) + i as f32 * height);
        let place = Rect::from_min_size(place, vec2(rect.width(), height));
        if show_row(view, place, i, row, !report.device_is_fixed) {
            asked = Some(Asked::Choose(row.choice));
        }
    }
    asked
}

/// A device as a row shows it.
struct Row<'a> {
    choice: Choice,
    chosen: bool,
    name: &'a str,
    /// How far it has come, in a word or two.
    standing: (&'a str, Color32),
    sentence: &'a str,
}

fn rows(report: &Report) -> Vec<Row<'_>> {
    let chosen = report.setting.device;
    let nothing = ("", FAINT);
    let plain = |choice, name, sentence| Row { choice, chosen: choice == chosen, name, standing: nothing, sentence };
    let mut rows = vec![
        plain(
            Choice::Automatic,
            "Automatic",
            "Whatever renders the most notes a second, as measured on this machine with the model that plays.",
        ),
        plain(Choice::Cpu, "CPU", "Needs nothing, and renders the same bits every time."),
    ];
    rows.extend(report.entries.iter().map(|entry| {
        let index = match chosen {
            Choice::Device(provider, index) if provider == entry.provider => Some(index),
            _ => None,
        };
        Row {
            choice: Choice::Device(entry.provider, index.unwrap_or(0)),
            chosen: index.is_some(),
            name: entry.provider.name(),
            standing: standing(entry),
            sentence: &entry.sentence,
        }
    }));
    rows
}

fn standing(entry: &Entry) -> (&'static str, Color32) {
    match entry.standing {
        Standing::Unknown => ("", FAINT),
        Standing::Missing => ("Not installed", FAINT),
        Standing::Installed => ("Installed", TEXT),
        Standing::Probing => ("On trial", TEXT),
        Standing::Slower => ("Works, not the fastest", TEXT),
        Standing::Failed => ("Does not work", ALARM),
        Standing::Renders => ("Renders", AMBER),
    }
}

/// A row; true where it was chosen. Choosing what is chosen tries it once more.
fn show_row(view: &View, rect: Rect, index: usize, row: &Row, free: bool) -> bool {
    let (look, painter) = (view.look, view.ui.painter());
    let response = view.ui.interact(rect, id("device", index), Sense::click());
    let card = rect.shrink2(vec2(0.0, look.px(2.0)));
    let hot = response.hovered() && free;
    if hot {
        painter.rect_filled(card, look.px(6.0), HOVERED);
    } else if row.chosen {
        painter.rect_filled(card, look.px(6.0), mix(GROUND, AMBER, 0.12));
    }
    let ink = match (row.chosen, hot) {
        (true, _) => AMBER,
        (false, true) => BRIGHT,
        (false, false) => TEXT,
    };
    let head = card.top() + look.px(14.0);
    let mark = pos2(card.left() + look.px(17.0), head);
    painter.circle_stroke(mark, look.px(6.0), Stroke::new(look.px(1.4), if row.chosen { AMBER } else { FAINT }));
    if row.chosen {
        painter.circle_filled(mark, look.px(3.0), AMBER);
    }
    let x = card.left() + look.px(36.0);
    let room = card.right() - look.px(12.0) - x;
    let name = look.text(painter, (pos2(x, head), Align2::LEFT_CENTER), row.name, VALUE, ink, room * 0.5);
    let (word, ink) = row.standing;
    if !word.is_empty() {
        let galley = look.set(painter, word, SMALL, ink, room * 0.5, 1);
        let size = galley.size() + vec2(look.px(12.0), look.px(4.0));
        let tag = Rect::from_min_size(pos2(name.right() + look.px(10.0), head - size.y / 2.0), size);
        painter.rect_filled(tag, look.px(8.0), if hot { LINE } else { RAISED });
        if ink == ALARM || ink == AMBER {
            let stroke = Stroke::new(look.px(1.0), mix(GROUND, ink, 0.45));
            painter.rect_stroke(tag, look.px(8.0), stroke, StrokeKind::Inside);
        }
        painter.galley(tag.center() - galley.size() / 2.0, galley, ink);
    }
    // As many lines as there is room for, and one at least.
    let lines = ((card.bottom() - head - look.px(10.0)) / look.px(16.0)).floor().clamp(1.0, 2.0);
    let galley = look.set(painter, row.sentence, LABEL, FAINT, room, lines as usize);
    let cut = galley.elided;
    painter.galley(pos2(x, head + look.px(8.0)), galley, FAINT);
    if cut && response.hovered() {
        show_whole(view, card, x, row.sentence);
    }
    response.clicked() && free
}

/// A sentence that has no room in its row, whole, over what is below for as long as it is read.
fn show_whole(view: &View, card: Rect, x: f32, sentence: &str) {
    let look = view.look;
    let over = view.ui.painter().clone().with_layer_id(egui::LayerId::new(egui::Order::Tooltip, id("devices", 1)));
    let whole = look.set(&over, sentence, LABEL, BRIGHT, card.right() - look.px(12.0) - x, 12);
    let at = pos2(x, card.top() + look.px(25.0));
    let paper = Rect::from_min_size(at, whole.size()).expand(look.px(8.0));
    over.rect_filled(paper, look.px(6.0), HOVERED);
    over.galley(at, whole, BRIGHT);
}
