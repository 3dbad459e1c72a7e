//! A MIDI file as events in seconds.
//!
//! From top to bottom: [`file`] reads the bytes, [`clock`] knows the time, [`pairs`] which note-off ends which note; here it
//! becomes what the engine plays.

mod clock;
mod file;
mod pairs;
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use timbrel::audio::Event;
use timbrel::audio::channel::number;
use timbrel::audio::modulation::NoteControl;
use timbrel::plugin::controller;
use timbrel::tuning::Retuning;

use clock::Clock;
use file::{Ending, Message, MidiFile};
use pairs::Pairs;

/// The largest collections of notes that are called music have a few megabytes.
const LONGEST_FILE_BYTES: u64 = 32 << 20;

/// Channel 10 plays drums in General MIDI, one kind of stroke a key.
const DRUMS: u8 = 9;

/// An end mark that comes later than this after the last message, in seconds, is no part of the music.
const LATEST_END_SECONDS: f64 = 10.0;

/// The file's tracks are pieces of their own, to be played one after the other.
const SEQUENTIAL: u16 = 2;

/// What of a file is played.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Choice {
    /// A bit for each channel.
    pub channels: u16,
    /// Whether channel 10 is played, its strokes as pitches.
    pub drums: bool,
    /// Whether the file sets the range of its bend wheels.
    pub bend_ranges: bool,
    /// Whether program changes choose timbres.
    pub programs: bool,
}

impl Choice {
    #[cfg(test)]
    pub const ALL: Self = Self { channels: u16::MAX, drums: false, bend_ranges: true, programs: true };

    fn plays(self, channel: u8) -> bool {
        self.channels >> (channel % 16) & 1 == 1
    }
}

/// What a MIDI file plays.
pub struct Score {
    /// In the order of time.
    pub events: Vec<Timed>,
    /// When the last key is struck.
    pub last_stroke_seconds: f64,
    /// When all that still sounds is let go of: the end of the file, or of its music where that ends long before.
    pub seconds: f64,
    /// The programs that notes are played with, as General MIDI counts them from 0; `None` where a channel names none.
    /// [`Timed::part`] counts them.
    pub programs: Vec<Option<u8>>,
    /// What a listener should know, as sentences.
    pub remarks: Vec<String>,
}

/// An event and when it happens.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Timed {
    pub seconds: f64,
    pub event: Event,
    /// Who plays a stroke, as an index of [`Score::programs`]; all else is for all of them.
    pub part: usize,
}

#[cfg(test)]
impl Timed {
    pub fn is_stroke(&self) -> bool {
        matches!(self.event, Event::NoteOn { .. })
    }

    pub fn is_end(&self) -> bool {
        matches!(self.event, Event::NoteOff { .. })
    }
}

impl Score {
    /// Reads a file.
    pub fn read(path: &Path, choice: Choice) -> Result<Self> {
        let name = path.display();
        let metadata = std::fs::metadata(path).with_context(|| format!("{name} cannot be read"))?;
        ensure!(metadata.is_file(), "{name} is not a file: name a MIDI file");
        ensure!(
            metadata.len() <= LONGEST_FILE_BYTES,
            "{name} has {} MB, and a MIDI file of more than {} is not read",
            metadata.len() >> 20,
            LONGEST_FILE_BYTES >> 20
        );
        let bytes = std::fs::read(path).with_context(|| format!("{name} cannot be read"))?;
        Self::parse(&bytes, choice).map_err(|error| anyhow!("{name} {error:#}"))
    }

    /// The error is the rest of a sentence that begins with the file's name.
    pub fn parse(bytes: &[u8], choice: Choice) -> Result<Self> {
        let mut file = MidiFile::parse(bytes)?;
        let mut remarks = std::mem::take(&mut file.remarks);
        let happenings = Happenings::of(&file, &mut remarks);
        let mut reader = Reader::new(choice, &happenings);
        // First, since what happens at one moment stays in its order: a tuning holds for the notes of its own.
        reader.events.extend(happenings.tunings.iter().map(|&(seconds, tuning)| Timed {
            seconds,
            event: Event::from(tuning),
            part: 0,
        }));
        happenings.messages.iter().for_each(|happening| reader.hear(happening));
        reader.end(&happenings, remarks)
    }
}

/// A channel message of a track, at its time.
#[derive(Clone, Copy)]
struct Happening {
    seconds: f64,
    track: usize,
    status: u8,
    data: [u8; 2],
}

/// All channel messages in the order of time.
struct Happenings {
    messages: Vec<Happening>,
    /// Tunings by system exclusive messages, and when.
    tunings: Vec<(f64, Retuning)>,
    /// When each track ends.
    track_ends: Vec<f64>,
}

impl Happenings {
    fn of(file: &MidiFile, remarks: &mut Vec<String>) -> Self {
        let mut found = Self { messages: Vec::new(), tunings: Vec::new(), track_ends: vec![0.0; file.tracks.len()] };
        if file.format == SEQUENTIAL {
            let mut start = 0.0;
            for track in 0..file.tracks.len() {
                found.add(file, &[track], start, remarks);
                start = found.track_ends[track];
            }
            if file.tracks.len() > 1 {
                let count = file.tracks.len();
                remarks.push(format!("It is of format 2: its {count} tracks are played one after the other."));
            }
        } else {
            found.add(file, &Vec::from_iter(0..file.tracks.len()), 0.0, remarks);
        }
        for (track, &end) in file.tracks.iter().zip(&found.track_ends) {
            let number = 1 + file.tracks.iter().position(|own| std::ptr::eq(own, track)).unwrap_or(0);
            match track.ending {
                Ending::Marked => {}
                Ending::Unmarked => remarks.push(format!("The end of track {number} is not marked.")),
                Ending::Cut => remarks.push(format!(
                    "Track {number} is cut off after {end:.1} s, and is played as far as it goes; copy or export it again."
                )),
                Ending::Damaged => remarks.push(format!("Track {number} is damaged after {end:.1} s, and is played to there.")),
            }
        }
        found
    }

    /// Adds tracks that are played together from a time on.
    fn add(&mut self, file: &MidiFile, tracks: &[usize], start: f64, remarks: &mut Vec<String>) {
        enum What {
            Message(Message),
            End,
        }
        let mut ticks = Vec::new();
        for &track in tracks {
            let own = &file.tracks[track];
            ticks.extend(own.messages.iter().map(|&(tick, message)| (tick, track, What::Message(message))));
            ticks.push((own.end_tick, track, What::End));
        }
        // Stable, so that what one track says at one moment stays in its order, and earlier tracks come first.
        ticks.sort_by_key(|&(tick, ..)| tick);
        let mut clock = Clock::new(file.timing, start);
        for (tick, track, what) in ticks {
            let seconds = clock.advance_to(tick);
            match what {
                What::Message(Message::Channel { status, data }) => {
                    self.messages.push(Happening { seconds, track, status, data });
                }
                What::Message(Message::Retuning(tuning)) => self.tunings.push((seconds, tuning)),
                What::Message(Message::Tempo { microseconds_per_quarter: 0 }) => {
                    remarks.push(format!("A tempo without end at {seconds:.1} s is left out."));
                }
                What::Message(Message::Tempo { microseconds_per_quarter }) => clock.set_tempo(microseconds_per_quarter),
                What::End => self.track_ends[track] = seconds,
            }
        }
    }
}

/// Makes events of messages.
struct Reader {
    choice: Choice,
    /// Whether channel 10 is one of a zone of channels that play one instrument (MPE), and no drums.
    is_zone: bool,
    pairs: Pairs,
    events: Vec<Timed>,
    /// What each channel plays.
    channel_programs: [Option<u8>; 16],
    programs: Vec<Option<u8>>,
    /// The registered parameter that data entry goes to, as its two controller values.
    registered: [(u8, u8); 16],
    last_stroke_seconds: f64,
    strokes: usize,
    drum_strokes: usize,
    unchosen_strokes: usize,
}

impl Reader {
    fn new(choice: Choice, happenings: &Happenings) -> Self {
        Self {
            choice,
            is_zone: has_zone(happenings),
            pairs: Pairs::default(),
            events: Vec::new(),
            channel_programs: [None; 16],
            programs: Vec::new(),
            registered: [(127, 127); 16],
            last_stroke_seconds: 0.0,
            strokes: 0,
            drum_strokes: 0,
            unchosen_strokes: 0,
        }
    }

    fn hear(&mut self, happening: &Happening) {
        let &Happening { seconds, track, status, data: [first, second] } = happening;
        let channel = status & 0x0f;
        let is_stroke = status & 0xf0 == 0x90 && second > 0;
        if !self.choice.plays(channel) {
            self.unchosen_strokes += usize::from(is_stroke);
            return;
        }
        if channel == DRUMS && !self.choice.drums && !self.is_zone {
            self.drum_strokes += usize::from(is_stroke);
            return;
        }
        let event = match status & 0xf0 {
            0x90 if is_stroke => {
                let part = self.part(channel);
                let id = Some(self.pairs.strike(channel, first, track, seconds));
                let event = Event::NoteOn { key: first, channel, id, velocity: f32::from(second) / 127.0 };
                self.strokes += 1;
                self.last_stroke_seconds = seconds;
                self.events.push(Timed { seconds, event, part });
                return;
            }
            0x80 | 0x90 => self.pairs.end(channel, first, seconds).map(|id| note_off(channel, first, id)),
            0xb0 if self.is_heeded(channel, first, second) => controller(channel, first, f32::from(second) / 127.0),
            0xc0 => {
                self.channel_programs[usize::from(channel)] = Some(first);
                None
            }
            0xa0 => {
                let control = NoteControl::Pressure(f32::from(second) / 127.0);
                Some(Event::Note { key: Some(first), channel: Some(channel), id: None, control })
            }
            0xd0 => Some(Event::Pressure { channel, value: f32::from(first) / 127.0 }),
            0xe0 => Some(Event::Bend { channel, value: bend(first, second) }),
            _ => None,
        };
        self.events.extend(event.map(|event| Timed { seconds, event, part: 0 }));
    }

    /// The part that plays what a channel strikes now.
    fn part(&mut self, channel: u8) -> usize {
        let program = self.channel_programs[usize::from(channel)].filter(|_| self.choice.programs);
        self.programs.iter().position(|known| *known == program).unwrap_or_else(|| {
            self.programs.push(program);
            self.programs.len() - 1
        })
    }

    /// Whether a controller is to come through: one who has set the bend range means it, whatever the file says.
    fn is_heeded(&mut self, channel: u8, controller: u8, value: u8) -> bool {
        const BEND_RANGE: (u8, u8) = (0, 0);
        let registered = &mut self.registered[usize::from(channel)];
        match controller {
            number::REGISTERED => registered.0 = value,
            number::REGISTERED_FINE => registered.1 = value,
            number::UNREGISTERED | number::UNREGISTERED_FINE => *registered = (127, 127),
            number::DATA_ENTRY | number::DATA_ENTRY_FINE => {
                return self.choice.bend_ranges || *registered != BEND_RANGE;
            }
            _ => {}
        }
        true
    }

    fn end(mut self, happenings: &Happenings, mut remarks: Vec<String>) -> Result<Score> {
        let (drums, unchosen) = (self.drum_strokes, self.unchosen_strokes);
        ensure!(
            self.strokes > 0 || drums == 0,
            "holds no notes but {drums} strokes of drums on channel 10: --drums plays them as pitches"
        );
        ensure!(self.strokes > 0 || unchosen == 0, "holds notes, but none on the channels that --channels names");
        ensure!(self.strokes > 0, "holds no notes");
        if drums > 0 {
            let s = if drums == 1 { "" } else { "s" };
            remarks.push(format!(
                "Channel 10 holds drums: its {drums} stroke{s} are left out; --drums plays them as pitches."
            ));
        }
        let track_end = |track: usize| happenings.track_ends.get(track).copied().unwrap_or(0.0);
        let unended = std::mem::take(&mut self.pairs).finish(track_end);
        if !unended.is_empty() {
            let notes =
                if unended.len() == 1 { "1 note has".to_owned() } else { format!("{} notes have", unended.len()) };
            remarks.push(format!("{notes} no end of their own."));
        }
        self.events.extend(unended.into_iter().map(|(channel, key, id, seconds)| Timed {
            seconds,
            event: note_off(channel, key, id),
            part: 0,
        }));
        self.events.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let last = self.events.last().map_or(0.0, |event| event.seconds);
        let marked = happenings.track_ends.iter().copied().fold(last, f64::max);
        let is_late = marked > last + LATEST_END_SECONDS;
        if is_late {
            remarks.push(format!(
                "The file's end is marked at {}, long after its last note; the render ends when that has died away.",
                clock_time(marked)
            ));
        }
        Ok(Score {
            events: self.events,
            last_stroke_seconds: self.last_stroke_seconds,
            seconds: if is_late { last } else { marked },
            programs: self.programs,
            remarks,
        })
    }
}

fn note_off(channel: u8, key: u8, id: i32) -> Event {
    Event::NoteOff { key: Some(key), channel: Some(channel), id: Some(id) }
}

/// Downwards there are 8192 steps and upwards 8191; both ends are the whole range.
fn bend(low: u8, high: u8) -> f32 {
    let steps = f32::from(u16::from(high) << 7 | u16::from(low)) - 8192.0;
    if steps > 0.0 { steps / 8191.0 } else { steps / 8192.0 }
}

/// Whether the first or the last channel is made to lead others, channel 10 among them: registered parameter 6.
fn has_zone(happenings: &Happenings) -> bool {
    let mut registered = [(127, 127); 16];
    happenings.messages.iter().any(|happening| {
        let channel = usize::from(happening.status & 0x0f);
        let [controller, value] = happening.data;
        match (happening.status & 0xf0, controller) {
            (0xb0, number::REGISTERED) => registered[channel].0 = value,
            (0xb0, number::REGISTERED_FINE) => registered[channel].1 = value,
            (0xb0, number::DATA_ENTRY) if registered[channel] == (0, 6) => {
                return channel == 0 && value >= DRUMS || channel == 15 && value >= 15 - DRUMS;
            }
            _ => {}
        }
        false
    })
}

/// Seconds as a clock shows them.
fn clock_time(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    format!("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
}
