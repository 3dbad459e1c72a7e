"""All measures of one note, from its wave."""

from dataclasses import dataclass

import numpy as np

from timbrel_training.measures import beating, movement, noise, partials, pitch, segment, spectrogram, timbre
from timbrel_training.measures.classifier import pitch_image


@dataclass
class Notes:
    """Measures of N notes, one array each. `group` numbers the timbre (a latent; an instrument at one velocity)."""

    midi: np.ndarray  # [N]
    group: np.ndarray  # [N]
    cents: np.ndarray  # [N], NaN for silence
    periodicity: np.ndarray  # [N], 0..1
    level_db: np.ndarray  # [N]
    noise_db: np.ndarray  # [N]
    beating_db: np.ndarray  # [N]
    rise_ms: np.ndarray  # [N], NaN for silence
    vibrato_cents: np.ndarray  # [N], NaN where the note does not stand
    tremolo_db: np.ndarray  # [N], likewise
    bad: np.ndarray  # [N], noise or silence
    envelope: np.ndarray  # [N, grid]
    picture: np.ndarray  # [N, rows, bands]
    image: np.ndarray  # [N, rows * 2, 1024], for the classifier

    def __len__(self) -> int:
        return len(self.midi)


class NoteMeter:
    """Measures notes one after the other."""

    def __init__(self):
        self._rows: list[tuple] = []

    def add(self, wave: np.ndarray, midi: int, group: int) -> None:
        """Measures a wave [64000] at 16 kHz that was asked for as the key `midi` of the timbre `group`."""
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
            midi, group, found.cents, found.periodicity, level, noise.noise_db(found), beats,
            moving.rise_ms, moving.vibrato_cents, moving.tremolo_db, noise.is_noise(found, level), envelope, spectrogram.picture(power), pitch_image(spectrum),
        ))

    def notes(self) -> Notes:
        """All that was added."""
        return Notes(*(np.stack([np.asarray(value) for value in column]) for column in zip(*self._rows)))
