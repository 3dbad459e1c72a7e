//! For macOS: the tree that an installer puts into place, and the installer where its tool is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::contents::copy;
use crate::shell::{run, say};
use crate::target::Target;

/// What lies in `target/bundled/`, and the folder that it goes to.
const PARTS: [(&str, &str); 3] = [
    ("Timbrel.clap", "Library/Audio/Plug-Ins/CLAP"),
    ("Timbrel.vst3", "Library/Audio/Plug-Ins/VST3"),
    ("Timbrel.app", "Applications"),
];

/// Makes the tree in `folder`, and the installer of it on a Mac.
pub fn make(target: Target, bundled: &Path, notices: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let name = super::name(target);
    let tree = folder.join(&name);
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    for (part, to) in PARTS {
        copy(&bundled.join(part), &tree.join(to).join(part))?;
    }
    let documents = tree.join("Library/Documentation/Timbrel");
    super::add_documents(&documents, notices)?;
    if !cfg!(target_os = "macos") {
        say(&format!(
            "On a Mac, `pkgbuild --root {name} --identifier org.timbrel.Timbrel {name}.pkg` makes the installer"
        ));
        return Ok(Vec::new());
    }
    let file = folder.join(format!("{name}.pkg"));
    let mut build = Command::new("pkgbuild");
    build.arg("--root").arg(&tree).args([
        "--identifier",
        "org.timbrel.Timbrel",
        "--version",
        env!("CARGO_PKG_VERSION"),
    ]);
    run(build.arg(&file), "install Xcode's command line tools")?;
    Ok(vec![file])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bundle_has_its_place() {
        let home = std::env::temp_dir().join(format!("timbrel-macos-{}", std::process::id()));
        for (part, _) in PARTS {
            fs::create_dir_all(home.join("bundled").join(part).join("Contents")).unwrap();
        }
        let target = Target::of(Some("aarch64-apple-darwin")).unwrap();
        make(target, &home.join("bundled"), "notices", &home.join("packages")).unwrap();
        let tree = home.join("packages").join(super::super::name(target));
        for (part, to) in PARTS {
            assert!(tree.join(to).join(part).join("Contents").is_dir(), "{part}");
        }
        assert_eq!(fs::read_to_string(tree.join("Library/Documentation/Timbrel/THIRD-PARTY.txt")).unwrap(), "notices");
        fs::remove_dir_all(&home).unwrap();
    }
}
