"""First tables, envelopes, codes and places of a continuous generator, taken from the notes by singular values.

Averaged over a few stretches of time, the notes of all instruments at all pitches are one array of levels

    level[instrument, pitch, stretch, bin]

whose best approximation by `tables` products (in the least squares sense) of [instrument, stretch] x [pitch, bin] is a
truncated singular value decomposition, and that of its left part by [instrument] x [stretch, table] another one. Training
goes on from there instead of finding all this in hours. Notes that an instrument lacks are filled in from the
approximation itself, by turns.
"""

import math

import torch
from torch import Tensor

from timbrel_training.continuous import NEPER_PER_DB, Generator
from timbrel_training.corpus import Corpus
from timbrel_training.factored import PRODUCT_SCALE

# The stretches of a note in 128ths of it: three of the attack, two of the held part, two of the release.
STRETCHES = ((4, 8), (8, 11), (11, 18), (18, 44), (44, 98), (101, 105), (105, 126))

# From where to where, in 128ths, the angle of each pitch's bins is compared with that of the nearest partial.
HELD = (14, 62)

# A coherence table stays this far from 0 and 1, where its logistic function would not move any more.
COHERENCE_MARGIN = 0.03

# A squared singular value this far below the greatest one is rounding.
LEAST_SQUARE = 1e-6

# Rounds of filling in what is missing.
ROUNDS = 4

# Latents, and rounds, by which all instruments are given the same share of the latent space.
BALANCE_LATENTS, BALANCE_ROUNDS = 8192, 300

# The mapping's temperature: its weights change so slowly that a way through the latent space is nearly a straight line among
# the codes, and so fast that a random latent lies near some instruments. With 24 numbers the four largest of a way's twenty steps
# take 0.28 of its change in codes at 8, 0.26 at 12, 0.25 at 30, and 0.20 is even; the nearest instrument is 0.43, 0.48 and 0.54
# of the mean distance of two away, and that of an instrument 0.37.
TEMPERATURE = 8.0

# How far random latents lie from one another, beside the instruments; what lies far out is drawn in afterwards.
WANTED_LENGTH = 1.0

# How far from the mean a latent may lie: by so much farther than this quantile of the instruments.
FARTHEST, BEYOND = 0.99, 1.1


@torch.no_grad()
def initialise(generator: Generator, corpus: Corpus) -> float:
    """Sets the generator's tables, envelopes, codes and mapping from the corpus, and lends its instruments notes.

    Returns:
        The mean deviation of the approximation from the notes' averaged levels [dB].
    """
    shape, expected = generator.shape, generator.expected
    levels, coherence = _averages(corpus, expected.mean_angle)
    instruments, pitches, stretches, bins = levels.shape
    there = torch.isfinite(levels)
    count = there.sum(dim=(0, 2))
    mean = torch.where(there, levels, 0.0).sum(dim=(0, 2)) / count.clamp(min=1)
    overall = torch.where(there, levels, 0.0).sum(dim=(0, 1, 2)) / there.sum(dim=(0, 1, 2)).clamp(min=1)
    mean = torch.where(count > 0, mean, overall)
    rows = (levels - mean[:, None]).permute(0, 2, 1, 3).reshape(instruments * stretches, pitches * bins)
    missing = ~torch.isfinite(rows)
    rows[missing] = 0.0
    tables = min(shape.tables, len(rows))
    for _ in range(ROUNDS):
        left, values, right = _decompose(rows, tables)
        rows[missing] = ((left * values) @ right)[missing]
    left, values, right = _decompose(rows, tables)
    deviation = ((left * values) @ right - rows)[~missing].abs().mean() / NEPER_PER_DB

    # Tables of unit mean square; the envelopes take the rest, and the factor that the generator divides by.
    table = right * math.sqrt(pitches * bins)
    envelope = left * (values / math.sqrt(pitches * bins) * PRODUCT_SCALE)
    left, values, right = _decompose(envelope.reshape(instruments, -1), min(shape.code, instruments - 1))
    code = left * math.sqrt(instruments)
    steady = (values[:, None] * right / math.sqrt(instruments)).reshape(-1, stretches, tables)

    knots = expected.knots
    frames = knots.shape[1]
    centres = torch.tensor([(first + last - 1) / 2 for first, last in STRETCHES], device=knots.device) * (frames / 128)
    times = (knots @ torch.arange(frames, device=knots.device).float()) / knots.sum(dim=1)
    steady = torch.einsum("ks,dsj->jkd", _interpolation(times, centres), steady)
    expected.mean_level.copy_(mean)
    expected.mean_coherence.copy_(torch.logit(coherence, COHERENCE_MARGIN))
    expected.table.zero_()
    expected.table[:, :tables] = table.reshape(tables, pitches, bins).transpose(0, 1)
    expected.steady.bias.zero_()
    weights = expected.steady.weight.zero_().view(shape.tables, shape.knots, shape.code)
    weights[:tables, :, : steady.shape[2]] = steady
    generator.codes.zero_()
    generator.codes[:, : code.shape[1]] = code
    lay_out(generator)
    corpus.lend(felt_distances(generator))
    return float(deviation)


@torch.no_grad()
def lay_out(generator: Generator) -> None:
    """Gives the instruments their places in the latent space, and the mapping the temperature and reach with which the
    ways through it are as even and as long as they should be."""
    mapping = generator.mapping
    felt = generator.codes @ felt_basis(generator)
    felt = felt - felt.mean(dim=0)
    left, _, _ = torch.linalg.svd(felt, full_matrices=False)
    size = min(generator.latent_size, left.shape[1])
    mapping.places.zero_()
    mapping.places[:, :size] = left[:, :size] * math.sqrt(len(left))
    mapping.codes.copy_(generator.codes)
    mapping.felt.copy_(felt_basis(generator))
    mapping.radius.fill_(1e6)
    between = torch.pdist(felt).square().mean().sqrt()
    random = torch.Generator(felt.device).manual_seed(0)
    mapping.log_temperature.fill_(math.log(TEMPERATURE))
    mapping.reach.fill_(1.0)
    _balance(generator, random)
    _, length = evenness(generator, random)
    mapping.reach.fill_(float(WANTED_LENGTH * between / length))
    mapping.radius.copy_(BEYOND * felt.norm(dim=1).quantile(FARTHEST))


@torch.no_grad()
def evenness(generator: Generator, random: torch.Generator, pairs: int = 64, steps: int = 20) -> tuple[float, float]:
    """Of the ways between random latents, in codes as they are felt: the share of the change in the four largest of the
    steps, and the root mean square distance of their ends."""
    device = generator.codes.device
    ends = torch.randn(2, pairs, 1, generator.latent_size, generator=random, device=device)
    way = great_circle(ends[0], ends[1], torch.linspace(0.0, 1.0, steps + 1, device=device))
    felt = generator.mapping(way.reshape(-1, generator.latent_size)) @ felt_basis(generator)
    felt = felt.view(pairs, steps + 1, -1)
    lengths = (felt[:, 1:] - felt[:, :-1]).norm(dim=2)
    share = lengths.topk(4, dim=1).values.sum(dim=1) / lengths.sum(dim=1)
    ends_apart = (felt[:, 0] - felt[:, -1]).norm(dim=1).square().mean().sqrt()
    return float(share.median()), float(ends_apart)


def great_circle(a: Tensor, b: Tensor, shares: Tensor) -> Tensor:
    """Points on the great circle from `a` to `b` [..., 1, latent], at `shares` [S]: [..., S, latent]."""
    cosine = (a * b).sum(dim=-1, keepdim=True) / (a.norm(dim=-1, keepdim=True) * b.norm(dim=-1, keepdim=True))
    angle = cosine.clamp(-0.9999, 0.9999).acos()
    shares = shares.view(-1, 1)
    return (torch.sin((1.0 - shares) * angle) * a + torch.sin(shares * angle) * b) / torch.sin(angle)


def felt_basis(generator: Generator) -> Tensor:
    """The matrix [code, code] that brings codes to coordinates in which their distance is that of the steady levels that
    they stand for."""
    weight = generator.expected.steady.weight.detach()
    values, vectors = torch.linalg.eigh(weight.T @ weight)
    return vectors * values.clamp(min=0.0).sqrt()


def felt_distances(generator: Generator) -> Tensor:
    """How far the instruments lie from one another, [instruments, instruments]."""
    felt = generator.codes.detach() @ felt_basis(generator)
    return torch.cdist(felt, felt)


def _balance(generator: Generator, random: torch.Generator) -> None:
    mapping = generator.mapping
    latents = torch.randn(BALANCE_LATENTS, generator.latent_size, generator=random, device=mapping.places.device)
    mapping.masses.copy_(mapping.places.square().sum(dim=1))
    for _ in range(BALANCE_ROUNDS):
        share = mapping.weights(latents).mean(dim=0) * len(mapping.masses)
        mapping.masses -= 0.5 * mapping.log_temperature.exp() * torch.log(share.clamp(min=1e-3))
        mapping.masses -= mapping.masses.mean()


def _averages(corpus: Corpus, advances: Tensor) -> tuple[Tensor, Tensor]:
    """Mean levels [instruments, pitches, stretches, bins], NaN where there is no note; and how far the notes of a pitch
    agree with `advances` [pitches, bins] in each bin, 0 to 1."""
    reference = corpus.reference()
    instruments, pitches = reference.shape
    frames, bins = corpus.images.shape[-2:]
    stretches = [(first * frames // 128, max(first * frames // 128 + 1, last * frames // 128)) for first, last in STRETCHES]
    held = slice(HELD[0] * frames // 128, HELD[1] * frames // 128)
    levels = torch.full((instruments, pitches, len(stretches), bins), torch.nan, device=corpus.device)
    agreed = torch.zeros(pitches, bins, device=corpus.device)
    weights = torch.full((pitches, bins), 1e-6, device=corpus.device)
    for pitch in range(pitches):
        there = torch.nonzero(reference[:, pitch] >= 0)[:, 0]
        for instrument in there.split(16):
            notes = reference[instrument, pitch]
            level = corpus.level(notes)
            for stretch, (first, last) in enumerate(stretches):
                levels[instrument, pitch, stretch] = level[:, first:last].mean(dim=1)
            away = math.pi * (corpus.angle(notes)[:, held] - advances[pitch])
            magnitude = (level[:, held] - level[:, held].amax(dim=(1, 2), keepdim=True)).exp()
            agreed[pitch] += (magnitude * away.cos()).sum(dim=(0, 1))
            weights[pitch] += magnitude.sum(dim=(0, 1))
    return levels, (agreed / weights).clamp(0.0, 1.0)


def _interpolation(times: Tensor, centres: Tensor) -> Tensor:
    """The matrix [times, centres] of linear interpolation; constant beyond the ends."""
    place = torch.searchsorted(centres, times).clamp(1, len(centres) - 1)
    share = ((times - centres[place - 1]) / (centres[place] - centres[place - 1])).clamp(0.0, 1.0)
    matrix = torch.zeros(len(times), len(centres), device=times.device)
    row = torch.arange(len(times), device=times.device)
    matrix[row, place - 1] = 1.0 - share
    matrix[row, place] += share
    return matrix


def _decompose(rows: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """The first `rank` singular vectors and values, by the eigenvectors of the smaller product."""
    squares, left = torch.linalg.eigh(rows.double() @ rows.T.double() if rows.numel() < 1 << 24 else (rows @ rows.T).double())
    left = left.flip(1)[:, :rank].float()
    squares = squares.flip(0)[:rank].float()
    # Few instruments have fewer directions than are asked for; what rounding leaves of the others is none.
    there = squares > LEAST_SQUARE * squares[0]
    values = torch.where(there, squares, 1.0).sqrt()
    right = torch.where(there[:, None], (left.T @ rows) / values[:, None], 0.0)
    return left, torch.where(there, values, 0.0), right
