"""The committed default model: what it says of itself, that it sounds, and that training can go on from it."""

from pathlib import Path

import numpy as np
import torch

from timbrel_training import generators
from timbrel_training.measures.loudness import loudness_lufs
from timbrel_training.model_file import ModelFile
from timbrel_training.spectral import Representation

TRAINING = Path(__file__).parents[1]
MODEL = TRAINING.parent / "assets" / "default.onnx"


def notes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Random latents [count, L] and pitches [count]."""
    model = ModelFile(MODEL)
    random = np.random.default_rng(7)
    return random.standard_normal((count, model.latent_size)).astype(np.float32), random.integers(24, 85, count)


def images(latents: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    return np.concatenate(list(ModelFile(MODEL).batches(latents, pitches)))


def test_it_names_its_directions_latents_and_measures() -> None:
    manifest = ModelFile(MODEL).manifest
    names = [direction["name"] for direction in manifest["directions"]]
    assert len(names) >= 8 and len(set(names)) == len(names) and all(names)
    assert len(manifest["latents"]) >= 40
    assert manifest["quality"] and manifest["licence"] == "MIT"
    assert ModelFile(MODEL).representation == Representation.linear()


def test_no_random_note_is_silent_or_loud() -> None:
    model = ModelFile(MODEL)
    waves = model.representation.synthesise(torch.from_numpy(images(*notes(24))))
    loudness = [loudness_lufs(wave, model.representation.sample_rate) for wave in waves.numpy()]
    assert min(loudness) > -28.0 and max(loudness) < -16.0, loudness
    # The full band is there, in some notes more and in others less.
    power = torch.fft.rfft(waves).abs().square()
    above = 10.0 * (power[:, 4 * 8_000 :].sum(dim=1) / power.sum(dim=1)).log10()
    assert above.max() > -40.0, above


def test_each_direction_changes_the_spectrum() -> None:
    manifest = ModelFile(MODEL).manifest
    base, _ = notes(4)
    pitches = np.array([45, 60, 60, 72])
    for direction in manifest["directions"][:8]:
        step = 2.0 * direction["scale"] * np.array(direction["vector"], dtype=np.float32)
        less, more = images(base - step, pitches)[:, 0], images(base + step, pitches)[:, 0]
        # Of log magnitudes, against the loudest of each note [nepers].
        less, more = (x - x.max(axis=(1, 2), keepdims=True) for x in (less, more))
        heard = np.maximum(less, more) > -6.0
        assert np.abs(np.maximum(more, -8.0) - np.maximum(less, -8.0))[heard].mean() > 0.2, direction["name"]


def test_training_goes_on_from_the_same_weights() -> None:
    generator = generators.load(TRAINING / "checkpoints" / "default")
    latents, pitches = notes(6)
    with torch.no_grad():
        made = generator(torch.from_numpy(latents), torch.from_numpy(pitches)).numpy()
    # Both have half-precision weights; how noise wraps around may differ in single points.
    assert np.median(np.abs(made - images(latents, pitches))) < 0.01
    assert np.abs(made - images(latents, pitches))[:, 0].mean() < 0.05
