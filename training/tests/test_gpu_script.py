"""The script for a rented machine: data and run arrive in parcels, and the run goes home in one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_gan import CONFIG

from timbrel_training import checkpoint, parcel

SCRIPT = Path(__file__).parents[1] / "gpu" / "run.sh"


def stretch(folder: Path, work: str, total_images: int) -> Path:
    """Runs the script until so many images are trained; the parcel that it leaves."""
    config = folder / "small.toml"
    text = CONFIG.replace("total_images = 16", f"total_images = {total_images}")
    config.write_text(text.replace("sheet_latents = 0", "sheet_latents = 1"))
    settings = {
        "MINUTES": "5",
        "IN": str(folder / "in"),
        "WORK": str(folder / work),
        "OUT": str(folder / f"{work}-out"),
        "PYTHON": sys.executable,
        "OPTIONS": "--device cpu --threads 1",
    }
    done = subprocess.run(
        ["bash", str(SCRIPT), str(config)], env={**os.environ, **settings}, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    return folder / f"{work}-out"


@pytest.mark.skipif(os.name == "nt", reason="rented machines run Linux")
def test_a_run_goes_on_from_a_parcel_on_another_machine(data_folder: Path, tmp_path: Path) -> None:
    parcel.pack(data_folder, tmp_path / "in" / "data", 1 << 20, flac=True)
    first = stretch(tmp_path, "first", 8)
    shutil.copytree(first, tmp_path / "in" / "run")
    second = stretch(tmp_path, "second", 12)
    parcel.unpack(second, tmp_path / "home")
    assert checkpoint.load(tmp_path / "home" / "checkpoint")["images"] == 12
    rows = (tmp_path / "home" / "log.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["4", "8", "12"]
    # The newest sheet travels alone.
    assert [path.name for path in sorted((tmp_path / "home" / "samples").iterdir())] == ["000000012.png", "000000012.wav"]
