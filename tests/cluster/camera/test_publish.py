"""Pacing, streams and counting; time is passed in."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.camera.publish import Tally, paced, publish_shots, repeated, send
from cluster.camera.sources import Shot
from operators.errors import BrokerUnavailable, FrameReason, FrameRefused, SourceUnavailable

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@dataclass
class Time:
    """A clock that only sleep moves."""

    now_s: float = 100.0

    def clock(self) -> float:
        """The time."""
        return self.now_s

    def sleep(self, wait_s: float) -> None:
        """Let time pass."""
        assert wait_s > 0
        self.now_s += wait_s


@dataclass
class Publisher:
    """Remembers frames; fails from the one with number `fails_at` on."""

    fails_at: int | None = None
    frames: list[tuple[str, bytes, datetime, str, int]] = field(default_factory=list)
    closed: int = 0

    def publish(self, camera: str, jpeg: bytes, captured_at: datetime, stream: str, seq: int) -> None:
        """Remember the frame."""
        if len(self.frames) == self.fails_at:
            raise BrokerUnavailable("nobody at 127.0.0.1:9092")
        self.frames.append((camera, jpeg, captured_at, stream, seq))

    def close(self) -> None:
        """Count."""
        self.closed += 1


def tally(clock: Time | None = None) -> Tally:
    """A tally in its own time."""
    return Tally((clock or Time()).clock)


@pytest.mark.parametrize(("fps", "expected_s"), [(4.0, [0.0, 0.25, 0.5, 0.75]), (0.0, [0.0] * 4)])
def test_frames_are_asked_for_when_due(fps: float, expected_s: list[float]) -> None:
    """Each frame is asked for, not only handed on, at its time; 0 never waits."""
    time, asked_s = Time(), []

    def source() -> Iterator[Shot]:
        for _ in range(4):
            asked_s.append(time.now_s - 100)
            yield Shot(b"x")

    assert len(list(paced(source(), fps, time.clock, time.sleep))) == 4
    assert asked_s == expected_s


def test_a_late_frame_is_not_made_up_for() -> None:
    """After a stop of three periods frames go on at the rate, without a burst."""
    time, sent_s = Time(), []
    for number, _ in enumerate(paced([Shot(b"x")] * 5, 1.0, time.clock, time.sleep)):
        sent_s.append(time.now_s - 100)
        time.now_s += 3.5 if number == 1 else 0.25
    assert sent_s == [0, 1, 4.5, 5.5, 6.5]


@given(st.floats(0.5, 200), st.lists(st.floats(0, 0.5), max_size=30))
def test_rate_is_never_exceeded(fps: float, busy_s: list[float]) -> None:
    """However long sending takes, two frames are asked for no closer than a period."""
    time, asked_s = Time(), []

    def source() -> Iterator[Shot]:
        for _ in busy_s:
            asked_s.append(time.now_s)
            yield Shot(b"x")

    for _, busy in zip(paced(source(), fps, time.clock, time.sleep), busy_s, strict=False):
        time.now_s += busy
    assert len(asked_s) == len(busy_s)
    assert all(b - a >= 1 / fps - 1e-9 for a, b in pairwise(asked_s))


def test_loop_with_limit_starts_again() -> None:
    """Looping repeats passes for ever; without it there is one."""
    passes = [Shot(b"1"), Shot(b"2")]
    looped = islice(repeated(lambda: iter(passes), loop=True), 5)
    assert [shot.jpeg for shot in looped] == [b"1", b"2", b"1", b"2", b"1"]
    assert list(repeated(lambda: iter(passes), loop=False)) == passes


def test_files_are_captured_when_sent_in_one_stream() -> None:
    """File frames have the time of sending, one stream over all loops, and numbers from 0."""
    publisher, times = Publisher(), (NOW + timedelta(seconds=n) for n in count())
    publish_shots([Shot(b"1"), Shot(b"2")], publisher, "gate", tally(), lambda: next(times), lambda: "s")
    assert publisher.frames == [("gate", b"1", NOW, "s", 0), ("gate", b"2", NOW + timedelta(seconds=1), "s", 1)]


def test_each_connection_is_a_stream_of_its_own() -> None:
    """Live frames have their time of arrival; a new run starts a new stream at 0 and counts as a reconnect."""
    publisher, names, found = Publisher(), iter("ab"), tally()
    arrived = NOW - timedelta(seconds=3)
    shots = [Shot(b"x", arrived, run) for run in (2, 2, 5)]
    publish_shots(shots, publisher, "gate", found, lambda: NOW, lambda: next(names))
    assert [frame[2:] for frame in publisher.frames] == [(arrived, "a", 0), (arrived, "a", 1), (arrived, "b", 0)]
    assert found.reconnects == 1


def test_stream_names_differ() -> None:
    """Two runs of the same command cannot be taken for one."""
    publisher = Publisher()
    for _ in range(2):
        publish_shots([Shot(b"x")], publisher, "gate", tally())
    assert publisher.frames[0][3] != publisher.frames[1][3]
    assert publisher.frames[0][2].tzinfo is UTC


def test_nothing_to_send() -> None:
    """No shots: nothing is published, and the summary divides by nothing."""
    publisher, found = Publisher(), tally()
    assert send([], publisher, "gate", found) == 0
    assert (publisher.frames, publisher.closed) == ([], 1)
    assert "sent 0 frames" in found.summary()
    assert "0 frames, 0.0 fps" in found.progress()


@pytest.mark.parametrize(("interrupt", "code"), [(KeyboardInterrupt(), 130), (KeyboardInterrupt(15), 143)])
def test_interrupt_still_waits_for_what_was_sent(interrupt: KeyboardInterrupt, code: int) -> None:
    """Ctrl-C and SIGTERM flush, and give the exit code of their signal."""

    def source() -> Iterator[Shot]:
        yield Shot(b"x")
        raise interrupt

    publisher = Publisher()
    assert send(source(), publisher, "gate", tally()) == code
    assert (len(publisher.frames), publisher.closed) == (1, 1)


def test_lost_source_still_waits_for_what_was_sent() -> None:
    """The error of the source comes out after the flush."""

    def source() -> Iterator[Shot]:
        yield Shot(b"x")
        raise SourceUnavailable("gave up")

    publisher = Publisher()
    with pytest.raises(SourceUnavailable):
        send(source(), publisher, "gate", tally())
    assert publisher.closed == 1


def test_lost_broker_is_told_at_once() -> None:
    """A broker that is gone is not waited for again."""
    publisher, found = Publisher(fails_at=2), tally()
    with pytest.raises(BrokerUnavailable):
        send([Shot(b"x")] * 5, publisher, "gate", found)
    assert (found.sent, publisher.closed) == (2, 0)


def test_tally_counts_over_the_last_seconds() -> None:
    """The present rate forgets what is older than five seconds, also while nothing is sent."""
    time = Time()
    found = tally(time)
    for _ in range(100):
        time.now_s += 0.1
        found.add(1500)
    assert found.recent_fps == pytest.approx(10, rel=0.03)
    assert found.mean_kb == 1.5
    time.now_s += 10
    assert found.recent_fps == 0
    assert "sent 100 frames in 20.0 s (5.0 fps, 1.5 kB each), 0 reconnects" in found.summary()


def test_a_file_skipped_in_every_loop_counts_once() -> None:
    """The summary counts files, not attempts."""
    found = tally()
    assert [found.skip(name, "cut short") for name in ("a", "b", "a")] == [True, True, False]
    assert found.summary().endswith("2 unreadable files skipped")


def test_a_frame_that_kafka_refuses_is_counted_and_the_others_go_on() -> None:
    """One frame too large for a message costs only itself."""

    class Choosy(Publisher):
        def publish(self, camera: str, jpeg: bytes, captured_at: datetime, stream: str, seq: int) -> None:
            if len(jpeg) > 2:
                raise FrameRefused(FrameReason.TOO_LARGE, "3 bytes")
            super().publish(camera, jpeg, captured_at, stream, seq)

    publisher, counted = Choosy(), tally()
    publish_shots([Shot(b"a"), Shot(b"bbb"), Shot(b"c")], publisher, "cam", counted)
    assert [(frame[1], frame[4]) for frame in publisher.frames] == [(b"a", 0), (b"c", 2)]
    assert counted.sent == 2
    assert counted.summary().endswith(", 1 refused: too_large")
