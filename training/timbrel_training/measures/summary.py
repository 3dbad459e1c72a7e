"""The figures of a set of notes: one row of the table."""

import numpy as np
from scipy.spatial.distance import cdist

from timbrel_training.measures.distribution import frechet_distance, inception_score, mean_entropy
from timbrel_training.measures.note import Notes
from timbrel_training.measures.reference import Reference
from timbrel_training.measures.timbre import envelope_change

OFF_KEY_CENTS = 50.0

# Timbres at one pitch are compared pair by pair, up to this many.
MOST_AT_A_PITCH = 40

# A vibrato from this depth on is heard as one.
VIBRATO_CENTS = 5.0

# A timbre says something of itself as a whole from so many keys on.
LEAST_KEYS = 3


def summarise(notes: Notes, reference: Reference, key_step: int, seed: int = 0) -> dict[str, float]:
    """All figures of `notes`. `key_step` is the distance in semitones of the keys that count as neighbours.

    Medians and means leave out what could not be measured (a silent note has no pitch; it counts as off key).
    """
    features, probabilities, labels = reference.judge(notes)
    known = labels >= 0
    error = np.abs(notes.cents)
    figures = {
        "notes": len(notes),
        "pitch_accuracy": 100 * float((probabilities.argmax(1) == labels)[known].mean()) if known.any() else np.nan,
        "pitch_entropy": mean_entropy(probabilities),
    }
    like = like_real(notes, reference, seed)
    figures |= {
        "inception_score": inception_score(probabilities[like]) if len(like) else np.nan,
        "fid": frechet_distance(features[like], reference.train_features) if len(like) > 1 else np.nan,
        "ndb": reference.bins.different(notes.picture[like].reshape(len(like), -1)) if len(like) else np.nan,
        "cents_median": _median(error),
        "cents_95": _percentile(error, 95),
        "off_key": 100 * float((~(error <= OFF_KEY_CENTS)).mean()),
        "bad": 100 * float(notes.bad.mean()),
        "bad_timbres": 100 * float(np.mean([notes.bad[notes.group == one].any() for one in np.unique(notes.group)])),
        "level_over_keys_db": spread(notes.level_db, notes.group),
        "level_over_timbres_db": spread(notes.level_db, notes.midi),
        "tuning_worst_cents": worst_tuning(notes),
    }
    figures |= loudness(notes) | full_band(notes, reference, like)
    correlation, change = constancy(notes, key_step)
    figures |= {
        "envelope_correlation": correlation,
        "envelope_change_db": change,
        "diversity_db": diversity(notes, seed),
        "nearest_db": nearest(notes, reference.train),
        "beating_db": _median(notes.beating_db),
        "noise_db": _median(notes.noise_db),
        "rise_ms": _median(notes.rise_ms),
        "vibrato_cents": _percentile(notes.vibrato_cents, 90),
        "vibrato_share": 100 * float((notes.vibrato_cents >= VIBRATO_CENTS).mean()),
        "vibrato_hz": _median(notes.vibrato_hz[notes.vibrato_cents >= VIBRATO_CENTS]),
        "tremolo_db": _percentile(notes.tremolo_db, 90),
    }
    return figures


def full_band(notes: Notes, reference: Reference, like: np.ndarray) -> dict[str, float]:
    """Figures of the band up to 20 kHz, where notes and reference have it; `like` are the notes to compare."""
    if not (notes.has_full_band and reference.full is not None):
        return dict.fromkeys(("fid_full", "ndb_full", "full_accuracy", "above_db"), float("nan"))
    judge = reference.full
    features, probabilities = judge.hear(notes.bands)
    labels = notes.midi - reference.lowest
    known = (labels >= 0) & (labels < probabilities.shape[1])
    return {
        "fid_full": frechet_distance(features[like], judge.train_features) if len(like) > 1 else np.nan,
        "ndb_full": judge.bins.different(judge.coarse(notes.bands[like])) if len(like) else np.nan,
        "full_accuracy": 100 * float((probabilities.argmax(1) == labels)[known].mean()) if known.any() else np.nan,
        "above_db": _median(notes.above_db),
    }


def worst_tuning(notes: Notes) -> float:
    """The greatest median error [cents] of a timbre over its keys: by how much a whole timbre is out of tune."""
    medians = [abs(_median(notes.cents[place])) for place in _timbres(notes)]
    return float(np.nanmax(medians)) if np.isfinite(medians).any() else float("nan")


def loudness(notes: Notes) -> dict[str, float]:
    """How loud notes are to a listener, how much timbres differ in it, and keys from their timbre.

    A timbre is as loud as its keys are in the mean of their powers; a key jumps by what it is off the median of its timbre.
    """
    timbres, jumps = [], []
    for place in _timbres(notes):
        found = notes.loudness_lufs[place]
        timbres.append(10 * np.log10(np.mean(10 ** (found / 10))))
        jumps.append(np.abs(found - np.median(found)))
    jumps = np.concatenate(jumps or [np.full(1, np.nan)])
    return {
        "loudness_lufs": _median(notes.loudness_lufs),
        "loudness_spread_lu": float(np.std(timbres, ddof=1)) if len(timbres) > 1 else float("nan"),
        "loudness_range_lu": float(np.ptp(timbres)) if len(timbres) > 1 else float("nan"),
        "level_jump_lu": float(jumps.max()),
        "level_jump_99_lu": _percentile(jumps, 99),
    }


def _timbres(notes: Notes) -> list[np.ndarray]:
    """Indices of the notes of each timbre that has enough of them."""
    places = (np.flatnonzero(notes.group == one) for one in np.unique(notes.group))
    return [place for place in places if len(place) >= LEAST_KEYS]


def by_key(notes: Notes) -> dict[str, dict[str, float]]:
    """For each MIDI note, the median error in cents and the shares [%] off key and of noise: where faults are."""
    rows = {}
    for key in np.unique(notes.midi):
        error, bad = np.abs(notes.cents[notes.midi == key]), notes.bad[notes.midi == key]
        rows[str(key)] = {
            "cents_median": _median(error),
            "off_key": 100 * float((~(error <= OFF_KEY_CENTS)).mean()),
            "bad": 100 * float(bad.mean()),
        }
    return rows


def like_real(notes: Notes, reference: Reference, seed: int) -> np.ndarray:
    """Indices of as many notes as can be had whose keys are distributed as in the training data.

    Distances between distributions would otherwise measure that some keys have more instruments than others. Keys
    without any of the notes are left out of the comparison.
    """
    keys, wanted = np.unique(reference.train.midi, return_counts=True)
    places = [np.flatnonzero(notes.midi == key) for key in keys]
    ratio = min((len(place) / count for place, count in zip(places, wanted) if len(place)), default=0.0)
    rng = np.random.default_rng(seed)
    chosen = [rng.permutation(place)[: round(ratio * count)] for place, count in zip(places, wanted)]
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, int)


def spread(values: np.ndarray, group: np.ndarray) -> float:
    """Mean over groups of the standard deviation within a group of two or more."""
    deviations = [values[group == one].std(ddof=1) for one in np.unique(group) if (group == one).sum() > 1]
    return float(np.mean(deviations)) if deviations else float("nan")


def constancy(notes: Notes, key_step: int) -> tuple[float, float]:
    """Mean correlation and mean change [dB] of the partials' envelope between keys `key_step` apart of one timbre."""
    places = {(group, midi): index for index, (group, midi) in enumerate(zip(notes.group, notes.midi))}
    pairs = [(index, places[group, midi + key_step]) for (group, midi), index in places.items()
             if (group, midi + key_step) in places]
    changes = [envelope_change(notes.envelope[one], notes.envelope[other]) for one, other in pairs]
    changes = np.array(changes or [(np.nan, np.nan)])
    known = np.isfinite(changes).all(1)
    return tuple(float(value) for value in changes[known].mean(0)) if known.any() else (float("nan"),) * 2


def diversity(notes: Notes, seed: int) -> float:
    """Mean log-spectral distance [dB] of different timbres at the same key, mean over keys."""
    rng = np.random.default_rng(seed)
    means = []
    for key in np.unique(notes.midi):
        place = rng.permutation(np.flatnonzero(notes.midi == key))[:MOST_AT_A_PITCH]
        if len(place) > 1:
            distances = _distances(notes.picture[place], notes.picture[place])
            means.append(distances.sum() / (len(place) * (len(place) - 1)))
    return float(np.mean(means)) if means else float("nan")


def nearest(notes: Notes, training: Notes) -> float:
    """Mean log-spectral distance [dB] from each note to the nearest training note of its key."""
    found = []
    for key in np.unique(notes.midi):
        theirs = training.picture[training.midi == key]
        if len(theirs):
            found.append(_distances(notes.picture[notes.midi == key], theirs).min(1))
    return float(np.concatenate(found).mean()) if found else float("nan")


def _distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    cells = one[0].size
    return cdist(one.reshape(len(one), -1), other.reshape(len(other), -1)) / np.sqrt(cells)


def _percentile(values: np.ndarray, percent: float) -> float:
    return float(np.nanpercentile(values, percent)) if np.isfinite(values).any() else float("nan")


def _median(values: np.ndarray) -> float:
    return float(np.nanmedian(values)) if np.isfinite(values).any() else float("nan")
