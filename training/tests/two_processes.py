"""Run by `torchrun` for test_gan.py: trains by the command, and notes down what each process did."""

import hashlib
import json
import sys
from pathlib import Path

import torch

from timbrel_training import gan
from timbrel_training.sampler import Sampler
from timbrel_training.trainer import Trainer

notes: list[list[int]] = []
latents: list[float] = []
draw, fakes = Sampler.next, Trainer._fakes


def noted_draw(sampler: Sampler, batch: int):
    drawn = draw(sampler, batch)
    notes.append(drawn.tolist())
    return drawn


def noted_fakes(trainer: Trainer, count: int, progress: float):
    image, labels = fakes(trainer, count, progress)
    latents.append(float(image.detach().sum()))
    return image, labels


def noted_train(run: gan.Run) -> None:
    train(run)
    digest = hashlib.sha256()
    for network in (run.trainer.generator, run.trainer.average, run.trainer.discriminator):
        for value in network.state_dict().values():
            digest.update(value.numpy().tobytes())
    what = {
        "weights": digest.hexdigest(),
        "images": run.images,
        "notes": notes,
        "latents": latents,
        "train": run.data.train.tolist(),
    }
    Path(run.out, f"rank{run.parallel.rank}.json").write_text(json.dumps(what))


train = gan.Run.train
Sampler.next, Trainer._fakes, gan.Run.train = noted_draw, noted_fakes, noted_train
torch.set_num_threads(1)
sys.argv[0] = "gan"
gan.run_command(gan.main)
