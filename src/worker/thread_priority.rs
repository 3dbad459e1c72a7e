//! How the service's threads make way for others, the host's audio thread above all: many hosts on Linux run it at the
//! priority of every other thread, and two threads that render keep two cores busy for as long as a timbre moves.

/// By how much. A host that was started with a low priority of its own is made way for as well.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub const NICER: i32 = 10;

/// Lets the calling thread make way for all others of the process, for good: a user may not raise a priority again. Where the
/// system has no such thing for one thread, nothing changes.
pub fn lower() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: neither call changes memory. On Linux 0 stands for the calling thread, not for the whole process. What lies
    // beyond the lowest priority is taken for it.
    unsafe {
        let own = libc::getpriority(libc::PRIO_PROCESS, 0);
        libc::setpriority(libc::PRIO_PROCESS, 0, own + NICER);
    }
}
