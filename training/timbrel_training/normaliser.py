"""Between the values of an image and the range of a network's tanh: an affine map for each channel.

For the mel representations the constants are published with the model (`model.py` of magenta's GANSynth); for the
others the published code finds them from data (`SpecgramsSimpleNormalizer` in `data_normalizer.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from timbrel_training.errors import TrainingError

# Share of -1..1 that the data of a fitted normaliser fill (`normalizer_margin`); the rest is room for unseen data.
MARGIN = 0.8

# How many images the published code looks at (`normalizer_num_examples`).
FIT_IMAGES = 1000


@dataclass(frozen=True)
class Normaliser:
    """`normalised = scale * value + offset`, the first number for level (log power or log magnitude), the second for
    angle (instantaneous frequency or phase)."""

    scale: tuple[float, float]
    offset: tuple[float, float]

    @classmethod
    def fit(cls, images: Iterable[Tensor]) -> "Normaliser":
        """Finds the constants that bring each channel's range over all images to -`MARGIN`..`MARGIN`
        (`_range_normalizer`).

        Args:
            images: tensors [2, frames, bins] or [N, 2, frames, bins].

        Raises:
            TrainingError: when a channel has no range (no image, silence only) or a value is no number.
        """
        least, greatest = torch.full((2,), torch.inf), torch.full((2,), -torch.inf)
        for image in images:
            channels = image.float().movedim(-3, 0).flatten(1).cpu()
            least, greatest = torch.minimum(least, channels.amin(1)), torch.maximum(greatest, channels.amax(1))
        width = greatest - least
        if not bool(torch.isfinite(width).all() and (width > 0).all()):
            raise TrainingError(
                "The range of the images cannot be found, since a channel is the same in all of them or holds what is "
                "no number; give at least one recording with sound."
            )
        scale = 2.0 * MARGIN / width.double()
        offset = -scale * least.double() - MARGIN
        return cls(tuple(scale.tolist()), tuple(offset.tolist()))

    def affine(self, image: Tensor) -> Tensor:
        """Brings an image [..., 2, frames, bins] to the network's units; nothing is clipped."""
        scale, offset = self._columns(image)
        return image * scale + offset

    def normalise(self, image: Tensor) -> Tensor:
        """Brings an image [..., 2, frames, bins] into -1..1; what is beyond is clipped."""
        return self.affine(image).clamp(-1.0, 1.0)

    def denormalise(self, image: Tensor) -> Tensor:
        """Undoes `normalise` for what was not clipped."""
        scale, offset = self._columns(image)
        return (image - offset) / scale

    def _columns(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return tuple(
            torch.cat([image.new_full((1,), value) for value in values]).view(2, 1, 1) for values in (self.scale, self.offset)
        )


# For instantaneous frequency on the mel scale; both resolutions use the same constants.
PUBLISHED_MEL = Normaliser(scale=(0.0661371661726, 0.8), offset=(0.113718730221, 0.0))
