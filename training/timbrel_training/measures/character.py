"""What a note sounds like, in a dozen numbers, each with the word for it.

They name latent directions and latents. Each is oriented so that more of the number is more of what its label says.
"""

from dataclasses import dataclass

import numpy as np

from timbrel_training.measures.beating import beating_db
from timbrel_training.measures.noise import noise_db
from timbrel_training.measures.partials import frames_between, partial_powers
from timbrel_training.measures.pitch import measure_pitch
from timbrel_training.measures.segment import level_db
from timbrel_training.measures.spectrogram import BIN_HZ, HOP_S, power_of, transform


@dataclass(frozen=True)
class Attribute:
    """A label for a direction, and adjectives for a sound with much and with little of it.

    `weight` is less than 1 for what comes along with other changes, and names a direction only where it is the main
    thing.
    """

    label: str
    much: str
    little: str
    weight: float = 1.0


ATTRIBUTES = (
    Attribute("Brightness", "bright", "dark"),
    Attribute("Attack", "slow", "struck"),
    Attribute("Sustain", "sustained", "plucked"),
    Attribute("Noise", "breathy", "clean"),
    Attribute("Vibrato", "singing", "straight"),
    Attribute("Tremolo", "trembling", "steady", 0.95),
    Attribute("Shimmer", "shimmering", "plain", 0.75),
    Attribute("Hollowness", "hollow", "full", 0.95),
    Attribute("Purity", "pure", "rich", 0.75),
    Attribute("Warmth", "warm", "thin", 0.8),
    Attribute("Formant", "open", "closed", 0.75),
    Attribute("Body", "round", "lean", 0.75),
    Attribute("Presence", "nasal", "soft", 0.75),
    Attribute("Air", "airy", "muffled", 0.75),
    Attribute("Bite", "biting", "mellow", 0.75),
    Attribute("Loudness", "loud", "quiet", 0.5),
)
LABELS = tuple(attribute.label for attribute in ATTRIBUTES)

# What a note holds once its attack is over, and the time in which its sustain is followed.
STEADY_S = (0.1, 1.1)
EARLY_S = (0.02, 0.25)
HELD_S = (0.3, 2.7)

# Levels this far below the loudest moment are silence.
RANGE_DB = 60.0

BODY_HZ = (150.0, 500.0)
PRESENCE_HZ = (1_200.0, 3_000.0)
AIR_HZ = (4_000.0, 8_000.0)

# A jump beyond this is no vibrato: two partials share the bin there.
WIDEST_CENTS = 150.0


def character(wave: np.ndarray, midi: int) -> np.ndarray:
    """The attributes of a note [samples] at 16 kHz, float64 [len(ATTRIBUTES)]; NaN for what it does not show.

    Brightness: mean place of the partials [octaves over the fundamental]. Attack: time to within 6 dB of the loudest
    frame [log2 s]. Sustain: slope of the level [dB/s], at least -60. Noise: between the partials [dB]. Vibrato:
    deviation of the strongest partial's frequency [log2 cents]. Tremolo: deviation of the level about a parabola [log2
    dB]. Shimmer: beating of the strongest partials [log2 dB]. Hollowness: partials 3 and 5 against their neighbours
    [dB]. Purity: the strongest partial in all [dB]. Warmth: the first three partials against the others [dB]. Formant:
    the strongest partial's place [octaves over the fundamental]. Body, presence, air: bands in all [dB]. Bite:
    brightness at the beginning over that after [octaves]. Loudness: the loudest quarter of a second [dB].
    """
    pitch = measure_pitch(wave, midi)
    nothing = np.full(len(ATTRIBUTES), np.nan)
    if not np.isfinite(pitch.frequency_hz):
        return nothing
    spectrum = transform(wave)
    power = power_of(spectrum)
    partials = partial_powers(power, pitch.frequency_hz)
    frames = len(power)
    level = _db(power.sum(1))
    steady = power[frames_between(*STEADY_S, frames)].mean(0)
    early = partials[frames_between(*EARLY_S, frames)].mean(0)
    sustained = partials[frames_between(*STEADY_S, frames)].mean(0)
    # Six partials at least, so that sums over the upper ones have something to sum.
    strengths = np.pad(sustained, (0, max(0, 6 - len(sustained)))) + sustained.sum() * 1e-6 + 1e-20
    whole = steady[1:].sum() + 1e-20
    slope, tremolo = _course(level)
    decibels = _db(strengths)
    return np.array([
        _centroid_octaves(sustained),
        np.log2(HOP_S * (1 + int(np.argmax(level > level.max() - 6.0)))),
        slope,
        noise_db(pitch),
        _vibrato(spectrum, partials, pitch.frequency_hz),
        tremolo,
        np.log2(0.5 + beating_db(partials)),
        decibels[[2, 4]].mean() - (0.5 * decibels[1] + decibels[3] + 0.5 * decibels[5]) / 2,
        _db(strengths.max() / strengths.sum()),
        _db(strengths[:3].sum() / strengths[3:].sum()),
        np.log2(1 + np.argmax(strengths)),
        _band_db(steady, BODY_HZ, whole),
        _band_db(steady, PRESENCE_HZ, whole),
        _band_db(steady, AIR_HZ, whole),
        _centroid_octaves(early) - _centroid_octaves(sustained),
        level_db(wave),
    ])


def mean_of_known(values: np.ndarray, axis: int, keepdims: bool = False) -> np.ndarray:
    """Mean of attributes along an axis, leaving out NaN; 0 where nothing is known."""
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis, keepdims=keepdims), 1)
    return np.where(known, values, 0).sum(axis, keepdims=keepdims) / count


def _db(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(power + 1e-20)


def _centroid_octaves(partials: np.ndarray) -> float:
    """Mean place of the partials over the fundamental [octaves], weighted by power^(1/3).

    That is about as loud as they are heard. Of the partials, not of the whole spectrum: a noisy note is not therefore a
    bright one.
    """
    weight = np.cbrt(partials)
    return float((weight * np.log2(np.arange(1, len(partials) + 1))).sum() / (weight.sum() + 1e-20))


def _band_db(power: np.ndarray, band_hz: tuple[float, float], whole: float) -> float:
    low, high = (int(edge / BIN_HZ) for edge in band_hz)
    return float(max(-RANGE_DB, _db(power[low:high].sum() / whole)))


def _course(level: np.ndarray) -> tuple[float, float]:
    """Slope [dB/s] of the level while it sounds, and the logarithm of its deviation about a parabola [log2 dB]."""
    held = np.arange(len(level))[frames_between(*HELD_S, len(level))]
    held = held[level[held] > level.max() - RANGE_DB]
    if len(held) < 8:
        return -RANGE_DB, np.nan
    time = held * HOP_S
    slope = np.polyfit(time, level[held], 1)[0]
    rest = level[held] - np.polyval(np.polyfit(time, level[held], 2), time)
    return float(max(slope, -RANGE_DB)), float(np.log2(0.1 + rest.std()))


def _vibrato(spectrum: np.ndarray, partials: np.ndarray, frequency: float) -> float:
    """Deviation of the strongest partial's instantaneous frequency below some 9 Hz [log2 cents].

    The frequency of a frame is that by which the phase of the partial's bin has moved on since the frame before.
    """
    part = frames_between(*HELD_S, len(spectrum))
    number = 1 + int(np.argmax(partials[part].mean(0)))
    column = round(number * frequency / BIN_HZ)
    if not 1 <= column < spectrum.shape[1] - 1:
        return np.nan
    values = spectrum[part, column]
    sounding = np.abs(values) > np.abs(values).max() * 10 ** (-30 / 20)
    if sounding.sum() < 16:
        return np.nan
    # A hop is a whole number of half cycles of any bin: the advance is taken about the bin's own frequency.
    turns = np.angle(values[1:] * values[:-1].conj() * np.exp(-2j * np.pi * column * BIN_HZ * HOP_S)) / (2 * np.pi)
    hz = column * BIN_HZ + turns / HOP_S
    cents = 1200 * np.log2(np.maximum(hz, 1.0) / (number * frequency))[sounding[1:] & sounding[:-1]]
    if len(cents) < 16:
        return np.nan
    time = np.linspace(-1, 1, len(cents))
    cents = cents - np.polyval(np.polyfit(time, cents, 2), time)
    # A mean over three frames lets pass what is slower than some 9 Hz; what is faster is roughness.
    smooth = np.convolve(np.clip(cents, -WIDEST_CENTS, WIDEST_CENTS), np.ones(3) / 3, mode="valid")
    return float(np.log2(0.5 + smooth.std()))
