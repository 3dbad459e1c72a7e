"""The representations against the published code's values (tests/golden/README.md), and against themselves."""

import json
import math

import numpy as np
import pytest
import torch
from conftest import GOLDEN, golden_wave, tone
from torch import Tensor

from timbrel_training.errors import TrainingError
from timbrel_training.mel import linear_to_mel, mel_to_linear
from timbrel_training.normaliser import MARGIN, PUBLISHED_MEL, Normaliser
from timbrel_training.spectral import NAMES, Representation, instantaneous_frequency, unwrap

# The frames that the reference files hold.
HIRES_FRAMES = [3, 6, 64, 127]
NORMAL_FRAMES = [7, 9, 128, 255]

# A sine of the least step of 16 bits has this magnitude; a frame below it is silent, and has no angle.
LEAST_MAGNITUDE = 0.016


def golden(name: str) -> Tensor:
    return torch.from_numpy(np.load(GOLDEN / f"{name}.npy"))


def check_level(found: Tensor, right: Tensor) -> None:
    """Log magnitudes [frames, bins]: right to 1e-4 of themselves, or to the rounding of the transform."""
    greatest = right.amax(-1, keepdim=True).exp()
    assert bool(((found.exp() - right.exp()).abs() < 1e-4 * right.exp() + 2e-7 * greatest).all())


def check_angle(found: Tensor, right: Tensor, level: Tensor) -> None:
    """Angles in units of pi, modulo 2, weighted by magnitude: the angle of a silent bin is noise."""
    magnitude = level.exp()
    greatest = magnitude.amax(-1, keepdim=True)
    difference = torch.remainder(found - right + 1.0, 2.0) - 1.0
    weighted = torch.where(greatest < LEAST_MAGNITUDE, 0.0, magnitude / greatest * difference.abs())
    assert float(weighted.max()) < 1e-4


@pytest.mark.parametrize("wave", [0, 1])
def test_analysis_at_high_frequency_resolution_is_as_published(wave: int) -> None:
    right = golden("frames_hires")[wave]
    image = {
        name: Representation(name).analyse(golden_wave(wave)[None])[0][:, HIRES_FRAMES]
        for name in ("phase-hires", "if-hires", "if-mel-hires")
    }
    check_level(image["phase-hires"][0], right[0])
    check_angle(image["phase-hires"][1], right[1], right[0])
    check_level(image["if-hires"][0], right[0])
    check_angle(image["if-hires"][1], right[2], right[0])
    check_level(0.5 * image["if-mel-hires"][0], 0.5 * right[3])
    check_angle(image["if-mel-hires"][1], right[4], 0.5 * right[3])


def test_analysis_at_normal_frequency_resolution_is_as_published() -> None:
    right = golden("frames_normal")
    image = {
        name: Representation(name).analyse(golden_wave(0)[None])[0][:, NORMAL_FRAMES]
        for name in ("phase", "if", "if-mel")
    }
    check_level(image["phase"][0], right[0])
    check_angle(image["phase"][1], right[1], right[0])
    check_angle(image["if"][1], right[2], right[0])
    check_level(0.5 * image["if-mel"][0], 0.5 * right[3])
    check_angle(image["if-mel"][1], right[4], 0.5 * right[3])


@pytest.mark.parametrize("bins", [1024, 512])
def test_mel_matrices_are_the_published_ones(bins: int) -> None:
    forward = linear_to_mel(bins, 16_000)
    inverse = mel_to_linear(forward)
    linear, mel, weight, back = golden(f"mel_{bins}").numpy()
    right, right_inverse = np.zeros((bins, bins), np.float32), np.zeros((bins, bins), np.float32)
    right[linear.astype(int), mel.astype(int)] = weight
    right_inverse[mel.astype(int), linear.astype(int)] = back
    np.testing.assert_allclose(forward.astype(np.float32), right, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(inverse.astype(np.float32), right_inverse, rtol=1e-6, atol=1e-9)


def test_unwrapping_and_its_edge_cases_are_as_published() -> None:
    phase, unwrapped, frequency = golden("unwrap")[:, :, None]
    torch.testing.assert_close(unwrap(phase), unwrapped, atol=1e-6, rtol=0)
    torch.testing.assert_close(instantaneous_frequency(phase), frequency, atol=1e-6, rtol=0)


def test_waves_through_an_image_are_as_published() -> None:
    wave = golden_wave(0)[None]

    def through(name: str) -> Tensor:
        representation = Representation(name)
        return representation.synthesise(representation.analyse(wave))[0]

    assert float((through("if-mel-hires") - golden("mel_inverse_0")).abs().max()) < 1e-4
    normal, right = through("if-mel"), golden("mel_inverse_normal")
    assert float((torch.cat([normal[:4096], normal[30_000:32_048]]) - right).abs().max()) < 1e-4
    for name, right in zip(("if-hires", "phase-hires"), golden("linear_inverse_0")):
        found = through(name)
        assert float((torch.cat([found[:2048], found[-2048:]]) - right).abs().max()) < 1e-4


@pytest.mark.parametrize("name", [name for name in NAMES if "mel" not in name])
def test_linear_representations_give_the_wave_back(name: str) -> None:
    representation = Representation(name)
    wave = torch.from_numpy(tone(60))[None]
    back = representation.synthesise(representation.analyse(wave))
    whole = slice(0, 64_000 - 3 * representation.hop)
    noise = (wave - back)[:, whole].square().sum()
    assert 10 * math.log10(wave[:, whole].square().sum() / noise) > 60


def test_published_normaliser_is_exact() -> None:
    right = golden("normalised_frame")
    frames = golden("frames_hires")[0]
    image = torch.stack([frames[3, 2], frames[4, 2]])[:, None]
    torch.testing.assert_close(PUBLISHED_MEL.normalise(image)[:, 0], right, atol=1e-6, rtol=0)
    torch.testing.assert_close(PUBLISHED_MEL.denormalise(PUBLISHED_MEL.affine(image)), image, atol=1e-4, rtol=0)


def test_fitted_normaliser_brings_the_data_to_the_margin() -> None:
    images = [torch.tensor([[[-14.0, 2.0]], [[-1.0, 0.5]]]), torch.tensor([[[-3.0, 6.0]], [[1.0, 0.0]]])]
    normaliser = Normaliser.fit(images)
    normalised = torch.stack([normaliser.normalise(image) for image in images])
    for channel in (0, 1):
        assert float(normalised[:, channel].min()) == pytest.approx(-MARGIN, abs=1e-6)
        assert float(normalised[:, channel].max()) == pytest.approx(MARGIN, abs=1e-6)


@pytest.mark.parametrize("images", [[], [torch.zeros(2, 1, 4)], [torch.full((2, 1, 4), math.nan)]])
def test_images_without_a_range_are_refused(images: list[Tensor]) -> None:
    with pytest.raises(TrainingError, match="range"):
        Normaliser.fit(images)


def test_what_cannot_be_analysed_is_refused_with_a_sentence() -> None:
    representation = Representation("if")
    with pytest.raises(TrainingError, match="63999"):
        representation.analyse(torch.zeros(1, 63_999))
    waves = torch.zeros(3, 64_000)
    waves[1, 77] = math.nan
    with pytest.raises(TrainingError, match="number 1"):
        representation.analyse(waves)
    with pytest.raises(TrainingError, match="128, 1024"):
        Representation("if-hires").synthesise(torch.zeros(1, 2, 256, 512))
    with pytest.raises(TrainingError, match="if-mel-hires"):
        Representation("mel")


def test_the_full_band_has_sizes_of_its_own_and_is_equal_by_them() -> None:
    full = Representation.linear()
    assert (full.note_samples, full.pad_left, full.image_shape) == (192_000, 9_216, (2, 128, 2_560))
    again = Representation.of(json.loads(json.dumps(full.settings)))
    assert again == full and hash(again) == hash(full)
    assert Representation.of({"format": 1, "name": "model", **full.settings}) == full
    assert Representation.linear(bins=2_400) != full
    assert Representation.of("if-hires") == Representation.of(Representation("if-hires").settings) != full


@pytest.mark.parametrize("sizes", [
    {},
    {"sample_rate": 48_000, "n_fft": 4_096, "hop": 1_024, "frames": 190, "bins": 1_700},
    {"sample_rate": 44_100, "n_fft": 2_400, "hop": 600, "frames": 292, "bins": 1_200},
    {"sample_rate": 16_000, "n_fft": 512, "hop": 128, "frames": 497, "bins": 100},
])
def test_the_full_band_gives_back_what_lies_in_its_bins(sizes: dict) -> None:
    full = Representation.linear(**sizes)
    time = torch.arange(full.note_samples, dtype=torch.float64) / full.sample_rate
    top = full.bins * full.sample_rate / full.n_fft
    within = sum(torch.sin(2 * math.pi * share * top * time + share) for share in (0.05, 0.3, 0.9))
    wave = (0.2 * torch.exp(-time) * within).float()[None]
    above = (0.2 * torch.sin(2 * math.pi * min(1.1 * top, 0.49 * full.sample_rate) * time)).float()[None]
    dropped = full.bins < full.n_fft // 2
    back = full.synthesise(full.analyse(wave + above if dropped else wave))
    whole = slice(3 * full.hop, full.note_samples - 3 * full.hop)
    noise = (wave - back)[:, whole].square().sum()
    assert 10 * math.log10(wave[:, whole].square().sum() / noise) > 60


def test_the_full_band_at_the_sizes_of_the_paper_is_the_papers() -> None:
    same = Representation.linear(sample_rate=16_000, n_fft=2_048, hop=512, frames=128, bins=1_024)
    paper = Representation("if-hires")
    image = paper.analyse(golden_wave(0)[None])
    assert torch.equal(same.analyse(golden_wave(0)[None]), image)
    assert torch.equal(same.synthesise(image), paper.synthesise(image))


@pytest.mark.parametrize("change, words", [
    ({"sample_rate": 96_000}, "sample rate 96000"),
    ({"n_fft": 6_145}, "n_fft"),
    ({"n_fft": 4_004, "hop": 1_001}, "twos, threes and fives"),
    ({"n_fft": 8_192, "hop": 2_048}, "6144"),
    ({"hop": 1_024}, "a quarter"),
    ({"bins": 3_073}, "3072"),
    ({"frames": 121}, "from 122 to"),
    ({"frames": 131}, "from 122 to"),
    ({"frames": 128.0}, "whole number"),
    ({"bins": 3_000}, "355000 points"),
])
def test_sizes_that_the_plugin_does_not_take_are_refused_with_those_that_it_takes(change: dict, words: str) -> None:
    sizes = {"sample_rate": 48_000, "n_fft": 6_144, "hop": 1_536, "frames": 128, "bins": 2_560}
    with pytest.raises(TrainingError, match=words):
        Representation.of({"representation": "if-linear", **sizes, **change})


def test_sizes_that_are_missing_or_wrong_give_a_sentence() -> None:
    with pytest.raises(TrainingError, match="bins is not told"):
        Representation.of({"representation": "if-linear", "sample_rate": 48_000, "n_fft": 6_144, "hop": 1_536, "frames": 128})
    with pytest.raises(TrainingError, match="if-linear with its sizes"):
        Representation("if-linear")
    with pytest.raises(TrainingError, match="hop 256 is told"):
        Representation.of({**Representation("if-hires").settings, "hop": 256})
    with pytest.raises(TrainingError, match="192000 samples, 4 s at 48000 Hz"):
        Representation.linear().analyse(torch.zeros(1, 64_000))
