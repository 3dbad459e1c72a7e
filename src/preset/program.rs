//! Program changes: the first 128 presets of the factory bank, chosen on the audio thread.
//!
//! Nothing is looked up or made there: what a program sets lies ready, and is written through atomics. The host is not told; it
//! sees the new values with the next state that it saves.

use std::sync::LazyLock;

use nice_plug::params::InternalParamMut;
use nice_plug::prelude::{ParamPtr, Params};

use super::{Library, is_of_preset};
use crate::held::{Hashes, Kept};
use crate::params::TimbrelParams;

/// Programs of MIDI.
const MOST: usize = 128;

/// What a program sets.
struct Program {
    /// Plain values, in the order of [`Programs::of`].
    values: Box<[f32]>,
    hashes: Hashes,
    /// Keeps its latents known.
    _kept: Kept,
}

/// Of the whole process: made before the first instance plays, and never changed.
static PROGRAMS: LazyLock<Vec<Program>> = LazyLock::new(|| {
    let presets = Library::factory().iter().take(MOST);
    presets
        .map(|preset| {
            let kept = Kept::of(std::sync::Arc::new(preset.patch.held.clone()));
            Program { values: preset.patch.plain().into_values().collect(), hashes: kept.hashes(), _kept: kept }
        })
        .collect()
});

/// One instance's way to its parameters.
pub struct Programs(Box<[ParamPtr]>);

// SAFETY: the pointers are of parameters that live as long as the plugin, which holds both.
unsafe impl Send for Programs {}

impl Programs {
    /// `params` must outlive it.
    pub fn of(params: &TimbrelParams) -> Self {
        let mut pointers: Vec<(String, ParamPtr)> = params
            .param_map()
            .into_iter()
            .filter(|(id, ..)| is_of_preset(id))
            .map(|(id, pointer, _)| (id, pointer))
            .collect();
        pointers.sort_by(|a, b| a.0.cmp(&b.0));
        Self(pointers.into_iter().map(|(_, pointer)| pointer).collect())
    }

    /// Makes all ready; takes some milliseconds, once a process. Before the first [`Self::select`], and not on the audio thread.
    pub fn prepare() {
        LazyLock::force(&PROGRAMS);
    }

    /// Plays a program from here on; one that there is no preset for changes nothing. For the audio thread.
    pub fn select(&self, params: &TimbrelParams, program: u8) {
        let number = usize::from(program);
        // What was not prepared is not made here.
        let Some(program) = LazyLock::get(&PROGRAMS)
            .and_then(|programs| programs.get(number))
            .filter(|program| program.values.len() == self.0.len())
        else {
            return;
        };
        for (pointer, value) in self.0.iter().zip(&program.values) {
            // SAFETY: see `of`. The value is written through an atomic.
            unsafe {
                match pointer {
                    ParamPtr::FloatParam(own) => (**own)._internal_set_plain_value(*value),
                    other => other._internal_set_normalized_value(other.preview_normalized(*value)),
                };
            }
        }
        params.session.holding().select(number, program.hashes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::Patch;
    use crate::state::Session;

    #[test]
    fn a_program_is_its_preset_and_leaves_the_players_things_alone() {
        let (_, _, editor_end) = crate::link::link();
        let params = TimbrelParams::new(Session::default(), &editor_end.status);
        Programs::prepare();
        let programs = Programs::of(&params);
        // SAFETY: the parameter is alive.
        unsafe { params.bend._internal_set_plain_value(12) };
        let factory = Library::factory();
        assert!(factory.len() >= 60);
        for (number, preset) in factory.iter().enumerate().take(MOST) {
            programs.select(&params, number as u8);
            // What the audio thread plays, and what is saved.
            let timbre = params.timbre();
            let mut patch = Patch::of(&params);
            assert_eq!(patch.held.preset, preset.name);
            assert_eq!(params.timbre(), timbre, "folding it in changes nothing");
            patch.held.preset.clear();
            assert_eq!(patch.held, preset.patch.held);
            let plain = patch.plain();
            for (id, value) in preset.patch.plain() {
                assert_eq!(plain[&id], value, "{id} of {}", preset.name);
            }
            assert_eq!(plain["bend"], 12.0);
        }
        let last = params.timbre();
        programs.select(&params, 127);
        assert_eq!(params.timbre(), last, "there is no such program");
    }
}
