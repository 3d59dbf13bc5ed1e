"""How late frames were given to Kafka, and when that makes the sender the limit."""

from datetime import datetime
from typing import Any, cast

import pytest

from cluster.settings import KafkaSettings
from loadtests.load import simple_sender
from loadtests.load.lateness import Lateness
from loadtests.load.pool import Pool
from loadtests.load.simple_sender import SimpleSender
from tests.loadtests.load.runs import scenario, timetable
from tests.waiting import wait_until


def test_what_is_kept_does_not_grow_with_the_frames() -> None:
    """A run of hours is looked at ten times a second, by the process that sends and reads alerts."""
    late = Lateness()
    for number in range(10_000):
        late.add(0.001 * (number % 100))
    assert late.counts.nbytes < 100_000
    assert (late.frames, late.latest_s, late.most_s) == (10_000, pytest.approx(0.099), pytest.approx(0.099))
    assert late.p99_s == pytest.approx(0.099, abs=0.002)


def test_a_percentile_is_never_less_than_it_was() -> None:
    """Rounded up to a millisecond; of what is beyond all steps, the most."""
    late = Lateness()
    assert (late.p99_s, late.limit) == (0.0, None)
    for each in (0.0101, 0.0101, 60.0, 70.0):
        late.add(each)
    assert late.p99_s == 70.0
    few = Lateness()
    few.add(0.0101)
    assert few.p99_s == pytest.approx(0.011)


@pytest.mark.parametrize(
    ("late_s", "of", "is_limit"), [(0.3, 2, True), (0.3, 0, False), (1.9, 1, False), (2.1, 1, True)]
)
def test_many_late_frames_or_one_standstill_make_the_sender_the_limit(late_s: float, of: int, is_limit: bool) -> None:
    """In hours of frames a standstill of minutes is less than one percent."""
    late = Lateness()
    for number in range(100):
        late.add(late_s if number < of else 0.01)
    assert (late.limit is not None) is is_limit


class Taking:
    """A Kafka that takes everything."""

    def __init__(self, _: KafkaSettings) -> None:
        self.is_open = True

    def publish(self, *_: Any) -> None:
        """See `KafkaFramePublisher`."""
        assert self.is_open

    def close(self) -> None:
        """See `KafkaFramePublisher`."""
        self.is_open = False


def test_every_frame_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its bytes; it is done when Kafka has let go of the last."""
    monkeypatch.setattr(simple_sender, "KafkaFramePublisher", Taking)
    monkeypatch.setattr(simple_sender, "LEAD_S", 0.0)
    pictures = cast("Pool", type("Pictures", (), {"jpeg": lambda *_: b"1234"})())
    sender = SimpleSender(timetable(scenario(seconds=0.4)), pictures, cast("KafkaSettings", None), "load-1")
    assert isinstance(sender.begin(), datetime)
    wait_until(lambda: sender.look().is_done)
    assert (sender.look().frames, sender.look().due, sender.look().bytes) == (8, 8, 32)
    sender.close()
