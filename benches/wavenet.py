"""NSynth's WaveNet decoder beside GANSynth's generator: the paper's comparison, measured.

    python benches/wavenet.py [--device cuda] [--samples 64]

The decoder is that of magenta's `nsynth/wavenet/h512_bo16.py`: 30 layers of 512 channels with filters of three samples and
dilations 1 to 512 three times over, skips of 256, mu-law output of 256, conditioned on 16 numbers every 512 samples. It
makes one sample after the other, so its states are cached (`fastgen`): no sample is computed twice. Weights are random; speed
does not depend on them. A note is 64,000 samples, every one of which costs the same: some are timed, and multiplied.

On a GPU both run as CUDA graphs, so that what is timed is the work and not the starting of it.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NOTE_SAMPLES = 64_000
CODE_SIZE = 16
LEVELS = 256


class WaveNet(nn.Module):
    """The decoder, uncached (`forward`) and sample by sample (`start`, `step`)."""

    def __init__(self, width: int = 512, skip: int = 256, layers: int = 30, stages: int = 10):
        super().__init__()
        self.width = width
        self.dilations = [2 ** (layer % stages) for layer in range(layers)]
        self.first = nn.Linear(3, width)
        self.skip_first = nn.Linear(width, skip)
        self.dilated = nn.ModuleList(nn.Linear(3 * width, 2 * width) for _ in range(layers))
        self.condition = nn.ModuleList(nn.Linear(CODE_SIZE, 2 * width) for _ in range(layers))
        self.residual = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.skip = nn.ModuleList(nn.Linear(width, skip) for _ in range(layers))
        self.out = nn.Linear(skip, skip)
        self.condition_out = nn.Linear(CODE_SIZE, skip)
        self.logits = nn.Linear(skip, LEVELS)

    def forward(self, wave: Tensor, code: Tensor) -> Tensor:
        """Logits [N, T, 256] of every sample of a wave [N, T] in -1..1, each from the samples before it; code [N, 16]."""
        x = self.first(taps(F.pad(wave, (1, -1))[..., None], 1))
        skips = self.skip_first(x)
        for layer, dilation in enumerate(self.dilations):
            x, skips = self._layer(layer, taps(x, dilation), x, skips, self.condition[layer](code)[:, None])
        return self._end(skips, self.condition_out(code)[:, None])

    def start(self, code: Tensor, samples: int) -> None:
        """Prepares to make up to `samples` samples of N notes. All that `step` needs lies on the device from then on."""
        count, like = len(code), {"device": code.device, "dtype": code.dtype}
        self.time = torch.zeros(1, dtype=torch.int64, device=code.device)
        self.sample = torch.zeros(count, 1, **like)
        self.uniform = torch.rand(samples, count, 1, **like)
        self.rings = [torch.zeros(2, count, 1, **like)]
        self.rings += [torch.zeros(2 * dilation, count, self.width, **like) for dilation in self.dilations]
        self.conditions = [condition(code) for condition in self.condition]
        self.condition_last = self.condition_out(code)

    def step(self, forced: Tensor | None = None) -> Tensor:
        """The logits [N, 256] of the next sample, which is drawn from them, or is `forced` [N, 1]."""
        x = self.first(self._cached(0, 1, self.sample))
        skips = self.skip_first(x)
        for layer, dilation in enumerate(self.dilations):
            history = self._cached(layer + 1, dilation, x)
            x, skips = self._layer(layer, history, x, skips, self.conditions[layer])
        logits = self._end(skips, self.condition_last)
        if forced is None:
            # The first level at which the distribution passes a uniform number, as in `fastgen`.
            uniform = self.uniform.index_select(0, self.time % len(self.uniform))[0]
            level = (logits.softmax(-1).cumsum(-1) < uniform).sum(-1, keepdim=True)
            forced = (level.to(logits.dtype) - LEVELS // 2) / (LEVELS // 2)
        self.sample.copy_(forced)
        self.time += 1
        return logits

    def _cached(self, ring: int, dilation: int, x: Tensor) -> Tensor:
        """The inputs of a filter, 2 d and d samples ago and now; now takes the place of the oldest."""
        ring = self.rings[ring]
        oldest = self.time % (2 * dilation)
        before = ring.index_select(0, (oldest + dilation) % (2 * dilation))[0]
        history = torch.cat([ring.index_select(0, oldest)[0], before, x], -1)
        ring.index_copy_(0, oldest, x[None])
        return history

    def _layer(self, layer: int, history: Tensor, x: Tensor, skips: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        gate, value = (self.dilated[layer](history) + condition).chunk(2, -1)
        y = gate.sigmoid() * value.tanh()
        return x + self.residual[layer](y), skips + self.skip[layer](y)

    def _end(self, skips: Tensor, condition: Tensor) -> Tensor:
        return self.logits((self.out(skips.relu()) + condition).relu())

    def multiplications(self) -> int:
        """Multiply-adds of one sample."""
        layers = [self.first, self.skip_first, *self.dilated, *self.residual, *self.skip, self.out, self.logits]
        return sum(layer.weight.numel() for layer in layers)


def taps(x: Tensor, dilation: int) -> Tensor:
    """[N, T, C] -> [N, T, 3 C]: each row with those `dilation` and twice `dilation` before it, the oldest first."""
    length = x.shape[1]
    padded = F.pad(x, (0, 0, 2 * dilation, 0))
    return torch.cat([padded[:, shift * dilation : shift * dilation + length] for shift in range(3)], -1)


@torch.no_grad()
def check(samples: int = 1200) -> float:
    """The largest difference of the cached decoder from the uncached one, in double precision, with all dilations in use but
    few channels. Raises where they are not the same function."""
    torch.manual_seed(1)
    net = WaveNet(width=8, skip=8).double()
    wave, code = torch.rand(2, samples).double() * 2 - 1, torch.randn(2, CODE_SIZE).double()
    right = net(wave, code)
    net.start(code, samples)
    found = torch.stack([net.step(forced=wave[:, t : t + 1]) for t in range(samples)], 1)
    difference = (found - right).abs().max().item()
    # The samples far back must matter, or the check would hold for wrong states as well.
    changed = wave.clone()
    changed[:, 0] += 1.0
    assert (net(changed, code) - right)[:, 1030:].abs().max() > 1e-6, "no sample depends on one 1,030 before it"
    assert difference < 1e-9, f"the cached decoder differs from the uncached one by {difference}"
    return difference


def timed(work: Callable[[], object], device: torch.device, rounds: int) -> float:
    """Median seconds of `work`: as a CUDA graph where there is a GPU, else of this process's own processor time (one thread),
    in which other programs are not."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    run = work
    if device.type == "cuda":
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(3):
                work()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            work()
        run = graph.replay
    run()
    seconds = []
    for _ in range(rounds):
        synchronise(device)
        start = clock()
        run()
        synchronise(device)
        seconds.append(clock() - start)
    return statistics.median(seconds)


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


@dataclass(frozen=True)
class Sample:
    """What one sample of WaveNet costs, for `batch` notes at once."""

    batch: int
    seconds: float

    @property
    def note_seconds(self) -> float:
        """Of one note, once all of the batch are done."""
        return self.seconds * NOTE_SAMPLES / self.batch


@torch.no_grad()
def measure(device: torch.device, batches: list[int], samples: int, width: int = 512, skip: int = 256) -> list[Sample]:
    """Times one step of the decoder at each batch."""
    torch.manual_seed(0)
    net = WaveNet(width, skip).to(device)
    found = []
    for batch in batches:
        net.start(torch.randn(batch, CODE_SIZE, device=device), samples)
        found.append(Sample(batch, timed(net.step, device, samples)))
        assert net.sample.isfinite().all(), "the decoder gave no numbers"
    return found


def main() -> None:
    import gpu

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--samples", type=int, default=100, help="samples that are timed (default: 100)")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    difference = check()
    batches, rounds = ([1, 64], 20) if device.type == "cuda" else ([1, 8], 3)
    gpu.print_wavenet(device, batches, arguments.samples, rounds, gpu.subjects(device), difference)


if __name__ == "__main__":
    main()
