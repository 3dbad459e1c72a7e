//! What the editor remembers for its user, over all sessions and instances: the window's size and the folder of models.
//!
//! None of it belongs to a sound, so none of it is in the host's session. The file is small, and a lost or broken one only
//! means the defaults.

use std::path::PathBuf;

use egui::Vec2;
use serde::{Deserialize, Serialize};

use super::layout::{DESIGN, LEAST};
use crate::files;

/// Largest window that is believed, in points: no screen is larger.
const LARGEST: f32 = 8000.0;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    /// Points of the screen; 0 for the design's own size.
    width: f32,
    height: f32,
    /// The folder that the browser was in.
    pub folder: Option<PathBuf>,
    /// The presets that the user likes, by their keys.
    pub likes: Vec<String>,
}

impl Remembered {
    pub fn size(&self) -> Vec2 {
        let believable = |size: f32, least: f32, design: f32| {
            if size.is_finite() && size >= 1.0 { size.clamp(least, LARGEST) } else { design }
        };
        Vec2::new(believable(self.width, LEAST.x, DESIGN.x), believable(self.height, LEAST.y, DESIGN.y))
    }

    pub fn set_size(&mut self, size: Vec2) {
        (self.width, self.height) = (size.x.round(), size.y.round());
    }
}

/// The file and what it holds.
pub struct Settings {
    /// `None` where there is no home, and in tests: nothing is kept then.
    file: Option<PathBuf>,
    pub now: Remembered,
    saved: Remembered,
}

impl Settings {
    pub fn load(file: Option<PathBuf>) -> Self {
        let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        let now: Remembered = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Self { file, saved: now.clone(), now }
    }

    /// Writes what changed since the last time, if anything did.
    pub fn save(&mut self) {
        let Some(file) = self.file.as_ref().filter(|_| self.now != self.saved) else { return };
        self.saved = self.now.clone();
        let written = serde_json::to_string(&self.now).map_err(std::io::Error::other).and_then(|text| {
            std::fs::create_dir_all(file.parent().unwrap_or(file))?;
            std::fs::write(file, text)
        });
        if let Err(error) = written {
            nice_plug::debug::nice_log!("The editor's settings cannot be kept in {}: {error}", file.display());
        }
    }
}

/// The user's settings file.
pub fn file() -> Option<PathBuf> {
    Some(files::settings_folder()?.join("editor.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_remembered_comes_back_and_nonsense_does_not() {
        let file = std::env::temp_dir().join(format!("timbrel-settings-{}", std::process::id())).join("editor.json");
        let mut settings = Settings::load(Some(file.clone()));
        assert_eq!(settings.now.size(), DESIGN);
        settings.now.set_size(Vec2::new(1400.0, 900.0));
        settings.now.folder = Some("/models".into());
        settings.save();
        let again = Settings::load(Some(file.clone())).now;
        assert_eq!(again.size(), Vec2::new(1400.0, 900.0));
        assert_eq!(again.folder, Some("/models".into()));
        for text in ["", "{", r#"{"width": -5, "height": 1e30}"#, r#"{"width": "wide"}"#] {
            std::fs::write(&file, text).unwrap();
            let size = Settings::load(Some(file.clone())).now.size();
            assert!(size.x >= LEAST.x && size.y >= LEAST.y && size.y <= LARGEST, "{text} gave {size}");
        }
        std::fs::remove_dir_all(file.parent().unwrap()).unwrap();
    }
}
