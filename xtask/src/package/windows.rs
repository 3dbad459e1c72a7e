//! For Windows: a ZIP file to unpack by hand, and the script for Inno Setup, which makes an installer of the same folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::contents::copy;
use crate::shell::run;
use crate::target::{Processor, Target};

/// What lies in `target/bundled/` and belongs to an installation, and where the installer puts it.
const PARTS: [(&str, &str); 4] = [
    ("Timbrel.clap", r"{commoncf}\CLAP"),
    ("Timbrel.vst3", r"{commoncf}\VST3\Timbrel.vst3"),
    ("timbrel.exe", "{app}"),
    ("Timbrel.data", r"{app}\Timbrel.data"),
];

/// Makes the ZIP file and the script in `folder`.
pub fn make(target: Target, bundled: &Path, notices: &str, stage: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let name = super::name(target);
    let tree = stage.join(&name);
    for (part, _) in PARTS {
        copy(&bundled.join(part), &tree.join(part))?;
    }
    super::add_documents(&tree, notices)?;
    let script = folder.join(format!("{name}.iss"));
    fs::write(&script, installer(target, &name))?;
    let file = folder.join(format!("{name}.zip"));
    let _ = fs::remove_file(&file);
    // Python is there wherever Timbrel is built.
    let python = if cfg!(windows) { "python" } else { "python3" };
    let mut zip = Command::new(python);
    zip.args(["-m", "zipfile", "--create"]).arg(std::path::absolute(&file)?).arg(&name).current_dir(stage);
    run(&mut zip, "install Python 3; a full disk is another cause")?;
    Ok(vec![file, script])
}

fn installer(target: Target, name: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let architecture = match target.processor {
        Processor::X86 => "x64compatible",
        Processor::Arm => "arm64",
    };
    let mut script = format!(
        "; Unpack {name}.zip beside this file, then: iscc {name}.iss\n\
         [Setup]\nAppId=org.timbrel.Timbrel\nAppName=Timbrel\nAppVersion={version}\nDefaultDirName={{autopf}}\\Timbrel\n\
         LicenseFile={name}\\LICENSE\nOutputBaseFilename={name}-setup\nArchitecturesAllowed={architecture}\n\
         ArchitecturesInstallIn64BitMode={architecture}\nDisableProgramGroupPage=yes\n\n[Files]\n"
    );
    let is_folder = |part: &str| part.ends_with(".vst3") || part.ends_with(".data");
    for (part, to) in PARTS {
        let (from, flags) = if is_folder(part) {
            (format!("{name}\\{part}\\*"), "ignoreversion recursesubdirs createallsubdirs")
        } else {
            (format!("{name}\\{part}"), "ignoreversion")
        };
        script += &format!("Source: \"{from}\"; DestDir: \"{to}\"; Flags: {flags}\n");
    }
    // The CLAP plugin finds its files beside itself.
    let flags = "ignoreversion recursesubdirs createallsubdirs";
    script += &format!(
        "Source: \"{name}\\Timbrel.data\\*\"; DestDir: \"{{commoncf}}\\CLAP\\Timbrel.data\"; Flags: {flags}\n"
    );
    script += &format!("Source: \"{name}\\THIRD-PARTY.txt\"; DestDir: \"{{app}}\"; Flags: ignoreversion\n");
    script + "\n[Icons]\nName: \"{autoprograms}\\Timbrel\"; Filename: \"{app}\\timbrel.exe\"\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_was_bundled_is_in_the_archive_and_in_the_installer() {
        let home = std::env::temp_dir().join(format!("timbrel-windows-{}", std::process::id()));
        let (bundled, folder) = (home.join("bundled"), home.join("packages"));
        for file in [
            "Timbrel.clap",
            "timbrel.exe",
            "Timbrel.data/default.onnx",
            "Timbrel.vst3/Contents/x86_64-win/Timbrel.vst3",
        ] {
            fs::create_dir_all(bundled.join(file).parent().unwrap()).unwrap();
            fs::write(bundled.join(file), file).unwrap();
        }
        fs::create_dir_all(&folder).unwrap();
        let target = Target::of(Some("x86_64-pc-windows-msvc")).unwrap();
        let made = make(target, &bundled, "notices", &home.join("stage"), &folder).unwrap();
        let python = if cfg!(windows) { "python" } else { "python3" };
        let listed = Command::new(python).args(["-m", "zipfile", "--list"]).arg(&made[0]).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        let script = fs::read_to_string(&made[1]).unwrap();
        for (part, to) in PARTS {
            assert!(
                listed.contains(&format!("/{part}")) && script.contains(&format!("DestDir: \"{to}\"")),
                "{part}: {listed}"
            );
        }
        assert!(listed.contains("THIRD-PARTY.txt") && listed.contains("LICENSE"), "{listed}");
        fs::remove_dir_all(&home).unwrap();
    }
}
