//! What is missing or broken around the built plugin: it says so, stands nowhere still, and its host lives.
//!
//! The surroundings are set by the environment, so each of these hosts is a process of its own: this program again.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use timbrel_host::measure::{db, rms};
use timbrel_host::{Activation, Event, Plugin};

/// A folder that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("timbrel-fault-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A leftover in the temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An ignored test of this file in a process of its own.
fn host(test: &str, variables: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--ignored", "--nocapture"]).envs(variables.iter().copied());
    command.output().unwrap()
}

fn check(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{:?} {said}\n{complained}", output.status);
}

#[test]
fn without_its_model_or_its_runtime_a_bounce_stands_nowhere_still_and_its_host_is_told() {
    let scratch = Scratch::new("missing");
    let nowhere = scratch.0.join("nowhere");
    check(&host("child_bounces_in_vain", &[("TIMBREL_MODEL", &nowhere)]));
    check(&host("child_bounces_in_vain", &[("TIMBREL_ORT_LIB", &nowhere)]));
}

#[test]
fn a_runtime_that_was_cut_short_ends_no_host() {
    let scratch = Scratch::new("cut");
    let runtime = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/runtime")).unwrap().flatten();
    let runtime =
        runtime.map(|entry| entry.path()).find(|path| path.to_string_lossy().contains("onnxruntime")).unwrap();
    let whole = std::fs::read(runtime).unwrap();
    let cut = scratch.0.join("libonnxruntime.so");
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    check(&host("child_bounces_in_vain", &[("TIMBREL_ORT_LIB", &cut)]));
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_bounces_in_vain() {
    let mut plugin = Plugin::load(&timbrel_host::bundle().unwrap()).unwrap();
    plugin.set_offline(true).unwrap();
    plugin.activate(Activation::default()).unwrap();
    let strokes: Vec<_> = (0..40).map(|n| Event::on(40 + n as u8).at(n * 1_000)).collect();
    let told = plugin.play(&strokes, 1.0).expect_err("the host is told").to_string();
    assert!(told.contains("failed"), "{told}");
    // It says so whenever a key is struck, and a state can be saved all the same.
    assert!(plugin.play(&[Event::on(60).at(0)], 0.1).is_err());
    assert!(plugin.play(&[], 0.1).is_ok());
    let state = plugin.save().unwrap();
    plugin.restore(&state).unwrap();
}

#[test]
fn with_a_home_that_cannot_be_written_it_plays_and_keeps_its_session() {
    let scratch = Scratch::new("home");
    // A file in the place of the folder: permissions would not stop a superuser.
    let home = scratch.0.join("home");
    std::fs::write(&home, "a file").unwrap();
    let nothing = Path::new("");
    let variables = [
        ("HOME", home.as_path()),
        ("TIMBREL_CACHE", nothing),
        ("XDG_CONFIG_HOME", nothing),
        ("XDG_CACHE_HOME", nothing),
    ];
    check(&host("child_plays", &variables));
    assert_eq!(std::fs::read_to_string(&home).unwrap(), "a file");
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_plays() {
    let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
    let audio = plugin.play(&[Event::on(60).at(0)], 0.5).unwrap();
    assert!(db(rms(&audio.left)) > -60.0);
    let state = plugin.save().unwrap();
    plugin.restore(&state).unwrap();
    assert!(db(rms(&plugin.play(&[Event::on(60).at(0)], 0.5).unwrap().left)) > -60.0);
}

#[test]
fn a_value_that_is_no_number_is_mended_before_it_can_be_saved() {
    let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
    let names = ["Timbre 1", "Timbre 8", "Character", "Attack", "Sustain", "Release", "Tune", "Gain"];
    let params = names.map(|name| plugin.param(name).unwrap());
    let nonsense: Vec<_> =
        params.iter().map(|&param| Event::Set { param, value: f64::NAN }.at(0)).chain([Event::on(60).at(0)]).collect();
    plugin.play(&nonsense, 0.1).unwrap();
    let audio = plugin.play(&[Event::on(60).at(0)], 0.5).unwrap();
    assert!(audio.is_finite() && db(rms(&audio.left)) > -60.0);
    let state = plugin.save().unwrap();
    plugin.restore(&state).expect("what was saved can be loaded");
    assert!(plugin.play(&[Event::on(60).at(0)], 0.5).unwrap().is_finite());
}

/// A disk of so few bytes that nothing but an empty folder has room on it. Only a superuser, or one in a space of his own, can
/// make it.
#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_it_plays_keeps_its_session_and_leaves_no_torn_file() {
    let scratch = Scratch::new("full");
    let in_space = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--map-root-user", "sh", "-euc"]);
        let mount = "mount -t tmpfs -o size=64k,nr_inodes=32 none \"$HOME\"";
        command.arg(format!("{mount}; {script}")).env("HOME", &scratch.0).env("TIMBREL_CACHE", "");
        command.env("XDG_CONFIG_HOME", "").env("XDG_CACHE_HOME", "").env("XDG_DATA_HOME", "");
        command
    };
    if !in_space("true").output().is_ok_and(|output| output.status.success()) {
        eprintln!("this machine lets no test make a disk of its own, so none was full");
        return;
    }
    let program = std::env::current_exe().unwrap();
    let fill = "head -c 1000000 /dev/zero > \"$HOME/fill\" 2> /dev/null || true";
    let left = "find \"$HOME\" -type f ! -name fill -size +0 -print";
    let play = format!("'{}' child_plays --exact --ignored --nocapture", program.display());
    let output = in_space(&format!("{fill}; {play}; {left}")).output().unwrap();
    check(&output);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!said.lines().any(|line| line.starts_with(&*scratch.0.to_string_lossy())), "{said}");
}

/// In a host, an editor that cannot be opened must not take the session with it.
#[cfg(target_os = "linux")]
#[test]
fn without_a_display_or_opengl_no_editor_opens_and_the_sound_goes_on() {
    use timbrel_host::Display;

    check(&host("child_opens_no_editor", &[("DISPLAY", Path::new("")), ("WAYLAND_DISPLAY", Path::new(""))]));
    // The same host opens it where it can be opened, and one that has no driver to draw with does not.
    let display = Display::new().unwrap();
    check(&host("child_opens_its_editor", &[("DISPLAY", Path::new(display.name()))]));
    let nowhere = Path::new("/nowhere");
    let variables = [
        ("DISPLAY", Path::new(display.name())),
        ("LIBGL_DRIVERS_PATH", nowhere),
        ("LIBGL_ALWAYS_SOFTWARE", Path::new("1")),
    ];
    check(&host("child_opens_no_editor", &variables));
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "runs in a process of its own"]
fn child_opens_no_editor() {
    let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
    let display = std::env::var("DISPLAY").unwrap_or_default();
    let parent = timbrel_host::display::root(&display).unwrap_or(1);
    for _ in 0..3 {
        assert!(plugin.open_editor(parent).is_err(), "an editor was opened on {display:?}");
        let audio = plugin.play(&[Event::on(60).at(0)], 0.2).unwrap();
        assert!(db(rms(&audio.left)) > -60.0);
    }
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "runs in a process of its own"]
fn child_opens_its_editor() {
    let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
    let parent = timbrel_host::display::root(&std::env::var("DISPLAY").unwrap()).unwrap();
    for _ in 0..3 {
        plugin.open_editor(parent).unwrap();
        let audio = plugin.play(&[Event::on(60).at(0)], 0.2).unwrap();
        assert!(db(rms(&audio.left)) > -60.0);
        plugin.close_editor();
    }
}
