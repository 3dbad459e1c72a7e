//! The time that a thread has really had.

use std::time::Duration;

/// The processor time that the calling thread has had: what other programs take is not in it.
pub fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local of the right type.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) } != 0;
    assert!(!failed, "every system that this runs on has a clock for threads");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
