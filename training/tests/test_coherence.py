"""What representations forgive, on the notes of the test set."""

from pathlib import Path

import numpy as np
import pytest

from timbrel_training.data import DataSet
from timbrel_training.paper.coherence import coherence, markdown

# Chance is a half.
CHANCE = 0.5


@pytest.fixture(scope="module")
def found(data_folder: Path) -> dict[str, dict[str, float]]:
    return coherence(DataSet(data_folder), np.arange(4), 4_000, 0.5)


def test_phases_run_and_frequencies_stand(found: dict) -> None:
    for name in ("phase", "phase-hires"):
        assert found[name]["angle_step"] == pytest.approx(CHANCE, abs=0.2)
    for name in ("if", "if-hires", "if-mel", "if-mel-hires"):
        assert found[name]["angle_step"] < 0.1


def test_half_the_resolution_leaves_frequencies_and_not_phases(found: dict) -> None:
    for resolution in ("", "-hires"):
        phase, frequency = (found[name + resolution] for name in ("phase", "if"))
        assert phase["periodicity"] == pytest.approx(frequency["periodicity"], abs=1e-3)
        assert phase["periodicity_half"] < frequency["periodicity_half"] - 0.02
    # Linear scales lose nothing by themselves.
    assert found["phase"]["distance_db"] < 1.0 < found["phase"]["distance_db_half"]


def test_the_table_has_a_line_for_each(found: dict) -> None:
    lines = markdown(found).splitlines()
    assert len(lines) == 2 + 7 and all(line.count("|") == 9 for line in lines)
