"""Small networks and trainers, and a store of random images."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from timbrel_training import config
from timbrel_training.config import Config
from timbrel_training.normaliser import PUBLISHED_MEL, Normaliser
from timbrel_training.parallel import Parallel
from timbrel_training.progressive import ProgressiveDiscriminator, ProgressiveGenerator
from timbrel_training.schedule import Schedule
from timbrel_training.spectral import Representation
from timbrel_training.trainer import Trainer

SIZES = {"channels_base": 512, "channels_max": 4}

# The lowest two resolutions, a few images each.
TABLE = {
    "data": {"pitch_min": 40, "pitch_max": 64},
    "generator": {"latent_size": 6, **SIZES},
    "discriminator": SIZES,
    "schedule": {"stable_images": 4, "fade_images": 4, "total_images": 16, "batch": [2]},
    "report": {"log_images": 4, "sheet_latents": 1},
}


def small_config(**changes: Any) -> Config:
    """A configuration of small networks; `changes` are sections or values that are laid over it."""
    return config.from_table(config.laid_over(TABLE, changes), "the test")


def small_generator(**changes: Any) -> ProgressiveGenerator:
    torch.manual_seed(1)
    sizes = {"latent_size": 6, "pitch_min": 40, "pitch_max": 64, **SIZES, **changes}
    return ProgressiveGenerator("if-mel-hires", PUBLISHED_MEL, **sizes)


def small_discriminator(**changes: Any) -> ProgressiveDiscriminator:
    torch.manual_seed(2)
    return ProgressiveDiscriminator("if-mel-hires", 25, **{**SIZES, **changes})


def small_trainer(settings: Config, normaliser: Normaliser = PUBLISHED_MEL) -> Trainer:
    return Trainer(settings, normaliser, torch.ones(25), Parallel("cpu"))


def random_images(representation: str, count: int, seed: int = 3) -> Tensor:
    """Images [count, 2, frames, bins] within the range of the mel normaliser, in large patches of one value."""
    _, frames, bins = Representation(representation).image_shape
    random = torch.Generator().manual_seed(seed)
    patches = 2.0 * torch.rand(count, 2, frames // 8, bins // 8, generator=random) - 1.0
    return PUBLISHED_MEL.denormalise(torch.nn.functional.interpolate(patches, scale_factor=8.0))


def steps(trainer: Trainer, numbers: range) -> list[dict[str, float]]:
    """Trains the steps of the schedule with these numbers, each on its own two images; what was measured."""
    schedule = Schedule(trainer.config.schedule, trainer.config.blocks)
    measured = []
    for number in numbers:
        real = random_images(trainer.config.representation, 2, seed=number)
        pitch = torch.from_numpy(np.array([40 + number % 25, 50]))
        metrics = trainer.step(real, pitch, schedule.at(2 * number, 0.0))
        measured.append({name: float(value.detach()) for name, value in metrics.items()})
    return measured


