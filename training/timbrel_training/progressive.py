"""The paper's networks: a generator and a discriminator that grow in resolution.

Layer for layer those of magenta's `networks.py` and `network_functions.py` (GANSynth, Engel et al. 2019). Images are
[N, 2, frames, bins] in the network's units, -1 to 1 (`Normaliser`).

Both have `blocks` blocks; block 1 works at the lowest resolution, each further one at twice the one before. `progress`
says how far they have grown: at a whole number p the blocks 1 to p + 1 are in use; between p and p + 1 the next block
fades in linearly.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from timbrel_training.errors import TrainingError
from timbrel_training.layers import (
    EqualisedConv2d,
    EqualisedLinear,
    ImageConv2d,
    UpsamplingConv2d,
    append_minibatch_deviation,
    at_least_single,
    leaky_relu,
    normalised_leaky_relu,
    pixel_norm,
)
from timbrel_training.normaliser import Normaliser
from timbrel_training.spectral import Representation

# The paper's sizes.
BLOCKS = 7
CHANNELS_BASE = 4096
CHANNELS_MAX = 256


def channels(block: int, base: int, most: int) -> int:
    """Channels of block `block` (`num_filters`); block 0 stands for the discriminator's last layer."""
    count = int(min(base / 2.0**block, most))
    if count < 1:
        raise TrainingError(f"channels_base {base} leaves block {block} no channel; {2**block} is the least for it.")
    return count


def growth(progress: float, blocks: int) -> tuple[int, float]:
    """The highest block in use at `progress`, from 1, and its share of the image: 1 unless it fades in."""
    block = max(1, min(blocks, math.ceil(progress) + 1))
    return block, min(1.0, progress - (block - 2)) if block > 1 else 1.0


def upsampled(image: Tensor, factor: int) -> Tensor:
    """An image enlarged by whole pixels."""
    return F.interpolate(image, scale_factor=float(factor), mode="nearest") if factor > 1 else image


def averaged(image: Tensor, factor: int) -> Tensor:
    """An image made smaller by averaging squares of pixels."""
    return F.avg_pool2d(image, factor) if factor > 1 else image


def blended(image: Tensor, progress: float, blocks: int) -> Tensor:
    """Full images [N, 2, frames, bins] as training sees them at `progress` (`blend_images`): averaged to the resolution
    in use, and while a block fades in, mixed with what the resolution below has of them."""
    block, share = growth(progress, blocks)
    small = averaged(image, 2 ** (blocks - block))
    return small if share == 1.0 else share * small + (1.0 - share) * upsampled(averaged(small, 2), 2)


class ProgressiveGenerator(nn.Module):
    """The generator: (latent [N, latent_size], MIDI pitch [N]) -> image [N, 2, frames, bins], denormalised.

    Attributes:
        progress: how far it has grown; `forward` enlarges what is lower than the full resolution.
        settings: the arguments that make such a generator again.
    """

    kind = "progressive"

    def __init__(
        self,
        representation: str | dict[str, Any],
        normaliser: Normaliser,
        latent_size: int = 256,
        pitch_min: int = 24,
        pitch_max: int = 84,
        channels_base: int = CHANNELS_BASE,
        channels_max: int = CHANNELS_MAX,
        blocks: int = BLOCKS,
        folded_upsampling: bool = False,
        progress: float | None = None,
    ):
        super().__init__()
        self.representation = representation
        self.normaliser = normaliser
        self.latent_size = latent_size
        self.pitch_min = pitch_min
        self.pitch_max = pitch_max
        self.blocks = blocks
        self.progress = blocks - 1.0 if progress is None else progress
        self._sizes = {
            "latent_size": latent_size,
            "pitch_min": pitch_min,
            "pitch_max": pitch_max,
            "channels_base": channels_base,
            "channels_max": channels_max,
            "blocks": blocks,
            "folded_upsampling": folded_upsampling,
        }
        sizes = Representation(representation)
        start = sizes.frames >> (blocks - 1), sizes.bins >> (blocks - 1)

        def width(block: int) -> int:
            return channels(block, channels_base, channels_max)

        # In the published code a convolution over the latent as one padded pixel; that is a dense layer, whose weights
        # are stored here in the order in which they are used (the published kernel, flipped on both axes).
        self.first = EqualisedConv2d(latent_size + self.pitch_count, width(1), start)
        self.second = EqualisedConv2d(width(1), width(1), 3, padding=1)
        self.doublings = nn.ModuleList(
            nn.ModuleList(
                [
                    UpsamplingConv2d(width(block - 1), width(block), folded_upsampling),
                    EqualisedConv2d(width(block), width(block), 3, padding=1),
                ]
            )
            for block in range(2, blocks + 1)
        )
        self.to_image = nn.ModuleList(ImageConv2d(width(block), 2, slope=1.0) for block in range(1, blocks + 1))
        self._activation = normalised_leaky_relu

    @property
    def pitch_count(self) -> int:
        return self.pitch_max - self.pitch_min + 1

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "representation": self.representation,
            "normaliser": {"scale": self.normaliser.scale, "offset": self.normaliser.offset},
            **self._sizes,
            "progress": self.progress,
        }

    def compile_activation(self) -> None:
        """Fuses leaky ReLU and pixel norm into one kernel: on a GPU they cost more memory traffic than time to compute.
        The convolutions are left to the library, which has nothing to gain from a compiler."""
        self._activation = torch.compile(normalised_leaky_relu, dynamic=True)

    def forward(self, latent: Tensor, pitch: Tensor) -> Tensor:
        block, _ = growth(self.progress, self.blocks)
        image = self.image(latent, pitch, self.progress)
        return self.normaliser.denormalise(upsampled(image.float(), 2 ** (self.blocks - block)))

    def image(self, latent: Tensor, pitch: Tensor, progress: float) -> Tensor:
        """What training compares with `blended` real images: in the network's units, at the resolution in use."""
        block, share = growth(progress, self.blocks)
        before = x = self._start(latent, pitch)
        for first, second in self.doublings[: block - 1]:
            before = x
            x = self._activation(second(self._activation(first(x))))
        image = torch.tanh(self.to_image[block - 1](x))
        if share < 1.0:
            small = torch.tanh(self.to_image[block - 2](before))
            image = share * image + (1.0 - share) * upsampled(small, 2)
        return image

    def features(self, latent: Tensor, pitch: Tensor) -> Tensor:
        """What the first block makes of a latent, [N, K]: where principal components are telling (GANSpace)."""
        return self._start(latent, pitch).flatten(1)

    def for_inference(self) -> nn.Module:
        """The same function in its fastest form: what is exported."""
        # Only export needs it.
        from timbrel_training import fast_graph

        def plain(layer: EqualisedConv2d) -> fast_graph.Conv:
            return fast_graph.Conv(layer.scaled_weight(), layer.bias)

        block, share = growth(self.progress, self.blocks)
        return fast_graph.FastGraph(
            fast_graph.Progressive(
                first=self.first.scaled_weight().transpose(0, 1),
                first_bias=self.first.bias,
                second=plain(self.second),
                blocks=[(plain(first), plain(second)) for first, second in self.doublings[: block - 1]],
                to_rgb=plain(self.to_image[block - 1]),
                to_rgb_before=plain(self.to_image[block - 2]) if share < 1.0 else None,
                blend=share,
                enlarge=2 ** (self.blocks - block),
                latent_size=self.latent_size,
                pitch_min=self.pitch_min,
                scale=self.normaliser.scale,
                offset=self.normaliser.offset,
                representation=self.representation,
            )
        )

    def _start(self, latent: Tensor, pitch: Tensor) -> Tensor:
        """Block 1: [N, channels, rows, columns] at the lowest resolution."""
        # A pitch out of range sounds as the nearest one that there is.
        label = F.one_hot((pitch - self.pitch_min).clamp(0, self.pitch_count - 1), self.pitch_count)
        x = pixel_norm(torch.cat([latent, label.to(latent.dtype)], dim=1))
        x = torch.einsum("ni,oihw->nohw", x, self.first.scaled_weight()) + self.first.bias[:, None, None]
        return self._activation(self.second(self._activation(x)))


class ProgressiveDiscriminator(nn.Module):
    """The discriminator: image at the resolution in use -> (score [N], logits of the pitch [N, pitch_count])."""

    def __init__(
        self,
        representation: str | dict[str, Any],
        pitch_count: int,
        channels_base: int = CHANNELS_BASE,
        channels_max: int = CHANNELS_MAX,
        blocks: int = BLOCKS,
    ):
        super().__init__()
        self.blocks = blocks
        sizes = Representation(representation)
        start = sizes.frames >> (blocks - 1), sizes.bins >> (blocks - 1)

        def width(block: int) -> int:
            return channels(block, channels_base, channels_max)

        self.from_image = nn.ModuleList(ImageConv2d(2, width(block)) for block in range(1, blocks + 1))
        self.halvings = nn.ModuleList(
            nn.ModuleList(
                [
                    EqualisedConv2d(width(block), width(block), 3, padding=1),
                    EqualisedConv2d(width(block), width(block - 1), 3, padding=1),
                ]
            )
            for block in range(2, blocks + 1)
        )
        self.mixed = EqualisedConv2d(width(1) + 1, width(1), 3, padding=1)
        self.last = EqualisedConv2d(width(1), width(0), start)
        self.score = EqualisedLinear(width(0), 1)
        self.pitch = EqualisedLinear(width(0), pitch_count)

    def forward(self, image: Tensor, progress: float) -> tuple[Tensor, Tensor]:
        """Judges images [N, 2, frames, bins] at the resolution that `progress` has (`blended`, or a generator's)."""
        x = self.features(image, progress)
        return at_least_single(self.score(x).squeeze(1)), at_least_single(self.pitch(x))

    def features(self, image: Tensor, progress: float) -> Tensor:
        """The last layer before score and pitch, [N, channels of block 0]."""
        block, share = growth(progress, self.blocks)
        # Real images may lie beyond what a tanh reaches; the published code clips them here, after blending.
        image = image.clamp(-1.0, 1.0)
        x = leaky_relu(self.from_image[block - 1](image))
        for current in range(block, 1, -1):
            for layer in self.halvings[current - 2]:
                x = leaky_relu(layer(x))
            x = averaged(x, 2)
            if current == block and share < 1.0:
                x = share * x + (1.0 - share) * leaky_relu(self.from_image[block - 2](averaged(image, 2)))
        x = leaky_relu(self.mixed(append_minibatch_deviation(x)))
        return leaky_relu(self.last(x)).flatten(1)
