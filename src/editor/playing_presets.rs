//! What the editor does with presets: plays, keeps and names them, and knows which one plays.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{App, View, folders, hand, presets};
use crate::files;
use crate::held::Held;
use crate::preset::{self, MadeWith, Place, Preset};

impl App {
    pub(super) fn follow_presets(&mut self, view: &View, asked: presets::Asked) {
        let told = match asked {
            presets::Asked::Close => {
                self.presets.is_open = false;
                return;
            }
            presets::Asked::Play(place) => return self.play_preset(view, &place),
            presets::Asked::Like(place) => return self.like(&place),
            presets::Asked::Import => return self.open_browser(&view.snapshot.model.path),
            presets::Asked::Rename(place, name) => self.library.rename(&place, &name).map(|renamed| {
                self.move_preset(&place, Some(&renamed));
                let held = view.hand.held();
                let plays = self.preset.as_ref().is_some_and(|(place, _)| *place == renamed);
                if plays {
                    // A name is no change of the sound, and no step.
                    let name = crate::held::one_line(&name);
                    view.params.session.holding().set(Arc::new(Held { preset: name, ..Held::clone(&held) }));
                }
                String::new()
            }),
            presets::Asked::Tag(place, tags) => self.library.tag(&place, &tags).map(|()| String::new()),
            presets::Asked::Update(place) => {
                let sound = self.heard(view, "", Vec::new());
                self.library.update(&place, sound).map(|former| {
                    self.presets.former = Some(former);
                    self.mark_played(view, &place);
                    "It is what you hear now. Put back brings what it was.".to_owned()
                })
            }
            presets::Asked::Delete(place) => self.library.delete(&place).map(|former| {
                self.presets.former = Some(former);
                self.unliked = self.move_preset(&place, None);
                "It was removed. Put back brings it back.".to_owned()
            }),
            presets::Asked::PutBack => match self.presets.former.take() {
                Some(former) => self.library.put_back(&former).map(|place| {
                    if std::mem::take(&mut self.unliked) {
                        self.like(&place);
                    }
                    self.presets.open(Some(place));
                    "It is as it was.".to_owned()
                }),
                None => Ok(String::new()),
            },
            presets::Asked::Export(place) => {
                let folder = self.export_folder(&view.snapshot.model.path);
                self.library.export(&place, &folder).map(|path| format!("Written to {}.", path.display()))
            }
        };
        self.presets.said = told.unwrap_or_else(|error| error.to_string());
    }

    /// Follows a preset whose file has another place now, or none. Says whether it was a favourite.
    fn move_preset(&mut self, from: &Place, to: Option<&Place>) -> bool {
        let likes = &mut self.settings.now.likes;
        let old = match from {
            Place::File(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            Place::Factory(_) => return false,
        };
        let new = to.and_then(|place| self.library.get(place)).map(preset::Entry::key);
        let liked = likes.iter().position(|key| *key == old);
        if let Some(at) = liked {
            likes.remove(at);
            likes.extend(new);
        }
        self.settings.save();
        self.presets.chosen = to.cloned();
        self.preset = self.preset.take().and_then(|(place, version)| {
            if place == *from { to.cloned().map(|to| (to, version)) } else { Some((place, version)) }
        });
        liked.is_some()
    }

    /// What sounds now, as a preset.
    fn heard(&self, view: &View, name: &str, tags: Vec<String>) -> Preset {
        let model = &view.snapshot.model;
        Preset::of(view.params, name, tags, MadeWith { name: model.name.clone(), sha256: model.sha256.clone() })
    }

    /// What sounds now is this preset, by its name.
    fn mark_played(&mut self, view: &View, place: &Place) {
        let name = self.library.get(place).map(preset::Entry::name).unwrap_or_default();
        let held = view.hand.held();
        // A name is no change of the sound, and no step.
        view.params.session.holding().set(Arc::new(Held { preset: name, ..Held::clone(&held) }));
        self.preset = Some((place.clone(), self.history.version()));
    }

    /// Knows which preset plays after what else has chosen it: a session, a program change, an undo.
    pub(super) fn find_preset(&mut self, name: &str) {
        let known = self.preset.as_ref().and_then(|(place, _)| self.library.get(place));
        if known.map(preset::Entry::name).unwrap_or_default() != name {
            let found = self.library.entries().iter().find(|entry| !name.is_empty() && entry.name() == name);
            self.preset = found.map(|entry| (entry.place.clone(), self.history.version()));
        }
    }

    /// Plays a preset; what cannot be played says why, and what can be done.
    fn play_preset(&mut self, view: &View, place: &Place) {
        let Some(entry) = self.library.get(place) else { return };
        let preset = match &entry.preset {
            Ok(preset) => Arc::clone(preset),
            // The browser shows it; elsewhere there is the banner.
            Err(sentence) if !self.presets.is_open => return *view.error.lock() = Some(sentence.clone()),
            Err(_) => return,
        };
        let mut patch = preset.patch.clone();
        patch.held.preset = preset.name.clone();
        hand::apply(view.hand, view.params, &patch, preset::is_of_preset);
        let playing = self.instance.model();
        let is_default = files::default_model().is_ok_and(|path| path == playing.path);
        let default = is_default.then_some(playing.sha256.as_str());
        if let Some(model) = preset.other_model(&playing, default) {
            // Where its model is nowhere to be found, the service says so, and what can be done.
            *view.error.lock() = None;
            view.hand.load_model(model);
        }
        // The step is made at the frame's end.
        self.preset = Some((place.clone(), self.history.version() + 1));
    }

    /// Plays the preset before (-1) or after (1), around the ends of what the browser lists.
    pub(super) fn play_beside(&mut self, view: &View, step: isize) {
        let listed = self.presets.listed(&self.library, &self.settings.now.likes);
        if listed.is_empty() {
            return;
        }
        let count = listed.len() as isize;
        let now = self.preset.as_ref().and_then(|(place, _)| listed.iter().position(|entry| entry.place == *place));
        let next = match now {
            Some(at) => (at as isize + step).rem_euclid(count),
            None if step > 0 => 0,
            None => count - 1,
        };
        let place = listed[next as usize].place.clone();
        self.presets.chosen = Some(place.clone());
        self.presets.scroll();
        self.play_preset(view, &place);
    }

    pub(super) fn like(&mut self, place: &Place) {
        let Some(key) = self.library.get(place).map(preset::Entry::key) else { return };
        let likes = &mut self.settings.now.likes;
        match likes.iter().position(|like| *like == key) {
            Some(at) => drop(likes.remove(at)),
            None => likes.push(key),
        }
        self.settings.save();
    }

    /// Keeps what sounds under a name that is proposed, and lets another one be given.
    pub(super) fn save_preset(&mut self, view: &View) {
        let held = view.hand.held();
        let before = self.preset.as_ref().and_then(|(place, _)| self.library.get(place));
        let sound =
            if held.preset.is_empty() { hand::describe(view.params, view.atlas()) } else { held.preset.clone() };
        let name = preset::propose(&hand::plain_name(&sound), 0, |name| self.library.has_name(name));
        let tags = before.map(|entry| entry.tags().to_vec()).unwrap_or_default();
        match self.library.save(&self.heard(view, &name, tags)) {
            Ok(place) => {
                self.mark_played(view, &place);
                self.close_browser();
                self.shows_devices = false;
                self.presets.open(Some(place));
                self.presets.name(&name);
                self.presets.said = format!("Saved as \"{name}\". Another name can be set below.");
            }
            Err(error) => *view.error.lock() = Some(error.to_string()),
        }
    }

    pub(super) fn import_preset(&mut self, path: &Path) {
        self.close_browser();
        self.presets.open(None);
        match self.library.import(path) {
            Ok(place) => {
                self.presets.open(Some(place));
                self.presets.said = "It is among your own presets now.".to_owned();
            }
            Err(error) => self.presets.said = error.to_string(),
        }
    }

    /// Where exported presets go: the folder that the browser was in last, else the downloads, else home.
    fn export_folder(&self, playing: &Path) -> PathBuf {
        let places = folders::places();
        let downloads = places.iter().find(|(name, _)| *name == "Downloads").map(|(_, path)| path.clone());
        let used = self.settings.now.folder.clone().filter(|folder| folder.is_dir());
        used.or(downloads).unwrap_or_else(|| self.folder(playing))
    }
}
