"""The importer against the outputs of the published code, and on damaged files."""

import json
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from timbrel_training.crc32c import crc32c, masked
from timbrel_training.errors import TrainingError
from timbrel_training.export import export
from timbrel_training.import_magenta import DEFAULTS, import_magenta, newest, normaliser, progress_at, representation
from timbrel_training.model_file import ModelFile
from timbrel_training.tensorflow_checkpoint import Checkpoint

GOLDEN = Path(__file__).parent / "golden" / "magenta"
STEP = "model.ckpt-11000000"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the golden checkpoint that a test may damage."""
    shutil.copytree(GOLDEN, tmp_path / "trained")
    return tmp_path / "trained"


def change_settings(folder: Path, **settings) -> None:
    path = folder / "experiment.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def outputs(folder: Path) -> torch.Tensor:
    """Images [4, 2, 128, 1024] of the golden latents."""
    golden = np.load(GOLDEN / "outputs.npz")
    generator = import_magenta(folder).generator
    return generator(torch.from_numpy(golden["z"]), torch.from_numpy(golden["pitches"]))


def test_module_and_file_give_what_the_published_code_gave(tmp_path: Path) -> None:
    golden = np.load(GOLDEN / "outputs.npz")
    imported = import_magenta(GOLDEN)
    assert (imported.stage, imported.progress) == (12, 6.0)
    generator = imported.generator
    assert (generator.pitch_min, generator.pitch_max, generator.latent_size) == (24, 84, 16)
    parity = export(generator, tmp_path / "model.onnx", {"name": "golden"})
    assert parity.notes == 61
    with torch.no_grad():
        module = generator(torch.from_numpy(golden["z"]), torch.from_numpy(golden["pitches"])).numpy()
    file = ModelFile(tmp_path / "model.onnx").render(golden["z"], golden["pitches"])
    # In the network's range, as the published code's own differences between machines are.
    scale = np.array(generator.normaliser.scale)
    for images in (module, file):
        images = images.transpose(0, 2, 3, 1)
        assert np.abs((images[:, ::8, ::8] - golden["coarse"]) * scale).max() < 1e-4
        assert np.abs((images[:, 37] - golden["frame"]) * scale).max() < 1e-4
        assert np.abs((images[:1, ::8, ::8] - golden["raw_weights"]) * scale).max() > 1e-2


def test_a_fade_in_is_the_blend_of_both_resolutions(folder: Path) -> None:
    whole = outputs(folder)
    # The step is 11,000,000: longer stages make it an earlier moment.
    change_settings(folder, stable_stage_num_images=1_000_000, transition_stage_num_images=1_000_000)
    before = outputs(folder)
    assert torch.equal(before[:, :, ::2, ::2], before[:, :, 1::2, 1::2]), "block 6 has half the resolution"
    change_settings(folder, stable_stage_num_images=950_000, transition_stage_num_images=950_000)
    share = 0.55 / 0.95
    assert import_magenta(folder).progress == pytest.approx(5 + share)
    assert torch.allclose(outputs(folder), share * whole + (1 - share) * before, atol=1e-4)


def test_progress_is_that_of_the_published_code() -> None:
    settings = DEFAULTS | {"stable_stage_num_images": 800, "transition_stage_num_images": 800}
    at = [progress_at(step, 0, 7, settings) for step in (0, 799, 800, 1200, 1599, 1600, 9_600, 10_399, 50_000)]
    assert at == pytest.approx([0, 0, 0, 0.5, 799 / 800, 1, 6, 6, 6])
    # Within stage 1 the network has two blocks and cannot grow beyond them.
    assert progress_at(50_000, 0, 2, settings) == 1
    timed = DEFAULTS | {"train_time_limit": 1300.0}
    assert [progress_at(0, seconds, 7, timed) for seconds in (50, 150, 1250, 9999)] == pytest.approx([0, 0.5, 6, 6])
    assert progress_at(5, 0, 4, DEFAULTS | {"train_progressive": False}) == 3


@pytest.mark.parametrize("kind, height, width, name", [
    ("mel", 2, 16, "if-mel-hires"), ("mel", 4, 8, "if-mel"), ("linear", 2, 16, "if-hires"), ("linear", 4, 8, "if"),
    ("phase", 2, 16, "phase-hires"), ("phase", 4, 8, "phase"),
])
def test_settings_name_the_representation(kind: str, height: int, width: int, name: str) -> None:
    assert representation(DEFAULTS | {"data_type": kind, "start_height": height, "start_width": width}) == name


def test_the_computed_normaliser_is_read(folder: Path) -> None:
    settings = DEFAULTS | {"data_normalizer": "specgrams_simple_normalizer"}
    with pytest.raises(TrainingError, match="normaliser"):
        normaliser(folder, settings)
    (folder / "assets").mkdir()
    np.savez(folder / "assets" / "specgrams_simple_normalizer.npz", normalizer=np.array([0.1, 0.2, 0.7, 0.05]))
    found = normaliser(folder, settings)
    assert found.scale == (0.1, 0.7) and found.offset == (0.2, 0.05)


def test_settings_may_lie_one_folder_above_and_in_a_sweep(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN, tmp_path / "sweep" / "one")
    settings = json.loads((tmp_path / "sweep" / "one" / "experiment.json").read_text())
    (tmp_path / "sweep" / "one" / "experiment.json").unlink()
    with pytest.raises(TrainingError, match="experiment.json"):
        import_magenta(tmp_path / "sweep" / "one")
    (tmp_path / "sweep" / "experiment.json").write_text(json.dumps({"jobs": {"one": settings}}))
    assert import_magenta(tmp_path / "sweep" / "one").stage == 12


def test_a_checkpoint_is_found_without_its_list_and_under_a_foreign_path(folder: Path) -> None:
    state = folder / "stage_00012" / "checkpoint"
    state.write_text(f'model_checkpoint_path: "/far/away/{STEP}"\n')
    assert newest(folder / "stage_00012").name == STEP
    state.unlink()
    assert newest(folder / "stage_00012").name == STEP


@pytest.mark.parametrize("settings, words", [
    ({"simple_arch": True}, "simple_arch"),
    ({"scale_mode": "H"}, "scale_mode"),
    ({"data_type": "wave"}, "wave"),
    ({"num_resolutions": 6}, "resolutions|representations"),
    ({"fmap_max": 4}, "belong together"),
    ({"latent_vector_size": 17}, "pitch-min"),
    ({"latent_vector_size": 200}, "no inputs"),
    ({"data_normalizer": "specgrams_freq_normalizer"}, "normaliser"),
])
def test_networks_of_other_kinds_are_refused(folder: Path, settings: dict, words: str) -> None:
    change_settings(folder, **settings)
    with pytest.raises(TrainingError, match=words):
        import_magenta(folder)


@pytest.mark.parametrize("damage, words", [
    (lambda stage: (stage / f"{STEP}.index").unlink(), "no checkpoint"),
    (lambda stage: (stage / f"{STEP}.data-00000-of-00001").unlink(), "missing"),
    (lambda stage: shorten(stage / f"{STEP}.data-00000-of-00001", 10_000), "cut short"),
    (lambda stage: shorten(stage / f"{STEP}.data-00000-of-00001", 0), "cut short"),
    (lambda stage: shorten(stage / f"{STEP}.index", 5_000), "damaged"),
    (lambda stage: shorten(stage / f"{STEP}.index", 0), "damaged"),
    (lambda stage: flip(stage / f"{STEP}.index", 3_000), "damaged"),
    (lambda stage: flip(stage / f"{STEP}.data-00000-of-00001", "Generator/progressive_gan_generator/"
                        "progressive_gan_block_3/conv1/conv2d/kernel/ExponentialMovingAverage"), "checksum"),
    (lambda stage: (stage.parent / "experiment.json").write_text("{"), "JSON"),
])
def test_damaged_and_missing_files_give_a_sentence(folder: Path, damage, words: str) -> None:
    damage(folder / "stage_00012")
    with pytest.raises(TrainingError, match=words):
        import_magenta(folder)


def shorten(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def flip(path: Path, place: int | str) -> None:
    """Changes one bit at a place, or within a variable."""
    if isinstance(place, str):
        content = Checkpoint(path.with_name(STEP))[place].tobytes()
        place = path.read_bytes().index(content) + 7
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)


def test_every_variable_of_the_checkpoint_reads_with_its_checksum() -> None:
    checkpoint = Checkpoint(GOLDEN / "stage_00012" / STEP)
    names = checkpoint.names()
    assert len(names) == 312 and names == sorted(names)
    assert all(np.isfinite(checkpoint[name]).all() for name in names)
    assert int(checkpoint["global_step"]) == 11_000_000


def test_checksums_are_those_of_the_standard() -> None:
    # RFC 3720, appendix B.4, and the check value of CRC-32C.
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(bytes([255] * 32)) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    # Long enough to be computed in lanes: the same, byte by byte.
    data = np.random.default_rng(0).bytes(10_007)
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    assert crc32c(data) == state ^ 0xFFFFFFFF != zlib.crc32(data)
    assert masked(0) == 0xA282EAD8
