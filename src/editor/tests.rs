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

/// A host that writes down what it hears, and does it: at once, or when it is asked to.
#[derive(Default)]
struct Host {
    heard: Mutex<Vec<Heard>>,
    late: Mutex<Option<Vec<(ParamPtr, f32)>>>,
}

impl Host {
    /// From now on values are taken by [`Self::take`] only.
    fn takes_late(&self) {
        *self.late.lock() = Some(Vec::new());
    }

    fn take(&self) {
        for (param, normalized) in self.late.lock().iter_mut().flat_map(std::mem::take) {
            // SAFETY: the parameters live as long as the editor under test.
            unsafe { param._internal_set_normalized_value(normalized) };
        }
    }
}

impl GuiContextInner for Host {
    fn plugin_api(&self) -> PluginApi {
        PluginApi::Clap
    }

    unsafe fn raw_begin_set_parameter(&self, param: ParamPtr) {
        // SAFETY: the parameters live as long as the editor under test.
        self.heard.lock().push(Heard::Begin(unsafe { param.name() }.to_owned()));
    }

    unsafe fn raw_set_parameter_normalized(&self, param: ParamPtr, normalized: f32) {
        // SAFETY: as above.
        unsafe {
            match &mut *self.late.lock() {
                Some(late) => late.push((param, normalized)),
                None => drop(param._internal_set_normalized_value(normalized)),
            }
            self.heard.lock().push(Heard::Set(param.name().to_owned()));
        }
    }

    unsafe fn raw_end_set_parameter(&self, param: ParamPtr) {
        // SAFETY: as above.
        self.heard.lock().push(Heard::End(unsafe { param.name() }.to_owned()));
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
    /// What went into the clipboard.
    copied: Option<String>,
    letters: super::picture::Letters,
}

impl Desk {
    fn new(size: Vec2) -> Self {
        let (audio, worker_end, editor_end) = link::link();
        let instance = Arc::new(Instance::new(worker_end));
        let params = Arc::new(TimbrelParams::new(Session::default(), &editor_end.status));
        let mut app = App::new(Arc::clone(&params), editor_end, Arc::clone(&instance), Settings::load(None));
        let (ctx, host) = (egui::Context::default(), Arc::new(Host::default()));
        app.open(&ctx, GuiContext::new(host.clone()));
        let mut desk = Self {
            ctx,
            app,
            host,
            params,
            instance,
            audio,
            size,
            now_s: 1.0,
            shapes: Vec::new(),
            copied: None,
            letters: Default::default(),
        };
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
        self.letters.take(&output.textures_delta);
        for command in &output.platform_output.commands {
            if let egui::OutputCommand::CopyText(text) = command {
                self.copied = Some(text.clone());
            }
        }
        output.drop_without_applying_deltas();
    }

    fn frame(&mut self, events: Vec<Event>) {
        self.frame_with(events, Modifiers::NONE, App::show);
    }

    /// Frames without input, so that what was done is seen, and a later click is no double click. The pointer leaves the window, or
    /// it would be told what lies below it.
    fn rest(&mut self) {
        self.now_s += 1.0;
        self.frame(vec![Event::PointerGone]);
        self.frame(vec![]);
    }

    /// The default model's latent space, as if the model had been loaded.
    fn know_a_model(&mut self) {
        let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/default.onnx"));
        let model = crate::model::Model::read(path).unwrap();
        let mut status = self.status().model.lock();
        status.name = model.manifest.name.clone();
        status.sha256 = model.sha256.clone();
        status.directions = model.manifest.direction_labels();
        status.atlas = Some(Arc::new(crate::latent::Atlas::new(&model.manifest)));
        drop(status);
        self.rest();
    }

    /// All that the host would save, as text: what the framework takes of the parameters, and the field of the session.
    fn saved(&self) -> String {
        use nice_plug::params::persist::PersistentField;
        let patch = crate::patch::Patch::of(&self.params);
        let field = self.params.session.map(|saved| serde_json::to_string(saved).unwrap());
        format!("{} {field}", serde_json::to_string(&patch.params).unwrap())
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

    /// Writes what is shown into the folder that `TIMBREL_PICTURES` names.
    fn picture(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("TIMBREL_PICTURES") else { return };
        let path = std::path::Path::new(&folder).join(format!("{name}.png"));
        super::picture::write(&self.ctx, self.shapes.clone(), &self.letters, self.size, &path);
    }

    fn direction(&self, index: usize) -> f32 {
        self.params.directions[index].offset.value()
    }

    fn heard(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.host.heard.lock())
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
        // Every face, with a model and without.
        for face in [1, 2, 3, 0] {
            desk.click_on(id("face", face));
            desk.check_layout(&format!("{size} face {face}"));
        }
        desk.know_a_model();
        for face in [1, 2, 0] {
            desk.click_on(id("face", face));
            desk.check_layout(&format!("{size} face {face} of a model"));
        }
        tell_of_a_model(&desk);
        desk.click_on(id("header-preset", 2));
        desk.check_layout(&format!("{size} presets"));
        desk.click_on(id("header-preset", 2));
        desk.app.matching.pretend(LONG);
        desk.rest();
        desk.check_layout(&format!("{size} what a recording is like"));
        desk.click_on(id("match", 1));
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

/// `TIMBREL_PICTURES=folder cargo test --release -p timbrel --lib pictures -- --ignored` draws the editor.
#[test]
#[ignore = "draws pictures for who looks at them"]
fn pictures_of_the_editor() {
    for (name, size) in [("75", layout::LEAST), ("100", layout::DESIGN), ("200", 2.0 * layout::DESIGN)] {
        let mut desk = Desk::new(size);
        desk.know_a_model();
        desk.status().set_pitch_range(24, 84);
        for key in 24..=84 {
            desk.status().set_key_state(key, if key < 70 { KeyState::Ready } else { KeyState::Stale });
        }
        desk.rest();
        desk.picture(&format!("rings-{name}"));
        desk.click_on(id("lock", 0));
        desk.click_on(id("tool", 1));
        let at = desk.at(id("tool", 1));
        desk.frame(vec![Event::PointerMoved(at)]);
        for _ in 0..80 {
            desk.frame(vec![]);
        }
        desk.picture(&format!("mutated-{name}"));
        for (page, (_, word, _)) in pages::PAGES.into_iter().enumerate().skip(1).filter(|_| name == "100") {
            desk.click_on(id("page", page));
            desk.picture(&format!("page-{}", word.to_lowercase()));
        }
        desk.click_on(id("page", 0));
        desk.click_on(id("face", 1));
        let map = desk.rect(id("map", 0)).unwrap();
        desk.drag(map.center() - vec2(60.0, 40.0), vec2(90.0, 50.0), Modifiers::NONE);
        desk.frame(vec![]);
        desk.picture(&format!("map-{name}"));
        desk.click_on(id("face", 2));
        let pad = desk.rect(id("pad-square", 0)).unwrap();
        desk.drag(pad.center(), vec2(60.0, -70.0), Modifiers::NONE);
        desk.frame(vec![]);
        desk.picture(&format!("pad-{name}"));
        desk.click_on(id("header-preset", 2));
        for own in [id("tag", 3), id("preset", 1), id("like", 0), id("like", 2)] {
            desk.click_on(own);
        }
        desk.picture(&format!("presets-{name}"));
    }
}

#[test]
fn undo_after_fifty_random_steps_is_back_at_the_first_byte() {
    let mut desk = Desk::new(layout::DESIGN);
    desk.know_a_model();
    let mut states = vec![desk.saved()];
    for step in 0..50 {
        match step % 5 {
            // Random, mutate, a drag over two parameters at once, a lock and then random, the wheel.
            0 => desk.click_on(id("tool", 0)),
            1 => desk.click_on(id("tool", 1)),
            2 => {
                let at = desk.at(id("knee", 0));
                let by = if step % 10 == 2 { vec2(9.0, 11.0) } else { vec2(-9.0, -11.0) };
                desk.drag(at, by, Modifiers::NONE);
            }
            3 => {
                desk.click_on(id("lock", step % 8));
                desk.click_on(id("tool", 0));
            }
            _ => {
                let at = desk.at(id("row", 6));
                desk.turn_wheel(at, if step % 2 == 0 { 2.0 } else { -5.0 });
            }
        }
        desk.rest();
        assert_ne!(desk.saved(), *states.last().unwrap(), "step {step} did nothing");
        states.push(desk.saved());
    }
    for state in states.iter().rev().skip(1) {
        desk.click_on(id("history", 0));
        assert_eq!(desk.saved(), *state);
    }
    for state in &states[1..] {
        desk.click_on(id("history", 1));
        assert_eq!(desk.saved(), *state);
    }
    // The window's end is not the history's.
    desk.app.close();
    let gui = GuiContext::new(desk.host.clone());
    desk.app.open(&desk.ctx, gui);
    desk.rest();
    for _ in 0..50 {
        desk.click_on(id("history", 0));
    }
    assert_eq!(desk.saved(), states[0]);
    assert!(!desk.app.history.can_undo());
}

#[test]
fn what_automation_does_is_no_step_and_a_new_session_begins_anew() {
    let mut desk = Desk::new(layout::DESIGN);
    let at = desk.at(id("row", 1));
    desk.turn_wheel(at, 2.0);
    desk.turn_wheel(at, 3.0);
    desk.rest();
    let turned = desk.direction(1);
    // SAFETY: the parameter is alive.
    unsafe { desk.params.directions[2].offset._internal_set_plain_value(1.0) };
    desk.rest();
    desk.click_on(id("history", 0));
    assert_eq!(desk.direction(1), 0.0, "turns that follow each other are one step");
    assert_eq!(desk.direction(2), 1.0, "what the host did stays");
    assert!(!desk.app.history.can_undo());
    desk.click_on(id("history", 1));
    assert_eq!(desk.direction(1), turned);
    use nice_plug::params::persist::PersistentField;
    desk.params.session.set(crate::state::Saved::default());
    desk.rest();
    assert!(!desk.app.history.can_undo() && !desk.app.history.can_redo());
}

#[test]
fn a_tuning_is_a_step_too() {
    let mut desk = Desk::new(layout::DESIGN);
    let before = desk.saved();
    let scale = "! fifths.scl\nFifths\n 2\n 3/2\n 2/1\n".to_owned();
    let tuning = crate::tuning::Tuning { name: "fifths.scl".into(), scale, ..Default::default() };
    let recorder = desk.app.history.recorder(GuiContext::new(desk.host.clone()));
    recorder.tune(Some(tuning.clone())).unwrap();
    desk.rest();
    let tuned = desk.saved();
    assert!(tuned.contains("fifths.scl"));
    desk.click_on(id("history", 0));
    assert_eq!(desk.saved(), before);
    desk.click_on(id("history", 1));
    assert_eq!(desk.saved(), tuned);
}

#[test]
fn a_host_that_takes_values_late_and_rounded_changes_nothing_of_it() {
    let mut desk = Desk::new(layout::DESIGN);
    let before = desk.saved();
    // As the plugin formats do: what the editor sends is taken with the next audio block.
    desk.host.takes_late();
    for _ in 0..3 {
        let at = desk.at(id("knee", 0));
        desk.drag(at, vec2(12.0, 9.0), Modifiers::NONE);
        desk.host.take();
        desk.rest();
    }
    for _ in 0..3 {
        desk.click_on(id("history", 0));
    }
    desk.host.take();
    desk.rest();
    assert_eq!(desk.saved(), before);
}

#[test]
fn two_sides_are_compared_and_bred() {
    let mut desk = Desk::new(layout::DESIGN);
    desk.know_a_model();
    desk.click_on(id("tool", 1));
    let a = desk.saved();
    desk.click_on(id("side", 1));
    assert_eq!(desk.saved(), a, "B begins as A");
    desk.click_on(id("tool", 0));
    let b = desk.saved();
    desk.click_on(id("side", 0));
    assert_eq!(desk.saved(), a);
    desk.click_on(id("side", 1));
    assert_eq!(desk.saved(), b);
    desk.click_on(id("tool", 2));
    let child = desk.saved();
    assert!(child != a && child != b);
    desk.click_on(id("history", 0));
    assert_eq!(desk.saved(), b);
    desk.click_on(id("side", 2));
    desk.click_on(id("side", 0));
    assert_eq!(desk.saved(), b, "A was made a copy");
}

#[test]
fn a_timbre_is_copied_and_pasted_as_text_and_nonsense_is_refused() {
    let mut desk = Desk::new(layout::DESIGN);
    desk.know_a_model();
    desk.heard();
    desk.click_on(id("tool", 1));
    assert!(!desk.heard().is_empty(), "the host is told that there is something to be saved");
    let timbre = desk.params.timbre();
    assert!(matches!(timbre.base, crate::note::Base::Point(_)));
    desk.frame(vec![Event::Copy]);
    let text = desk.copied.take().expect("the timbre is in the clipboard");
    desk.click_on(id("tool", 0));
    assert_ne!(desk.params.timbre(), timbre);
    let thrown = desk.saved();
    for nonsense in ["", "hello", &text[..text.len() / 2]] {
        desk.frame(vec![Event::Paste(nonsense.into())]);
        desk.rest();
        assert_eq!(desk.saved(), thrown);
        assert!(desk.status().error.lock().take().is_some_and(|sentence| sentence.ends_with('.')));
    }
    desk.frame(vec![Event::Paste(text)]);
    desk.rest();
    assert_eq!(desk.params.timbre(), timbre);
    assert_eq!(*desk.status().error.lock(), None);
    desk.click_on(id("history", 0));
    assert_eq!(desk.saved(), thrown, "a paste is one step");
}

#[test]
fn a_click_on_the_map_goes_to_the_sound_exactly_and_a_drag_is_one_step() {
    let mut desk = Desk::new(layout::DESIGN);
    desk.know_a_model();
    let at = desk.at(id("row", 2));
    desk.turn_wheel(at, 4.0);
    desk.rest();
    let before = desk.saved();
    desk.click_on(id("face", 1));
    let map = desk.rect(id("map", 0)).unwrap();
    let atlas = desk.status().model.lock().atlas.clone().unwrap();
    desk.drag(map.center(), vec2(70.0, -50.0), Modifiers::NONE);
    desk.rest();
    let held = desk.params.session.holding().get();
    let point = held.point.clone().expect("a point plays");
    assert_eq!(atlas.at(point.at.unwrap()), point.latent);
    assert_eq!(atlas.latent(&desk.params.timbre()).unwrap(), point.latent, "directions are at rest");
    desk.click_on(id("history", 0));
    assert_eq!(desk.saved(), before);

    // Whichever names there is room for: a click on the middle of any point.
    let named = atlas.named().iter().find(|named| desk.says(&named.name)).expect("a name is on the map").clone();
    let inner = map.shrink2(vec2(26.0, 18.0));
    let share = named.at.map(|x| (super::map::spread(x / super::map::REACH) + 1.0) / 2.0);
    desk.click(pos2(inner.left() + share[0] * inner.width(), inner.bottom() - share[1] * inner.height()));
    desk.rest();
    let nearest = desk.params.session.holding().get().point.clone().unwrap();
    let sound = atlas.named().iter().find(|named| named.name == nearest.name).expect("it is one of the sounds");
    assert_eq!(atlas.latent(&desk.params.timbre()).unwrap(), sound.latent);
    desk.click_on(id("history", 0));
    assert_eq!(desk.saved(), before);
}

#[test]
fn the_pad_plays_its_corners_and_lets_timbres_be_put_there() {
    let mut desk = Desk::new(layout::DESIGN);
    desk.know_a_model();
    let before = desk.saved();
    let atlas = desk.status().model.lock().atlas.clone().unwrap();
    let now = |desk: &Desk| atlas.latent(&desk.params.timbre()).unwrap();
    let sound = now(&desk);
    desk.click_on(id("face", 2));
    desk.click_on(id("corner", 4));
    assert_eq!(now(&desk), sound, "A is what sounded");
    let corners = desk.params.session.holding().get().corners.clone().unwrap();
    for (corner, point) in corners.iter().enumerate().skip(1) {
        desk.click_on(id("corner", 4 + corner));
        assert_eq!(now(&desk), point.latent);
    }
    let square = desk.rect(id("pad-square", 0)).unwrap();
    desk.click(square.left_top() + square.size() * vec2(0.25, 0.75));
    desk.rest();
    assert!(matches!(desk.params.timbre().base, crate::note::Base::Pad { x: 25, y: 75, .. }));
    let between = now(&desk);
    desk.click_on(id("corner", 3));
    desk.click_on(id("corner", 7));
    assert_eq!(now(&desk), between, "it was put into D");
    desk.click_on(id("pad-plays", 0));
    assert_eq!(now(&desk), sound);
    while desk.app.history.can_undo() {
        desk.click_on(id("history", 0));
    }
    assert_eq!(desk.saved(), before);
}

#[test]
fn presets_are_saved_played_liked_renamed_and_removed_with_the_mouse_alone() {
    let folder = std::env::temp_dir().join(format!("timbrel-editor-presets-{}", std::process::id()));
    let mut desk = Desk::new(layout::DESIGN);
    desk.know_a_model();
    desk.app.library = crate::preset::Library::read(Some(folder.clone()));
    desk.click_on(id("tool", 1));
    let first = desk.params.timbre();
    desk.click_on(id("header-preset", 4));
    let own = |desk: &Desk| -> Vec<String> {
        let entries = desk.app.library.entries().iter();
        entries.filter(|entry| matches!(entry.place, crate::preset::Place::File(_))).map(|entry| entry.name()).collect()
    };
    assert_eq!(own(&desk).len(), 1);
    assert!(desk.says("Saved as"));
    let proposed = own(&desk)[0].clone();
    desk.click_on(id("presets", 3));
    desk.click_on(id("presets", 4));
    assert_ne!(own(&desk)[0], proposed, "another name was given");
    desk.click_on(id("header-preset", 2));
    desk.click_on(id("tool", 0));
    let second = desk.params.timbre();
    assert_ne!(second, first);
    desk.click_on(id("header-preset", 4));
    desk.click_on(id("presets", 5));
    assert_eq!(own(&desk).len(), 2);
    desk.click_on(id("part", 3));
    // Both of them, the one after the other.
    let mut played = Vec::new();
    for row in 0..2 {
        desk.click_on(id("preset", row));
        played.push(desk.params.timbre());
    }
    assert!(played.contains(&first) && played.contains(&second));
    let now = desk.params.timbre();
    desk.click_on(id("header-preset", 0));
    assert_ne!(desk.params.timbre(), now, "the one before plays");
    desk.click_on(id("history", 0));
    assert_eq!(desk.params.timbre(), now, "and that was one step");
    desk.click_on(id("like", 1));
    desk.click_on(id("part", 1));
    assert_eq!(desk.app.settings.now.likes.len(), 1);
    assert!(desk.rect(id("preset", 0)).is_some() && desk.rect(id("preset", 1)).is_none());
    desk.click_on(id("preset", 0));
    let (names, chosen) = (own(&desk), desk.params.timbre());
    desk.click_on(id("presets", 8));
    assert_eq!((own(&desk).len(), desk.app.settings.now.likes.len()), (1, 0));
    desk.click_on(id("presets", 12));
    assert_eq!((own(&desk), desk.app.settings.now.likes.len()), (names, 1), "it is back, and a favourite");
    assert!(desk.rect(id("presets", 12)).is_none(), "there is nothing more to put back");

    // Another sound takes its place, and goes again.
    desk.click_on(id("header-preset", 2));
    desk.click_on(id("tool", 0));
    let other = desk.params.timbre();
    desk.click_on(id("header-preset", 2));
    desk.click_on(id("presets", 10));
    desk.click_on(id("preset", 0));
    assert_eq!(desk.params.timbre(), other);
    desk.click_on(id("presets", 12));
    desk.click_on(id("preset", 0));
    assert_eq!(desk.params.timbre(), chosen);

    // A tag is clicked on, and is searched by.
    let tag = desk.app.library.tags()[0].clone();
    desk.click_on(id("presets", 11));
    desk.click_on(id("tag", 0));
    desk.click_on(id("presets", 4));
    let tags = |desk: &Desk| {
        let place = desk.app.presets.chosen.clone().unwrap();
        desk.app.library.get(&place).unwrap().tags().to_vec()
    };
    assert_eq!(tags(&desk), [tag]);
    desk.click_on(id("tag", 0));
    assert!(desk.rect(id("preset", 0)).is_some(), "it is listed by its tag");
    desk.click_on(id("presets", 11));
    desk.click_on(id("presets", 3));
    desk.click_on(id("presets", 4));
    assert!(tags(&desk).is_empty());
    assert!(desk.rect(id("preset", 0)).is_none(), "and no longer");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_preset_of_another_model_asks_for_that_model_and_undo_for_the_one_before() {
    let mut desk = Desk::new(layout::DESIGN);
    desk.know_a_model();
    let folder = std::env::temp_dir().join(format!("timbrel-foreign-presets-{}", std::process::id()));
    let mut library = crate::preset::Library::read(Some(folder.clone()));
    let made_with = crate::preset::MadeWith { name: "Elsewhere".into(), sha256: "ab".repeat(32) };
    let preset = crate::preset::Preset::of(&desk.params, "Foreign", Vec::new(), made_with);
    library.save(&preset).unwrap();
    desk.app.library = library;
    let before = desk.instance.model();
    desk.click_on(id("header-preset", 2));
    desk.click_on(id("part", 3));
    desk.click_on(id("preset", 0));
    std::fs::remove_dir_all(&folder).unwrap();
    let asked = desk.instance.model();
    assert_eq!((asked.name.as_str(), asked.sha256), ("Elsewhere", "ab".repeat(32)));
    desk.click_on(id("history", 0));
    assert_eq!(desk.instance.model(), before);
}

#[test]
fn a_seed_that_is_chosen_by_hand_plays() {
    let mut desk = Desk::new(layout::DESIGN);
    desk.know_a_model();
    desk.click_on(id("tool", 1));
    desk.click_on(id("seed", 1));
    assert_eq!(desk.params.timbre().base, crate::note::Base::Seeds);
    assert!(desk.params.session.holding().get().is_empty());
    desk.click_on(id("history", 0));
    assert!(matches!(desk.params.timbre().base, crate::note::Base::Point(_)));
}

#[test]
fn every_parameter_has_a_control_that_changes_it() {
    use nice_plug::prelude::Params;
    let mut desk = Desk::new(layout::DESIGN);
    desk.know_a_model();
    desk.click_on(id("choice", 1).with("Sustain Mode"));
    // Every page with the rings, and the pad.
    let views = (0..pages::PAGES.len()).map(|page| (page, 0)).chain([(0, 2)]);
    for (page, face) in views {
        desk.click_on(id("page", page));
        desk.click_on(id("face", face));
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

fn key(key: egui::Key, modifiers: Modifiers) -> Event {
    Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers }
}

#[test]
fn a_value_is_typed_over_its_control_and_nonsense_is_told() {
    let mut desk = Desk::new(layout::DESIGN);
    let at = desk.at(id("cell", 0).with("Attack"));
    let ctrl = Modifiers { ctrl: true, command: true, ..Modifiers::NONE };
    let open = |desk: &mut Desk| {
        for pressed in [true, false] {
            let button = Event::PointerButton { pos: at, button: PointerButton::Primary, pressed, modifiers: ctrl };
            desk.frame_with(vec![Event::PointerMoved(at), button], ctrl, App::show);
        }
        desk.rest();
        assert!(desk.rect(id("entry-value", 1)).is_some(), "the field is open");
    };
    open(&mut desk);
    desk.frame(vec![Event::Text("nonsense".into())]);
    desk.frame(vec![key(egui::Key::Enter, Modifiers::NONE)]);
    desk.rest();
    assert!(desk.says("no value") && desk.params.attack.value() == 0.0);
    let all = Modifiers { ctrl: true, command: true, ..Modifiers::NONE };
    desk.frame_with(vec![key(egui::Key::A, all)], all, App::show);
    desk.frame(vec![Event::Text("80 ms".into())]);
    desk.frame(vec![key(egui::Key::Enter, Modifiers::NONE)]);
    desk.rest();
    assert!((desk.params.attack.value() - 0.08).abs() < 1e-4, "{}", desk.params.attack.value());
    assert!(desk.rect(id("entry-value", 1)).is_none());
    desk.click_on(id("history", 0));
    assert_eq!(desk.params.attack.value(), 0.0, "it is a step as any other");
    open(&mut desk);
    desk.frame(vec![key(egui::Key::Escape, Modifiers::NONE)]);
    desk.rest();
    assert!(desk.rect(id("entry-value", 1)).is_none());
}

#[test]
fn the_keyboard_steps_and_resets_what_has_its_focus() {
    let mut desk = Desk::new(layout::DESIGN);
    let row = id("row", 3);
    desk.ctx.memory_mut(|memory| memory.request_focus(row));
    desk.frame(vec![]);
    for _ in 0..3 {
        desk.frame(vec![key(egui::Key::ArrowUp, Modifiers::NONE)]);
    }
    let up = desk.direction(3);
    assert!(up > 0.0);
    desk.frame(vec![key(egui::Key::ArrowLeft, Modifiers::NONE)]);
    assert!(desk.direction(3) < up && desk.direction(3) > 0.0);
    desk.frame(vec![key(egui::Key::Home, Modifiers::NONE)]);
    assert_eq!(desk.direction(3), 0.0);
    let ctrl = Modifiers { ctrl: true, command: true, ..Modifiers::NONE };
    desk.frame_with(vec![key(egui::Key::Z, ctrl)], ctrl, App::show);
    desk.rest();
    assert!(desk.direction(3) > 0.0, "the reset was undone by a key");
}

#[test]
fn what_the_pointer_rests_on_is_explained() {
    let mut desk = Desk::new(layout::DESIGN);
    for (own, words) in [
        (id("row", 0), "Moves the timbre along one direction"),
        (id("cell", 0).with("Release"), "fall by 60 dB"),
        (id("knob", 0).with("Gain"), "level of the whole instrument"),
        (id("tool", 0), "a new timbre by chance"),
        (id("page", 1), "What wheel, breath, pressure"),
    ] {
        let at = desk.at(own);
        desk.rest();
        assert!(!desk.says(words));
        desk.frame(vec![Event::PointerMoved(at)]);
        for _ in 0..80 {
            desk.frame(vec![]);
        }
        assert!(desk.says(words), "nothing is said of it");
    }
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
fn a_recording_is_matched_from_a_pasted_address_and_from_the_browser() {
    let folder = crate::model::handmade::Folder::new();
    let path = crate::model::handmade::Handmade::default().write(&folder, "tone.onnx");
    let model = crate::model::Model::read(&path).unwrap();
    let recording = path.with_file_name("a tone.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(&recording, spec).unwrap();
    for i in 0..24_000 {
        let turns = i as f32 * 261.63 / 16_000.0;
        let partial = |n: f32| (std::f32::consts::TAU * (n * turns).fract()).sin() / n;
        writer.write_sample(0.1 * (partial(1.0) + partial(2.0) + partial(3.0))).unwrap();
    }
    writer.finalize().unwrap();
    let mut desk = Desk::new(layout::DESIGN);
    let mut status = desk.status().model.lock();
    (status.name, status.sha256, status.path) = ("tone".into(), model.sha256.clone(), path.clone());
    status.atlas = Some(Arc::new(crate::latent::Atlas::new(&model.manifest)));
    drop(status);
    desk.rest();
    let uri = format!("copy\nfile://{}", recording.display().to_string().replace(' ', "%20"));
    desk.frame(vec![Event::Paste(uri)]);
    let until_it_is_found = |desk: &mut Desk| {
        while desk.app.matching.is_searching() {
            desk.frame(vec![]);
            std::thread::yield_now();
        }
        desk.rest();
    };
    assert!(desk.app.matching.is_searching());
    until_it_is_found(&mut desk);
    let error = desk.status().error.lock().clone();
    assert!(desk.says("a tone: C4"), "{error:?}");
    let found = desk.params.timbre();
    assert!(matches!(found.base, crate::note::Base::Point(_)));
    desk.click_on(id("match", 1));
    desk.click_on(id("history", 0));
    assert_ne!(desk.params.timbre(), found, "it was one step");

    // From the list, and no further once it is cancelled.
    desk.app.settings.now.folder = path.parent().map(std::path::Path::to_owned);
    desk.click_on(id("tool", 5));
    let before = desk.params.timbre();
    assert!(desk.says("a tone.wav"));
    desk.click_on(id("entry", 1));
    if desk.rect(id("match", 0)).is_some() {
        desk.click_on(id("match", 0));
        until_it_is_found(&mut desk);
        assert!(desk.says("a tone") || desk.params.timbre() == before);
    }
    // What is no file is said, and so is what is nothing to open.
    for (text, words) in [
        ("/nowhere/at/all.wav", "There is nothing at"),
        (path.with_file_name("x").to_str().unwrap(), "There is nothing"),
    ] {
        desk.frame(vec![Event::Paste(text.to_owned())]);
        desk.rest();
        assert!(desk.says(words));
    }
}

#[test]
fn a_path_is_typed_in_the_browser() {
    let folder = std::env::temp_dir().join(format!("timbrel-typed-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("below")).unwrap();
    std::fs::write(folder.join("below/deep.onnx"), "no real model").unwrap();
    let mut desk = Desk::new(layout::DESIGN);
    desk.click_on(id("model", 2));
    let enter = |desk: &mut Desk, text: &str| {
        desk.click_on(id("browser", 2));
        desk.frame(vec![key(egui::Key::A, Modifiers::COMMAND)]);
        desk.frame(vec![Event::Text(text.to_owned())]);
        desk.frame(vec![key(egui::Key::Enter, Modifiers::NONE)]);
        desk.rest();
    };
    enter(&mut desk, folder.join("below").to_str().unwrap());
    assert!(desk.says("deep.onnx"), "{:?}", desk.texts());
    enter(&mut desk, folder.join("below/deep.onnx").to_str().unwrap());
    assert_eq!(desk.instance.model().path, folder.join("below/deep.onnx"));
    enter(&mut desk, "deep.onnx");
    assert!(desk.says("A path begins at the root"));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_device_is_chosen_in_the_panel_and_so_is_what_bounces() {
    let _turn = crate::worker::tests::turn();
    let mut desk = Desk::new(layout::DESIGN);
    desk.click_on(id("footer", 0));
    assert!(desk.rect(id("row", 0)).is_none(), "the panel is in place of the stage");
    assert_eq!(desk.instance.devices().setting.device, Choice::Automatic);
    assert!(desk.says(crate::VERSION), "which Timbrel it is");
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
