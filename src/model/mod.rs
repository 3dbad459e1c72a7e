//! A model file: one ONNX file with a manifest in its metadata, and what must hold before it is trusted.
//!
//! The file comes from anywhere. All that can be checked without running it is checked here, on the bytes that were read;
//! what only ONNX Runtime can tell is checked in `worker::generator`. Each refusal is one sentence.

#[cfg(test)]
pub(crate) mod handmade;
mod general_midi;
mod info;
mod manifest;
mod onnx;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use general_midi::GENERAL_MIDI;
pub use info::info;
pub use manifest::{Manifest, Map, Program};

use crate::note::ModelId;

/// The published generator is 29 MB; a file larger than this is no instrument.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// Which model a session was saved with. The hash decides; name and path help to find it again.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelRef {
    /// Name from the manifest.
    pub name: String,
    /// SHA-256 of the file, hexadecimal; empty for "the default model".
    pub sha256: String,
    /// Where the file was; empty for "the default model".
    pub path: PathBuf,
}

impl ModelRef {
    /// Whether this stands for the default model, whichever that is.
    pub fn is_default(&self) -> bool {
        self.sha256.is_empty() && self.path.as_os_str().is_empty()
    }

    /// What a user would call it.
    pub fn label(&self) -> String {
        let file = || self.path.file_name().map(|name| name.to_string_lossy().into_owned());
        let shown = if self.name.is_empty() { file().unwrap_or_default() } else { self.name.clone() };
        let shown: String = shown.chars().filter(|c| !c.is_control()).take(120).collect();
        if shown.is_empty() { "default".into() } else { shown }
    }
}

/// A model file that was read and passed all checks that need no ONNX Runtime.
pub struct Model {
    pub path: PathBuf,
    pub sha256: String,
    pub id: ModelId,
    pub manifest: Manifest,
    /// The file as it was checked. Sessions are made from these bytes, so that a file which changes on the disk meanwhile
    /// neither escapes the checks nor changes the sound.
    pub bytes: Vec<u8>,
    /// Tells whether the file on the disk is still the one that was read.
    pub stamp: Stamp,
    /// Operators in the graph.
    pub nodes: usize,
}

/// Length and time of change of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self { len: metadata.len(), modified: metadata.modified().ok() })
    }
}

impl Model {
    /// Reads and checks a file. The error is a sentence that names the file.
    pub fn read(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let bytes = read_bounded(&path)?;
        Self::from_bytes(path.clone(), bytes).map_err(|error| sentence(&path, &error))
    }

    pub(crate) fn from_bytes(path: PathBuf, bytes: Vec<u8>) -> Result<Self> {
        let stamp = Stamp::of(&path).unwrap_or(Stamp { len: bytes.len() as u64, modified: None });
        let scan = onnx::scan(&bytes)?;
        let nodes = scan.nodes;
        let manifest = scan.manifest.with_context(|| {
            format!(
                "has no Timbrel manifest (metadata key {:?}): export it with Timbrel's training code",
                onnx::MANIFEST_KEY
            )
        })?;
        let manifest = Manifest::parse(manifest)?;
        let digest = Sha256::digest(&bytes);
        let (id, sha256) = identity(&digest);
        Ok(Self { path, sha256, id, manifest, bytes, stamp, nodes })
    }

    /// The reference that a session keeps.
    pub fn reference(&self) -> ModelRef {
        ModelRef { name: self.manifest.name.clone(), sha256: self.sha256.clone(), path: self.path.clone() }
    }
}

/// Makes the one sentence about a file out of an error whose chain begins with a verb.
pub fn sentence(path: &Path, error: &anyhow::Error) -> anyhow::Error {
    anyhow!("The model {} {error:#}.", path.display())
}

fn read_bounded(path: &Path) -> Result<Vec<u8>> {
    let refuse = |why: String| sentence(path, &anyhow!(why));
    let metadata = std::fs::metadata(path).map_err(|error| {
        refuse(match error.kind() {
            std::io::ErrorKind::NotFound => "is not there: check the path, or choose another file".into(),
            _ => format!("cannot be opened ({error}): check its permissions"),
        })
    })?;
    ensure!(metadata.is_file(), refuse("is not a file: choose an .onnx file".into()));
    ensure!(
        metadata.len() <= MAX_FILE_BYTES,
        refuse(format!("is {} MB, and 1024 MB is the most: choose a smaller one", metadata.len() >> 20))
    );
    let file = std::fs::File::open(path)
        .map_err(|error| refuse(format!("cannot be opened ({error}): check its permissions")))?;
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    // The file may have grown since, so the bound holds while reading, too.
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| refuse(format!("cannot be read ({error}): copy it to another place")))?;
    ensure!(bytes.len() as u64 <= MAX_FILE_BYTES, refuse("is larger than 1024 MB: choose a smaller one".into()));
    ensure!(!bytes.is_empty(), refuse("is empty: copy or download it again".into()));
    Ok(bytes)
}

/// SHA-256 of a file, hexadecimal, without keeping its bytes.
pub fn hash_file(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?.take(MAX_FILE_BYTES);
    let mut hasher = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        match file.read(&mut block)? {
            0 => break,
            len => hasher.update(&block[..len]),
        }
    }
    Ok(identity(&hasher.finalize()).1)
}

fn identity(digest: &[u8]) -> (ModelId, String) {
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    // Zero stands for "no model"; one file in 2^64 would have it.
    let id = ModelId(u64::from_be_bytes(first).max(1));
    (id, digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
