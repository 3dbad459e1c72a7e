"""Notes a second on a device, by generator, precision and batch, beside what the device's own matrix product reaches.

    python benches/gpu.py [--device cpu] [--tiny] [--samples 1000]

Meant for a machine with a GPU, where everything runs as CUDA graphs; `--tiny` tries the script anywhere, on networks of a few
channels whose figures mean nothing. Printed are tables in Markdown: notes a second and the share of the device's measured
limit, a refresh of the whole keyboard with its way back to the processor's memory, and WaveNet (`wavenet.py`).
"""

import argparse
import platform
from dataclasses import dataclass
from pathlib import Path

import torch
import wavenet
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from timbrel_training import config, generators
from timbrel_training.normaliser import PUBLISHED_MEL

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_CHECKPOINT = ROOT / "training/checkpoints/default"
KEYS = 61


@dataclass(frozen=True)
class Subject:
    """A generator to be measured; `like` names the one that it must agree with."""

    name: str
    module: nn.Module
    like: str | None = None


def subjects(device: torch.device, tiny: bool = False) -> list[Subject]:
    """The paper's generator with random weights, plain and rewritten, and the default model's."""
    torch.manual_seed(0)
    read = config.read(ROOT / "training/config/paper.toml")
    settings = {
        "representation": read.representation,
        "normaliser": PUBLISHED_MEL,
        "pitch_min": read.data.pitch_min,
        "pitch_max": read.data.pitch_max,
        **read.generator.settings,
    }
    if tiny:
        settings |= {"channels_base": 256, "channels_max": 8}
    paper = generators.build(read.generator.kind, settings).eval().requires_grad_(False)
    default = generators.load(DEFAULT_CHECKPOINT)
    default = default.for_inference() if hasattr(default, "for_inference") else default
    found = [
        Subject("the paper's, plain", paper),
        Subject("the paper's, rewritten", paper.for_inference(), "the paper's, plain"),
        Subject("the default model", default),
    ]
    return [Subject(s.name, s.module.to(device).eval().requires_grad_(False), s.like) for s in found]


def inputs(module: nn.Module, batch: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Latents and pitches that go through the keyboard."""
    latent = torch.randn(batch, module.latent_size, generator=torch.Generator().manual_seed(3))
    pitch = module.pitch_min + torch.arange(batch) % (module.pitch_max - module.pitch_min + 1)
    return latent.to(device), pitch.to(device)


def half_precision(device: torch.device) -> torch.dtype:
    return torch.float16 if device.type == "cuda" else torch.bfloat16


def run(module: nn.Module, latent: Tensor, pitch: Tensor, dtype: torch.dtype) -> Tensor:
    if dtype == torch.float32:
        return module(latent, pitch)
    with torch.autocast(latent.device.type, dtype):
        return module(latent, pitch)


def limit(device: torch.device, dtype: torch.dtype, size: int, rounds: int) -> float:
    """FLOP/s of a large matrix product."""
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    return 2 * size**3 / wavenet.timed(lambda: a @ b, device, rounds)


def flops(module: nn.Module, device: torch.device) -> int:
    """Of one note, as PyTorch counts its products and convolutions."""
    with FlopCounterMode(display=False) as counter:
        module(*inputs(module, 1, device))
    return counter.get_total_flops()


def apart(found: Tensor, right: Tensor) -> str:
    """What half of the values stay within, and all but one in a thousand; angles a whole turn apart are the same."""
    difference = (found.float() - right.float()).swapaxes(0, 1).flatten(1).clone()
    difference[1] -= 2 * (difference[1] / 2).round()
    values = difference.abs().flatten()
    within = (values.kthvalue(max(1, int(share * len(values)))).values.item() for share in (0.5, 0.999))
    return " / ".join(f"{value:.0e}" for value in within)


def print_notes(device: torch.device, measured: list[Subject], batches: list[int], rounds: int, size: int) -> None:
    print("| generator | precision | batch | ms a note | notes a second | ratio | of the matrix limit | differs by |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    outputs: dict[str, Tensor] = {}
    reference = None
    for dtype in (torch.float32, half_precision(device)):
        most = limit(device, dtype, size, rounds)
        for subject in measured:
            work = flops(subject.module, device)
            for batch in batches:
                latent, pitch = inputs(subject.module, batch, device)
                seconds = wavenet.timed(lambda: run(subject.module, latent, pitch, dtype), device, rounds) / batch
                reference = reference or seconds
                note = ""
                if batch == batches[0]:
                    image = run(subject.module, latent, pitch, dtype)
                    outputs.setdefault(subject.name, image)
                    note = apart(image, outputs[subject.like or subject.name])
                print(f"| {subject.name} | {str(dtype).removeprefix('torch.')} | {batch} | {1e3 * seconds:.4g} | "
                      f"{1 / seconds:.4g} | {seconds / reference:.4g} | {100 * work / seconds / most:.0f} % | {note} |")
        print(f"| matrix product of {size} | {str(dtype).removeprefix('torch.')} | | | | | {most / 1e12:.4g} TFLOP/s | |")


def print_keyboard(device: torch.device, measured: list[Subject], rounds: int) -> None:
    print(f"\n| generator | precision | ms for {KEYS} keys | with the way to the processor's memory |")
    print("|---|---|---:|---:|")
    for subject in measured:
        latent, pitch = inputs(subject.module, KEYS, device)
        for dtype in (torch.float32, half_precision(device)):
            image = run(subject.module, latent, pitch, dtype)
            host = torch.empty(image.shape, dtype=image.dtype, pin_memory=device.type == "cuda")
            alone = wavenet.timed(lambda: run(subject.module, latent, pitch, dtype), device, rounds)
            moved = wavenet.timed(
                lambda: host.copy_(run(subject.module, latent, pitch, dtype), non_blocking=True), device, rounds)
            print(f"| {subject.name} | {str(dtype).removeprefix('torch.')} | {1e3 * alone:.4g} | {1e3 * moved:.4g} |")


def print_wavenet(device: torch.device, batches: list[int], samples: int, rounds: int, measured: list[Subject],
                  difference: float, width: int = 512, skip: int = 256) -> None:
    """WaveNet beside the generators, single precision, in the same run."""
    print(f"\nOn {describe(device)}, single precision. A sample of WaveNet is the median of {samples}, a note {wavenet.NOTE_SAMPLES} of "
          f"them. The cached decoder equals the uncached one within {difference:.0e}.\n")
    print("| | batch | s a note | times as long as the paper's generator | as the default model |")
    print("|---|---:|---:|---:|---:|")
    for sample in wavenet.measure(device, batches, samples, width, skip):
        own = {}
        for subject in measured:
            latent, pitch = inputs(subject.module, sample.batch, device)
            own[subject.name] = wavenet.timed(lambda: subject.module(latent, pitch), device, rounds) / sample.batch
        paper, default = own["the paper's, rewritten"], own["the default model"]
        print(f"| WaveNet | {sample.batch} | {sample.note_seconds:.1f} | {sample.note_seconds / paper:,.0f} | "
              f"{sample.note_seconds / default:,.0f} |")
        for name, seconds in own.items():
            print(f"| {name} | {sample.batch} | {seconds:.4g} | {seconds / paper:.3f} | {seconds / default:.3f} |")


def describe(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"one thread of {platform.machine()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tiny", action="store_true", help="small networks and few rounds, to try the script")
    parser.add_argument("--samples", type=int, default=1000, help="samples of WaveNet that are timed (default: 1000)")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    # The default lets convolutions round their inputs to ten bits, which would not be single precision.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    difference = wavenet.check()
    measured = subjects(device, arguments.tiny)
    batches, rounds, size = ([1, 2], 2, 256) if arguments.tiny else ([1, 8, KEYS, 256], 20, 8192)
    print(f"{describe(device)}, PyTorch {torch.__version__}; medians of {rounds}. The ratio is to the first line; "
          "the last column is what half of the values, and all but one in a thousand, differ by at most from single precision "
          "of the plain form.\n")
    print_notes(device, measured, batches, rounds, size)
    print_keyboard(device, measured, rounds)
    width, skip, samples = (16, 16, 20) if arguments.tiny else (512, 256, arguments.samples)
    print_wavenet(device, batches[:2] if arguments.tiny else [1, 64], samples, rounds, measured, difference, width, skip)


if __name__ == "__main__":
    main()
