"""Export of a generator to the one-file contract of the plugin.

    python -m timbrel_training.export RUN_OR_CHECKPOINT --out MODEL.onnx

A generator is any module with `latent_size`, `pitch_min`, `pitch_max`, `representation` and
`forward(latent [N, L], pitch [N]) -> image [N, 2, frames, bins]`, denormalised. Where it has `for_inference()`, that
faster form of the same function is what is written. The file is compared with the module before it gets its name.
"""

import argparse
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from timbrel_training import generators
from timbrel_training import manifest as manifests
from timbrel_training.errors import TrainingError, run_command
from timbrel_training.files import write_bytes
from timbrel_training.half_weights import halve_weights
from timbrel_training.model_file import session

# ONNX Runtime of the plugin reads far newer ones; older runtimes and other providers do not.
OPSET = 18
IR_VERSION = 10

# What a generator answers, unless its `for_inference()` names more in `outputs`: `touch` and `movement` may follow.
OUTPUTS = ("spectrogram",)

# What rounding makes of the values, in the network's range of -1..1: all but a small share of them stay within this.
# Pixel norm divides by the length of a pixel's vector; where that almost vanishes, or where a function jumps, rounding
# is enlarged, so that single values may lie farther off.
PARITY = 1e-4
SINGLE_SHARE = 1e-4

# Half-precision weights are rounded to 11 bits.
HALF_PARITY = 5e-2


@dataclass(frozen=True)
class Parity:
    """How far a file is from its module. Differences are in units of the channel's range (see `compare`).

    Attributes:
        worst, mean: largest and mean difference.
        common: what all values but a share of `SINGLE_SHARE` stay within.
    """

    notes: int
    worst: float
    common: float
    mean: float

    def __str__(self) -> str:
        return (f"over {self.notes} notes it differs from PyTorch by at most {self.worst:.1e} of the range "
                f"({self.common:.1e} but for one value in 10,000, {self.mean:.1e} in the mean)")


def export(generator: torch.nn.Module, path: Path | str, manifest_fields: dict | None = None, *,
           half_weights: bool = False, seed: int = 0) -> Parity:
    """Writes `generator` as a model file and answers how closely the file agrees with it.

    Compared are fresh latents at every pitch. Raises TrainingError, and writes nothing, where the difference is more
    than rounding makes.
    """
    manifest = manifests.manifest_of(generator, **(manifest_fields or {}))
    was_training = generator.training
    generator.eval()
    try:
        inference = generator.for_inference() if hasattr(generator, "for_inference") else generator
        model = to_onnx(inference.eval(), generator.latent_size, generator.pitch_min, getattr(inference, "outputs", OUTPUTS))
        if half_weights:
            halve_weights(model)
        manifests.put(model, manifest)
        onnx.checker.check_model(model, full_check=True)
        content = model.SerializeToString()
        parity = compare(generator, content, seed)
    finally:
        generator.train(was_training)
    limit = HALF_PARITY if half_weights else PARITY
    if not parity.common <= limit:
        raise TrainingError(
            f"The exported graph is not the module: {parity}. At most {limit:g} is rounding, so nothing was written; "
            "this is a fault of for_inference() or of the exporter."
        )
    write_bytes(Path(path), content)
    return parity


def to_onnx(module: torch.nn.Module, latent_size: int, pitch: int, outputs: tuple[str, ...] = OUTPUTS) -> onnx.ModelProto:
    """Traces a module into an ONNX model with the contract's names and a free batch size; `outputs` are what it answers."""
    latent = torch.zeros(2, latent_size, device=_device(module))
    pitches = torch.full((2,), pitch, dtype=torch.int64, device=latent.device)
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        # The tracing exporter writes smaller graphs than the newer one, and says at each call that it is the older.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (latent, pitches), buffer, input_names=["latent", "pitch"], output_names=list(outputs),
            dynamic_axes={name: {0: "n"} for name in ("latent", "pitch", *outputs)},
            opset_version=OPSET, dynamo=False,
        )
    model = onnx.load_model_from_string(buffer.getvalue())
    model.ir_version = IR_VERSION
    return model


def compare(generator: torch.nn.Module, content: bytes, seed: int, batch: int = 4) -> Parity:
    """Compares a file's bytes with the module on a fresh latent at every pitch.

    The difference of the level (log power or log magnitude) is divided by half the range that the notes cover, that of
    the angle (in units of pi) by 1: both then count as in the network's range of -1..1. Angles a whole turn apart are
    the same.
    """
    pitches = torch.arange(generator.pitch_min, generator.pitch_max + 1)
    latents = torch.randn(len(pitches), generator.latent_size, generator=torch.Generator().manual_seed(seed))
    run = session(content)
    differences = []
    least, greatest = np.inf, -np.inf
    device = _device(generator)
    for start in range(0, len(pitches), batch):
        part = slice(start, start + batch)
        with torch.no_grad():
            right = generator(latents[part].to(device), pitches[part].to(device)).float().cpu().numpy()
        found = _run(run, latents[part].numpy(), pitches[part].numpy())
        if not (np.isfinite(right).all() and np.isfinite(found).all()):
            raise TrainingError("The generator gives values that are no numbers: its training has diverged.")
        difference = (found - right).swapaxes(0, 1).reshape(2, -1)
        difference[1] -= 2 * np.round(difference[1] / 2)
        differences.append(np.abs(difference))
        least, greatest = min(least, right[:, 0].min()), max(greatest, right[:, 0].max())
    # A generator whose level never changes has no range to measure by.
    unit = np.array([max(0.5 * (greatest - least), 1.0), 1.0], np.float32)
    difference = np.concatenate(differences, axis=1) / unit[:, None]
    common = np.quantile(difference, 1 - SINGLE_SHARE, axis=1)
    return Parity(len(pitches), float(difference.max()), float(common.max()), float(difference.mean(1).max()))


def _run(run: onnxruntime.InferenceSession, latents: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    try:
        (found,) = run.run(["spectrogram"], {"latent": latents, "pitch": pitches})
    except Exception as error:  # ONNX Runtime raises a class of its own for each status
        raise TrainingError(
            f"The exported graph does not run on {len(latents)} notes at a time, so nothing was written: its batch "
            "size is fixed. A forward() that calls len(x) fixes it; x.shape[0] does not. ONNX Runtime says: "
            f"{str(error).splitlines()[0]}"
        ) from error
    return found


def _device(module: torch.nn.Module) -> torch.device:
    tensor = next(module.parameters(), None)
    return torch.device("cpu") if tensor is None else tensor.device


def add_manifest_arguments(parser: argparse.ArgumentParser) -> None:
    """What a user may say of a model."""
    parser.add_argument("--name", help="what the plugin shows (default: the name of what is read)")
    parser.add_argument("--author")
    parser.add_argument("--licence")
    parser.add_argument("--trained-on", help="the data, in a line")
    parser.add_argument("--half-weights", action="store_true", help="half the file, for a small error that is printed")


def manifest_fields(arguments: argparse.Namespace) -> dict[str, str | None]:
    """What was said of a model, as fields of its manifest."""
    return {key: getattr(arguments, key) for key in ("name", "author", "licence", "trained_on")}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m timbrel_training.export", description=__doc__.split("\n")[0])
    parser.add_argument("source", type=Path, metavar="RUN_OR_CHECKPOINT")
    parser.add_argument("--out", required=True, type=Path, metavar="MODEL.onnx")
    add_manifest_arguments(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    fields = manifest_fields(arguments)
    if arguments.name is None:
        fields["name"] = arguments.source.resolve().name
    parity = export(generators.load(arguments.source), arguments.out, fields, half_weights=arguments.half_weights)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB; {parity}")


if __name__ == "__main__":
    run_command(main)
