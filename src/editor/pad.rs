//! The morph pad: a timbre in each corner, and a dot among them that can be dragged, automated, and bred from.

use egui::{Align2, Pos2, Rect, Sense, Stroke, pos2, vec2};
use nice_plug::prelude::Param;

use super::View;
use super::control::{self, id};
use super::hand;
use super::look::{AMBER, BRIGHT, EMBER, FAINT, GROUND, HEADING, LABEL, LINE, RAISED, TEXT, mix};
use super::map::Trail;
use crate::held::{Held, Point};
use crate::latent::{Atlas, Named};

/// Width of what stands beside the pad, in design points.
const BESIDE: f32 = 140.0;

const LETTERS: [&str; 4] = ["A", "B", "C", "D"];

/// What the pad remembers from frame to frame.
#[derive(Default)]
pub struct Pad {
    trail: Trail,
}

impl Pad {
    /// Draws the pad and lets it be played with. True while something moves.
    pub fn show(&mut self, view: &View, rect: Rect) -> bool {
        let look = view.look;
        let rect = rect.with_min_y(rect.top() + look.px(26.0));
        let side = (rect.width() - 2.0 * look.px(BESIDE)).min(rect.height());
        let square = Rect::from_center_size(rect.center(), vec2(side, rect.height().min(side)));
        let left = Rect::from_min_max(rect.min, pos2(square.left() - look.px(16.0), rect.bottom()));
        let right = Rect::from_min_max(pos2(square.right() + look.px(16.0), rect.top()), rect.max);
        let corners = corners(view);
        for (i, place) in [
            left.with_max_y(left.top() + look.px(110.0)),
            right.with_max_y(right.top() + look.px(110.0)),
            left.with_min_y(left.bottom() - look.px(110.0)),
            right.with_min_y(right.bottom() - look.px(110.0)),
        ]
        .into_iter()
        .enumerate()
        {
            show_corner(view, place, i, corners.as_ref());
        }
        self.show_switch(view, Rect::from_center_size(left.center(), vec2(left.width(), look.px(52.0))));
        let values = Rect::from_center_size(right.center(), vec2(right.width(), look.px(34.0)));
        let params = &view.params.pad;
        for (i, (param, name)) in [(&params.x, "X"), (&params.y, "Y")].into_iter().enumerate() {
            control::cell(view.ui, look, super::layout::column(values, i, 2, look.px(8.0)), param, &view.setter, name);
        }
        self.show_square(view, square)
    }

    fn show_switch(&self, view: &View, rect: Rect) {
        let look = view.look;
        let plays = view.params.pad.plays.value();
        look.text(view.ui.painter(), (rect.left_top(), Align2::LEFT_TOP), "Pad plays", LABEL, FAINT, rect.width());
        let button =
            Rect::from_min_size(pos2(rect.left(), rect.top() + look.px(22.0)), vec2(look.px(64.0), look.px(26.0)));
        let sentence = "Whether the pad is what sounds, in place of the seed or the point.";
        let sign = |painter: &egui::Painter, at: Pos2, ink| {
            let ink = if plays { AMBER } else { ink };
            look.text(
                painter,
                (at, Align2::CENTER_CENTER),
                if plays { "On" } else { "Off" },
                LABEL,
                ink,
                f32::INFINITY,
            );
        };
        if control::sign_button(view.ui, look, button, id("pad-plays", 0), true, sentence, sign) {
            if plays {
                view.hand.set_plain(view.params.pad.plays.as_ptr(), 0.0);
            } else {
                turn_on(view);
            }
        }
    }

    fn show_square(&mut self, view: &View, square: Rect) -> bool {
        let (look, painter) = (view.look, view.ui.painter());
        let params = &view.params.pad;
        let response = view.ui.interact(square, id("pad-square", 0), Sense::click_and_drag());
        let share = |at: Pos2| {
            [(at.x - square.left()) / square.width(), (at.y - square.top()) / square.height()]
                .map(|x| x.clamp(0.0, 1.0))
        };
        let axes = [&params.x, &params.y];
        if response.drag_started() {
            view.hand.drag(true);
            if !params.plays.value() {
                turn_on(view);
            }
            axes.into_iter().for_each(|axis| view.setter.begin_set_parameter(axis));
        }
        if response.dragged()
            && let Some(at) = response.interact_pointer_pos()
        {
            for (axis, share) in axes.into_iter().zip(share(at)) {
                let value = axis.preview_plain(share);
                if value != axis.unmodulated_plain_value() {
                    view.setter.set_parameter(axis, value);
                }
            }
        }
        if response.drag_stopped() {
            axes.into_iter().for_each(|axis| view.setter.end_set_parameter(axis));
            view.hand.drag(false);
        }
        if response.double_clicked() || response.secondary_clicked() {
            axes.into_iter().for_each(|axis| control::set(axis, &view.setter, axis.default_plain_value()));
        } else if response.clicked()
            && let Some(at) = response.interact_pointer_pos()
        {
            if !params.plays.value() {
                turn_on(view);
            }
            axes.into_iter().zip(share(at)).for_each(|(axis, share)| {
                control::set(axis, &view.setter, axis.preview_plain(share));
            });
        }

        let plays = params.plays.value();
        draw_ground(view, square, if plays { 1.0 } else { 0.35 });
        let place = |at: [f32; 2]| pos2(square.left() + at[0] * square.width(), square.top() + at[1] * square.height());
        // What sounds, with what the host adds to the parameters' own values.
        let now = [params.x.value(), params.y.value()];
        let now_s = view.ui.input(|input| input.time);
        let moves = self.trail.follow(now, now_s);
        self.trail.draw(view, now_s, place);
        let at = place(now);
        let ink = if plays { mix(AMBER, BRIGHT, 0.4 + 0.4 * view.glow) } else { FAINT };
        painter.circle_stroke(at, look.px(11.0), Stroke::new(look.px(1.2), ink));
        painter.circle_filled(at, look.px(6.5), ink);
        moves || response.dragged()
    }
}

/// A square whose corners glow the more the nearer the dot is.
fn draw_ground(view: &View, square: Rect, heat: f32) {
    let (look, painter) = (view.look, view.ui.painter());
    painter.rect_filled(square, look.px(8.0), mix(GROUND, RAISED, 0.55));
    let params = &view.params.pad;
    let (x, y) = (params.x.value(), params.y.value());
    let shares = [(1.0 - x) * (1.0 - y), x * (1.0 - y), (1.0 - x) * y, x * y];
    let mut mesh = egui::Mesh::default();
    let corners = [square.left_top(), square.right_top(), square.left_bottom(), square.right_bottom()];
    for (corner, share) in corners.into_iter().zip(shares) {
        mesh.colored_vertex(corner, EMBER.gamma_multiply(heat * (0.06 + 0.6 * share)));
    }
    mesh.add_triangle(0, 1, 2);
    mesh.add_triangle(1, 3, 2);
    painter.add(egui::Shape::mesh(mesh));
    for share in [0.25, 0.5, 0.75] {
        let (x, y) = (square.left() + share * square.width(), square.top() + share * square.height());
        let ink = Stroke::new(look.px(1.0), LINE.gamma_multiply(0.45));
        painter.line_segment([pos2(x, square.top()), pos2(x, square.bottom())], ink);
        painter.line_segment([pos2(square.left(), y), pos2(square.right(), y)], ink);
    }
}

/// A corner's letter and timbre, and the buttons that put one there and play it.
fn show_corner(view: &View, rect: Rect, index: usize, corners: Option<&[Point; 4]>) {
    let (look, painter) = (view.look, view.ui.painter());
    let letter = look.text(painter, (rect.left_top(), Align2::LEFT_TOP), LETTERS[index], HEADING, AMBER, rect.width());
    let name = corners.map_or("", |corners| corners[index].name.as_str());
    let galley = look.set(painter, name, LABEL, TEXT, rect.width(), 2);
    painter.galley(pos2(rect.left(), letter.bottom() + look.px(4.0)), galley, TEXT);
    let line = rect.with_min_y(rect.bottom() - look.px(26.0));
    let sentence = "Puts the timbre that sounds into this corner.";
    let set = Rect::from_min_size(line.min, vec2(look.px(56.0), line.height()));
    if control::word_button(view.ui, look, set, id("corner", index), corners.is_some(), "Set", sentence)
        && let (Some(corners), Some(now)) = (corners, present(view))
    {
        let mut corners = corners.clone();
        corners[index] = now;
        view.hand.hold(Held { corners: Some(corners), ..Held::clone(&view.hand.held()) });
    }
    let play = Rect::from_min_size(pos2(set.right() + look.px(6.0), line.top()), vec2(look.px(56.0), line.height()));
    let sentence = "Goes to this corner.";
    if control::word_button(view.ui, look, play, id("corner", 4 + index), corners.is_some(), "Go", sentence) {
        turn_on(view);
        for (axis, high) in [(&view.params.pad.x, index % 2 == 1), (&view.params.pad.y, index >= 2)] {
            view.hand.set_plain(axis.as_ptr(), f32::from(u8::from(high)));
        }
    }
}

/// Lets the pad play. Its corners are whole timbres, so character and directions go to rest.
fn turn_on(view: &View) {
    let held = view.hand.held();
    if held.corners.is_none() {
        let Some(corners) = corners(view) else { return };
        view.hand.hold(Held { corners: Some(corners), ..Held::clone(&held) });
    }
    if !view.params.pad.plays.value() {
        hand::at_rest(view);
        view.hand.set_plain(view.params.pad.plays.as_ptr(), 1.0);
    }
}

/// The timbre that sounds, as a point: character and directions are part of it.
fn present(view: &View) -> Option<Point> {
    let latent = view.atlas()?.latent(&view.params.timbre()).ok()?;
    Some(Point { name: hand::describe(view.params, view.atlas()), latent, at: None })
}

/// The corners that are held, or that would be: what sounds, and three sounds that lie far apart.
fn corners(view: &View) -> Option<[Point; 4]> {
    if let Some(corners) = &view.hand.held().corners {
        return Some(corners.clone());
    }
    let now = present(view)?;
    let atlas: &Atlas = view.atlas()?;
    let mut places = vec![atlas.position(&now.latent)];
    let mut corners = vec![now];
    while corners.len() < 4 {
        let way = |named: &&Named| {
            let ways = places.iter().map(|at| (named.at[0] - at[0]).hypot(named.at[1] - at[1]));
            ways.fold(f32::MAX, f32::min)
        };
        let furthest = atlas.named().iter().max_by(|a, b| way(a).total_cmp(&way(b)))?;
        places.push(furthest.at);
        corners.push(Point { name: furthest.name.clone(), latent: furthest.latent.clone(), at: None });
    }
    corners.try_into().ok()
}
