//! Every queue and cell between the threads of one instance, handed out by one constructor.
//!
//! | from -> to | what | by | when it is full |
//! |---|---|---|---|
//! | audio -> worker | [`Wanted`]: the timbre and the notes that are asked for now | triple buffer | newest wins |
//! | worker -> audio | rendered notes | wait-free ring | the worker keeps the note in its cache and tries again |
//! | audio -> worker | notes no longer used, to be freed there | wait-free ring | the audio thread takes no new note before there is room |
//! | editor -> audio | clicked keys | lock-free queue | the click is not heard |
//! | audio, worker -> editor | [`Status`]: meters, key states, progress, last error | atomics, a lock between worker and editor | newest wins |
//!
//! What is wanted is a state and not a stream of messages: a request that is no longer wanted simply stops being there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use crossbeam::queue::ArrayQueue;
use parking_lot::Mutex;

use crate::latent::Atlas;
use crate::midi_map::Learning;
use crate::note::{KEYS, MAX_VOICES, Note, NoteRequest, Timbre};
use crate::tuning::{Pitches, equal_temperament};

/// Notes on their way to the audio thread. More than two keyboards full, so that it fills only while the host does not
/// process.
const NOTES_IN_FLIGHT: usize = 256;

/// Notes on their way back. The audio thread holds at most one a key and three a voice, and may drop all at once.
const NOTES_TO_FREE: usize = 1024;

/// What the audio thread wants to have rendered, newest state.
#[derive(Clone, Copy)]
pub struct Wanted {
    /// Counts up with every publication, so that the worker answers each state once.
    pub version: u64,
    /// The timbre of the keyboard: every key should be ready in it.
    pub timbre: Timbre,
    /// Sounding notes that wait for a rendering, most urgent first; the first `request_count` count.
    pub requests: [NoteRequest; MAX_VOICES],
    pub request_count: usize,
    /// Keys struck lately, a bit each; rendered after the requests and before the rest.
    pub recent: u128,
    /// Nothing but the requests is wanted: an offline render waits for these, and rendering ahead would keep it waiting.
    pub offline: bool,
    /// The key around which the rest of the keyboard is rendered.
    pub focus: u8,
}

impl Default for Wanted {
    fn default() -> Self {
        let timbre = Timbre::default();
        Self {
            version: 0,
            timbre,
            requests: [NoteRequest { timbre, key: 60 }; MAX_VOICES],
            request_count: 0,
            recent: 0,
            offline: false,
            focus: 60,
        }
    }
}

impl Wanted {
    /// The requests that count.
    pub fn requests(&self) -> &[NoteRequest] {
        &self.requests[..self.request_count]
    }
}

/// Whether notes can be rendered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Generator {
    /// A model is being loaded; notes will come.
    Loading = 0,
    /// Notes come.
    Ready = 1,
    /// No notes will come before the user does something; `Status::error` says what.
    Unavailable = 2,
}

/// What the keyboard shows of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum KeyState {
    /// No rendering of any timbre yet.
    Empty = 0,
    /// A rendering of an earlier timbre or model is there and sounds until the new one is.
    Stale = 1,
    /// Being rendered now.
    Rendering = 2,
    /// Rendered in the wanted timbre.
    Ready = 3,
}

/// What a user should know of the model that plays; written by the worker, read by the editor.
#[derive(Clone, Default, Debug)]
pub struct ModelStatus {
    /// Name from the manifest; empty before the first model is there.
    pub name: String,
    pub author: String,
    pub licence: String,
    pub trained_on: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    pub path: std::path::PathBuf,
    /// A label for each of the eight directions; empty where the manifest names none.
    pub directions: Vec<String>,
    /// Its latent space; `None` before the first model is there.
    pub atlas: Option<Arc<Atlas>>,
}

/// State of one instance that the editor shows, and the few flags that the audio thread reads.
pub struct Status {
    generator: AtomicU8,
    /// `ModelId` of the model that renders now; 0 before there is one.
    pub model_id: AtomicU64,
    /// Lowest and highest MIDI note of the model, in the low and the second byte.
    pitch_range: AtomicU32,
    key_states: [AtomicU8; KEYS],
    /// The pitch of each key as the session has it, the bits of an f32, and how often it was set.
    pitches: [AtomicU32; KEYS],
    tunings: AtomicU32,
    /// Keys that sound now, two halves of a bit set; written by the audio thread.
    pub sounding: [AtomicU64; 2],
    /// Highest level since the editor last looked, as the bits of an f32, linear; written by the audio thread.
    pub peak_bits: AtomicU32,
    /// Where the voices that sound are in their notes: 1, key and frame in the third byte and the lower two, 0 for none; written by
    /// the audio thread.
    playheads: [AtomicU32; MAX_VOICES],
    /// Voices that sound now.
    pub voices: AtomicU32,
    /// Share of real time that the last audio calls took, in 1/10000; written by the audio thread.
    pub load: AtomicU32,
    /// Whether offline renders take notes of the processor only; written by the worker.
    pub bounce_on_cpu: AtomicBool,
    /// Whether the audio thread waits for its notes (an offline render).
    pub offline: AtomicBool,
    /// Notes asked for by key, renderings finished by the worker for this instance, notes played from their own rendering,
    /// since the instance was made.
    pub notes_asked: AtomicU64,
    pub notes_rendered: AtomicU64,
    pub notes_played: AtomicU64,
    /// Inference time of the last rendering, in microseconds.
    pub inference_us: AtomicU32,
    /// What renders, in words: "CPU, 2 threads". Empty until known.
    pub device: Mutex<String>,
    /// The last thing that went wrong, as a sentence that says what to do; `None` when it was put right or dismissed.
    pub error: Mutex<Option<String>>,
    pub model: Mutex<ModelStatus>,
}

impl Status {
    fn new() -> Self {
        Self {
            generator: AtomicU8::new(Generator::Loading as u8),
            model_id: AtomicU64::new(0),
            pitch_range: AtomicU32::new(24 | 84 << 8),
            key_states: std::array::from_fn(|_| AtomicU8::new(KeyState::Empty as u8)),
            pitches: equal_temperament().map(|pitch| AtomicU32::new(pitch.to_bits())),
            tunings: AtomicU32::new(0),
            sounding: [AtomicU64::new(0), AtomicU64::new(0)],
            peak_bits: AtomicU32::new(0),
            playheads: std::array::from_fn(|_| AtomicU32::new(0)),
            voices: AtomicU32::new(0),
            load: AtomicU32::new(0),
            bounce_on_cpu: AtomicBool::new(true),
            offline: AtomicBool::new(false),
            notes_asked: AtomicU64::new(0),
            notes_rendered: AtomicU64::new(0),
            notes_played: AtomicU64::new(0),
            inference_us: AtomicU32::new(0),
            device: Mutex::new(String::new()),
            error: Mutex::new(None),
            model: Mutex::new(ModelStatus::default()),
        }
    }

    pub fn generator(&self) -> Generator {
        match self.generator.load(Ordering::Acquire) {
            0 => Generator::Loading,
            1 => Generator::Ready,
            _ => Generator::Unavailable,
        }
    }

    pub fn set_generator(&self, generator: Generator) {
        self.generator.store(generator as u8, Ordering::Release);
    }

    /// Lowest and highest MIDI note that the model renders.
    pub fn pitch_range(&self) -> (u8, u8) {
        let packed = self.pitch_range.load(Ordering::Relaxed);
        (packed as u8, (packed >> 8) as u8)
    }

    pub fn set_pitch_range(&self, low: u8, high: u8) {
        self.pitch_range.store(u32::from(low) | u32::from(high) << 8, Ordering::Relaxed);
    }

    /// Sets the pitch of each key.
    pub fn tune(&self, pitches: &Pitches) {
        for (own, pitch) in self.pitches.iter().zip(pitches) {
            own.store(pitch.to_bits(), Ordering::Relaxed);
        }
        self.tunings.fetch_add(1, Ordering::Release);
    }

    /// Reads the pitch of each key, where it was set since it was read `tunings` times; counts on. One that is set meanwhile is
    /// read with the next call.
    pub fn read_tuning(&self, tunings: &mut u32, pitches: &mut Pitches) {
        let now = self.tunings.load(Ordering::Acquire);
        if now != *tunings {
            *tunings = now;
            for (pitch, own) in pitches.iter_mut().zip(&self.pitches) {
                *pitch = f32::from_bits(own.load(Ordering::Relaxed));
            }
        }
    }

    /// State of a MIDI key; those outside the model's range have none of their own and show as [`KeyState::Empty`].
    pub fn key_state(&self, key: u8) -> KeyState {
        match self.key_states[usize::from(key) % KEYS].load(Ordering::Relaxed) {
            1 => KeyState::Stale,
            2 => KeyState::Rendering,
            3 => KeyState::Ready,
            _ => KeyState::Empty,
        }
    }

    pub fn set_key_state(&self, key: u8, state: KeyState) {
        self.key_states[usize::from(key) % KEYS].store(state as u8, Ordering::Relaxed);
    }

    /// The label that the model gives to a direction; empty where it gives none.
    pub fn direction_label(&self, direction: usize) -> String {
        self.model.lock().directions.get(direction).cloned().unwrap_or_default()
    }

    /// Says where the voices that sound are in their notes, by key and frame.
    pub fn set_playheads(&self, playheads: impl Iterator<Item = (u8, usize)>) {
        let packed = playheads.map(|(key, frame)| 1 << 24 | u32::from(key) << 16 | frame.min(0xffff) as u32);
        for (own, new) in self.playheads.iter().zip(packed.chain(std::iter::repeat(0))) {
            own.store(new, Ordering::Relaxed);
            if new == 0 {
                break;
            }
        }
    }

    /// Key and frame of each voice that sounds.
    pub fn playheads(&self) -> Vec<(u8, u16)> {
        let all = self.playheads.iter().map(|own| own.load(Ordering::Relaxed));
        all.take_while(|packed| *packed != 0).map(|packed| ((packed >> 16) as u8, packed as u16)).collect()
    }

    /// Whether a key sounds.
    pub fn is_sounding(&self, key: u8) -> bool {
        self.sounding[usize::from(key / 64) % 2].load(Ordering::Relaxed) >> (key % 64) & 1 == 1
    }
}

/// A key that was clicked in the editor.
#[derive(Clone, Copy, Debug)]
pub struct Click {
    pub key: u8,
    /// 0 to 1; 0 releases the key.
    pub velocity: f32,
}

/// What the audio thread holds.
pub struct AudioEnd {
    pub wanted: triple_buffer::Input<Wanted>,
    pub notes: rtrb::Consumer<Arc<Note>>,
    pub used: rtrb::Producer<Arc<Note>>,
    pub clicks: Arc<ArrayQueue<Click>>,
    pub status: Arc<Status>,
}

/// What the worker holds.
pub struct WorkerEnd {
    pub wanted: triple_buffer::Output<Wanted>,
    pub notes: rtrb::Producer<Arc<Note>>,
    pub used: rtrb::Consumer<Arc<Note>>,
    pub status: Arc<Status>,
}

/// What the editor holds.
#[derive(Clone)]
pub struct EditorEnd {
    pub clicks: Arc<ArrayQueue<Click>>,
    /// With the plugin's audio call.
    pub learning: Arc<Learning>,
    pub status: Arc<Status>,
}

/// Makes the three ends of one instance's link.
pub fn link() -> (AudioEnd, WorkerEnd, EditorEnd) {
    let (wanted_in, wanted_out) = triple_buffer::triple_buffer(&Wanted::default());
    let (notes_in, notes_out) = rtrb::RingBuffer::new(NOTES_IN_FLIGHT);
    let (used_in, used_out) = rtrb::RingBuffer::new(NOTES_TO_FREE);
    let clicks = Arc::new(ArrayQueue::new(64));
    let status = Arc::new(Status::new());
    (
        AudioEnd {
            wanted: wanted_in,
            notes: notes_out,
            used: used_in,
            clicks: Arc::clone(&clicks),
            status: Arc::clone(&status),
        },
        WorkerEnd { wanted: wanted_out, notes: notes_in, used: used_out, status: Arc::clone(&status) },
        EditorEnd { clicks, learning: Arc::default(), status },
    )
}
