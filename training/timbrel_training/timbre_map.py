"""The timbre map: which sounds a latent stands for.

Every sound of the training set (an instrument at a velocity) has a place in the latent space, by what it sounds like:
its descriptors, brought to normal distributions one by one and then decorrelated with the least change (ZCA whitening),
so that the first axis remains, mostly, brightness, the second attack, and so on. A latent of the normal distribution
belongs to the sounds near it, with weights that sum to one:

    weights(z) = softmax((2 z.x_k - |x_k|^2 + w_k) / temperature)

which is a power diagram with soft borders. The masses w_k are chosen so that each sound gets the same share of all
latents (semi-discrete optimal transport from the normal distribution to the sounds), so no seed is wasted on a border
country and none of the sounds is out of reach.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

# Left on the diagonal before whitening, so that descriptors that nearly agree are not torn apart.
RIDGE = 0.03

# Of the transport: latents a step, steps, and the first and last step's size.
TRANSPORT_LATENTS = 20_000
TRANSPORT_STEPS = 400
TRANSPORT_RATES = (1.5, 0.01)


@dataclass
class TimbreMap:
    """Places [sounds, latent] and masses [sounds], float32; see the module."""

    places: np.ndarray
    masses: np.ndarray
    temperature: float

    def scores(self, latents: np.ndarray) -> np.ndarray:
        """Logarithms of the weights up to a constant, [N, sounds]."""
        squares = np.square(self.places).sum(axis=1)
        return (2.0 * latents @ self.places.T - squares + self.masses) / self.temperature

    def weights(self, latents: np.ndarray) -> np.ndarray:
        """The share of each sound in each latent, [N, sounds]; rows sum to one."""
        scores = self.scores(latents)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)


def places(described: np.ndarray, sounds: np.ndarray, pitches: np.ndarray, named: int, shapes: int) -> np.ndarray:
    """Places of the sounds on the map.

    Args:
        described: descriptors of the notes, [notes, columns]; the first `named` are axes of their own, the rest
            (levels by band) are summed up in `shapes` principal components of what the named ones leave.
        sounds, pitches: number of the sound and MIDI pitch of each note, [notes].

    Returns:
        float32 [sounds, named + shapes], of zero mean and nearly unit covariance.
    """
    relative = described.astype(np.float64).copy()
    for pitch in np.unique(pitches):
        # Against the other sounds at the same pitch: the keyboard itself is no timbre.
        relative[pitches == pitch] -= np.median(relative[pitches == pitch], axis=0)
    count = sounds.max() + 1
    mean = np.stack([relative[sounds == sound].mean(axis=0) for sound in range(count)])
    axes = np.stack([_normal_scores(column) for column in mean[:, :named].T], axis=1)
    rest = mean[:, named:] - mean[:, named:].mean(axis=0)
    rest -= axes @ np.linalg.lstsq(axes, rest, rcond=None)[0]
    components = np.linalg.svd(rest, full_matrices=False)[0][:, :shapes]
    axes = np.concatenate([axes, np.stack([_normal_scores(column) for column in components.T], axis=1)], axis=1)
    axes -= axes.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.cov(axes.T) + RIDGE * np.eye(axes.shape[1]))
    return (axes @ (vectors / np.sqrt(variances)) @ vectors.T).astype(np.float32)


def balanced_masses(places: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Masses with which each sound is the nearest one to the same share of normally distributed latents."""
    count, size = places.shape
    squares = np.square(places).sum(axis=1)
    masses = np.zeros(count)
    for rate in np.geomspace(*TRANSPORT_RATES, TRANSPORT_STEPS):
        latents = random.standard_normal((TRANSPORT_LATENTS, size)).astype(np.float32)
        nearest = (2.0 * latents @ places.T - squares + masses).argmax(axis=1)
        share = np.bincount(nearest, minlength=count) / TRANSPORT_LATENTS * count
        # The logarithm moves a sound that is out of reach as fast as one that takes too much.
        masses -= rate * np.clip(np.log((share + 0.1) / 1.1), -2.0, 2.0)
        masses -= masses.mean()
    return masses.astype(np.float32)


def _normal_scores(values: np.ndarray) -> np.ndarray:
    """The values' ranks as quantiles of the normal distribution."""
    return norm.ppf((values.argsort().argsort() + 0.5) / len(values))
