//! A display without a screen, for editors: Xvfb.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use x11rb::connection::Connection;

/// A display that ends with its value.
pub struct Display {
    name: String,
    server: Child,
}

impl Display {
    /// Starts a display that knows OpenGL.
    ///
    /// # Errors
    /// When Xvfb is not installed or does not start.
    pub fn new() -> Result<Self> {
        let mut command = Command::new("Xvfb");
        // A server that resets itself when its last client leaves would turn away one that comes meanwhile.
        command.args(["-displayfd", "1", "-screen", "0", "1280x900x24", "+extension", "GLX", "-noreset"]);
        let started = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut server = started.context("Xvfb does not start: `cargo xtask test` installs it")?;
        let mut number = String::new();
        let output = server.stdout.take().context("Xvfb has no output")?;
        BufReader::new(output).read_line(&mut number).context("Xvfb names no display")?;
        Ok(Self { name: format!(":{}", number.trim()), server })
    }

    /// What `DISPLAY` is to be.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The window that all others of a display are in.
///
/// # Errors
/// When there is no such display.
pub fn root(name: &str) -> Result<u32> {
    let (connection, screen) = x11rb::connect(Some(name)).context("the display does not answer")?;
    Ok(connection.setup().roots[screen].root)
}

impl Drop for Display {
    fn drop(&mut self) {
        // It has ended already where somebody else ended it.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
