"""Several processes that train one model, started by `torchrun`: one a GPU, or on CPUs.

Each has its own notes and latents; gradients are averaged. `DistributedDataParallel` is not used: a step here has
several backward passes through parts of the networks, one of them through a gradient, which its hooks do not expect.
"""

import os
from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist


class Parallel:
    """The processes of a run; one alone where it was not started by `torchrun`.

    Attributes:
        rank: number of this process, from 0. The first one writes files and speaks.
        world_size: how many there are.
        device: where this one computes.
    """

    def __init__(self, device: str | None = None):
        """`device` is "cpu", "cuda" or such; None takes a GPU where there is one."""
        self.rank = int(os.environ.get("RANK", 0))
        self.world_size = int(os.environ.get("WORLD_SIZE", 1))
        local_rank = int(os.environ.get("LOCAL_RANK", 0))
        if device is None:
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device, local_rank) if device == "cuda" else torch.device(device)
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        if self.world_size > 1:
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def close(self) -> None:
        if self.world_size > 1:
            dist.destroy_process_group()

    def average_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replaces each gradient by its mean over the processes. All have gradients for the same parameters."""
        if self.world_size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.world_size
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, mean in zip(gradients, flat.split(sizes)):
            gradient.copy_(mean.view_as(gradient))

    def from_first(self, values: list[float]) -> list[float]:
        """The numbers of the first process: what time it is, and whether to stop, is for it to say."""
        if self.world_size == 1:
            return values
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.broadcast(tensor, src=0)
        return tensor.tolist()

    def gather(self, value: Any) -> list[Any]:
        """What every process has, by rank."""
        if self.world_size == 1:
            return [value]
        values: list[Any] = [None] * self.world_size
        dist.all_gather_object(values, value)
        return values
