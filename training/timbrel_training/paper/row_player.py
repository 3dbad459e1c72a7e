"""Notes of a trained row as waves, whatever its network makes."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from timbrel_training import generators
from timbrel_training.spectral import Representation

BATCH = 16

# Notes that the time of one is taken from.
TIMED = 5


class RowPlayer:
    """Plays the averaged generator of a run.

    Attributes:
        latent_size: 0 for a network that has no latent.
        parameters: how many numbers it has learnt.
    """

    def __init__(self, run: Path, device: torch.device | str = "cpu"):
        self.generator = generators.load(run, device)
        self.device = device
        self.latent_size: int = self.generator.latent_size
        self.pitches = np.arange(self.generator.pitch_min, self.generator.pitch_max + 1)
        self.parameters = sum(parameter.numel() for parameter in self.generator.parameters())
        self.makes_images = self.generator.representation != "wave"
        self.representation = Representation.of(self.generator.representation) if self.makes_images else None
        self.sample_rate: int = self.representation.sample_rate if self.makes_images else self.generator.sample_rate

    def waves(self, latents: np.ndarray, keys: np.ndarray, seed: int = 0) -> Iterator[np.ndarray]:
        """Waves [samples] of latents [N, latent_size] at MIDI keys [N]; where there is no latent, `seed` draws the notes."""
        if self.latent_size == 0:
            random = torch.Generator().manual_seed(seed)
            yield from self.generator.cpu().generate(torch.from_numpy(np.asarray(keys, np.int64)), random).numpy()
            return
        for start in range(0, len(keys), BATCH):
            part = slice(start, start + BATCH)
            yield from self._play(torch.from_numpy(latents[part]).float(), torch.from_numpy(np.asarray(keys[part], np.int64)))

    def seconds_a_note(self) -> float:
        """Time of the processor for one note by itself, in seconds, the fastest of some; on a GPU, time on the wall."""
        latent, key = np.zeros((1, max(1, self.latent_size)), np.float32), self.pitches[:1]
        clock = time.process_time if torch.device(self.device).type == "cpu" else time.perf_counter
        times = []
        for _ in range(TIMED if self.latent_size else 1):
            begun = clock()
            list(self.waves(latent, key))
            times.append(clock() - begun)
        return min(times)

    @torch.no_grad()
    def _play(self, latents: Tensor, keys: Tensor) -> np.ndarray:
        made = self.generator(latents.to(self.device), keys.to(self.device))
        return (self.representation.synthesise(made.float()) if self.makes_images else made).cpu().numpy()
