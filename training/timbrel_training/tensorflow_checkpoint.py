"""Reads the variables of a TensorFlow checkpoint, without TensorFlow.

A checkpoint is PREFIX.index and PREFIX.data-00000-of-00001 (or more shards). The index is a table of sorted keys as
LevelDB writes them (blocks with shared key prefixes, each with a checksum), its values are small protocol buffers
(`tensor_bundle.proto`) that say where in which shard a tensor lies.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from timbrel_training.crc32c import crc32c, masked
from timbrel_training.errors import TrainingError

FOOTER_BYTES = 48
MAGIC = bytes.fromhex("57fb808b247547db")

# Of a block: one byte for the compression, four for the checksum.
TRAILER_BYTES = 5

# DataType of types.proto.
TYPES = {1: np.dtype("<f4"), 2: np.dtype("<f8"), 3: np.dtype("<i4"), 9: np.dtype("<i8"), 19: np.dtype("<f2")}


@dataclass(frozen=True)
class Entry:
    """Where a tensor lies (message BundleEntryProto)."""

    type: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int | None
    sliced: bool


class Damaged(Exception):
    """The bytes are not what they must be; turned into a sentence with the file's name."""


class Checkpoint:
    """The variables of a checkpoint by name, read when asked for."""

    def __init__(self, prefix: Path):
        self.prefix = prefix
        index = prefix.with_name(prefix.name + ".index")
        try:
            entries = dict(_table(_read(index)))
            self._shards = _header(entries.pop(b""))
            self._entries = {key.decode(): _entry(value) for key, value in entries.items()}
        except (Damaged, KeyError, IndexError, UnicodeDecodeError) as error:
            raise TrainingError(
                f"{index} is no index of a TensorFlow checkpoint, or it is damaged: copy it again."
            ) from error
        self._data: dict[int, np.memmap] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def names(self) -> list[str]:
        """Names of all variables, sorted."""
        return list(self._entries)

    def __getitem__(self, name: str) -> np.ndarray:
        """The values of a variable.

        Raises:
            TrainingError: when there is no such variable, or its bytes are cut short or changed.
        """
        if name not in self._entries:
            raise TrainingError(f"The checkpoint {self.prefix} has no variable {name}: it is of another kind of model.")
        entry = self._entries[name]
        if entry.sliced or entry.type not in TYPES:
            raise TrainingError(f"The variable {name} in {self.prefix} is stored in a way that cannot be read here.")
        path, data = self._shard(entry.shard)
        content = data[entry.offset : entry.offset + entry.size].tobytes()
        count = int(np.prod(entry.shape, dtype=np.int64))
        if len(content) != entry.size or entry.size != count * TYPES[entry.type].itemsize:
            raise TrainingError(f"{path} is cut short (the variable {name} reaches beyond its end): copy it again.")
        if entry.checksum is not None and masked(crc32c(content)) != entry.checksum:
            raise TrainingError(f"{path} is damaged (the checksum of {name} is wrong): copy it again.")
        return np.frombuffer(content, TYPES[entry.type]).reshape(entry.shape).copy()

    def _shard(self, number: int) -> tuple[Path, np.ndarray]:
        path = self.prefix.with_name(f"{self.prefix.name}.data-{number:05d}-of-{self._shards:05d}")
        if number not in self._data:
            if not path.is_file():
                raise TrainingError(f"{path} is missing: copy all files of the checkpoint.")
            empty = path.stat().st_size == 0
            self._data[number] = np.zeros(0, np.uint8) if empty else np.memmap(path, np.uint8, mode="r")
        return path, self._data[number]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TrainingError(f"{path} cannot be read ({error.strerror}): copy all files of the checkpoint.") from error


def _table(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a LevelDB table."""
    footer = file[-FOOTER_BYTES:]
    if len(footer) < FOOTER_BYTES or footer[-len(MAGIC) :] != MAGIC:
        raise Damaged
    place = 0
    for _ in range(2):  # the handle of the meta index, which is empty
        _, place = _varint(footer, place)
    for _, handle in _block(file, footer, place):
        yield from _block(file, handle, 0)


def _block(file: bytes, handle: bytes, place: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of the block whose offset and size stand in `handle` from `place`."""
    offset, place = _varint(handle, place)
    size, _ = _varint(handle, place)
    block, trailer = file[offset : offset + size], file[offset + size : offset + size + TRAILER_BYTES]
    if len(trailer) < TRAILER_BYTES or size < 4:
        raise Damaged
    # TensorFlow does not compress the index. The checksum covers the byte that says so.
    if trailer[0] != 0 or masked(crc32c(block + trailer[:1])) != int.from_bytes(trailer[1:], "little"):
        raise Damaged
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * restarts
    place, key = 0, b""
    while place < end:
        shared, place = _varint(block, place)
        added, place = _varint(block, place)
        length, place = _varint(block, place)
        key = key[:shared] + block[place : place + added]
        place += added
        yield key, block[place : place + length]
        place += length


def _header(message: bytes) -> int:
    """Number of shards (message BundleHeaderProto)."""
    fields = dict(_fields(message))
    if fields.get(2, 0) != 0:
        raise Damaged  # written on a big-endian machine
    return fields.get(1, 1)


def _entry(message: bytes) -> Entry:
    fields = list(_fields(message))
    single = dict(fields)
    shape = []
    for number, dimension in _fields(single.get(2, b"")):
        if number == 2:
            shape.append(dict(_fields(dimension)).get(1, 0))
    return Entry(
        type=single.get(1, 0), shape=tuple(shape), shard=single.get(3, 0), offset=single.get(4, 0),
        size=single.get(5, 0), checksum=single.get(6), sliced=7 in single,
    )


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of a protocol buffer's fields."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind = tag & 7
        if kind == 0:
            value, place = _varint(message, place)
        elif kind == 2:
            length, place = _varint(message, place)
            value, place = message[place : place + length], place + length
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
            value, place = int.from_bytes(message[place : place + length], "little"), place + length
        else:
            raise Damaged
        if place > len(message):
            raise Damaged
        yield tag >> 3, value


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
        if shift > 63:
            raise Damaged
