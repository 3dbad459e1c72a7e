//! How the generated note is gone through.

use std::sync::Arc;

use nice_plug::prelude::*;

/// What a note does that is let go of.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReleaseMode {
    /// It fades, as the envelope says.
    #[id = "fade"]
    #[name = "Fade"]
    Fade,
    /// It plays the release that was generated with it.
    #[id = "generated"]
    #[name = "Generated"]
    Generated,
}

/// Parameters of how the frames of a note are gone through.
#[derive(Params)]
pub struct MotionParams {
    /// Seconds from the note's beginning as generated.
    #[id = "start"]
    pub start: FloatParam,
    /// Share of the speed as generated, at the same pitch.
    #[id = "speed"]
    pub speed: FloatParam,
    #[id = "freeze"]
    pub freeze: BoolParam,
    #[id = "reverse"]
    pub reverse: BoolParam,
    #[id = "release_mode"]
    pub release_mode: EnumParam<ReleaseMode>,
}

impl MotionParams {
    pub fn new() -> Self {
        Self {
            start: FloatParam::new("Start", 0.0, FloatRange::Linear { min: 0.0, max: 2.5 })
                .with_step_size(0.001)
                .with_value_to_string(super::seconds_to_text())
                .with_string_to_value(super::text_to_seconds()),
            speed: FloatParam::new("Speed", 1.0, speed_range())
                .with_unit(" %")
                .with_value_to_string(Arc::new(|speed| format!("{:.0}", 100.0 * speed)))
                .with_string_to_value(formatters::s2v_f32_percentage()),
            freeze: super::switch("Freeze", false),
            reverse: super::switch("Reverse", false),
            release_mode: EnumParam::new("Release Mode", ReleaseMode::Fade),
        }
    }

    pub fn floats(&self) -> impl Iterator<Item = &FloatParam> {
        [&self.start, &self.speed].into_iter()
    }
}

/// A quarter to four times, with as generated in the middle.
fn speed_range() -> FloatRange {
    FloatRange::SymmetricalSkewed { min: 0.25, max: 4.0, factor: FloatRange::skew_factor(-1.0), center: 1.0 }
}
