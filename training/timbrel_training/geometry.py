"""The sizes of a representation's images: fixed for the six of the paper, stated by the model for `if-linear`.

The six can be reduced for comparisons that a processor can bear (`Reduced`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from timbrel_training.errors import TrainingError

# The paper's: four seconds at 16 kHz.
NAMES = ("phase", "phase-hires", "if", "if-hires", "if-mel", "if-mel-hires")
PUBLISHED_RATE = 16_000

# Log magnitude and instantaneous frequency over linear frequency, with sizes of its own.
LINEAR = "if-linear"

NOTE_SECONDS = 4

# The windows overlap by three quarters.
OVERLAPPING = 4

# What the plugin takes of `if-linear`.
SAMPLE_RATES = (16_000, 48_000)
FFT_SIZES = (512, 6_144)
FFT_FACTORS = (2, 3, 5)
MOST_FRAMES = 1_024
MOST_PAD_HOPS = 8

# Frames times bins: a note takes four bytes a point in the plugin, some 160 KB beside, and 1.6 MB at most.
MOST_POINTS = 355_000


@dataclass(frozen=True)
class Geometry:
    """Name of a representation, sample rate [Hz], FFT and hop [samples], frames and bins of an image.

    Made by `published`, `linear` or `of`, which check it.
    """

    name: str
    sample_rate: int
    n_fft: int
    hop: int
    frames: int
    bins: int

    @classmethod
    def published(cls, name: str) -> "Geometry":
        """One of the paper's six."""
        if name not in NAMES:
            raise TrainingError(
                f"There is no spectral representation named {name!r}; use one of {', '.join(NAMES)}, or {LINEAR} with its "
                "sizes."
            )
        frames, bins = (128, 1024) if name.endswith("-hires") else (256, 512)
        return cls(name, PUBLISHED_RATE, 2 * bins, 2 * bins // OVERLAPPING, frames, bins)

    @classmethod
    def linear(cls, sample_rate: int, n_fft: int, hop: int, frames: int, bins: int) -> "Geometry":
        """`if-linear` of these sizes.

        Raises:
            TrainingError: when the plugin would not take them; the sentence says what it takes.
        """
        made = cls(LINEAR, sample_rate, n_fft, hop, frames, bins)
        made._check()
        return made

    @staticmethod
    def reduced(name: str, sample_rate: int, seconds: float) -> "Geometry":
        """One of the paper's six for shorter notes of a narrower band; the published sizes are themselves.

        Raises:
            TrainingError: when the rate is no part of the published one, or the sizes do not come out whole.
        """
        full = Geometry.published(name)
        if (sample_rate, seconds) == (PUBLISHED_RATE, NOTE_SECONDS):
            return full
        divisor = PUBLISHED_RATE // max(1, sample_rate)
        frames = full.frames * seconds / NOTE_SECONDS
        if divisor * sample_rate != PUBLISHED_RATE or full.hop % divisor or frames < 1 or frames % 1:
            raise TrainingError(
                f"{name} cannot be reduced to {sample_rate} Hz and {seconds:g} s: use 16000 Hz divided by a power of two, and "
                f"seconds that are a whole number of the {full.frames} frames of {NOTE_SECONDS} s."
            )
        return Reduced(name, sample_rate, full.n_fft // divisor, full.hop // divisor, int(frames), full.bins // divisor, seconds)

    @classmethod
    def of(cls, told: "str | Mapping[str, Any] | Geometry") -> "Geometry":
        """The geometry that a name (one of the paper's), settings or a manifest tell of.

        Raises:
            TrainingError: when sizes are missing, or are not those of the representation.
        """
        if isinstance(told, Geometry):
            return told
        if isinstance(told, str):
            return cls.published(told)
        name = told.get("representation")
        if "seconds" in told:
            return cls.reduced(name, told["sample_rate"], told["seconds"])
        if name == LINEAR:
            missing = [key for key in SIZES if key not in told]
            if missing:
                raise TrainingError(f"{LINEAR} has sizes of its own, and {', '.join(missing)} is not told.")
            return cls.linear(**{key: told[key] for key in SIZES})
        made = cls.published(name)
        for key in SIZES:
            if key in told and told[key] != getattr(made, key):
                raise TrainingError(f"{key} {told[key]} is told, and {name} has {getattr(made, key)}.")
        return made

    @property
    def settings(self) -> dict[str, Any]:
        """Plain values from which `of` makes it again, under the names that a manifest has for them."""
        told = asdict(self)
        return {"representation": told.pop("name"), **told}

    @property
    def note_samples(self) -> int:
        """Samples of a note of four seconds."""
        return NOTE_SECONDS * self.sample_rate

    @property
    def pad_left(self) -> int:
        """Samples of silence in front of a note: the published padding, none of which stands behind it."""
        return (self.frames - 1) * self.hop + self.n_fft - self.note_samples

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of one image: (2, frames, bins)."""
        return 2, self.frames, self.bins

    def _check(self) -> None:
        for key in SIZES:
            value = getattr(self, key)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise TrainingError(f"{LINEAR} cannot have {key} {value!r}: it is a whole number above 0.")
        low, high = SAMPLE_RATES
        if not low <= self.sample_rate <= high:
            raise TrainingError(f"{LINEAR} cannot have the sample rate {self.sample_rate}: it lies between {low} and {high} Hz.")
        low, high = FFT_SIZES
        if not low <= self.n_fft <= high or not _has_only_factors(self.n_fft) or self.n_fft % OVERLAPPING:
            raise TrainingError(
                f"{LINEAR} cannot have n_fft {self.n_fft}: it lies between {low} and {high}, is divisible by "
                f"{OVERLAPPING}, and is a product of twos, threes and fives."
            )
        if self.hop * OVERLAPPING != self.n_fft:
            raise TrainingError(f"{LINEAR} cannot have hop {self.hop}: it is a quarter of n_fft, {self.n_fft // OVERLAPPING}.")
        if self.bins > self.n_fft // 2:
            raise TrainingError(f"{LINEAR} cannot have {self.bins} bins: n_fft {self.n_fft} has {self.n_fft // 2}.")
        if self.frames * self.bins > MOST_POINTS:
            raise TrainingError(
                f"{LINEAR} cannot have {self.frames} frames of {self.bins} bins: {MOST_POINTS} points are the most."
            )
        if self.frames > MOST_FRAMES or not 0 <= self.pad_left <= MOST_PAD_HOPS * self.hop:
            fewest = -(-(self.note_samples - self.n_fft) // self.hop) + 1
            most = min(MOST_FRAMES, fewest + MOST_PAD_HOPS)
            raise TrainingError(
                f"{LINEAR} cannot have {self.frames} frames of hop {self.hop}: from {fewest} to some {most} hold a note of "
                f"{NOTE_SECONDS} s."
            )


SIZES = tuple(field.name for field in fields(Geometry) if field.name != "name")


@dataclass(frozen=True)
class Reduced(Geometry):
    """One of the paper's six for notes of `seconds` below a lower band edge.

    A bin is as many Hz wide and a hop as many milliseconds long as in the paper, so that what a representation makes of a
    partial stays as it was; there are fewer of both. No plugin plays these.
    """

    seconds: float

    @property
    def note_samples(self) -> int:
        """Samples of a note of so many seconds."""
        return round(self.seconds * self.sample_rate)


def _has_only_factors(number: int) -> bool:
    for factor in FFT_FACTORS:
        while number % factor == 0:
            number //= factor
    return number == 1
