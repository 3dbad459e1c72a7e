"""Some dozens of latents that lie far apart, each named by what it sounds like, each in tune on every key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from timbrel_training.data import DataSet
from timbrel_training.measures.character import ATTRIBUTES, mean_of_known
from timbrel_training.measures.rate import to_rate
from timbrel_training.measures.segment import SAMPLE_RATE
from timbrel_training.measures.spectrogram import distance_db, picture, power_of, transform
from timbrel_training.player import Heard, Player

LATENTS = 40

# At most so many times the number are played on every key: where most fail, so will the others.
MOST_TRIED = 3

# Where a key is off at an instrument's place, the place is drawn towards the middle by these shares of its distance, until none
# is.
DRAWN_IN = (1.0, 0.85, 0.7, 0.55)

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
    """A training sound: an instrument's name and label, and its pictures [keys, rows, bands], NaN where it has no note."""

    name: str
    pictures: np.ndarray
    instrument: str = ""


@dataclass
class Candidates:
    """Latents [N, L] from which named ones are chosen, `heard` at some keys; `places` names those of them, the first
    ones, that are the places of instruments."""

    latents: np.ndarray
    heard: Heard
    places: list[str]


def display_names(data: DataSet) -> dict[str, str]:
    """The name to show of each instrument of a data set, by its label."""
    told = data.about.get("instruments", {})
    labels = sorted({example.instrument for example in data.examples})
    return {label: str(told.get(label) or label.split("_")[0].capitalize()) for label in labels}


def instrument_of(entry: Mapping[str, Any], names: Mapping[str, str]) -> str | None:
    """The label, of `names` (label to name), of the instrument that a named latent of a manifest stands for, if any."""
    label = entry.get("instrument")
    if label in names:
        return label
    told = str(entry["name"]).split(",")[0].removeprefix("Near ").casefold()
    return next((label for label, name in names.items() if told in (name.casefold(), label.casefold())), None)


def sounds_of(data: DataSet, keys: np.ndarray, progress: Callable[[str], None] = lambda _: None) -> list[Sound]:
    """The instruments of a data set, at their middle velocity, at some keys."""
    progress("listening to the training sounds")
    names = display_names(data)
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
            pictures = np.stack([blank if row is None else row for row in rows])
            sounds.append(Sound(names[instrument], pictures, instrument))
    return sounds


def _nearest_note(data: DataSet, indices: list[int], key: int) -> np.ndarray | None:
    index = min(indices, key=lambda one: abs(data.examples[one].pitch - key))
    if abs(data.examples[index].pitch - key) > KEY_REACH:
        return None
    return picture(power_of(transform(to_rate(data.wave(index).numpy(), data.sample_rate, SAMPLE_RATE))))


def choose_latents(player: Player, candidates: Candidates, known: list[Sound], count: int = LATENTS,
                   names: Mapping[str, str] | None = None, progress: Callable[[str], None] = lambda _: None) -> list[dict]:
    """Manifest entries of `count` of the candidates that lie farthest apart.

    Instruments come first, by their own names (`names`: from label to name); random latents make up the number, named by
    what is heard, or after the one of the `known` sounds that they are near. Of each kind, the first is the one nearest to
    all others, and each further one that which is farthest from those chosen. Every one is played on every key, and one
    that is off key anywhere, or noise, or silence, is left out and the next one takes its place.
    """
    pictures, characters = candidates.heard.pictures, candidates.heard.characters
    usable = np.isfinite(characters[..., 0]).all(1)
    distances = _distances(pictures)
    words = _Words(characters)
    entries: list[dict] = []
    chosen: list[int] = []
    taken: set[str] = set()
    instruments = np.arange(len(pictures)) < len(candidates.places)
    tried = 0
    for kind in (instruments & usable, ~instruments & usable):
        left = np.flatnonzero(kind)
        while len(left) and len(entries) < count and tried < MOST_TRIED * count:
            tried += 1
            order = distances[left][:, chosen].min(1) if chosen else -distances[left].sum(1)
            place = int(left[order.argmax()])
            left = left[left != place]
            label = candidates.places[place] if instruments[place] else None
            name, label = _called(label, pictures[place], words.of(place), known, taken, names or {})
            progress(f"named latent {len(entries) + 1} of {count}: {name}")
            if instruments[place]:
                latent, faults = place_in_tune(player, candidates.latents[place])
            else:
                keyboard = player.keyboard(candidates.latents[place])
                latent, faults = candidates.latents[place] if keyboard.is_playable else None, keyboard.faults
            if latent is None:
                progress(f"left out: {name}, {faults}")
                continue
            if faults:
                progress(f"drawn in: {name}, {faults}")
            chosen.append(place)
            taken.add(name)
            entries.append({"name": name, "vector": [float(f"{x:.6g}") for x in latent]}
                           | ({"instrument": label} if label else {}))
    return entries


def places_of(generator: Any) -> dict[str, np.ndarray]:
    """Latents [L] of the instruments that a generator knows by place, by their labels; none where it knows none."""
    known = generator.known_latents() if hasattr(generator, "known_latents") else {}
    return {label: np.asarray(latent.detach().cpu().numpy(), np.float32) for label, latent in known.items()}


def place_in_tune(player: Player, place: np.ndarray) -> tuple[np.ndarray | None, str]:
    """An instrument's place [L], or the nearest one on the way to the middle that is a note in tune on every key; and what was
    wrong at the place itself. None where all of that way is off."""
    faults = ""
    for share in DRAWN_IN:
        latent = (share * place).astype(np.float32)
        keyboard = player.keyboard(latent)
        faults = faults or keyboard.faults
        if keyboard.is_playable:
            return latent, faults
    return None, faults


def _distances(pictures: np.ndarray) -> np.ndarray:
    """Distance [dB] of each two of pictures [N, keys, ...], [N, N]."""
    flat = pictures.reshape(len(pictures), -1).astype(np.float64)
    squares = np.square(flat).sum(1)
    return np.sqrt(np.maximum(squares[:, None] + squares - 2 * flat @ flat.T, 0) / max(1, flat.shape[1]))


def _called(label: str | None, pictures: np.ndarray, words: list[str], known: list[Sound], taken: set[str],
            names: Mapping[str, str]) -> tuple[str, str | None]:
    """A name not yet taken, and the label of the instrument that it means."""
    if label is None:
        near = _near(pictures, known)
        return _name(near.name if near else None, words, taken), near.instrument if near and near.instrument else None
    name = names.get(label, label)
    return _free([name, *(f"{name}, {word}" for word in words)], taken), label


class _Words:
    """Adjectives of latents, the most telling first, against all latents [N, keys, attributes]."""

    def __init__(self, characters: np.ndarray):
        mean = mean_of_known(characters - mean_of_known(characters, axis=0), axis=1)
        self._scores = mean / (mean.std(axis=0) + 1e-9)

    def of(self, place: int) -> list[str]:
        scores = {attribute.label: (attribute, score) for attribute, score in zip(ATTRIBUTES, self._scores[place])}
        said = sorted((scores[label] for label in SAID), key=lambda one: -abs(one[1]))
        return [attribute.much if score > 0 else attribute.little for attribute, score in said if abs(score) >= TELLING]


def _name(near: str | None, words: list[str], taken: set[str]) -> str:
    """A name not yet taken: of the instrument that is near, where one is, else of what is heard."""
    options = []
    if near:
        near = near[0].lower() + near[1:]
        options = [f"Near {near}", *(f"Near {near}, {word}" for word in words if word not in near)]
    options += [f"{one.capitalize()}, {other}" for place, one in enumerate(words) for other in words[place + 1 :]]
    options += [word.capitalize() for word in words]
    return _free(options or ["Middle"], taken)


def _free(options: list[str], taken: set[str]) -> str:
    """The first option that is not taken, else the first one with a number."""
    for option in options:
        if option not in taken:
            return option
    number = 2
    while f"{options[0]} {number}" in taken:
        number += 1
    return f"{options[0]} {number}"


def _near(pictures: np.ndarray, known: list[Sound]) -> Sound | None:
    """The training sound that a latent's pictures [keys, ...] are clearly nearest to."""
    if len(known) < 2:
        return None
    distances = np.array([_distance(pictures, sound.pictures) for sound in known])
    order = np.argsort(distances)
    between = [_distance(known[order[0]].pictures, other.pictures) for other in known if other is not known[order[0]]]
    usual = np.nanmedian(between)
    return known[order[0]] if distances[order[0]] < NEAR * usual else None


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean distance [dB] of pictures [keys, ...] at the keys that both have; infinite for fewer than two."""
    distances = distance_db(one, other)
    known = np.isfinite(distances)
    return float(distances[known].mean()) if known.sum() >= 2 else float("inf")
