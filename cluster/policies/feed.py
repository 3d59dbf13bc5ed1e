"""Follows the policy topic, and says what stands: only while it is certain that nothing newer does."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from typing import Protocol

from cluster.backoff import pause_s
from cluster.clocks import LatestTime, from_ms
from cluster.kafka.reader import OffsetsUnknown, TopicReader
from cluster.kafka.topics import POLICY
from cluster.kafka_settings import KafkaSettings
from cluster.policies.standing import Halt, Standing
from cluster.policies.state import PolicyState, Refusal
from cluster.ports import Clock, Record
from operators.errors import BrokerUnavailable, PolicyUnknown

POLL_S = 0.5  # what comes ends a poll at once
ASK_S = 1.0  # between two questions where the topic ends
# For how long an answer holds. An order to stop must be followed within 5 s, also by whom it does not reach.
CERTAIN_S = 3.0
RETRY_S, LONGEST_RETRY_S = 0.5, 2.0
CLOSE_S = 2.0

log = logging.getLogger("beholden.policy")


class Reader(Protocol):
    """A topic, from some offset or moment on."""

    def poll(self, timeout_s: float) -> Sequence[Record]:
        """What has come; empty after `timeout_s` without any."""
        ...

    def is_current(self) -> bool:
        """Whether everything has been polled that was there when the broker was asked; once so, it is asked anew."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


def open_topic(kafka: KafkaSettings, first: int) -> Reader:
    """The policy topic from offset `first` on.

    Raises:
        BrokerUnavailable: Kafka does not answer, or the topic ends before that: it has lost records, or is another one.
    """
    try:
        return TopicReader(kafka, POLICY, 0, 1, from_beginning=True, since={0: first} if first else {})
    except OffsetsUnknown as lost:
        raise BrokerUnavailable(
            f"{lost}: policies are lost; restore the topic, or begin anew with 'beholden down', then 'beholden up'"
        ) from None


class PolicyFeed:
    """What stands, current within a poll. May be asked from any thread.

    It is certain for a short time after the broker has said where the topic ends: then it is not known any more
    whether somebody has said stop, and whoever asks waits. So an order is followed also by whom it does not reach.

    Args:
        open_reader: The topic from some offset on.
        state: Takes in the records.
        clock: The time.
        gives_up: Whether whoever waits is to wait no longer.
    """

    def __init__(
        self,
        open_reader: Callable[[int], Reader],
        state: PolicyState,
        clock: Clock,
        gives_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self._open = open_reader
        self._state = state
        self._clock = clock
        self._latest = LatestTime(clock)
        self._gives_up = gives_up
        self._news = threading.Condition()
        self._standing: Standing | None = None
        self._certain_until_s = 0.0
        self._refusals: list[Refusal] = []
        self._is_complete = self._is_asking = False
        self._next = 0
        self._trouble: str | None = "the policy topic is still being read"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="policy-feed", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str | None:
        """Why nothing stands, or why it is not certain what does; None when all is well."""
        if self._trouble is None and not self._is_certain:
            return f"the policy topic has not answered for {CERTAIN_S:g} s: nothing is looked at until it does"
        return self._trouble

    @property
    def standing(self) -> Standing | None:
        """What stands, as far as is known; None while nothing does."""
        return self._standing

    def wait(self) -> Standing:
        """What stands, once that is certain.

        Raises:
            PolicyUnknown: Whoever waits gives up.
        """
        with self._news:
            while self._standing is None or not self._is_certain:
                if self._gives_up() or self._stopping.is_set():
                    raise PolicyUnknown(self.trouble or "nobody follows the policy topic any more")
                self._news.wait(POLL_S)
            return self._standing

    def halting(self, digest: str) -> Halt | None:
        """See `Halting`; raises what `wait` does."""
        return self.wait().halt(self._clock.now(), digest, self.latest)

    @property
    def latest(self) -> datetime:
        """The latest time that the clock, or Kafka's in the topic, has shown: what is over by it stays over."""
        return self._latest.now()

    def refusals(self) -> list[Refusal]:
        """Documents that are not followed, each once; of those that were there before, the ones behind the last good.

        Of the others whoever ran when they came has told, and whoever wrote the next good one: see `PolicyDesk`.
        """
        with self._news:
            found, self._refusals = self._refusals, []
        return found

    def close(self) -> None:
        """Stop following."""
        self._stopping.set()
        self._thread.join(CLOSE_S)

    @property
    def _is_certain(self) -> bool:
        return time.monotonic() < self._certain_until_s

    def _run(self) -> None:
        failed = 0
        while not self._stopping.is_set():
            try:
                self._follow()
            except Exception as error:  # noqa: BLE001 - a feed that ends silently would let an old policy decide
                self._trouble = f"the policy topic cannot be followed: {error}"
                log.warning("%s", self._trouble)
                self._stopping.wait(pause_s(failed, RETRY_S, LONGEST_RETRY_S))
                failed += 1

    def _follow(self) -> None:
        """Read on from where it has come to; a topic that has lost what was read is not followed."""
        asked_s, self._is_asking = -ASK_S, False
        with closing(self._open(self._next)) as reader:
            while not self._stopping.is_set():
                asked_s = self._look(reader, asked_s)

    def _look(self, reader: Reader, asked_s: float) -> float:
        """Take in what has come, and ask where the topic ends when that is due; when it was asked last."""
        records = reader.poll(POLL_S)
        for record in records:
            self._take(record)
        if self._is_asking or records or time.monotonic() - asked_s >= ASK_S:
            asked_s = asked_s if self._is_asking else time.monotonic()
            self._is_asking = not reader.is_current()
            if not self._is_asking:
                self._be_certain(asked_s)
        return asked_s

    def _take(self, record: Record) -> None:
        refusal = self._state.take(record)
        self._next = record.ref.offset + 1
        self._latest.see(from_ms(record.timestamp_ms))
        with self._news:
            if refusal is not None:
                self._refusals.append(refusal)
            elif not self._is_complete and self._state.is_own(record):
                self._refusals.clear()
            if self._is_complete:  # until then it may be an old policy's turn
                self._standing = self._state.standing
                self._news.notify_all()

    def _be_certain(self, asked_s: float) -> None:
        """All that had been written when the broker was asked is taken in."""
        self._latest.now()  # also while nobody asks
        with self._news:
            self._is_complete = True
            self._standing, self._trouble = self._state.standing, self._state.lacks
            self._certain_until_s = asked_s + CERTAIN_S
            self._news.notify_all()
