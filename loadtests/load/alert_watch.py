"""Reads alerts as a control room does, and notes when each came."""

import json
import threading
from contextlib import closing
from datetime import UTC, datetime
from queue import SimpleQueue

from cluster.clocks import from_ms
from cluster.kafka.reader import TopicReader
from cluster.kafka.topics import ALERTS
from cluster.kafka_settings import KafkaSettings
from cluster.wire.alerts import is_canary
from loadtests.load.truth import Read
from operators.errors import BrokerUnavailable

_POLL_S = 0.2


class AlertWatch:
    """A thread that does nothing but read the topic `alerts` from its present end on, so that its times are right.

    Args:
        kafka: Which Kafka.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._reader = TopicReader(kafka, ALERTS, 0, 1, from_beginning=False)
        self._came: SimpleQueue[Read] = SimpleQueue()
        self._is_over = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="alerts", daemon=True)
        self._thread.start()

    def take(self) -> list[Read]:
        """What has come since the last call.

        Raises:
            Exception: What kept alerts from being read.
        """
        if self._failure is not None:
            raise self._failure
        found = []
        while not self._came.empty():
            found.append(self._came.get())
        return found

    def close(self) -> None:
        """Stop reading."""
        self._is_over.set()
        self._thread.join()

    def _read(self) -> None:
        try:
            with closing(self._reader):
                while not self._is_over.is_set():
                    self._poll()
        except BaseException as failure:  # noqa: BLE001 - whoever takes alerts is told
            self._failure = failure

    def _poll(self) -> None:
        try:
            records = self._reader.poll(_POLL_S)
        except BrokerUnavailable:  # a broker that is away comes back, or the run fails for want of alerts
            self._is_over.wait(_POLL_S)
            return
        now = datetime.now(UTC)
        for each in records:
            if not is_canary(each.value):
                self._came.put(Read(json.loads(each.value), from_ms(each.timestamp_ms), now))
