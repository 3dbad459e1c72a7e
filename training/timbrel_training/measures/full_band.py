"""The whole band of a note, up to 20 kHz: its picture by bands, and how much of it lies above 8 kHz.

The other measures look at what a note of 16 kHz has; these are for notes of a higher rate, brought to 48 kHz.
"""

from functools import cache

import numpy as np
from scipy import fft, sparse

from timbrel_training.mel import hertz_to_mel, mel_to_hertz

RATE = 48_000
FFT_SIZE = 4_096
HOP = 2_048
BIN_HZ = RATE / FFT_SIZE

# The picture: rows of five frames (0.22 s), bands of equal width on the mel scale, levels down to -80 dB of the loudest
# cell.
ROWS = 16
BANDS = 128
HIGHEST_HZ = 20_000.0
RANGE_DB = 80.0

# Where the images of 16 kHz end, and what counts as nothing there.
ABOVE_HZ = 8_000.0
LEAST_DB = -100.0


def has(rate: int) -> bool:
    """Whether waves at `rate` Hz reach up to where the picture does."""
    return rate >= 2 * HIGHEST_HZ


def spectrum_of(wave: np.ndarray) -> np.ndarray:
    """Power spectrogram [frames, FFT_SIZE / 2 + 1] float32 of a wave at 48 kHz; a sine of amplitude 1 has a peak of 1."""
    padded = np.pad(wave.astype(np.float32), FFT_SIZE // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT_SIZE)[::HOP]
    spectrum = fft.rfft(frames * _window(), axis=1)
    return np.square(spectrum.real) + np.square(spectrum.imag)


def bands_of(power: np.ndarray) -> np.ndarray:
    """The picture [ROWS, BANDS] float16 of a power spectrogram, in dB below the loudest cell (-80..0)."""
    frames = len(power) // ROWS
    rows = power[: frames * ROWS].reshape(ROWS, frames, -1).mean(1)
    level = 10 * np.log10((_matrix() @ rows.T).T + 1e-20)
    return np.maximum(level - level.max(), -RANGE_DB).astype(np.float16)


def above_db(power: np.ndarray) -> float:
    """Level [dB] of what lies above 8 kHz against the whole note; at least -100."""
    spectrum = power.sum(0)
    share = spectrum[int(np.ceil(ABOVE_HZ / BIN_HZ)) :].sum() / (spectrum.sum() + 1e-30)
    return float(max(LEAST_DB, 10 * np.log10(share + 1e-20)))


@cache
def _window() -> np.ndarray:
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT_SIZE) / FFT_SIZE)
    return (window * 2 / window.sum()).astype(np.float32)


@cache
def _matrix() -> sparse.csr_array:
    """Triangular bands [BANDS, bins], each with the sum 1. Where bands are narrower than a bin they share it."""
    edges = mel_to_hertz(np.linspace(0.0, hertz_to_mel(HIGHEST_HZ), BANDS + 2))
    hertz = (np.arange(FFT_SIZE // 2 + 1) * BIN_HZ)[:, None]
    centre = edges[1:-1]
    low, high = np.minimum(edges[:-2], centre - BIN_HZ), np.maximum(edges[2:], centre + BIN_HZ)
    matrix = np.maximum(0, np.minimum((hertz - low) / (centre - low), (high - hertz) / (high - centre)))
    return sparse.csr_array((matrix / matrix.sum(0)).T.astype(np.float32))
