//! What moves a single note beside its own sound: where each controller of a player goes, what a host tells of one note, and
//! what all of it comes to.
//!
//! Nothing of this costs anything while nobody has told anything: a voice without modulation is rendered as if there were none.

use crate::note::DIRECTIONS;

/// What a controller moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Destination {
    Nothing,
    Vibrato,
    Brightness,
    Level,
    Cutoff,
    /// An offset along one of the model's directions, in steps of [`DIRECTION_STEP`].
    Direction(u8),
}

/// Where a controller goes, and how far.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Assignment {
    pub to: Destination,
    /// -1 to 1.
    pub amount: f32,
}

impl Assignment {
    pub const NONE: Self = Self { to: Destination::Nothing, amount: 0.0 };

    pub fn is_nothing(&self) -> bool {
        self.to == Destination::Nothing || self.amount == 0.0
    }
}

/// Where the controllers of a player go.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Assignments {
    pub wheel: Assignment,
    pub breath: Assignment,
    pub pressure: Assignment,
    /// Controller 74, the third dimension of MPE, and a host's brightness expression.
    pub slide: Assignment,
    pub velocity: Assignment,
    pub key: Assignment,
}

impl Assignments {
    /// Whether every stroke is moved by itself, without a controller.
    pub fn move_strokes(&self) -> bool {
        !self.velocity.is_nothing() || !self.key.is_nothing()
    }

    pub const NONE: Self = Self {
        wheel: Assignment::NONE,
        breath: Assignment::NONE,
        pressure: Assignment::NONE,
        slide: Assignment::NONE,
        velocity: Assignment::NONE,
        key: Assignment::NONE,
    };
}

/// The values of a player's controllers for one note; `None` where nobody has ever touched one.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Controls {
    /// 0 to 1.
    pub wheel: Option<f32>,
    pub breath: Option<f32>,
    pub pressure: Option<f32>,
    /// -1 to 1.
    pub slide: Option<f32>,
}

impl Controls {
    /// Each by what the note itself was told, else by what `other` was.
    pub fn or(self, other: Self) -> Self {
        Self {
            wheel: self.wheel.or(other.wheel),
            breath: self.breath.or(other.breath),
            pressure: self.pressure.map(|own| own.max(other.pressure.unwrap_or(0.0))).or(other.pressure),
            slide: self.slide.or(other.slide),
        }
    }
}

/// The parameters that a host may move for one note, as the numbers that stand for them.
pub mod polyphonic {
    use super::DIRECTIONS;

    pub const BRIGHTNESS: usize = DIRECTIONS;
    pub const VIBRATO: usize = DIRECTIONS + 1;
    pub const TUNE: usize = DIRECTIONS + 2;
    pub const GAIN: usize = DIRECTIONS + 3;
    pub const CUTOFF: usize = DIRECTIONS + 4;
    /// How many there are; the first are the directions.
    pub const COUNT: usize = DIRECTIONS + 5;
}

/// What a host tells of a single note, each by itself.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum NoteControl {
    /// Linear gain.
    Volume(f32),
    /// -1, left, to 1.
    Pan(f32),
    /// 0 to 1.
    Vibrato(f32),
    Expression(f32),
    Pressure(f32),
    /// -1 to 1.
    Slide(f32),
    /// An offset of one of the parameters of [`polyphonic`] from its value without modulation, in the parameter's unit.
    Parameter {
        number: usize,
        offset: f32,
    },
}

impl NoteControl {
    /// With a number that can be reckoned with.
    pub fn sane(self) -> Self {
        let within = |value: f32, low: f32, high: f32| if value.is_nan() { 0.0 } else { value.clamp(low, high) };
        match self {
            Self::Volume(gain) => Self::Volume(within(gain, 0.0, 4.0)),
            Self::Pan(pan) => Self::Pan(within(pan, -1.0, 1.0)),
            Self::Vibrato(value) => Self::Vibrato(within(value, 0.0, 1.0)),
            Self::Expression(value) => Self::Expression(within(value, 0.0, 1.0)),
            Self::Pressure(value) => Self::Pressure(within(value, 0.0, 1.0)),
            Self::Slide(value) => Self::Slide(within(value, -1.0, 1.0)),
            Self::Parameter { number, offset } => Self::Parameter { number, offset: within(offset, -200.0, 200.0) },
        }
    }
}

/// What a host has told of one note so far.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NoteControls {
    volume: f32,
    pan: f32,
    vibrato: f32,
    expression: f32,
    controls: Controls,
    /// Offsets of parameters, where a bit is set in `moved`.
    offsets: [f32; polyphonic::COUNT],
    moved: u16,
    is_told: bool,
}

impl NoteControls {
    pub const NONE: Self = Self {
        volume: 1.0,
        pan: 0.0,
        vibrato: 0.0,
        expression: 1.0,
        controls: Controls { wheel: None, breath: None, pressure: None, slide: None },
        offsets: [0.0; polyphonic::COUNT],
        moved: 0,
        is_told: false,
    };

    pub fn set(&mut self, control: NoteControl) {
        self.is_told = true;
        match control {
            NoteControl::Volume(gain) => self.volume = gain,
            NoteControl::Pan(pan) => self.pan = pan,
            NoteControl::Vibrato(value) => self.vibrato = value,
            NoteControl::Expression(value) => self.expression = value,
            NoteControl::Pressure(value) => self.controls.pressure = Some(value),
            NoteControl::Slide(value) => self.controls.slide = Some(value),
            NoteControl::Parameter { number, offset } => {
                if let Some(own) = self.offsets.get_mut(number) {
                    *own = offset;
                    self.moved |= 1 << number;
                }
            }
        }
    }

    /// Whether the host has said anything.
    pub fn is_told(&self) -> bool {
        self.is_told
    }

    pub fn let_go_of_pressure(&mut self) {
        self.controls.pressure = None;
    }
}

/// Steps in which a controller moves along a direction, in hundredths: each is a rendering of its own.
pub const DIRECTION_STEP: i16 = 25;

/// How far a controller moves along a direction at its end, in hundredths.
const DIRECTION_REACH: f32 = 300.0;

/// How far a controller moves the filter at its end, in semitones.
const CUTOFF_REACH: f32 = 60.0;

/// What all controllers and a host's modulation come to for one voice.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Modulation {
    /// Linear, beside the level of the stroke.
    pub gain: f32,
    pub pan: f32,
    /// Tilt of the spectrum, -1 to 1.
    pub brightness: f32,
    /// Vibrato beside the note's own, 0 for none to 1 for a deep one.
    pub vibrato: f32,
    /// Added to the share of the note's own vibrato.
    pub own_vibrato: f32,
    pub semitones: f32,
    /// Of the filter, in semitones.
    pub cutoff: f32,
    /// Offsets along the directions, in hundredths of a standard deviation.
    pub directions: [i16; DIRECTIONS],
}

impl Modulation {
    pub const NONE: Self = Self {
        gain: 1.0,
        pan: 0.0,
        brightness: 0.0,
        vibrato: 0.0,
        own_vibrato: 0.0,
        semitones: 0.0,
        cutoff: 0.0,
        directions: [0; DIRECTIONS],
    };

    /// Of a stroke's velocity (0 to 1) and key, of what the player's controllers say, of what the host says of the note, and of
    /// the oscillation that is that of all notes.
    /// `brightness` is that of all notes; `mono` is how far the host moves the parameters of [`polyphonic`] for all notes: a note
    /// that it moves by itself goes from where they would be without.
    pub fn of(
        (velocity, key): (f32, u8),
        controls: Controls,
        own: &NoteControls,
        assignments: &Assignments,
        (lfo, lfo_value): (Assignment, f32),
        brightness: f32,
        mono: &[f32; polyphonic::COUNT],
    ) -> Self {
        let mut sum = Self { brightness, ..Self::NONE };
        let has_lfo = !lfo.is_nothing();
        let is_of_stroke = assignments.move_strokes();
        if !own.is_told && !is_of_stroke && !has_lfo && controls == Controls::default() {
            return sum;
        }
        let controls = own.controls.or(controls);
        // A stroke of the velocity that notes are generated at, and the middle of the keyboard, change nothing.
        let struck = ((velocity * 127.0 - 100.0) / 100.0).clamp(-1.0, 1.0);
        let place = (f32::from(key) - 60.0) / 48.0;
        let sources = [
            (controls.wheel, assignments.wheel),
            (controls.breath, assignments.breath),
            (controls.pressure, assignments.pressure),
            (controls.slide, assignments.slide),
            (Some(struck), assignments.velocity),
            (Some(place.clamp(-1.0, 1.0)), assignments.key),
            // A level goes between silence and full.
            (Some(if lfo.to == Destination::Level { 0.5 + 0.5 * lfo_value } else { lfo_value }), lfo),
        ];
        let mut directions = [0.0; DIRECTIONS];
        for (value, assignment) in sources {
            let Some(value) = value.filter(|_| !assignment.is_nothing()) else { continue };
            let moved = value * assignment.amount;
            match assignment.to {
                Destination::Nothing => {}
                Destination::Vibrato => sum.vibrato += moved,
                Destination::Brightness => sum.brightness += moved,
                Destination::Cutoff => sum.cutoff += CUTOFF_REACH * moved,
                Destination::Level => sum.gain *= level(value, assignment.amount),
                Destination::Direction(index) => {
                    if let Some(direction) = directions.get_mut(usize::from(index)) {
                        *direction += DIRECTION_REACH * moved;
                    }
                }
            }
        }
        let step = f32::from(DIRECTION_STEP);
        sum.directions = directions.map(|offset| ((offset / step).round() * step) as i16);
        sum.vibrato = (sum.vibrato + own.vibrato).clamp(0.0, 1.0);
        sum.gain *= own.volume * own.expression * own.expression;
        sum.pan += own.pan;
        if own.moved != 0 {
            sum.add_offsets(own, mono);
        }
        sum.brightness = sum.brightness.clamp(-1.0, 1.0);
        sum
    }

    fn add_offsets(&mut self, own: &NoteControls, mono: &[f32; polyphonic::COUNT]) {
        let offset = |number: usize| {
            if own.moved >> number & 1 == 1 { own.offsets[number] - mono[number] } else { 0.0 }
        };
        for (index, direction) in self.directions.iter_mut().enumerate() {
            *direction += (100.0 * offset(index)).round() as i16;
        }
        self.brightness += offset(polyphonic::BRIGHTNESS);
        self.own_vibrato += offset(polyphonic::VIBRATO);
        self.semitones += offset(polyphonic::TUNE);
        self.gain *= 10f32.powf(offset(polyphonic::GAIN).min(24.0) / 20.0);
        self.cutoff += offset(polyphonic::CUTOFF);
    }

    /// Whether the voice is as loud as it was struck, and in the middle.
    pub fn is_in_place(&self) -> bool {
        (self.gain, self.pan) == (1.0, 0.0)
    }
}

/// The gain of a controller that goes to the level: with its whole amount from silence to full, and by the square, as controllers
/// of loudness do; with a negative one the other way round.
fn level(value: f32, amount: f32) -> f32 {
    let value = value.clamp(0.0, 1.0).powi(2);
    if amount >= 0.0 { 1.0 - amount * (1.0 - value) } else { 1.0 + amount * value }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRUCK: (f32, u8) = (100.0 / 127.0, 60);
    const NO_LFO: (Assignment, f32) = (Assignment::NONE, 0.7);
    const STILL: [f32; polyphonic::COUNT] = [0.0; polyphonic::COUNT];

    fn to(to: Destination, amount: f32) -> Assignment {
        Assignment { to, amount }
    }

    fn of(controls: Controls, own: &NoteControls, assignments: &Assignments) -> Modulation {
        Modulation::of(STRUCK, controls, own, assignments, NO_LFO, 0.0, &STILL)
    }

    #[test]
    fn nothing_told_is_nothing_moved_whatever_is_assigned() {
        let everything = to(Destination::Level, 1.0);
        let assignments =
            Assignments { wheel: everything, breath: everything, pressure: everything, ..Assignments::NONE };
        assert_eq!(of(Controls::default(), &NoteControls::NONE, &assignments), Modulation::NONE);
        let velocity = Assignments {
            velocity: to(Destination::Direction(2), 1.0),
            key: to(Destination::Brightness, 1.0),
            ..Assignments::NONE
        };
        assert_eq!(of(Controls::default(), &NoteControls::NONE, &velocity), Modulation::NONE);
    }

    #[test]
    fn each_controller_goes_where_it_was_sent() {
        let controls = Controls { wheel: Some(1.0), breath: Some(0.5), pressure: Some(0.4), slide: Some(-0.5) };
        let assignments = Assignments {
            wheel: to(Destination::Vibrato, 0.5),
            breath: to(Destination::Level, 1.0),
            pressure: to(Destination::Direction(7), -0.5),
            slide: to(Destination::Brightness, 1.0),
            ..Assignments::NONE
        };
        let sum = of(controls, &NoteControls::NONE, &assignments);
        assert_eq!((sum.vibrato, sum.gain, sum.brightness), (0.5, 0.25, -0.5));
        // -60 hundredths lie between two steps.
        assert_eq!(sum.directions, [0, 0, 0, 0, 0, 0, 0, -50]);
    }

    #[test]
    fn a_notes_own_offset_stands_in_place_of_that_of_all() {
        let mut own = NoteControls::NONE;
        own.set(NoteControl::Parameter { number: 3, offset: 1.5 });
        own.set(NoteControl::Parameter { number: polyphonic::TUNE, offset: -2.0 });
        own.set(NoteControl::Parameter { number: 99, offset: 1.0 });
        let mut mono = STILL;
        (mono[3], mono[4]) = (0.5, 1.0);
        let sum = Modulation::of(STRUCK, Controls::default(), &own, &Assignments::NONE, NO_LFO, 0.0, &mono);
        assert_eq!(sum.directions, [0, 0, 0, 100, 0, 0, 0, 0]);
        assert_eq!(sum.semitones, -2.0);
    }

    #[test]
    fn what_is_no_number_moves_nothing() {
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30] {
            let mut own = NoteControls::NONE;
            for control in [
                NoteControl::Volume(wrong),
                NoteControl::Pan(wrong),
                NoteControl::Slide(wrong),
                NoteControl::Parameter { number: polyphonic::GAIN, offset: wrong },
            ] {
                own.set(control.sane());
            }
            let sum = of(
                Controls::default(),
                &own,
                &Assignments { slide: to(Destination::Brightness, 1.0), ..Assignments::NONE },
            );
            assert!(sum.gain.is_finite() && sum.pan.abs() <= 1.0 && sum.brightness.abs() <= 1.0, "{sum:?}");
        }
    }
}
