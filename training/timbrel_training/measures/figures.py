"""The figures of the table, in its order, and what a figure needs of the reference row to mean anything."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A line of the table.

    `key` is that of the JSON and `form` the format of a value; `better` says which way is better ("" where real notes
    show it), and `needs` names the judge, of `JUDGES`, whom the figure comes from.
    """

    key: str
    heading: str
    form: str
    better: str = ""
    needs: str = ""


FIGURES = (
    Figure("pitch_accuracy", "pitch accuracy (%)", "{:.1f}", "high", "classifier"),
    Figure("pitch_entropy", "pitch entropy (nat)", "{:.3f}", "low", "classifier"),
    Figure("inception_score", "Inception score", "{:.1f}", "high", "classifier"),
    Figure("fid", "FID", "{:.2f}", "low", "classifier"),
    Figure("ndb", "NDB / k", "{:.2f}", "low", "bins"),
    Figure("fid_full", "FID, full band", "{:.2f}", "low", "full classifier"),
    Figure("ndb_full", "NDB / k, full band", "{:.2f}", "low", "full bins"),
    Figure("cents_median", "pitch error, median (cents)", "{:.1f}", "low", "pitch"),
    Figure("cents_95", "pitch error, 95 % (cents)", "{:.1f}", "low", "pitch"),
    Figure("off_key", "off by more than 50 cents (%)", "{:.1f}", "low", "pitch"),
    Figure("tuning_worst_cents", "tuning of a timbre, worst (cents)", "{:.1f}", "low", "pitch"),
    Figure("bad", "noise or silence (%)", "{:.1f}", "low", "pitch"),
    Figure("bad_timbres", "timbres with noise or silence at a key (%)", "{:.0f}", "low", "pitch"),
    Figure("level_over_keys_db", "level spread over keys (dB)", "{:.1f}"),
    Figure("level_over_timbres_db", "level spread over timbres (dB)", "{:.1f}"),
    Figure("loudness_lufs", "loudness, median (LUFS)", "{:.1f}"),
    Figure("loudness_spread_lu", "loudness spread over timbres (LU)", "{:.1f}", "low"),
    Figure("loudness_range_lu", "loudest to softest timbre (LU)", "{:.1f}", "low"),
    Figure("level_jump_lu", "key against its timbre, largest (LU)", "{:.1f}", "low"),
    Figure("level_jump_99_lu", "key against its timbre, 99 % (LU)", "{:.1f}", "low"),
    Figure("envelope_correlation", "envelope correlation, neighbour keys", "{:.2f}"),
    Figure("envelope_change_db", "envelope change, neighbour keys (dB)", "{:.1f}"),
    Figure("diversity_db", "distance of timbres at one pitch (dB)", "{:.1f}"),
    Figure("nearest_db", "distance to nearest training note (dB)", "{:.1f}"),
    Figure("beating_db", "beating of partials (dB)", "{:.1f}"),
    Figure("noise_db", "noise between partials (dB)", "{:.0f}"),
    Figure("above_db", "level above 8 kHz, median (dB)", "{:.1f}"),
    Figure("family_above_db", "level above 8 kHz, furthest family (dB)", "{:.1f}", "low"),
    Figure("rise_ms", "rise from 10 to 90 %, median (ms)", "{:.0f}"),
    Figure("vibrato_cents", "vibrato, 90 % (cents)", "{:.1f}"),
    Figure("vibrato_share", "notes with a vibrato of 5 cents (%)", "{:.0f}"),
    Figure("vibrato_hz", "rate of these, median (Hz)", "{:.1f}"),
    Figure("tremolo_db", "tremolo, 90 % (dB)", "{:.1f}"),
    Figure("centroid_soft", "centroid at velocity 25 against 75 (octaves)", "{:+.2f}"),
    Figure("centroid_hard", "centroid at velocity 127 against 75 (octaves)", "{:+.2f}"),
    Figure("rise_soft_ms", "rise at velocity 25 against 75 (ms)", "{:+.0f}"),
    Figure("rise_hard_ms", "rise at velocity 127 against 75 (ms)", "{:+.0f}"),
    Figure("even_share", "evenness: share of a walk in 4 of 20 steps", "{:.2f}", "low"),
    Figure("even_largest", "evenness: largest step / mean", "{:.1f}", "low"),
    Figure("even_worst", "evenness: largest step / mean, worst walk", "{:.1f}", "low"),
    Figure("even_still", "evenness: steps that hardly move", "{:.2f}", "low"),
    Figure("even_ends_db", "evenness: end to end (dB)", "{:.1f}", "high"),
)

# Each judge: the figure of the real row that tells whether it can be believed, the worst value at which it can, and what
# is wrong otherwise.
JUDGES = {
    "classifier": ("pitch_accuracy", lambda value: value >= 90.0, "the classifier knows {:.1f} % of the real notes' pitches"),
    "bins": ("ndb", lambda value: value <= 0.2, "real held-out notes differ from the training notes in {:.2f} of the bins"),
    "full classifier": ("full_accuracy", lambda value: value >= 70.0,
                        "the classifier of the full band knows {:.1f} % of the real notes' pitches"),
    "full bins": ("ndb_full", lambda value: value <= 0.2,
                  "real held-out notes differ from the training notes in {:.2f} of the full band's bins"),
    "pitch": ("off_key", lambda value: value <= 10.0, "{:.1f} % of the real notes measure as off their keys"),
}


def faults(real: dict) -> dict[str, str]:
    """The judges that the real row fails, each with what is wrong, as a part of a sentence."""
    found = {}
    for judge, (key, good, told) in JUDGES.items():
        value = real.get(key, math.nan)
        if math.isfinite(value) and not good(value):
            found[judge] = told.format(value)
    return found
