//! ONNX files for tests, written byte by byte: small models that keep the contract and render in no time, and others that
//! break it in one way each.

use std::path::{Path, PathBuf};

use timbrel_host::onnx::{FLOAT, INT64, OPEN, cast, floats, integers, outlet};
pub use timbrel_host::onnx::{bytes, external, metadata, node, number};

/// Opset of the operators below.
const OPSET: u64 = 18;

/// ONNX's number of the type of truth values.
const BOOL: u64 = 9;

/// What a model computes of `base`, a number that differs from latent to latent and from pitch to pitch.
#[derive(Clone, Copy, PartialEq)]
pub enum Sound {
    /// tanh(base) everywhere.
    Even,
    /// The same, and not a number at pitch 50.
    NoNumberAt50,
    NoNumber,
    Silent,
    TooLoud,
    /// Another sound than [`Sound::Even`].
    Other,
    /// The same as [`Sound::Even`], but a run with pitch 66 in it fails.
    FailsAt66,
    /// The same as [`Sound::Even`], but a run with this pitch in it lasts until it is told to end.
    EndlessAt(u8),
}

/// A model to be written; the defaults keep the contract.
pub struct Handmade {
    pub manifest: Option<serde_json::Value>,
    pub sound: Sound,
    pub latent_name: &'static str,
    pub latent_size: u64,
    pub pitch_type: u64,
    pub frames: u64,
    /// Whether one run takes any number of notes.
    pub takes_batches: bool,
    /// Whether the graph computes one note all the same.
    pub one_note_inside: bool,
    /// Fields added to the graph.
    pub more_graph: Vec<u8>,
    /// Fields added to the model.
    pub more_model: Vec<u8>,
}

impl Default for Handmade {
    fn default() -> Self {
        Self {
            manifest: Some(manifest("handmade")),
            sound: Sound::Even,
            latent_name: "latent",
            latent_size: 16,
            pitch_type: INT64,
            frames: 128,
            takes_batches: false,
            one_note_inside: false,
            more_graph: Vec::new(),
            more_model: Vec::new(),
        }
    }
}

/// A manifest that fits a [`Handmade`].
pub fn manifest(name: &str) -> serde_json::Value {
    serde_json::json!({
        "format": 1, "name": name, "representation": "if-mel-hires", "sample_rate": 16000, "n_fft": 2048, "hop": 512,
        "frames": 128, "bins": 1024, "pitch_min": 24, "pitch_max": 84, "latent_size": 16
    })
}

impl Handmade {
    pub fn named(name: &str) -> Self {
        Self { manifest: Some(manifest(name)), ..Self::default() }
    }

    /// With one field of the manifest changed.
    pub fn with(mut self, field: &str, value: serde_json::Value) -> Self {
        self.manifest.as_mut().expect("it has a manifest")[field] = value;
        self
    }

    pub fn write(&self, folder: &Path, file: &str) -> PathBuf {
        let path = folder.join(file);
        std::fs::write(&path, self.bytes()).unwrap();
        path
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut graph = Vec::new();
        for node in self.nodes() {
            graph.extend(bytes(1, &node));
        }
        graph.extend(bytes(2, b"handmade"));
        let weights: Vec<f32> = (0..self.latent_size).map(|i| 0.1 + 0.01 * i as f32).collect();
        graph.extend(bytes(5, &floats("weights", &[self.latent_size, 1], &weights)));
        graph.extend(bytes(5, &floats("per_pitch", &[], &[0.01])));
        graph.extend(bytes(5, &floats("fifty", &[], &[50.0])));
        graph.extend(bytes(5, &floats("half", &[], &[0.5])));
        graph.extend(bytes(5, &floats("minus_thirty", &[], &[-30.0])));
        graph.extend(bytes(5, &floats("million", &[], &[1e6])));
        graph.extend(bytes(5, &floats("sixty_six", &[], &[66.0])));
        graph.extend(bytes(5, &floats("nothing", &[1], &[0.0])));
        if let Sound::EndlessAt(pitch) = self.sound {
            graph.extend(bytes(5, &floats("endless_pitch", &[], &[f32::from(pitch)])));
        }
        graph.extend(bytes(5, &integers("beyond", &[9])));
        // All bits set is -1: as many as there are.
        graph.extend(bytes(5, &integers("column", &[u64::MAX, 1])));
        let inside = if self.one_note_inside { 1 } else { u64::MAX };
        graph.extend(bytes(5, &integers("one_value", &[inside, 1, 1, 1])));
        graph.extend(bytes(5, &integers("image_shape", &[1, 2, self.frames, 1024])));
        let notes = if self.takes_batches { OPEN } else { 1 };
        graph.extend(bytes(11, &outlet(self.latent_name, FLOAT, &[notes, self.latent_size])));
        graph.extend(bytes(11, &outlet("pitch", self.pitch_type, &[notes])));
        graph.extend(bytes(12, &outlet("spectrogram", FLOAT, &[notes, 2, self.frames, 1024])));
        graph.extend(&self.more_graph);

        let mut model = [number(1, 8), bytes(7, &graph), bytes(8, &number(2, OPSET))].concat();
        if let Some(manifest) = &self.manifest {
            model.extend(metadata("timbrel", &manifest.to_string()));
        }
        model.extend(&self.more_model);
        model
    }

    fn nodes(&self) -> Vec<Vec<u8>> {
        let mut nodes = vec![
            cast("pitch", "pitches", FLOAT),
            node("Reshape", &["pitches", "column"], "pitch_number", ""),
            node("Mul", &["pitch_number", "per_pitch"], "pitch_part", ""),
            node("MatMul", &[self.latent_name, "weights"], "latent_part", ""),
            node("Add", &["latent_part", "pitch_part"], "base", ""),
            node("Tanh", &["base"], "even", ""),
            // Negative at pitch 50 only, where its root is no number.
            node("Sub", &["pitch_number", "fifty"], "from_fifty", ""),
            node("Mul", &["from_fifty", "from_fifty"], "squared", ""),
            node("Sub", &["squared", "half"], "negative_at_fifty", ""),
            node("Sqrt", &["negative_at_fifty"], "root", ""),
            node("Sub", &["root", "root"], "zero_but_at_fifty", ""),
            node("Log", &["minus_thirty"], "no_number", ""),
        ];
        if self.sound == Sound::FailsAt66 {
            // An index that is beyond its table at that pitch alone.
            nodes.push(node("Equal", &["pitch_number", "sixty_six"], "is_sixty_six", ""));
            nodes.push(cast("is_sixty_six", "one_at_sixty_six", INT64));
            nodes.push(node("Mul", &["one_at_sixty_six", "beyond"], "index", ""));
            nodes.push(node("Gather", &["nothing", "index"], "failure", ""));
        }
        if let Sound::EndlessAt(_) = self.sound {
            // A loop whose condition stays as it is. One note of a run is enough for it.
            nodes.push(node("Equal", &["pitch_number", "endless_pitch"], "is_endless", ""));
            nodes.push(cast("is_endless", "one_where_endless", FLOAT));
            let keeps_no_dims = [bytes(1, b"keepdims"), number(3, 0), number(20, 2)].concat();
            let any = node("ReduceMax", &["one_where_endless"], "one_if_endless", "");
            nodes.push([any, bytes(5, &keeps_no_dims)].concat());
            nodes.push(cast("one_if_endless", "goes_on", BOOL));
            let body = [bytes(1, b"body"), bytes(6, &idle_loop()), number(20, 5)].concat();
            nodes.push([node("Loop", &["", "goes_on", "even"], "looped", ""), bytes(5, &body)].concat());
            nodes.push(node("Sub", &["looped", "even"], "nothing_in_the_end", ""));
        }
        let (operator, operand) = match self.sound {
            Sound::Even => ("Identity", None),
            Sound::NoNumberAt50 => ("Add", Some("zero_but_at_fifty")),
            Sound::NoNumber => ("Add", Some("no_number")),
            Sound::Silent => ("Add", Some("minus_thirty")),
            Sound::TooLoud => ("Add", Some("million")),
            Sound::Other => ("Add", Some("half")),
            Sound::FailsAt66 => ("Add", Some("failure")),
            Sound::EndlessAt(_) => ("Add", Some("nothing_in_the_end")),
        };
        let inputs: Vec<&str> = std::iter::once("even").chain(operand).collect();
        nodes.push(node(operator, &inputs, "value", ""));
        nodes.push(node("Reshape", &["value", "one_value"], "shaped", ""));
        nodes.push(node("Expand", &["shaped", "image_shape"], "spectrogram", ""));
        nodes
    }
}

/// The body of a loop that passes its condition and its one value on.
fn idle_loop() -> Vec<u8> {
    // Of the value the type alone is told, since its shape is that of what comes in.
    let value = |name: &str| [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &number(1, FLOAT)))].concat();
    let fields = [
        bytes(1, &node("Identity", &["condition"], "next_condition", "")),
        bytes(1, &node("Identity", &["value_in"], "value_out", "")),
        bytes(2, b"idle_loop"),
        bytes(11, &outlet("iteration", INT64, &[])),
        bytes(11, &outlet("condition", BOOL, &[])),
        bytes(11, &value("value_in")),
        bytes(12, &outlet("next_condition", BOOL, &[])),
        bytes(12, &value("value_out")),
    ];
    fields.concat()
}

/// A folder that goes away with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("timbrel-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl std::ops::Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A leftover in the temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
