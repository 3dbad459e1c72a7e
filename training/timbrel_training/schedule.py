"""When each resolution is trained: stable stages and fades between them, counted in images or in time.

Both are cut into 2 * blocks - 1 parts: stable at the first resolution, fade to the second, stable there, and so on.
"""

from dataclasses import dataclass

from timbrel_training.config import ScheduleConfig


@dataclass(frozen=True)
class Moment:
    """Where a schedule stands.

    Attributes:
        progress: of the networks' growth (`progressive.py`).
        stage: number of the part, from 0; even ones are stable, odd ones fade.
        share: of the whole schedule that is done, 0 to 1.
    """

    progress: float
    stage: int
    share: float

    @property
    def is_finished(self) -> bool:
        return self.share >= 1.0


class Schedule:
    """The parts of a schedule, each with its end in images or in seconds."""

    def __init__(self, config: ScheduleConfig, blocks: int, seconds: float | None = None):
        """Lays the parts out.

        Args:
            seconds: how long a schedule by time lasts in all; its parts are scaled to that. None takes them as they are.
        """
        self.config = config
        self.blocks = blocks
        self.by_time = config.kind == "minutes"
        if self.by_time:
            self.ends = _ends_by_time(config, seconds)
        else:
            self.ends = _ends_by_images(config, blocks)

    def at(self, images: int, seconds: float) -> Moment:
        """Where it stands after so many images and so many seconds of training."""
        place = seconds if self.by_time else images
        share = min(1.0, place / self.ends[-1])
        if not self.config.grow:
            return Moment(self.blocks - 1.0, 2 * (self.blocks - 1), share)
        stage = next((number for number, end in enumerate(self.ends) if place < end), len(self.ends) - 1)
        progress = stage / 2
        if stage % 2 == 1:
            start, end = self.ends[stage - 1], self.ends[stage]
            progress = (stage - 1) / 2 + (place - start) / (end - start)
        return Moment(progress, stage, share)

    def batch(self, moment: Moment) -> int:
        """Images a step and process: `get_batch_size` of the published code."""
        sizes = self.config.batch
        return ([sizes[0]] * (self.blocks - len(sizes)) + list(sizes))[(moment.stage + 1) // 2]


def _ends_by_images(config: ScheduleConfig, blocks: int) -> list[float]:
    """As `get_stage_info`; what is beyond the total is cut off, and the last stage lasts until there."""
    ends = [0]
    for stage in range(2 * blocks - 1):
        ends.append(ends[-1] + (config.fade_images if stage % 2 else config.stable_images))
    return [min(end, config.total_images) for end in ends[1:-1]] + [config.total_images]


def _ends_by_time(config: ScheduleConfig, seconds: float | None) -> list[float]:
    lengths = [60.0 * config.minutes[0]]
    for minutes in config.minutes[1:]:
        lengths += [60.0 * minutes * config.fade_share, 60.0 * minutes * (1.0 - config.fade_share)]
    scale = 1.0 if seconds is None else seconds / sum(lengths)
    ends = [0.0]
    for length in lengths:
        ends.append(ends[-1] + scale * length)
    return ends[1:]
