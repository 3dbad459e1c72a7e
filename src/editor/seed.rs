//! The seed and the character: where the timbre starts from. The seed can be stepped, thrown, and typed on a keypad that
//! needs no keyboard, since some hosts keep the keyboard to themselves.

use egui::{Align2, Event, Key, Rect, Sense, Stroke, Vec2, pos2, vec2};
use nice_plug::prelude::Param;

use super::View;
use super::control::{self, id};
use super::icons;
use super::layout::column;
use super::look::{AMBER, BRIGHT, DIGITS, FAINT, GROUND, LINE, TEXT, VALUE};
use crate::note::Base;
use crate::params::SEED_MAX;

/// Digits of the largest seed.
const PLACES: usize = 4;

/// What is being typed.
pub struct Keypad {
    /// The digits so far; empty while the old seed stands.
    typed: Option<String>,
    /// Whether the keypad should ask for the keyboard in the next frame.
    asks_for_keyboard: bool,
}

impl Keypad {
    pub fn new() -> Self {
        Self { typed: None, asks_for_keyboard: false }
    }

    pub fn is_open(&self) -> bool {
        self.typed.is_some()
    }

    /// The seed, its buttons, and the character.
    pub fn show_seed(&mut self, view: &View, rect: Rect) {
        let (look, painter) = (view.look, view.ui.painter());
        look.title(painter, rect.left_top(), "Seed");
        let param = &view.params.seed;
        let seed = param.unmodulated_plain_value();
        // Faint while something else plays in its place.
        let plays = view.params.timbre().base == Base::Seeds;

        let digits =
            Rect::from_min_size(rect.left_top() + vec2(0.0, look.px(18.0)), vec2(look.px(112.0), look.px(46.0)));
        let response = view.ui.interact(digits, id("digits", 0), Sense::click_and_drag());
        control::drag(view.ui, &response, param, &view.setter, vec2(0.0, -look.px(control::KNOB_TRAVEL * 8.0)));
        control::step_and_reset(view.ui, &response, param, &view.setter);
        control::say(view.ui, &response, param);
        if response.clicked() {
            self.typed = if self.is_open() { None } else { Some(String::new()) };
            self.asks_for_keyboard = self.is_open();
        }
        let hot = response.hovered() || response.dragged() || self.is_open();
        let shown = match &self.typed {
            Some(typed) if !typed.is_empty() => format!("{typed:_>PLACES$}"),
            _ => format!("{seed:0PLACES$}"),
        };
        for (i, digit) in shown.chars().enumerate() {
            // Every digit has a place of its own, so that the number stands still while it counts.
            let at = column(digits, i, PLACES, 0.0).center();
            let ink = match (self.is_open(), hot) {
                (true, _) => AMBER,
                (false, true) => BRIGHT,
                (false, false) if plays => TEXT,
                (false, false) => FAINT.gamma_multiply(0.6),
            };
            look.text(painter, (at, Align2::CENTER_CENTER), &digit.to_string(), DIGITS, ink, f32::INFINITY);
        }

        let button = vec2(look.px(30.0), look.px(26.0));
        let top = digits.bottom() + look.px(6.0);
        let place =
            |i: usize| Rect::from_min_size(pos2(rect.left() + i as f32 * (button.x + look.px(6.0)), top), button);
        let (previous, next, thrown) = (place(0), place(1), place(2));
        for (i, (place, value, sentence)) in [
            (previous, (seed - 1).rem_euclid(SEED_MAX + 1), "The seed before."),
            (next, (seed + 1).rem_euclid(SEED_MAX + 1), "The next seed."),
            (thrown, (super::hand::chance() % (SEED_MAX as u32 + 1)) as i32, "A seed by chance."),
        ]
        .into_iter()
        .enumerate()
        {
            let sign = |painter: &egui::Painter, at: egui::Pos2, ink| match i {
                0 => icons::chevron(painter, look, at, -1.0, ink),
                1 => icons::chevron(painter, look, at, 1.0, ink),
                _ => icons::die(painter, look, at, ink),
            };
            if control::sign_button(view.ui, look, place, id("seed", i), true, sentence, sign) {
                control::set(param, &view.setter, value);
            }
        }
        self.show_character(view, Rect::from_min_max(pos2(rect.left() + look.px(150.0), rect.top()), rect.max));
    }

    fn show_character(&self, view: &View, rect: Rect) {
        let (look, painter) = (view.look, view.ui.painter());
        let param = &view.params.character;
        let response = view.ui.interact(rect, id("character", 0), Sense::click_and_drag());
        control::all(view.ui, &response, param, &view.setter, vec2(rect.width(), 0.0));
        let hot = response.hovered() || response.dragged();
        look.title(painter, rect.left_top(), "Character");
        let middle = rect.top() + look.px(41.0);
        let ink = if hot { BRIGHT } else { TEXT };
        let galley = look.set(painter, &param.to_string(), DIGITS, ink, rect.width(), 1);
        painter.galley(pos2(rect.left(), middle - galley.size().y / 2.0), galley, ink);

        let bar_y = rect.top() + look.px(83.0);
        let (left, right) = (pos2(rect.left(), bar_y), pos2(rect.right(), bar_y));
        let thumb = left + param.unmodulated_normalized_value() * (right - left);
        // At 100 % the latent is as it was drawn.
        let drawn = left + param.default_normalized_value() * (right - left);
        painter.line_segment([left, right], Stroke::new(look.px(2.0), LINE));
        painter.line_segment(
            [drawn - vec2(0.0, look.px(4.0)), drawn + vec2(0.0, look.px(4.0))],
            Stroke::new(look.px(1.0), FAINT),
        );
        let bright = if hot { BRIGHT } else { AMBER };
        painter.line_segment([left, thumb], Stroke::new(look.px(2.5), AMBER));
        painter.circle_filled(thumb, look.px(5.0), bright);
    }

    /// The keypad, in place of what else the side shows.
    pub fn show(&mut self, view: &View, rect: Rect) {
        let (look, painter) = (view.look, view.ui.painter());
        look.title(painter, rect.left_top(), "Enter a seed");
        let area = Rect::from_min_max(rect.min + vec2(0.0, look.px(24.0)), rect.max);
        let gap = look.px(8.0);
        let height = ((area.height() - 3.0 * gap) / 4.0).min(look.px(58.0));
        let place = |row: usize, at: usize| {
            let line =
                Rect::from_min_size(area.min + vec2(0.0, row as f32 * (height + gap)), vec2(area.width(), height));
            column(line, at, 4, gap)
        };
        let mut presses: Vec<Press> = Vec::new();
        for digit in 0..10u8 {
            let spot =
                if digit == 0 { place(3, 1) } else { place(usize::from(digit - 1) / 3, usize::from(digit - 1) % 3) };
            if control::text_button(view.ui, look, spot, id("digit", digit.into()), &digit.to_string()) {
                presses.push(Press::Digit(char::from(b'0' + digit)));
            }
        }
        let back = place(0, 3);
        let (clicked, hovered) = control::button(view.ui, look, back, id("pad", 0));
        icons::take_back(painter, look, back.center(), if hovered { BRIGHT } else { TEXT });
        if clicked {
            presses.push(Press::TakeBack);
        }
        if control::text_button(view.ui, look, place(1, 3), id("pad", 1), "Cancel") {
            presses.push(Press::Cancel);
        }
        if accept_button(view, place(2, 3).union(place(3, 3))) {
            presses.push(Press::Accept);
        }
        // Where there is a keyboard, it works too: the pad asks for it like a text field.
        let pad = view.ui.interact(Rect::from_min_size(area.left_bottom(), Vec2::ZERO), id("pad", 3), Sense::click());
        if std::mem::take(&mut self.asks_for_keyboard) {
            pad.request_focus();
        }
        if pad.has_focus() {
            presses.extend(view.ui.input(|input| input.events.iter().filter_map(Press::typed).collect::<Vec<_>>()));
        }
        for press in presses {
            self.press(view, press);
        }
    }

    fn press(&mut self, view: &View, press: Press) {
        let Some(typed) = &mut self.typed else { return };
        match press {
            Press::Digit(digit) => {
                if typed.len() == PLACES {
                    typed.clear();
                }
                typed.push(digit);
            }
            Press::TakeBack => {
                typed.pop();
            }
            Press::Cancel => self.typed = None,
            Press::Accept => {
                if let Ok(seed) = typed.parse::<i32>() {
                    control::set(&view.params.seed, &view.setter, seed.clamp(0, SEED_MAX));
                }
                self.typed = None;
            }
        }
    }
}

fn accept_button(view: &View, rect: Rect) -> bool {
    let look = view.look;
    let (clicked, hovered) = control::button(view.ui, look, rect, id("pad", 2));
    view.ui.painter().rect_filled(rect, look.px(6.0), if hovered { BRIGHT } else { AMBER });
    look.text(view.ui.painter(), (rect.center(), Align2::CENTER_CENTER), "Set", VALUE, GROUND, rect.width());
    clicked
}

/// One key of the keypad.
#[derive(Clone, Copy)]
enum Press {
    Digit(char),
    TakeBack,
    Cancel,
    Accept,
}

impl Press {
    fn typed(event: &Event) -> Option<Self> {
        match event {
            Event::Text(text) => text.chars().next().filter(char::is_ascii_digit).map(Self::Digit),
            Event::Key { key: Key::Backspace, pressed: true, .. } => Some(Self::TakeBack),
            Event::Key { key: Key::Escape, pressed: true, .. } => Some(Self::Cancel),
            Event::Key { key: Key::Enter, pressed: true, .. } => Some(Self::Accept),
            _ => None,
        }
    }
}
