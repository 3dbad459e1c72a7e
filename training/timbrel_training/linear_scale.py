"""From mel images to the linear scale on which they are heard, and back.

What the published analysis makes of a note is not what sounds most like it when it is brought back: the mel angle is a
sum over linear bins of weights that do not add up to one, and it is wrapped after that sum, so that from some 3 kHz on
(where the weights' sum passes 1) turns are lost. Whoever compares a mel image with a note does so here, as the player
will: on the linear scale. Multiplications go by sparse matrices, two numbers a bin.
"""

import warnings
from functools import cache

import torch
from torch import Tensor

from timbrel_training.errors import TrainingError
from timbrel_training.spectral import LOG_EPS, Representation


def linear_of(representation: Representation) -> Representation:
    """The representation without the mel scale, of the same frames and bins."""
    if not representation.is_mel:
        raise TrainingError(f"This recipe makes mel images, and {representation.name} is none: use if-mel-hires.")
    return Representation(representation.name.replace("if-mel", "if"))


class LinearScale:
    """The way between the two scales of a mel representation.

    Attributes:
        reach: [mel bins], the sum of each mel bin's weights. A phase advance `v` that the linear bins around share shows
            as `reach * v` on the mel scale, and comes back as `v`. 1 where a bin has no weights.
    """

    def __init__(self, representation: Representation):
        forward, inverse = representation.mel_matrices
        self.reach = torch.where(forward.sum(dim=0) > 0.0, forward.sum(dim=0), 1.0)
        self._forward, self._inverse = _sparse(forward.T), _sparse(inverse.T)
        self._bands = _sparse((forward / self.reach).T)

    def power(self, level: Tensor) -> Tensor:
        """Linear power [..., bins] of a mel image's log power [..., mel bins]."""
        return _times(self._inverse, level.exp())

    def level(self, level: Tensor) -> Tensor:
        """Log power on the linear scale, [..., bins], of a mel image's [..., mel bins]."""
        return torch.log(self.power(level) + LOG_EPS)

    def angle(self, angle: Tensor) -> Tensor:
        """Phase advance on the linear scale [units of pi], not wrapped, of a mel image's."""
        return _times(self._inverse, angle)

    def to_mel(self, values: Tensor) -> Tensor:
        """Sums over mel bands [..., mel bins], as the published analysis takes them of powers."""
        return _times(self._forward, values)

    def means(self, values: Tensor) -> Tensor:
        """Means over mel bands [..., mel bins]."""
        return _times(self._bands, values)


@cache
def scale_of(representation: Representation) -> LinearScale:
    return LinearScale(representation)


def _sparse(matrix: Tensor) -> Tensor:
    with warnings.catch_warnings():
        # PyTorch calls its compressed rows a beta version; the product that is used here is tested.
        warnings.simplefilter("ignore", UserWarning)
        return matrix.contiguous().to_sparse_csr()


def _times(matrix: Tensor, values: Tensor) -> Tensor:
    rows = values.reshape(-1, values.shape[-1])
    return torch.sparse.mm(matrix, rows.T).T.reshape(*values.shape[:-1], matrix.shape[0])
