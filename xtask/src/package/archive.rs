//! An archive for any Linux, with a script that installs it for one user.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::contents::{self, What};
use crate::shell::run;
use crate::target::Target;

const SCRIPT: &str = include_str!("install.sh");

/// Makes the archive in `folder`, of the tree that it makes in `stage`.
pub fn make(target: Target, bundled: &Path, notices: &str, stage: &Path, folder: &Path) -> Result<PathBuf> {
    let name = super::name(target);
    let tree = stage.join(&name);
    let mut links = String::new();
    for (place, what) in contents::of(target, bundled) {
        match what {
            What::Copy(from) => contents::copy(&from, &tree.join(place.base.name()).join(&place.path))?,
            What::LinkTo(to) => {
                writeln!(links, "{} {} {} {}", place.base.name(), place.path, to.base.name(), to.path)?;
            }
        }
    }
    fs::write(tree.join("links.txt"), links)?;
    super::add_documents(&tree, notices)?;
    let script = tree.join("install.sh");
    fs::write(&script, SCRIPT)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let file = folder.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.args(["--create", "--gzip", "--owner=0", "--group=0", "--sort=name", "--file"]).arg(&file);
    tar.arg("--directory").arg(stage).arg(&name);
    run(&mut tar, "see what it says above; a full disk is the usual cause")?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A user's home with the script and a small tree in it.
    struct Home(PathBuf);

    impl Home {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("timbrel-install-{name}-{}", std::process::id()));
            let home = Self(folder);
            for (path, text) in [
                ("archive/install.sh", SCRIPT),
                ("archive/lib/timbrel/timbrel", "program"),
                ("archive/lib/timbrel/Timbrel.data/default.onnx", "model"),
                ("archive/vst3/Timbrel.vst3/Contents/x86_64-linux/Timbrel.so", "plugin"),
                (
                    "archive/links.txt",
                    "vst3 Timbrel.vst3/Contents/Resources lib timbrel/Timbrel.data\nbin timbrel lib timbrel/timbrel\n",
                ),
            ] {
                home.write(path, text);
            }
            home
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn read(&self, path: &str) -> Option<String> {
            fs::read_to_string(self.0.join(path)).ok()
        }

        fn run(&self, arguments: &[&str]) -> (bool, String) {
            let mut command = Command::new("sh");
            command.arg(self.0.join("archive/install.sh")).args(arguments).env("HOME", &self.0);
            let output = command.output().unwrap();
            (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    impl Drop for Home {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_script_installs_and_takes_away_just_that() {
        let home = Home::new("away");
        home.write(".vst3/Other.vst3/plugin", "another's");
        home.write(".local/share/timbrel/models/mine.onnx", "the user's");
        let own = |path: &str| format!(".vst3/Timbrel.vst3/Contents/{path}");
        for _ in 0..2 {
            assert_eq!(home.run(&[]), (true, String::new()));
            assert_eq!(home.read(&own("x86_64-linux/Timbrel.so")).unwrap(), "plugin");
            assert_eq!(home.read(&own("Resources/default.onnx")).unwrap(), "model");
            assert_eq!(home.read(".local/bin/timbrel").unwrap(), "program");
        }
        assert_eq!(home.run(&["--uninstall"]), (true, String::new()));
        for gone in [".vst3/Timbrel.vst3", ".local/lib/timbrel", ".local/bin/timbrel"] {
            assert!(!home.0.join(gone).exists(), "{gone}");
        }
        assert!(
            home.read(".vst3/Other.vst3/plugin").is_some()
                && home.read(".local/share/timbrel/models/mine.onnx").is_some()
        );
        let (done, said) = home.run(&["--uninstall"]);
        assert!(!done && said.contains("not installed"), "{said}");
    }

    #[test]
    fn what_was_copied_by_hand_is_not_written_into() {
        let home = Home::new("hand");
        home.write(".vst3/Timbrel.vst3/Contents/Resources/default.onnx", "by hand");
        let (done, said) = home.run(&[]);
        assert!(!done && said.contains("is in the way"), "{said}");
        assert_eq!(home.read(".vst3/Timbrel.vst3/Contents/Resources/default.onnx").unwrap(), "by hand");
    }
}
