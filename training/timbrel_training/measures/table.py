"""The table of measures: as Markdown, as JSON, and in a model's card."""

import json
import math
from pathlib import Path
from typing import Any

from timbrel_training.errors import TrainingError
from timbrel_training.files import write_bytes
from timbrel_training.measures.summary import FIGURES

# A card keeps its own text around these two comments.
BEGIN = "<!-- measures -->"
END = "<!-- /measures -->"


def markdown(rows: list[dict]) -> str:
    """Rows {"name", key: value} as a Markdown table, one line a figure, one column a row: figures outnumber models."""
    lines = [
        "| | " + " | ".join(row["name"] for row in rows) + " |",
        "|---|" + "---:|" * len(rows),
        "| notes | " + " | ".join(str(row["notes"]) for row in rows) + " |",
    ]
    for figure in FIGURES:
        lines.append(f"| {figure.heading} | " + " | ".join(_text(figure.form, row[figure.key]) for row in rows) + " |")
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


def quality(row: dict, real: dict) -> dict[str, float]:
    """The figures for a model's manifest, those of real notes beside them, rounded to what they are worth."""
    figures = {}
    for figure in FIGURES:
        for prefix, source in (("", row), ("real_", real)):
            if math.isfinite(source[figure.key]):
                figures[prefix + figure.key] = float(f"{source[figure.key]:.4g}")
    return figures


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
