"""What a model file says of itself: the JSON manifest in the ONNX metadata, by the contract that the plugin reads.

The contract is `src/model/manifest.rs` of the plugin (format 1). Whatever is written here has been checked here, so
that no model leaves the training side that the plugin would refuse.
"""

import json
import math
import os
from pathlib import Path

import onnx

from timbrel_training.errors import TrainingError
from timbrel_training.files import write_bytes
from timbrel_training.geometry import SIZES, Geometry
from timbrel_training.spectral import Representation

FORMAT = 1
KEY = "timbrel"

# The plugin's bounds.
MAX_NAME_CHARS = 120
MAX_TEXT_CHARS = 2_000
MAX_DIRECTIONS = 64
MAX_LATENTS = 1_024
MAX_FIGURES = 256
MAX_COORDINATE = 1.0e3
MIN_MAP_SCALE = 1.0e-6


def manifest_of(generator, **fields) -> dict:
    """The manifest of a generator module, whose `representation` is what `Representation.of` takes.

    `fields` are name, author, licence, trained_on and whatever else is known. Two may be added later (`likeness.py`):

        map       {"axes": [[latent_size], [latent_size]], "offset": [2], "scale": [2]}: the place of a latent on a plane where
                  those that sound alike lie near one another is (axes . latent - offset) / scale, -1..1 for named latents
        programs  [{"program": 0..127, "vector": [latent_size]}, ...]: the latent that stands for a program of General MIDI
                  level 1, counted from 0; each program once
    """
    manifest = {
        "format": FORMAT,
        "name": "unnamed",
        "author": "",
        "licence": "",
        "trained_on": "",
        **Representation.of(generator.representation).settings,
        "pitch_min": int(generator.pitch_min),
        "pitch_max": int(generator.pitch_max),
        "latent_size": int(generator.latent_size),
        "quality": {},
        "mean": [],
        "directions": [],
        "latents": [],
    }
    manifest.update({key: value for key, value in fields.items() if value is not None})
    check(manifest)
    return manifest


def check(manifest: dict) -> None:
    """Refuses, with a sentence, a manifest that the plugin would refuse or cut short."""
    missing = {"format", "name", "representation", *SIZES, "pitch_min", "pitch_max", "latent_size"} - set(manifest)
    if missing:
        raise TrainingError(f"The manifest lacks {', '.join(sorted(missing))}.")
    if manifest["format"] != FORMAT:
        raise TrainingError(f"The manifest has format {manifest['format']}; this code knows format {FORMAT}.")
    try:
        Geometry.of(manifest)
    except TrainingError as error:
        raise TrainingError(f"The manifest's sizes are none that a model has: {error}") from error
    low, high = manifest["pitch_min"], manifest["pitch_max"]
    if not 0 <= low <= high <= 127:
        raise TrainingError(f"The manifest names the pitch range {low} to {high}; MIDI notes go from 0 to 127.")
    for key, limit in (("name", MAX_NAME_CHARS), ("author", MAX_TEXT_CHARS), ("licence", MAX_TEXT_CHARS),
                       ("trained_on", MAX_TEXT_CHARS)):
        if len(manifest.get(key, "")) > limit:
            raise TrainingError(f"The manifest's {key} has more than {limit} characters: shorten it.")
    for key, limit in (("directions", MAX_DIRECTIONS), ("latents", MAX_LATENTS), ("quality", MAX_FIGURES)):
        if len(manifest.get(key, [])) > limit:
            raise TrainingError(f"The manifest has more than {limit} {key}.")
    size = manifest["latent_size"]
    if manifest.get("mean"):
        _check_vector("mean", manifest["mean"], size)
    for direction in manifest.get("directions", []):
        _check_vector(f"direction {direction['name']!r}", direction["vector"], size)
        if not any(direction["vector"]):
            raise TrainingError(f"The direction {direction['name']!r} is all zeros.")
        _check_vector(f"scale of {direction['name']!r}", [direction["scale"]], 1)
    for latent in manifest.get("latents", []):
        _check_vector(f"latent {latent['name']!r}", latent["vector"], size)
    if manifest.get("map") is not None:
        _check_map(manifest["map"], size)
    programs = [entry["program"] for entry in manifest.get("programs", [])]
    if len(set(programs)) < len(programs) or not all(isinstance(number, int) and 0 <= number <= 127 for number in programs):
        raise TrainingError("The manifest's programs must be General MIDI's, 0 to 127, each named once.")
    for entry in manifest.get("programs", []):
        _check_vector(f"program {entry['program']}", entry["vector"], size)


def _check_map(found: dict, size: int) -> None:
    if len(found["axes"]) != 2:
        raise TrainingError(f"The manifest's map has {len(found['axes'])} axes where 2 are right.")
    for axis in found["axes"]:
        _check_vector("map", axis, size)
        if not any(axis):
            raise TrainingError("The manifest's map has an axis of zeros only.")
    _check_vector("map's offset", found["offset"], 2)
    _check_vector("map's scale", found["scale"], 2)
    if min(found["scale"]) < MIN_MAP_SCALE:
        raise TrainingError("The manifest's map has a scale that is not above zero.")


def _check_vector(what: str, vector: list, size: int) -> None:
    if len(vector) != size:
        raise TrainingError(f"The manifest's {what} has {len(vector)} numbers where {size} are right.")
    if not all(math.isfinite(x) and abs(x) <= MAX_COORDINATE for x in vector):
        raise TrainingError(f"The manifest's {what} holds a number that no latent has.")


def read(model: onnx.ModelProto, path: Path | str = "the model") -> dict:
    """The manifest in an ONNX model. Unknown fields are kept."""
    texts = [entry.value for entry in model.metadata_props if entry.key == KEY]
    if not texts:
        raise TrainingError(f"{path} carries no Timbrel manifest; export it with timbrel_training.export.")
    try:
        manifest = json.loads(texts[0])
    except json.JSONDecodeError as error:
        raise TrainingError(f"The manifest in {path} is no JSON ({error}).") from error
    check(manifest)
    return manifest


def put(model: onnx.ModelProto, manifest: dict) -> None:
    """Writes a checked manifest into an ONNX model in place of the one that it had."""
    check(manifest)
    kept = [entry for entry in model.metadata_props if entry.key != KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    entry = model.metadata_props.add()
    entry.key = KEY
    entry.value = json.dumps(manifest, allow_nan=False)


def load_model(path: Path | str) -> onnx.ModelProto:
    """Reads an ONNX file; the error is a sentence."""
    if not os.path.isfile(path):
        raise TrainingError(f"There is no model file {path}.")
    try:
        return onnx.load(str(path))
    except Exception as error:  # protobuf raises several kinds, none of them public
        raise TrainingError(f"{path} is not an ONNX model, or it is cut short: copy it again.") from error


def save_model(model: onnx.ModelProto, path: Path | str) -> None:
    """Writes an ONNX file whole or not at all."""
    write_bytes(Path(path), model.SerializeToString())


def update(path: Path | str, **fields) -> dict:
    """Sets fields of the manifest in a model file; answers the new manifest."""
    model = load_model(path)
    manifest = read(model, path)
    manifest.update(fields)
    put(model, manifest)
    save_model(model, path)
    return manifest
