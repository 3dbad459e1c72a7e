"""How evenly the sound changes on the way from one timbre to another.

Pairs of normal latents, twenty equal steps along the great circle between them, at three keys in turn. The distance of two
notes is the root mean square, in dB, of their log-power images, each against its own maximum, cut at -60 dB.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from timbrel_training.model_file import ModelFile
from timbrel_training.spectral import Representation

PAIRS, STEPS = 40, 20
KEYS = (48, 60, 72)
FLOOR_DB = 60.0
SEED = 5

# The largest steps that are counted together, and what share of the mean step counts as standing still.
LARGEST = 4
STILL = 0.25


def great_circle(one: np.ndarray, other: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Latents [N, L] at `shares` [N] of the way from one latent [L] to the other along the sphere."""
    angle = np.arccos(np.clip(one @ other / np.linalg.norm(one) / np.linalg.norm(other), -1.0, 1.0))
    shares = np.asarray(shares)[:, None]
    if np.sin(angle) < 1e-9:
        return (1.0 - shares) * one + shares * other
    return (np.sin((1.0 - shares) * angle) * one + np.sin(shares * angle) * other) / np.sin(angle)


def levels(images: np.ndarray, representation: Representation) -> np.ndarray:
    """Levels in dB of images [N, 2, frames, bins] below each one's loudest point, at least -60."""
    # A neper of power, as mel images have it; one of magnitude is twice that.
    level = (10.0 if representation.is_mel else 20.0) / np.log(10.0) * images[:, 0]
    loudest = level.max(axis=(1, 2), keepdims=True)
    return np.maximum(level, loudest - FLOOR_DB) - loudest


def distance_db(one: np.ndarray, other: np.ndarray) -> float:
    """Root mean square difference of two notes' levels."""
    return float(np.sqrt(np.square(one - other).mean()))


def walk_steps(model: ModelFile, latents: np.ndarray, key: int) -> tuple[np.ndarray, float]:
    """Distances [dB] from each of latents [N, L] to the next one at a key, [N - 1]; and from the first to the last."""
    representation = Representation.of(model.representation)
    first = before = None
    steps = []
    for images in model.batches(latents, np.full(len(latents), key)):
        for here in levels(images, representation):
            if before is None:
                first = here
            else:
                steps.append(distance_db(before, here))
            before = here
    return np.array(steps), distance_db(first, before)


def evenness(model: ModelFile, pairs: int = PAIRS, seed: int = SEED) -> dict[str, float]:
    """How even the walks are.

    Returns:
        even_share: share of the whole path that lies in its four largest steps of twenty, median (even: 0.2).
        even_largest, even_worst: largest step as a multiple of the mean one, median and greatest (even: 1).
        even_still: share of the steps that are shorter than a quarter of the mean one (even: 0).
        even_ends_db: distance from one end to the other, median: evenness must not be bought by making all timbres alike.
    """
    ways = walks(model.latent_size, int(model.pitches[0]), int(model.pitches[-1]), pairs, seed)
    return figures([walk_steps(model, latents, key) for latents, key in ways])


def walks(latent_size: int, pitch_min: int, pitch_max: int, pairs: int = PAIRS,
          seed: int = SEED) -> Iterator[tuple[np.ndarray, int]]:
    """Latents [STEPS + 1, latent_size] on the way from one to another, each way with its key."""
    random = np.random.default_rng(seed)
    for pair in range(pairs):
        one, other = random.standard_normal((2, latent_size))
        key = int(np.clip(KEYS[pair % len(KEYS)], pitch_min, pitch_max))
        yield great_circle(one, other, np.linspace(0.0, 1.0, STEPS + 1)), key


def figures(walked: Sequence[tuple[np.ndarray, float]]) -> dict[str, float]:
    """The figures of `evenness` from the distances of the steps and of the ends of each walk."""
    rows = []
    for steps, ends in walked:
        mean = max(steps.mean(), 1e-9)
        rows.append((np.sort(steps)[-LARGEST:].sum() / max(steps.sum(), 1e-9), steps.max() / mean,
                     (steps < STILL * mean).mean(), ends))
    share, largest, still, ends = np.array(rows).T
    return {"even_share": float(np.median(share)), "even_largest": float(np.median(largest)),
            "even_worst": float(largest.max()), "even_still": float(still.mean()), "even_ends_db": float(np.median(ends))}
