"""One process of the generator: every frame at its time, and whose fault it is when one is late."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from multiprocessing import Pipe
from multiprocessing.sharedctypes import RawValue
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.in_flight import InFlight
from cluster.kafka_settings import KafkaSettings
from loadtests.load import generator_process, room
from loadtests.load.generator_process import LOOK_S, Begin, Task, serve
from loadtests.load.pool import write_pool
from loadtests.load.tally import Tally, lateness
from loadtests.load.turns import Turns
from operators.errors import BrokerUnavailable

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
DUE_S = np.array([0.0, 0.25, 0.5, 0.75])


class Clock:
    """Time that passes when it is told to, and whether processors are wanted meanwhile."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.wanted_s = 0.0

    def monotonic(self) -> float:
        """See `time`."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """See `time`."""
        assert seconds > 0
        self.now_s += seconds

    def process_time(self) -> float:
        """See `time`."""
        return self.wanted_s


class Taking:
    """A Kafka that takes everything; what else it does is set from outside."""

    sent: list[tuple[Any, ...]]
    before: Callable[[int, InFlight], None]

    def __init__(self, _: KafkaSettings, in_flight: InFlight) -> None:
        self.in_flight = in_flight

    def publish(self, camera: str, jpeg: bytes, captured_at: datetime, stream: str, seq: int) -> None:
        """See `KafkaFramePublisher`."""
        type(self).before(len(self.sent), self.in_flight)
        self.in_flight.add(len(jpeg))
        self.sent.append((camera, jpeg, captured_at, stream, seq))

    def close(self) -> None:
        """See `KafkaFramePublisher`: the last frames are acknowledged now."""
        for _, jpeg, *_ in self.sent:
            self.in_flight.remove(len(jpeg))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of the process; it takes no processor."""
    clock = Clock()
    monkeypatch.setattr(generator_process, "time", clock)
    monkeypatch.setattr(room, "time", clock)
    monkeypatch.setattr(room, "wanted_s", clock.process_time)
    monkeypatch.setattr(generator_process.signal, "signal", lambda *_: None)
    monkeypatch.setattr(Taking, "sent", [], raising=False)
    monkeypatch.setattr(Taking, "before", lambda *_: None, raising=False)
    monkeypatch.setattr(generator_process, "KafkaFramePublisher", Taking)
    return clock


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """Two cameras that are in turn."""
    columns = np.array([[0, 1, 0, 1], [0, 0, 1, 1], [2, 0, 1, 2]], np.int32)
    pool = write_pool(tmp_path / "pool.zip", [b"zero", b"one", b"two"])
    return Task(KafkaSettings(), "load-1", Turns(["a", "b"], DUE_S, *columns), pool)


def served(task: Task, begin: Begin) -> tuple[Tally, list[object]]:
    """What a process has done and said when it is over."""
    ours, theirs = Pipe()
    tally: Tally = RawValue(Tally)
    ours.send(begin)
    serve(theirs, task, tally)
    theirs.close()
    said = []
    with suppress(EOFError):
        while True:
            said.append(ours.recv())
    return tally, said


def test_frames_are_sent_at_their_times_with_the_capture_that_was_intended(clock: Clock, task: Task) -> None:
    """The capture is the begin and the time at which the frame is due, on one clock that is read once."""
    given: list[float] = []
    Taking.before = lambda *_: given.append(clock.now_s)
    tally, said = served(task, Begin(AT, 101.0))
    assert said == [None]
    assert given == pytest.approx((101.0 + DUE_S).tolist())
    captures = [AT + timedelta(seconds=due_s) for due_s in DUE_S]
    assert Taking.sent == [
        ("a", b"two", captures[0], "load-1", 0),
        ("b", b"zero", captures[1], "load-1", 0),
        ("a", b"one", captures[2], "load-1", 1),
        ("b", b"two", captures[3], "load-1", 1),
    ]
    assert (tally.frames, tally.bytes, tally.is_done) == (4, 13, True)
    assert lateness(tally.late).most_s == pytest.approx(0.0, abs=1e-6)


def late(clock: Clock, waits: bool, wants: bool) -> Callable[[int, InFlight], None]:
    """Makes three seconds pass before the second frame is taken: in waiting for room, in wanting a processor."""

    def before(number: int, in_flight: Any) -> None:
        if number == 1:
            clock.now_s += 3.0
            clock.wanted_s += 3.0 * wants
            in_flight.waited_s += 3.0 * waits

    return before


@pytest.mark.parametrize(
    ("waits", "wants", "is_limit"), [(True, False, False), (True, True, True), (False, False, True)]
)
def test_the_generator_is_the_limit_unless_kafka_held_it_up(
    waits: bool, wants: bool, is_limit: bool, clock: Clock, task: Task
) -> None:
    """Waiting for acknowledgements is Kafka's doing only while the client itself does not want a processor.

    The frames are late either way, and none is left out.
    """
    Taking.before = late(clock, waits, wants)
    tally, _ = served(task, Begin(AT, 101.0))
    assert len(Taking.sent) == 4
    assert lateness(tally.late).most_s == pytest.approx(3.0)
    assert lateness(tally.late).frames == lateness(tally.own).frames == 4
    assert (lateness(tally.own).limit is not None) is is_limit
    assert tally.held_s == pytest.approx(0.0 if is_limit else 3.0, abs=2 * LOOK_S)


def test_what_kafka_did_once_excuses_nothing_later(clock: Clock, task: Task) -> None:
    """Once a frame was in time again, the time for which Kafka held things up before no longer counts."""
    turns = task.turns
    turns.due_s[3] = 60.0
    first = late(clock, waits=True, wants=False)

    def before(number: int, in_flight: InFlight) -> None:
        first(number, in_flight)
        clock.now_s += 3.0 * (number == 3)

    Taking.before = before
    tally, _ = served(task, Begin(AT, 101.0))
    assert lateness(tally.own).most_s == pytest.approx(3.0)


def test_what_goes_wrong_is_told(clock: Clock, task: Task) -> None:
    """And it is not done."""

    def before(*_: object) -> None:
        raise BrokerUnavailable("no Kafka")

    Taking.before = before
    tally, said = served(task, Begin(AT, 101.0))
    assert [type(each) for each in said] == [type(None), BrokerUnavailable]
    assert not tally.is_done


def test_it_ends_when_nobody_is_there_any_more(clock: Clock, task: Task) -> None:
    """Before it begins, or between two frames: whoever started it may be killed."""
    ours, theirs = Pipe()
    ours.close()
    serve(theirs, task, RawValue(Tally))
    assert Taking.sent == []

    def before(number: int, _: InFlight) -> None:
        if number == 1:
            ours.close()

    ours, theirs = Pipe()
    ours.send(Begin(AT, 101.0))
    Taking.before = before
    serve(theirs, task, tally := RawValue(Tally))
    assert len(Taking.sent) == 2
    assert not tally.is_done
