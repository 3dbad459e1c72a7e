//! The browser of files: what plays now, and folders of models, presets and recordings to choose from with the mouse alone. It is
//! drawn in the editor's own window, since a native dialog from inside a plugin blocks or crashes some hosts. A path can be typed
//! or pasted as well.

use std::path::{Path, PathBuf};

use egui::{Align2, Rect, ScrollArea, Sense, Stroke, Ui, UiBuilder, pos2, vec2};

use super::View;
use super::control::{self, id};
use super::folders::{self, Listing};
use super::icons;
use super::look::{AMBER, BRIGHT, FAINT, GROUND, HEADING, HOVERED, LABEL, LINE, Look, RAISED, SMALL, TEXT, VALUE, mix};
use super::presets;
use crate::model::ModelRef;

/// Width of the left part, in design points.
const LEFT: f32 = 300.0;
/// Height of a row of the list.
const ROW: f32 = 30.0;
/// Width of its scroll bar, which has as much room again beside it.
const BAR: f32 = 8.0;

/// What was chosen in the browser.
pub enum Chosen {
    Model(ModelRef),
    Close,
}

pub struct Browser {
    listing: Listing,
    places: Vec<(&'static str, PathBuf)>,
    /// The path that is being typed.
    typed: Option<Typed>,
}

struct Typed {
    text: String,
    /// Whether it is drawn for the first time.
    is_new: bool,
}

impl Browser {
    pub fn open(folder: &Path) -> Self {
        Self { listing: Listing::read(folder), places: folders::places(), typed: None }
    }

    pub fn folder(&self) -> &Path {
        &self.listing.path
    }

    fn go(&mut self, folder: &Path) {
        self.listing = Listing::read(folder);
        self.typed = None;
    }

    /// Goes to a folder, and lets a file be opened.
    fn take(&mut self, view: &View, path: PathBuf) {
        if path.is_dir() { self.go(&path) } else { view.open(path) }
    }

    pub fn show(&mut self, view: &View, ui: &mut Ui, rect: Rect) -> Option<Chosen> {
        let (left, right) = rect.split_left_right_at_x(rect.left() + view.look.px(LEFT));
        let right = Rect::from_min_max(pos2(right.left() + view.look.px(32.0), right.top()), right.max);
        let left = self.show_left(view, left);
        let right = self.show_right(view, ui, right);
        left.or(right)
    }

    /// The model that plays, and places to go to.
    fn show_left(&mut self, view: &View, rect: Rect) -> Option<Chosen> {
        let (look, painter) = (view.look, view.ui.painter());
        let model = &view.snapshot.model;
        let mut y = look.title(painter, rect.left_top(), "Playing").bottom() + look.px(8.0);
        let name = if model.name.is_empty() { "No model" } else { &model.name };
        y = look.text(painter, (pos2(rect.left(), y), Align2::LEFT_TOP), name, HEADING, BRIGHT, rect.width()).bottom();
        y += look.px(10.0);
        let (low, high) = view.snapshot.pitch_range;
        let range = format!("{} to {}", super::keys::name(low), super::keys::name(high));
        let file = folders::name(&model.path);
        let mark = model.sha256.get(..12).unwrap_or_default();
        for (what, text, rows) in [
            ("Author", model.author.as_str(), 1),
            ("Licence", &model.licence, 1),
            ("Trained on", &model.trained_on, 3),
            ("Pitches", &range, 1),
            ("File", &file, 1),
            ("Mark", mark, 1),
        ] {
            if text.is_empty() || model.name.is_empty() {
                continue;
            }
            let indent = look.px(78.0);
            look.text(painter, (pos2(rect.left(), y), Align2::LEFT_TOP), what, LABEL, FAINT, indent);
            let galley = look.set(painter, text, LABEL, TEXT, rect.width() - indent, rows);
            let height = galley.size().y;
            painter.galley(pos2(rect.left() + indent, y), galley, TEXT);
            y += height + look.px(4.0);
        }

        // From the bottom upwards, so that a long description never meets it.
        let height = look.px(ROW);
        let count = self.places.len() + 1;
        let top = rect.bottom() - count as f32 * height;
        look.title(painter, pos2(rect.left(), top - look.px(20.0)), "Places");
        let place =
            |i: usize| Rect::from_min_size(pos2(rect.left(), top + i as f32 * height), vec2(rect.width(), height));
        let mut chosen = None;
        let sentence = "Plays the model that comes with Timbrel.";
        if row(view, view.ui, place(0), id("place", 0), (Sign::Model, sentence), "Default model", false) {
            chosen = Some(Chosen::Model(ModelRef::default()));
        }
        let mut went = None;
        for (i, (name, path)) in self.places.iter().enumerate() {
            let here = *path == self.listing.path;
            let sign = (Sign::Folder, "Lists what is in this folder.");
            if row(view, view.ui, place(i + 1), id("place", i + 1), sign, name, here) {
                went = Some(path.clone());
            }
        }
        if let Some(folder) = went {
            self.go(&folder);
        }
        chosen
    }

    /// The folder.
    fn show_right(&mut self, view: &View, ui: &mut Ui, rect: Rect) -> Option<Chosen> {
        let (look, painter) = (view.look, view.ui.painter());
        let button = vec2(look.px(30.0), look.px(26.0));
        let up = Rect::from_min_size(rect.min, button);
        let close = Rect::from_min_size(pos2(rect.right() - button.x, rect.top()), button);
        let arrow = |painter: &egui::Painter, at, ink| icons::up(painter, look, at, ink);
        let parent = self.listing.path.parent().map(Path::to_owned);
        let sentence = "Goes to the folder that this one is in.";
        if control::sign_button(view.ui, look, up, id("browser", 0), parent.is_some(), sentence, arrow)
            && let Some(parent) = parent
        {
            self.go(&parent);
        }
        let cross = |painter: &egui::Painter, at, ink| icons::cross(painter, look, at, ink);
        let closed = control::sign_button(view.ui, look, close, id("browser", 1), true, "Closes the browser.", cross);
        let paste = close.translate(vec2(-look.px(8.0 + 62.0), 0.0));
        let paste = Rect::from_min_max(paste.min, pos2(close.left() - look.px(8.0), close.bottom()));
        let field = Rect::from_min_max(
            pos2(up.right() + look.px(8.0), up.top()),
            pos2(paste.left() - look.px(8.0), up.bottom()),
        );
        let sentence = "Opens the file or folder whose path, or address (file://…), was copied.";
        if control::word_button(view.ui, look, paste, id("browser", 4), true, "Paste", sentence) {
            match super::paths::named(&super::tools::clipboard()) {
                Some(path) => self.take(view, path),
                None => view.say("What was copied is no path of a file: copy a path, or a file in the file manager, and paste again."),
            }
        }
        if let Some(path) = self.show_path(view, ui, field) {
            self.take(view, path);
        }

        let list = Rect::from_min_max(pos2(rect.left(), up.bottom() + look.px(10.0)), rect.max);
        painter.line_segment([list.left_top(), list.right_top()], Stroke::new(look.px(1.0), LINE));
        self.show_list(view, ui, list.with_min_y(list.top() + look.px(6.0)));
        closed.then_some(Chosen::Close)
    }

    fn show_list(&mut self, view: &View, ui: &mut Ui, rect: Rect) {
        let look = view.look;
        let Listing { folders: in_it, models, presets, recordings, .. } = &self.listing;
        let (folders, models, presets, recordings) = (in_it.len(), models.len(), presets.len(), recordings.len());
        let files = models + presets + recordings;
        if files == 0 {
            let words = self.listing.error.as_deref().unwrap_or(if folders == 0 {
                "There is no model, preset or recording in this folder."
            } else {
                "There is no model, preset or recording here; the folders above may hold some."
            });
            let at = rect.center_bottom() - vec2(0.0, look.px(8.0));
            look.text(view.ui.painter(), (at, Align2::CENTER_BOTTOM), words, LABEL, FAINT, rect.width());
        }
        let rect = if files == 0 { rect.with_max_y(rect.bottom() - look.px(30.0)) } else { rect };
        let mut chosen = None;
        let mut inside = ui.new_child(UiBuilder::new().max_rect(rect).id_salt("list"));
        inside.set_clip_rect(rect);
        inside.spacing_mut().item_spacing.y = 0.0;
        inside.spacing_mut().scroll.bar_width = look.px(BAR);
        let area = ScrollArea::vertical().auto_shrink(false);
        area.show_rows(&mut inside, look.px(ROW), folders + files, |ui, rows| {
            for i in rows {
                let (_, line) = ui.allocate_space(vec2(ui.available_width(), look.px(ROW)));
                let place = line.with_max_x(rect.right() - look.px(2.0 * BAR));
                let Listing { folders: in_it, models: own, presets: kept, recordings, .. } = &self.listing;
                let (path, sign) = if let Some(path) = in_it.get(i) {
                    (path, (Sign::Folder, "Lists what is in this folder."))
                } else if let Some(path) = own.get(i - folders) {
                    (path, (Sign::Model, "Plays this model."))
                } else if let Some(path) = kept.get(i - folders - models) {
                    (path, (Sign::Preset, "Adds this preset to your own, and plays it at a click there."))
                } else if let Some(path) = recordings.get(i - folders - models - presets) {
                    (path, (Sign::Recording, "Looks for the timbre that sounds most like this recorded note."))
                } else {
                    continue;
                };
                let plays = *path == view.snapshot.model.path;
                if row(view, ui, place, id("entry", i), sign, &folders::name(path), plays) {
                    chosen = Some(path.clone());
                }
            }
        });
        if let Some(path) = chosen {
            self.take(view, path);
        }
    }

    /// The path of the folder; a click lets another one be typed. Gives what was entered.
    fn show_path(&mut self, view: &View, ui: &mut Ui, rect: Rect) -> Option<PathBuf> {
        let look = view.look;
        let Some(typed) = &mut self.typed else {
            let response = view.ui.interact(rect, id("browser", 2), Sense::click());
            control::tip(&response, look, "Click to type the path of a file or folder; Enter opens it.");
            let fill = if response.hovered() { HOVERED } else { RAISED };
            view.ui.painter().rect_filled(rect, look.px(6.0), fill);
            let at = pos2(rect.left() + look.px(10.0), rect.center().y);
            write_path(view, at, &self.listing.path, rect.width() - look.px(20.0));
            if response.clicked() {
                self.typed = Some(Typed { text: self.listing.path.display().to_string(), is_new: true });
            }
            return None;
        };
        let own = id("browser", 3);
        let entered = presets::write_field(view, ui, rect, (own, 0.0), &mut typed.text, "A path, or file://…");
        if std::mem::take(&mut typed.is_new) {
            view.ui.memory_mut(|memory| memory.request_focus(own));
            return None;
        }
        if entered {
            let text = std::mem::take(&mut typed.text);
            self.typed = None;
            match super::paths::named(&text) {
                Some(path) => return Some(path),
                None => view.say("A path begins at the root, or with ~/ for your own folder: type all of it."),
            }
        } else if !view.ui.memory(|memory| memory.has_focus(own)) {
            self.typed = None;
        }
        None
    }
}

#[derive(Clone, Copy)]
enum Sign {
    Folder,
    Model,
    Preset,
    Recording,
}

/// A line that can be clicked, with its sign and what a click does; `current` marks where one is, or what plays.
fn row(
    view: &View,
    ui: &Ui,
    rect: Rect,
    id: egui::Id,
    (sign, sentence): (Sign, &str),
    name: &str,
    current: bool,
) -> bool {
    let (look, painter) = (view.look, ui.painter());
    let response = ui.interact(rect, id, Sense::click());
    control::tip(&response, look, sentence);
    if response.hovered() {
        painter.rect_filled(rect, look.px(6.0), HOVERED);
    } else if current {
        painter.rect_filled(rect, look.px(6.0), mix(GROUND, AMBER, 0.12));
    }
    let ink = if current {
        AMBER
    } else if response.hovered() {
        BRIGHT
    } else {
        TEXT
    };
    let at = pos2(rect.left() + look.px(16.0), rect.center().y);
    match sign {
        Sign::Folder => icons::folder(painter, look, at, mix(ink, FAINT, 0.4)),
        Sign::Preset => icons::heart(painter, look, at, false, mix(ink, AMBER, 0.5)),
        Sign::Recording => icons::wave(painter, look, at, mix(ink, AMBER, 0.5)),
        Sign::Model => icons::rings(painter, look, at, look.px(6.5), mix(ink, AMBER, 0.5)),
    }
    let text = pos2(rect.left() + look.px(34.0), rect.center().y);
    let style = if current { VALUE } else { LABEL };
    look.text(painter, (text, Align2::LEFT_CENTER), name, style, ink, rect.right() - text.x - look.px(8.0));
    response.clicked()
}

/// What a session keeps of a file that was chosen; its name and hash are known once it was read.
pub fn reference(path: &Path) -> ModelRef {
    ModelRef { path: path.to_owned(), ..ModelRef::default() }
}

/// A path, without its beginning where there is no room for all of it: its end tells more.
fn write_path(view: &View, at: egui::Pos2, path: &Path, width: f32) {
    let look: Look = view.look;
    let whole = path.display().to_string();
    let mut text = whole.clone();
    let fits = |text: &str| look.set(view.ui.painter(), text, LABEL, TEXT, f32::INFINITY, 1).size().x <= width;
    while !fits(&text) {
        let Some(cut) = text.trim_start_matches('…').char_indices().nth(8).map(|(at, _)| at) else { break };
        text = format!("…{}", &text.trim_start_matches('…')[cut..]);
    }
    let style = if whole.len() > 120 { SMALL } else { LABEL };
    look.text(view.ui.painter(), (at, Align2::LEFT_CENTER), &text, style, TEXT, width);
}
