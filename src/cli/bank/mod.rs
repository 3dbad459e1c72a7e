//! `timbrel bank`: makes the factory bank of presets from its recipes and the default model.
//!
//! Each preset plays a phrase through the whole instrument. Its gain is set so that all are equally loud, and what was measured is
//! printed, so that a name can be held against the sound, and a sound against its neighbours.

mod measure;
mod recipes;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use timbrel::held::{Held, Point};
use timbrel::latent::Atlas;
use timbrel::model::{Manifest, Model};
use timbrel::params::TimbrelParams;
use timbrel::preset::{MadeWith, Preset};

use super::controls::Controls;
use super::player::{self, Player};
use super::programs::NAMES;
use measure::{Measures, RATE, SECONDS, listen};
use recipes::{RECIPES, Recipe, Source};

/// Loudness of every preset's phrase, in LUFS: so that the chord of the most percussive one still fits below full scale.
const LUFS: f64 = -26.0;

/// Presets that sound more alike than this, in dB, are one too many.
const LEAST_DISTANCE_DB: f32 = 2.0;

/// No two presets may be farther apart, in LU, and none farther from the bank's loudness than half of it.
const WIDEST_LU: f64 = 1.0;

/// Highest peak of a phrase, in dB of full scale.
const HIGHEST_PEAK_DB: f32 = -0.1;

#[derive(Args)]
pub struct Arguments {
    /// The bank's file, which is written over.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Makes the bank, and prints what was measured.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut player = Player::new(RATE);
    let status = player.status();
    let statuses = player.statuses();
    player::heed_interruptions();
    player.start(None)?;
    let model = status.model.lock().clone();
    let atlas = model.atlas.clone().context("the model has no latent space")?;
    let manifest = Model::read(&model.path)?.manifest;
    let made_with = MadeWith { name: model.name.clone(), sha256: String::new() };
    let samples = 2 * RECIPES.len() as u64 * player.sample_at(SECONDS);
    let made = player::watch(&statuses, samples, |progress| {
        let mut made: Vec<(Preset, Measures)> = Vec::new();
        for recipe in RECIPES {
            let controls = Controls::new(&status);
            recipe.set(&controls, &atlas, &manifest).with_context(|| format!("the preset \"{}\"", recipe.name))?;
            controls.set_text("gain", "0")?;
            let loudness = listen(&mut player, controls.settings(), progress)?.loudness;
            controls.set_text("gain", &format!("{:.1}", LUFS - loudness))?;
            let measures = listen(&mut player, controls.settings(), progress)?;
            made.push((recipe.preset(controls.params(), made_with.clone()), measures));
        }
        Ok(made)
    })?;
    print(&made);
    check(&made)?;
    write(&arguments.out, &made)
}

impl Recipe {
    fn set(&self, controls: &Controls, atlas: &Atlas, manifest: &Manifest) -> Result<()> {
        for (id, text) in self.course.settings().iter().chain(self.more) {
            controls.set_text(id, text)?;
        }
        for (name, value) in self.directions {
            let labels = manifest.direction_labels();
            let index = labels.iter().position(|label| label == name);
            let index = index.ok_or_else(|| anyhow!("the model has no direction \"{name}\" among its first eight"))?;
            controls.set_text(&format!("timbre_{}", index + 1), &format!("{value}"))?;
        }
        let named = |name: &str| -> Result<&[f32]> {
            let own = atlas.named().iter().find(|named| named.name == name).map(|named| &named.latent);
            let of_program = || {
                let number = NAMES.iter().position(|known| *known == name)?;
                let program = manifest.programs.iter().find(|program| usize::from(program.program) == number)?;
                Some(&program.vector)
            };
            own.or_else(of_program).map(Vec::as_slice).ok_or_else(|| anyhow!("the model names no sound \"{name}\""))
        };
        let point = |name: &str, latent: Vec<f32>| Point { name: name.to_owned(), latent, at: None };
        let mut held = Held { seed: controls.params().seed.value(), ..Held::default() };
        match self.from {
            Source::Named(name) => held.point = Some(point(self.name, named(name)?.to_vec())),
            Source::Between(one, other, percent) => {
                let latent = atlas.between(named(one)?, named(other)?, f64::from(percent) / 100.0);
                held.point = Some(point(self.name, latent));
            }
            Source::Pad(names, x, y) => {
                let corners =
                    names.iter().map(|name| Ok(point(name, named(name)?.to_vec()))).collect::<Result<Vec<_>>>()?;
                held.corners = corners.try_into().ok();
                controls.set_text("pad", "On")?;
                controls.set_text("pad_x", &format!("{x} %"))?;
                controls.set_text("pad_y", &format!("{y} %"))?;
            }
        }
        controls.params().session.holding().set(held.into());
        Ok(())
    }

    fn preset(&self, params: &TimbrelParams, model: MadeWith) -> Preset {
        let tags = self.tags.iter().map(|tag| (*tag).to_owned()).collect();
        let mut preset = Preset::of(params, self.name, tags, model);
        preset.author = "Timbrel".to_owned();
        preset
    }
}

fn print(made: &[(Preset, Measures)]) {
    println!("{:<18} {:>6} {:>6} {:>7} {:>6} {:>7}  nearest", "preset", "LUFS", "peak", "bright", "rise", "falls");
    for (index, (preset, own)) in made.iter().enumerate() {
        let others = made.iter().enumerate().filter(|(other, _)| *other != index);
        let nearest = others.map(|(_, (other, measures))| (own.distance(measures), &other.name));
        let nearest = nearest.min_by(|a, b| a.0.total_cmp(&b.0));
        let nearest = nearest.map_or_else(String::new, |(way, name)| format!("{way:.1} dB {name}"));
        println!(
            "{:<18} {:>6.2} {:>6.1} {:>7.2} {:>6.0} {:>7.1}  {nearest}",
            preset.name,
            own.loudness,
            own.peak_db,
            own.brightness(),
            own.rise_ms,
            own.fall_db
        );
    }
}

/// Refuses a bank that is not what it is to be.
fn check(made: &[(Preset, Measures)]) -> Result<()> {
    ensure!(made.len() >= 60, "there are only {} presets", made.len());
    let loudness = || made.iter().map(|(_, measures)| measures.loudness);
    let (softest, loudest) = (loudness().fold(f64::MAX, f64::min), loudness().fold(f64::MIN, f64::max));
    println!("{} presets, from {softest:.2} to {loudest:.2} LUFS", made.len());
    ensure!(loudest - softest <= WIDEST_LU, "the presets are {:.1} LU apart", loudest - softest);
    for (index, (preset, measures)) in made.iter().enumerate() {
        ensure!(measures.peak_db <= HIGHEST_PEAK_DB, "\"{}\" peaks at {:.1} dB", preset.name, measures.peak_db);
        if made[..index].iter().any(|(other, _)| other.name == preset.name) {
            bail!("two presets are named \"{}\"", preset.name);
        }
        let alike = made[..index].iter().find(|(_, other)| measures.distance(other) < LEAST_DISTANCE_DB);
        if let Some((other, _)) = alike {
            bail!("\"{}\" sounds like \"{}\"", preset.name, other.name);
        }
    }
    Ok(())
}

/// Writes the bank whole, or not at all: a list, one preset a line.
fn write(path: &Path, made: &[(Preset, Measures)]) -> Result<()> {
    let lines = made.iter().map(|(preset, _)| serde_json::to_string(preset)).collect::<Result<Vec<_>, _>>()?;
    let unfinished = path.with_extension("tmp");
    let written = std::fs::File::create(&unfinished).and_then(|mut file| {
        file.write_all(format!("[\n{}\n]\n", lines.join(",\n")).as_bytes())?;
        std::fs::rename(&unfinished, path)
    });
    written.with_context(|| format!("the bank cannot be written to {}", path.display()))
}
