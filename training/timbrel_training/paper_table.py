"""Makes the paper's table again: trains every row by the same data, images and schedule, and judges all alike.

    python -m timbrel_training.paper_table --scale small --data DATA --out OUT [--rows if-mel-hires,wavegan] [--seeds 1,2]

It may be stopped at any time, also by a crash, and the same command goes on: a row goes on from its last checkpoint, and what
is measured stays. Several calls may work on one OUT at once, each on a row of its own. `--minutes-a-row` bounds what each row is trained in this call; `--images` changes the length of the last
stage, so that a whole table of short rows can be had first, and goes on from there with a larger number.

OUT holds `table.md`, `table.csv`, `coherence.md` (what the representations make of real notes without a network), `rainbow.png`
(the same keys by every row), `wavs/ROW.wav`, `notes/ROW-SEED/` (for `timbrel_training.listen`), and `rows/ROW-SEED/` with each
row's run.
"""

import argparse
import fcntl
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import torch

from timbrel_training import checkpoint, sheets
from timbrel_training.data import DataSet
from timbrel_training.errors import TrainingError, run_command
from timbrel_training.files import read_json, replace_file, write_bytes, write_json
from timbrel_training.generators import CHECKPOINT
from timbrel_training.geometry import NOTE_SECONDS, PUBLISHED_RATE, Geometry
from timbrel_training.measures import segment
from timbrel_training.measures.rate import to_rate
from timbrel_training.paper import scale as scales
from timbrel_training.paper import speed, table
from timbrel_training.paper.coherence import coherence
from timbrel_training.paper.coherence import markdown as coherence_markdown
from timbrel_training.paper.judge import VERSION, Judge
from timbrel_training.paper.row_player import RowPlayer
from timbrel_training.paper.scale import TITLES, Scale
from timbrel_training.paper.table import Result
from timbrel_training.paper.training import run_class
from timbrel_training.parallel import Parallel
from timbrel_training.progress import stopwatch
from timbrel_training.reduced import open_data
from timbrel_training.round_trip import chosen_notes
from timbrel_training.spectral import Representation

# Keys of the picture: low, middle and high.
PICTURED = 3

# Peak of what is written to be heard, so that no row is louder than another.
HEARD_PEAK = 0.7


class Table:
    """The work on one folder; `rows` and `seeds` are those asked for, and the table shows all that the folder has."""

    def __init__(self, scale: Scale, arguments: argparse.Namespace):
        self.scale, self.arguments, self.out = scale, arguments, Path(arguments.out)
        self.progress = stopwatch()
        self.data = open_data(arguments.data, scale.data)
        self.is_stopped = False

    def make(self) -> None:
        """Does what is still to be done, and writes the table after each row."""
        self._coherence()
        self.judge = Judge.prepare(self.data, self.scale, self.out / "cache", self.progress)
        self._write_real()
        self.write()
        for seed in self.arguments.seeds:
            for row in self.arguments.rows:
                with self._claimed(row, seed) as is_mine:
                    if not is_mine:
                        self.progress(f"{TITLES[row]}, seed {seed}, is being worked on by another process, and left to it")
                        continue
                    self._train(row, seed)
                    if self.is_stopped:
                        return
                    self._measure(row, seed)
                    self.write()
        self._picture()

    def write(self) -> None:
        """Writes the table from all that has been measured."""
        results = self.results()
        write_bytes(self.out / "table.md", table.markdown(results).encode())
        write_bytes(self.out / "table.csv", table.to_csv(results).encode())

    def results(self) -> list[Result]:
        """All that has been measured so far, real notes first, in the order of the table."""
        found = [Result("real", None, read_json(self.out / "real.json"))]
        for row in self.scale.rows:
            # A digit, since the names of some rows begin as those of others.
            for path in sorted(self.out.glob(f"rows/{row}-[0-9]*/measures.json"), key=lambda path: _seed_of(path.parent)):
                kept = read_json(path)
                is_finished = kept["images"] >= self.scale.rows[row].schedule.total_images
                found.append(Result(row, _seed_of(path.parent), kept["figures"], kept["images"], is_finished))
        return found

    def _folder(self, row: str, seed: int) -> Path:
        return self.out / "rows" / f"{row}-{seed}"

    @contextmanager
    def _claimed(self, row: str, seed: int) -> Iterator[bool]:
        """Keeps other processes off a row: whether it is this one's. The system gives it up with the process."""
        folder = self._folder(row, seed)
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def _train(self, row: str, seed: int) -> None:
        """Trains a row, or goes on with it, until its schedule or its time box is over, or a signal asks to stop."""
        config = scales.seeded(self.scale.rows[row], seed)
        folder = self._folder(row, seed)
        if checkpoint.exists(folder / CHECKPOINT) and _images(folder) >= config.schedule.total_images:
            return
        self.progress(f"training {TITLES[row]}, seed {seed}")
        told = argparse.Namespace(
            config=config, data=self.arguments.data, out=folder, cache=None, minutes=self.arguments.minutes_a_row, resume=True,
            schedule_minutes=None, start_from=None,
        )
        run = run_class(config.generator.kind)(told, Parallel(self.arguments.device))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, run.ask_to_stop)
        run.train()
        self.is_stopped = run.is_asked_to_stop

    def _measure(self, row: str, seed: int) -> None:
        folder = self._folder(row, seed)
        path, images = folder / "measures.json", _images(folder)
        if path.exists():
            kept = read_json(path)
            if (kept["images"], kept["version"]) == (images, VERSION):
                return
        self.progress(f"measuring {TITLES[row]}, seed {seed}")
        player = RowPlayer.of_run(folder, self.arguments.device)
        self._write_notes(player, row, seed)
        figures = self.judge.row(player, seed)
        write_json(path, {"version": VERSION, "images": images, "figures": _known(figures)})

    def _write_notes(self, player: RowPlayer, row: str, seed: int) -> None:
        """WAVs of a row: one after the other to be heard, and one by one for the listening test."""
        count = self.scale.sample_notes
        keys = _spread(player.pitches, count)
        latents = np.random.default_rng(seed + 1000).standard_normal((count, player.latent_size)).astype(np.float32)
        waves = [to_rate(wave, player.sample_rate, segment.SAMPLE_RATE) for wave in player.waves(latents, keys, seed)]
        self._write_heard(waves, keys, f"{row}-{seed}")

    def _write_heard(self, waves: list[np.ndarray], keys: np.ndarray, name: str) -> None:
        sheets.write_waves(self.out / "wavs" / f"{name}.wav", torch.from_numpy(np.stack(waves)), HEARD_PEAK)
        for number, (wave, key) in enumerate(zip(waves, keys, strict=True)):
            samples = HEARD_PEAK * wave / max(1e-9, float(np.abs(wave).max()))
            path = self.out / "notes" / name / f"{number:02d}-{key}.wav"
            replace_file(path, partial(soundfile.write, data=samples, samplerate=segment.SAMPLE_RATE, subtype="PCM_16"))

    def _write_real(self) -> None:
        """Figures and sound of held-out real notes, at the keys at which the rows are heard."""
        write_json(self.out / "real.json", _known(self.judge.real()))
        low, high = self.scale.data.pitch_min, self.scale.data.pitch_max
        keys = _spread(np.arange(low, high + 1), self.scale.sample_notes)
        random = np.random.default_rng(1)
        pool = self.data.test if len(self.data.test) else self.data.train
        distance = np.abs(self.data.pitches[pool][None] - keys[:, None])
        chosen = [random.choice(pool[row == row.min()]) for row in distance]
        waves = [to_rate(self.data.wave(int(index)).numpy(), self.data.sample_rate, segment.SAMPLE_RATE) for index in chosen]
        self._write_heard(waves, self.data.pitches[chosen], "real")

    def _coherence(self) -> None:
        """What the representations make of real notes, at the table's sizes and at the published ones."""
        path = self.out / "coherence.md"
        if path.exists():
            return
        self.progress("sending real notes through the representations")
        source = DataSet(self.arguments.data, (self.scale.data.pitch_min, self.scale.data.pitch_max))
        indices = np.array(chosen_notes(source, self.scale.coherence_notes))
        sizes = dict.fromkeys([(self.scale.data.sample_rate, self.scale.data.seconds), (PUBLISHED_RATE, float(NOTE_SECONDS))])
        parts = []
        for rate, seconds in sizes:
            found = coherence(source, indices, rate, seconds)
            parts.append(f"{len(indices)} real notes at {rate} Hz, {seconds:g} s:\n\n{coherence_markdown(found)}")
        write_bytes(path, "\n".join(parts).encode())

    def _picture(self) -> None:
        """Rainbow spectrograms of the same keys by every row that there is, one row a line."""
        geometry = Geometry.reduced("if-hires", self.scale.data.sample_rate, self.scale.data.seconds)
        representation = Representation(geometry)
        images, titles = [], []
        for row in TITLES:
            folders = sorted(self.out.glob(f"notes/{row}" if row == "real" else f"notes/{row}-[0-9]*"), key=_seed_of)
            for folder in folders[:1]:
                notes = sorted(folder.glob("*.wav"))
                for place in np.linspace(0, len(notes) - 1, PICTURED).round().astype(int):
                    wave, rate = soundfile.read(notes[place], dtype="float32")
                    wave = torch.from_numpy(to_rate(wave, rate, geometry.sample_rate))[None, : geometry.note_samples]
                    images.append(representation.analyse(wave)[0])
                    titles.append(f"{TITLES[row]}, key {notes[place].stem.split('-')[1]}")
        sheets.write_sheet(self.out / "rainbow.png", torch.stack(images), representation, titles, PICTURED)


def _images(folder: Path) -> int:
    return checkpoint.load(folder / CHECKPOINT)["images"]


def _seed_of(folder: Path) -> int:
    last = folder.name.rsplit("-", 1)[-1]
    return int(last) if last.isdigit() else 0


def _spread(pitches: np.ndarray, count: int) -> np.ndarray:
    """`count` keys from the lowest to the highest."""
    return pitches[np.linspace(0, len(pitches) - 1, count).round().astype(int)]


def _known(figures: dict[str, float]) -> dict[str, float]:
    """Those that could be measured: JSON has no NaN."""
    return {key: value for key, value in figures.items() if np.isfinite(value)}


def _parse() -> tuple[Scale, argparse.Namespace]:
    parser = argparse.ArgumentParser(prog="python -m timbrel_training.paper_table", description=__doc__.split("\n")[0])
    parser.add_argument("--scale", default="small", help="small, full, or a TOML file (default small)")
    parser.add_argument("--data", type=Path, required=True, help="data set in NSynth's format at 16 kHz")
    parser.add_argument("--out", type=Path, required=True, help="folder of the table")
    parser.add_argument("--rows", help="rows to work on, with commas (default: all of the scale)")
    parser.add_argument("--seeds", default="1", help="seeds, with commas (default 1)")
    parser.add_argument("--minutes-a-row", type=float, help="time box for the training of each row in this call")
    parser.add_argument("--images", type=int, help="images that each row sees in all, in place of the scale's")
    parser.add_argument("--device", help="cpu, cuda, ... (default: a GPU where there is one)")
    parser.add_argument("--threads", type=int, help="processor threads of PyTorch")
    parser.add_argument("--speeds", action="store_true", help="print only what a note takes by each row, which needs no training")
    arguments = parser.parse_args()
    scale = scales.read(arguments.scale)
    if arguments.images is not None:
        if arguments.images < 1:
            raise TrainingError("--images must be above 0.")
        scale = scale.limited_to(arguments.images)
    arguments.rows = list(scale.rows) if arguments.rows is None else arguments.rows.split(",")
    if unknown := [row for row in arguments.rows if row not in scale.rows]:
        raise TrainingError(f"There is no row {unknown[0]!r} in this scale; there are {', '.join(scale.rows)}.")
    seeds = arguments.seeds.split(",")
    if not all(seed.isdigit() for seed in seeds):
        raise TrainingError("--seeds must be whole numbers with commas, as 1,2.")
    arguments.seeds = [int(seed) for seed in seeds]
    if arguments.device is None:
        arguments.device = "cuda" if torch.cuda.is_available() else "cpu"
    return scale, arguments


def main() -> None:
    """Makes the table; see the module's documentation."""
    scale, arguments = _parse()
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    if arguments.speeds:
        print(speed.markdown(scale, arguments.device))
        return
    made = Table(scale, arguments)
    made.make()
    if made.is_stopped:
        print("stopped; the same command goes on", file=sys.stderr)
        return
    print((made.out / "table.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    run_command(main)
