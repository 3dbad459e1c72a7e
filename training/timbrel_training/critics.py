"""Discriminators of full-band images: what they look at, and the networks that judge it.

A whole image of 128 x 2560 points is too much for one network that a processor could train, and most of it is silence.
So two critics look at two views of it:

- `Fine`: a quarter of a second to a second of the note at full resolution: partials, noise between them, attack. It sees
  how loud a bin is against the note, and how far its angle lies from that of the nearest partial, where the bin tells.
- `Whole`: the note from stroke to end in broad bands: its envelope, its spectrum, and how tonal each band is.

Both name the pitch as well (the paper's auxiliary classifier), and see how much a minibatch varies (Karras et al. 2018).
"""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from timbrel_training.continuous import Shape, partial_advances
from timbrel_training.mel import hertz_to_mel
from timbrel_training.spectral import Representation

# A bin this far below the loudest of the note [nepers of magnitude] is silence (78 dB), and one this far below its frame's
# (52 dB) tells little of where a partial is.
HEARD = 9.0
TELLING = 6.0

# Frames that the fine view shows, and how often it begins at the stroke.
FINE_FRAMES = 32
STROKE_SHARE = 0.5

BANDS = 128


class Views:
    """Makes the critics' views of images [N, 2, frames, bins] of pitches [N] that count from the lowest."""

    def __init__(self, shape: Shape, representation: Representation, device: torch.device | str):
        self.advances = partial_advances(shape, representation).to(device)
        self.bands = band_matrix(representation).to(device)
        self.frames = representation.frames
        self.first = representation.pad_left // representation.hop - 3

    def starts(self, count: int, random: torch.Generator) -> Tensor:
        """The first frame of each fine view, [N]."""
        device = random.device
        anywhere = torch.randint(self.first, self.frames - FINE_FRAMES + 1, (count,), generator=random, device=device)
        at_stroke = torch.rand(count, generator=random, device=device) < STROKE_SHARE
        return torch.where(at_stroke, self.first, anywhere)

    def fine(self, image: Tensor, pitch: Tensor, starts: Tensor) -> Tensor:
        """[N, 3, FINE_FRAMES, bins]"""
        frames = starts[:, None] + torch.arange(FINE_FRAMES, device=image.device)
        rows = frames[:, None, :, None].expand(-1, 2, -1, image.shape[3])
        cut = image.gather(2, rows)
        loudest = image[:, 0].amax(dim=(1, 2)).view(-1, 1, 1)
        level = ((cut[:, 0] - loudest) / HEARD).clamp(min=-1.0)
        telling = 1.0 + (cut[:, 0] - cut[:, 0].amax(dim=2, keepdim=True)) / TELLING
        telling = telling.clamp(min=0.0) * (1.0 + level)
        away = math.pi * (cut[:, 1] - self.advances[pitch][:, None])
        return torch.stack([2.0 * level + 1.0, telling * away.cos(), telling * away.sin()], dim=1)

    def whole(self, image: Tensor, pitch: Tensor) -> Tensor:
        """[N, 2, frames, BANDS]"""
        loudest = image[:, 0].amax(dim=(1, 2)).view(-1, 1, 1)
        power = torch.exp(2.0 * (image[:, 0] - loudest))
        bands = power @ self.bands
        away = torch.cos(math.pi * (image[:, 1] - self.advances[pitch][:, None]))
        tonal = (power * away) @ self.bands / (bands + 1e-9)
        level = (0.5 * torch.log(bands + 1e-8) / HEARD).clamp(min=-1.0)
        return torch.stack([2.0 * level + 1.0, tonal * (1.0 + level)], dim=1)


def band_matrix(representation: Representation) -> Tensor:
    """Sums over broad bands [bins, BANDS], evenly spaced on the mel scale."""
    frequency = (np.arange(representation.bins) + 1) * representation.sample_rate / representation.n_fft
    place = hertz_to_mel(frequency) / hertz_to_mel(frequency[-1]) * (BANDS - 1)
    return torch.tensor(np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(BANDS))), dtype=torch.float32)


class Critic(nn.Module):
    """Strided convolutions, then a score that knows which pitch was asked for, and a guess of the pitch.

    `forward(view [N, channels, height, width], pitch [N])` answers scores [N] and pitch logits [N, pitches].
    """

    def __init__(self, inputs: int, strides: list[tuple[int, int]], channels: list[int], pitches: int,
                 first_kernel: tuple[int, int]):
        super().__init__()
        layers: list[nn.Module] = []
        before = inputs
        for number, (stride, after) in enumerate(zip(strides, channels, strict=True)):
            kernel = first_kernel if number == 0 else tuple(max(3, 2 * s) if s > 1 else 3 for s in stride)
            padding = tuple((k - s + 1) // 2 for k, s in zip(kernel, stride, strict=True))
            layers += [nn.Conv2d(before, after, kernel, stride, padding), nn.LeakyReLU(0.2)]
            before = after
        self.body = nn.Sequential(*layers)
        self.last = nn.Sequential(nn.Conv2d(before + 1, before, 3, padding=1), nn.LeakyReLU(0.2))
        self.score = nn.Linear(before, 1)
        self.asked = nn.Embedding(pitches, before)
        nn.init.normal_(self.asked.weight, std=0.02)
        self.pitch = nn.Linear(before, pitches)

    def forward(self, view: Tensor, pitch: Tensor) -> tuple[Tensor, Tensor]:
        x = self.body(view)
        x = self.last(torch.cat([x, minibatch_deviation(x)], dim=1))
        x = x.mean(dim=(2, 3))
        return self.score(x)[:, 0] + (self.asked(pitch) * x).sum(dim=1), self.pitch(x)


class Critics(nn.Module):
    """Both critics. `width` is the channels of the first layer."""

    def __init__(self, shape: Shape, width: int = 32):
        super().__init__()
        pitches = shape.pitch_max - shape.pitch_min + 1
        wide = [width, 2 * width, 4 * width, 8 * width, 8 * width]
        self.fine = Critic(3, [(1, 4), (2, 4), (2, 2), (2, 2), (2, 2)], wide, pitches, (3, 8))
        self.whole = Critic(2, [(2, 2), (2, 2), (2, 2), (2, 2), (2, 2)], wide, pitches, (4, 4))


def minibatch_deviation(x: Tensor) -> Tensor:
    """The mean standard deviation over the minibatch, as one more channel [N, 1, height, width]."""
    deviation = (x.float().var(dim=0, unbiased=False) + 1e-8).sqrt().mean()
    return deviation.to(x.dtype).expand(x.shape[0], 1, *x.shape[2:])


def slopes(score: Tensor, view: Tensor) -> Tensor:
    """Squared norm of each score's gradient by its view, [N]; can be differentiated by the weights."""
    (gradient,) = torch.autograd.grad(score.sum(), view, create_graph=True)
    return gradient.float().square().sum(dim=(1, 2, 3))


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """The non-saturating loss (Goodfellow et al. 2014)."""
    return functional.softplus(fake).mean() + functional.softplus(-real).mean()
