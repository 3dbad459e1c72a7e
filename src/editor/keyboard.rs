//! The keyboard: shows how far each key has been rendered, and can be played with the mouse.

use crossbeam::queue::ArrayQueue;
use egui::{Align2, Color32, CornerRadius, Mesh, Rect, Sense, Shape, Stroke, StrokeKind, pos2, vec2};

use super::View;
use super::control::id;
use super::keys::{self, Keys, is_black};
use super::look::{AMBER, BRIGHT, EMBER, FAINT, GROUND, LINE, SMALL, mix};
use crate::link::{Click, KeyState};
use crate::note::KEYS;

/// Height of the strip above the keys that shows how many are ready, in design points.
const STRIP: f32 = 8.0;

/// How fast a key changes its colour.
const FADE_PER_S: f32 = 10.0;

/// Writing on a bright key.
const INK: Color32 = Color32::from_rgb(64, 54, 46);

/// What the keyboard remembers from frame to frame.
pub struct Keyboard {
    /// The key that the mouse holds down.
    held: Option<u8>,
    /// A key whose release found no room in the queue. It is sent before anything else.
    owed: Option<u8>,
    /// Under the pointer.
    pub hovered: Option<u8>,
    /// Brightness of each key: 0 empty, 1 ready.
    lit: [f32; KEYS],
    /// Warmth of each key: 1 sounding.
    warm: [f32; KEYS],
}

impl Keyboard {
    pub fn new() -> Self {
        Self { held: None, owed: None, hovered: None, lit: [0.0; KEYS], warm: [0.0; KEYS] }
    }

    /// Lets go of whatever is held, when there is no mouse any more.
    pub fn release(&mut self, clicks: &ArrayQueue<Click>) {
        self.owed = self.owed.take().or(self.held.take());
        self.pay(clicks);
    }

    /// Draws the keyboard and plays it. True while a key fades or waits.
    pub fn show(&mut self, view: &View, rect: Rect, clicks: &ArrayQueue<Click>) -> bool {
        let strip = Rect::from_min_size(rect.min, vec2(rect.width(), view.look.px(STRIP)));
        let keys = Keys::new(Rect::from_min_max(strip.left_bottom(), rect.max), view.snapshot.pitch_range);
        self.play(view, Rect::from_min_max(strip.left_bottom(), rect.max), &keys, clicks);
        draw_strip(view, strip);
        let fades = self.fade(view, &keys);
        for key in keys.all().filter(|&key| !is_black(key)) {
            self.draw_white(view, &keys, key);
        }
        for key in keys.all().filter(|&key| is_black(key)) {
            self.draw_black(view, &keys, key);
        }
        fades || self.owed.is_some()
    }

    fn play(&mut self, view: &View, rect: Rect, keys: &Keys, clicks: &ArrayQueue<Click>) {
        let response = view.ui.interact(rect, id("keyboard", 0), Sense::click_and_drag());
        self.hovered = response.hover_pos().and_then(|at| keys.at(at)).map(|(key, _)| key);
        let pressed = response.is_pointer_button_down_on();
        // A press and its release may come within one frame; such a note sounds until the next one.
        let missed = response.clicked() && self.held.is_none();
        let at = response.interact_pointer_pos().filter(|_| pressed || missed);
        let wanted = at.and_then(|at| keys.at(at));
        self.hold(wanted, clicks);
    }

    /// Goes from the key that is held to another, or to none.
    fn hold(&mut self, wanted: Option<(u8, f32)>, clicks: &ArrayQueue<Click>) {
        if self.held != wanted.map(|(key, _)| key)
            && let Some(before) = self.held.take()
        {
            self.owed = Some(before);
        }
        self.pay(clicks);
        if self.owed.is_none()
            && self.held.is_none()
            && let Some((key, velocity)) = wanted
            && clicks.push(Click { key, velocity }).is_ok()
        {
            self.held = Some(key);
        }
    }

    fn pay(&mut self, clicks: &ArrayQueue<Click>) {
        if let Some(key) = self.owed
            && clicks.push(Click { key, velocity: 0.0 }).is_ok()
        {
            self.owed = None;
        }
    }

    fn fade(&mut self, view: &View, keys: &Keys) -> bool {
        let share = 1.0 - (-FADE_PER_S * view.elapsed_s).exp();
        let mut left = 0.0f32;
        for key in keys.all() {
            let lit = match view.snapshot.keys[usize::from(key)] {
                KeyState::Empty => 0.0,
                KeyState::Stale => 0.42,
                KeyState::Rendering => 0.42,
                KeyState::Ready => 1.0,
            };
            let warm = if view.snapshot.is_sounding(key) { 1.0 } else { 0.0 };
            for (now, to) in [(&mut self.lit[usize::from(key)], lit), (&mut self.warm[usize::from(key)], warm)] {
                let way = to - *now;
                *now = if way.abs() < 0.01 { to } else { *now + share * way };
                left = left.max((to - *now).abs());
            }
        }
        left > 0.0
    }

    fn draw_white(&self, view: &View, keys: &Keys, key: u8) {
        let (look, painter) = (view.look, view.ui.painter());
        let whole = keys.rect(key);
        let rect = Rect::from_min_max(whole.min, pos2(whole.right() - look.px(1.2), whole.bottom()));
        let round = below(look.px(3.0));
        if !view.snapshot.in_range(key) {
            // The model has no such pitch; its nearest one sounds, transposed.
            let fill = mix(mix(GROUND, LINE, 0.22), EMBER, self.warm[usize::from(key)]);
            painter.rect_filled(rect, round, fill);
            painter.rect_stroke(rect, round, Stroke::new(look.px(0.8), LINE.gamma_multiply(0.7)), StrokeKind::Inside);
        } else {
            let lit = self.lit[usize::from(key)];
            painter.rect_filled(
                rect,
                round,
                self.tint(view, key, mix(Color32::from_rgb(52, 47, 43), Color32::from_rgb(228, 217, 199), lit)),
            );
            self.glow(view, key, rect);
            self.pip(view, key, rect);
        }
        if key.is_multiple_of(12) && rect.width() > look.px(11.0) {
            let bright = view.snapshot.in_range(key) && self.lit[usize::from(key)] > 0.3;
            let ink = if bright { INK } else { FAINT };
            let at = rect.center_bottom() - vec2(0.0, look.px(13.0));
            look.text(painter, (at, Align2::CENTER_BOTTOM), &keys::name(key), SMALL, ink, f32::INFINITY);
        }
    }

    fn draw_black(&self, view: &View, keys: &Keys, key: u8) {
        let (look, painter) = (view.look, view.ui.painter());
        let rect = keys.rect(key);
        let round = below(look.px(2.5));
        // Cut out of the white keys, so that it stands before them.
        painter.rect_filled(rect.expand2(vec2(look.px(1.2), 0.0)), round, GROUND);
        if !view.snapshot.in_range(key) {
            painter.rect_filled(rect, round, mix(Color32::from_rgb(23, 21, 19), EMBER, self.warm[usize::from(key)]));
            painter.rect_stroke(rect, round, Stroke::new(look.px(0.8), LINE.gamma_multiply(0.7)), StrokeKind::Inside);
            return;
        }
        let lit = self.lit[usize::from(key)];
        painter.rect_filled(
            rect,
            round,
            self.tint(view, key, mix(Color32::from_rgb(30, 27, 25), Color32::from_rgb(74, 64, 55), lit)),
        );
        self.glow(view, key, rect);
        self.pip(view, key, rect);
    }

    /// The colour of a key under the pointer is a little brighter.
    fn tint(&self, view: &View, key: u8, colour: Color32) -> Color32 {
        let colour = if view.snapshot.keys[usize::from(key)] == KeyState::Rendering {
            mix(colour, AMBER, 0.25 + 0.25 * view.pulse)
        } else {
            colour
        };
        if self.hovered == Some(key) { mix(colour, BRIGHT, 0.18) } else { colour }
    }

    /// A sounding key is filled with light from its front.
    fn glow(&self, view: &View, key: u8, rect: Rect) {
        let warm = self.warm[usize::from(key)];
        if warm <= 0.0 {
            return;
        }
        let inside = rect.shrink(view.look.px(0.6));
        let (top, bottom) = (EMBER.gamma_multiply(0.55 * warm), AMBER.gamma_multiply(warm));
        let mut mesh = Mesh::default();
        mesh.colored_vertex(inside.left_top(), top);
        mesh.colored_vertex(inside.right_top(), top);
        mesh.colored_vertex(inside.right_bottom(), bottom);
        mesh.colored_vertex(inside.left_bottom(), bottom);
        mesh.add_triangle(0, 1, 2);
        mesh.add_triangle(0, 2, 3);
        view.ui.painter().add(Shape::mesh(mesh));
    }

    /// The mark at the front of a key that says how far it is.
    fn pip(&self, view: &View, key: u8, rect: Rect) {
        let (look, painter) = (view.look, view.ui.painter());
        let at = rect.center_bottom() - vec2(0.0, look.px(7.0));
        let radius = look.px(2.0);
        match view.snapshot.keys[usize::from(key)] {
            KeyState::Empty => {}
            KeyState::Stale => {
                painter.circle_stroke(at, radius, Stroke::new(look.px(1.0), EMBER));
            }
            KeyState::Rendering => {
                painter.circle_filled(at, radius * (1.0 + 0.5 * view.pulse), AMBER);
            }
            KeyState::Ready => {
                painter.circle_filled(at, radius, if is_black(key) { AMBER } else { EMBER });
            }
        }
    }
}

/// How many keys are ready, as a line over the keys of the model's range.
fn draw_strip(view: &View, strip: Rect) {
    let (look, painter) = (view.look, view.ui.painter());
    let y = strip.top() + look.px(1.5);
    let (left, right) = (pos2(strip.left(), y), pos2(strip.right(), y));
    let (ready, all) = view.snapshot.keys_ready();
    let share = ready as f32 / all.max(1) as f32;
    painter.line_segment([left, right], Stroke::new(look.px(1.5), LINE.gamma_multiply(0.6)));
    if share > 0.0 {
        let ink = if ready == all { EMBER } else { AMBER };
        painter.line_segment([left, left + share * (right - left)], Stroke::new(look.px(1.5), ink));
    }
}

fn below(radius: f32) -> CornerRadius {
    let radius = radius.round() as u8;
    CornerRadius { nw: 0, ne: 0, sw: radius, se: radius }
}
