//! Speeds: every figure beside a reference that is measured in the same run. Builds what is measured, runs each part in a
//! process of its own, prints its tables, and puts them into `benches/RESULTS.md`.

mod report;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::bundle::{self, Build};
use crate::setup::{packages, python};
use crate::shell::{output, run, say, target_dir, workspace};

/// One part, by its name on the command line; the order is that of the report.
pub const PARTS: [&str; 6] = ["note", "keyboard", "audio", "loading", "wavenet", "gpu"];

/// What is run where no part is named; `gpu` wants a machine that has one.
const BY_DEFAULT: usize = 5;

/// Runs the parts that are named, or all.
pub fn bench(arguments: &[String]) -> Result<()> {
    let wanted = |part: &&&str| match arguments {
        [] => PARTS[..BY_DEFAULT].contains(part),
        named => named.iter().any(|name| name == **part),
    };
    let parts: Vec<&str> = PARTS.iter().filter(wanted).copied().collect();
    let place = Place::set_up(&parts)?;
    for part in parts {
        say(&format!("Measuring: {part}"));
        let table = place.measure(part)?;
        print!("\n{table}\n");
        report::put(Path::new(report::PATH), part, &machine(), &table)?;
    }
    Ok(())
}

/// What the parts need.
struct Place {
    /// The program of `benches/compare`, where a part is its.
    compare: Option<PathBuf>,
    /// The training code's interpreter, where a part needs it.
    python: Option<PathBuf>,
    models: PathBuf,
}

impl Place {
    fn set_up(parts: &[&str]) -> Result<Self> {
        let needs = |names: &[&str]| parts.iter().any(|part| names.contains(part));
        let models = target_dir().join("bench");
        let mut place = Self { compare: None, python: None, models };
        if needs(&["note", "keyboard", "wavenet", "gpu"]) {
            packages::install(packages::BUILD)?;
            place.python = Some(python::training()?);
        }
        if needs(&["audio", "loading"]) {
            packages::install(packages::SYNTHESISER)?;
        }
        if needs(&["note", "keyboard", "audio", "loading"]) {
            packages::install(packages::BUILD)?;
            bundle::bundle(&Build::release(None))?;
            place.compare = Some(build()?);
        }
        if needs(&["note", "keyboard"]) {
            say("Exporting the paper's generator, plainly and as Timbrel does");
            let mut command = place.script("paper.py")?;
            run(command.arg(&place.models).arg("assets/default.onnx"), "see what Python says above")?;
        }
        Ok(place)
    }

    fn script(&self, name: &str) -> Result<Command> {
        let mut command = Command::new(self.python.as_ref().context("there is no Python environment")?);
        command.arg(Path::new("benches").join(name));
        Ok(command)
    }

    /// Runs a part and returns what it prints. What it says of its progress is passed through.
    fn measure(&self, part: &str) -> Result<String> {
        let mut command = match part {
            "wavenet" => self.script("wavenet.py")?,
            "gpu" => self.script("gpu.py")?,
            _ => {
                let mut command = Command::new(self.compare.as_ref().context("the program was not built")?);
                // The plugin's own paths are right in the bundle; where its library is a part of a program, they are these.
                command.env("TIMBREL_ORT_LIB", target_dir().join("bundled/Timbrel.data"));
                command.env("TIMBREL_MODEL", workspace().join("assets/default.onnx"));
                command.env("TIMBREL_BENCH_MODELS", &self.models);
                command.arg(part);
                command
            }
        };
        let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("{part} cannot be run"))?;
        ensure!(output.status.success(), "{part} could not be measured; what it says stands above");
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
    }
}

/// Builds `benches/compare`, and returns its path.
fn build() -> Result<PathBuf> {
    say("Building what measures");
    let mut command = Command::new("cargo");
    command.args([
        "bench",
        "--package",
        "timbrel",
        "--bench",
        "compare",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ]);
    let built = command.stderr(Stdio::inherit()).output().context("cargo cannot be started")?;
    ensure!(built.status.success(), "benches/compare does not build; what is wrong stands above");
    let text = String::from_utf8_lossy(&built.stdout);
    let program =
        text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()).find_map(|message| {
            (message["target"]["name"] == "compare")
                .then(|| message["executable"].as_str().map(PathBuf::from))
                .flatten()
        });
    match program {
        Some(program) => Ok(program),
        None => bail!("cargo built benches/compare but did not say where it is"),
    }
}

/// The machine, the checkout and the day, in a line.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let said = |program: &str, arguments: &[&str]| {
        output(Command::new(program).args(arguments)).map_or("unknown".into(), |text| text.trim().to_string())
    };
    let busy = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let busy = busy.split(' ').next().unwrap_or_default().to_string();
    format!(
        "{}, {cores} cores, {} {}; commit {}, {}. Load when it ended (1 is one busy core; what is measured is in it): {busy}.",
        processor(),
        std::env::consts::OS,
        std::env::consts::ARCH,
        said("git", &["describe", "--always", "--dirty"]),
        said("date", &["+%Y-%m-%d"]),
    )
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name =
        text.lines().find_map(|line| Some(line.strip_prefix("model name")?.split_once(':')?.1.trim().to_string()));
    name.or_else(|| {
        output(Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"])).map(|name| name.trim().into())
    })
    .unwrap_or_else(|| "unknown processor".into())
}
