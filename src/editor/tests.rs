//! The whole editor without a window: egui is given made-up input, and what it lays out and does is looked at.

use std::sync::Arc;

use egui::{Event, Id, Modifiers, MouseWheelUnit, PointerButton, Pos2, RawInput, Rect, Shape, Vec2, pos2, vec2};
use nice_plug::context::PluginApi;
use nice_plug::context::gui::{GuiContext, GuiContextInner};
use nice_plug::params::InternalParamMut;
use nice_plug::prelude::{ParamPtr, PluginState};
use parking_lot::Mutex;

use super::control::id;
use super::settings::Settings;
use super::{App, layout, pages};
use crate::link::{self, AudioEnd, Click, Generator, KeyState, Status};
use crate::model::ModelRef;
use crate::note::DIRECTIONS;
use crate::params::TimbrelParams;
use crate::state::Session;
use crate::worker::Instance;
use crate::worker::device::{Choice, Entry, Provider, Standing};

/// What a host hears of a parameter, by its name.
#[derive(Clone, PartialEq, Debug)]
enum Heard {
    Begin(String),
    Set(String),
    End(String),
}

/// A host that writes down what it hears, and does it.
#[derive(Default)]
struct Host(Mutex<Vec<Heard>>);

impl GuiContextInner for Host {
    fn plugin_api(&self) -> PluginApi {
        PluginApi::Clap
    }

    unsafe fn raw_begin_set_parameter(&self, param: ParamPtr) {
        // SAFETY: the parameters live as long as the editor under test.
        self.0.lock().push(Heard::Begin(unsafe { param.name() }.to_owned()));
    }

    unsafe fn raw_set_parameter_normalized(&self, param: ParamPtr, normalized: f32) {
        // SAFETY: as above.
        unsafe {
            param._internal_set_normalized_value(normalized);
            self.0.lock().push(Heard::Set(param.name().to_owned()));
        }
    }

    unsafe fn raw_end_set_parameter(&self, param: ParamPtr) {
        // SAFETY: as above.
        self.0.lock().push(Heard::End(unsafe { param.name() }.to_owned()));
    }

    fn get_state(&self) -> PluginState {
        unreachable!("the editor never asks for the state")
    }

    fn set_state(&self, _state: PluginState) {
        unreachable!("the editor never sets the state")
    }

    fn request_restart(&self) {
        unreachable!("the editor never asks for a restart")
    }
}

/// An editor, and all that it is connected to.
struct Desk {
    ctx: egui::Context,
    app: App,
    host: Arc<Host>,
    params: Arc<TimbrelParams>,
    instance: Arc<Instance>,
    audio: AudioEnd,
    size: Vec2,
    now_s: f64,
    /// What was drawn last.
    shapes: Vec<egui::epaint::ClippedShape>,
}

impl Desk {
    fn new(size: Vec2) -> Self {
        let (audio, worker_end, editor_end) = link::link();
        let instance = Arc::new(Instance::new(worker_end));
        let params = Arc::new(TimbrelParams::new(Session::default(), &editor_end.status));
        let mut app = App::new(Arc::clone(&params), editor_end, Arc::clone(&instance), Settings::load(None));
        let (ctx, host) = (egui::Context::default(), Arc::new(Host::default()));
        app.open(&ctx, GuiContext::new(host.clone()));
        let mut desk = Self { ctx, app, host, params, instance, audio, size, now_s: 1.0, shapes: Vec::new() };
        desk.status().set_generator(Generator::Ready);
        desk.rest();
        desk
    }

    fn status(&self) -> &Status {
        &self.audio.status
    }

    fn frame_with(&mut self, mut events: Vec<Event>, modifiers: Modifiers, body: impl Fn(&mut App, &mut egui::Ui)) {
        self.now_s += 0.02;
        events.insert(0, Event::ModifiersChanged(modifiers));
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, self.size)),
            time: Some(self.now_s),
            events,
            ..RawInput::default()
        };
        let app = &mut self.app;
        let mut output = self.ctx.run_ui(input, |ui| app.guarded(ui, &body));
        self.shapes = std::mem::take(&mut output.shapes);
        output.drop_without_applying_deltas();
    }

    fn frame(&mut self, events: Vec<Event>) {
        self.frame_with(events, Modifiers::NONE, App::show);
    }

    /// Frames without input, so that what was done is seen, and a later click is no double click.
    fn rest(&mut self) {
        self.now_s += 1.0;
        self.frame(vec![]);
        self.frame(vec![]);
    }

    fn rect(&self, id: Id) -> Option<Rect> {
        self.ctx.viewport(|viewport| viewport.prev_pass.widgets.get(id).map(|widget| widget.rect))
    }

    fn at(&self, id: Id) -> Pos2 {
        self.rect(id).expect("the widget is shown").center()
    }

    fn press(&mut self, at: Pos2, button: PointerButton, pressed: bool) {
        self.frame(vec![Event::PointerMoved(at)]);
        self.frame(vec![Event::PointerButton { pos: at, button, pressed, modifiers: Modifiers::NONE }]);
    }

    fn click(&mut self, at: Pos2) {
        self.press(at, PointerButton::Primary, true);
        self.press(at, PointerButton::Primary, false);
    }

    fn click_on(&mut self, id: Id) {
        let at = self.at(id);
        self.click(at);
        self.rest();
    }

    fn drag(&mut self, from: Pos2, by: Vec2, modifiers: Modifiers) {
        self.press(from, PointerButton::Primary, true);
        for step in 1..=10 {
            let at = from + by * step as f32 / 10.0;
            self.frame_with(vec![Event::PointerMoved(at)], modifiers, App::show);
        }
        self.press(from + by, PointerButton::Primary, false);
    }

    fn turn_wheel(&mut self, at: Pos2, lines: f32) {
        self.frame(vec![Event::PointerMoved(at)]);
        self.frame(vec![Event::MouseWheel {
            unit: MouseWheelUnit::Line,
            delta: vec2(0.0, lines),
            modifiers: Modifiers::NONE,
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Unknown,
        }]);
    }

    fn direction(&self, index: usize) -> f32 {
        self.params.directions[index].offset.value()
    }

    fn heard(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.host.0.lock())
    }

    fn clicks(&self) -> Vec<Click> {
        std::iter::from_fn(|| self.audio.clicks.pop()).collect()
    }

    /// Every text that is drawn, with the place where it can be seen.
    fn texts(&self) -> Vec<(String, Rect)> {
        fn collect(shape: &Shape, clip: Rect, into: &mut Vec<(String, Rect)>) {
            match shape {
                Shape::Vec(shapes) => shapes.iter().for_each(|shape| collect(shape, clip, into)),
                Shape::Text(text) if !text.galley.text().is_empty() => {
                    let rect = text.galley.mesh_bounds.translate(text.pos.to_vec2()).intersect(clip);
                    into.push((text.galley.text().to_owned(), rect));
                }
                _ => {}
            }
        }
        let mut texts = Vec::new();
        for clipped in &self.shapes {
            collect(&clipped.shape, clipped.clip_rect, &mut texts);
        }
        texts
    }

    fn says(&self, words: &str) -> bool {
        self.texts().iter().any(|(text, _)| text.contains(words))
    }

    /// Nothing reaches over the window's edge, and nothing lies on anything else.
    fn check_layout(&self, what: &str) {
        let window = Rect::from_min_size(Pos2::ZERO, self.size).expand(0.5);
        let mut things = self.texts();
        for (text, rect) in &things {
            assert!(window.contains_rect(*rect), "{what}: \"{text}\" at {rect:?} leaves the window");
        }
        check_apart(what, &mut things);

        // The corners of the envelope may meet: a short decay puts the knee on the peak.
        let corners = ["peak", "knee", "end"].map(|name| id(name, 0));
        let mut widgets: Vec<(String, Rect)> = self.ctx.viewport(|viewport| {
            let widgets = viewport.prev_pass.widgets.layers().flat_map(|(_, widgets)| widgets.iter().copied());
            let clickable = widgets.filter(|widget| widget.sense.senses_click() && !corners.contains(&widget.id));
            clickable.map(|widget| (format!("{:?}", widget.id), widget.interact_rect)).collect()
        });
        assert!(widgets.len() > 5, "{what}: only {} widgets", widgets.len());
        for (name, rect) in &widgets {
            assert!(window.contains_rect(*rect), "{what}: widget {name} at {rect:?} leaves the window");
        }
        check_apart(what, &mut widgets);
    }
}

fn check_apart(what: &str, things: &mut [(String, Rect)]) {
    for (i, (one, a)) in things.iter().enumerate() {
        for (other, b) in &things[i + 1..] {
            // Neighbours may touch.
            let both = a.intersect(*b);
            assert!(
                both.width() < 0.6 || both.height() < 0.6,
                "{what}: \"{one}\" at {a:?} and \"{other}\" at {b:?} overlap"
            );
        }
    }
}

const LONG: &str = "The model Grand Collection of Very Many Instruments could not be found where the session says it is \
                    (/home/somebody/a/very/long/path/that/goes/on/and/on/models/collection.onnx), nor in the folder of \
                    your own models: choose Relink and show Timbrel where it is now, or go on with the default model.";

fn sizes() -> [Vec2; 6] {
    [layout::LEAST, layout::DESIGN, vec2(840.0, 1100.0), vec2(1440.0, 900.0), vec2(2400.0, 700.0), vec2(2560.0, 1600.0)]
}

/// As many devices as any system has, with long sentences.
fn long_entries() -> Vec<Entry> {
    let standings = [Standing::Missing, Standing::Slower, Standing::Failed];
    let providers = [Provider::Cuda, Provider::DirectMl, Provider::WebGpu];
    let entry = |(provider, standing)| Entry { provider, standing, sentence: LONG.into() };
    providers.into_iter().zip(standings).map(entry).collect()
}

/// A model with everything long.
fn tell_of_a_model(desk: &Desk) {
    let mut model = desk.status().model.lock();
    model.name = "Grand Collection of Very Many Instruments, Second Edition".into();
    model.author = "A Collective of Authors with Long Names".into();
    model.licence = "Creative Commons Attribution 4.0".into();
    model.trained_on = "many notes of many instruments, each at five velocities and eighty pitches, ".repeat(6);
    model.sha256 = "0123456789abcdef".repeat(4);
    model.path = "/somewhere/with/a/file/of/a/rather/long/name-of-the-collection-2.onnx".into();
    model.directions = (0..DIRECTIONS).map(|i| format!("brightness of the attack {i}")).collect();
    drop(model);
    *desk.status().device.lock() =
        "A graphics processor of a vendor with a long name, 2 threads, half precision".into();
    desk.status().inference_us.store(123_456, std::sync::atomic::Ordering::Relaxed);
    desk.status().voices.store(64, std::sync::atomic::Ordering::Relaxed);
    desk.status().load.store(10_000, std::sync::atomic::Ordering::Relaxed);
    desk.status().offline.store(true, std::sync::atomic::Ordering::Relaxed);
    desk.status().peak_bits.store(2.0f32.to_bits(), std::sync::atomic::Ordering::Relaxed);
    desk.status().sounding[0].store(0xF0F0 << 40, std::sync::atomic::Ordering::Relaxed);
    for key in 24..=84 {
        let states = [KeyState::Empty, KeyState::Stale, KeyState::Rendering, KeyState::Ready];
        desk.status().set_key_state(key, states[usize::from(key) % 4]);
    }
}

/// Every page of the side, and back to the first.
fn check_pages(desk: &mut Desk, what: &str) {
    for page in (0..pages::PAGES.len()).rev() {
        desk.click_on(id("page", page));
        desk.rest();
        desk.check_layout(&format!("{what}, page {}", pages::PAGES[page].1));
    }
}

#[test]
fn nothing_overlaps_or_leaves_the_window_at_any_size_in_any_state() {
    let folder = std::env::temp_dir().join(format!("timbrel-layout-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("a folder with a rather long name ".repeat(5))).unwrap();
    for i in 0..60 {
        std::fs::write(folder.join(format!("model {i} {}.onnx", "with a long name ".repeat(i / 6))), "").unwrap();
    }
    for size in sizes() {
        let mut desk = Desk::new(size);
        desk.app.settings.now.folder = Some(folder.clone());
        desk.check_layout(&format!("{size} empty"));
        tell_of_a_model(&desk);
        for offset in [-1.0, 0.4, 1.0] {
            for (i, direction) in desk.params.directions.iter().enumerate() {
                let value = 3.0 * offset * if i % 3 == 0 { -1.0 } else { 1.0 };
                // SAFETY: the parameter is alive.
                unsafe { direction.offset._internal_set_plain_value(value) };
            }
            desk.rest();
            desk.check_layout(&format!("{size} full, directions at {offset}"));
        }
        check_pages(&mut desk, &format!("{size} full"));
        *desk.status().error.lock() = Some(LONG.into());
        desk.instance.load_model(ModelRef { name: "gone".into(), sha256: "aa".repeat(32), path: "/gone.onnx".into() });
        desk.rest();
        assert!(desk.says("Relink"));
        desk.check_layout(&format!("{size} error"));
        check_pages(&mut desk, &format!("{size} error"));
        desk.click_on(id("digits", 0));
        desk.check_layout(&format!("{size} keypad and error"));
        desk.click_on(id("pad", 1));
        desk.click_on(id("footer", 1));
        assert!(desk.says("On the disk"));
        desk.check_layout(&format!("{size} storage and error"));
        desk.click_on(id("storage", 0));
        desk.click_on(id("model", 2));
        desk.check_layout(&format!("{size} browser and error"));
        *desk.status().error.lock() = None;
        desk.rest();
        desk.check_layout(&format!("{size} browser"));
        desk.click_on(id("entry", 0));
        assert!(desk.says("There is no model"));
        desk.check_layout(&format!("{size} browser in an empty folder"));

        desk.click_on(id("footer", 0));
        desk.instance.pretend_survey(long_entries());
        desk.rest();
        assert!(desk.says("Not installed") && desk.says("Does not work"));
        desk.check_layout(&format!("{size} devices"));
        *desk.status().error.lock() = Some(LONG.into());
        desk.rest();
        desk.check_layout(&format!("{size} devices and error"));
        *desk.status().error.lock() = None;
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_limits_of_the_note_cache_are_set_step_by_step() {
    let mut desk = Desk::new(layout::DESIGN);
    let before = desk.instance.usage().limits;
    desk.click_on(id("footer", 1));
    assert!(desk.says("RENDERED NOTES") && !desk.says("ENVELOPE"));
    desk.click_on(id("storage", 2));
    desk.click_on(id("storage", 3));
    let after = desk.instance.usage().limits;
    assert_eq!((after.memory_mb, after.disk_mb), (2 * before.memory_mb, before.disk_mb / 2));
    desk.click_on(id("storage", 1));
    desk.click_on(id("storage", 4));
    assert_eq!(desk.instance.usage().limits, before);
    for _ in 0..20 {
        desk.click_on(id("storage", 3));
    }
    assert_eq!(desk.instance.usage().limits.disk_mb, 0);
    assert!(desk.says("Off") && desk.says("Nothing is kept"));
    desk.click_on(id("storage", 5));
    desk.click_on(id("storage", 0));
    assert!(!desk.says("RENDERED NOTES"));
    desk.click_on(id("model", 2));
    desk.click_on(id("footer", 1));
    assert!(desk.says("RENDERED NOTES") && desk.app.browser.is_none(), "it comes out from behind the browser");
}

#[test]
fn a_window_smaller_than_allowed_is_drawn_all_the_same() {
    for size in [vec2(1.0, 1.0), vec2(300.0, 200.0), vec2(1000.0, 10.0)] {
        let desk = Desk::new(size);
        assert!(!desk.app.failed);
    }
}

#[test]
fn a_clicked_key_sounds_until_the_mouse_lets_go() {
    let mut desk = Desk::new(layout::DESIGN);
    let keys = desk.rect(id("keyboard", 0)).unwrap();
    let front = pos2(keys.left() + 2.0, keys.bottom() - 2.0);
    desk.press(front, PointerButton::Primary, true);
    let pressed = desk.clicks();
    assert_eq!(pressed.len(), 1);
    assert_eq!(pressed[0].key, 21, "the lowest key of the piano");
    assert!(pressed[0].velocity > 0.9);
    desk.press(front, PointerButton::Primary, false);
    let released = desk.clicks();
    assert_eq!(released.len(), 1);
    assert_eq!((released[0].key, released[0].velocity), (21, 0.0));
}

#[test]
fn a_slide_over_the_keys_is_a_glissando_that_ends_beyond_them() {
    let mut desk = Desk::new(layout::DESIGN);
    let keys = desk.rect(id("keyboard", 0)).unwrap();
    let from = pos2(keys.left() + 2.0, keys.bottom() - 2.0);
    desk.press(from, PointerButton::Primary, true);
    for step in 1..=60 {
        desk.frame(vec![Event::PointerMoved(from + vec2(2.0 * step as f32, 0.0))]);
    }
    desk.frame(vec![Event::PointerMoved(pos2(from.x + 120.0, keys.top() - 60.0))]);
    let clicks = desk.clicks();
    let white: Vec<u8> = clicks.iter().filter(|click| click.velocity > 0.0).map(|click| click.key).collect();
    assert!(white.starts_with(&[21, 23, 24, 26]), "{white:?}");
    let mut held = Vec::new();
    for click in &clicks {
        if click.velocity > 0.0 {
            assert!(held.is_empty(), "one key at a time");
            held.push(click.key);
        } else {
            assert_eq!(held.pop(), Some(click.key));
        }
    }
    assert!(held.is_empty(), "leaving the keyboard lets go");
}

#[test]
fn a_full_queue_loses_no_release() {
    let mut desk = Desk::new(layout::DESIGN);
    let keys = desk.rect(id("keyboard", 0)).unwrap();
    let at = pos2(keys.left() + 2.0, keys.bottom() - 2.0);
    desk.press(at, PointerButton::Primary, true);
    while desk.audio.clicks.push(Click { key: 99, velocity: 0.5 }).is_ok() {}
    desk.press(at, PointerButton::Primary, false);
    assert!(desk.clicks().iter().all(|click| (click.key, click.velocity) != (21, 0.0)), "there was no room");
    desk.rest();
    assert!(desk.clicks().iter().any(|click| (click.key, click.velocity) == (21, 0.0)));
}

#[test]
fn a_drag_is_one_gesture_and_shift_makes_it_fine() {
    let mut desk = Desk::new(layout::DESIGN);
    let row = desk.rect(id("row", 2)).unwrap();
    desk.drag(row.center(), vec2(row.width() / 4.0, 0.0), Modifiers::NONE);
    assert!((desk.direction(2) - 1.5).abs() < 0.02, "a quarter of the range, but {}", desk.direction(2));
    let heard = desk.heard();
    let name = "Timbre 3".to_owned();
    assert_eq!(heard.first(), Some(&Heard::Begin(name.clone())));
    assert_eq!(heard.last(), Some(&Heard::End(name.clone())));
    assert!(heard.len() > 4 && heard[1..heard.len() - 1].iter().all(|heard| *heard == Heard::Set(name.clone())));

    desk.rest();
    desk.drag(row.center(), vec2(-row.width() / 4.0, 0.0), Modifiers::SHIFT);
    assert!((1.2..1.48).contains(&desk.direction(2)), "a tenth as far, but {}", desk.direction(2));
}

#[test]
fn a_handle_is_dragged_outwards_and_every_other_stays() {
    let mut desk = Desk::new(layout::DESIGN);
    for direction in 0..DIRECTIONS {
        desk.rest();
        let at = desk.at(id("handle", direction));
        let outwards = 30.0 * super::rings::spoke(direction);
        desk.drag(at, outwards, Modifiers::NONE);
        desk.rest();
        assert!(desk.direction(direction) > 0.3, "direction {direction} is {}", desk.direction(direction));
        let moved = desk.at(id("handle", direction)) - at;
        assert!((moved - outwards).length() < 3.0, "the handle follows the hand: {moved}");
        assert!((direction + 1..DIRECTIONS).all(|other| desk.direction(other) == 0.0));
    }
}

#[test]
fn double_and_right_clicks_reset_and_the_wheel_steps() {
    let mut desk = Desk::new(layout::DESIGN);
    let at = desk.at(id("row", 5));
    desk.turn_wheel(at, 3.0);
    let turned = desk.direction(5);
    assert!(turned > 0.2);
    desk.turn_wheel(at, -1.0);
    assert!(desk.direction(5) < turned);
    desk.heard();
    desk.press(at, PointerButton::Secondary, true);
    desk.press(at, PointerButton::Secondary, false);
    assert_eq!(desk.direction(5), 0.0);
    let name = "Timbre 6".to_owned();
    assert_eq!(desk.heard(), [Heard::Begin(name.clone()), Heard::Set(name.clone()), Heard::End(name)]);

    desk.turn_wheel(at, 5.0);
    assert!(desk.direction(5) > 0.0);
    desk.rest();
    desk.click(at);
    desk.click(at);
    assert_eq!(desk.direction(5), 0.0);
}

#[test]
fn every_parameter_has_a_control_that_changes_it() {
    use nice_plug::prelude::Params;
    let mut desk = Desk::new(layout::DESIGN);
    desk.click_on(id("choice", 1).with("Sustain Mode"));
    for page in 0..pages::PAGES.len() {
        desk.click_on(id("page", page));
        desk.rest();
        // A drag to the right and up, then to the left and down, over every control: each parameter hears at least one.
        let places: Vec<(Id, Pos2)> = desk.ctx.viewport(|viewport| {
            let widgets = viewport.prev_pass.widgets.layers().flat_map(|(_, widgets)| widgets.iter().copied());
            let widgets = widgets.filter(|widget| widget.sense.senses_click());
            widgets.map(|widget| (widget.id, widget.rect.center())).collect()
        });
        let pointers: Vec<ParamPtr> = desk.params.param_map().into_iter().map(|(_, pointer, _)| pointer).collect();
        // SAFETY: the parameters are alive.
        let names: Vec<&str> = pointers.iter().map(|pointer| unsafe { pointer.name() }).collect();
        for (own, at) in places {
            if desk.rect(id("keyboard", 0)).unwrap().contains(at) || at.y < 60.0 {
                continue;
            }
            // A row of choices and a switch have nothing to be dragged.
            let is_of = |kind: &str, part: usize| names.iter().any(|name| own == id(kind, part).with(name));
            if is_of("switch", 0) || is_of("choice", 0) || is_of("choice", 1) {
                desk.click(at);
                continue;
            }
            for by in [vec2(20.0, -20.0), vec2(-40.0, 40.0)] {
                desk.rest();
                desk.drag(at, by, Modifiers::NONE);
            }
        }
        desk.rest();
    }
    let heard = desk.heard();
    for (key, pointer, _) in desk.params.param_map() {
        // SAFETY: the parameters are alive.
        let name = unsafe { pointer.name() }.to_owned();
        assert!(heard.contains(&Heard::Set(name.clone())), "{key} has no control");
        let count = |what: &Heard| heard.iter().filter(|heard| *heard == what).count();
        assert_eq!(count(&Heard::Begin(name.clone())), count(&Heard::End(name.clone())), "{key}'s gestures end");
    }
}

#[test]
fn the_seed_is_stepped_thrown_and_typed_without_a_keyboard() {
    let mut desk = Desk::new(layout::DESIGN);
    for _ in 0..=desk.params.seed.value() {
        desk.click_on(id("seed", 0));
    }
    assert_eq!(desk.params.seed.value(), 9999, "before 0 comes the last one");
    desk.click_on(id("seed", 1));
    desk.click_on(id("seed", 1));
    assert_eq!(desk.params.seed.value(), 1);
    let thrown: Vec<i32> = (0..4)
        .map(|_| {
            desk.click_on(id("seed", 2));
            desk.params.seed.value()
        })
        .collect();
    assert!(thrown.iter().any(|seed| *seed != thrown[0]), "{thrown:?}");

    desk.click_on(id("digits", 0));
    for digit in [3, 1, 4] {
        desk.click_on(id("digit", digit));
    }
    desk.click_on(id("pad", 0));
    desk.click_on(id("digit", 7));
    desk.click_on(id("pad", 2));
    assert_eq!(desk.params.seed.value(), 317);
    assert!(desk.rect(id("digit", 1)).is_none(), "the keypad is closed");
}

#[test]
fn the_keypad_takes_a_keyboard_where_there_is_one() {
    let mut desk = Desk::new(layout::DESIGN);
    desk.click_on(id("digits", 0));
    desk.frame(vec![Event::Text("2".into())]);
    desk.frame(vec![Event::Text("6".into())]);
    let enter = |pressed| Event::Key {
        key: egui::Key::Enter,
        physical_key: None,
        pressed,
        repeat: false,
        modifiers: Modifiers::NONE,
    };
    desk.frame(vec![enter(true)]);
    assert_eq!(desk.params.seed.value(), 26);
}

#[test]
fn an_error_is_shown_until_it_is_dismissed() {
    let mut desk = Desk::new(layout::DESIGN);
    *desk.status().error.lock() = Some("The sky is falling: stand aside.".into());
    desk.rest();
    assert!(desk.says("The sky is falling"));
    assert!(desk.rect(id("banner", 3)).is_none(), "no model is missing");
    desk.status().set_generator(Generator::Unavailable);
    desk.rest();
    assert!(desk.rect(id("banner", 3)).is_some(), "nothing plays, so a model can be chosen");
    desk.status().set_generator(Generator::Ready);
    desk.rest();
    desk.click_on(id("banner", 2));
    assert_eq!(*desk.status().error.lock(), None);
    assert!(!desk.says("The sky is falling"));
}

#[test]
fn a_missing_model_is_relinked_in_the_browser() {
    let folder = std::env::temp_dir().join(format!("timbrel-browser-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("found.onnx"), "no real model").unwrap();
    let mut desk = Desk::new(layout::DESIGN);
    desk.app.settings.now.folder = Some(folder.clone());
    let gone = ModelRef { name: "gone".into(), sha256: "aa".repeat(32), path: "/gone.onnx".into() };
    desk.instance.load_model(gone);
    *desk.status().error.lock() = Some("The model gone is missing: relink it.".into());
    desk.rest();
    desk.click_on(id("banner", 3));
    assert!(desk.says("found.onnx"));
    desk.click_on(id("entry", 0));
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(desk.instance.model().path, folder.join("found.onnx"));
    desk.click_on(id("browser", 1));
    assert!(desk.rect(id("row", 0)).is_some(), "the stage is back");
}

#[test]
fn a_device_is_chosen_in_the_panel_and_so_is_what_bounces() {
    let _turn = crate::worker::tests::turn();
    let mut desk = Desk::new(layout::DESIGN);
    desk.click_on(id("footer", 0));
    assert!(desk.rect(id("row", 0)).is_none(), "the panel is in place of the stage");
    assert_eq!(desk.instance.devices().setting.device, Choice::Automatic);
    desk.click_on(id("device", 1));
    assert_eq!(desk.instance.devices().setting.device, Choice::Cpu);
    desk.instance.pretend_survey(long_entries());
    desk.rest();
    desk.click_on(id("device", 4));
    assert_eq!(desk.instance.devices().setting.device, Choice::Device(Provider::WebGpu, 0));
    assert!(desk.status().bounce_on_cpu.load(std::sync::atomic::Ordering::Relaxed));
    desk.click_on(id("bounce", 0));
    assert!(!desk.status().bounce_on_cpu.load(std::sync::atomic::Ordering::Relaxed));
    assert!(!desk.instance.devices().setting.bounce_on_cpu);
    desk.click_on(id("devices", 0));
    assert!(desk.rect(id("row", 0)).is_some(), "the stage is back");
    // The browser takes the panel's place.
    desk.click_on(id("footer", 0));
    desk.click_on(id("model", 2));
    assert!(desk.rect(id("devices", 0)).is_none());
    desk.click_on(id("browser", 1));
    assert!(desk.rect(id("row", 0)).is_some());
}

#[test]
fn a_panic_while_drawing_stays_in_the_editor() {
    let mut desk = Desk::new(layout::DESIGN);
    let keys = desk.rect(id("keyboard", 0)).unwrap();
    desk.press(pos2(keys.left() + 2.0, keys.bottom() - 2.0), PointerButton::Primary, true);
    assert_eq!(desk.clicks().len(), 1);
    desk.frame_with(vec![], Modifiers::NONE, |_, _| panic!("as a bug would"));
    assert!(desk.says("The instrument plays on"));
    assert_eq!(desk.clicks().len(), 1, "the key that was held is let go");
    desk.press(Pos2::ZERO, PointerButton::Primary, false);
    desk.rest();
    desk.click_on(id("failure", 0));
    assert!(desk.rect(id("row", 0)).is_some(), "and is drawn again when asked for");
}

#[test]
fn closing_the_window_lets_go_of_a_held_key() {
    let mut desk = Desk::new(layout::DESIGN);
    let keys = desk.rect(id("keyboard", 0)).unwrap();
    desk.press(pos2(keys.left() + 2.0, keys.bottom() - 2.0), PointerButton::Primary, true);
    desk.clicks();
    desk.app.close();
    assert_eq!(desk.clicks().len(), 1);
}
