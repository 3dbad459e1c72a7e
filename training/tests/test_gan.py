"""Whole runs by the command: stopped and resumed, timed, signalled, and in two processes."""

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import write_data_set

from timbrel_training import checkpoint, gan, generators
from timbrel_training.errors import TrainingError
from timbrel_training.gan import Run
from timbrel_training.parallel import Parallel
from timbrel_training.trainer import Trainer

TESTS = Path(__file__).parent

# No sheets, since a note at the full resolution costs as much as a whole small run; tests of sheets ask for them.
CONFIG = """
[data]
pitch_min = 40
pitch_max = 64
[generator]
latent_size = 6
channels_base = 512
channels_max = 4
[discriminator]
channels_base = 512
channels_max = 4
[schedule]
stable_images = 4
fade_images = 4
total_images = 16
batch = [2]
[report]
log_images = 4
sheet_latents = 0
"""


@pytest.fixture
def folder(tmp_path: Path, data_folder: Path) -> Path:
    """A folder with a configuration, and a name for the data set."""
    (tmp_path / "small.toml").write_text(CONFIG)
    return tmp_path


def arguments(folder: Path, data: Path, out: str = "run", **changes: Any) -> argparse.Namespace:
    return argparse.Namespace(
        config=folder / "small.toml",
        data=data,
        out=folder / out,
        cache=folder / "cache",
        **{"minutes": None, "resume": False, "schedule_minutes": None, "start_from": None, **changes},
    )


def change_config(folder: Path, *changes: tuple[str, str]) -> None:
    text = CONFIG
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "small.toml").write_text(text)


def train(arguments: argparse.Namespace) -> Run:
    run = Run(arguments, Parallel("cpu"))
    run.train()
    return run


def rows(folder: Path, out: str = "run") -> list[dict[str, str]]:
    with open(folder / out / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


def without_times(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{k: v for k, v in row.items() if k not in ("seconds", "images_per_second")} for row in rows]


def check_same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert one.equal(other)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            check_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for mine, others in zip(one, other):
            check_same(mine, others)
    else:
        assert one == other


def test_a_run_stopped_twice_ends_as_one_that_was_not(
    folder: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_config(folder, ("sheet_latents = 0", "sheet_latents = 1"))
    train(arguments(folder, data_folder, "through"))

    step = Trainer.step

    def stopping_step(trainer: Trainer, *given: Any) -> dict:
        current.is_asked_to_stop = trainer.steps + 1 in (2, 4)
        return step(trainer, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", stopping_step)
        for session, images in enumerate((4, 8, 16)):
            current = Run(arguments(folder, data_folder, resume=session > 0), Parallel("cpu"))
            current.train()
            assert current.images == images

    through, resumed = (checkpoint.load(folder / out / "checkpoint") for out in ("through", "run"))
    for state in (through, resumed):
        del state["seconds"]
    check_same(resumed, through)
    assert without_times(rows(folder)) == without_times(rows(folder, "through"))
    assert [row["images"] for row in rows(folder)] == ["4", "8", "12", "16"]
    for ending in ("png", "wav"):
        samples = [folder / out / "samples" / f"000000016.{ending}" for out in ("through", "run")]
        assert samples[0].read_bytes() == samples[1].read_bytes()


def test_a_finished_run_gives_a_generator(folder: Path, data_folder: Path) -> None:
    run = train(arguments(folder, data_folder))
    generator = generators.load(folder / "run")
    assert generator.progress == run.trainer.average.progress == 1.5
    latent, pitch = torch.randn(1, 6), torch.tensor([60])
    assert generator(latent, pitch).equal(run.trainer.sample(latent, pitch))


class Clock:
    """Stands in for the module `time`: every step of training takes three seconds, all else none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now = 1000.0
        step = Trainer.step

        def timed_step(*given: Any) -> dict:
            self.now += 3.0
            return step(*given)

        monkeypatch.setattr(Trainer, "step", timed_step)
        monkeypatch.setattr(gan, "time", self)

    def monotonic(self) -> float:
        return self.now


def test_a_run_may_start_from_another_ones_generator(folder: Path, data_folder: Path) -> None:
    first = train(arguments(folder, data_folder))
    change_config(folder, ("latent_size = 6", "latent_size = 5"), ("total_images = 16", "total_images = 2"))
    # The generator's sizes are its own, and a resumed run knows them without the generator.
    for resume, start_from in ((False, folder / "run"), (True, None)):
        second = train(arguments(folder, data_folder, "second", start_from=start_from, resume=resume))
        assert second.trainer.generator.latent_size == 6
    difference = second.trainer.average.second.weight - first.trainer.average.second.weight
    assert 0.0 < float(difference.abs().max()) < 1e-3


def test_a_run_by_time_fills_its_box(folder: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change_config(
        folder,
        ("stable_images = 4", 'kind = "minutes"\nminutes = [30, 20, 0.1, 0.1, 0.1, 0.1, 0.1]'),
        ("sheet_latents = 0", "sheet_latents = 1\nsheet_minutes = 0.5"),
    )
    clock = Clock(monkeypatch)
    run = train(arguments(folder, data_folder, minutes=1.0))
    # 1.8 seconds are kept for the end, and the schedule stops 0.6 before that, at the next step.
    assert (run.images, run.seconds, clock.now) == (2 * 20, 60.0, 1060.0)
    assert run.schedule.at(run.images, run.seconds).is_finished
    # A sheet every half minute and one at the end.
    samples = sorted(path.stem for path in (folder / "run" / "samples").glob("*.png"))
    assert [int(name) for name in samples] == [22, 40]


def test_a_run_by_time_may_be_cut_into_sessions(
    folder: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_config(folder, ("stable_images = 4", 'kind = "minutes"\nminutes = [30, 20, 0.1, 0.1, 0.1, 0.1, 0.1]'))
    Clock(monkeypatch)
    train(arguments(folder, data_folder, "through", schedule_minutes=1.0))
    for minutes, finishes in ((0.5, False), (0.25, False), (5.0, True)):
        run = train(arguments(folder, data_folder, minutes=minutes, schedule_minutes=1.0, resume=True))
        assert run.schedule.ends[-1] == pytest.approx(60.0)
        assert run.schedule.at(run.images, run.seconds).is_finished == finishes
    through, resumed = (checkpoint.load(folder / out / "checkpoint") for out in ("through", "run"))
    check_same(resumed, through)


def test_images_in_memory_are_those_of_the_cache(folder: Path, data_folder: Path) -> None:
    train(arguments(folder, data_folder))
    change_config(folder, ("pitch_max = 64", 'pitch_max = 64\nkeep = "device"'))
    train(arguments(folder, data_folder, "memory"))
    assert without_times(rows(folder)) == without_times(rows(folder, "memory"))


def test_what_does_not_belong_together_is_a_sentence(folder: Path, data_folder: Path) -> None:
    train(arguments(folder, data_folder))
    with pytest.raises(TrainingError, match="holds a run already"):
        Run(arguments(folder, data_folder), Parallel("cpu"))
    change_config(folder, ("latent_size = 6", "latent_size = 7"))
    with pytest.raises(TrainingError, match="another generator"):
        Run(arguments(folder, data_folder, resume=True), Parallel("cpu"))
    change_config(folder, ("[data]", 'representation = "if"\n[data]'))
    with pytest.raises(TrainingError, match="another representation"):
        Run(arguments(folder, data_folder, resume=True), Parallel("cpu"))
    generators.save(folder / "run" / "checkpoint", generators.load(folder / "run"))
    with pytest.raises(TrainingError, match="not that of a training run"):
        Run(arguments(folder, data_folder, resume=True), Parallel("cpu"))


def test_a_diverged_run_keeps_its_last_good_checkpoint(folder: Path, data_folder: Path) -> None:
    train(arguments(folder, data_folder))
    change_config(folder, ("total_images = 16", "total_images = 32"))
    run = Run(arguments(folder, data_folder, resume=True), Parallel("cpu"))
    with torch.no_grad():
        run.trainer.generator.first.bias[0] = torch.nan
    with pytest.raises(TrainingError, match="diverged before image 20"):
        run.train()
    assert checkpoint.load(folder / "run" / "checkpoint")["images"] == 16


def test_a_run_may_go_on_with_other_data(
    folder: Path, data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    train(arguments(folder, data_folder))
    change_config(folder, ("total_images = 16", "total_images = 18"))
    other = write_data_set(tmp_path / "other", [50, 52, 54])
    assert train(arguments(folder, other, resume=True)).images == 18
    assert "is not the data" in capsys.readouterr().err


def command(folder: Path, data: Path, *more: str) -> list[str]:
    values = {"--config": folder / "small.toml", "--data": data, "--out": folder / "run", "--cache": folder / "cache"}
    flat = [str(word) for pair in values.items() for word in pair]
    return [*flat, "--device", "cpu", "--threads", "1", *more]


def test_a_signal_saves_and_ends_the_command(folder: Path, data_folder: Path) -> None:
    change_config(folder, ("total_images = 16", "total_images = 100_000"), ("stable_images = 4", "stable_images = 90_000"))
    process = subprocess.Popen([sys.executable, "-m", "timbrel_training.gan", *command(folder, data_folder)])
    try:
        deadline = time.monotonic() + 300
        while not (folder / "run" / "log.csv").exists() or not rows(folder):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=300) == 0
    finally:
        process.kill()
    state = checkpoint.load(folder / "run" / "checkpoint")
    assert state["images"] >= int(rows(folder)[-1]["images"]) > 0


def test_bad_input_ends_the_command_with_a_sentence(folder: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["gan", *command(folder, folder / "nowhere")])
        with pytest.raises(SystemExit) as end:
            gan.run_command(gan.main)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_two_processes_train_one_model(folder: Path, data_folder: Path) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    result = subprocess.run(
        [*launcher, str(TESTS / "two_processes.py"), *command(folder, data_folder)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS.parent)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert result.returncode == 0, result.stderr
    first, second = (json.loads((folder / "run" / f"rank{rank}.json").read_text()) for rank in (0, 1))
    assert first["weights"] == second["weights"]
    assert first["images"] == second["images"] == 16
    assert first["latents"] != second["latents"]
    # Together they see each of the eight notes once in an epoch of two steps.
    assert all(len({*one, *other}) == 4 for one, other in zip(first["notes"], second["notes"]))
    assert sorted(sum(first["notes"][:2] + second["notes"][:2], [])) == first["train"]
    assert [row["images"] for row in rows(folder)] == ["4", "8", "12", "16"]
    assert len(checkpoint.load(folder / "run" / "checkpoint")["random"]) == 2
