"""Data sets: labels, split and waves, and what is wrong with them in a sentence."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import tone

from timbrel_training.data import DataSet
from timbrel_training.errors import TrainingError


def change_labels(folder: Path, change: Callable[[dict], None]) -> None:
    path = folder / "examples.json"
    labels = json.loads(path.read_text())
    change(labels)
    path.write_text(json.dumps(labels))


def first_audio(folder: Path) -> Path:
    return sorted((folder / "audio").iterdir())[0]


def test_a_set_is_read_with_its_own_split(new_data_set: Callable[..., Path]) -> None:
    data = DataSet(new_data_set([60, 64, 67, 30], split=([0, 1, 3], [2])))
    assert data.pitches.tolist() == [60, 64, 67, 30]
    assert (data.train.tolist(), data.test.tolist()) == ([0, 1, 3], [2])
    assert data.pitch_range == (30, 67)
    assert data.pitch_counts(60, 67).tolist() == [1, 0, 0, 0, 1, 0, 0, 0]
    wave = data.wave(1).numpy()
    assert np.abs(wave - tone(64, 0.6)).max() < 1e-4
    assert [tuple(batch.shape) for batch in data.waves(range(3), 2)] == [(2, 64_000), (1, 64_000)]


def test_notes_outside_the_pitch_range_are_left_out(new_data_set: Callable[..., Path]) -> None:
    data = DataSet(new_data_set([60, 64, 67, 30], split=([0, 1, 3], [2])), pitches=(40, 66))
    assert data.pitches.tolist() == [60, 64]
    assert (data.train.tolist(), data.test.tolist()) == ([0, 1], [])


def test_a_foreign_set_is_split_four_to_one_and_always_alike(data_folder: Path) -> None:
    data, again = DataSet(data_folder), DataSet(data_folder)
    assert (len(data.train), len(data.test)) == (8, 2)
    assert sorted([*data.train, *data.test]) == list(range(10))
    assert data.train.tolist() == again.train.tolist()
    assert data.identity == again.identity


def test_the_identity_follows_labels_split_and_peak(data_folder: Path) -> None:
    whole = DataSet(data_folder)
    assert DataSet(data_folder, pitches=(50, 60)).identity != whole.identity
    assert DataSet(data_folder, peak=0.5).identity != whole.identity


def test_a_peak_is_reached_and_silence_left_alone(new_data_set: Callable[..., Path]) -> None:
    folder = new_data_set([60, 62])
    soundfile.write(first_audio(folder), np.zeros(64_000), 16_000)
    data = DataSet(folder, peak=0.5)
    assert float(data.wave(0).abs().max()) == 0.0
    assert float(data.wave(1).abs().max()) == pytest.approx(0.5)


def test_flac_is_read_as_wav_is(new_data_set: Callable[..., Path]) -> None:
    folder = new_data_set([60])
    path = first_audio(folder)
    before = DataSet(folder).wave(0)
    samples, rate = soundfile.read(path, dtype="int16")
    soundfile.write(path.with_suffix(".flac"), samples, rate)
    path.unlink()
    assert DataSet(folder).wave(0).equal(before)


def write(samples: np.ndarray, rate: int = 16_000, subtype: str = "PCM_16") -> Callable[[Path], None]:
    return lambda path: soundfile.write(path, samples, rate, subtype=subtype)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50_000])


NAN = np.where(np.arange(64_000) == 99, np.nan, 0.1).astype(np.float32)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (write(tone(60), rate=44_100), "44100 samples a second"),
        (write(np.stack([tone(60)] * 2, axis=1)), "2 channels"),
        (write(tone(60)[:-1]), "63999 samples"),
        (cut, "it was cut"),
        (write(NAN, subtype="FLOAT"), "NaN"),
        (lambda path: path.write_bytes(b"no sound"), "cannot be read as audio"),
        (Path.unlink, "is missing"),
    ],
)
def test_bad_audio_is_refused_with_a_sentence(
    new_data_set: Callable[..., Path], damage: Callable[[Path], None], sentence: str
) -> None:
    folder = new_data_set([60, 62])
    damage(first_audio(folder))
    data = DataSet(folder)
    with pytest.raises(TrainingError, match=sentence) as error:
        data.wave(0)
    assert "tone_acoustic_000-060-100" in str(error.value)
    assert len(data.wave(1)) == 64_000


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda labels: next(iter(labels.values())).pop("pitch"), "no pitch from 0 to 127"),
        (lambda labels: next(iter(labels.values())).update(pitch="C4"), "'C4'"),
        (lambda labels: next(iter(labels.values())).update(pitch=128), "128"),
        (lambda labels: labels.update({next(iter(labels)): None}), "no labels for the note"),
        (lambda labels: labels.clear(), "names no notes"),
    ],
)
def test_bad_labels_are_refused_with_a_sentence(
    new_data_set: Callable[..., Path], change: Callable[[dict], None], sentence: str
) -> None:
    folder = new_data_set([60, 62])
    change_labels(folder, change)
    with pytest.raises(TrainingError, match=sentence):
        DataSet(folder)


def test_a_folder_that_is_no_set_is_refused_with_a_sentence(new_data_set: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="examples.json is missing"):
        DataSet(tmp_path)
    folder = new_data_set([60])
    with pytest.raises(TrainingError, match="no note between"):
        DataSet(folder, pitches=(61, 84))
    (folder / "split.json").write_text('{"train": "all"}')
    with pytest.raises(TrainingError, match="train and test"):
        DataSet(folder)
    (folder / "examples.json").write_text("{")
    with pytest.raises(TrainingError, match="not JSON"):
        DataSet(folder)
