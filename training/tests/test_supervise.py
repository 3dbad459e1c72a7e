"""The supervised recipe and its parts: map, tables, generator, resumption."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from conftest import tone

from timbrel_training import descriptors, factors
from timbrel_training.data import DataSet
from timbrel_training.errors import TrainingError
from timbrel_training.factored import Generator
from timbrel_training.mel import band_frequencies
from timbrel_training.linear_scale import linear_of, scale_of
from timbrel_training.measures.pitch import key_hz
from timbrel_training.notes import power_of
from timbrel_training.spectral import Representation
from timbrel_training.supervise import Run, losses
from timbrel_training.timbre_map import TimbreMap, balanced_masses

PITCHES = [48, 50, 52, 54, 56, 58, 60]

CONFIG = tomllib.loads("""
representation = "if-mel-hires"
pitches = [48, 60]
seed = 3
[map]
shapes = 1
temperature = 0.25
[model]
code = 8
tables = 6
channels = 8
layers = 2
hidden = 8
knots = 16
spectra = 2
[train]
batch = 2
rate = 2e-3
table_rate = 4e-3
betas = [0.9, 0.99]
warm_up = 2
clip = 1.0
average = 0.9
mixed = 2
least_share = 0.08
""")


@pytest.fixture(scope="module")
def sounds_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three instruments from dull to bright at seven pitches; one note of each is held out."""
    folder = tmp_path_factory.mktemp("sounds")
    (folder / "audio").mkdir()
    labels, split = {}, {"seed": 1, "train": [], "test": []}
    for number, brightness in enumerate((0.3, 0.6, 1.0)):
        for pitch in PITCHES:
            name = f"tone_acoustic_{number:03d}-{pitch:03d}-100"
            labels[name] = {"pitch": pitch, "velocity": 100, "instrument_str": f"tone_acoustic_{number:03d}"}
            split["test" if pitch == PITCHES[number + 1] else "train"].append(name)
            soundfile.write(folder / "audio" / f"{name}.wav", tone(pitch, brightness), 16_000)
    (folder / "examples.json").write_text(json.dumps(labels))
    (folder / "split.json").write_text(json.dumps(split))
    return folder


@pytest.fixture
def new_run(sounds_folder: Path, tmp_path: Path) -> Callable[..., Run]:
    return lambda name="run", resume=False: Run(CONFIG, DataSet(sounds_folder), tmp_path / name, resume)


def test_band_frequencies_are_those_that_a_tone_comes_out_at() -> None:
    representation = Representation("if-mel-hires")
    time = torch.arange(64_000) / 16_000
    for frequency in (220.0, 1234.0, 5000.0):
        image = representation.analyse((0.3 * torch.sin(2 * np.pi * frequency * time))[None])[0]
        loudest = int(image[0, 60].argmax())
        assert band_frequencies(1024, 16_000)[loudest] == pytest.approx(frequency, abs=8.0)


def test_descriptors_tell_bright_noisy_and_fading_sounds_apart() -> None:
    representation = Representation("if-mel-hires")
    random = np.random.default_rng(0)
    time = np.arange(64_000) / 16_000
    steady = sum(np.sin(2 * np.pi * 261.63 * n * time) / n for n in range(1, 7)) * 0.2
    waves = {
        "steady": steady,
        "dull": 0.4 * np.sin(2 * np.pi * 261.63 * time),
        "noisy": steady + 0.02 * random.standard_normal(64_000),
        "fading": steady * np.exp(-2.0 * time),
        "moving": steady * (1.0 + 0.5 * np.sin(2 * np.pi * 5 * time)),
        "slow": steady * np.minimum(1.0, time / 0.6),
    }
    rows = {}
    for name, wave in waves.items():
        image = representation.analyse(torch.tensor(wave, dtype=torch.float32)[None])[0].numpy()
        rows[name] = dict(zip(descriptors.NAMES, descriptors.describe(image[0], 60, representation)))
    assert rows["steady"]["brightness"] > rows["dull"]["brightness"] + 0.3
    assert rows["noisy"]["noise"] > rows["steady"]["noise"] + 6.0
    assert rows["fading"]["sustain"] == pytest.approx(-2.0 * 20 / np.log(10), abs=2.0)
    assert rows["moving"]["movement"] > rows["steady"]["movement"] + 1.0
    assert rows["slow"]["attack"] > rows["steady"]["attack"] + 1.0
    assert rows["dull"]["fundamental"] > rows["steady"]["fundamental"]


def test_every_sound_gets_its_share_of_the_latents() -> None:
    random = np.random.default_rng(5)
    # A crowd and two loners: by distance alone, the crowd would starve.
    where = np.concatenate([0.1 * random.standard_normal((10, 3)), [[2, 0, 0], [0, -2, 0]]]).astype(np.float32)
    timbres = TimbreMap(where, balanced_masses(where, random), temperature=0.25)
    weights = timbres.weights(random.standard_normal((20_000, 3)).astype(np.float32))
    assert np.allclose(weights.sum(axis=1), 1.0, atol=1e-4)
    share = np.bincount(weights.argmax(axis=1), minlength=12) / 20_000 * 12
    assert share.min() > 0.6 and share.max() < 1.6


def test_weights_in_the_generator_are_those_of_the_map(new_run: Callable[..., Run]) -> None:
    generator = new_run().generator
    timbres = TimbreMap(generator.places.numpy(), generator.masses.numpy(), float(generator.temperature))
    latent = torch.randn(20, generator.latent_size)
    assert np.allclose(generator.weights(latent).numpy(), timbres.weights(latent.numpy()), atol=1e-5)


def test_the_first_tables_come_close_to_the_notes(new_run: Callable[..., Run]) -> None:
    run = new_run()
    notes, generator = run.notes, run.generator
    errors = []
    for sound, pitch in zip(*np.nonzero(notes.note >= 0)):
        with torch.no_grad():
            level = generator.expected(generator.codes[[sound]], torch.tensor([pitch]))[0][0].numpy()
        target = notes.level(notes.note[sound, pitch])
        heard = target > target.max() - 10
        errors.append(np.abs(level - target)[heard].mean())
    # Without the tables the level of a heard bin is some 7 nepers off.
    assert np.mean(errors) < 1.5


def test_a_held_out_note_is_neither_learnt_nor_replaced(new_run: Callable[..., Run]) -> None:
    run = new_run()
    nearest = run.teacher.nearest
    for sound in range(3):
        assert nearest[sound, PITCHES[sound + 1] - 48] == -1
        assert PITCHES[sound + 1] - 48 not in run.teacher.pitches[sound]
    assert not set(run.data.test.tolist()) & set(nearest.ravel().tolist())
    # Pitches that nobody has are not drawn.
    assert all((np.array(pitches) % 2 == 0).all() for pitches in run.teacher.pitches)


def test_a_gain_raises_the_sound_and_not_the_silence_under_it() -> None:
    silence = torch.full((3, 4), np.log(1e-6)).half()
    assert power_of(silence, torch.tensor(8.0)).max() < 1e-9
    assert torch.allclose(power_of(torch.tensor([1.0, -1.5]), torch.tensor(8.0)).log(), torch.tensor([10.0, 5.0]), atol=1e-3)


def test_the_way_back_is_the_players() -> None:
    representation = Representation("if-mel-hires")
    scale = scale_of(representation)
    image = torch.stack([torch.randn(128, 1024) * 3.0, torch.rand(128, 1024) * 2.0 - 1.0])
    magnitude, turns = representation.polar(image[None])
    torch.testing.assert_close(torch.sqrt(scale.power(image[0]) + 1e-6), magnitude[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(0.5 * scale.angle(image[1]), turns[0], rtol=1e-5, atol=1e-6)
    forward, _ = representation.mel_matrices
    torch.testing.assert_close(scale.to_mel(image[0].exp()), image[0].exp() @ forward, rtol=1e-5, atol=1e-6)
    # The ends of the published matrices are empty.
    assert torch.allclose(scale.angle(scale.reach * 0.3)[1:-1], torch.tensor(0.3), atol=1e-5)


def test_the_first_angles_are_those_of_the_partials(new_run: Callable[..., Run]) -> None:
    """Also of the partials whose advance is near half a turn, and of those beyond 3 kHz, which mel images lose."""
    run = new_run()
    linear = linear_of(run.notes.representation)
    bin_hz = 16_000 / linear.n_fft
    for pitch in PITCHES:
        with torch.no_grad():
            angle = run.notes.scale.angle(run.generator.expected.mean_angle[pitch - 48])
        for partial in range(1, 7):
            hertz = partial * key_hz(pitch)
            bins = round(hertz / bin_hz) - 1 + np.arange(-1, 2)
            wanted = 2.0 * linear.hop / 16_000 * hertz
            assert torch.cos(np.pi * (angle[bins] - wanted)).min() > 0.95, (pitch, partial)


def test_a_run_goes_on_from_the_levels_of_another(new_run: Callable[..., Run], sounds_folder: Path, tmp_path: Path) -> None:
    first = new_run("first")
    examples = first.teacher.draw()
    for _ in range(12):
        first.learn(examples, 0.0)
    first.random_before = first.random.bit_generator.state
    first.save()
    start = first.folder
    second = Run(CONFIG, DataSet(sounds_folder), tmp_path / "second", False, start)
    assert torch.equal(second.generator.expected.table, torch.as_tensor(first.average["expected.table"]))
    assert torch.equal(second.generator.codes, torch.as_tensor(first.average["codes"]))
    assert losses(second.generator, examples, second.notes.scale)[1]["level"] < 1.1 * losses(
        first.averaged(), examples, first.notes.scale
    )[1]["level"]
    first.notes.names[0] = "another"
    first.save()
    with pytest.raises(TrainingError, match="does not know 1 of the 3 sounds"):
        Run(CONFIG, DataSet(sounds_folder), tmp_path / "third", False, start)


def test_learning_brings_the_level_nearer(new_run: Callable[..., Run]) -> None:
    run = new_run()
    examples = run.teacher.draw()
    before = losses(run.generator, examples, run.notes.scale)[0].item()
    for _ in range(12):
        run.learn(examples, 0.0)
    assert losses(run.generator, examples, run.notes.scale)[0].item() < 0.9 * before


def test_a_resumed_run_takes_the_same_steps(new_run: Callable[..., Run]) -> None:
    def go(run: Run, steps: int) -> None:
        for _ in range(steps):
            run.learn(run.teacher.draw(), 0.25)
        run.random_before = run.random.bit_generator.state
        run.save()

    straight = new_run("straight")
    go(straight, 4)
    go(new_run("parts"), 2)
    resumed = new_run("parts", resume=True)
    assert resumed.step == 2
    go(resumed, 2)
    for name, value in straight.generator.state_dict().items():
        assert torch.equal(value, resumed.generator.state_dict()[name]), name
    for name, value in straight.average.items():
        assert torch.equal(value, resumed.average[name]), name


def test_training_by_the_clock_writes_log_checkpoint_and_sheet(new_run: Callable[..., Run], monkeypatch) -> None:
    monkeypatch.setattr("timbrel_training.supervise.LOG_SECONDS", 0.0)
    run = new_run()
    run.train(minutes=10.0, steps=3)
    lines = (run.folder / "log.csv").read_text().splitlines()
    assert lines[0].startswith("seconds,step,images,level_db") and len(lines) == 4
    assert (run.folder / "sheet.png").stat().st_size > 10_000
    assert (run.folder / "sheet.wav").stat().st_size > 100_000
    resumed = new_run(resume=True)
    assert resumed.step == 3
    image = resumed.averaged()(torch.zeros(1, resumed.generator.latent_size), torch.tensor([55]))
    assert image.shape == (1, 2, 128, 1024) and bool(torch.isfinite(image).all())


def test_a_run_on_other_sounds_is_refused(new_run: Callable[..., Run], data_folder: Path, tmp_path: Path) -> None:
    run = new_run()
    run.random_before = run.random.bit_generator.state
    run.save()
    with pytest.raises(TrainingError, match="instruments with 6 or more notes"):
        Run(CONFIG, DataSet(data_folder), tmp_path / "other", False)
    run.notes.names[0] = "something else"
    run.save()
    with pytest.raises(TrainingError, match="other sounds"):
        new_run(resume=True)


def test_noise_takes_over_where_nothing_is_coherent() -> None:
    generator = Generator(sounds=2, latent=3, code=4, tables=3, channels=4, layers=1, hidden=4, knots=8, spectra=1)
    level = torch.full((1, 128, 1024), -2.0)
    angle = torch.full((1, 128, 1024), 0.25)
    spread = torch.full((1, 128, 1024), 0.7)
    coherence = torch.ones(1, 128, 1024)
    coherence[..., 512:] = 0.0
    generator.expected.forward = lambda code, index, frames=None: (level, spread, angle, coherence)
    with torch.no_grad():
        image = generator(torch.zeros(1, 3), torch.tensor([60]))[0]
    gain = image[0, 0, 0] - level[0, 0, 0]
    assert torch.allclose(image[0, :, :512], level[0, :, :512] + gain) and torch.equal(image[1, :, :512], angle[0, :, :512])
    assert (image[0, 20:, 512:] + 2.0 - gain).abs().mean() == pytest.approx(0.7, rel=0.1)
    # White noise has its angle nearly anywhere (overlapping windows share some of it).
    assert torch.exp(1j * torch.pi * image[1, 20:, 512:]).mean().abs() < 0.4


def test_all_notes_are_equally_loud(new_run: Callable[..., Run]) -> None:
    run = new_run()
    latent = torch.randn(6, run.generator.latent_size)
    with torch.no_grad():
        made = run.generator(latent, torch.tensor([48, 50, 52, 55, 58, 60]))[:, 0]
    taught = torch.stack([torch.from_numpy(run.notes.level(index)) for index in run.notes.note[run.notes.note >= 0]])
    for level in (made, taught):
        power = level.exp().sum(dim=2).unfold(1, 8, 1).mean(dim=2).amax(dim=1)
        assert power.numpy() == pytest.approx(10_000.0, rel=0.02)


def test_factors_fill_in_what_is_missing(new_run: Callable[..., Run]) -> None:
    run = new_run()
    run.generator.expected.table.data.zero_()
    deviation = factors.initialise(run.generator, run.notes)
    assert 0.0 <= deviation < 1.5
    # Pitches without any note have the mean of all; those with notes have their own.
    mean = run.generator.expected.mean_level
    assert torch.equal(mean[1], mean[3]) and not torch.equal(mean[0], mean[2])
