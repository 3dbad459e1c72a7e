"""How every row of the table is judged: from waves, by the same measures and the same judge."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from timbrel_training.data import DataSet
from timbrel_training.files import write_bytes
from timbrel_training.geometry import Geometry
from timbrel_training.measures import classifier, evenness, segment
from timbrel_training.measures.distribution import DifferentBins
from timbrel_training.measures.note import NoteMeter, Notes
from timbrel_training.measures.rate import to_rate
from timbrel_training.measures.reference import SEED, Reference
from timbrel_training.measures.summary import summarise
from timbrel_training.paper.row_player import RowPlayer
from timbrel_training.paper.scale import Scale
from timbrel_training.spectral import Representation

# A change of any measure makes what was measured before worthless: raise this with it.
VERSION = 2

# A cell of a picture whose standard deviation over the training notes is less than this hardly varies.
LEAST_DEVIATION_DB = 1.0


@dataclasses.dataclass(frozen=True)
class Figure:
    """A column of the table: its key, heading, format, and which way is better ("" where real notes show it)."""

    key: str
    heading: str
    form: str
    better: str = ""


FIGURES = (
    Figure("ndb", "NDB / k", "{:.2f}", "low"),
    Figure("fid", "FID", "{:.1f}", "low"),
    Figure("inception_score", "IS", "{:.1f}", "high"),
    Figure("pitch_accuracy", "PA (%)", "{:.1f}", "high"),
    Figure("pitch_entropy", "PE (nat)", "{:.2f}", "low"),
    Figure("periodicity", "periodicity", "{:.3f}", "high"),
    Figure("noise_db", "noise between partials (dB)", "{:.1f}"),
    Figure("off_key", "off key (%)", "{:.0f}", "low"),
    Figure("bad", "noise or silence (%)", "{:.0f}", "low"),
    Figure("diversity_db", "variety (dB)", "{:.1f}"),
    Figure("envelope_correlation", "timbre over keys, correlation", "{:.2f}"),
    Figure("envelope_change_db", "timbre over keys, change (dB)", "{:.1f}"),
    Figure("even_share", "walk: share in 4 of 20 steps", "{:.2f}", "low"),
    Figure("even_ends_db", "walk: end to end (dB)", "{:.1f}"),
    Figure("ms_a_note", "ms a note", "{:.3g}", "low"),
)


class Judge:
    """Real notes, measured, and the classifier that learnt their pitches."""

    def __init__(self, reference: Reference, scale: Scale):
        self.reference, self.scale = reference, scale
        data = scale.data
        # Walks are compared in log spectrograms of the waves, the same for all rows.
        self._levels = Representation(Geometry.reduced("if-hires", data.sample_rate, data.seconds))

    @classmethod
    def prepare(cls, data: DataSet, scale: Scale, cache: Path, progress: Callable[[str], None]) -> "Judge":
        """Measures the real notes and trains the classifier, or reads what was kept of it in `cache`."""
        path = cache / f"judge-{data.identity[:16]}-{scale.epochs}.npz"
        kept = _load(path)
        if kept is None:
            progress(f"measuring {len(data)} real notes")
            train, test = _measure(data, data.train), _measure(data, data.test)
            low, high = data.pitch_range
            progress("training the classifier of pitches")
            judge = classifier.train(train.image, train.midi - low, high - low + 1, SEED, scale.epochs)
            kept = train, test, judge.state_dict()
            _save(path, *kept)
        train, test, weights = kept
        low, high = data.pitch_range
        judge = classifier.PitchClassifier(high - low + 1)
        judge.load_state_dict(weights)
        judge.eval()
        features, _ = classifier.classify(judge, train.image)
        bins = VaryingBins(train.picture.reshape(len(train), -1))
        return cls(Reference(data.name, train, test, None, None, judge, low, bins, features, None), scale)

    def real(self) -> dict[str, float]:
        """The figures of the held-out real notes."""
        return self._figures(self.reference.test)

    def row(self, player: RowPlayer, seed: int) -> dict[str, float]:
        """The figures of a row."""
        scale, step = self.scale, self.scale.key_step
        random = np.random.default_rng(seed)
        if player.latent_size:
            places = [player.pitches[n % step :: step] for n in range(scale.latents)]
            keys = np.concatenate(places)
            groups = np.repeat(np.arange(scale.latents), [len(place) for place in places])
            drawn = random.standard_normal((scale.latents, player.latent_size)).astype(np.float32)
            latents = drawn[groups]
        else:
            keys = np.resize(player.pitches, scale.wavenet_notes)
            groups, latents = np.arange(len(keys)), np.zeros((len(keys), 0), np.float32)
        meter = Meter(player.sample_rate)
        for wave, key, group in zip(player.waves(latents, keys, seed), keys, groups, strict=True):
            meter.add(wave, int(key), int(group))
        figures = self._figures(meter.notes())
        if player.latent_size:
            figures |= evenness.figures([
                self._walk(player, ways, key)
                for ways, key in evenness.walks(player.latent_size, player.pitches[0], player.pitches[-1], scale.walks)
            ])
        return figures | {"ms_a_note": 1000.0 * player.seconds_a_note(), "parameters": player.parameters}

    def _figures(self, notes: Notes) -> dict[str, float]:
        figures = summarise(notes, self.reference, self.scale.key_step)
        figures["periodicity"] = float(np.median(notes.periodicity))
        wanted = {figure.key for figure in FIGURES} | {"notes", "cents_median", "nearest_db"}
        return {key: float(value) for key, value in figures.items() if key in wanted}

    def _walk(self, player: RowPlayer, latents: np.ndarray, key: int) -> tuple[np.ndarray, float]:
        """Distances [dB] of the steps of a walk, and of its ends."""
        waves = np.stack(list(player.waves(latents.astype(np.float32), np.full(len(latents), key))))
        levels = evenness.levels(self._levels.analyse(torch.from_numpy(waves)).numpy(), self._levels)
        steps = [evenness.distance_db(one, other) for one, other in zip(levels, levels[1:])]
        return np.array(steps), evenness.distance_db(levels[0], levels[-1])


class VaryingBins(DifferentBins):
    """Bins by those cells of the pictures that differ from note to note.

    Above the band of reduced notes all is silent: cells that hardly vary, once divided by their deviation, would decide alone
    into which bin a note falls.
    """

    def __init__(self, training: np.ndarray, seed: int = SEED):
        self._varying = training.std(0) >= LEAST_DEVIATION_DB
        super().__init__(training[:, self._varying], seed=seed)

    def different(self, samples: np.ndarray) -> float:
        """Share of the bins whose proportion differs from that of training."""
        return super().different(samples[:, self._varying])


class Meter:
    """Measures waves at any rate by what 16 kHz hold."""

    def __init__(self, rate: int):
        self.rate = rate
        self._meter = NoteMeter(segment.SAMPLE_RATE, full=False)

    def add(self, wave: np.ndarray, midi: int, group: int) -> None:
        """Measures a wave that was asked for as the key `midi` of the timbre `group`."""
        self._meter.add(to_rate(np.nan_to_num(wave), self.rate, segment.SAMPLE_RATE), midi, group)

    def notes(self) -> Notes:
        """All that was added."""
        return self._meter.notes()


def _measure(data: DataSet, indices: np.ndarray) -> Notes:
    timbres = sorted({(example.instrument, example.velocity) for example in data.examples})
    groups = {timbre: number for number, timbre in enumerate(timbres)}
    meter = Meter(data.sample_rate)
    for index in indices:
        example = data.examples[index]
        meter.add(data.wave(int(index)).numpy(), example.pitch, groups[example.instrument, example.velocity])
    return meter.notes()


def _save(path: Path, train: Notes, test: Notes, weights: dict[str, torch.Tensor]) -> None:
    arrays = {f"weights/{name}": value.numpy() for name, value in weights.items()}
    for part, notes in (("train", train), ("test", test)):
        arrays |= {f"{part}/{field.name}": getattr(notes, field.name) for field in dataclasses.fields(Notes)}
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_bytes(path, content.getvalue())


def _load(path: Path) -> tuple[Notes, Notes, dict[str, torch.Tensor]] | None:
    if not path.exists():
        return None
    with np.load(path) as arrays:
        parts = [Notes(**{field.name: arrays[f"{part}/{field.name}"] for field in dataclasses.fields(Notes)})
                 for part in ("train", "test")]
        weights = {name.removeprefix("weights/"): torch.from_numpy(arrays[name]) for name in arrays.files
                   if name.startswith("weights/")}
    return *parts, weights
