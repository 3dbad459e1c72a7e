"""Nested state in a folder of small parts: written whole or not at all, checked when it is read.

A state is any nesting of dicts, lists and tuples of tensors, numpy arrays, numbers, texts, booleans and None. The folder
holds

    checkpoint.json    the nesting, and name, size and SHA-256 of every part; replaced last, in one step
    HASH.part          the values, compressed; at most 16 MiB each, so that they pass where large files do not

A new state is written beside the old one; until checkpoint.json is replaced, the old one is what is read.
"""

import hashlib
import os
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from timbrel_training.errors import TrainingError
from timbrel_training.files import read_json, write_bytes, write_json

FORMAT = 1
INDEX = "checkpoint.json"

# The most that a part may have, in bytes.
PART_BYTES = 16 << 20

# How much is compressed at a time.
PIECE_BYTES = 1 << 20

# The exponents of weights compress well, their mantissas hardly: a higher level costs time and saves nothing.
COMPRESSION_LEVEL = 1


def save(folder: Path, state: Any, part_bytes: int = PART_BYTES) -> None:
    """Writes a state; what the folder held before is replaced at the end, in one step.

    Raises:
        TrainingError: when the folder cannot be written.
        TypeError: when the state holds what cannot be stored.
    """
    tensors: list[Tensor] = []
    tree = _encode(state, tensors)
    # A part holds whole pieces, so that small ones fill it well; a compressed one may be a little larger than what went in.
    piece_bytes = max(1, min(PIECE_BYTES, part_bytes - 1024))
    pieces = [piece for tensor in tensors for piece in _pieces(tensor, piece_bytes)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        compressed = list(pool.map(lambda piece: zlib.compress(piece, COMPRESSION_LEVEL), pieces))
    parts = []
    try:
        for members in _packed(compressed, part_bytes):
            data = b"".join(members)
            digest = hashlib.sha256(data).hexdigest()
            name = f"{digest[:24]}.part"
            write_bytes(folder / name, data)
            parts.append({"name": name, "bytes": len(data), "sha256": digest, "pieces": [len(m) for m in members]})
        index = {"format": FORMAT, "parts": parts, "tensors": [_description(tensor) for tensor in tensors], "state": tree}
        write_json(folder / INDEX, index)
    except OSError as error:
        raise TrainingError(
            f"The checkpoint {folder} cannot be written ({error.strerror}); check the disk's room and rights."
        ) from error
    kept = {part["name"] for part in parts}
    for path in folder.glob("*.part"):
        if path.name not in kept:
            path.unlink(missing_ok=True)


def exists(folder: Path) -> bool:
    """Whether the folder holds a checkpoint."""
    return (folder / INDEX).exists()


def load(folder: Path, device: torch.device | str = "cpu") -> Any:
    """Reads a state; its tensors are put on `device`.

    Raises:
        TrainingError: when there is none, it is of a newer format, or a part is missing or damaged.
    """
    if not exists(folder):
        raise TrainingError(f"{folder} holds no checkpoint ({INDEX} is missing); check the path.")
    index = read_json(folder / INDEX)
    try:
        if index["format"] > FORMAT:
            raise TrainingError(f"The checkpoint {folder} was written by a newer version; update this one.")
        stream = (piece for part in index["parts"] for piece in _read_part(folder, part))
        tensors = [_tensor(description, stream).to(device) for description in index["tensors"]]
        return _decode(index["state"], tensors)
    except (KeyError, IndexError, TypeError, ValueError, StopIteration, RuntimeError, zlib.error) as error:
        raise TrainingError(
            f"The checkpoint {folder} is damaged ({INDEX} does not describe its parts); copy it again."
        ) from error


def _encode(value: Any, tensors: list[Tensor]) -> Any:
    """Brings a state to what JSON can hold; tensors are put into the list and named by their place in it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Tensor | np.ndarray):
        is_array = isinstance(value, np.ndarray)
        tensors.append((torch.from_numpy(np.ascontiguousarray(value)) if is_array else value).detach().cpu().contiguous())
        return {"array" if is_array else "tensor": len(tensors) - 1}
    if isinstance(value, dict):
        # Keys may be numbers, which JSON would turn into texts.
        return {"dict": [[key, _encode(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_encode(item, tensors) for item in value]}
    raise TypeError(f"a checkpoint cannot hold a {type(value).__name__}")


def _decode(tree: Any, tensors: list[Tensor]) -> Any:
    if not isinstance(tree, dict):
        return tree
    ((kind, content),) = tree.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "array":
        return tensors[content].cpu().numpy()
    if kind == "dict":
        return {key: _decode(item, tensors) for key, item in content}
    items = [_decode(item, tensors) for item in content]
    return items if kind == "list" else tuple(items)


def _description(tensor: Tensor) -> dict:
    return {
        "shape": list(tensor.shape),
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "bytes": tensor.numel() * tensor.element_size(),
    }


def _pieces(tensor: Tensor, piece_bytes: int) -> Iterator[bytes]:
    """The bytes of a tensor, all first bytes of its numbers before all second ones: exponents beside exponents."""
    if tensor.numel() == 0:
        return
    # Copied, since a tensor that counts as contiguous may still have odd strides where it has one element on an axis.
    values = torch.empty(tensor.numel(), dtype=tensor.dtype).copy_(tensor.flatten())
    rows = values.view(torch.uint8).view(len(values), -1).numpy()
    data = np.ascontiguousarray(rows.T).tobytes()
    for start in range(0, len(data), piece_bytes):
        yield data[start : start + piece_bytes]


def _tensor(description: dict, stream: Iterator[bytes]) -> Tensor:
    """Takes from the stream as many pieces as the tensor has."""
    dtype = getattr(torch, description["dtype"])
    data = bytearray()
    while len(data) < description["bytes"]:
        data += next(stream)
    if not data:
        return torch.empty(description["shape"], dtype=dtype)
    width = torch.empty(0, dtype=dtype).element_size()
    columns = np.frombuffer(bytes(data), dtype=np.uint8).reshape(width, -1)
    rows = torch.from_numpy(columns.T.copy(order="C"))
    return rows.view(dtype).reshape(description["shape"])


def _packed(pieces: list[bytes], part_bytes: int) -> Iterator[list[bytes]]:
    """Puts as many pieces into each part as fit."""
    members: list[bytes] = []
    size = 0
    for piece in pieces:
        if members and size + len(piece) > part_bytes:
            yield members
            members, size = [], 0
        members.append(piece)
        size += len(piece)
    if members:
        yield members


def _read_part(folder: Path, part: dict) -> Iterator[bytes]:
    """The decompressed pieces of one part, checked."""
    path = folder / part["name"]
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TrainingError(
            f"{path}, a part of the checkpoint, is missing ({error.strerror}); copy all {INDEX} names."
        ) from error
    if len(data) != part["bytes"] or hashlib.sha256(data).hexdigest() != part["sha256"]:
        raise TrainingError(
            f"{path}, a part of the checkpoint, is damaged ({len(data)} bytes, {part['bytes']} were written, or its hash "
            "is another); copy it again."
        )
    start = 0
    for size in part["pieces"]:
        yield zlib.decompress(data[start : start + size])
        start += size
