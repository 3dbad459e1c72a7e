"""The notes that a continuous model learns from: all images in the memory of one device, found by instrument, pitch and
velocity.

Notes are made straight (`straighten.py`), analysed, and brought to one loudness; how loud a stroke is, the instrument's
velocity curve decides. An image is kept as float16: log magnitude and phase advance in units of pi.
"""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from timbrel_training.continuous import VELOCITY
from timbrel_training.data import DataSet
from timbrel_training.errors import TrainingError
from timbrel_training.loudness import LOUDEST_SECONDS, key_weights, loudness_gain
from timbrel_training.spectral import LOG_EPS, Representation
from timbrel_training.straighten import straighten

# An instrument with fewer notes than this says too little of itself.
LEAST_NOTES = 6

# Below this a magnitude is silence (-113 dB under a tone of the common loudness). Added as if it were noise.
FLOOR = 3e-4

# How often a note is drawn at any pitch of the keyboard and not at one that its instrument has.
LENT_SHARE = 0.25

# Notes that are analysed at a time.
CHUNK_NOTES = 16


@dataclass
class Batch:
    """Notes to learn: codes are to be mixed of `instruments` [N, M] by `shares` [N, M]; `notes` [N, M] are their images'
    numbers, `pitch` [N] counts from the lowest pitch, `velocity` [N] is MIDI's."""

    instruments: Tensor
    shares: Tensor
    notes: Tensor
    pitch: Tensor
    velocity: Tensor


class Corpus:
    """Training notes on a device.

    Attributes:
        images: float16 [count, 2, frames, bins].
        gains: what is added to a note's log magnitudes for the common loudness, [count].
        movement: what was taken out of each note, [count, 4]: cents, Hz, dB, s; `tuning` [count], cents.
        names: of the instruments.
        velocities: MIDI, rising.
        table: number of the note of each instrument at each pitch and velocity, int64 [instruments, pitches, velocities];
            -1 where there is none to learn from.
    """

    def __init__(self, data: DataSet, representation: Representation, pitch_min: int, pitch_max: int,
                 device: torch.device | str = "cpu"):
        self.representation, self.pitch_min, self.pitch_max = representation, pitch_min, pitch_max
        self.device = torch.device(device)
        within = [i for i in data.train if pitch_min <= data.pitches[i] <= pitch_max]
        counts = Counter(data.examples[i].instrument for i in within)
        self.names = sorted(name for name, count in counts.items() if count >= LEAST_NOTES)
        if len(self.names) < 2:
            raise TrainingError(
                f"The data set has {len(self.names)} instruments with {LEAST_NOTES} or more notes to train on, and a "
                "continuum needs two: add recordings (`cargo xtask dataset folder --fill` makes more pitches of each)."
            )
        number = {name: i for i, name in enumerate(self.names)}
        self.kept = [i for i in within if data.examples[i].instrument in number]
        self.velocities = sorted({data.examples[i].velocity for i in self.kept})
        table = np.full((len(self.names), pitch_max - pitch_min + 1, len(self.velocities)), -1, dtype=np.int64)
        for place, i in enumerate(self.kept):
            example = data.examples[i]
            table[number[example.instrument], example.pitch - pitch_min, self.velocities.index(example.velocity)] = place
        self.table = torch.from_numpy(table).to(self.device)
        self._analyse(data)
        self._prepare_drawing()

    def __len__(self) -> int:
        return len(self.kept)

    def _analyse(self, data: DataSet) -> None:
        images = self.representation
        count = len(self.kept)
        self.images = torch.empty(count, *images.image_shape, dtype=torch.float16, device=self.device)
        self.gains = torch.zeros(count, device=self.device)
        self.movement = torch.zeros(count, 4, device=self.device)
        self.tuning = torch.zeros(count, device=self.device)
        weights = key_weights(images).to(self.device)
        frames = max(1, round(LOUDEST_SECONDS * images.sample_rate / images.hop))
        pitches = torch.from_numpy(data.pitches[self.kept]).to(self.device)
        done = 0
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for waves in _read_ahead(pool, data, self.kept):
                part = slice(done, done + len(waves))
                straight, movement = straighten(waves.to(self.device), pitches[part], images.sample_rate)
                found = images.analyse(straight)
                power = (found[:, 0].exp() - LOG_EPS).clamp(min=0.0).square() @ weights
                self.gains[part] = loudness_gain(power, frames)
                self.images[part] = found
                self.movement[part], self.tuning[part] = movement.stacked(), movement.tuning
                done += len(waves)

    def _prepare_drawing(self) -> None:
        """Which instrument has which pitch, as weights to draw by; what it lacks is not there until `lend`."""
        self.has = (self.table >= 0).any(dim=2).float()
        self.lent = self.table
        self.lent_reference = self.reference()

    def lend(self, distance: Tensor) -> None:
        """Gives instruments the notes of others for the pitches that they lack: of the nearest one, by the distances
        [instruments, instruments], that has the pitch. The bottom of the keyboard under a flute is a bassoon's."""
        lent = self.table.clone()
        for pitch in range(lent.shape[1]):
            there = torch.nonzero(self.has[:, pitch])[:, 0]
            lacking = torch.nonzero(self.has[:, pitch] == 0)[:, 0]
            if len(there) and len(lacking):
                nearest = there[distance[lacking][:, there].argmin(dim=1)]
                lent[lacking, pitch] = self.table[nearest, pitch]
        self.lent = lent
        self.lent_reference = _reference(lent, self.velocities)

    def level(self, notes: Tensor, frames: Tensor | None = None) -> Tensor:
        """Log magnitudes [N, frames, bins] at the common loudness, with the floor."""
        found = self.images[notes, 0] if frames is None else self.images[notes][:, 0, frames]
        # The eps of a stored logarithm is none of the note's: a gain would make a buzz of it.
        magnitude = (found.float().exp() - LOG_EPS).clamp(min=0.0) * self.gains[notes].exp().view(-1, 1, 1)
        return torch.log(magnitude + FLOOR)

    def angle(self, notes: Tensor, frames: Tensor | None = None) -> Tensor:
        """Phase advances [N, frames, bins] in units of pi."""
        found = self.images[notes, 1] if frames is None else self.images[notes][:, 1, frames]
        return found.float()

    def draw(self, count: int, mixed: int, pure: float, random: torch.Generator) -> Batch:
        """Draws notes: each instrument leads as often as any other, at any of its pitches, or now and then at any at all;
        `pure` of them alone, the others mixed with up to `mixed` - 1 instruments that have the same pitch, each share as
        likely as any."""
        device = self.device
        lead = torch.randint(len(self.names), (count,), generator=random, device=device)
        anywhere = (torch.rand(count, 1, generator=random, device=device) < LENT_SHARE).float()
        lendable = (self.lent >= 0).any(dim=2).float()[lead]
        pitch = torch.multinomial(torch.where(anywhere > 0, lendable, self.has[lead]), 1, generator=random)[:, 0]
        others = torch.multinomial(self.has.T[pitch], mixed - 1, replacement=True, generator=random)
        instruments = torch.cat([lead[:, None], others], dim=1)
        shares = torch.rand(count, mixed, generator=random, device=device).clamp(min=1e-6).log().neg()
        # Two at a time as often as all.
        fewer = torch.rand(count, generator=random, device=device) < 0.5
        shares[:, 2:] *= (~fewer)[:, None]
        alone = torch.rand(count, generator=random, device=device) < pure
        shares[:, 1:] *= (~alone)[:, None]
        shares = shares / shares.sum(dim=1, keepdim=True)
        velocity = torch.multinomial(
            (self.lent[lead, pitch] >= 0).float(), 1, generator=random
        )[:, 0]
        notes = self._at(instruments, pitch, velocity)
        return Batch(instruments, shares, notes, pitch, torch.tensor(self.velocities, device=device)[velocity])

    def _at(self, instruments: Tensor, pitch: Tensor, velocity: Tensor) -> Tensor:
        """The note of each instrument [N, M] at a pitch and the nearest velocity that it has there."""
        rows = self.lent[instruments, pitch[:, None]]
        levels = torch.arange(len(self.velocities), device=self.device)
        distance = (levels - velocity[:, None]).abs()[:, None].expand_as(rows).masked_fill(rows < 0, 10_000)
        return rows.gather(2, distance.argmin(dim=2, keepdim=True))[..., 0]

    def reference(self) -> Tensor:
        """The number of the note of each instrument at each pitch, at the velocity nearest to `VELOCITY`, int64
        [instruments, pitches]; -1 where there is none."""
        return _reference(self.table, self.velocities)


def _reference(table: Tensor, velocities: list[int]) -> Tensor:
    distance = torch.tensor([abs(v - VELOCITY) for v in velocities], device=table.device)
    cost = distance.expand_as(table).masked_fill(table < 0, 10_000)
    return table.gather(2, cost.argmin(dim=2, keepdim=True))[..., 0]


def _read_ahead(pool: ThreadPoolExecutor, data: DataSet, indices: list[int]) -> Iterator[Tensor]:
    """Waves in chunks, each read while the one before is worked on."""
    chunks = [indices[start : start + CHUNK_NOTES] for start in range(0, len(indices), CHUNK_NOTES)]
    ahead = [[pool.submit(data.wave, i) for i in chunk] for chunk in chunks[:2]]
    for place in range(len(chunks)):
        waves = torch.stack([future.result() for future in ahead.pop(0)])
        if place + 2 < len(chunks):
            ahead.append([pool.submit(data.wave, i) for i in chunks[place + 2]])
        yield waves
