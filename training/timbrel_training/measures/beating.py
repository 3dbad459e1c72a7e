"""Beating: how much the strongest partials of a note go up and down while it stands."""

import numpy as np

from timbrel_training.measures.partials import frames_between

START_S = 0.5
END_S = 2.5

STRONGEST = 5
WEAKEST_DB = -30.0

# What lies this far below the strongest partial's loudest moment has died away and is no sustain.
DEAD_DB = -60.0
LEAST_FRAMES = 16

# The depth is taken between these percentiles, so that a single frame does not count.
PERCENTILES = (5, 95)


def beating_db(partials: np.ndarray) -> float:
    """Depth in dB of the level fluctuation of partials [frames, partials] (powers) between 0.5 and 2.5 s.

    For each of the strongest five partials, the level in dB is freed from its decay (a parabola), and the depth is its
    95th less its 5th percentile; the mean is weighted by amplitude. NaN where nothing sounds long enough.
    """
    loudest = partials.max(initial=0.0)
    part = partials[frames_between(START_S, END_S, len(partials))]
    if loudest <= 0 or len(part) < LEAST_FRAMES:
        return float("nan")
    mean = part.mean(0)
    depths, weights = [], []
    for index in np.argsort(mean)[::-1][:STRONGEST]:
        if mean[index] < mean.max() * 10 ** (WEAKEST_DB / 10):
            continue
        alive = np.flatnonzero(part[:, index] >= loudest * 10 ** (DEAD_DB / 10))
        # A gap in the middle is beating, too: only the dead end is cut off.
        length = alive[-1] + 1 if len(alive) else 0
        if length < LEAST_FRAMES:
            continue
        level = 10 * np.log10(part[:length, index] + loudest * 10 ** (DEAD_DB / 10))
        time = np.linspace(-1, 1, length)
        low, high = np.percentile(level - np.polyval(np.polyfit(time, level, 2), time), PERCENTILES)
        depths.append(high - low)
        weights.append(np.sqrt(mean[index]))
    return float(np.average(depths, weights=weights)) if depths else float("nan")
