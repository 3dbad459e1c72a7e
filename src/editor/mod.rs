//! The editor: its own thread on some systems, the host's on others; never the audio thread.

use std::sync::Arc;

use nice_plug_egui::{
    EguiEditor, EguiEditorState, EguiNiceSettings, Frame, NiceEguiApp, RepaintNotifier, create_egui_editor,
};

use crate::link::EditorEnd;
use crate::params::TimbrelParams;
use crate::worker::Instance;

/// The plugin's editor type.
pub type TimbrelEditor = EguiEditor<App>;

/// What the editor's window shows and holds.
pub struct App {
    params: Arc<TimbrelParams>,
    link: EditorEnd,
    instance: Arc<Instance>,
}

/// Makes the editor of one instance. No window is opened before the host asks for it.
pub fn create(params: Arc<TimbrelParams>, link: EditorEnd, instance: Arc<Instance>) -> Option<TimbrelEditor> {
    create_egui_editor(
        EguiEditorState::from_size(nice_plug::editor::dpi::LogicalSize::new(1000.0, 640.0), 1.0),
        RepaintNotifier::default(),
        EguiNiceSettings::new().with_tile("Timbrel"),
        App { params, link, instance },
    )
}

impl NiceEguiApp for App {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut Frame) {
        ui.label(&self.link.status.model.lock().name);
    }
}
