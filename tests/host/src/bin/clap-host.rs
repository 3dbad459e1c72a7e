//! Finds a CLAP plugin by its name where the system keeps plugins, plays a note through it, and says how it sounded:
//! `clap-host Timbrel`.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use timbrel_host::measure::{db, equal_temperament, pitch_error_cents};
use timbrel_host::{Activation, Event, Plugin};

const KEY: u8 = 69;

fn main() -> Result<()> {
    let name = std::env::args().nth(1).context("usage: clap-host NAME")?;
    let path = find(&name)?;
    let mut plugin = Plugin::load(&path)?;
    plugin.set_offline(true)?;
    plugin.activate(Activation { rate: 48_000.0, max_block: 512 })?;
    let audio = plugin.play(&[Event::on(KEY).at(0), Event::off(KEY).at(48_000)], 1.5)?;
    let peak_db = db(audio.peak().into());
    let cents = pitch_error_cents(audio.slice(0.2, 1.0), audio.rate, equal_temperament(KEY.into()));
    let cents = cents.with_context(|| format!("{} plays no A4", path.display()))?;
    ensure!(peak_db > -40.0 && cents.abs() < 50.0, "{}: {peak_db:.1} dB, {cents:.1} cents off", path.display());
    println!("CLAP: {}, peak {peak_db:.1} dB, {cents:+.1} cents", path.display());
    Ok(())
}

/// The folders that the CLAP specification names for Linux, those of the variable first.
fn find(name: &str) -> Result<PathBuf> {
    let own = std::env::var_os("CLAP_PATH")
        .map(|paths| std::env::split_paths(&paths).collect::<Vec<_>>())
        .unwrap_or_default();
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".clap"));
    let folders = own.into_iter().chain(home).chain(["/usr/lib/clap".into()]);
    let mut files = folders.map(|folder| folder.join(name).with_extension("clap"));
    files.find(|file| file.exists()).with_context(|| format!("no folder of plugins has a {name}.clap"))
}
