"""Notes of a model file by latent and key, measured once each."""

from dataclasses import dataclass

import numpy as np

from timbrel_training.measures.character import character
from timbrel_training.measures.noise import is_noise
from timbrel_training.measures.pitch import measure_pitch
from timbrel_training.measures.rate import to_rate
from timbrel_training.measures.segment import SAMPLE_RATE, level_db
from timbrel_training.measures.spectrogram import picture, power_of, transform
from timbrel_training.model_file import ModelFile
from timbrel_training.played import play
from timbrel_training.spectral import Representation

# A key farther off than this is another key's neighbour.
OFF_KEY_CENTS = 50.0


@dataclass
class Heard:
    """Of N notes: pictures [N, rows, bands] in dB and attributes [N, attributes]."""

    pictures: np.ndarray
    characters: np.ndarray


@dataclass
class Keyboard:
    """A latent on the keys of its model, up to the first that fails: `cents` [K] off each (NaN for silence), and whether it
    is `bad` [K]: noise or silence."""

    keys: np.ndarray
    cents: np.ndarray
    bad: np.ndarray

    @property
    def is_playable(self) -> bool:
        """Whether every key is a note, and none is off by more than 50 cents."""
        return not (self.bad | self._off).any()

    @property
    def faults(self) -> str:
        """What is wrong, in words; empty where nothing is."""
        told = [("noise or silence at", self.keys[self.bad]), ("off key at", self.keys[self._off & ~self.bad])]
        return "; ".join(f"{what} {', '.join(map(str, keys))}" for what, keys in told if len(keys))

    @property
    def _off(self) -> np.ndarray:
        return ~(np.abs(self.cents) <= OFF_KEY_CENTS)


class Player:
    """Plays a model and listens, to what 16 kHz hold of its notes."""

    def __init__(self, model: ModelFile):
        self.model = model
        self._rate = Representation.of(model.representation).sample_rate

    def keys(self, count: int) -> np.ndarray:
        """Keys spread over the middle of the keyboard."""
        low, high = int(self.model.pitches[0]), int(self.model.pitches[-1])
        edge = (high - low) / (2 * count)
        return np.linspace(low + edge, high - edge, count).round().astype(int)

    def hear(self, latents: np.ndarray, keys: np.ndarray) -> Heard:
        """Plays latents [N, L] at keys [N]."""
        pictures, characters = [], []
        for wave, key in zip(play(self.model, latents, keys), keys, strict=True):
            wave = to_rate(wave, self._rate, SAMPLE_RATE)
            pictures.append(picture(power_of(transform(wave))))
            characters.append(character(wave, int(key)))
        return Heard(np.stack(pictures), np.stack(characters))

    def hear_grid(self, latents: np.ndarray, keys: np.ndarray) -> Heard:
        """Plays each of latents [N, L] at each of keys [K]: pictures [N, K, ...], attributes [N, K, ...]."""
        heard = self.hear(np.repeat(latents, len(keys), axis=0), np.tile(keys, len(latents)))
        shape = (len(latents), len(keys))
        return Heard(heard.pictures.reshape(*shape, *heard.pictures.shape[1:]),
                     heard.characters.reshape(*shape, heard.characters.shape[1]))

    def keyboard(self, latent: np.ndarray) -> Keyboard:
        """Plays a latent [L] on every key, and measures pitch and noise; the first fault ends it."""
        keys = np.asarray(self.model.pitches)
        latents = np.repeat(np.asarray(latent, np.float32)[None], len(keys), axis=0)
        found = Keyboard(keys[:0], np.zeros(0), np.zeros(0, bool))
        for key, wave in zip(keys, play(self.model, latents, keys)):
            wave = to_rate(wave, self._rate, SAMPLE_RATE)
            pitch = measure_pitch(wave, int(key))
            found = Keyboard(np.append(found.keys, key), np.append(found.cents, pitch.cents),
                             np.append(found.bad, is_noise(pitch, level_db(wave))))
            if not found.is_playable:
                break
        return found
