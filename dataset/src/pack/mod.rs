//! `pack` and `unpack`: a set in few files that are small enough to travel, without loss.
//!
//! ```text
//! pack.json       the parts with their sizes and hashes
//! part-000.tar    examples.json, split.json, dataset.json, audio/NAME.flac ...
//! part-001.tar    audio/NAME.flac ...
//! ```

mod flac;
mod parts;
mod thin;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::example::{Example, Examples};
use crate::progress;
use crate::set::{self, ABOUT, AUDIO, About, EXAMPLES, SPLIT, SetWriter, read_json, write_json};
use crate::split::{self, Split};
use crate::staging::Staging;
use crate::wav;
use parts::{Part, PartWriter};
use thin::Thinning;

const LIST: &str = "pack.json";
const FORMAT: u32 = 1;

/// So many notes are worked on at a time: enough to keep all processors busy, few enough for any memory.
const BATCH: usize = 256;

#[derive(Args, Debug)]
pub struct PackOptions {
    /// The set.
    pub set: PathBuf,
    /// Folder of the pack.
    #[arg(long)]
    pub out: PathBuf,
    /// No part is larger, in MiB.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..))]
    pub part_mib: u64,
    #[command(flatten)]
    pub thinning: Thinning,
    /// Replace a pack that is there.
    #[arg(long)]
    pub overwrite: bool,
}

#[derive(Args, Debug)]
pub struct UnpackOptions {
    /// Folder of the pack.
    pub pack: PathBuf,
    /// Folder of the set.
    #[arg(long)]
    pub out: PathBuf,
    /// Replace a set that is there.
    #[arg(long)]
    pub overwrite: bool,
}

/// `pack.json`.
#[derive(Serialize, Deserialize)]
struct List {
    format: u32,
    notes: usize,
    parts: Vec<Part>,
}

/// Packs a set.
pub fn pack(options: &PackOptions) -> Result<()> {
    let (examples, split, about) = read_set(options)?;
    let staging = Staging::new(&options.out, LIST, options.overwrite)?;
    let mut writer = PartWriter::new(staging.path(), options.part_mib << 20);
    writer.add(EXAMPLES, &serde_json::to_vec(&examples)?)?;
    writer.add(SPLIT, &serde_json::to_vec(&split)?)?;
    writer.add(ABOUT, &serde_json::to_vec(&about)?)?;

    let progress = progress::bar("Packing", examples.len());
    let names: Vec<&String> = examples.keys().collect();
    for batch in names.chunks(BATCH) {
        let encode = |name: &&String| {
            let flac = flac::encode(&wav::read(&set::wav(&options.set, name))?);
            progress.inc(1);
            flac
        };
        let notes: Vec<Vec<u8>> = batch.par_iter().map(encode).collect::<Result<_>>()?;
        for (name, flac) in batch.iter().zip(&notes) {
            writer.add(&format!("{AUDIO}/{name}.flac"), flac)?;
        }
    }
    let list = List { format: FORMAT, notes: examples.len(), parts: writer.finish()? };
    write_json(&staging.path().join(LIST), &list)?;
    staging.commit()?;
    let mib = list.parts.iter().map(|part| part.bytes).sum::<u64>() as f64 / f64::from(1 << 20);
    println!("{} notes are in {} parts in {}, {mib:.1} MiB.", list.notes, list.parts.len(), options.out.display());
    Ok(())
}

/// Labels, split and origin of what is to be packed. A foreign set may lack the last two.
fn read_set(options: &PackOptions) -> Result<(Examples, Split, About)> {
    let read = |name| options.set.join(name);
    let mut examples: Examples = read_json(&read(EXAMPLES))?;
    let has = |name| read(name).is_file();
    let mut split = if has(SPLIT) { read_json(&read(SPLIT))? } else { Split::new(&examples, split::SEED) };
    let mut about: About = if has(ABOUT) { read_json(&read(ABOUT))? } else { About::default() };
    options.thinning.apply(&mut examples, &mut split);
    ensure!(!examples.is_empty(), "No note of {} is left: ask for other pitches or velocities.", options.set.display());
    if !options.thinning.is_none() {
        about.counts.insert("packed".to_string(), examples.len() as u64);
    }
    if let Some(name) = examples.keys().find(|name| !Example::is_name(name)) {
        anyhow::bail!("The name {name:?} cannot be a file's: correct {EXAMPLES}.");
    }
    Ok((examples, split, about))
}

/// Unpacks a set.
pub fn unpack(options: &UnpackOptions) -> Result<()> {
    let list: List = read_json(&options.pack.join(LIST))
        .with_context(|| format!("{} is no pack: name the folder that holds {LIST}.", options.pack.display()))?;
    ensure!(list.format == FORMAT, "The pack is of format {}, not {FORMAT}: unpack it with a newer tool.", list.format);
    let writer = SetWriter::new(&options.out, options.overwrite)?;
    let progress = progress::bar("Unpacking", list.notes);
    let mut texts = BTreeMap::new();
    let mut unpacked = Vec::new();
    for part in &list.parts {
        let damaged = || format!("{} cannot be read: pack the set again.", part.file);
        let mut archive = part.open(&options.pack)?;
        let mut entries = archive.entries().with_context(damaged)?.peekable();
        while entries.peek().is_some() {
            let batch: Vec<(String, Vec<u8>)> = entries
                .by_ref()
                .take(BATCH)
                .map(|entry| read_entry(entry?))
                .collect::<Result<_>>()
                .with_context(damaged)?;
            let (notes, others): (Vec<_>, Vec<_>) = batch.into_iter().partition(|(path, _)| note_name(path).is_some());
            texts.extend(others);
            let write = |(path, flac): &(String, Vec<u8>)| {
                let name = note_name(path).ok_or_else(|| anyhow!("{path} is no note."))?;
                let samples = flac::decode(flac).with_context(|| format!("{path} in {} is damaged.", part.file))?;
                wav::write(&writer.wav(name), &samples)?;
                progress.inc(1);
                Ok(name.to_string())
            };
            unpacked.extend(notes.par_iter().map(write).collect::<Result<Vec<_>>>()?);
        }
    }
    let examples: Examples = text(&texts, EXAMPLES)?;
    unpacked.sort();
    ensure!(
        unpacked.iter().eq(examples.keys()),
        "The pack's notes are not those that its labels name: pack the set again."
    );
    writer.finish_with(&examples, &text(&texts, SPLIT)?, &text(&texts, ABOUT)?)?;
    println!("{} notes are in {}.", examples.len(), options.out.display());
    Ok(())
}

fn read_entry(mut entry: tar::Entry<impl Read>) -> Result<(String, Vec<u8>)> {
    let path = entry.path()?.to_string_lossy().into_owned();
    let mut content = Vec::new();
    entry.read_to_end(&mut content)?;
    Ok((path, content))
}

/// The note whose wave an entry holds.
fn note_name(path: &str) -> Option<&str> {
    let name = path.strip_prefix(AUDIO)?.strip_prefix('/')?.strip_suffix(".flac")?;
    Example::is_name(name).then_some(name)
}

fn text<T: serde::de::DeserializeOwned>(texts: &BTreeMap<String, Vec<u8>>, name: &str) -> Result<T> {
    let text = texts.get(name).with_context(|| format!("The pack lacks {name}: pack the set again."))?;
    serde_json::from_slice(text).with_context(|| format!("The pack's {name} cannot be read: pack the set again."))
}
