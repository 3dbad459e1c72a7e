"""Generators by name: made from settings, put into checkpoints, and read back.

A generator is a module with `latent_size`, `pitch_min`, `pitch_max`, `representation` and
`forward(latent [N, latent_size] float32, pitch [N] int64) -> image [N, 2, frames, bins]`, denormalised. To be kept in a
checkpoint it also has

    kind        its name in the table below
    settings    a dict of plain values from which its class makes such a generator again; `normaliser`, where there is
                one, as {"scale": [2], "offset": [2]}

In a checkpoint the entry `generator` holds {"kind", "settings", "weights"}.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from timbrel_training import checkpoint
from timbrel_training.errors import TrainingError
from timbrel_training.normaliser import Normaliser

CLASSES = {
    "progressive": ("timbrel_training.progressive", "ProgressiveGenerator"),
    "factored": ("timbrel_training.factored", "Generator"),
    "continuous": ("timbrel_training.continuous", "Generator"),
    # Those of the paper's table that make waves, [N, samples], in place of images.
    "wavegan": ("timbrel_training.paper.wavegan", "WaveGanGenerator"),
    "wavenet": ("timbrel_training.paper.wavenet", "WaveNet"),
}

# Where a run keeps its checkpoint.
CHECKPOINT = "checkpoint"


def build(kind: str, settings: dict[str, Any]) -> nn.Module:
    """Makes a generator with fresh weights.

    Raises:
        TrainingError: when there is no such kind, or it does not know a setting.
    """
    if kind not in CLASSES:
        raise TrainingError(f"There is no generator of the kind {kind!r}; use one of {', '.join(CLASSES)}.")
    module, name = CLASSES[kind]
    settings = dict(settings)
    if isinstance(settings.get("normaliser"), dict):
        normaliser = settings["normaliser"]
        settings["normaliser"] = Normaliser(tuple(normaliser["scale"]), tuple(normaliser["offset"]))
    try:
        return getattr(import_module(module), name)(**settings)
    except TypeError as error:
        raise TrainingError(f"A {kind} generator cannot be made from its settings: {error}.") from error


def to_state(generator: nn.Module, weights: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a checkpoint keeps of a generator; with `weights`, of one like it that has those."""
    weights = generator.state_dict() if weights is None else weights
    return {"kind": generator.kind, "settings": generator.settings, "weights": weights}


def from_state(state: dict[str, Any]) -> nn.Module:
    """The generator that `to_state` was given.

    Raises:
        TrainingError: when settings and weights do not belong together.
    """
    generator = build(state["kind"], state["settings"])
    try:
        generator.load_state_dict(state["weights"])
    except RuntimeError as error:
        raise TrainingError(f"The weights are not those of the generator that the checkpoint describes: {error}") from error
    return generator


def save(folder: Path, generator: nn.Module) -> None:
    """Writes a checkpoint that holds a generator alone."""
    checkpoint.save(Path(folder), {"generator": to_state(generator)})


def read(path: Path | str) -> dict[str, Any]:
    """The whole checkpoint with a generator that lies in a run's folder, or in a checkpoint's.

    Raises:
        TrainingError: when there is none, or it is damaged.
    """
    path = Path(path)
    folder = path / CHECKPOINT if checkpoint.exists(path / CHECKPOINT) else path
    state = checkpoint.load(folder)
    if not isinstance(state, dict) or "generator" not in state:
        raise TrainingError(f"The checkpoint {folder} holds no generator; give the folder of a training run.")
    return state


def load(path: Path | str, device: torch.device | str = "cpu") -> nn.Module:
    """Reads the generator (of a run, its averaged one) from a run's folder or from a checkpoint's, ready to be used.

    Raises:
        TrainingError: as `read`.
    """
    return from_state(read(path)["generator"]).to(device).eval().requires_grad_(False)
