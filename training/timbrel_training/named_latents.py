"""A dozen latents that lie far apart, each named by what it sounds like."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from timbrel_training.data import DataSet
from timbrel_training.measures.character import ATTRIBUTES, mean_of_known
from timbrel_training.measures.spectrogram import distance_db, picture, power_of, transform
from timbrel_training.player import Heard

LATENTS = 12

# A latent has a training sound's name when it is as near to it as this share of the usual distance of two sounds.
NEAR = 0.55

# A training note this far from a key still tells how an instrument sounds there.
KEY_REACH = 2

# An adjective needs this much of its attribute's usual deviation.
TELLING = 0.5

# Attributes from which adjectives are made: what a listener would say first of a sound.
SAID = ("Brightness", "Attack", "Sustain", "Noise", "Vibrato", "Hollowness", "Warmth", "Purity", "Tremolo")


@dataclass
class Sound:
    """A training sound: an instrument's name, and its pictures [keys, rows, bands], NaN where it has no note."""

    name: str
    pictures: np.ndarray


def sounds_of(data: DataSet, keys: np.ndarray, progress: Callable[[str], None] = lambda _: None) -> list[Sound]:
    """The instruments of a data set, at their middle velocity, at some keys."""
    progress("listening to the training sounds")
    names = data.about.get("instruments", {})
    grouped: dict[str, list[int]] = {}
    for index, example in enumerate(data.examples):
        grouped.setdefault(example.instrument, []).append(index)
    sounds = []
    for instrument, indices in sorted(grouped.items()):
        velocities = sorted({data.examples[index].velocity for index in indices})
        middle = velocities[len(velocities) // 2]
        indices = [index for index in indices if data.examples[index].velocity == middle]
        rows = [_nearest_note(data, indices, int(key)) for key in keys]
        known = [row for row in rows if row is not None]
        if known:
            blank = np.full_like(known[0], np.nan)
            name = str(names.get(instrument) or instrument.split("_")[0].capitalize())
            sounds.append(Sound(name, np.stack([blank if row is None else row for row in rows])))
    return sounds


def _nearest_note(data: DataSet, indices: list[int], key: int) -> np.ndarray | None:
    index = min(indices, key=lambda one: abs(data.examples[one].pitch - key))
    if abs(data.examples[index].pitch - key) > KEY_REACH:
        return None
    return picture(power_of(transform(data.wave(index).numpy())))


def choose_latents(drawn: np.ndarray, heard: Heard, known: list[Sound], count: int = LATENTS) -> list[dict]:
    """Manifest entries of `count` of the latents `drawn` [N, L], heard at some keys, that lie farthest apart.

    The first is the one nearest to all others; each further one is that which is farthest from those chosen. Latents
    with a silent or pitchless note are passed over.
    """
    sound = np.isfinite(heard.characters[..., 0]).all(1)
    usable = np.flatnonzero(sound)
    if len(usable) == 0:
        return []
    pictures = heard.pictures[usable]
    flat = pictures.reshape(len(usable), -1)
    squares = np.square(flat).sum(1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * flat @ flat.T, 0) / flat.shape[1])
    chosen = [int(distances.sum(1).argmin())]
    while len(chosen) < min(count, len(usable)):
        chosen.append(int(distances[:, chosen].min(1).argmax()))
    words = _Words(heard.characters[usable])
    entries, taken = [], set()
    for place in chosen:
        name = _name(pictures[place], words.of(place), known, taken)
        taken.add(name)
        vector = [float(f"{x:.6g}") for x in drawn[usable[place]]]
        entries.append({"name": name, "vector": vector})
    return entries


class _Words:
    """Adjectives of latents, the most telling first, against all latents [N, keys, attributes]."""

    def __init__(self, characters: np.ndarray):
        mean = mean_of_known(characters - mean_of_known(characters, axis=0), axis=1)
        self._scores = mean / (mean.std(axis=0) + 1e-9)

    def of(self, place: int) -> list[str]:
        scores = {attribute.label: (attribute, score) for attribute, score in zip(ATTRIBUTES, self._scores[place])}
        said = sorted((scores[label] for label in SAID), key=lambda one: -abs(one[1]))
        return [attribute.much if score > 0 else attribute.little for attribute, score in said if abs(score) >= TELLING]


def _name(pictures: np.ndarray, words: list[str], known: list[Sound], taken: set[str]) -> str:
    """A name not yet taken: of the instrument that is near, where one is, else of what is heard."""
    near = _near(pictures, known)
    options = [f"Near {near}", *(f"Near {near}, {word}" for word in words if word not in near)] if near else []
    options += [f"{one.capitalize()}, {other}" for place, one in enumerate(words) for other in words[place + 1 :]]
    options += [word.capitalize() for word in words]
    for option in options:
        if option not in taken:
            return option
    first = options[0] if options else "Middle"
    number = 2
    while options and f"{first} {number}" in taken:
        number += 1
    return f"{first} {number}" if options else first


def _near(pictures: np.ndarray, known: list[Sound]) -> str | None:
    """The name of the training sound that a latent's pictures [keys, ...] are clearly nearest to."""
    if len(known) < 2:
        return None
    distances = np.array([_distance(pictures, sound.pictures) for sound in known])
    order = np.argsort(distances)
    between = [_distance(known[order[0]].pictures, other.pictures) for other in known if other is not known[order[0]]]
    usual = np.nanmedian(between)
    if not distances[order[0]] < NEAR * usual:
        return None
    name = known[order[0]].name
    return name[0].lower() + name[1:]


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean distance [dB] of pictures [keys, ...] at the keys that both have; infinite for fewer than two."""
    distances = distance_db(one, other)
    known = np.isfinite(distances)
    return float(distances[known].mean()) if known.sum() >= 2 else float("inf")
