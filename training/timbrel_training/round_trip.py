"""What a representation makes of real notes, there and back, without any network.

    python -m timbrel_training.round_trip --data DATA [--notes 500]

Notes of all families, as many of each as can be, are analysed, kept at half precision as training keeps them, and synthesised.
What they then measure stands beside the same measures of the untouched notes. A model can sound no better than its
representation.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from timbrel_training.data import DataSet
from timbrel_training.errors import run_command
from timbrel_training.measures import beating, full_band, movement, noise, partials, pitch, segment, spectrogram
from timbrel_training.measures.rate import to_rate
from timbrel_training.progress import stopwatch
from timbrel_training.spectral import Representation

# A lead-in of silence, in which an echo ahead of the stroke is heard, and how much of it before the note's own beginning is
# looked at, beside as much after it.
LEAD_S = 0.25
PRE_ECHO_S = 0.05

# Of so many notes one is sent there and back a second time, behind its lead-in.
ECHO_INTERVAL = 4

# A note begins where its level, in steps of a millisecond, first comes this close to its loudest step.
BEGINS_DB = -30.0
STEP_S = 0.001

# The first moment of a note, beside its peak.
STROKE_S = 0.005

# What is less than this is nothing [dB].
LEAST_DB = -120.0


@dataclass
class Way:
    """A way there and back; `representation` is None for the untouched notes."""

    name: str
    representation: Representation | None
    rate: int

    def go(self, wave: np.ndarray) -> np.ndarray:
        """A wave [samples] of four seconds at `rate`, there and back."""
        if self.representation is None:
            return wave
        image = self.representation.analyse(torch.from_numpy(wave)[None])
        return self.representation.synthesise(image.half().float())[0].numpy()


WAYS = (
    Way("untouched", None, 48_000),
    Way("FFT 6144, hop 1536 (20 kHz)", Representation.linear(48_000, 6_144, 1_536, 128, 2_560), 48_000),
    Way("FFT 4096, hop 1024 (20 kHz)", Representation.linear(48_000, 4_096, 1_024, 191, 1_706), 48_000),
    Way("untouched, 16 kHz", None, 16_000),
    Way("if-mel-hires, 16 kHz", Representation("if-mel-hires"), 16_000),
)


def measure(way: Way, waves: Callable[[], Iterator[tuple[np.ndarray, int]]], rate: int,
            progress: Callable[[str], None] = lambda _: None) -> dict[str, float]:
    """The figures of a way; `waves` gives waves [samples] at `rate` Hz with their MIDI pitches."""
    rows, echoes = [], []
    for number, (wave, key) in enumerate(waves()):
        if number % 100 == 0:
            progress(f"{way.name}: note {number}")
        before = to_rate(wave, rate, way.rate)
        after = way.go(before)
        rows.append((*heard(after, key, way.rate), stroke_db(after, way.rate), error_db(before, after, way.rate)))
        if number % ECHO_INTERVAL == 0:
            lead = np.zeros(round(LEAD_S * way.rate), np.float32)
            delayed = np.concatenate([lead, before])[: len(before)]
            echoes.append(pre_echo_db(delayed, way.go(delayed), way.rate))
    names = ("cents", "beating_db", "noise_db", "rise_ms", "above_db", "stroke_db", "error_db")
    found = {name: _median(column) for name, column in zip(names, zip(*rows))}
    return found | {
        "cents_95": float(np.nanpercentile([row[0] for row in rows], 95)),
        "pre_echo_db": _median(echoes), "pre_echo_95_db": float(np.nanpercentile(echoes, 95)),
    }


def heard(wave: np.ndarray, key: int, rate: int) -> tuple[float, float, float, float, float]:
    """Distance from the key [cents], beating [dB], noise between partials [dB], rise [ms] and level above 8 kHz [dB] of a wave."""
    above = float("nan")
    if full_band.has(rate):
        above = full_band.above_db(full_band.spectrum_of(to_rate(wave, rate, full_band.RATE)))
    wave = to_rate(wave, rate, segment.SAMPLE_RATE)
    found = pitch.measure_pitch(wave, key)
    power = spectrogram.power_of(spectrogram.transform(wave))
    is_there = np.isfinite(found.frequency_hz)
    beats = beating.beating_db(partials.partial_powers(power, found.frequency_hz)) if is_there else float("nan")
    rise = movement.measure_movement(wave, found.frequency_hz).rise_ms
    return abs(found.cents), beats, noise.noise_db(found), rise, above


def stroke_db(wave: np.ndarray, rate: int) -> float:
    """Level [dB] of the first 5 ms of a note beside its loudest 5 ms."""
    power = _powers(wave, STROKE_S, rate)
    return _db(power[0], power.max())


def pre_echo_db(before: np.ndarray, after: np.ndarray, rate: int) -> float:
    """Level [dB] of what a way puts ahead of a note that begins in silence, beside the first moment of the note itself.

    Both are waves [samples], the note untouched and there and back. The beginning is that of the untouched note.
    """
    power = _powers(before, STEP_S, rate)
    begins = int(np.argmax(power >= power.max() * 10.0 ** (BEGINS_DB / 10.0))) * int(STEP_S * rate)
    span = int(PRE_ECHO_S * rate)
    if begins < span or not power.any():
        return float("nan")
    ahead, behind = (np.square(part, dtype=np.float64).mean() for part in (after[begins - span : begins],
                                                                          before[begins : begins + span]))
    return _db(ahead, behind)


def error_db(before: np.ndarray, after: np.ndarray, rate: int) -> float:
    """Level [dB] of the difference beside the note, but for the end, where no window follows."""
    end = len(before) - rate // 5
    difference = after[:end].astype(np.float64) - before[:end]
    return _db(np.square(difference).mean(), np.square(before[:end], dtype=np.float64).mean())


def chosen_notes(data: DataSet, count: int, seed: int = 0) -> list[int]:
    """Indices of at most `count` notes, by turns one of each family, drawn at random within it."""
    random = np.random.default_rng(seed)
    families: dict[str, list[int]] = {}
    for index, example in enumerate(data.examples):
        families.setdefault(example.family, []).append(index)
    orders = [random.permutation(indices) for _, indices in sorted(families.items())]
    turns = ((turn, order[turn]) for turn in range(max(map(len, orders))) for order in orders if turn < len(order))
    return sorted(int(index) for _, (_, index) in zip(range(count), turns))


def markdown(rows: list[tuple[str, dict[str, float]]]) -> str:
    lines = [
        "| way | cents, median / 95 % | beating (dB) | noise between partials (dB) | rise (ms) | the stroke (dB) "
        "| ahead of it, median / 95 % (dB) | above 8 kHz (dB) | error (dB) |",
        "|---|---|---:|---:|---:|---:|---|---:|---:|",
    ]
    for name, row in rows:
        told = [f"{row['cents']:.1f} / {row['cents_95']:.1f}", f"{row['beating_db']:.1f}", f"{row['noise_db']:.1f}",
                f"{row['rise_ms']:.0f}", f"{row['stroke_db']:.1f}", f"{row['pre_echo_db']:.1f} / {row['pre_echo_95_db']:.1f}",
                f"{row['above_db']:.1f}" if np.isfinite(row["above_db"]) else "-", f"{row['error_db']:.1f}"]
        lines.append(f"| {name} | " + " | ".join(told) + " |")
    return "\n".join(lines) + "\n"


def _powers(wave: np.ndarray, seconds: float, rate: int) -> np.ndarray:
    step = int(seconds * rate)
    return np.square(wave[: len(wave) // step * step], dtype=np.float64).reshape(-1, step).mean(axis=1)


def _db(power: float, beside: float) -> float:
    return float(max(LEAST_DB, 10.0 * np.log10((power + 1e-30) / (beside + 1e-30))))


def _median(values) -> float:
    values = np.asarray(values, np.float64)
    return float(np.nanmedian(values)) if np.isfinite(values).any() else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m timbrel_training.round_trip", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="data set at 48 kHz")
    parser.add_argument("--notes", type=int, default=500, help="how many notes (default 500)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    progress = stopwatch()
    data = DataSet(arguments.data)
    indices = chosen_notes(data, arguments.notes, arguments.seed)

    def waves() -> Iterator[tuple[np.ndarray, int]]:
        return ((data.wave(index).numpy(), int(data.pitches[index])) for index in indices)

    rows = [(way.name, measure(way, waves, data.sample_rate, progress)) for way in WAYS if way.rate <= data.sample_rate]
    print(f"{len(indices)} notes of {len({data.examples[index].family for index in indices})} families, {data.name}\n")
    print(markdown(rows))


if __name__ == "__main__":
    run_command(main)
