//! The dispatcher: a thread that looks every few milliseconds at what the audio threads want, since they never notify anybody,
//! sends them what is there, and frees what they have used.

use std::time::{Duration, Instant};

use parking_lot::MutexGuard;

use super::shared::Shared;

/// How often the dispatcher looks while somebody plays: a note that is cached comes within an audio block or two. Three
/// hundred looks a second take a hundredth of a core, nearly all of it for waking up.
const POLL: Duration = Duration::from_millis(3);

/// How often it looks once nothing was asked for in [`QUIET_AFTER`]. The keys that are ready need no look to sound.
const QUIET_POLL: Duration = Duration::from_millis(10);
const QUIET_AFTER: Duration = Duration::from_secs(2);

pub fn run(shared: &Shared) {
    let mut schedule = shared.schedule.lock();
    let mut trash = Vec::new();
    let mut last_wish = Instant::now();
    while !schedule.is_stopping() {
        if shared.poll(&mut schedule, &mut trash) {
            last_wish = Instant::now();
        }
        if !trash.is_empty() {
            MutexGuard::unlocked(&mut schedule, || trash.clear());
        }
        if !schedule.is_stopping() {
            let pause = if last_wish.elapsed() < QUIET_AFTER { POLL } else { QUIET_POLL };
            shared.look.wait_for(&mut schedule, pause);
        }
    }
}
