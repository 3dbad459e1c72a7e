"""From listeners' answers to a ranking of the rows.

Strengths after Bradley and Terry (1952): the chance that row i is preferred to j is p_i / (p_i + p_j); "no difference" is half a
preference for each. They are found by the iteration of Hunter (2004). Intervals are from 1000 draws of listeners with
replacement, or of single answers where only one has listened. Between any two rows stands Wilcoxon's signed-rank test on the
five levels, as in the paper, with Holm's correction for the number of pairs.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from timbrel_training.errors import TrainingError
from timbrel_training.files import read_json
from timbrel_training.paper.listening import read_key
from timbrel_training.paper.scale import TITLES

DRAWS = 1_000
PERCENTILES = (2.5, 97.5)

# Half a preference each way between all rows, without which one that always wins would have no finite strength.
PRIOR = 0.5

ITERATIONS = 10_000
CLOSE_ENOUGH = 1e-9

NOBODY = "No one has listened yet, so there is no result to report: open the page, listen, and give the files of answers."


@dataclass(frozen=True)
class Answer:
    """What one listener said of one pair: -2 (the first, much) to 2 (the second, much)."""

    listener: str
    first: str
    second: str
    level: int


def read(key: Path, files: list[Path]) -> list[Answer]:
    """The answers in files of one test.

    Raises:
        TrainingError: when a file is of another test or damaged, or nobody has answered.
    """
    told = read_key(read_json(key), key)
    found: dict[tuple[str, int], Answer] = {}
    for path in files:
        content = read_json(path)
        if not isinstance(content, dict) or content.get("test") != told["test"]:
            raise TrainingError(f"{path} holds no answers to the test of {key}; leave it out, or give the key that belongs to it.")
        for item in content.get("answers", []):
            pair, level = _checked(item, len(told["pairs"]), path)
            listener = str(content.get("listener", path.name))
            # A file that was sent twice, or again with more in it, counts once.
            found[listener, pair] = Answer(listener, *told["pairs"][pair], level)
    if not found:
        raise TrainingError(NOBODY)
    return list(found.values())


def strengths(answers: list[Answer], rows: list[str]) -> np.ndarray:
    """Logarithms of the strengths [rows], their mean taken out."""
    wins = np.full((len(rows), len(rows)), PRIOR)
    np.fill_diagonal(wins, 0.0)
    number = {row: place for place, row in enumerate(rows)}
    for answer in answers:
        one, other = number[answer.first], number[answer.second]
        share = 0.5 + 0.5 * np.sign(answer.level)
        wins[other, one] += share
        wins[one, other] += 1.0 - share
    met = wins + wins.T
    strength = np.ones(len(rows))
    for _ in range(ITERATIONS):
        found = wins.sum(1) / (met / (strength[:, None] + strength[None])).sum(1)
        found /= np.exp(np.log(found).mean())
        change = np.abs(np.log(found / strength)).max()
        strength = found
        if change < CLOSE_ENOUGH:
            break
    return np.log(strength)


def intervals(answers: list[Answer], rows: list[str], seed: int = 0, draws: int = DRAWS) -> np.ndarray:
    """Lower and upper end [rows, 2] of the 95 % interval of each strength."""
    random = np.random.default_rng(seed)
    listeners = sorted({answer.listener for answer in answers})
    blocks = [[answer for answer in answers if answer.listener == one] for one in listeners]
    if len(blocks) == 1:
        blocks = [[answer] for answer in answers]
    found = []
    for _ in range(draws):
        chosen = random.integers(0, len(blocks), len(blocks))
        found.append(strengths([answer for place in chosen for answer in blocks[place]], rows))
    return np.percentile(found, PERCENTILES, axis=0).T


def comparisons(answers: list[Answer], rows: list[str]) -> list[tuple[str, str, int, float, float]]:
    """For every two rows that met: their names, how often, the mean level towards the second, and p after Holm."""
    found = []
    for one, other in itertools.combinations(rows, 2):
        levels = [answer.level if answer.first == one else -answer.level for answer in answers
                  if {answer.first, answer.second} == {one, other}]
        if levels:
            p = float(stats.wilcoxon(levels, zero_method="zsplit").pvalue) if any(levels) else 1.0
            found.append((one, other, len(levels), float(np.mean(levels)), p))
    order = np.argsort([row[-1] for row in found])
    held = 0.0
    for place, index in enumerate(order):
        held = max(held, min(1.0, found[index][-1] * (len(found) - place)))
        found[index] = (*found[index][:-1], held)
    return found


def markdown(answers: list[Answer]) -> str:
    """The ranking, best first, and every two rows."""
    rows = sorted({row for answer in answers for row in (answer.first, answer.second)})
    strength, ends = strengths(answers, rows), intervals(answers, rows)
    listeners = len({answer.listener for answer in answers})
    lines = [
        f"{len(answers)} answers of {listeners} listener{'s' if listeners > 1 else ''}."
        + ("" if listeners > 1 else " The intervals are those of one person's answers and say nothing of other people."),
        "",
        "| | wins | of | strength (log) | 95 % |",
        "|---|---:|---:|---:|---|",
    ]
    for place in np.argsort(-strength):
        row = rows[place]
        met = [answer for answer in answers if row in (answer.first, answer.second)]
        wins = sum((answer.level < 0) == (answer.first == row) and answer.level != 0 for answer in met)
        lines.append(f"| {TITLES.get(row, row)} | {wins} | {len(met)} | {strength[place]:+.2f} "
                     f"| {ends[place][0]:+.2f} to {ends[place][1]:+.2f} |")
    lines += ["", "| | against | answers | mean level (+: the second is better) | p (Wilcoxon, Holm) |", "|---|---|---:|---:|---:|"]
    for one, other, count, mean, p in comparisons(answers, rows):
        lines.append(f"| {TITLES.get(one, one)} | {TITLES.get(other, other)} | {count} | {mean:+.2f} | {p:.3g} |")
    return "\n".join(lines) + "\n"


def _checked(item: Any, pairs: int, path: Path) -> tuple[int, int]:
    pair, level = (item.get("pair"), item.get("answer")) if isinstance(item, dict) else (None, None)
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in (pair, level))
    if not whole or not 0 <= pair < pairs or not -2 <= level <= 2:
        raise TrainingError(f"{path} holds an answer that the page cannot have given ({item!r}); ask for the file again.")
    return pair, level
