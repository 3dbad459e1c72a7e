//! Opening the plugin's editor as a host does, inside a window of its own.

use std::ffi::c_ulong;

use anyhow::{Context, Result};
use clack_extensions::gui::{GuiApiType, GuiConfiguration, PluginGui, Window};

use crate::plugin::Plugin;

impl Plugin {
    /// Opens the editor inside an X11 window.
    ///
    /// # Errors
    /// When the plugin says that it cannot; it is closed again then, as a host does.
    pub fn open_editor(&mut self, parent: u32) -> Result<()> {
        let handle = self.instance.plugin_handle();
        let gui: PluginGui = handle.get_extension().context("the plugin has no editor")?;
        let configuration = GuiConfiguration { api_type: GuiApiType::X11, is_floating: false };
        gui.create(&handle, configuration)?;
        // SAFETY: the window is the display's own and outlives the editor.
        let opened = unsafe { gui.set_parent(&handle, Window::from_x11_handle(c_ulong::from(parent))) };
        let opened = opened.and_then(|()| gui.show(&handle));
        if opened.is_err() {
            gui.destroy(&handle);
        }
        Ok(opened?)
    }

    /// Closes the editor.
    pub fn close_editor(&mut self) {
        let handle = self.instance.plugin_handle();
        if let Some(gui) = handle.get_extension::<PluginGui>() {
            gui.destroy(&handle);
        }
    }
}
