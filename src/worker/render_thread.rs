//! A render thread: loads models and renders notes on the processor, and sleeps while there is neither to do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use anyhow::anyhow;
use parking_lot::MutexGuard;

use super::disk::LEAST_PATIENCE;
use super::load::load;
use super::panic::panic_text;
use super::renderer_pool::RendererPool;
use super::schedule::Task;
use super::shared::{IDLE, Shared};
use super::thread_priority;

pub fn run(shared: &Shared) {
    let mut renderers = RendererPool::default();
    let mut has_made_way = false;
    let mut trash = Vec::new();
    let mut schedule = shared.schedule.lock();
    loop {
        // The newest wishes count, and those of the last few milliseconds are not yet known.
        shared.poll(&mut schedule, &mut trash);
        let task = schedule.pick();
        if schedule.is_stopping() {
            break;
        }
        // What comes from the disk now is rendered once its timbre is changed, and should not wait for a renderer then.
        let mut preparation = None;
        if task.is_none() {
            preparation = schedule.pick_preparation(|loaded| renderers.lacks(loaded));
        }
        if task.is_none() && preparation.is_none() && trash.is_empty() && !renderers.has_unused() {
            let pause = if schedule.notes.waits_for_disk() { LEAST_PATIENCE } else { IDLE };
            shared.work.wait_for(&mut schedule, pause);
            continue;
        }
        MutexGuard::unlocked(&mut schedule, || {
            trash.clear();
            renderers.drop_unused();
            let renders = matches!(task, Some(Task::Render { .. }));
            if let Some(task) = task {
                perform(shared, &mut renderers, task);
            }
            if let Some((loaded, interrupt)) = preparation {
                // It is tried again when a note needs it, which then says why it failed.
                let _ = catch_unwind(AssertUnwindSafe(|| renderers.prepare(&loaded, &interrupt)));
            }
            // Not before: the first sound waits for the model and for one note.
            if renders && !has_made_way {
                thread_priority::lower();
                has_made_way = true;
            }
        });
    }
}

/// Does one task, with no lock held, and reports its outcome. A panic becomes a sentence.
fn perform(shared: &Shared, renderers: &mut RendererPool, task: Task) {
    match task {
        Task::Load { client, order, interrupt } => {
            let loaded = catch_unwind(AssertUnwindSafe(|| load(shared, renderers, &order, &interrupt)));
            let result = loaded.unwrap_or_else(|panic| {
                let label = order.reference.label();
                Err(anyhow!("The model \"{label}\" cannot be used ({}): choose another one.", panic_text(&*panic)))
            });
            // Kept until the lock is open again: dropping the last holder frees megabytes.
            let _unused = shared.schedule.lock().finish_load(client, &order, result);
            shared.work.notify_all();
            shared.disk.notify_all();
        }
        Task::Render { loaded, key, interrupt } => {
            let start = Instant::now();
            let rendered = catch_unwind(AssertUnwindSafe(|| renderers.render(&loaded, key, &interrupt)));
            let result = rendered.unwrap_or_else(|panic| {
                // What a panic left behind is not to be relied on.
                renderers.remove(&loaded);
                Err(anyhow!("{}", panic_text(&*panic)))
            });
            let mut trash = Vec::new();
            shared.schedule.lock().finish_render(key, result, start.elapsed(), &mut trash);
            drop(loaded);
        }
    }
}
