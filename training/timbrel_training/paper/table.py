"""The table of the rows: as Markdown, as CSV; spreads over seeds."""

import csv
import io
from dataclasses import dataclass

import numpy as np

from timbrel_training.paper.judge import FIGURES
from timbrel_training.paper.scale import TITLES


@dataclass
class Result:
    """One row with one seed: `figures` by key, images that it has seen, and whether its schedule is done. Real notes have
    neither seed nor images."""

    row: str
    seed: int | None
    figures: dict[str, float]
    images: int | None = None
    is_finished: bool = True


def markdown(results: list[Result]) -> str:
    """One line a row: the mean over its seeds, and in brackets the least and the greatest where there are several."""
    lines = [
        "| | seeds | images | " + " | ".join(figure.heading for figure in FIGURES) + " |",
        "|---|---:|---:|" + "---:|" * len(FIGURES),
    ]
    unfinished = False
    for name, title in TITLES.items():
        found = [result for result in results if result.row == name]
        if not found:
            continue
        images = sorted({result.images for result in found if result.images is not None})
        mark = "" if all(result.is_finished for result in found) else " *"
        unfinished |= bool(mark)
        seen = "-" if not images else f"{images[0]}" if len(images) == 1 else f"{images[0]} to {images[-1]}"
        seeds = str(len(found)) if images else "-"
        told = [_value(figure.form, [result.figures.get(figure.key, np.nan) for result in found]) for figure in FIGURES]
        lines.append(f"| {title}{mark} | {seeds} | {seen} | " + " | ".join(told) + " |")
    text = "\n".join(lines) + "\n"
    return text + ("\n\\* not trained to its end yet; the same command goes on.\n" if unfinished else "")


def to_csv(results: list[Result]) -> str:
    """One line a row and seed, all figures."""
    keys = [figure.key for figure in FIGURES]
    keys += sorted({key for result in results for key in result.figures} - set(keys))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "seed", "images", "finished", *keys])
    for result in results:
        values = [result.figures.get(key, np.nan) for key in keys]
        seed, images = ("" if value is None else value for value in (result.seed, result.images))
        writer.writerow([result.row, seed, images, int(result.is_finished),
                         *(f"{value:.6g}" if np.isfinite(value) else "" for value in values)])
    return text.getvalue()


def _value(form: str, values: list[float]) -> str:
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return "-"
    mean = form.format(float(np.mean(known)))
    return mean if len(known) == 1 else f"{mean} ({form.format(min(known))} to {form.format(max(known))})"
