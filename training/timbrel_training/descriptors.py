"""What a note sounds like, in a few numbers that are read from its image: the coordinates of the timbre map.

The images are of the mel representation. All levels are relative, so that loudness does not count.
"""

import numpy as np

from timbrel_training.measures.pitch import key_hz
from timbrel_training.mel import band_frequencies
from timbrel_training.spectral import SAMPLE_RATE, Representation

# What `describe` measures, in the order of its columns. Each is oriented so that more is more of what the name says.
NAMES = ("brightness", "attack", "sustain", "noise", "even partials", "movement", "fundamental")

# Bands of equal width on the mel scale, whose levels stand after the named descriptors.
BANDS = 20

# Bins within this distance of a partial belong to it, bins beyond the second do not; in Hz. The main lobe of the Hann
# window of 2048 samples reaches 15.6 Hz to each side.
PARTIAL_HZ = 12.0
BETWEEN_HZ = 25.0
PARTIALS = 20

# Decibels to a neper of power.
DB = 10.0 / np.log(10.0)


def describe(level: np.ndarray, pitch: int, representation: Representation) -> np.ndarray:
    """Describes one note.

    Args:
        level: log powers [frames, bins] of a mel representation, not normalised.
        pitch: MIDI number.

    Returns:
        float64 [len(NAMES) + BANDS]: spectral centroid in octaves over the fundamental; attack, the logarithm of the
        frames to within 6 dB of the greatest level; slope of the level while the key is held [dB/s]; level between the
        partials [dB]; level of the second, fourth and sixth partial against the first, third and fifth [dB]; standard
        deviation of the level about a parabola [dB]; level of the first partial [dB]; and the band levels [dB].
    """
    power = np.exp(level.astype(np.float64))
    frames = len(power)
    second = SAMPLE_RATE / representation.hop
    frequency = band_frequencies(representation.bins, SAMPLE_RATE)
    fundamental = key_hz(pitch)

    level = DB * np.log(power.sum(axis=1) + 1e-9)
    greatest = level.max()
    attack = np.log1p(np.argmax(level > greatest - 6.0))

    held = np.arange(round(0.1 * frames), round(0.72 * frames))
    sounding = held[level[held] > greatest - 50.0]
    slope = np.polyfit(sounding / second, level[sounding], 1)[0] if len(sounding) > 8 else -60.0

    steady = power[round(0.1 * frames) : round(0.47 * frames)]
    if 10.0 * np.log10(steady.sum(axis=1).max() + 1e-9) < greatest - 40.0:
        steady = power[2 : round(0.16 * frames)]
    spectrum = steady.mean(axis=0)
    spectrum = spectrum / (spectrum.sum() + 1e-12)
    centroid = float((spectrum * np.log2(frequency / fundamental + 0.3)).sum())

    harmonic = np.maximum(np.round(frequency / fundamental), 1.0)
    distance = np.abs(frequency - harmonic * fundamental)
    at = (distance < PARTIAL_HZ) & (harmonic < PARTIALS)
    between = (distance > min(BETWEEN_HZ, 0.35 * fundamental)) & (frequency > 0.6 * fundamental)
    between &= frequency < min(7000.0, PARTIALS * fundamental)
    noise = 10.0 * np.log10((spectrum[between].mean() + 1e-10) / (spectrum[at].mean() + 1e-10))

    partials = np.array([spectrum[(harmonic == k) & at].sum() for k in range(1, 7)])
    partials = 10.0 * np.log10(partials + 1e-7)
    even = partials[1::2].mean() - partials[0::2].mean()

    middle = np.arange(round(0.16 * frames), round(0.66 * frames))
    movement = 0.3
    if level[middle].min() > greatest - 45.0:
        movement = float(np.std(level[middle] - np.polyval(np.polyfit(middle, level[middle], 2), middle)))

    bands = [10.0 * np.log10(band.sum() + 1e-6) for band in np.array_split(spectrum, BANDS)]
    return np.array([centroid, attack, max(slope, -40.0), noise, even, movement, partials[0], *bands])
