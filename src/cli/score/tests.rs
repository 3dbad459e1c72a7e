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
    Score::parse(bytes, Choice::ALL)
}

fn refusal(bytes: &[u8]) -> String {
    parse(bytes).err().expect("it is refused").to_string()
}

fn times(score: &Score) -> Vec<f64> {
    score.events.iter().map(|event| event.seconds).collect()
}

/// Strokes and their ends: key, from, to.
fn notes(score: &Score) -> Vec<(u8, f64, f64)> {
    let end_of = |sought: Option<i32>| {
        let ends = |timed: &&Timed| matches!(timed.event, Event::NoteOff { id, .. } if id == sought);
        score.events.iter().find(ends).expect("each note ends").seconds
    };
    let strokes = score.events.iter().filter_map(|timed| match timed.event {
        Event::NoteOn { key, id, .. } => Some((key, timed.seconds, end_of(id))),
        _ => None,
    });
    strokes.collect()
}

const END: [u8; 4] = [0, 0xff, 0x2f, 0];

/// 96 ticks of delta time, then the bytes.
fn after_quarter(event: &[u8]) -> Vec<u8> {
    [&[96], event].concat()
}

#[test]
fn times_follow_the_tempo_map_over_all_tracks_and_within_notes() {
    // 120, and from the second quarter on 60 a minute; the notes are in the other track, with running status.
    let tempi = [&after_quarter(&[0xff, 0x51, 3, 0x0f, 0x42, 0x40])[..], &END].concat();
    let track = [
        &[0, 0x90, 60, 127][..],
        &after_quarter(&[60, 0]),
        &[0, 64, 127],
        &after_quarter(&[67, 127]),
        &after_quarter(&[64, 0]),
        &[0, 67, 0],
        &after_quarter(&END[1..]),
    ]
    .concat();
    let score = parse(&file(1, 96, &[&tempi, &track])).unwrap();
    assert_eq!(notes(&score), [(60, 0.0, 0.5), (64, 0.5, 2.5), (67, 1.5, 2.5)]);
    assert_eq!((score.last_stroke_seconds, score.seconds), (1.5, 3.5));
    assert!(score.remarks.is_empty(), "{:?}", score.remarks);
}

#[test]
fn smpte_time_ignores_the_tempo() {
    // 25 frames of 40 ticks: a tick is a millisecond.
    let track = [&[0, 0xff, 0x51, 3, 1, 0, 0][..], &[50, 0x93, 60, 1], &[50, 0x83, 60, 0], &END].concat();
    let score = parse(&file(0, u16::from_be_bytes([(-25i8) as u8, 40]), &[&track])).unwrap();
    assert!((score.events[0].seconds - 0.05).abs() < 1e-12 && (score.seconds - 0.1).abs() < 1e-12);
    assert!(matches!(score.events[0].event, Event::NoteOn { channel: 3, .. }));
    let drop_frame = parse(&file(0, u16::from_be_bytes([(-29i8) as u8, 100]), &[&track])).unwrap();
    assert!((drop_frame.seconds - 100.0 * 1001.0 / 3_000_000.0).abs() < 1e-12);
}

#[test]
fn the_tracks_of_format_2_follow_each_other_each_with_its_own_tempo() {
    let slow = [&[0, 0xff, 0x51, 3, 0x0f, 0x42, 0x40][..], &[0, 0x90, 60, 9], &after_quarter(&[60, 0]), &END].concat();
    let plain = [&[0, 0x90, 62, 9][..], &after_quarter(&[62, 0]), &END].concat();
    let score = parse(&file(2, 96, &[&slow, &plain])).unwrap();
    assert_eq!(notes(&score), [(60, 0.0, 1.0), (62, 1.0, 1.5)]);
    assert!(score.remarks[0].contains("format 2"));
}

#[test]
fn notes_of_one_key_that_overlap_end_in_their_order() {
    let track =
        [&[0, 0x90, 60, 100][..], &after_quarter(&[60, 100]), &after_quarter(&[60, 0]), &after_quarter(&[60, 0]), &END]
            .concat();
    assert_eq!(notes(&parse(&file(0, 96, &[&track])).unwrap()), [(60, 0.0, 1.0), (60, 0.5, 1.5)]);
}

#[test]
fn controllers_wheels_and_modes_come_through() {
    let track = [
        &[0, 0x90, 60, 100][..],
        &[0, 0xb0, 64, 127, 0, 64, 0, 0, 66, 127, 0, 7, 16, 0, 120, 0, 0, 121, 0, 0, 123, 0],
        &[0, 0xe0, 0x7f, 0x7f, 0, 0xe0, 0, 0],
        &after_quarter(&[0x90, 60, 0]),
        &END,
    ]
    .concat();
    let score = parse(&file(0, 96, &[&track])).unwrap();
    let events: Vec<_> = score.events[1..].iter().map(|timed| timed.event).collect();
    assert_eq!(
        events[..9],
        [
            Event::Pedal { channel: 0, down: true },
            Event::Pedal { channel: 0, down: false },
            Event::Sostenuto { channel: 0, down: true },
            Event::Controller { channel: 0, number: 7, value: 16 },
            Event::AllSoundOff { channel: 0 },
            Event::ResetControllers { channel: 0 },
            Event::AllNotesOff { channel: 0 },
            Event::Bend { channel: 0, value: 1.0 },
            Event::Bend { channel: 0, value: -1.0 },
        ]
    );
}

#[test]
fn a_bend_range_is_left_out_where_another_is_meant() {
    let track = [
        &[0, 0x90, 60, 100][..],
        &[0, 0xb0, 101, 0, 0, 100, 0, 0, 6, 12, 0, 100, 2, 0, 6, 70],
        &after_quarter(&[0x90, 60, 0]),
        &END,
    ]
    .concat();
    let entered = |bend_ranges| {
        let score = Score::parse(&file(0, 96, &[&track]), Choice { bend_ranges, ..Choice::ALL }).unwrap();
        let values = score.events.iter().filter_map(|timed| match timed.event {
            Event::Controller { number: 6, value, .. } => Some(value),
            _ => None,
        });
        values.collect::<Vec<_>>()
    };
    assert_eq!((entered(true), entered(false)), (vec![12, 70], vec![70]));
}

#[test]
fn channels_are_chosen_and_drums_left_out() {
    let track = [
        &[0, 0x90, 60, 100, 0, 0x91, 62, 100, 0, 0x99, 36, 100][..],
        &[96, 0x80, 60, 0, 0, 0x81, 62, 0, 0, 0x89, 36, 0],
        &END,
    ]
    .concat();
    let bytes = file(0, 96, &[&track]);
    let keys = |choice| notes(&Score::parse(&bytes, choice).unwrap()).iter().map(|note| note.0).collect::<Vec<_>>();
    assert_eq!(keys(Choice::ALL), [60, 62]);
    assert_eq!(keys(Choice { drums: true, ..Choice::ALL }), [60, 62, 36]);
    assert_eq!(keys(Choice { channels: 1 << 1, ..Choice::ALL }), [62]);
    assert!(
        parse(&bytes).unwrap().remarks[0].contains("1 stroke are left out")
            || parse(&bytes).unwrap().remarks[0].contains("--drums")
    );
    let refusal = |channels| Score::parse(&bytes, Choice { channels, ..Choice::ALL }).err().unwrap().to_string();
    assert!(refusal(1 << 5).contains("--channels"));
    assert!(refusal(1 << 9).contains("--drums"));
    // A zone of all channels has no drums.
    let zone = [&[0, 0xb0, 101, 0, 0, 100, 6, 0, 6, 15][..], &track].concat();
    assert_eq!(notes(&parse(&file(0, 96, &[&zone])).unwrap()).len(), 3);
}

#[test]
fn each_program_is_a_part_of_its_own() {
    let track = [
        &[0, 0x90, 60, 100, 0, 0xc1, 40, 0, 0x91, 62, 100, 0, 0xc0, 73, 0, 0x90, 64, 100][..],
        &[96, 0x80, 60, 0, 0, 64, 0, 0, 0x81, 62, 0],
        &END,
    ]
    .concat();
    let parts = |programs| {
        let score = Score::parse(&file(0, 96, &[&track]), Choice { programs, ..Choice::ALL }).unwrap();
        let strokes = score.events.iter().filter(|timed| matches!(timed.event, Event::NoteOn { .. }));
        let of_strokes = strokes.map(|timed| score.programs[timed.part]).collect::<Vec<_>>();
        (score.programs.len(), of_strokes)
    };
    assert_eq!(parts(true), (3, vec![None, Some(40), Some(73)]));
    assert_eq!(parts(false), (1, vec![None; 3]));
}

#[test]
fn what_cannot_be_played_is_refused_with_its_reason() {
    let note = [&[0, 0x90, 60, 100][..], &[96, 60, 0], &END].concat();
    assert!(refusal(b"").contains("no MIDI file"));
    assert!(refusal(b"RIFF\x04\0\0\0WAVE").contains("no MIDI file"));
    assert!(refusal(b"MThd\0\0\0\x06\0\0\0").contains("cut off"));
    assert!(refusal(&file(1, 96, &[])).contains("no notes"));
    assert!(refusal(&file(0, 0, &[&note])).contains("stands still"));
    assert!(refusal(&file(0, u16::from_be_bytes([(-25i8) as u8, 0]), &[&note])).contains("stands still"));
    assert!(refusal(&file(0, u16::from_be_bytes([(-7i8) as u8, 9]), &[&note])).contains("SMPTE"));
    assert!(refusal(&file(0, 96, &[&END])).contains("no notes"));
}

#[test]
fn what_is_broken_is_played_as_far_as_it_goes_and_said() {
    let track = [&[0, 0x90, 60, 100][..], &[0x83, 0, 60, 0], &[96, 62, 100], &[96, 62, 0], &END].concat();
    let whole = file(1, 96, &[&track, &track]);
    assert_eq!(notes(&parse(&whole).unwrap()).len(), 4);
    // Up to the end of the first stroke there is nothing to play.
    let first_stroke = 14 + 8 + 4;
    for length in 0..whole.len() {
        match parse(&whole[..length]) {
            Ok(score) => {
                assert!(length >= first_stroke && !score.remarks.is_empty(), "{length} bytes: {:?}", score.remarks);
            }
            Err(why) => assert!(length < first_stroke, "{length} bytes: {why}"),
        }
    }
    // A status byte where data belongs: what comes before is played, and the other track is whole.
    let mut damaged = whole.clone();
    damaged[14 + 8 + 10] = 0xc0;
    let score = parse(&damaged).unwrap();
    assert_eq!(notes(&score).len(), 3);
    assert!(score.remarks[0].contains("Track 1 is damaged after 2.5 s"), "{:?}", score.remarks);
}

#[test]
fn heads_and_chunks_of_others_are_no_hindrance() {
    let track = [&[0, 0x90, 60, 100][..], &[96, 60, 0], &END].concat();
    let plain = file(0, 96, &[&track]);
    let riff = [b"RIFF\x40\0\0\0RMIDdata\x30\0\0\0".as_slice(), &plain].concat();
    assert!(parse(&riff).unwrap().remarks.is_empty());
    let with_head = [&[0; 128][..], &plain].concat();
    assert!(parse(&with_head).unwrap().remarks[0].contains("128 bytes"));
    let foreign = [&plain[..14], b"XFIH\0\0\0\x02ab", &plain[14..]].concat();
    assert!(parse(&foreign).unwrap().remarks.is_empty());
    let rubbish = [&plain[..14], &[0xff; 33], &plain[14..]].concat();
    assert!(parse(&rubbish).unwrap().remarks[0].contains("33 bytes"));
    let mut long_length = plain.clone();
    long_length[18..22].copy_from_slice(&u32::MAX.to_be_bytes());
    let two = [&long_length[..], &plain[14..]].concat();
    assert_eq!(notes(&parse(&two).unwrap()).len(), 2, "a length that is wrong hides no other track");
}

#[test]
fn times_of_simultaneous_events_keep_their_order() {
    let track = [&[0, 0x90, 60, 100, 0, 60, 0, 0, 60, 100][..], &[96, 60, 0], &END].concat();
    let score = parse(&file(0, 96, &[&track])).unwrap();
    assert_eq!(times(&score), [0.0, 0.0, 0.0, 0.5]);
    assert_eq!(notes(&score), [(60, 0.0, 0.0), (60, 0.0, 0.5)]);
}

#[test]
fn pressure_and_tunings_of_octaves_come_through() {
    // E flat by a comma up and A a quarter tone down, on channel 3: one byte a key; and C up by all there is, two bytes a key.
    let mut one = vec![0x7f, 0x7f, 8, 8, 0, 0, 4];
    one.extend([64, 64, 64, 86, 64, 64, 64, 64, 64, 14, 64, 64, 0xf7]);
    let mut two = vec![0x7e, 0x00, 8, 9, 3, 0x7f, 0x7f];
    two.extend([[0x7f, 0x7f]].into_iter().chain([[0x40, 0]; 11]).flatten().chain([0xf7]));
    // Others are left out, one that is cut off among them.
    let (other, cut) = ([0x41, 0x10, 0x42, 0xf7], [0x7f, 0x7f, 8, 8, 0, 0, 4, 64, 0xf7]);
    let exclusive = |bytes: &[u8]| [&[0, 0xf0, bytes.len() as u8], bytes].concat();
    let track = [
        exclusive(&one),
        exclusive(&other),
        exclusive(&cut),
        vec![0, 0x90, 60, 100, 0, 0xa0, 60, 127, 0, 0xd0, 0],
        exclusive(&two),
        after_quarter(&[0x90, 60, 0]),
        END.to_vec(),
    ]
    .concat();
    let score = parse(&file(0, 96, &[&track])).unwrap();
    let events: Vec<_> = score.events.iter().map(|timed| timed.event).collect();
    let tunings: Vec<(u16, [f32; 12])> = events
        .iter()
        .filter_map(|event| match *event {
            Event::OctaveTuning { channels, semitones } => Some((channels, semitones)),
            _ => None,
        })
        .collect();
    assert_eq!(tunings.len(), 2, "{events:?}");
    assert_eq!(tunings[0].0, 1 << 2);
    for (key, semitones) in [(0, 0.0), (3, 0.22), (9, -0.5), (11, 0.0)] {
        assert!((tunings[0].1[key] - semitones).abs() < 1e-3, "{:?}", tunings[0].1);
    }
    assert_eq!(tunings[1].0, u16::MAX);
    assert!((tunings[1].1[0] - 1.0).abs() < 1e-3 && tunings[1].1[1..] == [0.0; 11]);
    assert!(matches!(events[0], Event::OctaveTuning { .. }), "before the note of its moment");
    let pressure = NoteControl::Pressure(1.0);
    assert!(events.contains(&Event::Note { key: Some(60), channel: Some(0), id: None, control: pressure }));
    assert!(events.contains(&Event::Pressure { channel: 0, value: 0.0 }));
}
