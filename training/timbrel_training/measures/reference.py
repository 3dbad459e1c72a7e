"""Real notes to compare with: those that models learn from, those held out, and classifiers trained on the former.

Measuring some thousand notes and training the classifiers takes minutes, so both are kept in a file, named by the data's
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
from timbrel_training.measures import families, struck
from timbrel_training.measures.distribution import DifferentBins
from timbrel_training.measures.families import Above
from timbrel_training.measures.note import NoteMeter, Notes
from timbrel_training.measures.struck import Struck

# A change of any measure makes what was kept worthless: raise this with it.
VERSION = 3

TRAIN_NOTES = 6_000
TEST_NOTES = 3_000
SEED = 0


class FullBand:
    """The judges of the band up to 20 kHz, made from the training notes' pictures of it."""

    def __init__(self, train: Notes, classifier: classifiers.PitchClassifier):
        self._classifier = classifier
        self.train_features, _ = self.hear(train.bands)
        self.bins = DifferentBins(self.coarse(train.bands), seed=SEED)

    def hear(self, bands: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features [N, 128] and probabilities of pitches [N, keys] of pictures [N, rows, bands]."""
        return classifiers.classify(self._classifier, classifiers.band_image(bands))

    @staticmethod
    def coarse(bands: np.ndarray) -> np.ndarray:
        """Pictures as the vectors that bins are made of: two bands to a cell."""
        return bands.astype(np.float32).reshape(*bands.shape[:2], -1, 2).mean(-1).reshape(len(bands), -1)


@dataclasses.dataclass
class Reference:
    """Real notes, measured, and the judges made from the training part; `full` where the notes have a full band."""

    name: str
    train: Notes
    test: Notes
    struck: Struck
    above: Above
    classifier: classifiers.PitchClassifier
    lowest: int
    bins: DifferentBins
    train_features: np.ndarray
    full: FullBand | None

    def judge(self, notes: Notes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features [N, 128], probabilities [N, keys] and labels [N] of notes; label -1 for keys unknown to the data."""
        features, probabilities = classifiers.classify(self.classifier, notes.image)
        labels = notes.midi - self.lowest
        return features, probabilities, np.where((labels >= 0) & (labels < probabilities.shape[1]), labels, -1)


@dataclasses.dataclass
class _Kept:
    """What is kept in the file."""

    train: Notes
    test: Notes
    struck: Struck
    above: Above
    weights: dict[str, torch.Tensor]
    full_weights: dict[str, torch.Tensor]


# The parts of `_Kept` that are made of arrays.
MEASURED = {"train": Notes, "test": Notes, "struck": Struck, "above": Above}


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
    kept = _load(path)
    if kept is None:
        kept = _make(data, train_notes, test_notes, epochs, progress)
        _save(path, kept)
    low, high = data.pitch_range
    classifier = _classifier(kept.weights, high - low + 1)
    full = None
    if kept.full_weights:
        full = FullBand(kept.train, _classifier(kept.full_weights, high - low + 1, *kept.train.bands.shape[1:]))
    features, _ = classifiers.classify(classifier, kept.train.image)
    bins = DifferentBins(kept.train.picture.reshape(len(kept.train), -1), seed=SEED)
    return Reference(data.name, kept.train, kept.test, kept.struck, kept.above, classifier, low, bins, features, full)


def _make(data: DataSet, train_notes: int, test_notes: int, epochs: int, progress: Callable[[str], None]) -> _Kept:
    low, high = data.pitch_range
    groups = _groups(data)
    chosen = _draw(data.train, train_notes)
    train = _measure(data, chosen, groups, "training", progress)
    test = _measure(data, _draw(data.test, test_notes), groups, "held-out", progress)
    progress("measuring what velocity does")
    played = struck.real(data, train.has_full_band)
    above = families.real(data, progress)
    progress("training the pitch classifier")
    weights = classifiers.train(train.image, train.midi - low, high - low + 1, SEED, epochs).state_dict()
    full_weights = {}
    if train.has_full_band:
        progress("training the classifier of the full band")
        kinds = sorted({example.family for example in data.examples})
        labels = np.array([kinds.index(data.examples[index].family) for index in chosen])
        images = classifiers.band_image(train.bands)
        full_weights = classifiers.train(images, train.midi - low, high - low + 1, SEED, epochs, labels).state_dict()
    return _Kept(train, test, played, above, weights, full_weights)


def _classifier(weights: dict[str, torch.Tensor], pitches: int, *sizes: int) -> classifiers.PitchClassifier:
    classifier = classifiers.PitchClassifier(pitches, *sizes, families=len(weights.get("families.weight", ())))
    classifier.load_state_dict(weights)
    return classifier.eval()


def _groups(data: DataSet) -> dict[tuple[str, int], int]:
    """A number for each timbre: an instrument at one velocity."""
    timbres = sorted({(example.instrument, example.velocity) for example in data.examples})
    return {timbre: number for number, timbre in enumerate(timbres)}


def _draw(indices: np.ndarray, count: int) -> np.ndarray:
    return np.sort(np.random.default_rng(SEED).permutation(indices)[:count])


def _measure(data: DataSet, indices: np.ndarray, groups: dict, what: str, progress: Callable[[str], None]) -> Notes:
    meter = NoteMeter(data.sample_rate)
    for done, index in enumerate(indices):
        if done % 500 == 0:
            progress(f"measuring {what} notes: {done} of {len(indices)}")
        example = data.examples[index]
        meter.add(data.wave(int(index)).numpy(), example.pitch, groups[example.instrument, example.velocity])
    return meter.notes()


def _save(path: Path, kept: _Kept) -> None:
    arrays = {}
    for part in MEASURED:
        measured = getattr(kept, part)
        arrays |= {f"{part}/{field.name}": getattr(measured, field.name) for field in dataclasses.fields(measured)}
    for part in ("weights", "full_weights"):
        arrays |= {f"{part}/{name}": value.numpy() for name, value in getattr(kept, part).items()}
    content = io.BytesIO()
    np.savez(content, **arrays)
    try:
        write_bytes(path, content.getvalue())
    except OSError as error:
        raise TrainingError(
            f"{path} cannot be written ({error.strerror}): name another folder with --cache."
        ) from error


def _load(path: Path) -> _Kept | None:
    """What was kept; None where there is nothing, or what there is cannot be read and is to be made anew."""
    try:
        with np.load(path) as arrays:
            measured = {part: kind(**{field.name: arrays[f"{part}/{field.name}"] for field in dataclasses.fields(kind)})
                        for part, kind in MEASURED.items()}
            weights = {part: {name.removeprefix(f"{part}/"): torch.from_numpy(arrays[name])
                              for name in arrays.files if name.startswith(f"{part}/")}
                       for part in ("weights", "full_weights")}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return _Kept(**measured, **weights)
