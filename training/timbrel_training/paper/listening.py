"""The listening test: a page with blind pairs of notes, and the key that tells later which row each came from.

As in the paper's human test, two notes of the same key are heard, and the better audio quality is said on five levels. Every two
rows meet equally often, or one time more, and each is heard first as often as second. The page holds sounds alone, in an order
that tells nothing; the names of the rows are in the key, which listeners do not get.
"""

import base64
import io
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from timbrel_training.errors import TrainingError
from timbrel_training.files import read_text, write_bytes, write_json

PAGE = Path(__file__).with_name("listen.html")
PLACE = "/*TEST*/null"

# Marks the file, so that another one is not taken for it.
KEY_FORMAT = "timbrel listening test 1"


def make(notes: Path, page: Path, pairs: int, seed: int) -> Path:
    """Writes the page from `notes`, a folder of a table (`ROW-SEED/NN-KEY.wav`), and its key beside it, which is returned.

    Raises:
        TrainingError: when there are not two rows with notes of one key.
    """
    rows = _rows(notes)
    random = np.random.default_rng(seed)
    chosen = _pairs(rows, pairs, random)
    files = sorted({path for pair in chosen for path in pair})
    # Numbers of notes are drawn anew, or their order would tell the rows.
    number = {path: int(place) for path, place in zip(files, random.permutation(len(files)))}
    sounds = [""] * len(files)
    for path, place in number.items():
        sounds[place] = _encoded(path)
    told = [[number[one], number[other]] for one, other in chosen]
    name = random.bytes(8).hex()
    content = json.dumps({"id": name, "pairs": told, "notes": sounds}, separators=(",", ":"))
    template = read_text(PAGE)
    if template.count(PLACE) != 1:
        raise TrainingError(f"{PAGE} has no single {PLACE} for the notes; take the file of this version.")
    write_bytes(page, template.replace(PLACE, content).encode())
    key = page.with_suffix(".key.json")
    row_of = {number[path]: path.parent.name.rsplit("-", 1)[0] for path in files}
    write_json(key, {"format": KEY_FORMAT, "test": name, "pairs": [[row_of[one], row_of[other]] for one, other in told]})
    return key


def _rows(notes: Path) -> dict[str, dict[int, list[Path]]]:
    """Files by row and MIDI key; the seeds of a row are one row to a listener."""
    rows: dict[str, dict[int, list[Path]]] = {}
    for path in sorted(notes.glob("*/*-*.wav")):
        key = path.stem.rsplit("-", 1)[1]
        if key.isdigit():
            name = path.parent.name if path.parent.name == "real" else path.parent.name.rsplit("-", 1)[0]
            rows.setdefault(name, {}).setdefault(int(key), []).append(path)
    if len(rows) < 2:
        raise TrainingError(f"{notes} holds notes of {len(rows)} rows, and two are needed: give the folder `notes` of a table.")
    return rows


def _pairs(rows: dict[str, dict[int, list[Path]]], count: int, random: np.random.Generator) -> list[tuple[Path, Path]]:
    """Pairs of files, all pairs of rows by turns."""
    meetings = [list(pair) for pair in itertools.combinations(sorted(rows), 2)]
    common = {tuple(pair): sorted(set(rows[pair[0]]) & set(rows[pair[1]])) for pair in meetings}
    for pair, keys in common.items():
        if not keys:
            raise TrainingError(f"The rows {pair[0]} and {pair[1]} have no note of the same key; make the table again.")
    chosen: list[tuple[Path, Path]] = []
    flip = random.integers(0, 2, len(meetings))
    for turn in range(-(-count // len(meetings))):
        for place in random.permutation(len(meetings))[: count - len(chosen)]:
            one, other = meetings[place]
            key = random.choice(common[one, other])
            files = tuple(Path(random.choice(rows[row][key])) for row in (one, other))
            chosen.append(files[::-1] if (flip[place] + turn) % 2 else files)
    return chosen


def _encoded(path: Path) -> str:
    """A note as FLAC, which browsers play and which is half as large, in base64."""
    samples, rate = soundfile.read(path, dtype="int16")
    content = io.BytesIO()
    soundfile.write(content, samples, rate, format="FLAC", subtype="PCM_16")
    return base64.b64encode(content.getvalue()).decode()


def read_key(told: Any, path: Path) -> dict[str, Any]:
    """A key, checked."""
    if not isinstance(told, dict) or told.get("format") != KEY_FORMAT:
        raise TrainingError(f"{path} is no key of a listening test; it lies beside the page, and ends in .key.json.")
    return told
