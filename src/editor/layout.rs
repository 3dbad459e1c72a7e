//! Where the regions of the window lie. Pure arithmetic, so that every size of window can be tested without one.

use egui::{Rect, Vec2, pos2, vec2};

/// Size of the window in which one design point is one point of the screen.
pub const DESIGN: Vec2 = vec2(1080.0, 700.0);

/// Smallest window.
pub const LEAST: Vec2 = vec2(840.0, 540.0);

/// Scale beyond which nothing grows any more but the room between things.
const LARGEST_SCALE: f32 = 3.0;

const MARGIN: f32 = 24.0;
const HEADER: f32 = 62.0;
const FOOTER: f32 = 34.0;
const KEYBOARD: f32 = 112.0;
/// The keyboard gives some of its height to an error that is shown.
const KEYBOARD_BELOW_BANNER: f32 = 92.0;
const SIDE: f32 = 336.0;
const GAP: f32 = 16.0;

/// How large a design point is in a window of this size.
pub fn scale(window: Vec2) -> f32 {
    let least = (LEAST.x / DESIGN.x).max(LEAST.y / DESIGN.y);
    (window.x / DESIGN.x).min(window.y / DESIGN.y).clamp(least, LARGEST_SCALE)
}

/// The regions of the window, from top to bottom.
#[derive(Clone, Copy, Debug)]
pub struct Regions {
    pub header: Rect,
    /// What went wrong; empty where nothing did.
    pub banner: Rect,
    /// The eight directions.
    pub stage: Rect,
    /// Seed, envelope and playing.
    pub side: Rect,
    pub keyboard: Rect,
    pub footer: Rect,
}

impl Regions {
    /// `banner` is the height that the error needs, in screen points; 0 for none.
    pub fn of(window: Rect, banner: f32) -> Self {
        let s = scale(window.size());
        // A host may make the window smaller than it was told; the regions then keep their size and are cut off.
        let window = Rect::from_min_size(window.min, window.size().max(LEAST));
        let (left, right) = (window.left() + MARGIN * s, window.right() - MARGIN * s);
        let row = |top: f32, bottom: f32| Rect::from_min_max(pos2(left, top), pos2(right, bottom));

        let header = row(window.top(), window.top() + HEADER * s);
        let banner_rect = row(header.bottom(), header.bottom() + banner);
        let footer = row(window.bottom() - FOOTER * s, window.bottom());
        let keys = if banner > 0.0 { KEYBOARD_BELOW_BANNER } else { KEYBOARD };
        let keyboard = row(footer.top() - keys * s, footer.top());
        let gap = if banner > 0.0 { GAP * s } else { 0.0 };
        let body = row(banner_rect.bottom() + gap, keyboard.top() - GAP * s);
        let (stage, side) = body.split_left_right_at_x(body.right() - SIDE * s);
        let stage = Rect::from_min_max(stage.min, pos2(stage.right() - 2.0 * GAP * s, stage.bottom()));
        Self { header, banner: banner_rect, stage, side, keyboard, footer }
    }

    /// Stage and side together, where the browser opens.
    pub fn body(&self) -> Rect {
        self.stage.union(self.side)
    }
}

/// The `index`th of `count` equal columns with a gap between them.
pub fn column(rect: Rect, index: usize, count: usize, gap: f32) -> Rect {
    let width = (rect.width() - gap * (count - 1) as f32) / count as f32;
    Rect::from_min_size(pos2(rect.left() + index as f32 * (width + gap), rect.top()), vec2(width, rect.height()))
}
