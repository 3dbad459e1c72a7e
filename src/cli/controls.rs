//! The plugin's parameters outside a host: found by id, read and shown by their own parsers and formatters, and set.

use std::fmt::Write;
use std::sync::Arc;

use anyhow::{Result, anyhow, bail};
use nice_plug::prelude::{ParamPtr, Params};
use timbrel::audio::Settings;
use timbrel::link::{self, Status};
use timbrel::params::TimbrelParams;
use timbrel::preset::Preset;
use timbrel::state::Session;

/// All parameters of one instance.
pub struct Controls {
    /// What the pointers of `map` point into.
    params: Arc<TimbrelParams>,
    map: Vec<(String, ParamPtr)>,
}

/// One parameter of a [`Controls`].
#[derive(Clone, Copy)]
pub struct Control<'a> {
    pub id: &'a str,
    pointer: ParamPtr,
}

impl Controls {
    pub fn new(status: &Arc<Status>) -> Self {
        let params = Arc::new(TimbrelParams::new(Session::default(), status));
        let map = params.param_map().into_iter().map(|(id, pointer, _group)| (id, pointer)).collect();
        Self { params, map }
    }

    /// What the engine needs to know of the parameters now.
    pub fn settings(&self) -> Settings {
        self.params.settings()
    }

    /// The parameters themselves.
    pub fn params(&self) -> &TimbrelParams {
        &self.params
    }

    /// Plays a preset, but for what the command says itself.
    pub fn play(&self, preset: &Preset) {
        let plain = preset.patch.plain();
        for control in self.all() {
            if let Some(value) = plain.get(control.id) {
                control.set_plain(*value);
            }
        }
        self.params.session.holding().set(preset.patch.held.clone().into());
    }

    fn all(&self) -> impl Iterator<Item = Control<'_>> {
        self.map.iter().map(|(id, pointer)| Control { id, pointer: *pointer })
    }

    /// The parameter with an id; the error lists those that there are.
    pub fn find(&self, id: &str) -> Result<Control<'_>> {
        self.all().find(|control| control.id == id).ok_or_else(|| {
            let ids: Vec<_> = self.map.iter().map(|(id, _)| id.as_str()).collect();
            anyhow!("there is no parameter \"{id}\"; there are: {}", ids.join(", "))
        })
    }

    /// Sets a parameter from a text.
    pub fn set_text(&self, id: &str, text: &str) -> Result<()> {
        let control = self.find(id)?;
        control.set_plain(control.parse(text)?);
        Ok(())
    }
}

impl Control<'_> {
    // SAFETY, for all calls of the pointer in here: a `Control` borrows the `Controls`, which holds the parameters.

    /// Whether the parameter has a few values with names, or counts in whole steps.
    pub fn is_stepped(&self) -> bool {
        !matches!(self.pointer, ParamPtr::FloatParam(_))
    }

    /// The plain value that a text stands for; the error says what would be right.
    pub fn parse(&self, text: &str) -> Result<f32> {
        let wrong = || anyhow!("\"{text}\" is no value of {}, which takes {}", self.id, self.range_text());
        if let ParamPtr::EnumParam(_) | ParamPtr::BoolParam(_) = self.pointer {
            let named = self.variants().into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text.trim()));
            return named.map(|(_, plain)| plain).ok_or_else(wrong);
        }
        let normalized = self.normalized(text).ok_or_else(wrong)?;
        if self.is_cut_off(text, normalized) {
            bail!("\"{text}\" is out of range for {}, which takes {}", self.id, self.range_text());
        }
        Ok(self.plain(normalized))
    }

    /// Sets the parameter, as a host would.
    pub fn set_plain(&self, plain: f32) {
        // SAFETY: see above. The value is written through an atomic, and nobody else writes.
        unsafe { self.pointer._internal_set_normalized_value(self.pointer.preview_normalized(plain)) };
    }

    fn normalized(&self, text: &str) -> Option<f32> {
        // SAFETY: see above.
        let normalized = unsafe { self.pointer.string_to_normalized_value(text) };
        normalized.filter(|normalized| normalized.is_finite())
    }

    fn plain(&self, normalized: f32) -> f32 {
        // SAFETY: see above.
        unsafe { self.pointer.preview_plain(normalized) }
    }

    fn text(&self, normalized: f32) -> String {
        // SAFETY: see above.
        unsafe { self.pointer.normalized_value_to_string(normalized, true) }
    }

    /// Whether the range has cut off what a text says. The parsers do so without a word; but a value that was cut off stays
    /// at the end of the range when the number in its text is moved a little inward, and one that is the end does not.
    fn is_cut_off(&self, text: &str, normalized: f32) -> bool {
        let inward = match normalized {
            0.0 => 1.0,
            1.0 => -1.0,
            _ => return false,
        };
        let text = text.trim();
        let number_end = text.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(text.len());
        let (number, unit) = text.split_at(number_end);
        let Ok(number) = number.parse::<f64>() else { return true };
        let step = if self.is_stepped() { 1.0 } else { 1e-5 * number.abs().max(0.1) };
        self.normalized(&format!("{}{unit}", number + inward * step)) == Some(normalized)
    }

    /// The named values and their plain numbers, of a parameter that has such.
    fn variants(&self) -> Vec<(String, f32)> {
        // SAFETY: see above.
        let steps = unsafe { self.pointer.step_count() }.unwrap_or(0);
        (0..=steps).map(|step| step as f32 / steps.max(1) as f32).map(|at| (self.text(at), self.plain(at))).collect()
    }

    fn range_text(&self) -> String {
        match self.pointer {
            ParamPtr::EnumParam(_) | ParamPtr::BoolParam(_) => {
                let names: Vec<_> = self.variants().into_iter().map(|(name, _)| name).collect();
                names.join(" or ")
            }
            _ => format!("{} to {}", self.text(0.0), self.text(1.0)),
        }
    }

    fn default_text(&self) -> String {
        // SAFETY: see above.
        self.text(unsafe { self.pointer.default_normalized_value() })
    }
}

/// The table of all parameters, for the help text.
pub fn help() -> String {
    let (_, _, editor_end) = link::link();
    let controls = Controls::new(&editor_end.status);
    let mut text = "Parameters for --set and --automate:\n".to_owned();
    for control in controls.all() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {:<10} {} (default {})", control.id, control.range_text(), control.default_text());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controls() -> Controls {
        let (_, _, editor_end) = link::link();
        Controls::new(&editor_end.status)
    }

    #[test]
    fn values_are_read_as_the_plugin_shows_them() {
        let controls = controls();
        for (id, text) in [("gain", "-12.5"), ("release", "80 ms"), ("timbre_3", "-1.25"), ("velocity", "35 %")] {
            controls.set_text(id, text).unwrap();
        }
        for (id, text) in [("mode", "natural"), ("seed", "9999"), ("bend", "12 st"), ("character", "150")] {
            controls.set_text(id, text).unwrap();
        }
        let settings = controls.settings();
        assert!((20.0 * settings.gain.log10() + 12.5).abs() < 1e-3);
        assert!((settings.adsr.release - 0.08).abs() < 1e-5);
        assert_eq!(settings.timbre.directions[2], -125);
        assert!((settings.velocity.depth - 0.35).abs() < 1e-6);
        assert!(!settings.hold);
        assert_eq!(settings.timbre.seed, 9999);
        assert_eq!(settings.bend_semitones, 12.0);
        assert_eq!(settings.timbre.character, 150);
    }

    #[test]
    fn the_ends_of_every_range_are_in_it_and_what_lies_beyond_is_refused() {
        let controls = controls();
        for control in controls.all() {
            for normalized in [0.0, 1.0] {
                let text = control.text(normalized);
                let plain = control.parse(&text).unwrap_or_else(|error| panic!("{}: {error:#}", control.id));
                assert!((plain - control.plain(normalized)).abs() < 1e-4, "{} {text}", control.id);
            }
        }
        for (id, text) in [("gain", "12.1"), ("gain", "-61"), ("seed", "10000"), ("seed", "-1"), ("attack", "5001 ms")]
        {
            let error = controls.set_text(id, text).unwrap_err().to_string();
            assert!(error.contains("out of range") && error.contains(" to "), "{error}");
        }
        for text in ["inf", "-inf", "1e30", "-1e30"] {
            assert!(controls.set_text("gain", text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_there_is_answered_with_what_is() {
        let controls = controls();
        let error = controls.set_text("cutoff", "1").unwrap_err().to_string();
        assert!(error.contains("timbre_1, ") && error.contains("gain"), "{error}");
        let error = controls.set_text("mode", "sideways").unwrap_err().to_string();
        assert!(error.contains("Hold or Natural"), "{error}");
        for text in ["", "loud", "nan"] {
            let error = controls.set_text("gain", text).unwrap_err().to_string();
            assert!(error.contains("-60.0 dB to 12.0 dB"), "{error}");
        }
    }
}
