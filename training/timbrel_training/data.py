"""A data set in NSynth's format: labels, split, waves.

A data set is a folder with `examples.json` (NSynth's labels by note name) and `audio/NAME.wav` (mono, four seconds, all
of one rate, which the labels tell: 16 kHz in NSynth, up to 48 kHz in a set of the full band; FLAC or Ogg do as well),
and, where this project's tools made it, `split.json` and `dataset.json`.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from torch import Tensor

from timbrel_training.errors import TrainingError
from timbrel_training.files import read_json
from timbrel_training.geometry import NOTE_SECONDS, PUBLISHED_RATE, SAMPLE_RATES

# Share of the notes that the paper trains on, and the seed of the split where a set brings none of its own.
TRAIN_SHARE = 0.8
SPLIT_SEED = 1902

AUDIO_ENDINGS = (".wav", ".flac", ".ogg", ".opus")

# A peak below this is silence, which no gain brings to a level.
SILENT_PEAK = 1e-5


@dataclass(frozen=True)
class Example:
    """Labels of one note."""

    name: str
    pitch: int
    velocity: int
    instrument: str
    family: str


class DataSet:
    """The notes of a folder, in the order of their names.

    Attributes:
        folder: where it lies.
        name: as `dataset.json` has it, else the folder's.
        examples: the labels of all notes within the pitch range.
        train, test: indices into `examples`, int64 arrays in rising order.
        sample_rate: of every wave, in Hz.
        peak: each wave is brought to this peak; None leaves levels as recorded.
    """

    def __init__(self, folder: Path | str, pitches: tuple[int, int] = (0, 127), peak: float | None = None):
        """Reads labels and split; the waves are read when they are asked for.

        Args:
            pitches: lowest and highest MIDI note; others are left out.

        Raises:
            TrainingError: when labels are missing or wrong, or no note is left to train on.
        """
        self.folder = Path(folder)
        self.peak = peak
        labels = _labels(self.folder / "examples.json")
        examples = (_example(name, labels[name]) for name in sorted(labels))
        self.examples = [example for example in examples if pitches[0] <= example.pitch <= pitches[1]]
        self.train, self.test = self._split()
        self.sample_rate = self._rate(labels)
        if len(self.train) == 0:
            raise TrainingError(
                f"{self.folder} has no note between the MIDI pitches {pitches[0]} and {pitches[1]} to train on; give "
                "another data set or another pitch range."
            )

    def __len__(self) -> int:
        return len(self.examples)

    @cached_property
    def about(self) -> dict[str, Any]:
        """What `dataset.json` says (name, licence, description, ...); empty where there is none."""
        path = self.folder / "dataset.json"
        return read_json(path) if path.exists() else {}

    @property
    def note_samples(self) -> int:
        """Samples of every wave: four seconds."""
        return NOTE_SECONDS * self.sample_rate

    @property
    def name(self) -> str:
        return str(self.about.get("name") or self.folder.resolve().name)

    @cached_property
    def pitches(self) -> np.ndarray:
        """MIDI pitch of every note, int64 [len]."""
        return np.array([example.pitch for example in self.examples], dtype=np.int64)

    @property
    def pitch_range(self) -> tuple[int, int]:
        """Lowest and highest pitch there are."""
        return int(self.pitches.min()), int(self.pitches.max())

    def pitch_counts(self, low: int, high: int) -> np.ndarray:
        """How many training notes each pitch from `low` to `high` has, int64 [high - low + 1]."""
        return (self.pitches[self.train] == np.arange(low, high + 1)[:, None]).sum(axis=1)

    @cached_property
    def audio_identity(self) -> str:
        """A hash of what decides the waves and their labels: examples, peak, and sizes of the audio files."""
        digest = hashlib.sha256(str(self.peak).encode())
        for example in self.examples:
            path = self._audio_path(example.name)
            digest.update(f"{example}{path.name}{path.stat().st_size}\n".encode())
        return digest.hexdigest()[:32]

    @cached_property
    def identity(self) -> str:
        """A hash of all that decides what is learnt from: `audio_identity` and the split."""
        return hashlib.sha256(json.dumps([self.audio_identity, self.train.tolist()]).encode()).hexdigest()[:32]

    def wave(self, index: int) -> Tensor:
        """The wave of one note, [note_samples] float32.

        Raises:
            TrainingError: when the file is missing, damaged, of another rate or length, or holds NaN.
        """
        path = self._audio_path(self.examples[index].name)
        try:
            wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise TrainingError(f"{path} cannot be read as audio ({error}); make or copy it again.") from error
        if rate != self.sample_rate:
            raise TrainingError(
                f"{path} has {rate} samples a second where {self.sample_rate} are needed, as the labels tell; make the set "
                "with `cargo xtask dataset`, which resamples."
            )
        if wave.shape[1] != 1:
            raise TrainingError(
                f"{path} has {wave.shape[1]} channels where one is needed; make the set with `cargo xtask dataset`, "
                "which mixes them."
            )
        if len(wave) != self.note_samples:
            raise TrainingError(
                f"{path} has {len(wave)} samples where {self.note_samples} are needed: it was cut, or is no NSynth note. "
                "Copy it again, or leave it out of examples.json."
            )
        if not np.isfinite(wave).all():
            raise TrainingError(f"{path} holds samples that are no numbers (NaN); leave it out of examples.json.")
        wave = torch.from_numpy(wave[:, 0].copy())
        greatest = float(wave.abs().max())
        if self.peak is not None and greatest > SILENT_PEAK:
            wave *= self.peak / greatest
        return wave

    def waves(self, indices: Iterable[int], batch: int = 32) -> Iterator[Tensor]:
        """The waves of some notes in batches: tensors [N, note_samples] with N up to `batch`."""
        pending: list[Tensor] = []
        for index in indices:
            pending.append(self.wave(int(index)))
            if len(pending) == batch:
                yield torch.stack(pending)
                pending = []
        if pending:
            yield torch.stack(pending)

    def _audio_path(self, name: str) -> Path:
        for ending in AUDIO_ENDINGS:
            path = self.folder / "audio" / (name + ending)
            if path.exists():
                return path
        raise TrainingError(
            f"{self.folder / 'audio' / name}.wav is missing, though examples.json names it; copy the audio again, or "
            "leave the note out of examples.json."
        )

    def _rate(self, labels: dict[str, Any]) -> int:
        """The one rate of all notes: what `dataset.json` tells, else the labels, else that of NSynth."""
        told = [self.about["sample_rate"]] if "sample_rate" in self.about else []
        told += [labels[example.name]["sample_rate"] for example in self.examples if "sample_rate" in labels[example.name]]
        rates = sorted({str(rate) for rate in told})
        if len(rates) > 1:
            raise TrainingError(
                f"{self.folder} has notes of several sample rates ({', '.join(rates)} Hz); make the set again with one."
            )
        rate = told[0] if told else PUBLISHED_RATE
        low, high = SAMPLE_RATES
        if not isinstance(rate, int) or isinstance(rate, bool) or not low <= rate <= high:
            raise TrainingError(
                f"{self.folder} tells the sample rate {rate!r}; from {low} to {high} Hz can be learnt from. Make the set again."
            )
        return rate

    def _split(self) -> tuple[np.ndarray, np.ndarray]:
        """The set's own split, else the paper's kind: shuffled, 80 to 20."""
        path = self.folder / "split.json"
        if not path.exists():
            order = np.random.default_rng(SPLIT_SEED).permutation(len(self.examples))
            cut = round(TRAIN_SHARE * len(order))
            return np.sort(order[:cut]), np.sort(order[cut:])
        split = read_json(path)
        if not isinstance(split, dict) or not all(isinstance(split.get(part), list) for part in ("train", "test")):
            raise TrainingError(f"{path} does not name the notes of train and test; remove it, or make the set again.")
        places = {example.name: index for index, example in enumerate(self.examples)}
        return tuple(_places(split[part], places) for part in ("train", "test"))


def _places(names: Sequence[str], places: dict[str, int]) -> np.ndarray:
    # Notes outside the pitch range are in the split and not among the examples.
    return np.array(sorted(places[name] for name in names if name in places), dtype=np.int64)


def _labels(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise TrainingError(
            f"{path} is missing: a data set is a folder with examples.json and audio/. Make one with `cargo xtask "
            "dataset`, or give the folder of NSynth itself."
        )
    labels = read_json(path)
    if not isinstance(labels, dict) or not labels:
        raise TrainingError(f"{path} names no notes; make the data set again.")
    return labels


def _example(name: str, label: Any) -> Example:
    if not isinstance(label, dict):
        raise TrainingError(f"examples.json has no labels for the note {name!r}; make the data set again.")
    pitch = label.get("pitch")
    if not isinstance(pitch, int) or isinstance(pitch, bool) or not 0 <= pitch <= 127:
        raise TrainingError(
            f"examples.json gives the note {name!r} no pitch from 0 to 127 (it has {pitch!r}); a note without its pitch "
            "cannot be learnt from. Make the data set again, or leave the note out."
        )
    return Example(
        name=name,
        pitch=pitch,
        velocity=int(label.get("velocity", 100)),
        instrument=str(label.get("instrument_str", "")),
        family=str(label.get("instrument_family_str", "")),
    )
