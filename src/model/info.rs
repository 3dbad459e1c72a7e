//! The text of `timbrel info FILE`.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;

use super::Model;

/// Reads and checks a model file as the plugin would, the test rendering included, and describes it. The error is the
/// sentence that the editor would show.
pub fn info(path: &Path) -> Result<String> {
    let model = Model::read(path)?;
    crate::worker::try_out(&model)?;
    let mut text = describe(&model);
    for entry in crate::worker::try_devices(model) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {:<15} {}: {}", "device", entry.provider.name(), entry.told());
    }
    Ok(text)
}

fn describe(model: &Model) -> String {
    let manifest = &model.manifest;
    let geometry = manifest.representation.geometry();
    let mut text = format!("{}\n", manifest.name);
    let mut line = |label: &str, value: &str| {
        if !value.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {label:<15} {value}");
        }
    };
    line("file", &model.path.display().to_string());
    line("size", &format!("{:.1} MB, {} operators", model.bytes.len() as f64 / 1e6, model.nodes));
    line("SHA-256", &model.sha256);
    line("author", &manifest.author);
    line("licence", &manifest.licence);
    line("trained on", &manifest.trained_on);
    line("format", &manifest.format.to_string());
    line("representation", manifest.representation.name());
    let seconds = (geometry.frames * geometry.hop) as f64 / f64::from(geometry.sample_rate);
    line(
        "image",
        &format!(
            "{} frames x {} bins, FFT {}, hop {}, {} Hz, {seconds:.1} s",
            geometry.frames, geometry.bins, geometry.n_fft, geometry.hop, geometry.sample_rate
        ),
    );
    line("pitches", &format!("MIDI {} to {}", manifest.pitch_min, manifest.pitch_max));
    line("latent", &format!("{} numbers", manifest.latent_size));
    for (name, figure) in &manifest.quality {
        let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
        let figure: String = figure.to_string().chars().take(200).collect();
        line("quality", &format!("{name} = {figure}"));
    }
    if manifest.directions.is_empty() {
        line("directions", "none named; the first latent dimensions stand in");
    }
    for (index, direction) in manifest.directions.iter().enumerate() {
        line("direction", &format!("{} {:?}, scale {:.3}", index + 1, direction.name, direction.scale));
    }
    for latent in &manifest.latents {
        line("latent", &format!("{:?}", latent.name));
    }
    if manifest.map.is_some() {
        line("map", "latents lie on it by their likeness");
    }
    if !manifest.programs.is_empty() {
        line("programs", &format!("{} of General MIDI", manifest.programs.len()));
    }
    line(
        "checks",
        &format!("passed: contract, and a rendering each of pitch {} and {}", manifest.pitch_min, manifest.pitch_max),
    );
    text
}
