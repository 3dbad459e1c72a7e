"""The training of one row of the table, by the loop of `gan.py` for all of them."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from timbrel_training.data import DataSet
from timbrel_training.gan import Run
from timbrel_training.paper.wavegan import WaveGanTrainer
from timbrel_training.paper.wavenet import WaveNetTrainer

TRAINERS = {"wavegan": WaveGanTrainer, "wavenet": WaveNetTrainer}


class Waves:
    """All waves of a data set in memory, [count, samples] at half precision, by their index."""

    def __init__(self, data: DataSet, device: torch.device):
        self.waves = torch.stack([data.wave(index).half() for index in range(len(data))]).to(device)

    def __getitem__(self, indices: np.ndarray) -> Tensor:
        return self.waves[torch.from_numpy(indices).to(self.waves.device)].float()

    def __len__(self) -> int:
        return len(self.waves)


class WaveRun(Run):
    """A run whose network makes waves in place of images; it draws no sheets, which are pictures of images."""

    def write_sheet(self) -> None:
        """Nothing: the table's own pictures are made from waves."""

    def _store(self, cache: Any) -> Waves:
        return Waves(self.data, self.parallel.device)

    def _trainer(self, kept: dict[str, Any] | None, counts: Tensor, generator: nn.Module | None) -> Any:
        return TRAINERS[self.config.generator.kind](self.config, counts, self.parallel, generator)

    def _state(self) -> dict[str, Any]:
        return self.trainer.state()


def run_class(kind: str) -> type[Run]:
    """The class of a run whose generator is of this kind."""
    return WaveRun if kind in TRAINERS else Run
