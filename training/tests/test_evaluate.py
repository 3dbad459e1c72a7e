"""The table as a whole: real notes measured against themselves, a model file, the command."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from timbrel_training import manifest
from timbrel_training.data import DataSet
from timbrel_training.errors import TrainingError
from timbrel_training.evaluate import evaluate, main, measure_latents
from timbrel_training.measures import table
from timbrel_training.measures.reference import prepare
from timbrel_training.measures.figures import FIGURES
from timbrel_training.measures.summary import constancy, diversity, like_real, nearest, summarise
from timbrel_training.model_file import ModelFile
from timbrel_training.spectral import Representation

LOW, HIGH = 58, 63


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """Eight tones at each of six keys, two of them held out."""
    from conftest import write_data_set

    keys = [key for key in range(LOW, HIGH + 1) for _ in range(8)]
    test = [place for place in range(len(keys)) if place % 8 >= 6]
    train = [place for place in range(len(keys)) if place % 8 < 6]
    return DataSet(write_data_set(tmp_path_factory.mktemp("tones") / "set", keys, (train, test)))


@pytest.fixture(scope="module")
def player(tones: DataSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that plays one real tone at each key, whatever the latent: a table of images."""
    import torch

    representation = Representation("if-hires")
    waves = torch.stack([tones.wave(int(np.flatnonzero(tones.pitches == key)[0])) for key in range(LOW, HIGH + 1)])
    images = representation.analyse(waves).numpy()
    helper = onnx.helper
    nodes = [
        helper.make_node("Sub", ["pitch", "low"], ["key"]),
        helper.make_node("Gather", ["images", "key"], ["played"]),
        helper.make_node("ReduceSum", ["latent", "axes"], ["sum"]),
        helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
        helper.make_node("Reshape", ["nothing", "shape"], ["silent"]),
        helper.make_node("Add", ["played", "silent"], ["spectrogram"]),
    ]
    constants = {"low": np.array([LOW]), "images": images, "axes": np.array([1]), "zero": np.zeros(1, np.float32),
                 "shape": np.array([-1, 1, 1, 1])}
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "player",
        [value("latent", onnx.TensorProto.FLOAT, ["n", 3]), value("pitch", onnx.TensorProto.INT64, ["n"])],
        [value("spectrogram", onnx.TensorProto.FLOAT, ["n", 2, 128, 1024])],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    fields = {"format": 1, "name": "player", **Representation("if-hires").settings,
              "pitch_min": LOW, "pitch_max": HIGH, "latent_size": 3}
    manifest.put(model, fields)
    path = tmp_path_factory.mktemp("player") / "player.onnx"
    manifest.save_model(model, path)
    return path


@pytest.fixture(scope="module")
def reference(tones: DataSet, tmp_path_factory: pytest.TempPathFactory):
    return prepare(tones, tmp_path_factory.mktemp("cache"), epochs=30)


def measure(path: Path, latents: int, key_step: int):
    model = ModelFile(path)
    return measure_latents(model, model.draw(latents, 0), key_step)


def test_a_model_that_plays_real_notes_measures_like_real_notes(player: Path, reference) -> None:
    notes = measure(player, latents=4, key_step=1)
    figures = summarise(notes, reference, key_step=1)
    assert len(notes) == 24
    assert figures["pitch_accuracy"] > 90
    assert figures["cents_95"] < 3 and figures["off_key"] == 0 and figures["bad"] == 0
    # It plays training notes, one timbre a key: nothing is new, nothing differs.
    assert figures["nearest_db"] < 1 and figures["diversity_db"] < 0.01
    real = summarise(reference.test, reference, key_step=1)
    assert real["diversity_db"] > 1
    assert figures["fid"] > real["fid"]


def test_each_latent_is_played_on_other_keys(player: Path) -> None:
    notes = measure(player, latents=3, key_step=3)
    assert [list(notes.midi[notes.group == n]) for n in range(3)] == [[58, 61], [59, 62], [60, 63]]


def test_what_was_measured_of_the_data_is_kept(tones: DataSet, tmp_path: Path) -> None:
    said = []
    first = prepare(tones, tmp_path, epochs=2, progress=said.append)
    assert said
    said.clear()
    second = prepare(tones, tmp_path, epochs=2, progress=said.append)
    assert not said
    assert np.array_equal(first.train_features, second.train_features)
    # A damaged file is made anew.
    (kept,) = tmp_path.glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:1000])
    third = prepare(tones, tmp_path, epochs=2, progress=said.append)
    assert said and np.allclose(first.train_features, third.train_features, atol=1e-5)


def test_notes_are_compared_at_the_keys_of_the_data(player: Path, reference) -> None:
    notes = measure(player, latents=5, key_step=1)
    chosen = like_real(notes, reference, seed=0)
    assert len(chosen) == len(set(chosen))
    keys, counts = np.unique(reference.train.midi, return_counts=True)
    ours = np.array([(notes.midi[chosen] == key).sum() for key in keys])
    assert np.array_equal(ours / ours.sum(), counts / counts.sum())


def test_real_notes_have_themselves_for_neighbours(reference) -> None:
    assert nearest(reference.train, reference.train) == pytest.approx(0, abs=1e-6)
    assert diversity(reference.train, seed=0) > 1
    assert np.isnan(constancy(reference.train, key_step=1)[0]), "each tone of the set has one key"


def test_the_command_prints_a_table_and_fills_manifest_and_card(
    tones: DataSet, player: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "player.onnx"
    model.write_bytes(player.read_bytes())
    card = tmp_path / "card.md"
    card.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
    out = tmp_path / "table.json"
    command = ["evaluate", model, "--data", tones.folder, "--cache", tmp_path, "--quick", "--latents", "2",
               "--key-step", "1", "--out", out, "--card", card, "--write-manifest"]
    monkeypatch.setattr(sys, "argv", [str(word) for word in command])
    main()
    rows = json.loads(out.read_text())["rows"]
    assert [row["name"] for row in rows] == ["real, held out", "player"]
    assert set(rows[1]["by_key"]) == {str(key) for key in range(LOW, HIGH + 1)}
    told = capsys.readouterr()
    assert all(f"| {figure.heading} |" in told.out for figure in FIGURES if "full band" not in figure.heading
               and "8 kHz" not in figure.heading and figure.key != "vibrato_hz")
    text = card.read_text()
    assert text.startswith("before") and text.endswith("after\n") and "old" not in text and "Inception" in text
    quality = ModelFile(model).manifest["quality"]
    assert quality["cents_median"] < 3 and "real_cents_median" in quality
    # Eight rounds over 36 notes teach the classifier too little to judge by, and its figures are not written.
    assert "pitch_accuracy" not in quality and "the classifier knows" in told.err


def test_bad_input_gives_a_sentence(tones: DataSet, player: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no model file"):
        evaluate([tmp_path / "none.onnx"], tones, tmp_path)
    (tmp_path / "card.md").write_text("no marks")
    with pytest.raises(TrainingError, match="measures"):
        table.fill_card(tmp_path / "card.md", "text")
    broken = onnx.load(str(player))
    fields = manifest.read(broken) | Representation("if").settings
    manifest.put(broken, fields)
    manifest.save_model(broken, tmp_path / "broken.onnx")
    with pytest.raises(TrainingError, match="manifest says"):
        measure(tmp_path / "broken.onnx", 1, 1)
