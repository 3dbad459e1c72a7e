//! A MIDI file as events in seconds.
//!
//! Formats 0 and 1, tempo map or SMPTE time. The file comes from anywhere: what is cut, broken or absurd is refused with a
//! sentence, and nothing is allocated that the file's size does not bound.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use midly::{EventIter, Format, Fps, MetaMessage, MidiMessage, Timing, TrackEventKind};
use timbrel::audio::Event;
use timbrel::plugin::controller;

/// The largest collections of notes that are called music have a few megabytes.
const LONGEST_FILE_BYTES: u64 = 32 << 20;

/// Half a million quarter notes a second: what holds before the first tempo event, 120 a minute.
const DEFAULT_MICROSECONDS_PER_QUARTER: u32 = 500_000;

const CHANNELS: usize = 16;

/// What a MIDI file plays.
pub struct Score {
    /// Seconds and events, in the order of time.
    pub events: Vec<(f64, Event)>,
    /// To the end of the longest track.
    pub seconds: f64,
    /// Semitones at the ends of the bend wheel, where the file says (by RPN 0). `events` count on it.
    pub bend_semitones: Option<f32>,
}

/// What a tick brings: a message that sounds, or a change of tempo.
#[derive(Clone, Copy)]
enum Happening {
    Message { channel: u8, message: MidiMessage },
    Tempo { microseconds_per_quarter: u32 },
}

impl Score {
    /// Reads a file. `bend_semitones` is the range of the bend wheel for channels that name none.
    pub fn read(path: &Path, bend_semitones: f32) -> Result<Self> {
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
        Self::parse(&bytes, bend_semitones).map_err(|error| anyhow!("{name} {error:#}"))
    }

    /// The error is the rest of a sentence that begins with the file's name.
    fn parse(bytes: &[u8], bend_semitones: f32) -> Result<Self> {
        let (header, tracks) =
            midly::parse(bytes).map_err(|error| anyhow!("is no MIDI file, or its head is damaged ({error})"))?;
        ensure!(
            header.format != Format::Sequential,
            "is a MIDI file of format 2, whose tracks are pieces of their own: save each as a file of format 0 or 1"
        );
        let announced = tracks.size_hint().0;
        let mut happenings = Vec::new();
        let mut end_tick = 0;
        let mut found = 0;
        for track in tracks {
            found += 1;
            let track = track.map_err(|error| anyhow!("has a damaged track {found} ({error})"))?;
            end_tick = end_tick.max(read_track(track, found, &mut happenings)?);
        }
        ensure!(found >= announced, "is cut off: it should have {announced} tracks and has {found}; copy it again");
        // Stable, so that what one track says at one moment stays in its order, and earlier tracks come first.
        happenings.sort_by_key(|&(tick, _)| tick);
        let mut clock = Clock::new(header.timing)?;
        let mut wheels = Wheels::new(bend_semitones);
        let mut events = Vec::new();
        let mut notes = 0;
        for (tick, happening) in happenings {
            let seconds = clock.advance_to(tick);
            match happening {
                Happening::Tempo { microseconds_per_quarter } => {
                    ensure!(microseconds_per_quarter > 0, "sets a tempo without end at {seconds:.1} s: correct it");
                    clock.set_tempo(microseconds_per_quarter);
                }
                Happening::Message { channel, message } => {
                    if let Some(event) = translate(channel, message, &mut wheels) {
                        notes += usize::from(matches!(event, Event::NoteOn { .. }));
                        events.push((seconds, event));
                    }
                }
            }
        }
        ensure!(notes > 0, "holds no notes");
        let bend_semitones = wheels.finish(&mut events);
        Ok(Self { events, seconds: clock.advance_to(end_tick), bend_semitones })
    }
}

/// Adds what a track brings; returns the tick of its end.
fn read_track(track: EventIter, number: usize, happenings: &mut Vec<(u64, Happening)>) -> Result<u64> {
    let mut tick = 0u64;
    for event in track {
        let event = event.map_err(|error| anyhow!("has a damaged track {number} ({error})"))?;
        tick += u64::from(event.delta.as_int());
        match event.kind {
            TrackEventKind::Midi { channel, message } => {
                happenings.push((tick, Happening::Message { channel: channel.as_int(), message }));
            }
            TrackEventKind::Meta(MetaMessage::Tempo(tempo)) => {
                happenings.push((tick, Happening::Tempo { microseconds_per_quarter: tempo.as_int() }));
            }
            TrackEventKind::Meta(MetaMessage::EndOfTrack) => return Ok(tick),
            _ => {}
        }
    }
    // The reader stops without a word at what it cannot read; a whole track says where it ends.
    bail!("is cut off or damaged: track {number} breaks off after {tick} ticks; copy or export it again")
}

/// Turns ticks into seconds.
struct Clock {
    timing: Timing,
    tick: u64,
    seconds: f64,
    seconds_per_tick: f64,
}

impl Clock {
    fn new(timing: Timing) -> Result<Self> {
        let seconds_per_tick = match timing {
            Timing::Metrical(ticks) => {
                ensure!(ticks.as_int() > 0, "divides a quarter note into no ticks, so that its time stands still");
                0.0
            }
            Timing::Timecode(fps, ticks) => {
                ensure!(ticks > 0, "divides a frame into no ticks, so that its time stands still");
                let frames_per_second = match fps {
                    Fps::Fps29 => 30_000.0 / 1001.0,
                    whole => f64::from(whole.as_int()),
                };
                1.0 / (frames_per_second * f64::from(ticks))
            }
        };
        let mut clock = Self { timing, tick: 0, seconds: 0.0, seconds_per_tick };
        clock.set_tempo(DEFAULT_MICROSECONDS_PER_QUARTER);
        Ok(clock)
    }

    /// SMPTE time knows no tempo.
    fn set_tempo(&mut self, microseconds_per_quarter: u32) {
        if let Timing::Metrical(ticks_per_quarter) = self.timing {
            self.seconds_per_tick = f64::from(microseconds_per_quarter) * 1e-6 / f64::from(ticks_per_quarter.as_int());
        }
    }

    fn advance_to(&mut self, tick: u64) -> f64 {
        self.seconds += tick.saturating_sub(self.tick) as f64 * self.seconds_per_tick;
        self.tick = self.tick.max(tick);
        self.seconds
    }
}

fn translate(channel: u8, message: MidiMessage, wheels: &mut Wheels) -> Option<Event> {
    Some(match message {
        MidiMessage::NoteOn { key, vel } if vel.as_int() > 0 => {
            Event::NoteOn { key: key.as_int(), channel, id: None, velocity: f32::from(vel.as_int()) / 127.0 }
        }
        MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => {
            Event::NoteOff { key: Some(key.as_int()), channel: Some(channel), id: None }
        }
        MidiMessage::Controller { controller: cc, value } => {
            let (cc, value) = (cc.as_int(), value.as_int());
            wheels.control(channel, cc, value);
            return controller(channel, cc, f32::from(value) / 127.0);
        }
        MidiMessage::PitchBend { bend } => {
            Event::Bend { channel, value: wheels.semitones(channel, f32::from(bend.0.as_int()) - 8192.0) }
        }
        _ => return None,
    })
}

/// The ranges of the bend wheels. Files set them by channel (registered parameter 0); the engine has one for all. While the
/// file is read a bend is kept in semitones, and becomes a share of the widest range at the end.
struct Wheels {
    default: f32,
    ranges: [Option<f32>; CHANNELS],
    /// The registered parameter that data entry goes to, as its two controller values; 127, 127 is none.
    registered: [(u8, u8); CHANNELS],
    widest: Option<f32>,
}

impl Wheels {
    /// RPN 0 counts whole semitones in the coarse half of the data entry, and cents in the fine one.
    const BEND_RANGE: (u8, u8) = (0, 0);

    fn new(default: f32) -> Self {
        Self { default, ranges: [None; CHANNELS], registered: [(127, 127); CHANNELS], widest: None }
    }

    fn control(&mut self, channel: u8, cc: u8, value: u8) {
        let Some(registered) = self.registered.get_mut(usize::from(channel)) else { return };
        let range = &mut self.ranges[usize::from(channel)];
        match cc {
            101 => registered.0 = value,
            100 => registered.1 = value,
            // A parameter that is not a registered one takes the data entry from then on.
            98 | 99 => *registered = (127, 127),
            6 if *registered == Self::BEND_RANGE => *range = Some(f32::from(value)),
            38 if *registered == Self::BEND_RANGE => {
                *range = Some(range.unwrap_or(self.default).floor() + f32::from(value) / 100.0);
            }
            _ => return,
        }
        if let Some(range) = *range {
            self.widest = Some(self.widest.unwrap_or(self.default).max(range));
        }
    }

    /// `steps` from the middle of the wheel, of 8192.
    fn semitones(&self, channel: u8, steps: f32) -> f32 {
        // Downwards there are 8192 steps and upwards 8191; both ends are the whole range.
        let share = if steps > 0.0 { steps / 8191.0 } else { steps / 8192.0 };
        share * self.ranges.get(usize::from(channel)).copied().flatten().unwrap_or(self.default)
    }

    /// Turns the semitones of all bends into shares of one range, and returns it where the file has named any.
    fn finish(self, events: &mut [(f64, Event)]) -> Option<f32> {
        let range = self.widest.unwrap_or(self.default);
        for (_, event) in events {
            if let Event::Bend { value, .. } = event {
                *value = if range > 0.0 { (*value / range).clamp(-1.0, 1.0) } else { 0.0 };
            }
        }
        self.widest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of one chunk each, with the lengths as they should be.
    fn file(format: u16, division: u16, tracks: &[&[u8]]) -> Vec<u8> {
        let mut bytes = b"MThd\0\0\0\x06".to_vec();
        for number in [format, tracks.len() as u16, division] {
            bytes.extend(number.to_be_bytes());
        }
        for track in tracks {
            bytes.extend(b"MTrk");
            bytes.extend((track.len() as u32).to_be_bytes());
            bytes.extend(*track);
        }
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Score> {
        Score::parse(bytes, 2.0)
    }

    fn refusal(bytes: &[u8]) -> String {
        parse(bytes).err().expect("it is refused").to_string()
    }

    const END: [u8; 4] = [0, 0xff, 0x2f, 0];

    /// 96 ticks of delta time, then the bytes.
    fn after_quarter(event: &[u8]) -> Vec<u8> {
        [&[96], event].concat()
    }

    #[test]
    fn times_follow_the_tempo_map_over_all_tracks() {
        // 120, and from the second quarter on 60 a minute; the notes are in the other track, with running status.
        let tempi = [&after_quarter(&[0xff, 0x51, 3, 0x0f, 0x42, 0x40])[..], &END].concat();
        let notes = [
            &[0, 0x90, 60, 127][..],
            &after_quarter(&[60, 0]),
            &after_quarter(&[64, 127]),
            &after_quarter(&[64, 0]),
            &after_quarter(&END[1..]),
        ]
        .concat();
        let score = parse(&file(1, 96, &[&tempi, &notes])).unwrap();
        let times: Vec<_> = score.events.iter().map(|&(seconds, _)| seconds).collect();
        assert_eq!(times, [0.0, 0.5, 1.5, 2.5]);
        assert_eq!(score.seconds, 3.5);
        assert_eq!(score.events[1].1, Event::NoteOff { key: Some(60), channel: Some(0), id: None });
    }

    #[test]
    fn smpte_time_ignores_the_tempo() {
        // 25 frames of 40 ticks: a tick is a millisecond.
        let track = [&[0, 0xff, 0x51, 3, 1, 0, 0][..], &[50, 0x93, 60, 1], &[50, 0x83, 60, 0], &END].concat();
        let score = parse(&file(0, u16::from_be_bytes([(-25i8) as u8, 40]), &[&track])).unwrap();
        assert!((score.events[0].0 - 0.05).abs() < 1e-12 && (score.seconds - 0.1).abs() < 1e-12);
        assert!(matches!(score.events[0].1, Event::NoteOn { channel: 3, .. }));
    }

    #[test]
    fn bends_are_shares_of_the_widest_range() {
        let track = [
            &[0, 0x90, 60, 100][..],
            &[0, 0xb1, 101, 0, 0, 100, 0, 0, 6, 12],
            &[0, 0xe0, 0x7f, 0x7f],
            &[0, 0xe1, 0, 0],
            &[0, 0xe1, 0, 0x40],
            &END,
        ]
        .concat();
        let score = parse(&file(0, 96, &[&track])).unwrap();
        assert_eq!(score.bend_semitones, Some(12.0));
        let bends: Vec<_> = score
            .events
            .iter()
            .filter_map(|(_, event)| if let Event::Bend { value, .. } = event { Some(*value) } else { None })
            .collect();
        // The first channel keeps its 2 semitones.
        assert_eq!(bends, [2.0 / 12.0, -1.0, 0.0]);
    }

    #[test]
    fn pedal_and_mode_messages_come_through() {
        let track =
            [&[0, 0x90, 60, 100][..], &[0, 0xb0, 64, 127, 0, 64, 0, 0, 120, 0, 0, 121, 0, 0, 123, 0], &END].concat();
        let score = parse(&file(0, 96, &[&track])).unwrap();
        let events: Vec<_> = score.events[1..].iter().map(|&(_, event)| event).collect();
        assert_eq!(
            events,
            [
                Event::Pedal { channel: 0, down: true },
                Event::Pedal { channel: 0, down: false },
                Event::AllSoundOff { channel: 0 },
                Event::ResetControllers { channel: 0 },
                Event::AllNotesOff { channel: 0 },
            ]
        );
    }

    #[test]
    fn what_is_broken_is_refused_with_its_reason() {
        let note = [&[0, 0x90, 60, 100][..], &[96, 60, 0], &END].concat();
        assert!(refusal(b"").contains("no MIDI file"));
        assert!(refusal(b"RIFF\x04\0\0\0WAVE").contains("no MIDI file"));
        assert!(refusal(&file(1, 96, &[])).contains("no notes"));
        assert!(refusal(&file(2, 96, &[&note])).contains("format 2"));
        assert!(refusal(&file(0, 0, &[&note])).contains("stands still"));
        assert!(refusal(&file(0, u16::from_be_bytes([(-25i8) as u8, 0]), &[&note])).contains("stands still"));
        assert!(refusal(&file(0, 96, &[&END])).contains("no notes"));
        let endless = [&[0, 0xff, 0x51, 3, 0, 0, 0][..], &note].concat();
        assert!(refusal(&file(0, 96, &[&endless])).contains("tempo without end"));
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let track = [&[0, 0x90, 60, 100][..], &[0x83, 0, 60, 0], &END].concat();
        let whole = file(1, 96, &[&track, &track]);
        assert!(parse(&whole).is_ok());
        // Without its last byte, the length of nothing, the file still says all that it has to say.
        for length in 0..whole.len() - 1 {
            let why = refusal(&whole[..length]);
            assert!(why.contains("cut off") || why.contains("no MIDI file"), "{length} bytes: {why}");
        }
    }
}
