"""The recipe of the continuous model: supervised first, then with an adversary, on a GPU or on a processor.

    python -m timbrel_training.learn --config config/continuous.toml --data DATA --out RUN --minutes 90

In the first part each example is an instrument's note, or a mixture of up to three: the weighted mean of their log
magnitudes (partials of one pitch lie on each other, so that this is a morph and no blend) under the weighted mean of their
codes. So the codes come to lie such that the way between two of them is even. In the second part random latents, the
points between two instruments, and the instruments themselves are judged by the critics (`critics.py`) beside real notes;
the supervised losses hold the instruments where they are. The mapping from latents to codes learns in this part alone, and
only as far as its ways remain even.
"""

import argparse
import copy
import csv
import math
import signal
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from timbrel_training import checkpoint, critics, first_tables, generators
from timbrel_training.continuous import (
    MOVEMENT_SCALE,
    NEPER_PER_DB,
    VELOCITY,
    Generator,
    Parts,
    touch_curve,
)
from timbrel_training.corpus import Batch, Corpus
from timbrel_training.critics import HEARD, TELLING, Critics, Views
from timbrel_training.data import DataSet
from timbrel_training.errors import TrainingError, run_command
from timbrel_training.files import read_toml
from timbrel_training.loss import pitch_loss
from timbrel_training.sheets import write_sheet
from timbrel_training.spectral import Representation

# What an inaudible bin weighs beside an audible one: enough that silence is learnt as silence.
UNHEARD_WEIGHT = 0.15

# The attack decides what an instrument is taken for: its frames count double.
ATTACK_FRAMES = 12

# Bins whose powers are compared together. The mean of log magnitudes is below the log of the mean power where a partial
# wavers from bin to bin.
BAND_BINS = 32

# Weights of the supervised losses.
LEVEL, POWER, ANGLE, COHERENCE, MOVEMENT, TOUCH = 1.0, 0.5, 2.0, 0.3, 0.05, 1e-5

# Steps between two supervised ones that also learn the field between the instruments.
FIELD_INTERVAL = 2

# Steps between two penalties of the critics.
PENALTY_INTERVAL = 8

LOG_SECONDS = 15.0
SAVE_SECONDS = 300.0
COLUMNS = ("seconds", "steps", "notes", "level_db", "power", "angle", "coherence", "movement", "field", "generator", "critic",
           "penalty", "real", "fake", "pitch_real", "pitch_fake", "way", "share", "length")


def supervised_losses(parts: Parts, corpus: Corpus, batch: Batch, frames: Tensor | None, touch: Tensor,
                      worth: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighted sum of the losses, and what is logged.

    Args:
        parts: what the generator expects of the batch's codes, of `frames` (None: all).
        touch: matrix [points, bins] that takes `parts.touch` to the bins.
        worth: [N], what each example counts.
    """
    shares = batch.shares
    # A stroke of another velocity than the image's changes the colour.
    stroke = ((batch.velocity - VELOCITY) / 100.0)[:, None] * NEPER_PER_DB
    level = parts.level + (stroke * (parts.touch @ touch)).unsqueeze(1)
    target, agreement = 0.0, 0.0
    for m in range(shares.shape[1]):
        share = shares[:, m, None, None]
        notes = batch.notes[:, m]
        target = target + share * corpus.level(notes, frames)
        agreement = agreement + share * torch.cos(math.pi * (parts.angle - corpus.angle(notes, frames)))
    heard = (1.0 + (target - target.amax((1, 2), keepdim=True)) / HEARD).clamp(0.0, 1.0)
    weight = UNHEARD_WEIGHT + heard
    if frames is None:
        first = corpus.representation.pad_left // corpus.representation.hop - 3
        early = torch.ones(weight.shape[1], device=weight.device)
        early[first : first + ATTACK_FRAMES] = 2.0
        weight = weight * early[:, None]
    weight = weight * worth.view(-1, 1, 1)
    weight = weight / weight.sum()
    # What a player hears is compared as loud as it will be played, whatever the networks leave of differences.
    error = level - target
    whole = level.shape[2] // BAND_BINS * BAND_BINS
    bands, target_bands = (
        0.5 * torch.log((2.0 * x[..., :whole]).exp().unflatten(2, (-1, BAND_BINS)).sum(3) + 1e-9) for x in (level, target)
    )
    band_weight = (1.0 + (target_bands - target_bands.amax((1, 2), keepdim=True)) / HEARD).clamp(0.0, 1.0)
    band_weight = band_weight * worth.view(-1, 1, 1)
    telling = (1.0 + (target - target.amax(2, keepdim=True)) / TELLING).clamp(0.0, 1.0).square() * heard + 3e-3
    telling = telling * worth.view(-1, 1, 1)
    telling = telling / telling.sum()
    movement = (shares[:, :, None] * corpus.movement[batch.notes]).sum(dim=1) / corpus.movement.new_tensor(MOVEMENT_SCALE)
    # Rate and onset of what does not move mean nothing.
    moving = (shares * (corpus.movement[batch.notes][..., (0, 2)].amax(dim=2) > 0.0)).sum(dim=1, keepdim=True)
    movement = torch.stack([movement[:, 0], movement[:, 1] / moving[:, 0].clamp(min=1e-3), movement[:, 2],
                            movement[:, 3] / moving[:, 0].clamp(min=1e-3)], dim=1)
    matters = torch.cat([torch.ones_like(moving), moving, torch.ones_like(moving), moving], dim=1)
    values = {
        "level": (weight * 2.0 * functional.huber_loss(error, torch.zeros_like(error), reduction="none", delta=0.5)).sum(),
        "power": 2.0 * (band_weight * functional.huber_loss(bands, target_bands, reduction="none", delta=0.5)).sum()
        / band_weight.sum(),
        "angle": (telling * (1.0 - agreement)).sum(),
        "coherence": (telling * (parts.coherence - agreement.detach().clamp(0.0, 1.0)).square()).sum(),
        "movement": (matters * (parts.movement - movement).abs()).mean(),
        "touch": parts.touch.square().mean(),
    }
    total = (LEVEL * values["level"] + POWER * values["power"] + ANGLE * values["angle"]
             + COHERENCE * values["coherence"] + MOVEMENT * values["movement"] + TOUCH * values["touch"])
    logged = {name: value.detach() for name, value in values.items() if name != "touch"}
    logged["level_db"] = (heard * error.detach().abs()).sum() / heard.sum() / NEPER_PER_DB
    return total, logged


def field_loss(generator: Generator, corpus: Corpus, latent: Tensor, pitch: Tensor) -> Tensor:
    """What random latents [N, latent] sound like before anybody has judged it: the mean of all instruments' levels at the
    pitches [N], with the weights (some of them negative) that the mapping gives to their codes. So levels change along a
    way through the latent space as evenly as codes do."""
    with torch.no_grad():
        mapping = generator.mapping
        count = len(corpus.names)
        weights = mapping.reach * mapping.weights(latent) + (1.0 - mapping.reach) / count
        notes = corpus.lent_reference[:, pitch].T
        weights = weights * (notes >= 0)
        weights = weights / weights.sum(dim=1, keepdim=True)
        target = torch.stack([
            torch.einsum("k,kfb->fb", w, corpus.level(n)) for w, n in zip(weights, notes, strict=True)
        ])
        heard = (1.0 + (target - target.amax((1, 2), keepdim=True)) / HEARD).clamp(0.0, 1.0)
        weight = UNHEARD_WEIGHT + heard
        weight = weight / weight.sum()
    level = generator.expected(weights @ generator.codes, pitch).level
    return 2.0 * (weight * functional.huber_loss(level, target, reduction="none", delta=0.5)).sum()


class Run:
    """A run in its folder: generator, its running average, critics, optimisers, random states, log."""

    def __init__(self, config: dict, corpus: Corpus, folder: Path, resume: bool, compiled: bool = False):
        """With `compiled`, PyTorch makes kernels of the networks and the losses first. On an H200 that takes a minute, and a supervised
        step 0.56 of its time; the adversary's steps, of which the penalties cannot be compiled, gain nothing."""
        self.config, self.corpus, self.folder = config, corpus, folder
        self.device = corpus.device
        self.random = torch.Generator(self.device).manual_seed(config["seed"])
        torch.manual_seed(config["seed"])
        self.steps, self.notes, self.seconds = 0, 0, 0.0
        self.adversarial_steps = 0
        folder.mkdir(parents=True, exist_ok=True)
        state = checkpoint.load(folder / generators.CHECKPOINT) if resume else None
        if state is None:
            self.generator = Generator(
                corpus.representation, corpus.names, pitch_min=corpus.pitch_min, pitch_max=corpus.pitch_max,
                **config["model"],
            ).to(self.device)
            deviation = first_tables.initialise(self.generator, corpus)
            self._say(f"{len(corpus.names)} instruments, {len(corpus)} notes; the tables begin {deviation:.1f} dB from "
                      "them")
        else:
            if state["generator"]["settings"]["names"] != corpus.names:
                raise TrainingError("The run was trained on other instruments; give it the data set it began with.")
            self.generator = generators.from_state({**state["generator"], "weights": state["weights"]}).to(self.device)
            corpus.lend(first_tables.felt_distances(self.generator))
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.critics = Critics(self.generator.shape, config["adversary"]["width"]).to(self.device)
        self.views = Views(self.generator.shape, corpus.representation, self.device)
        self.touch = touch_curve(corpus.representation).to(self.device)
        self._make_optimisers()
        if state is not None:
            self.average.load_state_dict(state["generator"]["weights"])
            self.critics.load_state_dict(state["critics"])
            for optimiser, kept in zip(self._optimisers(), state["optimisers"], strict=True):
                optimiser.load_state_dict(kept)
            self.random.set_state(state["random"])
            for name in ("steps", "notes", "seconds", "adversarial_steps"):
                setattr(self, name, state[name])
        self.apart = self._apart()
        self.losses, self.image = supervised_losses, self.generator.image
        if compiled:
            self._compile()

    def _compile(self) -> None:
        self.generator.expected.compile()
        for critic in self._critics():
            critic.compile()
        self.losses, self.image = torch.compile(supervised_losses), torch.compile(self.generator.image)
        self.views.fine, self.views.whole = torch.compile(self.views.fine), torch.compile(self.views.whole)

    def _make_optimisers(self) -> None:
        generator, expected = self.generator, self.generator.expected
        tables = [expected.table, expected.mean_level, expected.mean_angle, expected.mean_coherence,
                  expected.pitch_code, expected.band_code, generator.codes]
        mapping = list(generator.mapping.parameters())
        known = {id(parameter) for parameter in tables + mapping}
        rest = [parameter for parameter in generator.parameters() if id(parameter) not in known]
        share = self.config["train"]["table_share"]
        self.optimiser = torch.optim.Adam(
            [{"params": rest, "share": 1.0}, {"params": tables, "share": share},
             {"params": mapping, "share": self.config["adversary"]["mapping_share"]}],
            lr=1e-3, betas=tuple(self.config["train"]["betas"]), fused=self.device.type == "cuda",
        )
        self.critics_optimiser = torch.optim.Adam(
            self.critics.parameters(), lr=self.config["adversary"]["critic_rate"], betas=(0.0, 0.99),
            fused=self.device.type == "cuda",
        )

    def _optimisers(self) -> list[torch.optim.Optimizer]:
        return [self.optimiser, self.critics_optimiser]

    def save(self) -> None:
        """Weights, optimisers and random state, in parts; written whole or not at all."""
        checkpoint.save(self.folder / generators.CHECKPOINT, {
            # The averaged weights are what is exported; training goes on from the others.
            "generator": generators.to_state(self.generator, self.average.state_dict()),
            "weights": self.generator.state_dict(),
            "critics": self.critics.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers()],
            "random": self.random.get_state(),
            "steps": self.steps,
            "notes": self.notes,
            "seconds": self.seconds,
            "adversarial_steps": self.adversarial_steps,
        })

    def supervised_step(self, rate: float) -> dict[str, Tensor]:
        settings = self.config["train"]
        batch = self.corpus.draw(settings["batch"], settings["mixed"], settings["pure"], self.random)
        frames = self._shown(settings["frames"])
        code = self._mixed(batch)
        code = code + settings["jitter"] * torch.randn(code.shape, generator=self.random, device=self.device)
        parts = self.generator.expected(code, batch.pitch, frames)
        total, logged = self.losses(parts, self.corpus, batch, frames, self.touch, torch.ones(len(code), device=self.device))
        if settings["field"] > 0 and self.steps % FIELD_INTERVAL == 0:
            count = settings["field"]
            latent = torch.randn(count, self.generator.latent_size, generator=self.random, device=self.device)
            pitch = self.corpus.draw(count, 2, 1.0, self.random).pitch
            field = field_loss(self.generator, self.corpus, latent, pitch)
            total = total + field
            logged["field"] = field.detach()
        self._step_generator(total, rate)
        return logged

    def adversarial_step(self, rate: float) -> dict[str, Tensor]:
        """Both networks once: the critics on the fakes first, then the generator on the same ones."""
        settings, adversary = self.config["train"], self.config["adversary"]
        count = adversary["batch"]
        batch = self.corpus.draw(count, settings["mixed"], adversary["pure"], self.random)
        latent = torch.randn(count, self.generator.latent_size, generator=self.random, device=self.device)
        # The first part of the fakes comes from random latents, the rest from the mixtures, which are learnt as well.
        free = round(adversary["free"] * count)
        code = torch.cat([self.generator.mapping(latent[:free]), self._mixed(batch)[free:]])
        parts = self.generator.expected(code, batch.pitch)
        image = self.image(parts)
        stroke = ((batch.velocity - VELOCITY) / 100.0)[:, None] * NEPER_PER_DB * (parts.touch @ self.touch)
        fake = torch.stack([image[:, 0] + stroke.unsqueeze(1), image[:, 1]], dim=1)
        starts = self.views.starts(count, self.random)
        with self._cast():
            fake_views = (self.views.fine(fake, batch.pitch, starts), self.views.whole(fake, batch.pitch))
        logged = self._train_critics([view.detach() for view in fake_views], batch.pitch)

        total, guessed = 0.0, 0.0
        for critic, view in zip(self._critics(), fake_views, strict=True):
            with self._cast():
                score, logits = critic(view, batch.pitch)
            total = total + adversary["weight"] * functional.softplus(-score.float()).mean()
            guessed = guessed + pitch_loss(logits.float(), batch.pitch)
        logged["generator"] = total.detach() / adversary["weight"]
        logged["pitch_fake"] = guessed.detach() / 2.0
        total = total + adversary["pitch_weight"] * guessed
        # What was learnt stays: of instruments alone with its full weight, of mixtures with less.
        anchored = Parts(*(getattr(parts, name)[free:] for name in ("level", "angle", "coherence", "touch", "movement")))
        rest = Batch(*(getattr(batch, name)[free:] for name in ("instruments", "shares", "notes", "pitch", "velocity")))
        worth = torch.where(rest.shares[:, 0] > 0.99, 1.0, adversary["mixture_weight"])
        held, supervised = self.losses(anchored, self.corpus, rest, None, self.touch, worth)
        total = total + adversary["anchor"] * held
        way, share, length = self._way()
        total = total + adversary["even"] * way
        self._step_generator(total, rate)
        self.adversarial_steps += 1
        return {**logged, **supervised, "way": way.detach(), "share": share, "length": length}

    def _train_critics(self, fakes: list[Tensor], pitch: Tensor) -> dict[str, Tensor]:
        adversary = self.config["adversary"]
        real_batch = self.corpus.draw(len(pitch), 2, 1.0, self.random)
        notes = real_batch.notes[:, 0]
        real = torch.stack([self.corpus.level(notes), self.corpus.angle(notes)], dim=1)
        starts = self.views.starts(len(pitch), self.random)
        reals = [self.views.fine(real, real_batch.pitch, starts), self.views.whole(real, real_batch.pitch)]
        total = 0.0
        logged = {name: torch.zeros((), device=self.device) for name in ("critic", "real", "fake", "pitch_real")}
        is_penalised = self.adversarial_steps % PENALTY_INTERVAL == 0
        for critic, fake_view, real_view, gamma in zip(self._critics(), fakes, reals, adversary["gamma"], strict=True):
            real_view.requires_grad_(is_penalised)
            # What is compiled cannot be differentiated twice.
            judge = critic.forward if is_penalised else critic
            with self._cast(not is_penalised):
                real_score, logits = judge(real_view, real_batch.pitch)
                fake_score, _ = judge(fake_view, pitch)
            loss = critics.discriminator_loss(real_score.float(), fake_score.float())
            named = pitch_loss(logits.float(), real_batch.pitch)
            total = total + loss + adversary["pitch_weight_critic"] * named
            if is_penalised:
                penalty = critics.slopes(real_score, real_view).mean()
                total = total + 0.5 * gamma * PENALTY_INTERVAL * penalty
                logged["penalty"] = penalty.detach()
            for name, value in (("critic", loss), ("real", real_score.float().mean()), ("fake", fake_score.float().mean()),
                                ("pitch_real", named)):
                logged[name] = logged[name] + 0.5 * value.detach()
        self.critics_optimiser.zero_grad(set_to_none=True)
        total.backward()
        self.critics_optimiser.step()
        return logged

    def _apart(self) -> float:
        """The root mean square distance of two instruments."""
        distances = first_tables.felt_distances(self.generator)
        count = len(distances)
        return (distances.square().sum() / (count * (count - 1))).sqrt().item()

    def _critics(self) -> list[nn.Module]:
        return [self.critics.fine, self.critics.whole]

    def _way(self) -> tuple[Tensor, Tensor, Tensor]:
        """How uneven the ways between random latents are in the codes as they are felt, and how much shorter than they
        should be."""
        ends = torch.randn(2, 32, 1, self.generator.latent_size, generator=self.random, device=self.device)
        shares = torch.linspace(0.0, 1.0, 11, device=self.device)
        codes = self.generator.mapping(
            first_tables.great_circle(ends[0], ends[1], shares).reshape(-1, self.generator.latent_size)
        ).view(32, 11, -1)
        weight = self.generator.expected.steady.weight.detach()
        gram = weight.T @ weight
        steps = codes[:, 1:] - codes[:, :-1]
        lengths = ((steps @ gram) * steps).sum(dim=2).clamp(min=1e-9).sqrt()
        uneven = (lengths / lengths.mean(dim=1, keepdim=True) - 1.0).square().mean()
        across = codes[:, -1] - codes[:, 0]
        length = ((across @ gram) * across).sum(dim=1).mean().clamp(min=1e-9).sqrt() / self.apart
        short = (first_tables.WANTED_LENGTH - length).clamp(min=0.0)
        share = (lengths.topk(2, dim=1).values.sum(dim=1) / lengths.sum(dim=1)).median().detach()
        return uneven + 4.0 * short.square(), share, length.detach()

    def _mixed(self, batch: Batch) -> Tensor:
        return (batch.shares[:, :, None] * self.generator.codes[batch.instruments]).sum(dim=1)

    def _shown(self, frames: int) -> Tensor | None:
        """The frames that a supervised step shows: those of the stroke, and others drawn anew each time; None for all."""
        images = self.corpus.representation
        if frames >= images.frames:
            return None
        first = images.pad_left // images.hop - 3
        stroke = torch.arange(first, first + ATTACK_FRAMES, device=self.device)
        others = torch.randperm(images.frames - first - ATTACK_FRAMES, generator=self.random, device=self.device)
        return torch.cat([stroke, (others[: frames - ATTACK_FRAMES] + first + ATTACK_FRAMES).sort().values])

    def _cast(self, enabled: bool = True):
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled and self.device.type == "cuda")

    def _step_generator(self, total: Tensor, rate: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.generator.parameters(), self.config["train"]["clip"])
        # A step from numbers that are none would spoil all; the next batch is another one.
        if self.steps % 100 == 0 and not bool(torch.isfinite(norm)):
            raise TrainingError(f"The loss is no number at step {self.steps}: a note is damaged, or the rate is too high.")
        self.optimiser.step()
        self.steps += 1
        decay = min(self.config["train"]["average"], 1.0 - 1.0 / (self.steps + 1))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), 1.0 - decay)

    def train(self, minutes: float, supervised_minutes: float, keep: int = 0) -> None:
        """Learns until the run has had so many minutes in all, the first of them without an adversary. With `keep`, the averaged
        weights are kept so many times on the adversary's way, each in a folder of its own."""
        interrupted: list[bool] = []
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: interrupted.append(True))
        settings, adversary = self.config["train"], self.config["adversary"]
        began = time.monotonic() - self.seconds
        logged_at = saved_at = time.monotonic()
        sums: dict[str, Tensor] = {}
        counts: dict[str, int] = {}
        kept = 0
        while not interrupted and self.seconds < 60.0 * minutes:
            supervised = self.seconds < 60.0 * supervised_minutes
            if supervised:
                progress = self.seconds / (60.0 * supervised_minutes)
                rate = settings["rate"] * min(1.0, (self.steps + 1) / settings["warm_up"]) * _cosine(progress)
                values = self.supervised_step(rate)
                self.notes += settings["batch"]
            else:
                if self.adversarial_steps == 0:
                    self._begin_adversary()
                progress = (self.seconds - 60.0 * supervised_minutes) / (60.0 * (minutes - supervised_minutes))
                # The critics learn what they look at before the generator follows them.
                rise = min(1.0, (self.adversarial_steps + 1) / adversary["warm_up"])
                values = self.adversarial_step(adversary["rate"] * rise * _cosine(progress))
                self.notes += adversary["batch"]
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + value
                counts[name] = counts.get(name, 0) + 1
            now = time.monotonic()
            self.seconds = now - began
            if now - logged_at > LOG_SECONDS:
                self._log({name: float(value) / counts[name] for name, value in sums.items()}, minutes)
                logged_at, sums, counts = now, {}, {}
            due = int(progress * (keep + 1))
            if not supervised and kept < due <= keep:
                generators.save(self.folder / f"kept-{due}", self.average)
                kept = due
            if now - saved_at > SAVE_SECONDS:
                self.save()
                saved_at = time.monotonic()
        self.save()

    def _begin_adversary(self) -> None:
        """The supervised part is over: the mapping is laid out over what the codes have become, and what the optimiser
        remembers of the supervised steps is forgotten."""
        self.generator.load_state_dict(self.average.state_dict())
        first_tables.lay_out(self.generator)
        self.average.load_state_dict(self.generator.state_dict())
        self.apart = self._apart()
        self._make_optimisers()
        self._say(f"the adversary begins after {self.steps} steps; temperature "
                  f"{self.generator.mapping.log_temperature.exp().item():.1f}, reach {self.generator.mapping.reach.item():.2f}")
        checkpoint.save(self.folder / "supervised", {"generator": generators.to_state(self.average)})

    def sheet(self) -> None:
        """Pictures and sound of a dozen latents at three pitches each, by the averaged weights."""
        generator = self.average
        latent = torch.randn(12, generator.latent_size, generator=torch.Generator().manual_seed(1)).to(self.device)
        low, high = generator.pitch_min, generator.pitch_max
        pitches = [low + (high - low) * part // 4 for part in (1, 2, 3)]
        with torch.no_grad():
            images = torch.cat([generator(latent, torch.full((12,), pitch, device=self.device)) for pitch in pitches])
        titles = [f"latent {index + 1}, MIDI {pitch}" for pitch in pitches for index in range(12)]
        write_sheet(self.folder / "sheet.png", images.cpu(), self.corpus.representation, titles, columns=12)

    def _log(self, means: dict[str, float], minutes: float) -> None:
        row = {"seconds": round(self.seconds, 1), "steps": self.steps, "notes": self.notes, **means}
        path = self.folder / "log.csv"
        fresh = not path.exists()
        with open(path, "a", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
            if fresh:
                writer.writeheader()
            writer.writerow({name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()})
        self._say(f"{self.seconds / 60.0:6.2f} of {minutes:g} min, {self.notes} notes: "
                  + ", ".join(f"{name} {value:.3g}" for name, value in means.items()))

    def _say(self, text: str) -> None:
        print(text, flush=True)


def _cosine(progress: float) -> float:
    return max(0.01, 0.5 + 0.5 * math.cos(math.pi * min(1.0, progress)))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m timbrel_training.learn",
                                     description="Trains a continuous model, under supervision and then with an adversary.")
    parser.add_argument("--config", type=Path, required=True, help="settings, as config/continuous.toml")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: checkpoint, log, sheet")
    parser.add_argument("--minutes", type=float, default=90.0, help="time to train in all, resumptions included")
    parser.add_argument("--supervised", type=float, default=0.4, help="share of it without the adversary")
    parser.add_argument("--keep", type=int, default=0, help="times that the averaged weights are kept on the adversary's way")
    parser.add_argument("--compile", action="store_true", help="compile the networks first: a minute, for faster supervised steps")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="processor cores to use")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    config = read_toml(arguments.config)
    low, high = config["pitches"]
    began = time.monotonic()
    corpus = Corpus(DataSet(arguments.data, pitches=(low, high)), Representation.of(config["representation"]), low, high,
                    arguments.device)
    print(f"{len(corpus)} notes analysed in {time.monotonic() - began:.0f} s", flush=True)
    run = Run(config, corpus, arguments.out, arguments.resume, arguments.compile)
    run.train(arguments.minutes, arguments.supervised * arguments.minutes, arguments.keep)
    run.sheet()


if __name__ == "__main__":
    run_command(main)
