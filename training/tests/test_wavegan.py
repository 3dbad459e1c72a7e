"""WaveGAN as a row of the table."""

import pytest
import torch

from timbrel_training import config, generators
from timbrel_training.errors import TrainingError
from timbrel_training.paper.wavegan import WaveGanDiscriminator, WaveGanGenerator, WaveGanTrainer, layers_for, shuffled
from timbrel_training.parallel import Parallel
from timbrel_training.schedule import Moment

TABLE = {
    "representation": "wave",
    "data": {"pitch_min": 40, "pitch_max": 64, "seconds": 0.5, "sample_rate": 4_000},
    "generator": {"kind": "wavegan", "latent_size": 6, "channels": 2},
}
END = Moment(progress=6.0, stage=12, share=0.5)


def trainer() -> WaveGanTrainer:
    return WaveGanTrainer(config.from_table(TABLE, "the test"), torch.ones(25), Parallel("cpu"))


def test_the_published_sizes() -> None:
    assert layers_for(16_384) == (5, 16)
    assert layers_for(64_000) == (6, 16)
    assert layers_for(2_000) == (3, 32)
    with pytest.raises(TrainingError, match="cannot make 30 samples"):
        layers_for(30)
    generator = WaveGanGenerator(16_384)
    assert [layer.in_channels for layer in generator.layers] == [1_024, 512, 256, 128, 64]


@pytest.mark.parametrize("samples", [2_000, 4_096])
def test_waves_have_the_samples_that_were_asked_for(samples: int) -> None:
    generator = WaveGanGenerator(samples, latent_size=6, channels=2)
    waves = generator(torch.randn(3, 6), torch.tensor([40, 60, 84]))
    assert waves.shape == (3, samples) and waves.abs().max() <= 1.0
    score, pitch = WaveGanDiscriminator(samples, 61, 2)(waves[:, None, None], 0.0)
    assert score.shape == (3,) and pitch.shape == (3, 61)


def test_the_pitch_changes_the_wave() -> None:
    generator = WaveGanGenerator(2_000, latent_size=6, channels=2)
    latent = torch.randn(1, 6)
    low, high = (generator(latent, torch.tensor([pitch])) for pitch in (40, 60))
    assert not low.equal(high)


def test_phase_shuffle_moves_by_two_at_most_and_mirrors() -> None:
    torch.manual_seed(1)
    x = torch.arange(8.0).expand(64, 3, 8)
    shifts = set()
    for one in shuffled(x):
        assert one[0].equal(one[1])
        shift = int(one[0, 4]) - 4
        shifts.add(shift)
        mirrored = [min(abs(place + shift), 14 - abs(place + shift)) for place in range(8)]
        assert one[0].tolist() == mirrored
    assert shifts == {-2, -1, 0, 1, 2}


def test_steps_go_on_as_if_they_had_not_been_interrupted() -> None:
    random = torch.Generator().manual_seed(1)
    batches = [(0.1 * torch.randn(2, 2_000, generator=random), torch.tensor([45, 50])) for _ in range(4)]
    through, first = trainer(), trainer()
    for batch in batches:
        metrics = through.step(*batch, END)
    assert {"penalty", "pitch_loss_real", "score_fake"} <= set(metrics)
    for batch in batches[:2]:
        first.step(*batch, END)
    resumed = trainer()
    resumed.restore(first.state())
    for batch in batches[2:]:
        resumed.step(*batch, END)
    for one, other in zip(through.average.parameters(), resumed.average.parameters()):
        assert one.equal(other)


def test_a_generator_is_kept_in_a_checkpoint() -> None:
    made = trainer().average
    again = generators.from_state(generators.to_state(made))
    latent, pitch = torch.randn(1, 6), torch.tensor([50])
    assert again(latent, pitch).equal(made(latent, pitch))
