"""Notes of a model file by latent and key, measured once each."""

from dataclasses import dataclass

import numpy as np
import torch

from timbrel_training.measures.character import character
from timbrel_training.measures.spectrogram import picture, power_of, transform
from timbrel_training.model_file import ModelFile
from timbrel_training.spectral import Representation


@dataclass
class Heard:
    """Of N notes: pictures [N, rows, bands] in dB and attributes [N, attributes]."""

    pictures: np.ndarray
    characters: np.ndarray


class Player:
    """Plays a model and listens."""

    def __init__(self, model: ModelFile):
        self.model = model
        self._representation = Representation.of(model.representation)

    def keys(self, count: int) -> np.ndarray:
        """Keys spread over the middle of the keyboard."""
        low, high = int(self.model.pitches[0]), int(self.model.pitches[-1])
        edge = (high - low) / (2 * count)
        return np.linspace(low + edge, high - edge, count).round().astype(int)

    def hear(self, latents: np.ndarray, keys: np.ndarray) -> Heard:
        """Plays latents [N, L] at keys [N]."""
        pictures, characters = [], []
        played = 0
        for images in self.model.batches(latents, keys):
            for wave in self._representation.synthesise(torch.from_numpy(images)).numpy():
                pictures.append(picture(power_of(transform(wave))))
                characters.append(character(wave, int(keys[played])))
                played += 1
        return Heard(np.stack(pictures), np.stack(characters))

    def hear_grid(self, latents: np.ndarray, keys: np.ndarray) -> Heard:
        """Plays each of latents [N, L] at each of keys [K]: pictures [N, K, ...], attributes [N, K, ...]."""
        heard = self.hear(np.repeat(latents, len(keys), axis=0), np.tile(keys, len(latents)))
        shape = (len(latents), len(keys))
        return Heard(heard.pictures.reshape(*shape, *heard.pictures.shape[1:]),
                     heard.characters.reshape(*shape, heard.characters.shape[1]))
