//! What the controllers of the sixteen MIDI channels say: wheels and tuning, pedals, loudness and place.
//!
//! A channel that was told nothing plays as if there were no controllers: at full level, in the middle, in tune.

use super::event::MasterTuning;
use super::mix::Mix;
use super::modulation::Controls;

pub const CHANNELS: usize = 16;

/// The controllers that the engine heeds as such; pedals and mode messages are events of their own.
pub mod number {
    pub const WHEEL: u8 = 1;
    pub const BREATH: u8 = 2;
    pub const PORTAMENTO_TIME: u8 = 5;
    pub const DATA_ENTRY: u8 = 6;
    pub const VOLUME: u8 = 7;
    pub const PAN: u8 = 10;
    pub const EXPRESSION: u8 = 11;
    pub const DATA_ENTRY_FINE: u8 = 38;
    pub const PORTAMENTO: u8 = 65;
    pub const SOFT: u8 = 67;
    pub const HOLD_2: u8 = 69;
    pub const RESONANCE: u8 = 71;
    pub const SLIDE: u8 = 74;
    pub const PORTAMENTO_FROM: u8 = 84;
    pub const UNREGISTERED_FINE: u8 = 98;
    pub const UNREGISTERED: u8 = 99;
    pub const REGISTERED_FINE: u8 = 100;
    pub const REGISTERED: u8 = 101;
}

/// Registered parameters (MIDI 1.0, and MPE 1.0 for the last), as the values of controllers 101 and 100.
const BEND_RANGE: (u8, u8) = (0, 0);
const FINE_TUNE: (u8, u8) = (0, 1);
const COARSE_TUNE: (u8, u8) = (0, 2);
const MPE_ZONE: (u8, u8) = (0, 6);
/// Data entry goes nowhere.
const NONE: (u8, u8) = (127, 127);

/// The first and the last channel may each lead a zone of others (MPE), which then have these bend ranges, in semitones.
const LOWER: usize = 0;
const UPPER: usize = CHANNELS - 1;
const MEMBER_BEND_SEMITONES: f32 = 48.0;
const LEADER_BEND_SEMITONES: f32 = 2.0;

/// The longest glide that a controller sets, in seconds.
const LONGEST_GLIDE_SECONDS: f32 = 4.0;

/// A glide that was switched on and never given a time, in seconds.
const GLIDE_SECONDS: f32 = 0.1;

/// One channel.
#[derive(Clone, Copy, Debug)]
struct Channel {
    /// -1 to 1.
    bend: f32,
    /// In semitones; where none was told, the instrument's own or the zone's.
    bend_semitones: Option<f32>,
    /// Fourteen bits, 8192 for none: a semitone either way.
    fine: u16,
    coarse_semitones: f32,
    /// Offsets of the twelve keys of each octave from C on, in semitones.
    octave: [f32; 12],
    damper: bool,
    sostenuto: bool,
    /// The keys that were down when the sostenuto pedal was pressed, a bit each.
    caught: u128,
    /// Linear gains.
    volume: f32,
    expression: f32,
    /// -1, left, to 1.
    pan: f32,
    /// Where data entry goes.
    registered: (u8, u8),
    /// What the player does to the notes' sound.
    controls: Controls,
    /// -1 to 1.
    resonance: f32,
    soft: bool,
    hold_2: bool,
    /// Whether notes glide, how long, and the key that the next one glides from; where nobody said, the instrument's own.
    portamento: Option<bool>,
    portamento_seconds: Option<f32>,
    portamento_from: Option<u8>,
    /// Whether one note sounds at a time; where nobody said, as the instrument does.
    mono: Option<bool>,
}

impl Channel {
    const AT_REST: Self = Self {
        bend: 0.0,
        bend_semitones: None,
        fine: 8192,
        coarse_semitones: 0.0,
        octave: [0.0; 12],
        damper: false,
        sostenuto: false,
        caught: 0,
        volume: 1.0,
        expression: 1.0,
        pan: 0.0,
        registered: NONE,
        controls: Controls { wheel: None, breath: None, pressure: None, slide: None },
        resonance: 0.0,
        soft: false,
        hold_2: false,
        portamento: None,
        portamento_seconds: None,
        portamento_from: None,
        mono: None,
    };

    /// What the player moves while he plays goes back (RP-015 of the MIDI association); what was set up stays.
    fn let_go(&mut self) {
        let Self { bend_semitones, fine, coarse_semitones, volume, pan, .. } = *self;
        let Self { resonance, portamento_seconds, mono, octave, .. } = *self;
        let controls = Controls { slide: self.controls.slide, ..Controls::default() };
        let set_up = Self { bend_semitones, fine, coarse_semitones, volume, pan, ..Self::AT_REST };
        *self = Self { controls, resonance, portamento_seconds, mono, octave, ..set_up };
    }

    fn tuning(&self) -> f32 {
        self.coarse_semitones + (f32::from(self.fine) - 8192.0) / 8192.0
    }
}

/// All channels, and the zones that some of them form.
pub struct Channels {
    channels: [Channel; CHANNELS],
    /// How many channels above the first and below the last follow it.
    lower_members: usize,
    upper_members: usize,
    /// How far all channels are tuned, in semitones.
    coarse_semitones: f32,
    fine_semitones: f32,
    /// The gains that are on their way to what the channels say.
    mixes: [Mix; CHANNELS],
}

impl Channels {
    pub fn new() -> Self {
        Self {
            channels: [Channel::AT_REST; CHANNELS],
            lower_members: 0,
            upper_members: 0,
            coarse_semitones: 0.0,
            fine_semitones: 0.0,
            mixes: [Mix::FULL; CHANNELS],
        }
    }

    /// Forgets all that was ever told.
    pub fn forget(&mut self) {
        *self = Self::new();
    }

    /// Lets go of wheels and pedals.
    pub fn let_go(&mut self) {
        self.channels.iter_mut().for_each(Channel::let_go);
    }

    /// Lets go of wheels and pedals of one channel, and of those that it leads.
    pub fn let_go_of(&mut self, channel: u8) {
        for own in 0..CHANNELS {
            if self.covers(channel, own as u8) {
                self.channels[own].let_go();
            }
        }
    }

    /// Whether what `channel` is told concerns the notes of `other`: it is the same, or leads its zone.
    pub fn covers(&self, channel: u8, other: u8) -> bool {
        channel == other || self.leader(other).is_some_and(|leader| leader == usize::from(channel))
    }

    /// The channel that leads a member of a zone.
    fn leader(&self, channel: u8) -> Option<usize> {
        let channel = usize::from(channel);
        if (LOWER + 1..=LOWER + self.lower_members).contains(&channel) {
            Some(LOWER)
        } else if (UPPER - self.upper_members..UPPER).contains(&channel) {
            Some(UPPER)
        } else {
            None
        }
    }

    fn get(&self, channel: u8) -> &Channel {
        self.channels.get(usize::from(channel)).unwrap_or(&Channel::AT_REST)
    }

    /// A channel and the one that leads it.
    fn with_leader(&self, channel: u8) -> impl Iterator<Item = (u8, &Channel)> {
        let leader = self.leader(channel).map(|leader| leader as u8);
        [Some(channel), leader].into_iter().flatten().map(|channel| (channel, self.get(channel)))
    }

    /// How far a channel's notes are from their keys, in semitones. `bend_semitones` is the instrument's own bend range.
    pub fn semitones(&self, channel: u8, bend_semitones: f32) -> f32 {
        let of = |(number, channel): (u8, &Channel)| {
            let range = channel.bend_semitones.or(self.zone_bend_semitones(number)).unwrap_or(bend_semitones);
            channel.bend * range + channel.tuning()
        };
        self.with_leader(channel).map(of).sum()
    }

    fn zone_bend_semitones(&self, channel: u8) -> Option<f32> {
        if self.leader(channel).is_some() {
            return Some(MEMBER_BEND_SEMITONES);
        }
        let leads = match usize::from(channel) {
            LOWER => self.lower_members > 0,
            UPPER => self.upper_members > 0,
            _ => false,
        };
        leads.then_some(LEADER_BEND_SEMITONES)
    }

    /// Tunes the twelve keys of each octave, for the channels whose bits are set.
    pub fn tune_octaves(&mut self, channels: u16, semitones: [f32; 12]) {
        for (number, channel) in self.channels.iter_mut().enumerate() {
            if channels >> number & 1 == 1 {
                channel.octave = semitones;
            }
        }
    }

    /// Tunes all channels, by one of two offsets.
    pub fn tune_all(&mut self, range: MasterTuning, semitones: f32) {
        match range {
            MasterTuning::Coarse => self.coarse_semitones = semitones,
            MasterTuning::Fine => self.fine_semitones = semitones,
        }
    }

    /// How far the tunings of octaves and of all channels move a key, in semitones.
    pub fn key_tuning(&self, channel: u8, key: u8) -> f32 {
        self.coarse_semitones + self.fine_semitones + self.get(channel).octave[usize::from(key % 12)]
    }

    /// `value` is -1 to 1.
    pub fn set_bend(&mut self, channel: u8, value: f32) {
        if let Some(channel) = self.channels.get_mut(usize::from(channel)) {
            channel.bend = value.clamp(-1.0, 1.0);
        }
    }

    pub fn set_damper(&mut self, channel: u8, down: bool) {
        if let Some(channel) = self.channels.get_mut(usize::from(channel)) {
            channel.damper = down;
        }
    }

    /// Presses the sostenuto pedal on the keys that are `down`, a bit each, or lets go of it.
    pub fn set_sostenuto(&mut self, channel: u8, down: Option<u128>) {
        if let Some(channel) = self.channels.get_mut(usize::from(channel)) {
            // One that is down already catches nothing more.
            if down.is_none() || !channel.sostenuto {
                (channel.sostenuto, channel.caught) = (down.is_some(), down.unwrap_or(0));
            }
        }
    }

    /// Whether a player's controller was ever touched that a channel's notes heed.
    pub fn has_controls(&self, channel: u8) -> bool {
        self.with_leader(channel).any(|(_, own)| own.controls != Controls::default())
    }

    /// What the player's controllers say for a channel's notes.
    pub fn controls(&self, channel: u8) -> Controls {
        let own = self.get(channel).controls;
        self.leader(channel).map_or(own, |leader| own.or(self.channels[leader].controls))
    }

    /// Whether the channel is a member of a zone, in which each note has a channel of its own.
    pub fn is_member(&self, channel: u8) -> bool {
        self.leader(channel).is_some()
    }

    /// `value` is 0 to 1.
    pub fn set_pressure(&mut self, channel: u8, value: f32) {
        if let Some(channel) = self.channels.get_mut(usize::from(channel)) {
            channel.controls.pressure = Some(value.clamp(0.0, 1.0));
        }
    }

    /// -1 to 1.
    pub fn resonance(&self, channel: u8) -> f32 {
        self.get(channel).resonance
    }

    /// Whether strokes are softened.
    pub fn is_soft(&self, channel: u8) -> bool {
        self.with_leader(channel).any(|(_, own)| own.soft)
    }

    /// Whether notes that are let go of die away slowly.
    pub fn is_held_2(&self, channel: u8) -> bool {
        self.with_leader(channel).any(|(_, own)| own.hold_2)
    }

    pub fn set_mono(&mut self, channel: u8, mono: bool) {
        if let Some(channel) = self.channels.get_mut(usize::from(channel)) {
            channel.mono = Some(mono);
        }
    }

    /// Whether one note of a channel sounds at a time, where somebody has said.
    pub fn mono(&self, channel: u8) -> Option<bool> {
        self.get(channel).mono
    }

    /// How long a new note glides, in seconds, where the instrument's own glide takes `seconds`; 0 for not at all.
    pub fn glide_seconds(&self, channel: u8, seconds: f32) -> f32 {
        let own = self.get(channel);
        let told = own.portamento_seconds.unwrap_or(seconds);
        match own.portamento {
            Some(false) => 0.0,
            Some(true) if own.portamento_seconds.is_none() && seconds == 0.0 => GLIDE_SECONDS,
            Some(true) => told,
            None if seconds > 0.0 => told,
            None => 0.0,
        }
    }

    /// The key that the next note is to glide from, if one was named. It is for that note only.
    pub fn take_glide_from(&mut self, channel: u8) -> Option<u8> {
        self.channels.get_mut(usize::from(channel))?.portamento_from.take()
    }

    /// Whether a pedal keeps a key's note from ending.
    pub fn holds(&self, channel: u8, key: u8) -> bool {
        self.with_leader(channel).any(|(_, own)| own.damper || own.caught >> (key % 128) & 1 == 1)
    }

    /// Takes in one of the controllers of [`number`]; `value` is of seven bits.
    pub fn set(&mut self, channel: u8, controller: u8, value: u8) {
        let value = value.min(127);
        let Some(own) = self.channels.get_mut(usize::from(channel)) else { return };
        match controller {
            number::VOLUME => own.volume = gain(value),
            number::EXPRESSION => own.expression = gain(value),
            number::PAN => own.pan = pan(value),
            number::WHEEL => own.controls.wheel = Some(f32::from(value) / 127.0),
            // One that rests from the beginning is no breath that ran out: some send all controllers at 0 before they play.
            number::BREATH if value == 0 && own.controls.breath.is_none() => {}
            number::BREATH => own.controls.breath = Some(f32::from(value) / 127.0),
            number::SLIDE => own.controls.slide = Some(pan(value)),
            number::RESONANCE => own.resonance = pan(value),
            number::SOFT => own.soft = value >= 64,
            number::HOLD_2 => own.hold_2 = value >= 64,
            number::PORTAMENTO => own.portamento = Some(value >= 64),
            number::PORTAMENTO_TIME => {
                own.portamento_seconds = Some(LONGEST_GLIDE_SECONDS * gain(value));
            }
            number::PORTAMENTO_FROM => own.portamento_from = Some(value),
            number::REGISTERED => own.registered.0 = value,
            number::REGISTERED_FINE => own.registered.1 = value,
            // A parameter that is not a registered one takes the data entry from then on.
            number::UNREGISTERED | number::UNREGISTERED_FINE => own.registered = NONE,
            number::DATA_ENTRY => self.enter(channel, value),
            number::DATA_ENTRY_FINE => self.enter_fine(channel, value),
            _ => {}
        }
    }

    /// The coarse half of a registered parameter's value.
    fn enter(&mut self, channel: u8, value: u8) {
        let own = &mut self.channels[usize::from(channel)];
        match own.registered {
            BEND_RANGE => self.set_bend_range(channel, f32::from(value)),
            FINE_TUNE => own.fine = u16::from(value) << 7,
            COARSE_TUNE => own.coarse_semitones = f32::from(value) - 64.0,
            MPE_ZONE => self.set_zone(channel, usize::from(value)),
            _ => {}
        }
    }

    /// The fine half, which comes after the coarse one.
    fn enter_fine(&mut self, channel: u8, value: u8) {
        let own = &mut self.channels[usize::from(channel)];
        match own.registered {
            // Cents, beside whole semitones.
            BEND_RANGE => {
                let whole = own.bend_semitones.unwrap_or(0.0).floor();
                self.set_bend_range(channel, whole + f32::from(value) / 100.0);
            }
            FINE_TUNE => own.fine = own.fine & !0x7f | u16::from(value),
            _ => {}
        }
    }

    /// The members of a zone have one range.
    fn set_bend_range(&mut self, channel: u8, semitones: f32) {
        let leader = self.leader(channel);
        for other in 0..CHANNELS {
            if other == usize::from(channel) || leader.is_some() && self.leader(other as u8) == leader {
                self.channels[other].bend_semitones = Some(semitones);
            }
        }
    }

    /// Makes a zone of a leader and `members`, or dissolves it; the other zone keeps what is left to it.
    fn set_zone(&mut self, leader: u8, members: usize) {
        let members = members.min(CHANNELS - 1);
        let left = (CHANNELS - 2).saturating_sub(members);
        match usize::from(leader) {
            LOWER => (self.lower_members, self.upper_members) = (members, self.upper_members.min(left)),
            UPPER => (self.upper_members, self.lower_members) = (members, self.lower_members.min(left)),
            _ => return,
        }
        for own in 0..CHANNELS {
            if self.covers(leader, own as u8) {
                self.channels[own].bend = 0.0;
                self.channels[own].bend_semitones = None;
                self.channels[own].controls = Controls::default();
            }
        }
    }

    /// The gain of a channel on the left and on the right side.
    fn gains(&self, channel: u8) -> (f32, f32) {
        self.gains_beside(channel, 1.0, 0.0)
    }

    /// As [`Self::gains`], for a note that has a gain and a place of its own.
    pub fn gains_beside(&self, channel: u8, gain: f32, pan: f32) -> (f32, f32) {
        let gain = self.with_leader(channel).map(|(_, own)| own.volume * own.expression).product::<f32>() * gain;
        let pan = self.with_leader(channel).map(|(_, own)| own.pan).sum::<f32>() + pan;
        Mix::sides(gain, pan)
    }

    /// Whether a channel's notes come out as they are, on both sides.
    pub fn is_plain(&self, channel: u8) -> bool {
        let mix = self.mixes.get(usize::from(channel));
        mix.is_none_or(Mix::is_full) && self.gains(channel) == (1.0, 1.0)
    }

    /// A channel's gains, and those that they are to go to.
    pub fn mix(&mut self, channel: u8) -> Option<(&mut Mix, (f32, f32))> {
        let gains = self.gains(channel);
        self.mixes.get_mut(usize::from(channel)).map(|mix| (mix, gains))
    }
}

/// Loudness follows the square of the value: 40 log10(value / 127) dB, as General MIDI recommends (RP-003).
fn gain(value: u8) -> f32 {
    (f32::from(value) / 127.0).powi(2)
}

/// -1 to 1. 0 and 1 are both hard left, so that 64 is the middle (General MIDI 2). So is 63: what a host takes for the middle lies between
/// the two.
fn pan(value: u8) -> f32 {
    if value == 63 { 0.0 } else { (f32::from(value.max(1)) - 64.0) / 63.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(messages: &[(u8, u8, u8)]) -> Channels {
        let mut channels = Channels::new();
        messages.iter().for_each(|&(channel, controller, value)| channels.set(channel, controller, value));
        channels
    }

    #[test]
    fn a_channel_that_was_told_nothing_is_plain() {
        let mut channels = Channels::new();
        channels.set_bend(3, 1.0);
        assert!((0..16).all(|channel| channels.is_plain(channel)));
        assert_eq!((channels.semitones(3, 2.0), channels.semitones(4, 2.0)), (2.0, 0.0));
        // Nor is one that was told what holds anyway.
        assert!(told(&[(3, 7, 127), (3, 10, 64), (3, 11, 127)]).is_plain(3));
        assert!(!told(&[(3, 7, 126)]).is_plain(3));
    }

    #[test]
    fn registered_parameters_tune_their_channel_and_no_other() {
        let select = |lsb| [(0, 101, 0), (0, 100, lsb)];
        let mut channels = told(&[&select(2)[..], &[(0, 6, 76)], &select(1), &[(0, 6, 96), (0, 38, 0)]].concat());
        assert_eq!((channels.semitones(0, 2.0), channels.semitones(1, 2.0)), (12.5, 0.0));
        channels.set(0, 99, 0);
        channels.set(0, 6, 0);
        assert_eq!(channels.semitones(0, 2.0), 12.5, "the data is for another parameter");
        let mut channels = told(&[&select(0)[..], &[(0, 6, 12), (0, 38, 50)]].concat());
        channels.set_bend(0, -1.0);
        assert_eq!(channels.semitones(0, 2.0), -12.5);
        channels.let_go();
        channels.set_bend(0, 1.0);
        assert_eq!(channels.semitones(0, 2.0), 12.5, "what was set up stays");
        channels.forget();
        channels.set_bend(0, 1.0);
        assert_eq!(channels.semitones(0, 2.0), 2.0);
    }

    #[test]
    fn a_zone_has_ranges_of_its_own_and_its_leader_moves_all() {
        let zone = |leader, members| [(leader, 101, 0), (leader, 100, 6), (leader, 6, members)];
        let mut channels = told(&zone(0, 15));
        channels.set_bend(1, 341.0 / 8192.0);
        channels.set_bend(0, 1.0);
        assert!((channels.semitones(1, 7.0) - (2.0 + 341.0 * 48.0 / 8192.0)).abs() < 1e-5);
        assert_eq!(channels.semitones(9, 7.0), 2.0);
        channels.set_damper(0, true);
        assert!(channels.holds(9, 60));
        // One member's range is that of all; the other zone takes channels away.
        let mut channels = told(&[&zone(0, 15)[..], &[(4, 101, 0), (4, 100, 0), (4, 6, 24)], &zone(15, 4)].concat());
        channels.set_bend(8, 1.0);
        channels.set_bend(12, 1.0);
        assert_eq!((channels.semitones(8, 7.0), channels.semitones(12, 7.0)), (24.0, 48.0));
        // Dissolved.
        zone(0, 0).iter().for_each(|&(channel, controller, value)| channels.set(channel, controller, value));
        channels.set_bend(8, 1.0);
        channels.set_bend(0, 1.0);
        assert_eq!(channels.semitones(0, 7.0), 7.0);
        assert!(!channels.covers(0, 8) && channels.covers(15, 14));
    }

    #[test]
    fn sostenuto_holds_what_was_down() {
        let mut channels = Channels::new();
        channels.set_sostenuto(0, Some(1 << 48));
        channels.set_sostenuto(0, Some(1 << 72));
        assert!(channels.holds(0, 48) && !channels.holds(0, 72) && !channels.holds(1, 48));
        channels.set_sostenuto(0, None);
        assert!(!channels.holds(0, 48));
    }

    #[test]
    fn controllers_are_those_of_a_note_and_go_back_but_for_what_was_set_up() {
        let mut channels = told(&[(2, 1, 127), (2, 74, 0), (2, 71, 127), (2, 67, 127), (2, 69, 127), (2, 2, 0)]);
        channels.set_pressure(2, 0.5);
        let controls = channels.controls(2);
        let told = (controls.wheel, controls.pressure, controls.slide, controls.breath);
        assert_eq!(told, (Some(1.0), Some(0.5), Some(-1.0), None), "a breath that was never drawn is none");
        assert!(channels.is_soft(2) && channels.is_held_2(2) && channels.resonance(2) == 1.0);
        assert_eq!(channels.controls(3), Controls::default());
        channels.let_go();
        let rest = Controls { slide: Some(-1.0), ..Controls::default() };
        assert_eq!((channels.controls(2), channels.resonance(2)), (rest, 1.0));
        assert!(!channels.is_soft(2) && !channels.is_held_2(2));
        // A glide by controllers.
        assert_eq!((channels.glide_seconds(2, 0.0), channels.glide_seconds(2, 0.3)), (0.0, 0.3));
        channels.set(2, 65, 127);
        assert_eq!(channels.glide_seconds(2, 0.0), GLIDE_SECONDS);
        channels.set(2, 5, 127);
        assert_eq!(channels.glide_seconds(2, 0.3), LONGEST_GLIDE_SECONDS);
        channels.set(2, 65, 0);
        assert_eq!(channels.glide_seconds(2, 0.3), 0.0);
        channels.set(2, 84, 48);
        assert_eq!((channels.take_glide_from(2), channels.take_glide_from(2)), (Some(48), None));
    }

    #[test]
    fn volume_and_place_are_those_of_general_midi() {
        let gains = |messages: &[(u8, u8, u8)]| told(messages).gains(0);
        let db = |gain: f32| 20.0 * gain.log10();
        assert!((db(gains(&[(0, 7, 16)]).0) - 40.0 * (16.0f32 / 127.0).log10()).abs() < 1e-3);
        assert_eq!(gains(&[(0, 11, 0)]), (0.0, 0.0));
        let (left, right) = gains(&[(0, 10, 127)]);
        assert!(left.abs() < 1e-6 && (right - 2f32.sqrt()).abs() < 1e-6, "the power stays");
        assert_eq!(gains(&[(0, 10, 0)]), gains(&[(0, 10, 1)]));
    }
}
