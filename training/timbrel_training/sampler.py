"""Which notes come next: shuffled epochs from a seed, shared out over the processes of a run."""

from functools import lru_cache

import numpy as np


class Sampler:
    """Draws notes in shuffled epochs without end.

    All is decided by seed and position, so that the state is one number, and the batch size may change at any time. In a
    run of several processes each holds a sampler of its own rank; together they see each note once an epoch.
    """

    def __init__(self, indices: np.ndarray, seed: int, rank: int = 0, world_size: int = 1):
        """`indices` are the notes to draw from, int64 [count]."""
        self.indices = indices
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        # Notes that all processes together have drawn so far.
        self.position = 0
        self._epoch = lru_cache(maxsize=2)(self._shuffle)

    def next(self, batch: int) -> np.ndarray:
        """The next `batch` notes of this process, int64 [batch]."""
        start = self.position + self.rank * batch
        self.position += self.world_size * batch
        return np.array([self._at(place) for place in range(start, start + batch)], dtype=np.int64)

    def state(self) -> dict:
        return {"position": self.position}

    def restore(self, state: dict) -> None:
        self.position = state["position"]

    def _at(self, place: int) -> int:
        epoch, within = divmod(place, len(self.indices))
        return self._epoch(epoch)[within]

    def _shuffle(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([self.seed, epoch]).permutation(self.indices)
