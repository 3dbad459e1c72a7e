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

/// An arrow that turns back (`direction` -1) or forth (1).
pub fn turn(painter: &Painter, look: Look, at: Pos2, direction: f32, ink: Color32) {
    let stroke = Stroke::new(look.px(1.5), ink);
    let along = |x: f32, y: f32| at + vec2(direction * look.px(x), look.px(y));
    let top = -3.2;
    let bow: Vec<Pos2> = (0..=12)
        .map(|i| {
            let angle = std::f32::consts::PI * (-0.5 + i as f32 / 12.0);
            along(-1.5 - 3.8 * angle.cos(), 0.6 + 3.8 * angle.sin())
        })
        .collect();
    let (first, last) = (bow[0], bow[12]);
    painter.add(Shape::line(bow, stroke));
    painter.line_segment([first, along(5.0, top)], stroke);
    painter.line_segment([last, along(2.0, 4.4)], stroke);
    let tip = along(5.6, top);
    painter.add(Shape::line(
        vec![
            tip + vec2(-direction * look.px(3.2), look.px(-3.0)),
            tip,
            tip + vec2(-direction * look.px(3.2), look.px(3.0)),
        ],
        stroke,
    ));
}

/// A lock, closed or open.
pub fn lock(painter: &Painter, look: Look, at: Pos2, closed: bool, ink: Color32) {
    let stroke = Stroke::new(look.px(1.2), ink);
    let body = Rect::from_center_size(at + vec2(0.0, look.px(2.0)), vec2(look.px(8.0), look.px(6.0)));
    if closed {
        painter.rect_filled(body, look.px(1.5), ink);
    } else {
        painter.rect_stroke(body, look.px(1.5), stroke, StrokeKind::Inside);
    }
    let lean = if closed { 0.0 } else { look.px(2.2) };
    let bow = (0..=8).map(|i| {
        let angle = std::f32::consts::PI * (1.0 + i as f32 / 8.0);
        pos2(at.x + lean + look.px(2.4) * angle.cos(), body.top() - look.px(1.0) + look.px(2.6) * angle.sin())
    });
    let mut bow: Vec<Pos2> = bow.collect();
    bow.insert(0, pos2(bow[0].x, body.top()));
    if closed {
        bow.push(pos2(bow[9].x, body.top()));
    }
    painter.add(Shape::line(bow, stroke));
}

/// An arrow down into a tray: to keep something.
pub fn save(painter: &Painter, look: Look, at: Pos2, ink: Color32) {
    let stroke = Stroke::new(look.px(1.5), ink);
    let reach = look.px(6.0);
    let tray = [vec2(-reach, reach * 0.2), vec2(-reach, reach), vec2(reach, reach), vec2(reach, reach * 0.2)];
    painter.add(Shape::line(tray.map(|point| at + point).to_vec(), stroke));
    let tip = at + vec2(0.0, reach * 0.35);
    painter.line_segment([at - vec2(0.0, reach), tip], stroke);
    let wing = reach * 0.55;
    painter.add(Shape::line(vec![tip + vec2(-wing, -wing), tip, tip + vec2(wing, -wing)], stroke));
}

/// A heart, for what somebody likes.
pub fn heart(painter: &Painter, look: Look, at: Pos2, full: bool, ink: Color32) {
    let points: Vec<Pos2> = (0..=28)
        .map(|i| {
            let t = std::f32::consts::TAU * i as f32 / 28.0;
            let x = 16.0 * t.sin().powi(3);
            let y = 13.0 * t.cos() - 5.0 * (2.0 * t).cos() - 2.0 * (3.0 * t).cos() - (4.0 * t).cos();
            at + vec2(x, -y) * look.px(0.36)
        })
        .collect();
    if full {
        let mut mesh = egui::Mesh::default();
        mesh.colored_vertex(at, ink);
        points.iter().for_each(|&point| mesh.colored_vertex(point, ink));
        (1..points.len() as u32).for_each(|i| mesh.add_triangle(0, i, i + 1));
        painter.add(Shape::mesh(mesh));
    }
    painter.add(Shape::closed_line(points, Stroke::new(look.px(1.2), ink)));
}

/// A folder.
pub fn folder(painter: &Painter, look: Look, at: Pos2, ink: Color32) {
    let (w, h) = (look.px(7.0), look.px(5.0));
    let outline = [(-w, h), (-w, -h), (-w * 0.2, -h), (w * 0.1, -h * 0.55), (w, -h * 0.55), (w, h)];
    let points = outline.iter().map(|&(x, y)| at + vec2(x, y)).collect();
    painter.add(Shape::closed_line(points, Stroke::new(look.px(1.3), ink)));
}

/// A swing that dies away: what was recorded.
pub fn wave(painter: &Painter, look: Look, at: Pos2, ink: Color32) {
    let point = |i: usize| {
        let share = i as f32 / 24.0;
        let height = 1.0 - 0.75 * share;
        at + vec2(look.px(14.0 * share - 7.0), -look.px(5.5 * height) * (3.0 * std::f32::consts::TAU * share).sin())
    };
    painter.add(Shape::line((0..=24).map(point).collect(), Stroke::new(look.px(1.3), ink)));
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
