"""What a note takes by each kind of network, with fresh weights: a network's speed does not depend on what it has learnt."""

import torch

from timbrel_training.normaliser import PUBLISHED_MEL
from timbrel_training.paper.row_player import RowPlayer
from timbrel_training.paper.scale import TITLES, Scale
from timbrel_training.paper.training import TRAINERS
from timbrel_training.paper.wavegan import make_generator as make_wave_generator
from timbrel_training.trainer import make_generator

# What the others are compared with: each sample of it waits for the one before.
SLOWEST = "wavenet"


def speeds(scale: Scale, device: torch.device | str) -> dict[str, float]:
    """Seconds a note of each row, by itself, from latent to wave."""
    found = {}
    for name, row in scale.rows.items():
        makes_waves = row.generator.kind in TRAINERS
        generator = make_wave_generator(row) if makes_waves else make_generator(row, PUBLISHED_MEL)
        found[name] = RowPlayer(generator, device).seconds_a_note()
    return found


def markdown(scale: Scale, device: torch.device | str) -> str:
    """The speeds as a table, and how many times as fast as the autoregressive row each is."""
    found = speeds(scale, device)
    lines = ["| | ms a note | WaveNet's time / its own |", "|---|---:|---:|"]
    for name, seconds in found.items():
        ratio = f"{found[SLOWEST] / seconds:.0f}" if SLOWEST in found else "-"
        lines.append(f"| {TITLES[name]} | {1000.0 * seconds:.3g} | {ratio} |")
    return "\n".join(lines) + "\n"
