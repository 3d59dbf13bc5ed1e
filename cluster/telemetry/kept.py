"""How old the records of each topic are, measured beside everything else once a minute."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from cluster.kafka.reader import Extent, read_extent
from cluster.kafka.topics import WATCHLIST
from cluster.privacy.retention_check import Age, measure
from cluster.settings import ClusterSettings
from cluster.traces import trace_of
from operators.retention import RetentionProfile

EVERY_S = 60.0
RETRY_S = 5.0
CLOSE_S = 1.0

log = logging.getLogger("beholden.telemetry")


@dataclass(frozen=True, slots=True)
class Kept:
    """One topic.

    Attributes:
        topic: Name without prefix.
        promised_s: How old a record may become, by the policy's retention profile.
        possible_s: How old one can become, as Kafka is set up; infinite when nothing ends it.
        oldest_s: How old the oldest is; 0 of an empty topic, None where age is no matter, as of a list's entries.
    """

    topic: str
    promised_s: float
    possible_s: float
    oldest_s: float | None


def kept(ages: Sequence[Age], extents: Mapping[str, Extent], now_s: float) -> list[Kept]:
    """How old everything is that is there.

    Args:
        ages: How old it may and can become.
        extents: How far back each topic reaches, where that matters.
        now_s: Unix time.
    """
    return [
        Kept(
            topic=age.topic,
            promised_s=age.at_most_ms / 1000,
            possible_s=inf if age.total_ms is None else age.total_ms / 1000,
            oldest_s=_since(extents[age.topic], now_s) if age.topic in extents else None,
        )
        for age in ages
        if age.is_there
    ]


def _since(extent: Extent, now_s: float) -> float:
    return max(0.0, now_s - extent.oldest_at.timestamp()) if extent.oldest_at else 0.0


class KeptWatch:
    """Measures once a minute, in a thread of its own.

    Args:
        settings: Which Kafka.
        retention: By the policy in force; None while that is not known.

    Attributes:
        kept: What was found last; nothing while it cannot be found out.
    """

    def __init__(self, settings: ClusterSettings, retention: Callable[[], RetentionProfile | None]) -> None:
        self._settings = settings
        self._retention = retention
        self.kept: Sequence[Kept] = ()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kept", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Measure no more; a measurement that is under way is waited for, unless Kafka keeps it."""
        self._closing.set()
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._closing.wait(EVERY_S if self._measure() else RETRY_S)

    def _measure(self) -> bool:
        """Whether there is a policy to measure by."""
        try:
            profile = self._retention()
            self.kept = () if profile is None else self._look(profile)
        except Exception as error:  # noqa: BLE001 - otherwise what was found last would be told for ever
            self.kept = ()
            log.warning("how old records are is not known now: %s", trace_of(error))
            return True
        return profile is not None

    def _look(self, profile: RetentionProfile) -> list[Kept]:
        kafka = self._settings.kafka
        ages = measure(kafka, profile)
        topics = [age.topic for age in ages if age.is_there and age.topic != WATCHLIST]
        return kept(ages, {topic: read_extent(kafka, topic) for topic in topics}, time.time())
