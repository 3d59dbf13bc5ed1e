"""Sends a timetable from this process, camera after camera in the order in which frames are due."""

import heapq
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import numpy as np

from cluster.frame_publisher import KafkaFramePublisher
from cluster.settings import KafkaSettings
from loadtests.load.lateness import Lateness
from loadtests.load.pool import Pool
from loadtests.load.sending import Sent
from loadtests.load.timetable import Timetable

LEAD_S = 0.5


class SimpleSender:
    """See `sending.Sender`."""

    def __init__(self, timetable: Timetable, pool: Pool, kafka: KafkaSettings, stream: str) -> None:
        self._timetable, self._pool, self._kafka, self._stream = timetable, pool, kafka, stream
        self._due = np.sort(np.concatenate([timetable.due(camera) for camera in timetable.cameras]))
        self._thread = threading.Thread(target=self._send, name="sender", daemon=True)
        self._ends = threading.Event()
        self._late = Lateness()
        self._bytes, self._used_s = 0, 0.0
        self._failure: BaseException | None = None
        self._is_done = False

    def begin(self) -> datetime:
        """See `sending.Sender`."""
        self._begin_s, begin = time.monotonic() + LEAD_S, datetime.now(UTC) + timedelta(seconds=LEAD_S)
        self._begin = begin
        self._thread.start()
        return begin

    def look(self) -> Sent:
        """See `sending.Sender`."""
        if self._failure is not None:
            raise self._failure
        at_s = time.monotonic() - self._begin_s
        return Sent(
            frames=self._late.frames,
            due=int(np.searchsorted(self._due, at_s)),
            bytes=self._bytes,
            late_s=self._late.latest_s,
            latest_s=self._late.most_s,
            late_p99_s=self._late.p99_s,
            cores=self._used_s / max(at_s, 1e-3),
            is_done=self._is_done,
            limit=self._late.limit,
        )

    def close(self) -> None:
        """See `sending.Sender`."""
        self._ends.set()
        if self._thread.ident:
            self._thread.join()

    def _send(self) -> None:
        try:
            frames = [self._timetable.frames(camera) for camera in self._timetable.cameras]
            with closing(KafkaFramePublisher(self._kafka)) as publisher:
                for each in heapq.merge(*frames, key=lambda due: due.due_s):
                    wait_s = self._begin_s + each.due_s - time.monotonic()
                    if self._ends.wait(max(0.0, wait_s)) if wait_s > 0 else self._ends.is_set():
                        return
                    jpeg = self._pool.jpeg(each.picture)
                    at = self._begin + timedelta(seconds=each.due_s)
                    publisher.publish(each.camera, jpeg, at, self._stream, each.seq)
                    self._late.add(max(0.0, time.monotonic() - self._begin_s - each.due_s))
                    self._bytes += len(jpeg)
                    self._used_s = time.thread_time()
            self._is_done = True
        except BaseException as failure:  # noqa: BLE001
            self._failure = failure
