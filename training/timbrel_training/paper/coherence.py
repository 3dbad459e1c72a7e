"""What each representation asks of a network, shown on real notes without one.

A network's images are smooth where they are not learnt exactly, and a little off everywhere. So real notes are sent through
each representation with two such faults: at half its resolution, as the stage before the last one of a progressive network
has it, and with an error of one size in the network's units. What is left of them as notes (period, noise between partials,
spectrum) is what the representation forgives. It is done at the published sizes and at the table's, since a reduction that
took the differences away would make the table worthless.
"""

import numpy as np
import torch
from torch import Tensor

from timbrel_training.data import DataSet
from timbrel_training.geometry import NAMES, NOTE_SECONDS, PUBLISHED_RATE, Geometry
from timbrel_training.measures import noise, pitch, segment, spectrogram
from timbrel_training.measures.rate import to_rate
from timbrel_training.normaliser import Normaliser
from timbrel_training.paper.scale import TITLES
from timbrel_training.progressive import averaged, upsampled
from timbrel_training.reduced import ReducedDataSet
from timbrel_training.spectral import Representation

# Standard deviation of the error in the network's units, of which an image fills -0.8 to 0.8.
ERROR = 0.05


def coherence(source: DataSet, indices: np.ndarray, sample_rate: int, seconds: float) -> dict[str, dict[str, float]]:
    """Figures of each representation over notes of a data set, at sizes for `sample_rate` and `seconds`."""
    is_published = (sample_rate, seconds) == (PUBLISHED_RATE, NOTE_SECONDS)
    data = source if is_published else ReducedDataSet(source, sample_rate, seconds)
    waves = torch.stack([data.wave(int(index)) for index in indices])
    keys = [data.examples[index].pitch for index in indices]
    found = {"untouched": _heard(waves, waves, keys, sample_rate)}
    for name in sorted(NAMES, key=list(TITLES).index):
        found[name] = _through(Representation(Geometry.reduced(name, sample_rate, seconds)), waves, keys)
    return found


def angle_step(image: Tensor, is_mel: bool) -> float:
    """Mean change of the angle of images [N, 2, frames, bins] from frame to frame, in units of pi, weighted by power: what
    is sounding is counted. Half is chance."""
    level, angle = image.unbind(1)
    power = torch.exp(level[:, 1:] * (1.0 if is_mel else 2.0))
    step = angle[:, 1:].diff(dim=1)
    wrapped = (step - 2.0 * (step / 2.0).round()).abs()
    weight = power[:, 1:]
    return float((wrapped * weight).sum() / weight.sum())


def markdown(found: dict[str, dict[str, float]]) -> str:
    """The figures as a table."""
    lines = [
        "| | angle from frame to frame (half turns) | periodicity: there and back | at half resolution | with an error "
        "| noise between partials (dB): there and back | at half resolution | with an error |",
        "|---|" + "---:|" * 7,
    ]
    for name, row in found.items():
        ways = [row.get(f"{what}{way}", float("nan")) for what in ("periodicity", "noise_db") for way in ("", "_half", "_error")]
        told = [f"{row['angle_step']:.2f}" if "angle_step" in row else "-"]
        told += [f"{value:.3f}" if np.isfinite(value) else "-" for value in ways[:3]]
        told += [f"{value:.1f}" if np.isfinite(value) else "-" for value in ways[3:]]
        lines.append(f"| {TITLES.get(name, name)} | " + " | ".join(told) + " |")
    return "\n".join(lines) + "\n"


def _through(representation: Representation, waves: Tensor, keys: list[int]) -> dict[str, float]:
    rate = representation.sample_rate
    images = torch.cat([representation.analyse(part) for part in waves.split(8)])
    normaliser = representation.published_normaliser or Normaliser.fit(images)
    random = torch.Generator().manual_seed(1)
    faults = {
        "": lambda image: image,
        "_half": lambda image: upsampled(averaged(image, 2), 2),
        "_error": lambda image: image + ERROR * torch.randn(image.shape, generator=random),
    }
    found = {"angle_step": angle_step(images, representation.is_mel)}
    for way, fault in faults.items():
        made = torch.cat([
            representation.synthesise(normaliser.denormalise(fault(normaliser.affine(part)))) for part in images.split(8)
        ])
        found |= {key + way: value for key, value in _heard(made, waves, keys, rate).items()}
    return found


def _heard(waves: Tensor, before: Tensor, keys: list[int], rate: int) -> dict[str, float]:
    """Medians over notes: periodicity, noise between partials, and distance of the spectrum from what it was before."""
    rows = []
    for wave, original, key in zip(waves.numpy(), before.numpy(), keys, strict=True):
        wave, original = (to_rate(one, rate, segment.SAMPLE_RATE) for one in (wave, original))
        measured = pitch.measure_pitch(wave, key)
        pictures = [spectrogram.picture(spectrogram.power_of(spectrogram.transform(one))) for one in (wave, original)]
        rows.append((measured.periodicity, noise.noise_db(measured), spectrogram.distance_db(*pictures)))
    return dict(zip(("periodicity", "noise_db", "distance_db"), np.nanmedian(np.array(rows, float), axis=0).tolist()))
