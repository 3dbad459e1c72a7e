//! The signals that ask the standalone app to end.
//!
//! The framework has a handler for them, but the loop of its window does not look at what the handler sets, so with it alone
//! the app would go on. Here they are held back from all threads and waited for by one, which has the window closed and
//! hands the signal on to the framework's handler: that one ends an app without a window.

use std::time::Duration;

use nix::sys::signal::{SigHandler, SigSet, Signal, raise, signal};
use timbrel::editor;

const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// A window that is drawn closes within a frame, and the threads end with the notes that they render. An app that has not
/// ended after this time, such as one whose window is hidden and draws no frame, ends as by a signal without a handler.
const PATIENCE: Duration = Duration::from_secs(3);

/// Lets these signals end the app. Called before other threads are started, since they take over what is held back.
pub fn heed() {
    let signals: SigSet = SIGNALS.into_iter().collect();
    // Where the system refuses, a signal does what it did before.
    if signals.thread_block().is_ok() {
        let waiting = std::thread::Builder::new().name("timbrel-signals".into()).spawn(move || end_on(&signals));
        if waiting.is_err() {
            let _ = signals.thread_unblock();
        }
    }
}

fn end_on(signals: &SigSet) {
    let Ok(asked) = signals.wait() else { return };
    editor::close_all();
    // Raised in this thread alone, which holds it back no longer.
    let handed_on = signals.thread_unblock().and_then(|()| raise(asked));
    if handed_on.is_ok() {
        std::thread::sleep(PATIENCE);
    }
    // SAFETY: the default handler is no code of ours.
    let by_default = unsafe { signal(asked, SigHandler::SigDfl) };
    if by_default.and_then(|_| raise(asked)).is_err() {
        std::process::abort();
    }
}
