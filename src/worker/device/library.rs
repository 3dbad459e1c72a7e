//! Libraries that the user has put somewhere: looked at before they are loaded.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// Refuses a library that was cut short, as by a full disk or a broken download.
///
/// Linux maps a library without asking how long its file is, and the process ends with a bus error once the missing part
/// is touched: the host would be gone. The loaders of macOS and Windows check this themselves.
pub fn check_whole(path: &Path) -> Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let mut file = std::fs::File::open(path).context("it cannot be read")?;
    let len = file.metadata()?.len();
    let mut header = [0; 64];
    if file.read_exact(&mut header).is_err() || !header.starts_with(b"\x7fELF\x02\x01") {
        bail!("it is no library for this system");
    }
    let field = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
    let short = |at: usize| u64::from(u16::from_le_bytes([header[at], header[at + 1]]));
    // The table of segments (System V ABI, ELF-64): where each lies in the file, and how long it is there.
    let (table, entry_len, entries) = (field(32), short(54), short(56));
    ensure!(table < len, "its file is cut short");
    ensure!(entry_len >= 56, "it is no library for this system");
    file.seek(SeekFrom::Start(table))?;
    let mut segments = vec![0; (entry_len * entries) as usize];
    ensure!(file.read_exact(&mut segments).is_ok(), "its file is cut short");
    for segment in segments.chunks_exact(entry_len as usize) {
        let field = |at: usize| u64::from_le_bytes(segment[at..at + 8].try_into().expect("eight bytes"));
        let end = field(8).checked_add(field(32));
        ensure!(end.is_some_and(|end| end <= len), "its file is cut short");
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::files;
    use crate::model::handmade::Folder;

    #[test]
    fn the_runtime_is_whole_and_every_beginning_of_it_is_not() {
        let runtime = files::runtime_library().unwrap();
        check_whole(&runtime).unwrap();
        let bytes = std::fs::read(&runtime).unwrap();
        let folder = Folder::new();
        let path = folder.join("short.so");
        for len in [0, 10, 63, 64, 200, 4096, bytes.len() / 3, bytes.len() / 2] {
            std::fs::write(&path, &bytes[..len]).unwrap();
            assert!(check_whole(&path).is_err(), "{len} bytes of {}", bytes.len());
        }
    }

    #[test]
    fn a_text_is_no_library() {
        let folder = Folder::new();
        let path = folder.join("text.so");
        std::fs::write(&path, "no library ".repeat(20)).unwrap();
        assert!(check_whole(&path).unwrap_err().to_string().contains("no library"));
        assert!(check_whole(&folder.join("nowhere.so")).is_err());
    }
}
