"""Live cameras: reconnecting for ever, and always the newest picture rather than a queue of old ones."""

import random
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from cluster.camera.pictures import Shape, VideoFrame, shot_jpeg, video_frames
from cluster.camera.sources import Shot
from operators.errors import SourceUnavailable

TIMEOUT_S = 8.0  # libav looks at it while waiting; leaves time to say so within 10 s
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """One picture of a live camera, not encoded yet.

    Attributes:
        frame: The picture.
        arrived_at: UTC-aware time at which it was decoded.
        run: Grows with every connection.
    """

    frame: VideoFrame
    arrived_at: datetime
    run: int


@dataclass(frozen=True, slots=True)
class Patience:
    """How a lost camera is waited for.

    Attributes:
        rng: Spreads the waits, so that cameras lost together do not come back together.
        pause: Waits so many seconds; True when there is no more point in waiting.
        say: Told, in a sentence, about each failure and each return.
        retries: Failures in a row before giving up; None for never.
    """

    rng: random.Random
    pause: Callable[[float], bool]
    say: Callable[[str], None]
    retries: int | None = None

    def wait_s(self, failures: int) -> float:
        """Wait after so many failures in a row: 0.5 s doubling to 30 s, of which at least half."""
        longest: float = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(failures - 1, 10))
        return longest * self.rng.uniform(0.5, 1.0)


def connect(address: str) -> Iterator[VideoFrame]:
    """Pictures of a live camera until it is lost; RTSP over TCP, since lost UDP packets smear pictures."""
    return video_frames(address, {"rtsp_transport": "tcp"}, TIMEOUT_S)


def arrivals(
    connect: Callable[[], Iterator[VideoFrame]], now: Callable[[], datetime], patience: Patience
) -> Iterator[Arrival]:
    """Pictures of a camera over all its connections.

    A connection counts as good with its first picture: a camera that accepts and sends nothing is waited for longer
    and longer like one that refuses.

    Raises:
        SourceUnavailable: As many failures in a row as `patience` allows.
    """
    run = failures = 0
    while True:
        run, reason = run + 1, "the stream ended"
        try:
            for frame in connect():
                if failures:
                    patience.say("pictures from the camera again")
                failures = 0
                yield Arrival(frame, now(), run)
        except SourceUnavailable as error:
            reason = str(error)
        failures += 1
        if patience.retries is not None and failures > patience.retries:
            raise SourceUnavailable(f"gave up on the camera after {patience.retries} retries: {reason}")
        wait_s = patience.wait_s(failures)
        patience.say(f"no picture from the camera: {reason}; trying again in {wait_s:.1f} s")
        if patience.pause(wait_s):
            return


@dataclass(slots=True, eq=False)
class Newest:
    """Holds one arrival between the thread that reads a camera and the one that sends; a newer one takes its place.

    Attributes:
        dropped: Arrivals that were replaced before anyone took them.
    """

    dropped: int = 0
    _arrival: Arrival | None = None
    _ended: bool = False
    _error: BaseException | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def put(self, arrival: Arrival) -> None:
        """Offer an arrival in the place of any other."""
        with self._changed:
            self.dropped += self._arrival is not None
            self._arrival = arrival
            self._changed.notify()

    def end(self, error: BaseException | None) -> None:
        """No more arrivals; `error` is raised where they are taken."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify()

    def take(self) -> Arrival | None:
        """The newest arrival, as soon as there is one; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._arrival is not None or self._ended)
            arrival, self._arrival = self._arrival, None
            if arrival is None and self._error is not None:
                raise self._error
            return arrival


def live_shots(source: Iterator[Arrival], newest: Newest, shape: Shape, stop: threading.Event) -> Generator[Shot]:
    """The newest picture each time one is asked for; all others are decoded and dropped at once.

    Args:
        source: Read in a thread of its own, as fast as it delivers.
        newest: Where that thread leaves its pictures.
        shape: What is changed in them.
        stop: Set at the end; `source` must not wait any longer then.
    """
    thread = threading.Thread(target=_pump, args=(source, newest, stop), name="camera", daemon=True)
    thread.start()
    try:
        while (arrival := newest.take()) is not None:
            yield Shot(shot_jpeg(arrival.frame, shape), arrival.arrived_at, arrival.run)
    finally:
        stop.set()
        thread.join(2.0)  # a silent camera holds the thread for up to TIMEOUT_S, which nobody needs to wait for


def _pump(source: Iterator[Arrival], newest: Newest, stop: threading.Event) -> None:
    try:
        for arrival in source:
            newest.put(arrival)
            if stop.is_set():
                break
    except BaseException as error:  # noqa: BLE001 (raised again by take, in the thread that asked)
        newest.end(error)
    else:
        newest.end(None)
