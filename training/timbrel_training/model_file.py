"""A model file as the plugin sees it: ONNX Runtime, latents and pitches in, images out."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime

from timbrel_training import manifest
from timbrel_training.errors import TrainingError

# The memory of a session grows with the batch, and batches are no faster on a CPU.
BATCH = 4


class ModelFile:
    """A checked model file, ready to render. `threads` is the number of cores that ONNX Runtime may use."""

    def __init__(self, path: Path | str, threads: int = 1):
        self.path = Path(path)
        self.manifest = manifest.read(manifest.load_model(path), path)
        self.representation: str = self.manifest["representation"]
        self.latent_size: int = self.manifest["latent_size"]
        self.pitches = np.arange(self.manifest["pitch_min"], self.manifest["pitch_max"] + 1)
        self._session = session(self.path, threads)
        names = {value.name for value in self._session.get_inputs()}
        if names != {"latent", "pitch"}:
            raise TrainingError(f"{path} has the inputs {sorted(names)}; a model has latent and pitch.")

    def draw(self, count: int, seed: int) -> np.ndarray:
        """Latents as the model was trained on them: N(0, 1), float32 [count, latent_size]."""
        return np.random.default_rng(seed).standard_normal((count, self.latent_size)).astype(np.float32)

    def render(self, latents: np.ndarray, pitches: np.ndarray) -> np.ndarray:
        """Images float32 [N, 2, frames, bins], denormalised, of latents [N, L] at MIDI pitches [N]."""
        return np.concatenate(list(self.batches(latents, pitches)))

    def batches(self, latents: np.ndarray, pitches: np.ndarray, size: int = BATCH) -> Iterator[np.ndarray]:
        """As `render`, a few notes at a time: all of a measurement's images would not fit into memory."""
        latents = np.asarray(latents, np.float32)
        pitches = np.asarray(pitches, np.int64)
        shape = (2, self.manifest["frames"], self.manifest["bins"])
        for start in range(0, len(pitches), size):
            feed = {"latent": latents[start : start + size], "pitch": pitches[start : start + size]}
            (image,) = self._session.run(["spectrogram"], feed)
            if image.shape[1:] != shape:
                raise TrainingError(f"{self.path} gives images {image.shape[1:]}; its manifest says {shape}.")
            if not np.isfinite(image).all():
                raise TrainingError(f"{self.path} gives values that are no numbers: its training has diverged.")
            yield image


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
