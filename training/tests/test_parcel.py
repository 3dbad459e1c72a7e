"""Parcels: folders that travel in parts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from timbrel_training import parcel
from timbrel_training.data import DataSet
from timbrel_training.errors import TrainingError
from timbrel_training.images import ImageCache
from timbrel_training.spectral import Representation

PART_BYTES = 100_000


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder with files of several sizes, an empty one and one as large as several parts among them."""
    folder = tmp_path / "run"
    (folder / "checkpoint").mkdir(parents=True)
    for number, size in enumerate((0, 10, 99_999, 350_000)):
        (folder / "checkpoint" / f"{number}.part").write_bytes(bytes((i * i + number) % 251 for i in range(size)))
    (folder / "log.csv").write_text("images\n1\n")
    return folder


def test_a_folder_comes_back_as_it_was(run: Path, tmp_path: Path) -> None:
    count = parcel.pack(run, tmp_path / "parcel", PART_BYTES)
    sizes = [path.stat().st_size for path in (tmp_path / "parcel").glob("*.part")]
    assert len(sizes) == count == 5 and max(sizes) == PART_BYTES
    parcel.unpack(tmp_path / "parcel", tmp_path / "back" / "run")
    assert files(tmp_path / "back" / "run") == files(run)
    # Packed again, the parcel has nothing of the old one left.
    (run / "checkpoint" / "3.part").unlink()
    assert parcel.pack(run, tmp_path / "parcel", PART_BYTES) == 2
    assert len(list((tmp_path / "parcel").iterdir())) == 3


def test_a_data_set_travels_as_flac_without_its_images(new_data_set: Callable[..., Path], tmp_path: Path) -> None:
    folder = new_data_set([60, 64, 67])
    data = DataSet(folder)
    ImageCache.open(data, Representation("if-mel"))
    assert (folder / "images" / "if-mel" / "images.f16").exists()
    parcel.pack(folder, tmp_path / "parcel", 1 << 20, flac=True)
    parcel.unpack(tmp_path / "parcel", tmp_path / "data")
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["audio", "examples.json"]
    assert {path.suffix for path in (tmp_path / "data" / "audio").iterdir()} == {".flac"}
    back = DataSet(tmp_path / "data")
    assert back.examples == data.examples and back.train.tolist() == data.train.tolist()
    assert all(back.wave(index).equal(data.wave(index)) for index in range(len(data)))


def test_what_is_wrong_with_a_parcel_is_a_sentence(run: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="is no folder"):
        parcel.pack(tmp_path / "nowhere", tmp_path / "parcel", PART_BYTES)
    with pytest.raises(TrainingError, match="is no parcel"):
        parcel.unpack(run, tmp_path / "back")
    parcel.pack(run, tmp_path / "parcel", PART_BYTES)
    with pytest.raises(TrainingError, match="is there already"):
        parcel.unpack(tmp_path / "parcel", run)
    part = tmp_path / "parcel" / "002.part"
    whole = part.read_bytes()
    part.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(TrainingError, match="002.part.*damaged"):
        parcel.unpack(tmp_path / "parcel", tmp_path / "back")
    part.unlink()
    with pytest.raises(TrainingError, match="002.part.*missing"):
        parcel.unpack(tmp_path / "parcel", tmp_path / "back")
    assert not (tmp_path / "back").exists()
