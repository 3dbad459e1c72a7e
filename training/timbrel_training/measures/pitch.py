"""Pitch of a note in cents from the key that was asked for, and how periodic the note is.

First the period is found by the normalised square difference function (McLeod and Wyvill, "A smarter way to find
pitch", ICMC 2005), which needs no fundamental and takes a note at a wrong pitch for what it is. Then the frequency is
read from the partials: the median of f_h / h over the partials, weighted by amplitude, each f_h a peak of the spectrum.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from timbrel_training.measures.segment import SAMPLE_RATE, find_segment

LOWEST_HZ = 22.0
HIGHEST_HZ = 2_200.0
HIGHEST_PARTIAL_HZ = 7_600.0
PARTIALS = 12

# The spectrum of a segment of up to one second is interpolated fourfold.
FFT_SIZE = 1 << 16

# A peak this close to the highest one is the period (McLeod's k); at the key's own period a little less will do.
FIRST_PEAK = 0.9

# A tone is an octave (or a twelfth) above the key when the partials between its own are this weak.
BETWEEN_DB = -30.0

SEARCH_CENTS = 60.0
WEAKEST_PARTIAL_DB = -40.0


@dataclass(frozen=True)
class Pitch:
    """`cents` from the key (positive: sharp), `frequency_hz`, and `periodicity` 0..1 (highest value of the NSDF).

    `spectrum` [bins] is the power spectrum of the segment, `bin_hz` the distance of its bins.
    """

    cents: float
    frequency_hz: float
    periodicity: float
    spectrum: np.ndarray
    bin_hz: float


def key_hz(midi: float) -> float:
    """Frequency of a MIDI note, A4 = 440 Hz."""
    return 440.0 * 2 ** ((midi - 69) / 12)


def measure_pitch(wave: np.ndarray, midi: int) -> Pitch:
    """Measures a wave [samples] at 16 kHz that should be the MIDI note `midi`."""
    segment = find_segment(wave).cut(wave).astype(np.float64)
    segment = segment - segment.mean()
    spectrum = np.square(np.abs(fft.rfft(segment * np.hanning(len(segment)), FFT_SIZE)))
    bin_hz = SAMPLE_RATE / FFT_SIZE
    wanted = key_hz(midi)
    if not spectrum.any():
        return Pitch(float("nan"), float("nan"), 0.0, spectrum, bin_hz)
    nsdf = normalised_square_difference(segment, int(SAMPLE_RATE / LOWEST_HZ))
    rough, periodicity = _period(nsdf, SAMPLE_RATE / wanted)
    frequency = _raised(spectrum, SAMPLE_RATE / rough, bin_hz)
    frequency = refine(spectrum, frequency, bin_hz)
    return Pitch(1200 * float(np.log2(frequency / wanted)), frequency, periodicity, spectrum, bin_hz)


def normalised_square_difference(segment: np.ndarray, lags: int) -> np.ndarray:
    """NSDF [lags]: 2 sum x_j x_{j+t} / sum (x_j^2 + x_{j+t}^2), 1 for a perfect period, 0 for noise."""
    size = fft.next_fast_len(len(segment) + lags, real=True)
    transform = fft.rfft(segment, size)
    product = fft.irfft(np.square(np.abs(transform)), size)[:lags]
    total = np.concatenate([[0.0], np.cumsum(np.square(segment))])
    lag = np.arange(lags)
    energy = total[len(segment) - lag] + total[-1] - total[lag]
    return 2 * product / (energy + 1e-30)


def _period(nsdf: np.ndarray, wanted: float) -> tuple[float, float]:
    """Period in samples and the NSDF there; the key's own period is taken where it does as well as any other."""
    peaks = 1 + np.flatnonzero((nsdf[1:-1] > nsdf[:-2]) & (nsdf[1:-1] >= nsdf[2:]) & (nsdf[1:-1] > 0))
    peaks = peaks[peaks >= SAMPLE_RATE / HIGHEST_HZ]
    if len(peaks) == 0:
        return wanted, 0.0
    before, here, after = nsdf[peaks - 1], nsdf[peaks], nsdf[peaks + 1]
    shift = 0.5 * (before - after) / (before - 2 * here + after - 1e-30)
    heights = here - 0.25 * (before - after) * shift
    periods = peaks + shift
    good = heights >= FIRST_PEAK * heights.max()
    own = good & (np.abs(np.log2(periods / wanted)) < 1.5 / 12)
    chosen = np.flatnonzero(own if own.any() else good)[0]
    return float(periods[chosen]), float(np.clip(heights.max(), 0, 1))


def _raised(spectrum: np.ndarray, frequency: float, bin_hz: float) -> float:
    """The frequency, or twice or three times it when nothing sounds at the partials between."""
    powers = _partials(spectrum, frequency, bin_hz)[1]
    numbers = np.arange(1, len(powers) + 1)
    for factor in (2, 3):
        between = powers[numbers % factor != 0].sum()
        if len(powers) >= factor and between < powers.sum() * 10 ** (BETWEEN_DB / 10):
            return frequency * factor
    return frequency


def refine(spectrum: np.ndarray, frequency: float, bin_hz: float) -> float:
    """The frequency [Hz] that the partials near multiples of `frequency` agree on."""
    places, powers = _partials(spectrum, frequency, bin_hz)
    strong = powers >= max(powers.max(initial=0.0), 1e-30) * 10 ** (WEAKEST_PARTIAL_DB / 10)
    if not strong.any():
        return frequency
    single = (places / np.arange(1, len(places) + 1))[strong]
    weight = np.sqrt(powers[strong])
    order = np.argsort(single)
    reached = np.cumsum(weight[order])
    return float(single[order][np.searchsorted(reached, 0.5 * reached[-1])])


def _partials(spectrum: np.ndarray, frequency: float, bin_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies [Hz] and powers of the peaks near each multiple; power 0 where there is no peak."""
    count = max(1, min(PARTIALS, int(HIGHEST_PARTIAL_HZ / frequency)))
    places, powers = np.zeros(count), np.zeros(count)
    for number in range(1, count + 1):
        centre = number * frequency
        reach = min(centre * (2 ** (SEARCH_CENTS / 1200) - 1), 0.4 * frequency)
        low = max(1, int((centre - reach) / bin_hz))
        high = min(len(spectrum) - 1, int((centre + reach) / bin_hz) + 2)
        top = low + int(np.argmax(spectrum[low:high]))
        places[number - 1] = centre
        if spectrum[top] > spectrum[top - 1] and spectrum[top] >= spectrum[top + 1]:
            # A parabola through the logarithms: exact for a Gaussian, and nearly so for a Hann window.
            a, b, c = np.log(spectrum[top - 1 : top + 2] + 1e-30)
            places[number - 1] = (top + 0.5 * (a - c) / (a - 2 * b + c - 1e-30)) * bin_hz
            powers[number - 1] = spectrum[top]
    return places, powers
