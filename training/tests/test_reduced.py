"""Notes and representations of reduced sizes."""

from pathlib import Path

import pytest
import torch

from timbrel_training import config
from timbrel_training.data import DataSet
from timbrel_training.errors import TrainingError
from timbrel_training.geometry import NAMES, Geometry
from timbrel_training.reduced import ReducedDataSet, open_data
from timbrel_training.spectral import Representation


@pytest.mark.parametrize("name", NAMES)
def test_hops_and_bins_stay_as_long_and_as_wide(name: str) -> None:
    full, reduced = Geometry.published(name), Geometry.reduced(name, 4_000, 0.5)
    assert reduced.hop / reduced.sample_rate == full.hop / full.sample_rate
    assert reduced.sample_rate / reduced.n_fft == full.sample_rate / full.n_fft
    assert (reduced.frames, reduced.bins) == (full.frames // 8, full.bins // 4)
    assert reduced.note_samples == 2_000 and reduced.pad_left >= 0
    assert Geometry.of(reduced.settings) == reduced


def test_the_published_size_is_the_published_one() -> None:
    assert Geometry.reduced("if", 16_000, 4.0) == Geometry.published("if")
    assert config.from_table({}, "the test").told_representation == "if-mel-hires"


@pytest.mark.parametrize(("rate", "seconds"), [(5_000, 0.5), (4_000, 0.51), (4_000, 0.0), (0, 1.0), (10, 4.0)])
def test_sizes_that_do_not_come_out_whole_are_a_sentence(rate: int, seconds: float) -> None:
    with pytest.raises(TrainingError, match="cannot be reduced"):
        Geometry.reduced("if", rate, seconds)


@pytest.mark.parametrize("name", ["phase-hires", "phase", "if-hires", "if"])
def test_a_reduced_note_comes_back(name: str, data_folder: Path) -> None:
    data = ReducedDataSet(DataSet(data_folder), 4_000, 0.5)
    representation = Representation(Geometry.reduced(name, 4_000, 0.5))
    wave = data.wave(0)
    back = representation.synthesise(representation.analyse(wave[None]))[0]
    # No window follows that would complete the last three hops; and a stroke has something at 0 Hz, which is dropped.
    whole = slice(0, len(wave) - 3 * representation.hop)
    assert (back - wave)[whole].abs().max() < 0.02 * wave.abs().max()
    assert (back - wave)[300 : whole.stop].abs().max() < 1e-3 * wave.abs().max()


def test_a_note_is_cut_faded_and_brought_to_its_peak(data_folder: Path) -> None:
    settings = config.DataConfig(pitch_min=40, pitch_max=64, seconds=0.5, sample_rate=4_000, peak=0.5)
    data = open_data(data_folder, settings)
    wave = data.wave(3)
    assert wave.shape == (2_000,) and data.note_samples == 2_000
    assert wave.abs().max() == pytest.approx(0.5)
    assert wave[-1] == 0.0 and wave[-200].abs() < 0.5 and wave[:1_600].abs().max() > 0.3
    assert len(data) == len(data.source) and data.pitch_range == (40, 64)
    assert data.identity != data.source.identity
    assert isinstance(open_data(data_folder, config.DataConfig()), DataSet)


def test_what_lies_above_the_band_is_gone(data_folder: Path) -> None:
    source = DataSet(data_folder)
    source.wave = lambda index: torch.sin(2.0 * torch.pi * 3_000.0 / 16_000.0 * torch.arange(64_000))
    assert ReducedDataSet(source, 4_000, 0.5).wave(0)[100:1_500].abs().max() < 1e-2
