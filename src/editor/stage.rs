//! The stage of the instrument: the eight directions as a drawing that can be taken hold of, with a row for each beside it.

use egui::{Align2, Color32, Mesh, Pos2, Rect, Response, Sense, Shape, Stroke, Vec2, pos2, vec2};
use nice_plug::prelude::Param;

use super::View;
use super::control::{self, id};
use super::hand::{self, Hand};
use super::icons;
use super::look::{AMBER, BRIGHT, EMBER, FAINT, GROUND, LABEL, LINE, Look, RAISED, TEXT, VALUE, mix};
use super::map::Map;
use super::matching::Matching;
use super::pad::Pad;
use super::rings::{self, Fingerprint, RINGS};
use super::spectrogram::Spectrogram;
use super::tools;
use crate::note::DIRECTIONS;
use crate::params::DIRECTION_LIMIT;
use crate::worker::Instance;

/// Width and height of a direction's row, in design points.
const ROW: Vec2 = vec2(124.0, 44.0);

/// Width of a direction's lock, and its distance from the row, in design points.
const LOCK: f32 = 14.0;
const LOCK_GAP: f32 = 4.0;

/// Width of the choice of faces, in design points.
const FACES: f32 = 276.0;

/// Height of the row of tools at the foot of the stage, with the room over it, in design points.
const TOOLS: f32 = 26.0;
const ABOVE_TOOLS: f32 = 10.0;

/// From the bar of a row down to the row's lower edge, in design points.
const BELOW_BAR: f32 = 11.0;

/// Size of the square by which a handle is taken, in design points.
const HANDLE: f32 = 24.0;

/// How fast the rings go over into those of another seed: the share of the way in a second is 1 - e^-this.
const MORPH_PER_S: f32 = 9.0;

/// What the stage shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Face {
    Rings,
    Map,
    Pad,
    Sound,
}

/// What the stage remembers from frame to frame.
pub struct Stage {
    face: Face,
    map: Map,
    pad: Pad,
    spectrogram: Spectrogram,
    fingerprint: Option<Fingerprint>,
    /// How far the rings have been turned by what sounded, in turns.
    twist: f32,
}

impl Stage {
    pub fn new() -> Self {
        Self {
            face: Face::Rings,
            map: Map::default(),
            pad: Pad::default(),
            spectrogram: Spectrogram::default(),
            fingerprint: None,
            twist: 0.0,
        }
    }

    /// Draws the stage and lets it be played with. True while something moves.
    pub fn show(
        &mut self,
        view: &View,
        rect: Rect,
        hand: &mut Hand,
        matching: &mut Matching,
        instance: &Instance,
    ) -> bool {
        let look = view.look;
        let title = look.title(view.ui.painter(), rect.left_top(), "Timbre");
        let name_at = pos2(title.right() + look.px(12.0), title.center().y);
        let room = rect.right() - look.px(FACES + 88.0) - name_at.x;
        let name = hand::describe(view.params, view.atlas());
        look.text(view.ui.painter(), (name_at, Align2::LEFT_CENTER), &name, VALUE, TEXT, room);
        self.centre_button(view, rect.with_max_x(rect.right() - look.px(FACES + 8.0)));
        self.show_faces(view, rect);
        let tools = Rect::from_min_max(pos2(rect.left(), rect.bottom() - look.px(TOOLS)), rect.max);
        match matching.is_shown() {
            true => matching.show(view, tools),
            false => tools::show(view, tools, hand),
        }
        let rect = rect.with_max_y(tools.top() - look.px(ABOVE_TOOLS));
        match self.face {
            Face::Rings => self.show_rings(view, rect, hand),
            Face::Map => self.map.show(view, rect),
            Face::Pad => self.pad.show(view, rect),
            Face::Sound => self.spectrogram.show(view, rect, |key| instance.note(key)),
        }
    }

    /// Chooses what the stage shows.
    fn show_faces(&mut self, view: &View, rect: Rect) {
        let (look, painter) = (view.look, view.ui.painter());
        let size = vec2(look.px(FACES), look.px(22.0));
        let place = Rect::from_min_size(pos2(rect.right() - size.x, rect.top() - look.px(5.0)), size);
        painter.rect_filled(place, look.px(5.0), RAISED);
        let faces = [
            (Face::Rings, "Rings", "The eight directions of the timbre, around what it is."),
            (Face::Map, "Map", "The model's sounds by their likeness: click one, or drag the dot."),
            (Face::Pad, "Pad", "Four timbres in the corners of a square, and the way between them."),
            (Face::Sound, "Spectrum", "The note that was played last as a spectrogram, and where in it each voice is."),
        ];
        // Each is as wide as its name needs; what is left over is shared.
        let widths = faces.map(|(_, name, _)| look.set(painter, name, VALUE, TEXT, f32::INFINITY, 1).size().x);
        let beside = (size.x - widths.iter().sum::<f32>()) / faces.len() as f32;
        let mut left = place.left();
        for (i, (face, name, sentence)) in faces.into_iter().enumerate() {
            let part = place.with_min_x(left).with_max_x(left + widths[i] + beside);
            left = part.right();
            let response = view.ui.interact(part, id("face", i), Sense::click());
            control::tip(&response, look, sentence);
            if response.clicked() {
                self.face = face;
            }
            let (ink, style) = match (self.face == face, response.hovered()) {
                (true, _) => (GROUND, VALUE),
                (false, true) => (BRIGHT, LABEL),
                (false, false) => (TEXT, LABEL),
            };
            if self.face == face {
                painter.rect_filled(part.shrink(look.px(2.0)), look.px(4.0), AMBER);
            }
            look.text(painter, (part.center(), Align2::CENTER_CENTER), name, style, ink, part.width());
        }
    }

    fn show_rings(&mut self, view: &View, rect: Rect, hand: &mut Hand) -> bool {
        let look = view.look;
        let place = Place::of(look, rect);
        for (i, locked) in hand.locked.iter_mut().enumerate() {
            let own = view.ui.interact(place.lock(look, i), id("lock", i), Sense::click());
            control::tip(&own, look, "Lock: Random and Mutate leave the sound along this direction as it is.");
            if own.clicked() {
                *locked = !*locked;
            }
            let ink = match (*locked, own.hovered()) {
                (true, _) => AMBER,
                (false, true) => TEXT,
                (false, false) => mix(LINE, FAINT, 0.85),
            };
            icons::lock(view.ui.painter(), look, place.lock(look, i).center(), *locked, ink);
        }
        let values: [f32; DIRECTIONS] =
            std::array::from_fn(|i| view.params.directions[i].offset.unmodulated_plain_value() / DIRECTION_LIMIT);
        let touched: [(Response, Response); DIRECTIONS] = std::array::from_fn(|i| {
            let row = view.ui.interact(place.row(i), id("row", i), Sense::click_and_drag());
            let square = Rect::from_center_size(place.handle(i, values[i]), Vec2::splat(look.px(HANDLE)));
            let handle = view.ui.interact(square, id("handle", i), Sense::click_and_drag());
            let param = &view.params.directions[i].offset;
            control::all(view.ui, &row, param, &view.setter, vec2(place.row(i).width(), 0.0));
            control::all(view.ui, &handle, param, &view.setter, rings::REACH * place.radius * rings::spoke(i));
            (row, handle)
        });
        let hot = touched
            .each_ref()
            .map(|(row, handle)| row.hovered() || row.dragged() || handle.hovered() || handle.dragged());

        let moves = self.draw_rings(view, &place);
        for (i, &hot) in hot.iter().enumerate() {
            draw_direction(view, &place, i, values[i], hot);
        }
        moves
    }

    /// Puts every direction back into its middle.
    fn centre_button(&self, view: &View, rect: Rect) {
        let size = vec2(view.look.px(64.0), view.look.px(22.0));
        let place = Rect::from_min_size(pos2(rect.right() - size.x, rect.top() - view.look.px(5.0)), size);
        let sentence = "Puts every direction back into its middle.";
        if control::word_button(view.ui, view.look, place, id("centre", 0), true, "Centre", sentence) {
            for direction in &view.params.directions {
                if direction.offset.unmodulated_plain_value() != direction.offset.default_plain_value() {
                    control::set(&direction.offset, &view.setter, direction.offset.default_plain_value());
                }
            }
        }
    }

    fn draw_rings(&mut self, view: &View, place: &Place) -> bool {
        let target = Fingerprint::of(view.fingerprint());
        let fingerprint = self.fingerprint.get_or_insert(target);
        let morphs = fingerprint.approach(&target, 1.0 - (-MORPH_PER_S * view.elapsed_s).exp());
        self.twist = (self.twist + 0.35 * view.glow * view.elapsed_s).rem_euclid(std::f32::consts::TAU);
        let shape = rings::Shape {
            // What sounds, with what the host adds to the parameter's own value.
            directions: std::array::from_fn(|i| view.params.directions[i].offset.value() / DIRECTION_LIMIT),
            fingerprint: *fingerprint,
            character: view.params.character.value(),
            twist: self.twist,
        };
        let painter = view.ui.painter();
        let heat = 0.40 + 0.60 * view.glow;
        let outermost = shape.ring(RINGS, place.centre, place.radius);
        painter.add(fill(place.centre, &outermost, heat));
        for ring in 1..=RINGS {
            let share = ring as f32 / RINGS as f32;
            let last = ring == RINGS;
            let points = if last { outermost.clone() } else { shape.ring(ring, place.centre, place.radius) };
            let colour = mix(
                mix(EMBER, AMBER, 0.15 + share * (0.75 + 0.5 * view.glow)),
                BRIGHT,
                0.30 * share.powi(6) + 0.2 * view.glow,
            );
            let ink = if last { mix(AMBER, BRIGHT, 0.35) } else { colour.gamma_multiply(0.42 + 0.45 * share) };
            let width = view.look.px(if last { 2.0 } else { 0.9 + 0.4 * share });
            painter.add(Shape::closed_line(points, Stroke::new(width, ink)));
        }
        morphs
    }
}

/// Where things are on the stage.
struct Place {
    rect: Rect,
    row: Vec2,
    /// Room for a lock beside a row.
    lock: f32,
    centre: Pos2,
    /// Of a direction at its upper end.
    radius: f32,
    /// From a row's bar down to its lower edge.
    below_bar: f32,
}

impl Place {
    fn of(look: Look, rect: Rect) -> Self {
        let row = vec2(look.px(ROW.x), look.px(ROW.y));
        let below_title = Rect::from_min_max(rect.min + vec2(0.0, look.px(20.0)), rect.max);
        // The upper rows reach higher than the circle, by what stands over their bars.
        let lock = look.px(LOCK + LOCK_GAP);
        let radius =
            (rect.width() / 2.0 - row.x - lock - look.px(18.0)).min(below_title.height() / 2.0 - look.px(22.0));
        Self { rect: below_title, row, lock, centre: below_title.center(), radius, below_bar: look.px(BELOW_BAR) }
    }

    /// A row lies so that a level line leads from its bar to the tip of its spoke.
    fn row(&self, direction: usize) -> Rect {
        let left = direction < DIRECTIONS / 2;
        let x = if left { self.rect.left() + self.lock } else { self.rect.right() - self.lock - self.row.x };
        let bar_y = self.tip(direction).y;
        Rect::from_min_size(pos2(x, bar_y + self.below_bar - self.row.y), self.row)
    }

    /// The lock of a direction, outside its row and level with its name.
    fn lock(&self, look: Look, direction: usize) -> Rect {
        let row = self.row(direction);
        let size = vec2(look.px(LOCK), look.px(18.0));
        let left = direction < DIRECTIONS / 2;
        let x = if left { row.left() - self.lock } else { row.right() + self.lock - size.x };
        Rect::from_min_size(pos2(x, row.top()), size)
    }

    fn tip(&self, direction: usize) -> Pos2 {
        self.centre + self.radius * rings::spoke(direction)
    }

    fn handle(&self, direction: usize, value: f32) -> Pos2 {
        self.centre + rings::radius(value) * self.radius * rings::spoke(direction)
    }
}

/// A glow from the middle of a closed curve to its edge.
fn fill(centre: Pos2, outline: &[Pos2], heat: f32) -> Shape {
    let mut mesh = Mesh::default();
    mesh.colored_vertex(centre, mix(EMBER, AMBER, heat * 0.6).gamma_multiply(0.20 + 0.45 * heat));
    let halfway = EMBER.gamma_multiply(0.16 + 0.22 * heat);
    let edge = EMBER.gamma_multiply(0.05);
    for point in outline {
        mesh.colored_vertex(centre + (*point - centre) * 0.55, halfway);
        mesh.colored_vertex(*point, edge);
    }
    let count = outline.len() as u32;
    for i in 0..count {
        let (inner, outer) = (1 + 2 * i, 2 + 2 * i);
        let (next_inner, next_outer) = (1 + 2 * ((i + 1) % count), 2 + 2 * ((i + 1) % count));
        mesh.add_triangle(0, inner, next_inner);
        mesh.add_triangle(inner, outer, next_outer);
        mesh.add_triangle(inner, next_outer, next_inner);
    }
    Shape::mesh(mesh)
}

fn draw_direction(view: &View, place: &Place, direction: usize, value: f32, hot: bool) {
    let (look, painter) = (view.look, view.ui.painter());
    let row = place.row(direction);
    let left = direction < DIRECTIONS / 2;
    let bar_y = row.bottom() - place.below_bar;

    // The spoke, its two ends, and the line that leads from it to the row.
    let spoke = rings::spoke(direction);
    let tip = place.tip(direction);
    let foot = place.centre + rings::radius(-1.0) * place.radius * spoke;
    let faint: Color32 = if hot { FAINT } else { LINE };
    painter.line_segment([foot, tip], Stroke::new(look.px(1.0), faint.gamma_multiply(0.8)));
    let outward = if left { -1.0 } else { 1.0 };
    let edge = if left { row.right() } else { row.left() } - outward * look.px(8.0);
    if (edge - tip.x) * outward > 0.0 {
        painter.line_segment([tip, pos2(edge, bar_y)], Stroke::new(look.px(1.0), faint.gamma_multiply(0.8)));
    }

    let at = place.handle(direction, value);
    if hot {
        painter.circle_filled(at, look.px(11.0), AMBER.gamma_multiply(0.25));
    }
    painter.circle_filled(at, look.px(6.0), if hot { BRIGHT } else { mix(AMBER, BRIGHT, 0.45) });
    painter.circle_filled(at, look.px(3.2), GROUND);

    // The row: name and value over a bar that grows from its middle.
    let label = view.snapshot.model.directions.get(direction).filter(|label| !label.is_empty());
    let fixed = format!("Timbre {}", direction + 1);
    let text_y = row.top() + look.px(9.0);
    let param = &view.params.directions[direction].offset;
    // The text of the value goes on with the model's label, which stands beside it here.
    let text = param.to_string();
    let number = text.split_whitespace().next().unwrap_or_default();
    let ink = if hot { BRIGHT } else { TEXT };
    let value_rect =
        look.text(painter, (pos2(row.right(), text_y), Align2::RIGHT_CENTER), number, VALUE, ink, row.width());
    let room = value_rect.left() - row.left() - look.px(8.0);
    let name_ink = if label.is_some() || hot { TEXT } else { FAINT };
    look.text(painter, (pos2(row.left(), text_y), Align2::LEFT_CENTER), label.unwrap_or(&fixed), LABEL, name_ink, room);

    let middle = pos2(row.center().x, bar_y);
    let thumb = pos2(row.center().x + value * row.width() / 2.0, bar_y);
    painter.line_segment([pos2(row.left(), bar_y), pos2(row.right(), bar_y)], Stroke::new(look.px(2.0), LINE));
    painter.line_segment(
        [middle - vec2(0.0, look.px(3.0)), middle + vec2(0.0, look.px(3.0))],
        Stroke::new(look.px(1.0), FAINT),
    );
    let bright = if hot { mix(AMBER, BRIGHT, 0.35) } else { AMBER };
    painter.line_segment([middle, thumb], Stroke::new(look.px(2.5), bright));
    painter.circle_filled(thumb, look.px(4.0), bright);
}
