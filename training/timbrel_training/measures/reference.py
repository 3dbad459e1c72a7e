"""Real notes to compare with: those that models learn from, those held out, and a classifier trained on the former.

Measuring some thousand notes and training the classifier takes minutes, so both are kept in a file, named by the data's
identity and by what was asked for.
"""

import dataclasses
import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from timbrel_training.data import DataSet
from timbrel_training.errors import TrainingError
from timbrel_training.files import write_bytes
from timbrel_training.measures import classifier as classifiers
from timbrel_training.measures.distribution import DifferentBins
from timbrel_training.measures.note import NoteMeter, Notes

# A change of any measure makes what was kept worthless: raise this with it.
VERSION = 2

TRAIN_NOTES = 6_000
TEST_NOTES = 3_000
SEED = 0


@dataclasses.dataclass
class Reference:
    """Real notes, measured, and the judges made from the training part."""

    name: str
    train: Notes
    test: Notes
    classifier: classifiers.PitchClassifier
    lowest: int
    bins: DifferentBins
    train_features: np.ndarray

    def judge(self, notes: Notes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features [N, 128], probabilities [N, keys] and labels [N] of notes; label -1 for keys unknown to the data."""
        features, probabilities = classifiers.classify(self.classifier, notes.image)
        labels = notes.midi - self.lowest
        return features, probabilities, np.where((labels >= 0) & (labels < probabilities.shape[1]), labels, -1)


def prepare(
    data: DataSet,
    cache: Path,
    train_notes: int = TRAIN_NOTES,
    test_notes: int = TEST_NOTES,
    epochs: int = classifiers.EPOCHS,
    progress: Callable[[str], None] = lambda _: None,
) -> Reference:
    """Measures at most so many notes of each part (drawn by a fixed seed), or reads what was kept of it in `cache`."""
    if len(data.test) == 0:
        raise TrainingError(f"{data.folder} has no held-out notes to compare with; give split.json a test part.")
    asked = f"{VERSION} {data.identity} {train_notes} {test_notes} {epochs} {SEED}"
    path = cache / f"measures-{hashlib.sha256(asked.encode()).hexdigest()[:16]}.npz"
    low, high = data.pitch_range
    kept = _load(path)
    if kept is None:
        groups = _groups(data)
        train = _measure(data, _draw(data.train, train_notes), groups, "training", progress)
        test = _measure(data, _draw(data.test, test_notes), groups, "held-out", progress)
        progress("training the pitch classifier")
        classifier = classifiers.train(train.image, train.midi - low, high - low + 1, SEED, epochs)
        _save(path, train, test, classifier)
    else:
        train, test, weights = kept
        classifier = classifiers.PitchClassifier(high - low + 1)
        classifier.load_state_dict(weights)
        classifier.eval()
    features, _ = classifiers.classify(classifier, train.image)
    bins = DifferentBins(train.picture.reshape(len(train), -1), seed=SEED)
    return Reference(data.name, train, test, classifier, low, bins, features)


def _groups(data: DataSet) -> dict[tuple[str, int], int]:
    """A number for each timbre: an instrument at one velocity."""
    timbres = sorted({(example.instrument, example.velocity) for example in data.examples})
    return {timbre: number for number, timbre in enumerate(timbres)}


def _draw(indices: np.ndarray, count: int) -> np.ndarray:
    return np.sort(np.random.default_rng(SEED).permutation(indices)[:count])


def _measure(data: DataSet, indices: np.ndarray, groups: dict, what: str, progress: Callable[[str], None]) -> Notes:
    meter = NoteMeter()
    for done, index in enumerate(indices):
        if done % 500 == 0:
            progress(f"measuring {what} notes: {done} of {len(indices)}")
        example = data.examples[index]
        meter.add(data.wave(int(index)).numpy(), example.pitch, groups[example.instrument, example.velocity])
    return meter.notes()


def _save(path: Path, train: Notes, test: Notes, classifier: classifiers.PitchClassifier) -> None:
    arrays = {f"train/{field.name}": getattr(train, field.name) for field in dataclasses.fields(Notes)}
    arrays |= {f"test/{field.name}": getattr(test, field.name) for field in dataclasses.fields(Notes)}
    arrays |= {f"weights/{name}": value.numpy() for name, value in classifier.state_dict().items()}
    content = io.BytesIO()
    np.savez(content, **arrays)
    try:
        write_bytes(path, content.getvalue())
    except OSError as error:
        raise TrainingError(
            f"{path} cannot be written ({error.strerror}): name another folder with --cache."
        ) from error


def _load(path: Path) -> tuple[Notes, Notes, dict[str, torch.Tensor]] | None:
    """What was kept; None where there is nothing, or what there is cannot be read and is to be made anew."""
    try:
        with np.load(path) as arrays:
            parts = [Notes(**{field.name: arrays[f"{part}/{field.name}"] for field in dataclasses.fields(Notes)})
                     for part in ("train", "test")]
            weights = {name.removeprefix("weights/"): torch.from_numpy(arrays[name])
                       for name in arrays.files if name.startswith("weights/")}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return parts[0], parts[1], weights
