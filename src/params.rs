//! Every parameter of the plugin: frozen id, range, unit and formatter, in one place.
//!
//! Ids and ranges are part of every saved session and every automation lane: they are never changed, only added to.

mod pad;

use std::sync::Arc;

use nice_plug::prelude::*;

use crate::audio::{Adsr, Settings};
use crate::link::Status;
use crate::note::{Base, DIRECTIONS, Timbre};
use crate::state::Session;

pub use pad::PadParams;

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
}

/// What parameters that came later are in sessions that were saved before: their sound stays what it was.
pub const BEFORE_THEY_WERE: [(&str, f32); 2] = [("brightness", 0.0), ("width", 0.0)];

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
                .with_value_to_string(formatters::v2s_f32_rounded(2)),
            gain: FloatParam::new("Gain", -6.0, FloatRange::Linear { min: -60.0, max: 12.0 })
                .with_step_size(0.1)
                .with_unit(" dB")
                .with_value_to_string(formatters::v2s_f32_rounded(1)),
            mode: EnumParam::new("Sustain Mode", SustainMode::Hold),
            brightness: percent("Velocity to Brightness", 1.0),
            vibrato: FloatParam::new("Vibrato", 1.0, FloatRange::Linear { min: 0.0, max: 2.0 })
                .with_step_size(0.01)
                .with_unit(" %")
                .with_value_to_string(formatters::v2s_f32_percentage(0))
                .with_string_to_value(formatters::s2v_f32_percentage()),
            width: percent("Width", 0.4),
            pad: PadParams::new(),
        }
    }

    /// Puts what is no number to its default, whoever has sent it: a state with such a value could be saved, but not loaded
    /// again. For the audio thread.
    pub fn mend(&self) {
        let own = [&self.character, &self.attack, &self.decay, &self.sustain, &self.release, &self.velocity];
        let rest =
            [&self.tune, &self.gain, &self.pad.x, &self.pad.y].into_iter().chain(self.directions.iter().map(|direction| &direction.offset));
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
            velocity_depth: self.velocity.value(),
            bend_semitones: self.bend.value() as f32,
            tune_semitones: self.tune.value(),
            gain: util::db_to_gain(self.gain.value()),
            hold: self.mode.value() == SustainMode::Hold,
            brightness: self.brightness.value(),
            vibrato: self.vibrato.value(),
            width: self.width.value(),
        }
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
}

/// A time in seconds on a scale that gives the short times most of the way; shown in milliseconds below one second.
fn seconds(name: &str, default: f32, min: f32, max: f32) -> FloatParam {
    FloatParam::new(name, default, FloatRange::Skewed { min, max, factor: FloatRange::skew_factor(-2.0) })
        .with_value_to_string(Arc::new(|s| if s < 1.0 { format!("{:.1} ms", s * 1000.0) } else { format!("{s:.3} s") }))
        .with_string_to_value(Arc::new(|text| {
            let text = text.trim();
            match text.strip_suffix("ms") {
                Some(ms) => ms.trim().parse::<f32>().ok().map(|ms| ms / 1000.0),
                None => text.trim_end_matches('s').trim().parse().ok(),
            }
        }))
}

fn percent(name: &str, default: f32) -> FloatParam {
    FloatParam::new(name, default, FloatRange::Linear { min: 0.0, max: 1.0 })
        .with_unit(" %")
        .with_value_to_string(formatters::v2s_f32_percentage(1))
        .with_string_to_value(formatters::s2v_f32_percentage())
}
