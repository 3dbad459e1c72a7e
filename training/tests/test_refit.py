"""The heads that are fitted to data at once: on a small generator whose notes, and what is wanted of them, are known."""

import json

import numpy as np
import pytest
import soundfile
import torch

from timbrel_training import first_tables, generators, refit
from timbrel_training.continuous import TOUCH_POINTS, UPPER_POINTS, Generator, touch_curve, upper_curve
from timbrel_training.data import DataSet
from timbrel_training.errors import TrainingError
from timbrel_training.spectral import LOG_EPS, Representation

RATE = 16_000
SMALL = Representation.linear(sample_rate=RATE, n_fft=512, hop=128, frames=503, bins=250)
SIZES = {"latent": 4, "pitch_min": 58, "pitch_max": 62, "code": 6, "tables": 4, "channels": 8, "hidden": 24, "knots": 12,
         "spectra": 4, "angle": 2, "coherence": 2}
NAMES = ["bright", "dull", "hard", "plain", "soft"]


@pytest.fixture
def generator(monkeypatch) -> Generator:
    # Five instruments are few places: let them say most.
    monkeypatch.setattr(refit, "FIELD", 60)
    monkeypatch.setattr(refit, "FIELD_WEIGHT", 0.05)
    monkeypatch.setattr(refit, "RIDGE", 1e-4)
    monkeypatch.setattr(refit, "FELT", 1.0)
    torch.manual_seed(3)
    made = Generator(SMALL, NAMES, **SIZES)
    with torch.no_grad():
        made.expected.steady.weight.normal_(std=0.2)
    first_tables.lay_out(made)
    return made.eval().requires_grad_(False)


def bands(struck: np.ndarray | None = None, upper: np.ndarray | None = None) -> refit.Bands:
    nothing = np.full((5, 5, 1), np.nan)
    return refit.Bands(nothing.repeat(TOUCH_POINTS, 2) if struck is None else struck,
                       nothing.repeat(UPPER_POINTS, 2) if upper is None else upper)


def ask(generator: Generator, code: torch.Tensor, pitch: int):
    return generator.expected(code[None], torch.tensor([pitch]))


def test_touch_is_what_velocity_does_to_each_instrument(generator):
    struck = np.full((5, 5, TOUCH_POINTS), np.nan)
    for instrument, slope in enumerate((10.0, 0.0, 20.0, 2.0, -5.0)):
        # One pitch is left out, and found between the others.
        for pitch in (0, 1, 3, 4):
            struck[instrument, pitch] = slope * np.linspace(0.0, 1.0, TOUCH_POINTS)
    refit.fit_touch(generator, bands(struck=struck))
    for instrument in range(5):
        for pitch in (0, 3):
            found = ask(generator, generator.codes[instrument], pitch).touch[0].numpy()
            assert np.abs(found - struck[instrument, pitch]).max() < 4.0, NAMES[instrument]
    between = ask(generator, generator.codes[2], 2).touch[0, -1]
    assert 12.0 < between < 26.0
    # Points of the latent space are struck as the mean of the instruments, not as none.
    latents = torch.randn(50, 4, generator=torch.Generator().manual_seed(9))
    mean = generator.expected(generator.mapping(latents), torch.ones(50, dtype=torch.int64)).touch[:, -1].mean()
    assert float(mean) == pytest.approx(5.4, abs=3.5)


def test_the_upper_band_is_as_loud_as_the_instruments_notes_are(generator):
    curves = touch_curve(SMALL), upper_curve(SMALL)
    codes, pitches = generator.codes, torch.zeros(5, dtype=torch.int64)
    with torch.no_grad():
        before = refit.band_levels(generator.notes(codes, pitches)[0][:, 0], SMALL, *curves)[1]
    stroke, after = np.array([-6.0, 0.0, 6.0, 3.0, 9.0]), np.array([3.0, -6.0, 6.0, -9.0, 0.0])
    wanted = before + np.repeat(np.stack([stroke, after], axis=1), UPPER_POINTS, axis=1)
    upper = np.full((5, 5, 2 * UPPER_POINTS), np.nan)
    upper[:, 0] = wanted
    refit.fit_upper(generator, bands(upper=upper), keys=1)
    with torch.no_grad():
        after = refit.band_levels(generator.notes(codes, pitches)[0][:, 0], SMALL, *curves)[1]
    assert np.abs(before - wanted).mean() > 4.0 and np.abs(after - wanted).mean() < 2.0


def test_without_a_gain_the_upper_band_is_as_it_was_and_older_weights_have_none(generator):
    assert float(generator.expected.upper.weight.abs().max()) == 0.0
    state = generators.to_state(generator)
    older = {name: value for name, value in state["weights"].items() if ".upper." not in name}
    assert len(older) == len(state["weights"]) - 2
    # Those with one gain for the whole note have it at the stroke and after it.
    once = {name: value[:UPPER_POINTS] + 1.0 if ".upper." in name else value for name, value in state["weights"].items()}
    upper = generators.from_state({**state, "weights": once}).expected.upper
    assert torch.equal(upper.bias, torch.ones(2 * UPPER_POINTS)) and torch.equal(upper.weight[:UPPER_POINTS], upper.weight[UPPER_POINTS:])
    again = generators.from_state({**state, "weights": older}).eval()
    latent, pitch = torch.randn(2, 4), torch.tensor([58, 61])
    with torch.no_grad():
        assert torch.equal(again(latent, pitch), generator(latent, pitch))
    curve = upper_curve(SMALL)
    hertz = (np.arange(SMALL.bins) + 1) * RATE / 512
    assert curve[:, hertz <= 6_000].abs().max() == 0.0
    assert curve.sum(dim=0)[-1] == pytest.approx(1.0, abs=1e-3)


def test_shares_say_which_instruments_a_latent_is_like(generator):
    generator.mapping.codes.data.copy_(generator.codes)
    found = refit.shares(generator, 2.0 * torch.randn(40, 4, generator=torch.Generator().manual_seed(2)))
    assert found.sum(axis=1) == pytest.approx(1.0, abs=1e-9) and found.min() >= 0.0
    many = np.exp(-(found * np.log(np.maximum(found, 1e-300))).sum(axis=1))
    assert many == pytest.approx(refit.LIKE, abs=0.01)
    # Where the mapping makes an instrument's own code, that instrument has the greatest share.
    generator.mapping.forward = lambda latent: generator.codes
    assert (refit.shares(generator, torch.zeros(5, 4)).argmax(axis=1) == np.arange(5)).all()
    del generator.mapping.forward


def test_random_latents_move_as_much_as_the_instruments_do(generator):
    expected = generator.expected
    with torch.no_grad():
        expected.movement.weight.normal_(std=0.3, generator=torch.Generator().manual_seed(4))
        expected.movement.bias.fill_(-1.0)
    pitches = torch.zeros(5, dtype=torch.int64)

    def movement(codes, pitches):
        with torch.no_grad():
            return torch.nn.functional.softplus(expected.movement(expected.conditions(codes, pitches)))[:, 0].numpy()

    before = movement(generator.codes, pitches)
    refit.fit_movement(generator)
    assert np.abs(movement(generator.codes, pitches) - before).max() < 0.1 * before.max()
    latents = torch.randn(400, 4, generator=torch.Generator().manual_seed(5))
    drawn = torch.randint(0, 5, (400,), generator=torch.Generator().manual_seed(6))
    between = movement(generator.mapping(latents).detach(), drawn)
    everywhere = np.concatenate([movement(generator.codes, torch.full((5,), pitch)) for pitch in range(5)])
    assert np.quantile(between, 0.9) == pytest.approx(np.quantile(everywhere, 0.9), rel=0.3)


def test_a_slope_over_velocity_leaves_out_what_is_not_heard():
    velocities = np.array([25, 75, 127])
    levels = np.zeros((3, 4))
    levels[:, 1] = -20.0 + 12.0 * velocities / 100.0
    levels[:, 3] = [-150.0, -90.0, -100.0]
    slope = refit.slope_over_velocity(levels, velocities)
    assert slope == pytest.approx([0.0, 12.0, 0.0, 0.0], abs=1e-9)


def test_notes_at_several_velocities_are_measured_at_one_loudness(generator, tmp_path):
    (tmp_path / "audio").mkdir()
    labels = {}
    time = np.arange(4 * RATE) / RATE
    for velocity in (25, 75, 127):
        # Ten times as loud and 20 dB brighter from the softest to the hardest, where 102 velocities lie between.
        share = (velocity - 25) / 102
        wave = np.sin(2 * np.pi * 261.6 * time) + 10.0 ** (-2.0 + share) * np.sin(2 * np.pi * 5_000 * time)
        name = f"hard-060-{velocity:03}"
        soundfile.write(tmp_path / "audio" / f"{name}.wav", 0.02 * 10.0**share * wave, RATE, subtype="FLOAT")
        labels[name] = {"pitch": 60, "velocity": velocity, "instrument_str": "hard", "instrument_family_str": "keyboard"}
    (tmp_path / "examples.json").write_text(json.dumps(labels))
    (tmp_path / "split.json").write_text(json.dumps({"train": list(labels), "test": []}))
    found = refit.measure(DataSet(tmp_path), generator)
    slope = found.struck[2, 2]
    assert slope[np.abs(touch_curve(SMALL).numpy()[:, 159]).argmax()] == pytest.approx(20.0 / 1.02, abs=1.0)
    assert np.abs(slope[:4]).max() < 1.5 and np.isnan(found.struck[0]).all()
    with pytest.raises(TrainingError, match="none of the instruments"):
        generator.names = ["other"] * 5
        refit.measure(DataSet(tmp_path), generator)


def test_the_level_of_silence_is_the_least(generator):
    silence = torch.full((1, SMALL.frames, SMALL.bins), float(np.log(LOG_EPS)))
    early, whole = refit.band_levels(silence, SMALL, touch_curve(SMALL), upper_curve(SMALL))
    assert np.isfinite(early).all() and whole.max() <= -60.0
