"""Directions and latents of a handmade instrument, of which it is known what each number of the latent does."""

import math

import numpy as np
import pytest
import torch

from timbrel_training import directions, knobs, manifest
from timbrel_training.export import export
from timbrel_training.latent_space import feature_components, regressed_components
from timbrel_training.measures import spectrogram
from timbrel_training.measures.character import LABELS, character
from timbrel_training.measures.pitch import key_hz
from timbrel_training.model_file import Generated, ModelFile
from timbrel_training.named_latents import Candidates, Sound, choose_latents, instrument_of
from timbrel_training.normaliser import PUBLISHED_MEL
from timbrel_training.player import Player
from timbrel_training.progressive import ProgressiveGenerator
from timbrel_training.spectral import Representation

DRAWS = 40

TIME = np.arange(64_000) / 16_000


def play(latent: np.ndarray, midi: int) -> np.ndarray:
    """A tone: number 0 is brightness, 1 the time of its attack, 2 noise, 3 vibrato; 4 changes nothing."""
    bright, attack, noise, vibrato = latent[:4]
    frequency = key_hz(midi)
    cents = 10 * 2 ** (0.8 * vibrato) * np.sin(2 * math.pi * 5.3 * TIME)
    turns = np.cumsum(frequency * 2 ** (cents / 1200)) / 16_000
    partials = [n for n in range(1, 40) if n * frequency < 6500]
    wave = sum(n ** (0.4 * bright - 1.6) * np.sin(2 * math.pi * n * turns + n * n) for n in partials)
    rise = np.clip(TIME / (0.08 * 2 ** (0.9 * attack)), 0, 1) ** 2
    hiss = np.random.default_rng(midi).standard_normal(len(TIME)) * 10 ** (-1.6 + 0.35 * noise)
    return (0.05 * rise * (wave + hiss)).astype(np.float32)


class HandmadeModel:
    """What a `Player` asks of a model file."""

    latent_size = 5
    # Few keys, since named latents are played on each.
    pitches = np.arange(48, 73, 6)
    representation = "if-hires"

    def draw(self, count: int, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).standard_normal((count, self.latent_size)).astype(np.float32)

    def batches(self, latents: np.ndarray, keys: np.ndarray):
        analyse = Representation(self.representation).analyse
        for latent, key in zip(latents, keys):
            yield analyse(torch.from_numpy(play(latent, int(key)))[None]).numpy()

    def generate(self, latents: np.ndarray, keys: np.ndarray, size: int = 4):
        return (Generated(images) for images in self.batches(latents, keys))


@pytest.fixture(scope="module")
def heard():
    player = Player(HandmadeModel())
    drawn = player.model.draw(DRAWS, 0)
    return player, drawn, player.hear_grid(drawn, player.keys(2))


@pytest.mark.parametrize("number, label", [(0, "Brightness"), (1, "Attack"), (2, "Noise"), (3, "Vibrato")])
def test_an_attribute_rises_with_what_it_names(number: int, label: str) -> None:
    less, more = (character(play(step * np.eye(5)[number], 60), 60) for step in (-1.5, 1.5))
    assert more[LABELS.index(label)] - less[LABELS.index(label)] > 0.5


def test_each_number_gets_its_label_and_the_idle_one_none(heard, monkeypatch) -> None:
    player, drawn, grid = heard
    monkeypatch.setattr(knobs, "BASES", 2)
    monkeypatch.setattr(knobs, "BASE_KEYS", 2)
    monkeypatch.setattr(knobs, "WALK", np.linspace(-3.0, 3.0, 3))
    # The axes alone: what is tested is the naming.
    monkeypatch.setattr(knobs, "candidates", lambda *_: np.eye(5) * np.array([-1, 1, -1, 1, 1])[:, None])
    entries, chosen = knobs.find_directions(player, None, drawn, grid)
    named = {entry["name"]: np.array(entry["vector"]) for entry in entries}
    assert set(named) == {"Brightness", "Attack", "Noise", "Vibrato"}
    for number, label in enumerate(("Brightness", "Attack", "Noise", "Vibrato")):
        assert np.array_equal(named[label], np.eye(5)[number]), "turned so that more is more"
    changes = [direction.change_db for direction in chosen]
    assert changes == sorted(changes, reverse=True)


def test_components_of_the_spectra_are_in_the_space_of_what_is_heard(heard) -> None:
    _, drawn, grid = heard
    found = regressed_components(drawn, grid.pictures.reshape(len(drawn), -1), 2)
    # Noise and brightness change the spectrum by far the most.
    assert np.square(found[0][[0, 2]]).sum() > 0.7
    assert np.allclose(np.linalg.norm(found, axis=1), 1)


class Mixer(torch.nn.Module):
    """A generator whose activations hang on three directions of its latent, with different strengths."""

    latent_size, pitch_min, pitch_max = 24, 40, 60

    def __init__(self):
        super().__init__()
        random = torch.Generator().manual_seed(0)
        self.directions = torch.linalg.qr(torch.randn(24, 3, generator=random))[0]
        self.into = torch.linalg.qr(torch.randn(50, 3, generator=random))[0]

    def features(self, latent: torch.Tensor, pitch: torch.Tensor) -> torch.Tensor:
        moved = (latent @ self.directions) * torch.tensor([3.0, 2.0, 1.0])
        return torch.tanh(0.2 * moved @ self.into.T) + pitch[:, None]


def test_components_of_activations_are_the_directions_that_move_them_strongest_first() -> None:
    mixer = Mixer()
    found = feature_components(mixer, 3)
    cosines = np.abs(found @ mixer.directions.numpy())
    assert (np.diag(cosines) > 0.95).all()


def test_a_generator_that_does_nothing_has_no_directions() -> None:
    latents = np.random.default_rng(0).standard_normal((100, 4))
    assert regressed_components(latents, np.ones((100, 8)), 4).shape == (0, 4)


def test_directions_that_are_nearly_the_same_are_named_once() -> None:
    effects = np.zeros(len(LABELS))
    effects[0] = 0.5
    axis, other = np.eye(4)[0], np.array([0.9, np.sqrt(1 - 0.81), 0, 0])
    third, fourth = np.eye(4)[2:]
    tried = [knobs.Direction(axis, 10.0, effects), knobs.Direction(other, 9.0, effects),
             knobs.Direction(third, 5.0, effects * 0.3), knobs.Direction(fourth, 0.5, effects * 0.3)]
    chosen = knobs.select(tried)
    assert [direction.change_db for direction in chosen] == [10.0, 5.0]
    # Both change brightness and nothing else: the one that does so more bears the name, the other a number.
    assert [entry["name"] for entry in knobs.label(chosen)] == ["Brightness", "Brightness 2"]


def test_a_number_goes_to_the_direction_that_bears_the_label_less() -> None:
    weak, strong = np.zeros(len(LABELS)), np.zeros(len(LABELS))
    weak[0], strong[0] = 0.2, -0.9
    chosen = [knobs.Direction(np.eye(3)[0], 9.0, weak), knobs.Direction(np.eye(3)[1], 8.0, strong),
              knobs.Direction(np.eye(3)[2], 7.0, np.full(len(LABELS), 0.001))]
    entries = knobs.label(chosen)
    assert [entry["name"] for entry in entries] == ["Brightness 2", "Brightness", "Colour"]
    assert entries[1]["vector"] == [0, -1, 0], "turned round"


def choose(heard, count: int, known: list[Sound] | None = None, places: list[str] | None = None, **named) -> list[dict]:
    player, drawn, grid = heard
    return choose_latents(player, Candidates(drawn, grid, [] if places is None else places), [] if known is None else known, count, **named)


def places_of(heard, entries: list[dict]) -> list[int]:
    """Which of the latents that were drawn the entries are."""
    return [int(np.flatnonzero(np.isclose(heard[1], entry["vector"], atol=1e-4).all(1))[0]) for entry in entries]


def test_named_latents_lie_far_apart_and_have_names_of_their_own(heard) -> None:
    _, drawn, grid = heard
    entries = choose(heard, 4)
    names = [entry["name"] for entry in entries]
    assert len(entries) == 4 and len(set(names)) == 4 and all(names)
    chosen = places_of(heard, entries)
    assert len(set(chosen)) == 4
    flat = grid.pictures.reshape(len(drawn), -1)
    between = [np.linalg.norm(flat[a] - flat[b]) for a in chosen for b in chosen if a < b]
    usual = [np.linalg.norm(flat[a] - flat[b]) for a in range(len(drawn)) for b in range(a)]
    assert np.min(between) > np.percentile(usual, 25)
    manifest.check({"format": 1, "name": "handmade", **Representation("if-hires").settings,
                    "pitch_min": 48, "pitch_max": 72, "latent_size": 5, "latents": entries})


def test_a_latent_near_a_training_sound_bears_its_name(heard) -> None:
    _, drawn, grid = heard
    first = choose(heard, 1)
    (place,) = places_of(heard, first)
    far = spectrogram.picture(spectrogram.power_of(spectrogram.transform(play(np.full(5, -3.0), 60))))
    drum, gong = Sound("Drum", np.stack([far, far])), Sound("Gong", np.stack([far, far]))
    known = [Sound("Oboe", grid.pictures[place], "reed_acoustic_001"), drum, gong]
    (named,) = choose(heard, 1, known)
    assert (named["name"], named["instrument"]) == ("Near oboe", "reed_acoustic_001")
    # Where the nearest sound is no nearer than any other, the latent is named by what is heard.
    elsewhere = [Sound("Drum", np.stack([far, far])), Sound("Gong", np.stack([far + 1, far + 1]))]
    (named,) = choose(heard, 1, elsewhere)
    assert not named["name"].startswith("Near") and "instrument" not in named


def test_silent_latents_are_not_chosen(heard) -> None:
    player, drawn, grid = heard
    characters = grid.characters.copy()
    characters[: DRAWS - 1] = np.nan
    (only,) = choose((player, drawn, type(grid)(grid.pictures, characters)), 5)
    assert np.allclose(only["vector"], drawn[DRAWS - 1], atol=1e-4)


def test_places_of_instruments_come_first_and_bear_their_names(heard) -> None:
    entries = choose(heard, 4, places=["reed_acoustic_001", "brass_acoustic_002", "Bagpipe"],
                     names={"reed_acoustic_001": "Oboe", "brass_acoustic_002": "Oboe"})
    told = [(entry["name"], entry.get("instrument")) for entry in entries]
    assert {label for _, label in told[:3]} == {"reed_acoustic_001", "brass_acoustic_002", "Bagpipe"}
    assert sorted(places_of(heard, entries[:3])) == [0, 1, 2] and places_of(heard, entries[3:])[0] > 2
    assert len({name for name, _ in told}) == 4 and sum(name.startswith("Oboe") for name, _ in told) == 2
    assert told[3][1] is None


@pytest.mark.parametrize("fault", ["off key", "noise or silence"])
def test_a_latent_with_a_fault_at_a_single_key_is_left_out(heard, monkeypatch, fault: str) -> None:
    player, drawn, _ = heard
    (first,) = places_of(heard, choose(heard, 1))
    wave = play(drawn[first], 73) if fault == "off key" else np.zeros(64_000, np.float32)
    faulty = Representation(HandmadeModel.representation).analyse(torch.from_numpy(wave)[None]).numpy()
    batches = HandmadeModel.batches

    def with_fault(self, latents, keys):
        for latent, key, image in zip(latents, keys, batches(self, latents, keys)):
            yield faulty if key == 72 and np.array_equal(latent, drawn[first]) else image

    monkeypatch.setattr(HandmadeModel, "batches", with_fault)
    said = []
    entries = choose(heard, 1, progress=said.append)
    assert len(entries) == 1 and places_of(heard, entries) != [first]
    assert any(f"{fault} at 72" in line for line in said)
    keyboard = player.keyboard(drawn[first])
    assert not keyboard.is_playable and list(keyboard.bad) == [False] * 4 + [fault != "off key"]
    assert (np.abs(keyboard.cents[:-1]) < 5).all()
    assert fault != "off key" or keyboard.cents[-1] == pytest.approx(100, abs=3)


def test_the_place_of_an_instrument_is_drawn_in_and_keeps_its_name_where_a_key_is_off(heard, monkeypatch) -> None:
    _, drawn, _ = heard
    batches = HandmadeModel.batches

    def off_at_the_place(self, latents, keys):
        # One key sounds a semitone higher at the place itself, and only there.
        for latent, key in zip(latents, keys):
            wrong = key == 60 and np.array_equal(latent, drawn[0])
            yield next(batches(self, latent[None], [key + 1 if wrong else key]))

    monkeypatch.setattr(HandmadeModel, "batches", off_at_the_place)
    said = []
    (entry,) = choose(heard, 1, places=["reed_acoustic_001"], names={"reed_acoustic_001": "Oboe"}, progress=said.append)
    assert (entry["name"], entry["instrument"]) == ("Oboe", "reed_acoustic_001")
    assert np.allclose(entry["vector"], 0.85 * drawn[0], atol=1e-4)
    assert any("drawn in: Oboe, off key at 60" in line for line in said)


def test_a_named_latent_tells_the_instrument_that_it_stands_for() -> None:
    names = {"reed_acoustic_001": "Oboe", "brass_acoustic_002": "French horn"}
    assert instrument_of({"name": "anything", "instrument": "brass_acoustic_002"}, names) == "brass_acoustic_002"
    assert instrument_of({"name": "Near french horn, bright"}, names) == "brass_acoustic_002"
    assert instrument_of({"name": "Oboe"}, names) == "reed_acoustic_001"
    assert instrument_of({"name": "Bright, slow"}, names) is None


def direction(largest: float, axis: int = 0, change: float = 10.0, effect: float = 0.5, at: int = 0) -> knobs.Direction:
    effects = np.zeros(len(LABELS))
    effects[at] = effect
    return knobs.Direction(np.eye(12)[axis], change, effects, largest)


def test_a_knob_that_jumps_stands_back_behind_those_that_move_evenly() -> None:
    tried = [direction(4.0, axis, change=30.0) for axis in range(6)] + [direction(1.5, axis) for axis in range(6, 9)]
    chosen = knobs.select(tried)
    assert [one.is_even for one in chosen] == [True] * 3 + [False] * 5, "eight knobs are there in any case"
    assert knobs.select([direction(1.5, axis) for axis in range(12)] + tried[:2]).__len__() == 12


def test_the_way_of_a_knob_is_measured_from_end_to_end(heard) -> None:
    player, _, _ = heard

    class Switch(HandmadeModel):
        """Where the first number passes 2.2, far out on the way, the sound changes at once."""

        def batches(self, latents, keys):
            latents = np.array(latents)
            latents[:, 0] = np.where(latents[:, 0] > 2.2, 2.0, -2.0) + 0.05 * latents[:, 0]
            return super().batches(latents, keys)

    bases = np.zeros((1, 5))
    vector, keys = np.eye(5)[0], np.array([60])
    assert knobs.largest_step(player, vector, bases, keys) <= knobs.EVEN
    assert knobs.largest_step(Player(Switch()), vector, bases, keys) > 6


def test_an_effect_counts_when_other_latents_show_it_too() -> None:
    first, again = direction(1.0, effect=0.5), direction(3.0, effect=-0.4)
    assert (knobs.confirmed(first, again).effects == 0).all()
    both = knobs.confirmed(first, direction(3.0, effect=0.3, change=20.0))
    assert both.effects[0] == 0.3 and both.change_db == 15.0 and both.largest == 2.0


def test_directions_that_attributes_follow_are_found_with_few_draws_for_many_numbers() -> None:
    random = np.random.default_rng(0)
    drawn = random.standard_normal((150, 100))
    axis = random.standard_normal(100)
    axis /= np.linalg.norm(axis)
    characters = np.full((150, 2, 2), np.nan)
    characters[..., 0] = (drawn @ axis)[:, None] + np.array([3.0, -5.0])
    found = knobs.attribute_directions(drawn, characters)
    assert found.shape == (1, 100), "nothing is known of the second one"
    assert found[0] @ axis > 0.75 and np.linalg.norm(found[0]) == pytest.approx(1)


def test_what_is_found_is_written_into_the_file_and_the_rest_kept(tmp_path, monkeypatch) -> None:
    torch.manual_seed(0)
    generator = ProgressiveGenerator("if-mel-hires", PUBLISHED_MEL, latent_size=3, pitch_min=59, pitch_max=61,
                                     channels_base=1024, channels_max=8).eval()
    path = tmp_path / "model.onnx"
    export(generator, path, {"name": "small", "quality": {"cents_median": 3.0}})
    monkeypatch.setattr(knobs, "BASES", 1)
    monkeypatch.setattr(knobs, "BASE_KEYS", 1)
    monkeypatch.setattr(directions, "DRAW_KEYS", 1)
    monkeypatch.setattr(knobs, "candidates", lambda *_: np.eye(3))
    told = directions.describe(path, generator, draws=12, named=4)
    found = ModelFile(path).manifest
    assert found["name"] == "small" and found["quality"] == {"cents_median": 3.0} and found["mean"] == [0, 0, 0]
    assert all(entry["name"] in told for entry in found["directions"] + found["latents"])
    assert all(entry["scale"] == 1 and np.linalg.norm(entry["vector"]) == pytest.approx(1, abs=1e-4)
               for entry in found["directions"])


def test_words_come_before_second_ones_and_colours_are_counted_anew():
    names = ["Sustain 2", "Colour 2", "Brightness", "Colour", "Vibrato"]
    chosen = [knobs.Direction(np.eye(5)[k], float(k), np.zeros(len(knobs.LABELS))) for k in range(5)]
    entries, directions = knobs.in_order([{"name": name, "vector": [k]} for k, name in enumerate(names)], chosen)
    assert [entry["name"] for entry in entries] == ["Brightness", "Vibrato", "Sustain 2", "Colour", "Colour 2"]
    assert [entry["vector"] for entry in entries] == [[2], [4], [0], [1], [3]]
    assert [direction.change_db for direction in directions] == [2.0, 4.0, 0.0, 1.0, 3.0]
