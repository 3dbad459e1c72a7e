//! The editor: its own thread on some systems, the host's on others; never the audio thread.
//!
//! `layout` says where the regions lie; `header`, `banner`, `stage`, the parts of the side (`seed`, and below it one of `pages`:
//! `envelope` and `play`, `expression`, `filter`, `motion`, `tuning`, or `learn`), `keyboard` and `footer` are a region each, `browser`,
//! `presets` and `devices` open in place of stage and side, `storage` in place of the side's lower part, `matching` in that of the
//! stage's tools while a recording is matched. `hand` is what is done to a timbre as a whole, `history` takes all of it down. `control` is what a hand does to a parameter, `look` what everything looks
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
mod playing_presets;
mod presets;
mod map;
mod matching;
mod pad;
mod paths;
mod rings;
mod stage;
mod tools;
mod seed;
mod spectrogram;
mod entry;
mod envelope;
mod expression;
mod filter;
mod learn;
mod motion;
mod tuning;
mod pages;
mod play;
mod hand;
mod history;
mod keys;
mod keyboard;
mod footer;
mod folders;
mod browser;
mod devices;
mod settings;
mod storage;
mod tips;
#[cfg(test)]
mod picture;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
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
use parking_lot::Mutex;

use crate::files;
use crate::latent::Atlas;
use crate::link::{EditorEnd, Status};
use crate::midi_map::MidiMap;
use crate::model::ModelRef;
use crate::note::Base;
use crate::params::{TimbrelParams, ids_of};
use crate::preset::{Library, Place};
use crate::worker::Instance;

use browser::{Browser, Chosen};
use folders::{Kind, Listing, Opens};
use hand::Hand;
use history::{History, Recorder};
use keyboard::Keyboard;
use layout::Regions;
use learn::LearnPage;
use look::Look;
use matching::Matching;
use meter::Meter;
use pages::Page;
use presets::Presets;
use seed::Keypad;
use settings::Settings;
use snapshot::Snapshot;
use stage::Stage;
use tips::Tips;
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
    history: History,
    tools: Hand,
    matching: Matching,
    library: Library,
    presets: Presets,
    /// The preset that was played last, and the history's version then.
    preset: Option<(Place, u64)>,
    /// Whether the preset that was deleted last was a favourite.
    unliked: bool,
    keyboard: Keyboard,
    meter: Meter,
    browser: Option<Browser>,
    /// Whether the devices are shown.
    shows_devices: bool,
    /// Whether the side shows what the rendered notes take.
    shows_storage: bool,
    tips: Arc<Tips>,
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

/// What any region may ask for.
enum Wish {
    /// The browser of files.
    Browse,
    /// To open a model, a preset, a recording or a folder.
    Open(PathBuf),
}

/// What a region needs to know to draw itself.
struct View<'a> {
    ui: &'a Ui,
    look: Look,
    params: &'a TimbrelParams,
    setter: ParamSetter<'a>,
    /// What takes down what a hand does, between the controls and the host.
    hand: &'a Recorder,
    /// Where a sentence for the user goes.
    error: &'a Mutex<Option<String>>,
    /// What a region asks the whole editor for; done once the frame is drawn.
    wish: &'a RefCell<Option<Wish>>,
    snapshot: &'a Snapshot,
    /// Since the last frame.
    elapsed_s: f32,
    /// How much is heard, 0 to 1.
    glow: f32,
    /// Goes up and down between 0 and 1, for what waits.
    pulse: f32,
}

impl View<'_> {
    /// The latent space of the model that plays.
    fn atlas(&self) -> Option<&Atlas> {
        self.snapshot.model.atlas.as_deref()
    }

    /// What the rings are a fingerprint of.
    fn fingerprint(&self) -> u32 {
        match self.params.timbre().base {
            Base::Seeds => self.params.seed.value().max(0) as u32,
            Base::Point(hash) => hash as u32,
            // Its shape moves with the hand, not with every step of it.
            Base::Pad { corners, .. } => corners as u32,
        }
    }

    /// Says a sentence to the user.
    fn say(&self, sentence: &str) {
        *self.error.lock() = Some(sentence.to_owned());
    }

    fn open(&self, path: PathBuf) {
        *self.wish.borrow_mut() = Some(Wish::Open(path));
    }

    fn browse(&self) {
        *self.wish.borrow_mut() = Some(Wish::Browse);
    }

    /// Plays a timbre that was copied as text, opens a file whose path was, or says why not.
    fn paste(&self, text: &str) {
        if let Some(path) = paths::named(text) {
            return self.open(path);
        }
        let said = hand::paste(self, text);
        if let Some(sentence) = said.unwrap_or_else(Some) {
            *self.error.lock() = Some(sentence);
        }
    }
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
        let tips = Arc::new(Tips::new(&params));
        let history = History::new(Arc::clone(&params), Arc::clone(&instance));
        let own = Arc::clone(&params);
        Self {
            params,
            link,
            instance,
            history,
            tools: Hand::new(),
            matching: Matching::default(),
            tips,
            library: Library::default(),
            presets: Presets::default(),
            preset: None,
            unliked: false,
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
        // Not before: hosts make instances only to look at them.
        self.library = Library::read(self.library.folder().or_else(files::user_presets));
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
            self.presets = Presets::default();
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
        self.history.begin_frame(now);
        let recorder = self.history.recorder(gui.clone());
        let wish = RefCell::default();
        let view = View {
            ui,
            look,
            params: &params,
            setter: ParamSetter::new(&recorder),
            hand: &recorder,
            error: &status.error,
            wish: &wish,
            snapshot: &snapshot,
            elapsed_s,
            glow: self.meter.glow(),
            pulse: 0.5 + 0.5 * (now * 5.0).sin() as f32,
        };

        self.find_preset(&params.session.holding().get().preset);
        let work = header::Work {
            can_undo: self.history.can_undo(),
            can_redo: self.history.can_redo(),
            side: self.tools.side,
            preset: params.session.holding().get().preset.clone(),
            changed: self.preset.as_ref().is_none_or(|(_, version)| *version != self.history.version()),
            liked: self.preset.as_ref().and_then(|(place, _)| {
                let key = self.library.get(place)?.key();
                Some(self.settings.now.likes.contains(&key))
            }),
            shows_presets: self.presets.is_open,
        };
        control::provide(ui, look, &self.tips);
        let asked = header::show(&view, regions.header, &self.meter, &work, browser.is_some());
        let banner_asked = snapshot.error.as_deref().and_then(|sentence| banner::show(&view, regions.banner, sentence));
        let mut storage_asked = None;
        let mut moves = self.keyboard.show(&view, regions.keyboard, &self.link.clicks);
        let chosen = match &mut browser {
            Some(browser) => browser.show(&view, &mut list_ui, regions.body()),
            None if self.presets.is_open => {
                let likes = self.settings.now.likes.clone();
                let asked = self.presets.show(&view, &mut list_ui, regions.body(), &self.library, &likes);
                if let Some(asked) = asked {
                    self.follow_presets(&view, asked);
                }
                None
            }
            None if self.shows_devices => {
                let asked = devices::show(&view, regions.body(), &self.instance.devices());
                self.follow_devices(asked);
                None
            }
            None => {
                moves |= self.stage.show(&view, regions.stage, &mut self.tools, &mut self.matching, &self.instance);
                storage_asked = self.show_side(&view, regions.side);
                None
            }
        };
        let asked = asked.or_else(|| self.heed_keys(&view));
        match asked {
            Some(header::Asked::Side(side)) => self.tools.flip(&view, side),
            Some(header::Asked::CopySide) => self.tools.copy_side(&view),
            Some(header::Asked::PreviousPreset) => self.play_beside(&view, -1),
            Some(header::Asked::NextPreset) => self.play_beside(&view, 1),
            Some(header::Asked::Like) => {
                if let Some((place, _)) = self.preset.clone() {
                    self.like(&place);
                }
            }
            Some(header::Asked::Save) => self.save_preset(&view),
            _ => {}
        }
        let clicked = footer::show(&view, regions.footer, self.keyboard.hovered);
        moves |= self.meter.moves() || snapshot.moves() || self.matching.is_searching();

        self.browser = browser;
        self.matching.follow(&view);
        match wish.take() {
            Some(Wish::Browse) => self.open_browser(&snapshot.model.path),
            Some(Wish::Open(path)) => self.open_file(&view, &path),
            None => {}
        }
        match clicked {
            Some(footer::Clicked::Device) => {
                self.close_browser();
                self.shows_devices &= !self.presets.is_open;
                self.presets.is_open = false;
                self.shows_devices = !self.shows_devices;
            }
            Some(footer::Clicked::Storage) => {
                // It is seen in the side, which the browser and the devices cover.
                let covered = self.browser.is_some() || self.shows_devices || self.presets.is_open;
                self.shows_storage = !self.shows_storage || covered;
                self.close_browser();
                self.presets.is_open = false;
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
        entry::show(ui, look, &recorder);
        self.follow(asked, banner_asked, chosen, &snapshot, &status, &recorder);
        if control::take_turned(ui) {
            recorder.turned();
        }
        self.history.end_frame(&gui);
        match asked {
            Some(header::Asked::Undo) => self.history.undo(&gui),
            Some(header::Asked::Redo) => self.history.redo(&gui),
            _ => {}
        }
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
        recorder: &Recorder,
    ) {
        match asked {
            Some(header::Asked::Presets) if self.presets.is_open && self.browser.is_none() => {
                self.presets.is_open = false;
            }
            Some(header::Asked::Presets) => {
                self.close_browser();
                self.shows_devices = false;
                // Somebody may have put files there meanwhile.
                self.library = Library::read(self.library.folder());
                self.presets.open(self.preset.as_ref().map(|(place, _)| place.clone()));
            }
            Some(header::Asked::Browser) if self.browser.is_some() => self.close_browser(),
            Some(header::Asked::Browser) => self.open_browser(&snapshot.model.path),
            Some(header::Asked::PreviousModel) => self.load_beside(&snapshot.model.path, -1, recorder),
            Some(header::Asked::NextModel) => self.load_beside(&snapshot.model.path, 1, recorder),
            _ => {}
        }
        match banner {
            Some(banner::Asked::Dismiss) => *status.error.lock() = None,
            Some(banner::Asked::Browser) => self.open_browser(&snapshot.model.path),
            None => {}
        }
        match chosen {
            Some(Chosen::Model(model)) => self.load(model, recorder),
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

    /// Opens what a path leads to, or says why not.
    fn open_file(&mut self, view: &View, path: &Path) {
        match folders::what_opens(path) {
            Ok(Opens::Folder) => {
                self.shows_devices = false;
                self.presets.is_open = false;
                self.browser = Some(Browser::open(path));
            }
            Ok(Opens::File(Kind::Model)) => self.load(browser::reference(path), view.hand),
            Ok(Opens::File(Kind::Preset)) => self.import_preset(path),
            Ok(Opens::File(Kind::Recording)) => {
                // It is seen on the stage, which these cover.
                self.close_browser();
                self.presets.is_open = false;
                self.shows_devices = false;
                *view.error.lock() = None;
                self.matching.begin(view, path);
            }
            Err(sentence) => view.say(&sentence),
        }
    }

    fn load(&mut self, model: ModelRef, recorder: &Recorder) {
        // Whatever is wrong with the new one, the old sentence is about another.
        *self.link.status.error.lock() = None;
        recorder.load_model(model);
    }

    /// Keys of the computer, where the host lets them through and nothing is being typed.
    fn heed_keys(&self, view: &View) -> Option<header::Asked> {
        if self.keypad.is_open() || view.ui.ctx().text_edit_focused() {
            return None;
        }
        let events = view.ui.input(|input| input.events.clone());
        let mut asked = None;
        for event in events {
            match event {
                egui::Event::Key { key: egui::Key::Z, pressed: true, modifiers, .. } if modifiers.command => {
                    asked = Some(if modifiers.shift { header::Asked::Redo } else { header::Asked::Undo });
                }
                egui::Event::Key { key: egui::Key::Y, pressed: true, modifiers, .. } if modifiers.command => {
                    asked = Some(header::Asked::Redo);
                }
                egui::Event::Copy => view.ui.ctx().copy_text(hand::copied(view)),
                egui::Event::Paste(text) => view.paste(&text),
                _ => {}
            }
        }
        asked
    }

    fn load_beside(&mut self, playing: &Path, step: isize, recorder: &Recorder) {
        let listing = Listing::read(&self.folder(playing));
        match listing.beside(playing, step).cloned() {
            Some(path) => self.load(browser::reference(&path), recorder),
            None => self.open_browser(playing),
        }
    }

    fn open_browser(&mut self, playing: &Path) {
        self.shows_devices = false;
        self.presets.is_open = false;
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
