"""Notes of a trained row as waves, whatever its network makes."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from timbrel_training import generators
from timbrel_training.spectral import Representation

BATCH = 16

# How often a time is taken, and from how many samples where they come one after the other.
TIMED = 5
TIMED_SAMPLES = 400


class RowPlayer:
    """Plays the generator of a row.

    Attributes:
        latent_size: 0 for a network that has no latent.
        parameters: how many numbers it has learnt.
    """

    def __init__(self, generator: nn.Module, device: torch.device | str = "cpu"):
        self.generator = generator.to(device).eval().requires_grad_(False)
        self.device = torch.device(device)
        self.latent_size: int = self.generator.latent_size
        self.pitches = np.arange(self.generator.pitch_min, self.generator.pitch_max + 1)
        self.parameters = sum(parameter.numel() for parameter in self.generator.parameters())
        self.makes_images = self.generator.representation != "wave"
        self.representation = Representation.of(self.generator.representation) if self.makes_images else None
        self.sample_rate: int = self.representation.sample_rate if self.makes_images else self.generator.sample_rate

    @classmethod
    def of_run(cls, run: Path, device: torch.device | str = "cpu") -> "RowPlayer":
        """The averaged generator of a run."""
        return cls(generators.load(run), device)

    def waves(self, latents: np.ndarray, keys: np.ndarray, seed: int = 0) -> Iterator[np.ndarray]:
        """Waves [samples] of latents [N, latent_size] at MIDI keys [N]; where there is no latent, `seed` draws the notes."""
        if self.latent_size == 0:
            random = torch.Generator(self.device).manual_seed(seed)
            told = torch.from_numpy(np.asarray(keys, np.int64)).to(self.device)
            yield from self.generator.generate(told, random).cpu().numpy()
            return
        for start in range(0, len(keys), BATCH):
            part = slice(start, start + BATCH)
            yield from self._play(torch.from_numpy(latents[part]).float(), torch.from_numpy(np.asarray(keys[part], np.int64)))

    def seconds_a_note(self) -> float:
        """Time for one note by itself, the fastest of some: of the processor; on a GPU, on the wall.

        Where samples come one after the other, all cost the same, and so some are enough.
        """
        latent, key = np.zeros((1, self.latent_size), np.float32), self.pitches[:1]
        clock = time.process_time if self.device.type == "cpu" else time.perf_counter
        if self.latent_size == 0:
            random, told = torch.Generator(self.device), torch.from_numpy(key.astype(np.int64)).to(self.device)
            share = min(1.0, TIMED_SAMPLES / self.generator.samples)
            return _fastest(lambda: self.generator.generate(told, random, TIMED_SAMPLES).cpu(), clock) / share
        return _fastest(lambda: list(self.waves(latent, key)), clock)

    @torch.no_grad()
    def _play(self, latents: Tensor, keys: Tensor) -> np.ndarray:
        made = self.generator(latents.to(self.device), keys.to(self.device))
        return (self.representation.synthesise(made.float()) if self.makes_images else made).cpu().numpy()


def _fastest(work: Callable[[], object], clock: Callable[[], float]) -> float:
    times = []
    for _ in range(TIMED):
        begun = clock()
        work()
        times.append(clock() - begun)
    return min(times)
