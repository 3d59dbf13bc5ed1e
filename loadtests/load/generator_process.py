"""One process of the generator: sends the frames of some cameras, each at its time."""

import signal
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection

from cluster.frame_publisher import KafkaFramePublisher
from cluster.kafka_settings import KafkaSettings
from loadtests.load.pool import Pool
from loadtests.load.room import Holding, Room
from loadtests.load.tally import Tally, lateness
from loadtests.load.turns import Turns
from operators.errors import BeholdenError

LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Task:
    """What a process sends.

    Attributes:
        kafka: Where to.
        stream: Name of the frames' stream.
        turns: The frames.
        pool: Their pictures.
    """

    kafka: KafkaSettings
    stream: str
    turns: Turns
    pool: Pool


@dataclass(frozen=True, slots=True)
class Begin:
    """When the timetable begins, on two clocks that were read together once.

    Attributes:
        at: UTC-aware: captures are counted from here, whatever becomes of the wall clock.
        monotonic_s: The machine's monotonic clock, which all its processes share.
    """

    at: datetime
    monotonic_s: float


def serve(pipe: Connection, task: Task, tally: Tally) -> None:
    """Get ready, say so, wait for the begin, and send; what goes wrong is told. Ends when nobody is there any more.

    Args:
        pipe: To whoever started this.
        task: What is sent.
        tally: What has been done.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; whoever started this ends it in order
    with suppress(EOFError, ConnectionError):
        try:
            room = Room(tally)
            publisher = KafkaFramePublisher(task.kafka, in_flight=room)
            pipe.send(None)
            begin: Begin = pipe.recv()
            send(pipe, task, tally, publisher, room, begin)
        except BeholdenError as failure:
            pipe.send(failure)


def send(pipe: Connection, task: Task, tally: Tally, publisher: KafkaFramePublisher, room: Room, begin: Begin) -> None:
    """Send everything, each frame at its time or late, with the capture time that was intended, until Kafka has it.

    Raises:
        EOFError: Whoever started this has gone.
        BrokerUnavailable: Kafka did not take everything.
    """
    course = _Course(pipe, tally, Holding(room))
    with closing(publisher):
        for due_s, camera, seq, picture in task.turns:
            at_s = begin.monotonic_s + due_s
            course.wait(at_s)
            captured_at = begin.at + timedelta(seconds=due_s)
            publisher.publish(camera, task.pool.jpeg(picture), captured_at, task.stream, seq)
            course.given(at_s)
    course.look()
    tally.is_done = True


class _Course:
    """Waits for the time of each frame, and counts how late each was.

    How late it is of itself is how late it is without the time for which Kafka has held it up since it was in time.
    """

    def __init__(self, pipe: Connection, tally: Tally, holding: Holding) -> None:
        self._pipe, self._tally, self._holding = pipe, tally, holding
        self._late, self._own = lateness(tally.late), lateness(tally.own)
        self._used_s = time.process_time()
        self._look_s = self._in_time_held_s = 0.0

    def wait(self, until_s: float) -> None:
        """Sleep until then, if it is not over."""
        while (now_s := time.monotonic()) < until_s:
            self._in_time_held_s = self._tally.held_s
            time.sleep(min(until_s - now_s, LOOK_S))
            self._look_now_and_then()

    def given(self, at_s: float) -> None:
        """A frame that was due then has been given to Kafka."""
        self._look_now_and_then()
        late_s = max(0.0, time.monotonic() - at_s)
        self._late.add(late_s)
        self._own.add(max(0.0, late_s - (self._tally.held_s - self._in_time_held_s)))

    def look(self) -> None:
        """Note what was used, and end if nobody is there any more."""
        self._tally.held_s += self._holding.since()
        self._tally.cpu_s = time.process_time() - self._used_s
        if self._pipe.poll():
            self._pipe.recv()

    def _look_now_and_then(self) -> None:
        if (now_s := time.monotonic()) >= self._look_s:
            self._look_s = now_s + LOOK_S
            self.look()
