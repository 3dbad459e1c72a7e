//! How the keys are tuned: Scala's files from any folder, and MTS-ESP. What was chosen is saved whole with the session.

use std::path::{Path, PathBuf};

use egui::{Align2, Rect, Sense, Stroke, pos2, vec2};

use super::View;
use super::control::{self, id};
use super::folders;
use super::icons;
use super::look::{AMBER, BRIGHT, FAINT, GROUND, HOVERED, LABEL, LINE, SMALL, TEXT, VALUE, mix};
use crate::tuning::{LONGEST_FILE, Tuning};

/// Height of a row of the list, in design points.
const ROW: f32 = 22.0;

/// What the page keeps from frame to frame.
pub struct TuningPage {
    folder: PathBuf,
    entries: Vec<Entry>,
    /// The first entry that is shown.
    first: usize,
    /// What was wrong with the file that was chosen last.
    error: Option<String>,
}

struct Entry {
    path: PathBuf,
    is_folder: bool,
}

impl TuningPage {
    /// Shows a folder; nothing is read before the page is.
    pub fn new() -> Self {
        Self { folder: PathBuf::new(), entries: Vec::new(), first: 0, error: None }
    }

    fn go(&mut self, folder: &Path) {
        self.folder = folder.to_owned();
        self.first = 0;
        self.entries = read(folder);
    }

    pub fn show(&mut self, view: &View, rect: Rect) {
        if self.folder.as_os_str().is_empty() {
            let home = folders::places().into_iter().find(|(name, _)| *name == "Home").map(|(_, path)| path);
            self.go(&home.unwrap_or_else(|| PathBuf::from(std::path::MAIN_SEPARATOR_STR)));
        }
        let (look, painter) = (view.look, view.ui.painter());
        let session = &view.params.session;
        let tuning = session.tuning();
        let name = tuning.as_ref().map_or("Equal temperament", |tuning| tuning.name.as_str());
        let top = Rect::from_min_size(rect.min, vec2(rect.width(), look.px(24.0)));
        let (equal, switch) = (top.with_min_x(top.right() - look.px(56.0)), rect.width() - look.px(64.0));
        look.text(painter, (top.left_center(), Align2::LEFT_CENTER), name, VALUE, BRIGHT, switch);
        let sentence = "Tunes the keys to equal temperament again.";
        if control::word_button(view.ui, look, equal, id("tuning", 0), true, "Equal", sentence) {
            self.error = view.hand.tune(None).err().map(|error| format!("{error:#}"));
        }

        let line =
            Rect::from_min_size(pos2(rect.left(), top.bottom() + look.px(8.0)), vec2(rect.width(), look.px(22.0)));
        look.text(painter, (line.left_center(), Align2::LEFT_CENTER), "MTS-ESP", LABEL, FAINT, line.width() / 3.0);
        let choice = line.with_min_x(line.right() - look.px(110.0));
        control::choice(view.ui, look, choice, &view.params.expression.mts_esp, &view.setter);

        let path =
            Rect::from_min_size(pos2(rect.left(), line.bottom() + look.px(10.0)), vec2(rect.width(), look.px(22.0)));
        let up = path.with_max_x(path.left() + look.px(26.0));
        let arrow = |painter: &egui::Painter, at, ink| icons::up(painter, look, at, ink);
        let parent = self.folder.parent().map(Path::to_owned);
        let sentence = "Goes to the folder that this one is in.";
        if control::sign_button(view.ui, look, up, id("tuning", 1), parent.is_some(), sentence, arrow)
            && let Some(parent) = parent
        {
            self.go(&parent);
        }
        let words = folders::name(&self.folder);
        let at = pos2(up.right() + look.px(8.0), path.center().y);
        look.text(painter, (at, Align2::LEFT_CENTER), &words, LABEL, TEXT, path.right() - at.x);
        painter.line_segment([path.left_bottom(), path.right_bottom()], Stroke::new(look.px(1.0), LINE));

        let sentence = self.error.clone().unwrap_or_else(|| {
            "Scales (.scl) and keyboard mappings (.kbm). What you choose is saved with the session.".to_owned()
        });
        let galley = look.set(painter, &sentence, SMALL, FAINT, rect.width(), 3);
        let list = Rect::from_min_max(
            pos2(rect.left(), path.bottom() + look.px(4.0)),
            pos2(rect.right(), rect.bottom() - galley.size().y - look.px(6.0)),
        );
        painter.galley(pos2(rect.left(), list.bottom() + look.px(6.0)), galley, FAINT);
        self.show_list(view, list, tuning);
    }

    fn show_list(&mut self, view: &View, rect: Rect, tuning: Option<Tuning>) {
        let (look, painter) = (view.look, view.ui.painter());
        let rows = ((rect.height() / look.px(ROW)) as usize).max(1);
        let whole = view.ui.interact(rect, id("tuning list", 0), Sense::hover());
        let steps = control::wheel(view.ui, &whole);
        let last = self.entries.len().saturating_sub(rows);
        self.first = self.first.saturating_add_signed(-steps as isize).min(last);
        if self.entries.is_empty() {
            let words = "No scale and no folder here.";
            look.text(painter, (rect.center_top(), Align2::CENTER_TOP), words, LABEL, FAINT, rect.width());
        }
        let mut chosen = None;
        for (row, entry) in self.entries.iter().skip(self.first).take(rows).enumerate() {
            let top = rect.top() + look.px(ROW) * row as f32;
            let place = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), look.px(ROW)));
            let response = view.ui.interact(place, id("tuning entry", row), Sense::click());
            let name = folders::name(&entry.path);
            let plays = !entry.is_folder && tuning.as_ref().is_some_and(|tuning| tuning.name == name);
            let ink = match (plays, response.hovered()) {
                (true, _) => AMBER,
                (false, true) => BRIGHT,
                (false, false) => TEXT,
            };
            if response.hovered() {
                painter.rect_filled(place, look.px(5.0), HOVERED);
            } else if plays {
                painter.rect_filled(place, look.px(5.0), mix(GROUND, AMBER, 0.12));
            }
            if entry.is_folder {
                icons::folder(
                    painter,
                    look,
                    pos2(place.left() + look.px(12.0), place.center().y),
                    mix(ink, FAINT, 0.4),
                );
            }
            let at = pos2(place.left() + look.px(26.0), place.center().y);
            look.text(painter, (at, Align2::LEFT_CENTER), &name, LABEL, ink, place.right() - at.x);
            if response.clicked() {
                chosen = Some((entry.path.clone(), entry.is_folder));
            }
        }
        match chosen {
            Some((path, true)) => self.go(&path),
            Some((path, false)) => {
                let told = take(tuning.unwrap_or_default(), &path).and_then(|tuning| view.hand.tune(Some(tuning)));
                self.error = told.err().map(|error| format!("{}: {error:#}.", folders::name(&path)));
            }
            None => {}
        }
    }
}

/// A tuning with what a file says in the place of what it said before.
///
/// # Errors
/// When the file cannot be read as text, or is too long.
fn take(tuning: Tuning, path: &Path) -> anyhow::Result<Tuning> {
    use std::io::Read;
    let mut text = String::new();
    // One byte more tells that it is too long.
    std::fs::File::open(path)?.take(LONGEST_FILE as u64 + 1).read_to_string(&mut text)?;
    let name = folders::name(path);
    Ok(if has_ending(path, "kbm") {
        let named = if tuning.name.is_empty() { name } else { tuning.name };
        Tuning { mapping: text, name: named, ..tuning }
    } else {
        Tuning { scale: text, name, ..tuning }
    })
}

/// Folders, then scales and mappings, by name.
fn read(folder: &Path) -> Vec<Entry> {
    let paths = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let shown = paths.filter(|path| !folders::name(path).starts_with('.'));
    let mut entries: Vec<Entry> = shown
        .map(|path| Entry { is_folder: path.is_dir(), path })
        .filter(|entry| entry.is_folder || has_ending(&entry.path, "scl") || has_ending(&entry.path, "kbm"))
        .collect();
    entries.sort_by_cached_key(|entry| (!entry.is_folder, folders::name(&entry.path).to_lowercase()));
    entries
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|own| own.eq_ignore_ascii_case(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_and_a_mapping_are_taken_together_and_what_is_none_is_said() {
        let folder = std::env::temp_dir().join(format!("timbrel-tuning-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("More")).unwrap();
        for (file, text) in [
            ("five.scl", "five\n1\n240.0\n"),
            ("on-a.KBM", "0\n0\n127\n69\n69\n432\n1\n"),
            ("notes.txt", ""),
            (".scl", ""),
        ] {
            std::fs::write(folder.join(file), text).unwrap();
        }
        std::fs::write(folder.join("long.scl"), "!\n".repeat(LONGEST_FILE)).unwrap();
        let names: Vec<String> = read(&folder).iter().map(|entry| folders::name(&entry.path)).collect();
        let scale = take(Tuning::default(), &folder.join("five.scl")).unwrap();
        let both = take(scale.clone(), &folder.join("on-a.KBM")).unwrap();
        let long = take(Tuning::default(), &folder.join("long.scl")).unwrap();
        let none = take(Tuning::default(), &folder.join("gone.scl"));
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(names, ["More", "five.scl", "long.scl", "on-a.KBM"]);
        assert_eq!((both.name.as_str(), &both.scale), ("five.scl", &scale.scale));
        let pitches = both.pitches().unwrap();
        assert!((pitches[70] - pitches[69] - 2.4).abs() < 1e-4 && (pitches[69] - 68.682).abs() < 1e-3);
        assert!(long.pitches().is_err() && none.is_err());
    }
}
