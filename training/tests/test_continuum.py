"""Evenness, mid-points, touch, loudness over timbres and families, on models and notes of which the answers are known."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from timbrel_training import evaluate as command
from timbrel_training.data import DataSet
from timbrel_training.errors import TrainingError
from timbrel_training.measures import evenness, families, figures, reference, struck, summary, table
from timbrel_training.measures.note import NoteMeter, Notes
from timbrel_training.model_file import Generated
from timbrel_training.spectral import Representation

RATE = 48_000
FULL = Representation.linear(n_fft=2_048, hop=512, frames=379, bins=900)
TIME = np.arange(4 * RATE) / RATE


def tone(midi: int, above: float = 0.0, velocity: int = 100, level: float = 1.0) -> np.ndarray:
    """Partials up to 7 kHz, and one at 12 kHz of this amplitude. Struck hard, the upper ones are stronger."""
    hertz = 440.0 * 2 ** ((midi - 69) / 12)
    tilt = 1.5 - (velocity - 75) / 100
    wave = sum(n**-tilt * np.sin(2 * math.pi * n * hertz * TIME + n * n) for n in range(1, int(7_000 / hertz)))
    return (0.05 * level * (wave + above * np.sin(2 * math.pi * 12_000 * TIME)) * np.exp(-0.5 * TIME)).astype(np.float32)


class Handmade:
    """What measures ask of a model file; the first number of a latent says how the note sounds."""

    latent_size = 3
    pitches = np.arange(57, 70)
    path = Path(__file__)

    def __init__(self, representation: Representation = FULL, latents: list[dict] = ()):
        self.representation = representation
        self.manifest = {"name": "handmade", "latents": list(latents)}

    def draw(self, count: int, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).standard_normal((count, self.latent_size)).astype(np.float32)

    def image(self, latent: np.ndarray, key: int) -> np.ndarray:
        return self.representation.analyse(torch.from_numpy(tone(key, above=latent[0]))[None])[0].numpy()

    def batches(self, latents, keys, size=4):
        for latent, key in zip(latents, keys):
            yield self.image(latent, int(key))[None]

    def generate(self, latents, keys, size=4):
        return (Generated(images) for images in self.batches(latents, keys))


class Slope(Handmade):
    """Images whose upper half rises from the lower one's level by 10 dB for each unit of what `course` makes of the way."""

    def __init__(self, representation, course):
        super().__init__(representation)
        self.course = course

    def image(self, latent, key):
        decibels = 10 * self.course(latent[0])
        image = np.zeros(self.representation.image_shape, np.float32)
        half = self.representation.bins // 2
        image[0, :, half:] = -decibels * math.log(10) / (10 if self.representation.is_mel else 20)
        return image


SIZES = [Representation("if-mel"), Representation.linear(sample_rate=16_000, n_fft=512, hop=128, frames=497, bins=200)]


@pytest.mark.parametrize("representation", SIZES, ids=["power", "magnitude"])
def test_the_steps_of_a_walk_are_in_decibels_of_power(representation: Representation) -> None:
    model = Slope(representation, lambda x: abs(x))
    latents = np.array([[0.0, 0, 0], [1.0, 0, 0], [1.0, 0, 0], [3.0, 0, 0], [9.0, 0, 0]])
    steps, ends = evenness.walk_steps(model, latents, 60)
    # Half of all points move; nothing is heard 60 dB below the loudest.
    assert np.allclose(steps, np.array([10, 0, 20, 30]) / math.sqrt(2), atol=1e-3)
    assert ends == pytest.approx(60 / math.sqrt(2), abs=1e-3)


def test_an_even_model_measures_as_even_and_a_switch_as_a_switch() -> None:
    even = evenness.evenness(Slope(SIZES[0], lambda x: 2.5 + x), pairs=12)
    switch = evenness.evenness(Slope(SIZES[0], lambda x: float(x > 0)), pairs=12)
    assert even["even_share"] < 0.35 and even["even_still"] < 0.1 and even["even_largest"] < 2
    assert switch["even_worst"] == pytest.approx(20) and switch["even_still"] > 0.9
    assert even["even_ends_db"] > 1


def test_a_great_circle_keeps_its_distance_and_half_way_is_half_way() -> None:
    one, other = np.array([2.0, 0, 0]), np.array([0, 2.0, 0])
    way = evenness.great_circle(one, other, np.linspace(0, 1, 5))
    assert np.allclose(np.linalg.norm(way, axis=1), 2) and np.allclose(way[2], [math.sqrt(2), math.sqrt(2), 0])
    assert np.allclose(evenness.great_circle(one, one, np.array([0.5])), one)
    found = command.midpoints(np.stack([one, other]), 3, seed=0)
    assert np.allclose(found, way[2]) and found.dtype == np.float32
    known = np.random.default_rng(1).standard_normal((9, 5))
    assert not any(np.allclose(found, place) for found in command.midpoints(known, 40, 0) for place in known)


def silent_notes(count: int) -> Notes:
    """Notes of which only what a test sets is known."""
    meter = NoteMeter()
    meter.add(np.zeros(64_000, np.float32), 60, 0)
    notes = meter.notes()
    return Notes(**{field.name: np.repeat(getattr(notes, field.name), count, axis=0) for field in dataclasses.fields(Notes)})


def test_a_timbre_that_is_out_of_tune_as_a_whole_is_found_behind_good_medians() -> None:
    notes = silent_notes(40)
    notes.group = np.repeat(np.arange(10), 4)
    notes.cents = np.random.default_rng(0).normal(0, 1, 40)
    assert summary.worst_tuning(notes) < 3
    notes.cents[8:12] -= 14
    assert summary.worst_tuning(notes) == pytest.approx(14, abs=2)


def test_loudness_over_timbres_and_the_jump_of_a_single_key() -> None:
    notes = silent_notes(40)
    notes.group = np.repeat(np.arange(10), 4)
    notes.loudness_lufs = np.full(40, -23.0)
    found = summary.loudness(notes)
    assert found["loudness_lufs"] == -23 and found["loudness_range_lu"] == 0 and found["level_jump_lu"] == 0
    notes.loudness_lufs[4:8] += 5
    notes.loudness_lufs[17] -= 6.5
    found = summary.loudness(notes)
    assert found["loudness_range_lu"] == pytest.approx(5 + 1.1, abs=0.3), "a soft key makes its timbre a little softer"
    assert found["level_jump_lu"] == pytest.approx(6.5) and 1 < found["loudness_spread_lu"] < 2.5
    assert math.isnan(summary.loudness(silent_notes(2))["level_jump_lu"]), "a timbre of two keys tells nothing"


@pytest.fixture(scope="module")
def full_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of 48 kHz: two instruments of two families, at four keys and three velocities, one bright above 8 kHz."""
    folder = tmp_path_factory.mktemp("full") / "set"
    (folder / "audio").mkdir(parents=True)
    labels, test = {}, []
    for instrument, family, above in (("reed_acoustic_001", "reed", 0.1), ("brass_acoustic_002", "brass", 0.01)):
        for number, midi in enumerate((57, 60, 63, 66)):
            for velocity in (25, 75, 127):
                name = f"{instrument}-{midi:03d}-{velocity:03d}"
                labels[name] = {"pitch": midi, "velocity": velocity, "sample_rate": RATE, "instrument_str": instrument,
                                "instrument_family_str": family}
                soundfile.write(folder / "audio" / f"{name}.wav", tone(midi, above, velocity), RATE)
                if number == 1:
                    test.append(name)
    (folder / "examples.json").write_text(json.dumps(labels))
    (folder / "dataset.json").write_text(json.dumps({"name": "full", "sample_rate": RATE, "instruments": {
        "reed_acoustic_001": "Oboe", "brass_acoustic_002": "French horn"}}))
    (folder / "split.json").write_text(json.dumps({"train": [name for name in labels if name not in test], "test": test}))
    return folder


def test_a_set_of_48_khz_is_read_at_its_rate(full_set: Path) -> None:
    data = DataSet(full_set)
    assert (data.sample_rate, data.note_samples, len(data.wave(0))) == (RATE, 192_000, 192_000)
    labels = json.loads((full_set / "examples.json").read_text())
    assert len(labels) == 24


def test_what_velocity_does_is_measured_of_notes_and_of_models_alike(full_set: Path) -> None:
    data = DataSet(full_set)
    real = struck.real(data, full=True)
    assert real.centroid.shape == (8, 3)
    found = real.figures()
    assert found["centroid_soft"] < -0.2 and found["centroid_hard"] > 0.2 and abs(found["rise_hard_ms"]) < 20

    class Touched(Handmade):
        def generate(self, latents, keys, size=4):
            touch = np.linspace(-20, 20, 32, dtype=np.float32)[None]
            return (Generated(images, touch) for images in self.batches(latents, keys))

    deaf = struck.generated(Handmade(), True, count=3).figures()
    felt = struck.generated(Touched(), True, count=3).figures()
    assert abs(deaf["centroid_hard"]) < 1e-6
    assert felt["centroid_soft"] < -0.05 and felt["centroid_hard"] > 0.05
    assert math.isnan(struck.Struck(np.zeros((0, 3)), np.zeros((0, 3))).figures()["centroid_hard"])


def test_families_are_compared_where_the_model_names_their_instruments(full_set: Path) -> None:
    data = DataSet(full_set)
    above = families.real(data)
    assert sorted(set(above.family)) == ["brass", "reed"] and len(above.midi) == 8
    named = [{"name": "Near oboe", "vector": [0.05, 0, 0]}, {"name": "any", "instrument": "brass_acoustic_002", "vector": [0.01, 0, 0]},
             {"name": "Bright, slow", "vector": [9.0, 0, 0]}]
    found = families.compare(Handmade(latents=named), above, data)
    assert found["brass"]["model_db"] == pytest.approx(found["brass"]["real_db"], abs=1.5)
    assert found["reed"]["model_db"] - found["reed"]["real_db"] == pytest.approx(-6, abs=1.5)
    assert families.furthest_db(found) == pytest.approx(6, abs=1.5)
    assert "| handmade | reed | 1 |" in families.markdown([{"name": "real"}, {"name": "handmade", "families": found}])
    low = Representation("if-hires")
    assert families.compare(Handmade(low, named), above, data) == {} and math.isnan(families.furthest_db({}))
    assert families.markdown([{"name": "handmade", "families": {}}]) == ""


def test_the_table_has_the_full_band_where_data_and_model_have_it(full_set: Path, tmp_path: Path) -> None:
    data = DataSet(full_set)
    judged = reference.prepare(data, tmp_path, epochs=2)
    again = reference.prepare(data, tmp_path, epochs=2, progress=lambda text: pytest.fail("it was kept"))
    assert np.array_equal(judged.full.train_features, again.full.train_features)
    counts = dataclasses.replace(command.QUICK, latents=3, midpoints=3, key_step=4, walks=1, struck=1)
    named = [{"name": "one", "vector": [0.1, 0, 0]}, {"name": "other", "vector": [0, 0.1, 0]}]
    rows = command.measure_model(Handmade(latents=named), judged, data, counts)
    assert [row["name"] for row in rows] == ["handmade", "handmade, half-way"]
    for row in rows:
        assert all(math.isfinite(row[key]) for key in ("fid_full", "ndb_full", "above_db", "fid", "loudness_lufs"))
    assert math.isfinite(rows[0]["even_share"]) and "even_share" not in rows[1]
    text = table.markdown(rows)
    assert "FID, full band" in text and "evenness" in text
    # Mid-points alone are told of apart in a manifest.
    good = {"pitch_accuracy": 99.0, "ndb": 0.0, "off_key": 0.0, "fid": 1.0}
    quality = table.quality(rows, good)
    assert quality["midpoint_fid"] == pytest.approx(rows[1]["fid"], rel=1e-3) and quality["fid"] != quality["midpoint_fid"]

    class Low(Handmade):
        def image(self, latent, key):
            return self.representation.analyse(torch.from_numpy(tone(key)[::3].copy())[None])[0].numpy()

    (low,) = command.measure_model(Low(Representation("if-hires")), judged, data, dataclasses.replace(counts, midpoints=0))
    assert math.isnan(low["fid_full"]) and math.isfinite(low["fid"])


def test_figures_whose_own_reference_fails_are_not_written() -> None:
    row = {figure.key: 1.0 for figure in figures.FIGURES}
    good = row | {"pitch_accuracy": 99.0, "ndb": 0.02, "ndb_full": 0.02, "full_accuracy": 95.0, "off_key": 1.0}
    assert table.left_out(good) == [] and "real_fid" in table.quality([row], good)
    deaf = good | {"pitch_accuracy": 6.6}
    written = table.quality([row, row], deaf)
    assert not {"fid", "pitch_accuracy", "pitch_entropy", "inception_score", "real_fid", "midpoint_fid"} & set(written)
    assert {"cents_median", "real_cents_median", "ndb", "even_share", "midpoint_cents_95"} <= set(written)
    (sentence,) = table.left_out(deaf)
    assert "FID" in sentence and "6.6 %" in sentence
    off = table.quality([row], good | {"off_key": 30.0})
    assert "cents_median" not in off and "fid" in off


def test_counts_that_make_no_sense_are_refused(full_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["evaluate", "model.onnx", "--data", str(full_set), "--key-step", "0"])
    with pytest.raises(TrainingError, match="1 or more"):
        command.main()


def test_notes_of_several_rates_in_a_set_are_refused(full_set: Path, tmp_path: Path) -> None:
    labels = json.loads((full_set / "examples.json").read_text())
    next(iter(labels.values()))["sample_rate"] = 16_000
    (tmp_path / "examples.json").write_text(json.dumps(labels))
    with pytest.raises(TrainingError, match="several sample rates"):
        DataSet(tmp_path)
    for label in labels.values():
        label["sample_rate"] = 8_000
    (tmp_path / "examples.json").write_text(json.dumps(labels))
    with pytest.raises(TrainingError, match="8000"):
        DataSet(tmp_path)
