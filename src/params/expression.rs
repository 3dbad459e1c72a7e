//! How the instrument answers to a player's controllers.

use std::sync::Arc;

use nice_plug::prelude::*;

use crate::audio::modulation::{Assignment, Assignments, Destination, polyphonic};
use crate::audio::{Law, VoiceMode};

/// What a controller moves.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    #[id = "off"]
    #[name = "Off"]
    Off,
    #[id = "vibrato"]
    #[name = "Vibrato"]
    Vibrato,
    #[id = "brightness"]
    #[name = "Brightness"]
    Brightness,
    #[id = "level"]
    #[name = "Level"]
    Level,
    #[id = "cutoff"]
    #[name = "Cutoff"]
    Cutoff,
    #[id = "timbre_1"]
    #[name = "Timbre 1"]
    Timbre1,
    #[id = "timbre_2"]
    #[name = "Timbre 2"]
    Timbre2,
    #[id = "timbre_3"]
    #[name = "Timbre 3"]
    Timbre3,
    #[id = "timbre_4"]
    #[name = "Timbre 4"]
    Timbre4,
    #[id = "timbre_5"]
    #[name = "Timbre 5"]
    Timbre5,
    #[id = "timbre_6"]
    #[name = "Timbre 6"]
    Timbre6,
    #[id = "timbre_7"]
    #[name = "Timbre 7"]
    Timbre7,
    #[id = "timbre_8"]
    #[name = "Timbre 8"]
    Timbre8,
}

impl From<Target> for Destination {
    fn from(target: Target) -> Self {
        match target {
            Target::Off => Self::Nothing,
            Target::Vibrato => Self::Vibrato,
            Target::Brightness => Self::Brightness,
            Target::Level => Self::Level,
            Target::Cutoff => Self::Cutoff,
            direction => Self::Direction(direction as u8 - Target::Timbre1 as u8),
        }
    }
}

/// How many notes sound at a time.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Voices {
    #[id = "poly"]
    #[name = "Poly"]
    Poly,
    #[id = "mono"]
    #[name = "Mono"]
    Mono,
    #[id = "legato"]
    #[name = "Legato"]
    Legato,
}

/// By which law loudness follows velocity.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum VelocityLaw {
    #[id = "even"]
    #[name = "Even"]
    Even,
    #[id = "square"]
    #[name = "Square"]
    Square,
}

impl From<VelocityLaw> for Law {
    fn from(law: VelocityLaw) -> Self {
        match law {
            VelocityLaw::Even => Self::Even,
            VelocityLaw::Square => Self::Square,
        }
    }
}

impl From<Voices> for VoiceMode {
    fn from(voices: Voices) -> Self {
        match voices {
            Voices::Poly => Self::Poly,
            Voices::Mono => Self::Mono,
            Voices::Legato => Self::Legato,
        }
    }
}

/// Parameters of how the instrument is played.
#[derive(Params)]
pub struct ExpressionParams {
    #[id = "wheel_to"]
    pub wheel_to: EnumParam<Target>,
    #[id = "wheel_amount"]
    pub wheel_amount: FloatParam,
    #[id = "breath_to"]
    pub breath_to: EnumParam<Target>,
    #[id = "breath_amount"]
    pub breath_amount: FloatParam,
    #[id = "pressure_to"]
    pub pressure_to: EnumParam<Target>,
    #[id = "pressure_amount"]
    pub pressure_amount: FloatParam,
    #[id = "slide_to"]
    pub slide_to: EnumParam<Target>,
    #[id = "slide_amount"]
    pub slide_amount: FloatParam,
    #[id = "velocity_to"]
    pub velocity_to: EnumParam<Target>,
    #[id = "velocity_amount"]
    pub velocity_amount: FloatParam,
    #[id = "key_to"]
    pub key_to: EnumParam<Target>,
    #[id = "key_amount"]
    pub key_amount: FloatParam,
    /// Tilt of the spectrum of all notes, -1 to 1.
    #[id = "tilt"]
    pub tilt: FloatParam,
    #[id = "velocity_law"]
    pub velocity_law: EnumParam<VelocityLaw>,
    /// -1 to 1.
    #[id = "velocity_shape"]
    pub velocity_shape: FloatParam,
    #[id = "voices"]
    pub voices: EnumParam<Voices>,
    /// Seconds.
    #[id = "glide"]
    pub glide: FloatParam,
    #[id = "limiter"]
    pub limiter: BoolParam,
    /// Whether a held note goes through its sustain region without a period.
    #[id = "wander"]
    pub wander: BoolParam,
    /// Whether a master of MTS-ESP tunes the keys, where one runs.
    #[id = "mts_esp"]
    pub mts_esp: BoolParam,
}

impl ExpressionParams {
    pub fn new() -> Self {
        let to = |name: &str, target| EnumParam::new(format!("{name} To"), target);
        let amount = |name: &str, value| signed_percent(format!("{name} Amount"), value);
        Self {
            wheel_to: to("Wheel", Target::Vibrato),
            wheel_amount: amount("Wheel", 1.0),
            breath_to: to("Breath", Target::Level),
            breath_amount: amount("Breath", 1.0),
            pressure_to: to("Pressure", Target::Brightness),
            pressure_amount: amount("Pressure", 0.5),
            slide_to: to("Slide", Target::Brightness),
            slide_amount: amount("Slide", 1.0),
            velocity_to: to("Velocity", Target::Off),
            velocity_amount: amount("Velocity", 0.0),
            key_to: to("Key", Target::Off),
            key_amount: amount("Key", 0.0),
            tilt: signed_percent("Brightness".to_owned(), 0.0).with_poly_modulation_id(polyphonic::BRIGHTNESS as u32),
            velocity_law: EnumParam::new("Velocity Law", VelocityLaw::Even),
            velocity_shape: signed_percent("Velocity Shape".to_owned(), 0.0),
            voices: EnumParam::new("Voices", Voices::Poly),
            glide: glide(),
            limiter: super::switch("Limiter", true),
            wander: super::switch("Wander", true),
            mts_esp: super::switch("MTS-ESP", true),
        }
    }

    /// Where the controllers go.
    pub fn assignments(&self) -> Assignments {
        let of =
            |to: &EnumParam<Target>, amount: &FloatParam| Assignment { to: to.value().into(), amount: amount.value() };
        Assignments {
            wheel: of(&self.wheel_to, &self.wheel_amount),
            breath: of(&self.breath_to, &self.breath_amount),
            pressure: of(&self.pressure_to, &self.pressure_amount),
            slide: of(&self.slide_to, &self.slide_amount),
            velocity: of(&self.velocity_to, &self.velocity_amount),
            key: of(&self.key_to, &self.key_amount),
        }
    }

    pub fn floats(&self) -> impl Iterator<Item = &FloatParam> {
        let amounts = [
            &self.wheel_amount,
            &self.breath_amount,
            &self.pressure_amount,
            &self.slide_amount,
            &self.velocity_amount,
            &self.key_amount,
        ];
        amounts.into_iter().chain([&self.tilt, &self.velocity_shape, &self.glide])
    }
}

/// -100 to 100 %.
pub fn signed_percent(name: String, default: f32) -> FloatParam {
    FloatParam::new(name, default, FloatRange::Linear { min: -1.0, max: 1.0 })
        .with_step_size(0.01)
        .with_unit(" %")
        .with_value_to_string(Arc::new(|value| {
            // A rounded zero would keep its sign.
            let value = if value.abs() < 0.005 { 0.0 } else { value };
            format!("{:.0}", 100.0 * value)
        }))
        .with_string_to_value(formatters::s2v_f32_percentage())
}

fn glide() -> FloatParam {
    FloatParam::new("Glide", 0.0, FloatRange::Skewed { min: 0.0, max: 5.0, factor: FloatRange::skew_factor(-2.0) })
        .with_value_to_string(super::seconds_to_text())
        .with_string_to_value(super::text_to_seconds())
}
