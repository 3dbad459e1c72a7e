"""Spectral representations, the six of the paper and the full band's `if-linear`: waves to images and back.

Names, sizes and numbers are those of the plugin (`src/spectral/`); of the six also those of magenta's
`specgrams_helper.py` and `spectral_ops.py`: four seconds at 16 kHz, periodic Hann windows that overlap by three
quarters, all padding in front, the DC bin dropped. `if-linear` is the paper's `if-hires` with sizes of its own
(`geometry.py`), and may drop bins at the top, too, which are then silent.
"""

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from timbrel_training.errors import TrainingError
from timbrel_training.geometry import LINEAR, NAMES, NOTE_SECONDS, OVERLAPPING, PUBLISHED_RATE, Geometry, Reduced
from timbrel_training.mel import linear_to_mel, mel_to_linear
from timbrel_training.normaliser import FIT_IMAGES, PUBLISHED_MEL, Normaliser

__all__ = ["FIT_IMAGES", "LINEAR", "NAMES", "NOTE_SAMPLES", "PUBLISHED_MEL", "SAMPLE_RATE", "Geometry", "Normaliser",
           "Representation"]

# Of the six published representations.
SAMPLE_RATE = PUBLISHED_RATE
NOTE_SAMPLES = NOTE_SECONDS * PUBLISHED_RATE

# Added before a logarithm is taken (`_safe_log`): to the magnitude, and to the mel power.
LOG_EPS = 1e-6

# Sum of the squared Hann windows that overlap at any sample; the published inverse window is the window over this sum
# (`inverse_stft_window_fn` of TensorFlow).
HANN_SQUARED_OVERLAP = 1.5


class Representation:
    """What the two channels of an image [N, 2, frames, bins] hold.

    Channel 0 is the natural logarithm of magnitude (linear scales) or of power (mel); channel 1 is phase or its advance
    from frame to frame in units of pi. The matrices of the mel scale are made at the first use and kept.

    Two are equal when their sizes are.

    Attributes:
        geometry: all sizes; the most used are attributes here as well.
        name: one of `NAMES`, or `LINEAR`.
        frames, bins: size of an image.
        n_fft, hop, pad_left: of the short-time Fourier transform, in samples.
        sample_rate: in Hz.
        note_samples: samples of a note.
    """

    def __init__(self, told: str | Mapping[str, Any] | Geometry):
        """`told` is a published name, settings or a manifest (which tell sizes), or a geometry."""
        geometry = Geometry.of(told)
        self.geometry = geometry
        self.name = geometry.name
        self.is_hires = geometry.name.endswith("-hires")
        self.is_mel = "mel" in geometry.name
        self.is_phase = geometry.name.startswith("phase")
        self.frames, self.bins = geometry.frames, geometry.bins
        self.n_fft, self.hop = geometry.n_fft, geometry.hop
        self.pad_left = geometry.pad_left
        self.sample_rate = geometry.sample_rate
        self.note_samples = geometry.note_samples

    @classmethod
    def linear(cls, sample_rate: int = 48_000, n_fft: int = 6_144, hop: int = 1_536, frames: int = 128,
               bins: int = 2_560) -> "Representation":
        """`if-linear` of these sizes; a TrainingError says which the plugin takes."""
        return cls(Geometry.linear(sample_rate, n_fft, hop, frames, bins))

    @classmethod
    def of(cls, told: "str | Mapping[str, Any] | Geometry | Representation") -> "Representation":
        """The representation that a name, settings, a manifest or a geometry tell of; one that is made already stays."""
        return told if isinstance(told, Representation) else cls(told)

    @property
    def settings(self) -> dict[str, Any]:
        """Plain values from which `of` makes it again; they are the fields of a manifest."""
        return self.geometry.settings

    def __repr__(self) -> str:
        return f"Representation({self.settings if self.name == LINEAR else self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Representation) and other.geometry == self.geometry

    def __hash__(self) -> int:
        return hash(self.geometry)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of one image: (2, frames, bins)."""
        return self.geometry.image_shape

    @property
    def published_normaliser(self) -> Normaliser | None:
        """The published constants; None where they are to be fitted to the data."""
        return PUBLISHED_MEL if self.is_mel and not isinstance(self.geometry, Reduced) else None

    def analyse(self, waves: Tensor) -> Tensor:
        """Analyses notes.

        Args:
            waves: [N, note_samples] float32 at `sample_rate`, full scale 1, on any device. A note takes some 6 MB on the
                way at 16 kHz, 20 MB at 48.

        Returns:
            [N, 2, frames, bins] float32, not normalised.

        Raises:
            TrainingError: when the waves are of another length or hold what is no number.
        """
        if waves.ndim != 2 or waves.shape[1] != self.note_samples:
            raise TrainingError(
                f"Waves of the shape {tuple(waves.shape)} cannot be analysed; cut or pad each to {self.note_samples} "
                f"samples, {self.note_samples / self.sample_rate:g} s at {self.sample_rate} Hz."
            )
        _check_finite(waves, "wave")
        padded = torch.nn.functional.pad(waves.float(), (self.pad_left, 0))
        windows = padded.unfold(1, self.n_fft, self.hop) * self._window.to(waves.device)
        spectrum = torch.fft.rfft(windows)[..., 1 : 1 + self.bins]
        level = torch.log(spectrum.abs() + LOG_EPS)
        # Adding zero takes the sign from a negative zero, so that digital silence has phase 0 and not pi.
        phase = torch.atan2(spectrum.imag + 0.0, spectrum.real + 0.0)
        if self.is_phase:
            return torch.stack([level, phase / math.pi], dim=1)
        frequency = instantaneous_frequency(phase)
        if not self.is_mel:
            return torch.stack([level, frequency], dim=1)
        to_mel = self._to_mel.to(waves.device)
        power = torch.exp(2.0 * level) @ to_mel
        mel_phase = torch.cumsum(frequency * math.pi, dim=1) @ to_mel
        return torch.stack([torch.log(power + LOG_EPS), instantaneous_frequency(mel_phase)], dim=1)

    def synthesise(self, image: Tensor, gain: Tensor | None = None) -> Tensor:
        """Synthesises notes; the inverse of `analyse`, for the mel scale only nearly.

        Args:
            image: [N, 2, frames, bins], not normalised, on any device.
            gain: factors of the linear magnitudes, of a shape that spreads to [N, frames, bins]; None leaves them.

        Returns:
            [N, note_samples] float32. The last three hops fade, since no window follows that would complete them: the published
            padding stands all in front.

        Raises:
            TrainingError: when the images are of another shape or hold what is no number.
        """
        if image.ndim != 4 or tuple(image.shape[1:]) != self.image_shape:
            raise TrainingError(
                f"Images of the shape {tuple(image.shape)} are not of the representation {self.name}, whose images are "
                f"{list(self.image_shape)}; check which representation the model was trained with."
            )
        _check_finite(image, "image")
        magnitude, turns = self.polar(image)
        if gain is not None:
            magnitude = magnitude * gain
        if self.is_phase:
            phase = turns
        else:
            phase = torch.cumsum(turns, dim=1)
        radians = (phase - phase.round()) * (2.0 * math.pi)
        imaginary = magnitude * torch.sin(radians)
        # The transform of a real signal is real at the Nyquist frequency; the published inverse takes that part alone.
        imaginary[..., self.n_fft // 2 - 1 :] = 0.0
        spectrum = torch.complex(magnitude * torch.cos(radians), imaginary)
        # No constant part, and nothing above the bins that the image has.
        spectrum = torch.nn.functional.pad(spectrum, (1, self.n_fft // 2 - self.bins))
        windows = torch.fft.irfft(spectrum, n=self.n_fft) * (self._window.to(image.device) / HANN_SQUARED_OVERLAP)
        return self._overlap_add(windows)[:, self.pad_left :]

    def polar(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Linear magnitude and angle of images [N, 2, frames, bins].

        Returns:
            Magnitude of the Fourier transform, and its phase (`is_phase`) or phase advance in turns (1 = 2 pi), each
            [N, frames, bins] float32 over linear frequency. The advance into the first frame is its phase.
        """
        level, angle = image.float().unbind(1)
        if not self.is_mel:
            return torch.exp(level), 0.5 * angle
        to_linear = self._to_linear.to(image.device)
        magnitude = torch.sqrt(torch.exp(level) @ to_linear + LOG_EPS)
        # The published code sums the mel phase over time first. Both are linear, so that the advance alone can go
        # through the matrix, which keeps its last digits.
        return magnitude, 0.5 * (angle @ to_linear)

    def _overlap_add(self, windows: Tensor) -> Tensor:
        """Adds windows [N, frames, n_fft] a hop apart: [N, (frames - 1) * hop + n_fft]."""
        count = windows.shape[0]
        hops = windows.view(count, self.frames, OVERLAPPING, self.hop)
        total = windows.new_zeros(count, self.frames + OVERLAPPING - 1, self.hop)
        for part in range(OVERLAPPING):
            total[:, part : part + self.frames] += hops[:, :, part]
        return total.flatten(1)

    @cached_property
    def _window(self) -> Tensor:
        """Periodic Hann window [n_fft]."""
        return torch.hann_window(self.n_fft, periodic=True, dtype=torch.float64).float()

    @cached_property
    def _mel(self) -> tuple[Tensor, Tensor]:
        forward = linear_to_mel(self.bins, self.sample_rate)
        return torch.from_numpy(forward).float(), torch.from_numpy(mel_to_linear(forward)).float()

    @property
    def mel_matrices(self) -> tuple[Tensor, Tensor]:
        """The published matrix to the mel scale [bins, mel bins], and the one back [mel bins, bins]; none of `if-linear`."""
        return self._mel

    @property
    def _to_mel(self) -> Tensor:
        return self._mel[0]

    @property
    def _to_linear(self) -> Tensor:
        return self._mel[1]


def unwrap(phase: Tensor) -> Tensor:
    """Unwraps phases [..., time, bins] in radians over time, as `unwrap` of `spectral_ops.py`; exactly half a turn
    keeps its direction."""
    difference = phase.diff(dim=-2)
    shortest = torch.remainder(difference + math.pi, 2.0 * math.pi) - math.pi
    # The remainder reaches -pi and not pi. The comparison is with the rounded pi that the subtraction gives.
    half_turn = (shortest == shortest.new_tensor(-math.pi)) & (difference > 0.0)
    shortest = torch.where(half_turn, shortest.new_tensor(math.pi), shortest)
    correction = torch.cumsum(shortest - difference, dim=-2)
    return phase + torch.nn.functional.pad(correction, (0, 0, 1, 0))


def instantaneous_frequency(phase: Tensor) -> Tensor:
    """Advance of phases [..., time, bins] (radians) since the frame before, in units of pi; the first frame's is its
    phase."""
    return torch.cat([phase[..., :1, :], unwrap(phase).diff(dim=-2)], dim=-2) / math.pi


def _check_finite(values: Tensor, what: str) -> None:
    finite = torch.isfinite(values).flatten(1).all(dim=1)
    if not bool(finite.all()):
        index = int(torch.nonzero(~finite)[0])
        raise TrainingError(f"The {what} number {index} holds what is no finite number; leave it out or make it again.")
