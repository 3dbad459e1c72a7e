//! A standard MIDI file as it comes: what can be read is read, and what could not is told.
//!
//! The files come from anywhere and are often not quite what the specification says; players play them all the same. So a
//! track may lack its end, running status may go on over meta events, and messages that belong on a wire are skipped. At what
//! cannot be understood a track breaks off. Nothing is allocated that the file's size does not bound.

use anyhow::{Result, bail, ensure};
use timbrel::tuning::Retuning;

/// A file that was read.
#[derive(Debug)]
pub struct MidiFile {
    pub format: u16,
    pub timing: Timing,
    pub tracks: Vec<Track>,
    /// What is not as it should be, as sentences.
    pub remarks: Vec<String>,
}

/// What a tick is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Timing {
    TicksPerQuarter(u16),
    TicksPerSecond(f64),
}

#[derive(Default, Debug)]
pub struct Track {
    /// Ticks and messages, in the order of time.
    pub messages: Vec<(u64, Message)>,
    /// The last tick that was read.
    pub end_tick: u64,
    pub ending: Ending,
}

/// How a track ends.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Ending {
    #[default]
    Marked,
    /// All was read, but no end was marked.
    Unmarked,
    /// It breaks off in the middle of an event.
    Cut,
    /// What follows is no event.
    Damaged,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message {
    /// A channel message: the status byte, and one or two data bytes.
    Channel {
        status: u8,
        data: [u8; 2],
    },
    Tempo {
        microseconds_per_quarter: u32,
    },
    Retuning(Retuning),
}

/// How far into a file its head is looked for: some systems put one of their own before it.
const FURTHEST_HEAD: usize = 4096;

/// A variable-length number has no more bytes than this.
const LONGEST_NUMBER: usize = 4;

impl MidiFile {
    /// Reads a file. The error is the rest of a sentence that begins with the file's name.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut remarks = Vec::new();
        let within = &bytes[..bytes.len().min(FURTHEST_HEAD)];
        let Some(head) = find(within, b"MThd") else {
            bail!("is no MIDI file, or its head is damaged");
        };
        // A RIFF file has a MIDI file as its content, and that is nothing to be said.
        if head > 0 && !bytes.starts_with(b"RIFF") {
            remarks.push(format!("{head} bytes before the head of the file are no MIDI and were skipped."));
        }
        let bytes = &bytes[head..];
        ensure!(bytes.len() >= 14, "is cut off in its head: copy it again");
        let number = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let (format, announced, division) = (number(8), usize::from(number(10)), number(12));
        let timing = timing(division)?;
        let mut file = Self { format, timing, tracks: Vec::new(), remarks };
        file.read_chunks(bytes, 8 + length(bytes, 4).max(6));
        let found = file.tracks.len();
        if found != announced {
            let (is, are) = (if announced == 1 { "track" } else { "tracks" }, if found == 1 { "is" } else { "are" });
            file.remarks.push(format!("The head announces {announced} {is}, and {found} {are} there."));
        }
        Ok(file)
    }

    fn read_chunks(&mut self, bytes: &[u8], mut at: usize) {
        let mut skipped = 0;
        let mut wire = 0;
        while bytes.len().saturating_sub(at) >= 8 {
            let is_track = bytes[at..].starts_with(b"MTrk");
            let is_chunk = bytes[at..at + 4].iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
            let start = at + 8;
            let end = start.saturating_add(length(bytes, at + 4));
            if is_track {
                let mut reader = Reader { bytes: &bytes[start..end.min(bytes.len())], at: 0, wire: 0 };
                let mut track = reader.track();
                if end > bytes.len() && track.ending == Ending::Unmarked {
                    track.ending = Ending::Cut;
                }
                wire += reader.wire;
                self.tracks.push(track);
                // A length beyond the file is no measure of where the next track begins.
                at = if end <= bytes.len() { end } else { start + reader.at };
            } else if is_chunk && end <= bytes.len() {
                at = end;
            } else {
                // Until something is a track again.
                let next = find(&bytes[at + 1..], b"MTrk").map_or(bytes.len(), |offset| at + 1 + offset);
                skipped += next - at;
                at = next;
            }
        }
        if skipped > 0 {
            self.remarks.push(format!("{skipped} bytes between the tracks are no MIDI and were skipped."));
        }
        if wire > 0 {
            let s = if wire == 1 { "" } else { "s" };
            self.remarks.push(format!("{wire} message{s} that belong on a cable and not into a file were skipped."));
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// A length of four bytes; as long as can be where they are not there.
fn length(bytes: &[u8], at: usize) -> usize {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map_or(usize::MAX, |four| u32::from_be_bytes(four) as usize)
}

fn timing(division: u16) -> Result<Timing> {
    let [frames, ticks] = division.to_be_bytes();
    if division & 0x8000 == 0 {
        ensure!(division > 0, "divides a quarter note into no ticks, so that its time stands still");
        return Ok(Timing::TicksPerQuarter(division));
    }
    ensure!(ticks > 0, "divides a frame into no ticks, so that its time stands still");
    let frames_per_second = match (frames as i8).unsigned_abs() {
        29 => 30_000.0 / 1001.0,
        frames @ (24 | 25 | 30) => f64::from(frames),
        frames => bail!("counts {frames} frames a second, which is no SMPTE time: save it with another time base"),
    };
    Ok(Timing::TicksPerSecond(frames_per_second * f64::from(ticks)))
}

/// Reads the events of one track.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Messages that belong on a cable.
    wire: usize,
}

impl Reader<'_> {
    fn track(&mut self) -> Track {
        let mut track = Track::default();
        let mut running = None;
        loop {
            if self.at == self.bytes.len() {
                track.ending = Ending::Unmarked;
                return track;
            }
            match self.event(&mut track, &mut running) {
                Ok(true) => {}
                Ok(false) => return track,
                Err(ending) => {
                    track.ending = ending;
                    return track;
                }
            }
        }
    }

    /// Reads an event; whether the track goes on after it.
    fn event(&mut self, track: &mut Track, running: &mut Option<u8>) -> Result<bool, Ending> {
        let delta = self.number()?;
        let first = self.byte()?;
        track.end_tick += u64::from(delta);
        match first {
            0xff => {
                let kind = self.byte()?;
                let content = self.content()?;
                match (kind, content) {
                    (0x2f, _) => return Ok(false),
                    (0x51, &[a, b, c, ..]) => {
                        let microseconds_per_quarter = u32::from_be_bytes([0, a, b, c]);
                        track.messages.push((track.end_tick, Message::Tempo { microseconds_per_quarter }));
                    }
                    _ => {}
                }
            }
            0xf0 => {
                if let Some(tuning) = Retuning::parse(self.content()?) {
                    track.messages.push((track.end_tick, Message::Retuning(tuning)));
                }
            }
            0xf7 => {
                self.content()?;
            }
            0xf1..=0xfe => {
                self.wire += 1;
                let data = match first {
                    0xf1 | 0xf3 => 1,
                    0xf2 => 2,
                    _ => 0,
                };
                for _ in 0..data {
                    self.data()?;
                }
            }
            _ => {
                let status = if first >= 0x80 { first } else { running.ok_or(Ending::Damaged)? };
                *running = Some(status);
                if first < 0x80 {
                    self.at -= 1;
                }
                let one = matches!(status & 0xf0, 0xc0 | 0xd0);
                let data = [self.data()?, if one { 0 } else { self.data()? }];
                track.messages.push((track.end_tick, Message::Channel { status, data }));
            }
        }
        Ok(true)
    }

    fn byte(&mut self) -> Result<u8, Ending> {
        let byte = self.bytes.get(self.at).copied().ok_or(Ending::Cut)?;
        self.at += 1;
        Ok(byte)
    }

    fn data(&mut self) -> Result<u8, Ending> {
        let byte = self.byte()?;
        if byte < 0x80 { Ok(byte) } else { Err(Ending::Damaged) }
    }

    fn number(&mut self) -> Result<u32, Ending> {
        let mut number = 0;
        for _ in 0..LONGEST_NUMBER {
            let byte = self.byte()?;
            number = number << 7 | u32::from(byte & 0x7f);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Ending::Damaged)
    }

    /// What has its length before it.
    fn content(&mut self) -> Result<&[u8], Ending> {
        let length = self.number()? as usize;
        let content = self.bytes.get(self.at..self.at + length).ok_or(Ending::Cut)?;
        self.at += length;
        Ok(content)
    }
}
