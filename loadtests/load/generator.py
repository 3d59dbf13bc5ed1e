"""Sends a timetable from several processes, and says when they and not Kafka are too slow."""

import math
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawValue
from typing import Any

import numpy as np

from cluster.kafka_settings import KafkaSettings
from loadtests.load.generator_process import Begin, Task, serve
from loadtests.load.lateness import together
from loadtests.load.pool import Pool
from loadtests.load.sending import Sent
from loadtests.load.tally import Tally, lateness
from loadtests.load.timetable import Timetable
from loadtests.load.turns import Turns
from operators.errors import DeploymentFailed

LEAD_S = 0.5
READY_S = 60.0
FPS_EACH = 500.0  # of one process: a quarter of a core, see docs/performance-generator.md


class Generator:
    """See `sending.Sender`. Every process has its own cameras, its own producer, and 16 MiB on their way at the most.

    Args:
        shares: What each process sends.
        pool: The pictures.
        kafka: Where to.
        stream: Name of the frames' stream.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        DeploymentFailed: A process did not start.
    """

    def __init__(self, shares: Sequence[Turns], pool: Pool, kafka: KafkaSettings, stream: str) -> None:
        self._lanes: list[_Lane] = []
        self._done_s: float | None = None
        try:
            for each in shares:
                self._lanes.append(_Lane(Task(kafka, stream, each, pool)))
            for lane in self._lanes:
                lane.await_ready()
        except BaseException:
            self.close()
            raise

    def begin(self) -> datetime:
        """See `sending.Sender`."""
        begin = Begin(datetime.now(UTC) + timedelta(seconds=LEAD_S), time.monotonic() + LEAD_S)
        self._begin_s = begin.monotonic_s
        for lane in self._lanes:
            lane.begin(begin)
        return begin.at

    def look(self) -> Sent:
        """See `sending.Sender`."""
        tallies = [lane.look() for lane in self._lanes]
        at_s = time.monotonic() - self._begin_s
        is_done = all(each.is_done for each in tallies)
        if is_done and self._done_s is None:
            self._done_s = at_s
        sending_s = at_s if self._done_s is None else self._done_s
        late = together(lateness(each.late) for each in tallies)
        return Sent(
            frames=sum(each.frames for each in tallies),
            due=sum(int(np.searchsorted(lane.due_s, at_s)) for lane in self._lanes),
            bytes=sum(each.bytes for each in tallies),
            late_s=late.latest_s,
            latest_s=late.most_s,
            late_p99_s=late.p99_s,
            cores=sum(each.cpu_s for each in tallies) / max(sending_s, 1e-3),
            is_done=is_done,
            limit=together(lateness(each.own) for each in tallies).limit,
            held_s=max(each.held_s for each in tallies),
        )

    def close(self) -> None:
        """See `sending.Sender`."""
        for lane in self._lanes:
            lane.close()


class _Lane:
    """One process, seen from the one that started it."""

    def __init__(self, task: Task) -> None:
        context = get_context("spawn")
        self.due_s = task.turns.due_s
        self._pipe: Connection
        self._pipe, theirs = context.Pipe()
        self._tally: Tally = RawValue(Tally)
        arguments = (theirs, task, self._tally)
        self._process: BaseProcess = context.Process(target=serve, args=arguments, name="generator", daemon=True)
        self._process.start()
        theirs.close()

    def await_ready(self) -> None:
        if not self._pipe.poll(READY_S):
            raise DeploymentFailed(f"a process of the generator was not ready in {READY_S:.0f} s; do less beside it")
        self._receive()

    def begin(self, begin: Begin) -> None:
        try:
            self._pipe.send(begin)
        except OSError:
            self._receive()

    def look(self) -> Tally:
        if not self._tally.is_done and self._pipe.poll():
            self._receive()
        return self._tally

    def close(self) -> None:
        self._pipe.close()
        self._process.terminate()
        self._process.join()

    def _receive(self) -> None:
        """What it says: that it is ready, or why it has ended."""
        try:
            said: Any = self._pipe.recv()
        except (EOFError, ConnectionError):  # it ended before it had read when to begin
            if self._tally.is_done:
                return
            self._process.join()
            raise DeploymentFailed(
                f"a process of the generator has ended with status {self._process.exitcode}; standard error says more"
            ) from None
        if said is not None:
            raise said


def processes_for(timetable: Timetable) -> int:
    """How many processes send a timetable: one for each 500 frames a second of its full rate, no more than cores."""
    needed = math.ceil(timetable.fps * len(timetable.cameras) / FPS_EACH)
    return max(1, min(needed, os.cpu_count() or 1))
