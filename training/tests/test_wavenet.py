"""WaveNet as a row of the table."""

import copy

import torch

from timbrel_training import config
from timbrel_training.paper.wavenet import LEVELS, SILENCE, WaveNet, WaveNetTrainer, decode, encode
from timbrel_training.parallel import Parallel
from timbrel_training.schedule import Moment

SIZES = {"channels": 8, "skip_channels": 12, "layers": 4, "stacks": 2}
TABLE = {
    "representation": "wave",
    "data": {"pitch_min": 40, "pitch_max": 64, "seconds": 0.5, "sample_rate": 4_000},
    "generator": {"kind": "wavenet", **SIZES},
    "optimiser": {"learning_rate": 5e-3, "beta1": 0.9, "beta2": 0.999, "average_decay": 0.5},
}
END = Moment(progress=6.0, stage=12, share=0.5)


def small() -> WaveNet:
    torch.manual_seed(3)
    return WaveNet(samples=120, pitch_min=40, pitch_max=64, **SIZES)


def test_mu_law_keeps_soft_samples_finely() -> None:
    waves = torch.linspace(-1.0, 1.0, 2_001)
    values = encode(waves)
    assert values.min() == 0 and values.max() == LEVELS - 1
    assert encode(torch.zeros(1)) == SILENCE
    assert encode(decode(torch.arange(LEVELS))).equal(torch.arange(LEVELS))
    error = (decode(values) - waves).abs()
    # Half a step of 256 on a scale that bends by 255: 2.2 % of the sample, and next to nothing at silence.
    assert (error <= 0.023 * waves.abs() + 1e-4).all()


def test_a_sample_depends_on_none_after_it_and_on_all_within_reach() -> None:
    # In double precision, since what lies far back counts little.
    network = small().double()
    assert network.reach == 2 * (1 + 2 + 4 + 8) + 1
    values = torch.randint(0, LEVELS, (1, 120))
    changed = values.clone()
    changed[0, 60] = (changed[0, 60] + 100) % LEVELS
    one, other = (network(given, torch.tensor([50])) for given in (values, changed))
    differs = (one - other).abs().amax(2)[0] > 1e-12
    assert not differs[:60].any() and differs[60 : 60 + network.reach].all() and not differs[60 + network.reach :].any()


def test_generation_by_what_is_kept_draws_what_the_whole_network_says() -> None:
    network = small()
    pitch = torch.tensor([40, 64, 52])
    waves = network.generate(pitch, torch.Generator().manual_seed(5))
    assert waves.shape == (3, 120)
    values = encode(waves)
    before = torch.nn.functional.pad(values[:, :-1], (1, 0), value=SILENCE)
    chances = network(before, pitch).softmax(2)
    random = torch.Generator().manual_seed(5)
    again = [torch.multinomial(chances[:, time], 1, generator=random) for time in range(120)]
    assert torch.cat(again, 1).equal(values)
    assert not waves[0].equal(waves[1])


def test_it_learns_a_tone_and_a_state_goes_on() -> None:
    trainer = WaveNetTrainer(config.from_table(TABLE, "the test"), torch.ones(25), Parallel("cpu"))
    tone = 0.5 * torch.sin(2.0 * torch.pi * 0.02 * torch.arange(400))[None]
    losses = [float(trainer.step(tone, torch.tensor([50]), END)["generator_loss"].detach()) for _ in range(60)]
    assert losses[-1] < 0.6 * losses[0]
    assert trainer.is_finite()
    again = WaveNetTrainer(trainer.config, torch.ones(25), Parallel("cpu"))
    again.restore(copy.deepcopy(trainer.state()))
    for one in (trainer, again):
        one.step(tone, torch.tensor([50]), END)
    for one, other in zip(trainer.average.parameters(), again.average.parameters()):
        assert one.equal(other)
