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
        "wheel_to" => "What the modulation wheel (CC 1) moves.",
        "wheel_amount" => "How far the wheel moves it, either way.",
        "breath_to" => "What a breath controller (CC 2) moves.",
        "breath_amount" => "How far breath moves it, either way.",
        "pressure_to" => "What pressing on a key moves, by channel or by note.",
        "pressure_amount" => "How far pressure moves it, either way.",
        "slide_to" => "What a slide along a key (CC 74) moves.",
        "slide_amount" => "How far a slide moves it, either way.",
        "velocity_to" => "What else the strength of a stroke moves, for as long as the note sounds.",
        "velocity_amount" => "How far the strength of a stroke moves it, either way.",
        "key_to" => "What the height of a key moves.",
        "key_amount" => "How far the height of a key moves it, either way.",
        "tilt" => "Makes all notes brighter or darker, by a tilt of their spectrum.",
        "velocity_law" => "How level follows velocity: Even by equal steps for the ear, Square as in General MIDI.",
        "velocity_shape" => "Bends the curve of velocity towards soft or towards loud strokes.",
        "voices" => "Poly plays chords; Mono and Legato play one note at a time, Legato without a new stroke.",
        "glide" => "How long a note takes to slide from the one before it.",
        "limiter" => "Keeps the output below full scale, without latency; what is softer goes through unchanged.",
        "wander" => "Lets a held note go on without repeating itself; off, it goes to and fro.",
        "mts_esp" => "Lets a master of MTS-ESP tune the keys, where one runs.",
        "filter_mode" => "What the filter of each voice lets through; Off costs nothing.",
        "filter_cutoff" => "The frequency at which the filter begins to cut.",
        "filter_resonance" => "How much the filter stresses what lies at its cutoff.",
        "filter_keyed" => "How much the cutoff follows the height of a note, from middle C.",
        "filter_envelope" => "How far the filter's envelope moves the cutoff, in semitones.",
        "filter_attack" => "How long the filter's envelope takes to reach its full height.",
        "filter_decay" => "How long the filter's envelope takes to fall to its sustain level.",
        "filter_sustain" => "The height that the filter's envelope keeps while a key is held.",
        "filter_release" => "How long the filter's envelope takes to fall once the key is let go of.",
        "lfo_to" => "What the slow wave, in time with the song, moves.",
        "lfo_amount" => "How far the slow wave moves it.",
        "lfo_length" => "How long one turn of the slow wave takes, in beats and bars.",
        "start" => "Where in the generated note a stroke begins, in seconds from its beginning.",
        "speed" => "How fast the note goes through its course; its pitch stays.",
        "freeze" => "Lets a note stand still where it is in its course.",
        "reverse" => "Lets a note go through its course backwards.",
        "release_mode" => "Whether a note that is let go of fades, or plays the release that was generated.",
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
