//! What the threads of the service share: the schedule, the settings, and what wakes them. No thread is known here.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::device::setting::Settings;
use super::schedule::Schedule;
use crate::files;
use crate::note::Note;
use crate::storage::Limits;

/// A sleeping thread looks again after this time, for notes whose retry has come due.
pub const IDLE: Duration = Duration::from_secs(1);

/// What all threads share.
pub struct Shared {
    pub schedule: Mutex<Schedule>,
    /// What the user has set about devices. Locked before the schedule, where both are.
    pub settings: Mutex<Settings>,
    /// There may be something to do for a render thread.
    pub work: Condvar,
    /// There may be something to do for the disk thread.
    pub disk: Condvar,
    /// Ends the dispatcher's sleep early.
    pub look: Condvar,
}

impl Shared {
    pub fn new() -> Self {
        let settings = Settings::load();
        let mut schedule = Schedule::new(Limits::load(), files::note_cache());
        schedule.apply(&settings);
        Self {
            schedule: Mutex::new(schedule),
            settings: Mutex::new(settings),
            work: Condvar::new(),
            disk: Condvar::new(),
            look: Condvar::new(),
        }
    }

    /// Looks at what the audio threads want ([`Schedule::poll`]), and wakes the threads where that is something new:
    /// whoever looks first is the only one to see that it is.
    pub fn poll(&self, schedule: &mut Schedule, trash: &mut Vec<Arc<Note>>) -> bool {
        let changed = schedule.poll(trash);
        if changed {
            self.work.notify_all();
            self.disk.notify_all();
        }
        changed
    }
}
