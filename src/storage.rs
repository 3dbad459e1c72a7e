//! How much room rendered notes may take, in memory and on the disk, as the user chose it for this machine.
//!
//! None of it belongs to a sound, so none of it is in the host's session: it lies in a small file of the user's, which the
//! worker reads when it starts and the editor writes. A lost or broken file only means the defaults.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::files;

/// Override the limits, in MB (2^20 bytes), for development and tests; 0 on the disk keeps nothing there.
pub const MEMORY_VARIABLE: &str = "TIMBREL_MEMORY_MB";
pub const DISK_VARIABLE: &str = "TIMBREL_DISK_MB";

/// Bytes of one note of any of the published representations, in memory as on the disk: they differ in their shape, and
/// by a few thousand bytes in the head. Full-band notes take more (`Geometry::note_bytes`).
pub const NOTE_BYTES: u64 = 545_000;

/// Keys of the published models.
pub const KEYBOARD_NOTES: u64 = 61;

/// The limits that the editor offers, in MB.
pub const MEMORY_CHOICES: [u32; 7] = [128, 256, 512, 1024, 2048, 4096, 8192];
pub const DISK_CHOICES: [u32; 8] = [0, 256, 512, 1024, 2048, 4096, 8192, 16_384];

/// The share of the machine's memory that notes take unless the user says otherwise: little enough beside a project's
/// samples and its other plugins.
const MEMORY_SHARE: u64 = 16;

/// Two gigabytes hold 64 keyboards: more timbres than a project has, and little beside what samplers keep.
const DEFAULT_DISK_MB: u32 = 2048;

/// What the user allows, in MB (2^20 bytes).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    pub memory_mb: u32,
    /// 0 keeps nothing on the disk.
    pub disk_mb: u32,
}

impl Default for Limits {
    fn default() -> Self {
        let share_mb = machine_memory().map_or(512, |bytes| (bytes / MEMORY_SHARE) >> 20);
        let fits = |mb: &&u32| u64::from(**mb) <= share_mb;
        // Two keyboards must fit on any machine, and nobody plays more than sixty in a session.
        let memory_mb = MEMORY_CHOICES.iter().filter(fits).max().copied().unwrap_or(128).clamp(128, 2048);
        Self { memory_mb, disk_mb: DEFAULT_DISK_MB }
    }
}

impl Limits {
    /// What holds now: by the environment, else by the user's file, else the defaults.
    pub fn load() -> Self {
        let text = file().and_then(|file| std::fs::read_to_string(file).ok());
        let kept: Self = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let asked = |name| std::env::var(name).ok().and_then(|text| text.trim().parse().ok());
        Self {
            memory_mb: asked(MEMORY_VARIABLE).unwrap_or(kept.memory_mb),
            disk_mb: asked(DISK_VARIABLE).unwrap_or(kept.disk_mb),
        }
    }

    /// Keeps them for the next time. The error is a sentence.
    pub fn save(&self) -> anyhow::Result<()> {
        let Some(file) = file() else { return Ok(()) };
        let written = std::fs::create_dir_all(file.parent().unwrap_or(&file))
            .and_then(|()| std::fs::write(&file, serde_json::to_string(self).map_err(std::io::Error::other)?));
        written.map_err(|error| {
            anyhow::anyhow!(
                "The limits of the note cache hold until Timbrel is closed, but cannot be kept in {} ({error}): check the \
                 folder's permissions.",
                file.display()
            )
        })
    }

    pub fn memory_bytes(&self) -> usize {
        (self.memory_mb as usize) << 20
    }

    pub fn disk_bytes(&self) -> u64 {
        u64::from(self.disk_mb) << 20
    }
}

/// Whole keyboards of notes of so many bytes each that fit into so many bytes.
pub fn keyboards(bytes: u64, note_bytes: u64) -> u64 {
    bytes / (KEYBOARD_NOTES * note_bytes)
}

/// What rendered notes take now.
#[derive(Clone, Debug)]
pub struct Usage {
    pub memory_bytes: u64,
    /// Of all processes, as far as this one knows.
    pub disk_bytes: u64,
    /// Of a note of those in memory, in the mean; of a published model's where there are none.
    pub note_bytes: u64,
    pub limits: Limits,
    /// Where notes are kept on the disk; `None` where nothing is.
    pub folder: Option<PathBuf>,
}

impl Default for Usage {
    fn default() -> Self {
        Self { memory_bytes: 0, disk_bytes: 0, note_bytes: NOTE_BYTES, limits: Limits::default(), folder: None }
    }
}

/// Unit tests neither read nor write what is the user's.
fn file() -> Option<PathBuf> {
    if cfg!(test) { None } else { Some(files::settings_folder()?.join("cache.json")) }
}

/// Bytes of memory that the machine has.
#[cfg(unix)]
fn machine_memory() -> Option<u64> {
    // SAFETY: both calls only read what the system knows of itself.
    let (pages, page) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    Some(u64::try_from(pages).ok()? * u64::try_from(page).ok()?).filter(|bytes| *bytes > 0)
}

/// Bytes of memory that the machine has.
#[cfg(windows)]
fn machine_memory() -> Option<u64> {
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetPhysicallyInstalledSystemMemory(kilobytes: *mut u64) -> i32;
    }
    let mut kilobytes = 0;
    // SAFETY: the call only writes the number.
    let known = unsafe { GetPhysicallyInstalledSystemMemory(&mut kilobytes) } != 0;
    known.then_some(kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_several_timbres_and_leave_the_machine_its_memory() {
        let limits = Limits::default();
        assert!(MEMORY_CHOICES.contains(&limits.memory_mb) && DISK_CHOICES.contains(&limits.disk_mb));
        assert!(keyboards(limits.memory_bytes() as u64, NOTE_BYTES) >= 4, "{limits:?}");
        assert!(keyboards(512 << 20, NOTE_BYTES) == 16 && keyboards(limits.disk_bytes(), NOTE_BYTES) == 64);
        if let Some(machine) = machine_memory().filter(|bytes| *bytes >= 4 << 30) {
            assert!(limits.memory_bytes() as u64 <= machine / MEMORY_SHARE);
        }
    }

    #[test]
    fn a_file_of_another_version_or_none_is_no_harm() {
        let read = |text: &str| serde_json::from_str::<Limits>(text).unwrap_or_default();
        assert_eq!(read(r#"{"memory_mb": 256, "disk_mb": 0, "later": [1]}"#), Limits { memory_mb: 256, disk_mb: 0 });
        assert_eq!(read(r#"{"disk_mb": 512}"#), Limits { disk_mb: 512, ..Limits::default() });
        for broken in ["", "{", r#"{"disk_mb": -1}"#, r#"{"disk_mb": "much"}"#] {
            assert_eq!(read(broken), Limits::default());
        }
    }
}
