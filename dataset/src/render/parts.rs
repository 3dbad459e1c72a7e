//! Which presets are asked for, and their names in the set.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::Options;
use super::font::FontName;
use super::presets::Preset;
use crate::example::{Family, Instrument, Source};

/// A preset with its place in the set.
pub struct Part {
    pub font: FontName,
    pub preset: &'static Preset,
    pub instrument: Instrument,
}

/// The presets that are asked for. They are numbered as among all of all fonts, so that a choice of them keeps its names.
pub fn parts(options: &Options) -> Result<Vec<Part>> {
    let mut parts = all();
    parts.retain(|part| options.font.contains(&part.font));
    let names: Vec<&str> = parts.iter().map(|part| part.preset.name).collect();
    let is_named = |name: &str| options.presets.iter().any(|part| name.to_lowercase().contains(&part.to_lowercase()));
    parts.retain(|part| {
        let is_source = options.electric || part.preset.source == Source::Acoustic;
        if options.presets.is_empty() { is_source } else { is_named(part.preset.name) }
    });
    if parts.is_empty() {
        bail!("No preset is named {}: there are {}.", options.presets.join(", "), names.join(", "));
    }
    Ok(parts)
}

fn all() -> Vec<Part> {
    let presets = FontName::ALL.into_iter().flat_map(|font| font.presets().iter().map(move |preset| (font, preset)));
    let mut numbers: BTreeMap<(Family, Source), u32> = BTreeMap::new();
    let part = |(id, (font, preset)): (usize, (FontName, &'static Preset))| {
        let next = numbers.entry((preset.family, preset.source)).or_default();
        let number = *next;
        *next += 1;
        let instrument = Instrument { id: id as u64, family: preset.family, source: preset.source, number };
        Part { font, preset, instrument }
    };
    presets.enumerate().map(part).collect()
}
