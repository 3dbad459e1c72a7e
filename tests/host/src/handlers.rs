//! What the host answers when the plugin calls back: just enough to notice what it asks for.

use std::sync::atomic::{AtomicBool, Ordering};

use clack_extensions::gui::{GuiSize, HostGui, HostGuiImpl};
use clack_extensions::latency::{HostLatency, HostLatencyImpl};
use clack_extensions::params::{
    HostParams, HostParamsImplMainThread, HostParamsImplShared, ParamClearFlags, ParamRescanFlags,
};
use clack_extensions::state::{HostState, HostStateImpl};
use clack_host::prelude::*;

/// The host's types, as clack names them.
pub struct Handlers;

impl HostHandlers for Handlers {
    type Shared<'a> = Shared;
    type MainThread<'a> = MainThread;
    type AudioProcessor<'a> = ();

    fn declare_extensions(builder: &mut HostExtensions<Self>, _shared: &Self::Shared<'_>) {
        builder.register::<HostParams>().register::<HostState>().register::<HostLatency>().register::<HostGui>();
    }
}

/// What the plugin may call from any thread.
#[derive(Default)]
pub struct Shared {
    callback_wanted: AtomicBool,
    restart_wanted: AtomicBool,
}

impl Shared {
    /// Whether the plugin asked for a main-thread callback since the last look.
    pub fn take_callback(&self) -> bool {
        self.callback_wanted.swap(false, Ordering::AcqRel)
    }

    /// Whether the plugin asked to be deactivated and activated again since the last look.
    pub fn take_restart(&self) -> bool {
        self.restart_wanted.swap(false, Ordering::AcqRel)
    }
}

impl SharedHandler<'_> for Shared {
    fn request_restart(&self) {
        self.restart_wanted.store(true, Ordering::Release);
    }

    /// Every test processes without being asked.
    fn request_process(&self) {}

    fn request_callback(&self) {
        self.callback_wanted.store(true, Ordering::Release);
    }
}

impl HostParamsImplShared for Shared {
    /// The next block flushes by itself.
    fn request_flush(&self) {}
}

/// The window of an editor is as large as it wants to be, and is there for as long as the host shows it.
impl HostGuiImpl for Shared {
    fn resize_hints_changed(&self) {}

    fn request_resize(&self, _new_size: GuiSize) -> Result<(), HostError> {
        Ok(())
    }

    fn request_show(&self) -> Result<(), HostError> {
        Ok(())
    }

    fn request_hide(&self) -> Result<(), HostError> {
        Ok(())
    }

    fn closed(&self, _was_destroyed: bool) {}
}

/// What the plugin may call from the main thread. The host caches nothing, so there is nothing to refresh.
pub struct MainThread;

impl MainThreadHandler<'_> for MainThread {}

impl HostParamsImplMainThread for MainThread {
    fn rescan(&self, _flags: ParamRescanFlags) {}
    fn clear(&self, _param_id: ClapId, _flags: ParamClearFlags) {}
}

impl HostStateImpl for MainThread {
    fn mark_dirty(&self) {}
}

impl HostLatencyImpl for MainThread {
    fn changed(&self) {}
}
