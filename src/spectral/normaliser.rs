//! Between the values of an image and the range of a network's tanh: an affine map for each channel.
//!
//! For the mel representations the constants are published with the model (`model.py` of magenta's GANSynth); for the
//! others the published code computes them from data (`SpecgramsSimpleNormalizer` in `data_normalizer.py`).

use serde::{Deserialize, Serialize};

use crate::spectral::SpectralError;

/// Share of -1..1 that the data of a computed normaliser fill (`normalizer_margin`): the rest is room for unseen data.
pub const MARGIN: f64 = 0.8;

/// `normalised = scale * value + offset`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Affine {
    pub scale: f32,
    pub offset: f32,
}

/// The affine maps of both channels.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Normaliser {
    /// For log-power or log-magnitude.
    pub level: Affine,
    /// For instantaneous frequency or phase.
    pub angle: Affine,
}

impl Normaliser {
    /// The published constants for instantaneous frequency on the mel scale (0.0661371661726, 0.113718730221, 0.8, 0).
    pub const PUBLISHED_MEL: Self = Self {
        level: Affine { scale: 0.066_137_165, offset: 0.113_718_73 },
        angle: Affine { scale: 0.8, offset: 0.0 },
    };

    /// Finds the constants that bring each channel's range over all images to -[`MARGIN`]..[`MARGIN`].
    ///
    /// Images are `[2, frames, bins]` of any one size. The published code looks at the first 1000 of its data.
    ///
    /// # Errors
    /// When an image has a value that is no number, or a channel has no range (all the same, or no image).
    pub fn from_images<'a>(images: impl IntoIterator<Item = &'a [f32]>) -> Result<Self, SpectralError> {
        let mut ranges = [Range::EMPTY; 2];
        for image in images {
            SpectralError::check("image", image.len().next_multiple_of(2), image)?;
            let (level, angle) = image.split_at(image.len() / 2);
            ranges[0].extend(level);
            ranges[1].extend(angle);
        }
        Ok(Self { level: ranges[0].affine("level")?, angle: ranges[1].affine("phase")? })
    }

    /// Brings an image `[2, frames, bins]` into -1..1, in place; what is beyond is clipped.
    pub fn normalise(&self, image: &mut [f32]) {
        self.each_channel(image, |channel, Affine { scale, offset }| {
            channel.iter_mut().for_each(|value| *value = (scale * *value + offset).clamp(-1.0, 1.0));
        });
    }

    /// Undoes [`Self::normalise`], in place, for what was not clipped.
    pub fn denormalise(&self, image: &mut [f32]) {
        self.each_channel(image, |channel, Affine { scale, offset }| {
            channel.iter_mut().for_each(|value| *value = (*value - offset) / scale);
        });
    }

    fn each_channel(&self, image: &mut [f32], apply: impl Fn(&mut [f32], Affine)) {
        let (level, angle) = image.split_at_mut(image.len() / 2);
        apply(level, self.level);
        apply(angle, self.angle);
    }
}

/// The least and the greatest value seen.
#[derive(Clone, Copy)]
struct Range {
    least: f32,
    greatest: f32,
}

impl Range {
    const EMPTY: Self = Self { least: f32::INFINITY, greatest: f32::NEG_INFINITY };

    fn extend(&mut self, values: &[f32]) {
        for &value in values {
            self.least = self.least.min(value);
            self.greatest = self.greatest.max(value);
        }
    }

    /// `_range_normalizer` of the published code.
    fn affine(self, channel: &'static str) -> Result<Affine, SpectralError> {
        let (least, width) = (f64::from(self.least), f64::from(self.greatest) - f64::from(self.least));
        if width > 0.0 {
            let scale = MARGIN * 2.0 / width;
            Ok(Affine { scale: scale as f32, offset: (-scale * least - MARGIN) as f32 })
        } else {
            Err(SpectralError::NoRange { channel })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computed_constants_bring_the_data_to_the_margin() {
        let images = [[-14.0, 2.0, -1.0, 0.5], [-3.0, 6.0, 1.0, 0.0]];
        let normaliser = Normaliser::from_images(images.iter().map(<[f32; 4]>::as_slice)).unwrap();
        let mut found = [-14.0, 6.0, -1.0, 1.0];
        normaliser.normalise(&mut found);
        for (found, right) in found.iter().zip([-0.8, 0.8, -0.8, 0.8]) {
            assert!((found - right).abs() < 1e-6, "{found} where {right} is right");
        }
    }

    #[test]
    fn denormalise_undoes_normalise_and_what_is_beyond_is_clipped() {
        let image = [-13.0, 9.0, -0.99, 0.7];
        let mut back = image;
        Normaliser::PUBLISHED_MEL.normalise(&mut back);
        Normaliser::PUBLISHED_MEL.denormalise(&mut back);
        for (back, image) in back.iter().zip(image) {
            assert!((back - image).abs() < 1e-5, "{back} from {image}");
        }
        let mut beyond = [-30.0, 30.0, -2.0, 2.0];
        Normaliser::PUBLISHED_MEL.normalise(&mut beyond);
        assert_eq!(beyond, [-1.0, 1.0, -1.0, 1.0]);
    }

    #[test]
    fn published_constants_are_rounded_to_single_precision() {
        let Normaliser { level, .. } = Normaliser::PUBLISHED_MEL;
        assert_eq!((level.scale, level.offset), (0.066_137_166_172_6_f64 as f32, 0.113_718_730_221_f64 as f32));
    }

    #[test]
    fn data_without_a_range_are_refused() {
        for images in [vec![], vec![[1.0, 1.0, 0.0, 1.0]], vec![[0.0, 1.0, f32::NAN, 1.0]]] {
            let error = Normaliser::from_images(images.iter().map(<[f32; 4]>::as_slice)).unwrap_err();
            assert!(error.to_string().ends_with('.'), "{error}");
        }
    }
}
