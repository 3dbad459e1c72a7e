"""The table of measures: as Markdown, as JSON, and in a model's card."""

import json
import math
from pathlib import Path
from typing import Any

from timbrel_training.errors import TrainingError
from timbrel_training.files import write_bytes
from timbrel_training.measures.figures import FIGURES, faults

# A card keeps its own text around these two comments.
BEGIN = "<!-- measures -->"
END = "<!-- /measures -->"

# What a manifest says of the points half-way between two sounds.
MIDPOINT_FIGURES = ("pitch_accuracy", "fid", "fid_full", "ndb", "ndb_full", "cents_median", "cents_95", "off_key", "bad")


def markdown(rows: list[dict]) -> str:
    """Rows {"name", "notes", key: value} as a Markdown table, one line a figure, one column a row: figures outnumber models.

    A figure that no row has is left out.
    """
    lines = [
        "| | " + " | ".join(row["name"] for row in rows) + " |",
        "|---|" + "---:|" * len(rows),
        "| notes | " + " | ".join(str(row["notes"]) for row in rows) + " |",
    ]
    for figure in FIGURES:
        values = [row.get(figure.key, math.nan) for row in rows]
        if any(math.isfinite(value) for value in values):
            lines.append(f"| {figure.heading} | " + " | ".join(_text(figure.form, value) for value in values) + " |")
    return "\n".join(lines) + "\n"


def _text(form: str, value: float) -> str:
    return form.format(value) if math.isfinite(value) else "-"


def to_json(rows: list[dict], settings: dict) -> str:
    """The same as JSON; what could not be measured is null."""
    return json.dumps({"settings": settings, "rows": _finite(rows)}, indent=1, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def quality(rows: list[dict], real: dict) -> dict[str, float]:
    """The figures for a model's manifest, those of real notes beside them, rounded to what they are worth.

    `rows` are those of the model: its random latents, and its mid-points where there are any. What a judge says that fails
    on the real notes themselves is left out: it would tell nothing of the model.
    """
    failing = faults(real)
    figures = {}
    for figure in FIGURES:
        if figure.needs in failing:
            continue
        sources = [("", rows[0]), ("real_", real)]
        if figure.key in MIDPOINT_FIGURES:
            sources += [("midpoint_", row) for row in rows[1:]]
        for prefix, source in sources:
            value = source.get(figure.key, math.nan)
            if math.isfinite(value):
                figures[prefix + figure.key] = float(f"{value:.4g}")
    return figures


def left_out(real: dict) -> list[str]:
    """A sentence for each judge whose figures `quality` leaves out."""
    return [
        f"Not written: {', '.join(figure.heading for figure in FIGURES if figure.needs == judge)}; {told}, so that they would "
        "tell nothing of a model."
        for judge, told in faults(real).items()
    ]


def fill_card(card: Path, text: str) -> None:
    """Puts `text` between the two marks of a card, in place of what stood there."""
    if not card.is_file():
        raise TrainingError(f"There is no card {card}; write one with the lines {BEGIN} and {END} in it.")
    content = card.read_text(encoding="utf-8")
    begin, end = content.find(BEGIN), content.find(END)
    if begin < 0 or end < begin:
        raise TrainingError(
            f"{card} has no lines {BEGIN} and {END}, in this order; put them where the table should stand."
        )
    begin += len(BEGIN)
    write_bytes(card, f"{content[:begin]}\n{text.strip()}\n{content[end:]}".encode())
