"""The paper's generator rewritten for inference: the same function in fewer operations.

- Nearest-neighbour upsampling followed by a 3x3 convolution gives four kinds of output pixels (even and odd row, even
  and odd column). Each sees two by two pixels of the small image, so four 2x2 convolutions of the small image and an
  interleaving do the same with 4/9 of the multiplications.
- The first layer is a matrix: the latent's part a product, the pitch's part a table.
- The mean over channels in pixel normalisation is a 1x1 convolution, which ONNX Runtime runs in its own memory layout
  (a ReduceMean would be reordered to and fro).
- Equalised learning-rate scales are folded into the weights, denormalisation is inside, and only the last to_rgb is
  left.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

# networks.py of magenta's GANSynth: leaky_relu of tf.nn, and the epsilon of pixel_norm.
LEAK = 0.2
PIXEL_NORM_EPSILON = 1e-8


@dataclass
class Conv:
    """A convolution with its scale folded in: weight [out, in, height, width], bias [out]."""

    weight: torch.Tensor
    bias: torch.Tensor


@dataclass
class Progressive:
    """A progressive generator as plain numbers, at a moment when the last `to_rgb` (or the last two) counts.

    `first` [latent + pitches, channels, rows, columns] is the first layer as a matrix from the normalised input to the
    start image; `second` the convolution after it; `blocks` two convolutions for each doubling; `to_rgb` 1x1.
    While a block fades in, the image is `blend` of `to_rgb` and 1 - `blend` of `to_rgb_before`, doubled.
    `enlarge` doubles a generator of an earlier stage to the full size (nearest neighbour).
    """

    first: torch.Tensor
    first_bias: torch.Tensor
    second: Conv
    blocks: list[tuple[Conv, Conv]]
    to_rgb: Conv
    latent_size: int
    pitch_min: int
    scale: tuple[float, float]
    offset: tuple[float, float]
    to_rgb_before: Conv | None = None
    blend: float = 1.0
    enlarge: int = 1
    representation: str = "if-mel-hires"
    tanh: bool = True


class FastGraph(nn.Module):
    """`Progressive` as a generator: (latent [N, L], pitch [N]) -> image [N, 2, frames, bins]."""

    def __init__(self, layers: Progressive):
        super().__init__()
        inputs, channels, rows, columns = layers.first.shape
        self.latent_size = layers.latent_size
        self.pitch_min = layers.pitch_min
        self.pitch_max = layers.pitch_min + inputs - layers.latent_size - 1
        self.representation = layers.representation
        self.inputs = inputs
        self.start_shape = (channels, rows, columns)
        matrix = layers.first.detach().reshape(inputs, -1)
        self.register_buffer("from_latent", matrix[: self.latent_size].clone())
        self.register_buffer("from_pitch", matrix[self.latent_size :].clone())
        self.register_buffer("start_bias", layers.first_bias.detach().repeat_interleave(rows * columns))
        self.first_norm = PixelNorm(channels)
        self.second = SameConv(layers.second)
        self.blocks = nn.ModuleList(Doubling(*pair) for pair in layers.blocks)
        self.to_rgb = SameConv(layers.to_rgb, norm=False)
        self.to_rgb_before = SameConv(layers.to_rgb_before, norm=False) if layers.blend < 1 else None
        self.blend = layers.blend
        self.enlarge = layers.enlarge
        self.tanh = layers.tanh
        # (y - offset) / scale as one product and one sum.
        scale, offset = torch.tensor(layers.scale), torch.tensor(layers.offset)
        self.register_buffer("gain", (1 / scale).view(1, 2, 1, 1))
        self.register_buffer("shift", (-offset / scale).view(1, 2, 1, 1))

    def forward(self, latent: torch.Tensor, pitch: torch.Tensor) -> torch.Tensor:
        # Pixel norm of latent and one-hot pitch together: the one adds exactly 1 to the sum of squares.
        power = (latent.square().sum(1, keepdim=True) + 1) * (1 / self.inputs)
        # A pitch out of range sounds as the nearest one that there is.
        key = pitch.clamp(self.pitch_min, self.pitch_max) - self.pitch_min
        start = (latent @ self.from_latent + self.from_pitch[key]) * torch.rsqrt(power + PIXEL_NORM_EPSILON)
        x = (start + self.start_bias).reshape(-1, *self.start_shape)
        x = self.second(self.first_norm(F.leaky_relu(x, LEAK)))
        before = x
        for block in self.blocks:
            before, x = x, block(x)
        image = self._squash(self.to_rgb(x))
        if self.to_rgb_before is not None:
            small = self._squash(self.to_rgb_before(before))
            image = self.blend * image + (1 - self.blend) * F.interpolate(small, scale_factor=2.0, mode="nearest")
        if self.enlarge > 1:
            image = F.interpolate(image, scale_factor=float(self.enlarge), mode="nearest")
        return image * self.gain + self.shift

    def _squash(self, image: torch.Tensor) -> torch.Tensor:
        return torch.tanh(image) if self.tanh else image


class PixelNorm(nn.Module):
    """x / sqrt(mean over channels of x^2 + epsilon), the mean as a 1x1 convolution with epsilon for its bias."""

    def __init__(self, channels: int):
        super().__init__()
        self.register_buffer("weight", torch.full((1, channels, 1, 1), 1 / channels))
        self.register_buffer("bias", torch.full((1,), PIXEL_NORM_EPSILON))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt(F.conv2d(x * x, self.weight, self.bias))


class SameConv(nn.Module):
    """A convolution that keeps the size; leaky ReLU and pixel norm after it unless `norm` is False."""

    def __init__(self, conv: Conv, norm: bool = True):
        super().__init__()
        self.register_buffer("weight", conv.weight.detach().clone())
        self.register_buffer("bias", conv.bias.detach().clone())
        self.padding = conv.weight.shape[-1] // 2
        self.norm = PixelNorm(len(conv.bias)) if norm else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.conv2d(x, self.weight, self.bias, padding=self.padding)
        return y if self.norm is None else self.norm(F.leaky_relu(y, LEAK))


class Doubling(nn.Module):
    """Doubles the size: upsampling and convolution in four phases, then a second convolution."""

    def __init__(self, first: Conv, second: Conv):
        super().__init__()
        weight = first.weight.detach()
        # Output row 2i sees the small rows i-1 (kernel row 0) and i (rows 1 and 2); row 2i+1 sees i (0 and 1), i+1 (2).
        for a in (0, 1):
            for b in (0, 1):
                phase = _fold(_fold(weight, 2, odd=bool(a)), 3, odd=bool(b))
                self.register_buffer(f"phase{a}{b}", phase.contiguous())
        self.register_buffer("bias", first.bias.detach().clone())
        self.norm = PixelNorm(len(first.bias))
        self.second = SameConv(second)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        phases = [
            ShiftedConv.apply(x, getattr(self, f"phase{a}{b}"), self.bias, (1 - a, 1 - b, a, b))
            for a in (0, 1) for b in (0, 1)
        ]
        return self.second(self.norm(F.leaky_relu(Interleave.apply(torch.cat(phases, 1)), LEAK)))


def _fold(weight: torch.Tensor, axis: int, odd: bool) -> torch.Tensor:
    """A kernel of three taps as the two taps that an even or odd output pixel has on the small image."""
    first, middle, last = weight.unbind(axis)
    return torch.stack([first + middle, last] if odd else [first, middle + last], axis)


class ShiftedConv(torch.autograd.Function):
    """A convolution with its own padding on each side: (top, left, bottom, right). ONNX has it, PyTorch has not."""

    @staticmethod
    def forward(ctx, x, weight, bias, padding):
        top, left, bottom, right = padding
        return F.conv2d(F.pad(x, (left, right, top, bottom)), weight, bias)

    @staticmethod
    def symbolic(g, x, weight, bias, padding):
        return g.op("Conv", x, weight, bias, pads_i=list(padding), kernel_shape_i=[2, 2], strides_i=[1, 1])


class Interleave(torch.autograd.Function):
    """[N, 4 C, H, W], phases one after the other -> [N, C, 2 H, 2 W]: ONNX's DepthToSpace in its default order."""

    @staticmethod
    def forward(ctx, x):
        n, channels, height, width = x.shape
        x = x.reshape(n, 2, 2, channels // 4, height, width).permute(0, 3, 4, 1, 5, 2)
        return x.reshape(n, channels // 4, 2 * height, 2 * width)

    @staticmethod
    def symbolic(g, x):
        return g.op("DepthToSpace", x, blocksize_i=2)
