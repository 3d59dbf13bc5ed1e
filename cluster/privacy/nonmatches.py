"""How long faces that match nobody exist, from before the decoder until they are dropped: counted, told by the minute.

A face lives as long as its batch: no measurement is of one face.
"""

import logging
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cluster.account import Account
from cluster.ledger.writer import LedgerWriter
from cluster.ports import Delivery
from cluster.wire.nonmatches import DROPPED, LATE, Dropped, dropped_body, late_body

MINUTE = timedelta(minutes=1)

log = logging.getLogger("beholden.nonmatches")


@dataclass(slots=True)
class Batch:
    """What became of all faces of one batch, as far as it has come.

    Attributes:
        gated: Faces that were not good enough to be compared.
        compared: Those that were.
        alerted: Of these, those that led to an alert.
    """

    gated: int = 0
    compared: int = 0
    alerted: int = 0

    @property
    def faces(self) -> int:
        """All of them."""
        return self.gated + self.compared


@dataclass(slots=True)
class _Minute:
    begin: datetime
    gated: int = 0
    compared: int = 0
    alerted: int = 0
    lived: Counter[int] = field(default_factory=Counter)
    late_batches: int = 0
    late_faces: int = 0


def p99_ms(lived: Mapping[int, int]) -> int:
    """The time within which 99 of 100 faces were dropped.

    Args:
        lived: How many faces lived so long, by milliseconds; at least one.
    """
    within, enough = 0, math.ceil(0.99 * sum(lived.values()))
    for ms in sorted(lived):
        within += lived[ms]
        if within >= enough:
            return ms
    raise AssertionError(lived)


class Nonmatches:
    """Counts faces that are dropped, and writes what became of them once a minute. Not thread-safe.

    Args:
        ledger: This process' chain.
        account: Where the status is told from.
    """

    def __init__(self, ledger: LedgerWriter, account: Account) -> None:
        self._ledger = ledger
        self._account = account
        self._minute: _Minute | None = None
        self._ceiling_ms = 0
        self._sent: list[Delivery] = []

    def add(self, batch: Batch, lived_s: float, ceiling_s: float, now: datetime) -> None:
        """A batch has been decided or has failed, and is dropped.

        Args:
            batch: Its faces.
            lived_s: From before the decoder to after the drop.
            ceiling_s: The policy's `max_nonmatch_s`.
            now: UTC-aware.
        """
        if not batch.faces:
            return
        lived_ms, self._ceiling_ms = math.ceil(lived_s * 1000), math.ceil(ceiling_s * 1000)
        minute = self._minute = self._minute or _Minute(now)
        minute.gated += batch.gated
        minute.compared += batch.compared
        minute.alerted += batch.alerted
        minute.lived[lived_ms] += batch.faces
        self._account.dropped(batch.faces - batch.alerted, lived_ms, self._ceiling_ms)
        if lived_ms > self._ceiling_ms:
            if not minute.late_batches:
                log.warning(
                    "%d faces existed for %d ms, longer than the %d ms that the policy allows: is the machine "
                    "overloaded, or does a shard not answer?",
                    batch.faces,
                    lived_ms,
                    self._ceiling_ms,
                )
            minute.late_batches += 1
            minute.late_faces += batch.faces

    def write(self, now: datetime) -> None:
        """Start to write a minute that is over."""
        if self._minute is not None and now - self._minute.begin >= MINUTE:
            self.write_all(now)

    def write_all(self, now: datetime) -> None:
        """Start to write what has not been told of."""
        minute, self._minute = self._minute, None
        if minute is None:
            return
        longest = max(minute.lived)
        found = Dropped(
            begin=minute.begin,
            end=now,
            faces=minute.gated + minute.compared,
            alerted=minute.alerted,
            gated=minute.gated,
            dropped=minute.compared - minute.alerted,
            max_ms=longest,
            p99_ms=p99_ms(minute.lived),
        )
        self._sent.append(self._ledger.write(DROPPED, dropped_body(found)))
        if minute.late_batches:
            late = (minute.late_batches, minute.late_faces, longest, self._ceiling_ms)
            self._sent.append(self._ledger.write(LATE, late_body(minute.begin, now, *late)))

    def settle(self, timeout_s: float) -> None:
        """Wait until the ledger has what was written.

        Raises:
            BrokerUnavailable: It was not acknowledged.
        """
        while self._sent:
            self._sent[0].wait(timeout_s)
            self._sent.pop(0)
