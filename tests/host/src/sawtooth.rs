//! A full-band model made by hand: `if-linear` images of a sawtooth of the key's pitch, computed by an ONNX graph of a few
//! operators. It stands in for a trained model wherever the sound must be known.

use std::f32::consts::{LN_2, PI};

use crate::onnx::{FLOAT, INT64, bytes, cast, floats, integers, metadata, node, number, outlet};

/// Sizes of the images, as in the manifest.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub sample_rate: u32,
    pub n_fft: usize,
    pub frames: usize,
    pub bins: usize,
}

/// Those of the full-band default model: 20 kHz at 48 kHz.
pub const FULL_BAND: Sizes = Sizes { sample_rate: 48_000, n_fft: 6_144, frames: 128, bins: 2_560 };

/// No partial lies above, in hertz.
pub const TOP_HZ: f32 = 18_000.0;

/// Amplitude of the fundamental; partial n has the n-th part of it, and less where the latent's first number is greater.
pub const AMPLITUDE: f32 = 0.1;

/// Seconds after which the note dies away.
const HELD_SECONDS: f32 = 3.0;

/// Natural logarithm of a magnitude that is silence.
const SILENCE: f32 = -13.8;

const LATENT: usize = 16;

/// The bytes of the model's file. `more` are outputs beside the image: name and values.
pub fn model(name: &str, sizes: Sizes, more: &[(&str, &[f32])]) -> Vec<u8> {
    let Sizes { sample_rate, n_fft, frames, bins } = sizes;
    let (rate, n) = (sample_rate as f32, n_fft as f32);
    let (frames_u, bins_u) = (frames as u64, bins as u64);
    let bin_hz = rate / n;
    let hop = n_fft / 4;
    let pad_left = (frames - 1) * hop + n_fft - 4 * sample_rate as usize;

    let mut graph = Vec::new();
    for node in nodes() {
        graph.extend(bytes(1, &node));
    }
    graph.extend(bytes(2, b"sawtooth"));
    let mut constant = |name: &str, dims: &[u64], values: &[f32]| graph.extend(bytes(5, &floats(name, dims, values)));
    let numbers: Vec<f32> = (1..=bins).map(|bin| bin as f32).collect();
    constant("bin", &[1, bins_u], &numbers);
    constant("octaves", &[], &[LN_2 / 12.0]);
    constant("a4", &[], &[(440.0 / bin_hz).ln() - 69.0 * LN_2 / 12.0]);
    constant("top", &[], &[TOP_HZ / bin_hz]);
    constant("one", &[], &[1.0]);
    constant("half", &[], &[0.5]);
    constant("quarter", &[], &[0.25]);
    constant("two", &[], &[2.0]);
    constant("pi", &[], &[PI]);
    // No bin lies just at a partial, where the formula would divide nothing by nothing.
    constant("beside", &[], &[1.3e-3]);
    constant("loudness", &[], &[AMPLITUDE * n / 4.0]);
    constant("floor", &[], &[1e-6]);
    constant("silence", &[], &[SILENCE]);
    let mut weights = [0.0; LATENT];
    weights[0] = 0.15;
    constant("weights", &[LATENT as u64, 1], &weights);
    let seconds = |frame: usize| ((frame * hop + n_fft / 2) as f32 - pad_left as f32) / rate;
    let fade_s = n / rate / 2.0;
    let envelope: Vec<f32> = (0..frames)
        .map(|frame| {
            let from_start = (seconds(frame) + fade_s).max(0.0) / (2.0 * fade_s);
            let begin = if from_start >= 1.0 { 0.0 } else { 2.0 * (from_start + 1e-9).ln() };
            begin.max(-20.0) - 12.0 * (seconds(frame) - HELD_SECONDS).max(0.0)
        })
        .collect();
    constant("envelope", &[frames_u, 1], &envelope);
    let is_first: Vec<f32> = (0..frames).map(|frame| f32::from(u8::from(frame == 0))).collect();
    constant("is_first", &[frames_u, 1], &is_first);
    for (name, values) in more {
        constant(&format!("{name}_values"), &[1, values.len() as u64], values);
    }
    graph.extend(bytes(5, &integers("column", &[1, 1])));
    graph.extend(bytes(5, &integers("channel", &[1, 1, frames_u, bins_u])));
    for (name, _) in more {
        graph.extend(bytes(1, &node("Identity", &[&format!("{name}_values")], name, "")));
    }
    graph.extend(bytes(11, &outlet("latent", FLOAT, &[1, LATENT as u64])));
    graph.extend(bytes(11, &outlet("pitch", INT64, &[1])));
    graph.extend(bytes(12, &outlet("spectrogram", FLOAT, &[1, 2, frames_u, bins_u])));
    for (name, values) in more {
        graph.extend(bytes(12, &outlet(name, FLOAT, &[1, values.len() as u64])));
    }
    let manifest = format!(
        r#"{{"format": 1, "name": "{name}", "representation": "if-linear", "sample_rate": {sample_rate}, "n_fft": {n_fft},
        "hop": {hop}, "frames": {frames}, "bins": {bins}, "pitch_min": 24, "pitch_max": 84, "latent_size": {LATENT}}}"#
    );
    let opset = number(2, 18);
    [number(1, 8), bytes(7, &graph), bytes(8, &opset), metadata("timbrel", &manifest)].concat()
}

fn nodes() -> Vec<Vec<u8>> {
    let of = |operator: &str, inputs: &[&str], output: &str| node(operator, inputs, output, "");
    // Joins the two channels.
    let axis = [bytes(1, b"axis"), number(3, 1), number(20, 2)].concat();
    let concat = [of("Concat", &["levels", "angles"], "spectrogram"), bytes(5, &axis)].concat();
    vec![
        cast("pitch", "pitches", FLOAT),
        of("Reshape", &["pitches", "column"], "key"),
        of("Mul", &["key", "octaves"], "key_octaves"),
        of("Add", &["key_octaves", "a4"], "log_pitch"),
        // The fundamental in bins, and the nearest partial of each bin.
        of("Exp", &["log_pitch"], "fundamental"),
        of("Div", &["bin", "fundamental"], "ratio"),
        of("Round", &["ratio"], "nearest"),
        of("Div", &["top", "fundamental"], "most_exactly"),
        of("Floor", &["most_exactly"], "most"),
        of("Min", &["nearest", "most"], "below_top"),
        of("Max", &["below_top", "one"], "partial"),
        of("Mul", &["partial", "fundamental"], "place"),
        of("Sub", &["bin", "place"], "distance_exactly"),
        of("Add", &["distance_exactly", "beside"], "distance"),
        // The spectrum of the Hann window: sin(pi d) / (pi d (1 - d^2)).
        of("Mul", &["distance", "pi"], "angle"),
        of("Sin", &["angle"], "sine"),
        of("Div", &["sine", "angle"], "sinc"),
        of("Mul", &["distance", "distance"], "squared"),
        of("Sub", &["one", "squared"], "hann"),
        of("Div", &["sinc", "hann"], "lobe"),
        of("Abs", &["lobe"], "lobe_size"),
        of("Mul", &["lobe_size", "loudness"], "magnitude"),
        of("Add", &["magnitude", "floor"], "magnitude_above_zero"),
        of("Log", &["magnitude_above_zero"], "lobe_level"),
        // Partial n has the n-th part of the fundamental's amplitude, or another power of n.
        of("MatMul", &["latent", "weights"], "darker"),
        of("Add", &["darker", "one"], "slope"),
        of("Log", &["partial"], "log_partial"),
        of("Mul", &["log_partial", "slope"], "fall"),
        of("Sub", &["lobe_level", "fall"], "level_row"),
        of("Add", &["level_row", "envelope"], "level_unbounded"),
        of("Max", &["level_unbounded", "silence"], "level"),
        // A hop is a quarter of the FFT, so that the phase advances by a quarter turn for each bin.
        of("Mul", &["place", "quarter"], "turns"),
        of("Round", &["turns"], "whole_turns"),
        of("Sub", &["turns", "whole_turns"], "advance_turns"),
        of("Mul", &["advance_turns", "two"], "advance"),
        // At the start of a window a bin is half a turn a bin behind its partial, and another half where the lobe is negative.
        of("Sign", &["lobe"], "sign"),
        of("Sub", &["one", "sign"], "twice_turned"),
        of("Mul", &["twice_turned", "half"], "turned"),
        of("Sub", &["turned", "distance"], "phase_unwrapped"),
        of("Mul", &["phase_unwrapped", "half"], "phase_turns"),
        of("Round", &["phase_turns"], "phase_whole_turns"),
        of("Sub", &["phase_turns", "phase_whole_turns"], "phase_wrapped"),
        of("Mul", &["phase_wrapped", "two"], "first_phase"),
        of("Sub", &["first_phase", "advance"], "correction"),
        of("Mul", &["correction", "is_first"], "corrections"),
        of("Add", &["corrections", "advance"], "angle_image"),
        of("Reshape", &["level", "channel"], "levels"),
        of("Reshape", &["angle_image", "channel"], "angles"),
        concat,
    ]
}
