"""The mel scale of the published models: a matrix there, and one back.

Follows `linear_to_mel_weight_matrix` (`spectral_ops.py`) and `_mel_to_linear_matrix` (`specgrams_helper.py`) of
magenta's GANSynth in double precision, the order in which the band edges change included: every value depends on it.
"""

from functools import cache

import numpy as np

# Frequency at which the scale turns from linear to logarithmic, and mel per natural logarithm above it.
BREAK_FREQUENCY_HZ = 700.0
HIGH_FREQUENCY_Q = 1127.0

# Least width of a band in linear bins; a narrower one would fall between two bins and hold nothing.
LEAST_BAND_WIDTH_BINS = 1.5

# Columns whose sum is at or below this are empty, and are not inverted.
EMPTY_COLUMN = 1e-8


def hertz_to_mel(hertz: np.ndarray | float) -> np.ndarray:
    return HIGH_FREQUENCY_Q * np.log(1.0 + np.asarray(hertz) / BREAK_FREQUENCY_HZ)


def mel_to_hertz(mel: np.ndarray | float) -> np.ndarray:
    return BREAK_FREQUENCY_HZ * (np.exp(np.asarray(mel) / HIGH_FREQUENCY_Q) - 1.0)


def linear_to_mel(bins: int, sample_rate: int) -> np.ndarray:
    """The matrix [linear bins, mel bins] from 0 Hz to half the sample rate, float64; both sides have `bins` bins."""
    nyquist = sample_rate / 2.0
    linear_hz = np.linspace(0.0, nyquist, bins)[1:, None]
    edges = np.linspace(hertz_to_mel(0.0), hertz_to_mel(nyquist), bins + 2)

    # Band i reaches from edge i over its centre, edge i + 1, to edge i + 2. In the published code the three are views of
    # one array: a band that is widened moves the centre of the next one, and the next but one starts from there.
    least_width_hz = LEAST_BAND_WIDTH_BINS * nyquist / bins
    for band in range(bins):
        lower_hz, centre_hz, upper_hz = mel_to_hertz(edges[band : band + 3])
        if upper_hz - lower_hz < least_width_hz:
            ratio = 0.5 * least_width_hz / (centre_hz + BREAK_FREQUENCY_HZ)
            half_width = HIGH_FREQUENCY_Q * np.log(ratio + np.sqrt(1.0 + ratio**2))
            edges[band] = edges[band + 1] - half_width
            edges[band + 2] = edges[band + 1] + half_width

    edges_hz = mel_to_hertz(edges)
    lower, centre, upper = edges_hz[None, :-2], edges_hz[None, 1:-1], edges_hz[None, 2:]
    rising = (linear_hz - lower) / (centre - lower)
    falling = (upper - linear_hz) / (upper - centre)
    # The first linear bin stands for 0 Hz and belongs to no band.
    return np.pad(np.maximum(0.0, np.minimum(rising, falling)), [(1, 0), (0, 0)])


def mel_to_linear(forward: np.ndarray) -> np.ndarray:
    """The way back [mel bins, linear bins]: the transpose, each column divided by its sum in (there) x (back).

    It undoes `forward` only nearly, since the bands overlap.
    """
    sums = (forward @ forward.T).sum(axis=0)
    return forward.T * np.where(np.abs(sums) > EMPTY_COLUMN, 1.0 / np.where(sums == 0.0, 1.0, sums), sums)


@cache
def band_frequencies(bins: int, sample_rate: int) -> np.ndarray:
    """The frequency that each mel bin stands for in Hz, float64 [bins]: the mean over its band.

    The published matrix is one bin off, since it counts the linear bins from 0 Hz where the images have dropped that bin.
    """
    forward = linear_to_mel(bins, sample_rate)
    linear_hz = (np.arange(bins) + 1.0) * sample_rate / (2.0 * bins)
    width = forward.sum(axis=0)
    # An empty band, which the first one is, stands for the lowest bin.
    return np.where(width > 0.0, linear_hz @ forward / np.where(width > 0.0, width, 1.0), linear_hz[0])
