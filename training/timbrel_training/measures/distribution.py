"""Distances between sets of notes: Frechet distance, Inception score, number of statistically different bins."""

import warnings

import numpy as np
from scipy import linalg
from scipy.cluster.vq import kmeans2, vq
from scipy.stats import norm

NDB_BINS = 50
NDB_SIGNIFICANCE = 0.05


def frechet_distance(one: np.ndarray, other: np.ndarray) -> float:
    """FID of feature sets [N, K] and [M, K]: |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^1/2) (Heusel et al. 2017).

    The trace of the root is the sum of the singular values of C1^1/2 C2^1/2, which stays real in rounding.
    """
    difference = one.mean(0) - other.mean(0)
    first, second = np.atleast_2d(np.cov(one, rowvar=False)), np.atleast_2d(np.cov(other, rowvar=False))
    cross = linalg.svdvals(_root(first) @ _root(second)).sum()
    return float(difference @ difference + np.trace(first) + np.trace(second) - 2 * cross)


def _root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def inception_score(probabilities: np.ndarray) -> float:
    """exp of the mean KL divergence of p(y | x) from p(y), of probabilities [N, classes] (Salimans et al. 2016)."""
    p = np.clip(probabilities, 1e-12, 1)
    return float(np.exp((p * (np.log(p) - np.log(p.mean(0)))).sum(1).mean()))


def mean_entropy(probabilities: np.ndarray) -> float:
    """Mean entropy in nats of class probabilities [N, classes]: the paper's pitch entropy."""
    p = np.clip(probabilities, 1e-12, 1)
    return float(-(p * np.log(p)).sum(1).mean())


class DifferentBins:
    """NDB (Richardson and Weiss 2018): bins by k-means of the training set, a two-proportion z-test for each.

    Samples are [N, K]; as published, each dimension is divided by its standard deviation first.
    """

    def __init__(self, training: np.ndarray, bins: int = NDB_BINS, seed: int = 0):
        self.count = len(training)
        self.bins = min(bins, max(1, self.count // 2))
        self._scale = training.std(0) + 1e-6
        with warnings.catch_warnings():
            # Where many samples are alike a bin may stay empty; it then differs from nothing.
            warnings.simplefilter("ignore", UserWarning)
            self._centres, labels = kmeans2(
                self._scaled(training), self.bins, minit="++", seed=np.random.default_rng(seed), missing="warn"
            )
        self._share = np.bincount(labels, minlength=self.bins) / self.count

    def different(self, samples: np.ndarray) -> float:
        """Share of the bins (NDB / k) whose proportion of samples differs from that of training at 5 %."""
        labels, _ = vq(self._scaled(samples), self._centres)
        share = np.bincount(labels, minlength=self.bins) / len(samples)
        pooled = (share * len(samples) + self._share * self.count) / (len(samples) + self.count)
        error = np.sqrt(pooled * (1 - pooled) * (1 / len(samples) + 1 / self.count))
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.abs(share - self._share) / error
        return float((np.nan_to_num(z) > norm.ppf(1 - NDB_SIGNIFICANCE / 2)).mean())

    def _scaled(self, samples: np.ndarray) -> np.ndarray:
        return (samples / self._scale).astype(np.float32)
