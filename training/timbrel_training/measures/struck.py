"""What velocity does to a note: how brightness and rise change from a middling stroke to a soft and to a hard one."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from timbrel_training.data import DataSet
from timbrel_training.measures.note import brightness_and_rise
from timbrel_training.model_file import ModelFile
from timbrel_training.played import play
from timbrel_training.spectral import Representation

SOFT, MIDDLE, HARD = 25, 75, 127
VELOCITIES = (SOFT, MIDDLE, HARD)

# A set's velocity this near to one of these stands for it.
NEAR = 5

# Notes that are struck three times each.
NOTES = 150
KEYS = 5


@dataclass
class Struck:
    """Of N notes struck at each of `VELOCITIES`: centroid [N, 3] in octaves over 1 Hz, and rise [N, 3] in ms."""

    centroid: np.ndarray
    rise_ms: np.ndarray

    def figures(self) -> dict[str, float]:
        """Mean change of the centroid [octaves] and of the rise [ms], against velocity 75; NaN where nothing is known.

        The mean, since in a set of samples many instruments change in nothing but their level, and others by octaves.
        """
        figures = {}
        for place, name in ((0, "soft"), (2, "hard")):
            figures[f"centroid_{name}"] = _mean(self.centroid[:, place] - self.centroid[:, 1])
            figures[f"rise_{name}_ms"] = _mean(self.rise_ms[:, place] - self.rise_ms[:, 1])
        return figures


def real(data: DataSet, full: bool, count: int = NOTES, seed: int = 0) -> Struck:
    """Notes of a set that it has at all three velocities; none where it has no such notes."""
    found: dict[tuple[str, int], list[int | None]] = {}
    for index, example in enumerate(data.examples):
        for place, velocity in enumerate(VELOCITIES):
            if abs(example.velocity - velocity) <= NEAR:
                found.setdefault((example.instrument, example.pitch), [None] * 3)[place] = index
    whole = [indices for _, indices in sorted(found.items()) if None not in indices]
    chosen = np.random.default_rng(seed).permutation(len(whole))[:count]
    return _measure(
        ([data.wave(index).numpy() for index in whole[place]] for place in chosen), data.sample_rate, full
    )


def generated(model: ModelFile, full: bool, count: int = NOTES, seed: int = 0) -> Struck:
    """Random latents, each at a few keys."""
    latents = model.draw(-(-count // KEYS), seed)
    edge = len(model.pitches) / (2 * KEYS)
    keys = model.pitches[np.linspace(edge, len(model.pitches) - edge, KEYS).astype(int)]
    latents, keys = np.repeat(latents, KEYS, axis=0)[:count], np.tile(keys, len(latents))[:count]
    waves = play(model, np.repeat(latents, 3, axis=0), np.repeat(keys, 3), np.tile(VELOCITIES, count))
    rate = Representation.of(model.representation).sample_rate
    return _measure(([next(waves) for _ in VELOCITIES] for _ in range(count)), rate, full)


def _measure(notes: Iterable[list[np.ndarray]], rate: int, full: bool) -> Struck:
    rows = np.array([[brightness_and_rise(wave, rate, full) for wave in waves] for waves in notes])
    return Struck(*np.moveaxis(rows.reshape(-1, 3, 2), 2, 0))


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
