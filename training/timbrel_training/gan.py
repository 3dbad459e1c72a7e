"""Trains a GAN.

    python -m timbrel_training.gan --config config/paper.toml --data DIR --out RUN --minutes 60 --resume
    torchrun --nproc-per-node 4 -m timbrel_training.gan ...

The folder of a run holds `checkpoint/`, `log.csv` and `samples/`. A run may be stopped at any time (also by SIGTERM,
which saves first) and goes on with `--resume`, on another machine too, where the folder was copied to.
"""

import argparse
import signal
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from timbrel_training import checkpoint, config, generators, reduced, sheets
from timbrel_training.errors import TrainingError, run_command
from timbrel_training.generators import CHECKPOINT
from timbrel_training.images import DeviceImages, ImageCache, ImageStore, fit_normaliser
from timbrel_training.normaliser import Normaliser
from timbrel_training.parallel import Parallel
from timbrel_training.run_log import RunLog
from timbrel_training.sampler import Sampler
from timbrel_training.schedule import Schedule
from timbrel_training.spectral import Representation
from timbrel_training.trainer import Trainer

FORMAT = 1

# Pitches on a sample sheet.
SHEET_PITCHES = 6

# The share of a time box that is kept for the last save and sheet.
CLOSING_SHARE = 0.03

# A schedule that fills a time box ends this share of it early, so that it ends before the box does.
SCHEDULE_MARGIN = 0.01

# A resumed run keeps these; with others it would be another model.
FIXED = ("representation", "blocks", "data", "generator", "discriminator")


class Run:
    """A training run: data, trainer, schedule, and what is written down of them.

    Attributes:
        images: real images seen so far, over all processes.
        seconds: time spent in training so far, over all sessions; setting up is not counted.
    """

    def __init__(self, arguments: argparse.Namespace, parallel: Parallel):
        self.started = time.monotonic()
        self.parallel = parallel
        self.out: Path = arguments.out
        told = arguments.config
        self.config = told if isinstance(told, config.Config) else config.read(told)
        self.deadline = None if arguments.minutes is None else self.started + 60.0 * arguments.minutes
        kept = self._kept(arguments.resume)
        settings = self.config.data
        self.data = reduced.open_data(arguments.data, settings)
        self.store = self._store(arguments.cache)
        counts = torch.from_numpy(self.data.pitch_counts(settings.pitch_min, settings.pitch_max))
        generator = self._generator(kept, arguments.start_from)
        self.trainer = self._trainer(kept, counts, generator)
        self.sampler = Sampler(self.data.train, self.config.seed, parallel.rank, parallel.world_size)
        self.images, self.seconds, self.schedule_seconds = 0, 0.0, None
        if kept is not None:
            self._restore(kept)
        log = self.out / "log.csv" if parallel.is_first else None
        self.log = RunLog(log, self.images, self.config.report.log_images)
        self.is_asked_to_stop = False
        # Last, so that a schedule that fills the time box knows what is left of it.
        if kept is None:
            self.schedule_seconds = self._schedule_seconds(arguments.schedule_minutes)
        self.schedule = Schedule(self.config.schedule, self.config.blocks, self.schedule_seconds)

    def train(self) -> None:
        """Trains until the schedule or the time box is over, or a signal asks to stop; then saves."""
        report = self.config.report
        begun = time.monotonic() - self.seconds
        next_sheet = self.seconds + 60.0 * report.sheet_minutes
        next_save = self.seconds + 60.0 * report.save_minutes
        while True:
            self.seconds, stops = self.parallel.from_first([time.monotonic() - begun, float(self._must_stop())])
            moment = self.schedule.at(self.images, self.seconds)
            if stops or moment.is_finished:
                break
            batch = self.schedule.batch(moment)
            notes = self.sampler.next(batch)
            pitches = torch.from_numpy(self.data.pitches[notes])
            self.log.add(self.trainer.step(self.store[notes], pitches, moment))
            self.images += batch * self.parallel.world_size
            if self.log.is_due(self.images):
                rate = self.trainer.learning_rate(moment)
                self.log.write_row(self.images, self.seconds, moment.stage, moment.progress, batch, rate)
                self._check_weights()
            self.log.show(self.images, moment.progress, moment.share)
            if self.seconds >= next_sheet:
                next_sheet = self.seconds + 60.0 * report.sheet_minutes
                self.write_sheet()
            if self.seconds >= next_save:
                next_save = self.seconds + 60.0 * report.save_minutes
                self.save()
        self.save()
        self.write_sheet()
        if self.parallel.is_first:
            done = "finished" if moment.is_finished else "stopped; go on with --resume"
            print(f"\n{done}: {self.images} images, {self.seconds / 60.0:.1f} minutes of training", file=sys.stderr)

    def save(self) -> None:
        """Writes the checkpoint, unless it would be worthless. All processes must call it."""
        self._check_weights()
        state = {
            "format": FORMAT,
            "config": config.to_table(self.config),
            "data": self.data.identity,
            "images": self.images,
            "seconds": self.seconds,
            "schedule_seconds": self.schedule_seconds,
            "sampler": self.sampler.state(),
            **self._state(),
        }
        if self.parallel.is_first:
            checkpoint.save(self.out / CHECKPOINT, state)

    def write_sheet(self) -> None:
        """Draws and renders the same latents and pitches each time."""
        generator = self.trainer.average
        count = self.config.report.sheet_latents
        if count == 0 or not self.parallel.is_first:
            return
        random = torch.Generator().manual_seed(self.config.seed)
        latent = torch.randn(count, generator.latent_size, generator=random).repeat_interleave(SHEET_PITCHES, 0)
        pitches = np.linspace(generator.pitch_min, generator.pitch_max, SHEET_PITCHES + 2)[1:-1].round()
        pitch = torch.from_numpy(pitches.astype(np.int64)).repeat(count)
        image = self.trainer.sample(latent, pitch)
        titles = [f"latent {place // SHEET_PITCHES + 1}, pitch {int(p)}" for place, p in enumerate(pitch)]
        path = self.out / "samples" / f"{self.images:09d}"
        sheets.write_sheet(path.with_suffix(".png"), image, self.representation, titles, SHEET_PITCHES)
        waves = self.representation.synthesise(image.nan_to_num())
        sheets.write_waves(path.with_suffix(".wav"), waves, sample_rate=self.representation.sample_rate)

    def ask_to_stop(self, *_: object) -> None:
        """Ends training after the step that is being computed; for signals."""
        self.is_asked_to_stop = True

    def _check_weights(self) -> None:
        if not self.trainer.is_finite():
            raise TrainingError(
                f"Training diverged before image {self.images}: weights are no numbers any more. The checkpoint in "
                f"{self.out} is from before; go on from it with a lower learning rate or a penalty in more of the steps."
            )

    def _must_stop(self) -> bool:
        return self.is_asked_to_stop or (self.deadline is not None and time.monotonic() >= self._last_moment())

    def _last_moment(self) -> float:
        """When to stop, so that the rest of the box is enough to save."""
        return self.deadline - CLOSING_SHARE * (self.deadline - self.started)

    def _schedule_seconds(self, minutes: float | None) -> float | None:
        """How long a schedule by time lasts: as asked for, else what is left of the time box, else as configured."""
        if self.config.schedule.kind != "minutes":
            return None
        if minutes is not None:
            return 60.0 * minutes
        if self.deadline is None:
            return None
        return max(1.0, self._last_moment() - time.monotonic() - SCHEDULE_MARGIN * (self.deadline - self.started))

    def _kept(self, resume: bool) -> dict[str, Any] | None:
        """What a checkpoint of this run holds; None for a fresh one."""
        if not checkpoint.exists(self.out / CHECKPOINT):
            return None
        if not resume:
            raise TrainingError(f"{self.out} holds a run already; go on with it by --resume, or name another folder.")
        kept = checkpoint.load(self.out / CHECKPOINT)
        if not isinstance(kept, dict) or kept.get("format") != FORMAT:
            raise TrainingError(f"The checkpoint in {self.out} is not that of a training run of this version.")
        before = config.from_table(kept["config"], str(self.out / CHECKPOINT))
        for name in FIXED:
            if getattr(before, name) != getattr(self.config, name):
                raise TrainingError(
                    f"The run in {self.out} was begun with another {name} than the configuration has; give the "
                    "configuration that it was begun with, or name another folder."
                )
        return kept

    @cached_property
    def representation(self) -> Representation:
        return Representation(self.config.told_representation)

    def _store(self, cache: Path | None) -> ImageStore:
        if self.config.data.keep == "device":
            return DeviceImages.analyse(self.data, self.representation, self.parallel.device)
        return ImageCache.open(self.data, self.representation, cache, self.parallel.device)

    def _generator(self, kept: dict[str, Any] | None, start_from: Path | None) -> nn.Module | None:
        """The generator to go on with or to begin with; None for a fresh one."""
        if kept is not None:
            return generators.from_state(kept["generator"])
        return None if start_from is None else generators.load(start_from)

    def _trainer(self, kept: dict[str, Any] | None, counts: Tensor, generator: nn.Module | None) -> Trainer:
        return Trainer(self.config, self._normaliser(kept), counts, self.parallel, generator)

    def _state(self) -> dict[str, Any]:
        normaliser = self.trainer.normaliser
        return {"normaliser": {"scale": normaliser.scale, "offset": normaliser.offset}, **self.trainer.state()}

    def _normaliser(self, kept: dict[str, Any] | None) -> Normaliser:
        if kept is None:
            return fit_normaliser(self.data, self.representation, self.store)
        return Normaliser(tuple(kept["normaliser"]["scale"]), tuple(kept["normaliser"]["offset"]))

    def _restore(self, kept: dict[str, Any]) -> None:
        self.trainer.restore(kept)
        self.sampler.restore(kept["sampler"])
        self.images, self.seconds = kept["images"], kept["seconds"]
        self.schedule_seconds = kept["schedule_seconds"]
        if kept["data"] != self.data.identity and self.parallel.is_first:
            print(f"{self.data.folder} is not the data that the run was begun with; going on with it.", file=sys.stderr)


def main() -> None:
    """Trains a GAN; see the module's documentation."""
    parser = argparse.ArgumentParser(prog="python -m timbrel_training.gan", description=main.__doc__)
    parser.add_argument("--config", type=Path, required=True, help="a TOML file of training/config")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--minutes", type=float, help="time box of this session (default: until the schedule's end)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out, where there is one")
    parser.add_argument(
        "--schedule-minutes", type=float, help="length of a schedule by time in all (default: --minutes of the first session)"
    )
    parser.add_argument("--start-from", type=Path, help="run or checkpoint whose generator a fresh run begins with")
    parser.add_argument("--cache", type=Path, help="folder for the images (default: DATA/images/REPRESENTATION)")
    parser.add_argument("--device", help="cpu, cuda, ... (default: a GPU where there is one)")
    parser.add_argument("--threads", type=int, help="processor threads of PyTorch")
    arguments = parser.parse_args()
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    # Tensor cores for what is left in single precision; the convolutions' sizes repeat, so that trying pays.
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    parallel = Parallel(arguments.device)
    try:
        run = Run(arguments, parallel)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, run.ask_to_stop)
        run.train()
    finally:
        parallel.close()


if __name__ == "__main__":
    run_command(main)
