"""Checkpoints: what goes in comes out, parts are small, and damage is a sentence."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from timbrel_training import checkpoint
from timbrel_training.errors import TrainingError

STATE = {
    "weights": {"a": torch.randn(300, 70), "b": torch.tensor(2.5), "empty": torch.empty(0, 3)},
    "half": torch.randn(11).bfloat16(),
    "random": torch.get_rng_state(),
    "channels last": torch.randn(4, 3, 1, 1).to(memory_format=torch.channels_last),
    "strided": torch.randn(6, 4)[::2, 1:3],
    "bits": torch.tensor([True, False]),
    "numbers": [1, 2.5, math.inf, True, None, "text", np.float32(0.5)],
    "pair": (1, [torch.arange(5)]),
    7: {"array": np.arange(6, dtype=np.int16).reshape(2, 3)},
}


def check_equal(found: object, right: object) -> None:
    if isinstance(right, np.generic):
        right = right.item()
    assert type(found) is type(right)
    if isinstance(right, torch.Tensor):
        assert found.dtype == right.dtype and found.equal(right)
    elif isinstance(right, np.ndarray):
        np.testing.assert_array_equal(found, right)
    elif isinstance(right, dict):
        assert list(found) == list(right)
        for key in right:
            check_equal(found[key], right[key])
    elif isinstance(right, list | tuple):
        assert len(found) == len(right)
        for one, other in zip(found, right):
            check_equal(one, other)
    else:
        assert found == right


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, STATE)
    check_equal(checkpoint.load(tmp_path), STATE)


def test_no_part_is_larger_than_the_limit(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, STATE, part_bytes=20_000)
    sizes = [path.stat().st_size for path in tmp_path.glob("*.part")]
    assert len(sizes) > 3 and max(sizes) <= 20_000
    check_equal(checkpoint.load(tmp_path), STATE)


def test_a_new_state_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, STATE, part_bytes=20_000)
    checkpoint.save(tmp_path, {"step": 2, "x": torch.ones(9)}, part_bytes=20_000)
    assert checkpoint.load(tmp_path)["step"] == 2
    assert len(list(tmp_path.iterdir())) == 2


def test_an_interrupted_save_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path, {"x": torch.zeros(9)})

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_json", interrupt)
        with pytest.raises(KeyboardInterrupt):
            checkpoint.save(tmp_path, {"x": torch.ones(9)})
    assert checkpoint.load(tmp_path)["x"].equal(torch.zeros(9))


def test_damage_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no checkpoint"):
        checkpoint.load(tmp_path)
    checkpoint.save(tmp_path, STATE, part_bytes=20_000)
    part = sorted(tmp_path.glob("*.part"))[1]
    whole = part.read_bytes()
    part.write_bytes(whole[:-1])
    with pytest.raises(TrainingError, match="is damaged"):
        checkpoint.load(tmp_path)
    part.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(TrainingError, match="is damaged"):
        checkpoint.load(tmp_path)
    part.unlink()
    with pytest.raises(TrainingError, match="is missing"):
        checkpoint.load(tmp_path)
    part.write_bytes(whole)
    index = json.loads((tmp_path / "checkpoint.json").read_text())
    for change in ({"format": 99}, {"parts": index["parts"][:1]}, {"tensors": [{}]}, {"parts": None}):
        (tmp_path / "checkpoint.json").write_text(json.dumps({**index, **change}))
        with pytest.raises(TrainingError, match="newer version|damaged"):
            checkpoint.load(tmp_path)
    (tmp_path / "checkpoint.json").write_text("{")
    with pytest.raises(TrainingError, match="not JSON"):
        checkpoint.load(tmp_path)


def test_what_cannot_be_stored_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="object"):
        checkpoint.save(tmp_path, {"x": object()})
