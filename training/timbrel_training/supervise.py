"""The supervised recipe: a playable model on a processor, without a discriminator.

    python -m timbrel_training.supervise --config config/cpu.toml --data DATA --out RUN --minutes 90

Each example is a latent of the normal distribution, the sounds that the timbre map gives it, and a pitch; what is to be
learnt is the mixture of those sounds' notes: the weighted mean of their log powers (partials of one pitch lie on each
other, so that this is a morph and no blend), and an angle as near as can be to theirs. So every latent, and not only the
training sounds, has a note to learn from.
"""

import argparse
import csv
import math
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from timbrel_training import checkpoint, factors, generators
from timbrel_training.data import DataSet
from timbrel_training.descriptors import DB, NAMES
from timbrel_training.errors import TrainingError, run_command
from timbrel_training.factored import Generator
from timbrel_training.files import read_toml
from timbrel_training.linear_scale import LinearScale, scale_of
from timbrel_training.notes import Notes, power_of
from timbrel_training.sheets import write_sheet, write_waves
from timbrel_training.spectral import LOG_EPS, Representation
from timbrel_training.timbre_map import TimbreMap, balanced_masses, places

# Latents that are kept, sorted by the sound that leads in them, to draw examples from.
POOL = 200_000

# A bin this far below the note's greatest [nepers of power] is not heard (78 dB), and a bin this far below its frame's
# (52 dB) tells little of where the frame's partials are.
HEARD = 18.0
TELLING = 12.0

# What an inaudible bin weighs beside an audible one: enough that silence is learnt as silence.
UNHEARD_WEIGHT = 0.15

# The attack decides what an instrument is taken for: its frames are in every example, and count double.
ATTACK_FRAMES = 12

# Frames of a note that one example shows, drawn anew each time: neighbours are alike, and a third of them teaches as much
# for a third of the cost.
SHOWN_FRAMES = 44

# Bins whose powers are compared together. The mean of log powers is below the log of the mean power where a partial
# wavers from bin to bin; without this a vibrato comes out as a note that is too soft.
BAND_BINS = 32

# Weights of the losses: level, power by band, spread of the level, angle, its coherence.
LEVEL, POWER, SPREAD, ANGLE, COHERENCE = 1.0, 0.5, 0.3, 2.0, 0.3

LOG_SECONDS = 30.0
SAVE_SECONDS = 300.0
COLUMNS = ("seconds", "step", "images", "level_db", "power", "angle", "spread", "coherence", "rate")


@dataclass
class Examples:
    """A batch: shares of all sounds [B, sounds], pitch index [B], the frames that are shown [F], and the notes to mix:
    shares [B, M] and images [B, M, 2, F, bins] float16 with their gains [B, M]."""

    weights: Tensor
    pitch: Tensor
    frames: Tensor
    shares: Tensor
    images: Tensor
    gains: Tensor


class Teacher:
    """Draws examples. All is decided by the random generator, so that its state is the teacher's."""

    def __init__(self, notes: Notes, timbres: TimbreMap, settings: dict, random: np.random.Generator):
        self.notes, self.timbres, self.random = notes, timbres, random
        self.batch, self.mixed, self.least = settings["batch"], settings["mixed"], settings["least_share"]
        self.nearest = notes.nearest(timbres.places)
        self.pitches = [np.nonzero(row >= 0)[0] for row in self.nearest]
        # The pool is the same whenever the run goes on.
        self.pool = np.random.default_rng(0).standard_normal((POOL, timbres.places.shape[1])).astype(np.float32)
        leading = np.concatenate([timbres.scores(part).argmax(axis=1) for part in np.array_split(self.pool, 40)])
        self.led_by = [np.nonzero(leading == sound)[0] for sound in range(len(notes.names))]
        self.sounds = np.array([sound for sound, led in enumerate(self.led_by) if len(led) and len(self.pitches[sound])])

    def draw(self) -> Examples:
        """Each sound leads as often as any other, at any of its pitches."""
        sounds = self.random.choice(self.sounds, self.batch)
        latents = self.pool[[self.random.choice(self.led_by[sound]) for sound in sounds]]
        pitch = np.array([self.random.choice(self.pitches[sound]) for sound in sounds])
        weights = self.timbres.weights(latents)
        mixed = np.argsort(-weights, axis=1)[:, : self.mixed]
        note = self.nearest[mixed, pitch[:, None]]
        shares = np.take_along_axis(weights, mixed, axis=1)
        # The leading sound has a note here; another one's may be held out.
        shares[:, 1:] *= (shares[:, 1:] >= self.least) & (note[:, 1:] >= 0)
        shares /= shares.sum(axis=1, keepdims=True)
        note = np.where(shares > 0, note, note[:, :1])
        later = np.arange(ATTACK_FRAMES, self.notes.images.shape[2])
        later = self.random.choice(later, SHOWN_FRAMES - ATTACK_FRAMES, replace=False)
        frames = np.concatenate([np.arange(ATTACK_FRAMES), np.sort(later)])
        images = np.stack([self.notes.images[index][:, frames] for index in note.ravel()])
        return Examples(
            weights=torch.from_numpy(weights.astype(np.float32)),
            pitch=torch.from_numpy(pitch),
            frames=torch.from_numpy(frames),
            shares=torch.from_numpy(shares.astype(np.float32)),
            images=torch.from_numpy(images.reshape(*note.shape, *images.shape[1:])),
            gains=torch.from_numpy(self.notes.gain[note]),
        )


def losses(generator: Generator, examples: Examples, scale: LinearScale) -> tuple[Tensor, dict[str, float]]:
    """The weighted sum of the losses, and what is logged. Level and angle are compared on the linear scale."""
    mel_level, spread, mel_angle, coherence = generator.expected(
        examples.weights @ generator.codes, examples.pitch, examples.frames
    )
    level, angle = scale.level(mel_level), scale.angle(mel_angle)
    shares = examples.shares[:, :, None, None]
    target = sum(
        shares[:, m] * torch.log(power_of(examples.images[:, m, 0], examples.gains[:, m, None, None]) + LOG_EPS)
        for m in range(shares.shape[1])
    )
    agreement = sum(
        shares[:, m] * torch.cos(math.pi * (angle - examples.images[:, m, 1].float()))
        for m in range(shares.shape[1])
        if bool((examples.shares[:, m] > 0).any())
    )
    heard = (1.0 + (target - target.amax((1, 2), keepdim=True)) / HEARD).clamp(0.0, 1.0)
    weight = UNHEARD_WEIGHT + heard
    weight[:, :ATTACK_FRAMES] *= 2.0
    weight = weight / weight.sum()
    error = (level - target).abs()
    bands, target_bands = (
        torch.log(x.exp().unflatten(2, (-1, BAND_BINS)).sum(3) + LOG_EPS) for x in (level, target)
    )
    band_weight = (1.0 + (target_bands - target_bands.amax((1, 2), keepdim=True)) / HEARD).clamp(0.0, 1.0)
    telling = (1.0 + (target - target.amax(2, keepdim=True)) / TELLING).clamp(0.0, 1.0).square() * heard + 3e-3
    telling = telling / telling.sum()
    # What decides between tone and noise belongs to mel bins: each is shown the mean of its band.
    with torch.no_grad():
        weight_by_band, telling_by_band = scale.to_mel(weight) + 1e-12, scale.to_mel(telling) + 1e-12
        deviation = scale.to_mel(weight * error) / weight_by_band
        agreed = scale.to_mel(telling * agreement.clamp(0.0, 1.0)) / telling_by_band
    parts = {
        "level": (weight * functional.huber_loss(level, target, reduction="none")).sum(),
        "power": (band_weight * functional.huber_loss(bands, target_bands, reduction="none")).sum() / band_weight.sum(),
        "spread": (weight_by_band * (spread - deviation).square()).sum() / weight_by_band.sum(),
        "angle": (telling * (1.0 - agreement)).sum(),
        "coherence": (telling_by_band * (coherence - agreed).square()).sum() / telling_by_band.sum(),
    }
    total = LEVEL * parts["level"] + POWER * parts["power"] + SPREAD * parts["spread"]
    total = total + ANGLE * parts["angle"] + COHERENCE * parts["coherence"]
    logged = {name: float(value.detach()) for name, value in parts.items()}
    logged["level_db"] = float((heard * error.detach()).sum() / heard.sum()) * DB
    return total, logged


class Run:
    """A run in its folder: generator, averaged weights, optimiser, random states, log."""

    def __init__(self, config: dict, data: DataSet, folder: Path, resume: bool, start_from: Path | None = None):
        self.config, self.data, self.folder, self.settings = config, data, folder, config["train"]
        torch.manual_seed(config["seed"])
        low, high = config["pitches"]
        representation = Representation(config["representation"])
        self.notes = Notes(data, representation, low, high)
        self.random = np.random.default_rng(config["seed"])
        self.step, self.seconds = 0, 0.0
        folder.mkdir(parents=True, exist_ok=True)
        state = checkpoint.load(folder / generators.CHECKPOINT) if resume else None
        if state is not None:
            self._restore(state)
        else:
            self._begin(low, high, start_from)
        self.teacher = Teacher(self.notes, self._timbres(), self.settings, self.random)

    def _begin(self, low: int, high: int, start_from: Path | None) -> None:
        print("describing the notes, laying out the map, taking first tables: some minutes", flush=True)
        described, sounds, pitches = self.notes.described
        settings = self.config["map"]
        where = places(described, sounds, pitches, len(NAMES), settings["shapes"])
        masses = balanced_masses(where, self.random)
        self.generator = Generator(
            self.config["representation"], sounds=len(self.notes.names), latent=where.shape[1], pitch_min=low,
            pitch_max=high, **self.config["model"],
        )
        self.generator.places.copy_(torch.from_numpy(where))
        self.generator.masses.copy_(torch.from_numpy(masses))
        self.generator.temperature.fill_(settings["temperature"])
        deviation = factors.initialise(self.generator, self.notes)
        if start_from is not None:
            self._take_over(start_from)
        print(f"{len(self.notes.names)} sounds, {(self.notes.note >= 0).sum()} notes; the tables begin {deviation:.1f} dB "
              "from them", flush=True)
        self.average = {name: value.clone() for name, value in self.generator.state_dict().items()}
        self._make_optimiser()

    def _take_over(self, folder: Path) -> None:
        """Goes on from the levels that another run has learnt, for the sounds that both know.

        Angles and their coherence are taken from the notes, as in every new run: they cost no time to learn.
        """
        state = generators.read(folder)
        names = state.get("names", [])
        known = [(sound, names.index(name)) for sound, name in enumerate(self.notes.names) if name in names]
        if len(known) < len(self.notes.names):
            missing = len(self.notes.names) - len(known)
            raise TrainingError(f"{folder} does not know {missing} of the {len(self.notes.names)} sounds: begin anew.")
        other = generators.from_state(state["generator"])
        theirs = {name: value for name, value in other.expected.state_dict().items() if name not in
                  ("mean_angle", "mean_coherence")}
        try:
            self.generator.expected.load_state_dict(theirs, strict=False)
        except RuntimeError as error:
            raise TrainingError(f"{folder} has other sizes than the configuration's [model]: {error}") from error
        angles = self.generator.shape.angle + self.generator.shape.coherence
        with torch.no_grad():
            self.generator.codes.copy_(other.codes[[index for _, index in known]])
            self.generator.expected.out.weight[-angles:] = 0.0
            self.generator.expected.out.bias[-angles:] = 0.0

    def _restore(self, state: dict) -> None:
        if state["names"] != self.notes.names:
            raise TrainingError("The run was trained on other sounds than these; give it the data set it began with.")
        self.generator = generators.from_state({**state["generator"], "weights": state["weights"]})
        self.average = state["generator"]["weights"]
        self._make_optimiser()
        self.optimiser.load_state_dict(state["optimiser"])
        self.random.bit_generator.state = state["random"]
        self.step, self.seconds = state["step"], state["seconds"]

    def _make_optimiser(self) -> None:
        expected = self.generator.expected
        tables = [expected.table, expected.mean_level, expected.mean_angle, expected.mean_coherence,
                  expected.pitch_code, expected.band_code, self.generator.codes]
        ours = {id(table) for table in tables}
        rest = [parameter for parameter in self.generator.parameters() if id(parameter) not in ours]
        self.optimiser = torch.optim.Adam(
            [{"params": rest, "share": 1.0},
             {"params": tables, "share": self.settings["table_rate"] / self.settings["rate"]}],
            lr=self.settings["rate"], betas=tuple(self.settings["betas"]),
        )

    def _timbres(self) -> TimbreMap:
        generator = self.generator
        return TimbreMap(generator.places.numpy(), generator.masses.numpy(), float(generator.temperature))

    def save(self) -> None:
        """Weights, optimiser and all random states, in parts; written whole or not at all."""
        checkpoint.save(self.folder / generators.CHECKPOINT, {
            # The averaged weights are what is exported; training goes on from the others.
            "generator": generators.to_state(self.generator, self.average),
            "weights": self.generator.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": self.random_before,
            "step": self.step,
            "seconds": self.seconds,
            "names": self.notes.names,
        })

    def averaged(self) -> Generator:
        """A generator with the averaged weights."""
        return generators.from_state(generators.to_state(self.generator, self.average)).eval()

    def learn(self, examples: Examples, progress: float) -> dict[str, float]:
        """One step. `progress` from 0 to 1 sets the rate: a rise, then half a cosine."""
        rate = min(1.0, (self.step + 1) / self.settings["warm_up"]) * (0.5 + 0.5 * math.cos(math.pi * progress))
        rate = self.settings["rate"] * max(rate, 0.005)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        total, logged = losses(self.generator, examples, scale_of(self.notes.representation))
        if not math.isfinite(float(total.detach())):
            raise TrainingError(
                f"The loss is no number at step {self.step}: a note of the data set is damaged, or the rate is too high. "
                "Check the data, or lower `rate`, and go on with --resume."
            )
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.generator.parameters(), self.settings["clip"])
        self.optimiser.step()
        self.step += 1
        decay = min(self.settings["average"], 1.0 - 1.0 / (self.step + 1))
        with torch.no_grad():
            for name, value in self.generator.state_dict().items():
                self.average[name].lerp_(value, 1.0 - decay)
        return {**logged, "rate": rate}

    def train(self, minutes: float, steps: int | None = None) -> None:
        """Learns until the run has had so many minutes in all, or so many steps."""
        interrupted = []
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: interrupted.append(True))
        began = time.monotonic() - self.seconds
        logged_at = saved_at = time.monotonic()
        sums: dict[str, float] = {}
        since = self.step
        with ThreadPoolExecutor(1) as reader:
            self.random_before = self.random.bit_generator.state
            following = reader.submit(self.teacher.draw)
            while not interrupted and self.seconds < 60.0 * minutes and (steps is None or self.step < steps):
                examples = following.result()
                # What is drawn ahead is drawn again after a resumption.
                self.random_before = self.random.bit_generator.state
                following = reader.submit(self.teacher.draw)
                progress = self.seconds / (60.0 * minutes) if steps is None else self.step / steps
                for name, value in self.learn(examples, min(1.0, progress)).items():
                    sums[name] = sums.get(name, 0.0) + value
                now = time.monotonic()
                self.seconds = now - began
                if now - logged_at > LOG_SECONDS:
                    self._log({name: value / (self.step - since) for name, value in sums.items()}, minutes)
                    logged_at, since, sums = now, self.step, {}
                if now - saved_at > SAVE_SECONDS:
                    self.save()
                    saved_at = time.monotonic()
            following.result()
        self.save()
        self.sheet()

    def sheet(self) -> None:
        """Pictures and sound of a dozen latents at three pitches each, by the averaged weights."""
        generator = self.averaged()
        latent = torch.randn(12, generator.latent_size, generator=torch.Generator().manual_seed(1))
        low, high = generator.pitch_min, generator.pitch_max
        pitches = [low + (high - low) * part // 4 for part in (1, 2, 3)]
        with torch.no_grad():
            images = torch.cat([generator(latent, torch.full((12,), pitch)) for pitch in pitches])
        titles = [f"latent {index + 1}, MIDI {pitch}" for pitch in pitches for index in range(12)]
        write_sheet(self.folder / "sheet.png", images, self.notes.representation, titles, columns=12)
        write_waves(self.folder / "sheet.wav", self.notes.representation.synthesise(images))

    def _log(self, means: dict[str, float], minutes: float) -> None:
        row = {"seconds": round(self.seconds, 1), "step": self.step, "images": self.step * self.settings["batch"], **means}
        path = self.folder / "log.csv"
        fresh = not path.exists()
        with open(path, "a", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
            if fresh:
                writer.writeheader()
            writer.writerow({name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()})
        print(f"{self.seconds / 60.0:6.1f} of {minutes:g} min, {row['images']} images: level {row['level_db']:.2f} dB, "
              f"power {row['power']:.3f}, angle {row['angle']:.4f}, spread {row['spread']:.3f}, "
              f"coherence {row['coherence']:.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m timbrel_training.supervise", description="Trains a playable model "
                                     "on a processor, under supervision.")
    parser.add_argument("--config", type=Path, required=True, help="settings, as config/cpu.toml")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: checkpoint, log, sheets")
    parser.add_argument("--minutes", type=float, default=90.0, help="time to train in all, resumptions included")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--start-from", type=Path, help="run or checkpoint whose levels a new run goes on from")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="processor cores to use")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    config = read_toml(arguments.config)
    low, high = config["pitches"]
    run = Run(config, DataSet(arguments.data, pitches=(low, high)), arguments.out, arguments.resume,
              arguments.start_from)
    run.train(arguments.minutes)


if __name__ == "__main__":
    run_command(main)
