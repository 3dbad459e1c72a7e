//! The foot of the window: what renders and how far it is, the key under the pointer, voices and load.

use egui::{Align2, Rect, Sense, pos2, vec2};

use super::View;
use super::control::{self, id};
use super::keys;
use super::look::{ALARM, AMBER, BRIGHT, FAINT, GROUND, LABEL, TEXT, TITLE, VALUE};
use crate::link::{Generator, KeyState};

/// Load from which on it is shown as an alarm: beyond it a buffer may come too late.
const HIGH_LOAD: f32 = 0.7;

/// What in the foot was clicked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clicked {
    Device,
    /// What the rendered notes take.
    Storage,
}

pub fn show(view: &View, rect: Rect, hovered: Option<u8>) -> Option<Clicked> {
    let (look, painter, snapshot) = (view.look, view.ui.painter(), view.snapshot);
    let third = rect.width() / 3.0;
    let y = rect.center().y;

    let device = if snapshot.device.is_empty() { "No device yet" } else { &snapshot.device };
    let device = if snapshot.inference_us > 0 {
        format!("{device}  ·  {:.0} ms a note", snapshot.inference_us as f32 / 1000.0)
    } else {
        device.to_owned()
    };
    let button = Rect::from_center_size(pos2(rect.left() + third / 2.0 - look.px(6.0), y), vec2(third, look.px(24.0)));
    let button = button.with_min_x(rect.left());
    let response = view.ui.interact(button, id("footer", 0), Sense::click());
    control::tip(&response, look, "What renders the notes, and how long one took: opens and closes the devices.");
    let ink = if response.hovered() { BRIGHT } else { FAINT };
    look.text(painter, (pos2(rect.left(), y), Align2::LEFT_CENTER), &device, LABEL, ink, third - look.px(12.0));

    let (words, ink) = match hovered {
        Some(key) => (describe(view, key), TEXT),
        None => progress(view),
    };
    look.text(painter, (pos2(rect.center().x, y), Align2::CENTER_CENTER), &words, LABEL, ink, third - look.px(12.0));

    let load = snapshot.load;
    let load_text = format!("{:.1} %", 100.0 * load);
    let mut right = rect.right();
    for (text, style, ink) in [
        (load_text.as_str(), VALUE, if load > HIGH_LOAD { ALARM } else { TEXT }),
        ("Load", LABEL, FAINT),
        (&snapshot.voices.to_string(), VALUE, TEXT),
        ("Voices", LABEL, FAINT),
    ] {
        // A number keeps its room, so that the words beside it stand still.
        let room = if ink == FAINT { 0.0 } else { look.px(if text.ends_with('%') { 46.0 } else { 18.0 }) };
        let written = look.text(painter, (pos2(right, y), Align2::RIGHT_CENTER), text, style, ink, f32::INFINITY);
        right -= written.width().max(room) + look.px(if ink == FAINT { 16.0 } else { 6.0 });
    }
    if snapshot.offline {
        let galley = look.set(painter, "OFFLINE", TITLE, GROUND, f32::INFINITY, 1);
        let size = galley.size() + vec2(look.px(12.0), look.px(5.0));
        let badge = Rect::from_min_size(pos2(right - size.x, y - size.y / 2.0), size);
        painter.rect_filled(badge, look.px(4.0), AMBER);
        painter.galley(badge.center() - galley.size() / 2.0, galley, GROUND);
    }
    let notes =
        Rect::from_center_size(pos2(rect.right() - third + look.px(24.0), y), vec2(look.px(46.0), look.px(20.0)));
    let sentence = "What rendered notes take in memory and on the disk, and how much they may.";
    if control::word_button(view.ui, look, notes, id("footer", 1), true, "Cache", sentence) {
        Some(Clicked::Storage)
    } else {
        response.clicked().then_some(Clicked::Device)
    }
}

/// What the key under the pointer would play.
fn describe(view: &View, key: u8) -> String {
    let name = keys::name(key);
    let (low, high) = view.snapshot.pitch_range;
    if !view.snapshot.in_range(key) {
        let nearest = keys::name(key.clamp(low, high));
        return format!("{name}  ·  beyond the model, plays {nearest} transposed");
    }
    let state = match view.snapshot.keys[usize::from(key)] {
        _ if view.snapshot.is_sounding(key) => "sounding",
        KeyState::Empty => "not rendered yet",
        KeyState::Stale => "plays the timbre before",
        KeyState::Rendering => "rendering",
        KeyState::Ready => "ready",
    };
    format!("{name}  ·  {state}")
}

fn progress(view: &View) -> (String, egui::Color32) {
    let (ready, all) = view.snapshot.keys_ready();
    match view.snapshot.generator {
        Generator::Loading => ("Loading the model".to_owned(), FAINT),
        Generator::Unavailable => ("Nothing can be rendered".to_owned(), ALARM),
        Generator::Ready if ready == all => (format!("All {all} keys ready"), FAINT),
        Generator::Ready => (format!("{ready} of {all} keys ready"), TEXT),
    }
}
