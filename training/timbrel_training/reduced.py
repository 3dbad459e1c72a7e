"""A data set of shorter notes below a lower band edge: what comparisons learn from that a processor can bear.

A note is cut at `seconds`, with a short fade, and brought to `sample_rate`, so that networks of fewer pixels have the same
hops and bins to learn (`geometry.Reduced`).
"""

import hashlib
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from timbrel_training.config import DataConfig
from timbrel_training.data import SILENT_PEAK, DataSet
from timbrel_training.geometry import NOTE_SECONDS, PUBLISHED_RATE
from timbrel_training.measures.rate import to_rate

# A note that is cut off would end in a click, which every representation spreads over all its bins.
FADE_SECONDS = 0.1


class ReducedDataSet(DataSet):
    """The notes of another data set, `source`, cut and at a lower rate; labels and split are its own."""

    def __init__(self, source: DataSet, sample_rate: int, seconds: float, peak: float | None = None):
        self.source = source
        self.folder, self.examples = source.folder, source.examples
        self.train, self.test = source.train, source.test
        self.sample_rate, self.seconds, self.peak = sample_rate, seconds, peak

    @property
    def note_samples(self) -> int:
        """Samples of every wave."""
        return round(self.seconds * self.sample_rate)

    @property
    def audio_identity(self) -> str:
        told = f"{self.source.audio_identity} {self.sample_rate} {self.seconds} {self.peak}"
        return hashlib.sha256(told.encode()).hexdigest()[:32]

    def wave(self, index: int) -> Tensor:
        """The wave of one note, [note_samples] float32."""
        wave = to_rate(self.source.wave(index).numpy(), self.source.sample_rate, self.sample_rate)[: self.note_samples]
        fade = min(len(wave), round(FADE_SECONDS * self.sample_rate))
        wave = torch.from_numpy(wave.copy())
        wave[len(wave) - fade :] *= torch.from_numpy(0.5 + 0.5 * np.cos(np.linspace(0.0, math.pi, fade))).float()
        greatest = float(wave.abs().max())
        if self.peak is not None and greatest > SILENT_PEAK:
            wave *= self.peak / greatest
        return wave


def open_data(folder: Path, settings: DataConfig) -> DataSet:
    """The data set that a configuration asks for: as it is, or reduced."""
    pitches = settings.pitch_min, settings.pitch_max
    if (settings.sample_rate, settings.seconds) == (PUBLISHED_RATE, NOTE_SECONDS):
        return DataSet(folder, pitches, settings.peak or None)
    return ReducedDataSet(DataSet(folder, pitches), settings.sample_rate, settings.seconds, settings.peak or None)
