"""Level above 8 kHz by family of instruments: real notes, and a model's named latents that stand for instruments.

A random latent is no instrument; so what brass has up there can only be compared where the model says that it is brass.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from timbrel_training.data import DataSet
from timbrel_training.measures import full_band
from timbrel_training.measures.rate import to_rate
from timbrel_training.model_file import ModelFile
from timbrel_training.named_latents import display_names, instrument_of
from timbrel_training.played import GENERATED_VELOCITY, play
from timbrel_training.spectral import Representation

# Keys of each instrument, spread over those that it has.
KEYS = 8


@dataclass
class Above:
    """Level above 8 kHz of N real notes."""

    instrument: np.ndarray  # [N], names
    family: np.ndarray  # [N], names
    midi: np.ndarray  # [N]
    above_db: np.ndarray  # [N]


def real(data: DataSet, progress: Callable[[str], None] = lambda _: None) -> Above:
    """The notes of each instrument that were struck most like a model's, at a few keys; none without a full band."""
    rows = []
    if full_band.has(data.sample_rate):
        progress("measuring the families above 8 kHz")
        for instrument, indices in _by_instrument(data).items():
            for index in indices[np.unique(np.linspace(0, len(indices) - 1, KEYS).astype(int))]:
                example = data.examples[index]
                above = full_band.above_db(_power(data.wave(int(index)).numpy(), data.sample_rate))
                rows.append((instrument, example.family, example.pitch, above))
    columns = zip(*rows) if rows else ([], [], [], [])
    kinds = (str, str, np.int64, np.float64)
    return Above(*(np.array(list(column), dtype=kind) for column, kind in zip(columns, kinds)))


def compare(model: ModelFile, above: Above, data: DataSet) -> dict[str, dict[str, float]]:
    """By family, {"instruments", "real_db", "model_db"}: means over the instruments that the model names of the medians
    over the same keys. Empty where the model has no full band, or names none."""
    rate = Representation.of(model.representation).sample_rate
    if not full_band.has(rate) or len(above.instrument) == 0:
        return {}
    known = {name: label for name, label in display_names(data).items() if name in set(above.instrument)}
    families: dict[str, list[tuple[float, float]]] = {}
    seen = set()
    for entry in model.manifest.get("latents", []):
        instrument = instrument_of(entry, known)
        if instrument is None or instrument in seen:
            continue
        seen.add(instrument)
        theirs = (above.instrument == instrument) & np.isin(above.midi, model.pitches)
        keys = above.midi[theirs]
        if len(keys) == 0:
            continue
        latents = np.repeat(np.array([entry["vector"]], np.float32), len(keys), axis=0)
        ours = [full_band.above_db(_power(wave, rate)) for wave in play(model, latents, keys)]
        family = str(above.family[theirs][0])
        families.setdefault(family, []).append((float(np.median(above.above_db[theirs])), float(np.median(ours))))
    return {
        family: {"instruments": len(pairs), "real_db": float(np.mean([one for one, _ in pairs])),
                 "model_db": float(np.mean([other for _, other in pairs]))}
        for family, pairs in sorted(families.items())
    }


def furthest_db(families: dict[str, dict[str, float]]) -> float:
    """The greatest difference [dB] of a family; NaN where none is known."""
    differences = [abs(one["model_db"] - one["real_db"]) for one in families.values()]
    return max(differences) if differences else float("nan")


def markdown(rows: list[dict]) -> str:
    """The families of all rows that have them as a Markdown table; empty where none has."""
    lines = []
    for row in rows:
        for family, one in row.get("families", {}).items():
            told = f"{one['real_db']:.1f} | {one['model_db']:.1f} | {one['model_db'] - one['real_db']:+.1f}"
            lines.append(f"| {row['name']} | {family} | {one['instruments']} | {told} |")
    if not lines:
        return ""
    head = ["| level above 8 kHz (dB) | family | instruments | real | model | difference |", "|---|---|---:|---:|---:|---:|"]
    return "\n".join(head + lines) + "\n"


def _by_instrument(data: DataSet) -> dict[str, np.ndarray]:
    """For each instrument the indices of its notes at one velocity, the one nearest to a model's, by rising pitch."""
    found: dict[str, list[int]] = {}
    for index, example in enumerate(data.examples):
        found.setdefault(example.instrument, []).append(index)
    chosen = {}
    for instrument, indices in sorted(found.items()):
        velocities = {data.examples[index].velocity for index in indices}
        velocity = min(velocities, key=lambda one: (abs(one - GENERATED_VELOCITY), one))
        same = [index for index in indices if data.examples[index].velocity == velocity]
        chosen[instrument] = np.array(sorted(same, key=lambda index: data.examples[index].pitch))
    return chosen


def _power(wave: np.ndarray, rate: int) -> np.ndarray:
    return full_band.spectrum_of(to_rate(wave, rate, full_band.RATE))
