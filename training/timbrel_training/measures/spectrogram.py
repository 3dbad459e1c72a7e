"""Spectrograms that measures share: power by frame and bin, and a coarse picture of a note's timbre."""

from functools import cache

import numpy as np
from scipy import fft, sparse

from timbrel_training.measures.segment import SAMPLE_RATE

FFT_SIZE = 2048
HOP = 512
HOP_S = HOP / SAMPLE_RATE
BIN_HZ = SAMPLE_RATE / FFT_SIZE

# The coarse picture: rows of seven frames (0.22 s), mel bands, levels down to -60 dB of the loudest cell.
ROWS = 16
BANDS = 64
RANGE_DB = 60.0


@cache
def _window() -> np.ndarray:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT_SIZE) / FFT_SIZE)).astype(np.float32)


def transform(wave: np.ndarray) -> np.ndarray:
    """Short-time Fourier transform [frames, 1025] complex64 of a wave, Hann window of 2048, hop 512.

    Frame t is centred on sample 512 t. A sine of amplitude 1 has a peak of 1.
    """
    padded = np.pad(wave.astype(np.float32), FFT_SIZE // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT_SIZE)[::HOP]
    return fft.rfft(frames * (_window() * np.float32(2 / _window().sum())), axis=1)


def power_of(spectrum: np.ndarray) -> np.ndarray:
    """Squared magnitude [frames, bins] of a transform."""
    return np.square(spectrum.real) + np.square(spectrum.imag)


@cache
def band_matrix() -> sparse.csr_array:
    """Triangular mel bands [BANDS, 1025] from 0 to 8 kHz, each with the sum 1: a mean of the power in the band."""
    top = 1127 * np.log(1 + 0.5 * SAMPLE_RATE / 700)
    edges = 700 * (np.exp(np.linspace(0, top, BANDS + 2) / 1127) - 1)
    hz = (np.arange(FFT_SIZE // 2 + 1) * BIN_HZ)[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    matrix = np.maximum(0, np.minimum((hz - low) / (centre - low), (high - hz) / (high - centre)))
    return sparse.csr_array((matrix / matrix.sum(0)).T.astype(np.float32))


def band_centres_hz() -> np.ndarray:
    """Centre frequency [Hz] of each band."""
    return band_matrix() @ (np.arange(FFT_SIZE // 2 + 1) * BIN_HZ)


def picture(power: np.ndarray) -> np.ndarray:
    """The coarse log-spectrogram [ROWS, BANDS] float32 of a power spectrogram, in dB below the loudest cell (-60..0).

    The level of the note is taken out. The distance of two pictures is `distance_db`.
    """
    frames = len(power) // ROWS
    rows = power[: frames * ROWS].reshape(ROWS, frames, -1).mean(1)
    cells = (band_matrix() @ rows.T).T
    level = 10 * np.log10(cells + 1e-20)
    return np.maximum(level - level.max(), -RANGE_DB).astype(np.float32)


def distance_db(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Log-spectral distance: the rms difference of pictures [..., ROWS, BANDS] in dB."""
    return np.sqrt(np.square(one - other).mean((-2, -1)))
