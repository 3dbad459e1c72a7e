//! All tests: a look at the sources, then the Rust tests, those through the built CLAP bundle among them, then the VST3 bundle in
//! Python hosts, then the package in a clean Debian, then the training code.
//!
//! What the runners print is passed through, counted, and summed up at the end, with the names of the tests that failed.

use std::io::{BufRead, BufReader, IsTerminal};
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::bundle::{self, Build};
use crate::lint;
use crate::package::{self, clean_root};
use crate::setup::{packages, python};
use crate::shell::{run, say, target_dir};
use crate::target::Target;

/// Shorter parts are not listed among the slow ones.
const SLOW: Duration = Duration::from_secs(1);

/// Tests that were run.
#[derive(Default, Clone, PartialEq, Eq, Debug)]
struct Tally {
    passed: u64,
    /// The names of those that failed.
    failed: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
    }

    /// Of one thing that went well or did not.
    fn of(name: &str, result: Result<()>) -> Self {
        match result {
            Ok(()) => Self { passed: 1, failed: Vec::new() },
            Err(error) => {
                eprintln!("error: {error:#}");
                Self { passed: 0, failed: vec![name.to_string()] }
            }
        }
    }

    /// Where a run ended badly and no test is known to have failed, the run itself has.
    fn of_run(mut self, run: &str, status: ExitStatus) -> Self {
        if !status.success() && self.failed.is_empty() {
            self.failed.push(format!("{run} ({status})"));
        }
        self
    }
}

/// What each part cost, in order.
#[derive(Default)]
struct Costs(Vec<(String, Duration)>);

impl Costs {
    fn time<T>(&mut self, part: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let result = work();
        self.0.push((part.to_string(), start.elapsed()));
        result
    }

    fn print(&self) {
        println!("\nWhat took a second or more:");
        for (part, duration) in self.0.iter().filter(|(_, duration)| *duration >= SLOW) {
            println!("{:>8.1} s  {part}", duration.as_secs_f64());
        }
    }
}

/// Runs everything; the exit code tells whether all passed.
pub fn test() -> Result<ExitCode> {
    let mut costs = Costs::default();
    costs.time("set-up: system packages", || {
        let needed = [packages::BUILD, packages::DISPLAY, packages::FONTS, packages::WORKSTATION];
        packages::install(&needed.concat())
    })?;
    let hosts = costs.time("set-up: Python hosts", python::hosts)?;
    let training = costs.time("set-up: training", python::training)?;
    costs.time("building and bundling the plugin", || bundle::bundle(&Build::release(None)))?;

    let mut tally = Tally::default();
    for (name, check) in lint::CHECKS {
        say(&format!("Looking: {name}"));
        tally.add(costs.time(name, || Ok(Tally::of(name, check())))?);
    }
    tally.add(cargo_test(&mut costs)?);
    tally.add(costs.time("VST3 in Python hosts", || pytest(&hosts, "tests/python", "VST3 in Python hosts"))?);
    tally.add(costs.time("package in a clean root", || package(&hosts))?);
    tally.add(costs.time("training", || pytest(&training, "training/tests", "the tests of training"))?);
    costs.print();
    if !tally.failed.is_empty() {
        println!("\nWhat failed:");
        tally.failed.iter().for_each(|name| println!("    {name}"));
    }
    println!("\n{} passed, {} failed", tally.passed, tally.failed.len());
    Ok(if tally.failed.is_empty() && tally.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Only [`package`], of the bundles as they are.
pub fn package_alone() -> Result<ExitCode> {
    packages::install(packages::BUILD)?;
    bundle::bundle(&Build::release(None))?;
    let failed = package(&python::hosts()?)?.failed;
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes the packages of the bundles, and proves the one for Debian.
fn package(hosts: &Path) -> Result<Tally> {
    let name = "package: installed, found, played and removed in a clean root";
    if !clean_root::is_possible() {
        say("This is no Debian: its package is not tested here");
        return Ok(Tally::default());
    }
    let proof = || -> Result<()> {
        let made = package::of_bundles(Target::of(None)?, None)?;
        let mut build = Command::new("cargo");
        build.args(["build", "--quiet", "--release", "--package", "timbrel-host", "--bin", "clap-host"]);
        run(&mut build, "see what the compiler says above")?;
        let host = target_dir().join("release/clap-host");
        clean_root::prove(clean_root::deb(&made)?, &host, &python::site_packages(hosts)?)
    };
    Ok(Tally::of(name, proof()))
}

/// `cargo test` over the workspace.
fn cargo_test(costs: &mut Costs) -> Result<Tally> {
    say("Running the Rust tests");
    let mut command = Command::new("cargo");
    command.args(["test", "--release", "--workspace", "--no-fail-fast"]);
    if std::io::stdout().is_terminal() {
        command.args(["--color", "always"]);
    }
    let mut part = "building the tests".to_string();
    let mut since = Instant::now();
    let mut listener = CargoListener::default();
    let status = pass_through(&mut command, |line| {
        if let Some(program) = listener.hear(line) {
            costs.0.push((std::mem::replace(&mut part, program), since.elapsed()));
            since = Instant::now();
        }
    })?;
    costs.0.push((part, since.elapsed()));
    Ok(listener.end().of_run("cargo test", status))
}

/// Follows what `cargo test` prints.
#[derive(Default)]
struct CargoListener {
    tally: Tally,
    /// The test program that runs.
    program: Option<String>,
    /// What it has printed last as its result, if it has: before that may come those of processes that its tests have started.
    result: Option<Tally>,
    /// What follows the last headline of failures: their names, where the result comes next.
    listed: Vec<String>,
}

impl CargoListener {
    /// Takes a line in; returns the name of a test program that begins with it.
    fn hear(&mut self, line: &str) -> Option<String> {
        if let Some(program) = started_program(line) {
            self.close();
            self.program = Some(program.clone());
            return Some(program);
        }
        if line == "failures:" {
            self.listed.clear();
        } else if let Some((passed, failed)) = cargo_result(line) {
            let mut names = std::mem::take(&mut self.listed);
            names.retain(|_| failed > 0);
            self.result = Some(Tally { passed, failed: names });
        } else if !line.is_empty() {
            self.listed.push(line.to_string());
        }
        None
    }

    /// Counts the program that has ended. One that died without a result counts as one failed test.
    fn close(&mut self) {
        let Some(program) = self.program.take() else { return };
        let result = self.result.take();
        let mut result =
            result.unwrap_or_else(|| Tally { passed: 0, failed: vec!["it ended without a result".to_string()] });
        result.failed.iter_mut().for_each(|name| *name = format!("{program}: {name}"));
        self.tally.add(result);
        self.listed.clear();
    }

    fn end(mut self) -> Tally {
        self.close();
        self.tally
    }
}

/// Runs the Python tests of a folder.
fn pytest(interpreter: &Path, folder: &str, what: &str) -> Result<Tally> {
    say(&format!("Running {what}"));
    let mut command = Command::new(interpreter);
    command.args(["-m", "pytest", folder, "-v", "--durations=5", "-p", "no:cacheprovider"]);
    let mut tally = Tally::default();
    let status = pass_through(&mut command, |line| {
        tally.passed += pytest_passed(line).unwrap_or(0);
        tally.failed.extend(pytest_failure(line));
    })?;
    Ok(tally.of_run(what, status))
}

/// Runs a program and prints its two outputs as they come, in their order.
fn pass_through(command: &mut Command, mut look: impl FnMut(&str)) -> Result<ExitStatus> {
    let (reader, writer) = std::io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("{:?} cannot be started", command.get_program()))?;
    // The writing ends that this process holds would keep the pipe open for ever.
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        print!("{text}");
        look(&plain(&text));
        line.clear();
    }
    Ok(child.wait()?)
}

/// A line without its colours.
fn plain(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some((before, escape)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = escape.split_once('m').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain.trim().to_string()
}

/// The test program that cargo begins to run: `Running tests/play.rs (...)` or `Doc-tests timbrel`.
fn started_program(line: &str) -> Option<String> {
    if let Some(rest) = line.strip_prefix("Running ") {
        let (source, file) = rest.rsplit_once(" (")?;
        // The file name tells whose unit tests they are: `target/release/deps/timbrel-0123.`
        let program = file.rsplit(['/', '\\']).next()?.rsplit_once('-')?.0;
        return Some(format!("{program}: {source}"));
    }
    line.strip_prefix("Doc-tests ").map(|name| format!("{name}: documentation"))
}

/// What passed and what failed: `test result: ok. 5 passed; 0 failed; ...`
fn cargo_result(line: &str) -> Option<(u64, u64)> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    Some((count(counts, "passed")?, count(counts, "failed")?))
}

/// `=== 3 passed, 1 failed, 1 error in 4.20s ===`
fn pytest_passed(line: &str) -> Option<u64> {
    let summary = line.strip_prefix("=")?.trim_matches(['=', ' ']);
    let (counts, _) = summary.rsplit_once(" in ")?;
    count(counts, "passed")
}

/// A line of the closing list: `FAILED tests/test_it.py::test_it - AssertionError: no`
fn pytest_failure(line: &str) -> Option<String> {
    let rest = line.strip_prefix("FAILED ").or_else(|| line.strip_prefix("ERROR "))?;
    Some(rest.split(" - ").next().unwrap_or(rest).to_string())
}

/// The number before a word.
fn count(counts: &str, word: &str) -> Option<u64> {
    counts.split([',', ';']).find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(lines: &[&str]) -> Tally {
        let mut listener = CargoListener::default();
        lines.iter().for_each(|line| {
            listener.hear(&plain(line));
        });
        listener.end()
    }

    #[test]
    fn failed_tests_are_named_and_programs_that_died_are_too() {
        let tally = listen(&[
            "   Compiling timbrel v0.1.0",
            "     Running unittests src/lib.rs (target/release/deps/timbrel-d8000e41b904e899)",
            "test result: \u{1b}[32mok\u{1b}[0m. 12 passed; 0 failed; 1 ignored; 0 measured; finished in 1.2s\n",
            "     Running tests/play.rs (target/release/deps/play-d8000e41b904e899)",
            "failures:",
            "---- a_note stdout ----",
            "thread 'a_note' panicked",
            "failures:",
            "    a_note",
            "    another",
            "",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored",
            "     Running tests/scan.rs (target/release/deps/scan-d8000e41b904e899)",
            "running 3 tests",
            "   Doc-tests timbrel",
            "test result: ok. 0 passed; 0 failed; 0 ignored",
        ]);
        assert_eq!(tally.passed, 15);
        let (play, scan) = ("play: tests/play.rs", "scan: tests/scan.rs: it ended without a result");
        assert_eq!(tally.failed, [format!("{play}: a_note"), format!("{play}: another"), scan.to_string()]);
    }

    #[test]
    fn a_test_that_runs_another_process_counts_once() {
        let tally = listen(&[
            "     Running unittests src/lib.rs (target/release/deps/timbrel-d8000e41b904e899)",
            "---- parent stdout ----",
            "running 1 test",
            "failures:",
            "    child",
            "test result: FAILED. 0 passed; 1 failed; 0 ignored",
            "failures:",
            "    parent",
            "test result: FAILED. 7 passed; 1 failed; 0 ignored",
        ]);
        assert_eq!(tally, Tally { passed: 7, failed: vec!["timbrel: unittests src/lib.rs: parent".to_string()] });
    }

    #[test]
    fn results_of_python_are_read() {
        assert_eq!(pytest_passed("===== 3 passed, 1 failed, 2 errors in 4.20s ====="), Some(3));
        assert_eq!(pytest_passed("===== short test summary info ====="), None);
        let failure = "FAILED tests/test_it.py::test_it - AssertionError: no";
        assert_eq!(pytest_failure(failure).as_deref(), Some("tests/test_it.py::test_it"));
        assert_eq!(pytest_failure("ERROR tests/test_it.py - no").as_deref(), Some("tests/test_it.py"));
        assert_eq!(pytest_failure("tests/test_it.py::test_it FAILED [ 50%]"), None);
    }

    #[test]
    fn programs_are_known_by_their_names() {
        let running = "Running unittests src/lib.rs (target/release/deps/timbrel_host-d8000e41b904e899)";
        assert_eq!(started_program(running).as_deref(), Some("timbrel_host: unittests src/lib.rs"));
        assert_eq!(started_program("Running the tests"), None);
    }
}
