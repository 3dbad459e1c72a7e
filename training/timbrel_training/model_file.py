"""A model file as the plugin sees it: ONNX Runtime, latents and pitches in, images out."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from timbrel_training import manifest
from timbrel_training.errors import TrainingError
from timbrel_training.spectral import Representation

# The memory of a session grows with the batch, and batches are no faster on a CPU.
BATCH = 4

# What a model may say of how a note is played, beside its image, and how many numbers each has.
TOUCH, MOVEMENT = "touch", "movement"
OPTIONAL = {TOUCH: 32, MOVEMENT: 4}


@dataclass
class Generated:
    """What a model gives for N notes: images [N, 2, frames, bins], and where it has them, touch [N, 32] (what velocity
    does to the spectrum) and movement [N, 4] (vibrato and tremolo); `played.py` says how they sound."""

    images: np.ndarray
    touch: np.ndarray | None = None
    movement: np.ndarray | None = None


class ModelFile:
    """A checked model file, ready to render. `threads` is the number of cores that ONNX Runtime may use.

    Attributes:
        optional: the outputs that it has beside the image, of `touch` and `movement`.
    """

    def __init__(self, path: Path | str, threads: int = 1):
        self.path = Path(path)
        self.manifest = manifest.read(manifest.load_model(path), path)
        self.representation = Representation.of(self.manifest)
        self.latent_size: int = self.manifest["latent_size"]
        self.pitches = np.arange(self.manifest["pitch_min"], self.manifest["pitch_max"] + 1)
        self._session = session(self.path, threads)
        names = {value.name for value in self._session.get_inputs()}
        if names != {"latent", "pitch"}:
            raise TrainingError(f"{path} has the inputs {sorted(names)}; a model has latent and pitch.")
        given = {value.name for value in self._session.get_outputs()}
        self.optional = tuple(name for name in OPTIONAL if name in given)

    def draw(self, count: int, seed: int) -> np.ndarray:
        """Latents as the model was trained on them: N(0, 1), float32 [count, latent_size]."""
        return np.random.default_rng(seed).standard_normal((count, self.latent_size)).astype(np.float32)

    def render(self, latents: np.ndarray, pitches: np.ndarray) -> np.ndarray:
        """Images float32 [N, 2, frames, bins], denormalised, of latents [N, L] at MIDI pitches [N]."""
        return np.concatenate(list(self.batches(latents, pitches)))

    def batches(self, latents: np.ndarray, pitches: np.ndarray, size: int = BATCH) -> Iterator[np.ndarray]:
        """As `render`, a few notes at a time: all of a measurement's images would not fit into memory."""
        for generated in self.generate(latents, pitches, size, ()):
            yield generated.images

    def generate(self, latents: np.ndarray, pitches: np.ndarray, size: int = BATCH,
                 optional: tuple[str, ...] | None = None) -> Iterator[Generated]:
        """All that the model says of notes, a few at a time; with `optional`, of the outputs beside the image these alone.

        Raises:
            TrainingError: when an output has not the shape that it must have, or holds what is no number.
        """
        latents = np.asarray(latents, np.float32)
        pitches = np.asarray(pitches, np.int64)
        names = ["spectrogram", *(self.optional if optional is None else optional)]
        for start in range(0, len(pitches), size):
            feed = {"latent": latents[start : start + size], "pitch": pitches[start : start + size]}
            found = dict(zip(names, self._session.run(names, feed)))
            for name, values in found.items():
                shape = (OPTIONAL[name],) if name in OPTIONAL else self.representation.image_shape
                if values.shape[1:] != shape:
                    what = "images" if name not in OPTIONAL else name
                    raise TrainingError(f"{self.path} gives {what} {values.shape[1:]}; its manifest says {shape}.")
                if not np.isfinite(values).all():
                    raise TrainingError(f"{self.path} gives values that are no numbers: its training has diverged.")
            yield Generated(found["spectrogram"], found.get(TOUCH), found.get(MOVEMENT))


def session(model: Path | str | bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """A CPU session of ONNX Runtime on a file, or on the bytes of one."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    content = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a class of its own for each status
        what = "The model" if isinstance(model, bytes) else model
        raise TrainingError(f"ONNX Runtime does not load {what}: {error}") from error
