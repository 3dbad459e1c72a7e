//! The devices that can render, by name, and the user's choice among them. No runtime in sight.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};

/// An execution provider of ONNX Runtime that renders elsewhere than on the processor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Provider {
    /// NVIDIA's; in a build of ONNX Runtime of its own.
    Cuda,
    /// Apple's; in every build for macOS.
    CoreMl,
    /// Microsoft's; in a build of ONNX Runtime of its own.
    DirectMl,
    /// Any vendor's through Vulkan, Direct3D 12 or Metal; a plug-in library of ONNX Runtime.
    WebGpu,
}

impl Provider {
    /// In the order in which they are tried: what is made for one kind of device before what is made for all.
    pub const ALL: [Self; 4] = [Self::Cuda, Self::CoreMl, Self::DirectMl, Self::WebGpu];

    /// Those that there can be on this system, in the order in which they are tried.
    pub fn of_this_system() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|provider| provider.is_for_this_system())
    }

    pub fn is_for_this_system(self) -> bool {
        match self {
            Self::Cuda => cfg!(any(target_os = "linux", target_os = "windows")),
            Self::CoreMl => cfg!(target_os = "macos"),
            Self::DirectMl => cfg!(target_os = "windows"),
            Self::WebGpu => true,
        }
    }

    /// The name in the settings file and in the environment variable.
    pub fn id(self) -> &'static str {
        match self {
            Self::Cuda => "cuda",
            Self::CoreMl => "coreml",
            Self::DirectMl => "directml",
            Self::WebGpu => "webgpu",
        }
    }

    /// The name that is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cuda => "CUDA",
            Self::CoreMl => "Core ML",
            Self::DirectMl => "DirectML",
            Self::WebGpu => "WebGPU",
        }
    }
}

/// What is to render.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Choice {
    /// Whichever was measured to be the fastest.
    #[default]
    Automatic,
    Cpu,
    /// A provider, and which of its devices, counted from 0.
    Device(Provider, u32),
}

impl Choice {
    /// The providers that are to be tried, in their order.
    pub fn candidates(self) -> Vec<(Provider, u32)> {
        match self {
            Self::Automatic => Provider::of_this_system().map(|provider| (provider, 0)).collect(),
            Self::Cpu => Vec::new(),
            Self::Device(provider, index) => vec![(provider, index)],
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Automatic => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Device(provider, 0) => f.write_str(provider.id()),
            Self::Device(provider, index) => write!(f, "{}:{index}", provider.id()),
        }
    }
}

impl FromStr for Choice {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || {
            anyhow!(
                "\"{text}\" is no device: write auto, cpu, cuda, coreml, directml or webgpu, and where there are several, \
                 which, such as cuda:1"
            )
        };
        let lower = text.trim().to_ascii_lowercase();
        let (name, index) = match lower.split_once(':') {
            Some((name, index)) => (name, Some(index.parse::<u32>().map_err(|_| unknown())?)),
            None => (lower.as_str(), None),
        };
        match (name, index) {
            ("auto" | "automatic", None) => Ok(Self::Automatic),
            ("cpu", None) => Ok(Self::Cpu),
            _ => {
                let provider = Provider::ALL.into_iter().find(|provider| provider.id() == name);
                Ok(Self::Device(provider.ok_or_else(unknown)?, index.unwrap_or(0)))
            }
        }
    }
}

impl From<Choice> for String {
    fn from(choice: Choice) -> Self {
        choice.to_string()
    }
}

impl TryFrom<String> for Choice {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_written_as_it_is_read() {
        for text in ["auto", "cpu", "cuda", "coreml", "directml", "webgpu", "cuda:1", "webgpu:3"] {
            assert_eq!(text.parse::<Choice>().unwrap().to_string(), text);
        }
        assert_eq!(" CUDA:0 ".parse::<Choice>().unwrap(), Choice::Device(Provider::Cuda, 0));
    }

    #[test]
    fn what_is_no_device_is_refused_with_the_names_of_those_that_are() {
        for text in ["", "gpu", "cpu:1", "auto:0", "cuda:", "cuda:-1", "cuda:x", ":1"] {
            let error = text.parse::<Choice>().unwrap_err().to_string();
            assert!(error.contains("write auto, cpu, cuda"), "{text}: {error}");
        }
    }

    #[test]
    fn the_order_is_the_same_by_name_and_by_trial() {
        let tried: Vec<_> = Choice::Automatic.candidates();
        assert!(tried.iter().all(|&(provider, index)| provider.is_for_this_system() && index == 0));
        assert_eq!(tried.last(), Some(&(Provider::WebGpu, 0)));
        assert!(Choice::Cpu.candidates().is_empty());
    }
}
