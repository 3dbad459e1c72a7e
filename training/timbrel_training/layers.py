"""Layers of a progressive GAN (Karras et al. 2018, arXiv 1710.10196), as magenta's `layers.py` has them."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# `tf.nn.leaky_relu`, and the epsilons of `pixel_norm` and `minibatch_mean_stddev`.
LEAK = 0.2
PIXEL_NORM_EPSILON = 1e-8
DEVIATION_EPSILON = 1e-6


def at_least_single(x: Tensor) -> Tensor:
    """The tensor in single precision, where it has less."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def leaky_relu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, LEAK)


def pixel_norm(x: Tensor) -> Tensor:
    """Divides each pixel [N, C, ...] by the root mean square over its channels; computed in single precision."""
    square = at_least_single(x).square().mean(dim=1, keepdim=True)
    return x * torch.rsqrt(square + PIXEL_NORM_EPSILON).to(x.dtype)


def normalised_leaky_relu(x: Tensor) -> Tensor:
    """The generator's activation: leaky ReLU, then pixel norm."""
    return pixel_norm(leaky_relu(x))


class EqualisedConv2d(nn.Module):
    """A convolution whose weights are drawn from N(0, 1) and scaled in use, so that all layers learn at one rate.

    The scale is that of He's initialisation for an activation of slope `slope` after it: 0 before a leaky ReLU (as the
    published code has it), 1 where nothing follows.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int | tuple[int, int], slope: float = 0.0, padding: int = 0):
        super().__init__()
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        self.weight = nn.Parameter(torch.randn(outputs, inputs, height, width))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = math.sqrt(2.0 / ((1.0 + slope**2) * inputs * height * width))
        self.padding = padding

    def scaled_weight(self) -> Tensor:
        """The weights as they are used, [outputs, inputs, height, width]."""
        return self.weight * self.scale

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.scaled_weight(), self.bias, padding=self.padding)


class ImageConv2d(EqualisedConv2d):
    """A 1x1 convolution to or from an image, always in single precision: with the eight bits of bfloat16 an
    instantaneous frequency is a few cents off at the low end of the keyboard."""

    def __init__(self, inputs: int, outputs: int, slope: float = 0.0):
        super().__init__(inputs, outputs, 1, slope)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(at_least_single(x))


class UpsamplingConv2d(EqualisedConv2d):
    """Nearest-neighbour upsampling by two and a 3x3 convolution: [N, C, H, W] -> [N, outputs, 2 H, 2 W].

    With `folded` both become one transposed convolution, which is the same function with 4/9 of the multiplications:
    each output pixel sees two by two pixels of the small image.
    """

    def __init__(self, inputs: int, outputs: int, folded: bool = False):
        super().__init__(inputs, outputs, 3, padding=1)
        self.folded = folded

    def forward(self, x: Tensor) -> Tensor:
        if not self.folded:
            return super().forward(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        # Upsampling is a transposed convolution with two ones on each axis; with the kernel's three taps after it that
        # makes four.
        kernel = self.scaled_weight().flip(2, 3).transpose(0, 1)
        for before, after in (((1, 0, 0, 0), (0, 1, 0, 0)), ((0, 0, 1, 0), (0, 0, 0, 1))):
            kernel = F.pad(kernel, before) + F.pad(kernel, after)
        return F.conv_transpose2d(x, kernel, self.bias, stride=2, padding=1)


class EqualisedLinear(nn.Module):
    """A dense layer with weights from N(0, 1), scaled in use for no activation after it."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = math.sqrt(1.0 / inputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.bias)


def append_minibatch_deviation(x: Tensor) -> Tensor:
    """Adds a channel with the mean standard deviation over the batch: [N, C, H, W] -> [N, C + 1, H, W].

    The mean over the batch is held fixed, as in the published code, where TensorFlow's `moments` stops the gradient
    there: the first derivative is the same, the second one, which the gradient penalty needs, is not.
    """
    values = at_least_single(x)
    variance = (values - values.mean(dim=0).detach()).square().mean(dim=0)
    deviation = torch.sqrt(variance + DEVIATION_EPSILON).mean()
    return torch.cat([x, deviation.to(x.dtype).expand(len(x), 1, *x.shape[2:])], dim=1)
