"""Where in a note one measures: after its onset and before it has died away."""

from dataclasses import dataclass

import numpy as np

SAMPLE_RATE = 16_000

# Steps in which the level of a note is followed.
STEP_S = 0.02

# A note has begun where its level first comes this close to the loudest step, and is over where it falls this low.
ONSET_DB = -20.0
OVER_DB = -30.0

# The first moments hold the attack's noise; pitch and partials are measured after them.
ATTACK_S = 0.08
LEAST_S = 0.25
LONGEST_S = 1.0

# Below this full-scale level (RMS of the loudest quarter of a second) a note counts as silence.
SILENCE_DB = -70.0
LOUDEST_S = 0.25


@dataclass(frozen=True)
class Segment:
    """Seconds from the beginning of the wave."""

    onset_s: float
    start_s: float
    end_s: float

    def cut(self, wave: np.ndarray) -> np.ndarray:
        """The samples of the segment."""
        return wave[int(self.start_s * SAMPLE_RATE) : int(self.end_s * SAMPLE_RATE)]


def find_segment(wave: np.ndarray) -> Segment:
    """The part of a note [samples] in which its pitch stands: a quarter to a whole second, behind the attack."""
    step = int(STEP_S * SAMPLE_RATE)
    power = np.square(wave[: len(wave) // step * step]).reshape(-1, step).mean(1)
    loudest = power.max() + 1e-30
    first = int(np.argmax(power >= loudest * 10 ** (ONSET_DB / 10)))
    sounding = np.flatnonzero(power >= loudest * 10 ** (OVER_DB / 10))
    onset = first * STEP_S
    last = (sounding[-1] + 1) * STEP_S if len(sounding) else onset
    end = min(len(wave) / SAMPLE_RATE, onset + ATTACK_S + np.clip(last - onset - ATTACK_S, LEAST_S, LONGEST_S))
    return Segment(onset, max(0.0, min(onset + ATTACK_S, end - LEAST_S)), end)


def level_db(wave: np.ndarray) -> float:
    """RMS of the loudest quarter of a second of a note, in dB of full scale; -inf dB is cut at -200."""
    width = int(LOUDEST_S * SAMPLE_RATE)
    total = np.concatenate([[0.0], np.cumsum(np.square(wave, dtype=np.float64))])
    loudest = (total[width:] - total[:-width]).max() / width
    return float(10 * np.log10(loudest + 1e-20))


def at_level(wave: np.ndarray, target_db: float = -20.0) -> np.ndarray:
    """The note brought to a level, so that only its timbre is compared; silence stays silence."""
    level = level_db(wave)
    return wave if level < SILENCE_DB else (wave * 10 ** ((target_db - level) / 20)).astype(np.float32)
