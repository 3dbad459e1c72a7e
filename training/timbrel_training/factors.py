"""First tables, envelopes and codes of a factored generator, taken from the notes by singular values.

Averaged over a few stretches of time, the notes of all sounds at all pitches are one array of levels

    level[sound, pitch, stretch, bin]

whose best approximation by `tables` products (in the least squares sense) of [sound, stretch] x [pitch, bin] is a
truncated singular value decomposition, and that of its left part by [sound] x [stretch, table] another one. Training
goes on from there instead of finding all this in hours. Notes that a sound lacks are filled in from the approximation
itself, by turns.
"""

import math

import numpy as np
import torch

from timbrel_training.descriptors import DB
from timbrel_training.factored import PRODUCT_SCALE, Generator
from timbrel_training.measures.pitch import key_hz
from timbrel_training.mel import band_frequencies
from timbrel_training.notes import Notes
from timbrel_training.spectral import SAMPLE_RATE, Representation

# The stretches of a note in 128ths of it: three of the attack, two of the held part, two of the release.
STRETCHES = np.array([(0, 4), (4, 7), (7, 14), (14, 40), (40, 92), (95, 99), (99, 120)])

# From where to where, in 128ths, the angle of each pitch's bins is averaged.
HELD = np.array([12, 60])

# A coherence table stays this far from 0 and 1, where its logistic function would not move any more.
COHERENCE_MARGIN = 0.03

# A squared singular value this far below the greatest one is rounding.
LEAST_SQUARE = 1e-6

# Rounds of filling in what is missing.
ROUNDS = 4


def initialise(generator: Generator, notes: Notes) -> float:
    """Sets the generator's tables, envelopes and codes from the training notes.

    Returns:
        The mean deviation of the approximation from the notes' averaged levels [dB].
    """
    shape, expected = generator.shape, generator.expected
    levels, angles, coherence = _averages(notes)
    sounds, pitches, stretches, bins = levels.shape
    mean = _means(levels)
    rows = (levels - mean[:, None]).transpose(0, 2, 1, 3).reshape(sounds * stretches, pitches * bins)
    del levels
    missing = ~np.isfinite(rows)
    rows[missing] = 0.0
    tables = min(shape.tables, len(rows))
    for _ in range(ROUNDS):
        left, values, right = _decompose(rows, tables)
        rows[missing] = ((left * values) @ right)[missing]
    left, values, right = _decompose(rows, tables)
    deviation = np.abs((left * values) @ right - rows)[~missing].mean() * DB

    # Tables of unit mean square; the envelopes take the rest, and the factor that the generator divides by.
    table = right * math.sqrt(pitches * bins)
    envelope = left * (values / math.sqrt(pitches * bins) * PRODUCT_SCALE)
    left, values, right = _decompose(envelope.reshape(sounds, -1), min(shape.code, sounds))
    code = left * math.sqrt(sounds)
    steady = (values[:, None] * right / math.sqrt(sounds)).reshape(-1, stretches, tables)

    knots = expected.knots.detach().numpy()
    centres = (STRETCHES.sum(axis=1) - 1) / 2 * (knots.shape[1] / 128)
    times = (knots @ np.arange(knots.shape[1])) / knots.sum(axis=1)
    weight = np.stack([np.interp(times, centres, stretch) for stretch in np.eye(stretches)], axis=1)
    steady = np.einsum("ks,dsj->jkd", weight, steady)
    with torch.no_grad():
        expected.mean_level.copy_(torch.from_numpy(mean))
        expected.mean_angle.copy_(torch.from_numpy(angles))
        expected.mean_coherence.copy_(torch.logit(torch.from_numpy(coherence), COHERENCE_MARGIN))
        expected.table[:, :tables] = torch.from_numpy(table.reshape(tables, pitches, bins)).transpose(0, 1)
        expected.steady.bias.zero_()
        weights = expected.steady.weight.zero_().view(shape.tables, shape.knots, shape.code)
        weights[:tables, :, : steady.shape[2]] = torch.from_numpy(steady.astype(np.float32))
        generator.codes[:, : code.shape[1]] = torch.from_numpy(code.astype(np.float32))
    return float(deviation)


def _averages(notes: Notes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean levels [sounds, pitches, stretches, bins], NaN where there is no note; the angle of each pitch's bins
    [pitches, bins]: the mean direction, weighted by magnitude; and how far the notes agree in it, from 0 to 1."""
    sounds, pitches = notes.note.shape
    frames, bins = notes.images.shape[-2:]
    held_frames = slice(*HELD * frames // 128)
    levels = np.full((sounds, pitches, len(STRETCHES), bins), np.nan, dtype=np.float32)
    direction = np.zeros((pitches, bins), dtype=np.complex64)
    magnitudes = np.zeros((pitches, bins), dtype=np.float32)
    for sound, pitch in zip(*np.nonzero(notes.note >= 0), strict=True):
        index = notes.note[sound, pitch]
        level = notes.level(index)
        for stretch, (first, last) in enumerate(STRETCHES * frames // 128):
            levels[sound, pitch, stretch] = level[first:last].mean(axis=0)
        magnitude = np.exp(notes.images[index, 0, held_frames].astype(np.float32))
        magnitude /= magnitude.max()
        angle = notes.images[index, 1, held_frames].astype(np.float32)
        direction[pitch] += (magnitude * np.exp(1j * np.pi * angle)).sum(axis=0)
        magnitudes[pitch] += magnitude.sum(axis=0)
    across, along, magnitudes = (
        notes.scale.to_mel(torch.from_numpy(np.ascontiguousarray(part))).numpy()
        for part in (direction.imag, direction.real, magnitudes)
    )
    coherence = np.hypot(across, along) / np.maximum(magnitudes, 1e-9)
    angles = np.arctan2(across, along) / np.pi
    for pitch in range(pitches):
        angles[pitch] = one_branch(angles[pitch], notes.pitch_min + pitch, notes.representation)
    return levels, notes.scale.reach.numpy() * angles, coherence


def one_branch(angles: np.ndarray, pitch: int, representation: Representation) -> np.ndarray:
    """Phase advances [mel bins] in units of pi, each moved by whole turns to within half a turn of the advance of the
    partial that is nearest to its bin. A mean over bins of one partial is then one of neighbouring numbers, and not of
    some near 1 and some near -1."""
    frequency, fundamental = band_frequencies(representation.bins, SAMPLE_RATE), key_hz(pitch)
    partial = np.maximum(np.round(frequency / fundamental), 1.0) * fundamental
    advance = 2.0 * representation.hop / SAMPLE_RATE * partial
    advance -= 2.0 * np.round(0.5 * advance)
    return (angles - 2.0 * np.round(0.5 * (angles - advance))).astype(np.float32)


def _means(levels: np.ndarray) -> np.ndarray:
    """Mean levels by pitch [pitches, bins]; those of all pitches where one has no note."""
    there = np.isfinite(levels)
    count = there.sum(axis=(0, 2))
    total = np.where(there, levels, 0.0).sum(axis=(0, 2), dtype=np.float64)
    overall = total.sum(axis=0) / np.maximum(count.sum(axis=0), 1)
    return np.where(count > 0, total / np.maximum(count, 1), overall).astype(np.float32)


def _decompose(rows: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first `rank` singular vectors and values, by the eigenvectors of the smaller product."""
    squares, left = np.linalg.eigh(rows @ rows.T)
    squares, left = squares[::-1][:rank], left[:, ::-1][:, :rank]
    # Few sounds have fewer directions than are asked for; what rounding leaves of the others is none.
    there = squares > LEAST_SQUARE * squares[0]
    values = np.sqrt(np.where(there, squares, 1.0))
    right = np.where(there[:, None], (left.T @ rows) / values[:, None], 0.0)
    return left, np.where(there, values, 0.0), right
