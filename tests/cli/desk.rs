//! A folder to work in, MIDI files to play, and what came of them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use midly::num::{u7, u15, u28};
use midly::{Format, Header, MetaMessage, MidiMessage, Smf, Timing, TrackEvent, TrackEventKind};
use timbrel_host::measure::{equal_temperament, pitch_error_cents};

pub const RATE: f64 = 48_000.0;

/// Ticks of a quarter note, of which there are two a second.
pub const QUARTER: u32 = 480;

/// A folder of a test's own, gone with it.
pub struct Desk(pub PathBuf);

impl Desk {
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("timbrel-cli-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// Everything in the folder, hidden files too.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A program call in this folder, with the checkout's runtime library and model.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_timbrel"));
        command.args(arguments).current_dir(&self.0);
        command.env("TIMBREL_ORT_LIB", checkout.join("target/runtime/libonnxruntime.so.1.31.1"));
        command.env("TIMBREL_MODEL", checkout.join("assets/default.onnx"));
        command
    }

    /// Runs a call that succeeds; returns what it printed.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a call that is refused; returns the sentence.
    pub fn refused(&self, arguments: &[&str]) -> String {
        refusal(&mut self.command(arguments))
    }

    /// Renders `in.mid` with more arguments; returns the sound.
    pub fn render(&self, more: &[&str]) -> Vec<f32> {
        self.run(&[&["render", "in.mid", "--out", "out.wav", "--bits", "32"], more].concat());
        read(&self.path("out.wav")).1
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // What a failed test leaves for the eyes is its message; a full temporary folder helps nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn refusal(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{command:?}: {}", said(&output));
    assert!(output.stdout.is_empty(), "nothing is summed up where nothing was done");
    let sentence = said(&output);
    assert!(sentence.starts_with("timbrel: ") && sentence.trim_end().lines().count() == 1, "{sentence}");
    sentence
}

/// Rate, and what both channels have in common: the sum of the voices.
pub fn read(path: &Path) -> (u32, Vec<f32>) {
    let (rate, samples) = read_both(path);
    (rate, samples.chunks_exact(2).map(|pair| 0.5 * (pair[0] + pair[1])).collect())
}

/// Rate and both channels, in turn.
pub fn read_both(path: &Path) -> (u32, Vec<f32>) {
    let mut reader = hound::WavReader::open(path).unwrap();
    let spec = reader.spec();
    assert_eq!(spec.channels, 2);
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().map(Result::unwrap).collect(),
        hound::SampleFormat::Int => {
            let scale = 1.0 / (1i64 << (spec.bits_per_sample - 1)) as f32;
            reader.samples::<i32>().map(|sample| sample.unwrap() as f32 * scale).collect()
        }
    };
    (spec.sample_rate, samples)
}

/// A MIDI file of one track. Each event is at a tick from the beginning.
pub fn midi(events: &[(u32, TrackEventKind<'static>)]) -> Vec<u8> {
    let mut before = 0;
    let mut track: Vec<TrackEvent> = Vec::new();
    for &(tick, kind) in events {
        track.push(TrackEvent { delta: u28::new(tick - before), kind });
        before = tick;
    }
    track.push(TrackEvent { delta: u28::new(0), kind: TrackEventKind::Meta(MetaMessage::EndOfTrack) });
    let header = Header::new(Format::SingleTrack, Timing::Metrical(u15::new(QUARTER as u16)));
    let mut bytes = Vec::new();
    Smf { header, tracks: vec![track] }.write_std(&mut bytes).unwrap();
    bytes
}

pub fn message(message: MidiMessage) -> TrackEventKind<'static> {
    TrackEventKind::Midi { channel: 0.into(), message }
}

/// A note from tick to tick.
pub fn note(key: u8, from: u32, to: u32) -> [(u32, TrackEventKind<'static>); 2] {
    let (key, vel) = (u7::new(key), u7::new(100));
    [(from, message(MidiMessage::NoteOn { key, vel })), (to, message(MidiMessage::NoteOff { key, vel }))]
}

/// Two seconds of one key.
pub fn one_note(key: u8) -> Vec<u8> {
    midi(&note(key, 0, 4 * QUARTER))
}

pub fn slice(samples: &[f32], from_s: f64, to_s: f64) -> &[f32] {
    &samples[(from_s * RATE) as usize..(to_s * RATE) as usize]
}

pub fn cents(samples: &[f32], key: u8) -> f64 {
    pitch_error_cents(samples, RATE, equal_temperament(key.into())).expect("the key sounds")
}
