"""The cameras of the demonstration: each draws and publishes in a process of its own, at the pace of the clock."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Protocol

import cv2

from cluster.frame_publisher import KafkaFramePublisher
from cluster.kafka_settings import KafkaSettings
from loadtests.people.camera import Camera
from loadtests.people.scenes import Schedule
from operators.errors import DeploymentFailed

AHEAD_S = 4.0  # people are made ready so long before they come
READY_TIMEOUT_S = 120.0
CLOSE_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a camera has come.

    Attributes:
        published: Frames given to Kafka.
        late_s: How late the latest frame was.
        latest_s: How late any frame was at the most.
    """

    published: int = 0
    late_s: float = 0.0
    latest_s: float = 0.0

    def after(self, late_s: float) -> "Progress":
        """One frame later."""
        return Progress(self.published + 1, late_s, max(self.latest_s, late_s))


class Pictures(Protocol):
    """What `keep_pace` needs of a camera."""

    def prepare_next(self, number: int, ahead_s: float) -> bool:
        """See `Camera`."""

    def jpeg(self, number: int) -> bytes:
        """See `Camera`."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A clock, to be replaced in tests."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


_REAL = Pace()


def keep_pace(
    pictures: Pictures,
    schedule: Schedule,
    begin_s: float,
    publish: Callable[[bytes, int], None],
    tell: Callable[[Progress], bool],
    pace: Pace = _REAL,
) -> None:
    """Publish every frame when it is due, and make people ready while there is time.

    A frame that is late is drawn all the same and none is left out, or the truth would be about frames that never were:
    a camera that falls behind shows the schedule later.

    Args:
        pictures: Draws.
        schedule: How many frames, how many a second.
        begin_s: When the first one is due, on the clock of `pace`.
        publish: Takes JPEG and number.
        tell: Told after each frame; False when it is enough.
        pace: The clock.
    """
    progress = Progress()
    for number in range(schedule.frames):
        due_s = begin_s + number / schedule.fps
        while pace.clock() < due_s and pictures.prepare_next(number, AHEAD_S):
            pass
        pace.sleep(max(0.0, due_s - pace.clock()))
        publish(pictures.jpeg(number), number)
        progress = progress.after(max(0.0, pace.clock() - due_s))
        if not tell(progress):
            return


class Cameras:
    """All cameras of a schedule, each in a process of its own. They wait, with the first people ready, until `begin`.

    Args:
        schedule: What they show.
        kafka: Where they publish.
        stream: As what.

    Attributes:
        progress: Of each camera, as of the last `look`.
    """

    def __init__(self, schedule: Schedule, kafka: KafkaSettings, stream: str) -> None:
        context = get_context("spawn")
        self._schedule = schedule
        self.progress = {camera: Progress() for camera in schedule.cameras}
        self._open: dict[str, Connection[float, Progress | None]] = {}
        self._processes = []
        for camera in schedule.cameras:
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, schedule, camera, kafka, stream), daemon=True)
            with _deaf():
                process.start()
            theirs.close()
            self._open[camera] = ours
            self._processes.append(process)

    def begin(self) -> None:
        """Have them all begin, once they are ready.

        Raises:
            DeploymentFailed: One did not become ready; it has said why.
        """
        for camera, pipe in self._open.items():
            with _or_say(camera):
                if not pipe.poll(READY_TIMEOUT_S):
                    raise DeploymentFailed(f"camera {camera} is not ready after {READY_TIMEOUT_S:.0f} s")
                pipe.recv()
        begin_s = time.monotonic() + 0.5
        for pipe in self._open.values():
            pipe.send(begin_s)

    def look(self) -> Mapping[str, Progress]:
        """How far each has come.

        Raises:
            DeploymentFailed: One ended before its time; it has said why.
        """
        for camera, pipe in list(self._open.items()):
            with _or_say(camera):
                while camera in self._open and pipe.poll():
                    told = pipe.recv()
                    if told is None:
                        self._open.pop(camera).close()
                    else:
                        self.progress[camera] = told
        return self.progress

    @property
    def are_done(self) -> bool:
        """Whether every frame is published, as of the last `look`."""
        return not self._open

    def close(self) -> None:
        """End them."""
        for pipe in self._open.values():
            pipe.close()  # which they notice at the next frame
        for process in self._processes:
            process.join(CLOSE_TIMEOUT_S)
            process.kill()
            process.join()


def _serve(
    pipe: "Connection[Progress | None, float]", schedule: Schedule, camera: str, kafka: KafkaSettings, stream: str
) -> None:
    cv2.setNumThreads(1)
    pictures = Camera(schedule, camera)
    while pictures.prepare_next(0, AHEAD_S):
        pass
    # The other end closes when it is enough, and when the process that started this one dies.
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        with closing(KafkaFramePublisher(kafka)) as publisher:
            pipe.send(Progress())
            publish = partial(_publish, publisher, camera, stream)
            keep_pace(pictures, schedule, pipe.recv(), publish, partial(_tell, pipe))
        pipe.send(None)


def _publish(publisher: KafkaFramePublisher, camera: str, stream: str, jpeg: bytes, number: int) -> None:
    publisher.publish(camera, jpeg, datetime.now(UTC), stream, number)


def _tell(pipe: "Connection[Progress | None, float]", progress: Progress) -> bool:
    pipe.send(progress)
    return not pipe.poll()  # nothing is sent that way any more: it is the end


@contextmanager
def _or_say(camera: str) -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError):
        raise DeploymentFailed(f"camera {camera} has ended before its time; it says why above") from None


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes started within do not hear Ctrl-C, from their first moment on: this one ends them in order."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
