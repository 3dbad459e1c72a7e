//! The morph pad: four timbres in the corners of a square, and a place among them.

use std::sync::Arc;

use nice_plug::prelude::*;

use crate::note::PAD_STEPS;

/// Ids: `pad`, `pad_x`, `pad_y`.
#[derive(Params)]
pub struct PadParams {
    /// Whether the pad is what sounds, in place of the seed.
    #[id = "pad"]
    pub plays: BoolParam,
    /// From the left (A, C) to the right (B, D).
    #[id = "pad_x"]
    pub x: FloatParam,
    /// From the top (A, B) to the bottom (C, D).
    #[id = "pad_y"]
    pub y: FloatParam,
}

impl PadParams {
    pub fn new() -> Self {
        let axis = |name: &str| {
            FloatParam::new(name, 0.5, FloatRange::Linear { min: 0.0, max: 1.0 })
                .with_step_size(1.0 / f32::from(PAD_STEPS))
                .with_unit(" %")
                .with_value_to_string(formatters::v2s_f32_percentage(0))
                .with_string_to_value(formatters::s2v_f32_percentage())
        };
        let plays = BoolParam::new("Pad", false)
            .with_value_to_string(Arc::new(|plays| if plays { "On" } else { "Off" }.to_owned()))
            .with_string_to_value(Arc::new(|text| {
                let is = |word: &str| text.trim().eq_ignore_ascii_case(word);
                if is("on") { Some(true) } else { is("off").then_some(false) }
            }));
        Self { plays, x: axis("Pad X"), y: axis("Pad Y") }
    }

    /// The place, in steps from 0 to [`PAD_STEPS`].
    pub fn steps(&self) -> [u8; 2] {
        [&self.x, &self.y]
            .map(|axis| (axis.value() * f32::from(PAD_STEPS)).round().clamp(0.0, f32::from(PAD_STEPS)) as u8)
    }
}
