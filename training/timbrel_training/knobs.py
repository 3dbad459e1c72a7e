"""Directions of a latent space for knobs: found, tried, chosen, and named by what is heard.

`directions.py` says what a direction has to show.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from timbrel_training.latent_space import (
    feature_components,
    movement_directions,
    regressed_components,
    slope_of,
    unit_directions,
)
from timbrel_training.measures.character import ATTRIBUTES, LABELS, mean_of_known
from timbrel_training.measures.evenness import walk_steps
from timbrel_training.measures.spectrogram import distance_db
from timbrel_training.player import Heard, Player

# Of the manifest. The plugin shows the first eight, which must be there even where they are uneven.
MOST_DIRECTIONS = 12
KNOBS = 8
MOST_COMPONENTS = 16

# In a latent of no more numbers than this, each one is a candidate itself.
FEW_NUMBERS = 16

# Candidates with a greater cosine need not be tried twice.
TRIED = 0.95

# Where directions are tried.
BASES = 4
BASE_KEYS = 2
STEPS = np.array([-2.0, -1.0, 1.0, 2.0])

# The way of a knob, and the largest of its steps as a multiple of their mean, in the middle of the walks.
WALK = np.linspace(-3.0, 3.0, 13)
EVEN = 2.0

# Less than this between -2 and +2 deviations [dB rms] is not heard, unless an attribute changes clearly: a vibrato
# hardly changes the spectrum.
LEAST_CHANGE_DB = 2.0
CLEAR_EFFECT = 0.3

# Two directions with a greater cosine are the same one.
SAME = 0.6

# A label needs this much of its attribute's usual deviation, in each deviation of the latent, and as consistently.
LEAST_EFFECT = 0.08

# A direction bears a label that is not its strongest when the effect is at least this share of the strongest one.
BORNE = 0.5

WEIGHTS = np.array([attribute.weight for attribute in ATTRIBUTES])


@dataclass
class Direction:
    """A tried direction: unit `vector` [L], what it changes [dB rms], its effect on each attribute, and the largest step of
    its way as a multiple of the mean one."""

    vector: np.ndarray
    change_db: float
    effects: np.ndarray
    largest: float = 1.0

    @property
    def is_even(self) -> bool:
        return self.largest <= EVEN


def candidates(player: Player, generator: torch.nn.Module | None, drawn: np.ndarray, heard: Heard) -> np.ndarray:
    """Unit directions [C, L] that may change the sound; `heard` is `drawn` [N, L] at some keys."""
    size = player.model.latent_size
    if generator is not None and hasattr(generator, "features"):
        found = feature_components(generator, MOST_COMPONENTS)
    else:
        found = regressed_components(drawn, heard.pictures.reshape(len(drawn), -1), MOST_COMPONENTS)
    found = np.concatenate([found, attribute_directions(drawn, heard.characters)])
    if getattr(generator, "kind", None) == "continuous":
        found = np.concatenate([movement_directions(generator), found])
    if size <= FEW_NUMBERS:
        found = np.concatenate([found, np.eye(size)])
    kept: list[np.ndarray] = []
    for vector in found:
        if all(abs(vector @ other) < TRIED for other in kept):
            kept.append(vector)
    return np.array(kept).reshape(-1, size)


def attribute_directions(drawn: np.ndarray, characters: np.ndarray) -> np.ndarray:
    """Unit directions [<= attributes, L] that attributes [N, keys, attributes] follow."""
    slopes = []
    for values in np.moveaxis(characters, 2, 0):
        values = values - mean_of_known(values, axis=0)
        known = np.isfinite(values).any(1)
        if known.sum() > 2:
            slopes.append(slope_of(drawn[known], mean_of_known(values[known], axis=1)))
    return unit_directions(slopes, drawn.shape[1])


def try_direction(
    player: Player, vector: np.ndarray, bases: np.ndarray, keys: np.ndarray, usual: np.ndarray
) -> Direction:
    """Plays a direction and measures what changes.

    The effect on an attribute is its slope (in units of its usual deviation, for one deviation of the latent) times the
    correlation of attribute and step: large only for what changes much and everywhere the same way.
    """
    # The bases' own place on the direction is taken out, so that the steps are from the middle.
    bases = bases - np.outer(bases @ vector, vector)
    latents = (bases[:, None] + STEPS[:, None] * vector).reshape(-1, bases.shape[1])
    heard = player.hear_grid(latents.astype(np.float32), keys)
    shape = (len(bases), len(STEPS), len(keys))
    pictures = heard.pictures.reshape(*shape, *heard.pictures.shape[2:])
    change = float(distance_db(pictures[:, -1], pictures[:, 0]).mean())
    values = heard.characters.reshape(*shape, -1) / usual
    effects = np.array([_effect(values[..., index]) for index in range(values.shape[-1])])
    return Direction(vector, change, effects, largest_step(player, vector, bases, keys))


def largest_step(player: Player, vector: np.ndarray, bases: np.ndarray, keys: np.ndarray) -> float:
    """Largest step of a knob's way as a multiple of the mean one, the median of the walks from each base, keys in turn."""
    ratios = []
    for number, base in enumerate(bases):
        latents = (base + WALK[:, None] * vector).astype(np.float32)
        steps, _ = walk_steps(player.model, latents, int(keys[number % len(keys)]))
        ratios.append(steps.max() / max(steps.mean(), 1e-9))
    return float(np.median(ratios))


def confirmed(direction: Direction, again: Direction) -> Direction:
    """A direction that was tried twice, at other latents: an effect is what both show of it."""
    agree = np.sign(direction.effects) == np.sign(again.effects)
    smaller = np.where(np.abs(direction.effects) < np.abs(again.effects), direction.effects, again.effects)
    return Direction(direction.vector, 0.5 * (direction.change_db + again.change_db), np.where(agree, smaller, 0.0),
                     0.5 * (direction.largest + again.largest))


def _effect(values: np.ndarray) -> float:
    """Slope times correlation of values [bases, steps, keys] over the steps; 0 where too few are known."""
    known = np.isfinite(values)
    if known.mean() < 0.5:
        return 0.0
    # Each base and key has its own middle; only the change along the steps counts.
    relative = values - mean_of_known(values, axis=1, keepdims=True)
    x, y = np.broadcast_to(STEPS[:, None], values.shape)[known], relative[known]
    slope = (x * y).sum() / (x * x).sum()
    correlation = (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum() + 1e-12)
    return float(slope * abs(correlation))


def select(tried: list[Direction]) -> list[Direction]:
    """The directions that are heard, without those that are another one over again, the strongest first.

    Those that move evenly come before the others, of which as many as the plugin has knobs for are taken, the evenest.
    """
    heard = [one for one in tried if one.change_db >= LEAST_CHANGE_DB or np.abs(one.effects).max() >= CLEAR_EFFECT]
    # What changes one thing clearly comes before what changes as much, but many things a little.
    even = sorted((one for one in heard if one.is_even),
                  key=lambda one: -one.change_db * (0.2 + np.abs(one.effects * WEIGHTS).max()))
    uneven = sorted((one for one in heard if not one.is_even), key=lambda one: one.largest)
    chosen: list[Direction] = []
    for most, directions in ((MOST_DIRECTIONS, even), (KNOBS, uneven)):
        for direction in directions:
            if len(chosen) < most and all(abs(direction.vector @ other.vector) < SAME for other in chosen):
                chosen.append(direction)
    return sorted(chosen, key=lambda one: (not one.is_even, -one.change_db))


def label(chosen: list[Direction]) -> list[dict]:
    """Manifest entries with labels, no two the same, turned so that + means more of what the label says.

    Labels are given out so that the sum of squared effects is greatest. A direction that is left with a label that it
    hardly bears is called by what it changes most, with a number, since another one bears that label better; and where
    it changes no attribute to speak of, it is a colour.
    """
    if not chosen:
        return []
    effects = np.array([direction.effects for direction in chosen])
    # One deviation of the latent that moves an attribute by all of its usual deviation is all that can be asked.
    weighted = np.minimum(np.abs(effects), 1.0) * WEIGHTS
    given = dict(zip(*linear_sum_assignment(-np.square(weighted))))
    attributes = []
    for index, row in enumerate(weighted):
        borne = index in given and row[given[index]] >= max(LEAST_EFFECT, BORNE * row.max())
        attributes.append(given[index] if borne else int(row.argmax()))
    names = [""] * len(chosen)
    # Those that have their label come first, so that the numbers go to the others.
    for index in sorted(range(len(chosen)), key=lambda one: given.get(one) != attributes[one]):
        clear = abs(effects[index, attributes[index]]) >= LEAST_EFFECT
        names[index] = _free_name(LABELS[attributes[index]] if clear else "Colour", names)
    return [
        {"name": name, "vector": _rounded(direction.vector * (-1 if row[attribute] < 0 else 1)), "scale": 1.0}
        for name, direction, row, attribute in zip(names, chosen, effects, attributes)
    ]


def in_order(entries: list[dict], chosen: list[Direction]) -> tuple[list[dict], list[Direction]]:
    """Directions that bear a word of their own first, since the plugin shows the first `KNOBS`; then second ones, then colours, which
    are numbered anew."""
    def rank(index: int) -> int:
        name = entries[index]["name"]
        return 2 if name.startswith("Colour") else int(name[-1].isdigit())

    order = sorted(range(len(entries)), key=rank)
    names: list[str] = []
    for index in order:
        name = entries[index]["name"]
        names.append(_free_name("Colour", names) if rank(index) == 2 else name)
    return [{**entries[index], "name": name} for index, name in zip(order, names, strict=True)], [chosen[i] for i in order]


def _free_name(name: str, taken: list[str]) -> str:
    number = 1
    while (numbered := name if number == 1 else f"{name} {number}") in taken:
        number += 1
    return numbered


def _rounded(vector: np.ndarray) -> list[float]:
    return [float(f"{number:.6g}") for number in vector]


def usual_deviation(characters: np.ndarray) -> np.ndarray:
    """Deviation [attributes] of attributes [latents, keys, attributes] from latent to latent at the same key."""
    squares = np.square(characters - mean_of_known(characters, axis=0))
    return np.sqrt(mean_of_known(squares.reshape(-1, squares.shape[-1]), axis=0)) + 1e-6


def find_directions(player: Player, generator: torch.nn.Module | None, drawn: np.ndarray, heard: Heard,
                    seed: int = 0, progress=lambda _: None) -> tuple[list[dict], list[Direction]]:
    """Manifest entries of the directions, and what was measured of each, in the same order."""
    usual = usual_deviation(heard.characters)
    bases, others = np.random.default_rng(seed + 1).standard_normal((2, BASES, player.model.latent_size))
    keys = player.keys(BASE_KEYS)
    vectors = candidates(player, generator, drawn, heard)
    tried = []
    for number, vector in enumerate(vectors):
        progress(f"trying direction {number + 1} of {len(vectors)}")
        tried.append(try_direction(player, vector, bases, keys, usual))
    chosen = []
    for direction in select(tried):
        progress("trying a chosen direction at other latents")
        chosen.append(confirmed(direction, try_direction(player, direction.vector, others, keys, usual)))
    chosen = select(chosen)
    return in_order(label(chosen), chosen)
