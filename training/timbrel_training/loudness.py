"""How loud a note is to a listener: the K weighting of ITU-R BS.1770-4, applied to spectra."""

import numpy as np
import torch
from scipy.signal import freqz
from torch import Tensor
from torch.nn import functional

from timbrel_training.spectral import Representation

# What every note is brought to over its loudest stretch [LUFS], and how long that stretch is (BS.1770's momentary block).
LOUDNESS_LUFS = -23.0
LOUDEST_SECONDS = 0.4

# Coefficients of BS.1770-4 at 48 kHz (tables 1 and 2): a shelf for the head, a high-pass for the ear.
SHELF = (1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)
HIGH_PASS = (1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)
RATE = 48_000
OFFSET_LU = -0.691


def k_power(frequency_hz: np.ndarray) -> np.ndarray:
    """Power gain of the K weighting."""
    responses = [freqz(b, a, worN=frequency_hz, fs=RATE)[1] for b, a in (SHELF, HIGH_PASS)]
    return np.square(np.abs(responses[0] * responses[1]))


def key_weights(representation: Representation) -> Tensor:
    """What the square of each bin's magnitude counts [bins], so that their sum over a frame is the frame's K-weighted
    mean square relative to that of `LOUDNESS_LUFS`: 1 is as loud as it should be."""
    frequency = (np.arange(representation.bins) + 1) * representation.sample_rate / representation.n_fft
    # Parseval for a Hann window, whose mean square is 3/8: one side of the spectrum holds half of the power.
    mean_square = 2.0 / (0.375 * representation.n_fft**2)
    wanted = 10.0 ** ((LOUDNESS_LUFS - OFFSET_LU) / 10.0)
    return torch.tensor(k_power(frequency) * mean_square / wanted, dtype=torch.float32)


def loudness_gain(power: Tensor, frames: int) -> Tensor:
    """What is to be added to the log magnitudes of notes to bring their loudest stretch to the common loudness, [N], of the
    weighted powers [N, frames] of their frames. `frames` are those of a stretch."""
    loudest = functional.avg_pool1d(power.unsqueeze(1), frames, stride=1).amax(dim=(1, 2))
    return -0.5 * torch.log(loudest.clamp(min=1e-12))
