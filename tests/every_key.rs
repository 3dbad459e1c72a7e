//! Every key of the default model at ten seeds: the built plugin plays what the model's own frames hold.
//!
//! The reference is computed here, past the plugin: the model in ONNX Runtime, the published inverse of its image.

use std::path::PathBuf;

use ort::session::Session;
use ort::value::TensorRef;
use timbrel::latent::Latents;
use timbrel::model::Model;
use timbrel::note::Timbre;
use timbrel::spectral::synthesise;
use timbrel_host::measure::{db, equal_temperament, partials, rms};
use timbrel_host::{Activation, At, Event, Plugin};

const SEEDS: [u32; 10] = [0, 1, 2, 3, 17, 404, 1_902, 4_711, 8_710, 9_999];

/// From one stroke to the next, in seconds: a whole note, and time for it to be over.
const SPACING_S: usize = 5;

/// Over this time a note fades in.
const FADE_S: f64 = 0.001;

/// The stretch of a note whose pitch is measured, in seconds.
const MEASURED_S: (f64, f64) = (0.3, 2.3);

/// A stretch softer than this has died away: what is left of it has no pitch to speak of.
const AUDIBLE_DB: f64 = -60.0;

/// The error of a note that is played, as a share of the note. Frames are kept at 16 bits a number (`frames.rs`):
/// magnitude and phase of a bin are each off by some -91 dB of it. The median note is as well off; in some neighbouring bins
/// cancel in part, and what is left is as much less than they are. Noise 83 dB below the note that it comes with is masked
/// by it, and a 16-bit file has as much under a note of -15 dB.
const MOST_ERROR_DB: f64 = -83.0;

/// The largest difference of a sample: a step of 16 bits.
const MOST_DIFFERENCE: f32 = 3.1e-5;

/// The default model, run directly.
struct Reference {
    model: Model,
    latents: Latents,
    session: Session,
}

impl Reference {
    fn new() -> Self {
        let data = timbrel_host::bundled_dir().join("Timbrel.data");
        let library = std::fs::read_dir(&data)
            .unwrap_or_else(|error| panic!("{} ({error}): run `cargo xtask bundle --release` first", data.display()))
            .map(|entry| entry.unwrap().path())
            .find(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with("libonnxruntime") || name == "onnxruntime.dll"
            })
            .expect("the bundle holds ONNX Runtime");
        let model = Model::read(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/default.onnx")).unwrap();
        let environment = ort::init_from(library).unwrap().with_telemetry(false).build().unwrap();
        let builder = Session::builder(&environment).unwrap().with_intra_threads(1).unwrap();
        let session = builder.with_intra_op_spinning(false).unwrap().commit_from_file(&model.path).unwrap();
        let latents = Latents::new(&model.manifest);
        Self { model, latents, session }
    }

    /// The four seconds of a note, at the model's rate.
    fn wave(&mut self, seed: u32, pitch: u8) -> Vec<f32> {
        let latent = self.latents.latent(&Timbre { seed, seed_to: seed, ..Timbre::default() }).unwrap();
        let pitch = [i64::from(pitch)];
        let inputs = ort::inputs![
            "latent" => TensorRef::from_array_view(([1, latent.len()], latent.as_slice())).unwrap(),
            "pitch" => TensorRef::from_array_view(([1], pitch.as_slice())).unwrap(),
        ];
        let outputs = self.session.run(inputs).unwrap();
        let (_, image) = outputs["spectrogram"].try_extract_tensor::<f32>().unwrap();
        synthesise(self.model.manifest.representation, image).unwrap()
    }
}

/// The plugin at a rate, set to play notes at the level of the model and as generated.
fn plugin(rate: f64) -> Plugin {
    let mut plugin = Plugin::load(&timbrel_host::bundle().unwrap()).unwrap();
    let as_generated = [
        ("Sustain Mode", "Natural"),
        ("Width", "0 %"),
        ("Velocity to Brightness", "0 %"),
        ("Vibrato", "0 %"),
        ("Limiter", "Off"),
    ];
    for (name, text) in [("Gain", "0.0 dB"), ("Attack", "0 ms"), ("Sustain", "100 %")].into_iter().chain(as_generated) {
        let param = plugin.param(name).unwrap();
        let value = plugin.value_of(param, text).unwrap();
        plugin.set(param, value).unwrap();
    }
    plugin.set_offline(true).unwrap();
    plugin.activate(Activation { rate, max_block: 512 }).unwrap();
    plugin
}

/// The part of a note, from its stroke on, whose pitch is measured.
fn stretch(wave: &[f32], rate: usize) -> &[f32] {
    let (from, to) = MEASURED_S;
    &wave[(from * rate as f64) as usize..(to * rate as f64) as usize]
}

#[test]
fn every_key_at_ten_seeds_is_what_the_models_frames_hold() {
    let mut reference = Reference::new();
    let (low, high) = (reference.model.manifest.pitch_min, reference.model.manifest.pitch_max);
    let model_rate = reference.model.manifest.representation.geometry().sample_rate as usize;
    let mut at_model_rate = plugin(model_rate as f64);
    let mut at_host_rate = plugin(48_000.0);
    let strokes = |rate: usize| -> Vec<At> {
        (low..=high)
            .enumerate()
            .flat_map(|(n, key)| {
                let start = n * SPACING_S * rate;
                [Event::On { key, velocity: 1.0 }.at(start), Event::off(key).at(start + 4 * rate + rate / 10)]
            })
            .collect()
    };
    let seconds = (usize::from(high - low) + 1) * SPACING_S;
    let (mut worst_difference, mut worst_cents) = (0.0f32, 0.0f64);
    let mut errors_db: Vec<f64> = Vec::new();
    let (mut measured, mut silent) = (0, 0);
    for seed in SEEDS {
        let play = |plugin: &mut Plugin, rate: usize| {
            let param = plugin.param("Seed").unwrap();
            let value = plugin.value_of(param, &seed.to_string()).unwrap();
            let mut events = vec![Event::Set { param, value }.at(0)];
            events.extend(strokes(rate));
            plugin.play(&events, seconds as f64).unwrap().left
        };
        let exact = play(&mut at_model_rate, model_rate);
        let hosted = play(&mut at_host_rate, 48_000);
        for (n, key) in (low..=high).enumerate() {
            let expected = reference.wave(seed, key);
            let played = &exact[n * SPACING_S * model_rate..][..expected.len()];
            // The plugin fades a note in where the inverse begins in the middle of its first windows.
            let faded = (FADE_S * model_rate as f64) as usize;
            let error: Vec<f32> = expected.iter().zip(played).skip(faded).map(|(a, b)| a - b).collect();
            let loudest = error.iter().fold(0.0f32, |loudest, error| loudest.max(error.abs()));
            assert!(loudest < MOST_DIFFERENCE, "seed {seed}, key {key}: off by {loudest}");
            worst_difference = worst_difference.max(loudest);
            let error_db = db(rms(&error)) - db(rms(&expected));
            assert!(error_db < MOST_ERROR_DB, "seed {seed}, key {key}: an error {error_db:.1} dB of the note");
            errors_db.push(error_db);
            if db(rms(stretch(&expected, model_rate))) < AUDIBLE_DB {
                silent += 1;
                continue;
            }
            // The median over the partials may jump from one to another; each partial may not.
            let partials =
                |wave: &[f32], rate: usize| partials(stretch(wave, rate), rate as f64, equal_temperament(key.into()));
            let heard = partials(&hosted[n * SPACING_S * 48_000..], 48_000);
            let own = partials(&expected, model_rate).into_iter().max_by(|a, b| a.magnitude.total_cmp(&b.magnitude));
            let Some(own) = own else { continue };
            let Some(heard) = heard.iter().find(|partial| partial.number == own.number) else {
                panic!("seed {seed}, key {key}: partial {} is the model's strongest, and missing", own.number)
            };
            let cents = (heard.cents - own.cents).abs();
            assert!(
                cents < 3.0,
                "seed {seed}, key {key}: partial {} at {} cents, not {}",
                own.number,
                heard.cents,
                own.cents
            );
            worst_cents = worst_cents.max(cents);
            measured += 1;
        }
    }
    errors_db.sort_by(f64::total_cmp);
    let (median_db, worst_db) = (errors_db[errors_db.len() / 2], errors_db[errors_db.len() - 1]);
    let notes = SEEDS.len() * (usize::from(high - low) + 1);
    println!(
        "{notes} notes, {silent} of them short: within {worst_difference:.1e} of the offline inverse, an error of \
         {median_db:.1} dB, {worst_db:.1} at most; pitch of {measured} within {worst_cents:.2} cents"
    );
    let sounding = notes - silent;
    assert!(sounding * 10 > notes * 7, "only {sounding} of {notes} notes sound for more than a moment");
    assert!(measured * 10 > sounding * 9, "the pitch of {measured} of {sounding} notes could be measured");
}
