"""Measures of single notes, on signals whose answers are known."""

import math

import numpy as np
import pytest

from timbrel_training.measures import beating, movement, noise, partials, pitch, segment, spectrogram, timbre
from timbrel_training.measures.note import NoteMeter

RATE = 16_000
TIME = np.arange(4 * RATE) / RATE


def harmonic(frequency: float, amplitudes: list[float], decay: float = 0.5) -> np.ndarray:
    """A decaying tone with partials of these amplitudes, the first one the fundamental."""
    wave = sum(a * np.sin(2 * math.pi * (n + 1) * frequency * TIME + n) for n, a in enumerate(amplitudes))
    return (0.1 * wave * np.exp(-decay * TIME)).astype(np.float32)


def partial_powers(wave: np.ndarray, frequency: float) -> np.ndarray:
    return partials.partial_powers(spectrogram.power_of(spectrogram.transform(wave)), frequency)


@pytest.mark.parametrize("midi", [24, 31, 43, 60, 72, 84])
@pytest.mark.parametrize("cents", [-30.0, 0.0, 10.0])
def test_a_tone_that_many_cents_off_measures_so(midi: int, cents: float) -> None:
    wave = harmonic(pitch.key_hz(midi + cents / 100), [1, 0.7, 0.5, 0.4, 0.3])
    found = pitch.measure_pitch(wave, midi)
    assert found.cents == pytest.approx(cents, abs=0.5)
    assert found.periodicity > 0.95


@pytest.mark.parametrize("midi", [28, 40, 60])
def test_a_missing_fundamental_changes_no_pitch(midi: int) -> None:
    wave = harmonic(pitch.key_hz(midi), [0, 0, 1, 0.8, 0.7, 0.5])
    assert pitch.measure_pitch(wave, midi).cents == pytest.approx(0, abs=1)


@pytest.mark.parametrize("away", [-12, -5, 3, 7, 12])
def test_a_note_at_another_key_is_heard_there(away: int) -> None:
    wave = harmonic(pitch.key_hz(60 + away), [1, 0.6, 0.5, 0.4])
    assert pitch.measure_pitch(wave, 60).cents == pytest.approx(100 * away, abs=3)


def test_a_pure_tone_is_at_its_own_key_and_not_an_octave_below() -> None:
    assert pitch.measure_pitch(harmonic(pitch.key_hz(72), [1]), 72).cents == pytest.approx(0, abs=0.5)


def test_a_short_note_has_a_pitch() -> None:
    wave = harmonic(pitch.key_hz(76.1), [1, 0.2], decay=12)
    assert pitch.measure_pitch(wave, 76).cents == pytest.approx(10, abs=2)


def test_white_noise_and_silence_are_no_notes() -> None:
    hiss = (0.1 * np.random.default_rng(0).standard_normal(4 * RATE)).astype(np.float32)
    for wave in (hiss, np.zeros(4 * RATE, np.float32)):
        assert noise.is_noise(pitch.measure_pitch(wave, 60), segment.level_db(wave))
    tone = harmonic(pitch.key_hz(60), [1, 0.5])
    assert not noise.is_noise(pitch.measure_pitch(tone, 60), segment.level_db(tone))


@pytest.mark.parametrize("share_db", [-40.0, -20.0])
def test_noise_between_partials_is_what_was_added(share_db: float) -> None:
    frequency = pitch.key_hz(57)
    wave = harmonic(frequency, [1] * 12, decay=0)
    hiss = np.random.default_rng(1).standard_normal(len(wave))
    # White noise: of its power, this share lies in the band that is looked at.
    band = min(noise.PARTIALS, int(noise.HIGHEST_HZ / frequency)) * frequency / (RATE / 2)
    hiss *= math.sqrt(np.square(wave).mean() * 10 ** (share_db / 10) / band)
    wave = (wave + hiss).astype(np.float32)
    # The share is of tone and noise together.
    right = -10 * math.log10(1 + 10 ** (-share_db / 10))
    assert noise.noise_db(pitch.measure_pitch(wave, 57)) == pytest.approx(right, abs=1.0)


@pytest.mark.parametrize("weaker", [0.0, 0.1, 0.5])
def test_two_tones_beat_by_the_depth_that_they_must(weaker: float) -> None:
    wave = 0.1 * (np.sin(2 * math.pi * 440 * TIME) + weaker * np.sin(2 * math.pi * 442 * TIME))
    found = beating.beating_db(partial_powers(wave.astype(np.float32), 441))
    # Level 10 log(1 + w^2 + 2 w cos) with an angle that is evenly spread, between its 5th and 95th percentile.
    swing = 2 * weaker * math.cos(0.05 * math.pi)
    depth = 10 * math.log10((1 + weaker**2 + swing) / (1 + weaker**2 - swing))
    assert found == pytest.approx(depth, rel=0.15, abs=0.1)


def test_decay_is_no_beating() -> None:
    assert beating.beating_db(partial_powers(harmonic(440, [1, 0.5], decay=2.0), 440)) < 0.2


def test_level_is_that_of_the_loudest_quarter_second() -> None:
    wave = np.zeros(4 * RATE, np.float32)
    wave[RATE : RATE + 4000] = 0.1
    assert segment.level_db(wave) == pytest.approx(-20, abs=0.01)
    assert segment.level_db(segment.at_level(wave, -6)) == pytest.approx(-6, abs=0.01)


def test_an_envelope_is_the_same_at_another_key_and_another_one_is_not() -> None:
    def at_key(midi: int, slope_db: float) -> np.ndarray:
        frequency = pitch.key_hz(midi)
        amplitudes = [10 ** (slope_db * math.log2((n + 1) * frequency / 100) / 20) for n in range(30)
                      if (n + 1) * frequency < 7600]
        return timbre.envelope_db(partial_powers(harmonic(frequency, amplitudes, 0), frequency), frequency)

    correlation, change = timbre.envelope_change(at_key(48, -9), at_key(51, -9))
    assert correlation > 0.99 and change < 1.0
    assert timbre.envelope_change(at_key(48, -9), at_key(51, -3))[1] > 3.0


def test_the_distance_of_pictures_does_not_hear_the_level() -> None:
    loud = spectrogram.picture(spectrogram.power_of(spectrogram.transform(harmonic(220, [1, 0.5, 0.3]))))
    soft = spectrogram.picture(spectrogram.power_of(spectrogram.transform(0.01 * harmonic(220, [1, 0.5, 0.3]))))
    dull = spectrogram.picture(spectrogram.power_of(spectrogram.transform(harmonic(220, [1]))))
    assert spectrogram.distance_db(loud, soft) < 0.1
    assert spectrogram.distance_db(loud, dull) > 3.0


def test_a_silent_note_is_measured_without_a_pitch() -> None:
    meter = NoteMeter()
    meter.add(np.zeros(4 * RATE, np.float32), 60, 0)
    notes = meter.notes()
    assert notes.bad[0] and math.isnan(notes.cents[0]) and np.isnan(notes.envelope).all()
    assert np.isfinite(notes.picture).all() and np.isfinite(notes.image.astype(float)).all()


@pytest.mark.parametrize("hertz", [55.0, 220.0, 880.0])
@pytest.mark.parametrize("cents", [0.0, 8.0, 30.0])
@pytest.mark.parametrize("decibels", [0.0, 3.0])
def test_a_vibrato_and_a_tremolo_of_a_depth_measure_so(hertz: float, cents: float, decibels: float) -> None:
    rate = 5.5
    phase = 2 * math.pi * hertz * TIME - hertz * (2 ** (cents / 1200) - 1) / rate * np.cos(2 * math.pi * rate * TIME)
    level = 10 ** (decibels / 20 * np.sin(2 * math.pi * 6.0 * TIME))
    wave = 0.1 * level * sum(np.sin((n + 1) * phase) / (n + 1) for n in range(4))
    found = movement.measure_movement(wave.astype(np.float32), hertz)
    assert found.vibrato_cents == pytest.approx(cents, rel=0.06, abs=0.5)
    assert found.tremolo_db == pytest.approx(decibels, rel=0.06, abs=0.2)


@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.8])
def test_a_note_that_rises_so_long_measures_so(seconds: float) -> None:
    wave = 0.3 * np.sin(2 * math.pi * 440 * TIME) * np.clip((TIME - 0.2) / seconds, 0, 1)
    found = movement.measure_movement(wave.astype(np.float32), 440.0)
    assert found.rise_ms == pytest.approx(800 * seconds, rel=0.1, abs=12)


def test_silence_has_no_movement_and_a_note_that_dies_soon_no_vibrato() -> None:
    assert np.isnan(movement.measure_movement(np.zeros(64_000, np.float32), float("nan")).rise_ms)
    found = movement.measure_movement(harmonic(440.0, [1.0], decay=20.0), 440.0)
    assert np.isnan(found.vibrato_cents) and np.isfinite(found.rise_ms)
