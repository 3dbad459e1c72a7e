//! How the instrument answers to being played: velocity, vibrato, width, bend, tuning and level.

use egui::{Rect, vec2};
use nice_plug::prelude::Param;

use super::View;
use super::control;
use super::layout::column;

pub fn show(view: &View, rect: Rect) {
    let look = view.look;
    look.title(view.ui.painter(), rect.left_top(), "Play");
    let knobs = Rect::from_min_max(rect.min + vec2(0.0, look.px(24.0)), rect.max);
    let place = |i: usize| column(knobs, i, 7, look.px(2.0));
    let params = view.params;
    control::knob(view.ui, look, place(0), &params.velocity, &view.setter, "Velocity", 0.0);
    control::knob(view.ui, look, place(1), &params.brightness, &view.setter, "Colour", 0.0);
    control::knob(view.ui, look, place(2), &params.vibrato, &view.setter, "Vibrato", 0.0);
    control::knob(view.ui, look, place(3), &params.width, &view.setter, "Width", 0.0);
    control::knob(view.ui, look, place(4), &params.bend, &view.setter, "Bend", 0.0);
    control::knob(view.ui, look, place(5), &params.tune, &view.setter, "Tune", params.tune.default_normalized_value());
    control::knob(view.ui, look, place(6), &params.gain, &view.setter, "Gain", 0.0);
}
