"""Measures of the full band, of loudness, brightness and other rates, on signals whose answers are known."""

import math

import numpy as np
import pytest

from timbrel_training.measures import brightness, full_band, spectrogram
from timbrel_training.measures.loudness import loudness_lufs
from timbrel_training.measures.movement import measure_movement
from timbrel_training.measures.note import NoteMeter, brightness_and_rise
from timbrel_training.measures.pitch import key_hz
from timbrel_training.measures.rate import to_rate


def sine(hertz: float, rate: int, seconds: float = 4.0, amplitude: float = 0.1) -> np.ndarray:
    return (amplitude * np.sin(2 * math.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def noise_db(found: np.ndarray, right: np.ndarray) -> float:
    middle = slice(len(right) // 20, -len(right) // 20)
    return 10 * math.log10(np.square(found - right)[middle].mean() / np.square(right)[middle].mean() + 1e-20)


@pytest.mark.parametrize("rate, wanted", [(48_000, 16_000), (44_100, 16_000), (44_100, 48_000), (32_000, 16_000), (16_000, 48_000)])
@pytest.mark.parametrize("hertz", [55.0, 2_000.0, 7_500.0])
def test_a_wave_at_another_rate_is_the_same_wave(rate: int, wanted: int, hertz: float) -> None:
    found = to_rate(sine(hertz, rate), rate, wanted)
    assert len(found) == 4 * wanted and found.dtype == np.float32
    assert noise_db(found, sine(hertz, wanted)) < -80


@pytest.mark.parametrize("hertz", [8_010.0, 9_000.0, 15_000.0, 23_000.0])
def test_what_a_lower_rate_cannot_hold_is_gone_and_no_alias(hertz: float) -> None:
    found = to_rate(sine(hertz, 48_000), 48_000, 16_000)
    assert np.abs(found[1_000:-1_000]).max() < 1e-5


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_loudness_is_that_of_the_standard(rate: int) -> None:
    # Of the EBU's: a sine of 997 Hz at full scale, in one channel, is at -3.01 LUFS.
    assert loudness_lufs(sine(997.0, rate, amplitude=1.0), rate) == pytest.approx(-3.01, abs=0.05)
    assert loudness_lufs(sine(997.0, rate, amplitude=0.1), rate) == pytest.approx(-23.01, abs=0.05)
    # The ear hears low tones less, and the head lifts high ones.
    assert loudness_lufs(sine(40.0, rate, amplitude=0.1), rate) < -26.0
    assert loudness_lufs(sine(4_000.0, rate, amplitude=0.1), rate) == pytest.approx(-19.7, abs=0.2)
    assert loudness_lufs(np.zeros(rate, np.float32), rate) == -120.0


def test_loudness_is_that_of_the_loudest_moment() -> None:
    wave = sine(997.0, 48_000)
    wave[: 3 * 48_000] *= 0.01
    assert loudness_lufs(wave, 48_000) == pytest.approx(-23.01, abs=0.05)


@pytest.mark.parametrize("above_db", [-20.0, -60.0])
def test_the_level_above_8_khz_is_what_was_put_there(above_db: float) -> None:
    wave = sine(440.0, 48_000) + sine(12_000.0, 48_000, amplitude=0.1 * 10 ** (above_db / 20))
    right = above_db - 10 * math.log10(1 + 10 ** (above_db / 10))
    assert full_band.above_db(full_band.spectrum_of(wave)) == pytest.approx(right, abs=0.3)
    assert full_band.above_db(full_band.spectrum_of(np.zeros(192_000, np.float32))) == -100.0


def test_the_picture_of_the_full_band_shows_a_tone_where_it_is() -> None:
    bands = full_band.bands_of(full_band.spectrum_of(sine(12_000.0, 48_000)))
    assert bands.shape == (16, 128) and bands.max() == 0 and bands.min() == -80
    # 12 kHz are at 3266 of 3817 mel, and the first of 128 bands has its centre at 3817 / 129.
    assert (bands[3:-3].argmax(1) == 109).all()
    assert np.isfinite(full_band.bands_of(full_band.spectrum_of(np.zeros(192_000, np.float32))).astype(float)).all()


@pytest.mark.parametrize("hertz", [500.0, 4_000.0])
def test_the_centroid_of_a_tone_is_the_tone(hertz: float) -> None:
    found, _ = brightness_and_rise(sine(hertz, 48_000), 48_000, full=True)
    assert found == pytest.approx(math.log2(hertz), abs=0.02)
    low, _ = brightness_and_rise(sine(hertz, 48_000), 48_000, full=False)
    # The first frame sees a beginning, which is no sine.
    assert low == pytest.approx(math.log2(hertz), abs=0.04)


def test_the_centroid_counts_the_whole_band_and_no_floor() -> None:
    both = sine(1_000.0, 48_000) + sine(15_000.0, 48_000)
    full, _ = brightness_and_rise(both, 48_000, full=True)
    low, _ = brightness_and_rise(both, 48_000, full=False)
    assert full == pytest.approx(math.log2(8_000), abs=0.05) and low == pytest.approx(math.log2(1_000), abs=0.05)
    hiss = 1e-5 * np.random.default_rng(0).standard_normal(192_000)
    floor, _ = brightness_and_rise((sine(1_000.0, 48_000) + hiss).astype(np.float32), 48_000, full=True)
    assert floor == pytest.approx(math.log2(1_000), abs=0.05)
    assert math.isnan(brightness.centroid_octaves(np.zeros((10, 5), np.float32), 1.0, 0.1))


@pytest.mark.parametrize("rate", [4.2, 5.5, 7.3])
def test_the_rate_of_a_vibrato_is_found(rate: float) -> None:
    time = np.arange(64_000) / 16_000
    turns = np.cumsum(440 * 2 ** (20 * np.sin(2 * math.pi * rate * time) / 1200)) / 16_000
    found = measure_movement((0.1 * np.sin(2 * math.pi * turns)).astype(np.float32), 440.0)
    assert found.vibrato_hz == pytest.approx(rate, abs=0.1)
    assert found.vibrato_cents == pytest.approx(20, rel=0.06)


def test_a_note_of_48_khz_measures_below_8_khz_as_the_same_note_of_16() -> None:
    hertz = key_hz(57)
    tone = lambda rate: sum(sine(n * hertz, rate, amplitude=0.1 / n) for n in range(1, 20))
    meters = {16_000: NoteMeter(16_000), 48_000: NoteMeter(48_000)}
    for rate, meter in meters.items():
        meter.add(tone(rate), 57, 0)
    low, high = (meters[rate].notes() for rate in (16_000, 48_000))
    assert high.cents[0] == pytest.approx(low.cents[0], abs=0.1)
    assert high.level_db[0] == pytest.approx(low.level_db[0], abs=0.05)
    assert spectrogram.distance_db(high.picture[0], low.picture[0]) < 0.5
    assert high.has_full_band and not low.has_full_band
    assert math.isnan(low.above_db[0]) and high.above_db[0] < -60


def test_the_full_band_is_measured_only_where_both_have_it() -> None:
    for meter in (NoteMeter(48_000, full=False), NoteMeter(32_000)):
        meter.add(sine(440.0, meter.rate), 69, 0)
        assert not meter.notes().has_full_band
