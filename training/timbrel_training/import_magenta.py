"""Import of the published GANSynth checkpoints, and of others that magenta's code has trained.

    python -m timbrel_training.import_magenta acoustic_only --out acoustic.onnx

The folder is as published: `experiment.json` (in it or one folder above) and `stage_000NN/` with TensorFlow
checkpoints. TensorFlow itself is not needed. As in the original's generation, the averaged weights are taken.
"""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from timbrel_training.errors import TrainingError, run_command
from timbrel_training.export import Parity, add_manifest_arguments, export, manifest_fields
from timbrel_training.files import read_json
from timbrel_training.layers import EqualisedConv2d
from timbrel_training.normaliser import Normaliser
from timbrel_training.progressive import ProgressiveGenerator
from timbrel_training.spectral import NAMES, NOTE_SAMPLES, SAMPLE_RATE, Representation
from timbrel_training.tensorflow_checkpoint import Checkpoint

# What the published code takes where experiment.json is silent (`set_flags` in model.py).
DEFAULTS: dict[str, Any] = {
    "data_type": "mel", "audio_length": NOTE_SAMPLES, "sample_rate": SAMPLE_RATE,
    "data_normalizer": "specgrams_prespecified_normalizer",
    "mag_normalizer_a": 0.0661371661726, "mag_normalizer_b": 0.113718730221,
    "p_normalizer_a": 0.8, "p_normalizer_b": 0.0,
    "stable_stage_num_images": 32, "transition_stage_num_images": 32, "train_progressive": True,
    "train_time_limit": None, "train_time_stage_multiplier": 1.0,
    "g_fn": "specgram", "latent_vector_size": 256, "kernel_size": 3, "start_height": 4, "start_width": 8,
    "scale_mode": "ALL", "scale_base": 2, "num_resolutions": 7, "simple_arch": False, "to_rgb_activation": "tanh",
    "fmap_base": 512, "fmap_decay": 1.0, "fmap_max": 128,
}

# The only values that this generator has.
REQUIRED = {"audio_length": NOTE_SAMPLES, "sample_rate": SAMPLE_RATE, "g_fn": "specgram", "kernel_size": 3,
            "scale_mode": "ALL", "scale_base": 2, "simple_arch": False, "to_rgb_activation": "tanh", "fmap_decay": 1.0}

# The data sets of the published code hold the MIDI pitches 24 to 84, a label each.
PITCH_MIN = 24
PITCH_COUNT = 61

SCOPE = "Generator/progressive_gan_generator/progressive_gan_block_{block}/{layer}/{variable}"
AVERAGED = "/ExponentialMovingAverage"

# How the original names the variable with the seconds trained; it gave it no name of its own.
TRAIN_TIME = "Variable"


@dataclass(frozen=True)
class Imported:
    """What was found: the generator, its stage (0 to 12), and how far it had grown."""

    generator: ProgressiveGenerator
    stage: int
    progress: float


def import_magenta(folder: Path, stage: int | None = None, pitch_min: int | None = None) -> Imported:
    """Reads the newest checkpoint of a training folder (of `stage`, where given) as a generator.

    A checkpoint of an earlier stage, or from within a fade-in, gives what the network gave at that moment: an enlarged
    image, or the blend of both resolutions.

    Raises:
        TrainingError: when files are missing or damaged, or the network is of a kind that is not known here.
    """
    settings = read_settings(folder)
    folders = {int(path.name.removeprefix("stage_")): path for path in folder.glob("stage_*")
               if re.fullmatch(r"stage_\d+", path.name)}
    if not folders:
        raise TrainingError(f"{folder} has no folder stage_000NN: give the folder that holds the stages.")
    if stage is not None and stage not in folders:
        raise TrainingError(f"{folder} has no stage {stage}; there are {', '.join(map(str, sorted(folders)))}.")
    stage = max(folders) if stage is None else stage
    checkpoint = Checkpoint(newest(folders[stage]))
    blocks = (stage + 1) // 2 + 1
    if blocks > settings["num_resolutions"]:
        raise TrainingError(
            f"{folders[stage]} is no stage of a network with {settings['num_resolutions']} resolutions, as "
            "experiment.json has it: they do not belong together."
        )
    step = int(checkpoint["global_step"]) if "global_step" in checkpoint else 0
    seconds = float(checkpoint[TRAIN_TIME]) if settings["train_time_limit"] is not None else 0.0
    progress = progress_at(step, seconds, blocks, settings)
    generator = _generator(settings, normaliser(folder, settings), checkpoint, progress, pitch_min)
    _fill(generator, checkpoint, blocks)
    return Imported(generator.eval().requires_grad_(False), stage, progress)


def read_settings(folder: Path) -> dict[str, Any]:
    """The settings of the experiment, checked, defaults filled in."""
    places = (folder, folder.resolve().parent)
    paths = [place / "experiment.json" for place in places if (place / "experiment.json").is_file()]
    if not paths:
        raise TrainingError(f"experiment.json is neither in {folder} nor one folder above: copy it beside the stages.")
    said = read_json(paths[0])
    if isinstance(said, dict) and "jobs" in said:
        # A sweep keeps the settings of each of its folders.
        said = said["jobs"].get(folder.resolve().name) if isinstance(said["jobs"], dict) else None
    if not isinstance(said, dict):
        raise TrainingError(f"{paths[0]} does not hold the settings of an experiment.")
    settings = DEFAULTS | said
    for key, value in REQUIRED.items():
        if settings[key] != value:
            raise TrainingError(
                f"{paths[0]} has {key} = {settings[key]!r}; only networks with {key} = {value!r} can be imported."
            )
    return settings


def representation(settings: dict[str, Any]) -> str:
    """The name of the spectral representation that the settings describe."""
    factor = 2 ** (settings["num_resolutions"] - 1)
    size = settings["start_height"] * factor, settings["start_width"] * factor
    kind = {"linear": "if", "phase": "phase", "mel": "if-mel"}.get(settings["data_type"])
    for name in NAMES:
        sizes = Representation(name)
        if name.removesuffix("-hires") == kind and (sizes.frames, sizes.bins) == size:
            return name
    raise TrainingError(
        f"Images of {size[0]} x {size[1]} with data_type = {settings['data_type']!r} are none of the paper's spectral "
        "representations; such a network cannot be imported."
    )


def normaliser(folder: Path, settings: dict[str, Any]) -> Normaliser:
    """The map between the network's range and the images' (data_normalizer.py)."""
    kind = settings["data_normalizer"]
    if kind == "none":
        return Normaliser((1.0, 1.0), (0.0, 0.0))
    if kind == "specgrams_prespecified_normalizer":
        numbers = [settings[f"{channel}_normalizer_{letter}"] for channel in ("mag", "p") for letter in ("a", "b")]
    elif kind == "specgrams_simple_normalizer":
        path = folder / "assets" / "specgrams_simple_normalizer.npz"
        try:
            with np.load(path) as arrays:
                numbers = [float(number) for number in arrays["normalizer"]]
        except (OSError, ValueError, KeyError) as error:
            raise TrainingError(f"{path} with the normaliser's numbers is missing or damaged: copy it, too.") from error
    else:
        raise TrainingError(f"The normaliser {kind!r} is not known here; such a network cannot be imported.")
    return Normaliser((numbers[0], numbers[2]), (numbers[1], numbers[3]))


def newest(folder: Path) -> Path:
    """Prefix of a stage's newest checkpoint: that which the file `checkpoint` names, else that of the last step."""
    state = folder / "checkpoint"
    if state.is_file():
        named = re.search(r'^model_checkpoint_path:\s*"(.*)"', state.read_text(errors="replace"), re.MULTILINE)
        # The path may be one of the machine that trained.
        prefix = folder / Path(named.group(1)).name if named else None
        if prefix and prefix.with_name(prefix.name + ".index").is_file():
            return prefix
    found = sorted(folder.glob("*.index"), key=lambda path: int((re.findall(r"\d+", path.stem) or ["0"])[-1]))
    if not found:
        raise TrainingError(f"{folder} holds no checkpoint (model.ckpt-STEP.index): copy all of its files.")
    return found[-1].with_suffix("")


def progress_at(step: int, seconds: float, blocks: int, settings: dict[str, Any]) -> float:
    """How far a network of `blocks` blocks has grown after `step` images (`compute_progress`), or after so many seconds
    where training was limited by time (`compute_progress_from_time`)."""
    if not settings["train_progressive"]:
        return blocks - 1.0
    if settings["train_time_limit"] is not None:
        stages = 2 * settings["num_resolutions"] - 1
        times = float(settings["train_time_stage_multiplier"]) ** np.arange(stages)
        times = np.cumsum(times * settings["train_time_limit"] / times.sum())
        grown = (seconds - times[:-1:2]) / (times[1::2] - times[:-1:2])
        return float(min(np.clip(grown, 0, 1).sum(), blocks - 1))
    stable, fade = settings["stable_stage_num_images"], settings["transition_stage_num_images"]
    step = min(step, blocks * stable + (blocks - 1) * fade - 1)
    whole, rest = divmod(step, stable + fade)
    return whole + max(0.0, (rest - stable) / fade)


def _generator(settings: dict[str, Any], normal: Normaliser, checkpoint: Checkpoint, progress: float,
               pitch_min: int | None) -> ProgressiveGenerator:
    first = _variable(checkpoint, 1, "conv0", "conv2d/kernel")
    latent_size = settings["latent_vector_size"]
    pitch_count = first.shape[2] - latent_size
    if pitch_count < 1:
        raise TrainingError(f"The first layer of {checkpoint.prefix} has no inputs for pitches beside the latent.")
    if pitch_min is None:
        if pitch_count != PITCH_COUNT:
            raise TrainingError(
                f"The network knows {pitch_count} pitches, not the {PITCH_COUNT} of the published data; say with "
                "--pitch-min which MIDI note the first one is."
            )
        pitch_min = PITCH_MIN
    return ProgressiveGenerator(
        representation(settings), normal, latent_size, pitch_min, pitch_min + pitch_count - 1,
        settings["fmap_base"], settings["fmap_max"], settings["num_resolutions"], progress=progress,
    )


def _fill(generator: ProgressiveGenerator, checkpoint: Checkpoint, blocks: int) -> None:
    """Puts the averaged weights of the first `blocks` blocks into the generator; the others are not in use."""
    _put(generator.first, checkpoint, 1, "conv0", flip=True)
    _put(generator.second, checkpoint, 1, "conv1")
    for block in range(2, blocks + 1):
        for layer, name in zip(generator.doublings[block - 2], ("conv0", "conv1")):
            _put(layer, checkpoint, block, name)
    for block in range(1, blocks + 1):
        _put(generator.to_image[block - 1], checkpoint, block, "to_rgb")


def _put(layer: EqualisedConv2d, checkpoint: Checkpoint, block: int, name: str, flip: bool = False) -> None:
    # [height, width, in, out] of TensorFlow. The first layer convolves a padded pixel, which turns its kernel round.
    kernel = _variable(checkpoint, block, name, "conv2d/kernel").transpose(3, 2, 0, 1)
    kernel = torch.from_numpy(kernel[:, :, ::-1, ::-1].copy() if flip else kernel.copy())
    bias = torch.from_numpy(_variable(checkpoint, block, name, "bias"))
    if kernel.shape != layer.weight.shape or bias.shape != layer.bias.shape:
        raise TrainingError(
            f"{name} of block {block} in {checkpoint.prefix} has the shape {list(kernel.shape)}, and experiment.json "
            f"makes it {list(layer.weight.shape)}: they do not belong together."
        )
    with torch.no_grad():
        layer.weight.copy_(kernel)
        layer.bias.copy_(bias)


def _variable(checkpoint: Checkpoint, block: int, layer: str, variable: str) -> np.ndarray:
    return checkpoint[SCOPE.format(block=block, layer=layer, variable=variable) + AVERAGED]


def main() -> None:
    description = __doc__.split("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m timbrel_training.import_magenta", description=description)
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder that holds stage_000NN")
    parser.add_argument("--out", required=True, type=Path, metavar="MODEL.onnx")
    parser.add_argument("--stage", type=int, help="stage to take (default: the newest)")
    parser.add_argument("--pitch-min", type=int, help="MIDI note of the first pitch, where the data was not NSynth's")
    add_manifest_arguments(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    imported = import_magenta(arguments.folder, arguments.stage, arguments.pitch_min)
    fields = manifest_fields(arguments)
    if arguments.name is None:
        fields["name"] = arguments.folder.resolve().name
    parity: Parity = export(imported.generator, arguments.out, fields, half_weights=arguments.half_weights)
    print(f"{arguments.out}: stage {imported.stage}, progress {imported.progress:.2f} of "
          f"{imported.generator.blocks - 1}; {parity}")


if __name__ == "__main__":
    run_command(main)
