"""Measures models, beside real notes that no model has seen.

    python -m timbrel_training.evaluate MODEL.onnx [MORE.onnx ...] --data DIR --out TABLE.json

Every note, real or generated, is measured from its wave: what an image loses on the way to sound counts. Each latent is
played on every third key (other keys for the next latent, so that all are covered), or on every key with --key-step 1.
"""

import argparse
import hashlib
import sys
import time
from pathlib import Path

import numpy as np
import torch

from timbrel_training import manifest
from timbrel_training.data import DataSet
from timbrel_training.errors import TrainingError, run_command
from timbrel_training.files import write_bytes
from timbrel_training.measures import reference as references
from timbrel_training.measures import table
from timbrel_training.measures.classifier import EPOCHS
from timbrel_training.measures.note import NoteMeter, Notes
from timbrel_training.measures.summary import by_key, summarise
from timbrel_training.model_file import ModelFile
from timbrel_training.spectral import Representation

LATENTS = 100
KEY_STEP = 3

# --quick: enough to see whether a model is in tune and alive.
QUICK = {"latents": 20, "key_step": 6, "train_notes": 1_500, "test_notes": 600, "epochs": 8}


def measure_model(model: ModelFile, latents: int, key_step: int, seed: int) -> Notes:
    """Plays `latents` draws of N(0, 1), each on every `key_step`-th key, and measures the notes."""
    drawn = model.draw(latents, seed)
    representation = Representation.of(model.representation)
    meter = NoteMeter()
    groups = np.concatenate([np.full(len(model.pitches[n % key_step :: key_step]), n) for n in range(latents)])
    keys = np.concatenate([model.pitches[n % key_step :: key_step] for n in range(latents)])
    played = 0
    for images in model.batches(drawn[groups], keys):
        for wave in representation.synthesise(torch.from_numpy(images)).numpy():
            meter.add(wave, int(keys[played]), int(groups[played]))
            played += 1
    return meter.notes()


def evaluate(models: list[Path], data: DataSet, cache: Path, latents: int = LATENTS, key_step: int = KEY_STEP,
             seed: int = 0, train_notes: int = references.TRAIN_NOTES, test_notes: int = references.TEST_NOTES,
             epochs: int = EPOCHS, progress=lambda _: None) -> list[dict]:
    """Rows of the table: real held-out notes first, then each model."""
    opened = [ModelFile(path) for path in models]
    reference = references.prepare(data, cache, train_notes, test_notes, epochs, progress)
    rows = [{"name": "real, held out"} | summarise(reference.test, reference, key_step, seed)]
    for model in opened:
        started = time.monotonic()
        progress(f"measuring {model.path}")
        notes = measure_model(model, latents, key_step, seed)
        row = {"name": model.manifest["name"], "file": model.path.name,
               "sha256": hashlib.sha256(model.path.read_bytes()).hexdigest()}
        row |= summarise(notes, reference, key_step, seed)
        row["by_key"] = by_key(notes)
        row["seconds"] = round(time.monotonic() - started, 1)
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m timbrel_training.evaluate", description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--data", required=True, type=Path, help="data set with the real notes")
    parser.add_argument("--out", type=Path, help="JSON file for the table")
    parser.add_argument("--latents", type=int, help=f"random latents a model (default {LATENTS})")
    parser.add_argument("--key-step", type=int, help=f"semitones between the keys of a latent (default {KEY_STEP})")
    parser.add_argument("--quick", action="store_true", help="a first look: fewer notes, real and generated")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, help="folder for what is kept of the data (default: DATA/cache)")
    parser.add_argument("--write-manifest", action="store_true", help="put the figures into the models' manifests")
    parser.add_argument("--card", type=Path, help="Markdown card whose table is filled")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    settings = {"latents": LATENTS, "key_step": KEY_STEP, "train_notes": references.TRAIN_NOTES,
                "test_notes": references.TEST_NOTES, "epochs": EPOCHS}
    if arguments.quick:
        settings |= QUICK
    settings |= {key: value for key in ("latents", "key_step") if (value := getattr(arguments, key)) is not None}
    if settings["latents"] < 1 or settings["key_step"] < 1:
        raise TrainingError("--latents and --key-step must be 1 or more.")
    data = DataSet(arguments.data)
    cache = arguments.cache or arguments.data / "cache"
    rows = evaluate(arguments.models, data, cache, seed=arguments.seed, **settings,
                    progress=lambda text: print(text, file=sys.stderr, flush=True))
    text = table.markdown(rows)
    print(text)
    settings |= {"data": data.name, "identity": data.identity, "seed": arguments.seed}
    if arguments.out:
        write_bytes(arguments.out, table.to_json(rows, settings).encode())
    if arguments.write_manifest:
        for path, row in zip(arguments.models, rows[1:]):
            manifest.update(path, quality=table.quality(row, rows[0]))
    if arguments.card:
        keys = "every key" if settings["key_step"] == 1 else f"keys {settings['key_step']} semitones apart"
        told = f"{settings['latents']} random latents, each at {keys}; real notes: {data.name}."
        table.fill_card(arguments.card, f"{told}\n\n{text}")


if __name__ == "__main__":
    run_command(main)
