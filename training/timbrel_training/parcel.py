"""A folder in parts that are small enough to travel, and back.

    python -m timbrel_training.parcel pack DATA --out PARCEL --part-mib 60 --audio flac
    python -m timbrel_training.parcel unpack PARCEL --out DATA

For runs and data sets that go to a rented machine and come home. A parcel is a folder of numbered parts, which hold one tar
archive between them, and `parcel.json` with the size and the SHA-256 of each, written last.
"""

import argparse
import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import soundfile

from timbrel_training.errors import TrainingError, run_command
from timbrel_training.files import read_json, write_bytes, write_json

INDEX = "parcel.json"
FORMAT = 1
PART_MIB = 16.0

# What is made again from the rest of a data set, and is larger than it.
LEFT_OUT = ("images", "cache")


def pack(folder: Path, out: Path, part_bytes: int, flac: bool = False) -> int:
    """Packs a folder; what the parcel held before is replaced.

    Args:
        part_bytes: the most that a part has.
        flac: write the WAVs of a data set as FLAC, which loses nothing and is half as large.

    Returns:
        The number of parts.

    Raises:
        TrainingError: when there is no such folder, or a WAV cannot be read.
    """
    if not folder.is_dir():
        raise TrainingError(f"{folder} is no folder; name the run or the data set that is to be packed.")
    out.mkdir(parents=True, exist_ok=True)
    (out / INDEX).unlink(missing_ok=True)
    for old in out.glob("*.part"):
        old.unlink()
    writer = _PartWriter(out, part_bytes)
    with tarfile.open(fileobj=writer, mode="w|") as archive:
        for name, content in _contents(folder, flac):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    writer.finish()
    write_json(out / INDEX, {"format": FORMAT, "parts": writer.parts})
    return len(writer.parts)


def unpack(parcel: Path, folder: Path) -> None:
    """Unpacks a parcel into a folder that does not exist yet: whole, or not at all.

    Raises:
        TrainingError: when a part is missing or damaged, or the folder exists.
    """
    if folder.exists():
        raise TrainingError(f"{folder} is there already; remove it first, or name another folder.")
    if not (parcel / INDEX).exists():
        raise TrainingError(f"{parcel} is no parcel ({INDEX} is missing); copy all of its files.")
    parts = read_json(parcel / INDEX)["parts"]
    for part in parts:
        _check(parcel / part["name"], part)
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f".{os.getpid()}-{folder.name}")
    try:
        reader = io.BufferedReader(_PartReader([parcel / part["name"] for part in parts]))
        with tarfile.open(fileobj=reader, mode="r|") as archive:
            archive.extractall(beside, filter="data")
        beside.mkdir(exist_ok=True)
        os.replace(beside, folder)
    except tarfile.TarError as error:
        raise TrainingError(f"{parcel} holds no archive ({error}); pack it again.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


class _PartWriter:
    """A file to write to that begins a new part whenever one is full."""

    def __init__(self, folder: Path, part_bytes: int):
        self.folder = folder
        self.part_bytes = part_bytes
        self.parts: list[dict] = []
        self._pending = bytearray()

    def write(self, data: bytes) -> int:
        self._pending += data
        while len(self._pending) >= self.part_bytes:
            self._write_part(bytes(self._pending[: self.part_bytes]))
            del self._pending[: self.part_bytes]
        return len(data)

    def finish(self) -> None:
        if self._pending:
            self._write_part(bytes(self._pending))
            self._pending.clear()

    def _write_part(self, data: bytes) -> None:
        name = f"{len(self.parts):03d}.part"
        write_bytes(self.folder / name, data)
        self.parts.append({"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})


class _PartReader(io.RawIOBase):
    """The parts as one file to read from."""

    def __init__(self, paths: list[Path]):
        self._files = (open(path, "rb") for path in paths)
        self._file = next(self._files, None)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        while self._file is not None:
            count = self._file.readinto(buffer)
            if count:
                return count
            self._file.close()
            self._file = next(self._files, None)
        return 0


def _contents(folder: Path, flac: bool) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of all files, in the order of their names; audio is encoded by all processors."""
    is_data_set = (folder / "examples.json").exists()
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    if is_data_set:
        paths = [path for path in paths if path.relative_to(folder).parts[0] not in LEFT_OUT]

    def content(path: Path) -> tuple[str, bytes]:
        name = path.relative_to(folder).as_posix()
        if flac and is_data_set and path.suffix == ".wav":
            return name.removesuffix(".wav") + ".flac", _as_flac(path)
        return name, path.read_bytes()

    # In batches, so that a large set does not wait in memory.
    batch = 64
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(paths), batch):
            yield from pool.map(content, paths[start : start + batch])


def _as_flac(path: Path) -> bytes:
    try:
        samples, rate = soundfile.read(path, dtype="int16")
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise TrainingError(f"{path} cannot be read as audio ({error}); make or copy it again.") from error
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, rate, format="FLAC", subtype="PCM_16")
    return encoded.getvalue()


def _check(path: Path, part: dict) -> None:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise TrainingError(f"{path}, a part of the parcel, is missing ({error.strerror}); copy it again.") from error
    if digest.hexdigest() != part["sha256"]:
        raise TrainingError(f"{path}, a part of the parcel, is damaged; copy it again.")


def main() -> None:
    """Packs a folder into parts, or unpacks it."""
    parser = argparse.ArgumentParser(prog="python -m timbrel_training.parcel", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack")
    packing.add_argument("folder", type=Path, help="a run or a data set")
    packing.add_argument("--out", type=Path, required=True, help="folder of the parcel")
    packing.add_argument("--part-mib", type=float, default=PART_MIB, help=f"the most that a part has (default: {PART_MIB:g})")
    packing.add_argument("--audio", choices=("as-is", "flac"), default="as-is", help="how a data set's WAVs are packed")
    unpacking = commands.add_parser("unpack")
    unpacking.add_argument("parcel", type=Path)
    unpacking.add_argument("--out", type=Path, required=True, help="a folder that is not there yet")
    arguments = parser.parse_args()
    if arguments.command == "pack":
        part_bytes = max(1, int(arguments.part_mib * 2**20))
        count = pack(arguments.folder, arguments.out, part_bytes, arguments.audio == "flac")
        print(f"{arguments.out}: {count} parts")
    else:
        unpack(arguments.parcel, arguments.out)


if __name__ == "__main__":
    run_command(main)
