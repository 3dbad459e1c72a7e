"""Schedules: the published one by images, and those by time."""

import pytest

from timbrel_training.config import ScheduleConfig
from timbrel_training.schedule import Schedule

PAPER = Schedule(ScheduleConfig(batch=(16, 8, 4)), 7)


@pytest.mark.parametrize(
    ("images", "progress", "stage", "batch"),
    [
        (0, 0.0, 0, 16),
        (799_999, 0.0, 0, 16),
        (800_000, 0.0, 1, 16),
        (1_200_000, 0.5, 1, 16),
        (1_600_000, 1.0, 2, 16),
        (8_000_000, 5.0, 10, 8),
        (8_800_000, 5.0, 11, 4),
        (9_400_000, 5.75, 11, 4),
        (10_900_000, 6.0, 12, 4),
    ],
)
def test_the_published_schedule(images: int, progress: float, stage: int, batch: int) -> None:
    moment = PAPER.at(images, 1e9)
    assert (moment.progress, moment.stage, PAPER.batch(moment)) == (pytest.approx(progress), stage, batch)
    assert not moment.is_finished
    assert moment.share == images / 11_000_000


def test_a_schedule_ends_with_its_images() -> None:
    assert PAPER.at(11_000_000, 0.0).is_finished
    short = Schedule(ScheduleConfig(stable_images=10, fade_images=10, total_images=25), 7)
    assert short.at(24, 0.0).progress == 1.0
    assert short.at(25, 0.0).is_finished


def test_a_schedule_by_time_is_scaled_to_what_there_is() -> None:
    config = ScheduleConfig(kind="minutes", minutes=(1.0, 2.0, 5.0), fade_share=0.4, batch=(8,))
    plain, scaled = Schedule(config, 3), Schedule(config, 3, seconds=48.0)
    assert plain.ends == pytest.approx([60.0, 108.0, 180.0, 300.0, 480.0])
    assert scaled.ends == pytest.approx([6.0, 10.8, 18.0, 30.0, 48.0])
    assert scaled.at(0, 8.4).progress == pytest.approx(0.5)
    assert scaled.at(0, 24.0).progress == pytest.approx(1.5)
    assert scaled.at(10**9, 47.0).progress == 2.0
    assert scaled.at(0, 48.0).is_finished


def test_without_growth_all_is_trained_at_the_full_resolution() -> None:
    schedule = Schedule(ScheduleConfig(grow=False, total_images=100, batch=(16, 4)), 7)
    moment = schedule.at(0, 0.0)
    assert (moment.progress, schedule.batch(moment)) == (6.0, 4)
    assert schedule.at(99, 0.0).stage == moment.stage
