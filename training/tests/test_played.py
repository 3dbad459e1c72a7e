"""What a player does with a model's touch and movement, against the formulas of the contract."""

import math

import numpy as np
import onnx
import pytest
import torch
from conftest import tone

from timbrel_training import manifest
from timbrel_training.errors import TrainingError
from timbrel_training.measures.movement import measure_movement
from timbrel_training.model_file import ModelFile
from timbrel_training.played import move, play, touch_gain
from timbrel_training.spectral import Representation

RATE = 16_000
TIME = np.arange(4 * RATE) / RATE

# A small full band: the same four seconds, a fiftieth of the default's numbers.
SMALL = Representation.linear(sample_rate=RATE, n_fft=1_024, hop=256, frames=250, bins=400)

TOUCH = np.linspace(-6.0, 12.0, 32, dtype=np.float32)
MOVEMENT = np.array([20.0, 5.5, 3.0, 0.2], np.float32)


def write_model(path, touch=TOUCH, movement=MOVEMENT, representation=SMALL):
    """A model file that plays one tone, whatever it is asked for, with these outputs where they are given."""
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    image = representation.analyse(torch.from_numpy(tone(69))[None]).numpy()
    constants = {"image": image, "zero": np.zeros(1, np.float32), "axes": np.array([1])}
    nodes = [helper.make_node("ReduceSum", ["latent", "axes"], ["sum"]), helper.make_node("Mul", ["sum", "zero"], ["row"]),
             helper.make_node("Reshape", ["row", "four"], ["column"]), helper.make_node("Add", ["column", "image"], ["spectrogram"])]
    constants["four"] = np.array([-1, 1, 1, 1])
    outputs = [helper.make_tensor_value_info("spectrogram", onnx.TensorProto.FLOAT, ["n", *representation.image_shape])]
    for name, values in (("touch", touch), ("movement", movement)):
        if values is not None:
            constants[f"{name} values"] = values[None]
            nodes.append(helper.make_node("Add", ["row", f"{name} values"], [name]))
            outputs.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", len(values)]))
    inputs = [helper.make_tensor_value_info("latent", onnx.TensorProto.FLOAT, ["n", 3]),
              helper.make_tensor_value_info("pitch", onnx.TensorProto.INT64, ["n"])]
    # An input that no node reads would be dropped: the pitch is part of the sum, times nothing.
    nodes[:1] = [helper.make_node("Cast", ["pitch"], ["key"], to=onnx.TensorProto.FLOAT),
                 helper.make_node("Unsqueeze", ["key", "axes"], ["keys"]), helper.make_node("Concat", ["latent", "keys"], ["both"], axis=1),
                 helper.make_node("ReduceSum", ["both", "axes"], ["sum"])]
    graph = helper.make_graph(nodes, "played", inputs, outputs,
                              [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    manifest.put(model, {"format": 1, "name": "played", **representation.settings, "pitch_min": 60, "pitch_max": 72,
                         "latent_size": 3})
    manifest.save_model(model, path)
    return path


def played(model, velocity: int = 100) -> np.ndarray:
    (wave,) = play(model, np.zeros((1, 3), np.float32), np.array([69]), velocity)
    return wave


def test_touch_multiplies_magnitudes_as_the_contract_says() -> None:
    gain = 20 * np.log10(touch_gain(TOUCH[None], np.array([50.0]), SMALL)[0])
    mel = lambda hertz: 1127 * math.log(1 + hertz / 700)
    for number in (0, 9, 399):
        hertz = (number + 1) * RATE / 1_024
        place = 31 * mel(hertz) / mel(RATE / 2)
        right = np.interp(place, np.arange(32), TOUCH) * (50 - 100) / 100
        assert gain[number] == pytest.approx(right, abs=1e-6)
    assert np.allclose(touch_gain(TOUCH[None], np.array([100.0]), SMALL), 1)


def test_a_model_is_heard_with_its_touch(tmp_path) -> None:
    model = ModelFile(write_model(tmp_path / "model.onnx", movement=None))
    plain = ModelFile(write_model(tmp_path / "plain.onnx", touch=None, movement=None))
    assert model.optional == ("touch",) and plain.optional == ()
    assert np.abs(played(model, 100) - played(plain)).max() < 1e-6
    assert np.array_equal(played(plain, 1), played(plain, 127))
    level = lambda wave, hertz: np.abs(np.mean(wave * np.exp(-2j * math.pi * hertz * TIME)))
    decibels = 20 * np.log10(touch_gain(TOUCH[None], np.array([20.0]), SMALL)[0])
    for hertz in (440.0, 2_640.0):
        found = 20 * math.log10(level(played(model, 20), hertz) / level(played(plain), hertz))
        assert found == pytest.approx(np.interp(hertz, (np.arange(400) + 1) * RATE / 1_024, decibels), abs=0.1)


def test_each_note_of_a_batch_has_its_own_velocity(tmp_path) -> None:
    model = ModelFile(write_model(tmp_path / "model.onnx"))
    struck = np.array([20, 100, 127, 60, 90])
    together = list(play(model, np.zeros((5, 3), np.float32), np.full(5, 69), struck, size=2))
    assert len(together) == 5
    for wave, velocity in zip(together, struck):
        assert np.abs(wave - played(model, int(velocity))).max() < 1e-6


@pytest.mark.parametrize("cents, rate, decibels", [(20.0, 5.5, 0.0), (0.0, 5.5, 3.0), (35.0, 6.5, 2.0)])
def test_a_moved_tone_measures_so(cents: float, rate: float, decibels: float) -> None:
    straight = (0.1 * sum(np.sin(2 * math.pi * 440 * n * TIME) / n for n in range(1, 6))).astype(np.float32)
    moved = move(straight, np.array([cents, rate, decibels, 0.1]), RATE)
    found = measure_movement(moved, 440.0)
    assert found.vibrato_cents == pytest.approx(cents, rel=0.06, abs=0.5)
    assert found.tremolo_db == pytest.approx(decibels, rel=0.06, abs=0.2)
    if cents:
        assert found.vibrato_hz == pytest.approx(rate, abs=0.1)


def test_a_movement_begins_smoothly_and_has_half_its_depth_when_it_says() -> None:
    straight = np.sin(2 * math.pi * 1_000 * TIME).astype(np.float32)
    # A quarter of a period after a second: the sine is at its top there.
    moved = move(straight, np.array([0.0, 0.25, 6.0, 1.0]), RATE)
    level = lambda at: 20 * math.log10(np.abs(moved[int(at * RATE) - 160 : int(at * RATE) + 160]).max())
    assert level(1.0) == pytest.approx(0.5 * 6.0, abs=0.1)
    assert abs(level(0.05)) < 0.02
    assert np.array_equal(move(straight, np.array([0.0, 5.0, 0.0, 1.0]), RATE), straight), "no depth, nothing done"
    # With no time to rise the whole depth is there at once.
    assert np.abs(move(straight, np.array([0.0, 1.0, 6.0, 0.0]), RATE)[RATE // 4 - 50 : RATE // 4 + 50]).max() == pytest.approx(2, rel=0.01)


def test_reading_at_a_moving_speed_adds_no_noise() -> None:
    hertz, cents, rate = 6_000.0, 15.0, 5.0
    straight = np.sin(2 * math.pi * hertz * np.arange(4 * 48_000) / 48_000).astype(np.float32)
    found = move(straight, np.array([cents, rate, 0.0, 0.0]), 48_000)
    time = np.arange(4 * 48_000) / 48_000
    speed = 2 ** (cents * np.sin(2 * math.pi * rate * time) / 1200)
    ahead = np.concatenate([[0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1]))]) / 48_000
    right = np.sin(2 * math.pi * hertz * ahead)
    inside = slice(100, int(0.98 * len(right)))
    assert 10 * math.log10(np.square(found - right)[inside].mean() / np.square(right)[inside].mean()) < -70


def test_outputs_that_break_the_contract_are_refused(tmp_path) -> None:
    short = ModelFile(write_model(tmp_path / "short.onnx", touch=TOUCH[:31]))
    with pytest.raises(TrainingError, match="touch"):
        played(short)
    wild = ModelFile(write_model(tmp_path / "wild.onnx", movement=np.array([np.nan, 1, 1, 1], np.float32)))
    with pytest.raises(TrainingError, match="diverged"):
        played(wild)
