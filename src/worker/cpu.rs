//! How many threads of the processor render.

/// More threads than this render no faster in proportion, and leave the host's own threads too little.
const MAX_DEFAULT_THREADS: usize = 2;

/// Overrides the number of render threads.
const THREADS_VARIABLE: &str = "TIMBREL_THREADS";

pub fn render_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let asked = std::env::var(THREADS_VARIABLE).ok().and_then(|text| text.trim().parse().ok());
    asked.unwrap_or(cores.min(MAX_DEFAULT_THREADS)).clamp(1, 64)
}

/// What renders where no device does, in words.
pub fn description() -> String {
    let threads = render_threads();
    format!("CPU, {threads} {}", if threads == 1 { "thread" } else { "threads" })
}
