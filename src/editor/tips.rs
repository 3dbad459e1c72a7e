//! One true sentence for each parameter, by its id.

use nice_plug::prelude::{Param, Params};

use crate::params::TimbrelParams;

/// What a parameter does.
pub fn of_id(id: &str) -> Option<&'static str> {
    if id.starts_with("timbre_") {
        return Some("Moves the timbre along one direction of the model, in steps of its usual spread.");
    }
    Some(match id {
        "seed" => "Where the timbre starts from: a number that gives the same sound everywhere.",
        "character" => "From the plainest timbre (0 %) past the one that was drawn (100 %) to the extreme.",
        "attack" => "How long a note takes to reach its full level.",
        "decay" => "How long a note takes to fall from its full level to the sustain level.",
        "sustain" => "The level that a note keeps for as long as its key is held.",
        "release" => "How long a note takes to fall by 60 dB once its key is let go of.",
        "velocity" => "How much of the level the strength of a stroke decides.",
        "bend" => "How far the bend wheel reaches either way, in semitones.",
        "tune" => "Tunes the whole instrument, in semitones.",
        "gain" => "The level of the whole instrument.",
        "mode" => "Hold lets a note go on for as long as its key is down; Natural plays it as it was generated.",
        "brightness" => "How much the strength of a stroke changes the colour.",
        "vibrato" => "How much of the vibrato and tremolo that belong to the sound is played.",
        "width" => "How far the sound reaches to both sides; together they are the mono sum.",
        "pad" => "Whether the pad is what sounds, in place of the seed or the point.",
        "pad_x" => "The place on the pad, from the left (A, C) to the right (B, D).",
        "pad_y" => "The place on the pad, from the top (A, B) to the bottom (C, D).",
        _ => return None,
    })
}

/// What a parameter does, looked up once for all of an editor.
pub struct Tips(Vec<(String, &'static str)>);

impl Tips {
    pub fn new(params: &TimbrelParams) -> Self {
        let tips = params.param_map().into_iter().filter_map(|(id, pointer, _)| {
            // SAFETY: the pointer is of `params`.
            let name = unsafe { pointer.name() }.to_owned();
            Some((name, of_id(&id)?))
        });
        Self(tips.collect())
    }

    /// By the name that the parameter has for hosts.
    pub fn of<P: Param>(&self, param: &P) -> Option<&'static str> {
        self.0.iter().find(|(name, _)| name == param.name()).map(|(_, tip)| *tip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Session;

    #[test]
    fn every_parameter_has_a_sentence() {
        let (_, _, editor_end) = crate::link::link();
        let params = TimbrelParams::new(Session::default(), &editor_end.status);
        for (id, ..) in params.param_map() {
            let tip = of_id(&id).unwrap_or_else(|| panic!("{id} has no sentence"));
            assert!(tip.ends_with('.') && tip.len() > 20, "{id}: {tip}");
        }
    }
}
