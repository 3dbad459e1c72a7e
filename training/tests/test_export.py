"""The file against the module, and what the file must be."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from timbrel_training import manifest
from timbrel_training.errors import TrainingError
from timbrel_training.export import PARITY, export
from timbrel_training.model_file import ModelFile
from timbrel_training.normaliser import PUBLISHED_MEL
from timbrel_training.progressive import ProgressiveGenerator


def small_generator(progress: float | None = None, seed: int = 0) -> ProgressiveGenerator:
    """The paper's generator with few channels, and biases that are not zero."""
    torch.manual_seed(seed)
    generator = ProgressiveGenerator("if-mel-hires", PUBLISHED_MEL, latent_size=12, pitch_min=58, pitch_max=63,
                                     channels_base=2048, channels_max=16, progress=progress)
    with torch.no_grad():
        for name, value in generator.named_parameters():
            if name.endswith("bias"):
                value.normal_(0, 0.2)
    return generator.eval()


class Literal(torch.nn.Module):
    """A generator without its fast form: what is exported is its own graph."""

    def __init__(self, generator: ProgressiveGenerator):
        super().__init__()
        self.generator = generator
        for name in ("latent_size", "pitch_min", "pitch_max", "representation"):
            setattr(self, name, getattr(generator, name))

    def forward(self, latent: torch.Tensor, pitch: torch.Tensor) -> torch.Tensor:
        return self.generator(latent, pitch)


@pytest.mark.parametrize("progress", [6.0, 5.3, 3.0, 0.0])
def test_the_fast_form_is_the_same_function_at_any_progress(progress: float, tmp_path: Path) -> None:
    generator = small_generator(progress)
    parity = export(generator, tmp_path / "model.onnx", {"name": "small"})
    assert parity.common < PARITY and parity.notes == 6
    # As against a module that is compared with itself: another seed is another function.
    other = small_generator(progress, seed=1)
    latent, pitch = torch.randn(2, 12), torch.tensor([58, 63])
    with torch.no_grad():
        assert (generator(latent, pitch) - other(latent, pitch)).abs().max() > 0.1


def test_a_generator_without_a_fast_form_is_exported_as_it_is(tmp_path: Path) -> None:
    generator = small_generator()
    assert export(Literal(generator), tmp_path / "model.onnx").common < PARITY


def test_the_file_keeps_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    export(small_generator(), path, {"name": "small", "licence": "MIT", "trained_on": "tones"})
    model = onnx.load(str(path))
    assert all(opset.version <= 20 and opset.domain in ("", "ai.onnx") for opset in model.opset_import)
    fields = json.loads({entry.key: entry.value for entry in model.metadata_props}["timbrel"])
    assert fields["frames"] == 128 and fields["bins"] == 1024 and fields["hop"] == 512 and fields["n_fft"] == 2048
    assert fields["pitch_min"] == 58 and fields["pitch_max"] == 63 and fields["latent_size"] == 12
    opened = ModelFile(path)
    latents = opened.draw(5, seed=3)
    together = opened.render(latents, [58, 59, 60, 61, 62])
    alone = np.concatenate([opened.render(latents[n : n + 1], [58 + n]) for n in range(5)])
    assert together.shape == (5, 2, 128, 1024)
    assert np.abs(together - alone).max() < 1e-4


def test_half_weights_halve_the_file_and_change_little(tmp_path: Path) -> None:
    generator = small_generator()
    export(generator, tmp_path / "whole.onnx")
    parity = export(generator, tmp_path / "half.onnx", half_weights=True)
    assert 1e-6 < parity.common < 0.05
    weights = [sum(len(tensor.raw_data) for tensor in onnx.load(str(tmp_path / name)).graph.initializer)
               for name in ("half.onnx", "whole.onnx")]
    assert weights[0] < 0.62 * weights[1]


def test_a_wrong_fast_form_is_refused_and_nothing_written(tmp_path: Path) -> None:
    generator = small_generator()
    other = small_generator(seed=5).for_inference()
    generator.for_inference = lambda: other
    with pytest.raises(TrainingError, match="nothing was written"):
        export(generator, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


class FixedBatch(Literal):
    """A forward whose batch size the exporter takes for a constant."""

    def forward(self, latent: torch.Tensor, pitch: torch.Tensor) -> torch.Tensor:
        return self.generator(latent + latent.mean().expand(len(latent), 1), pitch)


def test_a_graph_of_one_batch_size_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"x\.shape\[0\]"):
        export(FixedBatch(small_generator(0.0)), tmp_path / "model.onnx")


def test_a_diverged_generator_is_refused(tmp_path: Path) -> None:
    generator = small_generator()
    with torch.no_grad():
        generator.second.bias.fill_(float("nan"))
    with pytest.raises(TrainingError, match="diverged"):
        export(generator, tmp_path / "model.onnx")


@pytest.mark.parametrize("change, words", [
    ({"hop": 256}, "hop"),
    ({"pitch_max": 200}, "MIDI"),
    ({"representation": "cepstrum"}, "cepstrum"),
    ({"directions": [{"name": "Bright", "vector": [1.0, 2.0], "scale": 1.0}]}, "Bright"),
    ({"latents": [{"name": "Oboe", "vector": [float("nan")] * 12}]}, "Oboe"),
    ({"directions": [{"name": "Nothing", "vector": [0.0] * 12, "scale": 1.0}]}, "zeros"),
])
def test_a_manifest_that_the_plugin_would_refuse_is_never_written(change: dict, words: str) -> None:
    good = manifest.manifest_of(small_generator())
    with pytest.raises(TrainingError, match=words):
        manifest.check(good | change)


def test_files_that_are_no_models_give_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    plain = onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], []))
    onnx.save(plain, str(tmp_path / "plain.onnx"))
    for name, words in (("none.onnx", "no model file"), ("text.onnx", "not an ONNX"), ("plain.onnx", "manifest")):
        with pytest.raises(TrainingError, match=words):
            ModelFile(tmp_path / name)


def test_a_manifest_is_changed_in_place(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    export(small_generator(), path, {"name": "small"})
    before = ModelFile(path).render(np.zeros((1, 12), np.float32), [60])
    manifest.update(path, quality={"cents_median": 1.5})
    after = ModelFile(path)
    assert after.manifest["quality"] == {"cents_median": 1.5} and after.manifest["name"] == "small"
    assert np.array_equal(before, after.render(np.zeros((1, 12), np.float32), [60]))
