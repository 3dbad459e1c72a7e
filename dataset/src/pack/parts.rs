//! The parts of a pack: tar archives up to a size, with their hashes.
//!
//! Tar and FLAC, so that a pack can be read without this tool.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Tar pads to blocks; a header takes one, the end two.
const BLOCK: u64 = 512;

/// A part as the pack's list has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Part {
    pub file: String,
    pub bytes: u64,
    pub sha256: String,
}

/// Writes entries into one part after the other.
pub struct PartWriter {
    folder: PathBuf,
    max_bytes: u64,
    done: Vec<Part>,
    /// The part that is being written, with its bytes so far.
    current: Option<(tar::Builder<BufWriter<File>>, u64)>,
}

impl PartWriter {
    pub fn new(folder: &Path, max_bytes: u64) -> Self {
        Self { folder: folder.to_path_buf(), max_bytes, done: Vec::new(), current: None }
    }

    /// Adds a file.
    pub fn add(&mut self, name: &str, content: &[u8]) -> Result<()> {
        let bytes = BLOCK + (content.len() as u64).next_multiple_of(BLOCK);
        ensure!(
            bytes + 2 * BLOCK <= self.max_bytes,
            "{name} has {} bytes, more than a part may have: allow larger parts by --part-mib.",
            content.len()
        );
        if self.current.as_ref().is_some_and(|(_, so_far)| so_far + bytes + 2 * BLOCK > self.max_bytes) {
            self.close()?;
        }
        let (builder, so_far) = match &mut self.current {
            Some(current) => current,
            None => {
                let path = self.folder.join(file_name(self.done.len()));
                let file = File::create(&path).with_context(|| format!("{} cannot be written.", path.display()))?;
                self.current.insert((tar::Builder::new(BufWriter::new(file)), 0))
            }
        };
        // The same set gives the same bytes.
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content).context("a part cannot be written: make room there.")?;
        *so_far += bytes;
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        let Some((builder, _)) = self.current.take() else { return Ok(()) };
        builder.into_inner().and_then(|mut file| file.flush()).context("a part cannot be written: make room there.")?;
        let file = file_name(self.done.len());
        let (bytes, sha256) = measure(&self.folder.join(&file))?;
        self.done.push(Part { file, bytes, sha256 });
        Ok(())
    }

    /// Closes the last part.
    pub fn finish(mut self) -> Result<Vec<Part>> {
        self.close()?;
        Ok(self.done)
    }
}

fn file_name(index: usize) -> String {
    format!("part-{index:03}.tar")
}

impl Part {
    /// Opens a part for reading, when it is whole.
    pub fn open(&self, folder: &Path) -> Result<tar::Archive<BufReader<File>>> {
        let path = folder.join(&self.file);
        let remedy = "copy it again from where the pack was made";
        ensure!(path.is_file(), "{} is missing: {remedy}.", path.display());
        let (bytes, sha256) = measure(&path)?;
        if bytes != self.bytes {
            bail!("{} has {bytes} bytes where {} belong: {remedy}.", path.display(), self.bytes);
        }
        ensure!(sha256 == self.sha256, "{} is damaged (its hash is another): {remedy}.", path.display());
        Ok(tar::Archive::new(open(&path)?))
    }
}

/// Length and hash of a file.
fn measure(path: &Path) -> Result<(u64, String)> {
    let mut file = open(path)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut block).with_context(|| format!("{} cannot be read.", path.display()))?;
        if read == 0 {
            break;
        }
        hash.update(&block[..read]);
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((fs::metadata(path)?.len(), sha256))
}

fn open(path: &Path) -> Result<BufReader<File>> {
    Ok(BufReader::new(File::open(path).with_context(|| format!("{} cannot be read.", path.display()))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_is_larger_than_allowed_and_all_entries_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = PartWriter::new(folder.path(), 10_000);
        let contents: Vec<Vec<u8>> = (0..30).map(|i| vec![i as u8; 100 * i]).collect();
        for (i, content) in contents.iter().enumerate() {
            writer.add(&format!("entry-{i:02}"), content).unwrap();
        }
        let error = writer.add("large", &[0; 10_000]).unwrap_err().to_string();
        assert!(error.contains("--part-mib"), "{error}");
        let parts = writer.finish().unwrap();
        assert!(parts.len() > 3);
        let mut found = Vec::new();
        for part in &parts {
            assert!(part.bytes <= 10_000 && part.bytes == fs::metadata(folder.path().join(&part.file)).unwrap().len());
            for entry in part.open(folder.path()).unwrap().entries().unwrap() {
                let mut content = Vec::new();
                entry.unwrap().read_to_end(&mut content).unwrap();
                found.push(content);
            }
        }
        assert_eq!(found, contents);
    }
}
