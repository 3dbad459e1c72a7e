"""Tuning, vibrato and tremolo: measured and taken out."""

import math

import pytest
import torch

from timbrel_training.straighten import courses, straighten

RATE = 48_000
TIME = torch.arange(4 * RATE, dtype=torch.float64) / RATE


def note(midi: int, cents: torch.Tensor | float = 0.0, level_db: torch.Tensor | float = 0.0) -> torch.Tensor:
    """Four seconds of a tone of five partials."""
    frequency = 440.0 * 2.0 ** ((midi - 69) / 12) * torch.exp2(torch.as_tensor(cents) / 1200.0) * torch.ones_like(TIME)
    phase = 2.0 * math.pi * torch.cumsum(frequency, 0) / RATE
    tone = sum(torch.sin(partial * phase) / partial for partial in range(1, 6))
    return (0.2 * tone * 10.0 ** (torch.as_tensor(level_db) / 20.0)).float()


def spread(wave: torch.Tensor, midi: int) -> tuple[float, float]:
    """Mean and deviation of the pitch while the note is held [cents]."""
    cents, _, _ = courses(wave[None], torch.tensor([midi]), RATE)
    held = cents[0, 40:280]
    return float(held.mean()), float(held.std())


@pytest.mark.parametrize("midi", [50, 69, 81])
def test_a_vibrato_is_measured_and_taken_out(midi):
    wave = note(midi, 20.0 * torch.sin(2.0 * math.pi * 5.5 * TIME))
    straight, movement = straighten(wave[None], torch.tensor([midi]), RATE)
    assert movement.depth[0] == pytest.approx(20.0, rel=0.15)
    assert movement.rate[0] == pytest.approx(5.5, abs=0.3)
    before, after = spread(wave, midi)[1], spread(straight[0], midi)[1]
    assert before > 13.0 and after < 0.25 * before


def test_a_detuned_note_comes_to_its_key():
    straight, movement = straighten(note(60, 17.0)[None], torch.tensor([60]), RATE)
    assert movement.tuning[0] == pytest.approx(17.0, abs=0.5)
    assert abs(spread(straight[0], 60)[0]) < 0.5


def test_a_tremolo_is_measured_and_taken_out():
    wave = note(64, 0.0, 3.0 * torch.sin(2.0 * math.pi * 6.0 * TIME))
    straight, movement = straighten(wave[None], torch.tensor([64]), RATE)
    assert movement.tremolo[0] == pytest.approx(3.0, rel=0.25)
    assert movement.rate[0] == pytest.approx(6.0, abs=0.3)
    assert float(movement.depth[0]) == 0.0
    level = [courses(x[None], torch.tensor([64]), RATE)[1][0, 40:280].std() for x in (wave, straight[0])]
    assert level[1] < 0.3 * level[0]


def test_what_is_straight_stays_as_it_is():
    wave = note(57)
    straight, movement = straighten(wave[None], torch.tensor([57]), RATE)
    assert float(movement.stacked().abs().max()) == 0.0
    assert (straight[0] - wave).abs().max() < 2e-3


def test_noise_is_no_vibrato():
    noise = 0.1 * torch.randn(1, 4 * RATE, generator=torch.Generator().manual_seed(1))
    straight, movement = straighten(noise, torch.tensor([60]), RATE)
    assert float(movement.depth[0]) == 0.0
    assert torch.isfinite(straight).all()
