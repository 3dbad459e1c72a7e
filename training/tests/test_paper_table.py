"""The command that makes the paper's table, end to end at tiny sizes."""

import csv
import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from timbrel_training import checkpoint, paper_table
from timbrel_training.errors import TrainingError
from timbrel_training.paper import scale as scales
from timbrel_training.paper import speed, table
from timbrel_training.paper.judge import VaryingBins
from timbrel_training.paper.scale import TITLES
from timbrel_training.paper.table import Result

# All that is measured, as little as can be.
COUNTS = """
latents = 2
key_step = 3
walks = 1
wavenet_notes = 2
epochs = 1
coherence_notes = 2
sample_notes = 2
"""

SMALL = f"""{COUNTS}
[common]
blocks = 3
[common.data]
pitch_min = 40
pitch_max = 64
seconds = 0.5
sample_rate = 4000
keep = "device"
[common.generator]
kind = "progressive"
latent_size = 4
channels_base = 16
channels_max = 2
[common.discriminator]
channels_base = 16
channels_max = 2
[common.schedule]
stable_images = 4
fade_images = 4
total_images = 24
batch = [2]
[common.report]
log_images = 4
sheet_latents = 0
save_minutes = 0.0
[rows.phase]
representation = "phase"
[rows.if-mel-hires]
representation = "if-mel-hires"
[rows.if-mel]
representation = "if-mel"
[rows.wavenet]
representation = "wave"
[rows.wavenet.generator]
kind = "wavenet"
channels = 4
skip_channels = 4
layers = 2
stacks = 1
[rows.wavegan]
representation = "wave"
[rows.wavegan.generator]
kind = "wavegan"
latent_size = 4
channels = 1
[rows.plain.schedule]
grow = false
"""

# The full scale's own file of a row, with hardly any channels and the lowest of its resolutions.
FULL = f"""{COUNTS}
[rows.if-mel-hires]
extends = "{scales.CONFIGS / 'paper.toml'}"
[rows.if-mel-hires.data]
pitch_min = 40
pitch_max = 64
keep = "device"
[rows.if-mel-hires.generator]
latent_size = 4
channels_base = 512
channels_max = 4
[rows.if-mel-hires.discriminator]
channels_base = 512
channels_max = 4
[rows.if-mel-hires.schedule]
stable_images = 4
fade_images = 4
total_images = 12
batch = [2]
[rows.if-mel-hires.report]
log_images = 4
sheet_latents = 0
save_minutes = 0.0
"""

# Runs the command, and is killed without a warning in the middle of a step.
KILLED = """
import os, signal, sys
from timbrel_training import paper_table
from timbrel_training.trainer import Trainer
step, last = Trainer.step, int(sys.argv.pop(1))
def fatal_step(trainer, *given):
    if trainer.steps == last:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(trainer, *given)
Trainer.step = fatal_step
paper_table.main()
"""


def words(folder: Path, data: Path, out: str, *more: str) -> list[str]:
    return ["--scale", str(folder / "scale.toml"), "--data", str(data), "--out", str(folder / out), "--device", "cpu", *more]


def make(folder: Path, data: Path, out: str, *more: str) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["paper_table", *words(folder, data, out, *more)])
        paper_table.main()
    return folder / out


def kill_at(step: int, folder: Path, data: Path, out: str) -> None:
    command = [sys.executable, "-c", KILLED, str(step), *words(folder, data, out, "--threads", "1")]
    assert subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}).returncode == -signal.SIGKILL


def measured(out: Path) -> dict[str, dict]:
    found = {path.parent.name: json.loads(path.read_text()) for path in out.glob("rows/*/measures.json")}
    for row in found.values():
        # A time, which is another one each time.
        assert row["figures"].pop("ms_a_note") > 0.0
    return found


def test_all_rows_come_from_one_command(tmp_path: Path, data_folder: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "scale.toml").write_text(SMALL)
    out = make(tmp_path, data_folder, "table", "--seeds", "1,2", "--rows", "phase,wavenet,wavegan")
    assert set(measured(out)) == {f"{row}-{seed}" for row in ("phase", "wavenet", "wavegan") for seed in (1, 2)}
    # A second call adds what the first was not asked for, and does nothing again.
    before = {path: path.stat().st_mtime_ns for path in out.glob("rows/*/measures.json")}
    make(tmp_path, data_folder, "table")
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    rows = list(csv.DictReader((out / "table.csv").open()))
    assert [row["row"] for row in rows] == ["real", "if-mel-hires", "if-mel", "phase", "phase", "wavenet", "wavenet", "wavegan", "wavegan",
                                            "plain"]
    assert {row["images"] for row in rows[1:]} == {"24"} and {row["finished"] for row in rows} == {"1"}
    # A latent is what constancy and walks are of.
    assert all((row["even_share"] == "") == (row["row"] in ("real", "wavenet")) for row in rows)
    text = (out / "table.md").read_text()
    assert [line.split("|")[1].strip() for line in text.splitlines()[2:]] == [
        TITLES[row] for row in ("real", "if-mel-hires", "if-mel", "phase", "wavenet", "wavegan", "plain")
    ]
    assert text in capsys.readouterr().out
    assert "untouched" in (out / "coherence.md").read_text()
    assert (out / "rainbow.png").stat().st_size > 10_000
    assert {path.stem for path in (out / "wavs").glob("*.wav")} == {"real", *measured(out)}
    for path in out.glob("notes/*/*.wav"):
        wave, rate = soundfile.read(path)
        assert rate == 16_000 and len(wave) == 8_000 and np.abs(wave).max() == pytest.approx(0.7, abs=1e-3)


def test_more_images_go_on_from_what_is_there(tmp_path: Path, data_folder: Path) -> None:
    (tmp_path / "scale.toml").write_text(SMALL)
    rows = ("--rows", "if-mel-hires,wavegan")
    make(tmp_path, data_folder, "through", *rows)
    out = make(tmp_path, data_folder, "table", *rows, "--images", "22")
    assert {row["images"] for row in measured(out).values()} == {22}
    assert measured(make(tmp_path, data_folder, "table", *rows)) == measured(tmp_path / "through")


@pytest.mark.parametrize(("text", "row", "step"), [(FULL, "if-mel-hires", 3), (SMALL, "wavegan", 7)])
def test_a_row_that_was_killed_ends_as_one_that_was_not(
    text: str, row: str, step: int, tmp_path: Path, data_folder: Path
) -> None:
    (tmp_path / "scale.toml").write_text(only(text, row))
    kill_at(step, tmp_path, data_folder, "killed")
    assert checkpoint.load(tmp_path / "killed" / "rows" / f"{row}-1" / "checkpoint")["images"] == 2 * step
    assert not measured(tmp_path / "killed")
    assert measured(make(tmp_path, data_folder, "killed")) == measured(make(tmp_path, data_folder, "through"))
    assert (tmp_path / "killed" / "table.md").exists()


def only(text: str, row: str) -> str:
    """A scale with one of its rows."""
    head, *rows = text.split("[rows.")
    return head + "".join(f"[rows.{part}" for part in rows if part.startswith(row))


def test_two_calls_do_not_work_on_one_row(tmp_path: Path, data_folder: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "scale.toml").write_text(only(SMALL, "wavegan"))
    lock = tmp_path / "table" / "rows" / "wavegan-1" / "lock"
    lock.parent.mkdir(parents=True)
    with open(lock, "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        out = make(tmp_path, data_folder, "table")
    assert "worked on by another process" in capsys.readouterr().err
    assert len((out / "table.md").read_text().splitlines()) == 3
    assert not (lock.parent / "checkpoint").exists()


def test_a_time_box_leaves_an_unfinished_row_that_goes_on(
    tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scale.toml").write_text(only(SMALL, "wavegan"))
    with monkeypatch.context() as patch:
        patch.setattr("timbrel_training.gan.Run._must_stop", lambda run: run.images >= 8)
        out = make(tmp_path, data_folder, "table", "--minutes-a-row", "1")
    assert "WaveGAN *" in (out / "table.md").read_text()
    assert measured(out)["wavegan-1"]["images"] == 8
    make(tmp_path, data_folder, "table")
    assert "*" not in (out / "table.md").read_text()
    assert measured(out)["wavegan-1"] == measured(make(tmp_path, data_folder, "through"))["wavegan-1"]


def test_speeds_need_no_training(tmp_path: Path) -> None:
    (tmp_path / "scale.toml").write_text(SMALL)
    found = speed.speeds(scales.read(str(tmp_path / "scale.toml")), "cpu")
    assert list(found) == ["if-mel-hires", "if-mel", "phase", "wavenet", "wavegan", "plain"] and min(found.values()) > 0.0
    lines = speed.markdown(scales.read(str(tmp_path / "scale.toml")), "cpu").splitlines()
    assert lines[5].startswith("| WaveNet |") and lines[5].endswith("| 1 |")


def test_spreads_stand_in_the_table() -> None:
    results = [Result("real", None, {"fid": 1.0}), Result("if", 1, {"fid": 10.0}, 24), Result("if", 2, {"fid": 20.0}, 22, False)]
    lines = table.markdown(results).splitlines()
    assert lines[2].startswith("| Real data | - | - | - | 1.0 |")
    assert lines[3].startswith("| IF * | 2 | 22 to 24 | - | 15.0 (10.0 to 20.0) |")
    assert "not trained to its end" in lines[-1]


@pytest.mark.parametrize("scale", ["small", "full"])
def test_the_scales_have_all_rows_of_the_paper(scale: str) -> None:
    rows = scales.read(scale).rows
    assert list(rows) == [row for row in TITLES if row != "real"]
    assert len({(row.data, row.schedule.batch, row.loss) for row in rows.values()}) == 1
    spectral = [row for name, row in rows.items() if not name.startswith("wave")]
    assert len({(row.blocks, row.optimiser, row.generator.kind, row.discriminator) for row in spectral}) == 1
    assert {row.representation for name, row in rows.items() if name == "plain"} == {"if-mel-hires"}
    assert not rows["plain"].schedule.grow and not rows["wavegan"].schedule.grow and rows["if"].schedule.grow


@pytest.mark.parametrize(("words", "told"), [
    (["--scale", "huge"], "no scale 'huge'"), (["--rows", "if,cello"], "no row 'cello'"), (["--seeds", "one"], "whole numbers"),
    (["--images", "0"], "above 0"),
])
def test_what_is_not_there_is_a_sentence(words: list[str], told: str, data_folder: Path, tmp_path: Path,
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["paper_table", "--data", str(data_folder), "--out", str(tmp_path), *words])
    with pytest.raises(TrainingError, match=told):
        paper_table.main()


def test_rows_that_could_not_be_compared_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "scale.toml"
    path.write_text(SMALL.replace("[rows.phase]", "[rows.phase.schedule]\ntotal_images = 8\n[rows.phase]"))
    with pytest.raises(TrainingError, match="could not be compared"):
        scales.read(str(path))
    path.write_text(SMALL.replace("latents = 2", "latent = 2"))
    with pytest.raises(TrainingError, match="no setting latent"):
        scales.read(str(path))


def test_bins_are_decided_by_cells_that_vary() -> None:
    random = np.random.default_rng(1)
    notes = np.full((400, 12), -60.0, np.float32)
    notes[:, :4] = random.choice([-50.0, -10.0], (400, 4)) + random.standard_normal((400, 4))
    # Above the band there is silence but for a rounding error in one note.
    notes[0, 6] += 0.01
    bins = VaryingBins(notes)
    assert bins.different(notes) == 0.0
    assert bins.different(np.repeat(notes[:1], 2_000, 0)) > 0.5
