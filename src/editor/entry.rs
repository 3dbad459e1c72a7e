//! A value that is typed: over the control, for as long as it takes.

use egui::{Align2, Area, Id, Order, Rect, pos2, vec2};
use nice_plug::context::gui::GuiContextInner;
use nice_plug::prelude::ParamPtr;

use super::control::id;
use super::look::{AMBER, FAINT, GROUND, LABEL, Look, RAISED, SMALL, TEXT, mix};

/// The value that is being typed. Kept in egui's own memory, where the controls find it.
#[derive(Clone)]
struct Entry {
    param: ParamPtr,
    at: Rect,
    text: String,
    /// Whether it is drawn for the first time.
    is_new: bool,
    /// Whether what was typed is no value.
    is_wrong: bool,
}

fn own() -> Id {
    id("entry-value", 0)
}

/// Begins to type a parameter's value, over the control at `at`.
///
/// # Safety
///
/// The parameter must live as long as the editor.
pub unsafe fn open(ui: &egui::Ui, param: ParamPtr, at: Rect) {
    // SAFETY: by the caller.
    let text = unsafe { param.normalized_value_to_string(param.unmodulated_normalized_value(), true) };
    let entry = Entry { param, at, text, is_new: true, is_wrong: false };
    ui.data_mut(|data| data.insert_temp(own(), entry));
}

/// Draws the field, if there is one. Enter sets the value, and anything else that ends it leaves it as it was.
pub fn show(ui: &egui::Ui, look: Look, host: &dyn GuiContextInner) {
    let Some(mut entry) = ui.data(|data| data.get_temp::<Entry>(own())) else { return };
    let window = ui.ctx().viewport_rect();
    let size = vec2(look.px(124.0), look.px(28.0));
    let rect = Rect::from_center_size(entry.at.center(), size);
    let shift = |low: f32, high: f32, from: f32, to: f32| (from - low).max(0.0) - (high - to).max(0.0);
    let rect = rect.translate(vec2(
        shift(rect.left(), rect.right(), window.left() + 2.0, window.right() - 2.0),
        shift(rect.top(), rect.bottom(), window.top() + 2.0, window.bottom() - 2.0),
    ));
    let field = Area::new(own()).order(Order::Foreground).fixed_pos(rect.min).show(ui.ctx(), |ui| {
        let painter = ui.painter();
        let edge = if entry.is_wrong { super::look::ALARM } else { AMBER };
        painter.rect_filled(rect, look.px(6.0), mix(GROUND, RAISED, 0.9));
        painter.rect_stroke(rect, look.px(6.0), egui::Stroke::new(look.px(1.2), edge), egui::StrokeKind::Inside);
        if entry.is_wrong {
            let at = pos2(rect.right() - look.px(8.0), rect.center().y);
            look.text(painter, (at, Align2::RIGHT_CENTER), "no value", SMALL, FAINT, size.x);
        }
        let edit = egui::TextEdit::singleline(&mut entry.text)
            .id(id("entry-value", 1))
            .frame(egui::Frame::NONE)
            .margin(egui::Margin::ZERO)
            .font(look.font(LABEL))
            .text_color(TEXT)
            .char_limit(40);
        ui.put(rect.shrink2(vec2(look.px(10.0), look.px(5.0))), edit)
    });
    let response = field.inner;
    if std::mem::take(&mut entry.is_new) {
        response.request_focus();
        if let Some(mut state) = egui::TextEdit::load_state(ui.ctx(), response.id) {
            let all = egui::text::CCursorRange::two(
                egui::text::CCursor::new(0),
                egui::text::CCursor::new(entry.text.chars().count()),
            );
            state.cursor.set_char_range(Some(all));
            state.store(ui.ctx(), response.id);
        }
        ui.data_mut(|data| data.insert_temp(own(), entry));
        return;
    }
    if response.lost_focus() {
        let entered = ui.input(|input| input.key_pressed(egui::Key::Enter));
        // SAFETY: see `open`.
        let value = unsafe { entry.param.string_to_normalized_value(entry.text.trim()) };
        match value.filter(|value| value.is_finite()) {
            Some(value) if entered => {
                // SAFETY: as above.
                unsafe {
                    host.raw_begin_set_parameter(entry.param);
                    host.raw_set_parameter_normalized(entry.param, value.clamp(0.0, 1.0));
                    host.raw_end_set_parameter(entry.param);
                }
            }
            None if entered => {
                // It is said, and can be put right.
                entry.is_wrong = true;
                response.request_focus();
                ui.data_mut(|data| data.insert_temp(own(), entry));
                return;
            }
            _ => {}
        }
        ui.data_mut(|data| data.remove::<Entry>(own()));
        return;
    }
    if response.changed() {
        entry.is_wrong = false;
    }
    ui.data_mut(|data| data.insert_temp(own(), entry));
}
