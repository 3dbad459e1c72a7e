"""Directions of a latent space in which a generator's sound changes, in the manner of GANSpace.

GANSpace (Haerkoenen et al. 2020, arXiv 2004.02546, section 2.3) takes the principal components of early activations
over many latents, and finds for each the latent direction that moves it, by regression.
"""

import numpy as np
import torch

# Keys at which activations are taken: the components should be those of the timbre, not of one key.
KEYS = 3

# Latents drawn for activations, which cost little, and pictures, which cost a rendering each.
FEATURE_DRAWS = 4_000
BATCH = 250


def feature_components(generator: torch.nn.Module, count: int, seed: int = 0, draws: int = FEATURE_DRAWS) -> np.ndarray:
    """Unit directions [<= count, latent_size] from the activations `generator.features(latent, pitch)`."""
    keys = np.linspace(generator.pitch_min, generator.pitch_max, KEYS + 2).round().astype(int)[1:-1]
    latents = torch.randn(draws, generator.latent_size, generator=torch.Generator().manual_seed(seed))
    rows = []
    with torch.no_grad():
        for part in latents.split(BATCH):
            at_keys = [generator.features(part, torch.full((len(part),), int(key))).flatten(1) for key in keys]
            rows.append(torch.cat(at_keys, 1).float().cpu().numpy())
    return regressed_components(latents.numpy(), np.concatenate(rows), count)


def movement_directions(generator: torch.nn.Module, seed: int = 0, draws: int = FEATURE_DRAWS) -> np.ndarray:
    """Unit directions [<= 2, latent_size] that the depths of vibrato and of tremolo follow, by what a continuous generator says of
    them; measured from the waves of some hundred notes they would be lost among the numbers of a latent. What nothing moves has none."""
    random = torch.Generator().manual_seed(seed)
    latents = torch.randn(draws, generator.latent_size, generator=random)
    keys = torch.randint(0, generator.pitch_max - generator.pitch_min + 1, (draws,), generator=random)
    with torch.no_grad():
        codes = generator.features(latents, keys)
        depths = generator.expected.movement(generator.expected.conditions(codes, keys))[:, (0, 2)]
    return unit_directions([slope_of(latents.numpy(), depth) for depth in depths.double().numpy().T], generator.latent_size)


def unit_directions(slopes: list[np.ndarray], size: int) -> np.ndarray:
    """Slopes [size], brought to unit length, [<= slopes, size]; those of no length are left out."""
    lengths = [np.linalg.norm(slope) for slope in slopes]
    return np.array([slope / length for slope, length in zip(slopes, lengths, strict=True) if length > 0]).reshape(-1, size)


def regressed_components(latents: np.ndarray, features: np.ndarray, count: int) -> np.ndarray:
    """Latent directions of the principal components of features.

    Args:
        latents: draws of N(0, 1), [N, L].
        features: what the generator made of them, [N, K].
        count: how many at most.

    Returns:
        Unit directions [<= count, L], that of the largest component first. Components that no latent direction moves
        are left out.
    """
    centred = features - features.mean(0)
    deviation = centred.std()
    if not deviation > 0:
        return np.zeros((0, latents.shape[1]))
    # With fewer draws than features the scores are found faster from the draws' side.
    scores = _principal_scores(centred / deviation, count)
    slopes = []
    for score in scores.T:
        # Least squares of an uncorrelated, unit score on N(0, 1) latents: the mean of their product.
        slope = latents.T @ score / len(latents)
        # Each coordinate has a sampling variance of 1 / N. What is no larger than that is noise, and in a latent of
        # which few numbers matter the noise of the others would make up most of the direction.
        slope = slope * np.maximum(0.0, 1.0 - 2.0 / (len(latents) * np.square(slope) + 1e-12))
        slopes.append(slope)
    return unit_directions(slopes, latents.shape[1])


def slope_of(latents: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The direction [L], not of unit length, that values [N] follow over latents [N, L], by ridge regression.

    The penalty is that of a signal as strong as its noise: with many draws for each number of the latent it hardly counts,
    and with few it keeps the numbers that do not matter from making up the direction.
    """
    size = latents.shape[1]
    latents = latents - latents.mean(0)
    return np.linalg.solve(latents.T @ latents + size * np.eye(size), latents.T @ (values - values.mean()))


def _principal_scores(centred: np.ndarray, count: int) -> np.ndarray:
    """Scores [N, <= count] of the principal components, each of unit variance."""
    rows, columns = centred.shape
    count = min(count, rows - 1, columns)
    if columns <= rows:
        values, vectors = np.linalg.eigh(centred.T @ centred / rows)
        scores = centred @ vectors[:, ::-1][:, :count]
    else:
        values, vectors = np.linalg.eigh(centred @ centred.T / columns)
        scores = vectors[:, ::-1][:, :count]
    values = values[::-1][:count]
    kept = values > values[0] * 1e-6
    scores = scores[:, kept]
    return scores / scores.std(0)
