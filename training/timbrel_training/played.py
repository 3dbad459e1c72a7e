"""A model's notes as the instrument plays them: its image, as hard as the key is struck, with vibrato and tremolo.

Two outputs that a model may have beside its image, of which `src/` is the other reader:

- `touch` [N, 32]: a note is generated as struck at velocity 100. Struck at velocity v, a magnitude at the frequency f is
  multiplied by 10^(touch(f) (v - 100) / 100 / 20). touch(f), in dB for 100 velocities, lies between 32 points that are
  evenly spaced on the mel scale from 0 Hz to half the sample rate, both ends included.
- `movement` [N, 4]: depth of the vibrato [cents] and its rate [Hz], depth of the tremolo [dB], and the time after the
  stroke at which they have half of their depth [s]. The image is straight; who plays it moves pitch and level by
  depth * ramp(t) * sin(2 pi rate t), with a smooth ramp from 0 at the stroke to 1 at twice that time.
"""

from collections.abc import Iterator

import numpy as np
import torch
from scipy import ndimage

from timbrel_training.mel import hertz_to_mel
from timbrel_training.model_file import BATCH, ModelFile
from timbrel_training.spectral import Representation

GENERATED_VELOCITY = 100

# Fifth-order splines between the samples: 90 dB exact up to half of the band.
SPLINE = 5

# Samples from one value of the course to the next: at 16 kHz and 9 Hz a line between them is 120 dB exact.
KNOT = 8

# What no one hears is not done, since it takes as long as what is heard.
INAUDIBLE_CENTS, INAUDIBLE_DB = 0.2, 0.02


def play(model: ModelFile, latents: np.ndarray, keys: np.ndarray, velocities: np.ndarray | int = GENERATED_VELOCITY,
         size: int = BATCH) -> Iterator[np.ndarray]:
    """The waves [samples] of latents [N, L] at MIDI keys [N], struck at `velocities` (1 to 127), one after the other, at
    the sample rate of the model's representation."""
    representation = Representation.of(model.representation)
    velocities = np.broadcast_to(np.asarray(velocities, np.float64), len(keys))
    played = 0
    for generated in model.generate(latents, keys, size):
        images = torch.from_numpy(generated.images)
        gain = None
        if generated.touch is not None:
            struck = velocities[played : played + len(images)]
            gain = torch.from_numpy(touch_gain(generated.touch, struck, representation).astype(np.float32))[:, None]
        waves = representation.synthesise(images, gain).numpy()
        for place, wave in enumerate(waves):
            yield wave if generated.movement is None else move(wave, generated.movement[place], representation.sample_rate)
        played += len(images)


def touch_gain(touch: np.ndarray, velocities: np.ndarray, representation: Representation) -> np.ndarray:
    """Factors [N, bins] of linear magnitudes for touch [N, points] and velocities [N]."""
    hertz = (np.arange(representation.bins) + 1) * representation.sample_rate / representation.n_fft
    points = np.linspace(0.0, hertz_to_mel(0.5 * representation.sample_rate), touch.shape[1])
    decibels = np.stack([np.interp(hertz_to_mel(hertz), points, one) for one in touch])
    return 10.0 ** (decibels * (np.asarray(velocities)[:, None] - GENERATED_VELOCITY) / 100.0 / 20.0)


def move(wave: np.ndarray, movement: np.ndarray, sample_rate: int) -> np.ndarray:
    """A straight wave [samples], read at a speed that goes to and fro, and made louder and softer; float32."""
    cents, rate, decibels, half_s = (float(value) for value in movement)
    cents = 0.0 if abs(cents) < INAUDIBLE_CENTS else cents
    decibels = 0.0 if abs(decibels) < INAUDIBLE_DB else decibels
    if cents == 0.0 and decibels == 0.0:
        return wave
    samples = np.arange(len(wave))
    knots = np.arange(0, len(wave) + KNOT, KNOT)
    time = knots / sample_rate
    share = np.clip(time / (2.0 * half_s), 0.0, 1.0) if half_s > 0.0 else np.ones(len(knots))
    swing = share * share * (3.0 - 2.0 * share) * np.sin(2.0 * np.pi * rate * time)
    if cents != 0.0:
        # A sample is read where the speed of all before it has brought it: the integral, by trapezia.
        ahead = KNOT * (2.0 ** (cents * swing / 1200.0) - 1.0)
        ahead = np.concatenate([[0.0], np.cumsum(0.5 * (ahead[1:] + ahead[:-1]))])
        places = samples + np.interp(samples, knots, ahead)
        wave = ndimage.map_coordinates(wave.astype(np.float64), places[None], order=SPLINE, mode="constant")
    if decibels != 0.0:
        wave = wave * np.interp(samples, knots, 10.0 ** (decibels * swing / 20.0))
    return wave.astype(np.float32)
