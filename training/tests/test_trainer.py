"""Steps of training, and that a resumed run takes the same ones."""

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from small import random_images, small_config, small_generator, small_trainer, steps
from torch import Tensor, nn

from timbrel_training import checkpoint, generators
from timbrel_training.config import Config
from timbrel_training.errors import TrainingError
from timbrel_training.normaliser import Normaliser
from timbrel_training.parallel import Parallel
from timbrel_training.progressive import blended
from timbrel_training.run_log import METRICS
from timbrel_training.schedule import Moment, Schedule
from timbrel_training.spectral import NAMES, Representation
from timbrel_training.trainer import Trainer

FULL = Moment(progress=6.0, stage=12, share=0.0)


def weights(trainer: Trainer) -> dict[str, Tensor]:
    networks = (("g", trainer.generator), ("a", trainer.average), ("d", trainer.discriminator))
    return {f"{name}.{key}": value for name, network in networks for key, value in network.state_dict().items()}


def check_same(one: Trainer, other: Trainer) -> None:
    mine, others = weights(one), weights(other)
    for name in mine:
        assert mine[name].equal(others[name]), name


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimiser": {"restart_each_stage": False, "beta1": 0.5}, "loss": {"penalty_interval": 3}},
        {
            "speed": {"share_fakes": True, "channels_last": True},
            "loss": {"kind": "non-saturating"},
            "optimiser": {"restart_each_stage": False},
        },
    ],
)
def test_a_resumed_run_takes_the_same_steps_bit_for_bit(changes: dict[str, Any], tmp_path: Path) -> None:
    settings = small_config(**changes)
    through = small_trainer(settings)
    before = steps(through, range(5))
    after = steps(through, range(5, 8))

    interrupted = small_trainer(settings)
    assert steps(interrupted, range(5)) == before
    checkpoint.save(tmp_path, interrupted.state())
    resumed = small_trainer(settings)
    resumed.restore(checkpoint.load(tmp_path))
    assert steps(resumed, range(5, 8)) == after
    check_same(resumed, through)


def test_moments_in_sixteen_bits_are_smaller_and_nearly_the_same(tmp_path: Path) -> None:
    sizes = {}
    for moments in ("float32", "bfloat16"):
        settings = small_config(report={"moments": moments}, optimiser={"restart_each_stage": False})
        trainer = small_trainer(settings)
        steps(trainer, range(5))
        checkpoint.save(tmp_path / moments, trainer.state())
        sizes[moments] = sum(path.stat().st_size for path in (tmp_path / moments).glob("*.part"))
    assert sizes["bfloat16"] < 0.9 * sizes["float32"]
    resumed = small_trainer(settings)
    resumed.restore(checkpoint.load(tmp_path / "bfloat16"))
    steps(trainer, range(5, 6)), steps(resumed, range(5, 6))
    for name, value in weights(trainer).items():
        torch.testing.assert_close(weights(resumed)[name], value, atol=1e-4, rtol=0)


def test_all_processes_begin_alike_and_draw_their_own_latents() -> None:
    settings = small_config()
    first = small_trainer(settings)
    second = small_trainer(settings)
    check_same(first, second)
    other = small_trainer(small_config(seed=2))
    assert not other.generator.second.weight.equal(first.generator.second.weight)
    second.random.manual_seed(settings.seed * 1_000_003 + 1)
    assert not torch.equal(first._fakes(2, 0.0)[0], second._fakes(2, 0.0)[0])


@pytest.mark.parametrize("name", NAMES)
def test_every_representation_is_trained(name: str) -> None:
    representation = Representation(name)
    settings = small_config(representation=name)
    trainer = small_trainer(settings, Normaliser.fit([random_images(name, 2)]))
    start = {key: value.clone() for key, value in weights(trainer).items()}
    for metrics in steps(trainer, range(2, 4)):
        assert sorted(metrics) == sorted(METRICS)
        assert all(math.isfinite(value) for value in metrics.values())
    after = weights(trainer)
    moved = {key for key in after if not after[key].equal(start[key])}
    # The first two resolutions learn, the others wait.
    assert {"g.first.weight", "a.first.weight", "g.doublings.0.0.weight", "d.from_image.1.weight"} <= moved
    assert not any(key.startswith(("g.doublings.1", "d.halvings.1")) for key in moved)
    image = trainer.sample(torch.randn(1, 6), torch.tensor([50]))
    assert image.shape == (1, *representation.image_shape)


def test_the_last_resolution_is_trained_with_every_saving() -> None:
    settings = small_config(
        speed={"precision": "bfloat16", "channels_last": True, "share_fakes": True},
        generator={"folded_upsampling": True, "channels_max": 2},
        discriminator={"channels_max": 2},
    )
    trainer = small_trainer(settings)
    start = trainer.generator.doublings[5][1].weight.detach().clone()
    metrics = trainer.step(random_images("if-mel-hires", 1), torch.tensor([50]), FULL)
    assert all(bool(torch.isfinite(value)) for value in metrics.values())
    assert not trainer.generator.doublings[5][1].weight.equal(start)


def test_a_lazy_penalty_comes_every_few_steps_with_as_much_weight() -> None:
    every, lazy = (small_trainer(small_config(loss={"penalty_interval": interval})) for interval in (1, 3))
    measured = steps(every, range(4)), steps(lazy, range(4))
    assert ["penalty" in metrics for metrics in measured[1]] == [True, False, False, True]
    first, second = measured[0][0], measured[1][0]
    added = second["discriminator_loss"] - first["discriminator_loss"]
    assert added == pytest.approx(2 * 10.0 * first["penalty"], rel=1e-4)


def test_the_average_follows_the_generator() -> None:
    trainer = small_trainer(small_config(optimiser={"average_decay": 0.75}))
    start = trainer.average.second.weight.clone()
    steps(trainer, range(1))
    first = trainer.generator.second.weight.detach().clone()
    torch.testing.assert_close(trainer.average.second.weight, start + 0.25 * (first - start))


def test_adam_starts_afresh_with_a_stage_where_that_is_asked_for() -> None:
    for restarts, right in ((True, 1), (False, 3)):
        trainer = small_trainer(small_config(optimiser={"restart_each_stage": restarts}))
        steps(trainer, range(3))
        counts = [int(values["step"]) for values in trainer.generator_optimiser.state.values()]
        assert max(counts) == right


def test_the_rate_falls_at_the_end_to_a_tenth() -> None:
    trainer = small_trainer(small_config(optimiser={"learning_rate": 1.0, "decay_share": 0.2}))
    rates = [trainer.learning_rate(Moment(0.0, 0, share)) for share in (0.0, 0.8, 0.9, 1.0)]
    assert rates == pytest.approx([1.0, 1.0, 0.55, 0.1])


def test_asked_pitches_are_those_of_the_data() -> None:
    trainer = small_trainer(small_config())
    trainer.pitch_shares = torch.zeros(25, dtype=torch.float64)
    trainer.pitch_shares[[3, 7]] = torch.tensor([1.0, 3.0], dtype=torch.float64)
    with torch.no_grad():
        labels = trainer._fakes(400, 0.0)[1]
    assert set(labels.tolist()) == {3, 7}
    assert 0.65 < float((labels == 7).float().mean()) < 0.85


class Flat(nn.Module):
    """A generator that makes the full image at once: one level and one angle for every frame."""

    kind = "flat"
    latent_size, pitch_min, pitch_max, representation = 6, 40, 64, "if-mel-hires"

    def __init__(self, **settings: Any):
        super().__init__()
        self.settings = settings
        self.layer = nn.Linear(6 + 1, 2 * 128)

    def forward(self, latent: Tensor, pitch: Tensor) -> Tensor:
        x = self.layer(torch.cat([latent, pitch[:, None] / 64], dim=1))
        return x.view(-1, 2, 128, 1).expand(-1, 2, 128, 1024)


@pytest.fixture
def flat(monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setitem(generators.CLASSES, "flat", (__name__, "Flat"))
    return small_config(generator={"kind": "flat"})


def test_another_generator_is_trained_on_its_images_averaged_down(flat: Config, tmp_path: Path) -> None:
    trainer = small_trainer(flat)
    start = copy.deepcopy(trainer.generator)
    with torch.no_grad():
        image, labels = trainer._fakes(2, 1.5)
        assert image.shape == (2, 2, 8, 64)
    steps(trainer, range(3))
    assert not trainer.generator.layer.weight.equal(start.layer.weight)
    # A block of the discriminator that fades in must see what the generator is judged by: real images are averaged too.
    full = random_images("if-mel-hires", 2)
    assert blended(full, 1.5, 7).shape == image.shape
    checkpoint.save(tmp_path, trainer.state())
    resumed = small_trainer(flat)
    resumed.restore(checkpoint.load(tmp_path))
    assert steps(resumed, range(3, 5)) == steps(trainer, range(3, 5))
    check_same(resumed, trainer)


def test_a_run_may_begin_with_a_generator_that_was_trained_before() -> None:
    settings = small_config()
    before = small_generator(channels_max=3).eval().requires_grad_(False)
    start = before.second.weight.clone()
    trainer = Trainer(settings, before.normaliser, torch.ones(25), Parallel("cpu"), before)
    assert trainer.average.second.weight.equal(start)
    steps(trainer, range(1))
    assert not trainer.generator.second.weight.equal(start)
    with pytest.raises(TrainingError, match="pitch_max 64 and the configuration 60"):
        Trainer(small_config(data={"pitch_max": 60}), before.normaliser, torch.ones(21), Parallel("cpu"), before)


def test_a_generator_is_read_from_a_run_or_a_checkpoint(tmp_path: Path) -> None:
    generator = small_generator(progress=2.5)
    generators.save(tmp_path / "run" / "checkpoint", generator)
    latent, pitch = torch.randn(1, 6), torch.tensor([50])
    for path in (tmp_path / "run", tmp_path / "run" / "checkpoint"):
        with torch.no_grad():
            assert generators.load(path)(latent, pitch).equal(generator(latent, pitch))
    with pytest.raises(TrainingError, match="kind 'waveguide'"):
        generators.build("waveguide", {})
    with pytest.raises(TrainingError, match="cannot be made"):
        generators.build("progressive", {"channels": 3})
    checkpoint.save(tmp_path / "other", {"step": 1})
    with pytest.raises(TrainingError, match="holds no generator"):
        generators.load(tmp_path / "other")


def test_the_schedule_of_small_runs_reaches_the_second_resolution() -> None:
    """What the tests above rely on: steps 2 and 3 fade, later ones are stable."""
    schedule = Schedule(small_config().schedule, 7)
    assert [schedule.at(2 * number, 0.0).stage for number in range(8)] == [0, 0, 1, 1, 2, 2, 3, 3]
