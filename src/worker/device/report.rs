//! What is known of each device, as the editor and the command line show it.

use super::choice::{Choice, Provider};
use super::setting::Setting;

/// How far a device has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Nobody has looked yet.
    Unknown,
    /// Something is to be installed; the sentence says what.
    Missing,
    /// Its parts are there; whether it works will be known once it was tried.
    Installed,
    /// Its test run is under way.
    Probing,
    /// It works, and the processor or another device is faster.
    Slower,
    /// It does not work, or was lost while it rendered; the sentence says why.
    Failed,
    /// It renders.
    Renders,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    pub provider: Provider,
    pub standing: Standing,
    /// More of it; empty where there is nothing to say.
    pub sentence: String,
}

impl Entry {
    /// The entry in words, for a list of devices.
    pub fn told(&self) -> String {
        let name = self.provider.name();
        match self.standing {
            Standing::Unknown => String::new(),
            Standing::Missing | Standing::Failed => {
                // The sentence begins with the name that already stands before it.
                self.sentence.strip_prefix(name).map_or(self.sentence.as_str(), str::trim_start).to_owned()
            }
            Standing::Installed => "installed, not tried".to_owned(),
            Standing::Probing => "on trial".to_owned(),
            Standing::Slower => format!("works, and is not the fastest. {}", self.sentence),
            Standing::Renders => format!("renders. {}", self.sentence),
        }
    }
}

/// What the editor's panel shows.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What holds now.
    pub setting: Setting,
    /// Whether the environment has decided it, so that the editor cannot.
    pub device_is_fixed: bool,
    pub bounce_is_fixed: bool,
    /// One for each device that there can be on this system, in the order in which they are tried.
    pub entries: Vec<Entry>,
}

/// The entries before anybody has looked.
pub fn unknown() -> Vec<Entry> {
    Provider::of_this_system()
        .map(|provider| Entry { provider, standing: Standing::Unknown, sentence: String::new() })
        .collect()
}

impl Report {
    /// The entry of a chosen device, if one was chosen that there can be here.
    pub fn chosen(&self) -> Option<&Entry> {
        let Choice::Device(provider, _) = self.setting.device else { return None };
        self.entries.iter().find(|entry| entry.provider == provider)
    }
}
