//! Paths as other systems write them.

use std::fs;
use std::path::{Path, PathBuf};

/// The file of a relative path, whichever way its slashes lean and whether or not its letters are of the right case.
pub fn find(folder: &Path, relative: &str) -> Option<PathBuf> {
    let relative = relative.trim().replace('\\', "/");
    let mut path = if relative.starts_with('/') { PathBuf::from("/") } else { folder.to_path_buf() };
    for part in relative.split('/').filter(|part| !part.is_empty() && *part != ".") {
        path = step(&path, part)?;
    }
    path.is_file().then_some(path)
}

fn step(folder: &Path, name: &str) -> Option<PathBuf> {
    let exact = folder.join(name);
    if exact.exists() {
        return Some(exact);
    }
    // A folder without a name is the one where the command runs.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let wanted = name.to_lowercase();
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().to_lowercase() == wanted)
        .map(|entry| entry.path())
        .collect();
    // Two that differ by case alone: the same one on every run.
    found.sort();
    found.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_and_case_do_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("Samples/Low")).unwrap();
        fs::write(folder.path().join("Samples/Low/C#4.WAV"), "").unwrap();
        let expected = Some(folder.path().join("Samples/Low/C#4.WAV"));
        for relative in ["Samples/Low/C#4.WAV", "samples\\LOW\\c#4.wav", ".\\samples/low//c#4.wav "] {
            assert_eq!(find(folder.path(), relative), expected, "{relative}");
        }
        assert_eq!(find(&folder.path().join("Samples/Low"), "../low/c#4.wav").map(|path| path.is_file()), Some(true));
        for relative in ["samples/low", "samples/low/d4.wav", "", "/samples/low/c#4.wav"] {
            assert_eq!(find(folder.path(), relative), None, "{relative}");
        }
    }
}
