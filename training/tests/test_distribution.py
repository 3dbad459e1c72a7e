"""Distances between sets of notes, where the answer is known."""

import numpy as np
import pytest

from timbrel_training.measures.distribution import (
    DifferentBins,
    frechet_distance,
    inception_score,
    mean_entropy,
)
from timbrel_training.measures.summary import spread

RNG = np.random.default_rng(0)


def test_frechet_distance_of_a_set_to_itself_is_nothing() -> None:
    samples = RNG.standard_normal((400, 20))
    assert frechet_distance(samples, samples) == pytest.approx(0, abs=1e-6)


def test_frechet_distance_of_shifted_and_scaled_gaussians_is_the_closed_form() -> None:
    samples = RNG.standard_normal((500, 6))
    samples -= samples.mean(0)
    # The same covariance C, scaled by s^2 and shifted by m: |m|^2 + (s - 1)^2 trace(C).
    right = 6 * 0.5**2 + (3 - 1) ** 2 * np.trace(np.cov(samples, rowvar=False))
    assert frechet_distance(samples, 3 * samples + 0.5) == pytest.approx(right, rel=1e-6)


def test_frechet_distance_stays_finite_with_fewer_notes_than_features() -> None:
    assert np.isfinite(frechet_distance(RNG.standard_normal((10, 40)), RNG.standard_normal((12, 40))))


def test_inception_score_and_entropy_at_both_ends() -> None:
    sure = np.eye(8)[np.arange(80) % 8]
    assert inception_score(sure) == pytest.approx(8, rel=1e-3)
    assert mean_entropy(sure) == pytest.approx(0, abs=1e-3)
    unsure = np.full((80, 8), 1 / 8)
    assert inception_score(unsure) == pytest.approx(1)
    assert mean_entropy(unsure) == pytest.approx(np.log(8))
    collapsed = np.eye(8)[np.zeros(80, int)]
    assert inception_score(collapsed) == pytest.approx(1)


def test_different_bins_tell_a_set_from_itself_and_from_a_collapsed_one() -> None:
    centres = 10 * RNG.standard_normal((20, 5))

    def draw(count: int, modes: int) -> np.ndarray:
        return centres[RNG.integers(0, modes, count)] + RNG.standard_normal((count, 5))

    training = draw(2000, 20)
    bins = DifferentBins(training, bins=20)
    assert bins.different(training) == 0
    # By chance one bin in twenty differs at 5 %.
    assert bins.different(draw(2000, 20)) <= 0.2
    assert bins.different(draw(2000, 10)) >= 0.9


def test_spread_is_within_groups() -> None:
    values = np.array([0.0, 2.0, 100.0, 102.0, 7.0])
    assert spread(values, np.array([0, 0, 1, 1, 2])) == pytest.approx(np.sqrt(2))
