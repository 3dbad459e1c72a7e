"""Brightness: the mean frequency of a note."""

import numpy as np

# Of the first second: how hard a note is struck is heard there.
HEARD_S = 1.0

# Weaker bins are the floor of a recording: there are many, and together they would count.
FLOOR_DB = -60.0


def centroid_octaves(power: np.ndarray, bin_hz: float, hop_s: float) -> float:
    """Spectral centroid [octaves over 1 Hz] of a power spectrogram [frames, bins], weighted by magnitude; NaN for silence."""
    mean = power[: max(1, int(HEARD_S / hop_s))].mean(0)
    loudest = mean.max()
    if loudest <= 0:
        return float("nan")
    magnitude = np.sqrt(np.where(mean >= loudest * 10 ** (FLOOR_DB / 10), mean, 0.0))
    magnitude[0] = 0.0
    whole = magnitude.sum()
    return float(np.log2((magnitude * np.arange(len(magnitude))).sum() * bin_hz / whole)) if whole > 0 else float("nan")
