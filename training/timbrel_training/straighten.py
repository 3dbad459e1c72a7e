"""Notes made straight before they are learnt: tuning, vibrato and tremolo are measured and taken out.

A model that learns the mean of many notes averages their vibratos away, since each has a phase of its own. So what moves
periodically is taken out of the recordings, and what it was (depth, rate, onset) is learnt as numbers; who plays the
note puts it back. Likewise each recording's own deviation from the key.

Each partial up to `HIGHEST_HZ` is brought down to 0 Hz and low-passed by taking its surroundings out of the note's
spectrum, so that its amplitude and frequency are read `COURSE_RATE` times a second; the partials' deviations in cents
are averaged with the weights that give the least variance, amplitude squared times frequency squared. The wave is then
read at places at which its pitch is the key's.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from timbrel_training.measures.pitch import key_hz

# Values a second of the courses of pitch and level, and how far above and below a partial its surroundings reach.
COURSE_RATE = 100
REACH_HZ = 50.0

# Partials that are followed: as many, up to this frequency. Lower notes than this are left as they are; what wavers
# there is a beating of strings, and partials stand too close to be told apart.
PARTIALS = 6
HIGHEST_HZ = 1_800.0
LOWEST_HZ = 60.0

# Where vibrato is looked for [Hz], and what counts as one: this deep [cents, dB], and this share of all that moves there.
SLOWEST_HZ, FASTEST_HZ = 3.5, 9.0
LEAST_CENTS, LEAST_DB = 3.0, 0.5
PERIODIC_SHARE = 0.35

# A note further off than this is not mended: it is another note.
MOST_CENTS = 60.0

# The held part of a note, in which all is measured [s].
HELD = (0.25, 2.9)

# By how much a wave is upsampled before it is read between its samples by a cubic.
UPSAMPLING = 4


@dataclass
class Movement:
    """What was taken out of notes, each [N]: tuning [cents], vibrato's depth [cents, peak] and rate [Hz], tremolo's depth
    [dB, peak], and the time until both have half of their depth [s]. Depths are 0 where nothing moves."""

    tuning: Tensor
    depth: Tensor
    rate: Tensor
    tremolo: Tensor
    onset: Tensor

    def stacked(self) -> Tensor:
        """[N, 4]: depth, rate, tremolo, onset, as a model file's `movement`."""
        return torch.stack([self.depth, self.rate, self.tremolo, self.onset], dim=1)


def straighten(waves: Tensor, pitches: Tensor, sample_rate: int) -> tuple[Tensor, Movement]:
    """Takes tuning, vibrato and tremolo out of notes.

    Args:
        waves: [N, samples] float32.
        pitches: [N], MIDI numbers.

    Returns:
        The straight waves [N, samples], and what was taken out.
    """
    cents, level, weight = courses(waves, pitches, sample_rate)
    time = torch.arange(cents.shape[1], device=waves.device) / COURSE_RATE
    held = ((time >= HELD[0]) & (time < HELD[1])).float()[None] * weight
    sounding = held > 0.0
    enough = sounding.sum(dim=1) > 0.5 * COURSE_RATE
    tuning = _weighted_median(cents, held)
    audible = key_hz_of(pitches) >= LOWEST_HZ
    usable = enough & audible & (tuning.abs() < MOST_CENTS)
    tuning = torch.where(usable, tuning, torch.zeros_like(tuning))

    moving, depth, rate, onset, is_vibrato = _periodic(cents - tuning[:, None], held, LEAST_CENTS, None)
    trembling, tremolo, own_rate, own_onset, is_tremolo = _periodic(level, held, LEAST_DB, torch.where(is_vibrato, rate, 0.0))
    is_vibrato, is_tremolo = is_vibrato & usable, is_tremolo & usable & (tremolo < 9.0)
    moves = is_vibrato | is_tremolo
    depth = torch.where(is_vibrato, depth, 0.0)
    tremolo = torch.where(is_tremolo, tremolo, 0.0)
    rate = torch.where(is_vibrato, rate, own_rate) * moves
    onset = torch.where(is_vibrato, onset, own_onset) * moves

    gain_db = torch.where(is_tremolo[:, None], -trembling, 0.0)
    gain = torch.exp(_to_samples(gain_db, waves.shape[1], sample_rate) * (math.log(10.0) / 20.0))
    course = tuning[:, None] + torch.where(is_vibrato[:, None], moving, 0.0)
    return warp(waves * gain, course, sample_rate), Movement(tuning, depth, rate, tremolo, onset)


def key_hz_of(pitches: Tensor) -> Tensor:
    return key_hz(pitches.double()).float()


def courses(waves: Tensor, pitches: Tensor, sample_rate: int) -> tuple[Tensor, Tensor, Tensor]:
    """Courses of notes at `COURSE_RATE`: deviation from the key [cents], level [dB], and a weight (0 where the note does
    not sound); each [N, values]."""
    count, samples = waves.shape
    spectrum = torch.fft.fft(waves, dim=1)
    resolution = sample_rate / samples
    size = round(2.0 * REACH_HZ / resolution)
    values = round(samples / sample_rate * COURSE_RATE)
    fundamental = key_hz_of(pitches)
    offsets = torch.arange(-size // 2, size // 2, device=waves.device)
    reach = torch.minimum(0.45 * fundamental, torch.full_like(fundamental, REACH_HZ))
    taper = torch.cos(0.5 * math.pi * (offsets[None] * resolution / reach[:, None]).clamp(-1.0, 1.0)).square()
    top = waves.new_zeros(count, values)
    weights = waves.new_full((count, values), 1e-12)
    power = waves.new_zeros(count, values)
    for partial in range(1, PARTIALS + 1):
        centre = (partial * fundamental / resolution).round().long()
        usable = (partial == 1) | (partial * fundamental < HIGHEST_HZ)
        around = spectrum.gather(1, (centre[:, None] + offsets).remainder(samples)) * taper
        # The surroundings, moved so that the partial stands at 0 Hz, at as many values a second as they are wide.
        course = torch.fft.ifft(torch.fft.ifftshift(around, dim=1), n=size, dim=1)[:, :values]
        step = course[:, 1:] * course[:, :-1].conj()
        hertz = torch.angle(step) * (COURSE_RATE / (2.0 * math.pi))
        hertz = torch.cat([hertz, hertz[:, -1:]], dim=1) + (centre * resolution - partial * fundamental)[:, None]
        frequency = partial * fundamental[:, None]
        cents = 1200.0 * torch.log2((1.0 + hertz / frequency).clamp(min=0.5))
        weight = course.abs().square() * frequency.square() * usable[:, None]
        top += weight * cents
        weights += weight
        power += course.abs().square() * usable[:, None]
    level = 10.0 * torch.log10(power + 1e-20)
    loud = level > level.amax(dim=1, keepdim=True) - 40.0
    return top / weights, level, loud.float()


def warp(waves: Tensor, cents: Tensor, sample_rate: int) -> Tensor:
    """Reads waves [N, samples] so that a pitch course of `cents` [N, values] comes out as 0."""
    count, samples = waves.shape
    course = _to_samples(cents, samples, sample_rate)
    # Where the pitch is high the wave is read slowly: time of the new wave as a function of the old one's.
    ahead = torch.cumsum(torch.exp2(course.double() / 1200.0), dim=1)
    ahead = ahead - ahead[:, :1]
    wanted = torch.arange(samples, device=waves.device, dtype=torch.float64).expand(count, -1).contiguous()
    upper = torch.searchsorted(ahead.contiguous(), wanted).clamp(1, samples - 1)
    below, above = ahead.gather(1, upper - 1), ahead.gather(1, upper)
    place = upper - 1 + ((wanted - below) / (above - below)).clamp(0.0, 1.0)
    return _read(waves, place)


def _read(waves: Tensor, place: Tensor) -> Tensor:
    """Values of waves [N, samples] at places [N, M] between their samples."""
    count, samples = waves.shape
    # Silence behind, so that the end does not ring into the beginning.
    padded = torch.nn.functional.pad(waves, (0, 512))
    length = padded.shape[1]
    spectrum = torch.fft.rfft(padded, dim=1) * UPSAMPLING
    fine = torch.fft.irfft(spectrum, n=length * UPSAMPLING, dim=1)
    position = place * UPSAMPLING
    index = position.floor().long().clamp(0, fine.shape[1] - 3)
    t = (position - index).float()
    y0 = fine.gather(1, (index - 1).clamp(min=0))
    y1, y2, y3 = (fine.gather(1, index + k) for k in range(3))
    # A cubic through four neighbours (Lagrange).
    return (
        y0 * (-t * (t - 1.0) * (t - 2.0) / 6.0) + y1 * ((t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0)
        + y2 * (-(t + 1.0) * t * (t - 2.0) / 2.0) + y3 * ((t + 1.0) * t * (t - 1.0) / 6.0)
    )


def _to_samples(course: Tensor, samples: int, sample_rate: int) -> Tensor:
    """A course at `COURSE_RATE` at every sample, by straight lines."""
    place = torch.arange(samples, device=course.device) * (COURSE_RATE / sample_rate)
    index = place.floor().long().clamp(max=course.shape[1] - 2)
    share = (place - index).clamp(0.0, 1.0)
    return course[:, index] * (1.0 - share) + course[:, index + 1] * share


def _weighted_median(values: Tensor, weights: Tensor) -> Tensor:
    order = values.argsort(dim=1)
    total = weights.gather(1, order).cumsum(dim=1)
    middle = torch.searchsorted(total, 0.5 * total[:, -1:]).clamp(max=values.shape[1] - 1)
    return values.gather(1, order).gather(1, middle)[:, 0]


def _periodic(course: Tensor, held: Tensor, least: float, rate: Tensor | None) -> tuple[Tensor, ...]:
    """What of a course [N, values] moves periodically: that movement [N, values], its depth [N], rate [N], onset [N], and
    whether it counts [N]. With `rate`, it is looked for there, where that is above 0."""
    count, values = course.shape
    mask = (held > 0.0).float()
    time = torch.linspace(-1.0, 1.0, values, device=course.device)
    basis = torch.stack([time**power for power in range(4)], dim=1).double()
    # A smooth course is no vibrato: a cubic is taken out, fitted where the note is held.
    weighted = basis[None] * mask[:, :, None].double()
    gram = weighted.transpose(1, 2) @ basis + 1e-6 * torch.eye(4, device=course.device, dtype=torch.float64)
    fitted = torch.linalg.solve(gram, (weighted * course[:, :, None].double()).sum(dim=1)[:, :, None])
    rest = (course - (basis @ fitted)[:, :, 0].float()) * mask
    spectrum = torch.fft.rfft(rest, dim=1)
    frequency = torch.fft.rfftfreq(values, 1.0 / COURSE_RATE).to(course.device)
    band = (frequency >= SLOWEST_HZ) & (frequency <= FASTEST_HZ)
    power = spectrum.abs().square()
    inside = torch.where(band, power, 0.0)
    peak = inside.argmax(dim=1)
    if rate is not None:
        wanted = (rate * values / COURSE_RATE).round().long()
        peak = torch.where(rate > 0.0, wanted, peak)
    near = (torch.arange(power.shape[1], device=course.device)[None] - peak[:, None]).abs() <= 3
    share = torch.where(near, power, 0.0).sum(dim=1) / power[:, 4:].sum(dim=1).clamp(min=1e-12)
    found = frequency[peak]
    # The movement is what lies near its rate; it is not looked for where the note is not held.
    width = 1.6
    window = torch.exp(-0.5 * ((frequency[None] - found[:, None]) / width).square())
    moving = torch.fft.irfft(spectrum * window, n=values, dim=1) * mask
    turning = torch.exp(-2j * math.pi * found[:, None] * torch.arange(values, device=course.device)[None] / COURSE_RATE)
    carrier = torch.fft.fft(moving * turning, dim=1)
    slow = torch.fft.fftfreq(values, 1.0 / COURSE_RATE).abs().to(course.device) < 2.0
    envelope = 2.0 * torch.fft.ifft(carrier * slow, dim=1).abs()
    sounding = mask.sum(dim=1).clamp(min=1.0)
    depth = (envelope * mask).sum(dim=1) / sounding
    late = torch.arange(values, device=course.device)[None] > values // 4
    full = (envelope * mask * late).sum(dim=1) / (mask * late).sum(dim=1).clamp(min=1.0)
    risen = ((envelope > 0.5 * full[:, None]) & (mask > 0.0)).float()
    onset = risen.argmax(dim=1).float() / COURSE_RATE
    return moving, depth, found, onset, (depth > least) & (share > PERIODIC_SHARE)
