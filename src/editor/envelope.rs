//! The envelope: a drawing of attack, decay, sustain and release that can be dragged, and their values below it.

use egui::{Pos2, Rect, Sense, Shape, Stroke, Vec2, pos2, vec2};
use nice_plug::prelude::Param;

use super::View;
use super::control::{self, id};
use super::layout::column;
use super::look::{AMBER, BRIGHT, EMBER, GROUND, LINE, mix};

/// Share of the width that the longest attack, decay and release take each; the held part has the rest.
const LONGEST: f32 = 0.29;

/// ln(1000): a fall of 60 dB.
const SIXTY_DB: f32 = 6.907_755;

/// Points of a falling curve.
const CURVE: usize = 32;

/// Size of the square by which a corner is taken, in design points.
const CORNER: f32 = 22.0;

pub fn show(view: &View, rect: Rect) {
    let (look, painter) = (view.look, view.ui.painter());
    look.title(painter, rect.left_top(), "Envelope");
    let mode = Rect::from_min_size(
        pos2(rect.right() - look.px(132.0), rect.top() - look.px(7.0)),
        vec2(look.px(132.0), look.px(24.0)),
    );
    control::choice(view.ui, look, mode, &view.params.mode, &view.setter);

    let cells = Rect::from_min_max(pos2(rect.left(), rect.bottom() - look.px(34.0)), rect.max);
    let graph = Rect::from_min_max(
        pos2(rect.left(), rect.top() + look.px(30.0)),
        pos2(rect.right(), cells.top() - look.px(14.0)),
    );
    let params = view.params;
    let curve = Curve::of(
        graph,
        [&params.attack, &params.decay, &params.sustain, &params.release].map(Param::unmodulated_normalized_value),
    );

    let corner = |name: &str, at: Pos2| {
        let square = Rect::from_center_size(at, Vec2::splat(look.px(CORNER)));
        view.ui.interact(square, id(name, 0), Sense::click_and_drag())
    };
    // Where corners lie on each other the later one is taken: the end, the knee, the peak. The knee must stay reachable.
    let peak = corner("peak", curve.peak);
    let end = corner("end", curve.end);
    let knee = corner("knee", curve.knee);
    let across = vec2(LONGEST * graph.width(), 0.0);
    control::all(view.ui, &peak, &params.attack, &view.setter, across);
    control::all(view.ui, &end, &params.release, &view.setter, across);
    control::all(view.ui, &knee, &params.decay, &view.setter, across);
    control::drag(view.ui, &knee, &params.sustain, &view.setter, vec2(0.0, -graph.height()));
    if knee.double_clicked() || knee.secondary_clicked() {
        control::set(&params.sustain, &view.setter, params.sustain.default_plain_value());
    }

    painter.line_segment([graph.left_bottom(), graph.right_bottom()], Stroke::new(look.px(1.0), LINE));
    let points = curve.points();
    for pair in points.windows(2) {
        // A glow below the curve, brighter where it is louder.
        let mut mesh = egui::Mesh::default();
        let (top, ground) = (
            |at: Pos2| EMBER.gamma_multiply(0.15 + 0.5 * (graph.bottom() - at.y) / graph.height()),
            EMBER.gamma_multiply(0.04),
        );
        mesh.colored_vertex(pair[0], top(pair[0]));
        mesh.colored_vertex(pair[1], top(pair[1]));
        mesh.colored_vertex(pos2(pair[1].x, graph.bottom()), ground);
        mesh.colored_vertex(pos2(pair[0].x, graph.bottom()), ground);
        mesh.add_triangle(0, 1, 2);
        mesh.add_triangle(0, 2, 3);
        painter.add(Shape::mesh(mesh));
    }
    painter.add(Shape::line(points, Stroke::new(look.px(1.8), AMBER)));
    for (at, response) in [(curve.peak, &peak), (curve.knee, &knee), (curve.end, &end)] {
        let hot = response.hovered() || response.dragged();
        if hot {
            painter.circle_filled(at, look.px(9.0), AMBER.gamma_multiply(0.25));
        }
        painter.circle_filled(at, look.px(4.8), if hot { BRIGHT } else { mix(AMBER, BRIGHT, 0.45) });
        painter.circle_filled(at, look.px(2.5), GROUND);
    }

    let place = |i: usize| column(cells, i, 4, look.px(10.0));
    control::cell(view.ui, look, place(0), &params.attack, &view.setter, "Attack");
    control::cell(view.ui, look, place(1), &params.decay, &view.setter, "Decay");
    control::cell(view.ui, look, place(2), &params.sustain, &view.setter, "Sustain");
    control::cell(view.ui, look, place(3), &params.release, &view.setter, "Release");
}

/// The corners of the drawing.
struct Curve {
    start: Pos2,
    peak: Pos2,
    knee: Pos2,
    hold: Pos2,
    end: Pos2,
}

impl Curve {
    /// From attack, decay, sustain and release on their own scales, 0 to 1.
    fn of(graph: Rect, [attack, decay, sustain, release]: [f32; 4]) -> Self {
        let width = LONGEST * graph.width();
        let level = graph.bottom() - sustain * graph.height();
        let peak = pos2(graph.left() + attack * width, graph.top());
        let knee = pos2(peak.x + decay * width, level);
        let hold = pos2(graph.right() - LONGEST * graph.width(), level);
        Self { start: graph.left_bottom(), peak, knee, hold, end: pos2(hold.x + release * width, graph.bottom()) }
    }

    /// The whole curve: straight up, then falls of 60 dB over their own times, as the voices do it.
    fn points(&self) -> Vec<Pos2> {
        let mut points = vec![self.start];
        fall(&mut points, self.peak, self.knee);
        fall(&mut points, self.hold, self.end);
        points
    }
}

fn fall(points: &mut Vec<Pos2>, from: Pos2, to: Pos2) {
    for i in 0..=CURVE {
        let share = i as f32 / CURVE as f32;
        // The last point is met exactly; a thousandth of the height is less than a line's width.
        let left = if i == CURVE { 0.0 } else { (-SIXTY_DB * share).exp() };
        points.push(pos2(from.x + share * (to.x - from.x), to.y + left * (from.y - to.y)));
    }
}
