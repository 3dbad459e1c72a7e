"""The cache of images, and the order in which notes are drawn."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from timbrel_training import images
from timbrel_training.data import DataSet
from timbrel_training.images import DeviceImages, ImageCache, fit_normaliser
from timbrel_training.sampler import Sampler
from timbrel_training.spectral import PUBLISHED_MEL, Representation

IF_MEL = Representation("if-mel")


def test_cached_images_are_those_of_the_waves(data_folder: Path, tmp_path: Path) -> None:
    data = DataSet(data_folder)
    cache = ImageCache.open(data, IF_MEL, tmp_path)
    right = IF_MEL.analyse(torch.stack([data.wave(7), data.wave(2)]))
    found = cache[np.array([7, 2])]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, right, atol=0.005, rtol=0)
    assert DeviceImages.analyse(data, IF_MEL, "cpu")[np.array([7, 2])].equal(found)


def test_a_finished_cache_is_not_made_again(data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = DataSet(data_folder, pitches=(60, 60))
    ImageCache.open(data, IF_MEL, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(DataSet, "wave", lambda *_: pytest.fail("a wave was read again"))
        assert len(ImageCache.open(DataSet(data_folder, pitches=(60, 60)), IF_MEL, tmp_path)) == 2
    # Another set is another cache, even in the same folder.
    assert len(ImageCache.open(DataSet(data_folder, pitches=(60, 62)), IF_MEL, tmp_path)) == 3


def test_an_interrupted_cache_goes_on_where_it_was(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "CHUNK_NOTES", 2)
    monkeypatch.setattr(images, "SAVE_EVERY_NOTES", 2)
    data = DataSet(data_folder)
    read_wave, read = DataSet.wave, []

    def wave(self: DataSet, index: int) -> torch.Tensor:
        read.append(index)
        if len(read) == 6:
            raise KeyboardInterrupt
        return read_wave(self, index)

    monkeypatch.setattr(DataSet, "wave", wave)
    with pytest.raises(KeyboardInterrupt):
        ImageCache.open(data, IF_MEL, tmp_path)
    assert not (tmp_path / "cache.json").exists()
    cache = ImageCache.open(data, IF_MEL, tmp_path)
    assert read == [0, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9]
    right = IF_MEL.analyse(torch.stack([read_wave(data, index) for index in range(10)]))
    torch.testing.assert_close(cache[np.arange(10)], right, atol=0.005, rtol=0)


def test_a_cache_of_another_representation_is_not_taken(data_folder: Path, tmp_path: Path) -> None:
    data = DataSet(data_folder, pitches=(60, 60))
    ImageCache.open(data, IF_MEL, tmp_path)
    hires = ImageCache.open(data, Representation("if-mel-hires"), tmp_path)
    assert hires[np.array([0])].shape == (1, 2, 128, 1024)
    assert json.loads((tmp_path / "cache.json").read_text())["representation"] == "if-mel-hires"


def test_the_normaliser_is_published_or_fitted_to_the_training_notes(data_folder: Path) -> None:
    data = DataSet(data_folder)
    assert fit_normaliser(data, IF_MEL, DeviceImages.analyse(data, IF_MEL, "cpu")) == PUBLISHED_MEL
    linear = Representation("if")
    store = DeviceImages.analyse(data, linear, "cpu")
    fitted = fit_normaliser(data, linear, store)
    train = fitted.normalise(store[data.train])
    assert float(train[:, 0].min()) == pytest.approx(-0.8, abs=1e-5)
    assert float(train[:, 0].max()) == pytest.approx(0.8, abs=1e-5)


def test_every_epoch_has_every_note_once_in_an_order_of_its_own() -> None:
    sampler = Sampler(np.arange(100, 110), seed=3)
    epochs = np.concatenate([sampler.next(4) for _ in range(5)]).reshape(2, 10)
    assert all(sorted(epoch) == list(range(100, 110)) for epoch in epochs)
    assert epochs[0].tolist() != epochs[1].tolist()
    assert Sampler(np.arange(100, 110), seed=4).next(10).tolist() != epochs[0].tolist()


def test_processes_share_an_epoch_and_a_restored_sampler_goes_on() -> None:
    draw: Callable[[int], Sampler] = lambda rank: Sampler(np.arange(12), seed=1, rank=rank, world_size=3)
    assert sorted(np.concatenate([draw(rank).next(4) for rank in range(3)])) == list(range(12))
    first = draw(1)
    first.next(5)
    second = draw(1)
    second.restore(first.state())
    assert second.next(3).tolist() == first.next(3).tolist()
