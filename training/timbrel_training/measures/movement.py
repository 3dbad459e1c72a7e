"""How a note moves: how fast it begins, and its vibrato and tremolo while it stands.

The strongest partial is brought to 0 Hz and filtered; the angle of what is left is its course in frequency, the
magnitude its course in level (a complex demodulation). What moves at 3.5 to 9 times a second is heard as vibrato and
tremolo.
"""

from dataclasses import dataclass

import numpy as np
from scipy import signal

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

# The strongest of this many partials is followed.
PARTIALS = 8
HIGHEST_HZ = 6_000.0

# What lies this far below the loudest moment has died away.
DEAD_DB = -40.0
LEAST_S = 1.0


@dataclass(frozen=True)
class Movement:
    """`rise_ms` of the level from a tenth to nine tenths of its greatest; depths of the movement of the strongest partial
    at 3.5 to 9 Hz, as the amplitude of a sine of the same energy: `vibrato_cents` and `tremolo_db`. NaN where the note is
    silent or does not stand for a second."""

    rise_ms: float
    vibrato_cents: float
    tremolo_db: float


def measure_movement(wave: np.ndarray, frequency_hz: float) -> Movement:
    """Measures a wave [samples] at 16 kHz whose fundamental is known (NaN: only the rise is measured)."""
    vibrato, tremolo = _depths(wave, frequency_hz) if np.isfinite(frequency_hz) else (float("nan"),) * 2
    return Movement(_rise_ms(wave), vibrato, tremolo)


def _rise_ms(wave: np.ndarray) -> float:
    step = int(STEP_S * SAMPLE_RATE)
    power = np.square(wave[: len(wave) // step * step], dtype=np.float64).reshape(-1, step).mean(1)
    level = np.sqrt(np.convolve(power, np.full(SMOOTHED_STEPS, 1 / SMOOTHED_STEPS), mode="same"))
    if level.max() <= 0:
        return float("nan")
    begun = int(np.argmax(level >= RISE_FROM * level.max()))
    there = int(np.argmax(level >= RISE_TO * level.max()))
    return 1000.0 * STEP_S * (there - begun)


def _depths(wave: np.ndarray, frequency_hz: float) -> tuple[float, float]:
    """Vibrato [cents] and tremolo [dB]."""
    part = wave[int(START_S * SAMPLE_RATE) : int(END_S * SAMPLE_RATE)].astype(np.float64)
    numbers = range(1, max(1, min(PARTIALS, int(HIGHEST_HZ / frequency_hz))) + 1)
    courses = {number: _course(part, number * frequency_hz, 0.4 * frequency_hz) for number in numbers}
    strongest = max(numbers, key=lambda number: np.square(np.abs(courses[number])).sum())
    course = courses[strongest]
    level = np.abs(course)
    if level.max() <= 0:
        return float("nan"), float("nan")
    course = course[: np.flatnonzero(level >= level.max() * 10 ** (DEAD_DB / 20))[-1] + 1]
    if len(course) < LEAST_S * COURSE_RATE:
        return float("nan"), float("nan")
    level = np.abs(course)
    turns = np.angle(course[1:] * course[:-1].conj()) / (2 * np.pi)
    cents = 1200 / np.log(2) * turns * COURSE_RATE / (strongest * frequency_hz)
    # Where the partial passes through nothing its frequency means nothing.
    cents = np.where(level[1:] > 0.1 * np.median(level), cents, np.median(cents))
    return _depth(cents), _depth(20 * np.log10(level + 1e-3 * level.max()))


def _course(wave: np.ndarray, frequency_hz: float, band_hz: float) -> np.ndarray:
    """The part of a wave within so many Hz of a frequency, brought to 0 Hz, complex, at `COURSE_RATE`."""
    turns = frequency_hz / SAMPLE_RATE * np.arange(len(wave))
    coarse = signal.resample_poly(wave * np.exp(-2j * np.pi * turns), 1, SAMPLE_RATE // COURSE_RATE)
    return signal.convolve(coarse, signal.firwin(FILTER_TAPS, min(BAND_HZ, band_hz), fs=COURSE_RATE), mode="same")


def _depth(course: np.ndarray) -> float:
    """Amplitude of the sine that has the energy of a course at the rates of a vibrato; a drift is taken out first."""
    time = np.linspace(-1, 1, len(course))
    moving = (course - np.polyval(np.polyfit(time, course, 3), time)) * np.hanning(len(course))
    rates = np.fft.rfftfreq(len(course), 1 / COURSE_RATE)
    energy = np.square(np.abs(np.fft.rfft(moving)))[(rates >= SLOWEST) & (rates <= FASTEST)].sum()
    return float(np.sqrt(4 * energy / (len(course) * np.square(np.hanning(len(course))).sum())))
