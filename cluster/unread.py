"""Alerts that nobody can read yet, and how long after its frame's capture each could be read."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from cluster.account import Account
from cluster.offsets import TopicPartition
from cluster.ports import Clock, Delivery
from operators.types import Frame


@dataclass(frozen=True, slots=True, eq=False)
class _Alert:
    """One of them, without its picture."""

    partition: TopicPartition
    captured_at: datetime
    traceparent: str | None
    delivery: Delivery


class Unread:
    """Waits for nothing: a delivery says itself when it was acknowledged, or committed. Not thread-safe.

    Args:
        account: Where latencies are counted.
        clock: The time.
        now_ns: The clock of `ports.Delivery.acknowledged_ns`.
    """

    def __init__(self, account: Account, clock: Clock, now_ns: Callable[[], int]) -> None:
        self._account = account
        self._clock = clock
        self._now_ns = now_ns
        self._alerts: list[_Alert] = []

    def add(self, frame: Frame, delivery: Delivery) -> None:
        """An alert that follows from a frame is on its way."""
        partition = (frame.ref.topic, frame.ref.partition)
        self._alerts.append(_Alert(partition, frame.captured_at, frame.traceparent, delivery))

    def count(self) -> None:
        """Count those that can be read by now, each with the moment from which on it could."""
        waiting = []
        for each in self._alerts:
            if each.delivery.acknowledged_ns:
                since = timedelta(microseconds=(self._now_ns() - each.delivery.acknowledged_ns) / 1000)
                self._account.readable(each.captured_at, self._clock.now() - since, each.traceparent)
            else:
                waiting.append(each)
        self._alerts = waiting

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """These belong to another process now, which writes what could not be read yet."""
        self._alerts = [each for each in self._alerts if each.partition not in partitions]
