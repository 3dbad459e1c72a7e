"""The checksum of TensorFlow's files: CRC-32C (Castagnoli), computed over many parts of the data at once.

A byte at a time would take Python seconds for the weights of a model. A CRC is linear, so parts of equal length are
computed side by side and then joined: appending n bytes to a message multiplies its CRC by a 32 x 32 matrix over GF(2).
"""

from functools import cache

import numpy as np

# Reversed polynomial of CRC-32C.
POLYNOMIAL = 0x82F63B78

LANES = 2048

# TensorFlow stores a checksum rotated and offset, so that the checksum of data with checksums inside stays random.
MASK_DELTA = 0xA282EAD8


@cache
def _table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(POLYNOMIAL), table >> 1)
    return table


def crc32c(data: bytes) -> int:
    """CRC-32C of data."""
    values = np.frombuffer(data, np.uint8)
    length = len(values) // LANES
    state = np.uint32(0xFFFFFFFF)
    if length:
        lanes = values[: length * LANES].reshape(LANES, length)
        parts = np.zeros(LANES, np.uint32)
        # The state before the first byte belongs to the first lane alone.
        parts[0] = state
        for column in np.ascontiguousarray(lanes.T):
            parts = _table()[(parts ^ column) & 0xFF] ^ (parts >> 8)
        state = _joined(parts, length)
    for byte in values[length * LANES :]:
        state = _table()[(state ^ byte) & 0xFF] ^ (state >> 8)
    return int(state) ^ 0xFFFFFFFF


def masked(checksum: int) -> int:
    """A checksum as TensorFlow stores it."""
    return ((checksum >> 15 | checksum << 17) + MASK_DELTA) & 0xFFFFFFFF


def _joined(parts: np.ndarray, length: int) -> np.uint32:
    """The state after all lanes of `length` bytes, pair by pair."""
    while len(parts) > 1:
        parts = _times(_zeros(length), parts[::2]) ^ parts[1::2]
        length *= 2
    return parts[0]


@cache
def _zeros(length: int) -> np.ndarray:
    """What `length` zero bytes do to each of the 32 bits of a state: the columns of the matrix."""
    if length == 0:
        return np.uint32(1) << np.arange(32, dtype=np.uint32)
    half = _zeros(length // 2)
    twice = _times(half, half)
    return twice if length % 2 == 0 else _table()[twice & 0xFF] ^ (twice >> 8)


def _times(columns: np.ndarray, states: np.ndarray) -> np.ndarray:
    """The matrix times each state, over GF(2)."""
    result = np.zeros_like(states)
    for bit in range(32):
        result ^= np.where(states >> np.uint32(bit) & np.uint32(1), columns[bit], np.uint32(0))
    return result
