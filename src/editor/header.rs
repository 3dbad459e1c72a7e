//! The head of the window: the instrument's name, the model with its neighbours, the level.

use egui::{Align2, Rect, pos2, vec2};

use super::View;
use super::control::{self, id};
use super::icons;
use super::look::{AMBER, BRIGHT, FAINT, LABEL, NAME, TEXT, WORDMARK, mix};
use super::meter::Meter;
use crate::link::Generator;

/// What was asked for in the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    Browser,
    PreviousModel,
    NextModel,
}

pub fn show(view: &View, rect: Rect, meter: &Meter, browsing: bool) -> Option<Asked> {
    let (look, painter) = (view.look, view.ui.painter());
    let mark = pos2(rect.left() + look.px(12.0), rect.center().y);
    icons::rings(painter, look, mark, look.px(11.0), mix(AMBER, BRIGHT, 0.3 * view.glow));
    let word = pos2(rect.left() + look.px(34.0), rect.center().y);
    look.text(painter, (word, Align2::LEFT_CENTER), "timbrel", WORDMARK, BRIGHT, f32::INFINITY);

    let meter_rect = Rect::from_min_max(pos2(rect.right() - look.px(240.0), rect.top()), rect.max);
    meter.show(view, meter_rect);

    let height = look.px(34.0);
    let width = look.px(400.0).min(meter_rect.left() - rect.left() - look.px(220.0));
    let middle = (word.x + look.px(110.0) + meter_rect.left()) / 2.0;
    let chip = Rect::from_center_size(pos2(middle, rect.center().y), vec2(width, height));
    let arrow = vec2(height, height);
    let previous = Rect::from_min_size(chip.min, arrow);
    let next = Rect::from_min_size(pos2(chip.right() - height, chip.top()), arrow);
    let gap = look.px(4.0);
    let name = Rect::from_min_max(pos2(previous.right() + gap, chip.top()), pos2(next.left() - gap, chip.bottom()));

    let mut asked = None;
    for (place, direction, i, what) in [(previous, -1.0, 0, Asked::PreviousModel), (next, 1.0, 1, Asked::NextModel)] {
        let (clicked, hovered) = control::button(view.ui, look, place, id("model", i));
        icons::chevron(painter, look, place.center(), direction, if hovered { BRIGHT } else { FAINT });
        if clicked {
            asked = Some(what);
        }
    }
    let (clicked, hovered) = control::button(view.ui, look, name, id("model", 2));
    if clicked {
        asked = Some(Asked::Browser);
    }
    write_name(view, name, if hovered || browsing { BRIGHT } else { TEXT });
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
