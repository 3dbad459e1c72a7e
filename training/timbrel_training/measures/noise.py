"""Noise: between the partials of a note, and instead of a note."""

import numpy as np

from timbrel_training.measures.pitch import Pitch
from timbrel_training.measures.segment import SILENCE_DB

# Partials below this number are looked between: vibrato smears the higher ones over the gaps.
PARTIALS = 12
HIGHEST_HZ = 6_000.0

# The middle of a gap: farther than this from both partials, in units of their distance.
GAP = 0.3

# A note whose best period explains less than this of it has no pitch to speak of.
LEAST_PERIODICITY = 0.5


def noise_db(pitch: Pitch) -> float:
    """Noise in a note against all of it, in dB (0: nothing but noise).

    The mean power in the middle of the gaps between partials stands for the noise everywhere, over the band from half
    the fundamental to half a partial above the highest one.
    """
    if not np.isfinite(pitch.frequency_hz):
        return float("nan")
    highest = max(1, min(PARTIALS, int(HIGHEST_HZ / pitch.frequency_hz)))
    low, high = 0.5 * pitch.frequency_hz, (highest + 0.5) * pitch.frequency_hz
    band = slice(int(low / pitch.bin_hz), int(high / pitch.bin_hz) + 1)
    spectrum = pitch.spectrum[band]
    numbers = (np.arange(band.start, band.start + len(spectrum)) * pitch.bin_hz) / pitch.frequency_hz
    gap = np.abs(numbers - np.round(numbers)) > GAP
    share = spectrum[gap].mean() / (spectrum.mean() + 1e-30)
    return float(10 * np.log10(np.clip(share, 1e-12, 1.0)))


def is_noise(pitch: Pitch, level_db: float) -> bool:
    """Whether a note is noise or silence: too quiet to hear, or with no period that explains half of it."""
    return level_db < SILENCE_DB or not pitch.periodicity >= LEAST_PERIODICITY
