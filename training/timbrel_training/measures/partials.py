"""The partials of a note: their levels over time."""

import numpy as np

from timbrel_training.measures.spectrogram import BIN_HZ, HOP_S

MOST_PARTIALS = 24
HIGHEST_HZ = 7_600.0

# A Hann window spreads a sine over two bins on either side.
REACH_BINS = 2


def partial_powers(power: np.ndarray, frequency_hz: float) -> np.ndarray:
    """Power [frames, partials] of the partials of a note in its power spectrogram [frames, bins]."""
    count = max(1, min(MOST_PARTIALS, int(HIGHEST_HZ / frequency_hz)))
    centres = np.round(np.arange(1, count + 1) * frequency_hz / BIN_HZ).astype(int)
    reach = min(REACH_BINS, max(0, int(0.5 * frequency_hz / BIN_HZ)))
    bins = centres[:, None] + np.arange(-reach, reach + 1)
    return power[:, np.clip(bins, 0, power.shape[1] - 1)].sum(-1)


def frames_between(start_s: float, end_s: float, frames: int) -> slice:
    """The frames whose centres lie between two times."""
    return slice(int(np.ceil(start_s / HOP_S)), min(frames, int(end_s / HOP_S) + 1))
