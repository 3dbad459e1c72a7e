//! The six spectral representations of the paper, by name and by size, and one of any size.
//!
//! GANSynth compares phase with instantaneous frequency, linear with mel frequency, and normal with high frequency
//! resolution (arXiv 1902.08710, section 3.2). Sizes and padding are those of magenta's `specgrams_helper.py`: four
//! seconds at 16 kHz, windows that overlap by three quarters, all padding in front.

use std::fmt;
use std::str::FromStr;

use crate::geometry::Geometry;
use crate::spectral::SpectralError;

/// Samples a second of the published representations (NSynth's rate).
pub const SAMPLE_RATE: u32 = 16_000;

/// Samples of one note of the published representations: four seconds.
pub const NOTE_SAMPLES: usize = 64_000;

/// What the two channels of a model's image hold.
///
/// An image is `[2, frames, bins]` float32, row after row. Channel 0 is the natural logarithm of magnitude (linear
/// scales) or of power (mel); channel 1 is phase or phase advance in units of pi, from -1 to 1 where it was analysed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Representation {
    /// Log-magnitude and phase, 256 frames x 512 bins.
    Phase,
    /// Log-magnitude and phase, 128 frames x 1024 bins.
    PhaseHires,
    /// Log-magnitude and instantaneous frequency, 256 frames x 512 bins.
    If,
    /// Log-magnitude and instantaneous frequency, 128 frames x 1024 bins.
    IfHires,
    /// Log-power and instantaneous frequency on the mel scale, 256 frames x 512 bins.
    IfMel,
    /// Log-power and instantaneous frequency on the mel scale, 128 frames x 1024 bins: the paper's best, and that of the
    /// published models.
    IfMelHires,
    /// Log-magnitude and instantaneous frequency on the linear scale, of the sizes that the model names: the full band.
    IfLinear(Geometry),
}

/// The name of [`Representation::IfLinear`] in a model's manifest.
pub const IF_LINEAR: &str = "if-linear";

impl Representation {
    /// The published six, in the paper's order.
    pub const ALL: [Self; 6] = [Self::Phase, Self::PhaseHires, Self::If, Self::IfHires, Self::IfMel, Self::IfMelHires];

    /// The name in a model's manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Phase => "phase",
            Self::PhaseHires => "phase-hires",
            Self::If => "if",
            Self::IfHires => "if-hires",
            Self::IfMel => "if-mel",
            Self::IfMelHires => "if-mel-hires",
            Self::IfLinear(_) => IF_LINEAR,
        }
    }

    /// Whether the frequency resolution is the high one (the paper's "+ H").
    pub fn is_hires(self) -> bool {
        matches!(self, Self::PhaseHires | Self::IfHires | Self::IfMelHires)
    }

    /// Whether the bins lie on the mel scale.
    pub fn is_mel(self) -> bool {
        matches!(self, Self::IfMel | Self::IfMelHires)
    }

    /// Whether channel 1 holds the phase itself, not its advance from frame to frame.
    pub fn is_phase(self) -> bool {
        matches!(self, Self::Phase | Self::PhaseHires)
    }

    /// Frames, bins, hop and padding.
    ///
    /// Of the published ones the windows reach over `(frames - 1) * hop + n_fft` samples; what they have more than [`NOTE_SAMPLES`] is padded in
    /// front (`_get_padding`).
    pub fn geometry(self) -> Geometry {
        if let Self::IfLinear(geometry) = self {
            return geometry;
        }
        let (frames, bins) = if self.is_hires() { (128, 1024) } else { (256, 512) };
        let n_fft = 2 * bins;
        let hop = n_fft / 4;
        let pad_left = (frames - 1) * hop + n_fft - NOTE_SAMPLES;
        Geometry { frames, bins, n_fft, hop, pad_left, sample_rate: SAMPLE_RATE }
    }

    /// Values of one image: both channels.
    pub fn image_len(self) -> usize {
        let geometry = self.geometry();
        2 * geometry.frames * geometry.bins
    }
}

impl fmt::Display for Representation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Reads the name of a published one: of [`Representation::IfLinear`] the name tells no sizes.
impl FromStr for Representation {
    type Err = SpectralError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|representation| representation.name() == name)
            .ok_or_else(|| SpectralError::UnknownRepresentation { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_the_published_ones() {
        let hires = Representation::IfMelHires.geometry();
        assert_eq!((hires.frames, hires.bins, hires.n_fft, hires.hop, hires.pad_left), (128, 1024, 2048, 512, 3072));
        let normal = Representation::IfMel.geometry();
        assert_eq!(
            (normal.frames, normal.bins, normal.n_fft, normal.hop, normal.pad_left),
            (256, 512, 1024, 256, 2304)
        );
    }

    #[test]
    fn published_names_are_read() {
        for representation in Representation::ALL {
            let name = representation.to_string();
            assert_eq!(name.parse(), Ok(representation));
        }
        let error = "mel".parse::<Representation>().unwrap_err().to_string();
        assert!(error.contains("\"mel\"") && error.contains("if-mel-hires"), "{error}");
    }
}
