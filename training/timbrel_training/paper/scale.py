"""A scale of the paper's table: which rows there are, how each is trained, and how much is measured.

A TOML file, `config/table-small.toml` or `config/table-full.toml` or one's own. Each table `[rows.NAME]` is a configuration
of its own (`config.py`); what stands in `[common]` is laid under all of them.
"""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from timbrel_training import config
from timbrel_training.config import Config
from timbrel_training.errors import TrainingError
from timbrel_training.files import read_toml

CONFIGS = Path(__file__).parents[2] / "config"

# The rows as the paper's table names them, in its order; the last one is not in it.
TITLES = {
    "real": "Real data",
    "if-mel-hires": "IF-Mel + H",
    "if-hires": "IF + H",
    "phase-hires": "Phase + H",
    "if-mel": "IF-Mel",
    "if": "IF",
    "phase": "Phase",
    "wavenet": "WaveNet",
    "wavegan": "WaveGAN",
    "plain": "IF-Mel + H, not progressive",
}


@dataclass(frozen=True)
class Scale:
    """All that a table is made from.

    Attributes:
        rows: configurations by the row's name, in the order of the table.
        latents: random latents a row, each played on every `key_step`-th key.
        walks: walks from one latent to another.
        wavenet_notes: notes of the autoregressive row, which take as long as they take.
        epochs: rounds of training of the judge.
        coherence_notes: real notes that are sent through each representation.
        sample_notes: notes a row that are written as WAVs, and that listeners hear.
    """

    rows: dict[str, Config]
    latents: int = 60
    key_step: int = 3
    walks: int = 12
    wavenet_notes: int = 90
    epochs: int = 14
    coherence_notes: int = 60
    sample_notes: int = 12

    @property
    def data(self) -> config.DataConfig:
        """What all rows learn from."""
        return next(iter(self.rows.values())).data

    def limited_to(self, images: int) -> "Scale":
        """The same with so many images a row: the last stage, which all else stands before, is as much longer or shorter."""
        rows = {name: replace(row, schedule=replace(row.schedule, total_images=images)) for name, row in self.rows.items()}
        return replace(self, rows=rows)


def read(told: str) -> Scale:
    """Reads "small", "full" or a file.

    Raises:
        TrainingError: when there is no such scale, or something in it is wrong.
    """
    path = CONFIGS / f"table-{told}.toml"
    if not path.exists():
        path = Path(told)
        if path.suffix != ".toml" or not path.exists():
            raise TrainingError(f"There is no scale {told!r}: use small, full, or a TOML file like those in {CONFIGS}.")
    table = read_toml(path)
    rows, common = table.pop("rows", {}), table.pop("common", {})
    known = {field.name for field in fields(Scale)} - {"rows"}
    if unknown := sorted(set(table) - known):
        raise TrainingError(f"{path}: there is no setting {unknown[0]}; there are {', '.join(sorted(known))}.")
    if unknown := sorted(set(rows) - set(TITLES)) or (["none"] if not rows else []):
        raise TrainingError(f"{path}: there is no row {unknown[0]}; there are {', '.join(name for name in TITLES if name != 'real')}.")
    configs = {name: _row(row, common, path, name) for name, row in rows.items()}
    if len({(row.data, row.schedule.total_images) for name, row in configs.items() if name != "plain"}) > 1:
        raise TrainingError(f"{path}: the rows have different data or images, and so could not be compared.")
    ordered = {name: configs[name] for name in TITLES if name in configs}
    return Scale(ordered, **table)


def _row(row: dict[str, Any], common: dict[str, Any], path: Path, name: str) -> Config:
    laid = config.laid_over(config.extended(common, path), config.extended(row, path))
    return config.from_table(laid, f"{path}, rows.{name}")


def seeded(row: Config, seed: int) -> Config:
    return replace(row, seed=seed)
