"""The training notes as the supervised recipe sees them: sounds by pitches, at one loudness, on the linear scale.

A sound is an instrument at a velocity. How loud it was played is left to the instrument's own velocity curve: every
note is brought to the same level, so that latents differ in timbre only.

The linear scale is where a note is heard; `linear_scale.py` says why mel images are not compared with mel images.
"""

from functools import cached_property

import numpy as np
import torch

from timbrel_training import descriptors
from timbrel_training.data import DataSet
from timbrel_training.errors import TrainingError
from timbrel_training.factored import loudness_gain
from timbrel_training.images import ImageCache
from timbrel_training.linear_scale import linear_of, scale_of
from timbrel_training.spectral import LOG_EPS, Representation

# The eps of a stored magnitude: its logarithm is kept in float16, which is 0.4 % off there.
STORED_EPS = 1.01 * LOG_EPS

# A sound with fewer notes than this says too little of itself.
LEAST_NOTES = 6


class Notes:
    """The notes of a data set's training part, found by sound and pitch.

    Attributes:
        images: float16 [count, 2, frames, bins] of the whole set: log magnitude and phase advance in units of pi, on
            the linear scale.
        names: of the sounds, "instrument velocity".
        note: index of the note of each sound at each pitch, int64 [sounds, pitches]; -1 where there is none.
        held_out: where that note exists and belongs to the test part, bool [sounds, pitches].
        gain: by which a note's power is multiplied to bring it to the common loudness, as a logarithm, float32 [count].
    """

    def __init__(self, data: DataSet, representation: Representation, pitch_min: int, pitch_max: int):
        self.representation = representation
        self.pitch_min, self.pitch_max = pitch_min, pitch_max
        self.images = ImageCache.open(data, linear_of(representation)).images
        self.scale = scale_of(representation)
        labels = [f"{example.instrument} {example.velocity}" for example in data.examples]
        within = [index for index in data.train if pitch_min <= data.pitches[index] <= pitch_max]
        counts: dict[str, int] = {}
        for index in within:
            counts[labels[index]] = counts.get(labels[index], 0) + 1
        self.names = sorted(name for name, count in counts.items() if count >= LEAST_NOTES)
        if len(self.names) < 2:
            raise TrainingError(
                f"The data set has {len(self.names)} instruments with {LEAST_NOTES} or more notes to train on, and the "
                "timbre map needs two: render more pitches of each (`cargo xtask dataset folder --fill` makes them)."
            )
        number = {name: sound for sound, name in enumerate(self.names)}
        shape = (len(self.names), pitch_max - pitch_min + 1)
        self.note = np.full(shape, -1, dtype=np.int64)
        self.held_out = np.zeros(shape, dtype=bool)
        test = set(data.test.tolist())
        for index, (label, pitch) in enumerate(zip(labels, data.pitches, strict=True)):
            if label in number and pitch_min <= pitch <= pitch_max:
                if index in test:
                    self.held_out[number[label], pitch - pitch_min] = True
                else:
                    self.note[number[label], pitch - pitch_min] = index
        self.held_out &= self.note < 0
        self.gain = np.zeros(len(self.images), dtype=np.float32)
        # A mel image's power, summed over its bins, is a weighted sum over the linear ones.
        shares = representation.mel_matrices[0].sum(dim=1)
        for index in within:
            power = power_of(torch.from_numpy(self.images[index, 0].copy()), torch.zeros(()))
            self.gain[index] = loudness_gain((power @ shares)[None]).item()

    def powers(self, index: int) -> torch.Tensor:
        """Powers of one note at the common loudness on the linear scale, [frames, bins]."""
        return power_of(torch.from_numpy(self.images[index, 0].copy()), torch.tensor(self.gain[index]))

    def level(self, index: int) -> np.ndarray:
        """Log powers of one note at the common loudness on the mel scale, float32 [frames, mel bins]."""
        return torch.log(self.scale.to_mel(self.powers(index)) + LOG_EPS).numpy()

    @cached_property
    def described(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Descriptors [notes, columns], sound [notes] and MIDI pitch [notes] of every training note."""
        sounds, pitches = np.nonzero(self.note >= 0)
        rows = [
            descriptors.describe(self.level(self.note[sound, pitch]), pitch + self.pitch_min, self.representation)
            for sound, pitch in zip(sounds, pitches, strict=True)
        ]
        return np.array(rows), sounds, pitches + self.pitch_min

    def nearest(self, places: np.ndarray) -> np.ndarray:
        """The note to learn from for each sound and pitch, int64 [sounds, pitches].

        A sound that does not reach a pitch takes, there, the note of the nearest sound on the map that does: the bottom
        of the keyboard under a flute is a bassoon's and no slowed-down flute. A note that is held out is -1.
        """
        distance = np.square(places[:, None] - places[None]).sum(axis=2)
        nearest = np.full_like(self.note, -1)
        for pitch in range(self.note.shape[1]):
            there = np.nonzero(self.note[:, pitch] >= 0)[0]
            if len(there):
                nearest[:, pitch] = self.note[there[distance[:, there].argmin(axis=1)], pitch]
        nearest[self.held_out] = -1
        return nearest


def power_of(level: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    """Powers of stored log magnitudes, after a gain [nepers of power].

    A stored level is log(magnitude + eps), and eps is none of the note's: a gain that took it along would raise digital
    silence under a soft note to a buzz.
    """
    return (level.float().exp() - STORED_EPS).clamp(min=0.0).square() * gain.exp()
