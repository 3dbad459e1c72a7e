"""The built VST3 bundle in a host that is not ours: pedalboard."""

import re
from pathlib import Path

import numpy as np
import pedalboard
import pytest
from pedalboard import VST3Plugin

BUNDLE = Path(__file__).resolve().parents[2] / "target" / "bundled" / "Timbrel.vst3"
RATE = 48_000
CHANNELS = 2

# The host probes every parameter when it loads a plugin. The framework's stand-ins for MIDI controllers are 2080 of them,
# and of no use here.
pedalboard._pedalboard.PARAMETER_NAME_REGEXES_TO_IGNORE.add(re.compile(r"MIDI Ch\. \d+ "))


def on(key: int, seconds: float, velocity: int = 100) -> tuple[bytes, float]:
    return bytes([0x90, key, velocity]), seconds


def off(key: int, seconds: float) -> tuple[bytes, float]:
    return bytes([0x80, key, 0]), seconds


def controller(number: int, value: int, seconds: float) -> tuple[bytes, float]:
    return bytes([0xB0, number, value]), seconds


CHORD = [on(48, 0.1), on(60, 0.1), on(67, 0.6), off(48, 1.5), off(60, 1.5), off(67, 1.6)]


def load() -> VST3Plugin:
    assert BUNDLE.exists(), f"{BUNDLE} is not there: run `cargo xtask bundle --release` first"
    return VST3Plugin(str(BUNDLE))


def render(plugin: VST3Plugin, events, seconds: float = 2.5, block: int = 512, rate: int = RATE) -> np.ndarray:
    return plugin(events, seconds, rate, CHANNELS, block, True)


def level_db(audio: np.ndarray) -> float:
    return 20 * np.log10(max(1e-10, np.sqrt(np.mean(np.square(audio, dtype=np.float64)))))


@pytest.fixture
def plugin() -> VST3Plugin:
    return load()


def test_it_is_an_instrument(plugin):
    assert plugin.is_instrument
    assert plugin.name == "Timbrel"
    # The host puts the unit behind the name where all values have it.
    assert {"timbre_1", "timbre_8", "seed", "gain_db", "release"} <= set(plugin.parameters)


def test_a_chord_sounds_and_ends(plugin):
    audio = render(plugin, CHORD, 4.0)
    assert audio.shape == (CHANNELS, 4 * RATE)
    assert np.isfinite(audio).all()
    assert level_db(audio[:, RATE // 2 : RATE]) > -55
    assert level_db(audio[:, 3 * RATE :]) < -80
    # A new instance has a width: the sides differ, and what they share is louder than what they do not.
    assert not np.array_equal(audio[0], audio[1])
    assert level_db(0.5 * (audio[0] + audio[1])) > level_db(0.5 * (audio[0] - audio[1])) + 3


def test_nothing_sounds_before_the_key(plugin):
    onset = 0.25
    audio = render(plugin, [on(60, onset), off(60, 1.0)])
    start = round(onset * RATE)
    assert not audio[:, :start].any()
    assert np.abs(audio[:, start : start + RATE // 50]).max() > 1e-5


def test_the_onset_is_exact(plugin):
    # Odd sample positions, across the edges of blocks.
    first, second = 4_801, 6_007
    early = render(plugin, [on(60, first / RATE)], 1.0)
    late = render(plugin, [on(60, second / RATE)], 1.0)
    length = RATE - second
    difference = np.abs(early[0, first : first + length] - late[0, second : second + length]).max()
    assert difference < 1e-4


def test_a_bounce_is_complete_and_repeats():
    # The very first render of a fresh plugin is already whole: each note is waited for.
    first, second = (render(load(), CHORD) for _ in range(2))
    assert level_db(first[:, : RATE // 2]) > -55
    assert np.array_equal(first, second)


def test_one_instance_repeats_itself(plugin):
    first = render(plugin, CHORD, 4.0)
    second = render(plugin, CHORD, 4.0)
    assert np.array_equal(first, second)


def test_a_restored_session_is_the_same(plugin):
    plugin.seed = 1234
    # Texts bear the model's names of its directions; the values are the same with every model.
    plugin.parameters["timbre_1"].raw_value = 0.75
    plugin.parameters["timbre_3"].raw_value = 0.375
    plugin.parameters["release"].raw_value = 0.3
    sound = render(plugin, CHORD)
    other = load()
    default = render(other, CHORD)
    assert not np.array_equal(sound, default)
    other.raw_state = plugin.raw_state
    assert other.seed == plugin.seed
    assert other.release == plugin.release
    assert np.array_equal(render(other, CHORD), sound)


def test_a_value_that_is_none_is_mended_alone(plugin):
    plugin.seed = 1234
    plugin.parameters["release"].raw_value = 0.3
    # As long as before, so that the preset's table of contents stays true.
    broken = re.sub(rb'("release":\{"f32":)([^}]+)', lambda found: found[1] + b"null".ljust(len(found[2])), plugin.preset_data)
    assert b"null" in broken
    other = load()
    other.preset_data = broken
    # The host shows the values of before; what it would save tells.
    value = lambda preset, name: re.search(rb'"%s":(\{[^}]+\})' % name, preset)[1]
    mended = other.preset_data
    assert value(mended, b"seed") == value(plugin.preset_data, b"seed") != value(load().preset_data, b"seed")
    assert value(mended, b"release") == value(load().preset_data, b"release")


def sustained_seed() -> int:
    """A seed whose sound goes on while its key is held."""
    plugin = load()
    for seed in range(60):
        plugin.seed = seed
        note = render(plugin, [on(60, 0.0)], 3.0)
        if level_db(note[:, 2 * RATE :]) > level_db(note[:, : RATE // 2]) - 6:
            return seed
    raise AssertionError("none of the first 60 seeds sustains")


def test_the_pedal_holds(plugin):
    plugin.seed = seed = sustained_seed()
    held = render(plugin, [controller(64, 127, 0.0), on(60, 0.1), off(60, 0.5)], 2.0)
    assert level_db(held[:, -RATE // 2 :]) > -55
    plugin = load()
    plugin.seed = seed
    free = render(plugin, [controller(64, 63, 0.0), on(60, 0.1), off(60, 0.5)], 2.0)
    assert level_db(free[:, -RATE // 2 :]) < -80


@pytest.mark.parametrize("rate", [22_050, 44_100, 96_000])
def test_other_rates(plugin, rate):
    audio = render(plugin, [on(57, 0.0)], 2.0, rate=rate)
    spectrum = np.abs(np.fft.rfft(audio[0, rate // 2 : rate // 2 + rate] * np.hanning(rate)))
    # A3 and its partials, at a resolution of 1 Hz.
    partials = [spectrum[n * 220 - 3 : n * 220 + 4].max() for n in range(1, 5)]
    between = [spectrum[n * 220 - 120 : n * 220 - 100].max() for n in range(2, 5)]
    assert max(partials) > 10 * max(between)


@pytest.mark.parametrize("block", [1, 32, 8_192])
def test_other_blocks(block):
    reference = render(load(), CHORD, 1.0)
    audio = render(load(), CHORD, 1.0, block=block)
    assert np.abs(audio - reference).max() < 1e-3
