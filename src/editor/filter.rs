//! The filter of each voice with its envelope, and the LFO, in time with the song.

use egui::{Align2, Rect, pos2, vec2};

use super::View;
use super::control;
use super::layout::column;
use super::look::{FAINT, LABEL};

pub fn show(view: &View, rect: Rect) {
    let look = view.look;
    let params = &view.params.filter;
    let row = |top: f32, height: f32| {
        Rect::from_min_size(pos2(rect.left(), rect.top() + look.px(top)), vec2(rect.width(), look.px(height)))
    };
    control::choice(view.ui, look, row(0.0, 24.0), &params.mode, &view.setter);
    let knobs = row(36.0, 84.0);
    let place = |i: usize| column(knobs, i, 4, look.px(4.0));
    control::knob(view.ui, look, place(0), &params.cutoff, &view.setter, "Cutoff", 0.0);
    control::knob(view.ui, look, place(1), &params.resonance, &view.setter, "Resonance", 0.0);
    control::knob(view.ui, look, place(2), &params.keyed, &view.setter, "Key", 0.0);
    control::knob(view.ui, look, place(3), &params.envelope, &view.setter, "Envelope", 0.5);
    let cells = row(132.0, 34.0);
    let place = |i: usize| column(cells, i, 4, look.px(10.0));
    control::cell(view.ui, look, place(0), &params.attack, &view.setter, "Attack");
    control::cell(view.ui, look, place(1), &params.decay, &view.setter, "Decay");
    control::cell(view.ui, look, place(2), &params.sustain, &view.setter, "Sustain");
    control::cell(view.ui, look, place(3), &params.release, &view.setter, "Release");
    let lfo = row(192.0, 24.0);
    let painter = view.ui.painter();
    look.text(painter, (lfo.left_center(), Align2::LEFT_CENTER), "LFO", LABEL, FAINT, lfo.width() / 4.0);
    let place = |i: usize| column(lfo, i, 4, look.px(8.0));
    control::word(view.ui, look, place(1), &params.lfo_to, &view.setter);
    control::word(view.ui, look, place(2), &params.lfo_amount, &view.setter);
    control::word(view.ui, look, place(3), &params.lfo_length, &view.setter);
}
