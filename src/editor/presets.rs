//! The preset browser: filters at the left, the list at the right, and what can be done with the chosen one below it. All of it
//! can be done with the mouse alone; where there is a keyboard, it searches and names.

use egui::{Align2, Rect, ScrollArea, Sense, Stroke, TextEdit, Ui, UiBuilder, pos2, vec2};

use super::View;
use super::control::{self, id};
use super::icons;
use super::look::{AMBER, BRIGHT, FAINT, GROUND, HOVERED, LABEL, LINE, RAISED, SMALL, TEXT, VALUE, mix};
use crate::preset::{Entry, Former, Library, Place};

/// Width of the left part, and height of a row, in design points.
const LEFT: f32 = 220.0;
const ROW: f32 = 28.0;
/// Width of the list's scroll bar, which has as much room again beside it.
const BAR: f32 = 8.0;
/// Height of the row of buttons below the list, with what stands over it.
const BELOW: f32 = 64.0;

/// What was asked for.
pub enum Asked {
    Play(Place),
    Like(Place),
    Rename(Place, String),
    Tag(Place, Vec<String>),
    /// To keep what is heard in the place of this one.
    Update(Place),
    Delete(Place),
    /// To take back the last deletion or update.
    PutBack,
    Export(Place),
    Import,
    Close,
}

/// Which part of the presets is listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Part {
    #[default]
    All,
    Liked,
    Factory,
    Own,
}

/// What the browser remembers from frame to frame; it is kept while it is closed.
#[derive(Default)]
pub struct Presets {
    pub is_open: bool,
    part: Part,
    tags: Vec<String>,
    search: String,
    /// The preset that the buttons below the list are for.
    pub chosen: Option<Place>,
    /// What is being changed about the chosen one.
    editing: Option<Editing>,
    /// What was deleted or updated last.
    pub former: Option<Former>,
    /// What was done last, in words.
    pub said: String,
    scrolls: bool,
}

enum Editing {
    /// The name, and the turn of its next proposal.
    Name(String, usize),
    /// Tags with commas between them.
    Tags(String),
}

/// Tags that are written with commas between them.
fn tags_of(text: &str) -> Vec<String> {
    crate::preset::tidy_tags(&text.split(',').map(str::to_owned).collect::<Vec<_>>())
}

impl Presets {
    /// Opens on a preset, which the list is scrolled to.
    pub fn open(&mut self, chosen: Option<Place>) {
        self.is_open = true;
        self.scrolls = true;
        self.chosen = chosen;
        (self.editing, self.former) = (None, None);
        self.said.clear();
    }

    /// Shows the chosen one when the list is drawn next.
    pub fn scroll(&mut self) {
        self.scrolls = true;
    }

    /// Lets a name be given to the chosen one.
    pub fn name(&mut self, name: &str) {
        self.editing = Some(Editing::Name(name.to_owned(), 1));
        (self.part, self.search) = (Part::All, String::new());
        self.tags.clear();
    }

    /// The presets that the filters leave, in order.
    pub fn listed<'a>(&self, library: &'a Library, likes: &[String]) -> Vec<&'a Entry> {
        let search = self.search.trim().to_lowercase();
        let fits = |entry: &&Entry| {
            let in_part = match self.part {
                Part::All => true,
                Part::Liked => likes.contains(&entry.key()),
                Part::Factory => matches!(entry.place, Place::Factory(_)),
                Part::Own => matches!(entry.place, Place::File(_)),
            };
            let is_tagged = self.tags.iter().all(|tag| entry.tags().contains(tag));
            let is_found = search.split_whitespace().all(|word| {
                entry.name().to_lowercase().contains(word) || entry.tags().iter().any(|tag| tag.contains(word))
            });
            in_part && is_tagged && is_found
        };
        library.entries().iter().filter(fits).collect()
    }

    pub fn show(&mut self, view: &View, ui: &mut Ui, rect: Rect, library: &Library, likes: &[String]) -> Option<Asked> {
        let look = view.look;
        let (left, right) = rect.split_left_right_at_x(rect.left() + look.px(LEFT));
        let right = right.with_min_x(right.left() + look.px(28.0));
        self.show_filters(view, left, library);
        let below = right.with_min_y(right.bottom() - look.px(BELOW));
        let list = right.with_max_y(below.top() - look.px(6.0));
        let asked = self.show_list(view, ui, list, library, likes);
        let done = self.show_below(view, ui, below, library);
        asked.or(done)
    }

    fn show_filters(&mut self, view: &View, rect: Rect, library: &Library) {
        let (look, ui) = (view.look, view.ui);
        let mut y = look.title(ui.painter(), rect.left_top(), "Presets").bottom() + look.px(8.0);
        for (i, (part, name)) in
            [(Part::All, "All"), (Part::Liked, "Favourites"), (Part::Factory, "Factory"), (Part::Own, "My own")]
                .into_iter()
                .enumerate()
        {
            let place = Rect::from_min_size(pos2(rect.left(), y), vec2(rect.width(), look.px(26.0)));
            if filter(view, place, id("part", i), name, self.part == part) {
                self.part = part;
            }
            y = place.bottom();
        }
        y += look.px(14.0);
        let mut edited = match &self.editing {
            Some(Editing::Tags(text)) => Some(tags_of(text)),
            _ => None,
        };
        let title = if edited.is_some() { "Tags of the chosen one" } else { "Tags" };
        y = look.title(ui.painter(), pos2(rect.left(), y), title).bottom() + look.px(8.0);
        // Tags stand in lines, as words do; those beyond the last line are found by the search.
        let (mut x, height) = (rect.left(), look.px(22.0));
        for (i, tag) in library.tags().iter().enumerate() {
            let galley = look.set(ui.painter(), tag, SMALL, TEXT, rect.width() - look.px(16.0), 1);
            let width = galley.size().x + look.px(16.0);
            if x + width > rect.right() && x > rect.left() {
                (x, y) = (rect.left(), y + height + look.px(5.0));
            }
            if y + height > rect.bottom() {
                break;
            }
            let place = Rect::from_min_size(pos2(x, y), vec2(width, height));
            let on = edited.as_ref().unwrap_or(&self.tags).contains(tag);
            let response = ui.interact(place, id("tag", i), Sense::click());
            let sentence = match edited.is_some() {
                true => "Gives the chosen preset this tag, or takes it away.",
                false => "Lists presets with this tag only; several tags narrow it down.",
            };
            control::tip(&response, look, sentence);
            let fill = match (on, response.hovered()) {
                (true, _) => mix(GROUND, AMBER, 0.22),
                (false, true) => HOVERED,
                (false, false) => RAISED,
            };
            ui.painter().rect_filled(place, height / 2.0, fill);
            let ink = if on { AMBER } else { TEXT };
            look.text(ui.painter(), (place.center(), Align2::CENTER_CENTER), tag, SMALL, ink, place.width());
            if response.clicked() {
                let tags = edited.as_mut().unwrap_or(&mut self.tags);
                match tags.iter().position(|own| own == tag) {
                    Some(at) => drop(tags.remove(at)),
                    None => tags.push(tag.clone()),
                }
                if let Some(tags) = &edited {
                    self.editing = Some(Editing::Tags(tags.join(", ")));
                }
            }
            x = place.right() + look.px(5.0);
        }
    }

    fn show_list(
        &mut self,
        view: &View,
        ui: &mut Ui,
        rect: Rect,
        library: &Library,
        likes: &[String],
    ) -> Option<Asked> {
        let look = view.look;
        let button = vec2(look.px(30.0), look.px(26.0));
        let close = Rect::from_min_size(pos2(rect.right() - button.x, rect.top()), button);
        let cross = |painter: &egui::Painter, at, ink| icons::cross(painter, look, at, ink);
        let closed = control::sign_button(view.ui, look, close, id("presets", 0), true, "Closes the presets.", cross);
        let field = Rect::from_min_max(rect.min, pos2(close.left() - look.px(10.0), close.bottom()));
        write_field(view, ui, field, (id("presets", 1), 66.0), &mut self.search, "Search by name or tag");

        let listed = self.listed(library, likes);
        let count = format!("{} of {}", listed.len(), library.entries().len());
        let at = pos2(field.right() - look.px(10.0), field.center().y);
        look.text(view.ui.painter(), (at, Align2::RIGHT_CENTER), &count, SMALL, FAINT, f32::INFINITY);
        let list = Rect::from_min_max(pos2(rect.left(), close.bottom() + look.px(8.0)), rect.max);
        view.ui.painter().line_segment([list.left_top(), list.right_top()], Stroke::new(look.px(1.0), LINE));
        let list = list.with_min_y(list.top() + look.px(4.0));
        let mut asked = closed.then_some(Asked::Close);
        if listed.is_empty() {
            let words = match self.part {
                Part::Liked => "No favourite is listed: click the heart of a preset.",
                Part::Own => "Nothing of your own is listed: Save, at the top, keeps what you hear.",
                _ => "No preset fits: choose fewer tags, or search for something else.",
            };
            look.text(view.ui.painter(), (list.center(), Align2::CENTER_CENTER), words, LABEL, FAINT, list.width());
            return asked;
        }
        let mut inside = ui.new_child(UiBuilder::new().max_rect(list).id_salt("presets"));
        inside.set_clip_rect(list);
        inside.spacing_mut().item_spacing.y = 0.0;
        inside.spacing_mut().scroll.bar_width = look.px(BAR);
        let mut area = ScrollArea::vertical().auto_shrink(false);
        if std::mem::take(&mut self.scrolls)
            && let Some(row) = listed.iter().position(|entry| Some(&entry.place) == self.chosen.as_ref())
        {
            let top = (row as f32 + 0.5) * look.px(ROW) - list.height() / 2.0;
            area = area.vertical_scroll_offset(top.max(0.0));
        }
        area.show_rows(&mut inside, look.px(ROW), listed.len(), |ui, rows| {
            for i in rows {
                let (_, line) = ui.allocate_space(vec2(ui.available_width(), look.px(ROW)));
                let line = line.with_max_x(rect.right() - look.px(2.0 * BAR));
                let is_liked = likes.contains(&listed[i].key());
                let (played, liked) = row(view, ui, line, i, listed[i], self.chosen.as_ref(), is_liked);
                if played {
                    self.chosen = Some(listed[i].place.clone());
                    self.editing = None;
                    asked = Some(Asked::Play(listed[i].place.clone()));
                }
                if liked {
                    asked = Some(Asked::Like(listed[i].place.clone()));
                }
            }
        });
        asked
    }

    /// What can be done with the chosen one, and what was done.
    fn show_below(&mut self, view: &View, ui: &mut Ui, rect: Rect, library: &Library) -> Option<Asked> {
        let look = view.look;
        let entry = self.chosen.as_ref().and_then(|place| library.get(place));
        let says = match entry.map(|entry| &entry.preset) {
            Some(Err(sentence)) => sentence.clone(),
            _ => self.said.clone(),
        };
        let mut words = rect.with_max_y(rect.bottom() - look.px(30.0));
        let mut takes_back = false;
        if self.former.is_some() && self.editing.is_none() {
            let size = vec2(look.px(72.0), look.px(24.0));
            let place = Rect::from_min_size(pos2(words.right() - size.x, words.top() + look.px(4.0)), size);
            words.max.x = place.left() - look.px(8.0);
            let sentence = "Takes back what was deleted or updated last.";
            takes_back = control::word_button(view.ui, look, place, id("presets", 12), true, "Put back", sentence);
        }
        let galley = look.set(view.ui.painter(), &says, SMALL, TEXT, words.width(), 2);
        view.ui.painter().galley(words.left_top() + vec2(0.0, look.px(2.0)), galley, TEXT);

        let line = rect.with_min_y(rect.bottom() - look.px(26.0));
        let mut right = line.right();
        let mut place = |width: f32| {
            let place = Rect::from_min_max(pos2(right - look.px(width), line.top()), pos2(right, line.bottom()));
            right = place.left() - look.px(6.0);
            place
        };
        if self.editing.is_some() {
            let (cancel, another, set) = (place(66.0), place(104.0), place(56.0));
            let field = Rect::from_min_max(line.min, pos2(set.left() - look.px(8.0), line.bottom()));
            return self.show_editing(view, ui, [field, set, another, cancel], library);
        }
        let own = matches!(self.chosen, Some(Place::File(_)));
        let is_good = entry.is_some_and(|entry| entry.preset.is_ok());
        let mut asked = takes_back.then_some(Asked::PutBack);
        let mut button = |width: f32, index: usize, can: bool, words: &str, sentence: &str| {
            control::word_button(view.ui, look, place(width), id("presets", index), can, words, sentence)
        };
        let chosen = self.chosen.clone();
        let sentence = "Looks for a preset's file in the folders of this machine, and adds it to your own.";
        if button(62.0, 6, true, "Import", sentence) {
            asked = Some(Asked::Import);
        }
        if button(62.0, 7, is_good, "Export", "Writes the chosen preset as one small file.") {
            asked = chosen.clone().map(Asked::Export);
        }
        if button(62.0, 8, own, "Delete", "Removes the chosen preset of your own; it can be put back.") {
            asked = chosen.clone().map(Asked::Delete);
        }
        let sentence = "Keeps what you hear in the place of the chosen preset of your own; it can be put back.";
        if button(62.0, 10, own && is_good, "Update", sentence) {
            asked = chosen.clone().map(Asked::Update);
        }
        let sentence = "Gives the chosen preset of your own other tags.";
        if button(52.0, 11, own && is_good, "Tags", sentence)
            && let Some(entry) = entry
        {
            self.editing = Some(Editing::Tags(entry.tags().join(", ")));
        }
        let sentence = "Gives the chosen preset of your own another name.";
        if button(66.0, 9, own && is_good, "Rename", sentence)
            && let Some(entry) = entry
        {
            self.editing = Some(Editing::Name(entry.name(), 1));
        }
        if let Some(Ok(preset)) = entry.map(|entry| &entry.preset) {
            let by = if preset.author.is_empty() { String::new() } else { format!("by {}", preset.author) };
            let model =
                if preset.model.name.is_empty() { String::new() } else { format!("made with {}", preset.model.name) };
            let text = [by, model].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
            let room = right - line.left() - look.px(6.0);
            look.text(view.ui.painter(), (line.left_center(), Align2::LEFT_CENTER), &text, SMALL, FAINT, room);
        }
        asked
    }

    /// The name or the tags that are being written: a field, and buttons that set them, help, and leave them as they were.
    fn show_editing(
        &mut self,
        view: &View,
        ui: &mut Ui,
        [field, set, help, cancel]: [Rect; 4],
        library: &Library,
    ) -> Option<Asked> {
        let look = view.look;
        let entry = self.chosen.as_ref().and_then(|place| library.get(place));
        let names = matches!(self.editing, Some(Editing::Name(..)));
        let entered = match &mut self.editing {
            Some(Editing::Name(name, turn)) => {
                let entered = write_field(view, ui, field, (id("presets", 2), 0.0), name, "A name");
                let sentence = "Proposes another name, for who has no keyboard here.";
                if control::word_button(view.ui, look, help, id("presets", 3), true, "Another name", sentence) {
                    let stem = entry.map(|entry| super::hand::plain_name(&entry.name())).unwrap_or_default();
                    *name = crate::preset::propose(&stem, *turn, |name| library.has_name(name));
                    *turn += 1;
                }
                entered
            }
            Some(Editing::Tags(text)) => {
                let hint = "Tags, with commas between them";
                let entered = write_field(view, ui, field, (id("presets", 2), 0.0), text, hint);
                let sentence = "Takes all tags away.";
                if control::word_button(view.ui, look, help, id("presets", 3), true, "No tags", sentence) {
                    text.clear();
                }
                entered
            }
            None => return None,
        };
        let sentence =
            if names { "Gives it this name." } else { "Gives it these tags; those at the left can be clicked." };
        let accepts = control::word_button(view.ui, look, set, id("presets", 4), true, "Set", sentence) || entered;
        let sentence = "Leaves it as it is.";
        let ends = control::word_button(view.ui, look, cancel, id("presets", 5), true, "Cancel", sentence);
        if !(accepts || ends) {
            return None;
        }
        let editing = self.editing.take().filter(|_| accepts)?;
        let place = self.chosen.clone()?;
        Some(match editing {
            Editing::Name(name, _) => Asked::Rename(place, name),
            Editing::Tags(text) => Asked::Tag(place, tags_of(&text)),
        })
    }
}

/// A line of the list: whether it was clicked, and whether its heart was.
fn row(
    view: &View,
    ui: &Ui,
    rect: Rect,
    index: usize,
    entry: &Entry,
    chosen: Option<&Place>,
    is_liked: bool,
) -> (bool, bool) {
    let (look, painter) = (view.look, ui.painter());
    let heart = rect.with_min_x(rect.right() - look.px(30.0));
    let line = rect.with_max_x(heart.left());
    let response = ui.interact(line, id("preset", index), Sense::click());
    let like = ui.interact(heart, id("like", index), Sense::click());
    let is_chosen = chosen == Some(&entry.place);
    if response.hovered() {
        painter.rect_filled(rect, look.px(6.0), HOVERED);
    } else if is_chosen {
        painter.rect_filled(rect, look.px(6.0), mix(GROUND, AMBER, 0.12));
    }
    let ink = match (entry.preset.is_ok(), is_chosen, response.hovered()) {
        (false, ..) => FAINT,
        (true, true, _) => AMBER,
        (true, false, true) => BRIGHT,
        (true, false, false) => TEXT,
    };
    let style = if is_chosen { VALUE } else { LABEL };
    let at = pos2(line.left() + look.px(10.0), line.center().y);
    let room = line.width() - look.px(20.0);
    let name = look.text(painter, (at, Align2::LEFT_CENTER), &entry.name(), style, ink, room * 0.6);
    let right = pos2(line.right() - look.px(8.0), line.center().y);
    let words = if entry.preset.is_ok() { entry.tags().join("  ") } else { "cannot be read".to_owned() };
    look.text(painter, (right, Align2::RIGHT_CENTER), &words, SMALL, FAINT, right.x - name.right() - look.px(12.0));
    let ink = match (is_liked, like.hovered()) {
        (true, _) => AMBER,
        (false, true) => BRIGHT,
        (false, false) => mix(LINE, FAINT, 0.85),
    };
    icons::heart(painter, look, heart.center(), is_liked, ink);
    (response.clicked(), like.clicked())
}

/// A line of the filters.
fn filter(view: &View, rect: Rect, own: egui::Id, name: &str, on: bool) -> bool {
    let (look, painter) = (view.look, view.ui.painter());
    let response = view.ui.interact(rect, own, Sense::click());
    if response.hovered() {
        painter.rect_filled(rect, look.px(6.0), HOVERED);
    } else if on {
        painter.rect_filled(rect, look.px(6.0), mix(GROUND, AMBER, 0.12));
    }
    let ink = match (on, response.hovered()) {
        (true, _) => AMBER,
        (false, true) => BRIGHT,
        (false, false) => TEXT,
    };
    let at = pos2(rect.left() + look.px(10.0), rect.center().y);
    look.text(painter, (at, Align2::LEFT_CENTER), name, if on { VALUE } else { LABEL }, ink, rect.width());
    response.clicked()
}

/// A field to write in, with so many design points at its right for something else. True when it was left by Enter.
pub fn write_field(
    view: &View,
    ui: &mut Ui,
    rect: Rect,
    (own, kept): (egui::Id, f32),
    text: &mut String,
    hint: &str,
) -> bool {
    let look = view.look;
    view.ui.painter().rect_filled(rect, look.px(6.0), RAISED);
    let mut inside = ui.new_child(UiBuilder::new().max_rect(rect).id_salt(own));
    let edit = TextEdit::singleline(text)
        .id(own)
        .frame(egui::Frame::NONE)
        .margin(egui::Margin::ZERO)
        .font(look.font(LABEL))
        .text_color(TEXT)
        .char_limit(1_000)
        .hint_text(egui::RichText::new(hint).font(look.font(LABEL)).color(FAINT));
    let at = Rect::from_min_max(
        pos2(rect.left() + look.px(10.0), rect.center().y - look.px(8.0)),
        pos2(rect.right() - look.px(10.0 + kept), rect.center().y + look.px(9.0)),
    );
    let response = inside.put(at, edit);
    response.lost_focus() && view.ui.input(|input| input.key_pressed(egui::Key::Enter))
}
