//! How a note is gone through: where it begins, how fast, and how it ends.

use egui::{Align2, Rect, pos2, vec2};

use super::View;
use super::control;
use super::layout::column;
use super::look::{FAINT, LABEL};

pub fn show(view: &View, rect: Rect) {
    let look = view.look;
    let params = &view.params.motion;
    let row = |top: f32, height: f32| {
        Rect::from_min_size(pos2(rect.left(), rect.top() + look.px(top)), vec2(rect.width(), look.px(height)))
    };
    let knobs = row(4.0, 86.0);
    let place = |i: usize| column(knobs, i, 4, look.px(4.0));
    control::knob(view.ui, look, place(0), &params.start, &view.setter, "Start", 0.0);
    control::knob(view.ui, look, place(1), &params.speed, &view.setter, "Speed", 0.5);
    control::switch(view.ui, look, place(2), &params.freeze, &view.setter, "Freeze");
    control::switch(view.ui, look, place(3), &params.reverse, &view.setter, "Reverse");
    let release = row(108.0, 24.0);
    let painter = view.ui.painter();
    look.text(painter, (release.left_center(), Align2::LEFT_CENTER), "Release", LABEL, FAINT, release.width() / 3.0);
    let choice = release.with_min_x(column(release, 1, 3, look.px(8.0)).left());
    control::choice(view.ui, look, choice, &params.release_mode, &view.setter);
    let (held, loudness) = (row(150.0, 60.0), row(150.0, 60.0));
    control::switch(view.ui, look, column(held, 0, 2, 0.0), &view.params.expression.wander, &view.setter, "Wander");
    control::switch(
        view.ui,
        look,
        column(loudness, 1, 2, 0.0),
        &view.params.expression.limiter,
        &view.setter,
        "Limiter",
    );
}
