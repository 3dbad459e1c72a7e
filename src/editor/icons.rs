//! The few signs of the editor, drawn by lines so that they are sharp at every size.

use egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, Vec2, pos2, vec2};

use super::look::Look;

/// An arrowhead that points to the left (`direction` -1) or to the right (1).
pub fn chevron(painter: &Painter, look: Look, at: Pos2, direction: f32, ink: Color32) {
    let reach = look.px(4.5);
    let points = [
        vec2(-direction * reach * 0.5, -reach),
        vec2(direction * reach * 0.5, 0.0),
        vec2(-direction * reach * 0.5, reach),
    ];
    painter.add(Shape::line(points.map(|point| at + point).to_vec(), Stroke::new(look.px(1.6), ink)));
}

/// A cross that closes something.
pub fn cross(painter: &Painter, look: Look, at: Pos2, ink: Color32) {
    let reach = look.px(4.5);
    for side in [-1.0, 1.0] {
        let arm = vec2(reach, side * reach);
        painter.line_segment([at - arm, at + arm], Stroke::new(look.px(1.6), ink));
    }
}

/// A die that shows five.
pub fn die(painter: &Painter, look: Look, at: Pos2, ink: Color32) {
    let size = look.px(17.0);
    let rect = Rect::from_center_size(at, Vec2::splat(size));
    painter.rect_stroke(rect, look.px(3.5), Stroke::new(look.px(1.4), ink), StrokeKind::Inside);
    for (x, y) in [(-1.0, -1.0), (1.0, -1.0), (0.0, 0.0), (-1.0, 1.0), (1.0, 1.0)] {
        painter.circle_filled(at + vec2(x, y) * (size * 0.24), look.px(1.5), ink);
    }
}

/// A folder.
pub fn folder(painter: &Painter, look: Look, at: Pos2, ink: Color32) {
    let (w, h) = (look.px(7.0), look.px(5.0));
    let outline = [(-w, h), (-w, -h), (-w * 0.2, -h), (w * 0.1, -h * 0.55), (w, -h * 0.55), (w, h)];
    let points = outline.iter().map(|&(x, y)| at + vec2(x, y)).collect();
    painter.add(Shape::closed_line(points, Stroke::new(look.px(1.3), ink)));
}

/// The rings of a model, and of the instrument's name.
pub fn rings(painter: &Painter, look: Look, at: Pos2, radius: f32, ink: Color32) {
    for share in [1.0, 0.62, 0.26] {
        painter.circle_stroke(at, radius * share, Stroke::new(look.px(1.3), ink));
    }
}

/// An arrow upwards, to the folder above.
pub fn up(painter: &Painter, look: Look, at: Pos2, ink: Color32) {
    let reach = look.px(4.5);
    let stroke = Stroke::new(look.px(1.5), ink);
    painter.line_segment([at + vec2(0.0, reach), at - vec2(0.0, reach)], stroke);
    let tip = pos2(at.x, at.y - reach);
    painter.add(Shape::line(
        vec![tip + vec2(-reach * 0.8, reach * 0.8), tip, tip + vec2(reach * 0.8, reach * 0.8)],
        stroke,
    ));
}

/// The sign of the key that takes back the last digit.
pub fn take_back(painter: &Painter, look: Look, at: Pos2, ink: Color32) {
    let reach = look.px(6.0);
    let stroke = Stroke::new(look.px(1.5), ink);
    painter.line_segment([at - vec2(reach, 0.0), at + vec2(reach, 0.0)], stroke);
    let tip = at - vec2(reach, 0.0);
    painter.add(Shape::line(
        vec![tip + vec2(reach * 0.7, -reach * 0.7), tip, tip + vec2(reach * 0.7, reach * 0.7)],
        stroke,
    ));
}
