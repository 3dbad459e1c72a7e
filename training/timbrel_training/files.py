"""Files that are written whole or not at all."""

import json
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from timbrel_training.errors import TrainingError


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Lets `write` fill a file beside `path` and then renames it, so that no reader ever meets half a file.

    The name beside keeps the ending of `path`, since some libraries choose a format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        write(beside)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes `data` to `path`, whole or not at all."""

    def write(beside: Path) -> None:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    replace_file(path, write)


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as readable JSON, whole or not at all."""
    write_bytes(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def read_toml(path: Path) -> dict[str, Any]:
    """Reads TOML.

    Raises:
        TrainingError: when the file cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise TrainingError(f"{path} is not TOML ({error}); mend it.") from error


def read_text(path: Path) -> str:
    """Reads a text in UTF-8.

    Raises:
        TrainingError: when there is no such file, or it is no such text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise TrainingError(f"{path} cannot be read ({error.strerror}); check the path.") from error
    except UnicodeDecodeError as error:
        raise TrainingError(f"{path} is no text in UTF-8; write or copy it again.") from error


def read_json(path: Path) -> Any:
    """Reads JSON.

    Raises:
        TrainingError: when there is no such file, or it is not JSON.
    """
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise TrainingError(f"{path} is not JSON ({error}); write or copy it again.") from error
