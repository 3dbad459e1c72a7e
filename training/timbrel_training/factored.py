"""The factored generator: a note's image as a sum of products of spectra and envelopes.

The paper's generator convolves its way up to 128 x 1024 points. A musical note is simpler than such a picture: its
partials stand where the pitch says, and each has a course in time. Here both are made apart, by small networks, and
multiplied:

    level[t, f] = mean_p[f] + sum_j envelope_j[t] table_pj[f] + sum_r course_r[t] spectrum_r[f]

`table_p` are learnt for each pitch and know where its partials are; `envelope` and `course` come from a network of
timbre and pitch; `spectrum` from a network that sees each bin's place among the partials. The angle (instantaneous
frequency) is made likewise from a table for each pitch, so that the bins of one partial agree, and stay in tune, by
construction. Two more products say how far the level strays about its mean and how coherent the angle is: where it is
not, the note is noise, and the fluctuations of a recorded piece of white noise, fixed once and for all, take over.

A note takes a fourteenth of the time of a progressive generator of somewhat less than half the paper's channels (5.3 ms
against 73.5, one core, side by side), and the function is as differentiable: it takes the paper's losses as any other
generator does.

The latent reaches the networks through the timbre map (`timbre_map.py`): weights of the training sounds, and their mean
code.
"""

import math
from dataclasses import asdict, dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from timbrel_training.linear_scale import LinearScale, linear_of, scale_of
from timbrel_training.measures.pitch import key_hz
from timbrel_training.mel import band_frequencies
from timbrel_training.spectral import SAMPLE_RATE, Representation

# Width in Hz of the bell by which a bin is near its partial: that of the Hann window's main lobe.
LOBE_HZ = 7.8125

# Code numbers of a pitch, beside the timbre's.
PITCH_CODE = 24

# What the loudest stretch of each note is brought to: the sum of the powers of a frame's mel bins. It is that of a tone
# of -19 dBFS (rms 0.11).
LOUDNESS = 10_000.0

# Frames over which the ear takes the level of an onset together: a quarter of a second.
LOUDNESS_FRAMES = 8

# What sums of products are divided by, so that factors of unit size begin with sums of a few nepers.
PRODUCT_SCALE = math.sqrt(8.0)

# Coherence from which on an angle counts as a partial's, and below which as noise.
NOISE_BELOW = 0.15
TONE_ABOVE = 0.8


@dataclass(frozen=True)
class Shape:
    """Sizes of a factored generator."""

    sounds: int
    latent: int
    pitch_min: int = 24
    pitch_max: int = 84
    code: int = 96
    tables: int = 64
    channels: int = 80
    layers: int = 3
    hidden: int = 192
    knots: int = 48
    spectra: int = 24
    spread: int = 8
    angle: int = 8
    coherence: int = 8


class Expected(nn.Module):
    """What a note is expected to be: the parts of the image before noise is added.

    `forward(code [N, code], index [N])` answers level, spread of the level, angle, coherence, each
    [N, frames, bins]; `index` counts pitches from the lowest one. With `frames`, int64, only those frames are made.
    """

    def __init__(self, shape: Shape, representation: Representation):
        super().__init__()
        self.shape = shape
        pitches = shape.pitch_max - shape.pitch_min + 1
        frames, bins = representation.frames, representation.bins
        self.ranks = [shape.tables, shape.spectra, shape.spread, shape.angle, shape.coherence]

        self.mean_level = nn.Parameter(torch.zeros(pitches, bins))
        self.mean_angle = nn.Parameter(torch.zeros(pitches, bins))
        self.mean_coherence = nn.Parameter(torch.zeros(pitches, bins))
        self.table = nn.Parameter(torch.randn(pitches, shape.tables, bins) * 0.1)
        self.pitch_code = nn.Parameter(torch.randn(pitches, PITCH_CODE) * 0.5)

        # Envelopes: knots in time, close together at onset and release, for each factor.
        self.knots = nn.Parameter(knot_basis(shape.knots, frames))
        self.steady = nn.Linear(shape.code, shape.tables * shape.knots)
        self.condition = nn.Sequential(
            nn.Linear(shape.code + PITCH_CODE, shape.hidden), nn.SiLU(), nn.Linear(shape.hidden, shape.hidden), nn.SiLU()
        )
        self.envelopes = nn.Linear(shape.hidden, sum(self.ranks) * shape.knots)
        with torch.no_grad():
            # The tables begin with what they are given; what the network adds to them begins small.
            self.envelopes.weight[: shape.tables * shape.knots] *= 0.05
            self.envelopes.bias[: shape.tables * shape.knots] = 0.0

        # Spectra: a network along the bins, steered by the condition.
        self.register_buffer("places", _places(shape, representation), persistent=False)
        self.band_code = nn.Parameter(torch.randn(bins, 16) * 0.3)
        self.into = nn.Linear(shape.tables + 16 + self.places.shape[-1], shape.channels)
        self.steering = nn.Linear(shape.hidden, 2 * shape.layers * shape.channels)
        nn.init.normal_(self.steering.weight, std=0.5 / math.sqrt(shape.hidden))
        nn.init.zeros_(self.steering.bias)
        self.mixing = nn.ModuleList(nn.Linear(shape.channels, shape.channels) for _ in range(shape.layers))
        self.neighbours = nn.ModuleList(
            nn.Conv1d(shape.channels, shape.channels, 5, padding=2, groups=shape.channels)
            for _ in range(shape.layers - 1)
        )
        self.out = nn.Linear(shape.channels, sum(self.ranks[1:]))
        with torch.no_grad():
            self.out.weight *= 0.2
            self.out.weight[: shape.spectra] = 0.0
            self.out.bias.zero_()

    def forward(self, code: Tensor, index: Tensor, frames: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        shape = self.shape
        knots = self.knots if frames is None else self.knots[:, frames]
        condition = self.condition(torch.cat([code, self.pitch_code[index]], dim=1))
        courses = self.envelopes(condition).view(-1, sum(self.ranks), shape.knots) @ knots
        steady = self.steady(code).view(-1, shape.tables, shape.knots) @ knots
        tables = self.table[index]
        spectra = self._spectra(condition, tables, index)

        envelope, *courses = courses.split(self.ranks, dim=1)
        level_course, spread_course, angle_course, coherence_course = courses
        level_spectrum, spread_spectrum, angle_spectrum, coherence_spectrum = spectra.split(self.ranks[1:], dim=1)
        level = self.mean_level[index].unsqueeze(1) + product(steady + envelope, tables)
        level = level + product(level_course, level_spectrum)
        # The softplus of the product less 1, written so that ONNX Runtime computes it in vectors, in a fifth of the time.
        spread = -functional.logsigmoid(1.0 - product(spread_course, spread_spectrum))
        angle = self.mean_angle[index].unsqueeze(1) + 0.1 * product(angle_course, angle_spectrum)
        mean_coherence = self.mean_coherence[index].unsqueeze(1)
        coherence = torch.sigmoid(mean_coherence + product(coherence_course, coherence_spectrum))
        return level, spread, angle, coherence

    def _spectra(self, condition: Tensor, tables: Tensor, index: Tensor) -> Tensor:
        """[N, factors, bins]"""
        shape = self.shape
        bands = self.band_code.unsqueeze(0).expand(index.shape[0], -1, -1)
        x = self.into(torch.cat([tables.transpose(1, 2), bands, self.places[index]], dim=2))
        steering = self.steering(condition).view(-1, shape.layers, 2, 1, shape.channels)
        for layer, mixing in enumerate(self.mixing):
            y = functional.silu(mixing(x) * (1.0 + steering[:, layer, 0]) + steering[:, layer, 1])
            if layer > 0:
                y = y + self.neighbours[layer - 1](y.transpose(1, 2)).transpose(1, 2)
            x = x + y
        return self.out(x).transpose(1, 2)


class Generator(nn.Module):
    """From latent and pitch to an image, as the plugin reads it.

    Attributes: `latent_size`, `pitch_min`, `pitch_max`, `representation`, `kind` and `settings`, as every generator's
    (`generators.py`).
    """

    kind = "factored"

    def __init__(self, representation: str = "if-mel-hires", **sizes: int):
        """`sizes` are those of `Shape`."""
        super().__init__()
        images = Representation(representation)
        self.shape = shape = Shape(**sizes)
        self.representation = representation
        self.settings = {"representation": representation, **asdict(shape)}
        self.latent_size = shape.latent
        self.pitch_min, self.pitch_max = shape.pitch_min, shape.pitch_max
        self.register_buffer("places", torch.zeros(shape.sounds, shape.latent))
        self.register_buffer("masses", torch.zeros(shape.sounds))
        self.register_buffer("temperature", torch.ones(()))
        self.codes = nn.Parameter(torch.randn(shape.sounds, shape.code) * 0.5)
        self.expected = Expected(shape, images)
        level, angle = noise_fluctuations(images)
        self.register_buffer("noise_level", level.clone())
        self.register_buffer("noise_angle", angle.clone())
        self.register_buffer("reach", scale_of(images).reach.clone(), persistent=False)

    def weights(self, latent: Tensor) -> Tensor:
        """Shares of the training sounds, [N, sounds]; see `timbre_map.TimbreMap.weights`."""
        squares = self.places.square().sum(dim=1)
        return torch.softmax((2.0 * latent @ self.places.T - squares + self.masses) / self.temperature, dim=1)

    def code(self, latent: Tensor) -> Tensor:
        return self.weights(latent) @ self.codes

    def features(self, latent: Tensor, pitch: Tensor) -> Tensor:
        """The timbre code, [N, code], from which principal directions are taken."""
        return self.code(latent)

    def forward(self, latent: Tensor, pitch: Tensor) -> Tensor:
        level, spread, angle, coherence = self.expected(self.code(latent), pitch - self.pitch_min)
        t = ((TONE_ABOVE - coherence) / (TONE_ABOVE - NOISE_BELOW)).clamp(0.0, 1.0)
        noise = t * t * (3.0 - 2.0 * t)
        level = level + noise * spread * self.noise_level
        # All training notes are equally loud, and so are all that are made: what the networks leave of differences goes.
        level = level + loudness_gain(level.exp().sum(dim=2)).view(-1, 1, 1)
        # The shorter way round from the angle to the noise's. A whole turn is twice the reach on the mel scale.
        whole_turn = 2.0 * self.reach
        turns = (self.noise_angle - angle) / whole_turn
        turns = turns - torch.floor(turns + 0.5)
        return torch.stack([level, angle + noise * (whole_turn * turns)], dim=1)


def loudness_gain(power: Tensor) -> Tensor:
    """What is to be added to the log powers of notes, of which `power` [N, frames] is each frame's sum over the mel bins,
    to make their loudest stretch as loud as `LOUDNESS`: [N]."""
    loudest = functional.avg_pool1d(power.unsqueeze(1), LOUDNESS_FRAMES, stride=1).amax(dim=(1, 2))
    return torch.log(LOUDNESS / loudest.clamp(min=1e-9))


@cache
def noise_fluctuations(representation: Representation, seed: int = 0) -> tuple[Tensor, Tensor]:
    """What white noise does about its mean: level of mean 0 and mean deviation 1, and angle; each [frames, bins]."""
    random = torch.Generator().manual_seed(seed)
    waves = 0.1 * torch.randn(16, 64_000, generator=random)
    level = representation.analyse(waves)[:, 0]
    level = level - level.mean(dim=(0, 1))
    level = level / level[:, representation.frames // 10 :].abs().mean(dim=(0, 1)).clamp(min=1e-3)
    scale = scale_of(representation)
    magnitude, angle = linear_of(representation).analyse(waves[:1])[0]
    return level[0].clamp(-4.0, 3.0), scale.reach * mean_angle(scale, magnitude.exp(), angle)


def mean_angle(scale: LinearScale, weight: Tensor, angle: Tensor) -> Tensor:
    """The direction in which the bins of each mel band point together, [..., mel bins], -1 to 1 [units of pi]: the angle
    of the weighted sum of unit vectors, of weights and angles [..., bins]."""
    across, along = scale.to_mel(weight * torch.sin(math.pi * angle)), scale.to_mel(weight * torch.cos(math.pi * angle))
    return torch.atan2(across, along) / math.pi


def product(courses: Tensor, spectra: Tensor) -> Tensor:
    """Sum over factors: [N, factors, frames] x [N, factors, bins] -> [N, frames, bins]."""
    return torch.bmm(courses.transpose(1, 2), spectra) / PRODUCT_SCALE


def knot_basis(count: int, frames: int) -> Tensor:
    """A basis [count, frames] of overlapping triangles, narrow where a note begins and where its key is let go."""
    density = np.full(frames, 0.2)
    density[: frames // 8] = 1.0
    release = round(0.75 * frames)
    density[release - 2 : release + 6] = 1.0
    position = np.cumsum(density) - density[0]
    position *= (count - 1) / position[-1]
    return torch.tensor(np.maximum(0.0, 1.0 - np.abs(position[None] - np.arange(count)[:, None])), dtype=torch.float32)


def _places(shape: Shape, representation: Representation) -> Tensor:
    """Where each bin stands among the partials of each pitch, [pitches, bins, 6]."""
    frequency = torch.tensor(band_frequencies(representation.bins, SAMPLE_RATE), dtype=torch.float32)[None]
    pitch = torch.arange(shape.pitch_min, shape.pitch_max + 1).float()[:, None]
    fundamental = key_hz(pitch)
    harmonic = frequency / fundamental
    distance = (frequency - harmonic.round().clamp(min=1.0) * fundamental) / LOBE_HZ
    turn = 2.0 * math.pi * harmonic
    return torch.stack(
        [turn.cos(), turn.sin(), (0.5 * turn).cos(), (-0.5 * distance.square()).exp(), (harmonic + 0.2).log2() / 3.0,
         (1.0 - harmonic).abs().neg().exp()],
        dim=-1,
    )
