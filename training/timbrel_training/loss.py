"""Losses of the two networks: the paper's Wasserstein loss with gradient penalty, and the non-saturating one with R1.

Both add the auxiliary pitch loss (cross-entropy): the discriminator names the pitch of real notes, the generator is
judged by whether its notes are named as asked.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

# Scores of images [N, 2, frames, bins]: [N].
Score = Callable[[Tensor], Tensor]


def input_gradient_norms(score: Score, images: Tensor, unit: Tensor) -> Tensor:
    """Norms [N] of the gradient of each image's score by the image; they can be differentiated by the weights.

    Args:
        images: [N, 2, frames, bins]; what they were computed from is not differentiated.
        unit: [2, 1, 1], what one unit of each channel counts: the gradient is multiplied by it.
    """
    images = images.detach().requires_grad_(True)
    # Each score belongs to its own image but for the minibatch deviation; the published code sums as well.
    (gradient,) = torch.autograd.grad(score(images).sum(), images, create_graph=True)
    return (gradient * unit).square().sum(dim=(1, 2, 3)).sqrt()


@dataclass(frozen=True)
class Penalty:
    """A penalty [] on the discriminator, without its weight, and the gradient norms [N] that it was computed from."""

    value: Tensor
    slopes: Tensor


@dataclass(frozen=True)
class Wasserstein:
    """The Wasserstein loss with gradient penalty (Gulrajani et al. 2017, arXiv 1704.00028), as `define_loss` has it.

    Attributes:
        penalty_weight: of the squared distance of the slopes from 1.
        drift: weight of the squared scores of real images, which keeps them near zero.
    """

    penalty_weight: float = 10.0
    drift: float = 1e-3

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean() + self.drift * real.square().mean()

    def generator(self, fake: Tensor) -> Tensor:
        return -fake.mean()

    def penalty(self, score: Score, real: Tensor, fake: Tensor, mix: Tensor, unit: Tensor) -> Penalty:
        """Penalises slopes other than 1 at images between real and fake ones.

        Args:
            mix: [N, 1, 1, 1], the share of the fake one in each.
            unit: see `penalty_unit`.
        """
        slopes = input_gradient_norms(score, real + mix * (fake - real), unit)
        return Penalty((slopes - 1.0).square().mean(), slopes)


@dataclass(frozen=True)
class NonSaturating:
    """The non-saturating loss (Goodfellow et al. 2014) with the penalty R1 (Mescheder et al. 2018, arXiv 1801.04406).

    Attributes:
        penalty_weight: of half the squared slopes at real images (gamma).
    """

    penalty_weight: float = 10.0

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return F.softplus(fake).mean() + F.softplus(-real).mean()

    def generator(self, fake: Tensor) -> Tensor:
        return F.softplus(-fake).mean()

    def penalty(self, score: Score, real: Tensor, fake: Tensor, mix: Tensor, unit: Tensor) -> Penalty:
        """Penalises slopes at real images, in the network's units and at the resolution in use, as is usual for R1; `fake`,
        `mix` and `unit` are not used."""
        slopes = input_gradient_norms(score, real, torch.ones_like(unit))
        return Penalty(0.5 * slopes.square().mean(), slopes)


Loss = Wasserstein | NonSaturating

LOSSES = {"wgan-gp": Wasserstein, "non-saturating": NonSaturating}


def penalty_unit(scale: tuple[float, float], enlargement: int) -> Tensor:
    """The unit [2, 1, 1] in which the published code takes its slopes: denormalised images at the full resolution.

    Args:
        scale: of the normaliser; a denormalised unit is `scale` of the network's units.
        enlargement: by how much the full image is larger on each side. One pixel in use stands for enlargement^2 equal
            ones, each of which has 1 / enlargement^2 of its gradient: the norm is 1 / enlargement of it.
    """
    return torch.tensor(scale).view(2, 1, 1) / enlargement


def pitch_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of the named pitches; logits [N, pitches], labels [N] from 0."""
    return F.cross_entropy(logits, labels)
