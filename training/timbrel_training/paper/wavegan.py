"""WaveGAN (Donahue et al. 2019, arXiv 1802.04208), the paper's baseline of strided convolutions over waves.

As published but for what the comparison asks for: the pitch is told as one-hot beside the latent, the discriminator names it,
and both learn by the loop, the loss and the budget of the spectral rows (`WaveGanTrainer`). Waves are [N, samples]; the
discriminator sees them as images of one row, [N, 1, 1, samples], so that loss and penalty are those of images.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from timbrel_training import generators
from timbrel_training.config import Config
from timbrel_training.errors import TrainingError
from timbrel_training.geometry import PUBLISHED_RATE
from timbrel_training.layers import at_least_single, leaky_relu
from timbrel_training.normaliser import Normaliser
from timbrel_training.trainer import Trainer

# Published: kernels of 25 samples, four times as many samples with each layer, from 16 on.
KERNEL = 25
STRIDE = 4
START = 16

# Phase shuffle: a layer of the discriminator is moved by up to so many places, so that it cannot judge by the artefacts that
# a strided convolution puts at fixed places.
SHUFFLE = 2


def layers_for(samples: int) -> tuple[int, int]:
    """How many layers make so many samples, and from how many places: five from 16 as published for 16384."""
    count = round(math.log(samples / START, STRIDE))
    if count < 2:
        raise TrainingError(f"WaveGAN cannot make {samples} samples: its first two layers make {START * STRIDE**2}.")
    return count, -(-samples // STRIDE**count)


class WaveGanGenerator(nn.Module):
    """The generator: (latent [N, latent_size], MIDI pitch [N]) -> waves [N, samples] within -1 to 1."""

    kind = "wavegan"
    representation = "wave"

    def __init__(self, samples: int, sample_rate: int = PUBLISHED_RATE, latent_size: int = 256, pitch_min: int = 24,
                 pitch_max: int = 84, channels: int = 64):
        """`channels` are those of the last but one layer; each one before has twice as many."""
        super().__init__()
        self.samples, self.sample_rate = samples, sample_rate
        self.latent_size, self.pitch_min, self.pitch_max = latent_size, pitch_min, pitch_max
        self.settings: dict[str, Any] = {
            "samples": samples, "sample_rate": sample_rate, "latent_size": latent_size, "pitch_min": pitch_min,
            "pitch_max": pitch_max, "channels": channels,
        }
        count, self.start = layers_for(samples)
        widths = [channels * 2**place for place in reversed(range(count))] + [1]
        self.pitches = pitch_max - pitch_min + 1
        self.first = nn.Linear(latent_size + self.pitches, self.start * widths[0])
        # As TensorFlow's `same`: four times as many samples come out as go in.
        self.layers = nn.ModuleList(
            nn.ConvTranspose1d(before, after, KERNEL, STRIDE, padding=11, output_padding=1)
            for before, after in zip(widths, widths[1:])
        )

    def forward(self, latent: Tensor, pitch: Tensor) -> Tensor:
        label = F.one_hot((pitch - self.pitch_min).clamp(0, self.pitches - 1), self.pitches)
        x = self.first(torch.cat([latent, label.to(latent.dtype)], dim=1)).view(len(latent), -1, self.start)
        for layer in self.layers:
            x = layer(F.relu(x))
        return torch.tanh(x[:, 0, : self.samples])


class WaveGanDiscriminator(nn.Module):
    """The discriminator: waves as images [N, 1, 1, samples] -> (score [N], logits of the pitch [N, pitches])."""

    def __init__(self, samples: int, pitches: int, channels: int = 64):
        super().__init__()
        count, start = layers_for(samples)
        widths = [1] + [channels * 2**place for place in range(count)]
        self.padding = start * STRIDE**count - samples
        self.layers = nn.ModuleList(
            nn.Conv1d(before, after, KERNEL, STRIDE, padding=11) for before, after in zip(widths, widths[1:])
        )
        self.score = nn.Linear(start * widths[-1], 1)
        self.pitch = nn.Linear(start * widths[-1], pitches)

    def forward(self, image: Tensor, progress: float) -> tuple[Tensor, Tensor]:
        """Judges waves; `progress` is that of networks that grow, which this one does not."""
        x = F.pad(image[:, 0], (0, self.padding))
        for place, layer in enumerate(self.layers):
            x = leaky_relu(layer(x))
            if place < len(self.layers) - 1:
                x = shuffled(x)
        x = x.flatten(1)
        return at_least_single(self.score(x).squeeze(1)), at_least_single(self.pitch(x))


def shuffled(x: Tensor) -> Tensor:
    """Each of [N, channels, places] moved by its own number of places up to `SHUFFLE`, mirrored at the edges."""
    shift = torch.randint(-SHUFFLE, SHUFFLE + 1, (len(x), 1, 1), device=x.device)
    places = (torch.arange(x.shape[2], device=x.device) + shift).abs()
    places = torch.where(places >= x.shape[2], 2 * (x.shape[2] - 1) - places, places)
    return x.gather(2, places.expand_as(x))


class WaveGanTrainer(Trainer):
    """The spectral rows' training with waves in place of images: same step, loss, optimisers and state."""

    def __init__(self, config: Config, pitch_counts: Tensor, parallel: Any, generator: nn.Module | None = None):
        # What images are brought to the network's units by; waves are in them already.
        same = Normaliser((1.0, 1.0), (0.0, 0.0))
        super().__init__(config, same, pitch_counts, parallel, generator or make_generator(config))

    def step(self, real: Tensor, pitch: Tensor, moment: Any) -> dict[str, Tensor]:
        # Phase shuffle draws from the common generator of the processor, which a resumed run would find elsewhere.
        torch.manual_seed(self.config.seed * 1_000_003 + self.steps)
        return super().step(real, pitch, moment)

    def _make_discriminator(self, pitches: int) -> nn.Module:
        channels = self.config.generator.settings.get("channels", 64)
        return WaveGanDiscriminator(self.generator.samples, pitches, channels)

    def _seen(self, full: Tensor, progress: float) -> Tensor:
        return full[:, None, None]

    def _penalty_unit(self, progress: float) -> Tensor:
        return torch.ones(1, 1, 1, device=self.device)

    def _laid_out(self, image: Tensor) -> Tensor:
        return image


def make_generator(config: Config) -> nn.Module:
    """A fresh generator of waves (`wavegan` or `wavenet`) as the configuration describes it."""
    data = config.data
    # The same weights for the same seed.
    torch.manual_seed(config.seed)
    return generators.build(config.generator.kind, {
        "samples": round(data.seconds * data.sample_rate), "sample_rate": data.sample_rate, "pitch_min": data.pitch_min,
        "pitch_max": data.pitch_max, **config.generator.settings,
    })
