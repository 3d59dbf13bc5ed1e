"""Reconnecting, and the newest picture rather than a queue."""

import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import av
import pytest

from cluster.camera.live import Arrival, Newest, Patience, arrivals, live_shots
from cluster.camera.pictures import Shape, VideoFrame
from cluster.camera.sources import Shot
from operators.errors import SourceUnavailable
from tests.waiting import PATIENCE_S

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def picture(width: int = 16) -> VideoFrame:
    """A black picture that can be told by its width."""
    return av.VideoFrame(width, 16, "bgr24")


class Camera:
    """Each connection follows the script: an error to refuse with, or how many pictures until the stream ends."""

    def __init__(self, *script: str | int) -> None:
        self.script = list(script)

    def __call__(self) -> Iterator[VideoFrame]:
        """One connection."""
        step = self.script.pop(0)
        if isinstance(step, str):
            raise SourceUnavailable(step)
        for _ in range(step):
            yield picture()


class Waiting:
    """Remembers waits and what was said; stops after so many waits."""

    def __init__(self, waits: int) -> None:
        self.waits = waits
        self.waited_s: list[float] = []
        self.said: list[str] = []

    def pause(self, wait_s: float) -> bool:
        """Do not wait at all."""
        self.waited_s.append(wait_s)
        return len(self.waited_s) >= self.waits

    def patience(self, retries: int | None = None) -> Patience:
        """Patience that waits like this."""
        return Patience(random.Random(1), self.pause, self.said.append, retries)  # noqa: S311 (spreads waits)


def test_camera_that_refuses_twice_is_tried_a_third_time() -> None:
    """Two failures, then pictures of the third connection; each failure is told with its reason."""
    waiting = Waiting(3)
    found = list(arrivals(Camera("Connection refused", "no data for 8 s", 2), lambda: NOW, waiting.patience()))
    assert [(arrival.run, arrival.arrived_at) for arrival in found] == [(3, NOW), (3, NOW)]
    told = [
        "Connection refused; trying again",
        "no data for 8 s; trying again",
        "again",
        "the stream ended; trying again",
    ]
    assert all(part in said for part, said in zip(told, waiting.said, strict=True))


def test_waits_grow_and_are_spread() -> None:
    """Waits double from 0.5 s to 30 s; between half and all of each is waited."""
    waiting = Waiting(9)
    list(arrivals(Camera(*["down"] * 9), lambda: NOW, waiting.patience()))
    longest = [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert all(most / 2 <= found <= most for found, most in zip(waiting.waited_s, longest, strict=True))
    assert len(set(waiting.waited_s)) == 9


def test_a_picture_ends_the_growing() -> None:
    """Connections without a picture count as failures, one with a picture starts anew."""
    waiting = Waiting(5)
    found = list(arrivals(Camera("down", 0, 0, 1, "down"), lambda: NOW, waiting.patience()))
    assert [arrival.run for arrival in found] == [4]
    assert waiting.waited_s[2] > 1.0 >= max(waiting.waited_s[3:])


@pytest.mark.parametrize(("retries", "tries"), [(0, 1), (2, 3)])
def test_gives_up_after_retries(retries: int, tries: int) -> None:
    """The last reason stands in the error."""
    camera, waiting = Camera(*["down"] * 9), Waiting(99)
    with pytest.raises(SourceUnavailable, match=f"after {retries} retries: down"):
        list(arrivals(camera, lambda: NOW, waiting.patience(retries)))
    assert len(camera.script) == 9 - tries


def test_newest_replaces_and_counts() -> None:
    """Only the newest is kept; what it replaced is counted."""
    newest = Newest()
    for run in (1, 2, 3):
        newest.put(Arrival(picture(), NOW, run))
    taken = newest.take()
    newest.end(None)
    assert (taken and taken.run, newest.dropped, newest.take()) == (3, 2, None)


def test_slow_reader_gets_the_newest_picture() -> None:
    """Pictures that come while one is being sent are dropped but for the last, and none comes twice."""
    burst_over, asked = threading.Event(), threading.Event()

    def source() -> Iterator[Arrival]:
        yield Arrival(picture(), NOW, 1)
        asked.wait(PATIENCE_S)
        for run in (2, 3, 4):
            yield Arrival(picture(), NOW, run)
        burst_over.set()

    newest = Newest()
    shots = live_shots(source(), newest, Shape(), threading.Event())
    runs = [next(shots).run]
    asked.set()
    assert burst_over.wait(PATIENCE_S)
    runs += [shot.run for shot in shots]
    assert (runs, newest.dropped) == ([1, 4], 2)


def test_error_of_the_reading_thread_comes_out() -> None:
    """Whatever ends the thread is raised where shots are taken, after the last picture."""

    def source() -> Iterator[Arrival]:
        yield Arrival(picture(), NOW, 1)
        raise SourceUnavailable("gave up")

    taken: list[Shot] = []
    with pytest.raises(SourceUnavailable, match="gave up"):
        taken.extend(live_shots(source(), Newest(), Shape(), threading.Event()))


def test_closing_ends_the_thread() -> None:
    """A source that waits between connections is stopped by the same event, and the thread is gone."""
    stop = threading.Event()

    def never(pause: Callable[[float], bool]) -> Iterator[Arrival]:
        yield Arrival(picture(), NOW, 1)
        while not pause(60):
            pass

    shots = live_shots(never(stop.wait), Newest(), Shape(), stop)
    next(shots)
    shots.close()
    assert stop.is_set()
    for thread in [each for each in threading.enumerate() if each.name == "camera"]:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
