//! The systems that a bundle can be made for, and where each wants things to lie.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum System {
    Linux,
    MacOs,
    Windows,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Processor {
    X86,
    Arm,
}

/// What a bundle is made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    pub system: System,
    pub processor: Processor,
}

/// Where the things that travel with a binary lie.
#[derive(PartialEq, Eq, Debug)]
pub struct Layout {
    /// Folder of the runtime library.
    pub library: PathBuf,
    /// Folder of the default model and the licences.
    pub resources: PathBuf,
}

impl Target {
    /// The target of cargo's `--target`, or this machine.
    pub fn of(triple: Option<&str>) -> Result<Self> {
        let host = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
        let triple = triple.unwrap_or(&host);
        let system = match triple {
            t if t.contains("linux") => System::Linux,
            t if t.contains("darwin") || t.contains("macos") => System::MacOs,
            t if t.contains("windows") => System::Windows,
            _ => bail!("there is no bundle layout for {triple}, only for Linux, macOS and Windows"),
        };
        let processor = match triple.split('-').next() {
            Some("x86_64") => Processor::X86,
            Some("aarch64" | "arm64") => Processor::Arm,
            _ => bail!("ONNX Runtime has no library for {triple}, only for x86_64 and aarch64"),
        };
        Ok(Self { system, processor })
    }

    /// What the plugin looks for when it loads the runtime.
    pub fn library_name(self) -> &'static str {
        match self.system {
            System::Linux => "libonnxruntime.so",
            System::MacOs => "libonnxruntime.dylib",
            System::Windows => "onnxruntime.dll",
        }
    }

    /// What must travel with the CLAP plugin: inside the bundle on macOS, in a folder beside the file elsewhere.
    pub fn clap_layout(self, bundled: &Path) -> Layout {
        match self.system {
            System::MacOs => macos_layout(&bundled.join("Timbrel.clap")),
            System::Linux | System::Windows => beside(bundled),
        }
    }

    /// What must travel inside the VST3 bundle.
    pub fn vst3_layout(self, bundled: &Path) -> Layout {
        let contents = bundled.join("Timbrel.vst3/Contents");
        let folder = match (self.system, self.processor) {
            (System::MacOs, _) => return macos_layout(&bundled.join("Timbrel.vst3")),
            (System::Linux, Processor::X86) => "x86_64-linux",
            (System::Linux, Processor::Arm) => "aarch64-linux",
            (System::Windows, Processor::X86) => "x86_64-win",
            (System::Windows, Processor::Arm) => "arm_64-win",
        };
        Layout { library: contents.join(folder), resources: contents.join("Resources") }
    }

    /// What must travel with the standalone: as for the CLAP plugin, whose folder it shares where it can.
    pub fn standalone_layout(self, bundled: &Path) -> Layout {
        match self.system {
            System::MacOs => macos_layout(&bundled.join("Timbrel.app")),
            System::Linux | System::Windows => beside(bundled),
        }
    }
}

fn beside(bundled: &Path) -> Layout {
    let data = bundled.join("Timbrel.data");
    Layout { library: data.clone(), resources: data }
}

fn macos_layout(bundle: &Path) -> Layout {
    Layout { library: bundle.join("Contents/Frameworks"), resources: bundle.join("Contents/Resources") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_has_its_layout() {
        let home = Path::new("b");
        let target = |triple| Target::of(Some(triple)).unwrap();
        let layout = |library: &str, resources: &str| Layout { library: library.into(), resources: resources.into() };

        let linux = target("x86_64-unknown-linux-gnu");
        assert_eq!(linux.clap_layout(home), layout("b/Timbrel.data", "b/Timbrel.data"));
        assert_eq!(
            linux.vst3_layout(home),
            layout("b/Timbrel.vst3/Contents/x86_64-linux", "b/Timbrel.vst3/Contents/Resources")
        );
        let windows = target("aarch64-pc-windows-msvc");
        assert_eq!(windows.library_name(), "onnxruntime.dll");
        assert_eq!(windows.vst3_layout(home).library, Path::new("b/Timbrel.vst3/Contents/arm_64-win"));
        let mac = target("aarch64-apple-darwin");
        assert_eq!(
            mac.clap_layout(home),
            layout("b/Timbrel.clap/Contents/Frameworks", "b/Timbrel.clap/Contents/Resources")
        );
        assert_eq!(mac.standalone_layout(home).resources, Path::new("b/Timbrel.app/Contents/Resources"));
        assert!(Target::of(Some("riscv64gc-unknown-linux-gnu")).is_err());
        assert!(Target::of(None).is_ok());
    }
}
