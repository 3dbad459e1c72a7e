"""All measures of one note, from its wave."""

from dataclasses import dataclass

import numpy as np

from timbrel_training.measures import (
    beating, brightness, full_band, loudness, movement, noise, partials, pitch, segment, spectrogram, timbre
)
from timbrel_training.measures.classifier import pitch_image
from timbrel_training.measures.rate import to_rate


@dataclass
class Notes:
    """Measures of N notes, one array each. `group` numbers the timbre (a latent; an instrument at one velocity)."""

    midi: np.ndarray  # [N]
    group: np.ndarray  # [N]
    cents: np.ndarray  # [N], NaN for silence
    periodicity: np.ndarray  # [N], 0..1
    level_db: np.ndarray  # [N]
    loudness_lufs: np.ndarray  # [N]
    noise_db: np.ndarray  # [N]
    beating_db: np.ndarray  # [N]
    rise_ms: np.ndarray  # [N], NaN for silence
    vibrato_cents: np.ndarray  # [N], NaN where the note does not stand
    vibrato_hz: np.ndarray  # [N], likewise
    tremolo_db: np.ndarray  # [N], likewise
    bad: np.ndarray  # [N], noise or silence
    above_db: np.ndarray  # [N], NaN where nothing above 8 kHz is compared
    envelope: np.ndarray  # [N, grid]
    picture: np.ndarray  # [N, rows, bands]
    image: np.ndarray  # [N, rows * 2, 1024], for the classifier
    bands: np.ndarray  # [N, rows, bands] of the full band; no rows where nothing above 8 kHz is compared

    def __len__(self) -> int:
        return len(self.midi)

    @property
    def has_full_band(self) -> bool:
        """Whether the notes were measured above 8 kHz, too."""
        return self.bands.shape[1] > 0


class NoteMeter:
    """Measures notes one after the other.

    Most measures look at what 16 kHz hold, so that models of all rates stand in one table; those of the full band are
    taken where the notes and what they are compared with both have one.
    """

    def __init__(self, rate: int = segment.SAMPLE_RATE, full: bool = True):
        """`rate` is that of the waves to come; not `full`: what they are compared with has no full band."""
        self.rate = rate
        self.full = full and full_band.has(rate)
        self._rows: list[tuple] = []

    def add(self, wave: np.ndarray, midi: int, group: int) -> None:
        """Measures a wave of four seconds that was asked for as the key `midi` of the timbre `group`."""
        loud = loudness.loudness_lufs(wave, self.rate)
        above, bands = self._above(wave)
        wave = to_rate(wave, self.rate, segment.SAMPLE_RATE)
        found = pitch.measure_pitch(wave, midi)
        level = segment.level_db(wave)
        spectrum = spectrogram.transform(wave)
        power = spectrogram.power_of(spectrum)
        if np.isfinite(found.frequency_hz):
            powers = partials.partial_powers(power, found.frequency_hz)
            beats, envelope = beating.beating_db(powers), timbre.envelope_db(powers, found.frequency_hz)
        else:
            beats, envelope = float("nan"), np.full(len(timbre.GRID_HZ), np.nan, np.float32)
        moving = movement.measure_movement(wave, found.frequency_hz)
        self._rows.append((
            midi, group, found.cents, found.periodicity, level, loud, noise.noise_db(found), beats,
            moving.rise_ms, moving.vibrato_cents, moving.vibrato_hz, moving.tremolo_db, noise.is_noise(found, level), above,
            envelope, spectrogram.picture(power), pitch_image(spectrum), bands,
        ))

    def notes(self) -> Notes:
        """All that was added."""
        return Notes(*(np.stack([np.asarray(value) for value in column]) for column in zip(*self._rows)))

    def _above(self, wave: np.ndarray) -> tuple[float, np.ndarray]:
        """Level above 8 kHz and picture of the full band of a wave; NaN and nothing where it is not compared."""
        if not self.full:
            return float("nan"), np.zeros((0, full_band.BANDS), np.float16)
        power = full_band.spectrum_of(to_rate(wave, self.rate, full_band.RATE))
        return full_band.above_db(power), full_band.bands_of(power)


def brightness_and_rise(wave: np.ndarray, rate: int, full: bool) -> tuple[float, float]:
    """Spectral centroid [octaves over 1 Hz] and rise [ms] of a wave of four seconds; the centroid is that of the full
    band, or of what 16 kHz hold."""
    low = to_rate(wave, rate, segment.SAMPLE_RATE)
    if full and full_band.has(rate):
        power = full_band.spectrum_of(to_rate(wave, rate, full_band.RATE))
        bin_hz, hop_s = full_band.BIN_HZ, full_band.HOP / full_band.RATE
    else:
        power, bin_hz, hop_s = spectrogram.power_of(spectrogram.transform(low)), spectrogram.BIN_HZ, spectrogram.HOP_S
    return brightness.centroid_octaves(power, bin_hz, hop_s), movement.rise_ms(low)
