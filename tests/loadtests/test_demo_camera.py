"""A camera keeps pace with a clock that tests set, drawing nothing."""

from dataclasses import dataclass, field

import pytest

from loadtests.demo_camera import AHEAD_S, Pace, Progress, keep_pace
from loadtests.people.scenes import Schedule

SCHEDULE = Schedule(1, ("gate",), 5.0, 2.0, {}, ())
BEGIN_S = 100.0


@dataclass
class Workshop:
    """A camera, its clock and whoever it publishes to: drawing and preparing take the time they are said to.

    Attributes:
        preparing_s: How long each person takes that is to be made ready.
        drawing_s: How long a frame takes.
        slow: Frames that take 3 s instead.
    """

    preparing_s: list[float] = field(default_factory=list)
    drawing_s: float = 0.01
    slow: tuple[int, ...] = ()
    now_s: float = BEGIN_S
    published: list[tuple[int, float]] = field(default_factory=list)
    told: list[Progress] = field(default_factory=list)
    enough: int = 99

    def prepare_next(self, number: int, ahead_s: float) -> bool:
        """Make one more person ready."""
        assert ahead_s == AHEAD_S
        if not self.preparing_s:
            return False
        self.now_s += self.preparing_s.pop()
        return True

    def jpeg(self, number: int) -> bytes:
        """Draw a frame."""
        self.now_s += 3.0 if number in self.slow else self.drawing_s
        return b"%d" % number

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds

    def publish(self, jpeg: bytes, number: int) -> None:
        """Note what was sent and when."""
        assert jpeg == b"%d" % number
        self.published.append((number, round(self.now_s - BEGIN_S, 3)))

    def tell(self, progress: Progress) -> bool:
        """Note what was told."""
        self.told.append(progress)
        return len(self.told) < self.enough

    def work(self) -> None:
        """Run the schedule."""
        keep_pace(self, SCHEDULE, BEGIN_S, self.publish, self.tell, Pace(lambda: self.now_s, self.sleep))


def test_frames_come_when_they_are_due() -> None:
    """Every 200 ms, and everything is told."""
    shop = Workshop()
    shop.work()
    assert shop.published == [(number, pytest.approx(number / 5 + 0.01)) for number in range(10)]
    assert [one.published for one in shop.told] == list(range(1, 11))
    assert shop.told[-1].latest_s == pytest.approx(0.01)


def test_people_are_made_ready_while_there_is_time() -> None:
    """As many as fit between two frames; the last one makes a frame late by what it takes too long."""
    shop = Workshop(preparing_s=[0.12] * 4)
    shop.work()
    assert shop.preparing_s == []
    assert shop.published[1] == (1, pytest.approx(0.26))
    assert shop.published[2] == (2, pytest.approx(0.51))
    assert shop.published[3] == (3, pytest.approx(0.61))


def test_a_camera_that_falls_behind_leaves_no_frame_out() -> None:
    """It catches up without waiting, makes nobody ready meanwhile, and how late it was stays known."""
    shop = Workshop(slow=(2,))
    shop.work()
    assert [number for number, _ in shop.published] == list(range(10))
    assert shop.published[3] == (3, pytest.approx(3.41))
    assert shop.told[2] == Progress(3, pytest.approx(3.0), pytest.approx(3.0))
    assert shop.told[-1].late_s < 2.0
    assert shop.told[-1].latest_s == pytest.approx(3.0)


def test_it_ends_when_it_is_told_so() -> None:
    """After that very frame."""
    shop = Workshop(enough=3)
    shop.work()
    assert len(shop.published) == 3
