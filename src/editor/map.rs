//! The map: the model's named sounds as points by their likeness, the present timbre as a dot that can be dragged, and the way
//! that it has come.

use std::collections::VecDeque;

use egui::{Align2, Pos2, Rect, Sense, Shape, Stroke, Vec2, pos2, vec2};

use super::View;
use super::control::id;
use super::hand;
use super::look::{AMBER, BRIGHT, EMBER, FAINT, LABEL, LINE, RAISED, SMALL, TEXT, VALUE, mix};
use crate::held::Point;
use crate::latent::{Atlas, Named};
use crate::note::Base;

/// How far the map reaches beyond its outermost sounds.
pub const REACH: f32 = 1.15;

/// How much larger the middle of the map is drawn: by this more than without.
const SPREAD: f32 = 0.8;

/// A dragged place is one of these steps, so that a way that is gone again finds its notes.
const STEP: f32 = 0.01;

/// From here on a click is one on a sound, in design points.
const NEAR: f32 = 11.0;

/// Places of the way that are drawn, and how long they are seen.
const LONGEST_TRAIL: usize = 240;
const TRAIL_S: f64 = 12.0;

/// Where the present timbre has been.
#[derive(Default)]
pub struct Trail(VecDeque<([f32; 2], f64)>);

impl Trail {
    /// Takes note of where it is; says whether there is any way to draw.
    pub fn follow(&mut self, at: [f32; 2], now_s: f64) -> bool {
        let moved = self.0.back().is_none_or(|(last, _)| (last[0] - at[0]).hypot(last[1] - at[1]) > 0.004);
        if moved {
            self.0.push_back((at, now_s));
        }
        while self.0.len() > LONGEST_TRAIL
            || self.0.front().is_some_and(|(_, then)| now_s - then > TRAIL_S || now_s < *then)
        {
            self.0.pop_front();
        }
        self.0.len() > 1
    }

    pub fn draw(&self, view: &View, now_s: f64, place: impl Fn([f32; 2]) -> Pos2) {
        for ((from, then), (to, _)) in self.0.iter().zip(self.0.iter().skip(1)) {
            let age = ((now_s - then) / TRAIL_S).clamp(0.0, 1.0) as f32;
            let ink = mix(AMBER, EMBER, age).gamma_multiply(0.85 * (1.0 - age));
            view.ui.painter().line_segment([place(*from), place(*to)], Stroke::new(view.look.px(1.6), ink));
        }
    }
}

/// What the map remembers from frame to frame.
#[derive(Default)]
pub struct Map {
    trail: Trail,
}

impl Map {
    /// Draws the map and lets it be played with. True while something moves.
    pub fn show(&mut self, view: &View, rect: Rect) -> bool {
        let look = view.look;
        let painter = view.ui.painter();
        let ground = rect.with_min_y(rect.top() + look.px(26.0));
        painter.rect_filled(ground, look.px(8.0), mix(super::look::GROUND, RAISED, 0.55));
        let Some(atlas) = view.atlas() else {
            let words = "The map is drawn once a model is there.";
            look.text(painter, (ground.center(), Align2::CENTER_CENTER), words, LABEL, FAINT, ground.width());
            return false;
        };
        let inner = ground.shrink2(vec2(look.px(26.0), look.px(18.0)));
        let place = |at: [f32; 2]| {
            let share = at.map(|x| (spread(x.clamp(-REACH, REACH) / REACH) + 1.0) / 2.0);
            pos2(inner.left() + share[0] * inner.width(), inner.bottom() - share[1] * inner.height())
        };
        for share in [0.25, 0.5, 0.75] {
            let (x, y) = (ground.left() + share * ground.width(), ground.top() + share * ground.height());
            let ink = Stroke::new(look.px(1.0), LINE.gamma_multiply(0.35));
            painter.line_segment([pos2(x, ground.top()), pos2(x, ground.bottom())], ink);
            painter.line_segment([pos2(ground.left(), y), pos2(ground.right(), y)], ink);
        }
        let response = view.ui.interact(ground, id("map", 0), Sense::click_and_drag());
        let nearest = |at: Pos2| {
            let way = |named: &&Named| place(named.at).distance(at);
            let nearest = atlas.named().iter().min_by(|a, b| way(a).total_cmp(&way(b)));
            nearest.filter(|named| way(named) < look.px(NEAR))
        };
        let hovered = response.hover_pos().and_then(nearest);
        let unplaced = |at: Pos2| {
            let share = [(at.x - inner.left()) / inner.width(), (inner.bottom() - at.y) / inner.height()];
            share.map(|share| (gathered(2.0 * share.clamp(0.0, 1.0) - 1.0) * REACH / STEP).round() * STEP)
        };
        if response.drag_started() {
            view.hand.drag(true);
            hand::at_rest(view);
        }
        if response.dragged()
            && let Some(at) = response.interact_pointer_pos()
        {
            go(view, atlas, unplaced(at));
        }
        if response.drag_stopped() {
            view.hand.drag(false);
        }
        if response.clicked()
            && let Some(at) = response.interact_pointer_pos()
        {
            match nearest(at) {
                Some(named) => {
                    hand::go_to(
                        view,
                        Point { name: named.name.clone(), latent: named.latent.clone(), at: Some(named.at) },
                    );
                }
                None => {
                    hand::at_rest(view);
                    go(view, atlas, unplaced(at));
                }
            }
        }

        let now = present(view, atlas);
        let now_s = view.ui.input(|input| input.time);
        let moves = now.is_some_and(|now| self.trail.follow(now, now_s));
        self.trail.draw(view, now_s, place);
        draw_sounds(view, atlas, ground, place, hovered, now.map(place));
        if let Some(at) = now.map(place) {
            let heat = 0.4 + 0.6 * view.glow;
            painter.circle_filled(at, look.px(16.0), EMBER.gamma_multiply(0.35 * heat));
            painter.circle_filled(at, look.px(7.0), mix(AMBER, BRIGHT, 0.4 + 0.4 * view.glow));
            painter.circle_stroke(at, look.px(11.0), Stroke::new(look.px(1.2), AMBER));
        }
        moves || response.dragged()
    }
}

/// A few sounds lie far from the many: the middle of the map is drawn larger than its rim. From -1..1 to -1..1.
pub fn spread(x: f32) -> f32 {
    x * (1.0 + SPREAD) / (1.0 + SPREAD * x.abs())
}

/// The way back from [`spread`].
fn gathered(x: f32) -> f32 {
    x / (1.0 + SPREAD - SPREAD * x.abs())
}

/// Where the present timbre lies: where a hand has put it, else where its latent does.
fn present(view: &View, atlas: &Atlas) -> Option<[f32; 2]> {
    let timbre = view.params.timbre();
    if matches!(timbre.base, Base::Point(_))
        && let Some(at) = view.hand.held().point.as_ref().and_then(|point| point.at)
        && timbre.character == 100
        && timbre.directions == [0; crate::note::DIRECTIONS]
    {
        return Some(at);
    }
    atlas.latent(&timbre).ok().map(|latent| atlas.position(&latent))
}

/// Plays what lies at a place.
fn go(view: &View, atlas: &Atlas, at: [f32; 2]) {
    let held = view.hand.held();
    if held.point.as_ref().is_some_and(|point| point.at == Some(at)) && hand::plays_point(view.params) {
        return;
    }
    let latent = atlas.at(at);
    let way = |named: &&Named| (named.at[0] - at[0]).hypot(named.at[1] - at[1]);
    let mut around: Vec<&Named> = atlas.named().iter().collect();
    around.sort_by(|a, b| way(a).total_cmp(&way(b)));
    let name = match around[..] {
        [one, ..] if way(&one) < STEP / 2.0 => one.name.clone(),
        [one, other, ..] => format!("{} and {}", one.name, other.name),
        [one] => one.name.clone(),
        [] => String::new(),
    };
    hand::play_point(view, Point { name, latent, at: Some(at) });
}

/// The points, with names where there is room for them; the one under the pointer always has its own.
fn draw_sounds(
    view: &View,
    atlas: &Atlas,
    ground: Rect,
    place: impl Fn([f32; 2]) -> Pos2,
    hovered: Option<&Named>,
    dot: Option<Pos2>,
) {
    let (look, painter) = (view.look, view.ui.painter());
    let points: Vec<Pos2> = atlas.named().iter().map(|named| place(named.at)).collect();
    let mut taken: Vec<Rect> = points.iter().map(|&at| Rect::from_center_size(at, Vec2::splat(look.px(9.0)))).collect();
    taken.extend(dot.map(|at| Rect::from_center_size(at, Vec2::splat(look.px(24.0)))));
    let is_hovered = |named: &Named| hovered.is_some_and(|hovered| std::ptr::eq(hovered, named));
    // The one under the pointer is served first.
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by_key(|&i| !is_hovered(&atlas.named()[i]));
    for i in order {
        let (named, at) = (&atlas.named()[i], points[i]);
        let hot = is_hovered(named);
        painter.circle_filled(
            at,
            look.px(if hot { 5.0 } else { 3.5 }),
            if hot { BRIGHT } else { mix(FAINT, AMBER, 0.35) },
        );
        let (style, ink) = if hot { (VALUE, BRIGHT) } else { (SMALL, TEXT) };
        let galley = look.set(painter, &named.name, style, ink, look.px(150.0), 1);
        let size = galley.size();
        let away = look.px(9.0);
        let spots = [
            at + vec2(away, -size.y / 2.0),
            at + vec2(-away - size.x, -size.y / 2.0),
            at + vec2(-size.x / 2.0, -away - size.y),
            at + vec2(-size.x / 2.0, away),
        ];
        let own = Rect::from_center_size(at, Vec2::splat(look.px(9.0)));
        let is_free = |spot: &Pos2| {
            let room = Rect::from_min_size(*spot, size).expand(look.px(1.5));
            ground.shrink(look.px(3.0)).contains_rect(room)
                && taken.iter().all(|taken| *taken == own || !taken.intersects(room))
        };
        if let Some(spot) = spots.iter().find(|spot| is_free(spot)) {
            taken.push(Rect::from_min_size(*spot, size));
            painter.galley(*spot, galley, ink);
        }
        if hot {
            painter.add(Shape::circle_stroke(at, look.px(9.0), Stroke::new(look.px(1.2), BRIGHT)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_found_again_where_it_is_drawn() {
        for step in -100..=100 {
            let x = step as f32 / 100.0;
            assert!((gathered(spread(x)) - x).abs() < 1e-5);
            assert!(spread(x).abs() <= 1.0 + 1e-6 && spread(x).abs() >= x.abs() - 1e-6);
        }
    }
}
