"""Waves brought to another sample rate, so that what is compared is compared at the rate that both have."""

from functools import cache

import numpy as np
from scipy import fft

# Between this share of the lower half rate and all of it, the filter falls from one to nothing (half a cosine). At 8 kHz
# these are 320 Hz, and its ringing is over after some 3 ms.
EDGE = 0.96


def to_rate(wave: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """A wave [samples] at `rate` Hz as float32 [samples * wanted / rate] at `wanted` Hz, without aliases or images.

    Filtered in the Fourier domain, which for notes of seconds takes a tenth of the time of a filter of the same slope.
    """
    if rate == wanted:
        return wave
    # Whole seconds, so that both rates have whole samples in them; one more keeps the end from the beginning.
    seconds = -(-len(wave) // rate) + 1
    spectrum = fft.rfft(wave.astype(np.float32), seconds * rate)[: seconds * min(rate, wanted) // 2 + 1]
    there = fft.irfft(spectrum * _filter(len(spectrum)), seconds * wanted) * np.float32(wanted / rate)
    return there[: len(wave) * wanted // rate].astype(np.float32, copy=False)


@cache
def _filter(bins: int) -> np.ndarray:
    share = np.linspace(0.0, 1.0, bins)
    return (0.5 + 0.5 * np.cos(np.pi * np.clip((share - EDGE) / (1.0 - EDGE), 0.0, 1.0))).astype(np.float32)
