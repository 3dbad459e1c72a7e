//! The program `timbrel`: the standalone app, and the headless use on the command line.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("timbrel: {error:#}");
            ExitCode::FAILURE
        }
    }
}
