"""The continuous recipe on a small set: what it draws, that it learns, and that it goes on where it stopped."""

import json

import numpy as np
import pytest
import soundfile
import torch

from timbrel_training import generators
from timbrel_training.corpus import FLOOR, Corpus
from timbrel_training.critics import Critics, Views
from timbrel_training.data import DataSet
from timbrel_training.errors import TrainingError
from timbrel_training.learn import Run
from timbrel_training.spectral import Representation

RATE = 16_000
IMAGES = Representation.linear(sample_rate=RATE, n_fft=512, hop=128, frames=503, bins=200)
PITCHES = (58, 64)
CONFIG = {
    "seed": 1,
    "model": {"latent": 4, "code": 6, "tables": 6, "channels": 8, "hidden": 16, "knots": 16, "spectra": 4, "angle": 2,
              "coherence": 2},
    "train": {"batch": 4, "frames": 64, "rate": 4e-3, "table_share": 2.0, "betas": [0.9, 0.99], "warm_up": 4, "clip": 1.0,
              "average": 0.9, "mixed": 3, "pure": 0.5, "jitter": 0.02, "field": 2},
    "adversary": {"batch": 4, "width": 4, "free": 0.5, "pure": 0.5, "rate": 1e-3, "critic_rate": 1e-3,
                  "mapping_share": 1.0, "warm_up": 2, "gamma": [2.0, 1.0], "weight": 0.1, "pitch_weight": 0.02,
                  "pitch_weight_critic": 0.5, "anchor": 1.0, "mixture_weight": 0.3, "even": 0.5},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three instruments: dull, bright and plucked, at seven pitches and two velocities."""
    folder = tmp_path_factory.mktemp("set")
    (folder / "audio").mkdir()
    labels, names = {}, []
    time = np.arange(4 * RATE) / RATE
    for instrument, (slope, decay) in {"dull": (3.0, 0.0), "bright": (1.0, 0.0), "plucked": (1.5, 3.0)}.items():
        for pitch in range(PITCHES[0], PITCHES[1] + 1):
            if instrument == "plucked" and pitch == PITCHES[1]:
                continue
            for velocity in (50, 100):
                hertz = 440.0 * 2.0 ** ((pitch - 69) / 12)
                own = slope + (100 - velocity) / 50
                tone = sum(np.sin(2 * np.pi * hertz * h * time) / h**own for h in range(1, 12))
                wave = 0.1 * tone * np.exp(-decay * time) * (time < 3.0)
                name = f"{instrument}-{pitch:03}-{velocity:03}"
                soundfile.write(folder / "audio" / f"{name}.wav", wave, RATE, subtype="FLOAT")
                labels[name] = {"pitch": pitch, "velocity": velocity, "instrument_str": instrument,
                                "instrument_family_str": "keyboard"}
                names.append(name)
    (folder / "examples.json").write_text(json.dumps(labels))
    (folder / "split.json").write_text(json.dumps({"train": names, "test": []}))
    return folder


@pytest.fixture(scope="module")
def corpus(folder):
    return Corpus(DataSet(folder, pitches=PITCHES), IMAGES, *PITCHES)


def test_notes_are_equally_loud_and_found_by_instrument_pitch_and_velocity(corpus):
    assert corpus.names == ["bright", "dull", "plucked"] and corpus.velocities == [50, 100]
    assert len(corpus) == 40 and int((corpus.table >= 0).sum()) == 40
    from timbrel_training.loudness import key_weights, loudness_gain

    power = (2.0 * corpus.level(torch.arange(40))).exp() @ key_weights(IMAGES)
    assert loudness_gain(power, 50).abs().max() < 0.02
    assert corpus.level(torch.arange(1)).min() >= np.log(FLOOR) - 1e-3


def test_shares_sum_to_one_and_partners_have_the_pitch(corpus):
    batch = corpus.draw(200, 3, 0.5, torch.Generator().manual_seed(2))
    assert torch.allclose(batch.shares.sum(dim=1), torch.ones(200))
    alone = (batch.shares[:, 0] > 0.999).float().mean()
    assert 0.35 < alone < 0.65
    for note, pitch in zip(batch.notes[:, 1].tolist(), batch.pitch.tolist()):
        assert corpus.kept[note] is not None and note >= 0
        where = torch.nonzero(corpus.table == note)[0]
        assert int(where[1]) == pitch


def test_a_run_learns_meets_its_adversary_and_goes_on(corpus, tmp_path):
    run = Run(CONFIG, corpus, tmp_path, resume=False)
    first = [run.supervised_step(4e-3) for _ in range(3)]
    for _ in range(60):
        last = run.supervised_step(4e-3)
    assert float(last["level_db"]) < 0.8 * float(first[0]["level_db"])
    run._begin_adversary()
    for _ in range(10):
        values = run.adversarial_step(1e-3)
    assert all(torch.isfinite(torch.as_tensor(value)).all() for value in values.values())
    assert {"critic", "generator", "level", "way"} <= set(values)
    run.save()
    generator = generators.load(tmp_path)
    assert generator.kind == "continuous" and generator.names == corpus.names
    again = Run(CONFIG, corpus, tmp_path, resume=True)
    assert (again.steps, again.adversarial_steps) == (run.steps, run.adversarial_steps)
    ours, theirs = run.adversarial_step(1e-3), again.adversarial_step(1e-3)
    assert float(ours["critic"]) == pytest.approx(float(theirs["critic"]), rel=1e-3)


def test_another_set_is_refused_for_a_run(corpus, folder, tmp_path):
    run = Run(CONFIG, corpus, tmp_path, resume=False)
    run.save()
    fewer = Corpus(DataSet(folder, pitches=PITCHES), IMAGES, *PITCHES)
    fewer.names = ["bright", "dull", "another"]
    with pytest.raises(TrainingError, match="other instruments"):
        Run(CONFIG, fewer, tmp_path, resume=True)


def test_critics_see_where_partials_lie_and_pass_gradients_on(corpus):
    run_shape = generators.build("continuous", {"representation": IMAGES.settings, "names": corpus.names,
                                                "pitch_min": PITCHES[0], "pitch_max": PITCHES[1], **CONFIG["model"]}).shape
    views = Views(run_shape, IMAGES, "cpu")
    note = int(corpus.table[0, 3, 1])
    image = torch.stack([corpus.level(torch.tensor([note])), corpus.angle(torch.tensor([note]))], dim=1)
    pitch = torch.tensor([3])
    fine = views.fine(image, pitch, torch.tensor([100]))
    level, cosine, sine = fine[0]
    loud = level > level.max() - 0.3
    # On a partial the angle is that of the partial.
    assert (cosine[loud] > 0.5).float().mean() > 0.95 and sine[loud].abs().mean() < 0.2
    image.requires_grad_(True)
    critics = Critics(run_shape, 4)
    score, logits = critics.whole(views.whole(image, pitch), pitch)
    assert logits.shape == (1, PITCHES[1] - PITCHES[0] + 1)
    score.sum().backward()
    assert image.grad.abs().sum() > 0.0
