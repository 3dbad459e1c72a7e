//! What a hand does to a parameter, and the plain controls that are made of it.
//!
//! Every change is a gesture with a beginning and an end, so that a host records automation and undo in one piece: a drag
//! (fine with Shift), a step of the wheel, a reset by double or right click.

use std::sync::Arc;

use egui::{
    Align2, Event, Id, Key, MouseWheelUnit, PointerButton, Pos2, Rect, Response, Sense, Shape, Stroke, Ui, Vec2, vec2,
};
use nice_plug::prelude::{BoolParam, Param, ParamSetter};

use super::look::{AMBER, BRIGHT, FAINT, GROUND, HOVERED, LABEL, LINE, Look, RAISED, SMALL, TEXT, VALUE, mix};
use super::tips::Tips;

/// How much slower a drag is with Shift held.
const FINE: f32 = 0.1;

/// Points of a trackpad's scrolling that count as one step of a wheel.
const POINTS_PER_STEP: f32 = 40.0;

/// How far a vertical drag goes through the whole range of a knob, in design points.
pub const KNOB_TRAVEL: f32 = 170.0;

/// The name of a control in egui, the same in every frame and for every instance (each window is a world of its own).
pub fn id(name: &str, index: usize) -> Id {
    Id::unique(("timbrel", name, index))
}

/// Changes a parameter in one gesture.
pub fn set<P: Param>(param: &P, setter: &ParamSetter, value: P::Plain) {
    setter.begin_set_parameter(param);
    setter.set_parameter(param, value);
    setter.end_set_parameter(param);
}

/// Lets a control be dragged. `full` is the vector along which the pointer goes through the whole range. Several
/// parameters can be dragged by one control.
pub fn drag<P: Param>(ui: &Ui, response: &Response, param: &P, setter: &ParamSetter, full: Vec2) {
    // The value that the hand has reached lies between the steps of the parameter, and beside what the host has made of it
    // so far: it is kept here while the drag lasts.
    let reached = response.id.with(param.name());
    let primary = PointerButton::Primary;
    if response.drag_started_by(primary) {
        setter.begin_set_parameter(param);
        // egui decides only after a few points that a press is a drag; those points count.
        let missed = ui.input(|input| match (input.pointer.press_origin(), input.pointer.interact_pos()) {
            (Some(origin), Some(now)) => now - origin - input.pointer.delta(),
            _ => Vec2::ZERO,
        });
        let start = param.unmodulated_normalized_value() + missed.dot(full) / full.length_sq();
        ui.data_mut(|data| data.insert_temp(reached, start));
    }
    if response.dragged_by(primary)
        && let Some(before) = ui.data(|data| data.get_temp::<f32>(reached))
    {
        let fine = if ui.input(|input| input.modifiers.shift) { FINE } else { 1.0 };
        let after = (before + fine * response.drag_delta().dot(full) / full.length_sq()).clamp(0.0, 1.0);
        ui.data_mut(|data| data.insert_temp(reached, after));
        let value = param.preview_plain(after);
        if value != param.unmodulated_plain_value() {
            setter.set_parameter(param, value);
        }
    }
    if response.drag_stopped_by(primary) && ui.data_mut(|data| data.remove_temp::<f32>(reached)).is_some() {
        setter.end_set_parameter(param);
    }
}

/// Lets a control be turned by the wheel, and reset by a double or a right click.
pub fn step_and_reset<P: Param>(ui: &Ui, response: &Response, param: &P, setter: &ParamSetter) {
    if response.double_clicked() || response.secondary_clicked() {
        set(param, setter, param.default_plain_value());
    }
    let steps = wheel(ui, response);
    if steps != 0 {
        let fine = ui.input(|input| input.modifiers.shift);
        let mut value = param.unmodulated_plain_value();
        for _ in 0..steps.unsigned_abs() {
            value = if steps > 0 { param.next_step(value, fine) } else { param.previous_step(value, fine) };
        }
        if value != param.unmodulated_plain_value() {
            set(param, setter, value);
            // Turns that follow each other are one step of the history.
            ui.data_mut(|data| data.insert_temp(turned_id(), true));
        }
    }
}

fn turned_id() -> Id {
    id("turned", 0)
}

/// Whether a wheel has changed a parameter in this frame.
pub fn take_turned(ui: &Ui) -> bool {
    ui.data_mut(|data| data.remove_temp::<bool>(turned_id())).is_some()
}

/// Whole steps of the wheel over a control in this frame.
pub fn wheel(ui: &Ui, response: &Response) -> i32 {
    if !response.hovered() {
        return 0;
    }
    // egui turns the wheel sideways with Shift and smooths it over many frames; the events themselves do neither.
    let turned: f32 = ui.input(|input| {
        let wheels = input.events.iter().filter_map(|event| match event {
            Event::MouseWheel { unit: MouseWheelUnit::Point, delta, .. } => Some((delta.x + delta.y) / POINTS_PER_STEP),
            Event::MouseWheel { delta, .. } => Some(delta.x + delta.y),
            _ => None,
        });
        wheels.sum()
    });
    if turned == 0.0 {
        return 0;
    }
    // What is less than a step waits for the next event.
    let rest = response.id.with("wheel");
    let sum = ui.data(|data| data.get_temp::<f32>(rest)).unwrap_or(0.0) + turned;
    ui.data_mut(|data| data.insert_temp(rest, sum.fract()));
    (sum.trunc() as i32).clamp(-32, 32)
}

/// All that a plain control does.
pub fn all<P: Param>(ui: &Ui, response: &Response, param: &P, setter: &ParamSetter, full: Vec2) {
    drag(ui, response, param, setter, full);
    step_and_reset(ui, response, param, setter);
    heed_keys(ui, response, param, setter);
    say(ui, response, param);
}

/// Lets a control that has the keyboard's focus be stepped by the arrows, reset by the key Home, and typed at by Enter; a click
/// with Ctrl (Command) types, too.
fn heed_keys<P: Param>(ui: &Ui, response: &Response, param: &P, setter: &ParamSetter) {
    let types = response.clicked() && types(ui);
    let mut enters = false;
    if response.has_focus() {
        let filter = egui::EventFilter { horizontal_arrows: true, vertical_arrows: true, ..Default::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        let (steps, fine, home) = ui.input(|input| {
            let pressed = |key| input.num_presses(key) as i32;
            let up = pressed(Key::ArrowUp) + pressed(Key::ArrowRight);
            (
                up - pressed(Key::ArrowDown) - pressed(Key::ArrowLeft),
                input.modifiers.shift,
                input.key_pressed(Key::Home),
            )
        });
        enters = ui.input(|input| input.key_pressed(Key::Enter));
        if home {
            set(param, setter, param.default_plain_value());
        }
        let mut value = param.unmodulated_plain_value();
        for _ in 0..steps.unsigned_abs() {
            value = if steps > 0 { param.next_step(value, fine) } else { param.previous_step(value, fine) };
        }
        if steps != 0 && value != param.unmodulated_plain_value() {
            set(param, setter, value);
            ui.data_mut(|data| data.insert_temp(turned_id(), true));
        }
        focus_ring(ui, response);
    }
    if types || enters {
        // SAFETY: the editor holds the parameters.
        unsafe { super::entry::open(ui, param.as_ptr(), response.rect) };
    }
}

/// Whether a click is one to type at.
fn types(ui: &Ui) -> bool {
    ui.input(|input| input.modifiers.command)
}

/// Says what a control does, to who looks and to who listens.
pub fn say<P: Param>(ui: &Ui, response: &Response, param: &P) {
    let (look, tips) = ui.data(|data| (data.get_temp::<Look>(shown_id()), data.get_temp::<Arc<Tips>>(shown_id())));
    if let (Some(look), Some(tips)) = (look, tips)
        && let Some(sentence) = tips.of(param)
    {
        let how = "Drag, or turn the wheel; Shift is fine, a double click resets, Ctrl and a click types.";
        tip_of_two(response, look, sentence, how);
    }
    response.widget_info(|| {
        egui::WidgetInfo::slider(
            true,
            f64::from(param.unmodulated_normalized_value()),
            format!("{} {param}", param.name()),
        )
    });
}

fn shown_id() -> Id {
    id("tips", 0)
}

/// Lets the controls of a frame find what they say, and how large.
pub fn provide(ui: &Ui, look: Look, tips: &Arc<Tips>) {
    ui.data_mut(|data| {
        data.insert_temp(shown_id(), look);
        data.insert_temp(shown_id(), Arc::clone(tips));
    });
}

fn tip_of_two(response: &Response, look: Look, sentence: &str, how: &str) {
    response.clone().on_hover_ui(|ui| {
        ui.spacing_mut().item_spacing.y = look.px(4.0);
        for (text, style, ink) in [(sentence, LABEL, TEXT), (how, SMALL, FAINT)] {
            let galley = look.set(ui.painter(), text, style, ink, look.px(260.0), 4);
            let (rect, _) = ui.allocate_exact_size(galley.size(), Sense::hover());
            ui.painter().galley(rect.min, galley, ink);
        }
    });
}

/// A knob with its name above and its value below. `origin` is where its arc begins, as a share of the range.
pub fn knob<P: Param>(ui: &Ui, look: Look, rect: Rect, param: &P, setter: &ParamSetter, name: &str, origin: f32) {
    let response = ui.interact(rect, id("knob", 0).with(param.name()), Sense::click_and_drag());
    all(ui, &response, param, setter, vec2(0.0, -look.px(KNOB_TRAVEL)));
    let hot = response.hovered() || response.dragged();
    let painter = ui.painter();

    let radius = look.px(17.0).min(rect.height() / 2.0 - look.px(20.0));
    let centre = rect.center();
    let value = param.unmodulated_normalized_value();
    painter.circle_filled(centre, radius - look.px(5.0), if hot { HOVERED } else { RAISED });
    painter.add(Shape::line(arc(centre, radius, 0.0, 1.0), Stroke::new(look.px(2.5), LINE)));
    let (from, to) = if value < origin { (value, origin) } else { (origin, value) };
    let bright = if hot { mix(AMBER, BRIGHT, 0.35) } else { AMBER };
    if to - from > 0.002 {
        painter.add(Shape::line(arc(centre, radius, from, to), Stroke::new(look.px(2.5), bright)));
    }
    let hand = Vec2::angled(turn(value));
    painter.line_segment(
        [centre + hand * (radius * 0.28), centre + hand * (radius - look.px(6.5))],
        Stroke::new(look.px(1.8), if hot { BRIGHT } else { TEXT }),
    );
    look.text(painter, (rect.center_top(), Align2::CENTER_TOP), name, LABEL, FAINT, rect.width());
    let colour = if hot { BRIGHT } else { TEXT };
    look.text(painter, (rect.center_bottom(), Align2::CENTER_BOTTOM), &param.to_string(), VALUE, colour, rect.width());
}

/// Angle of a share of a knob's range: three quarters of a circle, open below.
fn turn(share: f32) -> f32 {
    (135.0 + 270.0 * share).to_radians()
}

fn arc(centre: Pos2, radius: f32, from: f32, to: f32) -> Vec<Pos2> {
    let pieces = (2 + (40.0 * (to - from)) as usize) as f32;
    let shares = (0..=pieces as usize).map(|i| from + (to - from) * i as f32 / pieces);
    shares.map(|share| centre + radius * Vec2::angled(turn(share))).collect()
}

/// A name over its value, to be dragged up and down.
pub fn cell<P: Param>(ui: &Ui, look: Look, rect: Rect, param: &P, setter: &ParamSetter, name: &str) {
    let response = ui.interact(rect, id("cell", 0).with(param.name()), Sense::click_and_drag());
    all(ui, &response, param, setter, vec2(0.0, -look.px(KNOB_TRAVEL)));
    let hot = response.hovered() || response.dragged();
    let painter = ui.painter();
    look.text(painter, (rect.left_top(), Align2::LEFT_TOP), name, LABEL, FAINT, rect.width());
    let colour = if hot { BRIGHT } else { TEXT };
    look.text(painter, (rect.left_bottom(), Align2::LEFT_BOTTOM), &param.to_string(), VALUE, colour, rect.width());
}

/// A value alone, to be dragged up and down; one that has names goes to the next with a click.
pub fn word<P: Param>(ui: &Ui, look: Look, rect: Rect, param: &P, setter: &ParamSetter) {
    let response = ui.interact(rect, id("word", 0).with(param.name()), Sense::click_and_drag());
    all(ui, &response, param, setter, vec2(0.0, -look.px(KNOB_TRAVEL)));
    if let Some(steps) = param.step_count().filter(|_| response.clicked() && !types(ui)) {
        let step = (param.unmodulated_normalized_value() * steps as f32).round() as usize;
        set(param, setter, param.preview_plain(((step + 1) % (steps + 1)) as f32 / steps as f32));
    }
    let hot = response.hovered() || response.dragged();
    let painter = ui.painter();
    painter.rect_filled(rect, look.px(5.0), if hot { HOVERED } else { RAISED });
    let colour = if hot { BRIGHT } else { TEXT };
    let room = rect.width() - look.px(10.0);
    look.text(painter, (rect.center(), Align2::CENTER_CENTER), &param.to_string(), VALUE, colour, room);
}

/// A switch with its name above.
pub fn switch(ui: &Ui, look: Look, rect: Rect, param: &BoolParam, setter: &ParamSetter, name: &str) {
    let response = ui.interact(rect, id("switch", 0).with(param.name()), Sense::click());
    say(ui, &response, param);
    focus_ring(ui, &response);
    if response.clicked() {
        set(param, setter, !param.unmodulated_plain_value());
    }
    let (hot, on) = (response.hovered(), param.unmodulated_plain_value());
    let painter = ui.painter();
    let body = Rect::from_center_size(rect.center(), vec2(look.px(34.0), look.px(18.0)));
    let ground = match (on, hot) {
        (true, _) => AMBER,
        (false, true) => HOVERED,
        (false, false) => RAISED,
    };
    painter.rect_filled(body, body.height() / 2.0, ground);
    let side = if on { body.right() - body.height() / 2.0 } else { body.left() + body.height() / 2.0 };
    painter.circle_filled(Pos2::new(side, body.center().y), look.px(6.0), if on { GROUND } else { FAINT });
    look.text(painter, (rect.center_top(), Align2::CENTER_TOP), name, LABEL, FAINT, rect.width());
    let colour = if hot { BRIGHT } else { TEXT };
    look.text(painter, (rect.center_bottom(), Align2::CENTER_BOTTOM), &param.to_string(), VALUE, colour, rect.width());
}

/// A row of choices of which one holds.
pub fn choice<P: Param>(ui: &Ui, look: Look, rect: Rect, param: &P, setter: &ParamSetter) {
    let steps = param.step_count().unwrap_or(1);
    let chosen = (param.unmodulated_normalized_value() * steps as f32).round() as usize;
    let painter = ui.painter();
    painter.rect_filled(rect, look.px(5.0), RAISED);
    for step in 0..=steps {
        let part = super::layout::column(rect, step, steps + 1, 0.0);
        let response = ui.interact(part, id("choice", step).with(param.name()), Sense::click());
        say(ui, &response, param);
        let share = step as f32 / steps as f32;
        if response.clicked() && step != chosen {
            set(param, setter, param.preview_plain(share));
        }
        let name = param.normalized_value_to_string(share, true);
        let (ink, style) = match (step == chosen, response.hovered()) {
            (true, _) => (GROUND, VALUE),
            (false, true) => (BRIGHT, LABEL),
            (false, false) => (FAINT, LABEL),
        };
        if step == chosen {
            painter.rect_filled(part.shrink(look.px(2.0)), look.px(4.0), AMBER);
        }
        look.text(painter, (part.center(), Align2::CENTER_CENTER), &name, style, ink, part.width());
    }
}

/// Whether a button of this name and place was clicked, and whether the pointer is on it.
pub fn button(ui: &Ui, look: Look, rect: Rect, id: Id) -> (bool, bool) {
    let response = ui.interact(rect, id, Sense::click());
    body(ui, look, &response);
    (response.clicked(), response.hovered())
}

/// The body of a button, as the hand has it.
fn body(ui: &Ui, look: Look, response: &Response) {
    let fill = if response.is_pointer_button_down_on() {
        LINE
    } else if response.hovered() {
        HOVERED
    } else {
        RAISED
    };
    ui.painter().rect_filled(response.rect, look.px(6.0), fill);
    focus_ring(ui, response);
}

/// Shows where the keyboard is.
fn focus_ring(ui: &Ui, response: &Response) {
    if response.has_focus() {
        let ink = Stroke::new(1.2, AMBER.gamma_multiply(0.8));
        ui.painter().rect_stroke(response.rect, 6.0, ink, egui::StrokeKind::Outside);
    }
}

/// Says what a control does, while the pointer rests on it.
pub fn tip(response: &Response, look: Look, sentence: &str) {
    response.clone().on_hover_ui(|ui| {
        let galley = look.set(ui.painter(), sentence, LABEL, TEXT, look.px(260.0), 4);
        let (rect, _) = ui.allocate_exact_size(galley.size(), Sense::hover());
        ui.painter().galley(rect.min, galley, TEXT);
    });
}

/// A button with a sign on it, and a sentence that says what it does. A button that can do nothing now is faint, and no button.
pub fn sign_button(
    ui: &Ui,
    look: Look,
    rect: Rect,
    id: Id,
    can: bool,
    sentence: &str,
    sign: impl FnOnce(&egui::Painter, Pos2, egui::Color32),
) -> bool {
    if !can {
        let response = ui.interact(rect, id, Sense::hover());
        tip(&response, look, sentence);
        sign(ui.painter(), rect.center(), LINE);
        return false;
    }
    let response = ui.interact(rect, id, Sense::click());
    tip(&response, look, sentence);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, sentence));
    body(ui, look, &response);
    sign(ui.painter(), rect.center(), if response.hovered() { BRIGHT } else { TEXT });
    response.clicked()
}

/// A button with words on it, and a sentence that says what it does.
pub fn word_button(ui: &Ui, look: Look, rect: Rect, id: Id, can: bool, words: &str, sentence: &str) -> bool {
    sign_button(ui, look, rect, id, can, sentence, |painter, at, ink| {
        let ink = if can { ink } else { mix(FAINT, GROUND, 0.4) };
        look.text(painter, (at, Align2::CENTER_CENTER), words, LABEL, ink, rect.width() - look.px(6.0));
    })
}

/// A button with words on it.
pub fn text_button(ui: &Ui, look: Look, rect: Rect, id: Id, words: &str) -> bool {
    let (clicked, hovered) = button(ui, look, rect, id);
    let ink = if hovered { BRIGHT } else { TEXT };
    look.text(ui.painter(), (rect.center(), Align2::CENTER_CENTER), words, VALUE, ink, rect.width() - look.px(8.0));
    clicked
}
