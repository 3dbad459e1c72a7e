//! What the user has set about devices, for this machine: read from a file and from the environment.
//!
//! None of it belongs to a sound, so none of it is in the host's session. It has a file of its own, since every open editor
//! writes the editor's file as a whole, and would take an older choice for the newest.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::choice::Choice;
use crate::files;

/// Chooses the device, before what was chosen in the editor: `auto`, `cpu`, `cuda`, `coreml`, `directml` or `webgpu`, and
/// where there are several, which: `cuda:1`.
pub const DEVICE_VARIABLE: &str = "TIMBREL_DEVICE";

/// Whether a bounce is rendered on the processor, before what was set in the editor: 1 or 0.
pub const BOUNCE_VARIABLE: &str = "TIMBREL_BOUNCE_ON_CPU";

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Setting {
    pub device: Choice,
    /// Offline renders take notes of the processor only, which are the same every time.
    pub bounce_on_cpu: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self { device: Choice::Automatic, bounce_on_cpu: true }
    }
}

/// The file, what it holds, and what the environment says.
pub struct Settings {
    /// `None` where there is no home, and in unit tests: nothing is kept then.
    file: Option<PathBuf>,
    stored: Setting,
    device_variable: Option<Choice>,
    bounce_variable: Option<bool>,
    /// What is wrong with the environment's choice, as a sentence.
    pub complaint: Option<String>,
}

impl Settings {
    /// Reads the user's file and the environment.
    pub fn load() -> Self {
        let file = if cfg!(test) { None } else { files::settings_folder().map(|folder| folder.join("device.json")) };
        let variable = |name| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
        Self::read(file, variable(DEVICE_VARIABLE), variable(BOUNCE_VARIABLE))
    }

    fn read(file: Option<PathBuf>, device: Option<String>, bounce: Option<String>) -> Self {
        let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        let stored = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let (device_variable, complaint) = match device.map(|text| text.parse::<Choice>()) {
            None => (None, None),
            Some(Ok(choice)) => (Some(choice), None),
            Some(Err(error)) => (None, Some(format!("{DEVICE_VARIABLE} cannot be followed: {error}."))),
        };
        let bounce_variable = bounce.map(|text| !["0", "no", "off", "false"].contains(&text.trim()));
        Self { file, stored, device_variable, bounce_variable, complaint }
    }

    /// What holds now.
    pub fn now(&self) -> Setting {
        Setting {
            device: self.device_variable.unwrap_or(self.stored.device),
            bounce_on_cpu: self.bounce_variable.unwrap_or(self.stored.bounce_on_cpu),
        }
    }

    /// Whether the environment has chosen the device, so that the editor cannot.
    pub fn is_device_fixed(&self) -> bool {
        self.device_variable.is_some()
    }

    /// Whether the environment has decided about bounces.
    pub fn is_bounce_fixed(&self) -> bool {
        self.bounce_variable.is_some()
    }

    /// Changes what is stored, and writes it. The error is a sentence; the change holds for this process all the same.
    pub fn store(&mut self, setting: Setting) -> Result<(), String> {
        self.stored = setting;
        let Some(file) = &self.file else { return Ok(()) };
        let written = serde_json::to_string(&setting).map_err(std::io::Error::other).and_then(|text| {
            std::fs::create_dir_all(file.parent().unwrap_or(file))?;
            std::fs::write(file, text)
        });
        written.map_err(|error| {
            format!(
                "The choice of the device holds until the host ends, since it cannot be kept in {} ({error}): make \
                 room there, or the folder writable, and choose again.",
                file.display()
            )
        })
    }

    /// What the editor's choice is, whether or not the environment overrules it.
    pub fn stored(&self) -> Setting {
        self.stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::handmade::Folder;
    use crate::worker::device::choice::Provider;

    #[test]
    fn a_choice_comes_back_and_nonsense_means_the_defaults() {
        let folder = Folder::new();
        let file = folder.join("deep").join("device.json");
        let mut settings = Settings::read(Some(file.clone()), None, None);
        assert_eq!(settings.now(), Setting::default());
        let chosen = Setting { device: Choice::Device(Provider::WebGpu, 1), bounce_on_cpu: false };
        settings.store(chosen).unwrap();
        assert_eq!(Settings::read(Some(file.clone()), None, None).now(), chosen);
        for text in ["", "{", r#"{"device": "toaster"}"#, r#"{"device": 7}"#] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(Settings::read(Some(file.clone()), None, None).now(), Setting::default(), "{text}");
        }
    }

    #[test]
    fn the_environment_goes_before_the_file_and_leaves_it_alone() {
        let folder = Folder::new();
        let file = folder.join("device.json");
        let mut settings = Settings::read(Some(file.clone()), Some("cpu".into()), Some("0".into()));
        settings.store(Setting { device: Choice::Device(Provider::Cuda, 0), bounce_on_cpu: true }).unwrap();
        assert_eq!(settings.now(), Setting { device: Choice::Cpu, bounce_on_cpu: false });
        assert!(settings.is_device_fixed() && settings.is_bounce_fixed());
        assert_eq!(Settings::read(Some(file), None, None).now().device, Choice::Device(Provider::Cuda, 0));
    }

    #[test]
    fn a_variable_that_names_no_device_is_complained_of_and_changes_nothing() {
        let settings = Settings::read(None, Some("toaster".into()), None);
        assert_eq!(settings.now(), Setting::default());
        let complaint = settings.complaint.unwrap();
        assert!(complaint.contains(DEVICE_VARIABLE) && complaint.contains("toaster") && complaint.ends_with('.'));
    }

    #[test]
    fn a_file_that_cannot_be_written_is_said_and_the_choice_holds() {
        let folder = Folder::new();
        std::fs::write(folder.join("taken"), "").unwrap();
        let mut settings = Settings::read(Some(folder.join("taken").join("device.json")), None, None);
        let error = settings.store(Setting { device: Choice::Cpu, ..Setting::default() }).unwrap_err();
        assert!(error.contains("cannot be kept") && error.ends_with('.'), "{error}");
        assert_eq!(settings.now().device, Choice::Cpu);
    }
}
