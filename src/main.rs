//! The program `timbrel`: the standalone app, and the headless use on the command line.

#![cfg_attr(not(test), warn(clippy::unwrap_used, reason = "a panic would be the host's or the user's"))]

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
