//! All tests: the Rust ones, those through the built CLAP bundle among them, then the VST3 bundle in Python hosts, then the
//! training code.
//!
//! What the runners print is passed through, counted, and summed up in a closing line.

use std::io::{BufRead, BufReader, IsTerminal};
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::bundle;
use crate::setup::{packages, python};
use crate::shell::say;

/// Shorter parts are not listed among the slow ones.
const SLOW: Duration = Duration::from_secs(1);

/// Tests that were run.
#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
struct Tally {
    passed: u64,
    failed: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
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
        packages::install(&[packages::BUILD, packages::DISPLAY, packages::FONTS].concat())
    })?;
    let hosts = costs.time("set-up: Python hosts", python::hosts)?;
    let training = costs.time("set-up: training", python::training)?;
    costs.time("building and bundling the plugin", || bundle::bundle(&["--release".into()]))?;

    let mut tally = cargo_test(&mut costs)?;
    tally.add(costs.time("VST3 in Python hosts", || pytest(&hosts, "tests/python", "VST3 in Python hosts"))?);
    tally.add(costs.time("training", || pytest(&training, "training/tests", "the tests of training"))?);
    costs.print();
    println!("\n{} passed, {} failed", tally.passed, tally.failed);
    Ok(if tally.failed == 0 && tally.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `cargo test` over the workspace. A test program that dies without a result counts as one failed test.
fn cargo_test(costs: &mut Costs) -> Result<Tally> {
    say("Running the Rust tests");
    let mut command = Command::new("cargo");
    command.args(["test", "--release", "--workspace", "--no-fail-fast"]);
    if std::io::stdout().is_terminal() {
        command.args(["--color", "always"]);
    }
    let mut tally = Tally::default();
    let mut part = "building the tests".to_string();
    let mut since = Instant::now();
    let mut unfinished = 0;
    let status = pass_through(&mut command, |line| {
        if let Some(program) = started_program(line) {
            costs.0.push((std::mem::replace(&mut part, program), since.elapsed()));
            since = Instant::now();
            unfinished += 1;
        }
        if let Some(result) = cargo_result(line) {
            tally.add(result);
            unfinished -= 1;
        }
    })?;
    costs.0.push((part, since.elapsed()));
    tally.failed += u64::try_from(unfinished).unwrap_or(0);
    if !status.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// Runs the Python tests of a folder. A run that ends badly without a result counts as one failed test.
fn pytest(interpreter: &Path, folder: &str, what: &str) -> Result<Tally> {
    say(&format!("Running {what}"));
    let mut command = Command::new(interpreter);
    command.args(["-m", "pytest", folder, "-v", "--durations=5", "-p", "no:cacheprovider"]);
    let mut tally = Tally::default();
    let status = pass_through(&mut command, |line| tally.add(pytest_result(line).unwrap_or_default()))?;
    if !status.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
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

/// `test result: ok. 5 passed; 0 failed; ...`
fn cargo_result(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    Some(Tally { passed: count(counts, "passed")?, failed: count(counts, "failed")? })
}

/// `=== 3 passed, 1 failed, 1 error in 4.20s ===`
fn pytest_result(line: &str) -> Option<Tally> {
    let summary = line.strip_prefix("=")?.trim_matches(['=', ' ']);
    let (counts, _) = summary.rsplit_once(" in ")?;
    let failed = count(counts, "failed").unwrap_or(0) + count(counts, "error").or(count(counts, "errors")).unwrap_or(0);
    Some(Tally { passed: count(counts, "passed").unwrap_or(0), failed })
}

/// The number before a word.
fn count(counts: &str, word: &str) -> Option<u64> {
    counts.split([',', ';']).find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_from_what_the_runners_print() {
        let tally = |passed, failed| Some(Tally { passed, failed });
        let line =
            "test result: \u{1b}[31mFAILED\u{1b}[0m. 12 passed; 3 failed; 1 ignored; 0 measured; finished in 1.2s\n";
        assert_eq!(cargo_result(&plain(line)), tally(12, 3));
        assert_eq!(cargo_result("test result of something else"), None);
        assert_eq!(pytest_result("===== 3 passed, 1 failed, 2 errors in 4.20s ====="), tally(3, 3));
        assert_eq!(pytest_result("===== 1 error in 0.1s ====="), tally(0, 1));
        assert_eq!(pytest_result("===== short test summary info ====="), None);
        let running = "Running unittests src/lib.rs (target/release/deps/timbrel_host-d8000e41b904e899)";
        assert_eq!(started_program(running).as_deref(), Some("timbrel_host: unittests src/lib.rs"));
        assert_eq!(started_program("Running the tests"), None);
    }
}
