//! Each thing that can go wrong gets its sentence, and the sound that was there goes on.

use std::process::Command;

use super::*;
use crate::files;
use crate::model::handmade::{Folder, Handmade, Sound, bytes, external, node};

/// Plays a good model, loads a bad file over it, and expects the sentence and the old sound.
fn check(write: impl FnOnce(&Folder) -> std::path::PathBuf, expected: &str) {
    let _turn = turn();
    let folder = Folder::new();
    let good = Handmade::named("good").write(&folder, "good.onnx");
    let mut player = Player::playing(good.clone());
    let playing = player.instance.model();
    player.instance.load_model(chosen(write(&folder)));
    player.wait_until("the file is refused", |player| !player.ear.error().is_empty());
    let error = player.ear.error();
    assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    assert!(error.ends_with('.') && !error.contains('\n'), "no sentence: {error:?}");
    assert_eq!(player.generator(), Generator::Ready);
    assert_eq!(player.instance.model(), playing);
    let request = NoteRequest { timbre: timbre(31), key: 61 };
    player.ear.want(timbre(30), &[request]);
    player.wait_for(request);
    // A good model puts the sentence away.
    player.instance.load_model(chosen(good));
    player.wait_until("the sentence goes", |player| player.ear.error().is_empty());
}

fn handmade(handmade: Handmade) -> impl FnOnce(&Folder) -> std::path::PathBuf {
    move |folder| handmade.write(folder, "bad.onnx")
}

#[test]
fn a_text_is_no_model() {
    check(
        |folder| {
            let path = folder.join("bad.onnx");
            std::fs::write(&path, "not a model").unwrap();
            path
        },
        "is not an ONNX model",
    );
}

#[test]
fn a_truncated_model_is_refused() {
    check(
        |folder| {
            let path = folder.join("bad.onnx");
            let whole = Handmade::default().bytes();
            std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
            path
        },
        "cut short",
    );
}

#[test]
fn a_file_that_is_not_there_is_refused() {
    check(|folder| folder.join("nowhere.onnx"), "is not there");
}

#[test]
fn a_model_that_reaches_for_other_files_is_refused() {
    check(handmade(Handmade { more_graph: external("../secret"), ..Handmade::default() }), "in other files");
}

#[test]
fn a_model_with_custom_operators_is_refused() {
    let more_graph = bytes(1, &node("Evil", &[], "out", "evil.ops"));
    check(handmade(Handmade { more_graph, ..Handmade::default() }), "custom operators");
}

#[test]
fn a_model_of_another_contract_is_refused() {
    check(handmade(Handmade { latent_name: "noise", ..Handmade::default() }), "has the inputs noise, pitch");
}

#[test]
fn a_model_that_renders_no_numbers_is_refused() {
    check(handmade(Handmade { sound: Sound::NoNumber, ..Handmade::default() }), "not finite");
}

#[test]
fn a_silent_model_is_refused() {
    check(handmade(Handmade { sound: Sound::Silent, ..Handmade::default() }), "puts out silence");
}

#[test]
fn a_missing_session_model_is_named_and_the_sound_goes_on() {
    let _turn = turn();
    let folder = Folder::new();
    let mut player = Player::playing(Handmade::named("good").write(&folder, "good.onnx"));
    let lost =
        ModelRef { name: "Lost Choir".into(), sha256: "ab".repeat(32), path: folder.join("gone").join("choir.onnx") };
    player.instance.load_model(lost.clone());
    player.wait_until("the model is missed", |player| player.generator() == Generator::Ready);
    let error = player.ear.error();
    assert!(error.contains("\"Lost Choir\" is missing") && error.contains("choir.onnx"), "{error}");
    assert_eq!(player.instance.model(), lost, "the session is not rewritten");
    assert_eq!(player.ear.status().model.lock().name, "good");
}

#[test]
fn a_note_that_is_no_number_is_said_and_the_others_come() {
    let _turn = turn();
    let folder = Folder::new();
    let hole = Handmade { sound: Sound::NoNumberAt50, ..Handmade::named("hole") };
    let mut player = Player::playing(hole.write(&folder, "hole.onnx"));
    player.ear.want(timbre(1), &[]);
    player.wait_until("all other keys are ready", |player| {
        player.ear.hear();
        (24..=84).all(|key| key == 50 || player.ear.state(key) == KeyState::Ready)
    });
    player.wait_until("the sentence is there", |player| !player.ear.error().is_empty());
    assert!(player.ear.error().contains("pitch 50") && player.ear.error().contains("not finite"));
    assert_ne!(player.ear.state(50), KeyState::Ready);
}

#[test]
fn a_panic_of_a_generator_thread_becomes_a_sentence() {
    let _turn = turn();
    let folder = Folder::new();
    let mut player = Player::playing(Handmade::named("good").write(&folder, "good.onnx"));
    player.ear.want(timbre(1), &[NoteRequest { timbre: timbre(PANICKING_SEED), key: 60 }]);
    player.wait_until("the sentence is there", |player| player.ear.error().contains("internal error"));
    let request = NoteRequest { timbre: timbre(2), key: 60 };
    player.ear.want(timbre(1), &[request]);
    player.wait_for(request);
}

/// ONNX Runtime is loaded once a process, so its absence needs a process of its own.
#[test]
fn a_missing_runtime_library_is_said_and_found_when_it_comes() {
    let folder = Folder::new();
    let library = folder.join("libonnxruntime.so");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["worker::tests::failures::child_without_runtime", "--exact", "--ignored", "--nocapture"])
        .env(files::RUNTIME_VARIABLE, &library)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
#[ignore = "runs in a process of its own, started by a_missing_runtime_library_is_said_and_found_when_it_comes"]
fn child_without_runtime() {
    let library = std::path::PathBuf::from(std::env::var_os(files::RUNTIME_VARIABLE).unwrap());
    let mut player = Player::started();
    player.wait_until("it is said", |player| player.generator() == Generator::Unavailable);
    assert!(player.ear.error().contains(files::RUNTIME_VARIABLE), "{}", player.ear.error());
    // A file that is no library is no better.
    std::fs::write(&library, "no library").unwrap();
    player.instance.load_model(ModelRef::default());
    player.wait_until("it is said", |player| player.generator() == Generator::Unavailable);
    assert!(player.ear.error().contains("cannot be loaded"), "{}", player.ear.error());
    let installed = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/runtime");
    let real = std::fs::read_dir(installed).unwrap().flatten().map(|entry| entry.path());
    let real = real.into_iter().find(|path| path.to_string_lossy().contains("onnxruntime")).unwrap();
    let whole = std::fs::read(real).unwrap();
    let mut refused = |content: &[u8]| {
        std::fs::remove_file(&library).unwrap();
        std::fs::write(&library, content).unwrap();
        player.instance.load_model(ModelRef::default());
        player.wait_until("it is said", |player| player.generator() == Generator::Unavailable);
        let error = player.ear.error();
        assert!(error.contains("cannot be loaded") && error.contains("install Timbrel again"), "{error}");
    };
    // One that was cut short, which would end the process once its missing part were touched; and another library.
    if cfg!(target_os = "linux") {
        [64, 4096, whole.len() / 2, whole.len() - 4096].into_iter().for_each(|length| refused(&whole[..length]));
        let other = ["/lib/x86_64-linux-gnu/libm.so.6", "/lib64/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6"];
        other.iter().find_map(|path| std::fs::read(path).ok()).iter().for_each(|other| refused(other));
    }
    // Then somebody installs it.
    std::fs::remove_file(&library).unwrap();
    std::fs::write(&library, &whole).unwrap();
    player.instance.load_model(ModelRef::default());
    player.wait_until("notes can be rendered", |player| player.generator() == Generator::Ready);
    assert_eq!(player.ear.error(), "");
}
