//! The editor: its own thread on some systems, the host's on others; never the audio thread.
//!
//! `layout` says where the regions lie; `header`, `banner`, `stage`, the parts of the side (`seed`, and below it one of `pages`:
//! `envelope` and `play`, `expression`, `filter`, `motion`, `tuning`, or `learn`), `keyboard` and `footer` are a region each, `browser` and `devices` open in place of
//! stage and side, `storage` in place of the side's lower part. `control` is what a hand does to a parameter, `look` what everything looks
//! like, `snapshot` what is shown.
//!
//! No lock is held while drawing. A panic while drawing stays in here: in a host it would end the whole session.

mod look;
mod layout;
mod snapshot;
mod control;
mod icons;
mod header;
mod meter;
mod banner;
mod rings;
mod stage;
mod seed;
mod envelope;
mod expression;
mod filter;
mod learn;
mod motion;
mod tuning;
mod pages;
mod play;
mod keys;
mod keyboard;
mod footer;
mod folders;
mod browser;
mod devices;
mod settings;
mod storage;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use egui::{Align2, Rect, Ui, Vec2, pos2, vec2};
use nice_plug::context::gui::GuiContext;
use nice_plug::editor::dpi::LogicalSize;
use nice_plug::prelude::{ParamSetter, ResizeHint};
use nice_plug_egui::baseview::HandlerError;
use nice_plug_egui::{
    EguiEditor, EguiEditorState, EguiNiceSettings, Frame, NiceEguiApp, RepaintNotifier, create_egui_editor,
};

use crate::files;
use crate::link::{EditorEnd, Status};
use crate::midi_map::MidiMap;
use crate::model::ModelRef;
use crate::params::{TimbrelParams, ids_of};
use crate::worker::Instance;

use browser::{Browser, Chosen};
use folders::Listing;
use keyboard::Keyboard;
use layout::Regions;
use learn::LearnPage;
use look::Look;
use meter::Meter;
use pages::Page;
use seed::Keypad;
use settings::Settings;
use snapshot::Snapshot;
use stage::Stage;
use tuning::TuningPage;

/// While something moves a frame is drawn this often.
const MOVING: Duration = Duration::from_millis(33);

/// While nothing moves: often enough that what the worker does is seen soon.
const RESTING: Duration = Duration::from_millis(250);

/// Longest step of an animation, so that it does not jump after a rest.
const LONGEST_STEP_S: f32 = 0.3;

/// How long a window must have kept its size before it is remembered.
const SETTLED_S: f64 = 1.0;

/// Set once every window of this process is to close.
static CLOSING: AtomicBool = AtomicBool::new(false);

/// Closes every window of this process with its next frame. For the standalone app, whose window is all there is: in a host,
/// windows are the host's to close.
pub fn close_all() {
    CLOSING.store(true, Ordering::Relaxed);
}

/// The plugin's editor type.
pub type TimbrelEditor = EguiEditor<App>;

/// What the editor's window shows and holds.
pub struct App {
    params: Arc<TimbrelParams>,
    link: EditorEnd,
    instance: Arc<Instance>,
    /// The way to the host, while a window is open.
    gui: Option<GuiContext>,
    settings: Settings,
    stage: Stage,
    keypad: Keypad,
    keyboard: Keyboard,
    meter: Meter,
    browser: Option<Browser>,
    /// Whether the devices are shown.
    shows_devices: bool,
    /// Whether the side shows what the rendered notes take.
    shows_storage: bool,
    /// What the lower part of the side shows.
    page: Page,
    tuning: TuningPage,
    learn: LearnPage,
    /// The size of the window and since when it has it, in egui's seconds.
    size: (Vec2, f64),
    /// egui's seconds at the last frame.
    last_s: f64,
    /// Whether drawing panicked.
    failed: bool,
}

/// What a region needs to know to draw itself.
struct View<'a> {
    ui: &'a Ui,
    look: Look,
    params: &'a TimbrelParams,
    setter: ParamSetter<'a>,
    snapshot: &'a Snapshot,
    /// Since the last frame.
    elapsed_s: f32,
    /// How much is heard, 0 to 1.
    glow: f32,
    /// Goes up and down between 0 and 1, for what waits.
    pulse: f32,
}

/// Makes the editor of one instance. No window is opened before the host asks for it.
pub fn create(params: Arc<TimbrelParams>, link: EditorEnd, instance: Arc<Instance>) -> Option<TimbrelEditor> {
    let settings = Settings::load(settings::file());
    let size = settings.now.size();
    let least = LogicalSize::new(layout::LEAST.x, layout::LEAST.y);
    create_egui_editor(
        EguiEditorState::from_size(LogicalSize::new(size.x, size.y), 1.0),
        RepaintNotifier::default(),
        EguiNiceSettings::new()
            .with_tile("Timbrel")
            .with_resize_hint(ResizeHint::resizable().with_min_logical_size(least)),
        App::new(params, link, instance, settings),
    )
}

impl NiceEguiApp for App {
    fn build(&mut self, ctx: egui::Context, gui: GuiContext, frame: &mut Frame) -> Result<(), HandlerError> {
        frame.set_clear_color(look::GROUND.into());
        self.open(&ctx, gui);
        Ok(())
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut Frame) {
        self.guarded(ui, Self::show);
        if CLOSING.load(Ordering::Relaxed) {
            ui.ctx().send_viewport_cmd(egui::ViewportCommand::Close);
        }
    }

    fn editor_closed(&mut self) {
        self.close();
    }
}

impl App {
    fn new(params: Arc<TimbrelParams>, link: EditorEnd, instance: Arc<Instance>, settings: Settings) -> Self {
        let own = Arc::clone(&params);
        Self {
            params,
            link,
            instance,
            gui: None,
            settings,
            stage: Stage::new(),
            keypad: Keypad::new(),
            keyboard: Keyboard::new(),
            meter: Meter::new(),
            browser: None,
            shows_devices: false,
            shows_storage: false,
            page: Page::Envelope,
            tuning: TuningPage::new(),
            learn: LearnPage::new(&*own, MidiMap::shared(|| ids_of(&*own))),
            size: (Vec2::ZERO, 0.0),
            last_s: 0.0,
            failed: false,
        }
    }

    fn open(&mut self, ctx: &egui::Context, gui: GuiContext) {
        // The window before may have gone without a word.
        self.close();
        look::dress(ctx);
        self.gui = Some(gui);
    }

    fn close(&mut self) {
        self.gui = None;
        self.keyboard.release(&self.link.clicks);
        self.settings.save();
        (self.size, self.last_s) = ((Vec2::ZERO, 0.0), 0.0);
    }

    /// Draws, and keeps a panic from the host. What drew it stays away until the user asks for it again.
    fn guarded(&mut self, ui: &mut Ui, body: impl FnOnce(&mut Self, &mut Ui)) {
        if !self.failed {
            // What a panic leaves behind is drawing state only, and is made anew.
            self.failed = catch_unwind(AssertUnwindSafe(|| body(self, ui))).is_err();
            if self.failed {
                self.keyboard.release(&self.link.clicks);
            }
        }
        if self.failed && catch_unwind(AssertUnwindSafe(|| show_failure(ui))).unwrap_or(false) {
            self.failed = false;
            (self.browser, self.keypad, self.stage) = (None, Keypad::new(), Stage::new());
            self.shows_devices = false;
            self.shows_storage = false;
        }
    }

    fn show(&mut self, ui: &mut Ui) {
        let Some(gui) = self.gui.clone() else { return };
        let window = ui.ctx().viewport_rect();
        let look = Look { scale: layout::scale(window.size()) };
        let (now, elapsed_s) = self.step(ui, window.size());
        let status = Arc::clone(&self.link.status);
        self.meter.feed(f32::from_bits(status.peak_bits.swap(0, Ordering::Relaxed)), elapsed_s);
        let instance = &self.instance;
        let snapshot = Snapshot::take(&status, || instance.model());
        self.learn.follow(&self.link.learning);
        self.learn.tell(&self.link.learning, &gui);
        let banner = banner::height(ui, look, window.width(), snapshot.error.as_deref());
        let regions = Regions::of(window, banner);

        ui.painter().rect_filled(window, 0.0, look::GROUND);
        let mut browser = self.browser.take();
        // A child with the same place, so that the regions can look on while the browser's list is laid out.
        let mut list_ui = ui.new_child(egui::UiBuilder::new().max_rect(window).id_salt("browser"));
        let params = Arc::clone(&self.params);
        let view = View {
            ui,
            look,
            params: &params,
            setter: gui.param_setter(),
            snapshot: &snapshot,
            elapsed_s,
            glow: self.meter.glow(),
            pulse: 0.5 + 0.5 * (now * 5.0).sin() as f32,
        };

        let asked = header::show(&view, regions.header, &self.meter, browser.is_some());
        let banner_asked = snapshot.error.as_deref().and_then(|sentence| banner::show(&view, regions.banner, sentence));
        let mut storage_asked = None;
        let mut moves = self.keyboard.show(&view, regions.keyboard, &self.link.clicks);
        let chosen = match &mut browser {
            Some(browser) => browser.show(&view, &mut list_ui, regions.body()),
            None if self.shows_devices => {
                let asked = devices::show(&view, regions.body(), &self.instance.devices());
                self.follow_devices(asked);
                None
            }
            None => {
                moves |= self.stage.show(&view, regions.stage);
                storage_asked = self.show_side(&view, regions.side);
                None
            }
        };
        let clicked = footer::show(&view, regions.footer, self.keyboard.hovered);
        moves |= self.meter.moves() || snapshot.moves();

        self.browser = browser;
        match clicked {
            Some(footer::Clicked::Device) => {
                self.close_browser();
                self.shows_devices = !self.shows_devices;
            }
            Some(footer::Clicked::Storage) => {
                // It is seen in the side, which the browser and the devices cover.
                self.shows_storage = !self.shows_storage || self.browser.is_some() || self.shows_devices;
                self.close_browser();
                self.shows_devices = false;
            }
            None => {}
        }
        match storage_asked {
            Some(storage::Asked::Close) => self.shows_storage = false,
            Some(storage::Asked::Limits(limits)) => self.instance.set_limits(limits),
            Some(storage::Asked::Clear) => self.instance.clear_disk(),
            None => {}
        }
        self.follow(asked, banner_asked, chosen, &snapshot, &status);
        ui.ctx().request_repaint_after(if moves { MOVING } else { RESTING });
    }

    /// Takes note of the time and of the window's size.
    fn step(&mut self, ui: &Ui, size: Vec2) -> (f64, f32) {
        let now = ui.input(|input| input.time);
        let elapsed_s = ((now - self.last_s) as f32).clamp(0.0, LONGEST_STEP_S);
        self.last_s = now;
        if self.size.0 != size {
            self.size = (size, now);
        } else if now - self.size.1 > SETTLED_S {
            self.settings.now.set_size(size);
            self.settings.save();
        }
        (now, elapsed_s)
    }

    fn show_side(&mut self, view: &View, rect: Rect) -> Option<storage::Asked> {
        let look = view.look;
        let seed = rect.with_max_y(rect.top() + look.px(100.0));
        let below = rect.with_min_y(seed.bottom() + look.px(20.0));
        let line = |y: f32| {
            let stroke = egui::Stroke::new(look.px(1.0), look::LINE.gamma_multiply(0.6));
            view.ui.painter().line_segment([pos2(rect.left(), y), pos2(rect.right(), y)], stroke);
        };
        self.keypad.show_seed(view, seed);
        line(below.top() - look.px(6.0));
        let below = below.with_min_y(below.top() + look.px(10.0));
        if self.keypad.is_open() {
            self.keypad.show(view, below);
            return None;
        }
        if self.shows_storage {
            return storage::show(view, below, &self.instance.usage());
        }
        pages::choose(view, below.with_max_y(below.top() + look.px(18.0)), &mut self.page);
        let below = below.with_min_y(below.top() + look.px(32.0));
        match self.page {
            Page::Envelope => {}
            Page::Expression => expression::show(view, below),
            Page::Filter => filter::show(view, below),
            Page::Motion => motion::show(view, below),
            Page::Tuning => self.tuning.show(view, below),
            Page::Learn => self.learn.show(view, below, &self.link.learning),
        }
        if self.page != Page::Envelope {
            return None;
        }
        let play = below.with_min_y(below.bottom() - look.px(112.0));
        envelope::show(view, below.with_max_y(play.top() - look.px(22.0)));
        line(play.top() - look.px(12.0));
        play::show(view, play);
        None
    }

    /// Does what was asked for in the regions.
    fn follow(
        &mut self,
        asked: Option<header::Asked>,
        banner: Option<banner::Asked>,
        chosen: Option<Chosen>,
        snapshot: &Snapshot,
        status: &Status,
    ) {
        match asked {
            Some(header::Asked::Browser) if self.browser.is_some() => self.close_browser(),
            Some(header::Asked::Browser) => self.open_browser(&snapshot.model.path),
            Some(header::Asked::PreviousModel) => self.load_beside(&snapshot.model.path, -1),
            Some(header::Asked::NextModel) => self.load_beside(&snapshot.model.path, 1),
            None => {}
        }
        match banner {
            Some(banner::Asked::Dismiss) => *status.error.lock() = None,
            Some(banner::Asked::Browser) => self.open_browser(&snapshot.model.path),
            None => {}
        }
        match chosen {
            Some(Chosen::Model(model)) => self.load(model),
            Some(Chosen::Close) => self.close_browser(),
            None => {}
        }
    }

    fn follow_devices(&mut self, asked: Option<devices::Asked>) {
        match asked {
            Some(devices::Asked::Choose(device)) => self.instance.choose_device(device),
            Some(devices::Asked::BounceOnCpu(on)) => self.instance.set_bounce_on_cpu(on),
            Some(devices::Asked::Close) => self.shows_devices = false,
            None => {}
        }
    }

    fn load(&mut self, model: ModelRef) {
        // Whatever is wrong with the new one, the old sentence is about another.
        *self.link.status.error.lock() = None;
        self.instance.load_model(model);
    }

    fn load_beside(&mut self, playing: &Path, step: isize) {
        let listing = Listing::read(&self.folder(playing));
        match listing.beside(playing, step).cloned() {
            Some(path) => self.load(browser::reference(&path)),
            None => self.open_browser(playing),
        }
    }

    fn open_browser(&mut self, playing: &Path) {
        self.shows_devices = false;
        self.browser = Some(Browser::open(&self.folder(playing)));
    }

    fn close_browser(&mut self) {
        if let Some(browser) = self.browser.take() {
            self.settings.now.folder = Some(browser.folder().to_owned());
            self.settings.save();
        }
    }

    /// The folder to look for models in: the one used last, else the user's own, else that of the model that plays.
    fn folder(&self, playing: &Path) -> PathBuf {
        let used = self.settings.now.folder.clone();
        let places = [used, files::user_models(), playing.parent().map(Path::to_owned)];
        places
            .into_iter()
            .flatten()
            .find(|path| path.is_dir())
            .unwrap_or_else(|| PathBuf::from(std::path::MAIN_SEPARATOR_STR))
    }
}

/// In place of everything, when it could not be drawn. True when it should be tried again.
fn show_failure(ui: &mut Ui) -> bool {
    let window = ui.ctx().viewport_rect();
    let look = Look { scale: layout::scale(window.size()) };
    let painter = ui.painter();
    painter.rect_filled(window, 0.0, look::GROUND);
    let words = "The editor met an error of its own and was closed. The instrument plays on.";
    let at = window.center() - vec2(0.0, look.px(12.0));
    look.text(painter, (at, Align2::CENTER_BOTTOM), words, look::NAME, look::TEXT, window.width());
    let button =
        Rect::from_center_size(window.center() + vec2(0.0, look.px(18.0)), vec2(look.px(140.0), look.px(30.0)));
    control::text_button(ui, look, button, control::id("failure", 0), "Open it again")
}
