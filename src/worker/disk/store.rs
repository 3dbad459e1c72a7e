//! What the thread that keeps notes does, one task at a time, with no lock held.

use super::fingerprint;
use super::folder::Folder;
use super::index::{DiskOutcome, DiskTask};

/// The folder, once the renderer is known.
#[derive(Default)]
pub struct Store {
    folder: Option<Folder>,
}

impl Store {
    pub fn perform(&mut self, task: DiskTask) -> DiskOutcome {
        match task {
            DiskTask::Look { root, device } => {
                let folder = self.folder.insert(Folder::new(root, fingerprint::fingerprint(&device)));
                DiskOutcome::Looked(folder.contents())
            }
            DiskTask::Read(key) => DiskOutcome::Read(key, self.folder.as_ref().and_then(|folder| folder.read(key))),
            DiskTask::Write(note) => {
                let written = self.folder.as_ref().map_or(Ok(()), |folder| folder.write(&note));
                DiskOutcome::Written(note, written)
            }
            DiskTask::MarkUsed(sound) => {
                self.folder.iter().for_each(|folder| folder.mark_used(sound));
                DiskOutcome::Marked
            }
            DiskTask::Trim { most_bytes } => {
                self.folder.iter().for_each(|folder| folder.trim(most_bytes));
                DiskOutcome::Looked(self.folder.as_ref().map(Folder::contents).unwrap_or_default())
            }
            DiskTask::Clear { root } => {
                // It may be cleared before anything was looked for in it.
                let nowhere = Folder::new(root, String::new());
                let folder = self.folder.as_ref().unwrap_or(&nowhere);
                folder.clear();
                DiskOutcome::Looked(folder.contents())
            }
        }
    }
}
