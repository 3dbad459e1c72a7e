//! How `assets/demo.mid` is made: a short piece in three parts, each of which shows something that can be measured.
//!
//! 1. A melody without overlap, over three octaves and a half: its pitch is measured note by note.
//! 2. Chords of four under the sustain pedal, with a melody above and notes struck again.
//! 3. One chord, held while the demo moves the timbre.
//!
//! `cargo xtask score` writes the file anew; a test compares it with what is written here.

use midly::num::{u4, u7, u15, u24, u28};
use midly::{Format, Header, MetaMessage, MidiMessage, Smf, Timing, Track, TrackEvent, TrackEventKind};

pub const PATH: &str = "assets/demo.mid";

/// Ticks a quarter note.
const QUARTER: u32 = 480;

/// 84 quarter notes a minute.
const QUARTER_US: u32 = 60_000_000 / 84;

/// The share of its length for which a melody note is held, so that its neighbour starts in silence.
const DETACHED: f64 = 0.8;

/// Melody: key, length in eighths, velocity. A key of 0 is a rest.
#[rustfmt::skip]
const MELODY: &[(u8, u32, u8)] = &[
    (62, 2, 88), (65, 1, 80), (69, 1, 84), (72, 2, 96), (71, 2, 86),
    (67, 1, 78), (69, 3, 92), (64, 2, 80), (65, 2, 84),
    (57, 2, 90), (60, 1, 80), (64, 1, 84), (67, 2, 94), (65, 2, 84),
    (50, 2, 98), (57, 2, 84), (62, 2, 88), (77, 2, 100),
    (76, 1, 90), (74, 1, 86), (81, 4, 104), (74, 2, 82), (45, 2, 96), (38, 4, 100), (0, 2, 0),
];

/// Chords of two half notes each, four voices, lowest first.
const CHORDS: &[[u8; 4]] = &[[38, 57, 65, 72], [43, 58, 65, 69], [36, 55, 64, 71], [41, 57, 60, 69]];

/// Above each chord: key and length in eighths.
#[rustfmt::skip]
const DESCANT: &[[(u8, u32); 4]] = &[
    [(76, 2), (77, 2), (76, 2), (69, 2)],
    [(74, 2), (74, 1), (72, 3), (70, 2)],
    [(71, 2), (79, 2), (76, 2), (71, 2)],
    [(72, 3), (76, 1), (77, 4), (0, 0)],
];

/// The chord of the end, held for this many eighths.
const LAST: [u8; 4] = [38, 57, 64, 77];
const LAST_EIGHTHS: u32 = 20;

/// The file's bytes.
pub fn midi() -> Vec<u8> {
    let eighth = QUARTER / 2;
    let mut events: Vec<(u32, TrackEventKind)> = vec![
        (0, TrackEventKind::Meta(MetaMessage::TrackName(b"Timbrel demo"))),
        (0, TrackEventKind::Meta(MetaMessage::Tempo(u24::new(QUARTER_US)))),
    ];
    let mut tick = 0;
    for &(key, eighths, velocity) in MELODY {
        let length = eighths * eighth;
        if key > 0 {
            note(&mut events, tick, (f64::from(length) * DETACHED) as u32, key, velocity);
        }
        tick += length;
    }
    for (chord, descant) in CHORDS.iter().zip(DESCANT) {
        // The pedal goes up with the change of harmony and is down again an instant later.
        pedal(&mut events, tick, 0);
        pedal(&mut events, tick + QUARTER / 16, 127);
        for (voice, &key) in (0..).zip(chord) {
            // Spread a little, as a hand does.
            note(&mut events, tick + voice * QUARTER / 24, 6 * eighth, key, 74);
        }
        let mut above = tick;
        for &(key, eighths) in descant.iter().filter(|(key, _)| *key > 0) {
            note(&mut events, above, eighths * eighth - eighth / 4, key, 92);
            above += eighths * eighth;
        }
        tick += 8 * eighth;
    }
    pedal(&mut events, tick, 0);
    events.push((tick, TrackEventKind::Meta(MetaMessage::Marker(MOVE_MARKER))));
    for key in LAST {
        note(&mut events, tick, LAST_EIGHTHS * eighth, key, 82);
    }
    events.sort_by_key(|(tick, _)| *tick);
    write(&events)
}

/// Where the demo begins to move the timbre.
pub const MOVE_MARKER: &[u8] = b"timbre moves";

fn note(events: &mut Vec<(u32, TrackEventKind<'static>)>, tick: u32, length: u32, key: u8, velocity: u8) {
    let message = |vel| TrackEventKind::Midi {
        channel: u4::new(0),
        message: MidiMessage::NoteOn { key: u7::new(key), vel: u7::new(vel) },
    };
    events.push((tick, message(velocity)));
    events.push((tick + length, message(0)));
}

fn pedal(events: &mut Vec<(u32, TrackEventKind<'static>)>, tick: u32, value: u8) {
    let message = MidiMessage::Controller { controller: u7::new(64), value: u7::new(value) };
    events.push((tick, TrackEventKind::Midi { channel: u4::new(0), message }));
}

/// One track, from events in order.
fn write(events: &[(u32, TrackEventKind<'static>)]) -> Vec<u8> {
    let mut track: Track = Vec::new();
    let mut last = 0;
    for &(tick, kind) in events {
        track.push(TrackEvent { delta: u28::new(tick - last), kind });
        last = tick;
    }
    track.push(TrackEvent { delta: u28::new(0), kind: TrackEventKind::Meta(MetaMessage::EndOfTrack) });
    let header = Header { format: Format::SingleTrack, timing: Timing::Metrical(u15::new(QUARTER as u16)) };
    let mut bytes = Vec::new();
    Smf { header, tracks: vec![track] }.write(&mut bytes).expect("a vector takes all that is written");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_what_is_written_here() {
        let path = crate::shell::workspace().join(PATH);
        assert_eq!(std::fs::read(path).unwrap(), midi(), "run `cargo xtask score`");
    }
}
