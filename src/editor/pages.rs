//! The pages of the side's lower part, and the words that choose one.

use egui::{Align2, Rect, Sense, Stroke, pos2, vec2};

use super::View;
use super::control::{self, id};
use super::look::{AMBER, BRIGHT, FAINT, LABEL};

/// What the side shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Page {
    Envelope,
    Expression,
    Filter,
    Motion,
    Tuning,
    Learn,
}

/// Each with its word and what is on it.
pub const PAGES: [(Page, &str, &str); 6] = [
    (Page::Envelope, "Sound", "The envelope of the level, and how the instrument is played."),
    (Page::Expression, "Expression", "What wheel, breath, pressure, slide, velocity and key move, and how far."),
    (Page::Filter, "Filter", "The filter of each voice, the second envelope and the slow wave."),
    (Page::Motion, "Motion", "Where in the generated note a stroke begins, and how it goes through it."),
    (Page::Tuning, "Tuning", "The pitch of each key: scales of Scala, and MTS-ESP."),
    (Page::Learn, "MIDI", "Which controller of this machine moves which parameter."),
];

/// Lets one of the pages be chosen.
pub fn choose(view: &View, rect: Rect, page: &mut Page) {
    let (look, painter) = (view.look, view.ui.painter());
    let mut left = rect.left();
    for (index, (own, name, sentence)) in PAGES.into_iter().enumerate() {
        let width = look.set(painter, name, LABEL, FAINT, f32::INFINITY, 1).size().x;
        let place = Rect::from_min_max(pos2(left, rect.top()), pos2(left + width, rect.bottom()));
        let response = view.ui.interact(place.expand2(vec2(look.px(6.0), 0.0)), id("page", index), Sense::click());
        control::tip(&response, look, sentence);
        if response.clicked() {
            *page = own;
        }
        let ink = match (*page == own, response.hovered()) {
            (true, _) => AMBER,
            (false, true) => BRIGHT,
            (false, false) => FAINT,
        };
        look.text(painter, (place.left_center(), Align2::LEFT_CENTER), name, LABEL, ink, f32::INFINITY);
        if *page == own {
            painter.line_segment([place.left_bottom(), place.right_bottom()], Stroke::new(look.px(1.5), AMBER));
        }
        left += width + look.px(14.0);
    }
}
