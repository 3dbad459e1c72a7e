//! How the instrument answers to a player's controllers: where each goes and how far, how many notes sound, and the level.

use egui::{Align2, Rect, pos2, vec2};
use nice_plug::prelude::{EnumParam, FloatParam};

use super::View;
use super::control;
use super::layout::column;
use super::look::{FAINT, LABEL};
use crate::params::expression::Target;

/// Height of a row, in design points.
const ROW: f32 = 21.0;

pub fn show(view: &View, rect: Rect) {
    let look = view.look;
    let params = &view.params.expression;
    let row = |n: usize| {
        let top = rect.top() + look.px(ROW * n as f32);
        Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), look.px(ROW - 3.0)))
    };
    let sources: [(&str, &EnumParam<Target>, &FloatParam); 6] = [
        ("Wheel", &params.wheel_to, &params.wheel_amount),
        ("Breath", &params.breath_to, &params.breath_amount),
        ("Pressure", &params.pressure_to, &params.pressure_amount),
        ("Slide", &params.slide_to, &params.slide_amount),
        ("Velocity", &params.velocity_to, &params.velocity_amount),
        ("Key", &params.key_to, &params.key_amount),
    ];
    for (n, (name, to, amount)) in sources.into_iter().enumerate() {
        let place = |i: usize| column(row(n), i, 3, look.px(8.0));
        label(view, place(0), name);
        control::word(view.ui, look, place(1), to, &view.setter);
        control::word(view.ui, look, place(2), amount, &view.setter);
    }
    let wide = |n: usize| row(n).with_min_x(column(row(n), 1, 3, look.px(8.0)).left());
    label(view, row(6), "Voices");
    control::choice(view.ui, look, wide(6), &params.voices, &view.setter);
    label(view, row(7), "Loudness");
    control::choice(view.ui, look, wide(7), &params.velocity_law, &view.setter);
    let knobs = rect.with_min_y(row(8).top() + look.px(6.0));
    let knobs = knobs.with_max_y(knobs.bottom().min(knobs.top() + look.px(86.0)));
    let place = |i: usize| column(knobs, i, 3, look.px(4.0));
    control::knob(view.ui, look, place(0), &params.velocity_shape, &view.setter, "Shape", 0.5);
    control::knob(view.ui, look, place(1), &params.glide, &view.setter, "Glide", 0.0);
    control::knob(view.ui, look, place(2), &params.tilt, &view.setter, "Bright", 0.5);
}

/// A name at the left of a row.
fn label(view: &View, rect: Rect, name: &str) {
    view.look.text(view.ui.painter(), (rect.left_center(), Align2::LEFT_CENTER), name, LABEL, FAINT, rect.width());
}
