"""The continuous generator: loudness, mapping, known instruments, and the file that is made of it."""

import math

import numpy as np
import pytest
import torch

from timbrel_training import first_tables
from timbrel_training.continuous import MOVEMENT_SCALE, TOUCH_POINTS, Generator, touch_curve
from timbrel_training.export import export
from timbrel_training.loudness import loudness_gain
from timbrel_training.measures.loudness import LEAST_LUFS, loudness_lufs
from timbrel_training.model_file import ModelFile
from timbrel_training.spectral import Representation

SMALL = Representation.linear(sample_rate=16_000, n_fft=512, hop=128, frames=503, bins=200)
SIZES = {"latent": 6, "pitch_min": 58, "pitch_max": 62, "code": 8, "tables": 4, "channels": 8, "hidden": 16, "knots": 12,
         "spectra": 4, "angle": 2, "coherence": 2}


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(3)
    made = Generator(SMALL, [f"instrument {n}" for n in range(40)], **SIZES)
    with torch.no_grad():
        made.expected.steady.weight.normal_()
        # As the singular values of real sounds fall: the first numbers of a code say most.
        made.codes *= 2.0 ** -torch.arange(8.0)
    first_tables.lay_out(made)
    return made.eval()


def test_every_note_is_equally_loud(generator):
    latent = torch.randn(6, generator.latent_size)
    with torch.no_grad():
        image = generator(latent, torch.tensor([58, 59, 60, 61, 62, 60]))
    power = (2.0 * image[:, 0]).exp() @ generator.loudness_weights
    assert loudness_gain(power, generator.loudest_frames).abs().max() < 1e-3


def test_no_latent_lies_farther_out_than_the_radius(generator):
    mapping = generator.mapping
    latent = 5.0 * torch.randn(2_000, generator.latent_size)
    distance = ((mapping(latent) - mapping.codes.mean(dim=0)) @ mapping.felt).norm(dim=1)
    assert distance.max() <= mapping.radius * 1.001
    # The bound is what holds them there: without it some would lie beyond.
    mapping.radius.fill_(1e6)
    free = ((mapping(latent) - mapping.codes.mean(dim=0)) @ mapping.felt).norm(dim=1)
    assert free.max() > distance.max()


def test_ways_through_the_latent_space_are_even(generator):
    share, _ = first_tables.evenness(generator, torch.Generator().manual_seed(1))
    assert share < 0.3
    generator.mapping.log_temperature.data.fill_(math.log(0.5))
    sharp, _ = first_tables.evenness(generator, torch.Generator().manual_seed(1))
    assert sharp > 0.4, "a sharp mapping is a switch, and is measured as one"


def test_a_known_instrument_is_found_again(generator):
    generator.mapping.radius.fill_(1e6)
    for name, latent in generator.known_latents().items():
        code = generator.mapping(latent[None])[0]
        own = generator.codes[generator.names.index(name)]
        others = (generator.codes - code).norm(dim=1)
        assert others.argmin() == generator.names.index(name), name
        assert (code - own).norm() < 0.35 * (own - generator.codes.mean(dim=0)).norm(), name


def test_touch_is_interpolated_between_mel_points():
    curve = touch_curve(SMALL)
    assert curve.shape == (TOUCH_POINTS, SMALL.bins)
    assert torch.allclose(curve.sum(dim=0), torch.ones(SMALL.bins), atol=1e-5)
    frequency = 700.0 * (np.exp(np.linspace(0, 1127 * np.log(1 + 8_000 / 700), TOUCH_POINTS) / 1127) - 1)
    wanted = np.interp(31.25 * (np.arange(SMALL.bins) + 1), frequency, np.arange(TOUCH_POINTS))
    # A line between mel points is nearly one between frequencies.
    assert np.abs(np.arange(TOUCH_POINTS) @ curve.numpy() - wanted).max() < 0.1


def test_the_file_answers_touch_and_movement_too(generator, tmp_path):
    export(generator, tmp_path / "model.onnx", {"name": "small"})
    model = ModelFile(tmp_path / "model.onnx")
    assert model.representation == SMALL and set(model.optional) == {"touch", "movement"}
    latent = model.draw(3, 1)
    (found,) = model.generate(latent, np.array([58, 60, 62]))
    with torch.no_grad():
        image, touch, movement = generator.play(torch.from_numpy(latent), torch.tensor([58, 60, 62]))
    assert np.allclose(found.images[:, 0], image[:, 0], atol=1e-3)
    assert np.allclose(found.touch, touch, atol=1e-3) and np.allclose(found.movement, movement, atol=1e-3)
    assert (found.movement >= 0.0).all() and found.movement.shape == (3, len(MOVEMENT_SCALE))


def test_loudness_is_that_of_the_standard():
    # BS.1770-4: a sine of 997 Hz at full scale in one channel reads -3.01 LUFS.
    for rate in (16_000, 48_000):
        wave = np.sin(2.0 * np.pi * 997.0 * np.arange(rate) / rate)
        assert loudness_lufs(wave, rate) == pytest.approx(-3.01, abs=0.05)
    assert loudness_lufs(np.zeros(100), 48_000) == LEAST_LUFS
