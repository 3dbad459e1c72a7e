//! What the thread that keeps notes does, one task at a time, with no lock held.

use super::fingerprint;
use super::folder::Folder;
use super::ledger::{Outcome, Task};

/// The folder, once the renderer is known.
#[derive(Default)]
pub struct Keeper {
    folder: Option<Folder>,
}

impl Keeper {
    pub fn perform(&mut self, task: Task) -> Outcome {
        match task {
            Task::Look { root, device } => {
                let folder = self.folder.insert(Folder::new(root, fingerprint::fingerprint(&device)));
                Outcome::Looked(folder.contents())
            }
            Task::Read(key) => Outcome::Read(key, self.folder.as_ref().and_then(|folder| folder.read(key))),
            Task::Write(note) => {
                let written = self.folder.as_ref().map_or(Ok(()), |folder| folder.write(&note));
                Outcome::Written(note, written)
            }
            Task::Touch(sound) => {
                self.folder.iter().for_each(|folder| folder.touch(sound));
                Outcome::Touched
            }
            Task::Trim { most_bytes } => {
                self.folder.iter().for_each(|folder| folder.trim(most_bytes));
                Outcome::Looked(self.folder.as_ref().map(Folder::contents).unwrap_or_default())
            }
            Task::Clear { root } => {
                // It may be cleared before anything was looked for in it.
                let nowhere = Folder::new(root, String::new());
                let folder = self.folder.as_ref().unwrap_or(&nowhere);
                folder.clear();
                Outcome::Looked(folder.contents())
            }
        }
    }
}
