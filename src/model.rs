//! A model file: its contract, its checks.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

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
