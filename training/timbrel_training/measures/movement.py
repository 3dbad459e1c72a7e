"""How a note moves: how fast it begins, and its vibrato and tremolo while it stands.

The strongest partial is brought to 0 Hz and filtered; the angle of what is left is its course in frequency, the
magnitude its course in level (a complex demodulation). What moves at 3.5 to 9 times a second is heard as vibrato and
tremolo.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import fft, signal

from timbrel_training.measures.segment import SAMPLE_RATE

# The rise is taken between these shares of the greatest level, in steps of 4 ms of an envelope smoothed over 12.
RISE_FROM, RISE_TO = 0.1, 0.9
STEP_S = 0.004
SMOOTHED_STEPS = 3

# While a note stands.
START_S, END_S = 0.5, 2.8

# Rates of a vibrato, in Hz.
SLOWEST, FASTEST = 3.5, 9.0

# The demodulated partial is filtered to this band, at most, and sampled at this rate, in Hz.
BAND_HZ = 25.0
COURSE_RATE = 200
FILTER_TAPS = 41

# The rate is read from a transform with so many times the points.
FINER = 8

# The strongest of this many partials is followed.
PARTIALS = 8
HIGHEST_HZ = 6_000.0

# What lies this far below the loudest moment has died away.
DEAD_DB = -40.0
LEAST_S = 1.0


@dataclass(frozen=True)
class Movement:
    """`rise_ms` of the level from a tenth to nine tenths of its greatest; depths of the movement of the strongest partial
    at 3.5 to 9 Hz, as the amplitude of a sine of the same energy: `vibrato_cents` and `tremolo_db`; and the rate within
    that range at which the frequency moves most, `vibrato_hz`. NaN where the note is silent or does not stand for a
    second."""

    rise_ms: float
    vibrato_cents: float
    vibrato_hz: float
    tremolo_db: float


def measure_movement(wave: np.ndarray, frequency_hz: float) -> Movement:
    """Measures a wave [samples] at 16 kHz whose fundamental is known (NaN: only the rise is measured)."""
    depths = _depths(wave, frequency_hz) if np.isfinite(frequency_hz) else (float("nan"),) * 3
    return Movement(rise_ms(wave), *depths)


def rise_ms(wave: np.ndarray) -> float:
    """Time of a wave [samples] at 16 kHz from a tenth to nine tenths of its greatest level [ms]; NaN for silence."""
    step = int(STEP_S * SAMPLE_RATE)
    power = np.square(wave[: len(wave) // step * step], dtype=np.float64).reshape(-1, step).mean(1)
    level = np.sqrt(np.convolve(power, np.full(SMOOTHED_STEPS, 1 / SMOOTHED_STEPS), mode="same"))
    if level.max() <= 0:
        return float("nan")
    begun = int(np.argmax(level >= RISE_FROM * level.max()))
    there = int(np.argmax(level >= RISE_TO * level.max()))
    return 1000.0 * STEP_S * (there - begun)


def _depths(wave: np.ndarray, frequency_hz: float) -> tuple[float, float, float]:
    """Vibrato [cents and Hz] and tremolo [dB]."""
    part = wave[int(START_S * SAMPLE_RATE) : int(END_S * SAMPLE_RATE)].astype(np.float64)
    if len(part) < LEAST_S * SAMPLE_RATE:
        return (float("nan"),) * 3
    strongest = _strongest(part, frequency_hz)
    course = _course(part, strongest * frequency_hz, 0.4 * frequency_hz)
    level = np.abs(course)
    if level.max() <= 0:
        return (float("nan"),) * 3
    course = course[: np.flatnonzero(level >= level.max() * 10 ** (DEAD_DB / 20))[-1] + 1]
    if len(course) < LEAST_S * COURSE_RATE:
        return (float("nan"),) * 3
    level = np.abs(course)
    turns = np.angle(course[1:] * course[:-1].conj()) / (2 * np.pi)
    cents = 1200 / np.log(2) * turns * COURSE_RATE / (strongest * frequency_hz)
    # Where the partial passes through nothing its frequency means nothing.
    cents = np.where(level[1:] > 0.1 * np.median(level), cents, np.median(cents))
    tremolo, _ = _sine(20 * np.log10(level + 1e-3 * level.max()))
    return *_sine(cents), tremolo


def _strongest(wave: np.ndarray, frequency_hz: float) -> int:
    """The number of the partial with the greatest energy in the band that is followed."""
    power = np.square(np.abs(fft.rfft(wave, fft.next_fast_len(len(wave), real=True))))
    bin_hz = 0.5 * SAMPLE_RATE / (len(power) - 1)
    numbers = np.arange(1, max(1, min(PARTIALS, int(HIGHEST_HZ / frequency_hz))) + 1)
    reach = min(BAND_HZ, 0.4 * frequency_hz)
    edges = np.stack([numbers * frequency_hz - reach, numbers * frequency_hz + reach]) / bin_hz
    total = np.concatenate([[0.0], np.cumsum(power)])
    low, high = np.clip(edges.astype(int), 0, len(power))
    return int(numbers[np.argmax(total[high] - total[low])])


def _course(wave: np.ndarray, frequency_hz: float, band_hz: float) -> np.ndarray:
    """The part of a wave within so many Hz of a frequency, brought to 0 Hz, complex, at `COURSE_RATE`."""
    turns = frequency_hz / SAMPLE_RATE * np.arange(len(wave))
    lowered = wave * np.exp(-2j * np.pi * turns)
    coarse = signal.resample_poly(lowered, 1, SAMPLE_RATE // COURSE_RATE, window=_coarse_filter())
    return signal.convolve(coarse, signal.firwin(FILTER_TAPS, min(BAND_HZ, band_hz), fs=COURSE_RATE), mode="same")


@cache
def _coarse_filter() -> np.ndarray:
    """The filter that `resample_poly` makes for itself, made once."""
    factor = SAMPLE_RATE // COURSE_RATE
    return signal.firwin(2 * 10 * factor + 1, 1 / factor, window=("kaiser", 5.0))


def _sine(course: np.ndarray) -> tuple[float, float]:
    """Amplitude of the sine that has the energy of a course at the rates of a vibrato, and the rate [Hz] at which most of
    it lies; a drift is taken out first."""
    time = np.linspace(-1, 1, len(course))
    moving = (course - np.polyval(np.polyfit(time, course, 3), time)) * np.hanning(len(course))
    rates = np.fft.rfftfreq(len(course), 1 / COURSE_RATE)
    power = np.square(np.abs(np.fft.rfft(moving)))
    energy = power[(rates >= SLOWEST) & (rates <= FASTEST)].sum()
    amplitude = float(np.sqrt(4 * energy / (len(course) * np.square(np.hanning(len(course))).sum())))
    # Between the steps of the transform, which are nearly half a hertz.
    fine = np.square(np.abs(np.fft.rfft(moving, FINER * len(course))))
    rates = np.fft.rfftfreq(FINER * len(course), 1 / COURSE_RATE)
    within = np.flatnonzero((rates >= SLOWEST) & (rates <= FASTEST))
    return amplitude, float(rates[within[np.argmax(fine[within])]])
