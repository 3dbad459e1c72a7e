//! What went wrong, as a sentence, until it is put right or dismissed.

use egui::{Align2, Rect, Stroke, StrokeKind, pos2, vec2};

use super::View;
use super::control::{self, id};
use super::icons;
use super::look::{ALARM, AMBER, BRIGHT, GROUND, LABEL, Look, TEXT, VALUE, mix};
use crate::link::Generator;

/// Rows of text at most. What is longer ends in an ellipsis, and is shown whole while the pointer is on it.
const ROWS: usize = 2;
const ROWS_HOVERED: usize = 12;

/// Room for the buttons, in design points.
const BUTTONS: f32 = 190.0;
const PADDING: f32 = 10.0;

/// What was asked for in the banner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    Dismiss,
    /// To find the session's model again, or to choose one.
    Browser,
}

/// The height that the sentence needs; 0 without one.
pub fn height(ui: &egui::Ui, look: Look, window_width: f32, sentence: Option<&str>) -> f32 {
    let Some(sentence) = sentence else { return 0.0 };
    let galley = look.set(ui.painter(), sentence, LABEL, TEXT, text_width(look, window_width - look.px(48.0)), ROWS);
    galley.size().y.max(look.px(26.0)) + 2.0 * look.px(PADDING)
}

fn text_width(look: Look, width: f32) -> f32 {
    width - look.px(BUTTONS + 4.0 * PADDING)
}

pub fn show(view: &View, rect: Rect, sentence: &str) -> Option<Asked> {
    let (look, painter) = (view.look, view.ui.painter());
    let hovered = view.ui.interact(rect, id("banner", 0), egui::Sense::hover()).hovered();
    painter.rect_filled(rect, look.px(8.0), mix(GROUND, ALARM, 0.13));
    painter.rect_stroke(rect, look.px(8.0), Stroke::new(look.px(1.0), mix(GROUND, ALARM, 0.45)), StrokeKind::Inside);
    let width = text_width(look, rect.width());
    let text_at = |height: f32| pos2(rect.left() + look.px(2.0 * PADDING), rect.center().y - height / 2.0);
    let galley = look.set(painter, sentence, LABEL, TEXT, width, ROWS);
    let cut = galley.elided;
    if cut && hovered {
        // Over what is below, only for as long as it is read.
        let whole = look.set(painter, sentence, LABEL, BRIGHT, width, ROWS_HOVERED);
        let at = text_at(galley.size().y);
        let over = painter.clone().with_layer_id(egui::LayerId::new(egui::Order::Tooltip, id("banner", 1)));
        let card = Rect::from_min_size(at, whole.size()).expand(look.px(PADDING));
        over.rect_filled(card, look.px(8.0), mix(GROUND, ALARM, 0.2));
        over.galley(at, whole, BRIGHT);
    } else {
        painter.galley(text_at(galley.size().y), galley, TEXT);
    }

    let button = vec2(look.px(28.0), look.px(26.0));
    let close = Rect::from_center_size(pos2(rect.right() - look.px(PADDING) - button.x / 2.0, rect.center().y), button);
    let cross = |painter: &egui::Painter, at, ink| icons::cross(painter, look, at, ink);
    if control::sign_button(view.ui, look, close, id("banner", 2), true, "Takes this sentence away.", cross) {
        return Some(Asked::Dismiss);
    }
    let snapshot = view.snapshot;
    let nothing_plays = snapshot.generator == Generator::Unavailable;
    if snapshot.missing_model || nothing_plays {
        let size = vec2(look.px(130.0), button.y);
        let relink = Rect::from_min_size(pos2(close.left() - look.px(8.0) - size.x, close.top()), size);
        let words = if snapshot.missing_model { "Relink model" } else { "Choose a model" };
        let (clicked, on_it) = control::button(view.ui, look, relink, id("banner", 3));
        painter.rect_filled(relink, look.px(6.0), if on_it { BRIGHT } else { AMBER });
        look.text(painter, (relink.center(), Align2::CENTER_CENTER), words, VALUE, GROUND, size.x);
        if clicked {
            return Some(Asked::Browser);
        }
    }
    None
}
