"""One step of adversarial training, and the whole state that a run goes on from."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from timbrel_training import generators
from timbrel_training.config import Config
from timbrel_training.errors import TrainingError
from timbrel_training.loss import LOSSES, Loss, penalty_unit, pitch_loss
from timbrel_training.normaliser import Normaliser
from timbrel_training.parallel import Parallel
from timbrel_training.progressive import ProgressiveDiscriminator, ProgressiveGenerator, blended, growth
from timbrel_training.schedule import Moment

# What the learning rate falls to over `decay_share`.
LEAST_RATE = 0.1


class Trainer:
    """Generator, its running average, discriminator, and their optimisers.

    Attributes:
        generator: the one that learns.
        average: the exponential moving average of its weights, which is what is used afterwards.
        steps: how many were done.
        stage: the part of the schedule that the optimisers were made for.
    """

    def __init__(
        self,
        config: Config,
        normaliser: Normaliser,
        pitch_counts: Tensor,
        parallel: Parallel,
        generator: nn.Module | None = None,
    ):
        """Makes the networks.

        Args:
            normaliser: for the discriminator, and for a generator that has one.
            pitch_counts: [pitches], how often each pitch is in the data, from `pitch_min`; fakes are asked for likewise.
            generator: one to begin with; else a fresh one, as the configuration describes it.

        Raises:
            TrainingError: when the generator is not of the configuration's kind, representation and pitches.
        """
        self.config = config
        self.parallel = parallel
        self.device = parallel.device
        self.normaliser = normaliser
        self.pitch_shares = pitch_counts.double().to(self.device)
        self.loss = make_loss(config)
        # The same weights in all processes, latents of its own in each.
        torch.manual_seed(config.seed)
        if generator is None:
            generator = make_generator(config, normaliser)
        check_fits(generator, config)
        self.generator = generator.to(self.device).train().requires_grad_(True)
        self.discriminator = self._make_discriminator(len(pitch_counts)).to(self.device)
        if config.speed.channels_last:
            self.generator.to(memory_format=torch.channels_last)
            self.discriminator.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        if config.speed.compile and isinstance(self.generator, ProgressiveGenerator):
            self.generator.compile_activation()
        self.random = torch.Generator(self.device).manual_seed(config.seed * 1_000_003 + parallel.rank)
        self.steps = 0
        self.stage = -1
        self._make_optimisers()

    def step(self, real: Tensor, pitch: Tensor, moment: Moment) -> dict[str, Tensor]:
        """Trains both networks once.

        Args:
            real: images [N, 2, frames, bins], full and not normalised.
            pitch: their MIDI pitches [N].

        Returns:
            What was measured (`run_log.METRICS`), tensors []; the penalty's only in steps that have one.
        """
        self._begin(moment)
        progress = moment.progress
        real = self._seen(real.to(self.device), progress)
        labels = pitch.to(self.device) - self.config.data.pitch_min
        metrics: dict[str, Tensor] = {}
        if self.config.speed.share_fakes:
            fake, asked = self._fakes(len(real), progress)
            self._train_discriminator(real, labels, fake.detach(), progress, metrics)
            self._train_generator(fake, asked, progress, metrics)
        else:
            fake, asked = self._fakes(len(real), progress)
            self._train_generator(fake, asked, progress, metrics)
            with torch.no_grad():
                fake, _ = self._fakes(len(real), progress)
            self._train_discriminator(real, labels, fake, progress, metrics)
        self.steps += 1
        return metrics

    def learning_rate(self, moment: Moment) -> float:
        settings = self.config.optimiser
        left = (1.0 - moment.share) / settings.decay_share if settings.decay_share > 0.0 else 1.0
        return settings.learning_rate * min(1.0, LEAST_RATE + (1.0 - LEAST_RATE) * left)

    def is_finite(self) -> bool:
        """Whether all weights are numbers. Costs a synchronisation with the device."""
        networks = (self.generator, self.discriminator)
        sums = [parameter.detach().sum() for network in networks for parameter in network.parameters()]
        return bool(torch.isfinite(torch.stack(sums)).all())

    def sample(self, latent: Tensor, pitch: Tensor) -> Tensor:
        """Notes of the averaged generator, [N, 2, frames, bins], not normalised, one after the other to spare memory."""
        with torch.no_grad():
            pairs = zip(latent.to(self.device).split(1), pitch.to(self.device).split(1))
            return torch.cat([self.average(*pair).float().cpu() for pair in pairs])

    def state(self) -> dict[str, Any]:
        """All that `restore` needs. Every process must call it; what it returns is the same in all but `random`."""
        pack = self.config.report.moments == "bfloat16"
        return {
            "generator": generators.to_state(self.average),
            "generator_weights": self.generator.state_dict(),
            "discriminator_weights": self.discriminator.state_dict(),
            "optimisers": [packed(optimiser, pack) for optimiser in self._optimisers()],
            "random": self.parallel.gather(self.random.get_state()),
            "steps": self.steps,
            "stage": self.stage,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a state."""
        self.average.load_state_dict(state["generator"]["weights"])
        self.generator.load_state_dict(state["generator_weights"])
        self.discriminator.load_state_dict(state["discriminator_weights"])
        self.steps, self.stage = state["steps"], state["stage"]
        progress = state["generator"]["settings"].get("progress")
        if progress is not None:
            self.average.progress = self.generator.progress = progress
        self._make_optimisers()
        for optimiser, kept in zip(self._optimisers(), state["optimisers"]):
            unpack(optimiser, kept)
        if len(state["random"]) == self.parallel.world_size:
            self.random.set_state(state["random"][self.parallel.rank].cpu())
        else:
            # Another number of processes: no state fits, and the old seeds would repeat what was drawn already.
            self.random.manual_seed((self.config.seed + self.steps) * 1_000_003 + self.parallel.rank)

    def _make_discriminator(self, pitches: int) -> nn.Module:
        settings = self.config.discriminator
        return ProgressiveDiscriminator(
            self.config.told_representation, pitches, settings.channels_base, settings.channels_max, self.config.blocks
        )

    def _seen(self, full: Tensor, progress: float) -> Tensor:
        """Full images, not normalised, as the discriminator sees them at `progress`."""
        return self._laid_out(self.normaliser.affine(blended(full, progress, self.config.blocks)))

    def _penalty_unit(self, progress: float) -> Tensor:
        block, _ = growth(progress, self.config.blocks)
        return penalty_unit(self.normaliser.scale, 2 ** (self.config.blocks - block)).to(self.device)

    def _begin(self, moment: Moment) -> None:
        if moment.stage != self.stage and self.config.optimiser.restart_each_stage:
            self._make_optimisers()
        self.stage = moment.stage
        if isinstance(self.generator, ProgressiveGenerator):
            self.average.progress = self.generator.progress = moment.progress
        rate = self.learning_rate(moment)
        for optimiser in self._optimisers():
            for group in optimiser.param_groups:
                group["lr"] = rate

    def _train_generator(self, fake: Tensor, asked: Tensor, progress: float, metrics: dict[str, Tensor]) -> None:
        self.discriminator.requires_grad_(False)
        with self._precision():
            score, logits = self.discriminator(fake, progress)
        named = pitch_loss(logits, asked)
        loss = self.loss.generator(score) + self.config.loss.pitch_weight_generator * named
        self._descend(loss, self.generator, self.generator_optimiser)
        self.discriminator.requires_grad_(True)
        self._follow()
        metrics |= {
            "generator_loss": loss,
            "pitch_loss_fake": named,
            "pitch_accuracy_fake": (logits.argmax(1) == asked).float().mean(),
        }

    def _train_discriminator(
        self, real: Tensor, labels: Tensor, fake: Tensor, progress: float, metrics: dict[str, Tensor]
    ) -> None:
        settings = self.config.loss
        with self._precision():
            score_real, logits = self.discriminator(real, progress)
            score_fake, _ = self.discriminator(fake, progress)
        named = pitch_loss(logits, labels)
        loss = self.loss.discriminator(score_real, score_fake) + settings.pitch_weight_discriminator * named
        if self.steps % settings.penalty_interval == 0:
            unit = self._penalty_unit(progress)
            mix = torch.rand(len(real), 1, 1, 1, device=self.device, generator=self.random)
            # In single precision: the second derivative has few digits to lose.
            penalty = self.loss.penalty(lambda image: self.discriminator(image, progress)[0], real, fake, mix, unit)
            loss = loss + settings.penalty_interval * self.loss.penalty_weight * penalty.value
            metrics |= {
                "penalty": penalty.value,
                "slope_mean": penalty.slopes.mean(),
                "slope_max": penalty.slopes.max(),
            }
        self._descend(loss, self.discriminator, self.discriminator_optimiser)
        metrics |= {
            "discriminator_loss": loss,
            "score_real": score_real.mean(),
            "score_fake": score_fake.mean(),
            "pitch_loss_real": named,
            "pitch_accuracy_real": (logits.argmax(1) == labels).float().mean(),
        }

    def _fakes(self, count: int, progress: float) -> tuple[Tensor, Tensor]:
        """Generated images at the resolution in use, in the network's units, and the labels that were asked for."""
        labels = torch.multinomial(self.pitch_shares, count, replacement=True, generator=self.random)
        latent = torch.randn(count, self.generator.latent_size, device=self.device, generator=self.random)
        pitch = labels + self.config.data.pitch_min
        if isinstance(self.generator, ProgressiveGenerator):
            with self._precision():
                image = self.generator.image(latent, pitch, progress).float()
        else:
            # In single precision: it answers in denormalised units, of which sixteen bits keep too little.
            image = self._seen(self.generator(latent, pitch), progress)
        return self._laid_out(image), labels

    def _descend(self, loss: Tensor, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.parallel.average_gradients(network.parameters())
        optimiser.step()

    def _follow(self) -> None:
        """Moves the average a little towards the generator."""
        share = 1.0 - self.config.optimiser.average_decay
        pairs = zip(self.average.state_dict().values(), self.generator.state_dict().values())
        averages, values = zip(*((a, v) for a, v in pairs if a.is_floating_point()))
        torch._foreach_lerp_(averages, values, share)

    def _precision(self) -> torch.autocast:
        enabled = self.config.speed.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def _laid_out(self, image: Tensor) -> Tensor:
        return image.contiguous(memory_format=torch.channels_last) if self.config.speed.channels_last else image

    def _make_optimisers(self) -> None:
        settings = self.config.optimiser

        def adam(network: nn.Module) -> torch.optim.Adam:
            # PyTorch adds epsilon after correcting the bias and TensorFlow before, which nothing here can tell.
            return torch.optim.Adam(network.parameters(), settings.learning_rate, (settings.beta1, settings.beta2))

        self.generator_optimiser = adam(self.generator)
        self.discriminator_optimiser = adam(self.discriminator)

    def _optimisers(self) -> tuple[torch.optim.Adam, torch.optim.Adam]:
        return self.generator_optimiser, self.discriminator_optimiser


def make_loss(config: Config) -> Loss:
    settings = config.loss
    named = {"drift": settings.drift} if settings.kind == "wgan-gp" else {}
    return LOSSES[settings.kind](penalty_weight=settings.penalty_weight, **named)


def make_generator(config: Config, normaliser: Normaliser) -> nn.Module:
    """A fresh generator as the configuration describes it."""
    kind = config.generator.kind
    settings = {
        "representation": config.told_representation,
        "pitch_min": config.data.pitch_min,
        "pitch_max": config.data.pitch_max,
        **config.generator.settings,
    }
    if kind == ProgressiveGenerator.kind:
        settings |= {"normaliser": normaliser, "blocks": config.blocks}
    return generators.build(kind, settings)


def check_fits(generator: nn.Module, config: Config) -> None:
    """Refuses a generator that another configuration is for."""
    wanted = {
        "kind": config.generator.kind,
        "representation": config.told_representation,
        "pitch_min": config.data.pitch_min,
        "pitch_max": config.data.pitch_max,
    }
    if config.generator.kind == ProgressiveGenerator.kind:
        wanted["blocks"] = config.blocks
    for name, value in wanted.items():
        found = getattr(generator, name)
        if found != value:
            raise TrainingError(
                f"The generator to begin with has {name} {found} and the configuration {value}; change the configuration, "
                "or give another generator."
            )


def packed(optimiser: torch.optim.Adam, as_bfloat16: bool) -> dict[str, Any]:
    """The optimiser's state as small as it can be kept.

    With beta1 = 0 the first moment is the last gradient, which the next step replaces: it is left out.
    """
    state = optimiser.state_dict()
    kept = {}
    for index, values in state["state"].items():
        values = dict(values)
        if optimiser.param_groups[0]["betas"][0] == 0.0:
            del values["exp_avg"]
        if as_bfloat16:
            moments = {name: value.bfloat16() for name, value in values.items() if name != "step"}
            values |= moments
        kept[index] = values
    return kept


def unpack(optimiser: torch.optim.Adam, kept: dict[int, dict[str, Tensor]]) -> None:
    """Gives an optimiser what `packed` kept."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]

    def laid_out(value: Tensor, parameter: Tensor) -> Tensor:
        # In the memory layout of its parameter, since Adam is slow where the two differ.
        return torch.empty_like(parameter, requires_grad=False).copy_(value)

    restored = {}
    for index, values in kept.items():
        moments = {name: laid_out(value, parameters[index]) for name, value in values.items() if name != "step"}
        moments.setdefault("exp_avg", torch.zeros_like(parameters[index], requires_grad=False))
        restored[index] = {"step": values["step"], **moments}
    state = optimiser.state_dict()
    state["state"] = restored
    optimiser.load_state_dict(state)
