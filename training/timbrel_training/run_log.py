"""The log of a run: a CSV file, and a line of progress on the terminal."""

import csv
import io
import sys
import time
from pathlib import Path

import torch
from torch import Tensor

from timbrel_training.files import write_bytes

# Places and rates, then what `Trainer.step` measures (`METRICS`), averaged since the row before.
PLACES = ("images", "seconds", "stage", "progress", "batch", "learning_rate", "images_per_second")
METRICS = (
    "discriminator_loss",
    "generator_loss",
    "score_real",
    "score_fake",
    "penalty",
    "slope_mean",
    "slope_max",
    "pitch_loss_real",
    "pitch_loss_fake",
    "pitch_accuracy_real",
    "pitch_accuracy_fake",
)

# How often the line of progress is written, on a terminal and into a file.
LINE_SECONDS_TERMINAL = 1.0
LINE_SECONDS_FILE = 30.0


class RunLog:
    """Averages what the steps measure and writes it down. Nothing is fetched from the device before a row is due."""

    def __init__(self, path: Path | None, images: int, every_images: int):
        """Opens the log; rows beyond `images`, which a resumed run is about to repeat, are taken away.

        Args:
            path: the CSV file; None for a process that writes none.
            every_images: how far apart the rows are.
        """
        self.path = path
        self.every_images = every_images
        self.next_row = images + every_images
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self._since = (images, time.monotonic())
        self._last_line = 0.0
        self._latest = ""
        if path is not None:
            _begin(path, images)

    def add(self, metrics: dict[str, Tensor]) -> None:
        """Takes what one step measured: tensors []."""
        for name, value in metrics.items():
            value = value.detach()
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1

    def is_due(self, images: int) -> bool:
        return images >= self.next_row

    def write_row(self, images: int, seconds: float, stage: int, progress: float, batch: int, rate: float) -> None:
        """Writes the averages since the row before. Costs a synchronisation with the device."""
        now = time.monotonic()
        speed = (images - self._since[0]) / max(now - self._since[1], 1e-9)
        self._since = images, now
        self.next_row = images + self.every_images
        sums, counts = self._sums, self._counts
        self._sums, self._counts = {}, {}
        if self.path is None or not sums:
            return
        names = [name for name in METRICS if name in sums]
        means = torch.stack([sums[name].float() / counts[name] for name in names]).tolist()
        metrics = dict(zip(names, means))
        row = [images, f"{seconds:.1f}", stage, f"{progress:.4f}", batch, f"{rate:.3g}", f"{speed:.2f}"]
        with open(self.path, "a", newline="") as file:
            csv.writer(file).writerow(row + [f"{metrics[name]:.6g}" if name in metrics else "" for name in METRICS])
        self._latest = f"{speed:.1f} images/s"
        if "score_real" in metrics:
            self._latest += (
                f", scores {metrics['score_real']:+.2f} / {metrics['score_fake']:+.2f}, "
                f"pitch {100 * metrics['pitch_accuracy_real']:.0f} / {100 * metrics['pitch_accuracy_fake']:.0f} %"
            )

    def show(self, images: int, progress: float, share: float) -> None:
        """Shows how far the run is (real / fake), not too often."""
        if self.path is None:
            return
        is_terminal = sys.stderr.isatty()
        now = time.monotonic()
        if now - self._last_line < (LINE_SECONDS_TERMINAL if is_terminal else LINE_SECONDS_FILE):
            return
        self._last_line = now
        line = f"{100 * share:5.1f} %, {images} images, progress {progress:.2f}, {self._latest}"
        print(f"\r{line:<110}" if is_terminal else line, end="" if is_terminal else "\n", file=sys.stderr, flush=True)


def _begin(path: Path, images: int) -> None:
    """Writes the head, and what stands of the rows up to `images`."""
    kept: list[list[str]] = []
    if images > 0 and path.exists():
        with open(path, newline="") as file:
            rows = list(csv.reader(file))[1:]
        kept = [row for row in rows if row and row[0].isdigit() and int(row[0]) <= images]
    text = io.StringIO()
    csv.writer(text).writerows([[*PLACES, *METRICS], *kept])
    write_bytes(path, text.getvalue().encode())
