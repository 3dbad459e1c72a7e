//! The model browser: what plays now, and folders of `.onnx` files to choose from with the mouse alone. It is drawn in the
//! editor's own window, since a native dialog from inside a plugin blocks or crashes some hosts.

use std::path::{Path, PathBuf};

use egui::{Align2, Rect, ScrollArea, Sense, Stroke, Ui, UiBuilder, pos2, vec2};

use super::View;
use super::control::{self, id};
use super::folders::{self, Listing};
use super::icons;
use super::look::{AMBER, BRIGHT, FAINT, GROUND, HEADING, HOVERED, LABEL, LINE, Look, SMALL, TEXT, VALUE, mix};
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
    /// A preset's file, to be added to the user's own.
    Preset(PathBuf),
    Close,
}

pub struct Browser {
    listing: Listing,
    places: Vec<(&'static str, PathBuf)>,
}

impl Browser {
    pub fn open(folder: &Path) -> Self {
        Self { listing: Listing::read(folder), places: folders::places() }
    }

    pub fn folder(&self) -> &Path {
        &self.listing.path
    }

    fn go(&mut self, folder: &Path) {
        self.listing = Listing::read(folder);
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
        if row(view, view.ui, place(0), id("place", 0), Sign::Model, "Default model", false) {
            chosen = Some(Chosen::Model(ModelRef::default()));
        }
        let mut went = None;
        for (i, (name, path)) in self.places.iter().enumerate() {
            let here = *path == self.listing.path;
            if row(view, view.ui, place(i + 1), id("place", i + 1), Sign::Folder, name, here) {
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
        let (clicked, hovered) = control::button(view.ui, look, up, id("browser", 0));
        icons::up(painter, look, up.center(), if hovered { BRIGHT } else { TEXT });
        if clicked && let Some(parent) = self.listing.path.parent().map(Path::to_owned) {
            self.go(&parent);
        }
        let (closed, hovered) = control::button(view.ui, look, close, id("browser", 1));
        icons::cross(painter, look, close.center(), if hovered { BRIGHT } else { TEXT });
        let path = pos2(up.right() + look.px(12.0), up.center().y);
        write_path(view, path, &self.listing.path, close.left() - path.x - look.px(12.0));

        let list = Rect::from_min_max(pos2(rect.left(), up.bottom() + look.px(10.0)), rect.max);
        painter.line_segment([list.left_top(), list.right_top()], Stroke::new(look.px(1.0), LINE));
        let chosen = self.show_list(view, ui, list.with_min_y(list.top() + look.px(6.0)));
        if closed { Some(Chosen::Close) } else { chosen }
    }

    fn show_list(&mut self, view: &View, ui: &mut Ui, rect: Rect) -> Option<Chosen> {
        let look = view.look;
        let Listing { folders: in_it, models, presets, .. } = &self.listing;
        let (folders, models, presets) = (in_it.len(), models.len(), presets.len());
        if models + presets == 0 {
            let words = self.listing.error.as_deref().unwrap_or(if folders == 0 {
                "There is no model (.onnx) in this folder."
            } else {
                "There is no model (.onnx) here; the folders above may hold some."
            });
            let at = rect.center_bottom() - vec2(0.0, look.px(8.0));
            look.text(view.ui.painter(), (at, Align2::CENTER_BOTTOM), words, LABEL, FAINT, rect.width());
        }
        let rect = if models + presets == 0 { rect.with_max_y(rect.bottom() - look.px(30.0)) } else { rect };
        let mut chosen = None;
        let mut went = None;
        let mut inside = ui.new_child(UiBuilder::new().max_rect(rect).id_salt("list"));
        inside.set_clip_rect(rect);
        inside.spacing_mut().item_spacing.y = 0.0;
        inside.spacing_mut().scroll.bar_width = look.px(BAR);
        let area = ScrollArea::vertical().auto_shrink(false);
        area.show_rows(&mut inside, look.px(ROW), folders + models + presets, |ui, rows| {
            for i in rows {
                let (_, line) = ui.allocate_space(vec2(ui.available_width(), look.px(ROW)));
                let place = line.with_max_x(rect.right() - look.px(2.0 * BAR));
                if let Some(path) = self.listing.folders.get(i) {
                    if row(view, ui, place, id("entry", i), Sign::Folder, &folders::name(path), false) {
                        went = Some(path.clone());
                    }
                } else if let Some(path) = self.listing.models.get(i - folders) {
                    let plays = *path == view.snapshot.model.path;
                    if row(view, ui, place, id("entry", i), Sign::Model, &folders::name(path), plays) {
                        chosen = Some(Chosen::Model(reference(path)));
                    }
                } else if let Some(path) = self.listing.presets.get(i - folders - models)
                    && row(view, ui, place, id("entry", i), Sign::Preset, &folders::name(path), false)
                {
                    chosen = Some(Chosen::Preset(path.clone()));
                }
            }
        });
        if let Some(folder) = went {
            self.go(&folder);
        }
        chosen
    }
}

#[derive(Clone, Copy)]
enum Sign {
    Folder,
    Model,
    Preset,
}

/// A line that can be clicked; `current` marks where one is, or what plays.
fn row(view: &View, ui: &Ui, rect: Rect, id: egui::Id, sign: Sign, name: &str, current: bool) -> bool {
    let (look, painter) = (view.look, ui.painter());
    let response = ui.interact(rect, id, Sense::click());
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
