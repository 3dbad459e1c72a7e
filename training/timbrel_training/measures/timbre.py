"""Timbre as the envelope over the partials, and how constant it stays from key to key."""

import numpy as np

from timbrel_training.measures.partials import frames_between

# The envelope is read at these frequencies, eight to an octave.
GRID_HZ = 100 * 2 ** (np.arange(0, 50) / 8)

START_S = 0.1
END_S = 1.1
RANGE_DB = 60.0

# Two envelopes are compared where both are known, if that is an octave at least.
LEAST_POINTS = 8


def envelope_db(partials: np.ndarray, frequency_hz: float) -> np.ndarray:
    """Levels [len(GRID_HZ)] in dB below the strongest partial, read between the partials of [frames, partials] powers.

    NaN below the first partial and above the last; at least -60 dB.
    """
    mean = partials[frames_between(START_S, END_S, len(partials))].mean(0)
    level = np.maximum(10 * np.log10(mean / (mean.max() + 1e-30) + 1e-12), -RANGE_DB)
    places = np.log2(frequency_hz * np.arange(1, len(level) + 1))
    grid = np.log2(GRID_HZ)
    return np.interp(grid, places, level, left=np.nan, right=np.nan).astype(np.float32)


def envelope_change(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """How alike two envelopes are: Pearson's correlation over the grid, and the rms difference in dB without its mean.

    NaN where fewer than eight points are known of both.
    """
    known = np.isfinite(one) & np.isfinite(other)
    if known.sum() < LEAST_POINTS:
        return float("nan"), float("nan")
    a, b = one[known] - one[known].mean(), other[known] - other[known].mean()
    size = np.sqrt(np.square(a).sum() * np.square(b).sum())
    correlation = (a * b).sum() / size if size > 0 else float("nan")
    return float(correlation), float(np.sqrt(np.square(a - b).mean()))
