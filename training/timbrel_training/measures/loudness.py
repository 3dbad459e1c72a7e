"""Loudness as a listener has it: K-weighting and the loudest 0.4 s, of ITU-R BS.1770-4 and EBU Tech 3341 (momentary)."""

from functools import cache

import numpy as np
from scipy import signal

# The standard's two filters at any rate, by the analogue prototypes that give its coefficients at 48 kHz: a shelf for the
# head, and a high pass. Frequency [Hz] and quality; the shelf's gain [dB] and the exponent of its gain at the middle.
SHELF_HZ, SHELF_Q, SHELF_DB, SHELF_MIDDLE = 1_681.974450955533, 0.7071752369554196, 3.999843853973347, 0.4996667741545416
PASS_HZ, PASS_Q = 38.13547087602444, 0.5003270373238773

# Of a mono signal: with it a sine of 997 Hz and full scale is at -3.01 LUFS.
OFFSET_DB = -0.691

WINDOW_S = 0.4
STEP_S = 0.1

# Digital silence.
LEAST_LUFS = -120.0


def loudness_lufs(wave: np.ndarray, rate: int) -> float:
    """Greatest momentary loudness [LUFS] of a mono wave [samples] at `rate` Hz; at least -120."""
    squares = np.square(signal.sosfilt(_weighting(rate), wave.astype(np.float64)))
    step = round(STEP_S * rate)
    steps = squares[: len(squares) // step * step].reshape(-1, step).mean(1)
    windows = round(WINDOW_S / STEP_S)
    if len(steps) < windows:
        power = squares.mean()
    else:
        power = np.convolve(steps, np.full(windows, 1 / windows), mode="valid").max()
    return float(max(LEAST_LUFS, OFFSET_DB + 10 * np.log10(power + 1e-20)))


@cache
def _weighting(rate: int) -> np.ndarray:
    """Both filters as second-order sections [2, 6]."""
    k = np.tan(np.pi * SHELF_HZ / rate)
    high, middle = 10 ** (SHELF_DB / 20), 10 ** (SHELF_DB * SHELF_MIDDLE / 20)
    scale = 1 + k / SHELF_Q + k * k
    shelf = [(high + middle * k / SHELF_Q + k * k) / scale, 2 * (k * k - high) / scale,
             (high - middle * k / SHELF_Q + k * k) / scale, 1.0, 2 * (k * k - 1) / scale, (1 - k / SHELF_Q + k * k) / scale]
    k = np.tan(np.pi * PASS_HZ / rate)
    scale = 1 + k / PASS_Q + k * k
    high_pass = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / scale, (1 - k / PASS_Q + k * k) / scale]
    return np.array([shelf, high_pass])
