"""WaveNet (van den Oord et al. 2016, arXiv 1609.03499), the paper's autoregressive baseline: each sample from those before.

Samples are mu-law values of 8 bits; a stack of dilated causal convolutions with gates gives the distribution of the next one.
The pitch is told to every gate. There is no latent: what a note sounds like is decided by the draw of its samples.

Generation keeps what each layer has computed (Le Paine et al. 2016, arXiv 1611.09482), so that a sample costs one column of
the network and not its whole past; the samples still come one after the other.
"""

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from timbrel_training import generators
from timbrel_training.config import Config
from timbrel_training.geometry import PUBLISHED_RATE
from timbrel_training.paper.wavegan import make_generator
from timbrel_training.parallel import Parallel
from timbrel_training.schedule import Moment
from timbrel_training.trainer import packed, unpack

LEVELS = 256
SILENCE = LEVELS // 2


def encode(waves: Tensor) -> Tensor:
    """Waves within -1 to 1 as mu-law values, int64 from 0 to 255."""
    mu = LEVELS - 1.0
    bent = torch.sign(waves) * torch.log1p(mu * waves.abs().clamp(max=1.0)) / np.log1p(mu)
    return ((bent + 1.0) / 2.0 * mu + 0.5).long()


def decode(values: Tensor) -> Tensor:
    """Mu-law values as waves, float32."""
    mu = LEVELS - 1.0
    bent = 2.0 * values.float() / mu - 1.0
    return torch.sign(bent) * torch.expm1(bent.abs() * np.log1p(mu)) / mu


class WaveNet(nn.Module):
    """The network: (values so far [N, samples], MIDI pitch [N]) -> logits of each next value [N, samples, 256]."""

    kind = "wavenet"
    representation = "wave"
    latent_size = 0

    def __init__(self, samples: int, sample_rate: int = PUBLISHED_RATE, pitch_min: int = 24, pitch_max: int = 84,
                 channels: int = 64, skip_channels: int = 128, layers: int = 10, stacks: int = 3):
        """`layers` of a stack double their distance each, from one sample on."""
        super().__init__()
        self.samples, self.sample_rate = samples, sample_rate
        self.pitch_min, self.pitch_max = pitch_min, pitch_max
        self.settings: dict[str, Any] = {
            "samples": samples, "sample_rate": sample_rate, "pitch_min": pitch_min, "pitch_max": pitch_max,
            "channels": channels, "skip_channels": skip_channels, "layers": layers, "stacks": stacks,
        }
        self.distances = [2**layer for _ in range(stacks) for layer in range(layers)]
        pitches = pitch_max - pitch_min + 1
        self.value = nn.Embedding(LEVELS, channels)
        self.gates = nn.ModuleList(nn.Conv1d(channels, 2 * channels, 2, dilation=d) for d in self.distances)
        self.told = nn.ModuleList(nn.Embedding(pitches, 2 * channels) for _ in self.distances)
        self.out = nn.ModuleList(nn.Conv1d(channels, channels + skip_channels, 1) for _ in self.distances)
        self.last = nn.Sequential(
            nn.ReLU(), nn.Conv1d(skip_channels, skip_channels, 1), nn.ReLU(), nn.Conv1d(skip_channels, LEVELS, 1)
        )

    @property
    def reach(self) -> int:
        """How many samples before it a sample depends on."""
        return sum(self.distances) + 1

    def forward(self, before: Tensor, pitch: Tensor) -> Tensor:
        x = self.value(before).transpose(1, 2)
        label = self._label(pitch)
        skips = 0.0
        for distance, gate, told, out in zip(self.distances, self.gates, self.told, self.out):
            y = gated(gate(F.pad(x, (distance, 0))) + told(label)[:, :, None])
            change, skip = out(y).split((x.shape[1], self.settings["skip_channels"]), 1)
            x, skips = x + change, skips + skip
        return self.last(skips).transpose(1, 2)

    @torch.no_grad()
    def generate(self, pitch: Tensor, random: torch.Generator, samples: int | None = None) -> Tensor:
        """Notes at MIDI pitches [N], waves [N, samples], drawn one sample after the other; pitches and `random` are on the
        network's device."""
        count, label, device = len(pitch), self._label(pitch), pitch.device
        width = self.settings["channels"]
        told = [layer(label) for layer in self.told]
        # Each layer's past in a ring: what stood `distance` samples ago is what the next sample overwrites.
        rings = [torch.zeros(distance, count, width, device=device) for distance in self.distances]
        gates = [(gate.weight[:, :, 0].t(), gate.weight[:, :, 1].t(), gate.bias) for gate in self.gates]
        outs = [(out.weight[:, :, 0].t(), out.bias) for out in self.out]
        last = [(self.last[place].weight[:, :, 0].t(), self.last[place].bias) for place in (1, 3)]
        value = torch.full((count,), SILENCE, device=device)
        made = torch.empty(count, samples or self.samples, dtype=torch.long, device=device)
        for time in range(made.shape[1]):
            x = self.value(value)
            skips = torch.zeros(count, self.settings["skip_channels"], device=device)
            for layer, ring in enumerate(rings):
                place = time % len(ring)
                past, now, bias = gates[layer]
                y = gated(torch.addmm(bias, ring[place], past) + x @ now + told[layer])
                ring[place] = x
                weight, bias = outs[layer]
                both = torch.addmm(bias, y, weight)
                x, skips = x + both[:, :width], skips + both[:, width:]
            x = torch.addmm(last[0][1], F.relu(skips), last[0][0])
            logits = torch.addmm(last[1][1], F.relu(x), last[1][0])
            value = torch.multinomial(logits.softmax(1), 1, generator=random)[:, 0]
            made[:, time] = value
        return decode(made)

    def _label(self, pitch: Tensor) -> Tensor:
        return (pitch - self.pitch_min).clamp(0, self.pitch_max - self.pitch_min)


def gated(x: Tensor) -> Tensor:
    """Halves of the channels [N, 2 C, ...]: one as it is, gated by the other."""
    signal, gate = x.chunk(2, 1)
    return torch.tanh(signal) * torch.sigmoid(gate)


class WaveNetTrainer:
    """Training by maximum likelihood, with the face of `Trainer`: the same loop trains all rows.

    Attributes:
        generator: the one that learns.
        average: the moving average of its weights, which is what is used afterwards.
    """

    def __init__(self, config: Config, pitch_counts: Tensor, parallel: Parallel, generator: nn.Module | None = None):
        """`pitch_counts` are not looked at: the notes of each batch tell their own pitches."""
        self.config, self.parallel, self.device = config, parallel, parallel.device
        self.generator = (generator or make_generator(config)).to(self.device).train().requires_grad_(True)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        settings = config.optimiser
        self.optimiser = torch.optim.Adam(self.generator.parameters(), settings.learning_rate, (settings.beta1, settings.beta2))
        self.steps = 0

    def step(self, real: Tensor, pitch: Tensor, moment: Moment) -> dict[str, Tensor]:
        """Learns from waves [N, samples] and their MIDI pitches [N]."""
        values = encode(real.to(self.device))
        before = F.pad(values[:, :-1], (1, 0), value=SILENCE)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.speed.precision == "bfloat16"):
            logits = self.generator(before, pitch.to(self.device))
        loss = F.cross_entropy(logits.flatten(0, 1).float(), values.flatten())
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate(moment)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.parallel.average_gradients(self.generator.parameters())
        self.optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.average.parameters()), list(self.generator.parameters()), 1.0 - self.config.optimiser.average_decay
            )
        self.steps += 1
        return {"generator_loss": loss}

    def learning_rate(self, moment: Moment) -> float:
        return self.config.optimiser.learning_rate

    def is_finite(self) -> bool:
        """Whether all weights are numbers."""
        sums = [parameter.detach().sum() for parameter in self.generator.parameters()]
        return bool(torch.isfinite(torch.stack(sums)).all())

    def state(self) -> dict[str, Any]:
        """All that `restore` needs."""
        return {
            "generator": generators.to_state(self.average),
            "generator_weights": self.generator.state_dict(),
            "optimiser": packed(self.optimiser, self.config.report.moments == "bfloat16"),
            "steps": self.steps,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a state."""
        self.average.load_state_dict(state["generator"]["weights"])
        self.generator.load_state_dict(state["generator_weights"])
        unpack(self.optimiser, state["optimiser"])
        self.steps = state["steps"]
