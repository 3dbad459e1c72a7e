//! The disk thread: reads and writes notes on the disk, one after the other, at low priority.

use std::panic::{AssertUnwindSafe, catch_unwind};

use parking_lot::MutexGuard;

use super::disk::Store;
use super::shared::{IDLE, Shared};
use super::thread_priority;

/// What renders the notes that are kept on the disk, as far as it decides their bits: each session has one thread, however
/// many sessions there are. A device's notes are not kept.
const KIND_OF_DEVICE: &str = "CPU";

pub fn run(shared: &Shared) {
    thread_priority::lower();
    let mut store = Store::default();
    let mut trash = Vec::new();
    let mut schedule = shared.schedule.lock();
    while !schedule.is_stopping() {
        let Some(task) = schedule.pick_for_disk(KIND_OF_DEVICE) else {
            shared.disk.wait_for(&mut schedule, IDLE);
            continue;
        };
        let outcome = MutexGuard::unlocked(&mut schedule, || {
            trash.clear();
            catch_unwind(AssertUnwindSafe(|| store.perform(task)))
        });
        match outcome {
            Ok(outcome) => schedule.finish_disk(outcome, &mut trash),
            // Notes are rendered as if there were no disk.
            Err(_) => schedule.notes.give_up_disk(),
        }
        // What was not there is to be rendered, and what waited for the first look may be.
        shared.work.notify_all();
    }
    drop(schedule);
}
