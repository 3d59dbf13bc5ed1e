"""How a run is followed, and when it is over."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from cluster.clocks import HandClock
from loadtests.load.follow import LAST_S, SETTLE_S, Follow
from loadtests.load.machine_watch import Usage
from loadtests.load.sending import Sent
from loadtests.load.truth import Read, Truth
from tests.loadtests.load.runs import BEGIN, STREAM, alert, read, scenario, timetable

TIMETABLE = timetable(scenario())
LISTED = [each for each in TIMETABLE.showings if each.entry is not None]


@dataclass
class Outside:
    """Sender, reader of alerts and machine in one, as a test says."""

    sent: Sent = field(default_factory=Sent)
    reads: list[Read] = field(default_factory=list)

    def begin(self) -> datetime:
        """See `Sender`."""
        return BEGIN

    def close(self) -> None:
        """See `Sender`."""

    def take(self) -> Sequence[Read]:
        """See `Alerts`."""
        taken, self.reads = self.reads, []
        return taken


@dataclass
class Idle:
    """A machine that does nothing."""

    def look(self) -> Usage:
        """See `Machine`."""
        return Usage({}, {}, None)


class Sender(Outside):
    """An `Outside` as a sender."""

    def look(self) -> Sent:
        """See `sending.Sender`."""
        return self.sent


@pytest.fixture
def clock() -> HandClock:
    """At the begin."""
    return HandClock(BEGIN)


@pytest.fixture
def outside() -> Sender:
    """Nothing has been sent yet."""
    return Sender()


@pytest.fixture
def follow(outside: Sender, clock: HandClock) -> Follow:
    """Of a run that begins."""
    return Follow(Truth(TIMETABLE, STREAM, BEGIN), outside, None, outside, Idle(), BEGIN, clock)


def test_a_sample_is_taken_every_second(follow: Follow, outside: Sender, clock: HandClock) -> None:
    """With what waits and what was judged by then; who has just left is not missed yet."""
    seen = []
    for step in range(80):
        clock.time = BEGIN + timedelta(seconds=step / 4)
        outside.sent = Sent(frames=5 * step)
        outside.reads = [read(alert(LISTED[0]))] if step == 4 else []
        follow.step(3 * step, seen.append)
    assert [each.at_s for each in seen] == pytest.approx(list(range(20)))
    assert [each.lag for each in seen[:3]] == [0, 8, 16]
    assert [each.right for each in seen[:3]] == [0, 1, 1]
    assert seen[6].missed == 0 < seen[19].missed
    assert seen == follow.samples


def test_it_is_over_a_while_after_the_last_frame_has_ended(follow: Follow, outside: Sender, clock: HandClock) -> None:
    """For alerts that are on their way; not before all are sent."""
    outside.sent = Sent(frames=10)
    follow.step(10, lambda _: None)
    outside.sent = replace(outside.sent, is_done=True)
    for after_s, ended, is_over in ((30, 9, False), (31, 10, False), (31 + LAST_S, 10, False), (32 + LAST_S, 10, True)):
        clock.time = BEGIN + timedelta(seconds=after_s)
        follow.step(ended, lambda _: None)
        assert follow.is_over is is_over


def test_it_does_not_wait_for_ever(follow: Follow, outside: Sender, clock: HandClock) -> None:
    """Frames that nobody finishes are lost in the end."""
    outside.sent = Sent(frames=10, is_done=True)
    for after_s, is_over in ((30, False), (30 + SETTLE_S, False), (31 + SETTLE_S, True)):
        clock.time = BEGIN + timedelta(seconds=after_s)
        follow.step(9, lambda _: None)
        assert follow.is_over is is_over
