"""Fits three heads of a continuous model, without training the rest: `touch`, the gain of the upper band, and `movement`.

    python -m timbrel_training.refit RUN --data DATA --out NEW

The first two are linear in what the networks make of timbre and pitch, so that their best weights are found at once. What they are
to say is measured:

- `touch`: how the spectrum of an instrument's note changes with velocity, in dB for 100 velocities, at the loudness that all
  notes have.
- the upper band: by how much an instrument's notes have more there than the model makes at the same place, in the stroke and
  after it.

They are asked for at three kinds of places: the instruments' codes, the codes of their own latents, which miss them by some way,
and those of random latents. There the answer is the mean of the instruments that are most like it. A head that is learnt along
with everything else under-states both: an error of a few dB in what is 50 dB below the note, or at other velocities than most,
hardly counts among the losses.

`movement` has learnt the vibrato and tremolo of the instruments, and nothing of what lies between them. Random latents are given
the depths that the instruments have, in the order of the means of those most like them: means alone would leave all of them nearly straight.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

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
from timbrel_training.first_tables import felt_basis, lay_out
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

# By how much less random latents change with velocity than notes do, in decibels: struck hard they would brighten twice as much as
# notes do for the same decibels, struck softly as much.
FELT = 0.72

# How many instruments a random latent is taken to be like: the exponential of the entropy of their shares.
LIKE = 4.0

# Weights of a head are drawn to nothing as if this share of all places said so.
RIDGE = 1e-3

# The depths among the numbers of a movement; how deep [units of `MOVEMENT_SCALE`] one is whose rate and onset count; and the
# quantile of the depths that random latents and instruments are to share.
DEPTHS, MOVES, DEEP = [0, 2], 0.05, 0.9

# Steps and rate by which `movement` is fitted, and how often.
MOVEMENT_STEPS, MOVEMENT_RATE, MOVEMENT_ROUNDS = 1_500, 1e-2, 2

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


def laid_out(generator: Generator, latent: int) -> Generator:
    """The generator with a latent of another size, whose mapping lies over the instruments as `first_tables.py` lays it."""
    state = generators.to_state(generator)
    places = torch.zeros(generator.shape.instruments, latent)
    again = generators.from_state({
        **state, "settings": {**state["settings"], "latent": latent}, "weights": {**state["weights"], "mapping.places": places},
    })
    lay_out(again)
    return again.eval().requires_grad_(False)


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
        """The mean [N, points] of values [instruments, pitches, points] by the shares."""
        return np.einsum("ni,nip->np", self.shares, values[:, self.pitches.numpy()].transpose(1, 0, 2))


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
    """How like the instruments are to what the mapping makes of latents [N, L], [N, instruments], each row adding up to one: shares
    fall with the square of the distance as it is felt, so fast that some `LIKE` instruments count. The weights by which the mapping
    mixes codes would not do, since it reaches out and many of them are negative: a mean by those is far from all instruments."""
    basis = felt_basis(generator)
    squares = torch.cdist(generator.mapping(latents) @ basis, generator.codes @ basis).square().double()
    squares = squares - squares.amin(dim=1, keepdim=True)
    narrow, wide = torch.full((len(squares), 1), -30.0), torch.full((len(squares), 1), 30.0)
    for _ in range(60):
        middle = 0.5 * (narrow + wide)
        found = torch.softmax(-squares * middle.exp(), dim=1)
        many = torch.exp(-torch.xlogy(found, found).sum(dim=1, keepdim=True)) > LIKE
        narrow, wide = torch.where(many, middle, narrow), torch.where(many, wide, middle)
    return found.numpy()


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


def fit_movement(generator: Generator, seed: int = 0) -> None:
    """Sets the generator's `movement`: at the instruments as it is, at random latents as much of it as the instruments have."""
    expected, shape = generator.expected, generator.shape
    everywhere = np.ones((shape.instruments, shape.pitch_max - shape.pitch_min + 1))
    asked = places(generator, everywhere, seed)
    with torch.no_grad():
        conditions = [expected.conditions(part.codes, part.pitches) for part in asked]
        own = functional.softplus(expected.movement(conditions[0])).double().numpy()
    values = own.reshape(*everywhere.shape, -1)
    between = asked[-1].answer(values)
    # How fast, and from when on, is what those say that move.
    of_pitch = values[:, asked[-1].pitches.numpy()].transpose(1, 0, 2)
    moving = (asked[-1].shares * (of_pitch[:, :, DEPTHS].max(axis=2) + 1e-9))[:, :, None]
    between = np.where(np.isin(np.arange(4), DEPTHS), between, (moving * of_pitch).sum(axis=1) / moving.sum(axis=1))
    for depth in DEPTHS:
        order = between[:, depth].argsort().argsort()
        between[:, depth] = np.quantile(own[:, depth], (order + 0.5) / len(order))
    wanted = np.quantile(between[:, DEPTHS], DEEP, axis=0)
    for _ in range(MOVEMENT_ROUNDS):
        _fit_movement(expected.movement, conditions, [own, own, between], [part.worth for part in asked])
        # A fit makes less of differences than there is.
        with torch.no_grad():
            found = functional.softplus(expected.movement(conditions[-1]))[:, DEPTHS].double().numpy()
        between[:, DEPTHS] *= wanted / np.quantile(found, DEEP, axis=0).clip(min=1e-3)


def _fit_movement(head: torch.nn.Linear, conditions: list[Tensor], answers: list[np.ndarray], worth: list[np.ndarray]) -> None:
    """Weights of `movement` by which it answers as it should."""
    x, y = torch.cat(conditions), torch.from_numpy(np.concatenate(answers)).float()
    weight = torch.from_numpy(np.concatenate(worth)).float()[:, None]
    # Rate and onset of what does not move mean nothing.
    weight = weight / weight.sum() * torch.ones_like(y)
    weight[:, (1, 3)] *= (y[:, DEPTHS].amax(dim=1, keepdim=True) > MOVES).float()
    mean, deviation = x.mean(dim=0), x.std(dim=0) + 1e-6
    fitted = torch.nn.Linear(x.shape[1], y.shape[1])
    with torch.no_grad():
        fitted.weight.copy_(head.weight * deviation)
        fitted.bias.copy_(head.bias + head.weight @ mean)
    optimiser = torch.optim.Adam(fitted.parameters(), lr=MOVEMENT_RATE)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, MOVEMENT_STEPS)
    x = (x - mean) / deviation
    for _ in range(MOVEMENT_STEPS):
        optimiser.zero_grad()
        (weight * (functional.softplus(fitted(x)) - y).square()).sum().backward()
        optimiser.step()
        slower.step()
    with torch.no_grad():
        head.weight.copy_(fitted.weight / deviation)
        head.bias.copy_(fitted.bias - head.weight @ mean)


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
    parser.add_argument("--lay-out", type=int, metavar="LATENT",
                        help="first lay the mapping out anew, with a latent of so many numbers; what it has learnt goes")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    progress = stopwatch()
    generator = generators.load(arguments.run)
    if generator.kind != "continuous":
        raise TrainingError(f"{arguments.run} holds a {generator.kind} generator; only a continuous one has these heads.")
    if arguments.lay_out:
        generator = laid_out(generator, arguments.lay_out)
    bands = measure(DataSet(arguments.data), generator, progress)
    if np.isfinite(bands.struck).any():
        fit_touch(generator, bands, arguments.seed)
    else:
        progress("no instrument has a key at several velocities: touch stays as it is")
    fit_upper(generator, bands, arguments.seed, progress)
    progress("fitting movement")
    fit_movement(generator, arguments.seed)
    generators.save(arguments.out, generator)


if __name__ == "__main__":
    run_command(main)
