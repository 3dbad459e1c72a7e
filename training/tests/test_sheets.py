"""Sample sheets: what they show, and that they are written."""

from pathlib import Path

import numpy as np
import soundfile
import torch
from conftest import tone
from matplotlib.colors import rgb_to_hsv
from matplotlib.image import imread

from timbrel_training.sheets import rainbow, write_sheet, write_waves
from timbrel_training.spectral import NAMES, Representation


def test_a_steady_partial_is_a_bright_line_of_one_colour() -> None:
    wave = torch.from_numpy(np.sin(2 * np.pi * 1000.0 * np.arange(64_000) / 16_000).astype(np.float32))
    for name in NAMES:
        representation = Representation(name)
        picture = rainbow(representation.analyse(wave[None])[0], representation)
        assert picture.shape == (representation.bins, representation.frames, 3)
        hsv = rgb_to_hsv(picture)
        row = int(hsv[:, 60, 2].argmax())
        if not representation.is_mel:
            # The lowest bin is at the bottom, and the first one kept is bin 1.
            assert abs(representation.bins - 1 - row - (1000.0 / 16_000 * representation.n_fft - 1)) <= 1
        steady = hsv[row, 20:100]
        assert steady[:, 2].min() > 0.95
        assert np.ptp(np.unwrap(steady[:, 0], period=1.0)) < 0.02


def test_digital_silence_is_black() -> None:
    for name in ("if", "if-mel"):
        representation = Representation(name)
        wave = torch.from_numpy(0.001 * tone(60))
        wave[40_000:] = 0.0
        for silent in (wave, torch.zeros(64_000)):
            picture = rainbow(representation.analyse(silent[None])[0], representation)
            assert picture[:, 180:].max() < 1e-3
        assert picture.max() < 1e-3


def test_sheets_are_written(tmp_path: Path) -> None:
    representation = Representation("if-mel")
    waves = torch.from_numpy(np.stack([tone(50), tone(60), np.zeros(64_000, np.float32)]))
    images = representation.analyse(waves)
    write_sheet(tmp_path / "sheet.png", images, representation, titles=["50", "60", "silence"], columns=2)
    picture = imread(tmp_path / "sheet.png")
    assert picture.shape[:2] == (480, 440) and picture[..., :3].std() > 0.02
    write_waves(tmp_path / "sheet.wav", waves, peak=0.5)
    samples, rate = soundfile.read(tmp_path / "sheet.wav")
    assert (rate, len(samples)) == (16_000, 3 * 64_000)
    for note in samples.reshape(3, -1)[:2]:
        assert abs(np.abs(note).max() - 0.5) < 1e-3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sheet.png", "sheet.wav"]
