"""The images of a data set: a cache of them on disk, and stores to draw batches from.

Analysing a note costs a processor some 40 ms, so it is done once. The cache is a folder with

    images.f16    float16 [count, 2, frames, bins], not normalised
    cache.json    what it was made from; written last, so that a cache without it is unfinished

float16 keeps log power to 0.004 and instantaneous frequency to 0.0003 of half a turn, both far below what is heard.
"""

import argparse
import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from timbrel_training.data import DataSet
from timbrel_training.errors import TrainingError, run_command
from timbrel_training.files import read_json, write_json
from timbrel_training.spectral import FIT_IMAGES, NAMES, Normaliser, Representation

# Notes that are analysed at a time, and after how many the progress is written down.
CHUNK_NOTES = 16
SAVE_EVERY_NOTES = 256

FORMAT = 1


class ImageStore(Protocol):
    """Images of all notes of a data set, by their index in it."""

    def __getitem__(self, indices: np.ndarray) -> Tensor:
        """Images [N, 2, frames, bins] float32 on the store's device, not normalised."""

    def __len__(self) -> int: ...


class ImageCache:
    """Images on disk, mapped into memory, so that the system keeps in memory what it has room for."""

    def __init__(self, images: np.memmap, device: torch.device | str = "cpu"):
        self.images = images
        self.device = torch.device(device)

    def __getitem__(self, indices: np.ndarray) -> Tensor:
        return torch.from_numpy(self.images[indices]).to(self.device).float()

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def open(
        cls,
        data: DataSet,
        representation: Representation,
        folder: Path | None = None,
        device: torch.device | str = "cpu",
    ) -> "ImageCache":
        """Opens the cache of a data set, and makes it first where there is none.

        Several processes may call this at once: one makes it, the others wait. An interrupted one goes on where it was.

        Args:
            folder: where the cache lies; `DATA/images/REPRESENTATION` where not given.
        """
        folder = folder or data.folder / "images" / _folder_name(representation)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = open(folder / "lock", "w")
        except OSError as error:
            raise TrainingError(
                f"{folder} cannot be written ({error.strerror}); name another folder for the images with --cache."
            ) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            description = {
                "format": FORMAT,
                "representation": representation.name if representation.name in NAMES else representation.settings,
                "data": data.audio_identity,
                "shape": [len(data), *representation.image_shape],
            }
            if not _is_finished(folder, description):
                _make(folder, description, data, representation)
        shape = tuple(description["shape"])
        return cls(np.memmap(folder / "images.f16", dtype=np.float16, mode="r", shape=shape), device)


class DeviceImages:
    """All images in the memory of one device: half a megabyte a note. Nothing is read while training."""

    def __init__(self, images: Tensor):
        """`images` is float16 [count, 2, frames, bins]."""
        self.images = images

    def __getitem__(self, indices: np.ndarray) -> Tensor:
        return self.images[torch.from_numpy(indices).to(self.images.device)].float()

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def analyse(cls, data: DataSet, representation: Representation, device: torch.device | str) -> "DeviceImages":
        """Reads all waves with as many threads as there are processors and analyses them on the device."""
        images = torch.empty(len(data), *representation.image_shape, dtype=torch.float16, device=device)
        done = 0
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for chunk in _chunks(range(len(data)), 4 * CHUNK_NOTES):
                waves = torch.stack(list(pool.map(data.wave, chunk))).to(device)
                images[done : done + len(chunk)] = representation.analyse(waves)
                done += len(chunk)
        return cls(images)


def fit_normaliser(data: DataSet, representation: Representation, images: ImageStore) -> Normaliser:
    """The published constants where there are any, else those of the first training images (the published code looks at
    1000 of them)."""
    if representation.published_normaliser is not None:
        return representation.published_normaliser
    first = data.train[:FIT_IMAGES]
    return Normaliser.fit(images[chunk] for chunk in np.array_split(first, -(-len(first) // CHUNK_NOTES)))


def _folder_name(representation: Representation) -> str:
    """Published names tell their sizes; others tell them here."""
    if representation.name in NAMES:
        return representation.name
    return f"{representation.name}-{representation.n_fft}-{representation.frames}x{representation.bins}"


def _is_finished(folder: Path, description: dict) -> bool:
    index = folder / "cache.json"
    return index.exists() and read_json(index) == description


def _make(folder: Path, description: dict, data: DataSet, representation: Representation) -> None:
    """Analyses all notes into `images.part` and renames it. The caller holds the lock."""
    part, progress = folder / "images.part", folder / "progress.json"
    shape = tuple(description["shape"])
    size = 2 * int(np.prod(shape))
    done = 0
    if part.exists() and progress.exists() and part.stat().st_size == size:
        before = read_json(progress)
        done = before["done"] if before.get("description") == description else 0
    (folder / "cache.json").unlink(missing_ok=True)
    _reserve(part, size)
    images = np.memmap(part, dtype=np.float16, mode="r+", shape=shape)
    saved = done
    for chunk in _chunks(range(done, len(data)), CHUNK_NOTES):
        images[done : done + len(chunk)] = representation.analyse(next(data.waves(chunk, len(chunk)))).half().numpy()
        done += len(chunk)
        if done - saved >= SAVE_EVERY_NOTES or done == len(data):
            images.flush()
            write_json(progress, {"description": description, "done": done})
            saved = done
            print(f"\ranalysed {done} of {len(data)} notes", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    del images
    os.replace(part, folder / "images.f16")
    write_json(folder / "cache.json", description)
    progress.unlink(missing_ok=True)


def _reserve(part: Path, size: int) -> None:
    """Makes the file as large as it will be, so that a full disk is noticed now and not in the middle."""
    try:
        with open(part, "ab") as file:
            file.truncate(size)
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise TrainingError(
            f"{part.parent} has no room for {size >> 20} MB of images ({error.strerror}); name a folder on another disk "
            "with --cache."
        ) from error


def _chunks(indices: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (indices[start : start + size] for start in range(0, len(indices), size))


def main() -> None:
    """Makes the cache ahead of training."""
    parser = argparse.ArgumentParser(prog="python -m timbrel_training.images", description=main.__doc__)
    parser.add_argument("data", type=Path, help="folder of the data set")
    parser.add_argument("--representation", choices=NAMES, default="if-mel-hires")
    parser.add_argument("--cache", type=Path, help="where to put the images (default: DATA/images/REPRESENTATION)")
    parser.add_argument("--peak", type=float, help="bring each wave to this peak (default: levels as recorded)")
    arguments = parser.parse_args()
    data = DataSet(arguments.data, peak=arguments.peak)
    ImageCache.open(data, Representation(arguments.representation), arguments.cache)


if __name__ == "__main__":
    run_command(main)
