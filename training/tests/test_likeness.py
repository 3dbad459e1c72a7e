"""The map of a model's latents, and its programs, of a handmade instrument of which it is known what each number does."""

import numpy as np
import pytest

from timbrel_training import likeness, manifest, named_latents
from timbrel_training.errors import TrainingError
from timbrel_training.player import Heard, Keyboard
from timbrel_training.spectral import Representation

SIZE = 12


def heard_of(latents: np.ndarray, numbers: tuple[int, int] = (2, 7), noise: float = 0.1) -> Heard:
    """Sounds in which two numbers of the latent are heard, the first one twice as much and as brightness."""
    random = np.random.default_rng(5)
    into = random.standard_normal((2, 2, 40))
    told = latents[:, numbers] * np.array([2.0, 1.0])
    pictures = np.einsum("ni,ikb->nkb", told, into) + noise * random.standard_normal((len(latents), 2, 40))
    characters = np.full((len(latents), 2, 16), np.nan)
    characters[..., 0] = latents[:, numbers[0], None]
    return Heard(pictures.astype(np.float32), characters)


def drawn(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, SIZE)).astype(np.float32)


def test_latents_that_sound_alike_lie_near_one_another() -> None:
    latents, named = drawn(120, 1), 3.0 * drawn(30, 2)
    entry = likeness.find_map([(latents, heard_of(latents)), (named, heard_of(named))], named)
    others = drawn(80, 3)
    assert likeness.agreement(entry, others, heard_of(others)) > 0.95
    # What is heard most lies across, more of it to the right; the second is not stretched to look as much.
    axes = np.array(entry["axes"])
    assert axes[0, 2] > 5.0 * np.abs(np.delete(axes[0], 2)).max()
    assert np.abs(axes[1]).argmax() == 7 and 1.5 < abs(axes[0, 2] / axes[1, 7]) < 2.5
    places = likeness.places_on(entry, named)
    assert np.abs(places).max() == pytest.approx(1.0, abs=1e-3)
    spread = np.ptp(places, axis=0)
    heard_spread = np.ptp(places * np.array(entry["scale"]), axis=0)
    assert spread.min() / spread.max() == pytest.approx((heard_spread.min() / heard_spread.max()) ** 0.5, rel=1e-3)


def test_few_numbers_and_few_latents_do_no_harm() -> None:
    assert likeness.find_map([(drawn(8, 1)[:, :1], heard_of(drawn(8, 1)))], np.zeros((0, 1))) is None
    few = drawn(3, 1)
    manifest.check({"format": 1, "name": "x", **Representation("if-hires").settings, "pitch_min": 48, "pitch_max": 72,
                    "latent_size": SIZE, "map": likeness.find_map([(few, heard_of(few))], few[:0])})


class KeyboardOf:
    """A player whose keyboard is in tune within a distance from the middle."""

    def __init__(self, within: float):
        self.within = within

    def keyboard(self, latent: np.ndarray) -> Keyboard:
        off = np.linalg.norm(latent) > self.within
        return Keyboard(np.array([60]), np.array([1200.0 if off else 2.0]), np.array([False]))


def test_programs_are_the_places_of_instruments_drawn_in_where_a_key_is_off() -> None:
    places = {"violin": np.eye(SIZE, dtype=np.float32)[0], "bell": 2.0 * np.eye(SIZE, dtype=np.float32)[1],
              "gong": 9.0 * np.eye(SIZE, dtype=np.float32)[2], "fiddle": np.eye(SIZE, dtype=np.float32)[3]}
    said = []
    found = likeness.find_programs(KeyboardOf(1.8), places, {"violin": 40, "bell": 14, "gong": 9, "fiddle": 40}, [], said.append)
    assert [entry["program"] for entry in found] == [14, 40]
    assert found[1]["vector"] == places["violin"].tolist() and found[0]["vector"][1] == pytest.approx(1.7)
    assert any("gong" in line and "off key at 60" in line for line in said)
    manifest.check({"format": 1, "name": "x", **Representation("if-hires").settings, "pitch_min": 48, "pitch_max": 72,
                    "latent_size": SIZE, "programs": found})


def test_a_named_latent_of_an_instrument_is_not_played_again() -> None:
    place = 2.0 * np.eye(SIZE, dtype=np.float32)[1]
    named = [{"name": "Bell", "instrument": "bell", "vector": (0.7 * place).tolist()}]
    (found,) = likeness.find_programs(KeyboardOf(0.0), {"bell": place}, {"bell": 14}, named)
    assert found["vector"][1] == pytest.approx(1.4)
    # One that was drawn at random near the instrument is another latent.
    beside = [{"name": "Near bell", "instrument": "bell", "vector": (place + 1.0).tolist()}]
    assert likeness.find_programs(KeyboardOf(0.0), {"bell": place}, {"bell": 14}, beside) == []


def test_a_place_that_is_in_tune_is_taken_as_it_is() -> None:
    place = drawn(1, 4)[0]
    latent, faults = named_latents.place_in_tune(KeyboardOf(100.0), place)
    assert np.array_equal(latent, place) and faults == ""


@pytest.mark.parametrize("change, told", [
    ({"map": {"axes": [[1.0] * SIZE], "offset": [0.0, 0.0], "scale": [1.0, 1.0]}}, "1 axes"),
    ({"map": {"axes": [[1.0] * SIZE, [0.0] * SIZE], "offset": [0.0, 0.0], "scale": [1.0, 1.0]}}, "zeros only"),
    ({"map": {"axes": [[1.0] * SIZE] * 2, "offset": [0.0, 0.0], "scale": [1.0, 0.0]}}, "not above zero"),
    ({"programs": [{"program": 128, "vector": [0.0] * SIZE}]}, "0 to 127"),
    ({"programs": [{"program": 3, "vector": [0.0] * SIZE}] * 2}, "named once"),
    ({"programs": [{"program": 3, "vector": [0.0]}]}, "has 1 numbers"),
])
def test_what_the_plugin_would_refuse_is_not_written(change: dict, told: str) -> None:
    right = {"format": 1, "name": "x", **Representation("if-hires").settings, "pitch_min": 48, "pitch_max": 72,
             "latent_size": SIZE}
    manifest.check(right)
    with pytest.raises(TrainingError, match=told):
        manifest.check(right | change)
