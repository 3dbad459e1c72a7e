"""Names the directions and some latents of a model, by what is heard.

    python -m timbrel_training.directions MODEL.onnx [--run RUN] [--data DIR]

Candidates are the principal components of the generator's early activations (with --run), else of the spectra of its
notes; in a latent of few numbers also the numbers themselves. Each is played at several latents and keys from -2 to +2
standard deviations, and bears the label of what it changes most, no two the same. They are ordered by how much they
change, and what changes nothing is left out. All goes into the model's manifest.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from timbrel_training import generators, manifest
from timbrel_training.data import DataSet
from timbrel_training.errors import run_command
from timbrel_training.latent_space import feature_components, regressed_components
from timbrel_training.measures.character import ATTRIBUTES, LABELS
from timbrel_training.measures.spectrogram import distance_db
from timbrel_training.model_file import ModelFile
from timbrel_training.named_latents import LATENTS, choose_latents, sounds_of
from timbrel_training.player import Heard, Player

# Of the manifest. The plugin shows the first eight.
MOST_DIRECTIONS = 12
MOST_COMPONENTS = 16

# In a latent of no more numbers than this, each one is a candidate itself.
FEW_NUMBERS = 24

# Notes that tell how attributes vary from latent to latent, and from which named latents are chosen.
DRAWS = 160
DRAW_KEYS = 3

# Where directions are tried.
BASES = 4
BASE_KEYS = 3
STEPS = np.array([-2.0, -1.0, 1.0, 2.0])

# Less than this between -2 and +2 deviations [dB rms] is not heard, unless an attribute changes clearly: a vibrato hardly
# changes the spectrum.
LEAST_CHANGE_DB = 2.0
CLEAR_EFFECT = 0.3

# Two directions with a greater cosine are the same one.
SAME = 0.6

# A label needs this much of its attribute's usual deviation, in each deviation of the latent, and as consistently.
LEAST_EFFECT = 0.08


@dataclass
class Direction:
    """A tried direction: unit `vector` [L], what it changes [dB rms], and its effect on each attribute."""

    vector: np.ndarray
    change_db: float
    effects: np.ndarray


def candidates(player: Player, generator: torch.nn.Module | None, drawn: np.ndarray, heard: Heard) -> np.ndarray:
    """Unit directions [C, L] that may change the sound; `heard` is `drawn` [N, L] at some keys."""
    size = player.model.latent_size
    if generator is not None and hasattr(generator, "features"):
        found = feature_components(generator, MOST_COMPONENTS)
    else:
        found = regressed_components(drawn, heard.pictures.reshape(len(drawn), -1), MOST_COMPONENTS)
    axes = np.eye(size) if size <= FEW_NUMBERS else np.zeros((0, size))
    return np.concatenate([found, axes])


def try_direction(player: Player, vector: np.ndarray, bases: np.ndarray, keys: np.ndarray, usual: np.ndarray) -> Direction:
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
    return Direction(vector, change, effects)


def _effect(values: np.ndarray) -> float:
    """Slope times correlation of values [bases, steps, keys] over the steps; 0 where too few are known."""
    known = np.isfinite(values)
    if known.mean() < 0.5:
        return 0.0
    # Each base and key has its own middle; only the change along the steps counts.
    middle = np.where(known, values, 0).sum(1, keepdims=True) / np.maximum(known.sum(1, keepdims=True), 1)
    x, y = np.broadcast_to(STEPS[:, None], values.shape)[known], (values - middle)[known]
    slope = (x * y).sum() / (x * x).sum()
    correlation = (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum() + 1e-12)
    return float(slope * abs(correlation))


def select(tried: list[Direction]) -> list[Direction]:
    """The directions that are heard, without those that are another one over again, the strongest first."""
    chosen: list[Direction] = []
    # What changes one thing clearly comes before what changes as much, but many things a little.
    for direction in sorted(tried, key=lambda one: -one.change_db * (0.5 + np.abs(one.effects).max())):
        audible = direction.change_db >= LEAST_CHANGE_DB or np.abs(direction.effects).max() >= CLEAR_EFFECT
        if not audible or len(chosen) == MOST_DIRECTIONS:
            continue
        if all(abs(direction.vector @ other.vector) < SAME for other in chosen):
            chosen.append(direction)
    return sorted(chosen, key=lambda one: -one.change_db)


def label(chosen: list[Direction]) -> list[dict]:
    """Manifest entries with labels, no two the same, turned so that + means more of what the label says.

    Labels are given out so that the sum of effects is greatest. A direction for which no label is left says so by a number.
    """
    if not chosen:
        return []
    effects = np.array([direction.effects for direction in chosen])
    weights = np.array([attribute.weight for attribute in ATTRIBUTES])
    rows, columns = linear_sum_assignment(-np.abs(effects) * weights)
    entries = []
    unnamed = 0
    given = dict(zip(rows, columns))
    for index, direction in enumerate(chosen):
        effect = effects[index, given[index]] if index in given else 0.0
        if abs(effect) >= LEAST_EFFECT:
            name = LABELS[given[index]]
        else:
            unnamed += 1
            name, effect = f"Colour {unnamed}", 1.0
        vector = direction.vector * (1 if effect >= 0 else -1)
        entries.append({"name": name, "vector": [float(f"{x:.6g}") for x in vector], "scale": 1.0})
    return entries


def usual_deviation(characters: np.ndarray) -> np.ndarray:
    """Deviation [attributes] of attributes [latents, keys, attributes] from latent to latent at the same key."""
    known = np.isfinite(characters)
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known, characters, 0).sum(0) / count
    variance = np.where(known, np.square(characters - mean), 0).sum((0, 1)) / np.maximum(known.sum((0, 1)), 1)
    return np.sqrt(variance) + 1e-6


def find_directions(player: Player, generator: torch.nn.Module | None, drawn: np.ndarray, heard: Heard,
                    seed: int = 0, progress=lambda _: None) -> tuple[list[dict], list[Direction]]:
    """Manifest entries of the directions, and what was measured of each, in the same order."""
    usual = usual_deviation(heard.characters)
    bases = np.random.default_rng(seed + 1).standard_normal((BASES, player.model.latent_size))
    keys = player.keys(BASE_KEYS)
    vectors = candidates(player, generator, drawn, heard)
    tried = []
    for number, vector in enumerate(vectors):
        progress(f"trying direction {number + 1} of {len(vectors)}")
        tried.append(try_direction(player, vector, bases, keys, usual))
    chosen = select(tried)
    return label(chosen), chosen


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m timbrel_training.directions", description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--run", type=Path, help="run or checkpoint of the model, for its early activations")
    parser.add_argument("--data", type=Path, help="its training data: latents near an instrument get its name")
    parser.add_argument("--draws", type=int, default=DRAWS, help=f"random latents that are heard (default {DRAWS})")
    parser.add_argument("--latents", type=int, default=LATENTS, help=f"named latents (default {LATENTS})")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    started = time.monotonic()

    def progress(text: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {text}", file=sys.stderr, flush=True)

    player = Player(ModelFile(arguments.model))
    generator = generators.load(arguments.run) if arguments.run else None
    progress(f"listening to {arguments.draws} latents")
    drawn = player.model.draw(arguments.draws, arguments.seed)
    keys = player.keys(DRAW_KEYS)
    heard = player.hear_grid(drawn, keys)
    entries, chosen = find_directions(player, generator, drawn, heard, arguments.seed, progress)
    known = sounds_of(DataSet(arguments.data), keys, progress) if arguments.data else []
    latents = choose_latents(drawn, heard, known, arguments.latents)
    manifest.update(arguments.model, directions=entries, latents=latents, mean=[0.0] * player.model.latent_size)
    for entry, direction in zip(entries, chosen):
        strongest = np.argsort(-np.abs(direction.effects))[:3]
        told = ", ".join(f"{LABELS[index]} {direction.effects[index]:+.2f}" for index in strongest)
        print(f"{entry['name']:12} {direction.change_db:5.1f} dB   {told}")
    print("latents: " + "; ".join(latent["name"] for latent in latents))


if __name__ == "__main__":
    run_command(main)
