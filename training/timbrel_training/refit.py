"""Fits two heads of a continuous model to its data, without training: `touch` and the gain of the upper band.

    python -m timbrel_training.refit RUN --data DATA --out NEW

Both heads are linear in what the networks make of timbre and pitch, so that their best weights are found at once. What they are
to say is measured:

- `touch`: how the spectrum of an instrument's note changes with velocity, in dB for 100 velocities, at the loudness that all
  notes have.
- the upper band: by how much an instrument's notes have more there than the model makes at the same place, in the stroke and
  after it.

They are asked for at three kinds of places: the instruments' codes, the codes of their own latents, which miss them by some way,
and those of random latents. There the answer is the mean of the instruments', with the weights of the mapping, as it is of the
levels in training. A head that is learnt along with everything else under-states both: an error of a few dB in what is 50 dB
below the note, or at other velocities than most, hardly counts among the losses.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from timbrel_training import generators
from timbrel_training.continuous import (
    STROKE_FRAMES,
    TOUCH_POINTS,
    UPPER_POINTS,
    VELOCITY,
    Generator,
    touch_curve,
    upper_curve,
)
from timbrel_training.data import DataSet
from timbrel_training.errors import TrainingError, run_command
from timbrel_training.loudness import LOUDEST_SECONDS, key_weights, loudness_gain
from timbrel_training.progress import stopwatch
from timbrel_training.spectral import LOG_EPS, Representation

# How hard a note is struck is heard in its first second.
STRUCK_S = 1.0

# Bands that lie this far below the loudest one of a note are not heard, and are taken to be like the nearest that are.
HEARD_DB = -60.0

# The least level of a band [dB] beside the loudest one.
LEAST_DB = -110.0

# Notes that lie between velocities of at least this distance tell what velocity does.
LEAST_VELOCITIES = 30

# What a place weighs whose instrument has no note at the pitch: it goes on from the nearest pitch that it has.
LENT_WEIGHT = 0.25

# Random latents at a pitch each, and what they weigh together beside all instruments' own places.
FIELD, FIELD_WEIGHT = 1_500, 1.0

# By how much more random latents change with velocity than notes do, in decibels, for the same change of their centroid: they are
# duller, and there is less up there to change.
FELT = 1.25

# Weights of a head are drawn to nothing as if this share of all places said so.
RIDGE = 1e-3

BATCH = 16
TEN_OVER_LN_TEN = 10.0 / np.log(10.0)


@dataclass
class Bands:
    """Levels [dB] of notes at the common loudness, by instrument and pitch; NaN where there is no note.

    Attributes:
        struck: change with velocity [instruments, pitches, TOUCH_POINTS], dB for 100 velocities.
        upper: level above `UPPER_FROM_HZ` near `VELOCITY`, in the stroke and after it [instruments, pitches, 2 UPPER_POINTS].
    """

    struck: np.ndarray
    upper: np.ndarray


def measure(data: DataSet, generator: Generator, progress: Callable[[str], None] = lambda _: None) -> Bands:
    """The bands of the notes that a generator's instruments have to learn from."""
    shape, images = generator.shape, generator.representation
    number = {name: place for place, name in enumerate(generator.names)}
    grouped: dict[tuple[int, int], list[int]] = {}
    for index in data.train:
        example = data.examples[index]
        if example.instrument in number and shape.pitch_min <= example.pitch <= shape.pitch_max:
            grouped.setdefault((number[example.instrument], example.pitch - shape.pitch_min), []).append(int(index))
    if not grouped:
        raise TrainingError("The data set has none of the instruments that the model knows: give the one that it learnt from.")
    pitches = shape.pitch_max - shape.pitch_min + 1
    struck = np.full((shape.instruments, pitches, TOUCH_POINTS), np.nan)
    upper = np.full((shape.instruments, pitches, 2 * UPPER_POINTS), np.nan)
    curves = touch_curve(images), upper_curve(images)
    for done, ((instrument, pitch), indices) in enumerate(sorted(grouped.items())):
        if done % 200 == 0:
            progress(f"measuring notes of {done} of {len(grouped)} keys")
        waves = torch.stack([data.wave(index) for index in indices])
        early, whole = band_levels(images.analyse(waves)[:, 0], images, *curves)
        velocities = np.array([data.examples[index].velocity for index in indices])
        if np.ptp(velocities) >= LEAST_VELOCITIES:
            struck[instrument, pitch] = slope_over_velocity(early, velocities)
        upper[instrument, pitch] = whole[np.abs(velocities - VELOCITY).argmin()]
    return Bands(struck, upper)


def band_levels(level: Tensor, images: Representation, touch: Tensor, upper: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Levels [dB] of notes' bands, of log magnitudes [N, frames, bins] brought to one loudness: at the points of `touch` in the
    first second [N, TOUCH_POINTS], and at those of the upper band in the stroke and in all that follows it [N, 2 UPPER_POINTS]."""
    power = (level.exp() - LOG_EPS).clamp(min=0.0).square()
    frames = max(1, round(LOUDEST_SECONDS * images.sample_rate / images.hop))
    gain = (2.0 * loudness_gain(power @ key_weights(images), frames)).exp()[:, None]
    begun = images.pad_left // images.hop
    after = begun + sum(STROKE_FRAMES) // 2
    first, stroke, rest = (
        power[:, frames].mean(dim=1) * gain
        for frames in (slice(begun + round(STRUCK_S * images.sample_rate / images.hop)), slice(after), slice(after, None))
    )
    early, *late = (
        TEN_OVER_LN_TEN * torch.log(bands @ curve.T + 1e-12).double().numpy()
        for bands, curve in ((first, touch), (stroke, upper), (rest, upper))
    )
    return early, np.concatenate(late, axis=1)


def slope_over_velocity(levels: np.ndarray, velocities: np.ndarray) -> np.ndarray:
    """Change [points] of levels [N, points] with velocities [N], dB for 100: the line through what they are at `VELOCITY`, where
    nothing is changed, that is nearest to the others. Points that are not heard at any velocity are like the nearest that are."""
    order = np.argsort(velocities)
    levels, velocities = levels[order], velocities[order]
    levels = np.maximum(levels, levels.max(axis=1, keepdims=True) + LEAST_DB)
    struck = np.array([np.interp(VELOCITY, velocities, course) for course in levels.T])
    x = (velocities - VELOCITY) / 100.0
    slope = x @ (levels - struck) / np.square(x).sum()
    heard = np.flatnonzero((levels - levels.max(axis=1, keepdims=True)).max(axis=0) > HEARD_DB)
    return np.interp(np.arange(len(slope)), heard, slope[heard])


def filled(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values [instruments, pitches, points] where instruments without a note at a pitch have what they have at the nearest one; and
    what each is worth [instruments, pitches], 0 for instruments without any."""
    there = np.isfinite(values).all(axis=2)
    found, worth = np.zeros_like(values), np.where(there, 1.0, LENT_WEIGHT)
    for instrument, has in enumerate(there):
        known = np.flatnonzero(has)
        if len(known) == 0:
            worth[instrument] = 0.0
            continue
        nearest = known[np.abs(known[None] - np.arange(len(has))[:, None]).argmin(axis=1)]
        found[instrument] = values[instrument, nearest]
    return found, worth


@dataclass
class Places:
    """Where heads are asked: codes [N, code], pitch indices [N], shares of the instruments [N, instruments], worth [N]."""

    codes: Tensor
    pitches: Tensor
    shares: np.ndarray
    worth: np.ndarray

    def answer(self, values: np.ndarray) -> np.ndarray:
        """The mean [N, points] of values [instruments, pitches, points] by the shares. Some of these are negative, so that it is
        held within what the instruments have at the pitch."""
        of_pitch = values[:, self.pitches.numpy()].transpose(1, 0, 2)
        mean = np.einsum("ni,nip->np", self.shares, of_pitch)
        return np.clip(mean, of_pitch.min(axis=1), of_pitch.max(axis=1))


def places(generator: Generator, worth: np.ndarray, seed: int = 0) -> list[Places]:
    """The instruments' codes, those of their own latents, and those of random latents.

    Args:
        worth: what an instrument's place weighs at a pitch, [instruments, pitches]; random latents are asked for where any does.
    """
    instruments, pitches = np.nonzero(worth > 0.0)
    one = np.eye(len(worth))[instruments]
    with torch.no_grad():
        own = generator.mapping(torch.stack(list(generator.known_latents().values())))
        found = [Places(codes[instruments], torch.from_numpy(pitches), one, worth[instruments, pitches])
                 for codes in (generator.codes, own)]
        random = torch.Generator().manual_seed(seed)
        latents = torch.randn(FIELD, generator.latent_size, generator=random)
        drawn = torch.from_numpy(np.flatnonzero(worth.any(axis=0)))
        drawn = drawn[torch.randint(len(drawn), (FIELD,), generator=random)]
        weight = FIELD_WEIGHT * sum(part.worth.sum() for part in found) / FIELD
        return [*found, Places(generator.mapping(latents), drawn, shares(generator, latents), np.full(FIELD, weight))]


@torch.no_grad()
def shares(generator: Generator, latents: Tensor) -> np.ndarray:
    """The weights [N, instruments] of the codes in what the mapping makes of latents [N, L]; they add up to one, and some are
    negative, since it reaches out."""
    mapping = generator.mapping
    count = len(generator.names)
    away = mapping.weights(latents) - 1.0 / count
    free = mapping.reach * (away @ mapping.codes)
    bound = mapping(latents) - mapping.codes.mean(dim=0)
    length = (free.norm(dim=1) / bound.norm(dim=1).clamp(min=1e-9)).clamp(min=1.0)
    return (1.0 / count + mapping.reach * away / length[:, None]).double().numpy()


def fit_touch(generator: Generator, bands: Bands, seed: int = 0) -> None:
    """Sets the generator's `touch`."""
    values, worth = filled(bands.struck)
    asked = places(generator, worth, seed)
    answers = [part.answer(values) for part in asked]
    # The instruments that change most have a smaller part of the latent space than of the notes. A latent drawn at random is struck
    # as a note drawn at random is, in the mean.
    answers[-1] += FELT * values[worth == 1.0].mean(axis=0) - answers[-1].mean(axis=0)
    _solve(generator, generator.expected.touch, asked, answers)


def fit_upper(generator: Generator, bands: Bands, seed: int = 0, progress: Callable[[str], None] = lambda _: None,
              keys: int = 3) -> None:
    """Sets the gain of the upper band such that the model has what the instruments have, at every `keys`-th pitch of theirs."""
    generator.expected.upper.weight.data.zero_()
    generator.expected.upper.bias.data.zero_()
    values, worth = filled(np.maximum(bands.upper, LEAST_DB))
    there = np.flatnonzero(np.isfinite(bands.upper).all(axis=2).any(axis=0))
    chosen = np.zeros(worth.shape[1], bool)
    chosen[there[::keys]] = True
    # What an instrument has where it has no note nobody knows.
    worth = np.where(chosen & (worth == 1.0), worth, 0.0)
    asked = places(generator, worth, seed)
    answers = []
    for part in asked:
        progress(f"listening to the upper band of {len(part.pitches)} notes")
        answers.append(part.answer(values) - _upper_levels(generator, part))
    _solve(generator, generator.expected.upper, asked, answers)


@torch.no_grad()
def _upper_levels(generator: Generator, part: Places) -> np.ndarray:
    images = generator.representation
    curves = touch_curve(images), upper_curve(images)
    found = []
    for start in range(0, len(part.pitches), BATCH):
        chosen = slice(start, start + BATCH)
        level = generator.notes(part.codes[chosen], part.pitches[chosen])[0][:, 0]
        found.append(np.maximum(band_levels(level, images, *curves)[1], LEAST_DB))
    return np.concatenate(found)


@torch.no_grad()
def _solve(generator: Generator, head: torch.nn.Linear, asked: list[Places], answers: list[np.ndarray]) -> None:
    """Weights of a head, in units of 10 dB, by least squares with a ridge; its offset is free."""
    x = torch.cat([generator.expected.conditions(part.codes, part.pitches) for part in asked]).double().numpy()
    y = np.concatenate(answers) / 10.0
    worth = np.concatenate([part.worth for part in asked])
    scale = x.std(axis=0) + 1e-6
    mean_x, mean_y = np.average(x, axis=0, weights=worth), np.average(y, axis=0, weights=worth)
    x = (x - mean_x) / scale
    weighted = x * worth[:, None]
    weight = np.linalg.solve(weighted.T @ x + RIDGE * worth.sum() * np.eye(x.shape[1]), weighted.T @ (y - mean_y)).T / scale
    head.weight.copy_(torch.from_numpy(weight))
    head.bias.copy_(torch.from_numpy(mean_y - weight @ mean_x))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m timbrel_training.refit", description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path, help="run or checkpoint of a continuous model")
    parser.add_argument("--data", type=Path, required=True, help="the data set that it learnt from")
    parser.add_argument("--out", type=Path, required=True, help="folder of the new checkpoint")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    progress = stopwatch()
    generator = generators.load(arguments.run)
    if generator.kind != "continuous":
        raise TrainingError(f"{arguments.run} holds a {generator.kind} generator; only a continuous one has these heads.")
    bands = measure(DataSet(arguments.data), generator, progress)
    if np.isfinite(bands.struck).any():
        fit_touch(generator, bands, arguments.seed)
    else:
        progress("no instrument has a key at several velocities: touch stays as it is")
    fit_upper(generator, bands, arguments.seed, progress)
    generators.save(arguments.out, generator)


if __name__ == "__main__":
    run_command(main)
