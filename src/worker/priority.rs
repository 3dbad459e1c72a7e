//! How the service's threads make way for others, the host's audio thread above all: many hosts on Linux run it at the
//! priority of every other thread, and two threads that render keep two cores busy for as long as a timbre moves.

/// Lets the calling thread make way for all others, for good: a user may not raise a priority again. Where the system has no
/// such thing for one thread, nothing changes.
pub fn make_way() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        const NICER: i32 = 10;
        // SAFETY: it changes no memory. On Linux 0 stands for the calling thread, not for the whole process.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICER) };
    }
}
