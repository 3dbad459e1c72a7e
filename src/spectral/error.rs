//! What can be wrong with what is given to the representations, as sentences.

use std::fmt;

/// A wave, an image or a name that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SpectralError {
    /// A name that stands for no representation.
    UnknownRepresentation { name: String },
    /// Too few or too many values.
    Length { what: &'static str, expected: usize, found: usize },
    /// A value that is NaN or infinite.
    NotFinite { what: &'static str, index: usize },
    /// All values of a channel are the same (or there are none), so that no normaliser has a range to start from.
    NoRange { channel: &'static str },
}

impl SpectralError {
    /// Refuses values that are of another number than `expected` or not all finite.
    pub(super) fn check(what: &'static str, expected: usize, values: &[f32]) -> Result<(), Self> {
        if values.len() != expected {
            return Err(Self::Length { what, expected, found: values.len() });
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(Self::NotFinite { what, index }),
            None => Ok(()),
        }
    }
}

impl fmt::Display for SpectralError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownRepresentation { name } => {
                // A name from a foreign file may be of any length and hold anything.
                let shown: String = name.chars().take(40).collect();
                let names = super::Representation::ALL.map(super::Representation::name).join(", ");
                write!(
                    f,
                    "There is no spectral representation named {shown:?}; use one of {names}, {}.",
                    super::IF_LINEAR
                )
            }
            Self::Length { what, expected, found } => {
                write!(f, "The {what} has {found} values where {expected} are needed; cut or pad it to that length.")
            }
            Self::NotFinite { what, index } => {
                write!(
                    f,
                    "The {what} holds a value that is no finite number (the first at index {index}); leave it out."
                )
            }
            Self::NoRange { channel } => write!(
                f,
                "The {channel} is the same in all images, so its range cannot be found; give at least one image with \
                 sound."
            ),
        }
    }
}

impl std::error::Error for SpectralError {}
