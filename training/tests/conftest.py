"""What several tests need: reference values and small data sets."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

GOLDEN = Path(__file__).parents[2] / "tests" / "golden"

torch.set_num_threads(1)


def golden_wave(index: int) -> torch.Tensor:
    """One of the two reference waves [64000]; the second one is digital silence after what is stored."""
    wave = np.load(GOLDEN / f"wave_{index}.npy")
    return torch.from_numpy(np.pad(wave, (0, 64_000 - len(wave))))


def tone(pitch: int, brightness: float = 1.0, seconds: float = 4.0) -> np.ndarray:
    """A decaying tone of a few partials at a MIDI pitch, float32 [seconds * 16000]."""
    time = np.arange(int(16_000 * seconds)) / 16_000
    frequency = 440.0 * 2.0 ** ((pitch - 69) / 12)
    partials = [n for n in range(1, 7) if n * frequency < 7000]
    wave = sum(brightness**n / n * np.sin(2 * math.pi * n * frequency * time + n) for n in partials)
    return (0.3 * np.exp(-0.8 * time) * wave).astype(np.float32)


def write_data_set(folder: Path, pitches: list[int], split: tuple[list[int], list[int]] | None = None) -> Path:
    """Writes a data set of one tone a pitch; `split` names the places of train and test in `pitches`."""
    (folder / "audio").mkdir(parents=True)
    labels = {}
    for number, pitch in enumerate(pitches):
        name = f"tone_acoustic_{number:03d}-{pitch:03d}-100"
        labels[name] = {
            "note": number,
            "note_str": name,
            "instrument_str": f"tone_acoustic_{number:03d}",
            "pitch": pitch,
            "velocity": 100,
            "sample_rate": 16_000,
            "instrument_family_str": "keyboard",
        }
        soundfile.write(folder / "audio" / f"{name}.wav", tone(pitch, 0.5 + 0.1 * (number % 5)), 16_000)
    (folder / "examples.json").write_text(json.dumps(labels))
    if split is not None:
        names = sorted(labels)
        parts = {part: [names[place] for place in places] for part, places in zip(("train", "test"), split)}
        (folder / "split.json").write_text(json.dumps({"seed": 1, **parts}))
    return folder


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of ten notes, not to be changed."""
    return write_data_set(tmp_path_factory.mktemp("data") / "tones", [40, 45, 50, 52, 55, 57, 60, 60, 62, 64])


@pytest.fixture
def new_data_set(tmp_path: Path) -> Callable[..., Path]:
    """Makes a data set of its own for a test."""
    return lambda *arguments, **named: write_data_set(tmp_path / "set", *arguments, **named)
