"""The round trip of a representation, of waves of which it is known what they should measure."""

import numpy as np
import pytest

from timbrel_training import round_trip
from timbrel_training.data import DataSet
from timbrel_training.round_trip import Way, chosen_notes, measure, pre_echo_db, stroke_db
from timbrel_training.spectral import Representation

RATE = 16_000
SHARP = Way("512", Representation.linear(RATE, 512, 128, 502, 250), RATE)
BLUNT = Way("4096", Representation.linear(RATE, 4_096, 1_024, 66, 2_000), RATE)


def click(at_s: float) -> np.ndarray:
    """A tone of 1 kHz that begins at once and dies away, after a silence."""
    time = np.arange(4 * RATE) / RATE - at_s
    wave = np.where(time >= 0, np.exp(-3.0 * np.maximum(time, 0)) * np.sin(2 * np.pi * 1_000 * time), 0.0)
    return (0.3 * wave).astype(np.float32)


def test_a_way_without_a_representation_changes_nothing() -> None:
    found = measure(Way("untouched", None, RATE), lambda: iter([(click(0.0), 83)] * 3), RATE)
    assert found["error_db"] == round_trip.LEAST_DB and found["pre_echo_db"] == round_trip.LEAST_DB
    assert np.isnan(found["above_db"])


def test_an_echo_ahead_of_the_stroke_is_heard() -> None:
    note = click(0.25)
    for way in (SHARP, BLUNT):
        assert pre_echo_db(note, way.go(note), RATE) < -40.0, way.name
        assert round_trip.error_db(note, way.go(note), RATE) < -45.0, way.name
    # Half of the 50 ms before the stroke hold something.
    spoilt = note.copy()
    spoilt[RATE // 4 - 400 : RATE // 4] += 0.01
    wanted = 10.0 * np.log10(0.5 * 0.01**2 / np.square(note[4_000:4_800]).mean())
    assert pre_echo_db(note, spoilt, RATE) == pytest.approx(wanted, abs=0.1)


def test_the_stroke_is_the_first_moment_beside_the_loudest() -> None:
    assert stroke_db(click(0.0), RATE) == pytest.approx(0.0, abs=0.1)
    assert stroke_db(click(0.25), RATE) == round_trip.LEAST_DB
    assert np.isnan(pre_echo_db(click(0.0), click(0.0), RATE)), "what begins at once has nothing ahead"


def test_all_families_have_their_turns(new_data_set) -> None:
    data = DataSet(new_data_set([60, 62, 64, 65, 67, 69]))
    chosen = chosen_notes(data, 4)
    assert len(set(chosen)) == 4 and chosen_notes(data, 100) == list(range(6))
