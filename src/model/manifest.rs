//! What a model says of itself: the JSON manifest in the file's metadata, every field bounded.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::geometry::Geometry;
use crate::note::DIRECTIONS;
use crate::spectral::{IF_LINEAR, Representation};

/// The newest manifest format that this Timbrel reads.
pub const FORMAT: u32 = 1;

/// A manifest of eight directions and a few dozen named latents stays below 1 MB.
const MAX_BYTES: usize = 8 << 20;
const MAX_NAME_CHARS: usize = 120;
const MAX_TEXT_CHARS: usize = 2_000;
const MAX_LATENT_SIZE: usize = 4_096;
const MAX_DIRECTIONS: usize = 64;
const MAX_LATENTS: usize = 1_024;
const MAX_FIGURES: usize = 256;

/// Latents are draws of a normal distribution; nothing beyond this can be a mean or a direction of them.
const MAX_COORDINATE: f32 = 1.0e3;

/// A map that is magnified more than this shows rounding.
const MIN_MAP_SCALE: f32 = 1.0e-6;

/// The manifest of a model.
#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub name: String,
    #[serde(default)]
    pub author: String,
    #[serde(default)]
    pub licence: String,
    #[serde(default)]
    pub trained_on: String,
    /// What an image of the model holds, and its sizes: of `representation_name` and the sizes below, once they are checked.
    #[serde(skip, default = "of_any_sizes")]
    pub representation: Representation,
    #[serde(rename = "representation")]
    representation_name: String,
    sample_rate: u32,
    n_fft: usize,
    hop: usize,
    frames: usize,
    bins: usize,
    /// Lowest and highest MIDI note that the model renders.
    pub pitch_min: u8,
    pub pitch_max: u8,
    pub latent_size: usize,
    /// Figures as measured by the training code, by name.
    #[serde(default)]
    pub quality: BTreeMap<String, serde_json::Value>,
    /// The mean latent; the origin where the manifest names none.
    #[serde(default)]
    pub mean: Vec<f32>,
    /// Named latent directions, the most telling first. The first [`DIRECTIONS`] are the instrument's.
    #[serde(default)]
    pub directions: Vec<Direction>,
    /// A few named latents.
    #[serde(default)]
    pub latents: Vec<NamedLatent>,
    /// Where latents lie on a plane, by how they sound.
    #[serde(default)]
    pub map: Option<Map>,
    /// The latents that stand for programs of General MIDI, each program at most once.
    #[serde(default)]
    pub programs: Vec<Program>,
}

/// Stands in until the sizes are checked.
fn of_any_sizes() -> Representation {
    Representation::IfMelHires
}

/// A direction of the latent space in which the timbre changes.
#[derive(Clone, Debug, Deserialize)]
pub struct Direction {
    pub name: String,
    pub vector: Vec<f32>,
    /// One standard deviation of the latents along the vector.
    pub scale: f32,
}

/// A latent with a name.
#[derive(Clone, Debug, Deserialize)]
pub struct NamedLatent {
    pub name: String,
    pub vector: Vec<f32>,
}

/// A plane on which latents that sound alike lie near one another.
#[derive(Clone, Debug, Deserialize)]
pub struct Map {
    /// Two vectors of the latent's size.
    pub axes: [Vec<f32>; 2],
    pub offset: [f32; 2],
    pub scale: [f32; 2],
}

impl Map {
    /// The place of a latent: (axes . latent - offset) / scale. Named latents lie within -1..1, others may lie farther out.
    pub fn position(&self, latent: &[f32]) -> [f32; 2] {
        let along = |axis: &[f32]| axis.iter().zip(latent).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        std::array::from_fn(|i| ((along(&self.axes[i]) - f64::from(self.offset[i])) / f64::from(self.scale[i])) as f32)
    }

    /// How far each number of a latent moves its place: the vectors [latent size] of the map's own units.
    pub fn slopes(&self) -> [Vec<f32>; 2] {
        std::array::from_fn(|i| self.axes[i].iter().map(|a| a / self.scale[i]).collect())
    }
}

/// A latent that stands for a program of General MIDI level 1.
#[derive(Clone, Debug, Deserialize)]
pub struct Program {
    /// Counted from 0.
    pub program: u8,
    pub vector: Vec<f32>,
}

impl Manifest {
    /// Reads and checks a manifest.
    pub fn parse(json: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        ensure!(json.len() <= MAX_BYTES, "has a manifest of {} MB, and 8 MB is the most", json.len() >> 20);
        // The version goes first: what else a newer manifest holds is unknown.
        let version: Version = serde_json::from_str(json).context("has a manifest that cannot be read")?;
        ensure!(
            version.format <= FORMAT,
            "was made for a newer Timbrel (manifest format {}, and this one reads up to {FORMAT}): update Timbrel",
            version.format
        );
        let mut manifest: Self = serde_json::from_str(json).context("has a manifest that cannot be read")?;
        manifest.representation = manifest.checked_representation()?;
        manifest.check()?;
        manifest.tidy();
        Ok(manifest)
    }

    fn checked_representation(&self) -> Result<Representation> {
        let Self { sample_rate, n_fft, hop, frames, bins, .. } = *self;
        if self.representation_name == IF_LINEAR {
            return Ok(Representation::IfLinear(Geometry::named(sample_rate, n_fft, hop, frames, bins)?));
        }
        let published: Representation =
            self.representation_name.parse().context("has a manifest that cannot be read")?;
        let real = published.geometry();
        ensure!(
            (frames, bins, hop, n_fft, sample_rate) == (real.frames, real.bins, real.hop, real.n_fft, real.sample_rate),
            "names other sizes than its representation {published} has: {} frames x {} bins, hop {}, FFT {}, {} Hz are right",
            real.frames,
            real.bins,
            real.hop,
            real.n_fft,
            real.sample_rate
        );
        Ok(published)
    }

    fn check(&self) -> Result<()> {
        ensure!(self.format >= 1, "has a manifest of format 0, which never was");
        ensure!(
            self.pitch_min <= self.pitch_max && self.pitch_max <= 127,
            "names the pitch range {} to {}; MIDI notes go from 0 to 127, the lower one first",
            self.pitch_min,
            self.pitch_max
        );
        ensure!(
            (1..=MAX_LATENT_SIZE).contains(&self.latent_size),
            "names a latent of {} numbers; it must have 1 to {MAX_LATENT_SIZE}",
            self.latent_size
        );
        ensure!(self.directions.len() <= MAX_DIRECTIONS, "names more than {MAX_DIRECTIONS} directions");
        ensure!(self.latents.len() <= MAX_LATENTS, "names more than {MAX_LATENTS} latents");
        ensure!(self.quality.len() <= MAX_FIGURES, "names more than {MAX_FIGURES} quality figures");
        if !self.mean.is_empty() {
            self.check_vector("mean", &self.mean)?;
        }
        for (index, direction) in self.directions.iter().enumerate() {
            let what = format!("direction {}", index + 1);
            self.check_vector(&what, &direction.vector)?;
            ensure!(direction.vector.iter().any(|x| *x != 0.0), "has a {what} of zeros only");
            ensure!(
                direction.scale.is_finite() && direction.scale.abs() <= MAX_COORDINATE,
                "has a {what} whose scale is no usable number"
            );
        }
        for (index, latent) in self.latents.iter().enumerate() {
            self.check_vector(&format!("latent {}", index + 1), &latent.vector)?;
        }
        if let Some(map) = &self.map {
            self.check_map(map)?;
        }
        for (index, Program { program, vector }) in self.programs.iter().enumerate() {
            ensure!(*program <= 127, "names the program {program}; General MIDI has 0 to 127");
            ensure!(
                self.programs[..index].iter().all(|other| other.program != *program),
                "names the program {program} twice"
            );
            self.check_vector(&format!("program {program}"), vector)?;
        }
        Ok(())
    }

    fn check_map(&self, map: &Map) -> Result<()> {
        for axis in &map.axes {
            self.check_vector("map", axis)?;
            ensure!(axis.iter().any(|x| *x != 0.0), "has a map with an axis of zeros only");
        }
        let is_number = |x: &f32| x.is_finite() && x.abs() <= MAX_COORDINATE;
        let is_scale = |x: &f32| is_number(x) && *x >= MIN_MAP_SCALE;
        ensure!(
            map.offset.iter().all(is_number) && map.scale.iter().all(is_scale),
            "has a map whose offset or scale is no usable number"
        );
        Ok(())
    }

    fn check_vector(&self, what: &str, vector: &[f32]) -> Result<()> {
        ensure!(
            vector.len() == self.latent_size,
            "has a {what} of {} numbers where its latent has {}",
            vector.len(),
            self.latent_size
        );
        if let Some(wrong) = vector.iter().find(|x| !(x.is_finite() && x.abs() <= MAX_COORDINATE)) {
            bail!("has a {what} with the number {wrong}, which no latent has");
        }
        Ok(())
    }

    /// Texts come from a foreign file and go on the screen: one line each, of bounded length.
    fn tidy(&mut self) {
        shorten(&mut self.name, MAX_NAME_CHARS);
        if self.name.is_empty() {
            self.name = "unnamed".into();
        }
        for text in [&mut self.author, &mut self.licence, &mut self.trained_on] {
            shorten(text, MAX_TEXT_CHARS);
        }
        let names = self.directions.iter_mut().map(|direction| &mut direction.name);
        for name in names.chain(self.latents.iter_mut().map(|latent| &mut latent.name)) {
            shorten(name, MAX_NAME_CHARS);
        }
    }

    /// A label for each of the instrument's directions; empty where the model names none.
    pub fn direction_labels(&self) -> Vec<String> {
        (0..DIRECTIONS).map(|i| self.directions.get(i).map(|d| d.name.clone()).unwrap_or_default()).collect()
    }
}

fn shorten(text: &mut String, max_chars: usize) {
    let one_line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    *text = one_line.trim().chars().take(max_chars).collect();
}
