//! The tools at the foot of the stage: chance and its measure, breeding, a recording to match, and the way out and in as text.

use egui::{Align2, Rect, Sense, Stroke, vec2};

use super::View;
use super::control::{self, id};
use super::hand::{self, Hand};
use super::icons;
use super::look::{AMBER, BRIGHT, FAINT, LABEL, LINE, TEXT, VALUE, mix};

/// Least and largest amount of a mutation.
const AMOUNTS: std::ops::RangeInclusive<f32> = 0.02..=1.0;

pub fn show(view: &View, rect: Rect, hand: &mut Hand) {
    let (look, ui) = (view.look, view.ui);
    let gap = look.px(6.0);
    let mut left = rect.left();
    let mut place = |width: f32| {
        let place = Rect::from_min_size(egui::pos2(left, rect.top()), vec2(look.px(width), rect.height()));
        left = place.right() + gap;
        place
    };
    let has_model = view.atlas().is_some();

    let sentence = "Random: a new timbre by chance; locked directions stay as they are.";
    let die = |painter: &egui::Painter, at, ink| icons::die(painter, look, at, ink);
    if control::sign_button(ui, look, place(34.0), id("tool", 0), true, sentence, die) {
        hand.throw(view);
    }
    let sentence = "Mutate: a timbre some way off, in a direction of chance; how far, the slider beside it says.";
    if control::word_button(ui, look, place(62.0), id("tool", 1), has_model, "Mutate", sentence) {
        hand.mutate(view);
    }
    show_amount(view, place(118.0), hand);
    let sentence = "Breed: a child of the sides A and B, in the place of the side that is heard.";
    if control::word_button(ui, look, place(58.0), id("tool", 2), has_model && hand.has_other(), "Breed", sentence) {
        hand.breed(view);
    }
    let width = look.px(58.0);
    let right = |i: f32| {
        Rect::from_min_size(
            egui::pos2(rect.right() - (i + 1.0) * width - i * gap, rect.top()),
            vec2(width, rect.height()),
        )
    };
    let sentence = "Match: choose a recording of one note, and the timbre that sounds most like it is looked for.";
    if control::word_button(ui, look, right(2.0), id("tool", 5), has_model, "Match", sentence) {
        view.browse();
    }
    let sentence = "Copies the timbre as one line of text.";
    if control::word_button(ui, look, right(1.0), id("tool", 3), true, "Copy", sentence) {
        ui.ctx().copy_text(hand::copied(view));
    }
    let sentence = "Plays a timbre that was copied as text, or opens a file that was copied: a recording is matched.";
    if control::word_button(ui, look, right(0.0), id("tool", 4), true, "Paste", sentence) {
        view.paste(&clipboard());
    }
}

/// What lies in the clipboard; nothing where there is none. The window layer reads it for a key only, which some hosts keep to
/// themselves.
pub fn clipboard() -> String {
    use copypasta::ClipboardProvider;
    let context = copypasta::ClipboardContext::new();
    context.ok().and_then(|mut context| context.get_contents().ok()).unwrap_or_default()
}

fn show_amount(view: &View, rect: Rect, hand: &mut Hand) {
    let (look, painter) = (view.look, view.ui.painter());
    let response = view.ui.interact(rect, id("amount", 0), Sense::click_and_drag());
    control::tip(&response, look, "How far a mutation goes: at 100 % it is as far away as another draw.");
    let bar = Rect::from_min_max(rect.min + vec2(look.px(6.0), 0.0), rect.max - vec2(look.px(44.0), 0.0));
    let (least, most) = (*AMOUNTS.start(), *AMOUNTS.end());
    if response.dragged() || response.is_pointer_button_down_on() {
        let fine = view.ui.input(|input| input.modifiers.shift);
        if fine {
            hand.amount += 0.1 * response.drag_delta().x / bar.width();
        } else if let Some(at) = response.interact_pointer_pos() {
            hand.amount = (at.x - bar.left()) / bar.width();
        }
    }
    hand.amount = hand.amount.clamp(least, most);
    if response.double_clicked() {
        hand.amount = Hand::new().amount;
    }
    let hot = response.hovered() || response.dragged();
    let y = rect.center().y;
    let thumb = egui::pos2(bar.left() + bar.width() * hand.amount, y);
    painter.line_segment([bar.left_center(), bar.right_center()], Stroke::new(look.px(2.0), LINE));
    let bright = if hot { mix(AMBER, BRIGHT, 0.35) } else { AMBER };
    painter.line_segment([bar.left_center(), thumb], Stroke::new(look.px(2.5), bright));
    painter.circle_filled(thumb, look.px(4.0), bright);
    let text = format!("{:.0} %", 100.0 * hand.amount);
    let (ink, style) = if hot { (BRIGHT, VALUE) } else { (mix(FAINT, TEXT, 0.5), LABEL) };
    look.text(painter, (rect.right_center(), Align2::RIGHT_CENTER), &text, style, ink, look.px(36.0));
}
