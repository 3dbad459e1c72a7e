"""Configurations: those that come with the project, and what is wrong with one in a sentence."""

from pathlib import Path

import pytest
from small import TABLE

from timbrel_training import config
from timbrel_training.errors import TrainingError
from timbrel_training.normaliser import PUBLISHED_MEL
from timbrel_training.spectral import NAMES
from timbrel_training.trainer import make_generator

FOLDER = Path(__file__).parents[1] / "config"


def read(text: str, folder: Path) -> config.Config:
    path = folder / "test.toml"
    path.write_text(text)
    return config.read(path)


def test_the_papers_configurations_cover_all_representations() -> None:
    # Those that do not grow are the table's other rows.
    read = [one for one in (config.read(path) for path in FOLDER.glob("paper*.toml")) if one.schedule.grow]
    assert sorted(one.representation for one in read) == sorted(NAMES)
    starts = {one.representation: make_generator(one, PUBLISHED_MEL).first.weight.shape[2:] for one in read}
    assert starts == {name: (2, 16) if "hires" in name else (4, 8) for name in NAMES}


def test_the_papers_generator_has_the_published_size() -> None:
    generator = make_generator(config.read(FOLDER / "paper.toml"), PUBLISHED_MEL)
    # The known count leaves out the convolutions to an image that only lower resolutions use.
    unused = sum(p.numel() for layer in generator.to_image[:-1] for p in layer.parameters())
    assert sum(p.numel() for p in generator.parameters()) - unused == 7_308_802


def test_a_file_goes_before_what_it_extends() -> None:
    paper, fast, half = (config.read(FOLDER / f"{name}.toml") for name in ("paper", "fast", "fast-half"))
    assert (paper.optimiser.learning_rate, fast.optimiser.learning_rate) == (8e-4, 1.5e-3)
    assert fast.optimiser.beta2 == paper.optimiser.beta2 == 0.99
    assert half.generator.settings == {**fast.generator.settings, "channels_base": 2048, "channels_max": 128}
    assert len(fast.schedule.minutes) == 7


def test_a_section_of_another_kind_stands_for_itself() -> None:
    factored = config.read(FOLDER / "factored.toml")
    assert factored.generator == config.GeneratorConfig("factored", {})
    assert factored.loss == config.LossConfig("non-saturating", 10.0, 16)
    assert factored.schedule.kind == "minutes" and factored.schedule.fade_share == 0.4


def test_a_configuration_comes_back_from_its_table() -> None:
    for path in FOLDER.glob("*.toml"):
        try:
            one = config.read(path)
        except TrainingError as error:
            # Files of the supervised recipe may lie beside these.
            assert "there is no setting" in str(error)
            continue
        assert config.from_table(config.to_table(one), "again") == one
    assert config.from_table(config.to_table(config.from_table(TABLE, "a")), "b") == config.from_table(TABLE, "a")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("sede = 1", "no setting sede"),
        ("[loss]\nweight = 1", "no setting loss.weight"),
        ('seed = "one"', "seed is 'one'; a int is needed"),
        ("seed = true", "a int is needed"),
        ("[schedule]\nbatch = 8", "a list of numbers is needed"),
        ("[schedule]\nbatch = [0]", "batch sizes above 0"),
        ("loss = 3", "loss must be a table"),
        ('representation = "mel"', "use one of phase"),
        ('[loss]\nkind = "hinge"', "wgan-gp, non-saturating"),
        ('[schedule]\nkind = "minutes"\nminutes = [1]', "each of 7 resolutions"),
        ("blocks = 9", "halved at most 6 times"),
        ("[data]\npitch_min = 84\npitch_max = 24", "the lower one first"),
        ("[loss]\npenalty_interval = 0", "at least 1"),
        ('extends = "nowhere.toml"', "cannot be read"),
        ('extends = "test.toml"', "no circle"),
        ("seed = ", "is not TOML"),
    ],
)
def test_a_wrong_setting_is_a_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=sentence):
        read(text, tmp_path)
