//! The filter of each voice, its envelope, and the LFO, in time with the song.

use std::sync::Arc;

use nice_plug::prelude::*;

use super::expression::{Target, signed_percent};
use super::{percent, seconds};
use crate::audio::modulation::{Assignment, polyphonic};
use crate::audio::{Adsr, FilterMode, FilterSettings, LfoSettings};

/// What passes the filter.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum FilterKind {
    #[id = "off"]
    #[name = "Off"]
    Off,
    #[id = "low"]
    #[name = "Low"]
    Low,
    #[id = "band"]
    #[name = "Band"]
    Band,
    #[id = "high"]
    #[name = "High"]
    High,
}

/// Length of a period of the LFO, in a bar of four beats.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum LfoLength {
    #[id = "1_8"]
    #[name = "1/8"]
    Eighth,
    #[id = "1_4"]
    #[name = "1/4"]
    Quarter,
    #[id = "1_2"]
    #[name = "1/2"]
    Half,
    #[id = "1_bar"]
    #[name = "1 bar"]
    Bar,
    #[id = "2_bars"]
    #[name = "2 bars"]
    TwoBars,
    #[id = "4_bars"]
    #[name = "4 bars"]
    FourBars,
    #[id = "8_bars"]
    #[name = "8 bars"]
    EightBars,
}

impl LfoLength {
    fn beats(self) -> f64 {
        0.5 * 2f64.powi(self as i32)
    }
}

/// The cutoff's ends, as MIDI note numbers: 20 Hz, and ten octaves above it.
const CUTOFF: (f32, f32) = (15.486_821, 135.486_82);

/// Parameters of the filter and of the LFO.
#[derive(Params)]
pub struct FilterParams {
    #[id = "filter_mode"]
    pub mode: EnumParam<FilterKind>,
    /// As a MIDI note number.
    #[id = "filter_cutoff"]
    pub cutoff: FloatParam,
    #[id = "filter_resonance"]
    pub resonance: FloatParam,
    /// Share of the way from middle C to a note that the cutoff goes with it.
    #[id = "filter_keyed"]
    pub keyed: FloatParam,
    /// Semitones.
    #[id = "filter_envelope"]
    pub envelope: FloatParam,
    #[id = "filter_attack"]
    pub attack: FloatParam,
    #[id = "filter_decay"]
    pub decay: FloatParam,
    #[id = "filter_sustain"]
    pub sustain: FloatParam,
    #[id = "filter_release"]
    pub release: FloatParam,
    #[id = "lfo_to"]
    pub lfo_to: EnumParam<Target>,
    #[id = "lfo_amount"]
    pub lfo_amount: FloatParam,
    #[id = "lfo_length"]
    pub lfo_length: EnumParam<LfoLength>,
}

impl FilterParams {
    pub fn new() -> Self {
        Self {
            mode: EnumParam::new("Filter", FilterKind::Off),
            cutoff: cutoff(),
            resonance: percent("Filter Resonance", 0.0),
            keyed: percent("Filter Key", 0.0),
            envelope: FloatParam::new("Filter Envelope", 0.0, FloatRange::Linear { min: -60.0, max: 60.0 })
                .with_step_size(0.1)
                .with_unit(" st")
                .with_value_to_string(formatters::v2s_f32_rounded(1)),
            attack: seconds("Filter Attack", 0.0, 0.0, 5.0),
            decay: seconds("Filter Decay", 0.5, 0.005, 10.0),
            sustain: percent("Filter Sustain", 0.0),
            release: seconds("Filter Release", 0.25, 0.005, 10.0),
            lfo_to: EnumParam::new("LFO To", Target::Off),
            lfo_amount: signed_percent("LFO Amount".to_owned(), 0.25),
            lfo_length: EnumParam::new("LFO Length", LfoLength::Bar),
        }
    }

    pub fn settings(&self) -> FilterSettings {
        let mode = match self.mode.value() {
            FilterKind::Off => FilterMode::Off,
            FilterKind::Low => FilterMode::Low,
            FilterKind::Band => FilterMode::Band,
            FilterKind::High => FilterMode::High,
        };
        FilterSettings {
            mode,
            cutoff: self.cutoff.value(),
            resonance: self.resonance.value(),
            keyed: self.keyed.value(),
            envelope: self.envelope.value(),
            adsr: Adsr {
                attack: self.attack.value(),
                decay: self.decay.value(),
                sustain: self.sustain.value(),
                release: self.release.value(),
            },
        }
    }

    pub fn lfo(&self) -> LfoSettings {
        let to = Assignment { to: self.lfo_to.value().into(), amount: self.lfo_amount.value() };
        LfoSettings { to, beats: self.lfo_length.value().beats() }
    }

    pub fn floats(&self) -> impl Iterator<Item = &FloatParam> {
        let filter = [&self.cutoff, &self.resonance, &self.keyed, &self.envelope];
        let envelope = [&self.attack, &self.decay, &self.sustain, &self.release];
        filter.into_iter().chain(envelope).chain([&self.lfo_amount])
    }
}

/// A frequency that goes by equal steps in pitch.
fn cutoff() -> FloatParam {
    let hertz = |pitch: f32| 440.0 * ((pitch - 69.0) / 12.0).exp2();
    FloatParam::new("Filter Cutoff", 100.0, FloatRange::Linear { min: CUTOFF.0, max: CUTOFF.1 })
        .with_value_to_string(Arc::new(move |pitch| match hertz(pitch) {
            low if low < 999.5 => format!("{low:.1} Hz"),
            high => format!("{:.2} kHz", high / 1000.0),
        }))
        .with_string_to_value(Arc::new(|text| {
            let text = text.trim().to_lowercase();
            let text = text.trim_end_matches("hz");
            let (number, scale) = text.strip_suffix('k').map_or((text, 1.0), |number| (number, 1000.0));
            let hertz = number.trim().parse::<f32>().ok().filter(|hertz| *hertz > 0.0)? * scale;
            Some(69.0 + 12.0 * (hertz / 440.0).log2())
        }))
        .with_poly_modulation_id(polyphonic::CUTOFF as u32)
}
