"""Measures models, beside real notes that no model has seen.

    python -m timbrel_training.evaluate MODEL.onnx [MORE.onnx ...] --data DIR --out TABLE.json

Every note, real or generated, is measured from its wave: what an image loses on the way to sound counts, and a model is
heard with its vibrato and touch. Each latent is played on every third key (other keys for the next latent, so that all are
covered), or on every key with --key-step 1. A model has a second column for the points half-way between two sounds that it
names: there one hears whether it has learnt a space, or a list.
"""

import argparse
import hashlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from timbrel_training import generators, manifest
from timbrel_training.data import DataSet
from timbrel_training.errors import TrainingError, run_command
from timbrel_training.files import write_bytes
from timbrel_training.measures import evenness, families, struck, table
from timbrel_training.measures import reference as references
from timbrel_training.measures.classifier import EPOCHS
from timbrel_training.measures.note import NoteMeter, Notes
from timbrel_training.measures.reference import Reference
from timbrel_training.measures.summary import by_key, summarise
from timbrel_training.model_file import ModelFile
from timbrel_training.played import play
from timbrel_training.spectral import Representation

MIDPOINTS = ", half-way"


@dataclass(frozen=True)
class Counts:
    """How much is measured: random latents and as many mid-points, the semitones between a latent's keys, walks for
    evenness, notes that are struck three times, and real notes and rounds of training of the judges."""

    latents: int = 100
    midpoints: int = 100
    key_step: int = 3
    walks: int = evenness.PAIRS
    struck: int = struck.NOTES
    train_notes: int = references.TRAIN_NOTES
    test_notes: int = references.TEST_NOTES
    epochs: int = EPOCHS


# --quick: enough to see whether a model is in tune and alive.
QUICK = Counts(latents=20, midpoints=12, key_step=6, walks=8, struck=30, train_notes=1_500, test_notes=600, epochs=8)

# Those that can be asked for one by one.
OPTIONS = {
    "latents": "random latents a model", "midpoints": "points half-way between two named latents",
    "key_step": "semitones between the keys of a latent", "walks": "walks from one latent to another",
    "struck": "notes that are struck softly, middling and hard",
}


def measure_latents(model: ModelFile, latents: np.ndarray, key_step: int, full: bool = True) -> Notes:
    """Plays latents [N, L], each on every `key_step`-th key, and measures the notes; `full`: above 8 kHz, too."""
    meter = NoteMeter(Representation.of(model.representation).sample_rate, full)
    groups = np.concatenate([np.full(len(model.pitches[n % key_step :: key_step]), n) for n in range(len(latents))])
    keys = np.concatenate([model.pitches[n % key_step :: key_step] for n in range(len(latents))])
    for wave, key, group in zip(play(model, latents[groups], keys), keys, groups, strict=True):
        meter.add(wave, int(key), int(group))
    return meter.notes()


def midpoints(known: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Latents [count, L] half-way on the great circle between two different ones of `known` [N, L], drawn at random."""
    random = np.random.default_rng(seed)
    pairs = [random.choice(len(known), 2, replace=False) for _ in range(count)]
    return np.concatenate([
        evenness.great_circle(known[one], known[other], np.array([0.5])) for one, other in pairs
    ]).astype(np.float32)


def measure_model(model: ModelFile, reference: Reference, data: DataSet, counts: Counts, seed: int = 0,
                  known: np.ndarray | None = None, progress: Callable[[str], None] = lambda _: None) -> list[dict]:
    """The rows of one model: random latents; and mid-points of `known` [N, L] latents, by default its named ones."""
    full = reference.full is not None
    started = time.monotonic()
    progress(f"measuring {model.path}: random latents")
    notes = measure_latents(model, model.draw(counts.latents, seed), counts.key_step, full)
    row = {"name": model.manifest["name"], "file": model.path.name,
           "sha256": hashlib.sha256(model.path.read_bytes()).hexdigest()}
    row |= summarise(notes, reference, counts.key_step, seed)
    progress("velocities, families, walks")
    if counts.struck:
        row |= struck.generated(model, full, counts.struck, seed).figures()
    row["families"] = families.compare(model, reference.above, data)
    row["family_above_db"] = families.furthest_db(row["families"])
    if counts.walks:
        row |= evenness.evenness(model, counts.walks)
    row["by_key"] = by_key(notes)
    rows = [row]
    if known is None:
        known = np.array([latent["vector"] for latent in model.manifest.get("latents", [])], np.float32)
    if counts.midpoints and len(known) > 1:
        progress("mid-points")
        notes = measure_latents(model, midpoints(known, counts.midpoints, seed), counts.key_step, full)
        rows.append({"name": row["name"] + MIDPOINTS} | summarise(notes, reference, counts.key_step, seed))
    row["seconds"] = round(time.monotonic() - started, 1)
    return rows


def evaluate(models: list[Path], data: DataSet, cache: Path, counts: Counts = Counts(), seed: int = 0,
             known: np.ndarray | None = None, progress: Callable[[str], None] = lambda _: None) -> list[list[dict]]:
    """The table's rows: those of real held-out notes first (one), then those of each model (one or two)."""
    opened = [ModelFile(path) for path in models]
    reference = references.prepare(data, cache, counts.train_notes, counts.test_notes, counts.epochs, progress)
    real = {"name": "real, held out"} | summarise(reference.test, reference, counts.key_step, seed)
    real |= reference.struck.figures()
    return [[real], *(measure_model(model, reference, data, counts, seed, known, progress) for model in opened)]


def known_latents(run: Path) -> np.ndarray:
    """Latents [N, L] of the sounds that a run's generator knows by place."""
    generator = generators.load(run)
    if not hasattr(generator, "known_latents"):
        raise TrainingError(f"The generator of {run} knows no sounds by place: leave --run away, and the named latents count.")
    places = [torch.as_tensor(latent).detach().cpu().numpy() for latent in generator.known_latents().values()]
    return np.stack(places).astype(np.float32)


def _counts(arguments: argparse.Namespace) -> Counts:
    counts = QUICK if arguments.quick else Counts()
    given = {key: value for key in OPTIONS if (value := getattr(arguments, key)) is not None}
    if any(value < (1 if key in ("latents", "key_step") else 0) for key, value in given.items()):
        raise TrainingError("--latents and --key-step must be 1 or more, and no count can be negative.")
    return Counts(**{**vars(counts), **given})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m timbrel_training.evaluate", description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--data", required=True, type=Path, help="data set with the real notes")
    parser.add_argument("--out", type=Path, help="JSON file for the table")
    for key, told in OPTIONS.items():
        parser.add_argument("--" + key.replace("_", "-"), type=int, help=f"{told} (default {getattr(Counts(), key)})")
    parser.add_argument("--quick", action="store_true", help="a first look: fewer notes, real and generated")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", type=Path, help="run of the model: mid-points between all sounds that it knows by place")
    parser.add_argument("--cache", type=Path, help="folder for what is kept of the data (default: DATA/cache)")
    parser.add_argument("--write-manifest", action="store_true", help="put the figures into the models' manifests")
    parser.add_argument("--card", type=Path, help="Markdown card whose table is filled")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    counts = _counts(arguments)
    if arguments.run and len(arguments.models) > 1:
        raise TrainingError("--run belongs to one model: measure the others apart.")
    data = DataSet(arguments.data)
    parts = evaluate(arguments.models, data, arguments.cache or arguments.data / "cache", counts, arguments.seed,
                     known_latents(arguments.run) if arguments.run else None,
                     lambda text: print(text, file=sys.stderr, flush=True))
    rows = [row for part in parts for row in part]
    real = rows[0]
    text = table.markdown(rows)
    if told := families.markdown(rows):
        text += "\n" + told
    print(text)
    settings = {**vars(counts), "data": data.name, "identity": data.identity, "seed": arguments.seed}
    if arguments.out:
        write_bytes(arguments.out, table.to_json(rows, settings).encode())
    if arguments.write_manifest:
        for sentence in table.left_out(real):
            print(sentence, file=sys.stderr)
        for path, part in zip(arguments.models, parts[1:]):
            manifest.update(path, quality=table.quality(part, real))
    if arguments.card:
        keys = "every key" if counts.key_step == 1 else f"keys {counts.key_step} semitones apart"
        told = f"{counts.latents} random latents, each at {keys}; real notes: {data.name}."
        table.fill_card(arguments.card, f"{told}\n\n{text}")


if __name__ == "__main__":
    run_command(main)
