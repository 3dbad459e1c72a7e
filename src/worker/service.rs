//! The inference service of the process: it starts the threads, and ends and joins them with the last instance.
//!
//! The threads hold the [`Shared`] part only, so that the last instance, which owns the [`Service`], can end them.

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use anyhow::{Result, anyhow};
use parking_lot::Mutex;

use super::shared::Shared;
use super::{cpu, device, disk_thread, dispatcher, render_thread};

/// The service that runs now, if there is one.
static SERVICE: Mutex<Weak<Service>> = Mutex::new(Weak::new());

/// Owns the threads. Dropping it ends and joins them.
pub struct Service {
    pub shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Reads and writes notes on the disk; runs once anything is kept there.
    disk_thread: Mutex<Option<JoinHandle<()>>>,
}

impl Service {
    /// The process's service; a new one where none runs.
    pub fn get() -> Arc<Self> {
        let mut service = SERVICE.lock();
        service.upgrade().unwrap_or_else(|| {
            let shared = Arc::new(Shared::new());
            let new = Arc::new(Self { shared, threads: Mutex::default(), disk_thread: Mutex::default() });
            *service = Arc::downgrade(&new);
            new
        })
    }

    /// Starts the threads unless they run.
    pub fn start(&self) -> Result<()> {
        let mut threads = self.threads.lock();
        let renderers = cpu::render_threads();
        // Where a thread could not be started, the next call goes on from there.
        while threads.len() < renderers + 2 {
            let shared = Arc::clone(&self.shared);
            let builder = std::thread::Builder::new();
            let thread = match threads.len() {
                0 => builder.name("timbrel-dispatch".into()).spawn(move || dispatcher::run(&shared)),
                index if index > renderers => {
                    builder.name("timbrel-device".into()).spawn(move || device::thread::run(&shared))
                }
                index => builder.name(format!("timbrel-gen-{index}")).spawn(move || render_thread::run(&shared)),
            };
            threads.push(thread.map_err(|error| {
                anyhow!(
                    "No thread can be started for rendering ({error}): close other programs and load the model again."
                )
            })?);
        }
        drop(threads);
        self.start_disk_thread();
        Ok(())
    }

    /// Goes back to what is set where nobody has chosen anything.
    #[cfg(test)]
    pub fn reset_settings(&self) {
        let mut settings = self.shared.settings.lock();
        *settings = device::setting::Settings::load();
        let mut schedule = self.shared.schedule.lock();
        schedule.choose(settings.now().device);
        schedule.apply(&settings);
    }

    /// Starts the thread that keeps notes, where any are kept and unless it runs. Without it notes are only rendered.
    fn start_disk_thread(&self) {
        let mut disk_thread = self.disk_thread.lock();
        if disk_thread.is_some() || !self.shared.schedule.lock().notes.has_disk() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let started = std::thread::Builder::new().name("timbrel-store".into()).spawn(move || disk_thread::run(&shared));
        match started {
            Ok(thread) => *disk_thread = Some(thread),
            Err(_) => self.shared.schedule.lock().notes.give_up_disk(),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.shared.schedule.lock().stop();
        self.shared.work.notify_all();
        self.shared.disk.notify_all();
        self.shared.look.notify_all();
        for thread in self.threads.get_mut().drain(..).chain(self.disk_thread.get_mut().take()) {
            // A thread catches the panics of its work; one that ended by another has nothing left to be waited for.
            let _ = thread.join();
        }
    }
}
