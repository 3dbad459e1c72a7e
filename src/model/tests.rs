//! What a file must be before anything is handed to ONNX Runtime.

use serde_json::json;
use timbrel_host::sawtooth::{self, FULL_BAND, Sizes};

use super::handmade::{Folder, Handmade, Sound, bytes, external, manifest, metadata, node};
use super::*;

/// The sentence with which a file is refused.
fn refusal(bytes: &[u8]) -> String {
    let folder = Folder::new();
    let path = folder.join("model.onnx");
    std::fs::write(&path, bytes).unwrap();
    let error = Model::read(&path).err().expect("the file must be refused");
    let text = format!("{error:#}");
    assert!(text.starts_with("The model ") && text.ends_with('.') && !text.contains('\n'), "no sentence: {text}");
    assert!(text.contains("model.onnx"), "does not name the file: {text}");
    text
}

fn check(bytes: &[u8], expected: &str) {
    let text = refusal(bytes);
    assert!(text.contains(expected), "{text:?} does not say {expected:?}");
}

#[test]
fn a_whole_model_is_read() {
    let folder = Folder::new();
    let path = Handmade::named("whole").with("author", json!("A\nB")).write(&folder, "whole.onnx");
    let model = Model::read(&path).unwrap();
    assert_eq!(model.manifest.name, "whole");
    assert_eq!(model.manifest.author, "A B", "texts are one line");
    assert_eq!(model.sha256, hash_file(&path).unwrap());
    assert_eq!(format!("{:016x}", model.id.0), model.sha256[..16]);
    assert_eq!(model.reference().path, path);
}

#[test]
fn the_default_model_is_read() {
    let model = Model::read(&crate::files::default_model().unwrap()).unwrap();
    assert_eq!((model.manifest.pitch_min, model.manifest.pitch_max), (24, 84));
    let labels = model.manifest.direction_labels();
    assert_eq!(labels.len(), crate::note::DIRECTIONS);
    assert!(labels.iter().all(|label| !label.is_empty()), "every direction has its name: {labels:?}");
}

#[test]
fn a_model_may_name_sizes_of_its_own_within_the_bounds() {
    let model = |sizes: Sizes| sawtooth::model("sawtooth", sizes, &[]);
    let folder = Folder::new();
    let path = folder.join("sawtooth.onnx");
    std::fs::write(&path, model(FULL_BAND)).unwrap();
    let geometry = Model::read(&path).unwrap().manifest.representation.geometry();
    assert_eq!((geometry.bins, geometry.n_fft, geometry.pad_left, geometry.sample_rate), (2_560, 6_144, 9_216, 48_000));
    check(&model(Sizes { bins: 3_073, ..FULL_BAND }), "names 3073 bins");
    check(&model(Sizes { frames: 140, ..FULL_BAND }), "122 to 130");
    check(&model(Sizes { sample_rate: 49_000, frames: 140, ..FULL_BAND }), "49000 Hz");
}

#[test]
fn a_latent_has_its_place_on_the_map_and_a_program_its_latent() {
    let mut axes = vec![vec![0.0; 16]; 2];
    (axes[0][1], axes[1][2]) = (2.0, -1.0);
    let map = json!({"axes": axes, "offset": [1.0, 0.0], "scale": [4.0, 0.5]});
    let programs = json!([{"program": 40, "vector": vec![0.5; 16]}]);
    let folder = Folder::new();
    let path = Handmade::default().with("map", map).with("programs", programs).write(&folder, "mapped.onnx");
    let manifest = Model::read(&path).unwrap().manifest;
    let map = manifest.map.expect("the map that was written");
    let latent: Vec<f32> = (0..16).map(|i| i as f32).collect();
    assert_eq!(map.position(&latent), [0.25, -4.0]);
    assert_eq!(map.position(&[0.0; 16]), [-0.25, 0.0]);
    // A step along the slopes moves the place by as much as their squares.
    let [across, up] = map.slopes();
    assert_eq!((across[1], up[2]), (0.5, -2.0));
    assert_eq!((manifest.programs[0].program, manifest.programs[0].vector[15]), (40, 0.5));
}

#[test]
fn the_default_model_has_its_named_latents_on_a_map_and_most_programs() {
    let manifest = Model::read(&crate::files::default_model().unwrap()).unwrap().manifest;
    let map = manifest.map.as_ref().expect("a map");
    let places: Vec<[f32; 2]> = manifest.latents.iter().map(|latent| map.position(&latent.vector)).collect();
    assert!(places.iter().flatten().all(|x| x.abs() <= 1.001), "{places:?}");
    let apart = |i: usize| places.iter().map(|place| place[i]).fold(0.0, |most: f32, x| most.max(x.abs()));
    assert!(apart(0) > 0.9 && apart(1) > 0.3, "they fill it");
    assert!(manifest.programs.len() >= 50, "{} programs", manifest.programs.len());
}

#[test]
fn what_is_no_model_is_refused() {
    check(b"", "is empty");
    check(b"This is no model at all, but a text.", "is not an ONNX model");
    check(&[0xff; 4096], "is not an ONNX model");
    check(&[0; 4096], "is not an ONNX model");
    // A file of no operators is a valid protocol buffer.
    check(&bytes(7, b""), "is not an ONNX model");
}

#[test]
fn a_model_cut_short_anywhere_is_refused() {
    let whole = Handmade::default().bytes();
    for len in (1..whole.len()).step_by(7) {
        refusal(&whole[..len]);
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let whole = Handmade::default().bytes();
    for index in 0..whole.len() {
        let mut broken = whole.clone();
        broken[index] ^= 0xff;
        // Many of these are still models, with another name or weight; none may do harm.
        let _ = onnx::scan(&broken).map(|scan| scan.manifest.map(Manifest::parse));
    }
}

#[test]
fn missing_files_and_folders_are_refused() {
    let folder = Folder::new();
    let missing = format!("{:#}", Model::read(&folder.join("nowhere.onnx")).err().unwrap());
    assert!(missing.contains("is not there"), "{missing}");
    let no_file = format!("{:#}", Model::read(&folder).err().unwrap());
    assert!(no_file.contains("is not a file"), "{no_file}");
}

#[test]
fn a_huge_file_is_refused_unread() {
    let folder = Folder::new();
    let path = folder.join("huge.onnx");
    // A sparse file: it takes no room on the disk.
    std::fs::File::create(&path).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
    let error = format!("{:#}", Model::read(&path).err().unwrap());
    assert!(error.contains("1024 MB is the most"), "{error}");
}

#[test]
fn files_that_reach_beyond_themselves_are_refused() {
    let with_graph = |more_graph| Handmade { more_graph, ..Handmade::default() }.bytes();
    check(&with_graph(external("../../secret")), "keeps its weights in other files");
    check(&with_graph(bytes(1, &node("Evil", &[], "out", "evil.ops"))), "custom operators (\"evil.ops\")");
    check(&with_graph(bytes(1, &node("Loop", &[], "out", ""))), "could run for ever");
    // A function of the file's own is no custom operator, unless it only lends its name to a built-in one.
    let with_function = |domain: &str| {
        let function = [bytes(1, b"Twice"), bytes(7, &node("Add", &["x", "x"], "y", "")), bytes(10, domain.as_bytes())];
        let more_graph = bytes(1, &node("Twice", &["pitch"], "twice", domain));
        Handmade { more_graph, more_model: bytes(25, &function.concat()), ..Handmade::default() }.bytes()
    };
    assert!(onnx::scan(&with_function("own.functions")).is_ok());
    check(&with_function("com.microsoft"), "custom operators (\"com.microsoft\")");
    // The same, hidden in the graph of an attribute and in a function.
    let inner = [bytes(1, &node("Loop", &[], "out", "")), external("elsewhere")].concat();
    let hidden = [node("If", &["condition"], "out", ""), bytes(5, &bytes(6, &inner))].concat();
    check(&with_graph(bytes(1, &hidden)), "keeps its weights in other files");
    let function = [bytes(7, &node("Scan", &[], "out", "")), bytes(10, b"own")].concat();
    check(&Handmade { more_model: bytes(25, &function), ..Handmade::default() }.bytes(), "could run for ever");
}

#[test]
fn graphs_nested_without_end_are_refused() {
    let mut graph = bytes(1, &node("Identity", &["x"], "y", ""));
    for _ in 0..2000 {
        graph = bytes(1, &[node("If", &["x"], "y", ""), bytes(5, &bytes(6, &graph))].concat());
    }
    check(&Handmade { more_graph: graph, ..Handmade::default() }.bytes(), "is not an ONNX model");
}

#[test]
fn a_model_needs_its_manifest() {
    check(&Handmade { manifest: None, ..Handmade::default() }.bytes(), "has no Timbrel manifest");
    let foreign = Handmade { manifest: None, more_model: metadata("other", "{}"), ..Handmade::default() };
    check(&foreign.bytes(), "has no Timbrel manifest");
    let no_json = Handmade { manifest: None, more_model: metadata("timbrel", "{"), ..Handmade::default() };
    check(&no_json.bytes(), "has a manifest that cannot be read");
}

#[test]
fn each_field_of_the_manifest_is_bounded() {
    let with = |field, value| Handmade::default().with(field, value).bytes();
    check(&with("format", json!(2)), "newer Timbrel");
    check(&with("format", json!(0)), "never was");
    check(&with("format", json!("one")), "cannot be read");
    check(&with("representation", json!("cepstrum")), "no spectral representation named");
    check(&with("frames", json!(64)), "names other sizes");
    check(&with("sample_rate", json!(44100)), "names other sizes");
    check(&with("pitch_max", json!(128)), "MIDI notes");
    check(&with("pitch_max", json!(300)), "cannot be read");
    check(&with("pitch_min", json!(85)), "the lower one first");
    check(&with("latent_size", json!(0)), "must have 1 to");
    check(&with("latent_size", json!(1_000_000_000)), "must have 1 to");
    check(&with("mean", json!([1.0])), "has a mean of 1 numbers");
    check(&with("mean", json!(vec![1e9; 16])), "which no latent has");
    check(&with("mean", json!(vec![1e300; 16])), "which no latent has");
    let direction = |vector: Vec<f32>, scale: f64| json!([{"name": "a", "vector": vector, "scale": scale}]);
    check(&with("directions", direction(vec![1.0; 8], 1.0)), "direction 1 of 8 numbers");
    check(&with("directions", direction(vec![0.0; 16], 1.0)), "direction 1 of zeros only");
    check(&with("directions", direction(vec![1.0; 16], 1e30)), "scale is no usable number");
    check(&with("directions", json!(vec![direction(vec![1.0; 16], 1.0)[0].clone(); 65])), "more than 64 directions");
    check(&with("latents", json!([{"name": "a", "vector": [1.0]}])), "latent 1 of 1 numbers");
    let map = |axis: Vec<f32>, offset: f64, scale: f64| json!({"axes": [axis, vec![1.0; 16]], "offset": [offset, 0.0], "scale": [1.0, scale]});
    check(&with("map", map(vec![1.0; 8], 0.0, 1.0)), "has a map of 8 numbers");
    check(&with("map", map(vec![0.0; 16], 0.0, 1.0)), "map with an axis of zeros only");
    check(&with("map", map(vec![1.0; 16], 1e9, 1.0)), "offset or scale is no usable number");
    check(&with("map", map(vec![1.0; 16], 0.0, 0.0)), "offset or scale is no usable number");
    check(&with("map", json!({"axes": [vec![1.0; 16]], "offset": [0.0, 0.0], "scale": [1.0, 1.0]})), "cannot be read");
    let program = |number: u32, size: usize| json!({"program": number, "vector": vec![1.0; size]});
    check(&with("programs", json!([program(128, 16)])), "General MIDI has 0 to 127");
    check(&with("programs", json!([program(3, 16), program(3, 16)])), "names the program 3 twice");
    check(&with("programs", json!([program(3, 4)])), "program 3 of 4 numbers");
    let huge = "x".repeat(9 << 20);
    check(&with("trained_on", json!(huge)), "8 MB is the most");
}

#[test]
fn long_texts_are_shortened_and_unknown_fields_are_left_alone() {
    let long = "n\u{7}".repeat(1000);
    let folder = Folder::new();
    let path = Handmade::named(&long).with("colour", json!([1, 2, {"deep": true}])).write(&folder, "long.onnx");
    let name = Model::read(&path).unwrap().manifest.name;
    assert_eq!(name.chars().count(), 120);
    assert!(!name.contains('\u{7}'));
}

#[test]
fn info_tells_what_is_in_a_model() {
    let folder = Folder::new();
    let direction = json!([{"name": "bright", "vector": vec![1.0; 16], "scale": 1.5}]);
    let handmade = Handmade::named("told").with("licence", json!("MIT")).with("directions", direction);
    let path = handmade.with("quality", json!({"pitch_cents": 3.25})).write(&folder, "told.onnx");
    let text = info(&path).unwrap();
    let sha256 = hash_file(&path).unwrap();
    for expected in
        ["told", "MIT", "if-mel-hires", "MIDI 24 to 84", "pitch_cents = 3.25", "\"bright\"", &sha256, "passed"]
    {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
}

#[test]
fn models_that_only_a_rendering_finds_out_are_refused() {
    let folder = Folder::new();
    let check = |handmade: Handmade, expected: &str| {
        let path = handmade.write(&folder, "model.onnx");
        let text = format!("{:#}", info(&path).expect_err("the model must be refused"));
        assert!(text.starts_with("The model ") && text.ends_with('.') && !text.contains('\n'), "no sentence: {text}");
        assert!(text.contains(expected), "{text:?} does not say {expected:?}");
    };
    let sound = |sound| Handmade { sound, ..Handmade::default() };
    check(sound(Sound::NoNumber), "not finite");
    check(sound(Sound::Silent), "puts out silence");
    check(sound(Sound::TooLoud), "which no sound has");
    check(Handmade { latent_name: "noise", ..Handmade::default() }, "has the inputs noise, pitch where latent, pitch");
    check(Handmade { latent_size: 32, ..Handmade::default() }, "has a latent of shape [1, 32] where [1, 16] belongs");
    check(Handmade { pitch_type: 6, ..Handmade::default() }, "has a pitch of");
    check(Handmade { frames: 64, ..Handmade::default() }, "has a spectrogram of shape [1, 2, 64, 1024]");
    let unknown = Handmade { more_graph: bytes(1, &node("Unheard", &["pitch"], "x", "")), ..Handmade::default() };
    check(unknown, "is refused by ONNX Runtime");
    let endless = Handmade { more_model: bytes(8, &super::handmade::number(2, 999)), ..Handmade::default() };
    check(endless, "is refused by ONNX Runtime");
}

#[test]
fn a_pitch_range_wider_than_the_generator_is_refused() {
    // The factored generator has a table of 61 pitches, and the file may claim more.
    let folder = Folder::new();
    let classic = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/classic.onnx"));
    let mut file = std::fs::read(classic).unwrap();
    let mut claim = manifest("wide");
    claim["latent_size"] = json!(Model::read(classic).unwrap().manifest.latent_size);
    claim["pitch_max"] = json!(127);
    file.extend(metadata("timbrel", &claim.to_string()));
    let path = folder.join("wide.onnx");
    std::fs::write(&path, file).unwrap();
    let text = format!("{:#}", info(&path).expect_err("the model must be refused"));
    assert!(text.contains("does not pass the test at pitch 127"), "{text}");
}
