"""A pitch classifier, trained on real notes: the paper's judge of generated ones.

It hears what the networks here make images of, log magnitude and instantaneous frequency, averaged over time to a few
rows, since pitch is in the frequencies. A second one of the same build judges the full band: it sees levels by band alone,
and learns families of instruments beside pitches, so that its features tell what a note's timbre is up to 20 kHz.
"""

import numpy as np
import torch
from torch import nn

from timbrel_training.measures import full_band

ROWS = 4
FEATURES = 128

EPOCHS = 14
BATCH = 64
RATE = 2e-3

# Levels from here to the loudest value fill -1..1.
RANGE_DB = 100.0


def pitch_image(spectrum: np.ndarray) -> np.ndarray:
    """A short-time Fourier transform [frames, 1025] as the classifier's input [2 * ROWS, 1024] float16.

    The first rows are the mean log magnitude, the level of the note taken out; the others the instantaneous frequency
    in units of pi, weighted by power: the angle of the sum of X_t conj(X_t-1).
    """
    spectrum = spectrum[:, 1:]
    frames = len(spectrum) // ROWS
    rows = spectrum[: frames * ROWS].reshape(ROWS, frames, -1)
    level = 10 * np.log10(np.square(rows.real) + np.square(rows.imag) + 1e-20)
    level = np.maximum(level - level.max(), -RANGE_DB).mean(1) * (2 / RANGE_DB) + 1
    angle = np.angle((rows[:, 1:] * rows[:, :-1].conj()).sum(1)) / np.pi
    return np.concatenate([level, angle]).astype(np.float16)


def band_image(bands: np.ndarray) -> np.ndarray:
    """Pictures of the full band [N, rows, bands], in dB below the loudest cell, in the range of the networks, float16."""
    return (bands * np.float16(2 / full_band.RANGE_DB) + np.float16(1)).astype(np.float16)


class PitchClassifier(nn.Module):
    """Convolutions over frequency, a layer of features, one output a key; and one a family, where there are any.

    Inputs are [N, rows, width].
    """

    def __init__(self, pitches: int, rows: int = 2 * ROWS, width: int = 1024, families: int = 0):
        super().__init__()
        channels = (rows, 32, 64, 64, 64)
        layers = []
        for before, after in zip(channels, channels[1:]):
            layers += [nn.Conv1d(before, after, 5, stride=2, padding=2), nn.BatchNorm1d(after), nn.ReLU()]
        flat = 64 * (width // 16)
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(flat, FEATURES), nn.ReLU())
        self.head = nn.Linear(FEATURES, pitches)
        self.families = nn.Linear(FEATURES, families) if families else None

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features [N, 128] and logits [N, pitches] of images."""
        features = self.body(images)
        return features, self.head(features)


def train(images: np.ndarray, labels: np.ndarray, pitches: int, seed: int = 0, epochs: int = EPOCHS,
          families: np.ndarray | None = None) -> PitchClassifier:
    """Trains on images [N, rows, width] with labels 0..pitches - 1, and with numbers of families where they are given;
    the same seed gives the same classifier."""
    kinds = 0 if families is None else int(families.max()) + 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = PitchClassifier(pitches, *images.shape[1:], kinds)
        steps = max(1, len(images) // BATCH)
        optimiser = torch.optim.AdamW(classifier.parameters(), RATE, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, epochs=epochs, steps_per_epoch=steps)
        classifier.train()
        for _ in range(epochs):
            order = torch.randperm(len(images)).numpy()
            for step in range(steps):
                chosen = order[step * BATCH : (step + 1) * BATCH]
                features, logits = classifier(torch.from_numpy(images[chosen]).float())
                loss = _loss(logits, labels[chosen])
                if families is not None:
                    loss = loss + _loss(classifier.families(features), families[chosen])
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                schedule.step()
    return classifier.eval()


def _loss(logits: torch.Tensor, labels: np.ndarray) -> torch.Tensor:
    return nn.functional.cross_entropy(logits, torch.from_numpy(labels), label_smoothing=0.02)


@torch.no_grad()
def classify(classifier: PitchClassifier, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features [N, 128] and probabilities [N, pitches] of images [N, rows, width]."""
    parts = [classifier(torch.from_numpy(images[start : start + 256]).float()) for start in range(0, len(images), 256)]
    features = torch.cat([features for features, _ in parts])
    return features.numpy(), torch.cat([logits for _, logits in parts]).softmax(1).numpy()
