"""A map of a model's latents on which those that sound alike lie near one another, and its latents by program.

    python -m timbrel_training.likeness MODEL.onnx [--run RUN] [--data DIR]

The place of a latent is (axes . latent - offset) / scale: two numbers, within -1..1 for the named latents. It is linear, so
that a way through the latent space is a straight line on the map, and a point of the map is a plane of latents. `directions`
writes the map of a new model; the command writes that of one that has its directions and names already.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from timbrel_training import generators, manifest
from timbrel_training.data import DataSet
from timbrel_training.errors import run_command
from timbrel_training.latent_space import slope_of
from timbrel_training.measures.character import LABELS, mean_of_known
from timbrel_training.model_file import ModelFile
from timbrel_training.named_latents import place_in_tune, places_of
from timbrel_training.player import Heard, Player
from timbrel_training.progress import stopwatch

# Random latents that are heard, and the keys.
DRAWS = 160
KEYS = 3

# Steps of the fit, and their size beside axes of unit length.
STEPS, RATE = 400, 0.02

# How an axis is turned: more of this lies to the right, and more of that at the top.
RIGHT, UP = "Brightness", "Sustain"


def find_map(groups: list[tuple[np.ndarray, Heard]], named: np.ndarray) -> dict | None:
    """The manifest's entry `map`; None for a latent of one number, which has no plane.

    The axes are those on which the distances of latents agree best with the distances of their sounds: the sum over the
    groups of Pearson's correlation, so that a group counts as much as any other whatever its spread. They begin as the
    directions of the two principal components of the pictures.

    Args:
        groups: latents [N, L] with what was heard of them, such as random ones, and the places of instruments, which lie
            farther out.
        named: latents [M, L] that lie within -1..1 on the map.
    """
    if groups[0][0].shape[1] < 2:
        return None
    axes = _fitted(_first_axes(groups), groups)
    axes = _turned(axes, groups)
    places = (named if len(named) else groups[0][0]) @ axes.T
    low, high = places.min(axis=0), places.max(axis=0)
    # What is heard lies mostly along one axis, and a strip is no map: the shorter side is widened half-way to the longer one.
    half = 0.5 * (high - low).clip(min=1e-6)
    scale = np.sqrt(half * half.max())
    return {
        "axes": [[float(f"{x:.6g}") for x in axis] for axis in axes],
        "offset": [float(f"{x:.6g}") for x in 0.5 * (low + high)],
        "scale": [float(f"{x:.6g}") for x in scale],
    }


def places_on(entry: dict, latents: np.ndarray) -> np.ndarray:
    """Places [N, 2] of latents [N, L] on a manifest's map."""
    return (latents @ np.array(entry["axes"]).T - np.array(entry["offset"])) / np.array(entry["scale"])


def agreement(entry: dict, latents: np.ndarray, heard: Heard) -> float:
    """Rank correlation (Spearman) of the distances of latents [N, L] on a map with the distances of their sounds."""
    return float(spearmanr(pdist(places_on(entry, latents)), _distances(heard)).statistic)


def find_programs(player: Player, places: dict[str, np.ndarray], programs: dict[str, int], latents: list[dict],
                  progress=lambda _: None) -> list[dict]:
    """The manifest's entries `programs`: for each program of General MIDI that a known instrument is, the latent that is
    nearest to it and in tune on every key.

    Args:
        places: latent [L] of each known instrument, by its label.
        programs: General MIDI's program (from 0) of each instrument that is one, by its label.
        latents: the manifest's named latents, which are in tune.
    """
    entries = []
    played = {entry["instrument"]: np.array(entry["vector"], np.float32) for entry in latents if "instrument" in entry}
    taken: set[int] = set()
    for label, place in places.items():
        program = programs.get(label)
        if program is None or program in taken:
            continue
        progress(f"program {program}: {label}")
        latent, faults = (played[label], "") if _same_way(played.get(label), place) else place_in_tune(player, place)
        if latent is None:
            progress(f"left out: {label}, {faults}")
            continue
        taken.add(program)
        entries.append({"program": int(program), "vector": [float(f"{x:.6g}") for x in latent]})
    return sorted(entries, key=lambda entry: entry["program"])


def _same_way(latent: np.ndarray | None, place: np.ndarray) -> bool:
    """Whether a latent lies on the way from the middle to an instrument's place, and is no other one near the instrument."""
    return latent is not None and float(latent @ place) > 0.999 * float(np.linalg.norm(latent) * np.linalg.norm(place))


def _distances(heard: Heard) -> np.ndarray:
    """Distance [dB rms] of each two of N sounds, as `pdist` orders them."""
    flat = heard.pictures.reshape(len(heard.pictures), -1).astype(np.float64)
    return pdist(flat) / np.sqrt(flat.shape[1])


def _first_axes(groups: list[tuple[np.ndarray, Heard]]) -> np.ndarray:
    """Latent directions [2, L] that the two principal components of all pictures follow."""
    latents = np.concatenate([latents for latents, _ in groups]).astype(np.float64)
    flat = np.concatenate([heard.pictures.reshape(len(heard.pictures), -1) for _, heard in groups]).astype(np.float64)
    flat = flat - flat.mean(axis=0)
    _, vectors = np.linalg.eigh(flat @ flat.T)
    scores = vectors[:, :-3:-1] * np.sqrt(len(flat))
    return np.stack([slope_of(latents, score) for score in scores.T])


def _fitted(axes: np.ndarray, groups: list[tuple[np.ndarray, Heard]]) -> np.ndarray:
    pairs = []
    for latents, heard in groups:
        if len(latents) < 3:
            continue
        first, second = np.triu_indices(len(latents), 1)
        wanted = torch.from_numpy(_distances(heard))
        wanted = wanted - wanted.mean()
        pairs.append((torch.from_numpy((latents[first] - latents[second]).astype(np.float64)), wanted / (wanted.norm() + 1e-9)))
    found = torch.from_numpy(axes / (np.linalg.norm(axes) + 1e-9)).requires_grad_(True)
    optimiser = torch.optim.Adam([found], lr=RATE)
    for _ in range(STEPS if pairs else 0):
        loss = 0.0
        for differences, wanted in pairs:
            distance = (differences @ found.T).square().sum(dim=1).add(1e-9).sqrt()
            distance = distance - distance.mean()
            loss = loss - (distance / (distance.norm() + 1e-9) * wanted).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return found.detach().numpy()


def _turned(axes: np.ndarray, groups: list[tuple[np.ndarray, Heard]]) -> np.ndarray:
    """The same plane, turned so that its longer side lies across and `RIGHT` and `UP` grow to the right and to the top."""
    _, lengths, right = np.linalg.svd(axes, full_matrices=False)
    # A plane has two sides, even where all that is heard lies along one.
    axes = np.maximum(lengths, 1e-3 * lengths[0])[:, None] * right
    latents, heard = groups[0]
    for axis, label in enumerate((RIGHT, UP)):
        values = heard.characters[..., LABELS.index(label)]
        values = mean_of_known(values - mean_of_known(values, axis=0), axis=1)
        known = np.isfinite(values)
        if known.sum() > 2 and slope_of(latents[known].astype(np.float64), values[known]) @ axes[axis] < 0.0:
            axes[axis] *= -1.0
    return axes


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m timbrel_training.likeness", description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--run", type=Path, help="run or checkpoint of the model: the places of the instruments that it knows")
    parser.add_argument("--data", type=Path, help="its training data, which tells General MIDI's program of each instrument")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    progress = stopwatch()
    player = Player(ModelFile(arguments.model))
    generator = generators.load(arguments.run) if arguments.run else None
    places = places_of(generator) if generator is not None else {}
    programs = DataSet(arguments.data).about.get("programs", {}) if arguments.data else {}
    keys = player.keys(KEYS)
    named = np.array([entry["vector"] for entry in player.model.manifest.get("latents", [])], np.float32)
    drawn, others = player.model.draw(DRAWS, arguments.seed), player.model.draw(DRAWS, arguments.seed + 1)
    far = np.stack(list(places.values())) if places else named
    progress("listening")
    groups = [(latents, player.hear_grid(latents, keys)) for latents in (drawn, far) if len(latents)]
    entry = find_map(groups, named)
    fields = {"map": entry}
    if places and programs:
        fields["programs"] = find_programs(player, places, programs, player.model.manifest.get("latents", []), progress)
    manifest.update(arguments.model, **fields)
    told = [] if entry is None else [("random latents, not fitted", others)]
    if entry is not None and len(named) > 2:
        told.append(("named latents", named))
    for what, latents in told:
        print(f"rank correlation of distance on the map and in sound, {what}: "
              f"{agreement(entry, latents, player.hear_grid(latents, keys)):.2f}")
    if "programs" in fields:
        print(f"{len(fields['programs'])} programs of General MIDI")


if __name__ == "__main__":
    run_command(main)
