//! MIDI learn: ties a controller of the keyboard that stands there to a parameter.

use egui::{Align2, Rect, Sense, pos2, vec2};
use nice_plug::prelude::{ParamPtr, Params};

use super::View;
use super::control::{self, id};
use super::icons;
use super::look::{AMBER, FAINT, LABEL, SMALL, TEXT, VALUE};
use crate::midi_map::{Learning, MidiMap};

/// Height of a row, in design points.
const ROW: f32 = 22.0;

/// How far a parameter must be moved to be meant, as a share of its range.
const MEANT: f32 = 0.002;

/// What is waited for.
#[expect(clippy::enum_variant_names, reason = "each is read together with the enum's name")]
enum Waits {
    ForNothing,
    /// For a hand at a control. Where all of them were.
    ForParameter(Vec<f32>),
    /// For a controller, for this parameter.
    ForController(usize),
}

/// The page, and what it waits for.
pub struct LearnPage {
    map: &'static MidiMap,
    /// The parameters, by their numbers.
    params: Vec<ParamPtr>,
    waits: Waits,
    /// The first row that is shown.
    first: usize,
    error: Option<String>,
}

impl LearnPage {
    pub fn new(params: &impl Params, map: &'static MidiMap) -> Self {
        let params = params.param_map().into_iter().map(|(_, pointer, _)| pointer).collect();
        Self { map, params, waits: Waits::ForNothing, first: 0, error: None }
    }

    // SAFETY, for all calls of the pointers in here: the editor holds the parameters, and this page with them.

    fn name(&self, number: usize) -> String {
        // SAFETY: see above.
        self.params.get(number).map_or_else(String::new, |pointer| unsafe { pointer.name() }.to_owned())
    }

    fn places(&self) -> Vec<f32> {
        // SAFETY: see above.
        self.params.iter().map(|pointer| unsafe { pointer.unmodulated_normalized_value() }).collect()
    }

    /// Follows what is waited for, whichever page is shown.
    pub fn follow(&mut self, learning: &Learning) {
        if let Waits::ForParameter(before) = &self.waits {
            let moved = self.places().iter().zip(before).position(|(now, before)| (now - before).abs() > MEANT);
            if let Some(number) = moved {
                self.waits = Waits::ForController(number);
                learning.begin();
            }
        }
        if let Waits::ForController(number) = self.waits
            && let Some(controller) = learning.take()
        {
            self.error = self.map.tie(controller, Some(number)).err().map(|error| format!("{error:#}."));
            self.waits = Waits::ForNothing;
        }
    }

    /// Tells the host what controllers have moved.
    pub fn tell(&self, learning: &Learning, gui: &nice_plug::context::gui::GuiContext) {
        for pointer in learning.take_moved().filter_map(|number| self.params.get(number)) {
            // SAFETY: see above.
            unsafe {
                let now = pointer.unmodulated_normalized_value();
                gui.raw_begin_set_parameter(*pointer);
                gui.raw_set_parameter_normalized(*pointer, now);
                gui.raw_end_set_parameter(*pointer);
            }
        }
    }

    pub fn show(&mut self, view: &View, rect: Rect, learning: &Learning) {
        self.map.open();
        let (look, painter) = (view.look, view.ui.painter());
        let button = Rect::from_min_size(rect.min, vec2(look.px(96.0), look.px(26.0)));
        let is_idle = matches!(self.waits, Waits::ForNothing);
        let (words, sentence) = match is_idle {
            true => ("Learn", "Move a parameter, then a controller: from then on it moves that parameter."),
            false => ("Stop", "Leaves all controllers as they were."),
        };
        if control::word_button(view.ui, look, button, id("learn", 0), true, words, sentence) {
            learning.cancel();
            self.waits = if is_idle { Waits::ForParameter(self.places()) } else { Waits::ForNothing };
            self.error = None;
        }
        let words = match (&self.waits, &self.error) {
            (Waits::ForNothing, Some(error)) => error.clone(),
            (Waits::ForNothing, None) => {
                "Ties a controller to a parameter, on this machine and for all sessions.".to_owned()
            }
            (Waits::ForParameter(_), _) => "Move a control of Timbrel, on any page.".to_owned(),
            (Waits::ForController(number), _) => format!("Now move the controller for {}.", self.name(*number)),
        };
        let ink = if is_idle { FAINT } else { AMBER };
        let room = rect.right() - button.right() - look.px(12.0);
        let galley = look.set(painter, &words, SMALL, ink, room, 3);
        painter.galley(pos2(button.right() + look.px(12.0), rect.top() + look.px(2.0)), galley, ink);

        let list = rect.with_min_y(button.bottom() + look.px(14.0));
        let ties = self.map.ties();
        let rows = ((list.height() / look.px(ROW)) as usize).max(1);
        let whole = view.ui.interact(list, id("learn list", 0), Sense::hover());
        let steps = control::wheel(view.ui, &whole);
        self.first = self.first.saturating_add_signed(-steps as isize).min(ties.len().saturating_sub(rows));
        for (row, &(controller, number)) in ties.iter().skip(self.first).take(rows).enumerate() {
            let top = list.top() + look.px(ROW) * row as f32;
            let place = Rect::from_min_size(pos2(list.left(), top), vec2(list.width(), look.px(ROW - 2.0)));
            let number_place = place.with_max_x(place.left() + look.px(70.0));
            let words = format!("CC {controller}");
            look.text(
                painter,
                (number_place.left_center(), Align2::LEFT_CENTER),
                &words,
                VALUE,
                TEXT,
                number_place.width(),
            );
            let at = pos2(number_place.right(), place.center().y);
            look.text(
                painter,
                (at, Align2::LEFT_CENTER),
                &self.name(number),
                LABEL,
                FAINT,
                place.right() - at.x - look.px(34.0),
            );
            let cross = place.with_min_x(place.right() - look.px(28.0));
            let sign = |painter: &egui::Painter, at, ink| icons::cross(painter, look, at, ink);
            let sentence = "Lets this controller move nothing any more.";
            if control::sign_button(view.ui, look, cross, id("untie", row), true, sentence, sign) {
                self.error = self.map.tie(controller, None).err().map(|error| format!("{error:#}."));
            }
        }
    }
}
