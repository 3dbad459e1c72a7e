//! The standalone app, as it is ended from outside: with a window on a display of the test's own, and without any.

#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use timbrel_host::Display;

/// Only a hang is stopped by this.
const HANG: Duration = Duration::from_secs(60);

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already where all went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The window of the app on a display, once it is there.
fn window(display: &Display) -> Option<String> {
    let mut command = Command::new("xdotool");
    command.args(["search", "--onlyvisible", "--name", "^Timbrel$"]).env("DISPLAY", display.name());
    let output = command.output().expect("xdotool starts; `cargo xtask test` installs it");
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
}

/// The app, with the checkout's runtime library and model, and settings of its own.
struct App {
    process: Process,
    home: PathBuf,
}

impl App {
    fn start(name: &str, display: Option<&Display>) -> Self {
        let home = std::env::temp_dir().join(format!("timbrel-app-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_timbrel"));
        command.args(["--backend", "dummy"]).env("HOME", &home);
        command.env_remove("XDG_CONFIG_HOME").env_remove("XDG_DATA_HOME").env_remove("DISPLAY");
        command.env("TIMBREL_ORT_LIB", checkout.join("target/runtime/libonnxruntime.so.1.31.1"));
        command.env("TIMBREL_MODEL", checkout.join("assets/default.onnx"));
        command.envs(display.map(|display| ("DISPLAY", display.name())));
        let process = Process(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        Self { process, home }
    }

    fn wait_until(&mut self, what: &str, holds: impl Fn(&mut Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < HANG, "it never came that {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The names of its threads.
    fn threads(&self) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.0.id())).into_iter().flatten().flatten();
        tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok()).collect()
    }

    fn wait_until_it_renders(&mut self) {
        self.wait_until("it renders", |app| app.threads().iter().any(|name| name.starts_with("timbrel-gen")));
    }

    fn send(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.0.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    fn end(mut self) -> ExitStatus {
        self.wait_until("it ends", |app| app.process.0.try_wait().unwrap().is_some());
        self.process.0.wait().unwrap()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // A leftover in the temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

#[test]
fn a_signal_closes_the_window_and_ends_the_app_with_all_its_threads() {
    let display = Display::new().unwrap();
    for signal in ["-TERM", "-INT", "-HUP"] {
        let mut app = App::start(&signal[1..], Some(&display));
        app.wait_until("its window opens", |_| window(&display).is_some());
        app.wait_until_it_renders();
        app.send(signal);
        // One that the signal itself had ended would have no code.
        assert_eq!(app.end().code(), Some(0), "{signal}");
        assert_eq!(window(&display), None);
    }
}

#[test]
fn a_window_that_is_hidden_is_no_hindrance() {
    let display = Display::new().unwrap();
    let mut app = App::start("hidden", Some(&display));
    app.wait_until("its window opens", |_| window(&display).is_some());
    let window = window(&display).unwrap();
    let hidden =
        Command::new("xdotool").args(["windowunmap", "--sync", &window]).env("DISPLAY", display.name()).status();
    assert!(hidden.unwrap().success());
    app.send("-TERM");
    app.end();
}

#[test]
fn without_a_display_a_signal_ends_the_app_as_well() {
    let mut app = App::start("headless", None);
    app.wait_until_it_renders();
    app.send("-TERM");
    assert!(app.end().code().is_some(), "it ended by itself");
}
