//! Every parameter of the plugin: frozen id, range, unit and formatter, in one place.
//!
//! Ids and ranges are part of every saved session and every automation lane: they are never changed, only added to.

pub mod expression;
pub mod filter;
pub mod motion;
mod pages;
mod pad;

use std::sync::Arc;

use nice_plug::prelude::*;

use crate::audio::modulation::polyphonic;
use crate::audio::{Adsr, Settings, Transport, VelocityCurve};
use crate::link::Status;
use crate::note::{Base, DIRECTIONS, Timbre};
use crate::state::Session;

pub use expression::ExpressionParams;
pub use filter::FilterParams;
pub use motion::MotionParams;
pub use pad::PadParams;

use motion::ReleaseMode;

/// Largest offset along a direction, in standard deviations. Beyond it a normal latent is hardly ever found.
pub const DIRECTION_LIMIT: f32 = 3.0;

/// Highest seed. Four digits can be told to a friend, and survive the hosts' single precision.
pub const SEED_MAX: i32 = 9999;

/// What a held key plays once the generated note has been gone through.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum SustainMode {
    /// Goes on through the sustain region for as long as the key is held.
    #[id = "hold"]
    #[name = "Hold"]
    Hold,
    /// Plays the generated note as it is, its own release included, as the paper does.
    #[id = "natural"]
    #[name = "Natural"]
    Natural,
}

/// One latent direction.
#[derive(Params)]
pub struct DirectionParam {
    #[id = "timbre"]
    pub offset: FloatParam,
}

/// All parameters. Ids: `timbre_1` .. `timbre_8`, and those given below.
#[derive(Params)]
pub struct TimbrelParams {
    /// What is saved beside the parameters: format version and model.
    #[persist = "timbrel"]
    pub session: Session,

    #[nested(array, group = "Timbre")]
    pub directions: [DirectionParam; DIRECTIONS],
    /// The latent that the directions start from.
    #[id = "seed"]
    pub seed: IntParam,
    /// Distance from the mean timbre; 1 is the latent as drawn.
    #[id = "character"]
    pub character: FloatParam,

    /// Seconds.
    #[id = "attack"]
    pub attack: FloatParam,
    /// Seconds to fall to the sustain level.
    #[id = "decay"]
    pub decay: FloatParam,
    /// Linear gain.
    #[id = "sustain"]
    pub sustain: FloatParam,
    /// Seconds to fall by 60 dB.
    #[id = "release"]
    pub release: FloatParam,
    /// Share of the level that the velocity decides.
    #[id = "velocity"]
    pub velocity: FloatParam,
    /// Semitones either way.
    #[id = "bend"]
    pub bend: IntParam,
    /// Semitones.
    #[id = "tune"]
    pub tune: FloatParam,
    /// Decibels.
    #[id = "gain"]
    pub gain: FloatParam,
    #[id = "mode"]
    pub mode: EnumParam<SustainMode>,
    /// Share of what velocity does to the colour.
    #[id = "brightness"]
    pub brightness: FloatParam,
    /// Share of the notes' own vibrato; 1 is as recorded.
    #[id = "vibrato"]
    pub vibrato: FloatParam,
    /// How far the sound reaches to both sides.
    #[id = "width"]
    pub width: FloatParam,

    #[nested(group = "Pad")]
    pub pad: PadParams,
    #[nested(group = "Expression")]
    pub expression: ExpressionParams,
    #[nested(group = "Filter")]
    pub filter: FilterParams,
    #[nested(group = "Motion")]
    pub motion: MotionParams,
}

/// What parameters that came later are in sessions that were saved before: their sound stays what it was.
pub const BEFORE_THEY_WERE: [(&str, f32); 6] = [
    ("brightness", 0.0),
    ("width", 0.0),
    ("wheel_amount", 0.0),
    ("breath_amount", 0.0),
    ("pressure_amount", 0.0),
    ("slide_amount", 0.0),
];

/// As [`BEFORE_THEY_WERE`], of parameters with named values.
pub const CHOSEN_BEFORE: [(&str, &str); 1] = [("velocity_law", "square")];

/// As [`BEFORE_THEY_WERE`], of switches.
pub const SWITCHED_BEFORE: [(&str, bool); 3] = [("limiter", false), ("wander", false), ("mts_esp", false)];

/// How far each parameter goes that a host may move for one note, in the order of [`polyphonic`].
pub const POLYPHONIC_RANGES: [f32; polyphonic::COUNT] = {
    let mut ranges = [2.0 * DIRECTION_LIMIT; polyphonic::COUNT];
    ranges[polyphonic::BRIGHTNESS] = 2.0;
    ranges[polyphonic::VIBRATO] = 2.0;
    ranges[polyphonic::TUNE] = 24.0;
    ranges[polyphonic::GAIN] = 72.0;
    ranges[polyphonic::CUTOFF] = 120.0;
    ranges
};

/// The sound of a new instance: with the default model it begins at once and lasts for as long as its key is held.
const FIRST_SEED: i32 = 3;

impl TimbrelParams {
    pub fn new(session: Session, status: &Arc<Status>) -> Self {
        Self {
            session,
            directions: std::array::from_fn(|i| DirectionParam { offset: direction(i, Arc::clone(status)) }),
            seed: IntParam::new("Seed", FIRST_SEED, IntRange::Linear { min: 0, max: SEED_MAX }),
            character: FloatParam::new("Character", 1.0, FloatRange::Linear { min: 0.0, max: 2.0 })
                .with_step_size(0.01)
                .with_unit(" %")
                .with_value_to_string(formatters::v2s_f32_percentage(0))
                .with_string_to_value(formatters::s2v_f32_percentage()),
            attack: seconds("Attack", 0.0, 0.0, 5.0),
            decay: seconds("Decay", 1.0, 0.005, 10.0),
            sustain: percent("Sustain", 1.0),
            release: seconds("Release", 0.25, 0.005, 10.0),
            velocity: percent("Velocity Depth", 0.7),
            bend: IntParam::new("Bend Range", 2, IntRange::Linear { min: 0, max: 24 }).with_unit(" st"),
            tune: FloatParam::new("Tune", 0.0, FloatRange::Linear { min: -12.0, max: 12.0 })
                .with_step_size(0.01)
                .with_unit(" st")
                .with_value_to_string(formatters::v2s_f32_rounded(2))
                .with_poly_modulation_id(polyphonic::TUNE as u32),
            gain: FloatParam::new("Gain", -6.0, FloatRange::Linear { min: -60.0, max: 12.0 })
                .with_step_size(0.1)
                .with_unit(" dB")
                .with_value_to_string(formatters::v2s_f32_rounded(1))
                .with_poly_modulation_id(polyphonic::GAIN as u32),
            mode: EnumParam::new("Sustain Mode", SustainMode::Hold),
            brightness: percent("Velocity to Brightness", 1.0),
            vibrato: FloatParam::new("Vibrato", 1.0, FloatRange::Linear { min: 0.0, max: 2.0 })
                .with_step_size(0.01)
                .with_unit(" %")
                .with_value_to_string(formatters::v2s_f32_percentage(0))
                .with_string_to_value(formatters::s2v_f32_percentage())
                .with_poly_modulation_id(polyphonic::VIBRATO as u32),
            width: percent("Width", 0.4),
            pad: PadParams::new(),
            expression: ExpressionParams::new(),
            filter: FilterParams::new(),
            motion: MotionParams::new(),
        }
    }

    /// Puts what is no number to its default, whoever has sent it: a state with such a value could be saved, but not loaded
    /// again. For the audio thread.
    pub fn mend(&self) {
        let own = [&self.character, &self.attack, &self.decay, &self.sustain, &self.release, &self.velocity];
        let rest = [&self.tune, &self.gain, &self.pad.x, &self.pad.y]
            .into_iter()
            .chain(self.directions.iter().map(|direction| &direction.offset));
        let rest = rest
            .chain(self.expression.floats())
            .chain(self.motion.floats())
            .chain(self.filter.floats())
            .chain([&self.brightness, &self.vibrato, &self.width]);
        for param in own.into_iter().chain(rest).filter(|param| param.value().is_nan()) {
            // SAFETY: the pointer is that of a parameter that is alive. It is written to through an atomic.
            unsafe { param.as_ptr()._internal_set_normalized_value(param.default_normalized_value()) };
        }
    }

    /// All that the audio thread needs to know of the parameters now.
    pub fn settings(&self) -> Settings {
        Settings {
            timbre: self.timbre(),
            adsr: Adsr {
                attack: self.attack.value(),
                decay: self.decay.value(),
                sustain: self.sustain.value(),
                release: self.release.value(),
            },
            velocity: VelocityCurve {
                law: self.expression.velocity_law.value().into(),
                depth: self.velocity.value(),
                shape: self.expression.velocity_shape.value(),
            },
            bend_semitones: self.bend.value() as f32,
            tune_semitones: self.tune.value(),
            gain: util::db_to_gain(self.gain.value()),
            hold: self.mode.value() == SustainMode::Hold,
            wander: self.expression.wander.value(),
            start_seconds: self.motion.start.value(),
            // By hundredths, so that a host finds its way back to what is as generated.
            speed: (100.0 * self.motion.speed.value()).round() / 100.0,
            freeze: self.motion.freeze.value(),
            reverse: self.motion.reverse.value(),
            rings: self.motion.release_mode.value() == ReleaseMode::Generated,
            brightness: self.brightness.value(),
            vibrato: self.vibrato.value(),
            width: self.width.value(),
            assignments: self.expression.assignments(),
            tilt: self.expression.tilt.value(),
            mono_modulation: self.mono_modulation(),
            voice_mode: self.expression.voices.value().into(),
            glide: self.expression.glide.value(),
            filter: self.filter.settings(),
            lfo: self.filter.lfo(),
            transport: Transport::UNKNOWN,
            limiter: self.expression.limiter.value(),
            follows_master: self.expression.mts_esp.value(),
        }
    }

    /// How far the host moves the parameters of [`polyphonic`] for all notes.
    fn mono_modulation(&self) -> [f32; polyphonic::COUNT] {
        let mut moved = [0.0; polyphonic::COUNT];
        let by = |param: &FloatParam| param.value() - param.unmodulated_plain_value();
        for (moved, direction) in moved.iter_mut().zip(&self.directions) {
            *moved = by(&direction.offset);
        }
        moved[polyphonic::BRIGHTNESS] = by(&self.expression.tilt);
        moved[polyphonic::VIBRATO] = by(&self.vibrato);
        moved[polyphonic::TUNE] = by(&self.tune);
        moved[polyphonic::GAIN] = by(&self.gain);
        moved[polyphonic::CUTOFF] = by(&self.filter.cutoff);
        moved
    }

    /// The timbre that the parameters describe now, in the steps of [`Timbre`].
    pub fn timbre(&self) -> Timbre {
        let pad = self.pad.plays.value().then(|| self.pad.steps());
        let base = self.session.holding().base(pad, self.seed.value());
        let seed = if base == Base::Seeds { self.seed.value().clamp(0, SEED_MAX) as u32 } else { 0 };
        Timbre {
            base,
            seed,
            seed_to: seed,
            blend: 0,
            character: (self.character.value() * 100.0).round().clamp(0.0, 200.0) as u16,
            directions: std::array::from_fn(|i| direction_steps(self.directions[i].offset.value())),
        }
    }
}

/// The ids of all parameters, in the order in which they are numbered.
pub fn ids_of(params: &impl Params) -> Vec<String> {
    params.param_map().into_iter().map(|(id, _pointer, _group)| id).collect()
}

/// An offset along a direction, in the steps of [`Timbre::directions`].
pub fn direction_steps(offset: f32) -> i16 {
    (offset.clamp(-DIRECTION_LIMIT, DIRECTION_LIMIT) * 100.0).round() as i16
}

/// "Timbre n": the name is fixed, since hosts keep it; the value text carries the model's label.
fn direction(index: usize, status: Arc<Status>) -> FloatParam {
    FloatParam::new(
        format!("Timbre {}", index + 1),
        0.0,
        FloatRange::Linear { min: -DIRECTION_LIMIT, max: DIRECTION_LIMIT },
    )
    .with_step_size(0.01)
    .with_value_to_string(Arc::new(move |value| {
        // A rounded zero keeps its sign otherwise, and "-0.00" would not come back as the same value.
        let value = if value.abs() < 0.005 { 0.0 } else { value };
        let label = status.direction_label(index);
        if label.is_empty() { format!("{value:+.2}") } else { format!("{value:+.2} {label}") }
    }))
    .with_string_to_value(Arc::new(|text| text.split_whitespace().next()?.parse().ok()))
    .with_poly_modulation_id(index as u32)
}

/// A time in seconds on a scale that gives the short times most of the way; shown in milliseconds below one second.
fn seconds(name: &str, default: f32, min: f32, max: f32) -> FloatParam {
    FloatParam::new(name, default, FloatRange::Skewed { min, max, factor: FloatRange::skew_factor(-2.0) })
        .with_value_to_string(seconds_to_text())
        .with_string_to_value(text_to_seconds())
}

fn seconds_to_text() -> Arc<dyn Fn(f32) -> String + Send + Sync> {
    Arc::new(|s| if s < 1.0 { format!("{:.1} ms", s * 1000.0) } else { format!("{s:.3} s") })
}

#[expect(clippy::type_complexity, reason = "the framework writes it so")]
fn text_to_seconds() -> Arc<dyn Fn(&str) -> Option<f32> + Send + Sync> {
    Arc::new(|text| {
        let text = text.trim();
        match text.strip_suffix("ms") {
            Some(ms) => ms.trim().parse::<f32>().ok().map(|ms| ms / 1000.0),
            None => text.trim_end_matches('s').trim().parse().ok(),
        }
    })
}

/// On or off.
fn switch(name: &str, default: bool) -> BoolParam {
    BoolParam::new(name, default)
        .with_value_to_string(Arc::new(|on| if on { "On" } else { "Off" }.to_owned()))
        .with_string_to_value(Arc::new(|text| match text.trim().to_lowercase().as_str() {
            "on" | "yes" | "true" => Some(true),
            "off" | "no" | "false" => Some(false),
            _ => None,
        }))
}

fn percent(name: &str, default: f32) -> FloatParam {
    FloatParam::new(name, default, FloatRange::Linear { min: 0.0, max: 1.0 })
        .with_unit(" %")
        .with_value_to_string(formatters::v2s_f32_percentage(1))
        .with_string_to_value(formatters::s2v_f32_percentage())
}
