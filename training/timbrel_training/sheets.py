"""Sample sheets: pictures and WAVs to judge a model by eye and ear.

A rainbow spectrogram is drawn as in the paper's figures: frequency upwards, time to the right, brightness by log
magnitude, hue by instantaneous frequency. A partial that keeps its pitch keeps its colour.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from torch import Tensor

from timbrel_training.files import replace_file
from timbrel_training.spectral import LOG_EPS, SAMPLE_RATE, Representation, instantaneous_frequency

# What lies this far below the loudest point of a note is drawn black, and so is digital silence in any case.
RANGE_DB = 90.0
RANGE_NEPER = RANGE_DB / 20.0 * math.log(10.0)


def rainbow(image: Tensor, representation: Representation) -> np.ndarray:
    """Draws one image [2, frames, bins], not normalised: RGB [bins, frames, 3] from 0 to 1, the highest bin first."""
    level, angle = image.detach().float().cpu().unbind(0)
    silence = math.log(LOG_EPS)
    if representation.is_mel:
        level, silence = 0.5 * level, 0.5 * silence
    if representation.is_phase:
        angle = instantaneous_frequency(angle * math.pi)
    loudest = max(float(level.max()), silence + 1.0)
    black = max(loudest - RANGE_NEPER, silence)
    brightness = ((level - black) / (loudest - black)).clamp(0.0, 1.0)
    hue = torch.remainder(0.5 * (angle + 1.0), 1.0)
    hsv = torch.stack([hue, torch.full_like(hue, 0.85), brightness], dim=-1)
    return hsv_to_rgb(hsv.nan_to_num().numpy().swapaxes(0, 1)[::-1])


def write_sheet(
    path: Path, images: Tensor, representation: Representation, titles: Sequence[str] = (), columns: int = 6
) -> None:
    """Writes rainbow spectrograms of images [N, 2, frames, bins] as one PNG, in rows of `columns`."""
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(2.2 * columns, 2.4 * rows), dpi=100, facecolor="black", layout="constrained")
    FigureCanvasAgg(figure)
    for place, image in enumerate(images):
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.imshow(rainbow(image, representation), aspect="auto", interpolation="antialiased")
        axes.set_axis_off()
        if place < len(titles):
            axes.set_title(titles[place], color="white", fontsize=8)
    replace_file(path, lambda beside: figure.savefig(beside))


def write_waves(path: Path, waves: Tensor, peak: float = 0.7, sample_rate: int = SAMPLE_RATE) -> None:
    """Writes waves [N, samples] one after the other as one WAV of 16 bit, each brought to the same peak."""
    waves = waves.detach().float().cpu().nan_to_num()
    greatest = waves.abs().amax(dim=1, keepdim=True).clamp(min=1e-9)
    samples = (peak * waves / greatest).flatten().numpy()
    replace_file(path, lambda beside: soundfile.write(beside, samples, sample_rate, subtype="PCM_16"))
