"""The continuous generator: full-band notes from a latent in which every point is a sound of its own.

Like the factored generator (`factored.py`) it makes a note as sums of products of spectra and envelopes,

    level[t, f] = mean_p[f] + sum_j envelope_j[t] table_pj[f] + sum_r course_r[t] spectrum_r[f]

and is in tune by construction. It differs in four things:

- Its images are linear in frequency and reach over the whole band (`if-linear`), so that what it makes is what is heard.
- Its latent chooses nothing. Each instrument of the training set has a place in the latent space and a code; the code of
  a latent is a weighted mean of theirs whose weights change slowly over the whole space (`Mapping`), so that the way
  between two sounds has no border on it. What is sharp about a sound comes from the adversary and from the anchors.
- Velocity is no sound of its own: `touch` says what a stroke of another velocity does to the spectrum.
- Notes are learnt straight; `movement` says which vibrato and tremolo the player puts back (`straighten.py`).
"""

import math
from dataclasses import asdict, dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from timbrel_training.factored import NOISE_BELOW, PITCH_CODE, PRODUCT_SCALE, TONE_ABOVE, knot_basis, product
from timbrel_training.loudness import LOUDEST_SECONDS, key_weights, loudness_gain
from timbrel_training.measures.pitch import key_hz
from timbrel_training.mel import hertz_to_mel
from timbrel_training.spectral import Representation

# The points, evenly spaced on the mel scale up to half the sample rate, at which `touch` is given.
TOUCH_POINTS = 32

# The points, evenly spaced on the mel scale above `UPPER_FROM_HZ`, at which a gain of the upper band is given, once for the stroke
# and once for what follows it. What lies up there is 50 dB softer than the note and weighs little in what the other parts learn.
UPPER_POINTS = 8
UPPER_FROM_HZ = 6_000.0

# Frames after the first that holds nothing but the note: up to the first of these it is the stroke that sounds, from the second on
# what follows it, with a line between them.
STROKE_FRAMES = (2, 8)

# The velocity that notes are generated as struck at.
VELOCITY = 100

# Mean and deviation of the logarithm of a Rayleigh distributed magnitude: noise has this spread in every bin.
NOISE_SPREAD = math.pi / math.sqrt(24.0)

# Vibrato and tremolo are kept as numbers of unit size: depth [cents], rate [Hz], depth [dB], onset [s].
MOVEMENT_SCALE = (10.0, 5.0, 1.0, 0.5)

# How much louder a note is played than the corpus holds it [LU]: its phases are not quite those of a recording, which takes
# some 2 dB, and at -20 LUFS it stands beside other instruments.
PLAYED_LU = 5.0

# How far from a partial a bin still belongs to it; the main lobe of a Hann window ends at 2 bins.
LOBE_BINS = 1.6

# How far from a partial a bin is set apart at the stroke; farther out noise is all there is.
OFFSET_BINS = 4.0

# Over how much of a window the beginnings of a note's partials are spread.
PHASE_SPREAD = 0.06

NEPER_PER_DB = math.log(10.0) / 20.0


@dataclass(frozen=True)
class Shape:
    """Sizes of a continuous generator."""

    instruments: int
    latent: int = 24
    pitch_min: int = 24
    pitch_max: int = 84
    code: int = 48
    tables: int = 40
    channels: int = 64
    layers: int = 3
    hidden: int = 192
    knots: int = 48
    spectra: int = 24
    angle: int = 6
    coherence: int = 6


class Mapping(nn.Module):
    """From latents [N, latent] to timbre codes [N, code].

        weights(z) = softmax((2 z.x_k - |x_k|^2 + w_k) / temperature)
        d = reach (sum_k weights_k(z) c_k - mean)
        code(z) = mean + d / (1 + (|F d| / radius)^4)^(1/4)

    A high temperature makes the weights change slowly and evenly; a mean of many codes is a dull one, and `reach` above 1
    brings the spread back that the mean takes away. `F` brings codes to coordinates in which their distance is that of the
    levels that they stand for: no latent lies farther from the mean than `radius`, since nothing is known of sounds out
    there.
    """

    def __init__(self, shape: Shape):
        super().__init__()
        self.places = nn.Parameter(torch.randn(shape.instruments, shape.latent))
        self.masses = nn.Parameter(torch.zeros(shape.instruments))
        self.codes = nn.Parameter(torch.randn(shape.instruments, shape.code) * 0.5)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(4.0)))
        self.reach = nn.Parameter(torch.tensor(1.5))
        self.register_buffer("felt", torch.eye(shape.code))
        self.register_buffer("radius", torch.tensor(1e3))

    def weights(self, latent: Tensor) -> Tensor:
        squares = self.places.square().sum(dim=1)
        scores = 2.0 * latent @ self.places.T - squares + self.masses
        return torch.softmax(scores / self.log_temperature.exp(), dim=1)

    def forward(self, latent: Tensor) -> Tensor:
        mean = self.codes.mean(dim=0, keepdim=True)
        distance = self.reach * (self.weights(latent) @ self.codes - mean)
        far = (distance @ self.felt).square().sum(dim=1, keepdim=True) / self.radius.square()
        return mean + distance * (1.0 + far.square()) ** -0.25


@dataclass
class Parts:
    """What a note is expected to be. Levels [N, frames, bins] in nepers of magnitude, angles in units of pi, coherence 0..1
    of the same shape; touch [N, TOUCH_POINTS] dB per 100 of velocity; movement [N, 4] in units of `MOVEMENT_SCALE`."""

    level: Tensor
    angle: Tensor
    coherence: Tensor
    touch: Tensor
    movement: Tensor


class Expected(nn.Module):
    """Makes the parts of notes from codes [N, code] and pitch indices [N] that count from the lowest pitch. With `frames`,
    int64, only those frames are made."""

    def __init__(self, shape: Shape, representation: Representation):
        super().__init__()
        self.shape = shape
        pitches = shape.pitch_max - shape.pitch_min + 1
        frames, bins = representation.frames, representation.bins
        self.ranks = [shape.tables, shape.spectra, shape.angle, shape.coherence]

        self.mean_level = nn.Parameter(torch.zeros(pitches, bins))
        self.mean_angle = nn.Parameter(partial_advances(shape, representation))
        self.mean_coherence = nn.Parameter(torch.zeros(pitches, bins))
        self.table = nn.Parameter(torch.randn(pitches, shape.tables, bins) * 0.1)
        self.pitch_code = nn.Parameter(torch.randn(pitches, PITCH_CODE) * 0.5)

        # Envelopes: knots in time, close together at onset and release, for each factor.
        self.knots = nn.Parameter(knot_basis(shape.knots, frames))
        self.steady = nn.Linear(shape.code, shape.tables * shape.knots)
        self.condition = nn.Sequential(
            nn.Linear(shape.code + PITCH_CODE, shape.hidden), nn.SiLU(), nn.Linear(shape.hidden, shape.hidden), nn.SiLU()
        )
        self.envelopes = nn.Linear(shape.hidden, sum(self.ranks) * shape.knots)
        with torch.no_grad():
            # The tables begin with what they are given; what the network adds to them begins small.
            self.envelopes.weight[: shape.tables * shape.knots] *= 0.05
            self.envelopes.bias[: shape.tables * shape.knots] = 0.0

        # Spectra: a network along the bins, steered by the condition.
        self.register_buffer("places", _places(shape, representation), persistent=False)
        self.register_buffer("advances", partial_advances(shape, representation), persistent=False)
        # The first frame that holds nothing but the note.
        self.begun = representation.pad_left // representation.hop
        middles, offsets = lobes(shape, representation)
        self.register_buffer("lobes", middles, persistent=False)
        self.register_buffer("offsets", offsets, persistent=False)
        self.register_buffer("stroke", stroke_slopes(representation), persistent=False)
        self.band_code = nn.Parameter(torch.randn(bins, 16) * 0.3)
        self.into = nn.Linear(shape.tables + 16 + self.places.shape[-1], shape.channels)
        self.steering = nn.Linear(shape.hidden, 2 * shape.layers * shape.channels)
        nn.init.normal_(self.steering.weight, std=0.5 / math.sqrt(shape.hidden))
        nn.init.zeros_(self.steering.bias)
        self.mixing = nn.ModuleList(nn.Linear(shape.channels, shape.channels) for _ in range(shape.layers))
        self.neighbours = nn.ModuleList(
            nn.Conv1d(shape.channels, shape.channels, 5, padding=2, groups=shape.channels)
            for _ in range(shape.layers - 1)
        )
        self.out = nn.Linear(shape.channels, sum(self.ranks[1:]))
        with torch.no_grad():
            self.out.weight *= 0.2
            self.out.weight[: shape.spectra] = 0.0
            self.out.bias.zero_()

        # The upper band's level, which begins as the other parts make it.
        self.upper = nn.Linear(shape.hidden, 2 * UPPER_POINTS)
        nn.init.zeros_(self.upper.weight)
        nn.init.zeros_(self.upper.bias)
        self.register_buffer("upper_curve", upper_curve(representation), persistent=False)
        self.register_buffer("upper_course", upper_course(representation), persistent=False)

        # What a player adds: velocity and movement.
        self.touch = nn.Linear(shape.hidden, TOUCH_POINTS)
        self.movement = nn.Linear(shape.hidden, len(MOVEMENT_SCALE))
        for head in (self.touch, self.movement):
            nn.init.zeros_(head.bias)
            with torch.no_grad():
                head.weight *= 0.1

    def conditions(self, code: Tensor, index: Tensor) -> Tensor:
        """What the heads see of codes [N, code] at pitch indices [N], [N, hidden]."""
        return self.condition(torch.cat([code, self.pitch_code[index]], dim=1))

    def forward(self, code: Tensor, index: Tensor, frames: Tensor | None = None) -> Parts:
        shape = self.shape
        knots = self.knots if frames is None else self.knots[:, frames]
        condition = self.conditions(code, index)
        courses = self.envelopes(condition).view(-1, sum(self.ranks), shape.knots) @ knots
        steady = self.steady(code).view(-1, shape.tables, shape.knots) @ knots
        tables = self.table[index]
        spectra = self._spectra(condition, tables, index)

        envelope, level_course, angle_course, coherence_course = courses.split(self.ranks, dim=1)
        level_spectrum, angle_spectrum, coherence_spectrum = spectra.split(self.ranks[1:], dim=1)
        upper_course = self.upper_course if frames is None else self.upper_course[:, frames]
        upper = 10.0 * NEPER_PER_DB * (self.upper(condition).view(-1, 2, UPPER_POINTS) @ self.upper_curve)
        factors = (
            torch.cat([steady + envelope, level_course, upper_course.expand(index.shape[0], -1, -1)], dim=1),
            torch.cat([tables, level_spectrum, upper], dim=1),
        )
        return Parts(
            level=self.mean_level[index].unsqueeze(1) + product(*factors),
            angle=self._angle(angle_course, angle_spectrum, index, frames),
            coherence=torch.sigmoid(
                self.mean_coherence[index].unsqueeze(1) + product(coherence_course, coherence_spectrum)
            ),
            touch=10.0 * self.touch(condition),
            movement=functional.softplus(self.movement(condition)),
        )

    def _load_from_state_dict(self, state: dict, prefix: str, *rest) -> None:
        # Weights from before there was a gain of the upper band have none; of those from before it had a course, it has none.
        for name, value in self.upper.named_parameters(prefix + "upper"):
            found = state.setdefault(name, torch.zeros_like(value))
            if len(found) == UPPER_POINTS:
                state[name] = torch.cat([found, found])
        super()._load_from_state_dict(state, prefix, *rest)

    def _angle(self, course: Tensor, spectrum: Tensor, index: Tensor, frames: Tensor | None) -> Tensor:
        """[N, frames, bins]. At the stroke the bins of a partial are set apart as those of a window are that the note begins
        within; from then on they are given the deviation of the partial's middle, or they would drift apart and beat."""
        own = self.mean_angle[index].unsqueeze(1)
        lobes = self.lobes[index]
        deviation = (self.mean_angle[index] - self.advances[index]).gather(1, lobes)
        together = (self.advances[index] + deviation).unsqueeze(1)
        shared = spectrum.gather(2, lobes.unsqueeze(1).expand(-1, spectrum.shape[1], -1))
        if frames is None:
            early = self.begun + 1
            stroke = self.stroke[:early, None] * self.offsets[index].unsqueeze(1)
            return torch.cat([
                own + stroke + 0.1 * product(course[:, :, :early], spectrum),
                together + 0.1 * product(course[:, :, early:], shared),
            ], dim=1)
        early = (frames <= self.begun)[None, :, None]
        stroke = self.stroke[frames][None, :, None] * self.offsets[index].unsqueeze(1)
        return torch.where(
            early, own + stroke + 0.1 * product(course, spectrum), together + 0.1 * product(course, shared)
        )

    def _spectra(self, condition: Tensor, tables: Tensor, index: Tensor) -> Tensor:
        """[N, factors, bins]"""
        shape = self.shape
        bands = self.band_code.unsqueeze(0).expand(index.shape[0], -1, -1)
        x = self.into(torch.cat([tables.transpose(1, 2), bands, self.places[index]], dim=2))
        steering = self.steering(condition).view(-1, shape.layers, 2, 1, shape.channels)
        for layer, mixing in enumerate(self.mixing):
            y = functional.silu(mixing(x) * (1.0 + steering[:, layer, 0]) + steering[:, layer, 1])
            if layer > 0:
                y = y + self.neighbours[layer - 1](y.transpose(1, 2)).transpose(1, 2)
            x = x + y
        return self.out(x).transpose(1, 2)


class Generator(nn.Module):
    """From latent and pitch to an image, as the plugin reads it.

    Attributes: `latent_size`, `pitch_min`, `pitch_max`, `representation`, `kind` and `settings`, as every generator's
    (`generators.py`); `names` of the instruments that it knows.
    """

    kind = "continuous"

    def __init__(self, representation: dict | Representation, names: list[str], **sizes: int):
        """`sizes` are those of `Shape` but for `instruments`, which are counted by `names`."""
        super().__init__()
        images = representation if isinstance(representation, Representation) else Representation.of(representation)
        self.names = list(names)
        self.shape = shape = Shape(instruments=len(self.names), **sizes)
        self.representation = images
        kept = {name: value for name, value in asdict(shape).items() if name != "instruments"}
        self.settings = {"representation": images.settings, "names": self.names, **kept}
        self.latent_size = shape.latent
        self.pitch_min, self.pitch_max = shape.pitch_min, shape.pitch_max
        self.mapping = Mapping(shape)
        # What the instruments are: the code that each was learnt with. The mapping's own codes begin there and may move.
        self.codes = nn.Parameter(torch.randn(shape.instruments, shape.code) * 0.5)
        self.expected = Expected(shape, images)
        level, angle = noise_fluctuations(images)
        self.register_buffer("noise_level", level.clone())
        self.register_buffer("noise_angle", angle.clone())
        played = key_weights(images) * 10.0 ** (-PLAYED_LU / 10.0)
        self.register_buffer("loudness_weights", played, persistent=False)
        self.register_buffer("aligned", aligned_phases(images), persistent=False)
        self.loudest_frames = max(1, round(LOUDEST_SECONDS * images.sample_rate / images.hop))

    def features(self, latent: Tensor, pitch: Tensor) -> Tensor:
        """The timbre code, [N, code], from which principal directions are taken."""
        return self.mapping(latent)

    def forward(self, latent: Tensor, pitch: Tensor) -> Tensor:
        return self.notes(self.mapping(latent), pitch - self.pitch_min)[0]

    def play(self, latent: Tensor, pitch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Image, touch [N, TOUCH_POINTS] and movement [N, 4] (cents, Hz, dB, s) of notes, as the model file answers."""
        image, parts = self.notes(self.mapping(latent), pitch - self.pitch_min)
        return image, parts.touch, parts.movement * parts.movement.new_tensor(MOVEMENT_SCALE)

    def for_inference(self) -> "Playing":
        return Playing(self)

    def notes(self, code: Tensor, index: Tensor) -> tuple[Tensor, Parts]:
        """Images [N, 2, frames, bins] of codes, and what they were made of."""
        parts = self.expected(code, index)
        return self.image(parts), parts

    def image(self, parts: Parts) -> Tensor:
        """Adds the noise, and brings each note to the common loudness."""
        t = ((TONE_ABOVE - parts.coherence) / (TONE_ABOVE - NOISE_BELOW)).clamp(0.0, 1.0)
        noise = t * t * (3.0 - 2.0 * t)
        level = parts.level + noise * self.noise_level
        # What the networks leave of differences in loudness goes.
        power = (2.0 * level).exp() @ self.loudness_weights
        level = level + loudness_gain(power, self.loudest_frames).view(-1, 1, 1)
        # The shorter way round from the angle to the noise's.
        turns = 0.5 * (self.noise_angle - parts.angle)
        turns = turns - torch.floor(turns + 0.5)
        angle = parts.angle + noise * (2.0 * turns)
        # The angle of the first frame is its phase, and nothing sounds yet: it is chosen such that the bins of each partial
        # add up when the note has begun.
        begun = self.expected.begun
        start = self.aligned - angle[:, 1 : begun + 1].sum(dim=1)
        start = start - 2.0 * torch.floor(0.5 * start + 0.5)
        start = torch.where(noise[:, begun] < 0.5, start, angle[:, 0])
        return torch.stack([level, torch.cat([start.unsqueeze(1), angle[:, 1:]], dim=1)], dim=1)

    def known_latents(self, steps: int = 1_500) -> dict[str, Tensor]:
        """The latent [latent] of each known instrument: of all that map to its code, as near as can be, the one found from
        its own place on."""
        target = self.codes.detach()
        weights = [parameter.requires_grad for parameter in self.parameters()]
        self.requires_grad_(False)
        with torch.enable_grad():
            latents = self.mapping.places.detach().clone().requires_grad_(True)
            optimiser = torch.optim.Adam([latents], lr=0.1)
            for _ in range(steps):
                optimiser.zero_grad()
                # A latent that is hardly ever drawn is not to be preferred for a hair's breadth.
                loss = (self.mapping(latents) - target).square().sum() + 1e-3 * latents.square().sum()
                loss.backward()
                optimiser.step()
        for parameter, wanted in zip(self.parameters(), weights, strict=True):
            parameter.requires_grad_(wanted)
        return dict(zip(self.names, latents.detach(), strict=True))


class Playing(nn.Module):
    """The generator as a model file holds it: it answers image, touch and movement."""

    outputs = ("spectrogram", "touch", "movement")

    def __init__(self, generator: Generator):
        super().__init__()
        self.generator = generator

    def forward(self, latent: Tensor, pitch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.generator.play(latent, pitch)


def touch_curve(representation: Representation) -> Tensor:
    """The matrix [TOUCH_POINTS, bins] that interpolates touch points to the bins."""
    frequency = (np.arange(representation.bins) + 1) * representation.sample_rate / representation.n_fft
    place = hertz_to_mel(frequency) / hertz_to_mel(representation.sample_rate / 2) * (TOUCH_POINTS - 1)
    points = np.arange(TOUCH_POINTS)[:, None]
    return torch.tensor(np.maximum(0.0, 1.0 - np.abs(place[None] - points)), dtype=torch.float32)


def upper_curve(representation: Representation) -> Tensor:
    """The matrix [UPPER_POINTS, bins] that interpolates gains of the upper band to the bins; none at `UPPER_FROM_HZ` and below."""
    frequency = (np.arange(representation.bins) + 1) * representation.sample_rate / representation.n_fft
    low, high = hertz_to_mel(UPPER_FROM_HZ), hertz_to_mel(representation.sample_rate / 2)
    place = (hertz_to_mel(frequency) - low) / (high - low) * UPPER_POINTS
    points = np.arange(1, UPPER_POINTS + 1)[:, None]
    return torch.tensor(np.maximum(0.0, 1.0 - np.abs(place[None] - points)), dtype=torch.float32)


def upper_course(representation: Representation) -> Tensor:
    """How much of the upper band's gain at the stroke [0] and of that after it [1] each frame has, [2, frames], as courses of
    `product`."""
    begun = representation.pad_left // representation.hop
    first, last = STROKE_FRAMES
    after = ((torch.arange(representation.frames) - begun - first) / (last - first)).clamp(0.0, 1.0)
    return PRODUCT_SCALE * torch.stack([1.0 - after, after])


def partial_advances(shape: Shape, representation: Representation) -> Tensor:
    """The phase advance [pitches, bins], -1 to 1 [units of pi], of the partial that is nearest to each bin."""
    frequency = (torch.arange(representation.bins).double() + 1.0) * representation.sample_rate / representation.n_fft
    fundamental = key_hz(torch.arange(shape.pitch_min, shape.pitch_max + 1).double())[:, None]
    partial = (frequency / fundamental).round().clamp(min=1.0) * fundamental
    advance = 2.0 * representation.hop / representation.sample_rate * partial
    return (advance - 2.0 * (0.5 * advance).round()).float()


def lobes(shape: Shape, representation: Representation) -> tuple[Tensor, Tensor]:
    """The middle bin of the partial whose main lobe each bin is in, int64 [pitches, bins], bins between partials being their
    own; and how many bins each lies above its nearest partial, within `OFFSET_BINS`, [pitches, bins]."""
    spacing = representation.sample_rate / representation.n_fft
    bins = torch.arange(representation.bins).double()
    fundamental = key_hz(torch.arange(shape.pitch_min, shape.pitch_max + 1).double())[:, None] / spacing
    partial = ((bins + 1.0) / fundamental).round().clamp(min=1.0) * fundamental - 1.0
    middle = partial.round().clamp(0, representation.bins - 1)
    middles = torch.where((bins - partial).abs() <= LOBE_BINS, middle, bins).long()
    return middles, (bins - partial).clamp(-OFFSET_BINS, OFFSET_BINS).float()


def stroke_slopes(representation: Representation) -> Tensor:
    """What each frame adds to the phase advance [units of pi] for each bin above a partial, [frames].

    A window that the note begins within holds only its later part, whose middle lies `late` of a window behind the
    window's own: phases fall by 2 pi `late` from bin to bin more than those of a whole window do.
    """
    begun = representation.pad_left // representation.hop
    place = np.linspace(0.0, 1.0, 4097)
    window = 0.5 - 0.5 * np.cos(2.0 * math.pi * place)
    phase = np.zeros(representation.frames + 1)
    for frame in range(max(0, begun - 3), begun):
        rest = window * (place >= (representation.pad_left - frame * representation.hop) / representation.n_fft)
        phase[frame] = -2.0 * ((rest * place).sum() / rest.sum() - 0.5)
    return torch.tensor(np.diff(phase, prepend=0.0)[: representation.frames], dtype=torch.float32)


def aligned_phases(representation: Representation) -> Tensor:
    """Phases [bins] in units of pi, of which any few neighbouring ones are those of one sinusoid.

    A Hann window turns the phase of a sinusoid by half a turn from bin to bin. A slow drift along the frequency keeps the
    partials from all beginning at once, as a click: they are spread over `PHASE_SPREAD` of a window.
    """
    bins = torch.arange(representation.bins).double()
    drift = PHASE_SPREAD * (bins.square() / representation.bins - bins)
    phase = bins + drift
    return (phase - 2.0 * torch.floor(0.5 * phase + 0.5)).float()


@cache
def noise_fluctuations(representation: Representation, seed: int = 0) -> tuple[Tensor, Tensor]:
    """What white noise does about its mean log magnitude, and its angle; each [frames, bins]."""
    random = torch.Generator().manual_seed(seed)
    image = representation.analyse(0.1 * torch.randn(1, 4 * representation.sample_rate, generator=random))[0]
    level = image[0]
    # The first frames reach into the silence before the note: their mean is none of the noise.
    held = level[representation.frames // 10 :]
    level = (level - level.mean(dim=1, keepdim=True)) * (NOISE_SPREAD / held.std())
    return level.clamp(-2.0, 1.5), image[1].clone()


def _places(shape: Shape, representation: Representation) -> Tensor:
    """Where each bin stands among the partials of each pitch, [pitches, bins, 6]."""
    spacing = representation.sample_rate / representation.n_fft
    frequency = ((torch.arange(representation.bins) + 1.0) * spacing)[None]
    pitch = torch.arange(shape.pitch_min, shape.pitch_max + 1).float()[:, None]
    fundamental = key_hz(pitch)
    harmonic = frequency / fundamental
    # The bell by which a bin is near its partial is as wide as the Hann window's main lobe.
    distance = (frequency - harmonic.round().clamp(min=1.0) * fundamental) / spacing
    turn = 2.0 * math.pi * harmonic
    return torch.stack(
        [turn.cos(), turn.sin(), (0.5 * turn).cos(), (-0.5 * distance.square()).exp(), (harmonic + 0.2).log2() / 3.0,
         (1.0 - harmonic).abs().neg().exp()],
        dim=-1,
    )
