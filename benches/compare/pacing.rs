//! Blocks at the pace of an audio device, with its priority.

use std::time::{Duration, Instant};

/// How far behind the clock a device lets its host fall before there is a gap in the sound.
const DEVICE_BUFFERS: Duration = Duration::from_millis(50);

/// Waits for each block's time, as an audio device's callback does.
pub struct Device {
    start: Instant,
    block: Duration,
    blocks: u32,
}

impl Device {
    pub fn new(block_samples: usize, rate: f64) -> Self {
        let block = Duration::from_secs_f64(block_samples as f64 / rate);
        Self { start: Instant::now(), block, blocks: 0 }
    }

    /// How long a block lasts, in seconds.
    pub fn deadline_s(&self) -> f64 {
        self.block.as_secs_f64()
    }

    /// Returns when the next block is due.
    pub fn wait(&mut self) {
        let due = self.block * self.blocks;
        std::thread::sleep(due.saturating_sub(self.start.elapsed()));
        // A device that was kept waiting for longer than its buffers hold drops out, and goes on from there.
        self.start += self.start.elapsed().saturating_sub(due).saturating_sub(DEVICE_BUFFERS);
        self.blocks += 1;
    }
}

/// Gives the calling thread the real-time priority that hosts give their audio threads, and says whether the system allows
/// it. Without it the thread competes with the instrument's own workers as if it were one of them.
pub fn become_real_time() -> bool {
    #[cfg(target_os = "linux")]
    {
        /// What JACK gives its clients' threads on most systems.
        const PRIORITY: i32 = 70;
        let parameters = libc::sched_param { sched_priority: PRIORITY };
        // SAFETY: the pointer is to a local of the right type; 0 stands for the calling thread.
        unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &parameters) == 0 }
    }
    #[cfg(not(target_os = "linux"))]
    false
}
